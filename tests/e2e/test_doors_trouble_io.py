"""Doors in trouble, end to end. Each scenario says what moved, what did not, and what was recorded."""

import re
from typing import Any

from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import eventually
from tests.e2e.test_doors_io import PULSE_1S, RELEASE

PULSE_500MS = {**PULSE_1S, "value": 5}
RELOCK = {"unit": 1, "function": 5, "address": 0, "value": 0}
THREATENED = 8844357
"""The card somebody shows who is threatened."""


def alarms(gate: Gate, rule: str, state: str = "raised") -> list[dict[str, Any]]:
    return [e for e in gate.records(f"edgegw.alarm.{state}") if e["data"]["rule"] == rule]


def alarm(gate: Gate, rule: str, state: str = "raised") -> dict[str, Any]:
    found: list[dict[str, Any]] = eventually(f"alarm {rule} {state}", lambda: alarms(gate, rule, state))
    return found[0]


def outcomes(gate: Gate, count: int = 1) -> list[tuple[str, str]]:
    """Status and reason of what became of the first `count` commands."""
    found: list[dict[str, Any]] = eventually(
        "the outcomes", lambda: len(done := gate.records("edgegw.command.completed")) >= count and done
    )
    return [(event["data"]["status"], event["data"].get("reason", "")) for event in found]


def test_a_door_forced_and_a_door_held(gate: Gate) -> None:
    gate.door_site(pulse="500ms", held_open="1s")
    gate.start()
    # a start within a pulse and its grace of an opening cannot know whether somebody was let in before
    eventually("the pulses of an earlier run to be over", lambda: gate.uptime() > 2.7)
    gate.do("input", channel=0, on=True)  # open, and nobody was let in
    forced = alarm(gate, "forced")
    assert forced["data"]["priority"] == "P2"
    assert forced["data"]["dedup_key"] == "gw/gate/forced"
    gate.do("input", channel=0, on=False)
    alarm(gate, "forced", "cleared")
    assert gate.asked() == []
    gate.give()
    gate.opened()
    gate.do("input", channel=0, on=True)
    held = alarm(gate, "held")
    assert held["data"]["priority"] == "P3"
    gate.do("input", channel=0, on=False)
    alarm(gate, "held", "cleared")
    assert len(alarms(gate, "forced")) == 1
    assert gate.asked() == [PULSE_500MS]


def test_duress_opens_as_ever_and_raises_a_silent_p1(gate: Gate) -> None:
    """What can be seen at the door, and by whoever asks about it, is what an ordinary card does."""
    gate.door_site()
    gate.start()
    gate.give()
    gate.give(THREATENED, holder="u2", duress=True)
    shown = []
    for card in (CARD, THREATENED):
        gate.opened(card)
        shown.append(eventually("the pulse", lambda: (door := gate.door())["state"] == "unlocked" and door))
        eventually("the end of the pulse", lambda: gate.door()["state"] == "locked")
    assert shown[0] == shown[1]
    assert gate.moved() == [PULSE_1S, PULSE_1S]
    duress = alarm(gate, "duress")
    assert duress["data"]["priority"] == "P1"
    assert outcomes(gate, 2) == [("done", ""), ("done", "")]
    eventually("both grants", lambda: len(gate.reasons("granted")) == 2)
    usual, threatened = (event["data"] for event in gate.records("edgegw.access.granted"))
    assert (usual["reason"], usual.get("duress", False)) == ("card", False)
    assert (threatened["reason"], threatened["duress"]) == ("card", True)
    raised = [event["data"]["rule"] for event in gate.records("edgegw.alarm.raised")]
    assert raised == ["duress"]


def test_lock_out_after_five_failures_and_the_end_of_it(gate: Gate) -> None:
    gate.door_site(lockout={"for": "2s"})
    gate.start()
    gate.give()
    for wrong in (1, 2, 3, 4):
        gate.do("tap", card=wrong)
    eventually("four refusals", lambda: len(gate.reasons("denied")) == 4)
    assert alarms(gate, "lockout-reader") == []
    gate.do("tap", card=5)
    alarm(gate, "lockout-reader")
    gate.refused()
    eventually("the refusal", lambda: gate.reasons("denied") == ["unknown-credential"] * 5 + ["locked-out"])
    alarm(gate, "lockout-reader", "cleared")
    gate.do("tap", card=6)  # another card between, or the reader's repeat is left out
    gate.opened()
    assert gate.moved() == [PULSE_1S]


def test_a_button_held_down_at_start_or_over_an_outage_opens_nothing(gate: Gate) -> None:
    gate.door_site()
    gate.do("input", channel=1, on=True)
    gate.start()
    gate.do("input", channel=1, on=False)
    gate.polled("panel")
    gate.do("unplug", what="module")
    gate.link_is("panel", "modbus-tcp", up=False)
    gate.do("input", channel=1, on=True)  # pressed while nobody hears it
    gate.do("plug", what="module")
    gate.link_is("panel", "modbus-tcp", up=True)
    gate.polled("panel")
    assert gate.asked() == []
    assert gate.records("edgegw.access") == []
    gate.do("input", channel=1, on=False)
    gate.polled("panel")
    gate.do("input", channel=1, on=True)
    eventually("the pulse of a real press", lambda: gate.moved() == [PULSE_1S])
    eventually("its record", lambda: gate.reasons("granted") == ["exit-button"])
    assert outcomes(gate) == [("done", "")]


def test_killed_in_the_middle_of_an_unlock_nothing_moves_again(gate: Gate) -> None:
    """The gateway dies between the bolt's moving and the answer that says so."""
    gate.door_site()
    gate.start()
    gate.give()
    gate.do("kill", pid=gate.plant.children["gateway"].pid)
    gate.do("tap", card=CARD)
    eventually("the end of the gateway", lambda: gate.plant.children["gateway"].poll() is not None)
    gate.plant.start_gateway()
    gate.settled()
    assert outcomes(gate) == [("unknown", "restart")]
    eventually("the grant, on record since before", lambda: gate.reasons("granted") == ["card"])
    assert gate.asked() == gate.moved() == [PULSE_1S]
    gate.opened()  # and life goes on
    assert outcomes(gate, 2) == [("unknown", "restart"), ("done", "")]


def test_a_fire_latch_outlives_a_restart_and_ends_by_hand_alone(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.do("input", channel=2, on=True)
    eventually("the release", lambda: gate.moved() == [RELEASE])
    _, refused = gate.command("doors/gate", "relock")
    assert (refused["status"], refused["reason"]) == ("rejected", "fire-active")
    gate.do("input", channel=2, on=False)
    eventually("the fire to end", lambda: gate.door()["fire"] is False)
    gate.plant.kill("gateway")
    gate.plant.start_gateway()
    gate.settled()
    door = gate.door()
    assert (door["state"], door["released_by"]) == ("released", "fire")
    assert gate.asked() == [RELEASE]  # starting moved nothing
    assert gate.do("relays", unit=1)[0] is True
    _, done = gate.command("doors/gate", "relock")
    assert done["status"] == "done"
    assert gate.asked() == [RELEASE, RELOCK]
    assert gate.door()["state"] == "locked"
    assert gate.do("relays", unit=1)[0] is False
    alarm(gate, "fire-release", "cleared")
    assert eventually("the relock", lambda: gate.reasons("granted")[1:]) == ["operator"]
    assert gate.reasons("denied") == ["fire-active"]


def test_a_dead_lock_is_told_and_never_written_twice(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.do("fault", unit=1, kind="silent")
    gate.do("tap", card=CARD)
    (ended,) = outcomes(gate)
    assert ended in {("unknown", "no-answer"), ("failed", "device-down")}
    alarm(gate, "lock-failed")
    asked = gate.asked()
    assert asked == ([] if ended == ("failed", "device-down") else [PULSE_1S])
    gate.do("fault", unit=1, kind=None)
    eventually(
        "the board to be back",
        lambda: any(d["presence"] == "online" for d in gate.ask("GET", "devices")[1]["devices"] if d["id"] == "relays"),
    )
    gate.polled("bus")
    assert gate.asked() == asked
    assert gate.moved() == []  # a silent board carries nothing out, and nothing was sent again
    gate.do("tap", card=1)
    gate.opened()
    alarm(gate, "lock-failed", "cleared")


def test_lines_that_go_and_come_back_open_nothing_and_are_told(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.do("unplug", what="bus")
    gate.link_is("bus", "modbus-rtu", up=False)
    gate.do("tap", card=CARD)
    assert outcomes(gate) == [("failed", "link-down")]
    gate.do("plug", what="bus")
    gate.do("unplug", what=0)
    alarm(gate, "lock-failed")
    alarm(gate, "reader-lost-reader")
    gate.do("plug", what=0)
    gate.link_is("bus", "modbus-rtu", up=True)
    gate.polled("bus")
    alarm(gate, "reader-lost-reader", "cleared")
    assert gate.asked() == []


def test_uplink_and_broker_dead_a_card_opens_within_three_seconds(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.plant.kill("desk")
    gate.plant.kill("broker")
    gate.opened()
    gate.plant.start_desk()
    eventually("the record, late", lambda: gate.reasons("granted") == ["card"])
    assert outcomes(gate) == [("done", "")]
    assert re.search(r"broker.*trying again", gate.plant.log("gateway"))
    assert gate.moved() == [PULSE_1S]
