"""A rule at work on one device: its condition fed with readings, its alarm told what holds.

Owns: what each kind of condition needs to remember between readings.
Must not know: the alarm's phases (alarm.py), which readings belong to which rule (engine.py).

Old values (quality stale: retained by a broker, age unknown) are the device's last word, so they count for what is a state (a
leak that is still there after the broker came back must not wait for the sensor's next report), and the evidence says
stale. They never count for what is a moment (changed, a button, a rate) nor as a sign of life (missing).
"""

from edgegw.model import Instant, Quality, Reading
from edgegw.profiles.schema import AlarmRule
from edgegw.rules.alarm import Alarm, Evidence
from edgegw.rules.alarm_state import AlarmSpec, AlarmState
from edgegw.rules.condition import RATE_WINDOW_NS, Compiled, Kind, Test, compile_condition, number, same
from edgegw.rules.events import NS_PER_S, Draft

STALE = Quality.STALE

RESUME_GRACE_NS = 30 * NS_PER_S
"""After a link comes back its devices have at least 30 s to speak before their silence counts: a poll plan has to come round."""


class Watch:
    """A rule whose condition is a state: above, below, equals, in. The engine calls `test` itself, it is the hot path.

    Attributes:
        test: None for kinds that need more than the value; then the engine calls `see`.
        reading: the last reading of the point.
        old: the condition came to hold by an old value that no value from now has confirmed yet.
        armed_ns: the timer queue's note.
    """

    __slots__ = ("alarm", "armed_ns", "compiled", "old", "reading", "test")

    def __init__(self, compiled: Compiled, alarm: Alarm) -> None:
        self.compiled = compiled
        self.alarm = alarm
        self.armed_ns: int | None = None
        self.reading: Reading | None = None
        self.old = alarm.holding and alarm.told_quality() == STALE
        self.test: Test | None = compiled.test

    def see(self, reading: Reading, at: Instant, draft: Draft) -> None:
        """Take a reading of the watched point; its value is not None."""
        if self.test is not None:
            holds = self.test(reading.value, self.alarm.holding)
            if holds is not None:
                self.tell(reading, at, draft, holds=holds)

    def tell(self, reading: Reading, at: Instant, draft: Draft, *, holds: bool) -> None:
        """The condition holds now, or does not."""
        self.reading = reading
        self.old = holds and reading.quality is STALE
        self.alarm.see(holds=holds, evidence=self.evidence(), at=at, draft=draft)

    def confirm(self, reading: Reading, at: Instant, draft: Draft | None) -> Draft | None:
        """What an old value told of is so by a value from now: whoever waits for that (a linkage) is told at once."""
        if reading.quality is STALE:
            return draft
        self.old = False
        draft = draft or Draft()
        self.alarm.amend(self.evidence(), at, draft, at_once=True)
        return draft

    def evidence(self) -> Evidence:
        """What was seen, in the words of docs/rules.md."""
        seen: dict[str, object] = {}
        if self.reading is not None:
            reading = self.reading
            seen = {"point": reading.point, "value": reading.value, "unit": reading.unit, "quality": reading.quality}
        seen["condition"] = self.compiled.text
        if self.compiled.threshold is not None:
            seen["threshold"] = self.compiled.threshold
        return seen

    def begin(self, now: Instant, draft: Draft, *, offline: bool | None) -> None:
        """Once at start, with states restored. `offline`: whether the device is, None: unknown."""
        del offline
        self.alarm.amend(None, now, draft)

    def pause(self) -> None:
        """The device's link went down."""

    def resume(self, now: Instant, away_ns: int) -> None:
        """The link is back after that long."""

    def due_ns(self) -> int | None:
        """See timers.Timed."""
        return self.alarm.due_ns()

    def fire(self, now: Instant, draft: Draft) -> None:
        """See timers.Timed."""
        if self.reading is not None:
            self.alarm.evidence = self.evidence()
        self.alarm.fire(now, draft)


class PulseWatch(Watch):
    """A state that is a moment: a button's action. Every reading that matches is one occurrence."""

    __slots__ = ("_matches",)

    def __init__(self, compiled: Compiled, alarm: Alarm) -> None:
        super().__init__(compiled, alarm)
        self._matches, self.test = self.test, None

    def see(self, reading: Reading, at: Instant, draft: Draft) -> None:
        """See Watch.see."""
        if reading.quality is not STALE and self._matches is not None and self._matches(reading.value, False):  # noqa: FBT003 - see Test
            self.reading = reading
            self.alarm.pulse(self.evidence(), at, draft)

    def begin(self, now: Instant, draft: Draft, *, offline: bool | None) -> None:
        """See Watch.begin."""
        self.alarm.rest(now, draft)
        super().begin(now, draft, offline=offline)


class ChangedWatch(PulseWatch):
    """The value differs from the one before; that one is durable, so a change during a restart is not missed."""

    __slots__ = ()

    def see(self, reading: Reading, at: Instant, draft: Draft) -> None:
        """See Watch.see."""
        last = self.alarm.last
        if reading.quality is STALE or (last and same(last[0], reading.value)):
            return
        self.alarm.last = [reading.value]
        if not last:
            self.alarm.remember(reading.value, draft)
            return
        self.reading = reading
        self.alarm.pulse({**self.evidence(), "before": last[0]}, at, draft)


class RateWatch(Watch):
    """The value rises or falls faster than a limit per second, over at least `RATE_WINDOW_NS`."""

    __slots__ = ("_base", "_base_ns")

    def __init__(self, compiled: Compiled, alarm: Alarm) -> None:
        super().__init__(compiled, alarm)
        self._base: float | int | None = None
        self._base_ns = 0

    def see(self, reading: Reading, at: Instant, draft: Draft) -> None:
        """See Watch.see."""
        value = number(reading.value)
        if value is None or reading.quality is STALE:
            return
        base, passed = self._base, at.mono_ns - self._base_ns
        if base is None:
            self._base, self._base_ns = value, at.mono_ns
        elif passed >= RATE_WINDOW_NS:
            self._base, self._base_ns = value, at.mono_ns
            self.tell(reading, at, draft, holds=abs(value - base) * NS_PER_S > self.compiled.rate * passed)


class MissingWatch(Watch):
    """The point has given no value for some time."""

    __slots__ = ("_lost", "_paused", "_seen_ns")

    def __init__(self, compiled: Compiled, alarm: Alarm, now: Instant) -> None:
        super().__init__(compiled, alarm)
        self._seen_ns = now.mono_ns  # a full duration from start: what came before is not known
        self._paused = False
        self._lost = False

    def see(self, reading: Reading, at: Instant, draft: Draft) -> None:
        """See Watch.see."""
        if reading.quality is STALE:
            return
        self._seen_ns = at.mono_ns
        self._lost = False
        self.reading = reading
        if self.alarm.holding:
            self.tell(reading, at, draft, holds=False)

    def evidence(self) -> Evidence:
        """See Watch.evidence. A value that is missed is the last one known, and not from now."""
        seen = super().evidence()
        return {**seen, "quality": STALE} if self._lost and "quality" in seen else seen

    def pause(self) -> None:
        """See Watch.pause."""
        self._paused = True

    def resume(self, now: Instant, away_ns: int) -> None:
        """See Watch.resume."""
        self._paused = False
        self._seen_ns = resumed(self._seen_ns, self.compiled.within_ns, now.mono_ns, away_ns)

    def due_ns(self) -> int | None:
        """See timers.Timed."""
        if self.alarm.holding or self._paused:
            return self.alarm.due_ns()
        silent, own = self._seen_ns + self.compiled.within_ns, self.alarm.due_ns()
        return silent if own is None else min(silent, own)

    def fire(self, now: Instant, draft: Draft) -> None:
        """See timers.Timed."""
        super().fire(now, draft)
        if not self.alarm.holding and not self._paused and self._seen_ns + self.compiled.within_ns <= now.mono_ns:
            self._lost = True
            self.alarm.see(holds=True, evidence=self.evidence(), at=now, draft=draft)


class OfflineWatch(Watch):
    """The device is offline; fed by presence, not by readings."""

    __slots__ = ()

    def presence(self, at: Instant, draft: Draft, *, offline: bool, reason: str) -> None:
        """The device went offline or came back."""
        if offline is not self.alarm.holding:
            self.alarm.see(holds=offline, evidence={**self.evidence(), "reason": reason}, at=at, draft=draft)

    def begin(self, now: Instant, draft: Draft, *, offline: bool | None) -> None:
        """See Watch.begin. The rule may be newer than what is known of the device."""
        super().begin(now, draft, offline=offline)
        if offline is not None:
            self.presence(now, draft, offline=offline, reason="restored")


def make_watch(rule: AlarmRule, spec: AlarmSpec, language: str, stored: AlarmState | None, now: Instant) -> Watch:
    """The watch for a rule, its alarm restored. ProfileError if the condition cannot be used."""
    compiled = compile_condition(rule.when)
    alarm = Alarm(spec, language, stored, now)
    if compiled.kind is Kind.CHANGED:
        return ChangedWatch(compiled, alarm)
    alarm.last = []
    if compiled.kind is Kind.RATE:
        return RateWatch(compiled, alarm)
    if compiled.kind is Kind.MISSING:
        return MissingWatch(compiled, alarm, now)
    if compiled.kind is Kind.OFFLINE:
        return OfflineWatch(compiled, alarm)
    return PulseWatch(compiled, alarm) if rule.momentary else Watch(compiled, alarm)


def resumed(seen_ns: int, within_ns: int, now_ns: int, away_ns: int) -> int:
    """When something was last heard, as if the time its link was down had not passed; with some grace, as nothing could be
    asked yet. All monotonic."""
    shifted = seen_ns + away_ns
    return max(shifted, now_ns - within_ns + min(within_ns, RESUME_GRACE_NS))
