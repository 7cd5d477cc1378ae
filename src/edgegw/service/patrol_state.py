"""What a round keeps and what it tells: stored state, the data of patrol events, results.

Owns: the shapes and their words. Must not know: how a check-in is judged (patrol_round), when a round starts (patrol).

Patrol events go on lane ACCESS: who was where when is the same evidence as a door's decision, it is chained and never shed for
telemetry. Lane COMMAND is for acts that were asked for and have an outcome; a check-in moves nothing.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec
from msgspec import UNSET, Struct, UnsetType

from edgegw.rules.events import Location

PATROL_STARTED = "edgegw.patrol.started"
PATROL_CHECKED = "edgegw.patrol.checked"
PATROL_LATE = "edgegw.patrol.late"
PATROL_OUT_OF_ORDER = "edgegw.patrol.out-of-order"
PATROL_MISSED = "edgegw.patrol.missed"
PATROL_COMPLETED = "edgegw.patrol.completed"

PATROL_KIND = "patrol"
"""`StateChange.kind` of patrols; the key is the plan's id."""


class Result(StrEnum):
    """What became of a point in a round. The first five count as checked; of several that hold the first in `WORST` stands."""

    ON_TIME = "on-time"
    EARLY = "early"
    LATE = "late"
    OUT_OF_ORDER = "out-of-order"
    TOO_FAST = "too-fast"
    MISSED = "missed"


WORST = (Result.TOO_FAST, Result.OUT_OF_ORDER, Result.LATE, Result.EARLY, Result.ON_TIME)

REPEATED = "repeated"
"""A check-in at a point that is checked; the point's result stays."""
UNKNOWN_PERSON = "unknown"
"""A credential nobody is known for, where only some may patrol; the point's result stays."""
NOT_ALLOWED = "not-allowed"
"""A person of other groups: a resident at a shared reader. Counted, not told."""


class Ended(StrEnum):
    """Why a round is over."""

    COMPLETE = "complete"
    """Every point is checked."""
    OVER = "over"
    """Its time is over."""
    NEXT_ROUND = "next-round"
    """The next one has begun."""
    GATEWAY_OFF = "gateway-off"
    """Nobody could check in: the gateway did not run, or did not know the time."""
    CLOCK_STEP = "clock-step"
    """The clock was set over it."""
    REMOVED = "removed"
    """The plan is no longer in the site file."""


# --- stored -------------------------------------------------------------------------------------------------------------


class PointState(Struct, kw_only=True, omit_defaults=True):
    """A point in a round, as it was planned when the round began. Nanoseconds from the planned start.

    Attributes:
        result: a `Result`; empty: not checked (yet).
        also: what held besides.
        overdue: its window has closed on it unchecked, and that was told.
        checked_ns: when, in the round's time.
        off_ns: from the planned time, or from the window where there is none; negative: before it.
        order: the how-manieth check-in of the round it was, from 1.
        who, who_name: empty: not known (a button).
        repeated: check-ins after the first.
    """

    id: str
    name: str
    opens_ns: int
    closes_ns: int
    due_ns: int | None = None
    result: str = ""
    also: tuple[str, ...] = ()
    overdue: bool = False
    checked_ns: int = 0
    off_ns: int = 0
    order: int = 0
    who: str = ""
    who_name: str = ""
    repeated: int = 0


class RoundState(Struct, kw_only=True, omit_defaults=True):
    """A round under way.

    Attributes:
        start_ns: planned start, wall time.
        elapsed_ns: the round's time when it was stored last; from there it goes on after a restart without a trusted clock.
        unknown, others: check-ins by unknown credentials, and by people of other groups.
    """

    id: str
    start_ns: int
    end_ns: int
    points: list[PointState]
    elapsed_ns: int = 0
    unknown: int = 0
    others: int = 0


# --- told ---------------------------------------------------------------------------------------------------------------


class PlanRef(Struct, frozen=True):
    """Which plan."""

    id: str
    name: str


class PointRef(Struct, frozen=True):
    """Which point."""

    id: str
    name: str


class WhoRef(Struct, frozen=True, omit_defaults=True):
    """Who checked in: holder's id and name."""

    id: str
    name: str = ""


class StartedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.patrol.started``. `points`: in their order. Times are RFC 3339 UTC."""

    plan: PlanRef
    round: str
    planned: str
    at: str
    points: tuple[PointRef, ...]
    ends_by: str
    clock_unsynced: bool | UnsetType = UNSET


class CheckedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.patrol.checked|late|out-of-order|missed`` of one point.

    Attributes:
        result: a `Result`, ``repeated`` or ``unknown``; `also`: what held besides.
        planned: when it was due; absent where the plan gives an order only. `by`: the end of its window.
        at: when it was checked, or when it was found missed. `received`: when a handset told of it afterwards.
        off_s: seconds from planned (or from the window), by the monotonic clock; negative: before.
        who: absent where nobody is known (a button, a miss, an unknown card).
    """

    plan: PlanRef
    round: str
    point: PointRef
    location: Location | UnsetType = UNSET
    result: str
    also: tuple[str, ...] | UnsetType = UNSET
    planned: str | UnsetType = UNSET
    by: str
    at: str
    received: str | UnsetType = UNSET
    off_s: float | UnsetType = UNSET
    who: WhoRef | UnsetType = UNSET
    clock_unsynced: bool | UnsetType = UNSET


class SkippedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.patrol.missed`` for many rounds at once, older than those told one by one.

    Attributes:
        rounds: how many; `since`, `until`: planned starts of the first and the last.
    """

    plan: PlanRef
    rounds: int
    since: str
    until: str
    reason: str
    at: str


class PointSum(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One point in a summary."""

    id: str
    name: str
    result: str
    also: tuple[str, ...] = ()
    off_s: float | None = None
    repeated: int = 0
    who: WhoRef | None = None


class Summary(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.patrol.completed``: a round at its end.

    Attributes:
        reason: an `Ended`.
        total, checked: points planned, and visited, however late; `ratio`: checked ÷ total.
        on_time, early, late: visited in, before, after the window, whatever the order; with `missed` they are all points.
        results: how many points of each result.
        unknown, others: check-ins by unknown credentials, and by people of other groups.
    """

    plan: PlanRef
    round: str
    planned: str
    at: str
    reason: str
    total: int
    checked: int
    on_time: int
    early: int
    late: int
    missed: int
    ratio: float
    results: Mapping[str, int]
    points: tuple[PointSum, ...]
    unknown: int = 0
    others: int = 0
    clock_unsynced: bool | UnsetType = UNSET


class PlanState(Struct, kw_only=True, omit_defaults=True):
    """A plan as stored. Written when a round starts, ends, or a point changes.

    Attributes:
        dealt_ns: every planned start up to here (wall time) is dealt with; None: the plan is new.
        recent: planned starts of rounds begun lately, wall seconds: none begins twice although the clock is set back.
        raised: whether the plan's condition was reported as holding, and `evidence` with what.
        last: the summary of the last round, as told.
    """

    dealt_ns: int | None = None
    recent: tuple[int, ...] = ()
    round: RoundState | None = None
    raised: bool = False
    evidence: dict[str, object] = {}
    last: Summary | None = None


decode_plan = msgspec.json.Decoder(PlanState).decode
"""A stored plan; msgspec.DecodeError if it is none."""


# --- seen ---------------------------------------------------------------------------------------------------------------


class CheckResult(Struct, frozen=True):
    """What a check-in was, for whoever made it: plan, round, point, and a `Result` or another of the words above."""

    plan: str
    round: str
    point: str
    result: str
    also: tuple[str, ...] = ()


class PointView(Struct, frozen=True, kw_only=True):
    """A point now. Wall nanoseconds, 0: none. `result` empty: not checked yet."""

    id: str
    name: str
    result: str
    overdue: bool
    due_ns: int
    by_ns: int
    who: str = ""


class PatrolView(Struct, frozen=True, kw_only=True):
    """A plan now. Wall nanoseconds, 0: none.

    Attributes:
        round: of the round under way; empty: none.
        next_ns: the next planned start; 0 where the clock is not trusted.
        missed: whether its condition holds.
        last: the last round's summary.
    """

    plan: str
    name: str
    round: str = ""
    start_ns: int = 0
    points: tuple[PointView, ...] = ()
    next_ns: int = 0
    missed: bool = False
    last: Summary | None = None
