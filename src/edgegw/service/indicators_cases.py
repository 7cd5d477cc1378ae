"""Tickets as reports judge them: was it acknowledged, in time, or missed.

Owns: one form for tickets that are over and those that are not, the day a trouble belongs to, the verdicts.
Must not know: periods, counters, wording.
"""

from collections.abc import Mapping
from datetime import date, datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from msgspec import Struct

from edgegw.rules.events import Location
from edgegw.service.specs import NS_PER_S
from edgegw.service.ticket import ACKNOWLEDGED, History, TicketState, TroubleView, Why
from edgegw.service.trouble import Stored

PLAUSIBLE_NS = 1_735_689_600 * NS_PER_S
"""2025-01-01: a trouble from before that has a clock that was not set, whatever it says."""


class Fate(StrEnum):
    """What became of an alarm's ticket."""

    TAKEN = "taken"
    """A person acknowledged it."""
    MISSED = "missed"
    """Nobody did, and it is too late."""
    PENDING = "pending"
    """Nobody did, and there is time."""
    HELD = "held"
    """There was no ticket of its own, for a reason."""


class Case(Struct, frozen=True, kw_only=True):
    """One trouble with its ticket. Wall nanoseconds; 0: it did not come to that.

    Attributes:
        day: local date of its raising; None if no clock was set during all of it.
        exact: whether its times can be compared.
        over: whether nothing will change any more.
        taken_ns: somebody took notice. `done_ns`: resolved, closed, or gone for good.
    """

    title: str
    dedup_key: str
    subject: str
    labels: Mapping[str, str]
    category: str
    priority: str
    team: str
    ref: str
    number: str
    state: TicketState
    why: str
    cause: str
    level: int
    occurrences: int
    day: date | None
    exact: bool
    over: bool
    raised_ns: int
    taken_ns: int
    done_ns: int
    respond_by_ns: int
    resolve_by_ns: int

    def fate(self, now_ns: int) -> Fate:
        """See `Fate`."""
        if self.state is TicketState.MERGED:
            return Fate.HELD
        if self.state is TicketState.HELD:
            deciding = not self.over and self.why in {"", Why.GATHER}
            return Fate.PENDING if deciding else Fate.HELD
        if self.taken_ns or self.state in ACKNOWLEDGED:
            return Fate.TAKEN
        waiting = not self.over and (not self.respond_by_ns or now_ns <= self.respond_by_ns)
        return Fate.PENDING if waiting else Fate.MISSED

    def acknowledged_in_time(self, now_ns: int) -> bool | None:
        """None: not to be judged (yet)."""
        if not self.exact or not self.respond_by_ns or self.fate(now_ns) in {Fate.HELD, Fate.PENDING}:
            return None
        if not self.taken_ns and self.state in ACKNOWLEDGED:
            return None  # somebody took notice, and nobody knows when
        return 0 < self.taken_ns <= self.respond_by_ns

    def resolved_in_time(self, now_ns: int) -> bool | None:
        """None: not to be judged (yet)."""
        if not self.exact or not self.resolve_by_ns or self.fate(now_ns) is Fate.HELD:
            return None
        if self.state is TicketState.REJECTED:
            return None
        if self.done_ns:
            return self.done_ns <= self.resolve_by_ns
        return False if self.over or now_ns > self.resolve_by_ns else None

    def response_s(self) -> float | None:
        """From raising to acknowledgement; None if there was none or its times cannot be compared."""
        if not self.exact or not self.taken_ns:
            return None
        return max(0, self.taken_ns - self.raised_ns) / NS_PER_S


def past(one: History, zone: ZoneInfo) -> Case | None:
    """A trouble that is over. None if its state is not one that this edgegw knows."""
    try:
        state = TicketState(one.state)
    except ValueError:
        return None
    exact = one.synced and one.raised_ns >= PLAUSIBLE_NS
    answered = one.resolved_ns or one.closed_ns
    moments = (one.raised_ns, one.requested_ns, one.opened_ns, one.acknowledged_ns, one.resolved_ns, one.closed_ns)
    return Case(
        title=one.title,
        dedup_key=one.dedup_key,
        subject=one.subject,
        labels=one.labels,
        category=one.category,
        priority=one.priority,
        team=one.team,
        ref=one.ref,
        number=one.number,
        state=state,
        why=one.why,
        cause=one.cause,
        level=one.level,
        occurrences=one.occurrences,
        # With a clock that was wrong when it was raised, the latest moment is the likeliest to be right.
        day=_day(one.raised_ns if exact else max(*moments, one.cleared_ns), zone),
        exact=exact,
        over=True,
        raised_ns=one.raised_ns,
        taken_ns=one.acknowledged_ns or (answered if state in ACKNOWLEDGED else 0),
        done_ns=answered or one.cleared_ns,
        respond_by_ns=one.respond_by_ns,
        resolve_by_ns=one.resolve_by_ns,
    )


def present(one: TroubleView, zone: ZoneInfo) -> Case:
    """A trouble that is not over."""
    exact = one.raised_ns >= PLAUSIBLE_NS
    return Case(
        title=one.title,
        dedup_key=one.dedup_key,
        subject=one.subject,
        labels=one.labels,
        category=one.category,
        priority=one.priority,
        team=one.team,
        ref=one.ref,
        number=one.number,
        state=one.state,
        why=one.why,
        cause=one.cause,
        level=one.level,
        occurrences=one.occurrences,
        day=_day(
            one.raised_ns if exact else max(one.requested_ns, one.acknowledged_ns, one.resolved_ns, one.cleared_ns),
            zone,
        ),
        exact=exact,
        over=False,
        raised_ns=one.raised_ns,
        taken_ns=one.acknowledged_ns or (one.resolved_ns if one.state in ACKNOWLEDGED else 0),
        done_ns=one.resolved_ns,
        respond_by_ns=one.respond_by_ns,
        resolve_by_ns=one.resolve_by_ns,
    )


def view(stored: Stored) -> TroubleView:
    """A trouble as stored, as an onlooker without the daemon sees it. A raising by a clock that was not trusted has no time."""
    request = stored.request
    asked = request if stored.requested_ns else None
    data = stored.data
    return TroubleView(
        dedup_key=stored.dedup_key,
        ticket_id=stored.ticket_id,
        ref=stored.ref,
        title=data.title,
        category=request.category if request else data.category,
        priority=request.priority if request else data.priority,
        team=request.team if request else "",
        subject=stored.subject,
        active=stored.active,
        state=stored.state,
        why=stored.why,
        cause=stored.cause,
        number=stored.number,
        level=stored.level,
        occurrences=stored.occurrences,
        raised_ns=stored.raised_ns if stored.synced else 0,
        cleared_ns=stored.cleared_ns,
        requested_ns=stored.requested_ns,
        acknowledged_ns=stored.acknowledged_ns,
        resolved_ns=stored.resolved_ns or stored.closed_ns,
        respond_by_ns=stored.met_by_ns or (asked.respond_by_ns if asked else 0),
        resolve_by_ns=asked.resolve_by_ns if asked else 0,
        labels=data.location.labels if isinstance(data.location, Location) else {},
    )


def _day(wall_ns: int, zone: ZoneInfo) -> date | None:
    return datetime.fromtimestamp(wall_ns // NS_PER_S, zone).date() if wall_ns >= PLAUSIBLE_NS else None
