"""What travels through the API, as msgspec types; their JSON Schema is in the served document.

Owns: names, types, bounds of requests and answers. Must not know: who fills them, routes.

First paragraphs of docstrings and the descriptions of members are published.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from re import compile as regex
from typing import Annotated, Literal

from msgspec import Meta, Raw, Struct

from edgegw.model import OutcomeStatus, Quality, Value
from edgegw.service.ticket import TicketState

ID_PATTERN = "^[A-Za-z0-9._:-]{1,64}$"
REF_PATTERN = "^[A-Za-z0-9][A-Za-z0-9._:-]{0,63}$"
SLUG_PATTERN = "^[a-z0-9][a-z0-9_.-]{0,63}$"
_ID = regex(ID_PATTERN.removesuffix("$"))
_REF = regex(REF_PATTERN.removesuffix("$"))
_SLUG = regex(SLUG_PATTERN.removesuffix("$"))

TIMEOUT_S = 5.0
"""Longest a command may take: the target of design section 6."""

Slug = Annotated[str, Meta(pattern=SLUG_PATTERN)]
Moment = Annotated[datetime, Meta(tz=True)]
"""RFC 3339 with an offset."""

_INT64 = Meta(ge=-(2**63), le=2**63 - 1)
ArgumentValue = bool | Annotated[int, _INT64] | Annotated[float, _INT64] | Annotated[str, Meta(max_length=256)] | None
"""`model.Value` within what everything behind can hold."""

YEARS = range(1970, 2200)
"""Of moments that are given: nanoseconds of these fit into 64 bits."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def moment(wall_ns: int) -> datetime:
    """Wall nanoseconds as the API says them."""
    return _EPOCH + wall_ns // 1000 * _MICROSECOND


def wall_ns(when: datetime) -> int:
    """The other way; `when` has an offset."""
    return (when - _EPOCH) // _MICROSECOND * 1000


def check_moments(*moments: datetime | None) -> None:
    """ValueError for one outside of `YEARS`."""
    if any(one is not None and one.year not in YEARS for one in moments):
        raise ValueError(f"a time outside of the years {YEARS.start} to {YEARS.stop - 1}")


def is_slug(text: str) -> bool:
    """Whether it can be the id of something here."""
    return _SLUG.fullmatch(text) is not None


def is_ref(text: str) -> bool:
    """Whether it can be the id of something that comes and goes: a ticket, a window, a request."""
    return _REF.fullmatch(text) is not None


# --- what is looked at --------------------------------------------------------------------------------------------------


class Argument(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An argument of a command."""

    type: Literal["bool", "int", "float", "str"]
    required: bool
    description: str = ""
    min: float | None = None
    max: float | None = None
    max_length: int | None = None
    choices: tuple[Value, ...] | None = None
    default: Value = None


class DeviceCommand(Struct, frozen=True):
    """A command that a device knows."""

    name: str
    description: str = ""
    args: Mapping[str, Argument] = {}


class Device(Struct, frozen=True, kw_only=True):
    """A device of the site."""

    id: Slug
    name: str
    link: str
    profile: str
    labels: Mapping[str, str] = {}
    presence: Literal["online", "offline", "unknown"]
    since: Annotated[Moment | None, Meta(description="since when its presence is so")] = None
    commands: tuple[DeviceCommand, ...] = ()


class Devices(Struct, frozen=True):
    """All devices, in the site file's order."""

    devices: tuple[Device, ...]


class Point(Struct, frozen=True, kw_only=True):
    """The last reading of a point. A point that was never read is not there."""

    name: str
    value: Value
    unit: str | None = None
    quality: Quality
    at: Moment
    age: Annotated[float, Meta(description="seconds since it was read")]


class Points(Struct, frozen=True):
    """The points of a device."""

    device: Slug
    points: tuple[Point, ...]


class AlarmTicket(Struct, frozen=True, kw_only=True):
    """The ticket of an alarm, or why it has none (yet)."""

    id: Annotated[str, Meta(description="the same from its opening to its end, over all occurrences meanwhile")]
    ref: Annotated[str, Meta(description="EG- and eight characters; stands in the ticket's title")]
    state: TicketState
    why: Annotated[
        str,
        Meta(
            description="why it is held or merged: gather (decided in moments), cause, maintenance, flapping, no-ticket, ended"
        ),
    ] = ""
    cause: Annotated[str, Meta(description="dedup_key of the trouble whose ticket stands for this one")] = ""
    priority: str
    team: str = ""
    number: Annotated[str, Meta(description="of the ticket in its system, as that said; so are url and assignee")] = ""
    url: str = ""
    assignee: str = ""
    respond_by: Annotated[Moment | None, Meta(description="somebody must have acknowledged it by then")] = None
    resolve_by: Moment | None = None
    acknowledged_at: Moment | None = None
    level: Annotated[int, Meta(description="escalations so far")] = 0
    occurrences: Annotated[int, Meta(description="times the alarm was raised under this ticket")] = 1


class Alarm(Struct, frozen=True, kw_only=True):
    """An alarm that is raised and not cleared."""

    dedup_key: str
    rule: str
    subject: Annotated[str, Meta(description="device id, link/<name> or gateway")]
    title: str
    priority: Annotated[str, Meta(description="P1 to P4; the ticket's, where there is a service catalogue")]
    category: str
    state: Annotated[
        str, Meta(description="active, or clearing: its condition is gone for less than its clearing time")
    ]
    raised_at: Moment
    count: int
    ticket: Annotated[AlarmTicket | None, Meta(description="null: there is no service catalogue")] = None


class Alarms(Struct, frozen=True):
    """All alarms now."""

    alarms: tuple[Alarm, ...]
    at: Annotated[Moment, Meta(description="the gateway's clock; what its times are to be compared with")]


class Door(Struct, frozen=True, kw_only=True):
    """A door now."""

    id: Slug
    name: str
    labels: Mapping[str, str] = {}
    groups: tuple[str, ...] = ()
    state: Annotated[str, Meta(description="locked, unlocked (a pulse runs), open, held, forced or released")]
    is_open: Annotated[bool | None, Meta(description="as its contact told last; null: not known")] = None
    released: bool = False
    released_by: Annotated[str, Meta(description="fire, or who; empty if not released")] = ""
    confirmed: Annotated[bool, Meta(description="whether the lock confirmed the release")] = False
    fire: bool | None = None
    locked_out: Annotated[tuple[str, ...], Meta(description="readers that accept nothing for a while")] = ()
    lost: tuple[str, ...] = ()
    tampered: tuple[str, ...] = ()


class Doors(Struct, frozen=True):
    """All doors, in the site file's order."""

    doors: tuple[Door, ...]


class StoredEvent(Struct, frozen=True, kw_only=True):
    """A record, as one message of the event stream."""

    seq: int
    id: str
    lane: str
    type: str
    subject: str
    time: Moment
    synced: Annotated[bool, Meta(description="whether the clock was trusted at that time")]
    data: Raw


# --- what is done -------------------------------------------------------------------------------------------------------


class CommandRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A command for a device or a door."""

    id: Annotated[
        str,
        Meta(pattern=ID_PATTERN, description="the caller's own and never used before: a request sent twice acts once"),
    ]
    command: Slug
    args: Annotated[dict[str, ArgumentValue], Meta(max_length=32)] = {}
    timeout: Annotated[float, Meta(gt=0, le=TIMEOUT_S, description="seconds until a definite outcome")] = TIMEOUT_S
    expires_at: Annotated[
        Moment | None,
        Meta(description="void after this; for requests that could be held up on their way; 1970 to 2199"),
    ] = None

    def __post_init__(self) -> None:
        # msgspec's patterns, like Python's, let a line end through before their `$`.
        if not _ID.fullmatch(self.id) or not _SLUG.fullmatch(self.command):
            raise ValueError("a line end in a name")
        check_moments(self.expires_at)


class CommandAnswer(Struct, frozen=True):
    """How a command ended. `unknown`: sent and not confirmed; ask the device before trying again."""

    id: str
    status: OutcomeStatus
    reason: str
    detail: str
    values: Annotated[Mapping[str, Value], Meta(description="what the confirmation told, by point")] = {}


CredentialKind = Literal["card", "qr", "pin"]
Number = Annotated[str, Meta(pattern=r"\S", max_length=256)]
Pin = Annotated[str, Meta(pattern="^[0-9]{4,12}$")]


class CredentialPut(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One credential. The number is kept as a keyed hash only and is never shown again."""

    number: Number
    kind: CredentialKind = "card"
    holder: Annotated[str, Meta(pattern=r"\S", max_length=64)]
    name: Annotated[str, Meta(max_length=64)] = ""
    groups: Annotated[tuple[Slug, ...], Meta(max_length=32)] = ()
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    pin: Pin | None = None
    duress_pin: Pin | None = None
    duress: bool = False

    def __post_init__(self) -> None:
        if any(not is_slug(group) for group in self.groups):
            raise ValueError("a line end in a group's name")
        if any(pin is not None and pin.endswith("\n") for pin in (self.pin, self.duress_pin)):
            raise ValueError("a line end in a PIN")
        check_moments(self.valid_from, self.valid_until)
        if self.valid_from is not None and self.valid_until is not None and self.valid_until <= self.valid_from:
            raise ValueError("valid_until is not after valid_from")


class CredentialStored(Struct, frozen=True):
    """Committed, and effective with the next decision at a door."""

    created: Annotated[bool, Meta(description="false: one with this number was replaced")]


class CredentialNumber(Struct, frozen=True, forbid_unknown_fields=True):
    """Which credential to revoke."""

    number: Number
    kind: CredentialKind = "card"


class CredentialRevoked(Struct, frozen=True):
    """Committed, and effective with the next decision at a door."""

    revoked: bool


class CredentialSummary(Struct, frozen=True):
    """How many credentials there are; their numbers are not kept."""

    count: int
    version: Annotated[int, Meta(description="of the last synchronisation")] = 0
