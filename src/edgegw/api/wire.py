"""Requests read and answers written: the parts of HTTP that need no state.

Owns: parameters, bodies as types, refusals and values as answers. Must not know: who asks, limits, the backend.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from edgegw.api.call import Call
from edgegw.api.problems import ApiError, problem
from edgegw.api.routes import LANES, SEQ_MOST, Route
from edgegw.errors import EdgegwError, StoreError
from edgegw.httpserver import HEADERS
from edgegw.model import Lane

if TYPE_CHECKING:
    from aiohttp import web


def secret(request: "web.Request") -> str:
    """The presented token. Raises ApiError ``no-token``."""
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not secret.strip():
        raise ApiError("no-token", "Authorization: Bearer egw_… is missing")
    return secret.strip()


def query(route: Route, request: "web.Request") -> Mapping[str, str]:
    """The parameters. One that is not known, or there twice, is refused: `dryrun=true` must not import."""
    known = {query.name for query in route.query}
    found: dict[str, str] = {}
    for name, value in request.query.items():
        if route.scope is not None and (name not in known or name in found):
            raise ApiError("invalid", "a parameter is not known, or there twice")
        found[name] = value
    return found


def after(text: str | None) -> int | None:
    """The seq to resume after. Raises ApiError ``invalid``."""
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 19 and int(text) <= SEQ_MOST):
        raise ApiError("invalid", "Last-Event-ID or after is the seq of a record")
    return int(text)


def lanes(text: str | None) -> frozenset[Lane]:
    """The lanes asked for, all if not said. Raises ApiError ``invalid``."""
    if text is None:
        return frozenset(LANES.values())
    names = text.split(",")
    if any(name not in LANES for name in names):
        raise ApiError("invalid", f"lanes are some of {', '.join(LANES)}")
    return frozenset(LANES[name] for name in names)


def decoded(route: Route, body: bytes) -> Any:  # noqa: ANN401 - the route's type
    """A body as the route's type. Raises ApiError ``malformed``, ``invalid``."""
    try:
        return msgspec.json.decode(body, type=route.body)
    except msgspec.ValidationError as error:
        raise ApiError("invalid", str(error)) from error
    except msgspec.DecodeError as error:
        raise ApiError("malformed", str(error)) from error
    except UnicodeDecodeError as error:
        raise ApiError("malformed", "the body is not UTF-8") from error


def as_refusal(error: EdgegwError, call: Call) -> ApiError:
    """An error of the parts behind: its own reason; the store's are all ``store``."""
    if isinstance(error, ApiError):
        return error
    reason = "store" if isinstance(error, StoreError) else error.reason
    return ApiError(reason, error.detail, id=getattr(call.body, "id", ""))


def refusal(error: ApiError, headers: Mapping[str, str] | None = None) -> "web.Response":
    """The answer to a refused request."""
    from aiohttp import web  # noqa: PLC0415

    extra = dict(headers or {})
    if error.retry_s is not None:
        extra["Retry-After"] = str(max(1, -int(-error.retry_s // 1)))
    if error.status == 401:
        extra["WWW-Authenticate"] = "Bearer"
    return web.Response(
        body=msgspec.json.encode(problem(error)),
        status=error.status,
        content_type="application/json",
        headers={**HEADERS, **extra},
    )


def rendered(route: Route, value: Any) -> "web.Response":  # noqa: ANN401 - the route's type
    """The answer with a handler's value."""
    from aiohttp import web  # noqa: PLC0415

    if isinstance(value, str):
        return web.Response(text=value, content_type=route.gives_type, headers=HEADERS)
    return web.Response(body=msgspec.json.encode(value), content_type=route.gives_type, headers=HEADERS)
