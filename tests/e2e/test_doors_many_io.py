"""Doors that depend on one another, on the time and on who is inside, end to end."""

from datetime import UTC, datetime, timedelta

from tests.e2e.gate import Gate
from tests.e2e.plant import eventually

VISITOR = 8844357
PULSE = {"unit": 1, "function": 5, "address": 0x0200, "value": 5}
INNER_PULSE = {**PULSE, "address": 0x0201}
OVER_S = 0.5 + 2.0 + 0.1
"""A pulse, its grace, and a bit: from then on a closed door is known not to be about to open."""


def test_an_interlock_and_a_closed_schedule(lobby: Gate) -> None:
    gate, tree = lobby, lobby.plant.tree
    gate.door_site(pulse="500ms", held_open="60s")
    outer = tree["doors"]["gate"]
    outer["interlock"] = ["inner"]
    lock = {"device": "relays", "unlock": {"command": "pulse2"}}
    contact = {"device": "panel", "point": "input3"}
    readers = [{"device": "second", "point": "card"}]
    tree["doors"]["inner"] = {
        "readers": readers,
        "lock": lock,
        "contact": contact,
        "pulse": "500ms",
        "interlock": ["gate"],
    }
    another_day = f"{datetime.now(UTC) + timedelta(days=3):%a}".lower()  # in every time zone
    tree["access"] |= {
        "schedules": {"another-day": [{"days": [another_day]}]},
        "rights": {
            "residents": {"groups": ["residents"], "doors": ["gate", "inner"]},
            "visitors": {"groups": ["visitors"], "doors": ["gate"], "schedule": "another-day"},
        },
    }
    gate.start()
    gate.give()
    gate.give(VISITOR, holder="v1", groups=["visitors"])
    gate.refused(VISITOR)
    eventually("the pulses of an earlier run to be over", lambda: gate.uptime() > OVER_S)
    gate.opened()
    opened = gate.uptime()
    gate.do("input", channel=0, on=True)
    gate.refused(reader=1, channel=1)  # the outer door stands open
    gate.do("input", channel=0, on=False)
    eventually("the outer door to be closed", lambda: gate.door()["state"] == "locked")
    eventually("its pulse to be over", lambda: gate.uptime() > opened + OVER_S)
    gate.do("tap", reader=1, card=1)
    gate.opened(reader=1, channel=1)
    _, held = gate.command("doors/gate", "unlock")  # the inner one's pulse runs: operators are held, too
    assert (held["status"], held["reason"]) == ("rejected", "interlock")
    assert gate.asked() == [PULSE, INNER_PULSE]
    denied = eventually("all refusals", lambda: len(found := gate.reasons("denied")) == 4 and found)
    assert denied == ["wrong-time-zone", "interlock", "unknown-credential", "interlock"]
    assert gate.reasons("granted") == ["card", "card"]


def test_anti_passback_needs_the_way_out(lobby: Gate) -> None:
    gate = lobby
    gate.door_site(pulse="500ms", anti_passback={"mode": "hard", "area": "garage"})
    door = gate.plant.tree["doors"]["gate"]
    door["readers"].append({"device": "second", "point": "card", "direction": "out"})
    del door["contact"]
    gate.start()
    gate.give()
    gate.opened()
    gate.do("tap", card=1)
    gate.refused()
    gate.opened(reader=1)
    gate.do("tap", card=2)
    gate.opened()
    assert gate.asked() == [PULSE] * 3
    denied = eventually("all refusals", lambda: len(found := gate.reasons("denied")) == 3 and found)
    assert denied == ["unknown-credential", "anti-passback", "unknown-credential"]
