"""Every shipped meter profile: a simulated meter on a line at the wire's pace, read by our own link; its faults."""

import asyncio
import contextlib
from random import Random

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import MeterLink as MeterConfig
from edgegw.links.meter import MeterLink, unit_plan
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.from_profile import arguments, main, simulated
from simulators.meter_call import CalledBus
from simulators.meters import Cjt188Meter, MeterFault
from simulators.profile_meter import FAULTS, meter_of, plausible
from tests.simulators.test_from_profile_meter import METERS, NUMBERS

LIBRARY = ProfileLibrary()
BAUD = 115200  # 48 times quicker than what is usual, so that tests are
WITHIN_S = 8.0


class Readings:
    """A sink that decodes what it is offered, as the pipeline does. `values`: the last of each point."""

    full = False

    def __init__(self, profile):
        self._decoder = compile_profile(profile, None)
        self._heard = asyncio.Event()
        self.values = {}
        self.silences = []

    def offer(self, device, raw, at, ack=None, token=0):
        self.values |= {r.point: r.value for r in self._decoder.decode(raw).readings}
        self._heard.set()

    def when_room(self, callback):
        raise AssertionError("never full")

    def silent(self, device, reason, at):
        self.silences.append(reason)
        self._heard.set()

    def link_state(self, link, *, up, reason, at):
        pass

    async def until(self, condition):
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._heard.clear()
                await self._heard.wait()


def quick(profile):
    """The profile, polled as often as a test wants."""
    told = profile.model_dump(by_alias=True, exclude_unset=True, mode="json")
    poll = dict.fromkeys(profile.meter.poll, "50ms")
    return Profile.model_validate(told | {"meter": told["meter"] | {"poll": poll, "timeout": "60ms"}})


@contextlib.asynccontextmanager
async def polling(profile, path, address):
    """What our link reads of the meter at this address."""
    profile = quick(profile)
    sink = Readings(profile)
    config = MeterConfig.model_validate({"kind": "meter", "port": path, "baud": BAUD, "late": "60ms"})
    units, meters = [unit_plan("d", address, profile)], {"d": (address, profile.meter)}
    link = MeterLink("line", config, units, meters, sink=sink, clock=SystemClock(), random=lambda: 0.0)
    task = asyncio.create_task(link.run(lambda: None))
    try:
        yield sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def on_a_line(*meters, **more):
    bus = CalledBus(meters, baud=BAUD, bits=10, **more)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


@pytest.mark.parametrize("name", METERS)
async def test_a_simulated_meter_is_read_as_it_was_told(name):
    profile = LIBRARY.get(name)
    values, address = plausible(profile, Random(name)), NUMBERS[profile.meter.protocol]
    async with on_a_line(meter_of(profile, address, values)) as bus, polling(profile, bus.path, address) as sink:
        await sink.until(lambda: len(sink.values) == len(values))
        assert sink.values == values
        assert not sink.silences
        assert bus.bad_requests == 0


REASONS = {
    "silent": "timeout",
    "late": "timeout",
    "wrong-unit": "timeout",
    "bad-checksum": "bad-frame",
    "swapped": "timeout",
    "torn": "bad-frame",
    "refuse": "exception",
}


def test_every_fault_is_tried():
    assert {*REASONS, "slow", "flapping", "flood"} == set(FAULTS)


@pytest.mark.parametrize("fault", REASONS)
async def test_each_fault_of_a_simulated_meter_is_told(fault):
    profile = LIBRARY.get("generic/dlt645-single-phase")
    meter = meter_of(profile, NUMBERS["dlt645"])
    meter.fault = MeterFault(FAULTS[fault][1].kind, FAULTS[fault][1].seconds)
    async with on_a_line(meter) as bus, polling(profile, bus.path, meter.address) as sink:
        await sink.until(lambda: sink.silences)
        assert sink.silences[0] == REASONS[fault]
        assert sink.values == {}


async def test_a_flapping_meter_answers_and_does_not_in_turn():
    profile = LIBRARY.get("generic/cjt188-water")
    meter = meter_of(profile, NUMBERS["cjt188"], {"total": 12.34})
    async with on_a_line(meter, flapping=2) as bus, polling(profile, bus.path, meter.address) as sink:
        await sink.until(lambda: sink.silences)
        assert sink.values["total"] == 12.34
        assert meter.requests
        before = len(meter.requests)
        await sink.until(lambda: len(meter.requests) > before)


async def test_the_command_line_serves_meters(tmp_path, capsys):
    name, address, port = "generic/dlt645-single-phase", NUMBERS["dlt645"], tmp_path / "tty"
    argv = [name, "--port", str(port), "--baud", str(BAUD), "--address", address, "--set", "energy=123.45"]
    task = asyncio.create_task(simulated(arguments(argv)))
    try:
        async with asyncio.timeout(WITHIN_S):
            while not port.exists():
                await asyncio.sleep(0)
        async with polling(LIBRARY.get(name), str(port), address) as sink:
            await sink.until(lambda: "energy" in sink.values)
            assert sink.values["energy"] == 123.45
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert capsys.readouterr().out == f"{name} at {port}, number {address}\n"
    assert not port.exists()


def test_a_port_that_cannot_be_is_said(capsys):
    argv = ["generic/cjt188-gas", "--port", "/nowhere/there/tty", "--address", NUMBERS["cjt188"]]
    assert main([*argv, "--fault", "bad-checksum", "--times", "3"]) == 2
    assert "No such file" in capsys.readouterr().err


def test_a_water_meter_is_of_its_kind():
    meter = meter_of(LIBRARY.get("generic/cjt188-gas"), NUMBERS["cjt188"])
    assert isinstance(meter, Cjt188Meter)
    assert meter.type == 0x30
