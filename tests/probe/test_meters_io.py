"""Meters found on a simulated line: by broadcast, by number, and several that speak at once."""

import contextlib

import pytest

from edgegw.probe.found import Confidence
from edgegw.probe.identify_meter import Meter, identifiers, rank
from edgegw.probe.meters import MeterProbe
from edgegw.probe.plan import Setting
from simulators.meter_call import CalledBus
from simulators.meter_frames import digits
from simulators.meters import Cjt188Meter, electric
from tests.probe.asking import shipped

BAUD = 115200
AT = (Setting(BAUD, "8N1"),)  # a pty has no parity
METER = "558890213594"
WATER = "33001122334455"[:14]


def plain_meter(number=METER, hundredths=12345):
    """One that knows no more than the standard's usual values."""
    made = electric(number, hundredths)
    for di in ("02800002", "02060000"):
        made.values.pop(di)
    return made


def water(number=WATER):
    value = bytes.fromhex("007766552C") * 2 + bytes.fromhex("31012211051520") + b"\0\0"
    return Cjt188Meter(number, {"901F": value})


@contextlib.asynccontextmanager
async def line(*meters):
    bus = CalledBus(meters, baud=BAUD, bits=10)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


def search(bus, **more):
    options = {"settings": AT, "timeout_s": 0.06, "tell": lambda *_: None, **more}
    return MeterProbe(bus.path, shipped(), **options)


async def test_one_electricity_meter_says_its_number_and_what_it_is():
    async with line(plain_meter()) as bus:
        probe = search(bus)
        await probe.run()
        (one,) = probe.found
        assert (one.protocol, one.address, one.where) == ("dlt645", METER, "115200 8N1")
        assert one.best.profile == "generic/dlt645-single-phase"
        assert one.best.confidence is Confidence.CLEAR
        assert 123.45 in one.best.readings.values()
        assert probe.notes == []


async def test_one_water_meter():
    async with line(water()) as bus:
        probe = search(bus)
        await probe.run()
        (one,) = probe.found
        assert (one.protocol, one.address, one.best.profile) == ("cjt188", WATER, "generic/cjt188-water")
        assert one.best.confidence is Confidence.CLEAR
        assert bus.meters[0].writes == []


async def test_meters_that_speak_at_once_are_told_and_asked_by_their_numbers():
    async with line(electric(METER, 1), electric("000000000161", 26), water()) as bus:
        probe = search(bus, every=True)
        await probe.run()
        assert [one.protocol for one in probe.found] == ["cjt188"]
        probe = search(bus, numbers=(METER, "000000000161", "999999999999", WATER))
        await probe.run()
        assert [one.address for one in probe.found] == [METER, "000000000161", WATER]
    async with line(electric(METER, 1), electric("000000000161", 26)) as bus:
        probe = search(bus)
        await probe.run()
        assert probe.found == []
        assert "several meters speak at once" in probe.notes[0]
        assert "--address NUMBER" in probe.notes[0]


async def test_nobody():
    async with line() as bus:
        probe = search(bus)
        await probe.run()
        assert (probe.found, probe.notes) == ([], [])


# --- the pure half ----------------------------------------------------------------------------------------------------


def test_a_meters_type_chooses_its_profiles():
    assert all(
        "heat" not in fit.profile
        for fit in rank(Meter("cjt188", WATER, 0x10), {"901F": water().value("901F")}, shipped())
    )
    assert identifiers(Meter("dlt645", METER), shipped())
    assert "901F" in identifiers(Meter("cjt188", WATER, 0x10), shipped())


@pytest.mark.parametrize("data", [b"", b"\xff" * 4, b"\x0a" * 4])
def test_values_that_are_none_are_against_a_profile(data):
    fits = rank(Meter("dlt645", METER), {"00010000": data}, {"x": shipped()["generic/dlt645-single-phase"]})
    assert all(fit.confidence is not Confidence.CLEAR for fit in fits)


def test_what_a_meter_refuses_is_named():
    meter = Meter("dlt645", METER)
    wanted = identifiers(meter, {"x": shipped()["generic/dlt645-single-phase"]})
    answers = dict.fromkeys(wanted) | {"00010000": digits("00012345")}
    fits = rank(meter, answers, {"x": shipped()["generic/dlt645-single-phase"]})
    assert all(fit.confidence is not Confidence.CLEAR for fit in fits)
