"""Profiles of devices as they announce themselves: golden ones of real messages, and what holds for whatever is announced.

A golden profile is written anew with UPDATE_GOLDEN=1 in the environment; read what changed before it is kept.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgegw.discovery.devices import FoundDevice, devices
from edgegw.discovery.profile import Made, make, state_topics
from edgegw.discovery.samples import Seen
from edgegw.model import MqttPayload
from edgegw.profiles.check import findings
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import MqttPublish, compile_commands
from edgegw.profiles.loader import load_profile
from edgegw.profiles.samples import command_failures, failures
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import parse
from tests.discovery import captures

GOLDEN = Path(__file__).parent / "golden"

SEEN = {
    "zigbee2mqtt/0xa4c138c36f8a774e": Seen(b'{"battery_low":false,"linkquality":94,"water_leak":true}', retained=True),
    "zigbee2mqtt/bridge/state": Seen(b'{"state":"online"}', retained=True),
    "zigbee2mqtt/NAS_Temperatuur1": Seen(b'{"battery":100,"humidity":51.2,"linkquality":87,"temperature":21.36}'),
    "zigbee2mqtt/NAS_Temperatuur1/availability": Seen(b"online", retained=True),
    "XefilHome/GARDEN02/STATE": Seen(b'{"Time":"2020-11-18T14:53:23","POWER1":"OFF","POWER2":"ON","Wifi":{"RSSI":44}}'),
    "XefilHome/GARDEN02/LWT": Seen(b"Online", retained=True),
    "c3-debug/sensor/pressure_voltage/state": Seen(b"nan", retained=True),
    "c3-debug/switch/pump/state": Seen(b"OFF", retained=True),
    "ems-esp/status": Seen(b"online", retained=True),
    "gates/gate-7/state": Seen(
        b'{"leaf":"LOCKED","barrier":{"now":"open"},"hold":5.04,"card":"04A1B2C3D4","mode":"a","owner":"13800138000"}'
    ),
}
"""Constructed in the likeness of what such devices send (devices.md of the project's sources; Zigbee2MQTT, Tasmota, ESPHome)."""

KINDS = {
    "z2m-leak": captures.Z2M_LEAK,
    "z2m-climate": captures.Z2M_CLIMATE,
    "z2m-switch": captures.Z2M_SWITCH,
    "tasmota": captures.TASMOTA,
    "esphome": captures.ESPHOME,
    "ems-esp": captures.EMS_ESP,
    "parts": captures.PARTS,
}


def found(messages: tuple[captures.Message, ...]) -> FoundDevice:
    (device,) = devices(captures.as_bytes(messages), "homeassistant").devices.values()
    return device


def announce(component: str, seen: dict[str, Seen] | None = None, **config: Any) -> Made:
    """One entity of a device, made."""
    said = {"unique_id": "u1", "device": {"identifiers": ["dev-1"], "name": "Dev 1"}} | config
    heard = devices([(f"homeassistant/{component}/dev-1/thing/config", json.dumps(said).encode())], "homeassistant")
    (device,) = heard.devices.values()
    return make(device, seen or {})


def reasons(made: Made) -> list[str]:
    return [one.reason for one in made.refused]


@pytest.mark.parametrize("kind", KINDS)
def test_a_real_devices_profile_is_the_golden_one_and_loads(kind: str, tmp_path: Path) -> None:
    made = make(found(KINDS[kind]), SEEN)
    assert made.data is not None
    about = {
        "address": made.address,
        "refused": [f"{one.what}: {one.reason}" for one in made.refused],
        "notes": list(made.notes),
    }
    text = yaml.safe_dump(about, sort_keys=False, allow_unicode=True, width=120)
    text += "---\n" + yaml.safe_dump(made.data, sort_keys=False, allow_unicode=True, width=120)
    golden = GOLDEN / f"{kind}.yaml"
    if os.environ.get("UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")
    file = tmp_path / "made.yaml"
    file.write_text(text.partition("---\n")[2], "utf-8")
    load_profile(file)


def test_a_leak_raises_the_alarm_of_its_class() -> None:
    made = make(found(captures.Z2M_LEAK), {})
    assert made.data is not None
    alarm = made.data["alarms"]["water_leak"]
    assert (alarm["priority"], alarm["category"], alarm["when"]) == ("P2", "water", {"equals": True})
    decoder = compile_profile(Profile.model_validate(made.data), made.address)
    decoded = decoder.decode(MqttPayload("zigbee2mqtt/0xa4c138c36f8a774e", b'{"water_leak":true}'))
    assert [(r.point, r.value) for r in decoded.readings] == [("water_leak", True)]
    assert decoder.decode(MqttPayload("zigbee2mqtt/bridge/state", b'{"state":"offline"}')).online is False


def test_commands_go_where_the_device_says_and_its_state_confirms_them() -> None:
    made = make(found(captures.TASMOTA), {})
    assert made.data is not None
    sent = compile_commands(Profile.model_validate(made.data), made.address, None).encode("relay02_02-off", {}, "1")
    assert isinstance(sent, MqttPublish)
    assert (sent.topic, sent.payload, sent.qos) == ("XefilHome/GARDEN02/cmnd/POWER2", b"OFF", 0)
    assert sent.expect is not None
    assert (sent.expect.point, sent.expect.value) == ("relay02_02", False)


def test_what_nobody_reads_and_what_is_secret_stands_in_no_sample() -> None:
    made = make(found(captures.PARTS), SEEN)
    text = json.dumps(made.data)
    assert made.data is not None
    assert made.data["points"]["last_card"]["secret"] is True
    assert "04A1B2C3D4" not in text
    assert "13800138000" not in text


def test_a_number_that_looks_like_a_cards_is_blotted_where_its_point_is_no_secret() -> None:
    seen = {"x/text": Seen(b"visitor 0012345678 left")}
    made = announce("sensor", seen, state_topic="x/text")
    assert made.data is not None
    assert made.data["samples"][0]["readings"] == {"thing": "visitor 0000000000 left"}


def test_an_address_that_is_in_the_site_file_stays() -> None:
    device = found(captures.Z2M_SWITCH)
    made = make(device, {}, address="hall")
    assert made.data is not None
    assert made.address == "hall"
    assert made.data["mqtt"]["topic"] == "zigbee2mqtt-channel26/0x00124b0021733605"
    assert make(device, {}).data["mqtt"]["topic"] == "zigbee2mqtt-channel26/{address}"  # type: ignore[index]  # it has data


def there(**config: Any) -> tuple[str | None, str | None]:
    """The topics of a device's availability and its bridge."""
    made = announce("sensor", state_topic="z/dev-1", **config)
    assert made.data is not None
    mqtt = made.data["mqtt"]
    return mqtt.get("availability", {}).get("topic"), mqtt.get("bridge", {}).get("topic")


def test_of_several_availability_topics_the_devices_own_counts_and_the_bridge_takes_it_along() -> None:
    hub, own = {"topic": "hub/state"}, {"topic": "z/dev-1/up"}
    assert there(availability=[own, hub]) == there(availability=[hub, own]) == ("z/{address}/up", "hub/state")
    assert there(availability=[own, hub], availability_mode="any") == ("z/{address}/up", None)
    assert there(availability=[hub]) == ("hub/state", None)
    assert there(availability=[{"topic": "#"}, {"topic": "a", "value_template": "{{ x }}"}, 7]) == (None, None)
    assert there(availability_topic="up", payload_available="1", payload_not_available="0") == ("up", None)


def test_a_name_in_other_letters_gives_way_to_the_place_in_the_topics() -> None:
    made = announce("sensor", state_topic="a", name="2号水泵")
    assert made.data is not None
    assert list(made.data["points"]) == ["thing"]
    assert made.data["points"]["thing"]["description"] == "2号水泵"
    assert list(announce("sensor", state_topic="a", name="Dev 1 Pump 2").data["points"]) == ["pump_2"]  # type: ignore[index]  # it has data


def test_the_type_of_a_sensor_without_a_unit_is_what_was_seen() -> None:
    for payload, kind in ((b'{"v":3.5}', "float"), (b'{"v":true}', "bool"), (b'{"v":"idle"}', "str")):
        made = announce("sensor", {"x/s": Seen(payload)}, state_topic="x/s", value_template="{{ value_json.v }}")
        assert made.data is not None
        assert made.data["points"]["thing"]["type"] == kind


def test_a_value_that_would_spoil_the_other_values_of_its_message_is_left_out() -> None:
    config = {"state_topic": "x/s", "value_template": "{{ value_json.v }}", "unit_of_measurement": "V"}
    made = announce("sensor", {"x/s": Seen(b'{"v":"broken"}')}, **config)
    assert made.data is None
    assert reasons(made) == ["misfit"]


def test_what_would_confirm_itself_is_confirmed_by_the_broker_alone() -> None:
    made = announce("switch", state_topic="x/same", command_topic="x/same")
    assert made.data is not None
    assert "confirm" not in made.data["commands"]["thing-on"]
    assert made.data["commands"]["thing-on"]["mqtt"]["qos"] == 1


@pytest.mark.parametrize(
    ("component", "config", "reason"),
    [
        ("sensor", {}, "missing-topic"),
        ("sensor", {"state_topic": "a/+/b"}, "bad-topic"),
        ("sensor", {"state_topic": "$SYS/broker/uptime"}, "bad-topic"),
        ("sensor", {"state_topic": "a/{address}"}, "bad-topic"),
        ("sensor", {"state_topic": "a/\u0000b"}, "bad-topic"),
        ("sensor", {"state_topic": "x" * 500}, "bad-topic"),
        ("sensor", {"state_topic": 7}, "bad-topic"),
        ("sensor", {"state_topic": "a", "value_template": "{{ value_json.a * 2 }}"}, "bad-template"),
        ("sensor", {"state_topic": "a", "value_template": ["x"]}, "bad-field"),
        ("binary_sensor", {"state_topic": "a", "payload_on": "X", "payload_off": "X"}, "bad-payload"),
        ("lock", {"command_topic": "a"}, "unsafe"),
        ("button", {"command_topic": "a", "payload_press": "{address}"}, "bad-payload"),
        ("button", {"command_topic": "a", "payload_press": "{{x}}"}, "bad-payload"),
        ("button", {"command_topic": "a", "payload_press": '{"a": '}, "bad-payload"),
        ("button", {"command_topic": "a", "payload_press": "a\nb"}, "bad-payload"),
        ("button", {"command_topic": "a", "payload_press": True}, "bad-payload"),
        ("button", {"command_topic": "a", "command_template": "{{ value | int }}"}, "bad-template"),
        ("light", {"schema": "template", "command_topic": "a"}, "unsupported"),
        ("climate", {}, "unsupported"),
        ("number", {"command_topic": "a", "min": 5, "max": 1}, "bad-field"),
        ("event", {"state_topic": "a", "value_template": "{{ value_json.x }}"}, "bad-template"),
        ("device_automation", {"topic": "a", "payload": '{"B":1}'}, "unsupported"),
    ],
)
def test_what_cannot_be_said_in_a_profile_is_refused_with_its_reason(
    component: str, config: dict[str, Any], reason: str
) -> None:
    made = announce(component, **config)
    assert made.data is None
    assert reasons(made) == [reason]


def test_a_device_that_is_never_offline_is_told() -> None:
    assert announce("sensor", state_topic="a").notes == (
        "it has neither availability nor expire_after: it is never offline",
    )
    made = announce("sensor", state_topic="a", expire_after=90)
    assert made.data is not None
    assert made.data["offline_after"] == "90s"
    assert "offline" in made.data["alarms"]


def test_doors_and_motion_are_watched_only_once_a_site_says_so() -> None:
    made = announce("binary_sensor", state_topic="a", device_class="door", payload_on=False, payload_off=True)
    assert made.data is not None
    assert made.data["alarms"]["thing"]["enabled"] is False


def test_a_sensor_that_never_says_off_raises_a_moment() -> None:
    made = announce("binary_sensor", state_topic="a", device_class="smoke", off_delay=30)
    assert made.data is not None
    assert made.data["alarms"]["thing"]["momentary"] is True
    assert made.data["alarms"]["thing"]["clear_after"] == "30s"


WORDS = st.sampled_from(
    ["ON", "OFF", "a/b", "a/b/set", "$SYS/x", "+", "#", "~/x", "x~", "", "°C", "%", "kWh", "moisture", "battery", "door",
     "{{ value_json.a.b }}", "{{ value_json['a'] | round(1) }}", "{{ value }}", "{{ value_json.a | float | int }}", "{% x %}",
     "{\"s\": \"{{ value }}\"}", "{address}", "true", "online", "json", "connectivity", "\x00", "水浸", "x" * 2000]
)  # fmt: skip
KEYS = st.sampled_from(
    ["stat_t", "state_topic", "cmd_t", "val_tpl", "cmd_tpl", "pl_on", "pl_off", "stat_on", "stat_off", "dev_cla", "unit_of_meas",
     "name", "uniq_id", "avty_t", "pl_avail", "avty", "min", "max", "exp_aft", "off_dly", "schema", "pos_t", "pl_stop", "t", "pl",
     "~", "state_class", "reports_position", "retain", "code_format", "pl_prs", "dev", "cmps", "ids", "mf", "mdl", "p"]
)  # fmt: skip
LEAVES = (
    WORDS
    | st.text(max_size=20)
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.booleans()
    | st.none()
)
SECTIONS = st.dictionaries(KEYS, LEAVES, max_size=5)
CONFIGS = st.dictionaries(KEYS, LEAVES | SECTIONS | st.lists(SECTIONS, max_size=3), max_size=14)
COMPONENTS = st.sampled_from(
    ["sensor", "binary_sensor", "switch", "light", "lock", "cover", "valve", "button", "number", "event",
     "device_automation", "fan"]
)  # fmt: skip
MESSAGES = st.lists(
    st.tuples(COMPONENTS, st.sampled_from(["n1", "n2"]), st.sampled_from(["o1", "o2", "o3"]), CONFIGS), max_size=5
)
PAYLOADS = st.sampled_from(
    [b"ON", b"21.5", b'{"a":{"b":1},"x":2}', b'{"a":"04A1B2C3D4"}', b"\xff", b"", b"[1]", b"nan"]
)


@given(MESSAGES, st.booleans(), PAYLOADS)
def test_whatever_is_announced_gives_a_profile_that_loads_or_a_reason(
    messages: list[tuple[str, str, str, dict[str, Any]]], named: bool, payload: bytes
) -> None:
    same = {"dev": {"ids": "one", "name": "n1"}} if named else {}
    heard = devices(
        [
            (f"homeassistant/{c}/{n}/{o}/config", json.dumps({**config, **same}).encode())
            for c, n, o, config in messages
        ],
        "homeassistant",
    )
    for device in heard.devices.values():
        seen = {topic: Seen(payload) for topic in state_topics(device)}
        made = make(device, seen)
        assert all(one.reason and len(one.detail) <= 400 for one in made.refused)
        if made.data is None:
            continue
        document = parse(yaml.safe_dump(made.data, sort_keys=False, allow_unicode=True), "made")
        profile, problems = document.validate(Profile)
        assert profile is not None, problems
        assert not [*findings(profile), *failures(profile), *command_failures(profile)]
        assert any(sample.error for sample in profile.samples)
