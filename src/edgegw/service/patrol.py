"""Patrols: all plans of a site, who checks in where, and what follows.

Owns: the one entry; which plans a reader, a button or a tag belongs to; stored plans that are no longer in the site.
Must not know: how a check-in is heard (edgegw.patrols), what the rules make of a condition.

Not for concurrent use. Every call takes the moment as an `Instant`; what it returns is to be committed together. The memory runs
ahead of the store: a caller that cannot commit must stop rather than go on.
"""

import hmac
from collections.abc import Callable, Iterable, Mapping

import msgspec

from edgegw.errors import EdgegwError
from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.rules.own import PATROL, Reported
from edgegw.service import patrol_round as rounds
from edgegw.service.patrol_plan import PlanKeeper
from edgegw.service.patrol_specs import Person, PlanSpec, Source
from edgegw.service.patrol_state import (
    PATROL_COMPLETED,
    PATROL_KIND,
    Ended,
    PatrolView,
    PlanState,
    decode_plan,
)
from edgegw.service.patrol_telling import Step, Stepped, Telling
from edgegw.service.patrol_wording import MISSED_TITLE
from edgegw.service.specs import Calendar

__all__ = ["Patrols", "Stepped"]


class Patrols:
    """See the module's text.

    Args:
        language: ``zh-CN`` or ``en``, of titles and names.
        states: durable states of kind `PATROL_KIND` by key, as the store kept them.
        now: the present.
        trusted: whether the wall clock is to be believed at a moment; rounds start only then. It need not be the doors'
            judgement: a clock that was set back to what it should be is good enough here.
    """

    def __init__(
        self,
        plans: Iterable[PlanSpec],
        *,
        calendar: Calendar,
        language: str,
        states: Mapping[str, bytes],
        now: Instant,
        trusted: Callable[[Instant], bool] = lambda at: at.synced,
    ) -> None:
        self._trusted = trusted
        self.unreadable = 0
        """How many stored plans could not be read; they begin anew. Worth a log line."""
        stored = {key: self._decode(value) for key, value in states.items()}
        self._keepers: dict[str, PlanKeeper] = {}
        self._sources: dict[Source, dict[str, set[str]]] = {}
        for plan in plans:
            kept = stored.pop(plan.id, None)
            self._keepers[plan.id] = PlanKeeper(plan, calendar, language, kept, now, trusted=trusted(now))
            for point in plan.points:
                if point.source is not None:
                    self._sources.setdefault(point.source, {}).setdefault(plan.id, set()).add(point.id)
        self._gone = {key: state or PlanState() for key, state in stored.items()}
        self._language = language

    # --- what comes in ------------------------------------------------------------------------------------------------

    def begin(self, now: Instant) -> Stepped:
        """Once at start, before anything else: conditions are told as they stand, plans no longer in the site are ended."""
        step = self._step(now)
        for plan, state in self._gone.items():
            self._remove(plan, state, step)
        self._gone.clear()
        for keeper in self._keepers.values():
            keeper.begin(step)
        return step.stepped()

    def tick(self, now: Instant) -> Stepped:
        """Let time pass. To be called at `due_ns`, and every few seconds so that a clock that is set is noticed."""
        step = self._step(now)
        for keeper in self._keepers.values():
            keeper.tick(step)
        return step.stepped()

    def heard(self, source: Source, who: Person | None, at: Instant) -> Stepped:
        """Somebody checked in at a device. `who`: None for a button, `patrol_specs.UNKNOWN` for a card nobody is known for."""
        return self._check(self._sources.get(source, {}), who, at)

    def checkin(
        self, plan: str | None, point: str, who: Person | None, at: Instant, *, tag: str = "", was_ns: int | None = None
    ) -> Stepped:
        """Somebody is at a point, as a handset says.

        Args:
            plan: None: whichever rounds have this point.
            tag: what was read there. Needed where the point has a tag.
            was_ns: wall time of the visit, where it is told of afterwards; not later than now. Within the round under way it
                counts as what it was, although the point may have been told as missed.

        Raises:
            EdgegwError: ``unknown-plan``, ``unknown-point``, ``wrong-tag``.
        """
        if plan is not None and plan not in self._keepers:
            raise EdgegwError("unknown-plan", f"there is no patrol plan {plan!r}")
        found = {
            name: spec
            for name, keeper in self._keepers.items()
            if plan in (None, name) and (spec := keeper.point(point)) is not None
        }
        if not found:
            raise EdgegwError("unknown-point", f"there is no point {point!r} in {plan or 'any plan'}")
        said = tag.encode(errors="replace")
        read = {name for name, spec in found.items() if not spec.tag or hmac.compare_digest(spec.tag.encode(), said)}
        if not read:
            raise EdgegwError("wrong-tag", f"what was read is not the tag of {point!r}")
        return self._check({name: {point} for name in read}, who, at, was_ns)

    def due_ns(self) -> int | None:
        """Monotonic time of the next tick that may change something, as long as the wall clock is not set."""
        return min((due for keeper in self._keepers.values() if (due := keeper.due_ns()) is not None), default=None)

    # --- for onlookers ------------------------------------------------------------------------------------------------

    def views(self) -> tuple[PatrolView, ...]:
        """All plans now, in the site's order."""
        return tuple(keeper.view() for keeper in self._keepers.values())

    def sources(self) -> frozenset[Source]:
        """Every device's point at which somebody may check in."""
        return frozenset(self._sources)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _check(
        self, where: Mapping[str, set[str]], who: Person | None, at: Instant, was_ns: int | None = None
    ) -> Stepped:
        step = self._step(at)
        for plan, points in where.items():
            self._keepers[plan].check(points, who, step, was_ns)
        return step.stepped()

    def _step(self, at: Instant) -> Step:
        return Step(at, trusted=self._trusted(at))

    def _remove(self, plan: str, state: PlanState, step: Step) -> None:
        """The plan is no longer in the site: its round ends, its condition is gone, it is forgotten."""
        if (under_way := state.round) is not None:
            rounds.close(rounds.open_points(under_way))
            name = Text(zh=plan, en=plan)
            telling = Telling(PlanSpec(id=plan, name=name, points=(), starts=()), self._language)
            step.tell(PATROL_COMPLETED, telling.subject, telling.summary(under_way, Ended.REMOVED, step))
        step.conditions.append(
            Reported(key=plan, subject=PATROL, active=False, title=MISSED_TITLE, category="cleaning", owner=plan)
        )
        step.draft.state(PATROL_KIND, plan, None)

    def _decode(self, value: bytes) -> PlanState | None:
        try:
            return decode_plan(value)
        except msgspec.DecodeError:
            self.unreadable += 1
            return None
