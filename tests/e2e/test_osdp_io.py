"""An OSDP reader opens a door, end to end: libosdp's reader side, a real RTU bus, a real daemon."""

import json
import secrets
import time
from collections.abc import Callable, Iterator

import pytest

from simulators.osdp_reader import OsdpLine
from tests.e2e.gate import DOOR_S, KEY, Gate
from tests.e2e.plant import eventually

pytest.importorskip("osdp_sys", reason="libosdp is not installed (edgegw[osdp])")

PULSE_1S = {"unit": 1, "function": 5, "address": 0x0200, "value": 10}
CARD = 90 << 16 | 324
NUMBER = f"{CARD:010d}"


@pytest.fixture
def line() -> Iterator[OsdpLine]:
    made = OsdpLine(baud=9600)
    made.start_thread()
    yield made
    made.stop_thread()


def test_a_card_opens_over_the_secure_channel_and_a_lost_reader_is_told(
    gate: Gate, line: OsdpLine, record_property: Callable[[str, object], None]
) -> None:
    key = secrets.token_bytes(16)
    reader = line.add(3, key, enforce=True)
    file = gate.plant.folder / "reader.key"
    file.write_text(key.hex())
    file.chmod(0o600)
    gate.door_site(readers=[{"device": "osdp", "point": "card", "tamper": {"device": "osdp", "point": "tamper"}}])
    tree = gate.plant.tree
    tree["links"]["osdp"] = {"kind": "osdp", "port": line.path, "key": {"file": str(file)}, "silent": "1s"}
    tree["devices"]["osdp"] = {"link": "osdp", "profile": "generic/osdp-reader", "address": 3}
    gate.serve()
    gate.start()
    gate.give(card=NUMBER)
    eventually("the secure channel", lambda: reader.secure)
    began = time.monotonic()
    reader.tap(CARD)
    eventually("the bolt", lambda: gate.moved() == [PULSE_1S])
    record_property("card_to_bolt_s", time.monotonic() - began)
    assert time.monotonic() - began < DOOR_S
    (granted,) = eventually("the grant", lambda: gate.records("edgegw.access.granted"))
    assert granted["data"]["reason"] == "card"
    reader.channel.silent = True
    eventually("the reader's loss", lambda: "reader-lost" in json.dumps(gate.plant.events()))
    for secret in (NUMBER, str(CARD), key.hex(), KEY):
        assert secret not in json.dumps(gate.plant.events())
        assert secret not in gate.plant.log("gateway")
