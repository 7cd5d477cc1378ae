"""The API over HTTP: who may ask how often, what a request's body may be, what is answered and recorded.

Owns: authentication, limits, reading bodies, status codes, the record of every request that acts or fails to show who it is.
Must not know: what a route does (handlers), what is behind the backend.

Order: token, rate, scope, then the body: a stranger's body is never read. Strangers' failures are counted per peer and answered
429 beyond a few a minute; a valid token is never shut out by them, for a community's tools all come from one loopback address.
"""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgegw.api import wire
from edgegw.api.acts import Acts
from edgegw.api.audit import Asked, Audit
from edgegw.api.backend import Backend
from edgegw.api.backend_service import ServiceBackend
from edgegw.api.call import Call
from edgegw.api.handlers import Handlers
from edgegw.api.handlers_service import ServiceHandlers
from edgegw.api.limits import Buckets
from edgegw.api.problems import ApiError
from edgegw.api.routes import ROUTES, SSE, Route
from edgegw.api.stream import BEAT_S, Feed, Stream
from edgegw.api.tokens import TOKENS_MOST, Token, TokenBook
from edgegw.clock import Clock
from edgegw.errors import EdgegwError
from edgegw.httpserver import HEADERS, HttpServer, Limits
from edgegw.model import Instant

if TYPE_CHECKING:
    from aiohttp import web

LIMITS = Limits(
    connections=32, idle_s=30.0, line_bytes=4096, headers=48, body_bytes=64 * 1024, stop_s=6.0, linger_s=1.0
)
"""A few tools and platforms on this machine. Stopping waits for a command's outcome, which takes 5 s at most."""

STREAMS_MOST = 8
"""Event streams at once; a stream holds its connection, and the others must stay for those who act."""

BODY_S = 5.0
"""How long a body may take to arrive."""

IMPORT_S = 60.0
"""The same for an import of credentials."""

WRITE_S = 10.0
"""How long an event stream's client may let 32 KiB wait."""

FAILURES_A_MINUTE = 10
"""Failed authentications of one peer before it is answered 429."""

PEERS_MOST = 1024
"""Peers whose failures are remembered."""


class ApiServer(HttpServer):
    """Make it, `bind`, then `run` in a task, which ends with an error if an act does.

    Args:
        host, port: see `HttpServer`.
        backend: see there. service: None where the site has no service catalogue.
        tokens: file of hashed tokens; need not exist yet.
        rate, burst: requests a second per token, and how many at once.
        tls: for HTTPS; None on loopback.
        beat_s: see stream.BEAT_S.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        backend: Backend,
        service: ServiceBackend | None = None,
        tokens: Path,
        clock: Clock,
        rate: float = 10.0,
        burst: int = 20,
        tls: ssl.SSLContext | None = None,
        beat_s: float = BEAT_S,
    ) -> None:
        super().__init__("api", host, port, limits=LIMITS, tls=tls)
        self._backend = backend
        self._clock = clock
        self._beat_s = beat_s
        self._acts = Acts()
        handlers, serving = (
            Handlers(backend, clock, self._acts),
            ServiceHandlers(backend, service, clock, self._acts),
        )
        self._handlers: dict[str, Callable[[Call], Awaitable[Any]]] = {
            route.name: getattr(serving if hasattr(serving, route.name) else handlers, route.name)
            for route in ROUTES
            if route.gives_type != SSE
        }
        self._tokens = TokenBook(tokens, clock)
        self._rates = Buckets(rate, burst, TOKENS_MOST)
        self._failures = Buckets(FAILURES_A_MINUTE / 60, FAILURES_A_MINUTE, PEERS_MOST)
        self._audit = Audit(backend.audit)
        self._feeds: set[Feed] = set()
        self._importing = False

    @property
    def streams(self) -> int:
        """Event streams open now."""
        return len(self._feeds)

    async def run(self) -> None:
        """See `HttpServer.run`; then waits for acts whose client went away."""
        try:
            await super().run()
        finally:
            await self._acts.settle(self._limits.stop_s)

    async def until_done(self) -> None:
        """See `HttpServer.until_done`."""
        await self._acts.fault()

    def application(self) -> "web.Application":
        """See `HttpServer.application`."""
        from aiohttp import web  # noqa: PLC0415  # already loaded by `run`

        @web.middleware
        async def unrouted(request: web.Request, handler: Any) -> web.StreamResponse:  # noqa: ANN401 - aiohttp's
            """404 and 405 in the API's own words."""
            try:
                return await handler(request)  # type: ignore[no-any-return]  # aiohttp types it so
            except web.HTTPMethodNotAllowed as error:
                refused = ApiError("method", f"allowed: {', '.join(sorted(error.allowed_methods))}")
                return wire.refusal(refused, {"Allow": error.headers["Allow"]})
            except web.HTTPNotFound:
                return wire.refusal(ApiError("not-found", "there is nothing here"))

        async def end_streams(_: web.Application) -> None:
            for feed in self._feeds:
                feed.end()

        app = web.Application(middlewares=[unrouted])
        app.on_shutdown.append(end_streams)
        for route in ROUTES:
            app.router.add_route(route.method, route.path, self._answers(route))
        return app

    def _answers(self, route: Route) -> Any:  # noqa: ANN401 - aiohttp's handler type
        async def answer(request: "web.Request") -> "web.StreamResponse":
            at = self._clock.now()
            call = Call(target=request.match_info.get("id", ""))
            status, reason = 500, "fault"
            try:
                response = await self._answer(route, request, call, at)
                status, reason = response.status, ""
            except EdgegwError as error:
                refused = wire.as_refusal(error, call)
                status, reason = refused.status, refused.reason
                response = wire.refusal(refused)
            except asyncio.CancelledError:
                status, reason = 499, "client-gone"
                raise
            finally:
                self._record(route, request, call, at, status=status, reason=reason)
            return response

        return answer

    async def _answer(self, route: Route, request: "web.Request", call: Call, at: Instant) -> "web.StreamResponse":
        if route.scope is not None:
            await self._admit(route, request, call, at)
        call.query = wire.query(route, request)
        if route.gives_type == SSE:
            return await self._stream(request, call)
        if route.body is bytes:
            if self._importing:
                raise ApiError("busy", "another import runs", retry_s=1)
            self._importing = True
            try:
                call.body = await self._read(route, request, call, IMPORT_S)
                return wire.rendered(route, await self._handlers[route.name](call))
            finally:
                self._importing = False
        if route.body is not None:
            call.body = wire.decoded(route, await self._read(route, request, call, BODY_S))
        return wire.rendered(route, await self._handlers[route.name](call))

    def _record(
        self, route: Route, request: "web.Request", call: Call, at: Instant, *, status: int, reason: str
    ) -> None:
        if not ((route.acts and not call.recorded) or status == 401 or reason in {"rate", "tokens"}):
            return
        token = call.token if isinstance(call.token, Token) else None
        asked = Asked(
            token=token.id if token else "",
            name=token.name if token else "",
            method=route.method,
            route=route.path,
            target=call.target,
            status=status,
            reason=reason,
            peer=request.remote or "",
        )
        self._audit.record(asked, at)

    # --- who asks -----------------------------------------------------------------------------------------------------

    async def _admit(self, route: Route, request: "web.Request", call: Call, at: Instant) -> None:
        try:
            token = await self._tokens.find(wire.secret(request))
        except ApiError as error:
            if error.status == 401 and (wait_s := self._failures.take(request.remote or "", at.mono_ns)):
                raise ApiError("rate", "too many requests without a valid token", retry_s=wait_s) from error
            raise
        call.token = token
        if wait_s := self._rates.take(token.id, at.mono_ns):
            raise ApiError("rate", "too many requests with this token", retry_s=wait_s)
        if route.scope != "target" and route.scope not in token.scopes:
            raise ApiError("forbidden", f"this needs the scope {route.scope}")

    # --- what comes ---------------------------------------------------------------------------------------------------

    async def _read(self, route: Route, request: "web.Request", call: Call, within_s: float) -> bytes:
        """The body. Its type is one that no HTML form sends (a browser asks before it sends these across origins)."""
        from aiohttp import web  # noqa: PLC0415

        call.content_type = request.content_type
        if call.content_type not in route.takes or request.headers.get("Content-Encoding", "identity") != "identity":
            raise ApiError("content-type", f"the body must be {' or '.join(route.takes)}, not encoded")
        most = route.body_bytes
        if (request.content_length or 0) > most:
            raise ApiError("too-large", f"at most {most} bytes")
        body = bytearray()
        try:
            async with asyncio.timeout(within_s):
                async for piece in request.content.iter_any():
                    body += piece
                    if len(body) > most:
                        raise ApiError("too-large", f"at most {most} bytes")
        except web.RequestPayloadError as error:
            raise ApiError("malformed", "the body is not framed as HTTP says") from error
        except TimeoutError:
            raise ApiError("slow", f"the body took more than {within_s:g} s") from None
        return bytes(body)

    # --- the stream ---------------------------------------------------------------------------------------------------

    async def _stream(self, request: "web.Request", call: Call) -> "web.StreamResponse":
        from aiohttp import web  # noqa: PLC0415

        after = wire.after(request.headers.get("Last-Event-ID", call.query.get("after")))
        lanes = wire.lanes(call.query.get("lanes"))
        if len(self._feeds) >= STREAMS_MOST:
            raise ApiError("busy", f"{STREAMS_MOST} event streams are open already", retry_s=5)
        secret = wire.secret(request)
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": SSE, "X-Accel-Buffering": "no"})

        async def write(data: bytes) -> None:
            async with asyncio.timeout(WRITE_S):
                await response.write(data)

        async def check() -> None:
            await self._tokens.find(secret)

        feed = Feed(lanes)
        self._feeds.add(feed)
        stop = self._backend.subscribe(feed.heard)
        try:
            await response.prepare(request)
            stream = Stream(feed, self._backend, self._clock, write=write, check=check, beat_s=self._beat_s)
            await stream.run(after)
        except (TimeoutError, ConnectionError, EdgegwError):
            # Gone, too slow, or not allowed any more; the answer has begun, so all there is to say is that it ends.
            if request.transport is not None:
                request.transport.abort()
        finally:
            stop()
            self._feeds.discard(feed)
        return response
