"""The words of edgegw as small frozen types.

Owns: what travels along the one fixed line: raw messages, readings, events, records, alarms' identities, lanes.
Must not know: any protocol's bytes, SQL, sockets, the site file.

Structs (msgspec) rather than dataclasses: they are created per message on the hot path, cost a tenth of one, and encode to
JSON as they are.
"""

from collections.abc import Mapping
from enum import IntEnum, StrEnum

from msgspec import UNSET, Struct, UnsetType

Value = bool | int | float | str | None
"""What a point can hold. Scaled integers (meter totals) are scaled exactly, so 236 × 0.1 is 23.6."""


class Lane(IntEnum):
    """Delivery lanes, most urgent first (design promise 5). The number is stored and never changes meaning."""

    ALARM = 0
    ACCESS = 1
    COMMAND = 2
    TELEMETRY = 3

    @property
    def label(self) -> str:
        """Lower-case name, as used in metrics, tables and files."""
        return self.name.lower()


class Quality(StrEnum):
    """How far a value may be believed (design promise 12)."""

    FRESH = "fresh"
    """Reported or changed just now."""
    UNCHANGED = "unchanged"
    """Asked for just now, same as before."""
    STALE = "stale"
    """Not from now: retained by a broker, or the device does not answer any more."""


class Instant(Struct, frozen=True, gc=False):
    """A moment, on two clocks.

    Attributes:
        wall_ns: nanoseconds since the Unix epoch; a label, may be wrong while not `synced`.
        mono_ns: monotonic nanoseconds of this machine's boot; the only thing timers use.
        synced: whether the wall clock was trusted at that moment.
    """

    wall_ns: int
    mono_ns: int
    synced: bool = True


# --- what a link hands over -------------------------------------------------------------------------------------------


class MqttPayload(Struct, frozen=True, gc=False):
    """One MQTT application message.

    Attributes:
        retained: the broker kept it from earlier; its age is unknown.
        received_ns: wall time of its reception, None while this machine's clock is not trusted; only for judging how old it is.
    """

    topic: str
    payload: bytes
    retained: bool = False
    received_ns: int | None = None


class Registers(Struct, frozen=True, gc=False):
    """One answered Modbus block.

    Attributes:
        table: ``coil``, ``discrete``, ``holding`` or ``input``.
        address: first register or bit, zero-based as on the wire.
        words: 16-bit values, or 0/1 for coil and discrete.
    """

    table: str
    address: int
    words: tuple[int, ...]


class Frame(Struct, frozen=True, gc=False):
    """One complete serial frame, delimiters and checksum included, as the framer cut it."""

    data: bytes


class MeterAnswer(Struct, frozen=True, gc=False):
    """One answered identifier of a DL/T 645 or CJ/T 188 meter, follow-up frames put together.

    Attributes:
        protocol: ``dlt645`` or ``cjt188``.
        di: the data identifier as the standards print it, ``00010000``, ``901F``, whatever order the meter sends it in.
        data: what follows the identifier (and CJ/T 188's serial number), unmasked, in the order of the wire.
    """

    protocol: str
    di: str
    data: bytes


class ReaderReply(Struct, frozen=True, gc=False):
    """What an OSDP reader told.

    Attributes:
        reply: code and data as the standard has them (`codec.osdp`), without frame; empty where only `online` is told.
        online: whether the reader is there, where the link tells that.
    """

    reply: bytes
    online: bool | None = None


Raw = ReaderReply | MqttPayload | Registers | Frame | MeterAnswer


class Reading(Struct, frozen=True, gc=False):
    """A point's value at a moment.

    Attributes:
        unit: a UCUM-like string from the profile, or None.
        time: where the device itself gives the value a time: that time, RFC 3339 in UTC, to the millisecond (text order is time
            order).
    """

    point: str
    value: Value
    unit: str | None = None
    quality: Quality = Quality.FRESH
    time: str | UnsetType = UNSET


def older(reading: Reading, known: Reading | None) -> bool:
    """Whether a reading is from before another one of its point, by the times their device gives them: it is no last word."""
    return known is not None and reading.time is not UNSET and known.time is not UNSET and reading.time < known.time


class Decoded(Struct, frozen=True, gc=False):
    """What a profile made of one raw message.

    Attributes:
        readings: in profile order; may be empty (a message that is valid and says nothing of interest).
        online: True/False if the message speaks about the device's availability, else None.
    """

    readings: tuple[Reading, ...] = ()
    online: bool | None = None


# --- what goes to the store and upstream ------------------------------------------------------------------------------


class Event(Struct, frozen=True, gc=False):
    """Something to be recorded and told upstream; becomes a record when it is stored.

    Attributes:
        type: CloudEvents type, ``edgegw.reading``, ``edgegw.alarm.raised`` …
        lane: which delivery lane.
        subject: device id, or ``link/<name>``, ``gateway``.
        at: when it was received or decided.
        data: the event's data as encoded JSON (an object).
    """

    type: str
    lane: Lane
    subject: str
    at: Instant
    data: bytes


class Record(Struct, frozen=True, gc=False):
    """An event as stored.

    Attributes:
        seq: unique and ever growing in this gateway's life; order is by seq, never by time.
        id: UUIDv7, 36 characters; the receiver's key for idempotence.
        boot: number of the daemon start that stored it (with gateway and seq the record's identity).
        time_ns: wall time, corrected once the clock was known; `original_ns` as first written if they differ, else None.
        mono_ns: monotonic time of the reception; comparable only within one operating-system boot.
        same_boot: whether `mono_ns` is comparable with the present monotonic clock.
    """

    seq: int
    id: str
    boot: int
    lane: Lane
    type: str
    subject: str
    time_ns: int
    original_ns: int | None
    mono_ns: int
    same_boot: bool
    synced: bool
    data: bytes


class DeadLetter(Struct, frozen=True, gc=False):
    """Poison kept raw: what came, from where, and why nothing could be made of it.

    Attributes:
        origin: ``device`` (could not be decoded), ``upstream`` (refused for good by that one), ``tickets`` (no answer).
        source: device id, or upstream name.
        reason: bounded slug of the error.
        detail: text for a person.
        key: topic, block address or record id.
        raw: the bytes as they came, cut at 64 KiB.
        at: when.
    """

    origin: str
    source: str
    reason: str
    detail: str
    key: str
    raw: bytes
    at: Instant


class StateChange(Struct, frozen=True, gc=False):
    """A small durable value that commits with the records it belongs to (design promise 13).

    Attributes:
        kind: ``alarm``, ``presence`` …, the owner's namespace.
        key: unique within the kind.
        value: encoded JSON, or None to forget the key.
    """

    kind: str
    key: str
    value: bytes | None


class Changes(Struct, frozen=True, gc=False):
    """What a pure step decided: events to record and state to keep, to be committed together."""

    events: tuple[Event, ...] = ()
    states: tuple[StateChange, ...] = ()


NOTHING = Changes()


# --- commands ---------------------------------------------------------------------------------------------------------


class OrderLane(IntEnum):
    """Who goes first on a half-duplex line, among what has to be sent; polls come after all of these."""

    DOOR = 0
    COMMAND = 1
    CONFIRMATION = 2

    @property
    def label(self) -> str:
        """Lower-case name, for metrics and reports."""
        return self.name.lower()


class Source(StrEnum):
    """By which way a command came."""

    API = "api"
    UPSTREAM = "upstream"
    LINKAGE = "linkage"
    DOOR = "door"
    CLI = "cli"


class Issuer(Struct, frozen=True):
    """Who asks, already authenticated by the shell that took the request.

    Attributes:
        name: token name, upstream key id, linkage or door id; never a secret.
        scopes: what it may do (edgegw.rights has the grammar); internal issuers are handed exact ones.
    """

    source: Source
    name: str
    scopes: tuple[str, ...] = ()


class Command(Struct, frozen=True):
    """A request to a device or a door, as admitted or to be admitted.

    Attributes:
        id: the issuer's own, 1–64 of ``[A-Za-z0-9._:-]``; unused so far in this gateway's life (the ledger knows).
        target: a device's or a door's id.
        name: a command of the device's profile, or of a door: ``unlock``, ``release``, ``relock``.
        args: by name, as given; admission fills in defaults.
        deadline_ns: monotonic; a definite outcome is given before it.
        expires_ns: wall time after which the request is void, None where the issuer waits for the answer (API).
        lane: its place on a half-duplex line.
        insist: also tried where the device is known to be down (fire release).
    """

    id: str
    target: str
    name: str
    args: Mapping[str, Value]
    issuer: Issuer
    deadline_ns: int
    expires_ns: int | None = None
    lane: OrderLane = OrderLane.COMMAND
    insist: bool = False


class OutcomeStatus(StrEnum):
    """How a command ended (design promise 9)."""

    DONE = "done"
    """Confirmed as its profile says."""
    REJECTED = "rejected"
    """Not admitted; nothing was sent."""
    EXPIRED = "expired"
    """Admitted, and its time ran out before anything was sent."""
    FAILED = "failed"
    """Definitely not carried out: the device refused, or nothing could be sent."""
    UNKNOWN = "unknown"
    """Sent, not confirmed. Never retried blindly."""


class Outcome(Struct, frozen=True):
    """How a command ended.

    Attributes:
        reason: bounded slug (also a metric label); empty for done.
        detail: for a person.
        values: what the confirmation told, by point.
    """

    status: OutcomeStatus
    reason: str = ""
    detail: str = ""
    values: Mapping[str, Value] = {}


Labels = Mapping[str, str]
"""Where a device is: building, floor, unit, room … as the site file says."""
