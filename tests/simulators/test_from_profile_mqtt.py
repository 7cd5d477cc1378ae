"""Devices whose messages carry a time of their own, and whose clock is wrong: every shipped profile that has such a time."""

import contextlib
import json
import time
from datetime import UTC, datetime

import pytest

from edgegw.errors import ProfileError
from edgegw.model import MqttPayload, Quality
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from simulators.from_profile import arguments, mqtt_units
from simulators.mqtt_unit import MqttUnit

LIBRARY = ProfileLibrary()
ADDRESS = "unit-7"
NS = 1_000_000_000
NOW_NS = int(datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC).timestamp()) * NS
HOUR_S = 3600


def timed_names():
    """The shipped MQTT profiles with a time; one that cannot be loaded fails in tests/profiles/test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            profile = LIBRARY.get(name)
            if any(point.mqtt is not None and point.mqtt.time is not None for point in profile.points.values()):
                yield name


TIMED = list(timed_names())


def told(name, clock):
    """The readings that have a time, of all it says by itself, received at `NOW_NS` by a gateway whose clock is right."""
    profile = LIBRARY.get(name)
    decoder = compile_profile(profile, ADDRESS)
    messages = MqttUnit(profile, ADDRESS, clock=clock).messages()
    readings = [
        r for m in messages for r in decoder.decode(MqttPayload(m.topic, m.payload.encode(), False, NOW_NS)).readings
    ]
    return [reading for reading in readings if reading.time]


def test_there_are_such_profiles():
    assert {"alink/climate", "huawei/iotda"} <= set(TIMED)


@pytest.mark.parametrize("name", TIMED)
def test_a_right_clock_gives_fresh_values_with_its_time(name):
    readings = told(name, lambda: NOW_NS)
    assert readings
    assert {(r.time, r.quality) for r in readings} == {("2026-11-25T12:00:00.000Z", Quality.FRESH)}


@pytest.mark.parametrize("name", TIMED)
def test_a_clock_that_is_behind_makes_values_stale(name):
    readings = told(name, lambda: NOW_NS - HOUR_S * NS)
    assert readings
    assert {(r.time, r.quality) for r in readings} == {("2026-11-25T11:00:00.000Z", Quality.STALE)}


@pytest.mark.parametrize("name", TIMED)
def test_a_clock_that_is_ahead_gives_its_own_time(name):
    readings = told(name, lambda: NOW_NS + HOUR_S * NS)
    assert readings
    assert {(r.time, r.quality) for r in readings} == {("2026-11-25T13:00:00.000Z", Quality.FRESH)}


@pytest.mark.parametrize("name", TIMED)
def test_a_clock_that_was_never_set_is_none(name):
    assert told(name, lambda: 60 * NS) == []


@pytest.mark.parametrize("name", TIMED)
def test_without_a_clock_the_samples_times_stay(name):
    assert {r.quality for r in told(name, None)} == {Quality.STALE}


@pytest.mark.parametrize(("argv", "off_s"), [([], 0), (["--clock-off", "-3600"], -HOUR_S), (["--clock-off", "90"], 90)])
def test_the_command_line_puts_the_clock_off(argv, off_s, monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: NOW_NS)
    profile = LIBRARY.get("alink/climate")
    args = arguments(["alink/climate", "--broker", "127.0.0.1:1883", *argv])
    (unit,) = mqtt_units(args, profile)
    said = json.loads(unit.messages()[0].payload)
    assert said["params"]["CurrentTemperature"]["time"] == (NOW_NS + off_s * NS) // 10**6
