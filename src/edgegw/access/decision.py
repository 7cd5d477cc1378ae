"""The words of door decisions: what is presented, what is decided, what follows from it.

Owns: the reasons (a fixed set), `Presented`, `Decision`, `DoorCondition`, `Step`, `DoorView`.
Must not know: when any of them is due (core.py), how they are carried out.
"""

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from edgegw.access.credentials import card_hash, masked
from edgegw.model import Instant, StateChange, Value

Act = Literal["unlock", "release", "relock", "refuse"]
"""What is to be done at the lock: open for one pulse, open and leave open, end that, tell a terminal that waits for an answer."""

GRANTED = frozenset(
    {"card", "pin", "card-pin", "qr", "multi", "exit-button", "fire", "operator", "linkage", "released"}
)
"""Why a door was opened. ``released``: it stands open for everyone already."""

AWAITING = frozenset({"awaiting-pin", "awaiting-cards", "awaiting-escort"})
"""Not refused, not granted: something more must be presented."""

GUESSES = frozenset(
    {
        "unknown-credential",
        "wrong-pin",
        "no-pin",
        "no-card",
        "wrong-kind",
        "no-privilege",
        "not-yet-valid",
        "expired",
        "wrong-time-zone",
    }
)
"""Refusals that count towards a lock-out: what a person tries, not what the door is in."""

DENIED = (
    GUESSES
    | AWAITING
    | {
        "locked-out",
        "clock-untrusted",
        "anti-passback",
        "interlock",
        "pin-timeout",
        "cards-timeout",
        "fire-active",
    }
)
"""Why a door stayed as it was. Explained one by one in docs/doors.md."""

REASONS = GRANTED | DENIED
"""All of them; a reason is also a metric label."""

CONDITIONS: Mapping[str, str] = {
    "duress": "P1",
    "forced": "P2",
    "tamper": "P2",
    "lock-failed": "P2",
    "fire-release": "P2",
    "fire-unconfirmed": "P2",
    "held": "P3",
    "lockout": "P3",
    "reader-lost": "P3",
}
"""Kinds of `DoorCondition` and their priority; ``lock-failed`` is P1 where a fire release did not succeed."""

CATEGORIES: Mapping[str, str] = {
    "duress": "security",
    "forced": "security",
    "tamper": "security",
    "fire-release": "fire",
    "fire-unconfirmed": "fire",
}
"""Categories of the service catalogue; ``access`` for the rest."""


def category(kind: str) -> str:
    """The service category of a door's condition."""
    return CATEGORIES.get(kind, "access")


class Hidden:
    """A text that must not be shown: its repr is not its content. For the PIN on its way to being checked."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Hidden(…)"

    def reveal(self) -> str:
        """The text itself."""
        return self._text


class Presented(Struct, frozen=True, kw_only=True):
    """A credential as a reader told it; made by `presented`.

    Attributes:
        kind: ``card``, ``qr`` or ``pin``.
        hashed: `credentials.card_hash` of it.
        tail: what may be shown of it (``…4567``); always empty for a PIN.
        reader: the reader's device id, one of the door's `DoorSpec.readers`.
        direction: ``in`` or ``out`` of the area behind the door.
        pin: the PIN itself, for doors that ask for card and PIN.
    """

    kind: str
    hashed: bytes
    tail: str = ""
    reader: str
    direction: str = "in"
    pin: Hidden | None = None


def presented(key: bytes, kind: str, number: str, *, reader: str, direction: str = "in") -> Presented:
    """What a reader told, hashed under the site's access key. Raises DecodeError ``bad-value`` for no or too long a number."""
    pin = kind == "pin"
    return Presented(
        kind=kind,
        hashed=card_hash(key, kind, number),
        tail="" if pin else masked(number),
        reader=reader,
        direction=direction,
        pin=Hidden(number) if pin else None,
    )


class Decision(Struct, frozen=True, kw_only=True):
    """What was decided about one request to pass or to move a lock.

    Attributes:
        id: unique, made of what tells it apart (no chance in the core).
        reason: one of `REASONS`.
        action: what was asked for: ``unlock``, ``release`` or ``relock``.
        kind, reader, direction, tail: of what was presented; empty for button, fire and operator.
        holder, name: whose credential; empty if unknown.
        issuer: for ``operator`` and ``linkage``: who.
        duress: opened under threat. Goes upstream; nothing at the door may show it.
        joined: an unlock is on its way already, this one shares its outcome; nothing is sent twice.
        clock_trusted: whether wall time could be believed.
        details: more evidence, bounded: ``anti_passback`` (soft violation), ``holders`` (of a multi-card grant, joined by
            commas), ``interlock`` (the door that is in the way), ``untrusted_allowed``.
    """

    id: str
    door: str
    granted: bool
    reason: str
    at: Instant
    action: str = "unlock"
    kind: str = ""
    reader: str = ""
    direction: str = ""
    tail: str = ""
    holder: str = ""
    name: str = ""
    issuer: str = ""
    duress: bool = False
    joined: bool = False
    clock_trusted: bool = True
    details: Mapping[str, Value] = {}

    @property
    def final(self) -> bool:
        """Whether anything was decided; False for `AWAITING`: something more must be presented first."""
        return self.reason not in AWAITING


class DoorCondition(Struct, frozen=True, kw_only=True):
    """Something about a door that is or ends being an alarm. Told on change; telling the same twice does no harm.

    Attributes:
        kind: one of `CONDITIONS`. part: the reader, for conditions each reader has its own; else empty.
        priority: P1 … P3.
        evidence: what was seen.
    """

    kind: str
    door: str
    active: bool
    priority: str
    part: str = ""
    evidence: Mapping[str, Value] = {}

    @property
    def key(self) -> str:
        """Unique among all conditions of a site: ``door/<id>/<kind>`` or ``door/<id>/<kind>/<reader>``."""
        return f"door/{self.door}/{self.kind}" + (f"/{self.part}" if self.part else "")


class Step(Struct, frozen=True, kw_only=True):
    """What follows from one thing that happened at one door.

    Attributes:
        decision: what was decided, if anything had to be; to be recorded before `act` if `Decision.final` (fire: after).
        act: what to do at the lock. ``unlock`` and ``release`` only ever stand beside a granted decision.
        repeat_ns: monotonic; with ``release`` only: send it once more then, because a pulse the device times itself may
            still be running and would end the release with it.
        conditions: alarms that begin or end.
        states: durable values to commit with the decision.
        again_ns: monotonic; when `DoorCore.tick` is due next, for all doors; None: not before something happens.
    """

    decision: Decision | None = None
    act: Act | None = None
    repeat_ns: int | None = None
    conditions: tuple[DoorCondition, ...] = ()
    states: tuple[StateChange, ...] = ()
    again_ns: int | None = None


class DoorView(Struct, frozen=True, kw_only=True):
    """A door now, for the API, the console and metrics.

    Attributes:
        state: ``locked``, ``unlocked`` (a pulse is running), ``open``, ``held``, ``forced`` or ``released``.
        is_open: as the contact told last; None: not known.
        released_by: ``fire``, or who; empty if not released. confirmed: whether the lock confirmed the release in this run.
        fire: the fire input as told last; None: not known.
        locked_out: readers that accept nothing now. lost, tampered: readers.
    """

    id: str
    name: str
    state: str
    is_open: bool | None
    released_by: str = ""
    confirmed: bool = False
    fire: bool | None = None
    locked_out: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    tampered: tuple[str, ...] = ()
