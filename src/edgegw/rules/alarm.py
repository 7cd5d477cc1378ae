"""The alarm state machine: normal, pending, active, clearing; one dedup_key, one durable state.

Owns: when an alarm is raised, updated and cleared, its events, and the state that commits with them.
Must not know: why a condition holds (watch.py asks that), who drives the timers (timers.py).

            holds                        `for` is over → RAISED
  normal ─────────▶ pending ─────────────────────────────────▶ active ◀──────┐
    ▲                  │ gone (silently)                          │ gone     │ holds again (silently, count + 1)
    ├──────────────────┘                                          ▼          │
    └───────────────────────────────────────────────────────── clearing ─────┘
                       `clear_after` is over → CLEARED

A duration of zero takes its step at once. After a restart active stays active and nothing is raised twice; pending and
clearing begin their full duration anew, as monotonic time does not outlive a boot.
"""

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, Raw, UnsetType

from edgegw.model import Instant, Lane, Value
from edgegw.rules.alarm_state import AlarmSpec, AlarmState, AlarmView, Phase
from edgegw.rules.events import (
    ALARM_CLEARED,
    ALARM_KIND,
    ALARM_RAISED,
    ALARM_UPDATED,
    NS_PER_S,
    AlarmData,
    Draft,
    encode,
    occurrence_id,
    utc,
)
from edgegw.rules.wording import fill, shown, shown_unit

UPDATE_EVERY_NS = 60 * NS_PER_S
"""At most one ``alarm.updated`` a minute: an operator reads it; what came between is in `count`."""

Evidence = Mapping[str, object]
"""What was seen, JSON-able; ``value`` and ``unit`` also fill the title."""


class Alarm:
    """One alarm. Not for concurrent use; all times come in as `Instant`s.

    Attributes:
        evidence: what was seen last; whoever sees values without telling `see` each time keeps it current, as raising takes it.
        holding: whether the condition held when last seen; true while pending and active.
        last: for `changed`: the last value as a list of one; saved with the state.
        armed_ns: the timer queue's note (timers.py).
    """

    __slots__ = (
        "_deadline_ns",
        "_language",
        "_raised_mono",
        "_serial",
        "_state",
        "_stored",
        "_told_ns",
        "armed_ns",
        "evidence",
        "holding",
        "last",
        "spec",
    )

    def __init__(self, spec: AlarmSpec, language: str, stored: AlarmState | None, now: Instant) -> None:
        self.spec = spec
        self.armed_ns: int | None = None
        self._language = language
        self._state = stored or AlarmState(phase=Phase.NORMAL, subject=spec.subject)
        self._stored = stored is not None
        self.last = list(self._state.last)
        self._serial = 0
        self._raised_mono: int | None = None
        self._told_ns = now.mono_ns
        self.evidence: Evidence | None = None
        self.holding = self.phase in (Phase.PENDING, Phase.ACTIVE)
        self._deadline_ns: int | None = None
        if self.phase is Phase.PENDING:
            self._deadline_ns = now.mono_ns + spec.hold_ns
        elif self.phase is Phase.CLEARING:
            self._deadline_ns = now.mono_ns + spec.clear_ns

    @property
    def phase(self) -> Phase:
        """Where the alarm is."""
        return self._state.phase

    @property
    def raised(self) -> bool:
        """Whether it is raised and not yet cleared."""
        return self._state.data is not None

    @property
    def data(self) -> AlarmData | None:
        """What its last event said; None unless raised."""
        return self._state.data

    def told_quality(self) -> object:
        """The quality of the value in the evidence told last; None if it is not raised or there is no value."""
        data = self._state.data
        evidence = None if data is None else msgspec.json.decode(data.evidence)
        return evidence.get("quality") if isinstance(evidence, dict) else None

    def due_ns(self) -> int | None:
        """When time alone will change something, monotonic; None: not before something is seen."""
        return self._deadline_ns

    def see(self, *, holds: bool, evidence: Evidence, at: Instant, draft: Draft) -> None:
        """Tell the alarm whether its condition holds now."""
        self.fire(at, draft)
        if holds is self.holding:
            if holds:
                self.evidence = evidence
            return
        self.holding = holds
        phase = self.phase
        if phase is Phase.NORMAL:
            self.evidence = evidence
            if self.spec.hold_ns:
                self._deadline_ns = at.mono_ns + self.spec.hold_ns
                self._enter(Phase.PENDING, at, draft, evidence=Raw(encode({**evidence, "since": utc(at.wall_ns)})))
            else:
                self._raise(at, draft, since=utc(at.wall_ns))
        elif phase is Phase.PENDING:
            self._deadline_ns = None
            self._enter(Phase.NORMAL, at, draft)
        elif phase is Phase.ACTIVE:
            self._recover(Raw(encode(evidence)), at, draft)
        else:
            self._deadline_ns = None
            self._count(at, draft, evidence, tell=False)
            self._enter(Phase.ACTIVE, at, draft)

    def pulse(self, evidence: Evidence, at: Instant, draft: Draft) -> None:
        """The condition held for a moment (changed, a button): raised at once, cleared `clear_after` the last one."""
        self.fire(at, draft)
        self._deadline_ns = None
        self.evidence = evidence
        if self.phase in (Phase.NORMAL, Phase.PENDING):
            self._raise(at, draft, since=utc(at.wall_ns))
        else:
            self._count(at, draft, evidence, tell=True)
        self.holding = False
        self._recover(UNSET, at, draft)

    def rest(self, now: Instant, draft: Draft) -> None:
        """Leave phases in which a momentary condition cannot be; it may have been another one before the restart."""
        self.holding = False
        if self.phase is Phase.PENDING:
            self._deadline_ns = None
            self._enter(Phase.NORMAL, now, draft)
        elif self.phase is Phase.ACTIVE:
            self._recover(UNSET, now, draft)

    def fire(self, now: Instant, draft: Draft) -> None:
        """Take the step whose time has come, if any."""
        if self._deadline_ns is None or self._deadline_ns > now.mono_ns:
            return
        self._deadline_ns = None
        if self.phase is Phase.PENDING:
            self._raise(now, draft, since=None)
        elif self.phase is Phase.CLEARING:
            self._clear("recovered", now, draft)

    def amend(self, evidence: Evidence | None, at: Instant, draft: Draft, *, at_once: bool = False) -> None:
        """Tell upstream, if raised, that the priority, category or the evidence is not what it was; new evidence at most once
        a minute unless `at_once`."""
        data = self._state.data
        if data is None:
            return
        spec = self.spec
        moved = (data.priority, data.category) != (spec.priority, spec.category)
        seen = self._merged(data.evidence, evidence or {})
        due = at_once or at.mono_ns - self._told_ns >= UPDATE_EVERY_NS
        fresh = bytes(seen) != bytes(data.evidence) and due
        if not moved and not fresh:
            return
        data = msgspec.structs.replace(data, priority=spec.priority, category=spec.category)
        self._state.data = msgspec.structs.replace(data, evidence=seen) if fresh else data
        self._tell(ALARM_UPDATED, at, draft)
        self._save(draft)

    def remove(self, now: Instant, draft: Draft) -> None:
        """The rule is gone: clear the alarm if it is raised, and forget it."""
        self._deadline_ns = None
        self.last = []
        self.holding = False
        if self.raised:
            self._clear("rule-removed", now, draft)
        else:
            self._enter(Phase.NORMAL, now, draft)

    def remember(self, value: Value, draft: Draft) -> None:
        """Keep the value a `changed` condition compares with."""
        self.last = [value]
        self._save(draft)

    def view(self) -> AlarmView | None:
        """For onlookers; None unless raised."""
        state = self._state
        data = state.data
        if data is None:
            return None
        return AlarmView(
            dedup_key=self.spec.dedup_key,
            rule=data.rule,
            subject=state.subject,
            phase=state.phase,
            title=data.title,
            priority=data.priority,
            category=data.category,
            raised_ns=state.raised_ns,
            count=data.count,
        )

    # --- the steps ----------------------------------------------------------------------------------------------------

    def _raise(self, at: Instant, draft: Draft, *, since: str | None) -> None:
        spec, state = self.spec, self._state
        self._serial += 1
        self._raised_mono = at.mono_ns
        seen = self._pending_evidence() if since is None else dict(self.evidence or {}) | {"since": since}
        if spec.hold_ns:
            seen["for_s"] = spec.hold_ns / NS_PER_S
        state.raised_ns, state.raised_synced = at.wall_ns, at.synced
        state.data = AlarmData(
            dedup_key=spec.dedup_key,
            alarm_id=occurrence_id(spec.dedup_key, at, self._serial),
            rule=spec.rule,
            state="active",
            title=self._title(seen),
            category=spec.category,
            priority=spec.priority,
            device=spec.device,
            location=spec.location,
            evidence=Raw(encode(seen)),
            count=1,
            raised_at=utc(at.wall_ns),
            clock_unsynced=UNSET if at.synced else True,
        )
        self.holding = True
        self._tell(ALARM_RAISED, at, draft)
        self._enter(Phase.ACTIVE, at, draft)

    def _pending_evidence(self) -> dict[str, object]:
        """The latest that was seen while pending, with the moment it began; after a restart what was stored."""
        stored: dict[str, object] = {}
        if self._state.evidence is not UNSET:
            stored = msgspec.json.decode(self._state.evidence)
        return stored | dict(self.evidence or {})

    @staticmethod
    def _merged(told: Raw, evidence: Evidence) -> Raw:
        """What is known now over what was told before, in the same order, so that equal evidence is equal bytes."""
        before: dict[str, object] = msgspec.json.decode(told)
        return Raw(encode({**before, **evidence}))

    def _recover(self, recovery: Raw | UnsetType, at: Instant, draft: Draft) -> None:
        assert self._state.data is not None  # noqa: S101 - active and clearing have data; for the type checker
        self._state.data = msgspec.structs.replace(self._state.data, recovery=recovery)
        if self.spec.clear_ns:
            self._deadline_ns = at.mono_ns + self.spec.clear_ns
            self._enter(Phase.CLEARING, at, draft)
        else:
            self._clear("recovered", at, draft)

    def _clear(self, reason: str, at: Instant, draft: Draft) -> None:
        state = self._state
        assert state.data is not None  # noqa: S101 - as above
        duration: float | UnsetType = UNSET
        if self._raised_mono is not None:
            duration = (at.mono_ns - self._raised_mono) / NS_PER_S
        elif state.raised_synced and at.synced and at.wall_ns >= state.raised_ns:
            duration = (at.wall_ns - state.raised_ns) / NS_PER_S
        state.data = msgspec.structs.replace(
            state.data,
            state="cleared",
            cleared_at=utc(at.wall_ns),
            duration_s=duration if duration is UNSET else round(duration, 3),
            reason=reason,
        )
        self._tell(ALARM_CLEARED, at, draft)
        state.data = None
        self._raised_mono = None
        self._enter(Phase.NORMAL, at, draft)

    def _count(self, at: Instant, draft: Draft, evidence: Evidence, *, tell: bool) -> None:
        state = self._state
        assert state.data is not None  # noqa: S101 - as above
        state.data = msgspec.structs.replace(state.data, count=state.data.count + 1, recovery=UNSET)
        if tell and at.mono_ns - self._told_ns >= UPDATE_EVERY_NS:
            state.data = msgspec.structs.replace(state.data, evidence=self._merged(state.data.evidence, evidence))
            self._tell(ALARM_UPDATED, at, draft)

    def _tell(self, kind: str, at: Instant, draft: Draft) -> None:
        self._told_ns = at.mono_ns
        draft.event(kind, Lane.ALARM, self._state.subject, at, encode(self._state.data))

    def _title(self, seen: Evidence) -> str:
        spec, language = self.spec, self._language
        where = "" if spec.location is UNSET else spec.location.text
        value, unit = shown(seen.get("value"), language), shown_unit(seen.get("unit"), language)
        return fill(
            spec.title.of(language), {"device": spec.owner, "location": where, "value": value, "unit": unit}
        ).strip()

    def _enter(self, phase: Phase, at: Instant, draft: Draft, evidence: Raw | UnsetType = UNSET) -> None:
        self._state.phase = phase
        self._state.since_ns = at.wall_ns
        self._state.evidence = evidence
        self._save(draft)

    def _save(self, draft: Draft) -> None:
        if self.phase is Phase.NORMAL and not self.last:
            if self._stored:
                self._stored = False
                draft.state(ALARM_KIND, self.spec.dedup_key, None)
            return
        self._stored = True
        self._state.last = self.last
        draft.state(ALARM_KIND, self.spec.dedup_key, encode(self._state))
