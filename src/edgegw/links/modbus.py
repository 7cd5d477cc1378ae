"""Modbus TCP, RTU and RTU over TCP: a line as a link.

Owns: which policy and transport a Modbus line's owner has (owned); a device of the site file as a unit.
Must not know: when what is asked (schedule, policy), how the connection works (transport), what values mean (profiles).
"""

import random as _random
from collections.abc import Callable, Container, Iterator, Sequence

from edgegw.clock import Clock
from edgegw.config.lines import ModbusConfig, line_of
from edgegw.links.bus import BusStats, LineOwner
from edgegw.links.owned import OwnedLine
from edgegw.links.policy import Policy
from edgegw.links.request import Poll, UnitPlan
from edgegw.links.schedule import Schedule
from edgegw.links.transport import PymodbusTransport
from edgegw.ports import Sink
from edgegw.profiles.plan import Block, poll_plan, width
from edgegw.profiles.schema import Profile


class ModbusLink(OwnedLine):
    """A Modbus line as a link."""

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
        policy = Policy(Schedule(units, clock.now().mono_ns, random), line_of(config))
        strange = {plan.unit: plan.answers_as for plan in units if plan.answers_as is not None}
        self._transport = PymodbusTransport(config, clock, strange)
        stats = BusStats()
        owner = LineOwner(policy, self._transport, stats, sink=sink, clock=clock)
        super().__init__(name, config.kind, policy, self._transport, owner, stats=stats, clock=clock)

    @property
    def reopened(self) -> int:
        """Connections opened anew within a run (unanswered requests), beyond the supervisor's restarts."""
        return self._transport.reopened


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
