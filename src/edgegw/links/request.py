"""The words of a line: its lanes, what is to be asked of a unit, one transaction, and the probe.

Owns: the types that schedule, policy and the line's owner pass among them, and the choice of a unit's probe.
Must not know: when anything is asked, frames, sockets.
"""

from collections.abc import Sequence
from enum import IntEnum

from msgspec import Struct

from edgegw.codec.line import READS
from edgegw.links.timing import byte_count

PROBE_NO = -1
ORDER_NO = -2
"""`Request.block_no` of what is no block."""


class BusLane(IntEnum):
    """Who goes first on a line. A transaction once begun is never interrupted."""

    DOOR = 0
    COMMAND = 1
    CONFIRMATION = 2
    ALARM_POLL = 3
    TELEMETRY_POLL = 4
    PROBE = 5
    """Not below the polls but between them, see the module's text."""

    @property
    def label(self) -> str:
        """Lower-case name, for metrics and reports."""
        return self.name.lower().replace("_", "-")


class Poll(Struct, frozen=True):
    """A block to be asked for every `period_s` seconds (the shape of profiles.plan's Block).

    Attributes:
        table, address, count: registers or bits of a Modbus table; of a meter its protocol, the data identifier as a number, and
            the most data bytes its answer holds.
        alarm: something urgent hangs on it (an alarm rule, a door, a linkage): goes before those on which nothing does.
    """

    table: str
    address: int
    count: int
    period_s: float
    alarm: bool = False


class UnitPlan(Struct, frozen=True):
    """A device on the line.

    Attributes:
        unit: address on the line, 1–247 (0–255 on TCP); a meter's number.
        polls: blocks to be asked for; none for a device that is only commanded.
        timeout_s: wait for the answer to begin, beyond wire time.
        turnaround_s: silence the device wants after its answer.
        readbacks: what commands are confirmed by (periods don't matter), so that the probe differs from them.
        life: its probe, and whether the probe's reply is like no other, where `choose_probe` can't tell (meters).
        answers_as: the unit id in its answers where it is not `unit`.
    """

    device: str
    unit: int
    polls: tuple[Poll, ...]
    timeout_s: float = 0.3
    turnaround_s: float = 0.0
    readbacks: tuple[Poll, ...] = ()
    answers_as: int | None = None
    life: tuple[Poll, bool] | None = None

    @property
    def probe(self) -> tuple[Poll, bool]:
        """The read that tells whether it lives, and whether its reply is like no other."""
        return self.life or choose_probe(self.polls, self.readbacks)


LIFE = Poll("holding", 0, 1, 0.0)
"""The probe of a unit nothing is read of: every unit answers it, with a value or an exception."""


class Request(Struct, frozen=True):
    """One transaction to be carried out now.

    Attributes:
        count: registers or bits, read or written; of a meter data bytes.
        unit_no, block_no: the schedule's own indices (`PROBE_NO`: the probe, `ORDER_NO`: an order's own).
        distinct: the unit has a probe whose reply is like no other.
        lane: the lane it goes in.
        words: what is written (a meter: data bytes); empty for a read. write: the function that writes it, else 0.
        ticket: the order it is for (policy), else 0.
    """

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
    lane: BusLane = BusLane.TELEMETRY_POLL
    words: tuple[int, ...] = ()
    write: int = 0
    ticket: int = 0

    @property
    def probe(self) -> bool:
        """Whether this only asks for life; its answer is not a reading."""
        return self.block_no == PROBE_NO

    @property
    def function(self) -> int:
        """Modbus function code; a meter's control code."""
        return self.write or READS[self.table]


def choose_probe(polls: Sequence[Poll], readbacks: Sequence[Poll] = ()) -> tuple[Poll, bool]:
    """The cheapest read within the unit's own blocks whose reply no block's reply can be mistaken for, and whether there is one.

    Without one (say, only one-register blocks) it is the smallest block itself, and False: the line has to be kept silent longer.
    Of a unit nothing is read of it is `LIFE`.
    """
    reads = [*polls, *readbacks]
    if not reads:
        return LIFE, True
    shapes = {(poll.table, byte_count(poll.table, poll.count)) for poll in reads}
    best: Poll | None = None
    for poll in reads:
        for count in range(1, poll.count):
            if (poll.table, byte_count(poll.table, count)) not in shapes:
                if best is None or byte_count(poll.table, count) < byte_count(best.table, best.count):
                    best = Poll(poll.table, poll.address, count, poll.period_s)
                break
    if best is not None:
        return best, True
    return min(reads, key=lambda poll: byte_count(poll.table, poll.count)), False
