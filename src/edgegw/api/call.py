"""A request as handlers see it, and what each of them asks of one.

Owns: the shape. Must not know: HTTP, what a route does.
"""

from collections.abc import Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType

from edgegw.api.problems import ApiError
from edgegw.api.tokens import Token
from edgegw.api.types import is_ref, is_slug


class Call(Struct):
    """A request, as far as it was understood.

    Attributes:
        token: who asks; UNSET on routes that need none.
        target: the ``{id}`` of the path; a handler may put what the body names there, for the record.
        body: decoded to the route's type, or bytes.
        recorded: set by a handler whose act is recorded elsewhere.
    """

    target: str = ""
    query: Mapping[str, str] = {}
    token: Token | UnsetType = UNSET
    body: Any = None
    content_type: str = ""
    recorded: bool = False


def holder(call: Call) -> Token:
    """Who asks."""
    if call.token is UNSET:
        raise ApiError("no-token", "this needs a token")
    return call.token


def known_form(target: str) -> str:
    """The target, if it can be the id of a device or a door."""
    if not is_slug(target):
        raise ApiError("unknown-target", "no id looks like this")
    return target


def known_ref(target: str, reason: str) -> str:
    """The target, if it can be the id of something that comes and goes."""
    if not is_ref(target):
        raise ApiError(reason, "no id looks like this")
    return target


def choice(call: Call, name: str, choices: tuple[str, ...], otherwise: str | None = None) -> str:
    """A query parameter that is one of some words."""
    value = call.query.get(name, otherwise)
    if value not in choices:
        raise ApiError("invalid", f"{name} is {' or '.join(choices)}")
    return value
