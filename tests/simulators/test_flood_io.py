"""A unit that floods its line: what others say stays theirs, and the line is well again when it stops."""

import asyncio
import contextlib
from pathlib import Path

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import MeterLink as MeterConfig
from edgegw.config.schema import ModbusRtuLink
from edgegw.links import meter, modbus
from edgegw.model import MeterAnswer, Registers
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.from_profile import arguments, meters, units
from simulators.line import PtyLine
from simulators.meter_call import CalledBus
from simulators.meters import MeterFault
from simulators.modbus import RtuBus
from simulators.profile_meter import meter_of
from simulators.profile_modbus import ProfileUnit
from simulators.slave import Fault

LIBRARY = ProfileLibrary()
BAUD = 115200  # quicker than what is usual, so that tests are; an answer still fits between two frames of the flood
WITHIN_S = 8.0
ANSWERS = 8
"""Of each that is well, while one floods."""


class Heard:
    """A sink that keeps what it is offered, by device. `run`: answers since anybody was silent."""

    full = False

    def __init__(self):
        self._stirred = asyncio.Event()
        self.raw = {}
        self.run = 0

    def offer(self, device, raw, at, ack=None, token=0):
        self.raw.setdefault(device, []).append(raw)
        self.run += 1
        self._stirred.set()

    def when_room(self, callback):
        raise AssertionError("never full")

    def silent(self, device, reason, at):
        self.run = 0
        self._stirred.set()

    def link_state(self, link, *, up, reason, at):
        pass

    def count(self, *devices):
        return min(len(self.raw.get(device, ())) for device in devices)

    async def until(self, condition):
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._stirred.clear()
                await self._stirred.wait()


@contextlib.asynccontextmanager
async def running(bus, make):
    """The bus, and a link on it: (link, what it hears)."""
    sink = Heard()
    await bus.start()
    link = make(bus.path, sink)
    task = asyncio.create_task(link.run(lambda: None))
    try:
        yield link, sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await bus.stop()


def often(name, kind, period):
    profile = LIBRARY.get(name)
    told = profile.model_dump(by_alias=True, exclude_unset=True, mode="json")
    section = getattr(profile, kind)
    poll = dict.fromkeys(section.poll, period)
    return Profile.model_validate(told | {kind: told[kind] | {"poll": poll, "timeout": "100ms"}})


LEVELS = {"d1": 111, "d2": 222, "d3": 333}


def modbus_line():
    """Three of a kind, so that their answers are of one shape and only the unit tells them apart; the second will flood."""
    profile = often("generic/rs485-level", "modbus", "20ms")
    made = [ProfileUnit(profile, int(d[1:]), {"level": level}) for d, level in LEVELS.items()]
    plans = [modbus.unit_plan(d, int(d[1:]), profile) for d in LEVELS]

    def link(path, sink):
        config = ModbusRtuLink(kind="modbus-rtu", port=path, baud=BAUD, late="60ms")
        return modbus.ModbusLink("line", config, plans, sink=sink, clock=SystemClock(), random=lambda: 0.0)

    return RtuBus(made, baud=BAUD), made, link, Fault("flood")


def meter_line(name, numbers, values):
    profile = often(name, "meter", "20ms")
    made = [meter_of(profile, number, values(n)) for n, number in enumerate(numbers)]
    for unit in made:
        unit.turnaround = 0.002  # or hardly an answer fits between two frames of the flood
    plans = [meter.unit_plan(f"d{n + 1}", number, profile) for n, number in enumerate(numbers)]
    known = {f"d{n + 1}": (number, profile.meter) for n, number in enumerate(numbers)}

    def link(path, sink):
        config = MeterConfig.model_validate({"kind": "meter", "port": path, "baud": BAUD, "late": "60ms"})
        return meter.MeterLink("line", config, plans, known, sink=sink, clock=SystemClock(), random=lambda: 0.0)

    return CalledBus(made, baud=BAUD, bits=10), made, link, MeterFault("flood")


LINES = {
    "modbus": modbus_line,
    "dlt645": lambda: meter_line(
        "generic/dlt645-single-phase",
        ["558890213594", "558890213595", "558890213596"],
        lambda n: {"energy": 100.0 + n, "voltage": 220.0 + n, "power": 0.5 + n},
    ),
    "cjt188": lambda: meter_line(
        "generic/cjt188-water", ["78330011223344", "78330011223345", "78330011223346"], lambda n: {"total": 12.0 + n}
    ),
}


def wholly_right(made, sink):
    """Whether everything that was heard of a device is what that device has."""
    for n, unit in enumerate(made):
        for raw in sink.raw.get(f"d{n + 1}", ()):
            if isinstance(raw, Registers):
                assert raw.words == tuple(unit.read(raw.table, raw.address + k) for k in range(len(raw.words)))
            else:
                assert isinstance(raw, MeterAnswer)
                assert raw.data == unit.value(raw.di)


@pytest.mark.parametrize("kind", LINES)
async def test_what_others_say_stays_theirs_and_the_line_recovers(kind):
    bus, made, make, fault = LINES[kind]()
    made[1].fault = fault
    async with running(bus, make) as (link, sink):
        await sink.until(lambda: sink.count("d1", "d3") >= ANSWERS and bus.babble.said > 2 * ANSWERS)
        wholly_right(made, sink)
        assert link.late_replies > 0, "nothing of the flood was heard"
        made[1].fault = None
        said = bus.babble.said
        more = max(map(len, sink.raw.values())) + ANSWERS
        await sink.until(lambda: sink.run >= 3 * ANSWERS and sink.count(*sink.raw) >= more)
        assert bus.babble.said <= said + 1
        wholly_right(made, sink)


async def test_the_flood_is_bounded():
    """Twenty frames a second each, however fast the line is."""
    bus, made, _, fault = modbus_line()
    made[1].fault = fault
    await bus.start()
    try:
        loop = asyncio.get_running_loop()
        began = loop.time()
        async with asyncio.timeout(WITHIN_S):
            while bus.babble.said < 10:
                await asyncio.sleep(0.01)
        assert loop.time() - began >= 10 * 0.05 - 0.01
    finally:
        await bus.stop()
    said = bus.babble.said
    await asyncio.sleep(0.12)
    assert bus.babble.said == said


async def test_two_that_speak_at_once_spoil_each_other():
    line = PtyLine(baud=38400)
    await line.start()
    try:
        with Path(line.path).open("rb", buffering=0) as port:  # noqa: ASYNC230  (a device path opens at once)
            line.send(b"\xf0" * 20)
            until = line.send(b"\x3c" * 24, deaf=True)
            async with asyncio.timeout(WITHIN_S):
                while asyncio.get_running_loop().time() <= until + 0.005:
                    await asyncio.sleep(0.001)
            assert port.read(100) == b"\x30" * 20 + b"\x3c" * 4
    finally:
        await line.stop()


def test_the_command_line_makes_them_flood():
    args = arguments(["eastron/sdm120", "--port", "/p", "--unit", "1-2", "--fault", "flood"])
    assert all(unit.floods for unit in units(args, LIBRARY.get(args.profile)))
    args = arguments(["generic/cjt188-water", "--port", "/p", "--address", "78330011223344", "--fault", "flood"])
    assert [made.fault.kind for made in meters(args, LIBRARY.get(args.profile))] == ["flood"]


def test_a_unit_that_nobody_asked_floods_all_the_same():
    unit = ProfileUnit(LIBRARY.get("generic/rs485-level"), 7, {"level": 5})
    assert unit.unasked().unit == 7
    unit.answer(bytes.fromhex("0300040001"))
    assert unit.unasked().pdu == unit.pdu(bytes.fromhex("0300040001"))
    unit.answer(bytes.fromhex("0600040001"))
    assert unit.unasked().pdu == unit.pdu(bytes.fromhex("0300040001")), "a write is not done again"
