"""Orders on an RTU line at the wire's pace: confirmed, refused, unanswered, late, lost; beside dead units and busy polls."""

import asyncio
import time

import pytest

from edgegw.clock import SystemClock
from edgegw.codec.line import MAX_ORDERS
from edgegw.config.lines import line_of
from edgegw.config.schema import ModbusRtuLink
from edgegw.links.backoff import Backoff
from edgegw.links.modbus import ModbusLink
from edgegw.links.request import Poll, UnitPlan
from edgegw.links.supervisor import Supervisor
from edgegw.model import OrderLane, Registers
from edgegw.ports import Order
from edgegw.profiles.encode import ModbusWrite
from simulators.devices import OddRelay, WaveshareRelay
from simulators.modbus import RtuBus
from simulators.slave import Fault, Slave

BAUD = 38400
NS = 1_000_000_000
COILS = Poll("coil", 0, 8, 30.0)
READBACK = ("coil", 0, 1)

PULSE = ModbusWrite(5, "coil", 0x0200, (0x32,), READBACK, (1,), within_s=0.5, shows=("relay1", True))
ON = ModbusWrite(5, "coil", 0, (0xFF00,), READBACK, (1,), within_s=0.5)
OFF = ModbusWrite(5, "coil", 0, (0x0000,), READBACK, (0,), within_s=0.5)


def meter(unit, count=40):
    made = Slave(unit)
    made.tables = {"holding": {a: a for a in range(count)}, "coil": dict.fromkeys(range(8), 0)}
    return made


def plan(unit, *polls, timeout=0.08):
    return UnitPlan(f"d{unit}", unit, polls or (COILS,), timeout, 0.0, (Poll(*READBACK, 0.0),))


def link(bus, sink, *plans, late=0.1, baud=BAUD):
    port = ModbusRtuLink(kind="modbus-rtu", port=bus.path, baud=baud, late=f"{late}s")
    return ModbusLink("bus1", port, plans, sink=sink, clock=SystemClock(), random=lambda: 0.0)


def order(outgoing, device="d1", *, within=2.0, lane=OrderLane.COMMAND, insist=False):
    return Order("c1", device, outgoing, lane, time.monotonic_ns() + round(within * NS), insist)


def said(outcome):
    return outcome.status.value, outcome.reason


class Frames(list):
    """Whole requests the line heard."""

    def __init__(self, bus):
        super().__init__()
        frame = bus.units.rtu
        bus.units.rtu = lambda request: (self.append(request), frame(request))[1]

    @property
    def writes(self):
        return [frame.hex().upper() for frame in self if frame[1] in {5, 6, 15, 16}]


async def up(running, made):
    ready = asyncio.Event()
    running(made.run(ready.set))
    await ready.wait()


# --- what goes out ----------------------------------------------------------------------------------------------------


async def test_a_pulse_is_timed_in_the_device_and_confirmed(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    outcome = await made.carry_out(order(PULSE, lane=OrderLane.DOOR))
    assert (said(outcome), outcome.values) == (("done", ""), {"relay1": True})
    assert relay.on(0)
    assert frames.writes == ["0105020000324DA7"]
    assert sink.of("d1")[-1] == Registers("coil", 0, (1,)), "the read-back is a reading like any other"
    assert (made.stats.writes, made.stats.readbacks) == (1, 1)
    assert bus.line.collisions == bus.line.short_gaps == 0


@pytest.mark.parametrize(
    ("outgoing", "frame"),
    [
        (ModbusWrite(5, "coil", 1, (0x0100,), ("coil", 1, 1), (1,)), "0105000101009D9A"),
        (ModbusWrite(6, "holding", 0, (1,), ("coil", 0, 1), (1,)), "010600000001480A"),
        (ModbusWrite(15, "coil", 0, (1, 0, 1), ("coil", 0, 3), (1, 0, 1)), None),
        (ModbusWrite(16, "holding", 0, (1, 2), ("holding", 0, 2), (1, 2)), None),
        (ModbusWrite(16, "holding", 1, (0x1234,), ("holding", 1, 1), (0xFF34,), mask=(0x00FF,)), None),
    ],
    ids=["FC05 0100", "FC06", "FC15", "FC16", "FC16 one, masked"],
)
async def test_every_function_and_odd_values(sink, running, started, outgoing, frame):
    relay = OddRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1, Poll("coil", 0, 4, 30.0)))
    await up(running, made)
    assert said(await made.carry_out(order(outgoing))) == ("done", "")
    assert len(relay.writes) == 1
    if frame:
        assert frames.writes == [frame]


async def test_the_standards_on(sink, running, started):
    bus = await started(RtuBus([WaveshareRelay(1)], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1))
    await up(running, made)
    assert said(await made.carry_out(order(ON))) == ("done", "")
    assert frames.writes == ["01050000FF008C3A"]


async def test_an_order_wakes_an_idle_line_at_once(sink, running, started):
    bus = await started(RtuBus([WaveshareRelay(1)], baud=BAUD))
    made = link(bus, sink, plan(1))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    began = time.monotonic()
    assert said(await made.carry_out(order(ON))) == ("done", "")
    assert time.monotonic() - began < 0.3  # the next poll is 30 s away


async def test_while_the_pipeline_is_full_orders_still_run(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    made = link(bus, sink, plan(1, Poll("coil", 0, 8, 0.01)))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) >= 2)
    sink.is_full = True
    await sink.until(lambda: sink.asked_for_room)
    offered = len(sink.offered)
    assert said(await made.carry_out(order(ON))) == ("done", "")
    assert len(sink.offered) == offered
    assert sink.offered_full <= 1
    sink.make_room()
    await sink.until(lambda: len(sink.offered) > offered)


# --- what goes wrong --------------------------------------------------------------------------------------------------


async def test_an_exception_is_told_in_words(sink, running, started):
    bus = await started(RtuBus([WaveshareRelay(1)], baud=BAUD))
    made = link(bus, sink, plan(1, timeout=0.5))
    await up(running, made)
    outcome = await made.carry_out(order(ModbusWrite(5, "coil", 99, (0xFF00,))))
    assert said(outcome) == ("failed", "device-refused")
    assert "illegal address" in outcome.detail
    assert sink.silences == [], "a refusal is for whoever gave the order"


async def test_what_the_read_back_showed_is_told(sink, running, started):
    relay = WaveshareRelay(1)
    relay.write = lambda *what: None  # a stuck contact
    bus = await started(RtuBus([relay], baud=BAUD))
    made = link(bus, sink, plan(1))
    await up(running, made)
    outcome = await made.carry_out(order(ON))
    assert said(outcome) == ("unknown", "readback-differs")
    assert "read back 0000 instead of 0001" in outcome.detail
    assert made.stats.writes == 1
    assert made.stats.readbacks >= 3


async def test_a_write_to_a_unit_that_just_died_is_unknown_and_the_next_is_not_sent(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    relay.fault = Fault("silent")
    assert said(await made.carry_out(order(ON))) == ("unknown", "no-answer")
    assert made.down("d1") is None
    assert said(await made.carry_out(order(ON))) == ("failed", "device-down")
    assert made.down("d1") == "device-down"
    began = time.monotonic()
    assert said(await made.carry_out(order(ON))) == ("failed", "device-down")
    assert time.monotonic() - began < 0.05, "at once"
    assert len(frames.writes) == 1
    relay.fault = None
    assert said(await made.carry_out(order(ON, insist=True))) == ("done", "")
    assert len(frames.writes) == 2
    assert made.down("d1") is None


@pytest.mark.parametrize("delay", [0.12, 0.25, 0.5])
async def test_a_late_answer_to_an_equal_write_never_confirms_the_next(sink, running, started, delay):
    """The first is carried out and answered too late; the second never reaches the device."""
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    bare = ModbusWrite(5, "coil", 0x0200, (0x32,))  # the write's answer is all the confirmation there is
    made = link(bus, sink, plan(1))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    relay.fault = Fault("slow", delay, times=1)
    assert said(await made.carry_out(order(bare))) == ("unknown", "no-answer")
    answer = relay.answer

    def deaf_to_writes(request):
        return None if request[0] == 5 else answer(request)

    relay.answer = deaf_to_writes
    second = await made.carry_out(order(bare))
    assert said(second) in {("unknown", "no-answer"), ("failed", "device-down")}, second
    third = await made.carry_out(order(bare, insist=True))
    assert said(third) == ("unknown", "no-answer")
    assert relay.pulses == 1
    if said(second)[0] == "failed":
        assert len(frames.writes) == 2, "nothing was sent for the second"
    await sink.until(lambda: made.late_replies >= 1)


async def test_a_late_answer_under_an_insisting_write_confirms_nothing(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    bare = ModbusWrite(5, "coil", 0x0200, (0x32,))
    made = link(bus, sink, plan(1, timeout=0.15))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    # timeout and guard of the write and of the probe take 0.5 s and more: this answer comes under the insisting write
    relay.fault = Fault("slow", 0.62, times=1)
    assert said(await made.carry_out(order(bare))) == ("unknown", "no-answer")
    relay.fault = Fault("silent")
    assert said(await made.carry_out(order(bare, insist=True))) == ("unknown", "no-answer")
    assert relay.pulses == 1
    assert made.down("d1") == "device-down"


async def test_on_a_line_that_hears_itself_a_write_is_not_confirmed_by_its_own_echo(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    heard = bus.line.received
    bus.line.received = lambda data, until: (bus.line.send(data, instantly=True), heard(data, until))
    made = link(bus, sink, plan(1))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    bare = ModbusWrite(5, "coil", 0x0200, (0x32,))
    assert said(await made.carry_out(order(bare))) == ("done", "")
    assert said(await made.carry_out(order(ON))) == ("done", "")
    relay.fault = Fault("silent")
    assert said(await made.carry_out(order(bare))) == ("unknown", "no-answer")
    assert relay.pulses == 1


async def test_the_link_lost_under_a_write(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1, timeout=1.0))
    supervisor = Supervisor(made, sink=sink, clock=SystemClock(), backoff=Backoff(0.05, 0.1), counts=made.counts)
    running(supervisor.run())
    await sink.until(lambda: len(sink.offered) == 1)
    relay.fault = Fault("silent", times=1)
    sent = asyncio.create_task(made.carry_out(order(ON)))
    async with asyncio.timeout(5):
        while not frames.writes:
            await asyncio.sleep(0.005)
    waiting = [asyncio.create_task(made.carry_out(order(OFF))) for _ in range(2)]
    await asyncio.sleep(0)
    bus.line.unplug()
    assert said(await sent) == ("unknown", "link-lost")
    assert [said(await task) for task in waiting] == [("failed", "link-down")] * 2
    assert made.down("d1") == "link-down"
    assert said(await made.carry_out(order(OFF))) == ("failed", "link-down")
    bus.line.plug()
    await sink.until(lambda: len(sink.links) == 3)
    polled = len(sink.offered)
    assert said(await made.carry_out(order(OFF, within=4.0))) == ("done", ""), "behind a probe: two timeouts"
    assert [frame[:12] for frame in frames.writes] == ["01050000FF00", "010500000000"], "nothing survived the loss"
    assert len(sink.offered) > polled


async def test_so_many_and_no_more(sink, running, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    made = link(bus, sink, plan(1))
    await up(running, made)
    tasks = [asyncio.create_task(made.carry_out(order(ON))) for _ in range(MAX_ORDERS + 1)]
    outcomes = [said(await task) for task in tasks]
    assert outcomes == [("done", "")] * MAX_ORDERS + [("failed", "busy")]
    assert said(await made.carry_out(order(OFF))) == ("done", "")


async def test_a_caller_that_gives_up_takes_back_what_was_not_sent_and_nothing_else(sink, running, started):
    relay = WaveshareRelay(1)
    relay.turnaround = 0.05
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1, timeout=0.5))
    await up(running, made)
    await sink.until(lambda: len(sink.offered) == 1)
    first, second = asyncio.create_task(made.carry_out(order(ON))), asyncio.create_task(made.carry_out(order(OFF)))
    async with asyncio.timeout(5):
        while not frames.writes:
            await asyncio.sleep(0.005)
    for task in (first, second):
        task.cancel()
    await asyncio.gather(first, second, return_exceptions=True)
    assert said(await made.carry_out(order(ON))) == ("done", "")
    assert frames.writes == ["01050000FF008C3A"] * 2
    assert sink.silences == [], "the first ran to its end"


async def test_stopping_gives_everyone_an_outcome(sink, started):
    relay = WaveshareRelay(1)
    bus = await started(RtuBus([relay], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(1, timeout=5.0))
    ready = asyncio.Event()
    task = asyncio.create_task(made.run(ready.set))
    await ready.wait()
    await sink.until(lambda: len(sink.offered) == 1)
    relay.fault = Fault("silent")
    orders = [asyncio.create_task(made.carry_out(order(ON, within=20))) for _ in range(2)]
    async with asyncio.timeout(5):
        while not frames.writes:
            await asyncio.sleep(0.005)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert [said(await each) for each in orders] == [("unknown", "link-lost"), ("failed", "link-down")]


async def test_time_that_runs_out_behind_a_long_transaction_is_told_in_time(sink, running, started):
    dead, relay = meter(2), WaveshareRelay(1)
    dead.fault = Fault("silent")
    bus = await started(RtuBus([relay, dead], baud=BAUD))
    frames = Frames(bus)
    made = link(bus, sink, plan(2, timeout=1.0), plan(1))
    await up(running, made)
    async with asyncio.timeout(5):
        while not frames:
            await asyncio.sleep(0.005)
    began = time.monotonic()
    assert said(await made.carry_out(order(ON, within=0.4))) == ("expired", "deadline")
    assert time.monotonic() - began < 0.4
    await sink.until(lambda: len(sink.of("d1")) == 1)
    assert frames.writes == []


# --- in company -------------------------------------------------------------------------------------------------------


async def test_polls_that_fill_the_line_and_dead_units_cost_a_command_one_transaction_each_step(sink, running, started):
    """9600 baud, nine units polled without pause, two of them dead: write and read-back each wait for one transaction at most."""
    relay = WaveshareRelay(1)
    slaves = [meter(n) for n in range(2, 11)]
    for dead in slaves[:2]:
        dead.fault = Fault("silent")
    bus = await started(RtuBus([relay, *slaves], baud=9600))
    polls = [plan(n, Poll("holding", 0, 10, 0.01), timeout=0.1) for n in range(2, 11)]
    made = link(bus, sink, plan(1), *polls, late=0.1, baud=9600)
    await up(running, made)
    await sink.until(lambda: len(made.open_units) == 2)
    line = line_of(ModbusRtuLink(kind="modbus-rtu", port=bus.path, baud=9600, late="0.1s"))
    own = line.answered_s(5, 1, 0.08) + line.told_s(1, 1, 0.08)
    waits = line.unanswered_s(3, 10, 0.1)
    times = []
    for outgoing in (ON, OFF) * 15:
        offered = len(sink.offered)
        await sink.until(lambda n=offered: len(sink.offered) > n + 1)
        began = time.monotonic()
        assert said(await made.carry_out(order(outgoing, within=5.0))) == ("done", "")
        times.append(time.monotonic() - began)
    assert max(times) <= own + 2 * waits
    assert bus.line.collisions == bus.line.short_gaps == 0
