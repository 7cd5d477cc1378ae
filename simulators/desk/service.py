"""The desk's HTTP side: intake of CloudEvents, the API, the page; and the modes in which it misbehaves on purpose.

Owns: requests, limits, modes. Must not know: what becomes of events (ledger).

| route | does |
|---|---|
| ``POST /events`` | one CloudEvent or a batch; 200 ``{"accepted": n, "new": n, "rejected": []}`` once committed |
| ``GET /api/tickets?state=open&limit=100`` | tickets, newest first |
| ``GET /api/events?type=…&after=…&limit=…`` | events by arrival |
| ``GET /api/stats`` | counts, duplicates, holes in seq |
| ``GET, POST /api/mode`` | ``{"mode": "ok|slow|down|refuse|unauthorized|reject", "delay_s": 1, "match": "text"}`` |
"""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from aiohttp import web

from simulators.desk.ledger import BadEventError, Ledger, checked
from simulators.desk.page import PAGE

MODES = ("ok", "slow", "down", "refuse", "unauthorized", "reject")
BODY_LIMIT = 16 << 20
LIMIT_MOST = 100_000
"""Rows in one answer: tests read whole runs."""

_T = TypeVar("_T")


@dataclass
class Mode:
    """How the desk behaves: `slow` answers after `delay_s`; `down` breaks the connection; `refuse` answers 503 with
    Retry-After 1; `unauthorized` 401; `reject` 422 for a batch that holds `match` anywhere."""

    mode: str = "ok"
    delay_s: float = 1.0
    match: str = ""


class Desk:
    """The service around a ledger."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, "desk-ledger")
        self.mode = Mode()

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_get("/", self._page)
        app.router.add_post("/events", self._events)
        app.router.add_get("/api/tickets", self._tickets)
        app.router.add_get("/api/events", self._list)
        app.router.add_get("/api/stats", self._stats)
        app.router.add_get("/api/mode", self._mode)
        app.router.add_post("/api/mode", self._set_mode)
        return app

    async def take(self, body: bytes) -> dict[str, object]:
        """Commit what a body holds. Raises BadEventError."""
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadEventError(f"not JSON: {error}") from error
        events = [checked(one) for one in (parsed if isinstance(parsed, list) else [parsed])]
        fresh = await self._do(lambda: self._ledger.take(events, time.time_ns()))
        return {"accepted": len(events), "new": fresh, "ids": [one["id"] for one in events]}

    async def _do(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def _events(self, request: web.Request) -> web.Response:
        mode = self.mode
        if mode.mode == "down":
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        if mode.mode == "refuse":
            return web.Response(status=503, headers={"Retry-After": "1"})
        if mode.mode == "unauthorized":
            return web.Response(status=401)
        body = await request.read()
        if mode.mode == "slow":
            await asyncio.sleep(mode.delay_s)
        if mode.mode == "reject" and mode.match and mode.match.encode() in body:
            return web.json_response({"error": f"will not take anything with {mode.match}"}, status=422)
        try:
            answer = await self.take(body)
        except BadEventError as error:
            return web.json_response({"error": str(error)}, status=400)
        del answer["ids"]
        return web.json_response(answer)

    async def _tickets(self, request: web.Request) -> web.Response:
        state, limit = request.query.get("state"), _number(request, "limit", 100)
        return _json({"tickets": await self._do(lambda: self._ledger.tickets(state, limit))})

    async def _list(self, request: web.Request) -> web.Response:
        kind, after, limit = request.query.get("type"), _number(request, "after", 0), _number(request, "limit", 1000)
        return _json({"events": await self._do(lambda: self._ledger.events(kind, after, limit))})

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(await self._do(self._ledger.stats) | {"mode": self.mode.mode})

    async def _mode(self, _: web.Request) -> web.Response:
        return _json(asdict(self.mode))

    async def _set_mode(self, request: web.Request) -> web.Response:
        try:
            wanted = Mode(**await request.json())
        except (ValueError, TypeError) as error:
            return web.json_response({"error": str(error)}, status=400)
        if wanted.mode not in MODES:
            return web.json_response({"error": f"mode is one of {', '.join(MODES)}"}, status=400)
        self.mode = wanted
        return _json(asdict(wanted))

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")


def _json(value: object) -> web.Response:
    return web.json_response(value, dumps=_dumps)


def _dumps(value: Any) -> str:  # noqa: ANN401  # JSON of any shape
    return json.dumps(value, ensure_ascii=False)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return (
        min(int(text), LIMIT_MOST) if name == "limit" and text.isdigit() else int(text) if text.isdigit() else default
    )
