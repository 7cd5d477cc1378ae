"""The load of each line, from the plan of a site; and every device's and door's bound.

Owns: what of the site file and the profiles matters to a response.
Must not know: the formulas (commands.bound_line), who prints.
"""

from edgegw.codec.line import PROBE_SHARE, Line
from edgegw.codec.modbus import READ_FUNCTIONS
from edgegw.commands.bound import BlockLoad, LineLoad, OrderLoad, Timed, TurnLoad, UnitLoad
from edgegw.links.request import Poll, UnitPlan, choose_probe
from edgegw.profiles.encode import ModbusWrite


def unit_load(line: Line, plan: UnitPlan) -> UnitLoad:
    """A unit as its line sees it."""
    probe, distinct = choose_probe(plan.polls, plan.readbacks)
    return UnitLoad(
        plan.device,
        _read(line, plan, probe, ambiguous=not distinct),
        tuple(
            BlockLoad(f"{poll.table} {poll.address}+{poll.count}", _read(line, plan, poll), poll.period_s, poll.alarm)
            for poll in plan.polls
        ),
    )


def order_load(line: Line, plan: UnitPlan, name: str, write: ModbusWrite) -> OrderLoad:
    """A command as its line sees it; of `write` only functions and lengths matter."""
    readback = None
    if write.readback is not None:
        table, address, count = write.readback
        readback = _read(line, plan, Poll(table, address, count, 0.0))
    timed = Timed.of(line, write.function, len(write.words), plan.timeout_s, plan.turnaround_s)
    return OrderLoad(name, timed, readback, write.settle_s, write.within_s)


def line_load(name: str, line: Line, units: tuple[UnitPlan, ...], turns: tuple[TurnLoad, ...]) -> LineLoad:
    """A line as a whole."""
    loads = tuple(unit_load(line, unit) for unit in units)
    return LineLoad(name, line.late_s, line.recover_s, PROBE_SHARE, loads, turns)


def _read(line: Line, plan: UnitPlan, poll: Poll, *, ambiguous: bool = False) -> Timed:
    function = READ_FUNCTIONS[poll.table]
    return Timed.of(line, function, poll.count, plan.timeout_s, plan.turnaround_s, ambiguous=ambiguous)
