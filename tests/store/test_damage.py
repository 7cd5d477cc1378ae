"""One named test per known way a store comes back wrong. The gateway always runs on, and says what happened."""

import json
import shutil
from pathlib import Path

import pytest

from edgegw.errors import StoreError
from edgegw.model import Lane, StateChange
from edgegw.ports import Batch
from edgegw.store import highwater, inspect, recover
from edgegw.store.highwater import RESERVE_SEQS

ROWS = 300


async def filled(open_store, event, *, close: bool = True):
    store = await open_store()
    for n in range(ROWS // 10):
        lane = Lane.ALARM if n % 2 else Lane.TELEMETRY
        await store.commit(
            Batch(events=[event(lane, b'"' + b"x" * 200 + b'"')] * 10, states=[StateChange("k", str(n), b"1")])
        )
    if close:
        await store.close()
    return store


def copy(path: Path, to: Path) -> Path:
    """What a crash leaves: the files as they are, taken while the store is open."""
    to.mkdir()
    for side in ("", "-wal", ".highwater"):
        shutil.copy(path.with_name(path.name + side), to)
    return to / path.name


def flip(path: Path, at: int, count: int = 1) -> None:
    data = bytearray(path.read_bytes())
    for i in range(at, at + count):
        data[i] ^= 0xFF
    path.write_bytes(data)


async def assert_begun_anew(store, path: Path, event, reserved: int) -> None:
    alarm, gap = await store.fetch(Lane.ALARM, 0, 10)
    assert store.damaged
    assert alarm.type == "edgegw.alarm.raised"
    assert json.loads(alarm.data)["dedup_key"] == "gw-1/store/damaged"
    assert json.loads(alarm.data)["priority"] == "P2"
    assert gap.type == "edgegw.gateway.gap"
    hole = json.loads(gap.data)
    assert (hole["from_seq"], hole["to_seq"], hole["reason"]) == (1, reserved, "damaged")
    assert alarm.seq == reserved + 1
    assert (await store.commit(Batch(events=[event()]))).first_seq == reserved + 3
    assert len(list(path.parent.glob("*.damaged-*[0-9]"))) == 1
    assert inspect.verify(path) == []


@pytest.mark.parametrize("at", [0, 16, 100, 4096 * 3])
async def test_flipped_bytes_in_the_database(open_store, event, path, at) -> None:
    await filled(open_store, event)
    mark = highwater.read(path)
    flip(path, at, 60)
    mark_file = highwater.path_of(path)
    clean = highwater.unpack(mark_file.read_bytes())
    clean.flags = highwater.SUSPECT  # so that every place is looked at
    clean.generation += 1
    mark_file.write_bytes(highwater.pack(clean) * 2)
    await assert_begun_anew(await open_store(), path, event, mark.reserved)


async def test_flipped_header_after_a_clean_close(open_store, event, path) -> None:
    await filled(open_store, event)
    reserved = highwater.read(path).reserved
    flip(path, 3)
    await assert_begun_anew(await open_store(), path, event, reserved)


async def test_truncated_database(open_store, event, path) -> None:
    await filled(open_store, event)
    reserved = highwater.read(path).reserved
    path.write_bytes(path.read_bytes()[: 4096 * 5 + 17])
    await assert_begun_anew(await open_store(), path, event, reserved)


async def test_garbage_instead_of_a_database(open_store, event, path) -> None:
    await filled(open_store, event)
    reserved = highwater.read(path).reserved
    path.write_bytes(b"not a database at all\n" * 500)
    await assert_begun_anew(await open_store(), path, event, reserved)


async def test_emptied_database_is_a_gap_without_an_alarm(open_store, event, path) -> None:
    await filled(open_store, event)
    path.write_bytes(b"")
    store = await open_store()
    (gap,) = await store.fetch(Lane.ALARM, 0, 10)
    assert json.loads(gap.data) == {"reason": "missing", "lane": None, "from_seq": 1, "to_seq": ROWS, "count": None}
    assert gap.seq == ROWS + 1


async def test_a_flipped_bit_in_the_wal_opens_shorter_and_is_noticed(open_store, event, path, tmp_path) -> None:
    await filled(open_store, event, close=False)
    crashed = copy(path, tmp_path / "crash")
    wal = crashed.with_name(crashed.name + "-wal")
    flip(wal, wal.stat().st_size * 2 // 3)
    store = await open_store(crashed)
    assert store.damaged is None  # what is left is sound
    records = []
    for lane in (Lane.ALARM, Lane.TELEMETRY):
        records += await store.fetch(lane, 0, 10_000)
    gap = next(r for r in records if r.type == "edgegw.gateway.gap")
    hole = json.loads(gap.data)
    kept = max(r.seq for r in records if r is not gap)
    assert kept < ROWS
    assert (hole["from_seq"], hole["to_seq"], hole["reason"]) == (kept + 1, ROWS, "missing")
    assert gap.seq == ROWS + 1
    assert inspect.verify(crashed) == []


async def test_a_crash_loses_nothing(open_store, event, path, tmp_path) -> None:
    await filled(open_store, event, close=False)
    store = await open_store(copy(path, tmp_path / "crash"))
    assert len(await store.fetch(Lane.ALARM, 0, 9999)) + len(await store.fetch(Lane.TELEMETRY, 0, 9999)) == ROWS
    assert (await store.commit(Batch(events=[event()]))).first_seq == ROWS + 1
    assert inspect.verify(store.path) == []


async def test_a_lost_mark_changes_nothing_when_the_database_is_sound(open_store, event, path) -> None:
    store = await filled(open_store, event, close=False)
    for lane in Lane:
        store.accepted("up", lane, ROWS)
    await store.flush()
    await store.close()
    highwater.path_of(path).unlink()
    store = await open_store()
    assert (await store.commit(Batch(events=[event()]))).first_seq == ROWS + 1


async def test_both_files_lost_starts_above_the_clock(open_store, event, path, clock) -> None:
    await filled(open_store, event)
    path.write_bytes(b"garbage" * 100)
    highwater.path_of(path).write_bytes(b"garbage" * 100)
    store = await open_store()
    assert (await store.fetch(Lane.ALARM, 0, 1))[0].seq == clock.now().wall_ns // 1000 + 1


async def test_damage_met_while_running_is_an_error_and_the_next_opening_sets_aside(open_store, event, path) -> None:
    store = await filled(open_store, event)
    size = path.stat().st_size
    store = await open_store()  # closed cleanly: nothing is checked
    flip(path, 4096 * 2, size - 4096 * 3)
    store._opened.session.db.run("PRAGMA shrink_memory")
    with pytest.raises(StoreError) as caught:  # noqa: PT012 (either lane may be the one that is hit)
        for lane in (Lane.ALARM, Lane.TELEMETRY):
            await store.fetch(lane, 0, 10_000)
    assert caught.value.reason == "damaged"
    with pytest.raises(StoreError):
        await store.commit(Batch(events=[event()]))
    assert highwater.read(path).flags & highwater.SUSPECT
    await store.close()
    store = await open_store()
    assert store.damaged
    assert highwater.read(path).flags == 0
    assert (await store.commit(Batch(events=[event()]))).first_seq > RESERVE_SEQS


async def test_seq_and_boot_grow_over_many_set_asides_and_old_files_go(open_store, event, path, clock) -> None:
    last = (0, 0)
    for _ in range(5):
        store = await open_store()
        done = await store.commit(Batch(events=[event()]))
        assert (done.first_seq, store._boot) > last
        assert store._boot > last[1]
        last = (done.last_seq, store._boot)
        await store.close()
        clock.advance(10)
        flip(path, 0, 16)
    aside = [p for p in path.parent.glob("*.damaged-*") if p.suffix != ".highwater"]
    assert len(aside) == recover.KEEP_ASIDE


async def test_a_newer_schema_is_refused_and_untouched(open_store, path) -> None:
    store = await open_store()
    store._opened.session.db.run("PRAGMA user_version = 99")
    await store.close()
    before = path.read_bytes()
    with pytest.raises(StoreError) as caught:
        await open_store()
    assert caught.value.reason == "newer"
    assert path.read_bytes() == before
