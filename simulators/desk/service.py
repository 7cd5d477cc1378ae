"""The desk's HTTP side: intake of CloudEvents, the API, the page; and the modes in which it misbehaves on purpose.

Owns: requests, limits, modes, the staff's rounds. Must not know: what becomes of events and tickets (ledger).

| route | does |
|---|---|
| ``POST /events`` | one CloudEvent or a batch; 200 ``{"accepted": n, "new": n}`` once committed, with the ``tickets`` it opened |
| ``GET /api/tickets?state=open&limit=100`` | tickets, newest first |
| ``GET /api/tickets/{number}`` | one, with its history and what it explains |
| ``POST /api/tickets/{number}/STEP`` | a person's acknowledge, assign, resolve, close or reject: ``{"by", "note", "assignee"}`` |
| ``GET /api/ticket-updates?after=…&limit=…`` | changes of tickets since a cursor: ``{"tickets": [...], "next": "…"}`` |
| ``GET /api/events?type=…&after=…&limit=…`` | events by arrival |
| ``GET /api/stats`` | counts, duplicates, holes in seq |
| ``GET, POST /api/staff`` | ``{"on": true, "speed": 1}``: whether simulated people work, and how fast |
| ``GET, POST /api/mode`` | ``{"mode": "ok|slow|down|refuse|unauthorized|reject", "delay_s": 1, "match": "text"}`` |
"""

import asyncio
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from typing import Any, TypeVar

from aiohttp import web

from simulators.desk.ledger import ANSWERS_MOST, BadCursorError, Ledger
from simulators.desk.orders import BadEventError, checked
from simulators.desk.page import PAGE
from simulators.desk.staff import Staff
from simulators.desk.tickets import STEPS, NoTicketError, NotNowError

MODES = ("ok", "slow", "down", "refuse", "unauthorized", "reject")
BODY_LIMIT = 16 << 20
LIMIT_MOST = 100_000
"""Rows in one answer: tests read whole runs."""

NAME_MOST, NOTE_MOST = 100, 500
"""Characters of what a person types: as much as the way back carries."""

NUMBER_MOST = 2**63 - 1
SPEED_LEAST, SPEED_MOST = 0.01, 1000.0

ROUND_S = 0.1
"""How often the staff looks at the tickets at speed 1, and `ROUND_LEAST_S` at any speed: a tenth of the shortest pause."""
ROUND_LEAST_S = 0.02
ROUND_TICKETS = 5000
"""Tickets looked at in one round, oldest first."""

_T = TypeVar("_T")


@dataclass
class Mode:
    """How the desk behaves: `slow` answers after `delay_s`; `down` breaks the connection; `refuse` answers 503 with
    Retry-After 1; `unauthorized` 401; `reject` 422 for a batch that holds `match` anywhere."""

    mode: str = "ok"
    delay_s: float = 1.0
    match: str = ""


class Desk:
    """The service around a ledger. `on_duty`: whether the staff works."""

    def __init__(self, ledger: Ledger, staff: Staff | None = None, *, on_duty: bool = False) -> None:
        self._ledger = ledger
        self._thread = ThreadPoolExecutor(1, "desk-ledger")
        self.mode = Mode()
        self._staff = staff or Staff()
        self._on_duty = on_duty

    def app(self) -> web.Application:
        """The aiohttp application."""
        app = web.Application(client_max_size=BODY_LIMIT)
        app.router.add_get("/", self._page)
        app.router.add_post("/events", self._events)
        app.router.add_get("/api/tickets", self._tickets)
        app.router.add_get("/api/tickets/{number}", self._ticket)
        app.router.add_post("/api/tickets/{number}/{step}", self._act)
        app.router.add_get("/api/ticket-updates", self._updates)
        app.router.add_get("/api/events", self._list)
        app.router.add_get("/api/stats", self._stats)
        app.router.add_get("/api/staff", self._staff_now)
        app.router.add_post("/api/staff", self._set_staff)
        app.router.add_get("/api/mode", self._mode)
        app.router.add_post("/api/mode", self._set_mode)
        return app

    # --- for the other ways in and out ---------------------------------------------------------------------------------

    async def take(self, body: bytes) -> dict[str, object]:
        """Commit what a body holds. Raises BadEventError."""
        try:
            parsed = json.loads(body)
        except (ValueError, RecursionError) as error:
            raise BadEventError(f"not JSON: {error}") from error
        events = [checked(one) for one in (parsed if isinstance(parsed, list) else [parsed])]

        def work() -> tuple[int, list[dict[str, Any]]]:
            return self._ledger.take(events, time.time_ns()), self._ledger.opened()

        fresh, opened = await self._do(work)
        answer: dict[str, object] = {"accepted": len(events), "new": fresh, "ids": [one["id"] for one in events]}
        return answer | ({"tickets": opened} if opened else {})

    async def answers(self, after: str) -> dict[str, Any]:
        """Changes of tickets after a cursor (`Ledger.answers`)."""
        return await self._do(lambda: self._ledger.answers(after))

    async def kept(self, name: str) -> str:
        """A text kept under a name."""
        return await self._do(lambda: self._ledger.kept(name))

    async def keep(self, name: str, value: str) -> None:
        """Keep a text under a name."""
        await self._do(lambda: self._ledger.keep(name, value))

    async def work(self) -> None:
        """The staff's rounds, until cancelled."""
        while True:
            await asyncio.sleep(max(ROUND_LEAST_S, ROUND_S / self._staff.speed))
            if self._on_duty:
                await self._do(self._round)

    def _round(self) -> None:
        now_ns = time.time_ns()
        if steps := self._staff.all_due(self._ledger.at_work(ROUND_TICKETS), now_ns):
            self._ledger.act_all(steps, now_ns)

    async def _do(self, work: Callable[[], _T]) -> _T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    # --- requests ------------------------------------------------------------------------------------------------------

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
            return _no(422, f"will not take anything with {mode.match}")
        try:
            answer = await self.take(body)
        except BadEventError as error:
            return _no(400, str(error))
        del answer["ids"]
        return web.json_response(answer)

    async def _tickets(self, request: web.Request) -> web.Response:
        state, limit = request.query.get("state"), _number(request, "limit", 100)
        return _json({"tickets": await self._do(lambda: self._ledger.tickets(state, limit)), "now_ns": time.time_ns()})

    async def _ticket(self, request: web.Request) -> web.Response:
        try:
            number = _ticket_number(request)
            return _json(await self._do(lambda: self._ledger.ticket(number)))
        except NoTicketError as error:
            return _no(404, str(error))

    async def _act(self, request: web.Request) -> web.Response:
        step = request.match_info["step"]
        if step not in STEPS:
            return _no(404, f"a ticket can be told to {', '.join(STEPS)}")
        try:
            number, said = _ticket_number(request), _person(await request.read())

            def work() -> dict[str, Any]:
                self._ledger.act(number, step, time.time_ns(), **said)
                return self._ledger.ticket(number)

            answer = await self._do(work)
        except NoTicketError as error:
            return _no(404, str(error))
        except NotNowError as error:
            return _no(409, str(error))
        except ValueError as error:
            return _no(400, str(error))
        return _json(answer)

    async def _updates(self, request: web.Request) -> web.Response:
        after, limit = request.query.get("after", ""), _number(request, "limit", ANSWERS_MOST)
        try:
            return _json(await self._do(lambda: self._ledger.polled(after, limit)))
        except BadCursorError as error:
            return _no(400, str(error))

    async def _list(self, request: web.Request) -> web.Response:
        kind, after, limit = request.query.get("type"), _number(request, "after", 0), _number(request, "limit", 1000)
        return _json({"events": await self._do(lambda: self._ledger.events(kind, after, limit))})

    async def _stats(self, _: web.Request) -> web.Response:
        return _json(await self._do(lambda: self._ledger.stats(time.time_ns())) | {"mode": self.mode.mode})

    async def _staff_now(self, _: web.Request) -> web.Response:
        return _json({"on": self._on_duty, "speed": self._staff.speed})

    async def _set_staff(self, request: web.Request) -> web.Response:
        wanted = _object(await request.read())
        on, speed = wanted.get("on", self._on_duty), wanted.get("speed", self._staff.speed)
        if not isinstance(on, bool):
            return _no(400, "on is true or false")
        if isinstance(speed, bool) or not isinstance(speed, (int, float)) or not SPEED_LEAST <= speed <= SPEED_MOST:
            return _no(400, f"speed is a number from {SPEED_LEAST:g} to {SPEED_MOST:g}")
        self._on_duty, self._staff = on, replace(self._staff, speed=float(speed))
        return await self._staff_now(request)

    async def _mode(self, _: web.Request) -> web.Response:
        return _json(asdict(self.mode))

    async def _set_mode(self, request: web.Request) -> web.Response:
        try:
            wanted = Mode(**await request.json())
        except (ValueError, TypeError) as error:
            return _no(400, str(error))
        if wanted.mode not in MODES:
            return _no(400, f"mode is one of {', '.join(MODES)}")
        self.mode = wanted
        return _json(asdict(wanted))

    async def _page(self, _: web.Request) -> web.Response:
        return web.Response(text=PAGE, content_type="text/html")


def _json(value: object) -> web.Response:
    return web.json_response(value, dumps=_dumps)


def _no(status: int, error: str) -> web.Response:
    return web.json_response({"error": error}, status=status)


def _dumps(value: Any) -> str:  # noqa: ANN401  # JSON of any shape
    return json.dumps(value, ensure_ascii=False)


def _object(body: bytes) -> dict[str, Any]:
    try:
        parsed = json.loads(body) if body.strip() else {}
    except (ValueError, RecursionError):
        return {}
    return parsed if isinstance(parsed, dict) else {}


def _person(body: bytes) -> dict[str, str]:
    """``by``, ``note`` and ``assignee`` of a request. Raises ValueError."""
    said: dict[str, str] = {}
    parsed = json.loads(body) if body.strip() else {}
    if not isinstance(parsed, dict):
        raise ValueError("the body is an object")  # noqa: TRY004  # of the request, not of our own code
    for name, most in (("by", NAME_MOST), ("assignee", NAME_MOST), ("note", NOTE_MOST)):
        value = parsed.get(name, "")
        if not isinstance(value, str) or len(value) > most:
            raise ValueError(f"{name} is text of at most {most} characters")
        said[name] = value
    return said


def _ticket_number(request: web.Request) -> int:
    text = request.match_info["number"]
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > NUMBER_MOST:
        raise NoTicketError("a ticket's number is a number")
    return int(text)


def _number(request: web.Request, name: str, default: int) -> int:
    text = request.query.get(name, "")
    return (
        min(int(text), LIMIT_MOST) if name == "limit" and text.isdigit() else int(text) if text.isdigit() else default
    )
