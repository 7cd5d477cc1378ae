"""Working time: when a target of so many working hours is over, and how much working time lies between two moments.

Owns: arithmetic over working days, holidays and changes to summer time. Must not know: what a target is for.

Time is real time: a span in which the clock is put back is an hour longer, and that hour is worked. A time of day that is skipped
stands for the moment of the change, one that is there twice for its first. So spans that meet on the clock meet in time.
"""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from zoneinfo import ZoneInfo

from edgegw.service.specs import NS_PER_S, Calendar, Hours, Span

LIMIT_DAYS = 400
"""No target ends later than so many days after its begin: longer than any, and the end of every search."""
LIMIT_NS = LIMIT_DAYS * 86400 * NS_PER_S

DAY_MINUTES = 1440
LATEST_NS = 4_102_444_800 * NS_PER_S
"""2100-01-01; a wall clock beyond is wrong, and the arithmetic of dates must not meet the end of the calendar."""

WHOLE_WEEK = frozenset(range(7))
ALWAYS = Hours(WHOLE_WEEK, (Span(0, DAY_MINUTES),), holidays=True)


def is_always(hours: Hours) -> bool:
    """Whether every moment is worked."""
    meet = all(one.end == other.begin for one, other in pairwise(hours.spans))
    whole = bool(hours.spans) and hours.spans[0].begin <= 0 and hours.spans[-1].end >= DAY_MINUTES and meet
    return whole and hours.holidays and hours.days >= WHOLE_WEEK


def add_working(begin_wall_ns: int, seconds: float, hours: Hours, calendar: Calendar) -> int:
    """The moment when `seconds` of working time have passed since `begin_wall_ns`; wall nanoseconds.

    Never fails: hours in which nobody works, targets of more than `LIMIT_DAYS` and wall clocks that are wrong by ages end
    `LIMIT_DAYS` after the begin at the latest, and no time at all ends at the begin.
    """
    left = round(min(max(seconds, 0.0), LIMIT_DAYS * 86400.0) * NS_PER_S)
    if left == 0:
        return begin_wall_ns
    if not 0 <= begin_wall_ns <= LATEST_NS or is_always(hours):
        return begin_wall_ns + left
    day = local(begin_wall_ns, calendar.zone).date()
    for _ in range(LIMIT_DAYS + 1):
        if works_on(day, hours, calendar):
            for span in hours.spans:
                opens, closes = _bounds(day, span, calendar.zone)
                start = max(opens, begin_wall_ns)
                if start >= closes:
                    continue
                if left <= closes - start:
                    return min(start + left, begin_wall_ns + LIMIT_NS)
                left -= closes - start
        day += timedelta(days=1)
    return begin_wall_ns + LIMIT_NS


def working_between(begin_wall_ns: int, end_wall_ns: int, hours: Hours, calendar: Calendar) -> float:
    """Seconds of working time from one moment to another, within `LIMIT_DAYS`; 0 if the other is not later."""
    end = min(end_wall_ns, begin_wall_ns + LIMIT_NS)
    if end <= begin_wall_ns:
        return 0.0
    if not 0 <= begin_wall_ns <= LATEST_NS or is_always(hours):
        return (end - begin_wall_ns) / NS_PER_S
    day, worked = local(begin_wall_ns, calendar.zone).date(), 0
    for _ in range(LIMIT_DAYS + 1):
        if works_on(day, hours, calendar):
            for span in hours.spans:
                opens, closes = _bounds(day, span, calendar.zone)
                worked += max(0, min(closes, end) - max(opens, begin_wall_ns))
        day += timedelta(days=1)
        if _moment(day, 0, calendar.zone) >= end:
            break
    return worked / NS_PER_S


def works_on(day: date, hours: Hours, calendar: Calendar) -> bool:
    """Whether there is work on a local day at all."""
    return day.weekday() in hours.days and (hours.holidays or day.isoformat() not in calendar.holidays)


def local(wall_ns: int, zone: ZoneInfo) -> datetime:
    """Local time of a moment; one before 1970 or after 2100 counts as that."""
    return datetime.fromtimestamp(min(max(wall_ns, 0), LATEST_NS) // NS_PER_S, zone)


def _bounds(day: date, span: Span, zone: ZoneInfo) -> tuple[int, int]:
    return _moment(day, span.begin, zone), _moment(day, span.end, zone)


@lru_cache(maxsize=8192)  # a year of a few spans; the same days come up with every alarm
def _moment(day: date, minute: int, zone: ZoneInfo) -> int:
    """The first moment at which the local clock shows this time of this day, or later; wall nanoseconds."""
    naive = datetime(day.year, day.month, day.day) + timedelta(minutes=minute)  # noqa: DTZ001 - local time, zone beside it
    moment = naive.replace(tzinfo=zone).astimezone(UTC)
    if _shown(moment, zone) != naive:  # skipped: the clock was put forward over it
        moment = _change(naive, zone)
    return round(moment.timestamp()) * NS_PER_S


def _change(naive: datetime, zone: ZoneInfo) -> datetime:
    """The moment of the change that skips a local time (PEP 495: fold 1 reads it by the offset after, fold 0 by that before)."""
    before = naive.replace(tzinfo=zone, fold=1).astimezone(UTC)
    after = naive.replace(tzinfo=zone, fold=0).astimezone(UTC)
    while after - before > timedelta(seconds=1):
        middle = before + timedelta(seconds=(after - before) // timedelta(seconds=2))
        if _shown(middle, zone) >= naive:
            after = middle
        else:
            before = middle
    return after


def _shown(moment: datetime, zone: ZoneInfo) -> datetime:
    return moment.astimezone(zone).replace(tzinfo=None)
