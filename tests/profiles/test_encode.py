"""Commands to what is sent: arguments, exact registers, read-backs that decode to the value, topics and payloads."""

import json

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from edgegw.codec.registers import INT_RANGES
from edgegw.errors import CommandError, DecodeError
from edgegw.model import Registers
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import Expect, ModbusWrite, MqttPublish, MqttReply, SerialWrite, compile_commands
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")


def modbus(points, commands):
    return Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": "modbus",
            "points": points,
            "commands": commands,
            "samples": [{"source": "x", "hex": "00", "request": "00", "readings": {}}],
        }
    )


def encode(profile, name, address="dev", correlation="7", **args):
    return compile_commands(profile, address, 1).encode(name, args, correlation)


def reason(profile, name, **args):
    with pytest.raises(CommandError) as caught:
        encode(profile, name, **args)
    assert caught.value.detail
    return caught.value.reason


RELAY = ProfileLibrary().get("waveshare/modbus-rtu-relay-8ch")
VFD = ProfileLibrary().get("delta/vfd")
VF105 = ProfileLibrary().get("vguang/vf105")
SHELLY = ProfileLibrary().get("shelly/plug-s-gen3")


# --- Modbus


def test_a_relay_and_its_read_back():
    wanted = ModbusWrite(5, "coil", 2, (0xFF00,), ("coil", 2, 1), (1,), None, 0.0, 0.2, ("relay3", True))
    assert encode(RELAY, "on3") == wanted
    assert encode(RELAY, "off3").expect == (0,)


def test_a_pulse_counts_tenths_and_has_a_default():
    assert encode(RELAY, "pulse1", seconds=0.7).words == (7,)
    shows = ("relay8", True)
    assert encode(RELAY, "pulse8") == ModbusWrite(5, "coil", 0x0207, (50,), ("coil", 7, 1), (1,), None, 0.0, 0.2, shows)


@given(st.integers(5, 600))
def test_a_scaled_argument_is_exact(tenths):
    assert encode(RELAY, "pulse1", seconds=tenths / 10).words == (tenths,)


def test_one_bit_is_read_back_under_a_mask():
    run = encode(VFD, "run")
    assert (run.function, run.words) == (6, (2,))
    assert (run.readback, run.expect, run.mask) == (("holding", 0x2101, 1), (2,), (2,))
    assert encode(VFD, "stop").expect == (0,)


@given(
    st.data(), st.sampled_from(sorted(INT_RANGES)), st.sampled_from(ORDERS), st.sampled_from([1, 0.1, 0.01, 0.5, 10])
)
def test_what_is_written_reads_back_as_what_was_asked_for(data, kind, order, scale):
    """encode → the device's registers → decode gives the value, and the expectation is those registers."""
    raw = data.draw(st.integers(max(INT_RANGES[kind][0], -(2**50)), min(INT_RANGES[kind][1], 2**50)))
    point = {"type": kind, "scale": scale, "modbus": {"table": "holding", "address": 10, "order": order}}
    command = {
        "args": {"v": {"type": "float"}},
        "modbus": {"table": "holding", "address": 10, "arg": "v", "scale": scale, "type": kind, "order": order},
        "confirm": {"point": "p", "arg": "v"},
    }
    profile = modbus({"p": point}, {"set": command})
    (reading,) = (
        compile_profile(profile, None).decode(Registers("holding", 10, registers_of(raw, kind, order))).readings
    )
    write = encode(profile, "set", v=reading.value)
    assert write.words == write.expect == registers_of(raw, kind, order)
    assert write.function == (6 if len(write.words) == 1 else 16)


def registers_of(raw, kind, order):
    from edgegw.codec import registers

    return registers.encode(raw, kind, order)


@given(st.floats(-1e6, 1e6, width=32), st.sampled_from(ORDERS))
def test_float32_reads_back(value, order):
    point = {"type": "float32", "modbus": {"table": "holding", "address": 0, "order": order}}
    command = {
        "args": {"v": {"type": "float"}},
        "modbus": {"table": "holding", "address": 0, "arg": "v", "type": "float32", "order": order},
        "confirm": {"point": "p", "arg": "v"},
    }
    profile = modbus({"p": point}, {"set": command})
    write = encode(profile, "set", v=value)
    (reading,) = compile_profile(profile, None).decode(Registers("holding", 0, write.words)).readings
    assert write.expect == write.words
    assert encode(profile, "set", v=reading.value).words == write.words


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(sorted(INT_RANGES)))
def test_what_does_not_fit_is_refused_never_cut(value, kind):
    command = {"args": {"v": {"type": "float"}}, "modbus": {"table": "holding", "address": 0, "arg": "v", "type": kind}}
    point = {"type": kind, "modbus": {"table": "holding", "address": 0}}
    profile = modbus({"p": point}, {"set": command})
    low, high = INT_RANGES[kind]
    if low <= value <= high and abs(value) < 2**50:
        write = encode(profile, "set", v=value)
        (reading,) = compile_profile(profile, None).decode(Registers("holding", 0, write.words)).readings
        assert abs(reading.value - value) <= 0.5
    elif not low - 1 <= value <= high + 1:
        assert reason(profile, "set", v=value) == "bad-argument"


MODES = {
    "mode": {
        "type": "uint16",
        "map": {"0": "auto", "1": "manual", "2": "off", "3": "off"},
        "modbus": {"table": "holding", "address": 4},
    }
}


@pytest.mark.parametrize(("word", "expect"), [("auto", (0,)), ("manual", (1,))])
def test_a_map_is_turned_round(word, expect):
    command = {"modbus": {"table": "holding", "address": 4, "value": 1}, "confirm": {"point": "mode", "equals": word}}
    assert encode(modbus(MODES, {"go": command}), "go").expect == expect


def test_several_coils_by_function_15():
    command = {"args": {"on": {"type": "bool"}}, "modbus": {"table": "coil", "address": 0, "function": 15, "arg": "on"}}
    profile = modbus({"p": {"type": "bool", "modbus": {"table": "coil", "address": 0}}}, {"set": command})
    assert [encode(profile, "set", on=on).words for on in (True, False)] == [(1,), (0,)]
    assert encode(profile, "set", on=True).function == 15


@given(st.integers(0, 0xFFFF), st.integers(0, 15), st.booleans())
def test_a_bit_confirms_whatever_the_others_are(word, number, on):
    point = {"type": "bool", "modbus": {"table": "input", "address": 1, "bit": number}}
    command = {
        "args": {"on": {"type": "bool"}},
        "modbus": {"table": "holding", "address": 0, "arg": "on"},
        "confirm": {"point": "p", "arg": "on"},
    }
    profile = modbus({"p": point}, {"set": command})
    write = encode(profile, "set", on=on)
    (reading,) = compile_profile(profile, None).decode(Registers("input", 1, (word,))).readings
    assert write.mask is not None
    assert (word & write.mask[0] == write.expect[0]) is (reading.value is on)


# --- arguments


def test_reasons():
    assert reason(RELAY, "explode") == "unknown-command"
    assert reason(RELAY, "on1", seconds=1) == "unknown-argument"
    assert reason(VFD, "frequency") == "missing-argument"
    assert reason(VFD, "frequency", hertz=None) == "missing-argument"


@pytest.mark.parametrize("value", ["5", True, float("nan"), float("inf"), 0.4, 60.1, -5, 10**30])
def test_numbers_of_the_wrong_kind_or_size(value):
    assert reason(RELAY, "pulse1", seconds=value) == "bad-argument"


@pytest.mark.parametrize(
    ("arg", "good", "bad"),
    [
        ({"type": "int"}, [1, 1.0, -5], [1.5, "1", True, 2**63]),
        ({"type": "bool"}, [True, False], [0, 1, "true"]),
        ({"type": "str", "max_length": 3}, ["", "abc", "开门"], ["abcd", 1, True, "\ud800"]),
        ({"type": "str", "choices": ["a", "b"]}, ["a"], ["c", ""]),
        ({"type": "int", "choices": [0, 1]}, [1, 0.0], [2, True]),
    ],
)
def test_argument_types(arg, good, bad):
    profile = mqtt({"go": {"args": {"v": arg}, "mqtt": {"topic": "t", "payload": '{"v":{v}}', "qos": 1}}})
    for value in good:
        assert json.loads(encode(profile, "go", v=value).payload) == {"v": value}
    for value in bad:
        assert reason(profile, "go", v=value) == "bad-argument"


# --- MQTT


def mqtt(commands, **more):
    return Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": "mqtt",
            "points": {"p": {"type": "bool", "mqtt": {"path": "p"}}},
            "commands": commands,
            "samples": [{"source": "x", "payload": "{}", "readings": {}}],
            **more,
        }
    )


def test_a_request_and_how_its_answer_is_known():
    publish = encode(SHELLY, "on", address="plug1", correlation="42")
    assert publish == MqttPublish(
        "plug1/rpc",
        b'{"id":42,"src":"edgegw-plug1","method":"Switch.Set","params":{"id":0,"on":true}}',
        0,
        MqttReply("edgegw-plug1/rpc", "id", "42", "result", "error.message", device_path="src", device="plug1"),
    )
    assert compile_commands(SHELLY, "plug1", None).reply_topics() == ("edgegw-plug1/rpc",)


def test_a_point_that_confirms():
    valve = ProfileLibrary().get("zigbee2mqtt/valve")
    publish = encode(valve, "close", address="v1")
    assert publish == MqttPublish("zigbee2mqtt/v1/set", b'{"state":"OFF"}', 0, None, Expect("open", False, 4.0))
    assert compile_commands(valve, "v1", None).reply_topics() == ()


def test_a_reply_that_must_say_so():
    reply = encode(VF105, "open", address="e4").reply
    assert reply == MqttReply("access_device/v2/cmd/control_reply", "serialNo", "7", "code", "message", "000000")


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=32))
def test_no_argument_leaves_its_place(serial):
    payload = json.loads(encode(VF105, "allow", address="e4", serial=serial).payload)
    assert payload == {
        "serialNo": serial,
        "uuid": "e4",
        "code": "000000",
        "time": 0,
        "sign": "",
        "data": {},
        "message": "",
    }


@pytest.mark.parametrize("value", ["a/b", "+", "#", "a\0", "", "a\n"])
def test_an_argument_in_a_topic_is_one_level(value):
    profile = mqtt({"go": {"args": {"v": {"type": "str"}}, "mqtt": {"topic": "t/{v}", "payload": "x", "qos": 1}}})
    assert encode(profile, "go", v="ok").topic == "t/ok"
    assert reason(profile, "go", v=value) == "bad-argument"


def test_a_topic_no_broker_takes():
    arg = {"type": "str", "max_length": 256}
    profile = mqtt({"go": {"args": {"v": arg}, "mqtt": {"topic": "{address}/{v}", "payload": "x", "qos": 1}}})
    with pytest.raises(CommandError) as caught:
        encode(profile, "go", address="x" * 65_500, v="y" * 200)
    assert caught.value.reason == "bad-argument"


def test_devices_of_one_profile_share_what_is_compiled():
    one, other = compile_commands(VF105, "a", None), compile_commands(VF105, "b", None)
    assert one._commands is other._commands
    assert one.names() == ("allow", "refuse", "open")


# --- serial


def test_serial_bytes():
    profile = Profile.model_validate(
        {
            "vendor": "v",
            "model": "m",
            "source": "s",
            "link": "serial",
            "serial": {"framing": {"kind": "delimiter", "end": "0D"}, "protocol": "text"},
            "points": {"text": {"type": "str", "serial": {"field": "text"}}},
            "commands": {
                "beep": {"serial": {"hex": "55AA04"}, "confirm": {"point": "text", "equals": "OK", "within": "500ms"}}
            },
            "samples": [{"source": "x", "hex": "410D", "readings": {"text": "A"}}],
        }
    )
    assert encode(profile, "beep") == SerialWrite(b"\x55\xaa\x04", Expect("text", "OK", 0.5))


@given(st.integers(0, 0xFFFF), st.floats(-100, 100), st.sampled_from([0.1, 0.01, 0.25, 1]))
def test_scale_and_offset_are_turned_round(raw, offset, scale):
    point = {"type": "uint16", "scale": scale, "offset": offset, "modbus": {"table": "holding", "address": 0}}
    command = {
        "args": {"v": {"type": "float"}},
        "modbus": {"table": "holding", "address": 1, "value": 1},
        "confirm": {"point": "p", "arg": "v"},
    }
    profile = modbus({"p": point}, {"set": command})
    try:
        (reading,) = compile_profile(profile, None).decode(Registers("holding", 0, (raw,))).readings
    except DecodeError:
        assume(False)
    assert encode(profile, "set", v=reading.value).expect == (raw,)
