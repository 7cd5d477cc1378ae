"""Every shipped MQTT profile against messages made of its samples: what is said is read, what is commanded comes about."""

import contextlib
import json

import pytest

from edgegw.errors import ProfileError
from edgegw.model import MqttPayload
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.loader import ProfileLibrary
from simulators.mqtt_unit import MqttUnit

LIBRARY = ProfileLibrary()
ADDRESS = "unit-7"


def mqtt_names():
    """The shipped MQTT profiles; one that cannot be loaded fails in tests/profiles/test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            if LIBRARY.get(name).link == "mqtt":
                yield name


MQTT = list(mqtt_names())
COMMANDED = [name for name in MQTT if LIBRARY.get(name).commands]


def read(decoder, messages):
    readings = [
        r for m in messages for r in decoder.decode(MqttPayload(m.topic, m.payload.encode(), m.retain)).readings
    ]
    return {reading.point: reading.value for reading in readings}


@pytest.mark.parametrize("name", MQTT)
def test_what_is_said_is_read(name):
    profile = LIBRARY.get(name)
    decoder = compile_profile(profile, ADDRESS)
    for sample in profile.samples:
        for point, value in (sample.readings or {}).items():
            if value is not None and sample.error is None:
                told = MqttUnit(profile, ADDRESS).say(**{point: value})
                assert read(decoder, told)[point] == value, (point, told)


@pytest.mark.parametrize("name", MQTT)
def test_both_sides_of_what_is_yes_or_no(name):
    profile = LIBRARY.get(name)
    decoder, unit = compile_profile(profile, ADDRESS), MqttUnit(profile, ADDRESS)
    for point, spec in profile.points.items():
        if spec.type == "bool" and spec.map is None:
            for value in (True, False):
                assert read(decoder, unit.say(**{point: value}))[point] is value


@pytest.mark.parametrize("name", MQTT)
def test_by_itself_it_tells_something_its_profile_reads(name):
    profile = LIBRARY.get(name)
    assert read(compile_profile(profile, ADDRESS), MqttUnit(profile, ADDRESS).messages())


def at(body, path):
    for step in path.split("."):
        body = body[step]
    return body


@pytest.mark.parametrize("name", COMMANDED)
def test_each_command_is_known_answered_and_comes_about(name):
    profile = LIBRARY.get(name)
    decoder, encoder = compile_profile(profile, ADDRESS), compile_commands(profile, ADDRESS, None)
    for sample in profile.command_samples:
        if sample.error is not None:
            continue
        out = encoder.encode(sample.command, sample.args, "42")
        told = MqttUnit(profile, ADDRESS).hear(out.topic, out.payload.decode())
        if out.expect is not None:
            seen = [m for m in told if out.reply is None or m.topic != out.reply.topic]
            assert read(decoder, seen)[out.expect.point] == out.expect.value, sample.command
        if out.reply is not None:
            reply = json.loads(next(m.payload for m in told if m.topic == out.reply.topic))
            if out.reply.id_path:
                assert str(at(reply, out.reply.id_path)) == "42"
            if out.reply.ok_path:
                assert at(reply, out.reply.ok_path) is not None


def test_what_is_no_command_is_not_answered():
    unit = MqttUnit(LIBRARY.get("shelly/plug-s-gen3"), ADDRESS)
    assert unit.hear(f"{ADDRESS}/rpc", "{}") == []
    assert unit.hear(f"{ADDRESS}/rpc", "no JSON") == []
    assert unit.hear("other/rpc", '{"id":1}') == []


def test_what_a_point_never_is_is_refused():
    unit = MqttUnit(LIBRARY.get("tasmota/relay"), ADDRESS)
    with pytest.raises(ValueError, match="there is no point 'volts'"):
        unit.say(volts=1)
    with pytest.raises(ValueError, match="power: 'HALF' is none of"):
        unit.say(power="HALF")
    with pytest.raises(ValueError, match="signal: a number"):
        unit.say(signal="loud")


def test_listening_where_commands_come():
    assert MqttUnit(LIBRARY.get("tasmota/relay"), ADDRESS).command_topics() == [f"cmnd/{ADDRESS}/POWER"]
