"""What events become at the desk, and what it remembers."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulators.desk.ledger import BadCursorError, BadEventError, Ledger, LedgerError, checked
from tests.simulators.desk_events import KEY, TICKET, alarm, asks, event


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    made = Ledger(tmp_path / "desk.db")
    yield made
    made.close()


def states(ledger: Ledger) -> list[tuple[int, str]]:
    return [(one["number"], one["state"]) for one in ledger.tickets(None, 100)]


def test_an_id_is_taken_once_within_and_across_batches(ledger: Ledger) -> None:
    assert ledger.take([event(1), event(2), event(1)], 1) == 2
    assert ledger.take([event(2), event(3)], 2) == 1
    stats = ledger.stats()
    assert (stats["received"], stats["events"], stats["duplicates"]) == (5, 3, 2)


def test_an_older_gateways_alarm_opens_one_ticket_until_it_is_cleared_and_a_new_one_after(ledger: Ledger) -> None:
    ledger.take([alarm(1, "raised"), alarm(2, "updated", priority="P2"), alarm(3, "raised")], 1)
    assert states(ledger) == [(1, "open")]
    first = ledger.tickets("open", 10)[0]
    assert (first["location"], first["device"], first["updates"]) == ("3-1203", "leak-1", 2)
    ledger.take([alarm(4, "cleared"), alarm(5, "cleared"), alarm(6, "raised")], 2)
    assert states(ledger) == [(2, "open"), (1, "resolved")]
    assert (ledger.stats()["opened"], ledger.stats()["resolved"], ledger.stats()["open"]) == (2, 1, 1)


def test_a_repeated_raise_changes_no_ticket(ledger: Ledger) -> None:
    ledger.take([alarm(1, "raised"), alarm(2, "cleared")], 1)
    ledger.take([alarm(1, "raised")], 2)
    assert states(ledger) == [(1, "resolved")]


def test_holes_in_seq_are_told_whatever_the_order_of_arrival(ledger: Ledger) -> None:
    ledger.take([event(n) for n in (5, 1, 2, 9, 6)], 1)
    assert ledger.stats()["holes"] == [(3, 4), (7, 8)]
    ledger.take([event(n) for n in (3, 4, 7, 8)], 2)
    assert ledger.stats()["holes"] == []


def test_a_failed_batch_leaves_nothing_behind(ledger: Ledger) -> None:
    with pytest.raises(TypeError):
        ledger.take([asks(1, "open"), event(2) | {"data": {1, 2}}], 1)
    assert ledger.events(None, 0, 10) == []
    assert ledger.stats()["events"] == 0
    assert ledger.answers("")["tickets"] == []
    assert ledger.take([event(1)], 2) == 1


def test_everything_is_there_after_opening_again(ledger: Ledger, tmp_path: Path) -> None:
    ledger.take([alarm(1, "raised"), event(2, n=1)], 7)
    again = Ledger(tmp_path / "desk.db")
    assert again.stats() == ledger.stats()
    assert again.answers("") == ledger.answers("")
    assert again.take([event(2), event(3)], 8) == 1
    assert [one["arrival"] for one in again.events(None, 0, 10)] == sorted(
        {o["arrival"] for o in again.events(None, 0, 10)}
    )
    again.close()


@pytest.mark.parametrize(
    "bad", [None, [], "x", {}, {"specversion": "1.0", "id": "", "source": "s", "type": "t"}, event(1) | {"type": 3}]
)
def test_what_is_no_event_is_refused(bad: object) -> None:
    with pytest.raises(BadEventError):
        checked(bad)


def test_a_file_of_another_version_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path) as old:
        old.execute("CREATE TABLE ticket (number INTEGER)")
    with pytest.raises(LedgerError, match="another version"):
        Ledger(path)
    with sqlite3.connect(path) as old:
        assert old.execute("SELECT count(*) FROM sqlite_master").fetchone() == (1,)


# --- the way back -----------------------------------------------------------------------------------------------------


def test_the_tickets_of_a_batch_are_told_with_it(ledger: Ledger) -> None:
    ledger.take([asks(1, "open"), event(2), asks(3, "open", "other", "gw/smoke-1/smoke")], 1)
    assert ledger.opened() == [
        {"dedup_key": KEY, "ticket_id": TICKET, "number": "1", "state": "opened", "version": 1},
        {"dedup_key": "gw/smoke-1/smoke", "ticket_id": "other", "number": "2", "state": "opened", "version": 1},
    ]
    ledger.act(1, "acknowledge", 2)
    ledger.take([asks(4, "update")], 3)
    assert ledger.opened() == []
    ledger.take([event(2), asks(1, "open")], 4)  # whoever sends it again has not kept the answer
    assert [(t["number"], t["state"], t["version"]) for t in ledger.opened()] == [("1", "acknowledged", 2)]


def test_the_feed_goes_on_where_its_cursor_says_also_after_opening_again(ledger: Ledger, tmp_path: Path) -> None:
    ledger.take([asks(1, "open")], 1_000_000_000)
    first = ledger.answers("")
    assert first["tickets"] == [
        {
            "dedup_key": KEY, "ticket_id": TICKET, "number": "1", "state": "opened", "version": 1,
            "at": "1970-01-01T00:00:01.000Z",
        }
    ]  # fmt: skip
    assert ledger.answers(first["next"]) == {"tickets": [], "next": first["next"]}
    ledger.act(1, "acknowledge", 2, by="王芳", note="去看")
    ledger.act(1, "assign", 3, by="王芳", assignee="张强")
    again = Ledger(tmp_path / "desk.db")
    (one,) = again.answers(first["next"], 1)["tickets"]
    assert (one["state"], one["version"], one["by"], one["note"]) == ("acknowledged", 2, "王芳", "去看")
    rest = again.answers(again.answers(first["next"], 1)["next"])
    assert [(t["state"], t["version"], t["assignee"]) for t in rest["tickets"]] == [("assigned", 3, "张强")]
    again.close()


def test_what_was_not_heard_is_known_once_somebody_polls(ledger: Ledger) -> None:
    ledger.take([asks(1, "open")], 1)
    assert ledger.stats()["unheard"] is None
    answer = ledger.polled("")
    assert ledger.stats()["unheard"] == 1
    assert ledger.polled(answer["next"])["tickets"] == []
    assert ledger.stats()["unheard"] == 0
    ledger.act(1, "close", 2)
    assert ledger.stats()["unheard"] == 1


def test_a_cursor_of_a_lost_file_begins_again_and_nonsense_is_refused(ledger: Ledger) -> None:
    ledger.take([asks(1, "open")], 1)
    assert len(ledger.answers("deadbeef-900")["tickets"]) == 1
    for bad in ("5", "-", "x-", "x-y", "x--1", "x-" + "9" * 30):
        with pytest.raises(BadCursorError):
            ledger.answers(bad)


def test_what_is_kept_stays(ledger: Ledger, tmp_path: Path) -> None:
    assert ledger.kept("push") == ""
    ledger.keep("push", "a")
    ledger.keep("push", "b")
    again = Ledger(tmp_path / "desk.db")
    assert again.kept("push") == "b"
    again.close()
