"""No single change to the chain goes unseen: any cell, any entries removed, any two exchanged."""

import asyncio
import shutil
import sqlite3

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegw.model import Event, Instant, Lane
from edgegw.ports import Batch
from edgegw.store import audit_check, budget, inspect
from edgegw.store.audit import Chain, Head
from edgegw.store.engine import Db
from edgegw.store.highwater import AuditMark
from edgegw.store.migrations import migrate
from edgegw.store.sql import Sql

ROWS = 12
CELLS = ("seq", "boot", "type", "subject", "wall_ns", "mono_ns", "synced", "data", "hash")


@pytest.fixture(scope="module")
def chained(tmp_path_factory):
    """A file with a chain, and its head."""
    path = tmp_path_factory.mktemp("chain") / "a.db"
    db = Db(path)
    migrate(db)
    chain = Chain(db, Sql(), 1 << 20)
    chain.load(AuditMark())
    seq = 1
    for number in range(ROWS // 3):
        at = Instant(10**18 + number, number, synced=True)
        lanes = [
            [],
            [Event("granted", Lane.ACCESS, "door/1", at, b"{}")] * 2,
            [Event("done", Lane.COMMAND, "d", at, b"{}")],
            [],
        ]
        growth = chain.extend(lanes, seq, 1, at)
        assert growth is not None
        with db.transaction():
            chain.write(growth)
        chain.kept(growth, at)
        seq += sum(map(len, lanes))
    db.close()
    assert chain.head.n == ROWS
    return path, chain.head


def found(path, folder, change, *anchors: Head) -> list[str]:
    """What is found in a copy after `change(connection)`."""
    copy = folder / "copy.db"
    shutil.copy(path, copy)
    raw = sqlite3.connect(copy)
    change(raw)
    raw.commit()
    raw.close()
    db = Db(copy)
    try:
        return audit_check.check(db, AuditMark(), anchors).findings
    finally:
        db.close()


def test_as_it_is(chained, tmp_path) -> None:
    path, head = chained
    assert found(path, tmp_path, lambda _: None, head) == []


VALUES = st.one_of(st.integers(-3, 2**40), st.floats(allow_nan=False), st.text(max_size=5), st.binary(max_size=40))


@given(n=st.integers(1, ROWS), cell=st.sampled_from(CELLS), value=VALUES)
@settings(max_examples=150, deadline=None)
def test_any_cell(chained, tmp_path_factory, n, cell, value) -> None:
    path, head = chained
    changed = []

    def change(raw: sqlite3.Connection) -> None:
        sql = f"SELECT {cell}, typeof({cell}) FROM audit WHERE n = ?"  # noqa: S608
        before = raw.execute(sql, (n,)).fetchone()
        raw.execute(f"UPDATE audit SET {cell} = ? WHERE n = ?", (value, n))  # noqa: S608
        changed.append(raw.execute(sql, (n,)).fetchone() != before)

    lines = found(path, tmp_path_factory.mktemp("x"), change, head)
    assert bool(lines) == changed[0]


@pytest.mark.parametrize("cell", CELLS)
def test_text_that_is_none(chained, tmp_path, cell) -> None:
    """A broken text is a finding, not a crash of whoever looks."""
    path, head = chained
    sql = f"UPDATE audit SET {cell} = CAST(x'ff' AS TEXT) WHERE n = 5"  # noqa: S608
    assert found(path, tmp_path, lambda raw: raw.execute(sql), head)


@given(gone=st.sets(st.integers(1, ROWS), min_size=1))
@settings(max_examples=40, deadline=None)
def test_any_entries_removed(chained, tmp_path_factory, gone) -> None:
    path, head = chained

    def change(raw: sqlite3.Connection) -> None:
        raw.executemany("DELETE FROM audit WHERE n = ?", [(n,) for n in gone])

    lines = found(path, tmp_path_factory.mktemp("x"), change, head)
    told = " ".join(lines)
    first = min(gone)
    assert (
        f"entry {first} is missing" in told or f"entries {first} to " in told or f"ends at entry {first - 1}," in told
    )


@given(pair=st.sets(st.integers(1, ROWS), min_size=2, max_size=2))
@settings(max_examples=20, deadline=None)
def test_any_two_exchanged(chained, tmp_path_factory, pair) -> None:
    path, head = chained
    a, b = sorted(pair)

    def change(raw: sqlite3.Connection) -> None:
        for old, new in ((a, -1), (b, a), (-1, b)):
            raw.execute("UPDATE audit SET n = ? WHERE n = ?", (new, old))

    lines = found(path, tmp_path_factory.mktemp("x"), change, head)
    assert any(f"entry {a} " in line for line in lines)


async def test_verified_while_it_grows_and_is_trimmed(open_store, clock, path, monkeypatch) -> None:
    monkeypatch.setattr(budget, "AUDIT_BYTES_MOST", 30_000)
    store = await open_store()
    event = Event("granted", Lane.ACCESS, "door/1", clock.now(), b"x" * 300)
    commits = 0
    async with asyncio.TaskGroup() as group:
        looking = group.create_task(asyncio.to_thread(lambda: [inspect.verify(path) for _ in range(15)]))
        while not looking.done() or commits < 200:
            await store.commit(Batch(events=[event] * 5))
            commits += 1
    assert looking.result() == [[]] * 15
