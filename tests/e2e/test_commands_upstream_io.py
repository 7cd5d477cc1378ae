"""Signed commands from upstream through a real broker: what acts once, and all that never acts."""

import signal
from collections.abc import Iterator

import pytest

from tests.e2e.conftest import HAS_MOSQUITTO
from tests.e2e.gate import Gate
from tests.e2e.parties import Party
from tests.e2e.plant import eventually
from tests.e2e.upstream_signer import CLIENT_ID, REPLIES, TOPIC, Platform, canonical, takes_commands

ON_3 = {"unit": 1, "function": 5, "address": 2, "value": 0xFF00}
PULSE_1 = {"unit": 1, "function": 5, "address": 0x0200, "value": 10}


@pytest.fixture
def platform(gate: Gate) -> Iterator[Platform]:
    """A platform on the broker; the gateway is not started yet."""
    gate.door_site()
    takes_commands(gate)
    gate.plant.start_broker()
    gate.plant.start_desk()
    made = Platform(gate)
    yield made
    made.leave()


def at_work(gate: Gate, platform: Platform, *, starts: int = 1) -> None:
    gate.plant.start_gateway()
    platform.meet(starts=starts)


def refusals(gate: Gate, count: int) -> list[tuple[str, str]]:
    """(issuer, reason) of each rejection on record, so many of them."""
    found = eventually("the refusals", lambda: len(f := gate.records("edgegw.command.rejected")) >= count and f)
    return [(event["data"]["issuer"]["name"], event["data"]["reason"]) for event in found]


def test_a_signed_command_is_carried_out_once_told_and_recorded(gate: Gate, platform: Platform) -> None:
    at_work(gate, platform)
    payload = platform.envelope("relays", "on3", id="c-1")
    answer, took_s = platform.timed(payload)
    assert answer == {"id": "c-1", "status": "done", "reason": "", "detail": ""}
    assert took_s < 1.0
    opened = platform.ask(platform.envelope("gate", "unlock"))
    assert opened["status"] == "done"
    assert platform.ask(payload)["reason"] == "used-id"
    assert gate.moved() == [ON_3, PULSE_1]
    done = eventually(
        "the outcomes", lambda: len(found := gate.records("edgegw.command.completed")) == 3 and found
    )  # the door's, and its lock's besides
    assert done[0]["data"]["issuer"] == {"source": "upstream", "name": "platform"}
    assert (done[0]["data"]["id"], done[0]["data"]["values"]) == ("c-1", {"relay3": True})
    (granted,) = gate.records("edgegw.access.granted")
    assert (granted["data"]["reason"], granted["data"]["issuer"]) == ("operator", "platform")
    assert refusals(gate, 1) == [("platform", "used-id")]


def test_what_is_not_signed_by_who_may_moves_nothing(gate: Gate, platform: Platform) -> None:
    at_work(gate, platform)
    good = platform.envelope("gate", "unlock")
    attempts = {
        "expired": platform.envelope("gate", "unlock", valid_s=-2),
        "lifetime": platform.envelope("gate", "unlock", valid_s=3600),
        "bad-signature": platform.envelope("gate", "unlock", key="00" * 32),
        "unknown-key": platform.envelope("gate", "unlock", issuer="stranger"),
        "malformed": canonical({"id": "u-1", "target": "gate", "command": "unlock"}),
        "unsigned": canonical(platform.members("gate", "unlock") | {"sig": ""}),
        "foreign-gateway": platform.envelope("gate", "unlock", gateway="gw-2"),
        "old-boot": platform.envelope("gate", "unlock", boot=platform.boot - 1),
        "not-canonical": good.replace(b'"args":{}', b'"args": {}'),
        "forbidden": platform.envelope("gate", "release"),
    }
    for reason, payload in attempts.items():
        answer = platform.ask(payload)
        assert (answer["status"], answer["reason"]) == ("rejected", reason)
    bolt = platform.ask(
        platform.envelope("relays", "pulse1")
    )  # it may unlock the door, but not move its bolt in other ways
    assert bolt["reason"] == "forbidden"
    assert gate.moved() == []
    known = {"expired", "lifetime", "forbidden"}
    expected = [("platform" if r in known else "unauthenticated", r) for r in [*attempts, "forbidden"]]
    assert refusals(gate, len(expected)) == expected
    assert gate.records("edgegw.access") == []


def test_nothing_from_before_a_crash_acts_after_it(gate: Gate, platform: Platform) -> None:
    """The same envelope, and one that was signed for the run that is over but never sent in it."""
    at_work(gate, platform)
    used, unused = platform.envelope("relays", "on3"), platform.envelope("gate", "unlock")
    assert platform.ask(used)["status"] == "done"
    eventually("the outcome", lambda: gate.records("edgegw.command.completed"))
    gate.plant.kill("gateway")
    at_work(gate, platform, starts=2)
    assert [platform.ask(payload)["reason"] for payload in (used, unused)] == ["old-boot", "old-boot"]
    assert gate.moved() == [ON_3]
    assert refusals(gate, 2) == [("unauthenticated", "old-boot")] * 2


@pytest.mark.skipif(not HAS_MOSQUITTO, reason="the broker of the wheel keeps no flags and, restarted, no messages")
def test_a_retained_unlock_never_acts(gate: Gate, platform: Platform) -> None:
    """Kept since before the start (and valid for this run), flagged while we listen, and there when we come back."""
    platform.boot = 1
    platform.send(platform.envelope("gate", "unlock", id="kept"), retain=True)
    witness = Party(gate.plant.ports["broker"], TOPIC)
    eventually("the broker to keep it", lambda: witness.heard)
    at_work(gate, platform)
    assert platform.boot == 1
    answer = platform.ask(platform.envelope("gate", "unlock", id="flagged"), retain=True)
    assert (answer["id"], answer["status"], answer["reason"]) == ("flagged", "rejected", "retained")
    gate.plant.kill("broker", signal.SIGTERM)
    eventually("commands not to be taken", lambda: not gate.plant.metrics()["edgegw_command_intake_up"])
    gate.plant.start_broker()
    back = Platform(gate)
    back.meet()
    kept = Party(gate.plant.ports["broker"], TOPIC)
    assert [said.json()["id"] for said in eventually("what is kept", lambda: kept.heard)] == ["flagged"]
    last = back.ask(back.envelope("relays", "on3", id="last"))
    assert (last["id"], last["status"]) == ("last", "done")
    assert gate.moved() == [ON_3]
    assert gate.records("edgegw.access") == []
    assert refusals(gate, 1) == [("unauthenticated", "retained")]
    for party in (witness, kept, back):
        party.leave()


def test_an_unlock_queued_while_the_gateway_is_down_is_never_delivered(gate: Gate, platform: Platform) -> None:
    """Somebody left a session under our name on the broker, and the unlock in it is signed for the run to come.

    Another session of the kind shows that the broker did queue it.
    """
    port = gate.plant.ports["broker"]
    for client_id in (CLIENT_ID, "another"):
        Party(port, TOPIC, client_id=client_id, keeps_s=3600).leave()
    platform.boot = 1
    platform.send(platform.envelope("gate", "unlock", id="late"))
    another = Party(port, client_id="another", keeps_s=3600)
    assert [said.json()["id"] for said in eventually("the queue", lambda: another.heard)] == ["late"]
    another.leave()
    at_work(gate, platform)
    assert platform.ask(platform.envelope("relays", "on3", id="now"))["id"] == "now"
    assert [said.json()["id"] for said in platform.on(REPLIES)] == ["now"]
    assert gate.moved() == [ON_3]
    eventually("the outcome", lambda: gate.records("edgegw.command.completed"))
    assert len(gate.records("edgegw.command")) == 2
    assert gate.records("edgegw.access") == []
    gate.plant.kill("gateway")
    heir = Party(port, TOPIC, client_id=CLIENT_ID, keeps_s=3600)
    platform.send(b"now")
    eventually("what was sent now", lambda: heir.heard)
    assert [said.payload for said in heir.heard] == [b"now"], (
        "the gateway's first connection ended that session for good"
    )
    heir.leave()
