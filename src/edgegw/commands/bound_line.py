"""Non-preemptive fixed-priority response times on one half-duplex line (docs/response.md derives every formula).

Owns: what may go before an order or a poll, given how links.policy and links.schedule choose.
Must not know: baud rates and frames (codec.line made durations of them), commits, networks.

The symbols are docs/response.md's: B in flight, P probe, W write, R read-back, X confirmation time, F faults.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from functools import cached_property
from heapq import nlargest

from msgspec import Struct

from edgegw.codec.line import MAX_ORDERS, STEP_S, readback_pause_s
from edgegw.commands.bound import (
    FAULTS,
    BlockLoad,
    LineLoad,
    OrderLoad,
    Part,
    Parts,
    TurnLoad,
    UnitLoad,
    orders_in,
    total,
)

HOPELESS_S = 120.0
"""A wait beyond this is called unbounded: every target is seconds."""


class _Lot(Struct, frozen=True):
    """What one turn's orders may put before somebody: durations of single transactions at their worst, answered."""

    write: float = 0.0
    readback: float = 0.0
    readbacks: float = 0.0
    all_read: bool = True


class _Cost(Struct, frozen=True):
    """Line time before a step. `first`, `second`: of orders that wait, at most `MAX_ORDERS` of each; `free`: of any number;
    `fault`: more if the unit is one of those that fail."""

    first: float = 0.0
    second: float = 0.0
    free: float = 0.0
    fault: float = 0.0


class LineBound:
    """The bounds of one line."""

    def __init__(self, load: LineLoad) -> None:
        self.load = load
        self._units = {unit.device: unit for unit in load.units}
        self._door_lots = {
            turn.device: _lot(order for _, orders in turn.doors for order in orders) for turn in load.turns
        }
        self._command_lots = {turn.device: _lot(turn.commands) for turn in load.turns}
        self._order_s: dict[tuple[str, OrderLoad, bool], Parts | None] = {}

    # --- what may be in flight ----------------------------------------------------------------------------------------

    @cached_property
    def longest(self) -> Part:
        """B: the longest transaction that may have just begun."""
        found = [(unit.probe.unanswered_s, f"a probe of {unit.device}") for unit in self.load.units]
        found += [
            (block.read.unanswered_s, f"{block.name} of {unit.device}")
            for unit in self.load.units
            for block in unit.blocks
        ]
        for turn in self.load.turns:
            for order in _orders(turn):
                found.append((order.write.unanswered_s, f"{order.name} of {turn.device}"))
                if order.readback is not None:
                    found.append((order.readback.unanswered_s, f"a read-back of {turn.device}"))
        seconds, what = max(found, default=(0.0, "nothing"))
        return Part("in-flight", seconds, f"{what}, unanswered")

    # --- orders -------------------------------------------------------------------------------------------------------

    def order(self, turn: TurnLoad, order: OrderLoad, *, door: bool) -> Parts | None:
        """From being given to the line to its outcome; None if there is no bound."""
        key = (turn.device, order, door)
        if key not in self._order_s:
            self._order_s[key] = self._order(turn, order, door=door)
        return self._order_s[key]

    def _order(self, turn: TurnLoad, order: OrderLoad, *, door: bool) -> Parts | None:
        probe, readback = self._units[turn.device].probe, order.readback
        own_s = self.longest.seconds + probe.answered_s + order.write.told_s
        before = _fixed_point(own_s, lambda w: self._before_write(turn, w, door=door))
        if before is None:
            return None
        parts = [
            self.longest,
            Part("queue", before, "other devices' orders before the write"),
            Part("probe", probe.answered_s, f"a probe, if {turn.device} is in doubt"),
            Part("write", order.write.told_s, order.name),
        ]
        if readback is not None:
            confirm_s = max(order.settle_s, order.within_s)
            flight = (
                self.longest
                if confirm_s > 0
                else Part("write", order.write.answered_s - order.write.told_s, order.name)
            )
            own_s = flight.seconds + readback.told_s
            before = _fixed_point(own_s, lambda w: self._before_readback(turn, w, door=door))
            if before is None:
                return None
            parts += [
                Part("confirm", confirm_s, f"confirmed within {confirm_s:g} s"),
                flight,
                Part("queue", before, "other devices' orders before the last read-back"),
                Part("readback", readback.told_s, f"the last read-back of {turn.device}"),
            ]
        return tuple(part for part in parts if part.seconds > 0)

    def _before_write(self, own: TurnLoad, window_s: float, *, door: bool) -> float:
        def cost(turn: TurnLoad) -> _Cost:
            doors, commands = self._door_lots[turn.device], self._command_lots[turn.device]
            again = self._again_s(turn)
            if door:  # older door orders
                return _Cost(first=doors.write, fault=again if turn.doors else 0.0)
            write = max(doors.write, commands.write)  # the older order, whatever it is
            more = len(turn.doors) * orders_in(window_s)
            free = 0.0 if doors.all_read and commands.all_read else more * doors.write
            return _Cost(first=write, free=free, fault=again + more * (doors.write + again) - free)

        return self._sum(own, cost)

    def _before_readback(self, own: TurnLoad, window_s: float, *, door: bool) -> float:
        def cost(turn: TurnLoad) -> _Cost:
            doors, commands = self._door_lots[turn.device], self._command_lots[turn.device]
            again, n = self._again_s(turn), orders_in(window_s)
            door_n = len(turn.doors) * n
            command_n = (turn.at_once if turn.commands else 0) * n
            write = max(doors.write, commands.write)
            if door:
                many = door_n * doors.write + command_n * commands.write
                free = 0.0 if doors.all_read and commands.all_read else many
                fault = again + many + (door_n + command_n) * again - free
                return _Cost(first=doors.readback, second=write, free=free, fault=fault)
            chain = door_n * (doors.write + doors.readbacks)
            many = command_n * commands.write
            free = chain + (0.0 if commands.all_read else many)
            fault = many * commands.all_read + (2 * door_n + command_n + 1) * again + door_n * doors.readback
            return _Cost(first=commands.readback, second=commands.write, free=free, fault=fault)

        return self._sum(own, cost)

    def _again_s(self, turn: TurnLoad) -> float:
        """What a fault adds to a step of an order: a probe before it, and the late guard behind it."""
        return self._units[turn.device].probe.answered_s + self.load.recover_s

    def _sum(self, own: TurnLoad, cost: Callable[[TurnLoad], _Cost]) -> float:
        costs = [(turn.device, cost(turn)) for turn in self.load.turns if turn is not own]
        faults: defaultdict[str, float] = defaultdict(float)
        for device, each in costs:
            if device != own.device:
                faults[device] += each.fault
        return (
            sum(nlargest(MAX_ORDERS, (each.first for _, each in costs)))
            + sum(nlargest(MAX_ORDERS, (each.second for _, each in costs)))
            + sum(each.free for _, each in costs)
            + sum(nlargest(FAULTS, faults.values()))
        )

    # --- the device's turn --------------------------------------------------------------------------------------------

    def door(self, turn: TurnLoad, door: str, order: OrderLoad) -> Parts | None:
        """From being admitted to its outcome: the device's other doors and the command under way go before."""
        ahead = [self._worst(turn, orders, door=True) for name, orders in turn.doors if name != door]
        if turn.commands:
            ahead.append(self._worst(turn, turn.commands, door=False))
        own = self.order(turn, order, door=True)
        if own is None or None in ahead:
            return None
        return (*_turn(turn, sum(seconds for seconds in ahead if seconds is not None)), *own)

    def command(self, turn: TurnLoad, order: OrderLoad) -> Parts | None:
        """The same of a command: the device's doors, and its other commands."""
        own = self.order(turn, order, door=False)
        others = self._worst(turn, turn.commands, door=False)
        doors = [self._worst(turn, orders, door=True) for _, orders in turn.doors]
        if own is None or others is None or None in doors:
            return None
        fixed_s = total(own) + (turn.at_once - 1) * others
        doors_s = sum(seconds for seconds in doors if seconds is not None)
        waited = _fixed_point(fixed_s, lambda w: doors_s * orders_in(w))
        return None if waited is None else (*_turn(turn, fixed_s - total(own) + waited), *own)

    def _worst(self, turn: TurnLoad, orders: Iterable[OrderLoad], *, door: bool) -> float | None:
        found = [self.order(turn, order, door=door) for order in orders]
        return None if None in found else max((total(parts) for parts in found if parts is not None), default=0.0)

    # --- polls --------------------------------------------------------------------------------------------------------

    def poll(self, unit: UnitLoad, block: BlockLoad) -> Parts | None:
        """From a change just behind the last sample to the answer that shows it. Of an alarm block; None if there is no bound."""
        others = [(u, b) for u in self.load.units for b in u.blocks if b.alarm and not (u is unit and b is block)]
        polls_s = sum(b.read.answered_s for _, b in others)
        faults_s = self._poll_faults(unit)
        probe_s = max((u.probe.unanswered_s for u in self.load.units), default=0.0)
        own_s = self.longest.seconds + polls_s + faults_s
        waited = _fixed_point(own_s, lambda w: self._dead(w, probe_s) + self._orders(w, len(others)))
        if waited is None:
            return None
        probes_s = self._dead(own_s + waited, probe_s)
        period_s = max(block.period_s, block.read.answered_s)
        parts = (
            Part("poll", period_s, f"{block.name} is read every {block.period_s:g} s"),
            self.longest,
            Part("alarm-polls", polls_s, f"{len(others)} other alarm blocks"),
            Part("probes", faults_s + probes_s, "units that fail now, and dead ones"),
            Part("orders", waited - probes_s, "orders of doors and commands"),
            Part("read", block.read.told_s, block.name),
        )
        return tuple(part for part in parts if part.seconds > 0)

    def _poll_faults(self, own: UnitLoad) -> float:
        """The worst `FAULTS` units: each alarm block unanswered, and a probe before and behind each."""
        costs = []
        for unit in self.load.units:
            if unit is not own:
                alarms = sum(block.alarm for block in unit.blocks)
                costs.append(alarms * self.load.recover_s + (alarms + 1) * unit.probe.unanswered_s)
        return sum(nlargest(FAULTS, costs))

    def _dead(self, window_s: float, probe_s: float) -> float:
        """Probes of units with an open breaker."""
        return probe_s + self.load.probe_share * window_s

    def _orders(self, window_s: float, polls: int) -> float:
        n = orders_in(window_s)
        once_s = more_s = 0.0
        faults: defaultdict[str, float] = defaultdict(float)
        for turn in self.load.turns:
            doors, commands = self._door_lots[turn.device], self._command_lots[turn.device]
            door_n = len(turn.doors) * n
            command_n = (turn.at_once if turn.commands else 0) * n
            once_s += door_n * (doors.write + doors.readback) + command_n * (commands.write + commands.readback)
            more_s += door_n * (doors.readbacks - doors.readback) + command_n * (commands.readbacks - commands.readback)
            readback = max(doors.readback, commands.readback)
            faults[turn.device] += (door_n + command_n) * (2 * self._again_s(turn) + readback)
        if len(self.load.turns) == 1:  # a poll begins in every pause between two read-backs
            turn = self.load.turns[0]
            readback = max(self._door_lots[turn.device].readback, self._command_lots[turn.device].readback)
            more_s = min(more_s, (polls + 1 + self._probes_in(window_s)) * readback)
        return once_s + more_s + sum(nlargest(FAULTS, faults.values()))

    def _probes_in(self, window_s: float) -> int:
        shortest = min((unit.probe.told_s for unit in self.load.units), default=1.0) - STEP_S
        alarms = max((sum(block.alarm for block in unit.blocks) for unit in self.load.units), default=0)
        return 1 + int(self.load.probe_share * window_s / max(shortest, STEP_S)) + FAULTS * (alarms + 1)


def _fixed_point(own_s: float, before: Callable[[float], float]) -> float | None:
    """The least w with w = before(own_s + w); None if there is none below `HOPELESS_S`."""
    waited = 0.0
    while waited < HOPELESS_S:
        again = before(own_s + waited)
        if again <= waited + 1e-9:
            return again
        waited = again
    return None


def _turn(turn: TurnLoad, seconds: float) -> Parts:
    return (Part("turn", seconds, f"other orders of {turn.device}"),) if seconds > 0 else ()


def _orders(turn: TurnLoad) -> list[OrderLoad]:
    return [*(order for _, orders in turn.doors for order in orders), *turn.commands]


def _lot(orders: Iterable[OrderLoad]) -> _Lot:
    found = list(orders)
    reads = [order.readback.answered_s for order in found if order.readback is not None]
    return _Lot(
        write=max((order.write.answered_s for order in found), default=0.0),
        readback=max(reads, default=0.0),
        readbacks=max(map(readbacks_s, found), default=0.0),
        all_read=len(reads) == len(found),
    )


def readbacks_s(order: OrderLoad) -> float:
    """The most line time an order's read-backs take together: n of them, and no more than its time less the n - 1 pauses."""
    if order.readback is None:
        return 0.0
    one_s, room_s = order.readback.answered_s, max(0.0, order.within_s - order.settle_s)
    best, paused_s, n = one_s, 0.0, 1
    while paused_s < room_s:
        paused_s = min(room_s, paused_s + readback_pause_s(n))
        n += 1
        best = max(best, min(n * one_s, room_s - paused_s + one_s))
    return best
