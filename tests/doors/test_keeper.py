"""The keeper: stored and in effect are one; revoking waits for nothing."""

import asyncio
import json
from contextlib import asynccontextmanager

import pytest

from edgegw.access.credentials import CredentialBook, card_hash, unpack
from edgegw.clock import ManualClock
from edgegw.config.schema import StoreSection
from edgegw.doors import keeper as module
from edgegw.doors.keeper import CHANGED, CSV, JSON, Fields, Keeper
from edgegw.errors import CommandError, StoreError
from edgegw.model import Lane
from edgegw.store.store import Store

KEY = b"k" * 32


def number(n: int) -> bytes:
    return card_hash(KEY, "card", f"555{n}")


def listed(*numbers: int, holder: str = "h") -> bytes:
    return json.dumps([{"number": f"555{n}", "holder": f"{holder}{n}"} for n in numbers]).encode()


@asynccontextmanager
async def opened(path, *, key: bytes = KEY):
    store = await Store.open(
        path / "e.db", section=StoreSection(), gateway="g", upstreams={"u": [Lane.ACCESS]}, clock=ManualClock()
    )
    try:
        kept = Keeper(store, CredentialBook(), key, clock=ManualClock())
        await kept.load()
        yield kept, store
    finally:
        await store.close()


async def changes(store: Store) -> list[dict[str, object]]:
    return [json.loads(r.data) for r in await store.fetch(Lane.ACCESS, 0, 100) if r.type == CHANGED]


@pytest.mark.parametrize("at_once", [2_000, 2])
async def test_import_is_stored_in_effect_and_recorded(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    async with opened(tmp_path) as (kept, store):
        told = await kept.import_(listed(1, 2, 3), JSON, full=False, dry_run=False)
        assert (told["added"], told["unchanged"], told["version"], told["dry_run"]) == (3, 0, 0, False)
        assert kept.book.get(number(2)).holder == "h2"
        told = await kept.import_(b"number,holder\n5552,other\n5554,h4\n", CSV, full=False, dry_run=False)
        assert (told["added"], told["changed"], told["removed"]) == (1, 1, 0)
        told = await kept.import_(listed(2, 4, 9), JSON, full=True, dry_run=False)
        assert (told["added"], told["changed"], told["removed"], told["unchanged"]) == (1, 1, 2, 1)
        assert await changes(store) == [
            {"source": "api", "added": 3, "changed": 0, "removed": 0},
            {"source": "api", "added": 1, "changed": 1, "removed": 0},
            {"source": "api", "added": 1, "changed": 1, "removed": 2},
        ]
        before = kept.book.packed()
    async with opened(tmp_path) as (kept, _):
        assert kept.book.packed() == before
        assert {unpack(packed).holder for packed in before.values()} == {"h2", "h4", "h9"}


async def test_a_dry_run_changes_nothing(tmp_path):
    async with opened(tmp_path) as (kept, store):
        await kept.import_(listed(1, 2), JSON, full=False, dry_run=False)
        told = await kept.import_(listed(2, 3), JSON, full=True, dry_run=True)
        assert (told["added"], told["removed"], told["unchanged"], told["dry_run"]) == (1, 1, 1, True)
        assert set(kept.book.packed()) == {number(1), number(2)}
        assert len(await changes(store)) == 1


@pytest.mark.parametrize(
    ("body", "content_type", "full", "said"),
    [
        (
            b'[{"number":"1"},{"holder":"h"}]',
            JSON,
            False,
            "body:item 1: holder is missing\nbody:item 2: number is missing",
        ),
        (b"number\n", CSV, False, "body:1: there is no column holder"),
        (b"[]", JSON, True, "everyone's would be revoked"),
        (b"", "text/html", False, "neither text/csv nor application/json"),
    ],
)
async def test_a_list_with_a_problem_changes_nothing(tmp_path, body, content_type, full, said):
    async with opened(tmp_path) as (kept, _):
        await kept.import_(listed(1), JSON, full=False, dry_run=False)
        with pytest.raises(CommandError) as refused:
            await kept.import_(body, content_type, full=full, dry_run=False)
        assert refused.value.reason == "bad-credentials"
        assert said in refused.value.detail
        assert set(kept.book.packed()) == {number(1)}


async def test_without_a_key_nothing_is_taken(tmp_path):
    async with opened(tmp_path, key=b"") as (kept, _):
        for work in (
            kept.import_(listed(1), JSON, full=False, dry_run=False),
            kept.put(Fields(kind="card", number="1", holder="h")),
            kept.revoke("card", "1"),
        ):
            with pytest.raises(CommandError, match="no-access-key"):
                await work


async def test_too_many(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "CREDENTIALS_MOST", 2)
    async with opened(tmp_path) as (kept, _):
        await kept.import_(listed(1, 2), JSON, full=False, dry_run=False)
        with pytest.raises(CommandError, match="too-many"):
            await kept.import_(listed(3), JSON, full=False, dry_run=False)
        with pytest.raises(CommandError, match="too-many"):
            await kept.put(Fields(kind="card", number="1", holder="h"))
        assert await kept.put(Fields(kind="card", number="5551", holder="again")) is False


class Held:
    """A store whose commits wait until they are let go, and fail if told so."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.go = asyncio.Event()
        self.waiting = asyncio.Event()
        self.error: StoreError | None = None

    def __getattr__(self, name):
        call = getattr(self._store, name)

        async def held(*args, **options):
            if name in {"put_credentials", "apply_stage", "stage"}:
                self.waiting.set()
                await self.go.wait()
                if self.error is not None:
                    raise self.error
            return await call(*args, **options)

        return held


@pytest.mark.parametrize("at_once", [2_000, 2])
async def test_revoking_is_in_effect_while_an_import_that_has_the_card_is_under_way(tmp_path, monkeypatch, at_once):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    async with opened(tmp_path) as (first, store):
        await first.import_(listed(1), JSON, full=False, dry_run=False)
        held = Held(store)
        kept = Keeper(held, first.book, KEY, clock=ManualClock())
        seen: list[bool] = []
        importing = asyncio.create_task(kept.import_(listed(1, 2, 3, 4, holder="new"), JSON, full=True, dry_run=False))
        await held.waiting.wait()
        revoking = asyncio.create_task(kept.revoke("card", "5551"))
        await asyncio.sleep(0)
        assert kept.book.get(number(1)) is None  # before anything was committed
        importing.add_done_callback(lambda _: seen.append(kept.book.get(number(1)) is None))
        held.go.set()
        await importing
        assert await revoking is True
        assert seen == [True]
        assert set(kept.book.packed()) == {number(n) for n in (2, 3, 4)}
    async with opened(tmp_path) as (kept, _):
        assert set(kept.book.packed()) == {number(n) for n in (2, 3, 4)}


async def test_what_cannot_be_committed_is_not_in_effect_but_a_revocation_is(tmp_path):
    async with opened(tmp_path) as (first, store):
        await first.import_(listed(1), JSON, full=False, dry_run=False)
        held = Held(store)
        held.go.set()
        held.error = StoreError("full", "")
        kept = Keeper(held, first.book, KEY, clock=ManualClock())
        with pytest.raises(StoreError):
            await kept.import_(listed(2), JSON, full=False, dry_run=False)
        assert set(kept.book.packed()) == {number(1)}
        with pytest.raises(StoreError):
            await kept.revoke("card", "5551")
        assert len(kept.book) == 0
        held.error = None
        assert await kept.revoke("card", "5551") is False
        assert await kept.put(Fields(kind="card", number="5551", holder="h")) is True  # and it may be given again
        assert len(kept.book) == 1


async def test_a_synchronisation_does_not_undo_what_was_changed_meanwhile(tmp_path):
    async with opened(tmp_path) as (kept, store):
        await kept.import_(listed(1, 2), JSON, full=False, dry_run=False)
        rows = list(kept.book.packed().items())
        kept.note_changes(anew=True)
        await store.stage("upstream", rows, full=True, version=7)
        await kept.revoke("card", "5551")
        await kept.put(Fields(kind="card", number="5553", holder="h3"))
        kept.note_changes(anew=False)
        await kept.apply("upstream", 7, full=True)
        assert set(kept.book.packed()) == {number(2), number(3)}
        assert kept.book.version == 7
        assert (await changes(store))[-1] == {"source": "sync", "version": 7, "full": True}
    async with opened(tmp_path) as (kept, _):
        assert set(kept.book.packed()) == {number(2), number(3)}
        assert kept.book.version == 7


async def test_a_broken_off_import_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 2)
    async with opened(tmp_path) as (kept, store):
        await store.stage("import", [(number(8), b"\x92\xa4card\xa1h"), (number(9), b"\x92\xa4card\xa1h")], full=True)
        await kept.import_(listed(1, 2, 3), JSON, full=False, dry_run=False)
        await kept.load()
        assert set(kept.book.packed()) == {number(n) for n in (1, 2, 3)}
