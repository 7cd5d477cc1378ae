"""Who is asked next on a line: a pure scheduler. Values and time in, the next request out.

Owns: when each block is due, fairness, the breaker of each unit, and the probe that brings a unit back.
Must not know: sockets, frames on the wire, asyncio, what a value means.

Rules, each kept by a test:

- A block that is late is asked once and not caught up: the next time is one period later, never before now. So no bursts.
- Among what is due the longest waiting goes first; under saturation that is round robin.
- A unit that failed is *doubtful*: its blocks wait, and a probe is asked instead, soon. A second failure in a row opens its
  breaker: only the probe is asked, at back-off intervals. Two probes never follow each other while anything else is due, so
  each dead unit costs its neighbours one bounded timeout per probe and no more.
- The probe's reply differs in function or length from those of the unit's blocks (`Request.distinct`). Units answer in order,
  so once the probe is answered every older reply of that unit is over: however late, it can't be taken for another's.
- A unit whose probe answers but one of whose blocks does not has that block alone asked ever more rarely.
- Everything is asked once right at the start, then on a grid spread over the period, so that 30 units do not bunch for ever.
"""

import heapq
from collections.abc import Callable, Sequence

from msgspec import Struct

from edgegw.codec.modbus import READ_FUNCTIONS
from edgegw.links.backoff import Backoff
from edgegw.links.timing import NS, byte_count

OPEN_AFTER = 2
"""Failures in a row that open a unit's breaker: one may be a glitch on the wire, and the probe told already."""

PROBE_BACKOFF = Backoff(first=2.0, most=60.0, floor=0.5)
"""Pace of probes to a dead unit: back within two seconds after a blink, one a minute when somebody cut its power."""

BLOCK_BACKOFF = Backoff(first=2.0, most=60.0, floor=0.5)
"""Pace of a block that fails while its unit answers otherwise."""


class Poll(Struct, frozen=True):
    """A block to be asked for every `period_s` seconds (the shape of profiles.plan's Block)."""

    table: str
    address: int
    count: int
    period_s: float


class UnitPlan(Struct, frozen=True):
    """A device on the line.

    Attributes:
        unit: address on the line, 1–247 (0–255 on TCP).
        timeout_s: wait for the answer to begin, beyond wire time.
        turnaround_s: silence the device wants after its answer.
    """

    device: str
    unit: int
    polls: tuple[Poll, ...]
    timeout_s: float = 0.3
    turnaround_s: float = 0.0


class Request(Struct, frozen=True):
    """One transaction to be carried out now. `unit_no` and `block_no` are the schedule's own indices (block −1: the probe)."""

    device: str
    unit: int
    table: str
    address: int
    count: int
    timeout_s: float
    turnaround_s: float
    unit_no: int
    block_no: int
    distinct: bool = True

    @property
    def probe(self) -> bool:
        """Whether this only asks for life; its answer is not a reading."""
        return self.block_no < 0

    @property
    def function(self) -> int:
        """Modbus function code."""
        return READ_FUNCTIONS[self.table]


def choose_probe(polls: Sequence[Poll]) -> tuple[Poll, bool]:
    """The cheapest read within the unit's own blocks whose reply no block's reply can be mistaken for, and whether there is one.

    Without one (say, only one-register blocks) it is the smallest block itself, and False: the line has to be kept silent longer.
    """
    shapes = {(poll.table, byte_count(poll.table, poll.count)) for poll in polls}
    best: Poll | None = None
    for poll in polls:
        for count in range(1, poll.count):
            if (poll.table, byte_count(poll.table, count)) not in shapes:
                if best is None or byte_count(poll.table, count) < byte_count(best.table, best.count):
                    best = Poll(poll.table, poll.address, count, poll.period_s)
                break
    if best is not None:
        return best, True
    return min(polls, key=lambda poll: byte_count(poll.table, poll.count)), False


class _Block:
    __slots__ = ("due_ns", "failures", "grid_ns", "period_ns", "poll")

    def __init__(self, poll: Poll, start_ns: int, phase: float) -> None:
        self.poll = poll
        self.period_ns = max(1, round(poll.period_s * NS))
        self.due_ns = start_ns
        self.grid_ns: int | None = start_ns + round(phase * self.period_ns)
        self.failures = 0


class _Unit:
    __slots__ = ("blocks", "distinct", "failures", "generation", "parked", "plan", "probe")

    def __init__(self, plan: UnitPlan, blocks: list[_Block]) -> None:
        self.plan = plan
        self.blocks = blocks
        self.probe, self.distinct = choose_probe(plan.polls)
        self.failures = 0
        self.parked = False
        self.generation = 0  # entries of an older generation in the heaps are void


_Entry = tuple[int, int, int, int, int]  # due, order of entry, unit, block, generation


class Schedule:
    """See the module's text. `units` without polls are left alone.

    Args:
        start_ns: monotonic nanoseconds from which the first round is due.
        random: uniform in [0, 1), for the back-off's jitter.
    """

    def __init__(self, units: Sequence[UnitPlan], start_ns: int, random: Callable[[], float]) -> None:
        self._random = random
        self._polls: list[_Entry] = []
        self._probes: list[_Entry] = []
        self._order = 0
        self._probed_last = False
        plans = [plan for plan in units if plan.polls]
        total = sum(len(plan.polls) for plan in plans)
        self._units: list[_Unit] = []
        placed = 0
        for number, plan in enumerate(plans):
            blocks = []
            for poll in plan.polls:
                blocks.append(_Block(poll, start_ns, placed / total))
                placed += 1
            self._units.append(_Unit(plan, blocks))
            self._unpark(number)

    # --- what to do ---------------------------------------------------------------------------------------------------

    def next(self, now_ns: int) -> Request | int | None:
        """The request to carry out now, or the monotonic nanoseconds to ask again at, or None if there never is one.

        Taking a request takes it off the schedule: say how it went (`answered`, `failed`, or `undone`), or it is lost.
        """
        poll = self._head(self._polls)
        probe = self._head(self._probes)
        if poll is None and probe is None:
            return None
        poll_due = poll is not None and poll[0] <= now_ns
        probe_due = probe is not None and probe[0] <= now_ns
        if not poll_due and not probe_due:
            return min(entry[0] for entry in (poll, probe) if entry is not None)
        take_probe = probe_due
        if poll is not None and probe is not None and poll_due and probe_due:
            take_probe = probe < poll and not self._probed_last
        self._probed_last = take_probe
        _, _, unit_no, block_no, _ = heapq.heappop(self._probes if take_probe else self._polls)
        return self._request(unit_no, block_no)

    @property
    def open_units(self) -> tuple[str, ...]:
        """Devices whose breaker is open."""
        return tuple(unit.plan.device for unit in self._units if unit.failures >= OPEN_AFTER)

    # --- how it went --------------------------------------------------------------------------------------------------

    def answered(self, request: Request, now_ns: int) -> None:
        """The unit answered: with data, or with a device exception, which is life too."""
        unit = self._units[request.unit_no]
        was_open = unit.failures >= OPEN_AFTER
        unit.failures = 0
        if not request.probe:
            block = unit.blocks[request.block_no]
            block.failures = 0
            self._after_poll(block, now_ns)
            self._push(self._polls, block.due_ns, request.unit_no, request.block_no)
        if unit.parked:
            for block in unit.blocks:
                if block.failures > 1:
                    wait = max(block.period_ns, round(BLOCK_BACKOFF.delay(block.failures - 1, self._random) * NS))
                    block.due_ns = now_ns + wait
                elif was_open or block.failures == 1:
                    block.due_ns = now_ns
            self._unpark(request.unit_no)

    def failed(self, request: Request, now_ns: int) -> None:
        """No valid answer within the time, or the line's owner had to give up on it."""
        unit = self._units[request.unit_no]
        unit.failures += 1
        if not request.probe:
            block = unit.blocks[request.block_no]
            block.failures += 1
            self._after_poll(block, now_ns)
        unit.parked = True
        unit.generation += 1
        wait = 0.0
        if unit.failures >= OPEN_AFTER:
            wait = PROBE_BACKOFF.delay(unit.failures - OPEN_AFTER + 1, self._random)
        self._push(self._probes, now_ns + round(wait * NS), request.unit_no, -1)

    def undone(self, request: Request, now_ns: int) -> None:
        """The link was lost under the request: nobody's failure, it is due again."""
        self._push(self._probes if request.probe else self._polls, now_ns, request.unit_no, request.block_no)

    def reopened(self, now_ns: int) -> None:
        """The link is back after an outage: dead units are probed now and not only when their back-off is over."""
        probes = [entry for entry in self._probes if entry[4] == self._units[entry[2]].generation]
        self._probes = []
        for due_ns, _, unit_no, block_no, _ in sorted(probes):
            self._push(self._probes, min(due_ns, now_ns), unit_no, block_no)

    # --- inside -------------------------------------------------------------------------------------------------------

    def _after_poll(self, block: _Block, now_ns: int) -> None:
        if block.grid_ns is not None:  # the first round is over: take the place on the grid
            block.due_ns = block.grid_ns
            block.grid_ns = None
            if block.due_ns > now_ns:
                return
        block.due_ns = max(block.due_ns + block.period_ns, now_ns)

    def _unpark(self, unit_no: int) -> None:
        unit = self._units[unit_no]
        unit.parked = False
        unit.generation += 1
        for block_no, block in enumerate(unit.blocks):
            self._push(self._polls, block.due_ns, unit_no, block_no)

    def _push(self, heap: list[_Entry], due_ns: int, unit_no: int, block_no: int) -> None:
        self._order += 1
        heapq.heappush(heap, (due_ns, self._order, unit_no, block_no, self._units[unit_no].generation))

    def _head(self, heap: list[_Entry]) -> _Entry | None:
        while heap and heap[0][4] != self._units[heap[0][2]].generation:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _request(self, unit_no: int, block_no: int) -> Request:
        unit = self._units[unit_no]
        poll = unit.probe if block_no < 0 else unit.blocks[block_no].poll
        return Request(
            device=unit.plan.device,
            unit=unit.plan.unit,
            table=poll.table,
            address=poll.address,
            count=poll.count,
            timeout_s=unit.plan.timeout_s,
            turnaround_s=unit.plan.turnaround_s,
            unit_no=unit_no,
            block_no=block_no,
            distinct=unit.distinct,
        )
