"""The live screen's own upstream: a small HTTP receiver that accepts what the gateway delivers.

Owns: one listening socket, the body's size, the answer.
Must not know: what the events mean.
"""

import socket
import time
from collections.abc import Callable, Mapping

import msgspec
from aiohttp import web

from edgegw.demo.children import DemoError

BODY_LIMIT = 16 << 20
"""Bytes of a batch: 1,000 records of the largest kind stay far below."""

STOP_WITHIN_S = 1.0
"""Open requests at the end; the gateway has stopped before."""


def listen(host: str, port: int, option: str = "") -> socket.socket:
    """A listening socket, or DemoError in one clear line. `option`: what the user may type to choose another port."""
    sock = socket.socket()
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((host, port))
        sock.listen(128)
    except (OSError, OverflowError) as error:
        sock.close()
        why = error.strerror if isinstance(error, OSError) else "not a port"
        hint = f"; choose another with {option}" if option else ""
        raise DemoError("port", f"cannot listen on {host}:{port}: {str(why).lower()}{hint}") from error
    return sock


def free_port(host: str, wanted: int = 0, option: str = "") -> int:
    """`wanted` if it is free, any free one for 0; else DemoError."""
    with listen(host, wanted, option) as probe:
        port: int = probe.getsockname()[1]
        return port


class Receiver:
    """Accepts CloudEvents batches. `take` is called for each event, in order, before the answer."""

    def __init__(self, take: Callable[[Mapping[str, object], float], None]) -> None:
        self._take = take
        self._runner: web.AppRunner | None = None

    async def start(self, sock: socket.socket) -> None:
        """Serve on a listening socket."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_post("/events", self._post)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.SockSite(self._runner, sock, shutdown_timeout=STOP_WITHIN_S).start()

    async def stop(self) -> None:
        """Stop serving."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _post(self, request: web.Request) -> web.Response:
        try:
            body = msgspec.json.decode(await request.read())
        except msgspec.DecodeError:
            return web.Response(status=400)
        now_s = time.monotonic()
        for event in body if isinstance(body, list) else [body]:
            if isinstance(event, dict):
                self._take(event, now_s)
        return web.Response(status=204)
