"""Looking at the processes: /metrics, the desk's API, the store; composed into a `View`.

Owns: the HTTP requests of the demo and how long they may take, what is a ticket in the desk's words, rates.
Must not know: how processes are started, how a view is drawn.
"""

import asyncio
import json
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence

import aiohttp
import msgspec
from msgspec import Struct

from edgegw.demo.figures import Counters, Response, parse_metrics
from edgegw.demo.observer import Observer
from edgegw.demo.site import STORE, Cast
from edgegw.demo.stage import Stage
from edgegw.demo.view import LANES, LinkRow, ProcessRow, Ticket, View

ASK_WITHIN_S = 1.0
"""One request; a process that is down must not hold the screen."""

RATE_OVER_S = 10.0
"""Window of the rates."""

STORE_WITHIN_S = 20.0
"""``edgegw store stats`` on a database of a few megabytes takes a second, mostly Python's start."""

EVENTS_AT_ONCE = 2000
"""Events asked of the desk at once; after an outage the screen catches up in a few looks."""

TICKETS_SHOWN = 50
"""Tickets taken from the desk for the screen."""

HURRY_SPEED = 25
"""Of the staff when the demo ends: the rest of a ticket's way takes half a second instead of ten."""

NOTICES_KEPT = 50


class StoreSays(Struct, frozen=True):
    """The store at the end: highest sequence number ever given, records the desk has not accepted, records announced as gaps."""

    committed: int
    waiting: int
    shed: int


class Watch:
    """See the module's text. `start` before use, `stop` at the end."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._http: aiohttp.ClientSession | None = None
        self.counters = Counters()
        self.observer = Observer(Cast({}, {}))
        self._stats: Mapping[str, object] | None = None
        self._tickets: tuple[Ticket, ...] = ()
        self._after = 0
        self._past: deque[tuple[float, dict[str, float]]] = deque()
        self.notices: deque[tuple[float, str]] = deque(maxlen=NOTICES_KEPT)
        self.began_s = time.monotonic()

    def begin(self) -> None:
        """The community has introduced itself."""
        self.observer = Observer(self._stage.cast)
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=ASK_WITHIN_S))

    async def stop(self) -> None:
        """Close connections."""
        if self._http is not None:
            await self._http.close()

    async def _get(self, url: str) -> bytes | None:
        if self._http is None:
            return None
        try:
            async with self._http.get(url) as answer:
                return await answer.read() if answer.status < 400 else None
        except (aiohttp.ClientError, TimeoutError, OSError):
            return None

    async def hurry(self) -> None:
        """Ask the desk's staff to work quickly from now on; without an answer they work as before."""
        if self._http is None:
            return
        try:
            async with self._http.post(f"{self._stage.at.desk_url}api/staff", json={"speed": HURRY_SPEED}):
                pass
        except (aiohttp.ClientError, TimeoutError, OSError):
            return

    async def ready(self) -> bool:
        """Whether the gateway says that it is ready."""
        return await self._get(f"{self._stage.at.control_url}/readyz") is not None

    async def look(self) -> None:
        """Ask everyone once, side by side."""
        api = f"{self._stage.at.desk_url}api"
        metrics, stats, tickets, events = await asyncio.gather(
            self._get(f"{self._stage.at.control_url}/metrics"),
            self._get(f"{api}/stats"),
            self._get(f"{api}/tickets?limit={TICKETS_SHOWN}"),
            self._get(f"{api}/events?after={self._after}&limit={EVENTS_AT_ONCE}"),
        )
        if metrics is not None:
            self.counters.feed(parse_metrics(metrics.decode("utf-8", "replace")))
        if stats is not None:
            self._stats = _object(stats)
        if tickets is not None:
            self._tickets = read_tickets(_any(tickets))
        now_s = time.monotonic()
        if events is not None:
            self._take(_any(events), now_s)
        sums = {name: self.counters.total("edgegw_link_messages_total", link=name) for name in self._stage.cast.links}
        sums["committed"] = self.counters.total("edgegw_store_records_total")
        self._past.append((now_s, sums))
        while len(self._past) > 2 and now_s - self._past[0][0] > RATE_OVER_S:
            self._past.popleft()

    def _take(self, body: object, now_s: float) -> None:
        listed = body.get("events") if isinstance(body, Mapping) else None
        for event in listed if isinstance(listed, list) else []:
            if isinstance(event, Mapping):
                self._after = max(self._after, int(event.get("arrival", 0)))
                self.observer.take(event, now_s)

    def _rate(self, name: str) -> float:
        if len(self._past) < 2:
            return 0.0
        (t0, first), (t1, last) = self._past[0], self._past[-1]
        return max(0.0, last.get(name, 0.0) - first.get(name, 0.0)) / max(t1 - t0, 1e-3)

    def stat(self, name: str) -> int | None:
        """A number of the desk's statistics, as of the last look; None if it has none."""
        value = self._stats.get(name) if self._stats else None
        return value if isinstance(value, int) else None

    def depth(self) -> dict[str, dict[str, int]]:
        """Upstream → lane → records not yet accepted, as of the last look."""
        c = self.counters
        return {
            upstream: {lane: int(c.now("edgegw_upstream_depth", upstream=upstream, lane=lane)) for lane in LANES}
            for upstream in ("desk",)
        }

    def links(self) -> tuple[LinkRow, ...]:
        """The links of the site file, as of the last look."""
        c = self.counters
        return tuple(
            LinkRow(
                name,
                str(section.get("kind")),
                self._stage.gateway.alive and c.now("edgegw_link_up", link=name) > 0,
                int(c.total("edgegw_link_messages_total", link=name)),
                self.observer.readings[name],
                self._rate(name),
            )
            for name, section in self._stage.cast.links.items()
        )

    def responses(self) -> dict[str, Response]:
        """Response times by path as the gateway measured them; and ``desk``: those of events by the desk's own clock."""
        paths = self.counters.labels("edgegw_response_seconds_bucket", "path")
        measured = {path: self.counters.response(path) for path in paths}
        return {"event": Response(), "desk": self.observer.response()} | {p: r for p, r in measured.items() if r.count}

    def view(self) -> View:
        """All of it, now."""
        at, now_s, seen = self._stage.at, time.monotonic(), self.observer
        committed = max(int(self.counters.total("edgegw_store_records_total")), seen.arrivals.highest)
        return View(
            elapsed_s=now_s - self.began_s,
            now_s=now_s,
            addresses=(
                ("tickets", at.desk_url),
                ("metrics", f"{at.control_url}/metrics"),
                ("health", f"{at.control_url}/readyz"),
                ("site file", str(self._stage.site)),
            ),
            processes=tuple(
                ProcessRow(c.name, "up" if c.alive else "down" if c.wanted else "unplugged", c.pid, c.restarts)
                for c in self._stage.children
            ),
            links=self.links(),
            devices=tuple(seen.devices.values()),
            alarms=tuple(seen.active.values()),
            tickets=self._tickets,
            opened=self.stat("opened") or 0,
            resolved=self.stat("resolved") or 0,
            responses=self.responses(),
            depth=self.depth(),
            committed=committed,
            accepted=self.stat("events") or 0,
            rate=self._rate("committed"),
            raised=seen.by_type["edgegw.alarm.raised"],
            cleared=seen.by_type["edgegw.alarm.cleared"],
            notices=tuple(self.notices),
            acknowledged=self.stat("acknowledged") or 0,
            closed=self.stat("closed") or 0,
            missed=self.stat("missed") or 0,
            wall_s=time.time(),
        )

    async def store_stats(self) -> StoreSays | None:
        """What ``edgegw store stats --json`` says once the gateway has stopped; None if it cannot be read."""
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "edgegw", "store", "stats", "--db", str(self._stage.folder / STORE), "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        try:
            async with asyncio.timeout(STORE_WITHIN_S):
                out, _ = await process.communicate()
        except TimeoutError:
            process.kill()
            await process.wait()
            return None
        return read_store(_object(out)) if process.returncode == 0 else None


def _any(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _object(body: bytes) -> Mapping[str, object] | None:
    found = _any(body)
    return found if isinstance(found, Mapping) else None


class _Lane(Struct):
    rows: int
    last_seq: int | None


class _Gap(Struct):
    count: int


class _Stats(Struct):
    seq: int
    lanes: dict[str, _Lane]
    cursors: dict[str, dict[str, int]]
    gaps: list[_Gap]


def read_store(body: object) -> StoreSays | None:
    """What ``edgegw store stats --json`` printed; None if it is something else.

    What the desk accepted may still be in the file until the next commit: the cursor decides, not the row.
    """
    try:
        stats = msgspec.convert(body, _Stats)
    except msgspec.ValidationError:
        return None
    cursors = stats.cursors.get("desk", {})
    waiting = sum(lane.rows for name, lane in stats.lanes.items() if (lane.last_seq or 0) > cursors.get(name, 0))
    return StoreSays(stats.seq, waiting, sum(gap.count for gap in stats.gaps))


def _seconds(ns: object) -> float | None:
    return ns / 1e9 if isinstance(ns, int) else None


def read_tickets(body: object) -> tuple[Ticket, ...]:
    """Tickets of the desk's answer, newest first; what is no ticket is passed over."""
    listed = body.get("tickets") if isinstance(body, Mapping) else body
    found: Sequence[object] = listed if isinstance(listed, list) else []
    return tuple(
        Ticket(
            str(t.get("number", t.get("id", ""))),
            str(t.get("title", "")),
            str(t.get("priority", "")),
            str(t.get("location") or ""),
            str(t.get("state", t.get("status", ""))),
            progress=str(t.get("progress") or ""),
            key=str(t.get("dedup_key") or ""),
            opened_s=_seconds(t.get("opened_ns")),
            closed_s=_seconds(t.get("closed_ns")),
            respond_by_s=_seconds(t.get("respond_by_ns")),
            resolve_by_s=_seconds(t.get("resolve_by_ns")),
            assignee=str(t.get("assignee") or ""),
            behind=t["behind"] if isinstance(t.get("behind"), int) else 0,
        )
        for t in found
        if isinstance(t, Mapping)
    )
