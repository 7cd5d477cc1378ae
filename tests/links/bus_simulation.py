"""A bus in virtual time: the real policy and schedule, a device desk of one order per device, and an adversary who chooses.

The adversary chooses within the model of docs/response.md: how long an answer takes (up to the timeout), which units fail (two
others, and the unit itself once), which orders are never confirmed, and when each door and each issuer gives an order (not
sooner than `AGAIN_S` after its last outcome). It looks at what the line does, so that it strikes where it hurts.
"""

import heapq
import random

from msgspec import Struct
from msgspec.structs import replace

from edgegw.app.bound_load import line_load, order_load, steady
from edgegw.codec.line import STEP_S, Line
from edgegw.codec.wire import Wire
from edgegw.commands.bound import AGAIN_S, COMMANDS_AT_ONCE, LineLoad, TurnLoad, total
from edgegw.commands.bound_line import LineBound
from edgegw.links.policy import Policy
from edgegw.links.request import BusLane, Poll, Request, UnitPlan
from edgegw.links.schedule import Schedule
from edgegw.model import OrderLane, Outcome
from edgegw.ports import Order
from edgegw.profiles.encode import ModbusWrite

NS = 1_000_000_000
FOREVER_NS = 10_000 * NS
DEAD_MOST = 2
"""Dead units of a typical bus."""

WARM_NS = 12 * NS
"""Until then dead units are found out; what is seen before does not count (the model's faults are two in a response)."""


class Board(Struct, frozen=True):
    """A device that takes orders: of doors, and of others. `apart`: each door has a turn of its own, and the others one."""

    device: str
    doors: tuple[ModbusWrite, ...] = ()
    commands: tuple[ModbusWrite, ...] = ()
    apart: bool = False


class Bus(Struct, frozen=True):
    """A line and all that is on it."""

    line: Line
    units: tuple[UnitPlan, ...]
    boards: tuple[Board, ...]

    @property
    def steady(self) -> Line:
        return steady(self.line, len(self.units))

    def turns(self) -> tuple[TurnLoad, ...]:
        plans = {unit.device: unit for unit in self.units}
        found = []
        for board in self.boards:
            plan = plans[board.device]
            doors = tuple(
                (f"{board.device}/door{n}", (order_load(self.steady, plan, "unlock", write),))
                for n, write in enumerate(board.doors)
            )
            commands = tuple(order_load(self.steady, plan, "set", write) for write in board.commands)
            if board.apart:
                found += [TurnLoad(board.device, (door,), point=door[0]) for door in doors]
                found += [TurnLoad(board.device, (), commands)] if commands else []
            else:
                found.append(TurnLoad(board.device, doors, commands))
        return tuple(found)

    def load(self) -> LineLoad:
        return line_load("bus", self.steady, self.units, self.turns())

    def bounds(self) -> dict[str, float]:
        """Row → bound, infinite if there is none."""
        line = LineBound(self.load())
        found = {}
        for turn in line.load.turns:
            for door, orders in turn.doors:
                found[f"door {door}"] = line.door(turn, door, orders[0])
            if turn.commands:
                found[f"command {turn.device}"] = max(
                    (line.command(turn, order) for order in turn.commands),
                    key=lambda parts: float("inf") if parts is None else total(parts),
                )
        for unit in line.load.units:
            for block in unit.blocks:
                if block.alarm:
                    found[f"event {unit.device} {block.name}"] = line.poll(unit, block)
        return {row: float("inf") if parts is None else total(parts) for row, parts in found.items()}


class Mood(Struct, frozen=True):
    """An adversary.

    Attributes:
        seed: of all its choices.
        dead: units that never answer.
        faulty: a unit that fails in the time of a response: `dies` for a while, or misses one request. star: one that misses one
            request. Where there are both, only the star's responses count.
        fails, strike, hurt: how often they do when they may: at any time; when all givers of orders are ready; when what they
            don't answer would be in flight at the last moment of an order's confirmation.
        slow: how often an answer takes all its time; else any part of it.
        stubborn: how often an order's read-backs never show what they should.
        ambush: how often all who may give an order do so just when a transaction has begun, `patience` of B or longer.
        reserve: devices whose orders are kept for such last moments of others, `late`: and how often they come then. Also how
            often the desk is slow to hand on a turn.
        idle, keep: otherwise orders are given at any time, so many seconds apart; or never.
        steer: how often an answer is timed so that the next transaction begins just before such a last moment.
        aim: how often an order is given so that its last moment falls behind the begin of a dead unit's probe.
    """

    seed: int
    dead: frozenset[str] = frozenset()
    faulty: str = ""
    star: str = ""
    fails: float = 0.0
    strike: float = 0.5
    hurt: float = 1.0
    dies: float = 0.5
    slow: float = 1.0
    stubborn: float = 1.0
    ambush: float = 1.0
    patience: float = 0.8
    reserve: frozenset[str] = frozenset()
    late: float = 0.5
    idle: float = 3.0
    keep: float = 0.0
    steer: float = 1.0
    aim: float = 0.0

    @property
    def sane(self) -> bool:
        """Whether its units are each one thing."""
        return not self.dead & {self.faulty, self.star} and (not self.star or self.star != self.faulty)


class Source:
    """Who gives orders: a door, or one of those who command a device."""

    def __init__(self, row: str, board: Board, lane: OrderLane, write: ModbusWrite) -> None:
        self.row = row
        self.device = board.device
        self.turn = row if board.apart else board.device
        self.lane = lane
        self.write = write
        self.free_ns = 0
        self.waits = False
        self.begun_ns = 0
        self.stubborn = False


class Simulation:
    """One run. `seen`: row → the worst response."""

    def __init__(self, bus: Bus, mood: Mood) -> None:
        self.bus, self.mood = bus, mood
        self.rng = random.Random(mood.seed)
        self.now_ns = 0
        self.policy = Policy(Schedule(bus.units, 0, self.rng.random), bus.line)
        self.policy.opened(0)
        self.sources = [
            Source(f"door {b.device}/door{n}", b, OrderLane.DOOR, write)
            for b in bus.boards
            for n, write in enumerate(b.doors)
        ] + [
            Source(f"command {b.device}", b, OrderLane.COMMAND, b.commands[n % len(b.commands)])
            for b in bus.boards
            for n in range(COMMANDS_AT_ONCE if b.commands else 0)
        ]
        self.lines: dict[str, list[tuple[int, int, Source]]] = {}
        self.orders: dict[str, Source] = {}
        self.tickets: dict[int, Source] = {}
        self.fires: list[tuple[int, int, Source]] = []
        self.handed: list[tuple[int, int, Source]] = []
        self.count = 0
        self.seen: dict[str, float] = {}
        self.sampled: dict[tuple[str, str], tuple[int, int]] = {}
        longest_s = max((s for s in bus.bounds().values() if s != float("inf")), default=5.0)
        self.recent_ns = round(longest_s * NS)
        self.dead_until_ns = 0
        self.in_row = 0
        self.failing_from_ns: dict[str, int] = {}
        self.failures: dict[str, list[int]] = {}
        self.until: dict[str, int] = {}
        self.aimed: set[int] = set()
        self.longest_ns = round(LineBound(bus.load()).longest.seconds * NS)
        for source in self.sources:
            self._plan(source, WARM_NS)

    def run(self, seconds: float) -> dict[str, float]:
        end_ns = round(seconds * NS)
        while self.now_ns < end_ns:
            self._fire(self.now_ns)
            due = self.policy.next(self.now_ns)
            if isinstance(due, Request):
                self._carry_out(due)
                continue
            times = [end_ns, *([] if due is None else [due])]
            times += [heap[0][0] for heap in (self.fires, self.handed) if heap]
            self.now_ns = max(self.now_ns + 1, min(times))
        return self.seen

    # --- the line -----------------------------------------------------------------------------------------------------

    def _carry_out(self, request: Request) -> None:
        line, began_ns = self.bus.line, self.now_ns
        most_ns = int(line.told_s(request.function, request.count, request.timeout_s) * NS)
        hold_ns = int(line.hold_s(request.turnaround_s) * NS)
        aims = [until_ns for until_ns in self.until.values() if until_ns >= began_ns]
        fails = self._fails(request, any(began_ns < aim <= began_ns + most_ns for aim in aims))
        told_ns = began_ns + most_ns
        if not fails:
            least_ns = told_ns - int(request.timeout_s * NS)
            hits = [aim - 1 - hold_ns for aim in aims if least_ns <= aim - 1 - hold_ns <= told_ns]
            if hits and self.rng.random() < self.mood.steer:
                told_ns = max(hits)  # the next one begins just before the last read-back may
            elif self.rng.random() >= self.mood.slow:
                told_ns = self.rng.randint(least_ns, told_ns)
        self.in_row = self.in_row + 1 if fails else 0
        free_ns = told_ns + hold_ns
        if fails:
            free_ns += int(line.late_s * NS)
            if line.reopen_after is not None and self.in_row >= line.reopen_after:
                free_ns += int(line.connect_s * NS)
        if not fails and request.probe and not request.distinct:
            free_ns += int(line.late_s * NS)
        self._ambush(request, began_ns, free_ns)
        self._fire(told_ns)
        self.now_ns = told_ns
        if fails:
            self.failures.setdefault(request.device, []).append(told_ns)
            self.policy.failed(request, told_ns)
        else:
            self._sample(request, began_ns, told_ns)
            source = self.tickets.get(request.ticket)
            if request.write and source is not None:
                write = source.write
                self.until[source.turn] = told_ns + round(max(write.settle_s, write.within_s) * NS)
            self.policy.answered(request, told_ns, self._words(request))
        self._fire(free_ns)
        self.now_ns = free_ns

    def _fails(self, request: Request, hurts: bool) -> bool:
        device, mood = request.device, self.mood
        if device in self.mood.dead:
            return True
        if device == mood.faulty and self.now_ns < self.dead_until_ns:
            return True
        if device not in {mood.faulty, mood.star} or self.now_ns < max(WARM_NS, self.failing_from_ns.get(device, 0)):
            return False
        if device == mood.star and request.write:
            return False
        if not self._strikes(hurts):
            return False
        dies = device == mood.faulty and self.rng.random() < mood.dies
        self.dead_until_ns = self.now_ns + self.recent_ns if dies else 0
        self.failing_from_ns[device] = self.now_ns + (2 if dies else 1) * self.recent_ns
        return True

    def _strikes(self, hurts: bool) -> bool:
        mood = self.mood
        if hurts:
            return self.rng.random() < mood.hurt
        rested = not self.orders and all(s.free_ns <= self.now_ns for s in self.sources)
        return self.rng.random() < (mood.strike if rested else mood.fails)

    def _words(self, request: Request) -> tuple[int, ...]:
        source = self.tickets.get(request.ticket)
        if request.write or request.probe or source is None:
            return (0,) * request.count
        return (7,) * request.count if source.stubborn else source.write.expect

    def _sample(self, request: Request, began_ns: int, told_ns: int) -> None:
        if request.lane is not BusLane.ALARM_POLL:
            return
        key = (request.device, f"{request.table} {request.address}+{request.count}")
        before_ns, n = self.sampled.get(key, (0, 0))
        self.sampled[key] = (began_ns, n + 1)
        clean = self._counts(request.device) and max(self.failures.get(request.device, (0,))) < before_ns
        if n > 1 and before_ns > WARM_NS and clean:
            self._note(f"event {key[0]} {key[1]}", told_ns - before_ns)

    # --- those who give orders ----------------------------------------------------------------------------------------

    def _plan(self, source: Source, from_ns: int) -> None:
        source.free_ns = from_ns
        if self.rng.random() >= self.mood.keep:
            self._at(from_ns + round(self.rng.expovariate(1 / self.mood.idle) * NS), source)

    def _at(self, at_ns: int, source: Source) -> None:
        self.count += 1
        heapq.heappush(self.fires, (at_ns, self.count, source))

    def _ambush(self, request: Request, began_ns: int, free_ns: int) -> None:
        """What begins now is in flight for those who come now."""
        self._aim(began_ns)
        mood = self.mood
        ready = [s for s in self.sources if not s.waits and s.free_ns <= began_ns]
        self.rng.shuffle(ready)
        if not self.orders:
            if free_ns - began_ns >= mood.patience * self.longest_ns and self.rng.random() < mood.ambush:
                for source in ready:
                    if source.device not in mood.reserve:
                        self._at(began_ns + 1, source)
        elif any(began_ns <= until_ns <= free_ns for until_ns in self.until.values()):
            for source in ready:
                if source.device in mood.reserve and self.rng.random() < mood.late:
                    self._at(began_ns + 1, source)

    def _aim(self, began_ns: int) -> None:
        """Have an order's last read-back fall behind the begin of the next probe of a dead unit."""
        schedule = self.policy.schedule
        probe_ns = max((schedule._probes or [(0,)])[0][0], schedule._probes_from_ns)
        if probe_ns in self.aimed or probe_ns < began_ns or self.rng.random() >= self.mood.aim:
            return
        self.aimed.add(probe_ns)
        ready = [s for s in self.sources if not s.waits]
        if ready:
            source = self.rng.choice(ready)
            write = source.write
            before_ns = round(max(write.settle_s, write.within_s) * NS) + round(
                self.rng.uniform(0.0, 2.0) * self.longest_ns
            )
            if source.free_ns <= probe_ns - before_ns >= began_ns:
                self._at(probe_ns - before_ns, source)

    def _fire(self, until_ns: int) -> None:
        while True:
            heaps = [heap for heap in (self.handed, self.fires) if heap and heap[0][0] <= until_ns]
            if not heaps:
                return
            heap = min(heaps, key=lambda heap: heap[0][:2])
            at_ns, _, source = heapq.heappop(heap)
            if heap is self.handed:  # its turn has come
                self._submit(source, at_ns)
            elif not source.waits and source.free_ns <= at_ns:
                self._enter(source, at_ns)

    def _enter(self, source: Source, at_ns: int) -> None:
        source.waits, source.begun_ns = True, at_ns
        source.stubborn = self.rng.random() < self.mood.stubborn
        if source.turn in self.lines:
            self.count += 1
            heapq.heappush(self.lines[source.turn], (int(source.lane), self.count, source))
        else:
            self.lines[source.turn] = []
            self._submit(source, at_ns)

    def _submit(self, source: Source, at_ns: int) -> None:
        self.now_ns = max(self.now_ns, at_ns)
        over: list[Outcome] = []

        def done(outcome: Outcome) -> None:
            over.append(outcome)
            self._over(source)

        self.orders[source.turn] = source
        order = Order("x", source.device, source.write, source.lane, FOREVER_NS)
        ticket = self.policy.submit(order, at_ns, done)
        if not over:
            self.tickets[ticket] = source

    def _over(self, source: Source) -> None:
        at_ns = self.now_ns
        source.waits = False
        del self.orders[source.turn]
        self.until.pop(source.turn, None)
        if self._counts(source.device):
            self._note(source.row, at_ns - source.begun_ns)
        self._plan(source, at_ns + round(AGAIN_S * NS))
        line = self.lines[source.turn]
        if line:
            late_ns = round(STEP_S * NS) if self.rng.random() < self.mood.late else 0
            self.count += 1
            heapq.heappush(self.handed, (at_ns + late_ns, self.count, heapq.heappop(line)[2]))
        else:
            del self.lines[source.turn]

    def _counts(self, device: str) -> bool:
        """Whether the model says something of this unit: one other fails, and it itself once."""
        mood = self.mood
        return device != mood.faulty and device not in mood.dead and (not mood.faulty or mood.star in {"", device})

    def _note(self, row: str, took_ns: int) -> None:
        self.seen[row] = max(self.seen.get(row, 0.0), took_ns / NS)


def door_write(address: int, *, within_s: float = 0.3, settle_s: float = 0.0) -> ModbusWrite:
    """A relay's pulse, confirmed by its coil."""
    return ModbusWrite(5, "coil", address, (0xFF00,), ("coil", address, 1), (1,), settle_s=settle_s, within_s=within_s)


def random_bus(rng: random.Random) -> Bus:
    """Any bus: what the schema allows, within reason."""
    wire = Wire(
        rng.choice((2400, 4800, 9600, 19200, 38400, 115200)), rng.choice(("8N1", "8E1")), rng.choice((0.0, 0.01))
    )
    tcp = rng.random() < 0.2
    line = Line(
        wire, rtu=not tcp, gap_s=wire.gap_s, late_s=rng.choice((0.0, 0.05, 0.2)), reopen_after=3 if tcp else None
    )
    units = tuple(_unit(rng, n, alarms=rng.random() < 0.4) for n in range(rng.randint(1, 30)))
    boards = tuple(
        Board(
            unit.device,
            tuple(_any_write(rng, n) for n in range(rng.choice((0, 0, 1, 2, 4)))),
            tuple(_any_write(rng, n) for n in range(rng.choice((0, 1)))),
            apart=rng.random() < 0.3,
        )
        for unit in rng.sample(units, rng.randint(0, min(len(units), 5)))
    )
    return Bus(line, units, boards)


def typical_bus(rng: random.Random) -> Bus:
    """9600 or 19200 baud, 5 to 30 units, up to two dead, one board with one to four doors."""
    wire = Wire(rng.choice((9600, 19200)))
    line = Line(wire, rtu=True, gap_s=wire.gap_s, late_s=0.2)
    count = rng.randint(5, 30)
    timeout_s = rng.choice((0.1, 0.2, 0.3))
    units = tuple(
        UnitPlan(
            f"u{n}",
            n + 1,
            (Poll("holding", 0, rng.choice((2, 4, 10)), rng.choice((1.0, 2.0, 5.0)), alarm=n % 4 == 1),),
            timeout_s,
        )
        for n in range(1, count)
    )
    coils = tuple(Poll("coil", n, 1, 0.0) for n in range(8))
    relay = UnitPlan("u0", 1, (Poll("coil", 0, 8, 2.0),), 0.1, readbacks=coils)
    valve = UnitPlan("valve", 100, (Poll("holding", 0, 4, 2.0),), 0.1, readbacks=coils)
    doors = tuple(door_write(n) for n in range(rng.randint(1, 4)))
    boards = (Board("u0", doors), Board("valve", (), (door_write(7),)))
    if rng.random() < 0.5:
        return Bus(line, (relay, *units), boards[:1])
    return Bus(line, (relay, *units, valve), boards)


def mood(bus: Bus, seed: int, dead_most: int) -> Mood:
    """Some adversary for a bus."""
    rng = random.Random(f"mood {seed}")
    boards = [board.device for board in bus.boards]
    others = [unit.device for unit in bus.units if unit.device not in boards] or boards
    dead = frozenset(rng.sample(others, min(len(others) - 1, rng.randint(0, dead_most))))
    star = rng.choice([*boards, *boards, *(d for d in others if d not in dead), ""])
    living = [unit.device for unit in bus.units if unit.device not in dead | {star}]
    faulty = [*living, ""] if rng.random() < 0.5 else [*(board for board in boards if board != star), ""]
    return Mood(
        seed,
        dead,
        rng.choice(faulty),
        star,
        fails=rng.choice((0.0, 0.0, 0.0, 0.3)),
        strike=rng.choice((0.0, 0.3, 1.0)),
        dies=rng.choice((0.0, 1.0)),
        reserve=frozenset(rng.sample(boards, rng.randint(0, len(boards)) if rng.random() < 0.7 else 0)),
        slow=rng.choice((0.0, 0.8, 1.0, 1.0)),
        stubborn=rng.choice((0.2, 1.0, 1.0)),
        ambush=rng.choice((0.0, 0.3, 1.0)),
        patience=rng.choice((0.3, 0.7, 0.95)),
        late=rng.choice((0.0, 0.5, 1.0)),
        idle=rng.choice((0.5, 3.0, 10.0)),
        keep=rng.choice((0.0, 1.0, 1.0)),
        hurt=rng.choice((0.3, 1.0, 1.0)),
        steer=rng.choice((0.0, 1.0, 1.0)),
        aim=rng.choice((0.0, 0.5, 1.0)),
    )


def search(bus: Bus, path: str, *, enough: float, tries: int, seconds: float = 120.0) -> float:
    """The worst response of a path that adversaries find, stopping where it is `enough`.

    The first third of the tries are any adversaries; the others change the best four so far a little. Deterministic.
    """
    rng = random.Random(path)
    best: list[tuple[float, int, Mood]] = []
    for n in range(tries):
        tried = mood(bus, n, DEAD_MOST)
        if 3 * n > tries:
            change = rng.sample(Mood.__struct_fields__, rng.randint(1, 4))
            tried = replace(rng.choice(best)[2], **{name: getattr(tried, name) for name in change})
        if tried.sane:
            seen = Simulation(bus, tried).run(seconds)
            worst_s = max((took_s for row, took_s in seen.items() if row.startswith(path)), default=0.0)
            best = sorted([*best, (worst_s, n, tried)], key=lambda each: -each[0])[:4]
            if best[0][0] >= enough:
                break
    return best[0][0]


def _unit(rng: random.Random, n: int, *, alarms: bool) -> UnitPlan:
    polls = tuple(
        Poll(
            rng.choice(("holding", "coil")),
            100 * block,
            rng.randint(1, 40),
            rng.choice((0.2, 1.0, 2.0, 10.0)),
            alarm=alarms and rng.random() < 0.5,
        )
        for block in range(rng.randint(0, 3))
    )
    timeout_s = rng.choice((0.03, 0.1, 0.3, 1.0))
    return UnitPlan(f"u{n}", n + 1, polls, timeout_s, rng.choice((0.0, 0.0, 0.05)))


def _any_write(rng: random.Random, n: int) -> ModbusWrite:
    if rng.random() < 0.2:
        return ModbusWrite(6, "holding", n, (1,))
    return ModbusWrite(
        16,
        "holding",
        n,
        (1, 2),
        ("holding", n, 2),
        (1, 2),
        settle_s=rng.choice((0.0, 0.0, 0.2)),
        within_s=rng.choice((0.0, 0.3, 1.0)),
    )
