"""The disk budget: telemetry goes first, loudly; the rest only when nothing else can."""

import errno
import json
import os
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest

from edgegw.config.schema import MIB
from edgegw.errors import StoreError
from edgegw.model import Lane
from edgegw.ports import Batch
from edgegw.store import inspect
from edgegw.store.budget import SHED_AT
from edgegw.store.engine import PAGE_BYTES

BUDGET = 4 * MIB
DATA = b'"' + b"x" * 1000 + b'"'


async def everything(store, lane: Lane) -> list:
    found: list = []
    while page := await store.fetch(lane, found[-1].seq if found else 0, 500):
        found += page
    return found


def shed_gaps(records: list) -> list[dict]:
    return [d for r in records if r.type == "edgegw.gateway.gap" and (d := json.loads(r.data))["reason"] == "shed"]


async def test_at_the_budget_the_oldest_telemetry_goes_and_is_announced(open_store, event, path) -> None:
    store = await open_store(budget=BUDGET)
    alarms = 0
    for n in range(150):
        await store.commit(Batch(events=[event(data=DATA)] * 49 + [event(Lane.ALARM, DATA)] * (n % 10 == 0)))
        alarms += n % 10 == 0
    await store.flush()
    await store.flush()  # the first transaction without shedding announces what was shed
    telemetry = await everything(store, Lane.TELEMETRY)
    alarm = await everything(store, Lane.ALARM)
    gaps = shed_gaps(alarm)
    assert sum(r.type != "edgegw.gateway.gap" for r in alarm) == alarms
    assert store.figures.shed == 150 * 49 - len(telemetry) > 1000
    assert sum(g["count"] for g in gaps) == store.figures.shed
    assert {g["lane"] for g in gaps} == {"telemetry"}
    assert len(gaps) < 60
    low = max(g["to_seq"] for g in gaps)
    assert telemetry[0].seq > low  # the oldest went
    assert telemetry[-1].seq == max(r.seq for r in telemetry)
    assert store.depth("up", Lane.TELEMETRY) == len(telemetry)
    size = path.stat().st_size + path.with_name(path.name + "-wal").stat().st_size
    assert size <= BUDGET * 1.05
    assert inspect.verify(path) == []


async def test_when_alarms_fill_the_store_new_telemetry_gives_way_then_full_then_room_again(
    open_store, event, path
) -> None:
    store = await open_store(budget=BUDGET)
    batch = Batch(events=[event(Lane.ALARM, DATA)] * 20)
    stored = 0
    with pytest.raises(StoreError) as caught:  # noqa: PT012 (until it is full)
        for _ in range(1000):
            done = await store.commit(batch)
            stored += done.per_lane[Lane.ALARM]
    assert caught.value.reason == "full"
    before = store.figures.shed
    alarm = await everything(store, Lane.ALARM)
    assert len(alarm) == stored  # nothing that was acknowledged is gone
    with pytest.raises(StoreError):
        await store.commit(batch)
    store.accepted("up", Lane.ALARM, alarm[len(alarm) // 2].seq)
    await store.flush()
    done = await store.commit(batch)
    assert done.first_seq == alarm[-1].seq + 1
    assert store.figures.shed == before == 0
    assert inspect.verify(path) == []


async def test_telemetry_of_a_batch_gives_way_to_its_alarms(open_store, event) -> None:
    store = await open_store(budget=BUDGET)
    while store._opened.room.used_pages() < store._opened.session.limits.max_pages * SHED_AT:
        await store.commit(Batch(events=[event(Lane.ALARM, DATA)] * 20))
    store._opened.session.unchecked = BUDGET
    done = await store.commit(Batch(events=[event(Lane.ALARM, DATA), *[event(data=DATA)] * 7]))
    assert (done.per_lane, done.shed) == ((1, 0, 0, 0), 7)
    await store.flush()
    after = await store.commit(Batch(events=[event(Lane.ALARM)]))
    gap = shed_gaps(await everything(store, Lane.ALARM))[-1]
    assert (gap["from_seq"], gap["to_seq"], gap["count"]) == (done.first_seq + 1, done.last_seq, 7)
    assert after.first_seq > done.last_seq
    assert await everything(store, Lane.TELEMETRY) == []


async def test_accepted_records_go_before_anything_is_shed(open_store, event) -> None:
    store = await open_store(budget=BUDGET)
    for _ in range(60):
        done = await store.commit(Batch(events=[event(data=DATA)] * 50))
        store.accepted("up", Lane.TELEMETRY, done.last_seq - 10)
    assert store.figures.shed == 0
    assert store.depth("up", Lane.TELEMETRY) == 10


async def test_a_lane_nobody_takes_never_blocks(open_store, event) -> None:
    store = await open_store(budget=BUDGET, upstreams={"up": (Lane.TELEMETRY,)})
    for _ in range(400):
        await store.commit(Batch(events=[event(Lane.ALARM, DATA)] * 20))
    assert store.figures.shed > 0


async def test_the_page_limit_is_set_on_every_opening(open_store, path) -> None:
    store = await open_store(budget=BUDGET)
    limits = store._opened.session.limits
    assert store._opened.session.db.value("PRAGMA max_page_count") == limits.max_pages
    assert (limits.max_pages + limits.wal_pages) * PAGE_BYTES == BUDGET


async def test_the_ballast_is_real_and_comes_back(open_store, path) -> None:
    store = await open_store(reserve=MIB)
    ballast = path.with_name("edgegw.db.ballast")
    assert ballast.stat().st_blocks * 512 >= MIB
    store._opened.room._ballast.release()
    assert not ballast.exists()
    await store.flush()
    assert ballast.stat().st_size == MIB


async def test_a_full_disk_reported_by_the_system_is_full(open_store, event, monkeypatch) -> None:
    store = await open_store()

    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store._opened.session.mark, "reserve", no_space)
    with pytest.raises(StoreError) as caught:
        await store.commit(Batch(events=[event(Lane.ALARM)]))
    assert caught.value.reason == "full"
    monkeypatch.undo()
    assert (await store.commit(Batch(events=[event()]))).per_lane[Lane.TELEMETRY] == 1


@pytest.fixture
def small_disk(tmp_path: Path):
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.decode().strip()}")
    yield mount
    subprocess.run(["umount", "-l", str(mount)], check=True)


async def test_a_full_disk_releases_the_ballast_sheds_and_goes_on(open_store, event, small_disk) -> None:
    path = small_disk / "edgegw.db"
    store = await open_store(path, budget=64 * MIB, reserve=MIB)  # the budget is larger than the disk
    ballast = path.with_name("edgegw.db.ballast")
    assert ballast.exists()
    for n in range(200):
        done = await store.commit(Batch(events=[*[event(data=DATA)] * 49, event(Lane.ALARM, b"%d" % n)]))
        assert done.per_lane[Lane.ALARM] >= 1
    assert not ballast.exists()
    assert store.figures.shed > 0
    alarm = await everything(store, Lane.ALARM)
    assert [r.data for r in alarm if r.type == "edgegw.reading"] == [b"%d" % n for n in range(200)]
    while True:  # somebody else takes the rest of the disk
        try:
            (small_disk / "other").open("ab").write(b"x" * 65536)
        except OSError:
            break
    with pytest.raises(StoreError) as caught:  # noqa: PT012 (until nothing is left to shed)
        while True:
            await store.commit(Batch(events=[event(Lane.ALARM, DATA)] * 100))
    assert caught.value.reason == "full"
    stored = len(await everything(store, Lane.ALARM))
    (small_disk / "other").unlink()
    await store.commit(Batch(events=[event(Lane.ALARM, DATA)] * 100))
    assert len(await everything(store, Lane.ALARM)) >= stored + 100
    await store.close()
    assert inspect.verify(path) == []


async def test_a_disk_that_was_full_is_used_again_though_nothing_is_accepted(open_store, event, small_disk) -> None:
    """Alarms only, no upstream that takes them, nothing to shed: the limit set on the full disk must not outlive it."""
    store = await open_store(small_disk / "edgegw.db", budget=64 * MIB, reserve=64 * 1024)
    with pytest.raises(StoreError) as caught:  # noqa: PT012 (until nothing is left)
        while True:
            with (small_disk / "other").open("ab", buffering=0) as other, suppress(OSError):
                while True:
                    other.write(bytes(4096))
            await store.commit(Batch(events=[event(Lane.ALARM, DATA)] * 20))
    assert caught.value.reason == "full"
    (small_disk / "other").unlink()
    for _ in range(50):
        await store.commit(Batch(events=[event(Lane.ALARM, DATA)] * 20))
    await store.close()
