"""When a schedule is open, by the clock on the wall.

Owns: weekly windows, holidays, the time zone. Must not know: whether the clock may be believed (core.py asks that first).
"""

from datetime import date, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from edgegw.access.specs import DAY_S, NS_PER_S, CalendarSpec, WindowSpec
from edgegw.errors import ConfigError

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOLIDAY = "holiday"


def seconds_of_day(clock: str) -> int:
    """``08:30`` in seconds after midnight; ``24:00`` is `DAY_S`. Raises ConfigError ``bad-time`` for anything else."""
    hours, colon, minutes = clock.partition(":")
    if not (colon and hours.isascii() and minutes.isascii() and hours.isdecimal() and minutes.isdecimal()):
        raise ConfigError("bad-time", f"{clock!r} is no time of day; write it as 08:30")
    value = int(hours) * 3600 + int(minutes) * 60
    if int(minutes) > 59 or value > DAY_S:
        raise ConfigError("bad-time", f"{clock!r} is not between 00:00 and 24:00")
    return value


class Calendar:
    """Answers whether a schedule is open. A window is matched against what a clock on the wall shows.

    So on the day clocks go forward the skipped hour does not exist, and on the day they go back a window covering the
    repeated hour is open in both of them.

    Raises ConfigError: ``bad-timezone``, ``bad-date``, ``bad-window`` (one that ends before it starts or names no known day: a
    window over midnight is two windows).
    """

    def __init__(self, spec: CalendarSpec) -> None:
        try:
            self._zone = ZoneInfo(spec.timezone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ConfigError("bad-timezone", f"no time zone {spec.timezone!r}") from error
        try:
            self._holidays = frozenset(date.fromisoformat(day) for day in spec.holidays)
        except ValueError as error:
            raise ConfigError("bad-date", f"holidays: {error}") from error
        for name, windows in spec.schedules.items():
            for window in windows:
                _check(name, window)
        self._schedules = dict(spec.schedules)

    def __contains__(self, schedule: str) -> bool:
        return schedule in self._schedules

    def open(self, schedule: str, wall_ns: int) -> bool:
        """Whether the schedule is open at a wall time (ns since 1970 UTC). KeyError for a schedule that does not exist."""
        windows = self._schedules[schedule]
        try:
            local = datetime.fromtimestamp(wall_ns // NS_PER_S, self._zone)
        except (OverflowError, ValueError, OSError):
            return False  # no date at all: a clock that far off opens nothing
        day = HOLIDAY if local.date() in self._holidays else WEEKDAYS[local.weekday()]
        second = local.hour * 3600 + local.minute * 60 + local.second
        return any(day in window.days and window.start_s <= second < window.end_s for window in windows)


def _check(name: str, window: WindowSpec) -> None:
    if not 0 <= window.start_s < window.end_s <= DAY_S:
        raise ConfigError("bad-window", f"schedule {name}: a window must end after it starts, at 24:00 at the latest")
    if not window.days or not window.days <= {*WEEKDAYS, HOLIDAY}:
        raise ConfigError("bad-window", f"schedule {name}: no days, or unknown ones: {', '.join(sorted(window.days))}")
