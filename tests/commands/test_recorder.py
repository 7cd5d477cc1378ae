"""Commits at once and later: order, bounds, patience."""

import asyncio

import pytest

from edgegw.commands.recorder import Recorder
from edgegw.model import Event, Lane, StateChange
from edgegw.ports import Batch
from tests.commands.fakes import FakeStore, LoopClock, warped


def batch(name: str) -> Batch:
    return Batch(
        (Event(name, Lane.COMMAND, "pump", LoopClock().now(), b"{}"),), (StateChange("k", "key", name.encode()),)
    )


def made(store: FakeStore, most: int = 10) -> Recorder:
    return Recorder(store, lambda work, name: asyncio.get_running_loop().create_task(work, name=name), most)


def names(store: FakeStore) -> list[str]:
    return [event.type for event in store.events]


@warped
async def test_what_waits_together_is_one_commit_in_order() -> None:
    store = FakeStore()
    recorder = made(store)
    futures = [recorder.later(batch(str(n))) for n in range(5)]
    running = asyncio.create_task(recorder.run())
    await asyncio.gather(*futures)
    assert names(store) == ["0", "1", "2", "3", "4"]
    assert store.tries == 1
    assert store.kept["k", "key"] == b"4"
    assert recorder.waiting == 0
    running.cancel()


@warped
async def test_a_failed_attempt_comes_before_what_follows_it_and_a_good_one_not_again() -> None:
    store = FakeStore()
    store.slow_s = 1.0
    recorder = made(store)
    running = asyncio.create_task(recorder.run())
    store.faults.append("full")
    failing, good = recorder.attempt(batch("a")), recorder.attempt(batch("b"), (StateChange("k", "once", b"1"),))
    recorder.later(batch("a"), unless=failing)
    recorder.later(batch("b"), unless=good)
    last = recorder.later(batch("end"))
    await last
    assert names(store) == ["b", "a", "end"]
    assert await failing == "full"
    assert await good is None
    assert store.kept["k", "once"] == b"1"
    running.cancel()


@warped
async def test_it_tries_again_until_the_store_takes_it() -> None:
    store = FakeStore()
    recorder = made(store)
    store.broken = "full"
    running = asyncio.create_task(recorder.run())
    waiting = recorder.later(batch("a"))
    await asyncio.sleep(10)
    assert (recorder.failing, recorder.waiting) == ("full", 1)
    assert store.tries == pytest.approx(10, abs=1)
    store.broken = None
    await waiting
    assert (recorder.failing, recorder.waiting) == (None, 0)
    await recorder.drained()
    running.cancel()


@warped
async def test_it_is_bounded_and_what_is_dispensable_has_half() -> None:
    store = FakeStore()
    recorder = made(store, most=4)
    assert [recorder.later(batch("r"), dispensable=True).cancelled() for _ in range(4)] == [False, False, True, True]
    assert recorder.crowded
    assert [recorder.later(batch("o")).cancelled() for _ in range(3)] == [False, False, True]
    assert (recorder.waiting, recorder.lost) == (4, 3)
