"""Who may do what: the grammar of scopes, and the three questions asked of them.

Owns: reading a scope, matching it. Must not know: tokens, signatures, how an issuer proved who it is.

A scope is one of

- ``read`` (devices, points, alarms, doors, tickets, maintenance, patrols), ``events`` (the stream of records), ``credentials``
  (who may pass), ``tickets`` (a ticket system tells what became of tickets), ``maintenance`` (declare and end it), ``requests``
  (what residents and staff ask for), ``patrol`` (check-ins), ``admin`` (tokens);
- ``command:<device>:<command>``: both are globs over ids, ``command:pump-*:*``;
- ``door:<door or group>:<action>``: a glob over door ids and door groups; the action is ``unlock``, ``release``,
  ``relock`` or ``*``.

No scope implies another: ``admin`` opens no door, ``command:*:*`` neither (admission.py asks for a door's right where a device's
command moves its bolt). Globs are those of `fnmatch.fnmatchcase`: ``*``, ``?``, ``[seq]``; they match whole ids, case counts.
"""

from collections.abc import Iterable
from fnmatch import fnmatchcase
from functools import lru_cache
from re import compile as regex
from typing import Literal

from msgspec import Struct

from edgegw.errors import CommandError
from edgegw.model import Issuer

WORDS = ("read", "events", "credentials", "tickets", "maintenance", "requests", "patrol", "admin")
"""Scopes without parts."""

DOOR_ACTIONS = ("unlock", "release", "relock")
"""What may be done to a door; also the names of its commands."""

Word = Literal["read", "events", "credentials", "tickets", "maintenance", "requests", "patrol", "admin"]

SCOPES_KEPT = 4096
"""Parsed scopes remembered: a site has a few dozen tokens and keys of a few scopes each."""

SCOPE_LONGEST = 200
"""Characters of a scope: two globs over ids of 64."""

_GLOB = regex(r"[a-z0-9_.\-*?\[\]!]+")
"""Ids are slugs (profiles.fields.Slug) and never have capitals: a glob that could match none of them is a mistake."""


class Scope(Struct, frozen=True):
    """One parsed scope. `kind`: a word, ``command`` or ``door``; `target` and `action` are globs, empty for a word."""

    kind: str
    target: str = ""
    action: str = ""


def parse_scope(text: str) -> Scope:
    """One scope.

    Raises:
        CommandError: ``bad-scope``, with what would be right.
    """
    if len(text) > SCOPE_LONGEST:
        raise CommandError("bad-scope", f"scope of {len(text)} characters; at most {SCOPE_LONGEST}")
    if text in WORDS:
        return Scope(text)
    kind, *rest = text.split(":")
    if kind not in {"command", "door"} or len(rest) != 2:
        raise CommandError(
            "bad-scope",
            f"{text!r} is no scope; write {', '.join(WORDS)}, command:<device>:<command> or door:<door or group>:<action>",
        )
    target, action = rest
    for part in (target, action):
        if not _GLOB.fullmatch(part):
            raise CommandError(
                "bad-scope",
                f"{part!r} in {text!r} matches no id: lower case, digits, _ . - and * ? [abc] for wildcards",
            )
    if kind == "door" and action not in (*DOOR_ACTIONS, "*"):
        raise CommandError(
            "bad-scope", f"{action!r} in {text!r} is nothing done to a door: {', '.join(DOOR_ACTIONS)} or *"
        )
    return Scope(kind, target, action)


def parse_scopes(texts: Iterable[str]) -> tuple[Scope, ...]:
    """Several scopes; raises as `parse_scope` for the first bad one."""
    return tuple(parse_scope(text) for text in texts)


@lru_cache(maxsize=SCOPES_KEPT)
def _parsed(text: str) -> Scope | None:
    """A scope as an issuer holds it. One that is none grants nothing: wherever it came from, it must not open anything."""
    try:
        return parse_scope(text)
    except CommandError:
        return None


def _of(issuer: Issuer, kind: str) -> Iterable[Scope]:
    for text in issuer.scopes:
        scope = _parsed(text)
        if scope is not None and scope.kind == kind:
            yield scope


def allows(issuer: Issuer, word: Word) -> bool:
    """Whether the issuer holds a scope without parts."""
    return word in issuer.scopes


def allows_command(issuer: Issuer, device: str, command: str) -> bool:
    """Whether the issuer may give a device that command."""
    return any(
        fnmatchcase(device, scope.target) and fnmatchcase(command, scope.action) for scope in _of(issuer, "command")
    )


def allows_door(issuer: Issuer, door: str, groups: Iterable[str], action: str) -> bool:
    """Whether the issuer may do that to a door, named by itself or by one of its groups."""
    if action not in DOOR_ACTIONS:
        return False
    names = (door, *groups)
    return any(
        scope.action in {action, "*"} and any(fnmatchcase(name, scope.target) for name in names)
        for scope in _of(issuer, "door")
    )
