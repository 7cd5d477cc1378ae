"""What a ticket looks like: the clock that runs, in words."""

import pytest

from edgegw.cli.table import width
from edgegw.cli.tickets import STATES, clock, row
from edgegw.service.ticket import TicketState, Why

NOW = "2026-01-01T00:00:00Z"
REFS = {"g/link/riser": "EG-7K2M9QXA"}


def ticket(**changes):
    return {
        "ref": "EG-A2B3C4D5", "number": "", "state": "requested", "why": "", "cause": "", "team": "duty",
        "respond_by": "2026-01-01T00:05:00Z", "resolve_by": "2026-01-02T00:00:00Z", **changes,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "respond in 5 min"),
        ({"state": "opened", "respond_by": "2026-01-01T00:00:59.500000Z"}, "respond in 59 s"),
        ({"respond_by": "2026-01-01T08:00:00+08:00"}, "respond OVERDUE 0 s"),
        ({"respond_by": "2025-12-31T22:15:00Z"}, "respond OVERDUE 1 h 45 min"),
        ({"respond_by": None}, ""),
        ({"state": "acknowledged"}, "resolve in 24 h"),
        ({"state": "assigned", "resolve_by": "2026-01-05T03:00:00Z"}, "resolve in 4 d 3 h"),
        ({"state": "assigned", "resolve_by": "2025-12-28T00:00:00Z"}, "resolve OVERDUE 4 d"),
        ({"state": "resolved"}, "to be closed"),
        ({"state": "closed"}, ""),
        ({"state": "held", "why": "maintenance"}, "maintenance"),
        ({"state": "held", "why": "gather"}, "its cause is looked for"),
        ({"state": "held", "why": "cause", "cause": "g/link/riser"}, "part of EG-7K2M9QXA"),
        ({"state": "merged", "why": "cause", "cause": "g/feed/roof"}, "part of g/feed/roof"),
    ],
)
def test_the_clock_that_runs(changes, says):
    assert clock(ticket(**changes), NOW, REFS) == says


@pytest.mark.parametrize("state", TicketState)
@pytest.mark.parametrize("why", ["", *Why])
def test_every_state_and_reason_has_words_that_fit(state, why):
    told = clock(ticket(state=state.value, why=str(why)), NOW, REFS)
    assert width(told) <= 30


def test_the_states_one_can_ask_for_are_all_there_are():
    assert set(STATES) == {state.value for state in TicketState}


def test_a_line():
    alarm = {"priority": "P1", "title": "电梯困人", "raised_at": "2025-12-31T23:58:00Z"}
    assert row(alarm, ticket(number="4711"), NOW, {}) == (
        "P1", "电梯困人", "EG-A2B3C4D5/4711", "requested", "duty", "respond in 5 min",
    )  # fmt: skip
    assert row(alarm, None, NOW, {}) == ("P1", "电梯困人", "", "", "", "raised 2 min ago")
