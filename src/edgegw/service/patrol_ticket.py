"""The one condition of a plan: something of a round was missed, or was not as planned.

Owns: when it holds, its evidence and title, that the last of it is told although alarms are updated once a minute at most.
Must not know: what the rules make of it, how rounds go.

Raised by the first fault, amended by the others, gone when a round is complete without any; a round that is only under way, or
that nobody could do, does not take it back.
"""

from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.rules.alarm import UPDATE_EVERY_NS
from edgegw.rules.events import Location, utc
from edgegw.rules.own import PATROL, Reported
from edgegw.service import patrol_round as rounds
from edgegw.service.patrol_specs import NS_PER_S, PlanSpec
from edgegw.service.patrol_state import UNKNOWN_PERSON, Ended, PlanState, PointState, Result, RoundState
from edgegw.service.patrol_telling import Step, Telling
from edgegw.service.patrol_wording import FAULT_TITLE, MISSED_TITLE, UNKNOWN_CARD, WHOLE_ROUND, points_text

AGAIN_NS = UPDATE_EVERY_NS + NS_PER_S
"""After so long the condition is repeated once: an alarm tells new evidence once a minute at most, and keeps none for later."""


class PatrolTicket:
    """Of one plan."""

    def __init__(self, spec: PlanSpec, language: str, telling: Telling) -> None:
        self._spec = spec
        self._language = language
        self._telling = telling
        self.due_ns: int | None = None
        """Monotonic time at which `again` is to be called."""

    def due(self, now: Instant) -> bool:
        """Whether `again` is to be called."""
        return self.due_ns is not None and self.due_ns <= now.mono_ns

    def again(self, plan: PlanState, step: Step) -> None:
        """Tell how it stands."""
        self.due_ns = None
        self._say(plan, step)

    def round(self, plan: PlanState, state: RoundState, step: Step) -> None:
        """The round's points changed."""
        faults = self._faults(state)
        unknown = state.unknown if UNKNOWN_PERSON in self._spec.ticket_on else 0
        if faults or unknown:
            names = [point.name for point in faults] or [UNKNOWN_CARD.of(self._language)]
            self._raise(plan, self._evidence(state, faults, points_text(names, self._language)), step)
        elif plan.raised and rounds.checked(state) == len(state.points):
            plan.raised = False
            plan.evidence = self._evidence(state, [], "")
            self.again(plan, step)
            plan.evidence = {}

    def whole(self, plan: PlanState, state: RoundState, reason: Ended, step: Step) -> None:
        """A whole round was missed."""
        evidence = self._evidence(state, state.points, WHOLE_ROUND.of(self._language))
        self._raise(plan, {**evidence, "reason": reason.value}, step)

    def _raise(self, plan: PlanState, evidence: dict[str, object], step: Step) -> None:
        if plan.raised and plan.evidence == evidence:
            return
        plan.raised, plan.evidence = True, evidence
        self._say(plan, step)
        self.due_ns = step.at.mono_ns + AGAIN_NS

    def _faults(self, state: RoundState) -> list[PointState]:
        wanted = self._spec.ticket_on
        return [
            point
            for point in state.points
            if (point.overdue and point.result in ("", Result.MISSED)) or wanted & {point.result, *point.also}
        ]

    def _evidence(self, state: RoundState, faults: list[PointState], value: str) -> dict[str, object]:
        return {
            "value": value,
            "plan": self._spec.id,
            "round": state.id,
            "planned": utc(state.start_ns),
            "points": [{"id": p.id, "name": p.name, "result": p.result or Result.MISSED.value} for p in faults],
            "total": len(state.points),
            "unknown": state.unknown if UNKNOWN_PERSON in self._spec.ticket_on else 0,
            "reason": "",
        }

    def _say(self, plan: PlanState, step: Step) -> None:
        step.conditions.append(
            Reported(
                key=self._spec.id,
                subject=PATROL,
                active=plan.raised,
                title=self._title(plan.evidence),
                category=self._spec.category,
                evidence=dict(plan.evidence),
                owner=self._telling.ref.name,
                location=None if plan.evidence.get("reason") else self._place(plan.evidence),
            )
        )

    def _title(self, evidence: dict[str, object]) -> Text:
        return MISSED_TITLE if any(result == Result.MISSED for _, result in _points(evidence)) else FAULT_TITLE

    def _place(self, evidence: dict[str, object]) -> Location | None:
        return next((at for name, _ in _points(evidence) if (at := self._telling.place(name)) is not None), None)


def _points(evidence: dict[str, object]) -> list[tuple[str, str]]:
    """Id and result of the points in the evidence, which may have been stored by another version."""
    listed = evidence.get("points")
    return [
        (str(point.get("id")), str(point.get("result")))
        for point in (listed if isinstance(listed, list) else [])
        if isinstance(point, dict)
    ]
