"""What events become at the desk."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from simulators.desk.ledger import BadEventError, Ledger, checked


def event(number: int, kind: str = "edgegw.reading", seq: int | None = None, **data: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": f"id-{number}", "source": "edgegw/gw", "type": kind, "subject": "leak-1",
        "time": "2026-11-24T12:00:00Z", "edgegwseq": str(number if seq is None else seq), "data": data,
    }  # fmt: skip


def alarm(number: int, what: str, **data: Any) -> dict[str, Any]:
    base = {"dedup_key": "gw/leak-1/leak", "title": "漏水 · 3-1203", "priority": "P1", "location": {"text": "3-1203"}}
    return event(number, f"edgegw.alarm.{what}", None, **base | {"device": {"id": "leak-1"}} | data)


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


def test_an_alarm_opens_one_ticket_until_it_is_cleared_and_a_new_one_after(ledger: Ledger) -> None:
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
        ledger.take([event(1), event(2) | {"data": {1, 2}}], 1)
    assert ledger.events(None, 0, 10) == []
    assert ledger.stats()["events"] == 0
    assert ledger.take([event(1)], 2) == 1


def test_everything_is_there_after_opening_again(ledger: Ledger, tmp_path: Path) -> None:
    ledger.take([alarm(1, "raised"), event(2, n=1)], 7)
    again = Ledger(tmp_path / "desk.db")
    assert again.stats() == ledger.stats()
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
