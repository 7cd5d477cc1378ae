"""The load of a half-duplex line, from units and commands.

Owns: which durations of codec.line stand for which transaction of a device.
Must not know: the formulas (commands.bound_line), doors, targets.
"""

from msgspec.structs import replace

from edgegw.codec.line import PROBE_SHARE, READS, Line
from edgegw.codec.meter_line import CJT188_WRITE
from edgegw.codec.registers import SIZES
from edgegw.commands.bound import BlockLoad, LineLoad, OrderLoad, Timed, TurnLoad, UnitLoad
from edgegw.links.request import Poll, UnitPlan
from edgegw.links.schedule import OPEN_AFTER
from edgegw.profiles.decode_meter import value_bytes
from edgegw.profiles.encode import LineWrite, MeterWrite, ModbusWrite
from edgegw.profiles.encode_modbus import function_of
from edgegw.profiles.plan import width
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_commands import CommandSpec


def steady(line: Line, units: int) -> Line:
    """A line on which a connection is never opened anew while an order is under way is taken as one that never does.

    So it is where one unit alone is on it: its breaker opens before.
    """
    if units == 1 and line.reopen_after is not None and line.reopen_after > OPEN_AFTER:
        return replace(line, reopen_after=None)
    return line


def unit_load(line: Line, plan: UnitPlan) -> UnitLoad:
    """A unit as its line sees it."""
    probe, distinct = plan.probe
    return UnitLoad(
        plan.device,
        _read(line, plan, probe, ambiguous=not distinct),
        tuple(
            BlockLoad(f"{poll.table} {poll.address}+{poll.count}", _read(line, plan, poll), poll.period_s, poll.alarm)
            for poll in plan.polls
        ),
    )


def order_load(line: Line, plan: UnitPlan, name: str, write: LineWrite) -> OrderLoad:
    """A command as its line sees it; of `write` only functions and lengths matter."""
    readback = None
    if write.readback is not None:
        table, address, count = write.readback
        readback = _read(line, plan, Poll(table, address, count, 0.0))
    timed = Timed.of(line, write.function, len(write.words), plan.timeout_s, plan.turnaround_s)
    return OrderLoad(name, timed, readback, write.settle_s, write.within_s)


def line_load(name: str, line: Line, units: tuple[UnitPlan, ...], turns: tuple[TurnLoad, ...]) -> LineLoad:
    """A line as a whole; `line` as everywhere here: `steady`."""
    loads = tuple(unit_load(line, unit) for unit in units)
    return LineLoad(name, line.late_s, line.recover_s, PROBE_SHARE, loads, turns)


def _read(line: Line, plan: UnitPlan, poll: Poll, *, ambiguous: bool = False) -> Timed:
    function = READS[poll.table]
    return Timed.of(line, function, poll.count, plan.timeout_s, plan.turnaround_s, ambiguous=ambiguous)


def written(profile: Profile, spec: CommandSpec) -> LineWrite | None:
    """What a command writes and reads back, as far as lengths go; None if it goes another way."""
    modbus, confirm = spec.modbus, spec.confirm
    if spec.meter is not None:
        return _meter_write(profile, spec)
    if modbus is None:
        return None
    count = 1 if modbus.table == "coil" or modbus.arg is None else SIZES[modbus.type]
    write = ModbusWrite(function_of(modbus, count), modbus.table, modbus.address, (0,) * count)
    if confirm is None:
        return write
    point = profile.points[confirm.point]
    if point.modbus is None:
        return write
    place = (point.modbus.table, point.modbus.address, width(point))
    return replace(write, readback=place, settle_s=confirm.settle, within_s=confirm.within)


def _meter_write(profile: Profile, spec: CommandSpec) -> MeterWrite | None:
    meter, section, confirm = spec.meter, profile.meter, spec.confirm
    if meter is None or section is None:
        return None
    write = MeterWrite(CJT188_WRITE, "cjt188", int(meter.di, 16), (0,) * len(meter.hex))
    read = None if confirm is None else profile.points[confirm.point].meter
    if read is None or confirm is None:
        return write
    place = ("cjt188", int(read.di, 16), value_bytes(section, read))
    return replace(write, readback=place, settle_s=confirm.settle, within_s=confirm.within)
