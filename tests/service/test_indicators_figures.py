"""Figures: what is met, missed, held or not to be judged yet; no data is no figure."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.rules.events import AlarmData, Location
from edgegw.service.indicators_cases import Fate, past, present, view
from edgegw.service.indicators_figures import figures
from edgegw.service.indicators_meters import complete
from edgegw.service.indicators_report import Period
from edgegw.service.indicators_rows import UNSYNCED, Day, Meter, Meters, Online, Rounds, Slow, Spread
from edgegw.service.indicators_words import SPECS
from edgegw.service.ticket import History, TicketState, TroubleView, Why
from edgegw.service.trouble import Stored

ZONE = ZoneInfo("Asia/Shanghai")
NS = 1_000_000_000
MINUTE = 60 * NS
WEEK = Period(date(2026, 11, 9), date(2026, 11, 15))
RAISED = int(datetime(2026, 11, 10, 9, 0, tzinfo=ZONE).timestamp()) * NS
NOW = int(datetime(2026, 11, 16, 9, 0, tzinfo=ZONE).timestamp()) * NS


def over(state: str = "closed", **given_) -> History:
    facts = {
        "ticket_id": "t",
        "ref": "EG-2",
        "dedup_key": "g/pump/low",
        "title": "low",
        "category": "water",
        "priority": "P2",
        "subject": "pump",
        "raised_ns": RAISED,
        "requested_ns": RAISED,
        "respond_by_ns": RAISED + 15 * MINUTE,
        "resolve_by_ns": RAISED + 120 * MINUTE,
    }
    return History(state=state, **(facts | given_))


def going(state: TicketState = TicketState.OPENED, **given_) -> TroubleView:
    facts = {
        "dedup_key": "g/pump/low",
        "ticket_id": "t",
        "ref": "EG-2",
        "title": "low",
        "category": "water",
        "priority": "P2",
        "team": "engineering",
        "subject": "pump",
        "active": True,
        "raised_ns": RAISED,
        "requested_ns": RAISED,
        "respond_by_ns": RAISED + 15 * MINUTE,
        "resolve_by_ns": RAISED + 120 * MINUTE,
    }
    return TroubleView(state=state, **(facts | given_))


def report(history=(), live=(), counters=None, *, period=WEEK, now_ns=NOW):
    return figures(
        period,
        period.before(),
        history=history,
        live=live,
        counters=counters or {},
        zone=ZONE,
        now_ns=now_ns,
    )


def value(made, key):
    (found,) = [one for one in made.figures if one.key == key]
    return found.value, found.n


def test_no_data_is_no_figure():
    made = report()
    for figure in made.figures:
        assert (figure.value, figure.n, figure.last, figure.met) == (None, 0, None, None), figure.key
    assert made.days_without == 7
    assert (made.missed, made.held, made.places, made.unanswered) == ((), (), (), False)
    assert [one.key for one in made.figures] == [spec.key for spec in SPECS]


@pytest.mark.parametrize(
    ("ticket", "fate", "acknowledged", "resolved"),
    [
        pytest.param(
            over(acknowledged_ns=RAISED + 10 * MINUTE, resolved_ns=RAISED + 60 * MINUTE),
            Fate.TAKEN,
            True,
            True,
            id="good",
        ),
        pytest.param(
            over(acknowledged_ns=RAISED + 15 * MINUTE, closed_ns=RAISED + 120 * MINUTE),
            Fate.TAKEN,
            True,
            True,
            id="just",
        ),
        pytest.param(
            over(acknowledged_ns=RAISED + 16 * MINUTE, closed_ns=RAISED + 121 * MINUTE),
            Fate.TAKEN,
            False,
            False,
            id="late",
        ),
        pytest.param(over(closed_ns=RAISED + 9 * MINUTE), Fate.TAKEN, True, True, id="closed without a word before"),
        pytest.param(over("opened", cleared_ns=RAISED + MINUTE), Fate.MISSED, False, True, id="went by itself, unseen"),
        pytest.param(over("requested", cleared_ns=RAISED + MINUTE), Fate.MISSED, False, True, id="never opened"),
        pytest.param(over("rejected", acknowledged_ns=RAISED + MINUTE), Fate.TAKEN, True, None, id="rejected"),
        pytest.param(over("assigned"), Fate.TAKEN, None, False, id="taken, nobody knows when"),
        pytest.param(over("held", why="maintenance"), Fate.HELD, None, None, id="held"),
        pytest.param(over("merged", cause="g/link/down"), Fate.HELD, None, None, id="merged"),
        pytest.param(
            over(synced=False, acknowledged_ns=RAISED + MINUTE, closed_ns=RAISED + MINUTE),
            Fate.TAKEN,
            None,
            None,
            id="clock",
        ),
    ],
)
def test_tickets_that_are_over(ticket, fate, acknowledged, resolved):
    case = past(ticket, ZONE)
    assert case.fate(NOW) is fate
    assert case.acknowledged_in_time(NOW) is acknowledged
    assert case.resolved_in_time(NOW) is resolved


def test_a_ticket_within_its_time_is_neither_met_nor_missed():
    for ticket in (going(), going(TicketState.REQUESTED)):
        case = present(ticket, ZONE)
        due = RAISED + 15 * MINUTE
        assert (case.fate(due), case.acknowledged_in_time(due), case.resolved_in_time(due)) == (
            Fate.PENDING,
            None,
            None,
        )
        assert (case.fate(due + 1), case.acknowledged_in_time(due + 1)) == (Fate.MISSED, False)
        assert case.resolved_in_time(RAISED + 121 * MINUTE) is False
    early = report(live=[going()], now_ns=RAISED + MINUTE)
    assert value(early, "steps_missed") == (None, 0)
    assert (early.pending, early.missed) == (1, ())
    late = report(live=[going()])
    assert value(late, "steps_missed") == (100.0, 1)
    assert [step.state for step in late.missed] == ["opened"]


def test_what_is_being_decided_is_pending_and_what_is_held_is_held():
    assert present(going(TicketState.HELD, why=Why.GATHER), ZONE).fate(NOW) is Fate.PENDING
    assert present(going(TicketState.HELD, why=Why.CAUSE), ZONE).fate(NOW) is Fate.HELD


def test_missed_steps_are_named_and_held_ones_apart():
    cause = over(dedup_key="g/link/down", title="link down", acknowledged_ns=RAISED + MINUTE, level=1)
    held = over("held", dedup_key="g/a/offline", why="cause", cause="g/link/down", respond_by_ns=0, requested_ns=0)
    missed = over("opened", dedup_key="g/b/low", number="#7", labels={"building": "3"})
    made = report([cause, held, missed])
    assert [(step.number, step.labels, step.priority) for step in made.missed] == [("#7", {"building": "3"}, "P2")]
    assert [(step.why, step.cause_title) for step in made.held] == [("cause", "link down")]
    assert value(made, "steps_missed") == (50.0, 2)
    assert value(made, "tickets") == (2.0, 2)
    assert value(made, "alarms") == (3.0, 3)
    assert value(made, "escalated") == (1.0, 1)
    (group,) = made.by_priority
    assert (group.key, group.troubles, group.tickets, group.judged, group.in_time, group.missed) == (
        "P2",
        3,
        2,
        2,
        1,
        1,
    )


def test_targets_are_met_at_the_edge():
    taken = [over(dedup_key=f"k{n}", acknowledged_ns=RAISED + 12 * MINUTE) for n in range(997)]
    missed = [over("opened", dedup_key=f"m{n}") for n in range(4)]
    met = {one.key: one.met for one in report(taken + missed[:3]).figures}
    assert (met["steps_missed"], met["response_mean"], met["acknowledged_in_time"]) == (True, True, None)
    assert {one.key: one.met for one in report(taken + missed).figures}["steps_missed"] is False


def test_response_time_is_from_raising_to_acknowledgement():
    waits = (1, 2, 30)
    made = report([over(dedup_key=str(n), acknowledged_ns=RAISED + n * MINUTE) for n in waits])
    assert value(made, "response_mean") == (11.0, 3)
    assert value(made, "response_median") == (2.0, 3)


def test_each_trouble_belongs_to_the_local_day_of_its_raising():
    midnight = int(datetime(2026, 11, 9, tzinfo=ZONE).timestamp()) * NS
    made = report([over(raised_ns=midnight), over(raised_ns=midnight - 1, dedup_key="before")])
    assert value(made, "alarms") == (1.0, 1)
    (last,) = [one.last for one in made.figures if one.key == "alarms"]
    assert last == 1.0
    assert [sum(day.tickets) for day in made.daily] == [1, 0, 0, 0, 0, 0, 0]


def test_a_clock_that_was_wrong_is_told():
    wrong = over(raised_ns=5 * NS, synced=False, closed_ns=RAISED, acknowledged_ns=6 * NS)
    never = over(raised_ns=5 * NS, requested_ns=6 * NS, synced=False)
    made = report([wrong, never], counters={UNSYNCED: Day(ratings={"5": 3})})
    assert (made.inexact, made.undated, made.unsynced) == (1, 1, 3)
    assert value(made, "response_mean") == (None, 0)
    assert value(made, "rating") == (None, 0)


def test_a_ticket_system_that_never_answers_is_told():
    assert report([over("requested")]).unanswered
    assert not report([over("opened")]).unanswered


def test_a_state_of_a_later_edition_is_left_out():
    assert past(over("parked"), ZONE) is None


def test_counters_of_a_period():
    first = Day(
        response={"command": Spread(), "event": Spread(), "door": Spread()},
        online={"a": Online(50.0, 100.0), "b": Online(100.0, 100.0)},
        alarms={"g/pump/low": 4, "once": 1},
        slow={"a": Slow(2, 4.0, 3.0, 0), "b": Slow(1, 6.0, 6.0, 1)},
        patrol={"night": Rounds(10, 7, 2, 1)},
        ratings={"5": 1, "2": 1},
    )
    first.response["command"].add(1.0)
    first.response["event"].add(6.0)
    first.response["door"].add(2.5)
    made = report([over()], counters={"2026-11-09": first, "2026-11-07": Day(alarms={"g/pump/low": 9})})
    assert value(made, "device_within_5s") == (50.0, 2)
    assert value(made, "device_max") == (6.0, 2)
    assert value(made, "door_within_3s") == (100.0, 1)
    assert value(made, "door_within_2s") == (0.0, 1)
    assert value(made, "alarm_within_5s") == (None, 0)
    assert value(made, "online") == (75.0, 2)
    assert value(made, "patrol_done") == (90.0, 10)
    assert value(made, "patrol_on_time") == (70.0, 10)
    assert value(made, "rating") == (3.5, 2)
    assert [(one.title, one.raisings, one.last) for one in made.flapping] == [("low", 4, 9)]
    assert [device for device, _ in made.slow] == ["b", "a"]
    assert [device for device, _ in made.offline] == ["a"]
    assert made.days_without == 6


# --- meters -------------------------------------------------------------------------------------------------------------


def metered(hours: int, *, since: int = 0, every_s: float = 3600.0, upto: int = 24) -> Day:
    return Day(meters=Meters(upto, {"m": Meter(since, every_s, hours)}))


def day_of(number: int) -> str:
    return f"2026-11-{number:02}"


def test_a_day_the_gateway_was_off_is_missing_and_the_last_day_counts_as_far_as_it_went():
    full = (1 << 24) - 1
    counters = {day_of(9): metered(full), day_of(11): metered(0b111, upto=5)}
    # 24 of 24, 0 of 24, and 3 of the 4 whole hours of the last day.
    assert complete(WEEK, counters, ZONE) == {"m": (27, 52)}
    counters[day_of(16)] = metered(0)
    assert complete(WEEK, counters, ZONE) == {"m": (27, 7 * 24)}


def test_meters_that_are_read_rarely():
    counters = {day_of(9): metered(1 << 7, every_s=6 * 3600.0), day_of(10): metered(0)}
    only = Period(date(2026, 11, 9), date(2026, 11, 9))
    assert complete(only, counters, ZONE) == {"m": (1, 4)}
    counters[day_of(9)] = metered(1 << 7, every_s=24 * 3600.0)
    assert complete(only, counters, ZONE) == {"m": (1, 1)}
    counters[day_of(9)] = metered(1 << 7, every_s=48 * 3600.0)
    assert complete(only, counters, ZONE) == {}
    counters[day_of(9)] = metered(1 << 7, since=20)
    assert complete(only, counters, ZONE) == {"m": (0, 4)}


def test_days_of_23_and_25_hours():
    berlin = ZoneInfo("Europe/Berlin")
    for day, hours in ((date(2026, 3, 29), 23), (date(2026, 10, 25), 25)):
        after = (day + timedelta(1)).isoformat()
        counters = {day.isoformat(): metered((1 << 25) - 1), after: metered(0)}
        assert complete(Period(day, day), counters, berlin) == {"m": (hours, hours)}


@given(st.integers(0, 2**24 - 1), st.integers(0, 24), st.integers(1, 86400), st.integers(0, 25))
def test_never_more_than_expected(hours, since, every_s, upto):
    counters = {day_of(9): metered(hours, since=since, every_s=every_s, upto=upto)}
    for got, due in complete(WEEK, counters, ZONE).values():
        assert 0 <= got <= due <= 24


# --- periods, and troubles as they are stored ---------------------------------------------------------------------------


def test_the_period_before():
    assert WEEK.before() == Period(date(2026, 11, 2), date(2026, 11, 8))
    march = Period(date(2026, 3, 1), date(2026, 3, 31))
    assert march.before() == Period(date(2026, 2, 1), date(2026, 2, 28))
    assert len(list(march.days())) == 31


def test_a_trouble_from_the_store():
    data = AlarmData(
        dedup_key="g/pump/low",
        alarm_id="a",
        rule="low",
        state="active",
        title="low",
        category="water",
        priority="P3",
        evidence=b"{}",
        count=1,
        raised_at="",
        location=Location("3号楼", {"building": "3"}),
    )
    stored = Stored(
        dedup_key="g/pump/low",
        subject="pump",
        ticket_id="t",
        ref="EG-2",
        data=data,
        raised_ns=RAISED,
        why="maintenance",
    )
    seen = view(stored)
    assert (seen.title, seen.priority, seen.labels, seen.raised_ns) == ("low", "P3", {"building": "3"}, RAISED)
    assert present(seen, ZONE).fate(NOW) is Fate.HELD
    stored.synced = False
    assert present(view(stored), ZONE).exact is False
