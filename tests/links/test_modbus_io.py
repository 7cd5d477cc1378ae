"""Modbus RTU against simulated units on a pty at the wire's pace: readings, silence, late replies, faults, the plug."""

import asyncio
import itertools

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import ModbusRtuLink
from edgegw.errors import LinkError
from edgegw.links.backoff import Backoff
from edgegw.links.modbus import ModbusLink
from edgegw.links.schedule import Poll, UnitPlan
from edgegw.links.supervisor import Supervisor
from edgegw.model import Registers
from simulators.devices import Adam6060, LevelSensor, Sdm120, WaveshareRelay, XyMd02
from simulators.modbus import RtuBus
from simulators.slave import Fault, Slave

BAUD = 38400  # four times quicker than what is usual, so that tests are


def slave(unit, start=0, count=200):
    """Registers that hold their own address: a value taken for another's shows."""
    made = Slave(unit)
    made.tables = {table: {a: a for a in range(start, start + count)} for table in ("holding", "input")}
    return made


def link(bus, sink, *plans, late=0.1, **config):
    port = ModbusRtuLink(kind="modbus-rtu", port=bus.path, baud=BAUD, late=f"{late}s", **config)
    return ModbusLink("bus1", port, plans, sink=sink, clock=SystemClock(), random=lambda: 0.0)


PATIENT_S = 0.5
"""Timeout where nobody is late: what is shown does not hang on how soon this machine gives a process its turn."""


def plan(unit, *polls, timeout=0.05, turnaround=0.0):
    return UnitPlan(f"d{unit}", unit, tuple(polls), timeout, turnaround)


def own_addresses(raw):
    return raw.words == tuple(range(raw.address, raw.address + len(raw.words)))


async def test_all_tables_of_real_devices_are_read(sink, running, started):
    meter, climate, relay, level, inputs = (
        Sdm120(1),
        XyMd02(2, temperature=-3.5),
        WaveshareRelay(3),
        LevelSensor(4),
        Adam6060(5),
    )
    relay.set(2, on=True)
    inputs.fill("discrete", range(4), 1)
    bus = await started(RtuBus([meter, climate, relay, level, inputs], baud=BAUD))
    plans = [
        plan(1, Poll("input", 0, 2, 10)),
        plan(2, Poll("input", 1, 2, 10)),
        plan(3, Poll("coil", 0, 8, 10)),
        plan(4, Poll("holding", 0, 1, 10)),
        plan(5, Poll("discrete", 0, 3, 10)),
    ]
    running(link(bus, sink, *plans).run(lambda: None))
    await sink.until(lambda: len(sink.offered) == 5)
    assert [(device, raw) for device, raw, _ in sink.offered] == [
        ("d1", Registers("input", 0, (0x4366, 0x3333))),
        ("d2", Registers("input", 1, (0x10000 - 35, 500))),
        ("d3", Registers("coil", 0, (0, 0, 1, 0, 0, 0, 0, 0))),
        ("d4", Registers("holding", 0, (31,))),
        ("d5", Registers("discrete", 0, (1, 1, 1))),
    ]


async def test_the_line_is_silent_between_frames_and_nobody_is_spoken_over(sink, running, started):
    bus = await started(RtuBus([slave(1), slave(2)], baud=9600))
    port = ModbusRtuLink(kind="modbus-rtu", port=bus.path)
    made = ModbusLink(
        "bus1",
        port,
        [plan(unit, Poll("holding", 0, 4, 0.01), timeout=PATIENT_S) for unit in (1, 2)],
        sink=sink,
        clock=SystemClock(),
    )
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.offered) >= 30)
    assert bus.line.collisions == 0
    assert bus.line.short_gaps == 0
    assert sink.silences == []
    assert 0.5 < made.busy_share <= 1.0


async def test_gap_and_turnaround_are_kept(sink, running, started):
    bus = await started(RtuBus([slave(1)], baud=BAUD))
    running(link(bus, sink, plan(1, Poll("holding", 0, 1, 0.01), turnaround=0.06), gap="35ms").run(lambda: None))
    await sink.until(lambda: len(sink.offered) >= 5)
    assert bus.line.shortest_gap_s >= 0.06
    running_gap = await started(RtuBus([slave(1)], baud=BAUD))
    running(link(running_gap, sink, plan(1, Poll("holding", 0, 1, 0.01)), gap="35ms").run(lambda: None))
    await sink.until(lambda: len(sink.offered) >= 10)
    assert running_gap.line.shortest_gap_s >= 0.035


async def test_a_reply_in_single_bytes_is_taken_whole(sink, running, started):
    bus = await started(RtuBus([slave(1)], baud=BAUD, chunk=1))
    running(link(bus, sink, plan(1, Poll("holding", 0, 20, 0.05), timeout=PATIENT_S)).run(lambda: None))
    await sink.until(lambda: len(sink.offered) >= 5)
    assert sink.silences == []
    assert all(own_addresses(raw) for raw in sink.of("d1"))


@pytest.mark.parametrize("delay", [0.07, 0.12, 0.3, 0.7])
async def test_a_late_reply_is_never_taken_for_the_next_requests(sink, running, started, delay):
    """110 asked, answered late; 120 asked: 110's values must not come as 120's. Delays around every limit."""
    unit = slave(1)
    bus = await started(RtuBus([unit, slave(2)], baud=BAUD))
    made = link(
        bus,
        sink,
        plan(1, *(Poll("holding", a, 4, 0.02) for a in (100, 110, 120, 130))),
        plan(2, Poll("holding", 50, 4, 0.02)),
    )
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.of("d1")) >= 5)
    for _ in range(2):
        silences, answers = len(sink.silences), len(sink.of("d1"))
        unit.fault = Fault("slow", delay, times=1)
        await sink.until(lambda s=silences: len(sink.silences) > s)
        await sink.until(lambda a=answers: len(sink.of("d1")) >= a + 8)
    assert all(own_addresses(raw) for _, raw, _ in sink.offered)
    assert made.late_replies >= 1


async def test_a_late_reply_of_one_register_units_is_drained(sink, running, started):
    """Without a probe that differs, the guard time alone has to do."""
    unit = slave(1)
    bus = await started(RtuBus([unit], baud=BAUD))
    made = link(bus, sink, plan(1, *(Poll("holding", a, 1, 0.02) for a in (100, 110, 120))), late=0.15)
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.of("d1")) >= 5)
    unit.fault = Fault("slow", 0.12, times=1)
    await sink.until(lambda: len(sink.silences) == 1)
    await sink.until(lambda: len(sink.of("d1")) >= 20)
    assert all(own_addresses(raw) for raw in sink.of("d1"))


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Fault("silent"), "timeout"),
        (Fault("wrong-unit"), "timeout"),
        (Fault("bad-crc"), "bad-frame"),
        (Fault("torn"), "bad-frame"),
        (Fault("exception", code=2), "exception"),
    ],
    ids=lambda value: getattr(value, "kind", value),
)
async def test_each_fault_is_told_with_its_reason_and_leaves_the_neighbour_alone(sink, running, started, fault, reason):
    sick, well = slave(1), slave(2)
    sick.fault = fault
    bus = await started(RtuBus([sick, well], baud=BAUD))
    made = link(bus, sink, plan(1, Poll("holding", 0, 4, 0.05)), plan(2, Poll("holding", 0, 4, 0.05)))
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.silent_of("d1")) >= 2 and len(sink.of("d2")) >= 10)
    assert set(sink.silent_of("d1")) == {reason}
    assert sink.of("d1") == []
    assert sink.silent_of("d2") == []
    assert made.open_units == (() if reason == "exception" else ("d1",))


async def test_a_unit_comes_back_after_it_was_dead(sink, running, started):
    unit = slave(1)
    unit.fault = Fault("silent", times=2)  # the poll and the first probe
    bus = await started(RtuBus([unit], baud=BAUD))
    made = link(bus, sink, plan(1, Poll("holding", 0, 4, 30), Poll("input", 10, 4, 30)))
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.silences) == 2)
    assert made.open_units == ("d1",)
    await sink.until(lambda: len(sink.of("d1")) == 2)
    assert {raw.table for raw in sink.of("d1")} == {"holding", "input"}
    assert made.open_units == ()


async def test_a_dead_unit_delays_its_neighbours_by_one_bounded_timeout(sink, running, started):
    dead = slave(1)
    dead.fault = Fault("silent")
    bus = await started(RtuBus([dead, *(slave(n) for n in range(2, 6))], baud=BAUD))
    plans = [plan(n, Poll("holding", 0, 4, 0.1), timeout=0.1) for n in range(1, 6)]
    running(link(bus, sink, *plans, late=0.05).run(lambda: None))
    await sink.until(lambda: len(sink.silences) >= 4 and len(sink.of("d5")) >= 20)
    for device in ("d2", "d5"):
        times = [at.mono_ns / 1e9 for name, _, at in sink.offered if name == device]
        worst = max(b - a for a, b in itertools.pairwise(times))
        assert (
            worst < 0.1 + 0.1 + 0.05 + 0.15
        )  # period, timeout, guard, and the others' polls with a busy machine's slack


async def test_while_the_pipeline_is_full_nothing_is_asked(sink, running, started):
    unit = slave(1)
    bus = await started(RtuBus([unit], baud=BAUD))
    running(link(bus, sink, plan(1, Poll("holding", 0, 4, 0.01))).run(lambda: None))
    await sink.until(lambda: len(sink.offered) >= 3)
    sink.is_full = True
    await sink.until(lambda: sink.asked_for_room)
    asked = unit.requests
    with pytest.raises(TimeoutError):
        await sink.until(lambda: unit.requests > asked, within=0.2)
    assert unit.requests == asked
    assert sink.offered_full <= 1, "only the answer that was under way"
    sink.make_room()
    await sink.until(lambda: len(sink.offered) >= 6)


async def test_unplugged_and_back_under_the_supervisor(sink, running, started):
    bus = await started(RtuBus([slave(1)], baud=BAUD))
    made = link(bus, sink, plan(1, Poll("holding", 0, 4, 0.02), timeout=PATIENT_S))
    supervisor = Supervisor(made, sink=sink, clock=SystemClock(), backoff=Backoff(0.05, 0.1), counts=made.counts)
    running(supervisor.run())
    await sink.until(lambda: len(sink.offered) >= 3)
    bus.line.unplug()
    await sink.until(lambda: len(sink.links) == 2)
    before = len(sink.offered)
    await sink.until(lambda: not supervisor.status.up)
    bus.line.plug()
    await sink.until(lambda: len(sink.offered) >= before + 3)
    assert [state for _, state, _ in sink.links] == [True, False, True]
    assert sink.links[1][2] == "lost"
    assert sink.silences == [], "a lost port is not the unit's silence"
    assert supervisor.status.messages >= 6


async def test_a_port_that_is_not_there_is_a_link_error(sink, tmp_path):
    port = ModbusRtuLink(kind="modbus-rtu", port=str(tmp_path / "ttyUSB9"))
    made = ModbusLink("bus1", port, [], sink=sink, clock=SystemClock())
    with pytest.raises(LinkError) as caught:
        await made.run(lambda: None)
    assert caught.value.reason == "no-port"


async def test_stopping_in_the_middle_of_a_call_closes_the_port_and_leaves_no_task(sink, started):
    unit = slave(1)
    unit.fault = Fault("silent")
    bus = await started(RtuBus([unit], baud=BAUD))
    heard = asyncio.Event()
    bus.line.received, to_bus = lambda data, until: (to_bus(data, until), heard.set()), bus.line.received
    before = asyncio.all_tasks()
    task = asyncio.create_task(link(bus, sink, plan(1, Poll("holding", 0, 4, 1), timeout=5.0)).run(lambda: None))
    async with asyncio.timeout(5):
        await heard.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert asyncio.all_tasks() == before


async def test_a_setting_the_port_refuses_is_a_link_error(sink, started):
    """A pty has no parity, as some adapters have none."""
    bus = await started(RtuBus([slave(1)], baud=BAUD))
    with pytest.raises(LinkError, match="settings"):
        await link(bus, sink, plan(1, Poll("holding", 0, 1, 1)), format="8E1").run(lambda: None)
