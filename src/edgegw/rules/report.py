"""Which readings become records: on change, deadband, minimum and maximum interval together.

Owns: the reporting policy per point, and the quality ``unchanged`` of polled values.
Must not know: alarms (they see every reading), how records are stored.

A reading that changed enough but came before `min_interval` was over is kept, with its own time, and reported when the
interval is over unless a newer one replaced it: the last word of a quick series is never lost. `max_interval` is looked
at when a reading comes; nothing old is ever sent with a new time.
"""

from collections.abc import Mapping

from edgegw.model import Instant, Quality, Reading, Value
from edgegw.profiles.schema import Report
from edgegw.rules.condition import number, same
from edgegw.rules.events import NS_PER_S

EVERYTHING = Report()


class _Point:
    """The policy and memory of one point."""

    __slots__ = ("_deadband", "_max_ns", "_on_change", "_told", "_told_ns", "before", "kept", "kept_at", "min_ns")

    def __init__(self, policy: Report) -> None:
        self._on_change = policy.on_change or policy.deadband > 0
        self._deadband = policy.deadband
        self._max_ns = None if policy.max_interval is None else round(policy.max_interval * NS_PER_S)
        self.min_ns = round(policy.min_interval * NS_PER_S)
        self._told: Value = None
        self._told_ns: int | None = None
        self.before: Reading | None = None
        self.kept: Reading | None = None
        self.kept_at: Instant | None = None

    def wanted(self, reading: Reading, at: Instant) -> bool:
        """Whether to report it now; keeps it for later if only `min_interval` stands against it."""
        if self._told_ns is not None:
            passed = at.mono_ns - self._told_ns
            if self._max_ns is None or passed < self._max_ns:
                if not self._changed(reading.value):
                    self.kept = None
                    return False
                if passed < self.min_ns:
                    self.kept, self.kept_at = reading, at
                    return False
        self.told(reading, at.mono_ns)
        return True

    def told(self, reading: Reading, now_ns: int) -> None:
        """It is being reported."""
        self._told, self._told_ns, self.kept = reading.value, now_ns, None

    def due_ns(self) -> int | None:
        """When the kept reading may be reported."""
        return None if self.kept is None or self._told_ns is None else self._told_ns + self.min_ns

    def _changed(self, value: Value) -> bool:
        if not self._on_change:
            return True
        if same(value, self._told):
            return False
        one, other = number(value), number(self._told)
        return one is None or other is None or abs(one - other) >= self._deadband


class Reporter:
    """The policies of one device's points. `polled`: its readings are answers to our own questions."""

    __slots__ = ("_default", "_kept", "_overrides", "_points", "_polled")

    def __init__(self, default: Report, overrides: Mapping[str, Report], *, polled: bool) -> None:
        self._default = default
        self._overrides = overrides
        self._polled = polled
        self._points: dict[str, _Point] = {}
        self._kept: dict[
            str, _Point
        ] = {}  # those whose `kept` waits; a few, so that nothing else is searched for timers

    def select(self, readings: tuple[Reading, ...], at: Instant) -> tuple[Reading, ...]:
        """The readings to report now, those of a polled device marked unchanged where they are."""
        chosen = []
        for reading in readings:
            point = self._points.get(reading.point)
            if point is None:  # bounded by the profile's points
                point = self._points[reading.point] = _Point(self._overrides.get(reading.point, self._default))
            shown = reading
            if self._polled and reading.quality is Quality.FRESH:
                if point.before is not None and same(point.before.value, reading.value):
                    shown = Reading(reading.point, reading.value, reading.unit, Quality.UNCHANGED)
                point.before = reading
            if point.wanted(shown, at):
                chosen.append(shown)
            elif point.kept is not None:
                self._kept[reading.point] = point
        return tuple(chosen)

    def due_ns(self) -> int | None:
        """When a kept reading may be reported, monotonic."""
        if not self._kept:
            return None
        return min((due for point in self._kept.values() if (due := point.due_ns()) is not None), default=None)

    def due(self, now: Instant) -> list[tuple[Instant, tuple[Reading, ...]]]:
        """The kept readings that may be reported now, by the moment they came."""
        found: dict[Instant, list[Reading]] = {}
        for name, point in list(self._kept.items()):
            due = point.due_ns()
            if due is not None and due <= now.mono_ns and point.kept is not None and point.kept_at is not None:
                found.setdefault(point.kept_at, []).append(point.kept)
                point.told(point.kept, now.mono_ns)
            if point.kept is None:
                del self._kept[name]
        return [(at, tuple(readings)) for at, readings in sorted(found.items(), key=lambda item: item[0].mono_ns)]


def make_reporter(default: Report, overrides: Mapping[str, Report], *, polled: bool) -> Reporter | None:
    """A reporter, or None where everything is reported as it is (the fast path)."""
    plain = all(policy == EVERYTHING for policy in (default, *overrides.values()))
    return None if plain and not polled else Reporter(default, overrides, polled=polled)
