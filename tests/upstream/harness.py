"""Deliveries at work in tests: a sender that answers from a script, and waiting for conditions."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from edgegw.clock import ManualClock
from edgegw.model import Lane, Record
from edgegw.upstream.delivery import Delivery
from edgegw.upstream.outcome import Accepted, Outcome

PATIENCE_S = 20.0


class ScriptedSender:
    """Answers with `script(lane, records)`; keeps what was offered and what it accepted, in order."""

    def __init__(self, script: Callable[[Lane, Sequence[Record]], Outcome] | None = None, batch: int = 10) -> None:
        self.batch = batch
        self.script = script or (lambda _lane, records: Accepted(len(records)))
        self.offered: list[tuple[Lane, list[int]]] = []
        self.took: list[tuple[Lane, int]] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def run(self) -> None:
        """Nothing to keep."""
        await asyncio.get_running_loop().create_future()

    async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:
        """See `Sender.send`."""
        await asyncio.sleep(0)
        await self.gate.wait()
        outcome = self.script(lane, records)
        self.offered.append((lane, [one.seq for one in records]))
        if isinstance(outcome, Accepted):
            self.took += [(lane, one.seq) for one in records[: outcome.count] if one.id not in outcome.rejected]
        return outcome


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop run until the condition holds; fails after `PATIENCE_S`."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


@asynccontextmanager
async def running(outbox: object, sender: object, **options: object) -> AsyncIterator[Delivery]:
    """A delivery at work; without waits unless `random` says otherwise."""
    options = {"lanes": tuple(Lane), "clock": ManualClock(), "random": lambda: 0.0} | options
    delivery = Delivery("desk", outbox, sender, **options)  # type: ignore[arg-type] # options are the test's
    task = asyncio.create_task(delivery.run())
    try:
        yield delivery
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
