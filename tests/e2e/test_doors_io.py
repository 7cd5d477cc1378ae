"""Doors end to end: real pty lines, a real RTU bus, a real daemon. Each says what moved, what did not, and what was recorded."""

import json
import time
from collections.abc import Callable

from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import eventually

PULSE_1S = {"unit": 1, "function": 5, "address": 0x0200, "value": 10}
RELEASE = {"unit": 1, "function": 5, "address": 0, "value": 0xFF00}


def test_a_card_opens_and_a_revoked_card_does_not(gate: Gate, record_property: Callable[[str, object], None]) -> None:
    """The revocation is in effect with the next frame after the API's answer, so how long that takes is its latency."""
    gate.door_site()
    gate.start()
    gate.give()
    passed = gate.opened()
    (granted,) = eventually("the grant", lambda: gate.records("edgegw.access.granted"))
    assert granted["data"]["reason"] == "card"
    assert granted["data"]["credential"] == "…4356"
    gate.do("tap", card=1)  # another card, or the next frame would be the same card still held to the reader
    began = time.monotonic()
    gate.revoke()
    revoked_s = time.monotonic() - began
    gate.refused()
    record_property("revocation_s", revoked_s)
    record_property("card_to_bolt_s", passed["confirmed"] - passed["at"])
    assert revoked_s < 1.0
    denied = eventually("both refusals", lambda: len(found := gate.records("edgegw.access.denied")) == 2 and found)
    assert [event["data"]["credential"] for event in denied] == ["…", "…4356"]
    assert {event["data"]["reason"] for event in denied} == {"unknown-credential"}
    assert gate.moved() == [PULSE_1S]
    assert str(CARD) not in json.dumps(gate.plant.events())
    assert str(CARD) not in gate.plant.log("gateway")


def test_a_fire_releases_with_the_uplink_down_and_stays_released(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.plant.kill("desk")
    gate.do("input", channel=2, on=True)
    eventually("the release", lambda: RELEASE in gate.moved())
    gate.do("input", channel=2, on=False)
    gate.plant.start_desk()
    (event,) = eventually("the record", lambda: gate.records("edgegw.access.granted"))
    assert event["data"]["reason"] == "fire"
    assert gate.do("relays", unit=1)[0] is True
