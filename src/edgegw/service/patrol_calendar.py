"""When rounds start: a plan's times of day as moments.

Owns: days, holidays and daylight saving. Must not know: which starts were dealt with (patrol), whether the clock is right.

Each time of day gives one start on each of its days. Where clocks go forward over it, it is as long after midnight as it always
is (02:30 becomes 03:30); where they go back over it, it is the first of the two.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta

from edgegw.service.patrol_specs import DAYS, NS_PER_S, PlanSpec
from edgegw.service.specs import Calendar

DAY_NS = 86_400 * NS_PER_S

AHEAD_DAYS = 400
"""How far the next start is looked for: a plan for holidays alone may pause most of a year."""

LAST_NS = 7_258_118_400 * NS_PER_S
"""2200-01-01: a clock beyond shows no date, and nothing starts by it."""


class Starts:
    """The planned starts of one plan, as wall nanoseconds."""

    def __init__(self, plan: PlanSpec, calendar: Calendar) -> None:
        self._times = tuple(time(minutes // 60, minutes % 60) for minutes in sorted(set(plan.starts)))
        self._days = plan.days
        self._calendar = calendar

    def between(self, after_ns: int, upto_ns: int) -> list[int]:
        """Those later than `after_ns` and not later than `upto_ns`, in order, each once."""
        if not self._possible(after_ns) or not self._possible(upto_ns) or upto_ns <= after_ns:
            return []
        last = self._date(upto_ns)
        return [
            start
            for start in self._from(self._date(after_ns) - timedelta(days=1), last + timedelta(days=1))
            if after_ns < start <= upto_ns
        ]

    def next(self, after_ns: int) -> int | None:
        """The first one later than `after_ns`; None if there is none within `AHEAD_DAYS`."""
        if not self._possible(after_ns):
            return None
        first = self._date(after_ns)
        every = self._from(first - timedelta(days=1), first + timedelta(days=AHEAD_DAYS))
        return next((start for start in every if start > after_ns), None)

    def _from(self, first: date, last: date) -> Iterator[int]:
        """Starts of these days, in order; two that a change of clocks puts at one moment are one."""
        day, before = first, None
        while day <= last:
            word = "holiday" if day.isoformat() in self._calendar.holidays else DAYS[day.weekday()]
            if word in self._days:
                moments = {datetime.combine(day, at, self._calendar.zone) for at in self._times}
                for start in sorted({round(moment.timestamp()) * NS_PER_S for moment in moments}):
                    if before is None or start > before:
                        yield start
                        before = start
            day += timedelta(days=1)

    def _date(self, wall_ns: int) -> date:
        return datetime.fromtimestamp(wall_ns // NS_PER_S, UTC).astimezone(self._calendar.zone).date()

    @staticmethod
    def _possible(wall_ns: int) -> bool:
        return DAY_NS <= wall_ns < LAST_NS
