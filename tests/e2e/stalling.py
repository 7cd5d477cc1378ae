"""A proxy before a ticket system that loses the answer of one create, or delivers the create late."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Literal

from aiohttp import ClientSession, web

Fault = Literal["answer-lost", "request-late"]


class Stalling:
    """Passes everything on, but for the first request that `which` picks.

    ``answer-lost``: it reaches the system, and its answer never comes back. ``request-late``: it is held, as if it were on its
    way inside the system, and reaches it when `release` is set. `stalled` is set when that has begun.
    """

    def __init__(self, target: str, which: Callable[[web.BaseRequest], bool], fault: Fault) -> None:
        self._target = target
        self._which = which
        self._fault = fault
        self.stalled = asyncio.Event()
        self.release = asyncio.Event()
        self.arrived = asyncio.Event()
        self.seen: list[tuple[str, str]] = []
        self.port = 0

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Stalling"]:
        """Listen."""
        async with ClientSession(auto_decompress=False) as self._session:
            runner = web.ServerRunner(web.Server(self._handle), shutdown_timeout=0.1)
            await runner.setup()
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr] # aiohttp has no other way
            try:
                yield self
            finally:
                self.release.set()
                await runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        body = await request.read()
        self.seen.append((request.method, request.path))
        if self._which(request) and not self.stalled.is_set():
            self.stalled.set()
            # on its own: what the client does meanwhile, even its death, changes nothing for a request that has left
            await asyncio.shield(asyncio.create_task(self._stalled(request, body)))
            await asyncio.Event().wait()
        if (
            self.release.is_set() and request.method == "GET"
        ):  # by the next look it has arrived, however slow the machine
            await self.arrived.wait()
        return await self._pass(request, body)

    async def _stalled(self, request: web.BaseRequest, body: bytes) -> None:
        if self._fault == "request-late":
            await self.release.wait()
        await self._pass(request, body)
        self.arrived.set()

    async def _pass(self, request: web.BaseRequest, body: bytes) -> web.Response:
        headers = {
            k: v for k, v in request.headers.items() if k.lower() not in {"host", "content-length", "connection"}
        }
        url = self._target + request.path_qs
        async with self._session.request(request.method, url, data=body or None, headers=headers) as answer:
            kept = {
                k: v for k, v in answer.headers.items() if k.lower() in {"content-type", "etag", "content-encoding"}
            }
            return web.Response(status=answer.status, body=await answer.read(), headers=kept)
