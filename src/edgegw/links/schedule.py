"""Who is asked next on a line: a pure scheduler. Values and time in, the next request out.

Owns: when each block is due, fairness, the breaker of each unit, and the probe that brings a unit back.
Must not know: sockets, frames on the wire, asyncio, what a value means, orders (policy has them go first).

Rules, each kept by a test:

- A block that is late is asked once and not caught up: the next time is one period later, never before now. So no bursts.
- A telemetry block never goes while an alarm block is due. Among alarm blocks, and among telemetry blocks, the longest waiting
  goes first; under saturation that is round robin. (Alarm blocks that alone fill the line starve the others: `edgegw check`
  computes a line's load.)
- A unit that failed is *doubtful*: its blocks wait, and a probe is asked instead, soon. A second failure in a row opens its
  breaker: only the probe is asked, at back-off intervals. Two probes never follow each other while any block is due, so
  each dead unit costs its neighbours one bounded timeout per probe and no more.
- Probes of units with an open breaker take at most `PROBE_SHARE` of the line's time: after one that took d seconds none begins
  until d / share from its begin. Together: between two alarm blocks that are due lies at most one probe, and over any length of
  time at least 1 - `PROBE_SHARE` of what orders leave is for blocks, alarm blocks first.
- The probe's reply differs in function or length from those of the unit's blocks and read-backs (`Request.distinct`). Units
  answer in order, so once the probe is answered every older reply of that unit is over: however late, it can't be taken for
  another's.
- A unit whose probe answers but one of whose blocks does not has that block alone asked ever more rarely.
- Everything is asked once right at the start, then on a grid spread over the period, so that 30 units do not bunch for ever.
"""

import heapq
from collections.abc import Callable, Sequence

from edgegw.codec.line import PROBE_SHARE
from edgegw.links.backoff import Backoff
from edgegw.links.request import ORDER_NO, PROBE_NO, BusLane, Poll, Request, UnitPlan, choose_probe
from edgegw.links.timing import NS

__all__ = ["OPEN_AFTER", "PROBE_BACKOFF", "BusLane", "Poll", "Request", "Schedule", "UnitPlan", "choose_probe"]

OPEN_AFTER = 2
"""Failures in a row that open a unit's breaker: one may be a glitch on the wire, and the probe told already."""

PROBE_BACKOFF = Backoff(first=2.0, most=60.0, floor=0.5)
"""Pace of probes to a dead unit: back within two seconds after a blink, one a minute when somebody cut its power."""

BLOCK_BACKOFF = Backoff(first=2.0, most=60.0, floor=0.5)
"""Pace of a block that fails while its unit answers otherwise."""


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
        self.probe, self.distinct = plan.probe
        self.failures = 0
        self.parked = False
        self.generation = 0  # entries of an older generation in the heaps are void


_Entry = tuple[int, int, int, int, int]  # due, order of entry, unit, block, generation


class Schedule:
    """See the module's text. A unit without polls is left alone until an order to it went unanswered.

    Args:
        start_ns: monotonic nanoseconds from which the first round is due.
        random: uniform in [0, 1), for the back-off's jitter.
    """

    def __init__(self, units: Sequence[UnitPlan], start_ns: int, random: Callable[[], float]) -> None:
        self._random = random
        self._alarms: list[_Entry] = []
        self._telemetry: list[_Entry] = []
        self._doubts: list[_Entry] = []
        self._probes: list[_Entry] = []
        self._order = 0
        self._probed_last = False
        self._probe_began_ns: int | None = None
        self._probes_from_ns = start_ns
        total = max(1, sum(len(plan.polls) for plan in units))
        self._units: list[_Unit] = []
        self._numbers = {plan.device: number for number, plan in enumerate(units)}
        placed = 0
        for number, plan in enumerate(units):
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
        self.line_free(now_ns)
        poll = _due(self._head(self._alarms), now_ns) or _due(self._head(self._telemetry), now_ns)
        probe = self._due_probe(now_ns)
        if poll is None and probe is None:
            return self._soonest()
        take_probe = probe is not None and (poll is None or (probe < poll and not self._probed_last))
        self._probed_last = take_probe
        if take_probe and probe is not None:
            unit_no = probe[2]
            if self._units[unit_no].failures >= OPEN_AFTER:
                self._probe_began_ns = now_ns
                heapq.heappop(self._probes)
            else:
                heapq.heappop(self._doubts)
            return self._request(unit_no, PROBE_NO)
        assert poll is not None  # noqa: S101  (one of the two is due)
        heap = self._heap(poll[2], poll[3])
        heapq.heappop(heap)
        return self._request(poll[2], poll[3])

    def line_free(self, now_ns: int) -> None:
        """The line is free again: what went before is over, its late-reply guard included. `next` implies it."""
        if self._probe_began_ns is not None:
            took_ns = now_ns - self._probe_began_ns
            self._probes_from_ns = self._probe_began_ns + round(took_ns / PROBE_SHARE)
            self._probe_began_ns = None

    def unit_no(self, device: str) -> int | None:
        """A device's number on this line."""
        return self._numbers.get(device)

    def failures(self, unit_no: int) -> int:
        """Failures in a row; 0: certain, below `OPEN_AFTER`: doubtful, else its breaker is open."""
        return self._units[unit_no].failures

    def probe_of(self, unit_no: int) -> Request:
        """The unit's probe, for an order that wants to know first. Say how it went as of any request."""
        return self._request(unit_no, PROBE_NO)

    def plan_of(self, unit_no: int) -> UnitPlan:
        """The unit's plan."""
        return self._units[unit_no].plan

    def distinct(self, unit_no: int) -> bool:
        """Whether the unit has a probe whose reply is like no other."""
        return self._units[unit_no].distinct

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
        if request.block_no >= 0:
            block = unit.blocks[request.block_no]
            block.failures = 0
            self._after_poll(block, now_ns)
            if not unit.parked:
                self._push(block.due_ns, request.unit_no, request.block_no)
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
        if request.block_no >= 0:
            block = unit.blocks[request.block_no]
            block.failures += 1
            self._after_poll(block, now_ns)
        unit.parked = True
        unit.generation += 1
        wait = 0.0
        if unit.failures >= OPEN_AFTER:
            wait = PROBE_BACKOFF.delay(unit.failures - OPEN_AFTER + 1, self._random)
        self._push(now_ns + round(wait * NS), request.unit_no, PROBE_NO)

    def undone(self, request: Request, now_ns: int) -> None:
        """The link was lost under the request: nobody's failure, it is due again."""
        self._probe_began_ns = None
        if request.block_no != ORDER_NO and not request.ticket:
            self._push(now_ns, request.unit_no, request.block_no)

    def reopened(self, now_ns: int) -> None:
        """The link is back after an outage: dead units are probed now and not only when their back-off is over."""
        probes = [entry for entry in self._probes if entry[4] == self._units[entry[2]].generation]
        self._probes = []
        for due_ns, _, unit_no, block_no, _ in sorted(probes):
            self._push(min(due_ns, now_ns), unit_no, block_no)

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
            self._push(block.due_ns, unit_no, block_no)

    def _heap(self, unit_no: int, block_no: int) -> list[_Entry]:
        unit = self._units[unit_no]
        if block_no >= 0:
            return self._alarms if unit.blocks[block_no].poll.alarm else self._telemetry
        return self._probes if unit.failures >= OPEN_AFTER else self._doubts

    def _push(self, due_ns: int, unit_no: int, block_no: int) -> None:
        self._order += 1
        entry = (due_ns, self._order, unit_no, block_no, self._units[unit_no].generation)
        heapq.heappush(self._heap(unit_no, block_no), entry)

    def _head(self, heap: list[_Entry]) -> _Entry | None:
        while heap and heap[0][4] != self._units[heap[0][2]].generation:
            heapq.heappop(heap)
        return heap[0] if heap else None

    def _due_probe(self, now_ns: int) -> _Entry | None:
        """The probe that has waited longest and may go."""
        doubt = _due(self._head(self._doubts), now_ns)
        dead = _due(self._head(self._probes), now_ns) if now_ns >= self._probes_from_ns else None
        if doubt is None or dead is None:
            return doubt or dead
        return min(doubt, dead)

    def _soonest(self) -> int | None:
        dead = self._head(self._probes)
        times = [] if dead is None else [max(dead[0], self._probes_from_ns)]
        heads = (self._head(heap) for heap in (self._alarms, self._telemetry, self._doubts))
        return min((*times, *(entry[0] for entry in heads if entry is not None)), default=None)

    def _request(self, unit_no: int, block_no: int) -> Request:
        unit = self._units[unit_no]
        poll = unit.probe if block_no < 0 else unit.blocks[block_no].poll
        lane = BusLane.PROBE if block_no < 0 else BusLane.ALARM_POLL if poll.alarm else BusLane.TELEMETRY_POLL
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
            lane=lane,
        )


def _due(entry: _Entry | None, now_ns: int) -> _Entry | None:
    return entry if entry is not None and entry[0] <= now_ns else None
