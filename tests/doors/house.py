"""A house for the tests of the door service: the real core, a desk and devices of cardboard, and the order of what happened."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import msgspec

from edgegw.access.decision import DoorCondition
from edgegw.doors.service import DoorService
from edgegw.doors.wiring import ActWiring, DoorWiring, PointWiring, ReaderWiring
from edgegw.model import NOTHING, Changes, Command, Issuer, Outcome, OutcomeStatus, Quality, Reading, Source
from tests.access.site import CARD, KEY, Site, door
from tests.commands.fakes import FakeListening, LoopClock, S

DONE = Outcome(OutcomeStatus.DONE)
WIRING = DoorWiring(
    door="main",
    lock="relay",
    acts={"unlock": ActWiring("pulse"), "release": ActWiring("on"), "relock": ActWiring("off")},
    readers=(
        ReaderWiring("r1", "card", tamper=PointWiring("r1", "tamper")),
        ReaderWiring("r1", "pin", "pin"),
        ReaderWiring("r2", "card", direction="out"),
    ),
    contact=PointWiring("panel", "open"),
    exit=PointWiring("panel", "button"),
    fire=PointWiring("panel", "fire"),
)
TERMINAL = DoorWiring(
    door="main",
    lock="r1",
    acts={
        "unlock": ActWiring("allow", {"serial": "$serial"}),
        "refuse": ActWiring("refuse", {"serial": "$serial", "code": "100000"}),
    },
    readers=(ReaderWiring("r1", "card"),),
)


class Handed(msgspec.Struct):
    """What the desk was handed."""

    command: Command
    alongside: Changes
    audit_wait_s: float | None
    on_store_failure: str


class FakeDesk:
    """Says `outcome` for everything, at once, or when `gate` opens."""

    def __init__(self) -> None:
        self.handed: list[Handed] = []
        self.outcome = DONE
        self.gate: asyncio.Event | None = None
        self.fault: Exception | None = None

    async def submit(self, command: Command, *, alongside: Changes = NOTHING, **how: Any) -> Outcome:
        self.handed.append(Handed(command, alongside, how["audit_wait_s"], how["on_store_failure"]))
        if self.fault is not None:
            raise self.fault
        if self.gate is not None:
            await self.gate.wait()
        return self.outcome

    @property
    def commands(self) -> list[str]:
        return [handed.command.name for handed in self.handed]


class House(Site):
    """One door, ``main``, quiet since a minute once `settled`."""

    def __init__(self, wiring: DoorWiring = WIRING, **more: Any) -> None:
        super().__init__(door(has_fire=True, **more), settled=False)
        self.clock = LoopClock()  # type: ignore[assignment]  # a clock that goes by itself
        self.start()
        self.desk = FakeDesk()
        self.listening = FakeListening(self.clock)
        self.records: list[Changes] = []
        self.conditions: list[DoorCondition] = []
        self.seconds: list[float] = []
        self.lost: set[str] = set()
        self.service = DoorService(
            self.core,
            self.specs,
            [wiring],
            key=KEY,
            desk=self.desk,
            record=self.records.append,
            condition=lambda condition, _at: self.conditions.append(condition),
            clock=self.clock,
            trusted=lambda _at: self.trusted,
            lost=self.lost.__contains__,
            takes_pulse=lambda device, command: (device, command) == ("relay", "pulse"),
            observe=self.seconds.append,
        )
        self.service.attach(self.listening)

    async def settled(self) -> "House":
        """Past the pulse that is assumed after a start, with the contact closed."""
        await asyncio.sleep(60)
        self.say("panel", open=False, button=False, fire=False)
        self.records.clear()
        self.conditions.clear()
        return self

    async def passed(self) -> "House":
        """The same, and a card that may pass was shown and has gone to the desk."""
        await self.settled()
        self.person()
        self.say("r1", card=CARD)
        await until(lambda: self.desk.handed)
        return self

    def say(self, device: str, quality: Quality = Quality.FRESH, **values: Any) -> None:
        """A device's message."""
        self.listening.say(device, *(Reading(point, value, None, quality) for point, value in values.items()))

    async def operate(self, action: str, *, by: str = "desk", source: Source = Source.API) -> Outcome:
        deadline_ns = self.clock.now().mono_ns + 5 * S
        return await self.service.operate(Command("c-1", "main", action, {}, Issuer(source, by), deadline_ns))

    def events(self) -> list[dict[str, Any]]:
        """All decisions that went to the store, by whichever way."""
        changes = [*self.records, *(handed.alongside for handed in self.desk.handed)]
        return [msgspec.json.decode(event.data) for change in changes for event in change.events]

    def told(self, kind: str) -> list[bool]:
        """How a condition went."""
        return [condition.active for condition in self.conditions if condition.kind == kind]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """With its timers."""
        task = asyncio.create_task(self.service.run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def until(look: Callable[[], object], within_s: float = 30.0) -> None:
    """Let things happen until it is so."""
    async with asyncio.timeout(within_s):
        while not look():
            await asyncio.sleep(0.001)
