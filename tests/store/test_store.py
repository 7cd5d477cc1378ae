"""The store through its two Protocols."""

import asyncio
import uuid

import pytest

from edgegw.errors import StoreError
from edgegw.model import DeadLetter, Lane, StateChange
from edgegw.ports import Batch, Outbox, RecordStore
from edgegw.store import dead, inspect
from edgegw.store.tail import TAIL_ROWS


def protocols(store) -> tuple[RecordStore, Outbox]:
    return store, store  # mypy compares the signatures


async def test_a_commit_gives_each_lane_one_run_and_says_so(open_store, event) -> None:
    store = await open_store()
    events = [event(Lane.TELEMETRY, b"1"), event(Lane.ALARM, b"2"), event(Lane.TELEMETRY, b"3")]
    done = await store.commit(Batch(events=events))
    assert (done.first_seq, done.last_seq, done.per_lane, done.shed) == (1, 3, (1, 0, 0, 2), 0)
    alarm = await store.fetch(Lane.ALARM, 0, 10)
    telemetry = await store.fetch(Lane.TELEMETRY, 0, 10)
    assert [(r.seq, r.data) for r in alarm] == [(1, b"2")]
    assert [(r.seq, r.data) for r in telemetry] == [(2, b"1"), (3, b"3")]
    assert {uuid.UUID(r.id).version for r in alarm + telemetry} == {7}
    assert alarm[0].id < telemetry[0].id < telemetry[1].id


async def test_memory_and_file_give_the_same_records(open_store, event, clock) -> None:
    store = await open_store()
    for n in range(1, 40):
        clock.advance(0.01)
        await store.commit(Batch(events=[event(Lane.ALARM, b"%d" % i) for i in range(n)]))
    for after, limit in ((0, 1000), (17, 5), (300, 100), (10_000, 5)):
        fast = await store.fetch(Lane.ALARM, after, limit)
        slow = await store._writer.call(lambda a=after, n=limit: store._opened.session.fetch(Lane.ALARM, a, n))
        assert fast == slow
    assert [r.seq for r in await store.fetch(Lane.ALARM, 0, 1000)] == list(range(1, 781))


async def test_what_memory_no_longer_holds_comes_from_the_file(open_store, event) -> None:
    store = await open_store()
    for _ in range(TAIL_ROWS // 1000 + 2):
        await store.commit(Batch(events=[event()] * 1000))
    assert store._tails[Lane.TELEMETRY].floor > 0
    seen: list[int] = []
    while page := await store.fetch(Lane.TELEMETRY, seen[-1] if seen else 0, 700):
        seen += [r.seq for r in page]
    assert seen == list(range(1, 6001))


async def test_ids_and_seqs_survive_reopening(open_store, event, clock) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event(data=b"a"), event(data=b"b")]))
    before = await store.fetch(Lane.TELEMETRY, 0, 10)
    await store.close()
    clock.advance(0.001)  # ids of another process are later only from the next millisecond on
    store = await open_store()
    after = await store.fetch(Lane.TELEMETRY, 0, 10)
    assert after == before
    assert (await store.commit(Batch(events=[event()]))).first_seq == 3
    newest = (await store.fetch(Lane.TELEMETRY, 2, 10))[0]
    assert newest.boot == before[0].boot + 1
    assert newest.id > before[1].id


async def test_state_commits_with_records_and_can_be_forgotten(open_store, event) -> None:
    store = await open_store()
    await store.commit(
        Batch(events=[event()], states=[StateChange("alarm", "a", b"1"), StateChange("alarm", "b", b"2")])
    )
    await store.commit(
        Batch(
            states=[StateChange("alarm", "a", b"3"), StateChange("alarm", "a", b"4"), StateChange("alarm", "b", None)]
        )
    )
    assert store.states("alarm") == {}  # as of opening
    await store.close()
    store = await open_store()
    assert store.states("alarm") == {"a": b"4"}
    assert store.states("presence") == {}


async def test_what_every_upstream_accepted_is_deleted_and_not_before(open_store, event, path) -> None:
    ups = {"a": tuple(Lane), "b": (Lane.ALARM, Lane.TELEMETRY)}
    store = await open_store(upstreams=ups)
    await store.commit(Batch(events=[event(lane) for lane in Lane for _ in range(10)]))
    for lane in Lane:
        store.accepted("a", lane, 41)
    await store.flush()
    rows = {name: row["rows"] for name, row in inspect.stats(path)["lanes"].items()}
    assert rows == {"alarm": 11, "access": 0, "command": 0, "telemetry": 10}  # one alarm is the store's: the audit head
    store.accepted("b", Lane.TELEMETRY, 36)
    await store.flush()
    assert inspect.stats(path)["lanes"]["telemetry"]["first_seq"] == 37
    assert store.depth("b", Lane.TELEMETRY) == 5
    assert store.depth("a", Lane.TELEMETRY) == 0
    assert [r.seq for r in await store.fetch(Lane.TELEMETRY, 0, 99)] == list(range(37, 42))


async def test_cursors_are_durable_after_the_flush(open_store, event) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event()] * 5))
    store.accepted("up", Lane.TELEMETRY, 3)
    assert store.cursor("up", Lane.TELEMETRY) == 3
    store.accepted("up", Lane.TELEMETRY, 2)  # late: changes nothing
    assert store.cursor("up", Lane.TELEMETRY) == 3
    await store.close()
    store = await open_store()
    assert store.cursor("up", Lane.TELEMETRY) == 3
    assert store.depth("up", Lane.TELEMETRY) == 2


async def test_accepted_is_flushed_without_another_commit(open_store, event, path) -> None:
    store = await open_store()
    store._flush_s = 0.0
    await store.commit(Batch(events=[event()] * 5))
    store.accepted("up", Lane.TELEMETRY, 5)
    while store._timer is not None or store._tasks:
        await asyncio.sleep(0)
    found = inspect.stats(path)
    assert found["cursors"] == {"up": {"telemetry": 5}}
    assert found["lanes"]["telemetry"]["rows"] == 0


async def test_an_upstream_that_is_gone_holds_nothing_and_a_new_one_starts_at_the_oldest(
    open_store, event, path
) -> None:
    store = await open_store(upstreams={"old": tuple(Lane), "up": tuple(Lane)})
    await store.commit(Batch(events=[event()] * 10))
    store.accepted("up", Lane.TELEMETRY, 8)
    await store.close()
    assert inspect.stats(path)["lanes"]["telemetry"]["rows"] == 10
    store = await open_store(upstreams={"up": tuple(Lane), "new": (Lane.ALARM,)})
    await store.flush()
    assert inspect.stats(path)["lanes"]["telemetry"]["rows"] == 2
    assert store.cursor("new", Lane.ALARM) == 0


async def test_rejecting_keeps_the_record_as_a_dead_letter(open_store, event, path) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event(data=b'{"bad":1}')]))
    record = (await store.fetch(Lane.TELEMETRY, 0, 1))[0]
    await store.reject("up", record, "rejected", "HTTP 422")
    letter = inspect.dead_letters(path)[0]
    assert (letter.origin, letter.source, letter.reason, letter.key, letter.raw) == (
        "upstream",
        "up",
        "rejected",
        record.id,
        b'{"bad":1}',
    )
    assert store.depth("up", Lane.TELEMETRY) == 1  # only `accepted` moves the cursor
    assert store.figures.dead == 1


async def test_dead_letters_are_bounded_cut_and_counted(open_store, clock, path, monkeypatch) -> None:
    store = await open_store(budget=4 * 1024 * 1024)  # an eighth: 512 KiB
    for n in range(20):
        raw = bytes([n]) * 100_000
        await store.commit(Batch(dead=[DeadLetter("device", f"d{n}", "bad-json", "x" * 9999, "t", raw, clock.now())]))
    kept = inspect.dead_letters(path, 1000)
    assert [letter.source for letter in kept] == [f"d{n}" for n in range(19, 12, -1)]
    assert {len(letter.raw) for letter in kept} == {dead.RAW_MOST}
    assert store.figures.dead_dropped == 13


async def test_callbacks_come_for_their_lane_until_ended(open_store, event) -> None:
    store = await open_store()
    calls: list[str] = []
    end = store.wait_for(Lane.ALARM, lambda: calls.append("alarm"))
    store.wait_for(Lane.TELEMETRY, lambda: calls.append("telemetry"))
    await store.commit(Batch(events=[event(Lane.ALARM)]))
    await store.commit(Batch(events=[event()]))
    await asyncio.sleep(0)
    assert calls == ["alarm", "telemetry"]
    end()
    await store.commit(Batch(events=[event(Lane.ALARM)]))
    await asyncio.sleep(0)
    assert calls == ["alarm", "telemetry"]


async def test_a_cancelled_waiter_does_not_cancel_the_commit(open_store, event) -> None:
    store = await open_store()
    task = asyncio.ensure_future(store.commit(Batch(events=[event()] * 3)))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await store.commit(Batch(events=[event()]))).last_seq == 4
    assert len(await store.fetch(Lane.TELEMETRY, 0, 10)) == 4


async def test_commits_that_wait_together_share_a_transaction_and_keep_their_order(open_store, event) -> None:
    store = await open_store()
    results = await asyncio.gather(*(store.commit(Batch(events=[event(data=b"%d" % n)])) for n in range(50)))
    records = await store.fetch(Lane.TELEMETRY, 0, 100)
    assert [r.data for r in records] == [b"%d" % n for n in range(50)]
    assert all(r.per_lane == (0, 0, 0, 1) for r in results)


async def test_an_empty_batch_goes_through_the_thread(open_store) -> None:
    store = await open_store()
    before = store.figures.commits
    done = await store.commit(Batch())
    assert (done.first_seq, done.last_seq) == (1, 0)
    assert store.figures.commits == before + 1


async def test_one_store_per_file(open_store) -> None:
    await open_store()
    with pytest.raises(StoreError) as caught:
        await open_store()
    assert caught.value.reason == "locked"


async def test_a_backlog_found_at_opening_is_counted(open_store, event, monkeypatch) -> None:
    monkeypatch.setattr("edgegw.store.opening.SCAN_ROWS", 7)
    store = await open_store()
    for _ in range(10):
        await store.commit(Batch(events=[event(), event(), event(Lane.ALARM)]))
    await store.close()
    store = await open_store()
    while store._tasks:
        await asyncio.sleep(0)
    assert store.depth("up", Lane.TELEMETRY) == 20
    assert store.depth("up", Lane.ALARM) == 10


async def test_an_io_error_is_final_until_opened_anew(open_store, event, monkeypatch) -> None:
    store = await open_store()

    def broken() -> None:
        raise StoreError("io", "disk I/O error")

    monkeypatch.setattr(store._opened.session.db, "commit", broken)
    with pytest.raises(StoreError, match="io"):
        await store.commit(Batch(events=[event()]))
    monkeypatch.undo()
    with pytest.raises(StoreError) as caught:
        await store.commit(Batch(events=[event()]))
    assert caught.value.reason == "io"
    assert store.figures.errors == {"io": 2}
    assert await store.fetch(Lane.TELEMETRY, 0, 9) == []
    await store.close()
    store = await open_store()
    assert (await store.commit(Batch(events=[event()]))).per_lane[Lane.TELEMETRY] == 1


async def test_stats_say_what_is_there(open_store, event) -> None:
    store = await open_store()
    await store.commit(Batch(events=[event(data=b"12345")]))
    found = await store.stats()
    assert found["lanes"]["telemetry"] == {
        "rows": 1,
        "bytes": 5,
        "oldest_ns": event().at.wall_ns,
        "first_seq": 1,
        "last_seq": 1,
    }
    assert (found["boot"], found["seq"], found["commits"], found["failed"]) == (1, 1, 1, None)
