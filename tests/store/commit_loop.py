"""A process that commits and reports until it is killed (test_kill_io)."""

import asyncio
import sys
from pathlib import Path

from edgegw.clock import SystemClock
from edgegw.config.schema import StoreSection
from edgegw.model import Event, Lane, StateChange
from edgegw.ports import Batch
from edgegw.store.store import Store


async def main() -> None:
    clock = SystemClock()
    store = await Store.open(
        Path(sys.argv[1]),
        section=StoreSection(reserve=0),
        gateway="gw",
        upstreams={"up": tuple(Lane)},
        clock=clock,
    )
    number = 0
    while True:
        number += 1
        events = [Event("edgegw.reading", Lane(n % 4), "d", clock.now(), b"{}") for n in range(1 + number % 40)]
        done = await store.commit(Batch(events=events, states=[StateChange("k", str(number % 50), b"1")]))
        print(done.first_seq, done.last_seq, flush=True)  # noqa: T201


asyncio.run(main())
