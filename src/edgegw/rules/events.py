"""What the rules say to the world: the data of their events as structs, and the draft of one step's changes.

Owns: the JSON shapes of alarm, availability and reading events; encoding; times and ids inside them.
Must not know: when any of them is due.

Shapes are what docs/rules.md documents. Fields that do not apply are absent rather than null, so that later fields
(respond_by, resolve_by, team of a service catalogue) can join without changing what is there.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import blake2b

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from edgegw.model import Changes, Event, Instant, Lane, Reading, StateChange

ALARM_RAISED = "edgegw.alarm.raised"
ALARM_UPDATED = "edgegw.alarm.updated"
ALARM_CLEARED = "edgegw.alarm.cleared"
DEVICE_ONLINE = "edgegw.device.online"
DEVICE_OFFLINE = "edgegw.device.offline"
READING = "edgegw.reading"

ALARM_KIND = "alarm"
"""`StateChange.kind` of alarm states; the key is the dedup_key."""
PRESENCE_KIND = "presence"
"""`StateChange.kind` of device presence; the key is the device id."""

NS_PER_S = 1_000_000_000


class DeviceRef(Struct, frozen=True):
    """Which device an event is about."""

    id: str
    name: str
    profile: str
    link: str


class Location(Struct, frozen=True):
    """Where it is: one readable line, and the site file's labels."""

    text: str
    labels: dict[str, str]


class AlarmData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.alarm.raised|updated|cleared``.

    Attributes:
        dedup_key: same for every occurrence of this alarm: ``<gateway>/<device>/<rule>``.
        alarm_id: this occurrence alone, from raised to cleared.
        state: ``active`` or ``cleared``, after this event.
        evidence: an encoded object: what was seen when it was raised or last updated.
        count: how often the condition came to hold in this occurrence.
        raised_at, cleared_at: RFC 3339 UTC, by the wall clock of that moment.
        clock_unsynced: present and true if the wall clock was not trusted when the alarm was raised.
        duration_s: from raised to cleared by the monotonic clock; after a restart by the wall clock if it was trusted
            at both ends, else absent.
        reason: why it was cleared: ``recovered`` or ``rule-removed``.
        recovery: what was seen when the condition went.
        ticket: an encoded `service.ticket.Ticket`; the rules know nothing of it, `service.sensing` puts it in.
    """

    dedup_key: str
    alarm_id: str
    rule: str
    state: str
    title: str
    category: str
    priority: str
    device: DeviceRef | UnsetType = UNSET
    location: Location | UnsetType = UNSET
    evidence: Raw
    count: int
    raised_at: str
    clock_unsynced: bool | UnsetType = UNSET
    cleared_at: str | UnsetType = UNSET
    duration_s: float | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    recovery: Raw | UnsetType = UNSET
    ticket: Raw | UnsetType = UNSET


class PresenceData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.device.online|offline``.

    Attributes:
        reason: ``message``, ``availability``, ``silence``, or the reason of the unanswered requests (``timeout`` …).
        last_seen: RFC 3339 UTC of the last sign of life before this; absent if there was none.
    """

    device: DeviceRef
    location: Location
    reason: str
    last_seen: str | UnsetType = UNSET


class ReadingData(Struct, frozen=True):
    """The data of ``edgegw.reading``: what one message told, in profile order."""

    device: str
    profile: str
    readings: tuple[Reading, ...]


_encode = msgspec.json.Encoder().encode


def encode(data: object) -> bytes:
    """JSON of structs and plain values. Never fails on a value: what JSON cannot carry (an integer beyond 64 bits, half
    of a surrogate pair) becomes text, as nothing a device says may stop the line."""
    try:
        return _encode(data)
    except (OverflowError, UnicodeEncodeError):
        return _encode(_cleaned(data))


def _cleaned(data: object) -> object:
    if isinstance(data, Struct):
        return {
            name: _cleaned(getattr(data, name)) for name in data.__struct_fields__ if getattr(data, name) is not UNSET
        }
    if isinstance(data, Mapping):
        return {_cleaned(key): _cleaned(value) for key, value in data.items()}
    if isinstance(data, (tuple, list)):
        return [_cleaned(item) for item in data]
    if isinstance(data, str):
        return data.encode("utf-8", "replace").decode()
    if isinstance(data, int) and not -(2**63) <= data < 2**64:
        return str(data)
    return data


def utc(wall_ns: int) -> str:
    """RFC 3339 UTC with milliseconds."""
    seconds, rest = divmod(wall_ns, NS_PER_S)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest // 1_000_000:03d}Z"


def occurrence_id(dedup_key: str, at: Instant, serial: int) -> str:
    """An id for one occurrence, in UUID form (RFC 9562 version 8), from what tells it apart: key, both clocks, and a serial
    for occurrences at the same instant. A hash instead of chance, so that the rules stay repeatable."""
    text = f"{dedup_key}|{at.wall_ns}|{at.mono_ns}|{serial}"
    raw = bytearray(blake2b(text.encode("utf-8", "replace"), digest_size=16).digest())
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    hexed = raw.hex()
    return f"{hexed[:8]}-{hexed[8:12]}-{hexed[12:16]}-{hexed[16:20]}-{hexed[20:]}"


class Draft:
    """The changes of one step while it is being decided; a later state of the same key replaces the earlier one."""

    __slots__ = ("_events", "_states")

    def __init__(self) -> None:
        self._events: list[Event] = []
        self._states: dict[tuple[str, str], StateChange] = {}

    def event(self, kind: str, lane: Lane, subject: str, at: Instant, data: bytes) -> None:
        """Record an event."""
        self._events.append(Event(kind, lane, subject, at, data))

    def add(self, event: Event) -> None:
        """Record an event already built."""
        self._events.append(event)

    def state(self, kind: str, key: str, value: bytes | None) -> None:
        """Keep a durable value, or forget it."""
        self._states[kind, key] = StateChange(kind, key, value)

    def changes(self) -> Changes:
        """What was decided."""
        return Changes(tuple(self._events), tuple(self._states.values()))
