"""Whether a command is taken: one judgement for every source, as a pure function.

Owns: the checks, their order, the reasons. Must not know: how an issuer proved who it is, storing, sending, time's source.

The order matters: nothing about what exists is told to an issuer without rights, and an id is looked at last, so that only who
may give a command can spend one. Whoever rejects here has sent nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from re import compile as regex

from msgspec import Struct

from edgegw.commands.envelope import ENVELOPE_REASONS
from edgegw.errors import CommandError
from edgegw.model import Command, Instant, Source
from edgegw.profiles.encode import Encoder, Outgoing
from edgegw.rights import DOOR_ACTIONS, allows_command, allows_door

DEADLINE_MOST_NS = 5_000_000_000
"""5 s: the target of every command (design section 6); who asks for longer has misunderstood."""

DEADLINE_SLACK_NS = 50_000_000
"""50 ms between an issuer's reckoning of its deadline and ours."""

ADMISSION_REASONS = frozenset(
    {
        "bad-id",
        "forbidden",
        "unknown-target",
        "unknown-command",
        "unknown-argument",
        "missing-argument",
        "bad-argument",
        "bad-deadline",
        "no-expiry",
        "clock-untrusted",
        "expired",
        "lifetime",
        "used-id",
    }
)
"""What `admit` rejects with."""

REASONS = ADMISSION_REASONS | ENVELOPE_REASONS | frozenset({"retained", "busy", "ledger-full", "store", "stopping"})
"""Every reason of the outcome ``rejected``: also what an envelope, a full line, the store or the end of the run says."""

_ID = regex(r"[A-Za-z0-9._:-]{1,64}")


class Known(Struct, frozen=True):
    """What there is to command.

    Attributes:
        encoders: device → its commands.
        doors: door → its groups. A door is looked for first; the site check sees to it that no device has a door's id.
        protected: (device, command) → the doors whose bolt it moves, or may move. Every one of them must be allowed, for every
            action, besides the command itself. The door service alone is asked for no right: it has decided for its door.
        timeouts: (device, command) → seconds after which its profile wants an outcome; the deadline becomes no later than that.
    """

    encoders: Mapping[str, Encoder] = {}
    doors: Mapping[str, Sequence[str]] = {}
    protected: Mapping[tuple[str, str], Sequence[str]] = {}
    timeouts: Mapping[tuple[str, str], float] = {}


class Rejected(Struct, frozen=True):
    """Not taken. `reason` is of `ADMISSION_REASONS`."""

    reason: str
    detail: str = ""


class Admitted(Struct, frozen=True):
    """Taken.

    Attributes:
        outgoing: what to send; None: the target is a door.
        deadline_ns: monotonic; the command's own, its profile's timeout, or the monotonic moment at which the wall clock should
            reach its expiry, whichever is first. Nothing is sent after it.
    """

    outgoing: Outgoing | None
    deadline_ns: int


def admit(
    command: Command,
    now: Instant,
    known: Known,
    *,
    used: Callable[[str], bool],
    trusted: bool,
    lifetime_most_ns: int | None = None,
    correlation: str = "0",
) -> Rejected | Admitted:
    """Judge one command.

    Args:
        used: whether an id was used before (the ledger).
        trusted: whether the wall time of `now` may be believed (clocktrust); it matters only where the command expires.
        lifetime_most_ns: how far ahead the expiry may be.
        correlation: decimal number that tells this command's answers apart (MQTT templates' ``{id}``).
    """
    try:
        _check(command, known)
        door = command.target in known.doors
        outgoing = None if door else _encode(command, known, correlation)
        deadline_ns = _deadline_ns(command, now, None if door else known.timeouts.get((command.target, command.name)))
        ahead_ns = _valid_ns(command, now, lifetime_most_ns, trusted=trusted)
    except CommandError as error:
        return Rejected(error.reason, error.detail)
    if used(command.id):
        return Rejected("used-id", "this id was used before; a new attempt needs a new id")
    return Admitted(outgoing, deadline_ns if ahead_ns is None else min(deadline_ns, now.mono_ns + ahead_ns))


def _check(command: Command, known: Known) -> None:
    """Id, right, and what can be done to a door."""
    if not _ID.fullmatch(command.id):
        raise CommandError("bad-id", "an id is 1 to 64 of A-Z a-z 0-9 . _ : -")
    door = command.target in known.doors
    if not (_may_door if door else _may_command)(command, known):
        raise CommandError("forbidden", f"{command.issuer.name} may not {command.name} {command.target}"[:200])
    if door and command.name not in DOOR_ACTIONS:
        raise CommandError("unknown-command", f"a door knows {', '.join(DOOR_ACTIONS)}")
    if door and command.args:
        raise CommandError("unknown-argument", f"{command.name} of a door takes no arguments")


def _deadline_ns(command: Command, now: Instant, timeout_s: float | None) -> int:
    left_ns = command.deadline_ns - now.mono_ns
    if not 0 < left_ns <= DEADLINE_MOST_NS + DEADLINE_SLACK_NS:
        most_s = DEADLINE_MOST_NS / 1e9
        raise CommandError("bad-deadline", f"{left_ns / 1e9:.3f} s from now; it must be within {most_s:g} s")
    if timeout_s is None:
        return command.deadline_ns
    return min(command.deadline_ns, now.mono_ns + round(timeout_s * 1e9))


def _valid_ns(command: Command, now: Instant, most_ns: int | None, *, trusted: bool) -> int | None:
    """For how long the command is valid yet; None: as long as its issuer waits."""
    if command.expires_ns is None:
        if command.issuer.source is Source.UPSTREAM:
            raise CommandError("no-expiry", "a command from upstream must say when it expires")
        return None
    if not trusted:
        raise CommandError("clock-untrusted", "the gateway's clock cannot tell whether this has expired")
    ahead_ns = command.expires_ns - now.wall_ns
    if ahead_ns <= 0:
        raise CommandError("expired", f"{-ahead_ns / 1e9:.3f} s ago")
    if most_ns is not None and ahead_ns > most_ns:
        raise CommandError("lifetime", f"valid for {ahead_ns / 1e9:.0f} s; at most {most_ns / 1e9:g} s")
    return ahead_ns


def _may_door(command: Command, known: Known) -> bool:
    if command.name in DOOR_ACTIONS:
        return allows_door(command.issuer, command.target, known.doors[command.target], command.name)
    return any(allows_door(command.issuer, command.target, known.doors[command.target], one) for one in DOOR_ACTIONS)


def _may_command(command: Command, known: Known) -> bool:
    issuer = command.issuer
    if issuer.source is Source.DOOR:
        return True
    if not allows_command(issuer, command.target, command.name):
        return False
    return all(
        allows_door(issuer, door, known.doors.get(door, ()), action)
        for door in known.protected.get((command.target, command.name), ())
        for action in DOOR_ACTIONS
    )


def _encode(command: Command, known: Known, correlation: str) -> Outgoing:
    encoder = known.encoders.get(command.target)
    if encoder is None:
        raise CommandError("unknown-target", "no device or door of that id takes commands")
    try:
        return encoder.encode(command.name, command.args, correlation)
    except CommandError as error:
        reason = error.reason if error.reason in ADMISSION_REASONS else "bad-argument"
        raise CommandError(reason, error.detail) from None
