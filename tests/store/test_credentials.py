"""Credentials on disk: changes, pages of a synchronisation, and that nothing of it counts before all of it does."""

import asyncio
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegw.errors import StoreError
from edgegw.model import Event, Lane
from edgegw.store import credentials as module
from edgegw.store import inspect
from edgegw.store.credentials import CredentialRows
from edgegw.store.engine import Db
from edgegw.store.migrations import migrate
from edgegw.store.sql import Sql


def row(number: int, data: bytes = b"") -> tuple[bytes, bytes]:
    return number.to_bytes(16, "big"), data or b"credential-%d" % number


def counted(path) -> dict[str, int]:
    db = sqlite3.connect(path)
    return {t: db.execute(f"SELECT count(*) FROM {t}").fetchone()[0] for t in ("credential", "credential_stage")}  # noqa: S608


async def settled(store) -> None:
    """What no longer counts is cleared in the background."""
    while tasks := [t for t in store._tasks if t.get_name() == "store-credentials"]:
        await asyncio.gather(*tasks)


async def test_changes_are_there_after_a_restart(open_store) -> None:
    store = await open_store()
    assert await store.load_credentials() == ([], 0)
    await store.put_credentials([row(1), row(2)], [])
    await store.put_credentials([row(2, b"other")], [row(1)[0], row(9)[0]], 7)
    assert await store.load_credentials() == ([row(2, b"other")], 7)
    await store.close()
    store = await open_store()
    assert await store.load_credentials() == ([row(2, b"other")], 7)
    await store.put_credentials([row(3)], [])  # a local change leaves the version
    assert await store.load_credentials() == ([row(2, b"other"), row(3)], 7)


async def test_a_change_and_its_record_are_one_commit(open_store, clock) -> None:
    store = await open_store()
    told = Event("edgegw.access.credentials", Lane.ACCESS, "gateway", clock.now(), b"{}")
    await store.put_credentials([row(1)], [], events=[told])
    assert store.audit_head[0] == 1
    store._opened.session.db.run("PRAGMA query_only = ON")
    with pytest.raises(StoreError):
        await store.put_credentials([row(2)], [], events=[told])
    store._opened.session.db.run("PRAGMA query_only = OFF")
    assert store.audit_head[0] == 1
    assert store._opened.session.credentials.page(0, b"") == [row(1)]


async def test_a_full_synchronisation_counts_only_when_applied(open_store, path) -> None:
    store = await open_store()
    old = [row(n) for n in range(1, 6)]
    await store.put_credentials(old, [], 3)
    await store.stage("up", [row(4, b"new"), row(10)], full=True, after=3, version=9, cursor="c1")
    staged = await store.staged("up")
    assert staged is not None
    assert (staged.full, staged.after, staged.version, staged.pages, staged.cursor) == (True, 3, 9, 1, "c1")
    assert await store.load_credentials() == (old, 3)
    await store.stage("up", [row(11), (row(10)[0], None)], cursor=None)
    applied = await store.apply_stage("up")
    assert (applied.version, applied.full, applied.changes) == (9, True, None)
    assert await store.load_credentials() == ([row(4, b"new"), row(11)], 9)
    assert await store.staged("up") is None
    await settled(store)
    assert counted(path) == {"credential": 2, "credential_stage": 0}


async def test_a_delta_counts_only_when_applied(open_store, path) -> None:
    store = await open_store()
    await store.put_credentials([row(n) for n in range(1, 6)], [], 3)
    await store.stage("up", [row(4, b"new"), (row(1)[0], None)], after=3, version=4, cursor="c")
    await store.stage("up", [row(4, b"newer"), (row(2)[0], None), row(6)], cursor=None)
    await store.stage("up", [row(2, b"back")])
    assert (await store.load_credentials())[0] == [row(n) for n in range(1, 6)]
    applied = await store.apply_stage("up")
    assert applied.changes is not None
    assert dict(applied.changes) == dict([(row(1)[0], None), row(2, b"back"), row(4, b"newer"), row(6)])
    assert await store.load_credentials() == ([row(2, b"back"), row(3), row(4, b"newer"), row(5), row(6)], 4)
    await settled(store)
    assert counted(path) == {"credential": 5, "credential_stage": 0}


async def test_a_large_delta_asks_for_everything_to_be_read_anew(open_store, monkeypatch) -> None:
    monkeypatch.setattr(module, "CHANGES_MOST", 10)
    store = await open_store()
    await store.stage("up", [row(n) for n in range(11)], version=1)
    assert (await store.apply_stage("up")).changes is None
    assert len((await store.load_credentials())[0]) == 11


async def test_a_synchronisation_goes_on_after_the_process_died(open_store, path, tmp_path) -> None:
    store = await open_store()
    await store.put_credentials([row(1)], [], 1)
    await store.stage("up", [row(2)], full=True, after=1, version=5, cursor="second")
    await store.stage("up", [row(3)], cursor="third")
    folder = tmp_path / "died"
    folder.mkdir()
    for side in ("", "-wal", ".highwater"):  # what a crash leaves
        shutil.copy(path.with_name(path.name + side), folder)
    store = await open_store(folder / path.name)
    assert await store.load_credentials() == ([row(1)], 1)
    await settled(store)  # loading clears what nobody needs, not what is staged
    staged = await store.staged("up")
    assert staged is not None
    assert (staged.pages, staged.cursor, staged.full) == (2, "third", True)
    await store.stage("up", [row(4)])
    await store.apply_stage("up")
    assert await store.load_credentials() == ([row(2), row(3), row(4)], 5)


async def test_what_was_dropped_does_not_come_back(open_store, path) -> None:
    store = await open_store()
    for full in (True, False):
        await store.stage("up", [row(1), row(2)], full=full, version=5)
        await store.drop_stage("up")
        assert await store.staged("up") is None
        await store.stage("up", [row(3)], full=full, version=6)
        await store.apply_stage("up", 8)
        assert await store.load_credentials() == ([row(3)], 8)
    await store.drop_stage("never there")
    await settled(store)
    assert counted(path) == {"credential": 1, "credential_stage": 0}
    with pytest.raises(LookupError):
        await store.apply_stage("up")


async def test_two_synchronisations_do_not_touch_each_other(open_store) -> None:
    store = await open_store()
    await store.stage("a", [row(1)], full=True, version=1)
    await store.stage("b", [row(2)], version=2)
    await store.stage("c", [row(3)], full=True, version=3)
    await store.apply_stage("a")
    await store.apply_stage("b")
    assert await store.load_credentials() == ([row(1), row(2)], 2)
    await settled(store)
    await store.apply_stage("c")
    assert await store.load_credentials() == ([row(3)], 3)


async def test_clearing_goes_in_portions_between_which_others_commit(open_store, event, path, monkeypatch) -> None:
    monkeypatch.setattr(module, "PAGE_ROWS", 10)
    store = await open_store()
    await store.put_credentials([row(n) for n in range(95)], [])
    await store.stage("up", [row(200)], full=True)
    before = store._opened.session.next_seq
    await store.apply_stage("up")
    assert counted(path)["credential"] > 1
    assert await store.load_credentials() == ([row(200)], 0)
    await settled(store)
    assert counted(path)["credential"] == 1
    assert store._opened.session.next_seq == before  # clearing makes no records
    assert inspect.verify(path) == []


async def test_a_store_without_room_keeps_what_it_has(open_store) -> None:
    store = await open_store(budget=4 * 1024 * 1024)
    few = [row(n) for n in range(100)]
    await store.put_credentials(few, [], 1)

    async def flood() -> None:
        for page in range(1000):
            await store.stage("up", [row(page * 1000 + n, b"x" * 100) for n in range(1000)], full=True)

    with pytest.raises(StoreError) as caught:
        await flood()
    assert caught.value.reason == "full"
    assert await store.load_credentials() == (few, 1)
    await store.drop_stage("up")
    await settled(store)
    await store.put_credentials([row(1000)], [])
    assert len((await store.load_credentials())[0]) == 101


CHANGES = st.lists(st.tuples(st.integers(0, 9), st.one_of(st.none(), st.binary(min_size=1, max_size=3))), max_size=8)


@given(
    begun=CHANGES,
    steps=st.lists(st.tuples(st.booleans(), st.lists(CHANGES, min_size=1, max_size=3), st.booleans()), max_size=6),
)
@settings(max_examples=25, deadline=None)
def test_whatever_is_applied_is_what_a_dict_would_hold(tmp_path_factory, begun, steps) -> None:
    """Pages, full or delta, applied or dropped, with clearing at any point in between."""
    db = Db(tmp_path_factory.mktemp("c") / "c.db")
    try:
        migrate(db)
        rows = CredentialRows(db, Sql())
        model: dict[bytes, bytes] = {}
        puts = [row(n, data) for n, data in begun if data is not None]
        rows.put(puts, [], None)
        model.update(puts)
        for full, pages, applied in steps:
            new = {} if full else dict(model)
            for page in pages:
                changes = [(row(n)[0], data) for n, data in page]
                rows.stage("s", changes, full=full, after=0, version=1, cursor=None)
                for hashed, data in dict(changes).items():
                    new.pop(hashed, None)
                    if data is not None:
                        new[hashed] = data
                rows.clear()
            if applied:
                rows.apply("s")
                model = new
            else:
                rows.drop("s")
            assert dict(rows.page(rows.gen, b"")) == model
        while rows.clear():
            pass
        assert dict(rows.page(rows.gen, b"")) == model
        assert db.value("SELECT count(*) FROM credential") == len(model)
        assert db.value("SELECT count(*) FROM credential_stage") == 0
    finally:
        db.close()
