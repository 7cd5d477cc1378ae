"""Simulated meters without a line: what they answer, decoded, and what they refuse to be."""

import contextlib
from random import Random

import pytest

from edgegw.errors import ProfileError
from edgegw.model import MeterAnswer
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.meter_frames import cjt188
from simulators.profile_meter import answers, meter_of, plausible

LIBRARY = ProfileLibrary()
NUMBERS = {"dlt645": "558890213594", "cjt188": "78330011223344"}


def meter_names():
    """The shipped meter profiles; one that cannot be loaded fails in tests/profiles/test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            if LIBRARY.get(name).link == "meter":
                yield name


METERS = list(meter_names())


def read(profile, values):
    decoder = compile_profile(profile, None)
    table = answers(profile, values)
    raws = [MeterAnswer(profile.meter.protocol, di, data) for di, data in table.items()]
    return {r.point: r.value for raw in raws for r in decoder.decode(raw).readings}


@pytest.mark.parametrize("name", METERS)
def test_what_it_is_told_is_read(name):
    profile = LIBRARY.get(name)
    for seed in range(20):
        values = plausible(profile, Random(f"{name} {seed}"))
        assert read(profile, values) == values


@pytest.mark.parametrize("name", METERS)
def test_its_samples_values_are_read(name):
    profile = LIBRARY.get(name)
    for sample in profile.samples:
        if sample.readings:
            told = read(profile, sample.readings)
            assert {point: told[point] for point in sample.readings} == sample.readings


def test_what_has_no_value_is_none():
    profile = LIBRARY.get("generic/dlt645-three-phase")
    assert read(profile, {"voltage_b": 231.5}) == {"voltage_b": 231.5}


def test_bits_stand_beside_each_other_and_a_map_and_a_scale_are_turned_round():
    def at(**read):
        return {"di": "04000501", **read}

    profile = Profile.model_validate({
        "vendor": "test", "model": "bits", "source": "test", "link": "meter", "meter": {"protocol": "dlt645"},
        "points": {
            "low": {"type": "bool", "meter": at(format="HHHH", bit=2)},
            "tariff": {"type": "int", "meter": at(format="HHHH", bit=8, bits=4)},
            "phase": {"type": "str", "map": {"1": "a", "2": "b"}, "meter": at(format="HHHH", bit=12, bits=2)},
            "ratio": {"type": "float", "scale": 40, "meter": at(format="XX.XX", offset=2)},
            "day": {"type": "str", "meter": at(format="YYMMDD", offset=4)},
        },
        "samples": [{"source": "none", "hex": "16", "error": "bad-frame"}],
    })  # fmt: skip
    values = {"low": True, "tariff": 9, "phase": "b", "ratio": 492.8, "day": "261125"}
    assert answers(profile, values)["04000501"].hex() == "04293212251126"
    assert read(profile, values) == values
    with pytest.raises(ValueError, match="tariff: 16 has more bits"):
        answers(profile, {"tariff": 16})
    with pytest.raises(ValueError, match="phase: 'c' is none of"):
        answers(profile, {"phase": "c"})


def frame(profile, address, control, data):
    return cjt188(profile.meter.type_code, address, control, data)


def test_a_valve_moves_and_the_battery_stays_low():
    profile = LIBRARY.get("generic/cjt188-water")
    meter = meter_of(profile, NUMBERS["cjt188"], {"valve": "open", "battery_low": True})
    ask = frame(profile, meter.address, 1, bytes.fromhex("901F01"))
    assert meter.answer(ask)[-4:-2] == b"\x04\x00"
    meter.answer(frame(profile, meter.address, 4, bytes.fromhex("A0170299")))
    assert meter.answer(ask)[-4:-2] == b"\x05\x00"


@pytest.mark.parametrize(("valve", "word"), [("fault", 3), ("unknown", 2)])
def test_a_faulty_valve_does_not_move(valve, word):
    profile = LIBRARY.get("generic/cjt188-water")
    meter = meter_of(profile, NUMBERS["cjt188"], {"valve": valve})
    meter.answer(frame(profile, meter.address, 4, bytes.fromhex("A0170299")))
    assert meter.answer(frame(profile, meter.address, 1, bytes.fromhex("901F01")))[-4] == word


@pytest.mark.parametrize(
    ("name", "address", "values", "said"),
    [
        ("generic/dlt645-single-phase", "5588902135940", {}, "has 12 digits"),
        ("generic/cjt188-water", "AAAAAAAAAAAAAA", {}, "has 14 digits"),
        ("generic/dlt645-single-phase", "558890213594", {"volts": 1}, "there is no point 'volts'"),
        ("generic/dlt645-single-phase", "558890213594", {"energy": 1e9}, "energy: .* more digits"),
        ("generic/dlt645-single-phase", "558890213594", {"energy": 1.234}, "energy: .* cannot be written"),
        ("generic/dlt645-single-phase", "558890213594", {"energy": -1}, "energy: .* cannot be written"),
        ("generic/dlt645-single-phase", "558890213594", {"energy": "full"}, "energy: a number"),
        ("generic/cjt188-water", "78330011223344", {"valve": "ajar"}, "valve: 'ajar' is none of"),
        ("generic/cjt188-water", "78330011223344", {"battery_low": 1}, "bool, not 1"),
    ],
)
def test_what_no_meter_can_send_is_refused(name, address, values, said):
    with pytest.raises(ValueError, match=said):
        meter_of(LIBRARY.get(name), address, values)
