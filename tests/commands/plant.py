"""A desk between cardboard parts, in a loop whose time passes only when nothing else is to be done."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

from edgegw.commands.admission import Known
from edgegw.commands.clocktrust import KIND as CLOCK_KIND
from edgegw.commands.clocktrust import ClockTrust
from edgegw.commands.desk import Desk
from edgegw.model import Command, Outcome
from tests.commands.fakes import FakeActuator, FakeEncoder, FakeListening, FakeStore, LoopClock, command


class Plant:
    """A desk with a pump, a valve, a relay (which moves the lobby door's bolt) and a lobby door."""

    def __init__(self, store: FakeStore | None = None, boot: int = 1, **options: Any) -> None:
        self.clock = LoopClock()
        self.store = store or FakeStore()
        self.link = FakeActuator()
        self.listening = FakeListening(self.clock)
        self.observed: list[tuple[str, float]] = []
        self.trust = ClockTrust(self.store.states(CLOCK_KIND))
        devices = ("pump", "valve", "relay")
        options = {
            "known": Known(
                encoders=dict.fromkeys(devices, FakeEncoder()),
                doors={"lobby": ("public",)},
                protected={("relay", "on"): ("lobby",)},
            ),
            "actuators": dict.fromkeys(devices, self.link),
            "store": self.store,
            "clock": self.clock,
            "listening": self.listening,
            "trust": self.trust,
            "observe": lambda command, seconds: self.observed.append((command.target, seconds)),
        } | options
        self.desk = Desk(boot=boot, **options)

    def command(self, *args: Any, **options: Any) -> Command:
        """A command as of now, see `fakes.command`."""
        return command(self.clock.now(), *args, **options)

    async def give(self, *args: Any, submit: dict[str, Any] | None = None, **options: Any) -> Outcome:
        """Hand in a command and wait for its outcome, which must come before its deadline."""
        one = self.command(*args, **options)
        outcome = await self.desk.submit(one, **(submit or {}))
        assert self.clock.now().mono_ns <= max(one.deadline_ns, 0) or outcome.status == "rejected"
        return outcome

    async def settled(self) -> None:
        """Everything recorded."""
        while self.desk._underway:
            await asyncio.wait(self.desk._underway)
        await self.desk._recorder.drained()


@asynccontextmanager
async def plant(store: FakeStore | None = None, boot: int = 1, **options: Any) -> AsyncIterator[Plant]:
    """A plant at work; recovered first, ended without draining."""
    made = Plant(store, boot, **options)
    await made.desk.recover()
    running = asyncio.create_task(made.desk.run())
    await asyncio.sleep(0)
    try:
        yield made
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
