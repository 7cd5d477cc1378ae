"""Tickets as both sides see them: the request that travels upstream inside an alarm's data, and the answer that comes back.

Owns: the shapes, their JSON, the words for states and actions.
Must not know: when a ticket is due (troubles), what it is worth (catalogue), how anything travels.

One trouble (a dedup_key) has at most one open ticket. A ticket's `id` is the same from its opening to its end, over all
occurrences of the alarm meanwhile; its `ref` is short enough for a title and is what a ticket system is searched by.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from edgegw.model import Instant

TICKET_REQUESTED = "edgegw.ticket.requested"
"""Type of the event that asks for a ticket where no alarm event does: what held it back is over, or it has to be opened again."""
TICKET_UPDATED = "edgegw.ticket.updated"
"""Type of the event that changes a ticket where no alarm event does: merged into its cause, flapping, quiet again."""
ALARM_ESCALATED = "edgegw.alarm.escalated"
"""Type of the event that tells of a ticket not acknowledged, or not resolved, in time."""

TROUBLE_KIND = "trouble"
"""`StateChange.kind` of troubles; the key is the dedup_key."""
MAINTENANCE_KIND = "maintenance"
"""`StateChange.kind` of maintenance windows; the key is the window's id."""
HISTORY_KIND = "ticket-history"
"""`StateChange.kind` of tickets that ended, for reports; the key is ``<date>/<ticket id>``, local date of raising."""


class Action(StrEnum):
    """What a receiver does with an event's ticket. Receivers go by this word, whatever the event's type."""

    OPEN = "open"
    """Open a ticket under this id, unless there is one."""
    UPDATE = "update"
    """The ticket's facts changed; never opens one."""
    ESCALATE = "escalate"
    """Nobody acknowledged (or resolved) it in time."""
    REOPEN = "reopen"
    """It was resolved or closed, and the trouble is there, still or again."""
    RESOLVE = "resolve"
    """The trouble is gone: resolution is proposed; a person closes."""
    MERGE = "merge"
    """Another ticket (`cause`) stands for this one now."""
    NONE = "none"
    """No ticket for this event; `why` says why."""


class Why(StrEnum):
    """Why an alarm has no ticket (yet), or why a ticket moved."""

    GATHER = "gather"
    """A cause may show within moments; decided by then."""
    CAUSE = "cause"
    """Another trouble explains it."""
    MAINTENANCE = "maintenance"
    FLAPPING = "flapping"
    NO_TICKET = "no-ticket"
    """The catalogue says that this alarm needs none."""
    ENDED = "ended"
    """The ticket was rejected, or is over."""
    RESPOND = "respond"
    """Escalated: not acknowledged by `respond_by`."""
    RESOLVE = "resolve"
    """Escalated: not resolved by `resolve_by`."""
    STILL_ACTIVE = "still-active"
    """Opened again: closed while the alarm is active."""
    RAISED_AGAIN = "raised-again"
    """Opened again: the alarm came back within the re-raise interval."""


class TicketState(StrEnum):
    """Where a ticket is, as the gateway knows."""

    HELD = "held"
    """Not asked for (yet)."""
    REQUESTED = "requested"
    """Asked for; no answer yet."""
    OPENED = "opened"
    ACKNOWLEDGED = "acknowledged"
    ASSIGNED = "assigned"
    RESOLVED = "resolved"
    CLOSED = "closed"
    REJECTED = "rejected"
    MERGED = "merged"

    @property
    def live(self) -> bool:
        """Whether somebody is expected to work on it."""
        return self in LIVE

    @property
    def acknowledged(self) -> bool:
        """Whether a person has taken notice."""
        return self in ACKNOWLEDGED


LIVE = frozenset({TicketState.REQUESTED, TicketState.OPENED, TicketState.ACKNOWLEDGED, TicketState.ASSIGNED})
ACKNOWLEDGED = frozenset(
    {
        TicketState.ACKNOWLEDGED,
        TicketState.ASSIGNED,
        TicketState.RESOLVED,
        TicketState.CLOSED,
        TicketState.REJECTED,
    }
)
ANSWERS = (
    TicketState.OPENED,
    TicketState.ACKNOWLEDGED,
    TicketState.ASSIGNED,
    TicketState.RESOLVED,
    TicketState.CLOSED,
    TicketState.REJECTED,
)
"""What a ticket system may say."""


# --- what goes out ------------------------------------------------------------------------------------------------------


class GuideRef(Struct, frozen=True, omit_defaults=True):
    """An operating guide or emergency plan, whole: whoever works on the ticket may be offline.

    Attributes:
        id: its name in the catalogue.
        steps: what to do, in order.
        url: where more is.
    """

    id: str
    title: str
    steps: tuple[str, ...] = ()
    url: str = ""


class Request(Struct, frozen=True, kw_only=True):
    """What a ticket desk needs to work: the catalogue's word on one alarm (`catalogue.classify`).

    Attributes:
        category: slug; `category_name` in the gateway's language.
        impact, urgency: 1 (least) to 5; 0, 0 where a rule gives the priority directly.
        priority: ``P1`` … ``P4``.
        respond_s, resolve_s: working time until somebody must have acknowledged, resolved.
        respond_by_ns, resolve_by_ns: the same as wall nanoseconds, working hours counted in.
        team, team_name, contact: who.
        skills: what they must be able to do.
        guide, plan: operating guide, emergency plan.
    """

    category: str
    category_name: str
    impact: int
    urgency: int
    priority: str
    respond_s: float
    resolve_s: float
    respond_by_ns: int
    resolve_by_ns: int
    team: str
    team_name: str
    contact: str = ""
    skills: tuple[str, ...] = ()
    guide: GuideRef | None = None
    plan: GuideRef | None = None


class Ticket(Struct, frozen=True, kw_only=True):
    """The member ``ticket`` of alarm, ticket and escalation events. Members that do not apply are absent.

    Attributes:
        id: UUID form; `ref`: ``EG-`` and eight characters without look-alikes.
        action: what to do now; `why`, `cause` (a dedup_key): the reason, if there is one to tell.
        respond_by, resolve_by: RFC 3339 UTC.
        number, state, url: what the ticket system said last.
        level: escalations so far.
        occurrences: times the alarm was raised under this ticket.
    """

    action: str
    why: str | UnsetType = UNSET
    cause: str | UnsetType = UNSET
    id: str | UnsetType = UNSET
    ref: str | UnsetType = UNSET
    category: str | UnsetType = UNSET
    category_name: str | UnsetType = UNSET
    impact: int | UnsetType = UNSET
    urgency: int | UnsetType = UNSET
    priority: str | UnsetType = UNSET
    respond_by: str | UnsetType = UNSET
    resolve_by: str | UnsetType = UNSET
    team: str | UnsetType = UNSET
    team_name: str | UnsetType = UNSET
    contact: str | UnsetType = UNSET
    skills: tuple[str, ...] | UnsetType = UNSET
    guide: GuideRef | UnsetType = UNSET
    plan: GuideRef | UnsetType = UNSET
    number: str | UnsetType = UNSET
    state: str | UnsetType = UNSET
    url: str | UnsetType = UNSET
    level: int | UnsetType = UNSET
    occurrences: int | UnsetType = UNSET


# --- what comes back ----------------------------------------------------------------------------------------------------


class TicketUpdate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One ticket's state as its system tells it: the same message by MQTT, HTTP poll, HTTP push and in an HTTP upstream's answer.

    Attributes:
        dedup_key: which trouble; `ticket_id`: which ticket of it, the open one if empty.
        number: the ticket's number in that system.
        at: RFC 3339 time of the change there; only told on, never compared with our clock.
        version: grows with every change of this ticket; an update that is not newer is ignored. 0: not given, then the order of
            arrival counts.
        by, assignee, note: for people.
    """

    dedup_key: Annotated[str, Meta(min_length=1, max_length=255)]
    state: str
    ticket_id: Annotated[str, Meta(max_length=64)] = ""
    number: Annotated[str, Meta(max_length=64)] = ""
    url: Annotated[str, Meta(max_length=500)] = ""
    at: Annotated[str, Meta(max_length=40)] = ""
    version: Annotated[int, Meta(ge=0, le=2**62)] = 0
    by: Annotated[str, Meta(max_length=100)] = ""
    assignee: Annotated[str, Meta(max_length=100)] = ""
    note: Annotated[str, Meta(max_length=500)] = ""

    def __post_init__(self) -> None:
        if self.state not in ANSWERS:
            raise ValueError(f"state is one of {', '.join(ANSWERS)}")


class TicketUpdates(Struct, frozen=True):
    """The message: ``{"tickets": [...], "next": "…"}``. `next`: where a poll goes on; only in answers to polls."""

    tickets: Annotated[tuple[TicketUpdate, ...], Meta(max_length=1000)]
    next: Annotated[str, Meta(max_length=200)] = ""


# --- what onlookers see -------------------------------------------------------------------------------------------------


class TroubleView(Struct, frozen=True, kw_only=True):
    """A trouble now: its alarm, its ticket, the clock that runs. All times are wall nanoseconds, 0: not so (yet).

    Attributes:
        active: whether its alarm is raised and not cleared.
        state: a `TicketState`; `why` and `cause`: why it is held or merged.
        number, url, assignee: as the ticket system said.
    """

    dedup_key: str
    ticket_id: str
    ref: str
    title: str
    category: str
    priority: str
    team: str
    subject: str
    active: bool
    state: TicketState
    why: str = ""
    cause: str = ""
    number: str = ""
    url: str = ""
    assignee: str = ""
    level: int = 0
    occurrences: int = 1
    raised_ns: int = 0
    cleared_ns: int = 0
    requested_ns: int = 0
    acknowledged_ns: int = 0
    resolved_ns: int = 0
    respond_by_ns: int = 0
    resolve_by_ns: int = 0
    labels: Mapping[str, str] = {}


class Window(Struct, frozen=True, kw_only=True):
    """A maintenance window: alarms of what it covers get no ticket, with a reason and an end.

    Attributes:
        id: given by the gateway.
        scope: ``device``, ``door``, ``link``, ``place`` or ``gateway``; `target`: its id, for a place ``building=3,floor=2``.
        by: who declared it.
        began, until: until is also kept as wall time, so that a window ends although the gateway was off at its end.
    """

    id: str
    scope: str
    target: str
    reason: str
    by: str
    began: Instant
    until_ns: int


class History(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A trouble that is over, as reports read it (`HISTORY_KIND`). Wall nanoseconds; 0: it did not come to that.

    Attributes:
        state: the ticket's last; ``held`` if there never was one, then `why` says why.
        synced: whether the clock was trusted when it was raised.
    """

    ticket_id: str
    ref: str
    dedup_key: str
    title: str
    category: str
    priority: str
    subject: str
    state: str
    team: str = ""
    labels: Mapping[str, str] = {}
    number: str = ""
    why: str = ""
    cause: str = ""
    synced: bool = True
    level: int = 0
    occurrences: int = 1
    raised_ns: int = 0
    cleared_ns: int = 0
    requested_ns: int = 0
    opened_ns: int = 0
    acknowledged_ns: int = 0
    resolved_ns: int = 0
    closed_ns: int = 0
    respond_by_ns: int = 0
    resolve_by_ns: int = 0
