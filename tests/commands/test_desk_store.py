"""The desk on a real store: what a restart finds."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import msgspec
import pytest

from edgegw.clock import ManualClock
from edgegw.commands.admission import Known
from edgegw.commands.clocktrust import KIND as CLOCK_KIND
from edgegw.commands.clocktrust import ClockTrust
from edgegw.commands.desk import Desk
from edgegw.config.schema import MIB, StoreSection
from edgegw.model import Lane, Outcome, OutcomeStatus, Source
from edgegw.ports import Order
from edgegw.store.store import Store
from tests.commands.fakes import FakeActuator, FakeEncoder, FakeListening, S, command, issuer

DONE = Outcome(OutcomeStatus.DONE)
UP = {"up": tuple(Lane)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(mono_ns=5 * S)


@asynccontextmanager
async def opened(path: Path, clock: ManualClock, link: FakeActuator) -> AsyncIterator[tuple[Desk, Store]]:
    """A desk at work on the store at `path`; both end without draining, as in a crash that still closes its file."""
    store = await Store.open(
        path, section=StoreSection(budget=64 * MIB, reserve=0), gateway="gw-1", upstreams=UP, clock=clock, os_boot="os"
    )
    desk = Desk(
        store=store,
        clock=clock,
        boot=store.boot,
        known=Known(encoders={"pump": FakeEncoder()}),
        actuators={"pump": link},
        listening=FakeListening(clock),
        trust=ClockTrust(store.states(CLOCK_KIND)),
    )
    await desk.recover()
    running = asyncio.create_task(desk.run())
    await asyncio.sleep(0)
    try:
        yield desk, store
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await store.close()


async def rows(store: Store) -> list[tuple[str, str, str, str]]:
    found = await store.fetch(Lane.COMMAND, 0, 100)
    decoded = [(one.type.rpartition(".")[2], msgspec.json.decode(one.data)) for one in found]
    return [(kind, data["id"], data.get("status", ""), data.get("reason", "")) for kind, data in decoded]


async def test_the_same_id_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    path, link = tmp_path / "edgegw.db", FakeActuator()
    dated = command(clock.now(), "u-1", by=issuer(Source.UPSTREAM), expires_s=60)
    async with opened(path, clock, link) as (desk, store):
        assert await desk.submit(command(clock.now(), "a-1")) == DONE
        assert await desk.submit(dated) == DONE
        await desk.drain(5)
        boot = store.boot
    for _ in range(2):
        async with opened(path, clock, link) as (desk, store):
            assert store.boot > boot
            assert (await desk.submit(command(clock.now(), "a-1"))).reason == "used-id"
            assert await desk.submit(command(clock.now(), f"a-{store.boot}")) == DONE
            await desk.drain(5)
    assert [order.id for order in link.orders][:2] == ["a-1", "u-1"]
    assert len(link.orders) == 4


async def test_what_was_under_way_is_unknown_after_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    sent = asyncio.Event()

    async def act(order: Order) -> Outcome:
        sent.set()
        await asyncio.get_running_loop().create_future()
        return DONE

    path, link = tmp_path / "edgegw.db", FakeActuator(act)
    async with opened(path, clock, link) as (desk, store):
        asked = asyncio.create_task(desk.submit(command(clock.now(), "a-1")))
        await sent.wait()
        assert await rows(store) == [("admitted", "a-1", "", "")]
    assert (await asked).status is OutcomeStatus.UNKNOWN
    async with opened(path, clock, link) as (desk, store):
        assert await rows(store) == [("admitted", "a-1", "", ""), ("completed", "a-1", "unknown", "restart")]
        assert len(link.orders) == 1
        assert (await desk.submit(command(clock.now(), "a-1"))).reason == "used-id"
    async with opened(path, clock, link) as (desk, store):
        assert [row[2:] for row in await rows(store) if row[0] == "completed"] == [("unknown", "restart")]


async def test_the_clock_set_back_across_a_restart(tmp_path: Path, clock: ManualClock) -> None:
    path, link = tmp_path / "edgegw.db", FakeActuator()
    by = issuer(Source.UPSTREAM)
    async with opened(path, clock, link) as (desk, _):
        assert await desk.submit(command(clock.now(), "u-1", by=by, expires_s=60)) == DONE
        await desk.drain(5)
    clock.set_wall(clock.now().wall_ns - 7200 * S)
    async with opened(path, clock, link) as (desk, _):
        assert (await desk.submit(command(clock.now(), "u-2", by=by, expires_s=60))).reason == "clock-untrusted"
        assert await desk.submit(command(clock.now(), "a-2")) == DONE
    assert [order.id for order in link.orders] == ["u-1", "a-2"]
