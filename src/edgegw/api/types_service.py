"""What travels through the API about tickets, maintenance, requests and patrols, as msgspec types.

Owns: names, types, bounds of requests and answers. Must not know: who fills them, routes, how a trouble is judged.

First paragraphs of docstrings and the descriptions of members are published. Texts that people write have no control characters
(they end up on terminals and in titles); a description may have lines.
"""

from collections.abc import Mapping
from re import compile as regex
from typing import Annotated, Literal

from msgspec import Meta, Struct

from edgegw.api.types import REF_PATTERN, AlarmTicket, Moment, Slug, check_moments, is_ref, is_slug
from edgegw.service.ticket import TicketUpdate, TicketUpdates

MINUTES_MOST = 30 * 24 * 60
"""Longest maintenance: what takes more than thirty days is a device to be taken out of the site file."""

LABELS_MOST = 16
"""Labels of a place."""

_SIGN = r"[^\u0000-\u001f\u007f-\u009f]"
_LINE_PATTERN = f"^{_SIGN}*$"
_WORDS_PATTERN = rf"^{_SIGN}*[^\s\u0000-\u001f\u007f-\u009f]{_SIGN}*$"
"""A line that is not blank."""
_LINES_PATTERN = r"^[^\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f]*$"
_LINE = regex(f"{_SIGN}*")

Ref = Annotated[str, Meta(pattern=REF_PATTERN)]
LabelValue = Annotated[str, Meta(pattern=_LINE_PATTERN, min_length=1, max_length=64)]


def _check_lines(*texts: str) -> None:
    # msgspec's patterns, like Python's, let a line end through before their `$`.
    if not all(_LINE.fullmatch(text) for text in texts):
        raise ValueError("a control character in a text of one line")


# --- tickets ------------------------------------------------------------------------------------------------------------


class Ticket(AlarmTicket, frozen=True, kw_only=True):
    """A trouble and its ticket: the alarm's, and what became of it."""

    dedup_key: str
    title: str
    category: str
    subject: Annotated[str, Meta(description="device, door, link/<name>, gateway, patrol or service")]
    active: Annotated[bool, Meta(description="whether its alarm is raised and not cleared")]
    labels: Mapping[str, str] = {}
    raised_at: Moment | None = None
    cleared_at: Moment | None = None
    requested_at: Moment | None = None
    resolved_at: Moment | None = None


class Tickets(Struct, frozen=True):
    """Troubles whose ticket is live, held, merged, or not closed yet; the most urgent first."""

    tickets: tuple[Ticket, ...]
    at: Annotated[Moment, Meta(description="the gateway's clock; what its times are to be compared with")]


class TicketAnswer(TicketUpdate, frozen=True, kw_only=True, omit_defaults=True):
    """What a ticket system says of one ticket; the members are those of the message by MQTT and HTTP poll."""

    state: Literal["opened", "acknowledged", "assigned", "resolved", "closed", "rejected"]


class TicketAnswers(TicketUpdates, frozen=True):
    """What a ticket system says of its tickets, in the order in which it happened; members that are not known are passed over."""

    tickets: Annotated[tuple[TicketAnswer, ...], Meta(max_length=1000)]


class TicketsTaken(Struct, frozen=True):
    """Committed. What was said before, or is older than what is known, is taken and changes nothing."""

    taken: int
    unknown: Annotated[int, Meta(description="named no trouble that is known here; passed over")]


# --- maintenance --------------------------------------------------------------------------------------------------------

WindowScope = Literal["device", "door", "link", "place", "gateway"]


class MaintenanceStart(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Maintenance to be declared: alarms of what it covers get no ticket until its end. Give `until` or `minutes`, not both."""

    scope: WindowScope
    target: Annotated[
        str,
        Meta(
            pattern=_LINE_PATTERN,
            max_length=200,
            description="an id; for a place its labels, building=3,floor=2; for the gateway nothing",
        ),
    ] = ""
    reason: Annotated[
        str, Meta(pattern=_WORDS_PATTERN, max_length=200, description="one line, for people and the record")
    ]
    until: Annotated[Moment | None, Meta(description="its end, at most 30 days from now")] = None
    minutes: Annotated[float, Meta(ge=1, le=MINUTES_MOST)] | None = None

    def __post_init__(self) -> None:
        _check_lines(self.target, self.reason)
        check_moments(self.until)
        if (self.until is None) == (self.minutes is None):
            raise ValueError("give until or minutes: maintenance has an end")


class MaintenanceWindow(Struct, frozen=True, kw_only=True):
    """Maintenance that is on."""

    id: str
    scope: WindowScope
    target: str
    reason: str
    by: Annotated[str, Meta(description="name of the token that declared it")]
    began: Moment
    until: Moment


class Maintenance(Struct, frozen=True):
    """All maintenance that is on."""

    windows: tuple[MaintenanceWindow, ...]
    at: Annotated[Moment, Meta(description="the gateway's clock")]


class MaintenanceEnded(Struct, frozen=True):
    """Committed; alarms that are still raised get their tickets."""

    ended: bool


# --- requests -----------------------------------------------------------------------------------------------------------


class ServiceRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What somebody asks for; it takes the path of an alarm and becomes a ticket."""

    id: Annotated[
        str,
        Meta(pattern=REF_PATTERN, description="the caller's own: a request sent twice is one, and is withdrawn by it"),
    ]
    category: Annotated[Slug, Meta(description="of the service catalogue")]
    title: Annotated[str, Meta(pattern=_WORDS_PATTERN, max_length=100, description="one line")]
    description: Annotated[str, Meta(pattern=_LINES_PATTERN, max_length=2000)] = ""
    place: Annotated[
        dict[Slug, LabelValue], Meta(max_length=LABELS_MOST, description='labels: {"building": "3", "floor": "2"}')
    ] = {}
    contact: Annotated[str, Meta(pattern=_LINE_PATTERN, max_length=100, description="whom to call back")] = ""
    priority: Annotated[Literal["P1", "P2", "P3", "P4"] | None, Meta(description="null: by the service catalogue")] = (
        None
    )

    def __post_init__(self) -> None:
        _check_lines(self.title, self.contact, *self.place.values())
        if not is_ref(self.id) or not is_slug(self.category) or not all(map(is_slug, self.place)):
            raise ValueError("a line end in a name")


class RequestTaken(Struct, frozen=True, kw_only=True):
    """Committed; its ticket is on its way. The same for every time this id is sent."""

    id: str
    ticket: Ticket


class RequestWithdrawn(Struct, frozen=True):
    """Committed; to its ticket, the trouble is gone: resolution is proposed."""

    withdrawn: bool


# --- patrols ------------------------------------------------------------------------------------------------------------


class PatrolCheckin(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Somebody was at a point of a patrol."""

    id: Annotated[str, Meta(pattern=REF_PATTERN, description="the caller's own: a check-in sent twice is one")]
    point: Slug
    plan: Annotated[Slug | None, Meta(description="null: every plan that has this point")] = None
    who: Annotated[str, Meta(pattern=_WORDS_PATTERN, max_length=64)]
    at: Annotated[Moment | None, Meta(description="when; for an app that was out of reach meanwhile. Null: now")] = None
    tag: Annotated[
        str,
        Meta(
            pattern=_LINE_PATTERN,
            max_length=128,
            description="what was read there; must be the point's, where that has one",
        ),
    ] = ""

    def __post_init__(self) -> None:
        _check_lines(self.who, self.tag)
        if not is_ref(self.id) or not is_slug(self.point) or not (self.plan is None or is_slug(self.plan)):
            raise ValueError("a line end in a name")
        check_moments(self.at)


class CheckinResult(Struct, frozen=True, kw_only=True):
    """What a check-in was in one round."""

    plan: Slug
    round: str
    point: Slug
    result: Annotated[
        str,
        Meta(
            description="on-time, early, late, out-of-order, too-fast; repeated, unknown and not-allowed change nothing"
        ),
    ]
    also: Annotated[tuple[str, ...], Meta(description="what held besides")] = ()


class CheckinTaken(Struct, frozen=True, kw_only=True):
    """Committed."""

    taken: Annotated[bool, Meta(description="whether it counts in a round; false: nothing is to be sent again")]
    round: Annotated[str, Meta(description="the first round it counts in; empty: none is under way there")] = ""
    results: Annotated[tuple[CheckinResult, ...], Meta(description="one for each round that has this point")] = ()


class PatrolPoint(Struct, frozen=True, kw_only=True):
    """A point of a round."""

    point: Slug
    name: str
    state: Literal["due", "overdue", "on-time", "early", "late", "out-of-order", "too-fast", "missed"]
    due: Annotated[Moment | None, Meta(description="when somebody should be there; null: only the order is planned")]
    by: Annotated[Moment | None, Meta(description="the latest time that is on time")]
    who: str = ""


class PatrolRound(Struct, frozen=True, kw_only=True):
    """A round under way."""

    id: str
    started: Annotated[Moment | None, Meta(description="as planned")]
    points: tuple[PatrolPoint, ...] = ()


class PatrolLast(Struct, frozen=True, kw_only=True):
    """A round that is over."""

    id: str
    planned: Moment
    ended: Moment
    reason: Annotated[
        str,
        Meta(description="complete, over, next-round, gateway-off, clock-step (the clock was set over it), removed"),
    ]
    total: int
    checked: Annotated[int, Meta(description="points visited, however late")]
    on_time: int
    early: int
    late: int
    missed: int


class PatrolPlan(Struct, frozen=True, kw_only=True):
    """A plan of patrols now."""

    plan: Slug
    name: str
    round: Annotated[PatrolRound | None, Meta(description="null: none is under way")]
    next: Annotated[Moment | None, Meta(description="the next planned start; null: none, or the clock is not set")]
    missed: Annotated[bool, Meta(description="whether its alarm is raised")]
    last: PatrolLast | None


class Patrols(Struct, frozen=True):
    """All plans, in the site file's order."""

    plans: tuple[PatrolPlan, ...]
    at: Annotated[Moment, Meta(description="the gateway's clock")]
