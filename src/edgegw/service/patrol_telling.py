"""A round as the data of its events, and the step in which they are told.

Owns: filling the shapes of patrol_state. Must not know: when one is told.
"""

from collections import Counter
from collections.abc import Sequence

from msgspec import UNSET, Struct

from edgegw.model import NOTHING, Changes, Instant, Lane
from edgegw.rules.events import Draft, Location, encode, utc
from edgegw.rules.own import Reported
from edgegw.rules.wording import place
from edgegw.service import patrol_round as rounds
from edgegw.service.patrol_specs import NS_PER_S, Person, PlanSpec
from edgegw.service.patrol_state import (
    CheckedData,
    CheckResult,
    Ended,
    PlanRef,
    PointRef,
    PointState,
    PointSum,
    Result,
    RoundState,
    SkippedData,
    StartedData,
    Summary,
    WhoRef,
)


class Stepped(Struct, frozen=True):
    """What a step decided.

    Attributes:
        changes: records and states, to be committed together.
        conditions: to be reported to the rules, in this order.
        results: of a check-in: one for each round it was for; none: no round is under way there.
        rounds: those that ended.
    """

    changes: Changes = NOTHING
    conditions: tuple[Reported, ...] = ()
    results: tuple[CheckResult, ...] = ()
    rounds: tuple[Summary, ...] = ()


class Step:
    """What one step over one or more plans decides. `trusted`: whether the wall clock is to be believed."""

    def __init__(self, at: Instant, *, trusted: bool) -> None:
        self.at = at
        self.trusted = trusted
        self.draft = Draft()
        self.conditions: list[Reported] = []
        self.results: list[CheckResult] = []
        self.rounds: list[Summary] = []

    def tell(self, kind: str, subject: str, data: Struct) -> None:
        """Record an event."""
        self.draft.event(kind, Lane.ACCESS, subject, self.at, encode(data))

    def stepped(self) -> Stepped:
        """All of it."""
        return Stepped(self.draft.changes(), tuple(self.conditions), tuple(self.results), tuple(self.rounds))


class Telling:
    """Of one plan."""

    def __init__(self, spec: PlanSpec, language: str) -> None:
        self.ref = PlanRef(spec.id, spec.name.of(language))
        self.subject = f"patrol/{spec.id}"
        self._places = {
            point.id: Location(place(point.labels, language), dict(point.labels))
            for point in spec.points
            if point.labels
        }

    def place(self, point: str) -> Location | None:
        """Where a point is, None if the site does not say."""
        return self._places.get(point)

    def started(self, state: RoundState, step: Step) -> StartedData:
        """A round began."""
        return StartedData(
            plan=self.ref,
            round=state.id,
            planned=utc(state.start_ns),
            at=utc(step.at.wall_ns),
            points=tuple(PointRef(point.id, point.name) for point in state.points),
            ends_by=utc(state.start_ns + state.end_ns),
            clock_unsynced=UNSET if step.trusted else True,
        )

    def checked(
        self,
        state: RoundState,
        point: PointState,
        result: str,
        step: Step,
        *,
        who: Person | None = None,
        was_ns: int | None = None,
    ) -> CheckedData:
        """A check-in, or that there was none in time. `was_ns`: when it was, if it is told of only now."""
        own = result == point.result
        return CheckedData(
            plan=self.ref,
            round=state.id,
            point=PointRef(point.id, point.name),
            location=self._places.get(point.id, UNSET),
            result=str(result),
            also=point.also if own and point.also else UNSET,
            planned=UNSET if point.due_ns is None else utc(state.start_ns + point.due_ns),
            by=utc(state.start_ns + point.closes_ns),
            at=utc(step.at.wall_ns if was_ns is None else was_ns),
            received=UNSET if was_ns is None else utc(step.at.wall_ns),
            off_s=_seconds(point.off_ns) if own and _timed(point) else UNSET,
            who=UNSET if who is None or not who.id else WhoRef(who.id, who.name),
            clock_unsynced=UNSET if step.trusted else True,
        )

    def skipped(self, starts: Sequence[int], reason: Ended, at: Instant) -> SkippedData:
        """Many rounds missed at once."""
        return SkippedData(
            plan=self.ref,
            rounds=len(starts),
            since=utc(starts[0]),
            until=utc(starts[-1]),
            reason=reason.value,
            at=utc(at.wall_ns),
        )

    def summary(self, state: RoundState, reason: Ended, step: Step) -> Summary:
        """A round at its end; every point has its result."""
        visited, total = rounds.checked(state), len(state.points)
        results = Counter(point.result for point in state.points)
        early = sum(1 for point in state.points if Result.EARLY in (point.result, *point.also))
        late = sum(1 for point in state.points if Result.LATE in (point.result, *point.also))
        return Summary(
            plan=self.ref,
            round=state.id,
            planned=utc(state.start_ns),
            at=utc(step.at.wall_ns),
            reason=reason.value,
            total=total,
            checked=visited,
            on_time=visited - early - late,
            early=early,
            late=late,
            missed=total - visited,
            ratio=round(visited / total, 4),
            results=dict(sorted(results.items())),
            points=tuple(_sum(point) for point in state.points),
            unknown=state.unknown,
            others=state.others,
            clock_unsynced=UNSET if step.trusted else True,
        )


def _sum(point: PointState) -> PointSum:
    return PointSum(
        id=point.id,
        name=point.name,
        result=point.result,
        also=point.also,
        off_s=_seconds(point.off_ns) if _timed(point) else None,
        repeated=point.repeated,
        who=WhoRef(point.who, point.who_name) if point.who else None,
    )


def _timed(point: PointState) -> bool:
    """Whether there is something to say about how far it was off."""
    return point.order > 0 and (point.due_ns is not None or point.off_ns != 0)


def _seconds(value_ns: int) -> float:
    return round(value_ns / NS_PER_S, 3)
