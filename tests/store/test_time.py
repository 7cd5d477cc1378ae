"""Honest time: records from before the clock was known."""

from edgegw.clock import ManualClock
from edgegw.model import Event, Lane
from edgegw.ports import Batch

WRONG = 1_000_000_000_000  # 1970
RIGHT = 1_767_225_600_000_000_000


def reading(clock: ManualClock) -> Event:
    return Event("edgegw.reading", Lane.ALARM, "d", clock.now(), b"{}")


async def test_records_are_corrected_by_offset_and_the_original_kept(open_store) -> None:
    clock = ManualClock(WRONG, 10, synced=False)
    store = await open_store(clock=clock)
    await store.commit(Batch(events=[reading(clock)]))
    clock.advance(60)
    clock.set_wall(RIGHT)
    store.clock_synced(clock.now())
    for _ in range(2):  # from memory, then from the file
        record = (await store.fetch(Lane.ALARM, 0, 1))[0]
        assert record.time_ns == RIGHT - 60_000_000_000
        assert record.original_ns == WRONG
        assert not record.synced
        await store.close()
        store = await open_store(clock=clock)
    await store.commit(Batch(events=[reading(clock)]))
    newest = (await store.fetch(Lane.ALARM, 1, 1))[0]
    assert (newest.time_ns, newest.original_ns) == (RIGHT, None)


async def test_an_earlier_daemon_start_of_the_same_boot_is_corrected_too(open_store) -> None:
    clock = ManualClock(WRONG, 10, synced=False)
    store = await open_store(clock=clock)
    await store.commit(Batch(events=[reading(clock)]))
    await store.close()
    clock.advance(5)
    clock.set_wall(RIGHT)
    store = await open_store(clock=clock)  # starts with the clock known
    record = (await store.fetch(Lane.ALARM, 0, 1))[0]
    assert (record.time_ns, record.original_ns, record.same_boot) == (RIGHT - 5_000_000_000, WRONG, True)


async def test_another_operating_system_boot_is_left_alone(open_store) -> None:
    clock = ManualClock(WRONG, 10, synced=False)
    store = await open_store(clock=clock, os_boot="os-1")
    await store.commit(Batch(events=[reading(clock)]))
    await store.close()
    store = await open_store(clock=ManualClock(RIGHT, 7), os_boot="os-2")
    record = (await store.fetch(Lane.ALARM, 0, 1))[0]
    assert (record.time_ns, record.original_ns, record.same_boot) == (WRONG, None, False)
