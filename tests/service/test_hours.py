"""Working time over days, holidays and changes of the clock."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.service.hours import ALWAYS, LIMIT_NS, add_working, is_always, working_between
from edgegw.service.specs import NS_PER_S, Calendar, Hours, Span

SHANGHAI = Calendar(ZoneInfo("Asia/Shanghai"), frozenset({"2026-10-01"}))
BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
OFFICE = Hours(frozenset(range(5)), (Span(510, 720), Span(810, 1050)))
HOUR = 3600.0
DAY_NS = 86400 * NS_PER_S


def at(text: str, zone: ZoneInfo) -> int:
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS_PER_S


def shown(wall_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(wall_ns / NS_PER_S, zone).replace(tzinfo=None).isoformat(" ", "minutes")


@pytest.mark.parametrize(
    ("begin", "hours", "end"),
    [
        ("2026-11-25T09:00", 1, "2026-11-25 10:00"),
        ("2026-11-25T11:30", 1, "2026-11-25 14:00"),  # over lunch
        ("2026-11-25T10:00", 2, "2026-11-25 12:00"),  # just at its end, not after lunch
        ("2026-11-25T17:00", 1, "2026-11-26 09:00"),  # over night
        ("2026-11-25T02:00", 0.5, "2026-11-25 09:00"),  # before work
        ("2026-11-27T17:00", 1, "2026-11-30 09:00"),  # over a week-end
        ("2026-09-30T17:00", 1, "2026-10-02 09:00"),  # over a holiday
        ("2026-11-28T12:00", 7.5, "2026-11-30 17:30"),  # a whole day
    ],
)
def test_office_hours(begin, hours, end):
    zone = SHANGHAI.zone
    assert shown(add_working(at(begin, zone), hours * HOUR, OFFICE, SHANGHAI), zone) == end


def test_a_span_holds_an_hour_less_when_the_clock_is_put_forward_and_one_more_when_back():
    night = Hours(frozenset(range(7)), (Span(0, 360),))
    zone = BERLIN.zone
    for begin, hours, end in [
        ("2026-03-29T00:00", 5, "2026-03-29 06:00"),  # 02:00 → 03:00
        ("2026-10-25T00:00", 6, "2026-10-25 05:00"),  # 03:00 → 02:00
    ]:
        assert shown(add_working(at(begin, zone), hours * HOUR, night, BERLIN), zone) == end


def test_a_time_of_day_that_is_skipped_is_the_moment_of_the_change():
    gap = Hours(frozenset(range(7)), (Span(150, 240),))  # 02:30 to 04:00; that day there is only 03:00 to 04:00
    zone = BERLIN.zone
    begin = at("2026-03-29T00:00", zone)
    assert shown(add_working(begin, HOUR, gap, BERLIN), zone) == "2026-03-29 04:00"
    assert working_between(begin, begin + DAY_NS // 2, gap, BERLIN) == HOUR


def test_a_day_that_a_zone_skipped_has_no_work():
    samoa = Calendar(ZoneInfo("Pacific/Apia"))  # went from 29 to 31 December 2011
    begin = at("2011-12-29T20:00", samoa.zone)
    day = Hours(frozenset(range(7)), (Span(480, 1200),))
    assert shown(add_working(begin, HOUR, day, samoa), samoa.zone) == "2011-12-31 09:00"


def test_always_is_recognised_in_pieces_too():
    pieces = Hours(frozenset(range(7)), (Span(0, 480), Span(480, 1440)), holidays=True)
    assert is_always(pieces)
    assert not is_always(Hours(frozenset(range(7)), (Span(0, 1440),)))  # not on holidays
    assert not is_always(Hours(frozenset(range(7)), (Span(0, 479), Span(480, 1440)), holidays=True))
    assert not is_always(Hours(frozenset(range(7)), (), holidays=True))


def test_hours_without_work_and_targets_beyond_the_limit_end_there():
    begin = at("2026-11-25T09:00", SHANGHAI.zone)
    never = Hours(frozenset(), (Span(0, 1440),))
    assert add_working(begin, 1, never, SHANGHAI) == begin + LIMIT_NS
    assert add_working(begin, 1e300, ALWAYS, SHANGHAI) == begin + LIMIT_NS
    assert add_working(begin, 200 * 86400, OFFICE, SHANGHAI) == begin + LIMIT_NS
    assert add_working(begin, float("inf"), OFFICE, SHANGHAI) == begin + LIMIT_NS


@pytest.mark.parametrize("wall_ns", [-(2**63), -1, 2**63 - 1, 2**80])
def test_a_wall_clock_that_is_wrong_by_ages_is_no_reason_to_fail(wall_ns):
    assert add_working(wall_ns, 60, OFFICE, SHANGHAI) == wall_ns + 60 * NS_PER_S
    assert working_between(wall_ns, wall_ns + NS_PER_S, OFFICE, SHANGHAI) == 1.0


# --- for any hours in any zone ------------------------------------------------------------------------------------------

ZONES = ("Asia/Shanghai", "Europe/Berlin", "America/Havana", "Australia/Lord_Howe", "Asia/Tehran", "America/St_Johns")
"""No change at all; at night; at midnight; of half an hour; with half hours; at a minute past midnight (before 2011)."""


@st.composite
def hours(draw) -> Hours:
    cuts = sorted(draw(st.sets(st.integers(0, 1440), min_size=2, max_size=6)))
    spans = tuple(Span(one, other) for one, other in zip(cuts[::2], cuts[1::2], strict=False))
    return Hours(draw(st.frozensets(st.integers(0, 6), min_size=1)), spans, holidays=draw(st.booleans()))


moments = st.integers(at("2005-01-01T00:00", ZoneInfo("UTC")), at("2030-01-01T00:00", ZoneInfo("UTC")))
calendars = st.builds(
    lambda name: Calendar(ZoneInfo(name), frozenset({"2026-01-01", "2026-10-25"})), st.sampled_from(ZONES)
)
seconds = st.floats(0, 40 * HOUR).map(lambda s: round(s, 3))


@given(moments, seconds, hours(), calendars)
def test_what_lies_between_is_what_was_added(begin, length, when, calendar):
    end = add_working(begin, length, when, calendar)
    assert begin <= end <= begin + LIMIT_NS
    if end < begin + LIMIT_NS:
        assert working_between(begin, end, when, calendar) == pytest.approx(length, abs=1e-6)


@given(moments, st.tuples(seconds, seconds, st.integers(0, 10 * DAY_NS)), hours(), calendars)
def test_later_and_longer_never_end_earlier(begin, lengths, when, calendar):
    length, more, later = lengths
    end = add_working(begin, length, when, calendar)
    assert add_working(begin, length + more, when, calendar) >= end
    if length:  # no time at all ends where it begins, worked or not
        assert add_working(begin + later, length, when, calendar) >= end


@given(moments, seconds, calendars)
def test_always_is_plain_addition_however_it_is_written(begin, length, calendar):
    end = begin + round(length * NS_PER_S)
    assert add_working(begin, length, ALWAYS, calendar) == end
    all_days = Hours(frozenset(range(7)), (Span(0, 700), Span(700, 1440)))  # but not on holidays: it looks at each day
    without = Calendar(calendar.zone)
    assert add_working(begin, length, all_days, without) == end


@given(moments, hours(), calendars)
def test_the_end_is_worked_time(begin, when, calendar):
    """The second before the end of a target is one in which somebody works."""
    end = add_working(begin, 1.0, when, calendar)
    if end < begin + LIMIT_NS:
        moment = datetime.fromtimestamp((end - 1) / NS_PER_S, UTC).astimezone(calendar.zone)
        minute = moment.hour * 60 + moment.minute
        assert moment.weekday() in when.days
        assert any(span.begin <= minute < span.end for span in when.spans) or moment.fold
