"""One discovery message: read, or refused with its reason, whatever it is."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.discovery.approvals import Approvals, approve, dump, load
from edgegw.discovery.config import MAX_ENTITIES, MAX_PAYLOAD, read
from edgegw.discovery.devices import MAX_DEVICES, devices
from edgegw.discovery.parts import SUPPORTED
from edgegw.discovery.profile import make
from tests.discovery import captures

TOPIC = "homeassistant/sensor/n/o/config"


def said(config: Any, topic: str = TOPIC) -> Any:
    return read(topic, json.dumps(config).encode(), "homeassistant")


def test_short_keys_and_the_base_topic_are_spelled_out() -> None:
    """After home-assistant.io, integrations/mqtt: topic prefix and abbreviated names."""
    told = said(
        {
            "~": "homeassistant/switch/irrigation",
            "cmd_t": "~/set",
            "stat_t": "~/state",
            "val_tpl": "~",
            "avty": [{"t": "x/~"}],
        }
    )
    (entity,) = told.entities
    assert entity.config["command_topic"] == "homeassistant/switch/irrigation/set"
    assert entity.config["value_template"] == "~"
    assert entity.config["availability"] == [{"topic": "x/homeassistant/switch/irrigation"}]


def test_components_of_a_device_message_share_what_stands_beside_them() -> None:
    (device,) = devices(captures.as_bytes(captures.PARTS), "homeassistant").devices.values()
    by_name = {entity.object_id: entity for entity in device.entities}
    assert by_name["leaf"].config["state_topic"] == "gates/gate-7/state"
    assert by_name["water"].config["state_topic"] == "gates/gate-7/water"
    assert "old" not in by_name  # nothing but its platform: taken back


CROWD = json.dumps({"cmps": {str(n): {} for n in range(MAX_ENTITIES + 1)}}).encode()


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("homeassistant/sensor/o/state", b"{}", "bad-topic"),
        ("homeassistant/sensor/a/b/c/config", b"{}", "bad-topic"),
        ("homeassistant/sensor/\x1b[2J/config", b"{}", "bad-topic"),
        (TOPIC, b"x" * (MAX_PAYLOAD + 1), "too-large"),
        (TOPIC, b"not json", "bad-json"),
        (TOPIC, b"[]", "bad-json"),
        (TOPIC, b'{"a":' * 5000, "bad-json"),
        (TOPIC, b'{"a":' + b"9" * 5000 + b"}", "bad-json"),
        (TOPIC, b'{"a":' + b"[" * 13 + b"]" * 13 + b"}", "bad-json"),
        (TOPIC, b'{"a":NaN}', "bad-json"),
        (TOPIC, b'{"dev":7}', "bad-field"),
        (TOPIC, b'{"dev":{"ids":"' + b"x" * 300 + b'"}}', "bad-field"),
        (TOPIC, b'{"dev":{"ids":"a\\u0007b"}}', "bad-field"),
        ("homeassistant/device/o/config", b'{"dev":{"ids":"a"}}', "bad-field"),
        ("homeassistant/device/o/config", CROWD, "too-many"),
    ],
)  # fmt: skip
def test_a_hostile_message_is_refused_with_its_reason(topic: str, payload: bytes, reason: str) -> None:
    told = read(topic, payload, "homeassistant")
    assert [one.reason for one in told.refused] == [reason]
    assert (told.owner, told.entities) == (None, ())
    assert all(one.what.isprintable() for one in told.refused)


def test_a_number_beyond_all_bounds_is_nothing_worse_than_a_number() -> None:
    huge = "9" * 4000
    payload = (
        f'{{"uniq_id":{huge},"stat_t":{huge},"min":{huge},"exp_aft":{huge},"pl_on":{huge},"dev":{{"ids":[{huge}]}}}}'
    )
    for component in SUPPORTED:
        heard = devices([(f"homeassistant/{component}/o/config", payload.encode())], "homeassistant")
        for device in heard.devices.values():
            assert len(device.fingerprint) == 64
            assert make(device, {}).data is None


def test_an_empty_message_takes_a_device_back() -> None:
    (leak, battery) = captures.as_bytes(captures.Z2M_LEAK)
    heard = devices([leak, battery, (leak[0], b""), (battery[0], b"")], "homeassistant")
    assert (heard.devices, heard.taken_back) == ({}, ("zigbee2mqtt_0xa4c138c36f8a774e",))
    assert devices([leak, battery, (leak[0], b"")], "homeassistant").taken_back == ()


def test_entities_and_devices_are_limited() -> None:
    many = [(f"homeassistant/sensor/n/o{n}/config", b'{"dev":{"ids":"one"}}') for n in range(MAX_ENTITIES + 3)]
    (device,) = devices(many, "homeassistant").devices.values()
    assert len(device.entities) == MAX_ENTITIES
    assert [one.reason for one in device.refused] == ["too-many"] * 3
    crowd = [(f"homeassistant/sensor/o{n}/config", b"{}") for n in range(MAX_DEVICES + 2)]
    heard = devices(crowd, "homeassistant")
    assert len(heard.devices) == MAX_DEVICES
    assert [one.reason for one in heard.refused] == ["too-many"] * 2


def test_only_what_matters_changes_the_fingerprint() -> None:
    def printed(**more: Any) -> str:
        config = {"uniq_id": "u", "stat_t": "a", "dev": {"ids": "d", "sw": more.pop("sw", "1")}} | more
        (device,) = devices([(TOPIC, json.dumps(config).encode())], "homeassistant").devices.values()
        return device.fingerprint

    assert printed() == printed(sw="2") == printed(ic="mdi:water")
    assert printed() != printed(stat_t="b")
    assert printed() != printed(cmd_t="a/set")


def test_a_changed_device_wants_to_be_approved_again() -> None:
    def device(topic: str) -> Any:
        config = {"uniq_id": "u", "stat_t": topic, "dev": {"ids": "d"}}
        return devices([(TOPIC, json.dumps(config).encode())], "homeassistant").devices["d"]

    none = Approvals()
    assert none.state("broker", device("a")) == "new"
    kept = load(dump(none.with_one(approve("lamp", "broker", device("a"), "discovered/lamp"))))
    assert kept.state("broker", device("a")) == "approved"
    assert kept.state("broker", device("b")) == "changed"
    assert kept.state("other", device("a")) == "new"
    assert [one.device for one in kept.silent("broker", set())] == ["lamp"]
    assert kept.without("lamp") == none


def test_a_record_that_is_none_is_refused() -> None:
    for data in (b"", b"{}x", b'{"version":2}', b'{"devices":[{}]}', b" " * (4 * 1024 * 1024 + 1)):
        with pytest.raises(ValueError):  # noqa: PT011  msgspec's errors are ValueErrors
            load(data)


NAMES = st.text(max_size=6) | st.sampled_from(["dev", "cmps", "~", "p", "ids", "cns", "avty"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda below: st.lists(below, max_size=4) | st.dictionaries(NAMES, below, max_size=5),
    max_leaves=12,
)  # fmt: skip


@given(
    st.sampled_from([TOPIC, "homeassistant/device/o/config", "homeassistant/x/config"]) | st.text(),
    JSON | st.binary(max_size=40),
)
def test_any_message_is_read_or_refused(topic: str, payload: Any) -> None:
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    told = read(topic, data, "homeassistant")
    assert told.owner is not None or told.refused or told.gone
    assert all(one.reason in {"bad-topic", "bad-json", "bad-field", "too-many", "too-large"} for one in told.refused)
