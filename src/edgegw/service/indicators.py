"""Counting what reports are made of, day by day, while the gateway runs.

Owns: which day something counts to, what is counted now and not yet stored, how long rows are kept.
Must not know: the shapes of rows (indicators_rows), what is good or bad (indicators_figures).

A day is the local date of the gateway's time zone. Durations come from the monotonic clock alone. What happens while the wall
clock is not trusted is kept apart by the hour; as soon as the clock is known, each such hour goes to the day in which it began.
What was stored before that could happen (a restart) stays under ``unsynced``, and the report says so.

Everything is bounded: keys per row (`DEVICES_MOST` …; what is beyond counts under ``*``), days kept, days in memory, hours
without a date. A kill loses at most what was counted since the last `flush`: a minute, ten for what changes all the time.
"""

from collections.abc import Collection, Mapping
from datetime import date, datetime, timedelta
from math import isfinite
from zoneinfo import ZoneInfo

from edgegw.model import NOTHING, Changes, Instant, StateChange
from edgegw.service.indicators_rows import (
    INDICATOR_KIND,
    LATE_S,
    NAMES,
    OTHERS,
    PATHS,
    UNSYNCED,
    Day,
    Meter,
    Online,
    Rounds,
    Slow,
    Spread,
    decode,
    encode,
)
from edgegw.service.specs import NS_PER_S

KEEP_DAYS = 400
"""A year, and its last month to compare with."""

FLUSH_S = 60
"""Pause between writes of what happened."""

SLOW_FLUSH_S = 600
"""Pause between writes of what changes all the time (online seconds, meters' hours): flash has limited write cycles."""

HELD_DAYS = 3
"""Days in memory: today, and what a clock that is set back a little needs. A day that is stored and not in memory is not added to
any more; what would belong there goes to ``unsynced``."""

HOURS_MOST = 48
"""Hours without a date that are kept apart; the oldest beyond that stay ``unsynced``."""

DEVICES_MOST = 5_000
KEYS_MOST = 1_000
PLANS_MOST = 200

_ALWAYS = frozenset({"online", "meters"})
_NS_PER_H = 3600 * NS_PER_S


class _Hour:
    """An hour of the monotonic clock whose date is not known. `began_ns`: the first moment that was counted."""

    __slots__ = ("began_ns", "day", "read")

    def __init__(self, began_ns: int) -> None:
        self.began_ns = began_ns
        self.day = Day()
        self.read: set[str] = set()


class Indicators:
    """One per gateway; every method but `flush` and `begin` is O(1) and decides nothing.

    Args:
        zone: the gateway's.
        meters: the devices whose readings have to be complete, and how many seconds at most may lie between two.
        keep: days kept.
    """

    def __init__(self, zone: ZoneInfo, *, meters: Mapping[str, float], keep: int = KEEP_DAYS) -> None:
        self._zone = zone
        self._meters = meters
        self._keep = keep
        self._held: dict[str, Day] = {}
        self._stored: dict[str, set[str]] = {}
        """Which rows each date has."""
        self._dirty: set[tuple[str, str]] = set()
        self._hours: dict[int, _Hour] = {}
        self._online: dict[str, tuple[bool, int]] = {}
        """Device → whether it is online, and from when (monotonic) that is not yet counted."""
        self._earlier: frozenset[str] = frozenset()
        """Meters that were expected on an earlier day: they are expected from midnight on."""
        self._today = ("", 0, 0)
        self._flushed_ns: int | None = None
        self._flushed_all_ns: int | None = None

    def begin(self, states: Mapping[str, bytes], now: Instant) -> None:
        """Go on where the stored rows end (`store.states(INDICATOR_KIND)`). Nothing is counted before this."""
        for key in states:
            day, _, name = key.partition("/")
            self._stored.setdefault(day, set()).add(name)
        dates = sorted(day for day in self._stored if day != UNSYNCED)
        wanted = {*dates[-HELD_DAYS:], UNSYNCED}
        if now.synced:
            today = date.fromisoformat(self._date(now.wall_ns)[0])
            wanted |= {(today + timedelta(step)).isoformat() for step in (-1, 0)}
        self._held = decode({key: states[key] for key in states if key.partition("/")[0] in wanted})
        if dates:
            self._earlier = frozenset(self._held.get(dates[-1], Day()).meters.devices)

    # --- what happens -------------------------------------------------------------------------------------------------

    def responded(self, path: str, seconds: float, at: Instant) -> None:
        """A response was timed: ``door``, ``command``, ``event`` (all but telemetry) and ``alarm`` (the alarms among events)."""
        if path in PATHS and isfinite(seconds):
            self._day(at, "response").response.setdefault(path, Spread()).add(max(seconds, 0.0))

    def slow(self, device: str, seconds: float, at: Instant) -> None:
        """A device answered a command after so long (or its deadline passed)."""
        if isfinite(seconds):
            kept = self._day(at, "slow").slow
            seconds = max(seconds, 0.0)
            kept.setdefault(_room(kept, device, DEVICES_MOST), Slow()).add(
                Slow(1, round(seconds, 3), round(seconds, 3), int(seconds > LATE_S))
            )

    def presence(self, device: str, online: bool | None, at: Instant) -> None:  # noqa: FBT001 - three states, as events tell them
        """A device is online, offline, or nobody knows (None), from now on. Told for every device at start, then on change."""
        if (before := self._online.pop(device, None)) is not None:
            self._elapsed(device, before, at)
        if online is not None and len(self._online) < DEVICES_MOST:
            self._online[device] = (online, at.mono_ns)

    def reading(self, device: str, at: Instant) -> None:
        """A device told values; of interest only if it is one of the meters."""
        if device not in self._meters:
            return
        if not at.synced:
            self._hour(at).read.add(device)
            return
        day, begin_ns, _ = self._at(at)
        if day == UNSYNCED:
            return
        hour = (at.wall_ns - begin_ns) // _NS_PER_H
        meter = self._day(at, "meters").meters.devices.setdefault(device, Meter(hour + 1, self._meters[device]))
        meter.hours |= 1 << hour

    def alarm(self, dedup_key: str, raised: bool, at: Instant) -> None:  # noqa: FBT001 - as events tell it
        """An alarm was raised or cleared; raisings are counted."""
        if raised:
            kept = self._day(at, "alarms").alarms
            key = _room(kept, dedup_key, KEYS_MOST)
            kept[key] = kept.get(key, 0) + 1

    def patrol(self, plan: str, *, planned: int, on_time: int, late: int, missed: int, at: Instant) -> None:
        """A patrol ended: how many points were planned, visited on time, visited late, missed."""
        kept = self._day(at, "patrol").patrol
        kept.setdefault(_room(kept, plan, PLANS_MOST), Rounds()).add(Rounds(planned, on_time, late, missed))

    def rated(self, score: int, at: Instant) -> None:
        """Somebody gave 1 (worst) to 5 (best)."""
        if 1 <= score <= 5:
            kept = self._day(at, "ratings").ratings
            kept[str(score)] = kept.get(str(score), 0) + 1

    # --- what is kept -------------------------------------------------------------------------------------------------

    def flush(self, now: Instant, *, final: bool = False) -> Changes:
        """What changed since the last flush, as states; nothing where that is less than a minute ago.

        Args:
            final: everything, at once: the gateway stops.
        """
        if not final and self._flushed_ns is not None and now.mono_ns - self._flushed_ns < FLUSH_S * NS_PER_S:
            return NOTHING
        everything = (
            final or self._flushed_all_ns is None or now.mono_ns - self._flushed_all_ns >= SLOW_FLUSH_S * NS_PER_S
        )
        self._flushed_ns = now.mono_ns
        for device, before in self._online.items():
            self._elapsed(device, before, now)
            self._online[device] = (before[0], now.mono_ns)
        today = self._roll(now)
        states = []
        for day, name in sorted(self._dirty):
            if name in _ALWAYS and day in {today, UNSYNCED} and not everything:
                continue
            self._dirty.discard((day, name))
            if (row := self._row(day, name)) is not None:
                states.append(row)
        if everything:
            self._flushed_all_ns = now.mono_ns
        states += self._forget()
        return Changes(states=tuple(states)) if states else NOTHING

    def _roll(self, now: Instant) -> str:
        """Today's date; its row of meters is there and says how far the day is."""
        if not now.synced:
            return UNSYNCED
        if self._hours:
            self._settle(now)
        day, begin_ns, _ = self._at(now)
        if day != UNSYNCED and self._meters:
            hour = (now.wall_ns - begin_ns) // _NS_PER_H
            meters = self._day(now, "meters").meters
            meters.upto = max(meters.upto, hour + 1)
            for gone in meters.devices.keys() - self._meters.keys():
                del meters.devices[gone]
            for device, every_s in self._meters.items():
                if device not in meters.devices:
                    meters.devices[device] = Meter(hour + 1, every_s)
            self._earlier = frozenset(self._meters)
        return day

    def _row(self, day: str, name: str) -> StateChange | None:
        value = self._held.get(day, Day())
        names = self._stored.setdefault(day, set())
        if day == UNSYNCED:
            whole = Day()
            for part in (value, *(hour.day for hour in self._hours.values())):
                whole.merge(part)
            value = whole
            if not getattr(value, name):
                if name not in names:
                    return None
                names.discard(name)
                return StateChange(INDICATOR_KIND, f"{day}/{name}", None)
        names.add(name)
        return StateChange(INDICATOR_KIND, f"{day}/{name}", encode(value, name))

    def _forget(self) -> list[StateChange]:
        """Delete the oldest days beyond `keep`, by number and not by date: a clock that is years ahead for a moment must not
        wipe out what is there. Let go of days that are written and long past."""
        dates = sorted(day for day in self._stored if day != UNSYNCED)
        gone = [
            StateChange(INDICATOR_KIND, f"{day}/{name}", None)
            for day in dates[: -self._keep]
            for name in sorted(self._stored.pop(day))
        ]
        unwritten = {day for day, _ in self._dirty}
        for day in sorted(self._held.keys() - {UNSYNCED, self._today[0]})[:-HELD_DAYS]:
            if day not in unwritten:
                del self._held[day]
        return gone

    # --- which day ----------------------------------------------------------------------------------------------------

    def _day(self, at: Instant, name: str) -> Day:
        """The day's counters, to be changed at this name."""
        if not at.synced:
            self._dirty.add((UNSYNCED, name))
            return self._hour(at).day
        if self._hours:
            self._settle(at)
        day = self._at(at)[0]
        self._dirty.add((day, name))
        return self._held.get(day) or self._new(day, at)

    def _at(self, at: Instant) -> tuple[str, int, int]:
        """The date of a trusted instant, and where that day begins and ends; `UNSYNCED` where that day is closed."""
        found = self._today
        if not found[1] <= at.wall_ns < found[2]:
            found = self._date(at.wall_ns)
            if found[0] in self._stored and found[0] not in self._held:
                return UNSYNCED, found[1], found[2]
            self._today = found
        return found

    def _date(self, wall_ns: int) -> tuple[str, int, int]:
        day = datetime.fromtimestamp(wall_ns // NS_PER_S, self._zone).date()
        begin, end = (
            int(datetime(one.year, one.month, one.day, tzinfo=self._zone).timestamp()) * NS_PER_S
            for one in (day, day + timedelta(1))
        )
        return day.isoformat(), begin, end

    def _new(self, day: str, at: Instant) -> Day:
        made = self._held[day] = Day()
        if day == UNSYNCED:
            return made
        _, begin_ns, _ = self._at(at)
        first = (at.wall_ns - begin_ns) // _NS_PER_H + 1
        made.meters.devices = {
            device: Meter(0 if device in self._earlier else first, every_s) for device, every_s in self._meters.items()
        }
        self._earlier = frozenset(self._meters)
        if self._meters:
            self._dirty.add((day, "meters"))
        return made

    def _hour(self, at: Instant) -> _Hour:
        number = at.mono_ns // _NS_PER_H
        found = self._hours.get(number)
        if found is None:
            found = self._hours[number] = _Hour(at.mono_ns)
            if len(self._hours) > HOURS_MOST:
                self._held.setdefault(UNSYNCED, Day()).merge(self._hours.pop(min(self._hours)).day)
        return found

    def _settle(self, at: Instant) -> None:
        """The clock is known: what had no date has one."""
        hours, self._hours = self._hours, {}
        for hour in hours.values():
            then = Instant(at.wall_ns - (at.mono_ns - hour.began_ns), hour.began_ns)
            for name in NAMES:
                if name != "meters" and getattr(hour.day, name):
                    self._day(then, name).merge(_only(hour.day, name))
            for device in hour.read:
                self.reading(device, then)
        if UNSYNCED in self._stored or UNSYNCED in self._held:
            self._dirty |= {(UNSYNCED, name) for name in NAMES if name != "meters"}

    def _elapsed(self, device: str, before: tuple[bool, int], at: Instant) -> None:
        """Count the time a device was online or offline until now, to the days in which it passed."""
        online, since_ns = before
        left_ns, then = at.mono_ns - since_ns, at
        while left_ns > 0:
            part_ns = left_ns
            if then.synced:
                begin_ns = self._at(then)[1]
                # An instant at midnight ends the day before.
                begin_ns = begin_ns if begin_ns < then.wall_ns else self._date(then.wall_ns - 1)[1]
                part_ns = min(left_ns, then.wall_ns - begin_ns)
            within = Instant(then.wall_ns - part_ns, then.mono_ns - part_ns, then.synced)
            seconds = part_ns / NS_PER_S
            kept = self._day(within, "online").online
            kept.setdefault(_room(kept, device, DEVICES_MOST), Online()).add(
                Online(seconds if online else 0.0, seconds)
            )
            left_ns -= part_ns
            then = within


def _only(day: Day, name: str) -> Day:
    part = Day()
    setattr(part, name, getattr(day, name))
    return part


def _room(kept: Collection[str], key: str, most: int) -> str:
    """The key under which it is counted: itself, or `OTHERS` where the row is full."""
    return key if key in kept or len(kept) < most else OTHERS
