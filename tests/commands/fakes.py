"""Devices, stores and listeners of cardboard, and an event loop whose time passes only when nothing else is to be done."""

import asyncio
import selectors
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import wraps
from typing import Any

import msgspec

from edgegw.errors import CommandError, StoreError
from edgegw.model import (
    Command,
    Decoded,
    Event,
    Instant,
    Issuer,
    OrderLane,
    Outcome,
    OutcomeStatus,
    Reading,
    Source,
    Value,
)
from edgegw.ports import Batch, Committed, Heard, Order
from edgegw.profiles.encode import Encoder, Expect, ModbusWrite, MqttPublish, Outgoing

WALL_NS = 1_767_225_600_000_000_000
S = 1_000_000_000


class _Warp(selectors.DefaultSelector):  # type: ignore[misc, valid-type] # it is a class, chosen at run time
    """Instead of waiting, moves its loop's time on. For loops without threads and sockets only."""

    now_s = 1000.0

    def select(self, timeout: float | None = None) -> list[Any]:
        found = super().select(0)
        if not found and timeout:
            self.now_s += timeout
        elif not found and timeout is None:
            raise AssertionError("everybody waits, and nothing will ever come")
        return found


class WarpLoop(asyncio.SelectorEventLoop):
    """A loop in which waiting takes no time."""

    def __init__(self) -> None:
        self.warp = _Warp()
        super().__init__(self.warp)

    def time(self) -> float:
        return self.warp.now_s


def warped(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Run an async test on a `WarpLoop`."""

    @wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        with asyncio.Runner(loop_factory=WarpLoop) as runner:
            runner.run(test(*args, **kwargs))  # type: ignore[arg-type] # an async function gives a coroutine

    return run


class LoopClock:
    """The running loop's time as both clocks; `offset_s` sets the wall clock, `synced` whether it is believed."""

    def __init__(self) -> None:
        self.offset_s = 0.0
        self.synced = True

    def now(self) -> Instant:
        mono_ns = round(asyncio.get_running_loop().time() * 1e9)
        return Instant(WALL_NS + mono_ns + round(self.offset_s * 1e9), mono_ns, self.synced)


class FakeEncoder(Encoder):
    """``on``, ``off`` (a register write), ``set`` with a ``level`` 0…100, ``tell`` (MQTT, confirmed by a point), ``shout``
    (MQTT, confirmed by nothing)."""

    def __init__(self) -> None:
        """Without a profile."""

    def names(self) -> tuple[str, ...]:
        return ("on", "off", "set", "tell", "shout")

    def encode(self, name: str, args: Mapping[str, Value], correlation: str) -> Outgoing:
        if name not in self.names():
            raise CommandError("unknown-command", name)
        if unknown := args.keys() - ({"level"} if name == "set" else set()):
            raise CommandError("unknown-argument", str(unknown))
        if name == "set":
            if "level" not in args:
                raise CommandError("missing-argument", "level")
            level = args["level"]
            if not isinstance(level, int) or not 0 <= level <= 100:
                raise CommandError("bad-argument", "level")
            return ModbusWrite(6, "holding", 1, (level,))
        if name == "tell":
            return MqttPublish("cmd/tell", correlation.encode(), expect=Expect("state", "on", 2.0))
        if name == "shout":
            return MqttPublish("cmd/shout", correlation.encode())
        return ModbusWrite(5, "coil", 0, (0xFF00 if name == "on" else 0,))


class FakeActuator:
    """Carries out by `act` (done at once unless told otherwise); keeps the orders, and whether two ever overlapped."""

    def __init__(self, act: Callable[[Order], Awaitable[Outcome]] | None = None) -> None:
        self.orders: list[Order] = []
        self.why_down: str | None = None
        self.at_work: dict[str, int] = {}
        self.most_at_once = 0
        self._act = act

    def down(self, device: str) -> str | None:
        return self.why_down

    async def carry_out(self, order: Order) -> Outcome:
        self.orders.append(order)
        self.at_work[order.device] = self.at_work.get(order.device, 0) + 1
        self.most_at_once = max(self.most_at_once, *self.at_work.values())
        try:
            if self._act is not None:
                return await self._act(order)
            expected = getattr(order.outgoing, "expect", None)
            return Outcome(OutcomeStatus.DONE, "sent" if isinstance(expected, Expect) else "")
        finally:
            self.at_work[order.device] -= 1


class FakeStore:
    """Commits at once, or after `slow_s`, or when `gate` opens, or not at all: `faults` are raised one after the other."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.kept: dict[tuple[str, str], bytes] = {}
        self.batches: list[Batch] = []
        self.slow_s = 0.0
        self.gate: asyncio.Event | None = None
        self.faults: deque[str] = deque()
        self.broken: str | None = None
        self.tries = 0

    async def commit(self, batch: Batch) -> Committed:
        self.tries += 1
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        if self.gate is not None:
            await self.gate.wait()
        fault = self.faults.popleft() if self.faults else self.broken
        if fault:
            raise StoreError(fault, "as the test wants")
        self.batches.append(batch)
        self.events += batch.events
        for state in batch.states:
            if state.value is None:
                self.kept.pop((state.kind, state.key), None)
            else:
                self.kept[state.kind, state.key] = state.value
        return Committed(1, len(self.events), (0, 0, len(batch.events), 0))

    def states(self, kind: str) -> dict[str, bytes]:
        return {key: value for (of, key), value in self.kept.items() if of == kind}

    def told(self, kind: str = "") -> list[dict[str, Any]]:
        """The data of the events of ``edgegw.command.<kind>``, in order."""
        return [msgspec.json.decode(e.data) for e in self.events if e.type.endswith(f".{kind}" if kind else "")]


class FakeListening:
    """Passes on what `say` says."""

    def __init__(self, clock: LoopClock) -> None:
        self.heard: dict[str, list[Heard]] = {}
        self._clock = clock

    def listen(self, device: str, heard: Heard) -> Callable[[], None]:
        self.heard.setdefault(device, []).append(heard)
        return lambda: self.heard[device].remove(heard)

    def listen_alarms(self, changed: Callable[[Event], None]) -> Callable[[], None]:
        return lambda: None

    def say(self, device: str, *readings: Reading) -> None:
        for tell in tuple(self.heard.get(device, ())):
            tell(device, Decoded(readings), self._clock.now())


def issuer(
    source: Source = Source.API, scopes: Sequence[str] = ("command:*:*", "door:*:*"), name: str = "tester"
) -> Issuer:
    return Issuer(source, name, tuple(scopes))


def command(
    now: Instant,
    id_: str = "c-1",
    target: str = "pump",
    name: str = "on",
    args: Mapping[str, Value] | None = None,
    *,
    by: Issuer | None = None,
    within_s: float = 5.0,
    expires_s: float | None = None,
    lane: OrderLane = OrderLane.COMMAND,
    insist: bool = False,
) -> Command:
    """A command as of now; `expires_s` from now by the wall clock."""
    return Command(
        id_,
        target,
        name,
        args or {},
        by or issuer(),
        now.mono_ns + round(within_s * S),
        None if expires_s is None else now.wall_ns + round(expires_s * S),
        lane,
        insist,
    )
