"""A store on a temporary folder with a clock that moves only when told."""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from pathlib import Path

import pytest

from edgegw.clock import ManualClock
from edgegw.config.schema import MIB, StoreSection
from edgegw.model import Event, Lane
from edgegw.store.store import Store

Open = Callable[..., Awaitable[Store]]

ALL: Mapping[str, Sequence[Lane]] = {"up": tuple(Lane)}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(mono_ns=5_000_000_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edgegw.db"


@pytest.fixture
async def open_store(path: Path, clock: ManualClock) -> AsyncIterator[Open]:
    """Opens stores (by default at `path`) and closes them at the end."""
    opened: list[Store] = []

    async def make(at: Path = path, *, upstreams=ALL, budget=64 * MIB, reserve=0, os_boot="os-1", clock=clock) -> Store:
        store = await Store.open(
            at,
            section=StoreSection(budget=budget, reserve=reserve),
            gateway="gw-1",
            upstreams=upstreams,
            clock=clock,
            os_boot=os_boot,
        )
        opened.append(store)
        return store

    yield make
    for store in opened:
        await store.close()


@pytest.fixture
def event(clock: ManualClock) -> Callable[..., Event]:
    def make(lane: Lane = Lane.TELEMETRY, data: bytes = b"{}", subject: str = "dev-1") -> Event:
        return Event("edgegw.reading", lane, subject, clock.now(), data)

    return make
