"""A patrol at the real reader: a guard's card is a check-in, and what nobody visits is one ticket."""

from datetime import datetime
from zoneinfo import ZoneInfo

from tests.e2e.clocked import SetClock, running
from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import eventually

START = "22:00"
BEFORE_S = 5.0
"""How long before the planned start the gateway starts, by its clock: the windows are open, and there is time for the card."""


def test_a_guard_checks_in_and_a_missed_point_is_a_ticket(gate: Gate) -> None:
    gate.door_site()
    window = {"early": "5m", "late": "1s"}
    gate.plant.tree["service"] = {
        "patrols": {
            "night": {
                "starts": [START], "groups": ["residents"], "tolerance": window, "grace": 0, "order": "any",
                "points": [
                    {"id": "gate", "at": 0, "checkin": {"device": "reader", "point": "card"}},
                    {"id": "roof", "name": {"zh": "屋顶", "en": "Roof"}, "at": 0, "tag": "T-2"},
                ],
            }
        }
    }  # fmt: skip
    gate.plant.start_broker()
    gate.plant.start_desk()
    clock = SetClock()
    now = datetime.now(ZoneInfo("Asia/Shanghai"))
    start = now.replace(hour=22, minute=0, second=0, microsecond=0)
    clock.ahead_ns = round(((start - now).total_seconds() - BEFORE_S) * 1e9)
    with running(gate, clock):
        gate.make_token("credentials", "read", "patrol")
        gate.give()
        (rounds,) = eventually(
            "the round", lambda: [p for p in gate.ask("GET", "patrols")[1]["plans"] if p.get("round")]
        )
        assert rounds["plan"] == "night"
        gate.do("tap", card=CARD)
        (checked,) = eventually("the check-in", lambda: gate.records("edgegw.patrol.checked"))
        assert (checked["data"]["point"]["id"], checked["data"]["who"]["id"]) == ("gate", "u1")
        (ticket,) = eventually("the ticket", gate.plant.tickets)
        assert (ticket["dedup_key"], ticket["category"]) == ("gw/patrol/night", "cleaning")
        late = {"id": "c-1", "plan": "night", "point": "roof", "who": "Li", "tag": "T-1"}
        assert gate.ask("POST", "patrols/checkins", late)[0] == 422, "not the tag of that point"
        (told,) = eventually("the end of the round", lambda: gate.records("edgegw.patrol.completed"))
        assert (told["data"]["checked"], told["data"]["missed"], told["data"]["ratio"]) == (1, 1, 0.5)
        card = f"{CARD:010d}"
        assert all(card not in str(event["data"]) for event in gate.records("edgegw."))
    found = gate.plant.report(start.date().isoformat())
    assert (found["door_within_3s"], found["door_within_2s"]) == ((100.0, 1), (100.0, 1))
    assert (found["patrol_done"], found["patrol_on_time"]) == ((50.0, 2), (50.0, 2))
