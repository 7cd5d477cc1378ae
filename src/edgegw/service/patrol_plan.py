"""One plan through time: its rounds one after the other, and the condition that says that something was missed.

Owns: which planned starts are dealt with, the round under way, its clock, the plan's stored state.
Must not know: other plans, readers and tags (patrol), how a check-in is judged (patrol_round).

A round begins by the wall clock, only while that is trusted; from then on only the monotonic clock moves it. After a restart it
goes on where the wall clock says, or, while that is not trusted, where it was stored last, until it is.

Every planned start is dealt with once: by a round, or, where the gateway did not run or the clock was set over it, by being told
as missed. `dealt_ns` moves from start to start; a clock set back before it moves it back, and `recent` keeps rounds that were
begun from beginning again. One that was only told as missed, by a clock that ran ahead, still takes place when its time comes.
"""

from collections.abc import Container, Sequence

import msgspec

from edgegw.model import Instant
from edgegw.rules.events import encode, utc
from edgegw.service import patrol_round as rounds
from edgegw.service.patrol_calendar import DAY_NS, Starts
from edgegw.service.patrol_specs import NS_PER_S, Person, PlanSpec, PointSpec
from edgegw.service.patrol_state import (
    NOT_ALLOWED,
    PATROL_CHECKED,
    PATROL_COMPLETED,
    PATROL_KIND,
    PATROL_LATE,
    PATROL_MISSED,
    PATROL_OUT_OF_ORDER,
    PATROL_STARTED,
    REPEATED,
    UNKNOWN_PERSON,
    CheckResult,
    Ended,
    PatrolView,
    PlanState,
    PointView,
    Result,
    RoundState,
)
from edgegw.service.patrol_telling import Step, Telling
from edgegw.service.patrol_ticket import PatrolTicket
from edgegw.service.specs import Calendar

RECENT_MOST = 100
"""Begun rounds remembered: 25 days of a plan with four rounds a day."""

TOLD_MOST = 10
"""Rounds missed at once that are told one by one, the latest; the older ones are told as a number."""

BACK_MOST_NS = 400 * DAY_NS
"""How far back missed rounds are counted; a clock that jumps further was not right before."""

NOTES_MOST = 3
"""Events of repeated check-ins per point, and of unknown credentials per round; more are counted: a reader is anybody's toy."""


class PlanKeeper:
    """See the module's text.

    Args:
        stored: as kept before a restart; None for a new plan.
    """

    def __init__(
        self,
        spec: PlanSpec,
        calendar: Calendar,
        language: str,
        stored: PlanState | None,
        now: Instant,
        *,
        trusted: bool,
    ) -> None:
        self.spec = spec
        self._language = language
        self._starts = Starts(spec, calendar)
        self._state = stored or PlanState()
        self._telling = Telling(spec, language)
        self._ticket = PatrolTicket(spec, language, self._telling)
        self._zero_ns = 0
        self._floating = False
        self._looked = False
        self._next_ns: int | None = None
        self._next_known = False
        self._ahead_ns: int | None = None
        self._dirty = False
        if (under_way := self._state.round) is not None:
            elapsed = under_way.elapsed_ns
            if trusted:
                elapsed = max(elapsed, now.wall_ns - under_way.start_ns)
            self._zero_ns = now.mono_ns - elapsed
            self._floating = not trusted

    # --- what comes in ------------------------------------------------------------------------------------------------

    def begin(self, step: Step) -> None:
        """Once at start: the plan's condition is told anew, held or gone."""
        self._ticket.again(self._state, step)
        self.tick(step)

    def tick(self, step: Step) -> None:
        """Let time pass."""
        self._pass(step)
        if self._ticket.due(step.at):
            self._ticket.again(self._state, step)
        self._save(step)

    def check(self, points: Container[str], who: Person | None, step: Step, was_ns: int | None = None) -> None:
        """Somebody is at one of these points. Nothing where no round is under way.

        Args:
            who: None: a button, nobody is known.
            was_ns: wall time of the visit, where a handset tells of it afterwards; taken only while the clock is trusted.
        """
        self._pass(step)
        was_ns = was_ns if step.trusted else None
        state = self._state.round
        if state is not None and (was_ns is None or was_ns >= state.start_ns - self.spec.lead_ns):
            # By id: a round goes on as it was planned, although the site file may have changed since.
            candidates = [index for index, point in enumerate(state.points) if point.id in points]
            if candidates:
                step.results.append(self._judge(state, candidates, who, step, was_ns))
        self._save(step)

    def due_ns(self) -> int | None:
        """Monotonic time of the next tick that may change something, as long as the wall clock is not set."""
        found = [] if self._ticket.due_ns is None else [self._ticket.due_ns]
        if self._state.round is not None:
            found.append(self._zero_ns + rounds.due_ns(self._state.round))
        if self._ahead_ns is not None and self._next_ns is not None:
            found.append(self._next_ns - self.spec.lead_ns - self._ahead_ns)
        return min(found, default=None)

    def view(self) -> PatrolView:
        """For onlookers."""
        state = self._state.round
        shown = PatrolView(
            plan=self.spec.id,
            name=self.spec.name.of(self._language),
            next_ns=self._next_ns or 0 if self._ahead_ns is not None else 0,
            missed=self._state.raised,
            last=self._state.last,
        )
        if state is None:
            return shown
        points = tuple(
            PointView(
                id=p.id,
                name=p.name,
                result=p.result,
                overdue=p.overdue,
                due_ns=0 if p.due_ns is None else state.start_ns + p.due_ns,
                by_ns=state.start_ns + p.closes_ns,
                who=p.who_name or p.who,
            )
            for p in state.points
        )
        return msgspec.structs.replace(shown, round=state.id, start_ns=state.start_ns, points=points)

    def point(self, point: str) -> PointSpec | None:
        """The point of this id."""
        return next((spec for spec in self.spec.points if spec.id == point), None)

    # --- time ---------------------------------------------------------------------------------------------------------

    def _pass(self, step: Step) -> None:
        at = step.at
        self._ahead_ns = at.wall_ns - at.mono_ns if step.trusted else None
        if step.trusted and self._floating and self._state.round is not None:
            self._zero_ns = min(self._zero_ns, at.mono_ns - (at.wall_ns - self._state.round.start_ns))
        self._floating = self._floating and not step.trusted
        self._close_windows(step)
        if step.trusted:
            self._start_due(step)
            self._close_windows(step)

    def _close_windows(self, step: Step) -> None:
        state = self._state.round
        if state is None:
            return
        elapsed = step.at.mono_ns - self._zero_ns
        found = rounds.overdue(state, elapsed)
        for point in found:
            point.overdue = True
            self._tell(PATROL_MISSED, self._telling.checked(state, point, Result.MISSED, step), step)
        if found:
            self._changed(state, step)
        if elapsed > state.end_ns:
            self._finish(Ended.OVER, step)

    def _start_due(self, step: Step) -> None:
        state, wall = self._state, step.at.wall_ns
        upto = wall + self.spec.lead_ns
        if state.dealt_ns is None or upto < state.dealt_ns:
            state.dealt_ns, self._next_known, self._dirty = wall, False, True
        if not self._next_known:
            self._next_ns, self._next_known = self._starts.next(state.dealt_ns), True
        if self._next_ns is not None and self._next_ns <= upto:
            passed = self._starts.between(max(state.dealt_ns, upto - BACK_MOST_NS), upto)
            state.dealt_ns, self._next_known, self._dirty = max([upto - BACK_MOST_NS, *passed]), False, True
            self._next_ns, self._next_known = self._starts.next(state.dealt_ns), True
            self._deal([start for start in passed if start // NS_PER_S not in state.recent], step)
        self._looked = True

    def _deal(self, due: Sequence[int], step: Step) -> None:
        """Begin the last of these, if there is still something to do for it; the others were missed."""
        wall = step.at.wall_ns
        reason = Ended.CLOCK_STEP if self._looked else Ended.GATEWAY_OFF
        begins = bool(due) and wall - due[-1] <= self.spec.end_ns
        missed = due[:-1] if begins else due
        if len(missed) > TOLD_MOST:
            older, missed = missed[:-TOLD_MOST], missed[-TOLD_MOST:]
            self._tell(PATROL_MISSED, self._telling.skipped(older, reason, step.at), step)
        for start in missed:
            self._missed_whole(start, reason, step)
        if begins:
            self._begin_round(due[-1], step)

    def _missed_whole(self, start_ns: int, reason: Ended, step: Step) -> None:
        state = self._planned(start_ns)
        rounds.close(state.points)
        self._summarise(state, reason, step)
        self._ticket.whole(self._state, state, reason, step)

    def _begin_round(self, start_ns: int, step: Step) -> None:
        if self._state.round is not None:
            self._finish(Ended.NEXT_ROUND, step)
        state = self._state.round = self._planned(start_ns)
        self._state.recent = (*self._state.recent, start_ns // NS_PER_S)[-RECENT_MOST:]
        self._zero_ns = step.at.mono_ns - (step.at.wall_ns - start_ns)
        self._floating = False
        self._dirty = True
        self._tell(PATROL_STARTED, self._telling.started(state, step), step)

    def _planned(self, start_ns: int) -> RoundState:
        return rounds.new_round(self.spec, round_id(self.spec.id, start_ns), start_ns, self._language)

    # --- check-ins ----------------------------------------------------------------------------------------------------

    def _judge(
        self, state: RoundState, candidates: Sequence[int], who: Person | None, step: Step, was_ns: int | None
    ) -> CheckResult:
        elapsed = step.at.mono_ns - self._zero_ns
        if was_ns is not None:
            elapsed = min(elapsed, was_ns - state.start_ns)
        index = rounds.pick(state, candidates, elapsed)
        point = state.points[index]
        unknown = who is not None and not who.id
        if self.spec.groups and who is not None:
            if unknown:
                return self._unknown(state, index, step)
            if who.groups is not None and not self.spec.groups & set(who.groups):
                state.others += 1
                return CheckResult(self.spec.id, state.id, point.id, NOT_ALLOWED)
        if point.result:
            point.repeated += 1
            if point.repeated <= NOTES_MOST:
                self._dirty = True
                self._tell(PATROL_CHECKED, self._telling.checked(state, point, REPEATED, step, who=who), step)
            return CheckResult(self.spec.id, state.id, point.id, REPEATED)
        rounds.check(
            state,
            index,
            elapsed,
            who=who.id if who is not None else "",
            strict=self.spec.strict,
            min_gap_ns=self.spec.min_gap_ns,
        )
        point.who_name = who.name if who is not None else ""
        if unknown:
            point.also = (*point.also, UNKNOWN_PERSON)
        kind = {Result.LATE: PATROL_LATE, Result.OUT_OF_ORDER: PATROL_OUT_OF_ORDER}.get(Result(point.result))
        told = self._telling.checked(state, point, point.result, step, who=who, was_ns=was_ns)
        self._tell(kind or PATROL_CHECKED, told, step)
        if rounds.open_points(state):
            self._changed(state, step)
        else:
            self._finish(Ended.COMPLETE, step)
        return CheckResult(self.spec.id, state.id, point.id, point.result, point.also)

    def _unknown(self, state: RoundState, index: int, step: Step) -> CheckResult:
        state.unknown += 1
        point = state.points[index]
        if state.unknown <= NOTES_MOST:
            self._tell(PATROL_CHECKED, self._telling.checked(state, point, UNKNOWN_PERSON, step), step)
            self._changed(state, step)
        return CheckResult(self.spec.id, state.id, point.id, UNKNOWN_PERSON)

    # --- ends ---------------------------------------------------------------------------------------------------------

    def _finish(self, reason: Ended, step: Step) -> None:
        state = self._state.round
        assert state is not None  # noqa: S101 - callers have looked; for the type checker
        left = rounds.open_points(state)
        for point in left:
            if not point.overdue:
                point.overdue = True
                self._tell(PATROL_MISSED, self._telling.checked(state, point, Result.MISSED, step), step)
        rounds.close(left)
        self._state.round = None
        self._summarise(state, reason, step)
        self._changed(state, step)

    def _summarise(self, state: RoundState, reason: Ended, step: Step) -> None:
        summary = self._telling.summary(state, reason, step)
        self._tell(PATROL_COMPLETED, summary, step)
        self._state.last = summary
        step.rounds.append(summary)
        self._dirty = True

    def _changed(self, state: RoundState, step: Step) -> None:
        """Points of the round changed: whether there is something for a ticket."""
        self._dirty = True
        self._ticket.round(self._state, state, step)

    def _tell(self, kind: str, data: msgspec.Struct, step: Step) -> None:
        step.tell(kind, self._telling.subject, data)

    def _save(self, step: Step) -> None:
        if not self._dirty:
            return
        self._dirty = False
        if self._state.round is not None:
            self._state.round.elapsed_ns = max(self._state.round.elapsed_ns, step.at.mono_ns - self._zero_ns)
        step.draft.state(PATROL_KIND, self.spec.id, encode(self._state))


def round_id(plan: str, start_ns: int) -> str:
    """``night-20261125T140000Z``: one planned start has one id, whatever happens between."""
    return f"{plan}-{utc(start_ns)[:19].replace('-', '').replace(':', '')}Z"
