"""One round: which point a check-in is for, and what it is worth.

Owns: the judgement; a point has one result, and the first check-in gives it. Must not know: when rounds start (patrol_plan), who
may patrol, events.

Times are nanoseconds of the round: since its planned start, by the monotonic clock.
"""

from collections.abc import Iterable, Sequence

from edgegw.service.patrol_specs import PlanSpec
from edgegw.service.patrol_state import WORST, PointState, Result, RoundState


def new_round(plan: PlanSpec, round_id: str, start_ns: int, language: str) -> RoundState:
    """A round as it is planned now; it stays so although the plan may change under it."""
    points = [
        PointState(
            id=point.id,
            name=point.name.of(language),
            opens_ns=point.opens_ns,
            closes_ns=point.closes_ns,
            due_ns=point.due_ns,
        )
        for point in plan.points
    ]
    return RoundState(id=round_id, start_ns=start_ns, end_ns=plan.end_ns, points=points)


def open_points(state: RoundState) -> list[PointState]:
    """Those not checked."""
    return [point for point in state.points if not point.result]


def checked(state: RoundState) -> int:
    """How many points were visited."""
    return sum(1 for point in state.points if point.result and point.result != Result.MISSED)


def overdue(state: RoundState, elapsed_ns: int) -> list[PointState]:
    """Those whose window has closed on them since the last look."""
    return [p for p in state.points if not p.result and not p.overdue and elapsed_ns > p.closes_ns]


def due_ns(state: RoundState) -> int:
    """The next moment at which time alone changes something."""
    return min([p.closes_ns for p in state.points if not p.result and not p.overdue] + [state.end_ns]) + 1


def pick(state: RoundState, candidates: Sequence[int], elapsed_ns: int) -> int:
    """Which of the points that share a reader is meant, by their indexes, in order.

    One whose window is open; else an overdue one; else one that is checked (a repetition); else the next, too early. A point
    without a time of its own is never taken twice in a row by the same reader: a card held there is one visit.
    """
    points = state.points
    last = max(range(len(points)), key=lambda i: points[i].order)
    just_here = points[last].order > 0 and last in candidates
    left = [i for i in candidates if not points[i].result]
    for i in left:
        point = points[i]
        if point.opens_ns <= elapsed_ns <= point.closes_ns and (point.due_ns is not None or not just_here):
            return i
    if not just_here:
        for i in left:
            if elapsed_ns > points[i].closes_ns:
                return i
    done = [i for i in candidates if points[i].result]
    return max(done, key=lambda i: points[i].order) if done else left[0]


def check(state: RoundState, index: int, elapsed_ns: int, *, who: str, strict: bool, min_gap_ns: int) -> PointState:
    """Give the unchecked point of this index its result. `who`: the person's id, empty if not known."""
    points = state.points
    point = points[index]
    held = {Result.ON_TIME}
    if elapsed_ns < point.opens_ns:
        held = {Result.EARLY}
    elif elapsed_ns > point.closes_ns:
        held = {Result.LATE}
    if strict and _out_of_order(points, index):
        held.add(Result.OUT_OF_ORDER)
    before = [p.checked_ns for p in points if p.order and p.who == who]
    if before and elapsed_ns - max(before) < min_gap_ns:
        held.add(Result.TOO_FAST)
    found = [result for result in WORST if result in held]
    point.result = found[0].value
    point.also = tuple(result.value for result in found[1:] if result is not Result.ON_TIME)
    point.checked_ns = elapsed_ns
    point.off_ns = _off(point, elapsed_ns)
    point.order = max(p.order for p in points) + 1
    point.who = who
    return point


def close(points: Iterable[PointState]) -> None:
    """The round is over: what is not checked was missed."""
    for point in points:
        point.overdue = True
        point.result = Result.MISSED.value


def _out_of_order(points: Sequence[PointState], index: int) -> bool:
    """Whether the point was jumped to over one that can still be visited in time, or was gone back to."""
    reached = max((i for i, point in enumerate(points) if point.order), default=-1)
    if index < reached:
        return True
    return any(not point.result and not point.overdue for point in points[reached + 1 : index])


def _off(point: PointState, elapsed_ns: int) -> int:
    if point.due_ns is not None:
        return elapsed_ns - point.due_ns
    if elapsed_ns > point.closes_ns:
        return elapsed_ns - point.closes_ns
    return min(0, elapsed_ns - point.opens_ns)
