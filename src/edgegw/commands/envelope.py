"""Signed commands as bytes: what an upstream sends so that nothing between it and the gateway can make a bolt move.

Owns: the canonical form, signing, verifying, the bounds of an envelope. Must not know: MQTT, rights, which ids were used.

An envelope is one JSON object with exactly these members::

    {"args":{…},"boot":7,"command":"unlock","expires_at":"2026-10-01T08:00:30Z","gateway":"gw-1","id":"…",
     "issuer":"platform","sig":"<64 hex digits>","target":"lobby"}

`sig` is HMAC-SHA256, lower-case hex, over the canonical JSON of all the other members: members sorted by name, no blanks, UTF-8
unescaped, control characters and ``"``, ``\\`` escaped in their shortest form (as Python's ``json.dumps(sort_keys=True,
separators=(",", ":"), ensure_ascii=False)``; for texts, integers, truth values and floats from 1e-4 to 1e16 the same as RFC 8785
with the fraction kept). The envelope itself must be in that form too: then every byte of it is covered, there is one way to write
a command, and duplicate members, NaN, odd numbers and half surrogates have no way in.

- `gateway`: an envelope for another gateway that shares the key is of no use here.
- `boot`: the number of the daemon start that the issuer last saw in an event (``edgegwboot``): what was sent to an earlier
  run, and waited somewhere, does not act in this one.
- `expires_at`: RFC 3339 UTC. Admission judges it: it needs a trusted clock.
"""

import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from re import compile as regex

import msgspec
from msgspec import Struct

from edgegw.errors import CommandError

SIZE_MOST = 8 * 1024
"""Bytes of an envelope: a few arguments of at most 256 characters; more is no command."""

ARGS_MOST = 32
"""Arguments of a command at most."""

ENVELOPE_REASONS = frozenset(
    {
        "oversized",
        "malformed",
        "not-canonical",
        "foreign-gateway",
        "unsigned",
        "unknown-key",
        "bad-signature",
        "old-boot",
    }
)
"""Every reason `verify` raises with."""

_TIME = regex(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,9})?Z")
_SIG = regex(r"[0-9a-f]{64}")

Arg = bool | int | float | str


class _Wire(Struct, forbid_unknown_fields=True):
    """The members as they come; `args` has no nesting, so no depth has to be counted."""

    id: str
    target: str
    command: str
    args: dict[str, Arg]
    expires_at: str
    boot: int
    issuer: str
    gateway: str
    sig: str = ""


class Envelope(Struct, frozen=True):
    """What a verified envelope says. `expires_ns`: wall nanoseconds; `issuer`: the key's id."""

    id: str
    target: str
    command: str
    args: Mapping[str, Arg]
    expires_ns: int
    boot: int
    issuer: str
    gateway: str


def canonical(members: Mapping[str, object]) -> bytes:
    """The canonical JSON of a flat object. Raises CommandError ``malformed`` for what JSON in UTF-8 cannot carry."""
    try:
        return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, TypeError) as error:  # NaN, half a surrogate pair, a value of no JSON type
        raise CommandError("malformed", f"no canonical JSON: {error}") from None


def signature(members: Mapping[str, object], key: bytes) -> str:
    """Lower-case hex HMAC-SHA256 over the canonical JSON of the members without ``sig``."""
    signed = {name: value for name, value in members.items() if name != "sig"}
    return hmac.new(key, canonical(signed), "sha256").hexdigest()


def sign(members: Mapping[str, object], key: bytes) -> bytes:
    """The envelope's bytes: the members with their signature, in canonical form.

    Args:
        members: all but ``sig``; a ``sig`` that is there is replaced.
    """
    return canonical({**members, "sig": signature(members, key)})


def verify(payload: bytes, *, keys: Mapping[str, bytes], gateway: str, boot: int) -> Envelope:
    """What an envelope says, if it is one, whole, by a known key, for this gateway and this run.

    Args:
        keys: by key id.
        gateway, boot: this gateway's id and the number of this daemon start.

    Raises:
        CommandError: a reason of `ENVELOPE_REASONS`. Nothing of the content may be relied on then.
    """
    if len(payload) > SIZE_MOST:
        raise CommandError("oversized", f"{len(payload)} bytes; at most {SIZE_MOST}")
    try:
        wire = msgspec.json.decode(payload, type=_Wire)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CommandError("malformed", str(error)) from None
    if len(wire.args) > ARGS_MOST:
        raise CommandError("malformed", f"{len(wire.args)} arguments; at most {ARGS_MOST}")
    if not wire.sig:
        raise CommandError("unsigned", "no sig")
    members = msgspec.structs.asdict(wire)
    if canonical(members) != payload:
        raise CommandError("not-canonical", "members sorted by name, no blanks, UTF-8; see docs/commands.md")
    if wire.gateway != gateway:
        raise CommandError("foreign-gateway", f"for {wire.gateway[:64]!r}")
    key = keys.get(wire.issuer)
    if key is None:
        raise CommandError("unknown-key", f"no key {wire.issuer[:64]!r}")
    if not _SIG.fullmatch(wire.sig) or not hmac.compare_digest(signature(members, key), wire.sig):
        raise CommandError("bad-signature", f"not signed with key {wire.issuer!r}")
    if wire.boot != boot:
        raise CommandError("old-boot", f"sent to run {wire.boot}; this is run {boot}")
    return Envelope(
        wire.id, wire.target, wire.command, wire.args, _wall_ns(wire.expires_at), wire.boot, wire.issuer, wire.gateway
    )


def claimed_id(payload: bytes) -> str:
    """The id an envelope claims, for the answer to whoever sent it; empty if there is none. Nothing about it is verified."""
    if len(payload) > SIZE_MOST:
        return ""
    try:
        return msgspec.json.decode(payload, type=_Claim).id
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""


class _Claim(Struct):
    id: str = ""


def _wall_ns(text: str) -> int:
    """Wall nanoseconds of an RFC 3339 UTC time."""
    seconds = None
    if _TIME.fullmatch(text):
        with suppress(ValueError):  # the 30th of February
            seconds = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    if seconds is None:
        raise CommandError("malformed", f"expires_at is {text[:40]!r}; write 2026-10-01T08:00:30Z")
    return int(seconds.timestamp()) * 1_000_000_000 + int(text[20:-1].ljust(9, "0") or 0)
