"""Linkages: alarms that command. When one starts, and what is told of it.

Owns: which linkage an alarm concerns, the rule "once, and again only after all its alarms were clear", the events and the durable
state of runs. Must not know: how an action is carried out (the shell is handed `Trigger`s), when alarms are raised (engine.py).

  all clear ──an alarm is raised──▶ started: Trigger, edgegw.linkage.started ──last alarm cleared──▶ all clear
                                       │ another alarm is raised: nothing

A run's end (`completed`) is apart from that: it may come before or after the alarms are cleared. Starting up never starts a
linkage, whatever alarms are active then; runs that a restart overtook are told as ``unknown``, never begun again.
"""

from collections.abc import Collection, Iterable, Mapping

import msgspec
from msgspec import UNSET, Struct

from edgegw.model import NOTHING, Changes, Event, Instant, Lane, OutcomeStatus, Quality
from edgegw.rules.events import (
    ALARM_CLEARED,
    ALARM_RAISED,
    ALARM_UPDATED,
    NS_PER_S,
    Draft,
    encode,
    occurrence_id,
    utc,
)
from edgegw.rules.linkage_state import (
    LINKAGE_COMPLETED,
    LINKAGE_KIND,
    LINKAGE_STARTED,
    NO_REPORT,
    RESTART,
    ActionResult,
    ActionTold,
    Cause,
    CompletedData,
    LinkageSpec,
    LinkageState,
    StartedData,
    StoredRun,
    Trigger,
    decode_state,
)

__all__ = ["ActionResult", "LinkageSpec", "Linkages", "Linked", "Trigger"]

MOST_RUNS = 4
"""Runs of one linkage under way at once. A run lasts 5 s at most, so only an alarm that flutters comes here; a start beyond
joins the runs under way, which do the same."""

GRACE_NS = NS_PER_S
"""A run without a report this long after its last deadline does not count as under way any more."""


class Linked(Struct, frozen=True):
    """What an alarm brought about: `changes` to commit, and what to do."""

    triggers: tuple[Trigger, ...] = ()
    changes: Changes = NOTHING


NOT_LINKED = Linked()


class _Seen(Struct):
    """What is used of an alarm event's evidence."""

    quality: str = ""


class _Alarm(Struct):
    """What is used of an alarm event's data."""

    rule: str
    alarm_id: str = ""
    evidence: _Seen = msgspec.field(default_factory=_Seen)


_decode_alarm = msgspec.json.Decoder(_Alarm).decode


class _Run(Struct, frozen=True):
    stored: StoredRun
    over_ns: int


class _Linkage:
    """One linkage at work."""

    __slots__ = ("active", "runs", "spec", "started", "stored")

    def __init__(self, spec: LinkageSpec, state: LinkageState | None) -> None:
        known = {(watched.device, watched.alarm) for watched in spec.when}
        self.spec = spec
        self.stored = state is not None
        self.active = set(state.active) & known if state else set()
        # Started if anything is active that is not known to be only old news: starting up never starts a linkage.
        self.started = bool(self.active) and (state is None or state.started)
        self.runs: dict[str, _Run] = {}

    def settle(self, raised: Collection[tuple[str, str]]) -> bool:
        """Take the alarms' own word for which of them are raised. Returns whether that is news."""
        known = {(watched.device, watched.alarm) for watched in self.spec.when}
        now = known & set(raised)
        before = (self.active, self.started)
        self.started = bool(now) and (self.started or bool(now - self.active))
        self.active = now
        return before != (self.active, self.started)

    def save(self, draft: Draft) -> None:
        """Keep what is to outlive a restart."""
        if not self.active and not self.runs:
            if self.stored:
                self.stored = False
                draft.state(LINKAGE_KIND, self.spec.name, None)
            return
        self.stored = True
        state = LinkageState(tuple(sorted(self.active)), self.started, tuple(run.stored for run in self.runs.values()))
        draft.state(LINKAGE_KIND, self.spec.name, encode(state))


class Linkages:
    """All linkages of a gateway. Not for concurrent use; call `begin` once before anything else.

    Args:
        gateway: its id; runs' ids are made from it.
        specs: all linkages of the site.
        states: durable states by name, as the store kept them; an unreadable one is forgotten.
    """

    def __init__(self, gateway: str, specs: Iterable[LinkageSpec], states: Mapping[str, bytes]) -> None:
        self._gateway = gateway
        self._serial = 0
        self._left: dict[str, tuple[StoredRun, ...]] = {}
        self._gone: list[str] = []
        stored: dict[str, LinkageState] = {}
        for name, value in states.items():
            try:
                stored[name] = decode_state(value)
            except msgspec.DecodeError:
                self._gone.append(name)
        self._linkages = {spec.name: _Linkage(spec, stored.get(spec.name)) for spec in specs}
        self._by_alarm: dict[tuple[str, str], list[_Linkage]] = {}
        self._by_value: dict[tuple[str, str], bool] = {}
        for linkage in self._linkages.values():
            for watched in linkage.spec.when:
                key = (watched.device, watched.alarm)
                self._by_value[key] = watched.by_value
                members = self._by_alarm.setdefault(key, [])
                if linkage not in members:
                    members.append(linkage)
        self._devices = frozenset(device for device, _ in self._by_alarm)
        for name, state in stored.items():
            self._left[name] = state.runs
            if name not in self._linkages:
                self._gone.append(name)

    def begin(self, raised: Collection[tuple[str, str]], now: Instant) -> Changes:
        """Once at start: tell of the runs that a restart overtook, and forget linkages that are no longer in the site.

        Args:
            raised: the alarms that are active now, as (device, rule). What the linkages remember gives way to it: a crash
                between two commits must not leave a linkage waiting for an alarm to clear that is long clear.
        """
        draft = Draft()
        for name in self._gone:
            draft.state(LINKAGE_KIND, name, None)
        for name, runs in self._left.items():
            for run in runs:
                _tell_completed(name, run, (), now, draft, otherwise=RESTART)
        for name, linkage in self._linkages.items():
            if linkage.settle(raised) or self._left.get(name):
                linkage.save(draft)
        self._left.clear()
        self._gone.clear()
        return draft.changes()

    def take(self, event: Event) -> Linked:
        """An alarm event as the engine decided it; events that concern no linkage cost next to nothing.

        Alarms that rest on an old value (kept by a broker, age unknown) start nothing until a value from now confirms them.
        """
        if event.subject not in self._devices or event.type not in (ALARM_RAISED, ALARM_UPDATED, ALARM_CLEARED):
            return NOT_LINKED
        data = _decode_alarm(event.data)
        key = (event.subject, data.rule)
        members = self._by_alarm.get(key)
        if members is None:
            return NOT_LINKED
        if event.type == ALARM_UPDATED and not any(key in linkage.active for linkage in members):
            return NOT_LINKED
        return self.alarm(
            event.subject,
            data.rule,
            event.at,
            raised=event.type != ALARM_CLEARED,
            fresh=data.evidence.quality != Quality.STALE or not self._by_value[key],
            alarm_id=data.alarm_id,
        )

    def alarm(
        self, device: str, rule: str, now: Instant, *, raised: bool, fresh: bool = True, alarm_id: str = ""
    ) -> Linked:
        """An alarm was raised or cleared.

        Args:
            fresh: false if it rests on an old value; then nothing is started, and a later call with a fresh one may.
            alarm_id: the occurrence, for the events.

        Returns:
            linkages that start, each once until all its alarms were cleared; the changes belong in one commit.
        """
        key = (device, rule)
        members = self._by_alarm.get(key)
        if members is None:
            return NOT_LINKED
        draft = Draft()
        triggers = []
        for linkage in members:
            if raised:
                news = key not in linkage.active
                linkage.active.add(key)
                if fresh and not linkage.started:
                    linkage.started = news = True
                    trigger = self._start(linkage, Cause(device, rule, alarm_id), now, draft)
                    if trigger is not None:
                        triggers.append(trigger)
            else:
                news = key in linkage.active
                linkage.active.discard(key)
                linkage.started = linkage.started and bool(linkage.active)
            if news:
                linkage.save(draft)
        return Linked(tuple(triggers), draft.changes())

    def completed(self, trigger: Trigger, results: Iterable[ActionResult], now: Instant) -> Changes:
        """All actions of a run have their outcomes (those without one are told as unknown). A second report changes nothing."""
        linkage = self._linkages.get(trigger.linkage)
        run = linkage.runs.pop(trigger.run_id, None) if linkage is not None else None
        if linkage is None or run is None:
            return NOTHING
        draft = Draft()
        _tell_completed(linkage.spec.name, run.stored, results, now, draft)
        linkage.save(draft)
        return draft.changes()

    def _start(self, linkage: _Linkage, cause: Cause, now: Instant, draft: Draft) -> Trigger | None:
        spec = linkage.spec
        for run_id, run in list(linkage.runs.items()):
            if run.over_ns <= now.mono_ns:
                del linkage.runs[run_id]
                _tell_completed(spec.name, run.stored, (), now, draft)
        if len(linkage.runs) >= MOST_RUNS:
            return None
        self._serial += 1
        run_id = occurrence_id(f"{self._gateway}/{LINKAGE_KIND}/{spec.name}", now, self._serial)
        stored = StoredRun(run_id, spec.title, cause, spec.actions)
        longest = max((action.deadline_s for action in spec.actions), default=0.0)
        linkage.runs[run_id] = _Run(stored, now.mono_ns + round(longest * NS_PER_S) + GRACE_NS)
        data = StartedData(
            linkage=spec.name, title=spec.title, run_id=run_id, at=utc(now.wall_ns), cause=cause, actions=spec.actions
        )
        draft.event(LINKAGE_STARTED, Lane.ALARM, subject(spec.name), now, encode(data))
        return Trigger(spec.name, run_id, spec.actions, cause)


def subject(linkage: str) -> str:
    """The subject of a linkage's events."""
    return f"linkage/{linkage}"


def _tell_completed(
    name: str,
    run: StoredRun,
    results: Iterable[ActionResult],
    now: Instant,
    draft: Draft,
    *,
    otherwise: str = NO_REPORT,
) -> None:
    """The event of a run's end; actions without a result are unknown, for the reason `otherwise`."""
    by_index = {result.index: result for result in results}
    told = []
    for action in run.actions:
        found = by_index.get(action.index)
        told.append(
            ActionTold(
                index=action.index,
                target=action.target,
                command=action.command,
                status=OutcomeStatus.UNKNOWN if found is None else found.status,
                reason=otherwise if found is None else found.reason,
                duration_ms=UNSET if found is None else found.duration_ms,
            )
        )
    data = CompletedData(
        linkage=name,
        title=run.title,
        run_id=run.run_id,
        at=utc(now.wall_ns),
        cause=run.cause,
        done=all(action.status is OutcomeStatus.DONE for action in told),
        actions=tuple(told),
    )
    draft.event(LINKAGE_COMPLETED, Lane.ALARM, subject(name), now, encode(data))
