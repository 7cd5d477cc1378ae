"""Non-preemptive fixed-priority response times on one half-duplex line (docs/response.md derives every formula).

Owns: what may go before an order or a poll, given how links.policy and links.schedule choose.
Must not know: baud rates and frames (codec.line made durations of them), commits, networks.

In the time of one response the device itself fails once (misses one request), and one other unit fails: misses one request, or
answers nothing from then on. Any number may be dead for longer: their breakers are open, and they cost only their share.
"""

from collections.abc import Callable, Iterable
from functools import cached_property
from heapq import nlargest

from edgegw.codec.line import MAX_ORDERS, STEP_S
from edgegw.commands.bound import (
    BlockLoad,
    LineLoad,
    OrderLoad,
    Part,
    Parts,
    Timed,
    TurnLoad,
    UnitLoad,
    orders_in,
    total,
)
from edgegw.commands.bound_order import Run, lot_of, run_of

HOPELESS_S = 120.0
"""A response beyond this is called unbounded: every target is seconds."""

EXACT_S = 1e-6
"""Sums are compared with this: the share of probes makes them come nearer for ever."""


class LineBound:
    """The bounds of one line."""

    def __init__(self, load: LineLoad) -> None:
        self.load = load
        self._units = {unit.device: unit for unit in load.units}
        self._doors = {turn.key: lot_of(order for _, orders in turn.doors for order in orders) for turn in load.turns}
        self._commands = {turn.key: lot_of(turn.commands) for turn in load.turns}

    # --- what may be in flight ----------------------------------------------------------------------------------------

    @cached_property
    def longest(self) -> Part:
        """B: the longest transaction there is."""
        seconds, what = max(((timed.unanswered_s, what) for timed, _, what in self._all), default=(0.0, "nothing"))
        return Part("in-flight", seconds, f"{what}, unanswered")

    @cached_property
    def _all(self) -> list[tuple[Timed, str, str]]:
        found = [(unit.probe, unit.device, f"the probe of {unit.device}") for unit in self.load.units]
        for unit in self.load.units:
            found += [(block.read, unit.device, f"{block.name} of {unit.device}") for block in unit.blocks]
        for turn in self.load.turns:
            for order in (*(order for _, orders in turn.doors for order in orders), *turn.commands):
                found.append((order.write, turn.device, f"{order.name} of {turn.device}"))
                if order.readback is not None:
                    found.append((order.readback, turn.device, f"the read-back of {turn.device}"))
        return found

    def _in_flight(self, own: TurnLoad, flights: int, window_s: float, failing_s: float) -> Part:
        """So many times something just begun: answered, but for dead units' probes, one request of the device itself, and what
        another one fails to answer (`failing_s` more)."""
        late_s = self.load.recover_s
        answered_s = self.longest.seconds - late_s
        own_s = max((timed.unanswered_s for timed, device, _ in self._all if device == own.device), default=0.0)
        extra_s = self._dead_probes(window_s) * late_s + max(0.0, own_s - answered_s) + failing_s
        seconds = flights * answered_s + min(extra_s, flights * late_s)
        return Part("in-flight", seconds, f"{flights} x {self.longest.detail}")

    def _dead_probes(self, window_s: float) -> int:
        """How many probes of units with an open breaker begin."""
        if len(self.load.units) < 2:
            return 0
        shortest_s = min(unit.probe.told_s for unit in self.load.units) - STEP_S + self.load.late_s
        return 1 + int(self.load.probe_share * window_s / max(shortest_s, STEP_S))

    # --- orders -------------------------------------------------------------------------------------------------------

    def door(self, turn: TurnLoad, door: str, order: OrderLoad) -> Parts | None:
        """From being admitted to its outcome: the device's other doors and the command under way go before."""
        ahead = [run_of(orders, door=True) for name, orders in turn.doors if name != door]
        if turn.commands:
            ahead.append(run_of(turn.commands, door=False))
        return self._response(turn, Run(order, door=True), lambda _window_s: ahead)

    def command(self, turn: TurnLoad, order: OrderLoad) -> Parts | None:
        """The same of a command: the device's doors go before it, and its other commands."""
        doors = [run_of(orders, door=True) for _, orders in turn.doors]
        others = [run_of(turn.commands, door=False)] * (turn.at_once - 1)
        return self._response(turn, Run(order, door=False), lambda window_s: [*doors * orders_in(window_s), *others])

    def _response(self, turn: TurnLoad, own: Run, ahead: Callable[[float], list[Run]]) -> Parts | None:
        probe = self._units[turn.device].probe

        def parts(window_s: float) -> Parts:
            before = ahead(window_s)
            runs = [*before, own]
            n = orders_in(window_s)
            queue_s = sum(self._before(turn, run, n) for run in runs)
            queue_s = min(queue_s, self._given(turn, n, sum(not run.door for run in runs), len(runs)))
            turn_s = sum(total(run.parts()) + STEP_S for run in before)
            flights = sum(run.flights for run in runs)
            idle, faults_s = (
                self._in_flight(turn, flights, window_s, 2 * self.load.recover_s if len(self.load.units) > 1 else 0.0),
                self._fault_of_orders(turn),
            )
            busy = self._in_flight(turn, flights, window_s, 0.0)
            if busy.seconds + faults_s > idle.seconds:  # the other unit that fails is one with orders
                in_flight = busy
            else:
                in_flight, faults_s = idle, 0.0
            found = (
                Part("turn", turn_s, f"{len(before)} other orders of {turn.device}"),
                in_flight,
                Part("queue", queue_s, "orders of other devices"),
                Part("faults", faults_s + self._own_fault(turn), "orders of a unit that fails"),
                Part("probe", probe.answered_s, f"a probe, as {turn.device} may fail once"),
                *own.parts(),
            )
            return tuple(part for part in found if part.seconds > 0)

        return _fixed_point(parts)

    def _before(self, own: TurnLoad, run: Run, n: int) -> float:
        """What orders of other devices put before an order's write and before its last read-back, `n` from each giver."""
        writes, readbacks, again, free_s = [], [], [], 0.0
        for turn in self.load.turns:
            if turn is own:
                continue
            doors, commands = self._doors[turn.key], self._commands[turn.key]
            door_n, command_n = self._givers(turn, n)
            quick_s = door_n * doors.write
            if run.door:  # older door orders; then those of its read-backs that were ready first, and new writes
                writes.append(doors.write)
                readbacks.append(doors.readback)
                again.append(max(doors.write, commands.write))
                quick_s += command_n * commands.write
                free_s += 0.0 if (doors.all_read and commands.all_read) or run.order.readback is None else quick_s
            else:  # the older order, whatever it is; then doors with all their read-backs
                writes.append(max(doors.write, commands.write))
                readbacks.append(commands.readback)
                again.append(commands.write)
                free_s += 0.0 if doors.all_read and commands.all_read else quick_s
                if run.order.readback is not None:
                    free_s += door_n * (doors.write + doors.readback) + self._more_reads(own, turn, n)
                    free_s += 0.0 if commands.all_read else command_n * commands.write
        if run.order.readback is None:
            return _most(writes) + free_s
        return _most(writes) + _most(readbacks) + _most(again) + free_s

    def _more_reads(self, own: TurnLoad, turn: TurnLoad, n: int) -> float:
        """Repeated read-backs of a device's doors before a command's. In the pause before each the command's goes, unless some
        other order fills it: so there is one more than such fillings, where no other device has doors."""
        doors = self._doors[turn.key]
        most_s = self._givers(turn, n)[0] * (doors.readbacks - doors.readback)
        others = [each for each in self.load.turns if each is not own]
        if any(each.doors for each in others if each is not turn):
            return most_s
        fillings = 2 * sum(self._givers(each, n)[1] for each in others)
        return min(most_s, (fillings + 1) * doors.readback)

    def _given(self, own: TurnLoad, n: int, commands_run: int, runs: int) -> float:
        """All that the other devices' orders can take before steps of `runs` orders, of which so many are no door's."""
        sum_s = 0.0
        for turn in self.load.turns:
            if turn is not own:
                doors, commands = self._doors[turn.key], self._commands[turn.key]
                door_n, command_n = self._givers(turn, n)
                # a read-back of theirs before each last one of ours; before a command's all of a door's
                reads_s = (runs - commands_run) * doors.readback
                if commands_run:
                    reads_s += door_n * doors.readback + commands_run * self._more_reads(own, turn, n)
                sum_s += door_n * doors.write + min(door_n * doors.readbacks, reads_s)
                sum_s += command_n * commands.write
                sum_s += min(command_n * commands.readbacks, commands_run * commands.readback)
        return sum_s

    def _givers(self, turn: TurnLoad, n: int) -> tuple[int, int]:
        return len(turn.doors) * n, (turn.at_once if turn.commands else 0) * n

    def _fault_of_orders(self, own: TurnLoad) -> float:
        """The most that another unit with orders adds by failing."""
        devices = {turn.device for turn in self.load.turns} - {own.device}
        return max((self._fault_s(device) for device in devices), default=0.0)

    def _fault_s(self, device: str) -> float:
        """What a failing unit's orders add: the late guard and a probe; and the late guard behind that, or a read-back again."""
        again_s = self._units[device].probe.answered_s + self.load.recover_s
        return again_s + max(self.load.recover_s, self._readback_s(device))

    def _own_fault(self, own: TurnLoad) -> float:
        """The device's own failure may hit an order of another turn."""
        if all(turn is own or turn.device != own.device for turn in self.load.turns):
            return 0.0
        return self.load.recover_s + self._readback_s(own.device)

    def _readback_s(self, device: str) -> float:
        keys = [turn.key for turn in self.load.turns if turn.device == device]
        return max(max(self._doors[key].readback, self._commands[key].readback) for key in keys)

    # --- polls --------------------------------------------------------------------------------------------------------

    def poll(self, unit: UnitLoad, block: BlockLoad) -> Parts | None:
        """From a change just behind the last sample to the answer that shows it. Of an alarm block; None if there is no bound."""
        others = [b for u in self.load.units for b in u.blocks if b.alarm and not (u is unit and b is block)]
        polls_s, faults_s = sum(b.read.answered_s for b in others), self._poll_faults(unit)
        period_s = max(block.period_s, block.read.answered_s)

        def parts(window_s: float) -> Parts:
            waited_s = max(0.0, window_s - period_s)
            dead_s = self._dead(waited_s)
            found = (
                Part("poll", period_s, f"{block.name} is read every {block.period_s:g} s"),
                Part("in-flight", self.longest.seconds - self.load.recover_s, "the longest request, answered"),
                Part("alarm-polls", polls_s, f"{len(others)} other alarm blocks"),
                Part("probes", faults_s + dead_s, "units that fail now, and dead ones"),
                Part("orders", self._orders(waited_s, len(others)), "orders of doors and commands"),
                Part("read", block.read.told_s, block.name),
            )
            return tuple(part for part in found if part.seconds > 0)

        return _fixed_point(parts)

    def _poll_faults(self, own: UnitLoad) -> float:
        """Another unit that fails: the late guard behind a block, and the probe; of orders perhaps more."""
        devices = {turn.device for turn in self.load.turns}
        polls = [self.load.recover_s + unit.probe.unanswered_s for unit in self.load.units if unit is not own]
        return max([*polls, *(self._fault_s(device) for device in devices - {own.device})], default=0.0)

    def _dead(self, window_s: float) -> float:
        """Probes of units with an open breaker: one, and their share of the time behind its begin."""
        if len(self.load.units) < 2:
            return 0.0
        return max(unit.probe.unanswered_s for unit in self.load.units) + self.load.probe_share * window_s

    def _orders(self, window_s: float, polls: int) -> float:
        n = orders_in(window_s)
        once_s = more_s = longest_s = 0.0
        for turn in self.load.turns:
            doors, commands = self._doors[turn.key], self._commands[turn.key]
            door_n, command_n = self._givers(turn, n)
            once_s += door_n * (doors.write + doors.readback) + command_n * (commands.write + commands.readback)
            more_s += door_n * (doors.readbacks - doors.readback) + command_n * (commands.readbacks - commands.readback)
            longest_s = max(doors.readback, commands.readback)
        if (
            len(self.load.turns) == 1
        ):  # no other device's order fills a pause between two read-backs: a poll begins in each
            probes = self._dead_probes(window_s) + 2
            more_s = min(more_s, (polls + 1 + probes) * longest_s)
        return once_s + more_s


def _fixed_point(parts: Callable[[float], Parts]) -> Parts | None:
    """The parts whose sum is the time in which they happen; None if there are none below `HOPELESS_S`."""
    window_s = 0.0
    while window_s < HOPELESS_S:
        found = parts(window_s)
        if total(found) <= window_s + EXACT_S:
            return found
        window_s = total(found)
    return None


def _most(seconds: Iterable[float]) -> float:
    return sum(nlargest(MAX_ORDERS, seconds))
