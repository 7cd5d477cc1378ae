"""What a profile's commands may not say: each contradiction is told, at its place, and a right profile is quiet."""

import pytest

from edgegw.errors import ProfileError
from edgegw.profiles.check import findings
from edgegw.profiles.loader import load_profile
from edgegw.profiles.schema import Profile

MODBUS_POINTS = {
    "relay": {"type": "bool", "modbus": {"table": "coil", "address": 0}},
    "speed": {"type": "uint16", "scale": 0.1, "max": 50, "modbus": {"table": "holding", "address": 1}},
    "mode": {
        "type": "uint16",
        "map": {"0": "auto", "1": "off", "2": "off"},
        "modbus": {"table": "holding", "address": 2},
    },
    "name": {"type": "str", "length": 4, "modbus": {"table": "holding", "address": 3}},
}
MQTT_POINTS = {
    "on": {"type": "bool", "map": {"ON": True, "OFF": False}, "mqtt": {"path": "state"}},
    "level": {"type": "float", "mqtt": {"path": "level"}},
    "asked": {"type": "str", "mqtt": {"topic": "asks", "path": "code"}},
}


def told(link, commands=None, mqtt=None, **more):
    mqtt_link = link == "mqtt"
    sample = {"payload": "{}"} if mqtt_link else {"hex": "00", "request": "00"}
    profile = Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": link,
            "points": MQTT_POINTS if mqtt_link else MODBUS_POINTS,
            "commands": commands or {},
            "samples": [{"source": "x", "readings": {}, **sample}],
            **({"mqtt": mqtt} if mqtt else {}),
            **more,
        }
    )
    return [(".".join(map(str, loc)), message) for loc, message in findings(profile)]


WRITE = {"table": "coil", "address": 0, "value": True}
PUBLISH = {"topic": "{address}/set", "payload": "x", "qos": 1}


@pytest.mark.parametrize(
    ("link", "command", "at", "says"),
    [
        ("modbus", {"mqtt": PUBLISH}, "mqtt", "cannot be sent by mqtt"),
        ("modbus", {"modbus": WRITE, "args": {"v": {"type": "int"}}}, "args.v", "used by nothing"),
        ("modbus", {"modbus": WRITE, "moves": "nothing"}, "moves", "no point"),
        ("modbus", {"modbus": {"table": "coil", "address": 0, "arg": "v"}}, "", "no argument 'v'"),
        ("modbus", {"modbus": {**WRITE, "scale": 0.1}}, "modbus.scale", "sent as it is"),
        ("modbus", {"modbus": {**WRITE, "value": 7, "function": 15}}, "modbus.value", "no coil's state"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "nothing", "equals": 1}}, "confirm.point", "no point"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "relay", "equals": 1}}, "confirm", "true or false"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "speed", "equals": True}}, "confirm", "is a number"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "speed", "equals": 50.1}}, "confirm", "outside"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "mode", "equals": "off"}}, "confirm", "more than once"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "mode", "equals": "on"}}, "confirm", "not in"),
        ("modbus", {"modbus": WRITE, "confirm": {"point": "name", "equals": "x"}}, "confirm", "confirms nothing"),
        (
            "modbus",
            {"modbus": WRITE, "confirm": {"point": "relay", "equals": True, "within": "5s"}, "timeout": "3s"},
            "confirm.within",
            "longer than the command",
        ),
        ("mqtt", {"mqtt": {**PUBLISH, "qos": 0}}, "", "nothing tells that it arrived"),
        ("mqtt", {"mqtt": {**PUBLISH, "topic": "a/+/b"}}, "mqtt.topic", "not an exact"),
        ("mqtt", {"mqtt": {**PUBLISH, "payload": "{nothing}"}}, "", "no argument 'nothing'"),
        ("mqtt", {"mqtt": {**PUBLISH, "payload": '{"a":"{{serial}}"}'}}, "mqtt.payload", "single braces"),
        ("mqtt", {"mqtt": {**PUBLISH, "payload": '{"a":}'}}, "mqtt.payload", "begins as JSON"),
        (
            "mqtt",
            {"mqtt": {**PUBLISH, "reply": {"topic": "r", "id": "id"}}},
            "mqtt.reply.id",
            "nothing the device could repeat",
        ),
        (
            "mqtt",
            {"mqtt": {**PUBLISH, "payload": "{id}", "reply": {"topic": "r/{id}", "id": "id"}}},
            "mqtt.reply.topic",
            "only name {address}",
        ),
        ("mqtt", {"mqtt": PUBLISH, "confirm": {"point": "on", "equals": "ON"}}, "confirm", "not among"),
        ("mqtt", {"mqtt": PUBLISH, "confirm": {"point": "level", "equals": "1"}}, "confirm", "type is float"),
        ("mqtt", {"mqtt": PUBLISH, "confirm": {"point": "level", "equals": None}}, "confirm", "never has no value"),
        (
            "mqtt",
            {"mqtt": PUBLISH, "confirm": {"point": "level", "equals": 1, "settle": "1s"}},
            "confirm.settle",
            "for Modbus",
        ),
    ],
)
def test_told(link, command, at, says):
    (finding,) = told(link, {"go": command})
    assert finding[0] == ".".join(filter(None, ("commands", "go", at)))
    assert says in finding[1]


@pytest.mark.parametrize(
    ("arg", "at", "says"),
    [
        ({"type": "float", "default": 61, "max": 60}, "args.v.default", "not within"),
        ({"type": "int", "default": 1.5}, "args.v.default", "no whole number"),
        ({"type": "int", "min": 5, "max": 1}, "args.v.min", "above max"),
        ({"type": "int", "choices": [1, 7], "max": 5}, "args.v.choices", "not within"),
        ({"type": "float", "min": 0, "max": 10_000}, "args.v", "beyond what uint16"),
        ({"type": "str"}, "modbus.arg", "not a text"),
        ({"type": "bool"}, "modbus.scale", "for numbers"),
    ],
)
def test_arguments(arg, at, says):
    write = {"table": "holding", "address": 1, "arg": "v", "scale": 0.1}
    (finding,) = told("modbus", {"go": {"args": {"v": arg}, "modbus": write}})
    assert finding[0] == f"commands.go.{at}"
    assert says in finding[1]


def test_a_confirming_argument_is_of_the_point_s_kind():
    write = {"table": "holding", "address": 1, "arg": "v"}
    command = {"args": {"v": {"type": "int"}}, "modbus": write, "confirm": {"point": "speed", "arg": "v"}}
    assert told("modbus", {"go": command}) == [("commands.go.confirm.arg", "v is of type int, point speed gives float")]


@pytest.mark.parametrize(
    ("mqtt", "at", "says"),
    [
        ({"live": ["nothing"]}, "mqtt.live.0", "no point is read"),
        ({"live": ["asks/#"]}, "mqtt.live.0", "not an exact"),
        (
            {"live": ["asks"], "acks": [{"topic": "asks", "reply": "r", "payload": "x"}]},
            "mqtt.acks.0.topic",
            "answered by a command",
        ),
        ({"acks": [{"topic": "no", "reply": "r", "payload": "x"}]}, "mqtt.acks.0.topic", "not taken in"),
        ({"acks": [{"topic": "asks", "reply": "r/#", "payload": "x"}]}, "mqtt.acks.0.reply", "not an exact"),
        ({"acks": [{"topic": "asks", "reply": "r", "payload": "{serial}"}]}, "mqtt.acks.0.payload", "double braces"),
        ({"stale_when": [{"topic": "no"}]}, "mqtt.stale_when.0.topic", "nothing is read"),
        ({"availability": {"topic": "av"}, "live": ["av"]}, "mqtt.live.0", "cannot be live"),
    ],
)
def test_topics(mqtt, at, says):
    (finding,) = told("mqtt", mqtt=mqtt)
    assert finding[0] == at
    assert says in finding[1]


def test_what_is_late_may_only_raise_what_lasts_a_moment():
    alarm = {"point": "on", "when": {"equals": True}, "title": "t"}
    stale = {"stale_when": [{"path": "late", "equals": 1}]}
    ((at, says),) = told("mqtt", mqtt=stale, alarms={"a": alarm})
    assert (at, "momentary" in says) == ("alarms.a", True)
    assert told("mqtt", mqtt=stale, alarms={"a": {**alarm, "momentary": True}}) == []
    assert told("mqtt", mqtt={"stale_when": [{"topic": "asks"}]}, alarms={"a": alarm}) == []


def test_what_is_secret_is_shown_by_nothing():
    points = MQTT_POINTS | {"card": {"type": "str", "secret": True, "mqtt": {"path": "card"}}}
    alarm = {"point": "card", "when": {"changed": True}, "title": "t"}
    command = {"mqtt": PUBLISH, "confirm": {"point": "card", "equals": "1"}}
    found = told("mqtt", {"go": command}, points=points, alarms={"a": alarm})
    assert sorted(at for at, _ in found) == ["alarms.a.point", "commands.go.confirm.point"]


def test_plain_text_on_a_shared_topic_tells_nobody_apart():
    points = MQTT_POINTS | {"said": {"type": "str", "mqtt": {"topic": "all"}}}
    ((at, says),) = told("mqtt", mqtt={"match": {"path": "id"}}, points=points)
    assert (at, "plain text" in says) == ("mqtt.match", True)


SAMPLES = """vendor: v
model: m
source: s
link: modbus
points: {a: {type: bool, modbus: {table: coil, address: 0}}}
commands: {"on": {modbus: {table: coil, address: 0, value: true}}}
samples: [{source: x, request: "0101000000083DCC", hex: "01010105918B", readings: {a: true}}]
command_samples:
"""


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        ('{source: x, command: "on", hex: "01050000FF008C3B"}', "wanted 01050000FF008C3B, got 01050000FF008C3A"),
        ('{source: x, command: "on", args: {a: 1}, hex: "01050000FF008C3A"}', "got refusal: unknown-argument"),
        ('{source: x, command: "on", error: bad-argument}', "wanted refusal as bad-argument"),
        ('{source: x, command: "off", error: bad-argument}', "there is no command 'off'"),
        ('{source: x, command: "on", topic: t, payload: p}', "sends hex"),
        ('{source: x, command: "on"}', "says what is sent"),
    ],
)
def test_command_samples_hold_a_profile_back(tmp_path, sample, says):
    path = tmp_path / "m.yaml"
    path.write_text(f"{SAMPLES}  - {sample}\n")
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    assert says in caught.value.detail
    assert ":9:" in caught.value.detail


def test_a_right_command_sample(tmp_path):
    path = tmp_path / "m.yaml"
    path.write_text(f'{SAMPLES}  - {{source: x, command: "on", hex: "01050000FF008C3A"}}\n')
    assert "on" in load_profile(path).commands
