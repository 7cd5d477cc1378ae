"""Modbus TCP, RTU and RTU over TCP: a line as a link.

Owns: the `Link` and `Actuator` made of a line's owner, its policy and its transport; a device of the site file as a unit.
Must not know: when what is asked (schedule, policy), how the connection works (transport), what values mean (profiles).
"""

import asyncio
import random as _random
from collections.abc import Callable, Container, Iterator, Sequence

from edgegw.clock import Clock
from edgegw.config.lines import ModbusConfig, line_of
from edgegw.links.bus import BusStats, LineOwner
from edgegw.links.policy import Policy
from edgegw.links.request import Poll, UnitPlan
from edgegw.links.schedule import Schedule
from edgegw.links.timing import NS
from edgegw.links.transport import PymodbusTransport
from edgegw.model import Outcome
from edgegw.ports import Order, Sink
from edgegw.profiles.plan import Block, poll_plan, width
from edgegw.profiles.schema import Profile


class ModbusLink:
    """A Modbus line as a `ports.Link` and a `ports.Actuator`. Public counters are for metrics and only grow."""

    def __init__(
        self,
        name: str,
        config: ModbusConfig,
        units: Sequence[UnitPlan],
        *,
        sink: Sink,
        clock: Clock,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.name = name
        self.kind: str = config.kind
        self.stats = BusStats()
        self._clock = clock
        self._started_ns = clock.now().mono_ns
        self._policy = Policy(Schedule(units, self._started_ns, random), line_of(config))
        strange = {plan.unit: plan.answers_as for plan in units if plan.answers_as is not None}
        self._transport = PymodbusTransport(config, clock, strange)
        self._owner = LineOwner(self._policy, self._transport, self.stats, sink=sink, clock=clock)

    @property
    def messages(self) -> int:
        """Answered blocks handed to the sink, probes included."""
        return self.stats.answers

    @property
    def errors(self) -> int:
        """Requests without a valid answer."""
        return self.stats.timeouts + self.stats.bad_frames + self.stats.exceptions

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status."""
        return self.messages, self.errors

    @property
    def late_replies(self) -> int:
        """Answers that came after their time and were discarded."""
        return self._transport.late_replies

    @property
    def reopened(self) -> int:
        """Connections opened anew within a run (unanswered requests), beyond the supervisor's restarts."""
        return self._transport.reopened

    @property
    def open_units(self) -> tuple[str, ...]:
        """Devices that are only probed at present."""
        return self._policy.schedule.open_units

    @property
    def busy_share(self) -> float:
        """Part of the time since the link was made in which the line was in use or kept silent on purpose, 0 to 1."""
        elapsed = self._clock.now().mono_ns - self._started_ns
        return min(1.0, self.stats.busy_ns / elapsed) if elapsed > 0 else 0.0

    async def run(self, up: Callable[[], None]) -> None:
        """See `ports.Link.run`."""
        await self._owner.run(up)

    def down(self, device: str) -> str | None:
        """See `ports.Actuator.down`."""
        return self._policy.down(device)

    async def carry_out(self, order: Order) -> Outcome:
        """See `ports.Actuator.carry_out`. A caller that gives up before it was sent takes it back; after that it runs on."""
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not told.done():
                told.set_result(outcome)

        ticket = self._policy.submit(order, self._now_ns(), done)
        self._owner.wake()
        try:
            while not told.done():
                limit_ns = self._policy.expires_ns(ticket)
                left_s = None if limit_ns is None else max(0.0, (limit_ns - self._now_ns()) / NS)
                await asyncio.wait((told,), timeout=left_s)
                if not told.done():
                    self._policy.expire(self._now_ns())
            return told.result()
        finally:
            self._policy.withdraw(ticket)

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns


def unit_plan(device: str, unit: int, profile: Profile, alarm_points: Container[str] = ()) -> UnitPlan:
    """A device of the site file as the schedule wants it.

    Args:
        alarm_points: points on which something urgent hangs: an enabled alarm, a door, a linkage. A block with any of them is
            an alarm poll.
    """
    places = {
        name: (point.modbus.group, point.modbus.table, point.modbus.address, point.modbus.address + width(point))
        for name, point in profile.points.items()
        if point.modbus is not None
    }

    def urgent(block: Block) -> bool:
        return any(
            name in alarm_points
            and (group, table) == (block.group, block.table)
            and block.address <= start
            and end <= block.address + block.count
            for name, (group, table, start, end) in places.items()
        )

    def readbacks() -> Iterator[Poll]:
        for command in profile.commands.values():
            if command.confirm is not None and command.confirm.point in places:
                _, table, start, end = places[command.confirm.point]
                yield Poll(table, start, end - start, 0.0)

    polls = tuple(Poll(b.table, b.address, b.count, b.period_s, urgent(b)) for b in poll_plan(profile))
    modbus = profile.modbus
    known_by = tuple(dict.fromkeys(readbacks()))
    return UnitPlan(device, unit, polls, modbus.timeout, modbus.turnaround, known_by, modbus.answers_as)
