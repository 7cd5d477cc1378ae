"""What the actions of events and of people do to tickets."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulators.desk.ledger import Ledger
from simulators.desk.tickets import STEPS, NoTicketError, NotNowError
from tests.simulators.desk_events import KEY, alarm, asks, event

CAUSE = "gw/link/zigbee/down"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "desk.db")
    yield made
    made.close()


def one(ledger: Ledger, number: int = 1) -> dict[str, Any]:
    return ledger.ticket(number)


def told(ledger: Ledger, number: int = 1) -> list[str]:
    return [t["state"] for t in ledger.answers("")["tickets"] if t["number"] == str(number)]


def test_a_second_open_under_the_same_id_changes_nothing_a_person_sees(ledger: Ledger) -> None:
    ledger.take([asks(1, "open"), asks(2, "open")], 1)
    assert [t["number"] for t in ledger.tickets(None, 9)] == [1]
    assert told(ledger) == ["opened"]


def test_an_open_carries_everything_a_desk_needs(ledger: Ledger) -> None:
    guide = {"id": "leak", "title": "漏水处置", "steps": ["关阀", "拍照"]}
    ledger.take(
        [
            asks(
                1, "open", priority="P2", category="water", respond_by="2026-11-24T12:15:00.500Z",
                resolve_by="2026-11-24T14:00:00Z",
                team_name="工程", skills=["水工"], guide=guide, occurrences=3, level=1, ref="EG-ABCDEFGH",
            )
        ],
        1,
    )  # fmt: skip
    ticket = one(ledger)
    assert (ticket["priority"], ticket["category"], ticket["occurrences"], ticket["level"]) == ("P2", "water", 3, 1)
    assert ticket["respond_by_ns"] == 1_795_522_500_500_000_000
    assert ticket["ticket"]["guide"] == guide
    assert (ticket["ticket"]["team_name"], ticket["ticket"]["ref"]) == ("工程", "EG-ABCDEFGH")


@pytest.mark.parametrize("action", ["update", "escalate", "resolve", "merge", "none"])
def test_only_open_and_reopen_make_a_ticket(ledger: Ledger, action: str) -> None:
    ledger.take([asks(1, action)], 1)
    assert ledger.tickets(None, 9) == []
    ledger.take([asks(2, "reopen")], 2)
    assert one(ledger)["state"] == "open"


def test_the_action_decides_whatever_the_events_type(ledger: Ledger) -> None:
    ledger.take([asks(1, "none") | {"type": "edgegw.alarm.raised"}], 1)
    assert ledger.tickets(None, 9) == []
    ledger.take([asks(2, "open") | {"type": "edgegw.ticket.requested"}], 2)
    ledger.take([asks(3, "update") | {"type": "edgegw.alarm.cleared"}], 3)
    assert one(ledger)["state"] == "open"
    ledger.take([asks(4, "escalate", level=2) | {"type": "edgegw.alarm.escalated"}], 4)
    assert one(ledger)["level"] == 2


def test_recovered_is_a_proposal_and_a_person_resolves_and_closes(ledger: Ledger) -> None:
    ledger.take([asks(1, "open"), asks(2, "resolve")], 5)
    ticket = one(ledger)
    assert (ticket["state"], ticket["progress"], ticket["recovered_ns"]) == ("resolved", "opened", 5)
    assert told(ledger) == ["opened"]
    for step in ("acknowledge", "assign", "resolve", "close"):
        ledger.act(1, step, 9)
    assert told(ledger) == ["opened", "acknowledged", "assigned", "resolved", "closed"]
    assert (one(ledger)["state"], one(ledger)["acknowledged_ns"]) == ("closed", 9)


def test_reopening_asks_people_again_only_after_they_were_done(ledger: Ledger) -> None:
    ledger.take([asks(1, "open")], 1)
    ledger.act(1, "acknowledge", 2)
    ledger.take([asks(2, "resolve"), asks(3, "reopen")], 3)
    assert (one(ledger)["state"], one(ledger)["progress"], one(ledger)["version"]) == ("open", "acknowledged", 3)
    ledger.act(1, "close", 4)
    ledger.take([asks(4, "reopen", occurrences=3)], 5)
    assert (one(ledger)["progress"], one(ledger)["reopened"], one(ledger)["occurrences"]) == ("opened", 2, 3)
    assert told(ledger) == ["opened", "acknowledged", "acknowledged", "closed", "opened"]
    assert ledger.opened()[0]["version"] == 5


def test_a_new_ticket_of_the_same_trouble_takes_the_place_of_an_open_one(ledger: Ledger) -> None:
    ledger.take([asks(1, "open", "a"), asks(2, "open", "b")], 1)
    assert [(t["ticket_id"], t["state"]) for t in ledger.tickets(None, 9)] == [("b", "open"), ("a", "closed")]
    assert told(ledger) == ["opened", "closed"]
    assert one(ledger)["acknowledged_ns"] is None  # nobody took notice of it


def test_merged_tickets_and_alarms_without_one_are_counted_at_their_cause(ledger: Ledger) -> None:
    ledger.take([asks(1, "open"), asks(2, "merge", cause=CAUSE)], 1)
    assert (one(ledger)["state"], one(ledger)["parent"]) == ("merged", None)
    ledger.take([asks(n, "none", key=f"gw/d-{n}/offline", why="cause", cause=CAUSE) for n in range(3, 30)], 2)
    ledger.take([asks(30, "open", "cause", CAUSE)], 3)
    ledger.take([asks(31, "none", key="gw/d-31/offline", why="cause", cause=CAUSE)], 4)
    assert one(ledger)["parent"] == 2
    assert one(ledger, 2)["behind"] == 29
    assert {"dedup_key": KEY, "title": "漏水 · 3-1203"} in one(ledger, 2)["explains"]
    with pytest.raises(NotNowError, match="work on the ticket of its cause"):
        ledger.act(1, "acknowledge", 5)
    ledger.take([asks(32, "reopen")], 6)
    assert (one(ledger)["state"], one(ledger)["parent"], one(ledger)["cause"]) == ("open", None, "")


def test_what_explains_others_is_explained_in_turn(ledger: Ledger) -> None:
    """A line is inferred to be lost, then its link reports itself, then the power feed behind both."""
    line, link, power = "gw/gateway/lost-link-a", "gw/link/a/down", "gw/meter/tripped"
    ledger.take([asks(1, "open"), asks(2, "merge", cause=line)], 1)
    ledger.take([asks(n, "none", key=f"gw/d-{n}/offline", cause=line) for n in (3, 4)], 2)
    ledger.take([alarm(5, "cleared", dedup_key=line, ticket={"action": "none", "cause": link})], 3)
    ledger.take([asks(6, "open", "link", link)], 4)
    assert (one(ledger, 2)["behind"], one(ledger)["parent"]) == (3, 2)
    ledger.take([asks(7, "open", "power", power), asks(8, "merge", "link", link, cause=power)], 5)
    assert (one(ledger, 3)["behind"], one(ledger)["parent"], one(ledger, 2)["behind"]) == (4, 3, 0)


def test_an_alarm_that_ends_before_its_cause_has_a_ticket_is_not_counted(ledger: Ledger) -> None:
    ledger.take([asks(1, "none", why="cause", cause=CAUSE)], 1)
    ledger.take([alarm(2, "cleared", ticket={"action": "none", "cause": CAUSE})], 2)
    ledger.take([asks(3, "open", "cause", CAUSE)], 3)
    assert one(ledger)["behind"] == 0


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("before", [(), ("acknowledge",), ("assign",), ("resolve",), ("close",), ("reject",)])
def test_people_can_do_what_the_state_allows_and_nothing_else(
    ledger: Ledger, step: str, before: tuple[str, ...]
) -> None:
    ledger.take([asks(1, "open")], 1)
    for earlier in before:
        ledger.act(1, earlier, 2)
    was = one(ledger)
    after, possible = STEPS[step]
    if was["progress"] in possible:
        ledger.act(1, step, 3)
        assert (one(ledger)["progress"], one(ledger)["version"]) == (after, was["version"] + 1)
    else:
        with pytest.raises(NotNowError, match=f"ticket 1 is {was['progress']}"):
            ledger.act(1, step, 3)
        assert one(ledger) == was


def test_a_ticket_that_is_not_there(ledger: Ledger) -> None:
    with pytest.raises(NoTicketError):
        ledger.act(7, "close", 1)
    with pytest.raises(NoTicketError):
        ledger.ticket(7)


def test_what_is_not_understood_is_kept_as_an_event_and_changes_no_ticket(ledger: Ledger) -> None:
    bad = [
        alarm(1, "raised", ticket={"action": "explode", "id": "a"}),
        alarm(2, "raised", ticket={"action": "open"}),
        alarm(3, "raised", ticket={"action": "open", "id": 5}),
        alarm(4, "raised", ticket={"action": "open", "id": "x" * 65}),
        alarm(5, "raised", dedup_key="k" * 256, ticket={"action": "open", "id": "a"}),
        alarm(6, "raised", ticket=[]),
        event(7, "edgegw.alarm.raised"),
    ]
    assert ledger.take(bad, 1) == 7
    assert ledger.tickets(None, 9) == []
    strange = {"respond_by": "soon", "resolve_by": "2026-99-01T00:00:00Z", "level": -1, "occurrences": True, "cause": 7}
    ledger.take([asks(8, "open", **strange)], 2)
    ticket = one(ledger)
    assert (ticket["respond_by_ns"], ticket["resolve_by_ns"], ticket["level"], ticket["occurrences"]) == (
        None,
        None,
        0,
        1,
    )


def test_counts_of_a_day(ledger: Ledger) -> None:
    ledger.take([asks(n, "open", f"t{n}", f"gw/d{n}/x", respond_by="1970-01-01T00:00:01Z") for n in range(1, 6)], 1)
    ledger.act(1, "acknowledge", 5)
    ledger.act(2, "acknowledge", 3_000_000_000)
    ledger.act(3, "reject", 6)
    ledger.take([asks(6, "merge", "t4", "gw/d4/x", cause="gw/d5/x")], 7)
    stats = ledger.stats(2_000_000_000)
    want = {
        "opened": 5, "open": 3, "acknowledged": 3, "rejected": 1, "merged": 1, "late": 1, "overdue": 1, "unacknowledged": 1
    }  # fmt: skip
    assert {name: stats[name] for name in want} == want


# --- any order --------------------------------------------------------------------------------------------------------


@st.composite
def stories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What a gateway says in order: troubles with tickets one after the other, each opened once."""
    events: list[dict[str, Any]] = []
    alive: dict[str, int] = {}
    for _ in range(draw(st.integers(1, 25))):
        key = f"gw/d/{draw(st.integers(0, 2))}"
        actions = ["open"] if key not in alive else ["open", "update", "escalate", "reopen", "resolve", "merge", "none"]
        action = draw(st.sampled_from(actions))
        if action == "open":
            alive[key] = alive.get(key, 0) + 1
        more = {"cause": "gw/d/0"} if action in {"merge", "none"} else {"priority": f"P{draw(st.integers(1, 4))}"}
        events.append(asks(len(events) + 1, action, f"{key}#{alive[key]}", key, **more))
    return events


PEOPLE = st.lists(st.tuples(st.integers(1, 8), st.sampled_from(list(STEPS))), max_size=4)


def conditions(ledger: Ledger) -> dict[str, tuple[object, ...]]:
    """Per ticket id, the gateway's half of it."""
    rows = ledger._db.execute("SELECT ticket_id, condition, condition_seq, priority FROM ticket")
    return {row[0]: row[1:] for row in rows}


@given(stories(), st.randoms(use_true_random=False), st.data())
def test_any_order_and_repetition_keeps_one_open_ticket_and_a_whole_feed(
    story: list[Any], chance: Any, data: Any
) -> None:
    ledger = Ledger(Path(":memory:"))
    arrivals = [*story, *(chance.choice(story) for _ in range(len(story) // 2))]
    chance.shuffle(arrivals)
    heard: list[dict[str, Any]] = []
    cursor = ""
    while arrivals:
        size = data.draw(st.integers(1, 5))
        batch, arrivals = arrivals[:size], arrivals[size:]
        ledger.take(batch, 1)
        for number, step in data.draw(PEOPLE):
            with suppress(NotNowError, NoTicketError):
                ledger.act(number, step, 2)
        open_keys = [t["dedup_key"] for t in ledger.tickets("open", 99) if t["state"] == "open"]
        assert len(open_keys) == len(set(open_keys))
        answer = ledger.answers(cursor, data.draw(st.integers(1, 3)))
        heard += answer["tickets"]
        cursor = answer["next"]
    while (answer := ledger.answers(cursor, 2))["tickets"]:
        heard += answer["tickets"]
        cursor = answer["next"]
    assert heard == ledger.answers("")["tickets"]
    for ticket in ledger.tickets(None, 99):
        mine = [t for t in heard if t["number"] == str(ticket["number"])]
        assert [t["version"] for t in mine] == list(range(1, ticket["version"] + 1))
        assert mine[-1]["state"] == ticket["progress"]
    in_order = Ledger(Path(":memory:"))
    in_order.take(story, 1)
    assert conditions(ledger) == conditions(in_order)
    assert ledger.stats()["events"] == len(story)
    ledger.close()
    in_order.close()
