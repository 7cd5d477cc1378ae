"""What door decisions say to the world: the data of their events, ids and times inside them.

Owns: the JSON shape of ``edgegw.access.granted|denied``. Must not know: when one is due.

Fields that do not apply are absent. No field holds a whole card number, a PIN, or what either could be made from.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec
from msgspec import UNSET, Struct, UnsetType

from edgegw.access.decision import Decision
from edgegw.access.specs import NS_PER_S, DoorSpec
from edgegw.model import Event, Instant, Lane, Value

ACCESS_GRANTED = "edgegw.access.granted"
ACCESS_DENIED = "edgegw.access.denied"


class DoorRef(Struct, frozen=True):
    """Which door an event is about."""

    id: str
    name: str


class DoorPlace(Struct, frozen=True):
    """Where it is: one readable line, and the site file's labels."""

    text: str
    labels: Mapping[str, str]


class HolderRef(Struct, frozen=True, omit_defaults=True):
    """Whose credential it was."""

    id: str
    name: str = ""


class AccessData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.access.granted|denied``.

    Attributes:
        decision_id: this decision's; the command that moved the lock carries it as its id.
        door, location: which, and where.
        reason: one of `decision.REASONS`.
        action: ``unlock``, ``release``, ``relock``: what was asked for.
        at: RFC 3339 UTC, by the wall clock of that moment.
        kind: ``card``, ``pin`` or ``qr``. credential: the end of the card number, ``…4567``.
        reader: device id. direction: ``in`` or ``out``.
        issuer: of an operator's or a linkage's act.
        duress: present and true if the holder signalled a threat; never shown at the door.
        joined: present and true if an unlock was on its way already; no more was sent than the answer to a terminal that asked.
        clock_unsynced: present and true if the wall clock was not to be believed.
        details: further evidence.
    """

    decision_id: str
    door: DoorRef
    location: DoorPlace | UnsetType = UNSET
    reason: str
    action: str
    at: str
    kind: str | UnsetType = UNSET
    credential: str | UnsetType = UNSET
    reader: str | UnsetType = UNSET
    direction: str | UnsetType = UNSET
    holder: HolderRef | UnsetType = UNSET
    issuer: str | UnsetType = UNSET
    duress: bool | UnsetType = UNSET
    joined: bool | UnsetType = UNSET
    clock_unsynced: bool | UnsetType = UNSET
    details: Mapping[str, Value] | UnsetType = UNSET


def access_event(decision: Decision, door: DoorSpec) -> Event:
    """The record of a decision: lane ACCESS, subject ``door/<id>``."""
    data = AccessData(
        decision_id=decision.id,
        door=DoorRef(door.id, door.shown),
        location=DoorPlace(door.location, dict(door.labels)) if door.labels or door.location else UNSET,
        reason=decision.reason,
        action=decision.action,
        at=utc(decision.at.wall_ns),
        kind=decision.kind or UNSET,
        credential=_text(decision.tail) or UNSET,
        reader=decision.reader or UNSET,
        direction=decision.direction or UNSET,
        holder=HolderRef(_text(decision.holder), _text(decision.name)) if decision.holder else UNSET,
        issuer=decision.issuer or UNSET,
        duress=True if decision.duress else UNSET,
        joined=True if decision.joined else UNSET,
        clock_unsynced=UNSET if decision.clock_trusted and decision.at.synced else True,
        details={name: _text(value) if isinstance(value, str) else value for name, value in decision.details.items()}
        or UNSET,
    )
    kind = ACCESS_GRANTED if decision.granted else ACCESS_DENIED
    return Event(kind, Lane.ACCESS, f"door/{door.id}", decision.at, msgspec.json.encode(data))


def _text(text: str) -> str:
    """What UTF-8 can carry: half of a surrogate pair in a name must not keep a decision from being recorded."""
    return text.encode("utf-8", "replace").decode()


def decision_id(door: str, at: Instant, serial: int) -> str:
    """An id in UUID form (RFC 9562 version 8) from what tells a decision apart: door, both clocks, and a serial for decisions at
    the same instant. A hash instead of chance, so that the core stays repeatable."""
    text = f"access|{door}|{at.wall_ns}|{at.mono_ns}|{serial}"
    raw = bytearray(blake2b(text.encode("utf-8", "replace"), digest_size=16).digest())
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    hexed = raw.hex()
    return f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"


def utc(wall_ns: int) -> str:
    """RFC 3339 UTC with milliseconds."""
    seconds, rest = divmod(wall_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"
