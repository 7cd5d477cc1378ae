"""A line of DL/T 645 and CJ/T 188 meters as a link.

Owns: which policy and transport a meter line's owner has (owned); a device of the site file as a unit; answers as raw messages.
Must not know: when what is asked (schedule, policy), how the connection works (meter_transport), what values mean (profiles).

The owner, the policy and the schedule are those of a Modbus line: a block is an identifier, its words are the answer's bytes. So
the same rules hold: nothing is interrupted, a silent meter costs its neighbours a bounded share, a late answer is nobody's.
"""

import random as _random
from collections.abc import Callable, Container, Iterator, Mapping, Sequence

from edgegw.clock import Clock
from edgegw.codec.meter_line import CJT188_WRITE
from edgegw.config.lines import line_of
from edgegw.config.schema import MeterLink as MeterConfig
from edgegw.links.bus import BusStats, LineOwner
from edgegw.links.meter_transport import Meter, MeterTransport
from edgegw.links.owned import OwnedLine
from edgegw.links.policy import Policy
from edgegw.links.request import Poll, Request, UnitPlan
from edgegw.links.schedule import Schedule
from edgegw.model import MeterAnswer, Raw
from edgegw.ports import Sink
from edgegw.profiles.encode import LineWrite, MeterWrite
from edgegw.profiles.plan import poll_plan
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_meter import MeterSection

_DIGITS = {"dlt645": 8, "cjt188": 4}
"""Hex digits of an identifier."""


class MeterLink(OwnedLine):
    """A meter line as a link. `meters`: device → its number as printed, and its profile's section."""

    def __init__(
        self,
        name: str,
        config: MeterConfig,
        units: Sequence[UnitPlan],
        meters: Mapping[str, tuple[str, MeterSection]],
        *,
        sink: Sink,
        clock: Clock,
        random: Callable[[], float] = _random.random,
    ) -> None:
        policy = Policy(Schedule(units, clock.now().mono_ns, random), line_of(config), writable=writable)
        transport = MeterTransport(config, {device: Meter(*how) for device, how in meters.items()}, clock)
        stats = BusStats()
        owner = LineOwner(policy, transport, stats, sink=sink, clock=clock, raw=answer)
        super().__init__(name, config.kind, policy, transport, owner, stats=stats, clock=clock)


def answer(request: Request, words: tuple[int, ...]) -> Raw:
    """A meter's answer as it is handed on."""
    return MeterAnswer(request.table, f"{request.address:0{_DIGITS[request.table]}X}", bytes(words))


def writable(write: LineWrite) -> bool:
    """Whether a meter's request can hold it."""
    return isinstance(write, MeterWrite) and write.function == CJT188_WRITE and bool(write.frame)


def unit_plan(device: str, address: str, profile: Profile, alarm_points: Container[str] = ()) -> UnitPlan:
    """A device of the site file as the schedule wants it.

    Its probe is its shortest read. A CJ/T 188 answer repeats the request's serial number, so it is like no other; a DL/T 645
    meter's is like its block's, behind which the line is kept silent.

    Args:
        alarm_points: points on which something urgent hangs: their identifiers are alarm polls.
    """
    section = profile.meter
    if section is None:
        raise ValueError(f"{device}: its profile is no meter's")
    reads = {name: point.meter for name, point in profile.points.items() if point.meter is not None}
    urgent = {(read.group, int(read.di, 16)) for name, read in reads.items() if name in alarm_points}
    polls = tuple(
        Poll(b.table, b.address, b.count, b.period_s, (b.group, b.address) in urgent) for b in poll_plan(profile)
    )

    def readbacks() -> Iterator[Poll]:
        by_di = {poll.address: poll for poll in polls}
        for command in profile.commands.values():
            if command.confirm is not None and command.confirm.point in reads:
                yield by_di[int(reads[command.confirm.point].di, 16)]

    shortest = min(polls, key=lambda poll: poll.count)
    return UnitPlan(
        device,
        int(address),
        polls,
        section.timeout,
        section.turnaround,
        tuple(dict.fromkeys(readbacks())),
        life=(shortest, section.protocol == "cjt188"),
    )
