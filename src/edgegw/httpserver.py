"""An HTTP server of this daemon: the socket, the limits, the start and the end; what it answers is its subclass's.

Owns: the listening socket, limits on connections, requests and time, aiohttp's late import.
Must not know: any route.

The socket is bound at once (a taken port is an error before anything else starts, port 0 gets its number), but aiohttp.web, which
takes 0.1 to 0.4 s to import, is loaded by `run` in a thread: the kernel keeps early connections waiting meanwhile.
"""

import asyncio
import socket
import ssl
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from edgegw.errors import ConfigError
from edgegw.lateload import load

if TYPE_CHECKING:
    from aiohttp import web

BACKLOG = 16
"""Connections the kernel keeps until they are accepted: a few scrapers, probes and clients."""

HANDSHAKE_S = 5.0
"""How long a TLS handshake may take; a connection is counted only after it, so it must be over soon."""

HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
"""Of every answer: nothing here may be kept, or be taken for something it is not."""


class Limits(Struct, frozen=True, kw_only=True):
    """What a client may take.

    Attributes:
        connections: open at once; more are closed on arrival, so that nobody can take the daemon's file descriptors.
        idle_s: a connection without a complete request header is closed after this.
        line_bytes: longest request line and header field. headers: most header fields.
        body_bytes: longest body that is read whole.
        stop_s: how long running requests may finish when stopping.
        linger_s: how long the rest of a refused request's body is read and dropped, so that its client gets to see the answer.
    """

    connections: int = 32
    idle_s: float = 30.0
    line_bytes: int = 2048
    headers: int = 32
    body_bytes: int = 1024
    stop_s: float = 2.0
    linger_s: float = 0.0


class HttpServer:
    """Make it, `bind`, then `run` in a task. Subclasses say `application`, and which modules it `needs` beside aiohttp.web.

    Args:
        what: for error messages and reasons: ``control``, ``api``.
        host: name or address to listen on.
        port: 0 for any free one; see `address`.
        tls: for HTTPS.
    """

    needs: ClassVar[tuple[str, ...]] = ()
    """What else is slow to import."""

    def __init__(self, what: str, host: str, port: int, *, limits: Limits, tls: ssl.SSLContext | None = None) -> None:
        self._what = what
        self._host = host
        self._port = port
        self._limits = limits
        self._tls = tls
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
        scheme = "http" if self._tls is None else "https"
        return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    async def bind(self) -> None:
        """Take the port and listen.

        Raises:
            ConfigError: ``<what>-address``: no such host, not ours, or taken.
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
                f"{self._what}-address", f"{self._what}: {self._host}:{self._port}: {error.strerror or error}"
            ) from error
        sock.settimeout(0)
        self._socket = sock

    async def run(self) -> None:
        """Answer requests until cancelled; closes the socket when it ends."""
        sock = self._socket
        if sock is None:
            raise RuntimeError("bind first")
        try:
            await load("aiohttp.web", *self.needs)
            await self._serve(sock)
        finally:
            self.serving.clear()
            sock.close()

    # --- for subclasses -----------------------------------------------------------------------------------------------

    def application(self) -> "web.Application":
        """The routes; called once, when aiohttp.web is loaded."""
        raise NotImplementedError

    async def until_done(self) -> None:
        """Wait until cancelled, or raise when serving must end for a fault."""
        await asyncio.get_running_loop().create_future()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _serve(self, sock: socket.socket) -> None:
        from aiohttp import web  # noqa: PLC0415  # already loaded by `run`

        limits = self._limits
        runner = web.AppRunner(
            self.application(),
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            keepalive_timeout=limits.idle_s,
            lingering_time=limits.linger_s,
            max_line_size=limits.line_bytes,
            max_field_size=limits.line_bytes,
            max_headers=limits.headers,
            shutdown_timeout=limits.stop_s,
        )
        await runner.setup()
        try:
            serve = runner.server
            if serve is None:
                raise RuntimeError("aiohttp's runner has no server after setup")

            def connection() -> asyncio.Protocol:
                return serve() if len(serve.connections) < limits.connections else _Refused()

            server = await asyncio.get_running_loop().create_server(
                connection,
                sock=sock,
                backlog=BACKLOG,
                ssl=self._tls,
                ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_S,
                ssl_shutdown_timeout=None if self._tls is None else HANDSHAKE_S,
            )
            self.serving.set()
            try:
                await self.until_done()
            finally:
                server.close()
        finally:
            await runner.cleanup()


class _Refused(asyncio.Protocol):
    """Closes its connection at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.close()
