"""Doors in trouble, end to end. Each scenario says what moved, what did not, and what was recorded."""

from typing import Any

from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import Plant, eventually
from tests.e2e.test_doors_io import PULSE_1S, RELEASE

RELOCK = {"unit": 1, "function": 5, "address": 0, "value": 0}


def alarms(gate: Gate, rule: str, state: str = "raised") -> list[dict[str, Any]]:
    return [e for e in gate.records(f"edgegw.alarm.{state}") if e["data"]["rule"] == rule]


def alarm(gate: Gate, rule: str, state: str = "raised") -> dict[str, Any]:
    found: list[dict[str, Any]] = eventually(f"alarm {rule} {state}", lambda: alarms(gate, rule, state))
    return found[0]


def test_a_door_forced_and_a_door_held(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    # a start within a pulse and its grace of an opening cannot know whether somebody was let in before
    eventually("the pulses of an earlier run to be over", lambda: gate.plant.metrics()["edgegw_uptime_seconds"] > 3.5)
    gate.do("input", channel=0, on=True)  # open, and nobody was let in
    forced = alarm(gate, "forced")
    assert forced["data"]["priority"] == "P2"
    assert forced["data"]["dedup_key"] == "gw/gate/forced"
    gate.do("input", channel=0, on=False)
    alarm(gate, "forced", "cleared")
    assert gate.moved() == []
    gate.give()
    assert "confirmed" in gate.do("pass", card=CARD)
    gate.do("input", channel=0, on=True)
    held = alarm(gate, "held")  # 2 s after the grant's opening
    assert held["data"]["priority"] == "P3"
    gate.do("input", channel=0, on=False)
    alarm(gate, "held", "cleared")
    assert len(alarms(gate, "forced")) == 1
    assert gate.moved() == [PULSE_1S]


def test_duress_opens_as_ever_and_raises_a_silent_p1(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give(duress=True)
    assert "confirmed" in gate.do("pass", card=CARD)
    duress = alarm(gate, "duress")
    assert duress["data"]["priority"] == "P1"
    (granted,) = gate.records("edgegw.access.granted")
    assert granted["data"]["duress"] is True
    assert gate.moved() == [PULSE_1S]


def test_lock_out_after_failures_and_the_end_of_it(gate: Gate) -> None:
    gate.door_site(lockout={"failures": 3, "for": "3s"})
    gate.start()
    gate.give()
    for wrong in (1, 2, 3):
        gate.do("tap", card=wrong)
    alarm(gate, "lockout-reader")
    assert gate.do("pass", card=CARD, within=1.0).get("refused")
    eventually(
        "the refusal",
        lambda: [e for e in gate.records("edgegw.access.denied") if e["data"]["reason"] == "locked-out"],
    )
    alarm(gate, "lockout-reader", "cleared")
    gate.do("tap", card=4)  # another card between, or the reader's repeat is left out
    assert "confirmed" in gate.do("pass", card=CARD)


def test_a_button_held_down_at_start_or_over_an_outage_opens_nothing(gate: Gate) -> None:
    gate.door_site()
    gate.do("input", channel=1, on=True)
    gate.start()
    gate.do("unplug", what="module")
    eventually(
        "the link to go", lambda: gate.plant.metrics().get('edgegw_link_up{kind="modbus-tcp",link="panel"}') == 0
    )
    gate.do("plug", what="module")
    eventually(
        "the link to come", lambda: gate.plant.metrics().get('edgegw_link_up{kind="modbus-tcp",link="panel"}') == 1
    )
    polls = gate.plant.metrics()['edgegw_modbus_polls_total{link="panel"}']
    eventually("more polls", lambda: gate.plant.metrics()['edgegw_modbus_polls_total{link="panel"}'] > polls + 2)
    assert gate.moved() == []
    gate.do("input", channel=1, on=False)
    polls = gate.plant.metrics()['edgegw_modbus_polls_total{link="panel"}']
    eventually("it to be seen", lambda: gate.plant.metrics()['edgegw_modbus_polls_total{link="panel"}'] > polls + 2)
    gate.do("input", channel=1, on=True)
    eventually("the pulse of a real press", lambda: gate.moved() == [PULSE_1S])


def test_killed_in_the_middle_of_an_unlock_nothing_moves_again(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.do("fault", unit=1, kind="slow", seconds=0.08)  # the board acts at once and answers late
    gate.do("tap", card=CARD)
    eventually("the write to reach the board", lambda: gate.moved() == [PULSE_1S], 5)
    gate.plant.kill("gateway")
    gate.do("fault", unit=1, kind=None)
    gate.plant.start_gateway()
    gate.settled()
    ended = eventually("the outcome of the interrupted unlock", lambda: gate.records("edgegw.command.completed"))
    assert [(e["data"]["status"], e["data"]["reason"]) for e in ended] in (
        [("unknown", "restart")],
        [("done", "")],  # the kill came after the read-back was recorded: a machine slower than the board
    )
    assert gate.moved() == [PULSE_1S]


def test_a_fire_latch_outlives_a_restart_and_ends_by_hand_alone(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.do("input", channel=2, on=True)
    eventually("the release", lambda: gate.moved() == [RELEASE])
    status, refused = gate.command("doors/gate", "relock")
    assert (status, refused["status"], refused["reason"]) == (422, "rejected", "fire-active") or (
        refused["status"],
        refused["reason"],
    ) == ("rejected", "fire-active")
    gate.do("input", channel=2, on=False)
    eventually("the fire to end", lambda: gate.ask("GET", "doors/gate")[1]["fire"] is False)
    gate.plant.kill("gateway")
    gate.plant.start_gateway()
    gate.settled()
    door = gate.ask("GET", "doors/gate")[1]
    assert (door["state"], door["released_by"]) == ("released", "fire")
    assert gate.moved() == [RELEASE]  # starting moved nothing
    _, done = eventually("a fresh word that the fire is over", lambda: _relocked(gate))
    assert done["status"] == "done"
    assert gate.moved() == [RELEASE, RELOCK]
    assert gate.ask("GET", "doors/gate")[1]["state"] == "locked"


def _relocked(gate: Gate) -> tuple[int, Any] | None:
    answer = gate.command("doors/gate", "relock")
    return None if answer[1]["reason"] == "fire-active" else answer


def test_a_dead_lock_is_told_and_never_written_twice(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.do("fault", unit=1, kind="silent")
    gate.do("tap", card=CARD)
    (ended,) = eventually("the outcome", lambda: gate.records("edgegw.command.completed"))
    assert (ended["data"]["status"], ended["data"]["reason"]) in {
        ("unknown", "no-answer"),
        ("failed", "device-down"),
    }
    alarm(gate, "lock-failed")
    gate.do("fault", unit=1, kind=None)
    eventually(
        "the board to be back",
        lambda: any(d["presence"] == "online" for d in gate.ask("GET", "devices")[1]["devices"] if d["id"] == "relays"),
    )
    polls = gate.plant.metrics()['edgegw_modbus_polls_total{link="bus"}']
    eventually("more polls", lambda: gate.plant.metrics()['edgegw_modbus_polls_total{link="bus"}'] > polls + 5)
    assert gate.moved() == []  # a silent board carries nothing out, and nothing was sent again
    gate.do("tap", card=1)
    assert "confirmed" in gate.do("pass", card=CARD)


def test_lines_that_go_and_come_back_open_nothing_and_are_told(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.do("unplug", what=0)
    alarm(gate, "reader-lost-reader")
    gate.do("plug", what=0)
    alarm(gate, "reader-lost-reader", "cleared")
    gate.do("unplug", what="bus")
    eventually("the bus to go", lambda: gate.plant.metrics().get('edgegw_link_up{kind="modbus-rtu",link="bus"}') == 0)
    gate.do("tap", card=CARD)
    (ended,) = eventually("a definite outcome", lambda: gate.records("edgegw.command.completed"))
    assert (ended["data"]["status"], ended["data"]["reason"]) == ("failed", "link-down")
    gate.do("plug", what="bus")
    eventually("the bus to come", lambda: gate.plant.metrics().get('edgegw_link_up{kind="modbus-rtu",link="bus"}') == 1)
    polls = gate.plant.metrics()['edgegw_modbus_polls_total{link="bus"}']
    eventually("more polls", lambda: gate.plant.metrics()['edgegw_modbus_polls_total{link="bus"}'] > polls + 5)
    assert gate.moved() == []


def test_uplink_and_broker_dead_a_card_opens_within_three_seconds(gate: Gate) -> None:
    gate.door_site()
    gate.start()
    gate.give()
    gate.plant.kill("desk")
    gate.plant.kill("broker")
    passed = gate.do("pass", card=CARD)
    assert passed["confirmed"] - passed["at"] < 3.0
    gate.plant.start_desk()
    (granted,) = eventually("the record, late", lambda: gate.records("edgegw.access.granted"))
    assert granted["data"]["reason"] == "card"


def test_anti_passback_needs_the_way_out(plant: Plant) -> None:
    gate = Gate(plant, readers=2)
    try:
        gate.door_site(
            readers=[
                {"device": "reader", "point": "card"},
                {"device": "reader-out", "point": "card", "direction": "out"},
            ],
            anti_passback={"mode": "hard", "area": "garage"},
            contact=None,
        )
        plant.tree["doors"]["gate"].pop("contact")
        plant.tree["links"]["reader-out"] = {"kind": "serial", "port": gate.places["readers"][1], "baud": 9600}
        plant.tree["devices"]["reader-out"] = {"link": "reader-out", "profile": "generic/rdm6300"}
        gate.start()
        gate.give()
        assert "confirmed" in gate.do("pass", card=CARD)
        gate.do("tap", card=1)
        assert gate.do("pass", card=CARD, within=1.0).get("refused")
        assert "confirmed" in gate.do("pass", reader=1, card=CARD)
        gate.do("tap", card=2)
        assert "confirmed" in gate.do("pass", card=CARD)
        denied = [e["data"]["reason"] for e in gate.records("edgegw.access.denied")]
        assert denied.count("anti-passback") == 1
    finally:
        gate.stop()
