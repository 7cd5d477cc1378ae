"""Synchronisation against a small upstream on loopback: pages, resuming, what is refused, when a revocation is in effect."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from edgegw.access.credentials import CredentialBook, card_hash
from edgegw.clock import ManualClock
from edgegw.config.schema import StoreSection
from edgegw.doors import sync as module
from edgegw.doors.keeper import CHANGED, Keeper
from edgegw.doors.sync import AccessSync
from edgegw.errors import DeliveryError
from edgegw.model import Lane
from edgegw.store.store import Store

KEY = b"k" * 32


def number(n: int) -> bytes:
    return card_hash(KEY, "card", f"555{n}")


def put(n: int, **more: object) -> dict[str, object]:
    return {"op": "put", "number": f"555{n}", "holder": f"h{n}", **more}


def delete(n: int) -> dict[str, object]:
    return {"op": "delete", "kind": "card", "number": f"555{n}"}


class Upstream:
    """Answers with pages by cursor, or with whatever it is told."""

    def __init__(self) -> None:
        self.pages: dict[str | None, object] = {}
        self.asked: list[dict[str, str]] = []
        self.url = ""

    def full(self, version: int, count: int, size: int = 1000, *, whole: bool = True) -> None:
        starts = list(range(0, count, size)) or [0]
        self.pages = {
            None if at == 0 else str(at): {
                "version": version,
                "full": whole,
                "items": [put(n) for n in range(at, min(at + size, count))],
                "next": str(at + size) if at + size < count else None,
            }
            for at in starts
        }

    def delta(self, version: int, *items: object) -> None:
        self.pages = {None: {"version": version, "full": False, "items": items, "next": None}}

    async def answer(self, request: web.Request) -> web.Response:
        self.asked.append({**request.query, "auth": request.headers.get("Authorization", "")})
        page = self.pages[request.query.get("cursor")]
        if isinstance(page, int):
            return web.Response(status=page, headers={"Location": "/elsewhere"})
        if isinstance(page, bytes):
            return web.Response(body=page)
        return web.json_response(page)

    @property
    def cursors(self) -> list[str | None]:
        """Asked for since last looked."""
        asked, self.asked = self.asked, []
        return [one.get("cursor") for one in asked]


@pytest.fixture
async def upstream():
    up = Upstream()
    app = web.Application()
    app.router.add_get("/credentials", up.answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    up.url = f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}/credentials?site=g"
    yield up
    await runner.cleanup()


class Gateway:
    """Store, keeper and sync of one start."""

    def __init__(self, store: Store, url: str, **options: object) -> None:
        self.store = store
        self.told: list[str | None] = []
        self.keeper = Keeper(store, CredentialBook(), KEY, clock=ManualClock())
        self.sync = AccessSync(
            url,
            store=store,
            keeper=self.keeper,
            clock=ManualClock(),
            token="s3cret",
            condition=self.told.append,
            random=lambda: 0.0,
            **options,
        )

    @property
    def book(self) -> CredentialBook:
        return self.keeper.book

    async def fails(self) -> str:
        with pytest.raises(DeliveryError) as failed:
            await self.sync.sync_once()
        assert "555" not in failed.value.detail
        return failed.value.reason


@asynccontextmanager
async def started(path, upstream, **options):
    store = await Store.open(
        path / "e.db", section=StoreSection(), gateway="g", upstreams={"u": [Lane.ACCESS]}, clock=ManualClock()
    )
    try:
        gateway = Gateway(store, upstream.url, **options)
        await gateway.keeper.load()
        yield gateway
    finally:
        await store.close()


async def test_a_full_list_in_pages(tmp_path, upstream):
    upstream.full(41, 5000)
    async with started(tmp_path, upstream) as gateway:
        assert await gateway.sync.sync_once() is True
        assert upstream.asked[0] == {"site": "g", "after": "0", "limit": "1000", "auth": "Bearer s3cret"}
        assert upstream.cursors == [None, "1000", "2000", "3000", "4000"]
        assert (len(gateway.book), gateway.book.version) == (5000, 41)
        assert gateway.book.get(number(4999)).holder == "h4999"
        upstream.delta(41)
        assert await gateway.sync.sync_once() is False
        assert upstream.asked[0]["after"] == "41"
        records = [r for r in await gateway.store.fetch(Lane.ACCESS, 0, 10) if r.type == CHANGED]
        assert [json.loads(r.data) for r in records] == [{"source": "sync", "version": 41, "full": True}]
    async with started(tmp_path, upstream) as gateway:
        assert (len(gateway.book), gateway.book.version) == (5000, 41)


async def test_nothing_counts_before_the_last_page_and_a_restart_resumes(tmp_path, upstream):
    upstream.full(1, 10, 10)
    async with started(tmp_path, upstream) as gateway:
        await gateway.sync.sync_once()
        upstream.full(2, 5000)
        upstream.pages["3000"] = 503
        assert upstream.cursors == [None]
        assert await gateway.fails() == "server"
        assert upstream.cursors == [None, "1000", "2000", "3000"]
        assert (len(gateway.book), gateway.book.version) == (10, 1)
    async with started(tmp_path, upstream) as gateway:
        assert len(gateway.book) == 10
        upstream.full(2, 5000)
        assert await gateway.sync.sync_once() is True
        assert upstream.cursors == ["3000", "4000"]
        assert (len(gateway.book), gateway.book.version) == (5000, 2)
    async with started(tmp_path, upstream) as gateway:
        assert len(gateway.book) == 5000


async def test_a_stage_that_only_lacked_its_application_needs_no_upstream(tmp_path, upstream):
    async with started(tmp_path, upstream) as gateway:
        await gateway.store.stage("upstream", [(number(1), b"\x92\xa4card\xa1h")], full=True, version=5)
        assert await gateway.sync.sync_once() is True
        assert (len(gateway.book), gateway.book.version, upstream.asked) == (1, 5, [])


async def test_a_delta_revokes_at_once_and_keeps_the_rest(tmp_path, upstream):
    upstream.full(1, 4)
    async with started(tmp_path, upstream) as gateway:
        await gateway.sync.sync_once()
        upstream.delta(2, delete(1), delete(77), put(2, groups=["staff"]), put(9), put(3), delete(3))
        await gateway.sync.sync_once()
        assert set(gateway.book.packed()) == {number(n) for n in (0, 2, 9)}
        assert gateway.book.get(number(2)).groups == ("staff",)
        assert gateway.book.version == 2
    async with started(tmp_path, upstream) as gateway:
        assert set(gateway.book.packed()) == {number(n) for n in (0, 2, 9)}


async def test_a_long_delta(tmp_path, upstream):
    async with started(tmp_path, upstream) as gateway:
        upstream.full(1, 10)
        await gateway.sync.sync_once()
        upstream.full(2, 3500, whole=False)
        upstream.pages[None]["items"][0] = delete(0)
        await gateway.sync.sync_once()
        assert (len(gateway.book), gateway.book.version) == (3499, 2)


@pytest.mark.parametrize(
    ("page", "reason"),
    [
        (b"nonsense", "bad-page"),
        (b"\xff", "bad-page"),
        (b"[" * 50_000, "bad-page"),
        (b'{"version":"2"}', "bad-page"),
        ({"version": -1}, "bad-page"),
        ({"version": 2**63}, "bad-page"),
        ({"version": 2, "items": [put(1), {"op": "put", "number": "5552"}]}, "bad-page"),
        ({"version": 2, "items": [put(1), {**put(2), "op": "upsert"}]}, "bad-page"),
        ({"version": 2, "items": [put(1), "5552"]}, "bad-page"),
        ({"version": 2, "items": [put(1), {"op": "delete", "number": 5552}]}, "bad-page"),
        ({"version": 2, "items": [put(1, valid_from="5552")]}, "bad-page"),
        ({"version": 2, "items": [put(1, secret="5552")]}, "bad-page"),
        ({"version": 2, "items": [put(n) for n in range(1001)]}, "bad-page"),
        ({"version": 2, "next": "x" * 513, "items": [put(1)]}, "bad-page"),
        ({"version": 2, "full": True}, "bad-page"),
        (b" " * (module.PAGE_BYTES + 1), "bad-page"),
        ({"version": 1, "full": True, "items": [put(1)]}, "bad-version"),
        ({"version": 0}, "bad-version"),
        (302, "refused"),
        (400, "refused"),
        (401, "unauthorised"),
        (403, "unauthorised"),
        (429, "server"),
        (500, "server"),
    ],
    ids=str,
)
async def test_what_is_wrong_changes_nothing(tmp_path, upstream, page, reason):
    upstream.full(1, 4)
    async with started(tmp_path, upstream) as gateway:
        await gateway.sync.sync_once()
        upstream.pages = {None: page}
        assert await gateway.fails() == reason
        assert (len(gateway.book), gateway.book.version) == (4, 1)
        upstream.delta(3, put(7))
        assert await gateway.sync.sync_once() is True
        assert (len(gateway.book), gateway.book.version) == (5, 3)


async def test_a_bad_page_in_the_middle_loses_nothing(tmp_path, upstream):
    upstream.full(1, 3000)
    upstream.pages["1000"]["items"][500] = {"op": "put", "number": "5551500"}
    async with started(tmp_path, upstream) as gateway:
        assert await gateway.fails() == "bad-page"
        assert upstream.cursors == [None, "1000"]
        assert len(gateway.book) == 0
        upstream.full(1, 3000)
        await gateway.sync.sync_once()
        assert upstream.cursors == ["1000", "2000"]
        assert len(gateway.book) == 3000


async def test_a_list_that_moves_on_is_begun_anew(tmp_path, upstream):
    upstream.full(1, 3000)
    other = upstream.pages["2000"] | {"version": 2}
    upstream.pages["2000"] = other
    async with started(tmp_path, upstream) as gateway:
        assert await gateway.fails() == "moved-on"
        upstream.pages["2000"] = 410
        upstream.cursors  # noqa: B018  # forget them
        assert await gateway.fails() == "moved-on"
        upstream.full(2, 3000)
        await gateway.sync.sync_once()
        assert upstream.cursors == [None, "1000", "2000", None, "1000", "2000"]
        assert (len(gateway.book), gateway.book.version) == (3000, 2)


async def test_pages_come_to_an_end(tmp_path, upstream, monkeypatch):
    monkeypatch.setattr(module, "PAGES_MOST", 2)
    upstream.full(1, 5000)
    async with started(tmp_path, upstream) as gateway:
        assert await gateway.fails() == "bad-page"
        monkeypatch.setattr(module, "PAGES_MOST", 99)
        upstream.pages["1000"]["next"] = "1000"
        assert await gateway.fails() == "bad-page"
        monkeypatch.setattr(module, "CREDENTIALS_MOST", 2500)
        upstream.full(1, 5000)
        assert await gateway.fails() == "bad-page"
        assert len(gateway.book) == 0


async def test_an_upstream_that_is_not_there(tmp_path, upstream):
    upstream.url = "http://127.0.0.1:1/"
    async with started(tmp_path, upstream) as gateway:
        assert await gateway.fails() == "unreachable"


async def test_run_tells_a_person_and_goes_on(tmp_path, upstream):
    upstream.pages = {None: 401}
    async with started(tmp_path, upstream, every_s=0.01, first_s=0.01) as gateway:
        told = asyncio.Event()

        def condition(reason: str | None) -> None:
            gateway.told.append(reason)
            told.set()

        gateway.sync._condition = condition
        running = asyncio.create_task(gateway.sync.run())
        try:
            await asyncio.wait_for(told.wait(), 10)
            told.clear()
            upstream.full(1, 3)
            await asyncio.wait_for(told.wait(), 10)
            assert gateway.told == ["unauthorised", None]
            assert gateway.sync.failures["unauthorised"] >= 1
            assert len(gateway.book) == 3
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def test_pauses_grow_to_the_period_and_trouble_that_lasts_is_told(tmp_path):
    told: list[str | None] = []
    keeper = object()
    sync = AccessSync(
        "http://x/",
        store=keeper,
        keeper=keeper,
        clock=ManualClock(),
        every_s=60,
        condition=told.append,
        random=lambda: 1.0,
    )
    pauses = [sync._failed("timeout", "") for _ in range(8)]
    assert pauses == [2, 4, 8, 16, 32, 60, 60, 60]
    assert told == ["timeout"]
