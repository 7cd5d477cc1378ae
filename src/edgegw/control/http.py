"""The pages operators and Prometheus look at: ``/metrics``, ``/healthz``, ``/readyz`` and an index.

Owns: the listening socket, routes, status codes, limits on requests and connections.
Must not know: what is measured or how health is judged. Nothing here acts; there is no login because there is nothing to do.

The socket is bound at once (a taken port is an error before anything else starts, port 0 gets its number), but aiohttp.web, which
takes 0.1 to 0.4 s to import, is loaded by `run` in a thread: the kernel keeps early connections waiting meanwhile.
"""

import asyncio
import importlib
import socket
from collections.abc import Awaitable, Callable

from edgegw.control.health import Verdict
from edgegw.errors import ConfigError

BACKLOG = 16
"""Connections the kernel keeps until they are accepted: a few scrapers and probes."""

MAX_CONNECTIONS = 32
"""Connections open at once; more are closed on arrival, so that nobody can take the daemon's file descriptors."""

IDLE_S = 30.0
"""A connection without a complete request is closed after this: longer than a 15 s scrape interval, so scrapers keep theirs."""

MAX_LINE_BYTES = 2048
"""Longest request line and header field: scrapers send some hundred bytes."""

MAX_HEADERS = 32
"""Most header fields of a request."""

MAX_BODY_BYTES = 1024
"""Nothing here reads a body."""

STOP_S = 2.0
"""How long running requests may finish when stopping."""

_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}

_INDEX = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>edgegw</title><h1>edgegw</h1>"
    "<ul><li><a href=/metrics>metrics</a><li><a href=/healthz>alive</a><li><a href=/readyz>ready</a></ul>"
)


class ControlServer:
    """One HTTP server. Make it, `bind`, then `run` in a task.

    Args:
        host: name or address to listen on.
        port: 0 for any free one; see `address`.
        metrics: Accept header → body and Content-Type (`Metrics.render`).
        live: judges ``/healthz``.
        ready: judges ``/readyz``.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        metrics: Callable[[str], tuple[bytes, str]],
        live: Callable[[], Verdict],
        ready: Callable[[], Verdict],
    ) -> None:
        self._host = host
        self._port = port
        self._metrics = metrics
        self._live = live
        self._ready = ready
        self._socket: socket.socket | None = None
        self.serving = asyncio.Event()
        """Set while requests are answered."""

    @property
    def address(self) -> tuple[str, int]:
        """Host and port as bound.

        Raises:
            RuntimeError: not bound (a mistake of the caller).
        """
        if self._socket is None:
            raise RuntimeError("bind first")
        host, port = self._socket.getsockname()[:2]
        return str(host), int(port)

    @property
    def url(self) -> str:
        """``http://host:port``, IPv6 in brackets."""
        host, port = self.address
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    async def bind(self) -> None:
        """Take the port and listen.

        Raises:
            ConfigError: ``control-address``: no such host, not ours, or taken.
        """
        loop = asyncio.get_running_loop()
        sock: socket.socket | None = None
        try:
            infos = await loop.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
            family, kind, proto, _, address = infos[0]
            sock = socket.socket(family, kind, proto)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
            sock.listen(BACKLOG)
        except OSError as error:
            if sock is not None:
                sock.close()
            raise ConfigError(
                "control-address", f"control: {self._host}:{self._port}: {error.strerror or error}"
            ) from error
        sock.settimeout(0)
        self._socket = sock

    async def run(self) -> None:
        """Answer requests until cancelled; closes the socket when it ends."""
        sock = self._socket
        if sock is None:
            raise RuntimeError("bind first")
        try:
            await asyncio.to_thread(_load)
            await self._serve(sock)
        finally:
            self.serving.clear()
            sock.close()

    async def _serve(self, sock: socket.socket) -> None:
        from aiohttp import web  # noqa: PLC0415  # already loaded by _load

        async def index(_: web.Request) -> web.Response:
            return web.Response(text=_INDEX, content_type="text/html", headers=_HEADERS)

        async def metrics(request: web.Request) -> web.Response:
            body, content_type = self._metrics(request.headers.get("Accept", ""))
            return web.Response(body=body, headers={**_HEADERS, "Content-Type": content_type})

        def health(judge: Callable[[], Verdict]) -> Callable[[web.Request], Awaitable[web.Response]]:
            async def page(_: web.Request) -> web.Response:
                verdict = judge()
                status = 200 if verdict.passed else 503
                return web.Response(
                    body=verdict.as_json(), status=status, content_type="application/json", headers=_HEADERS
                )

            return page

        app = web.Application(client_max_size=MAX_BODY_BYTES)
        app.router.add_get("/", index)
        app.router.add_get("/metrics", metrics)
        app.router.add_get("/healthz", health(self._live))
        app.router.add_get("/readyz", health(self._ready))
        runner = web.AppRunner(
            app,
            handler_cancellation=True,
            access_log=None,
            keepalive_timeout=IDLE_S,
            lingering_time=0,
            max_line_size=MAX_LINE_BYTES,
            max_field_size=MAX_LINE_BYTES,
            max_headers=MAX_HEADERS,
            shutdown_timeout=STOP_S,
        )
        await runner.setup()
        try:
            serve = runner.server
            if serve is None:
                raise RuntimeError("aiohttp's runner has no server after setup")

            def connection() -> asyncio.Protocol:
                return serve() if len(serve.connections) < MAX_CONNECTIONS else _Refused()

            server = await asyncio.get_running_loop().create_server(connection, sock=sock, backlog=BACKLOG)
            self.serving.set()
            try:
                await asyncio.get_running_loop().create_future()  # until cancelled
            finally:
                server.close()
        finally:
            await runner.cleanup()


class _Refused(asyncio.Protocol):
    """Closes its connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()


def _load() -> None:
    """Import what is slow to import; runs in a thread."""
    importlib.import_module("aiohttp.web")
    importlib.import_module("prometheus_client.exposition")
