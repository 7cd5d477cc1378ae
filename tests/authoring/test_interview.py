"""Answers become a profile whose sample passes, or are refused with what does not go together."""

import json
import random
from copy import deepcopy

import pytest
from pydantic import ValidationError

from edgegw.authoring.interview import Answers, make, suggestions
from edgegw.errors import ProfileError
from edgegw.profiles.loader import load_profile

PICK = random.Random(1).randrange
COMMON = {"vendor": "Acme Ltd.", "model": "T 100/B", "source": "its leaflet"}
MQTT = COMMON | {
    "link": "mqtt",
    "topic": "acme/{address}/state",
    "offline_after": "1h",
    "points": [
        {"name": "temperature", "path": "temp.value", "unit": "Cel", "decimals": 1, "description": "room"},
        {"name": "door", "path": "door", "type": "bool", "map": {"open": True, "closed": False}},
        {"name": "mode", "topic": "acme/{address}/mode", "type": "str"},
    ],
    "sample": {"source": "captured", "payload": '{"temp":{"value":21.5},"door":"open"}'},
}
MODBUS = COMMON | {
    "link": "modbus",
    "points": [
        {"name": "power", "table": "input", "address": 2, "type": "float32", "order": "CDAB", "unit": "W"},
        {"name": "fault", "table": "input", "address": 4, "type": "bool", "bit": 3},
        {"name": "relay", "table": "coil", "address": 0, "type": "bool"},
        {"name": "level", "table": "holding", "address": 0, "type": "uint16", "scale": 0.1},
    ],
}
SERIAL = COMMON | {
    "link": "serial",
    "protocol": "rdm6300",
    "points": [{"name": "card", "type": "str", "secret": True}],
    "sample": {"source": "captured", "hex": "0231303030383646343434323603"},
}


def made(answers, **changes):
    return make(Answers.model_validate_json(json.dumps(answers | changes)), PICK)


def values(one):
    return {reading.point: reading.value for reading in one.decoded.readings}


@pytest.mark.parametrize("answers", [MQTT, MODBUS, SERIAL], ids=lambda a: a["link"])
def test_the_file_is_a_profile_and_its_samples_pass(answers, tmp_path):
    one = made(answers)
    assert one.name == "acme-ltd/t-100-b"
    (tmp_path / "p.yaml").write_text(one.text, encoding="utf-8")
    profile = load_profile(tmp_path / "p.yaml")
    assert set(profile.points) == {point["name"] for point in answers["points"]}
    assert ("offline" in profile.alarms) is ("offline_after" in answers)


def test_the_readings_of_the_sample_are_told():
    assert values(made(MQTT)) == {"temperature": 21.5, "door": True}
    one = made(MODBUS, sample={"request": "010400020002D00B", "hex": "010404000042C8CAB2"})
    assert values(one) == {"power": 100.0}


def test_a_captured_card_is_blotted_out_and_a_published_one_is_not():
    assert values(made(SERIAL))["card"] != "0008844356"
    assert values(made(SERIAL, sample=SERIAL["sample"] | {"source": "data sheet"})) == {"card": "0008844356"}


def test_lines_keep_their_end():
    one = made(
        COMMON,
        link="serial",
        pattern="L=(?P<level>[0-9]+) cm",
        points=[{"name": "level", "type": "int", "unit": "cm"}],
        sample={"source": "captured", "hex": b"L=031 cm\r\n".hex()},
    )
    assert values(one) == {"level": 31}
    assert '"4C3D30333120636D0D0A"' in one.text


@pytest.mark.parametrize(
    ("answers", "changes", "reason", "why"),
    [
        (MQTT, {"sample": {"payload": "{torn"}}, "sample", "refused: bad-json"),
        (MQTT, {"sample": {"payload": '{"x":1}'}}, "sample", "none of the points"),
        (MQTT, {"sample": {"hex": "00", "payload": "{}"}}, "sample", "a message is a payload"),
        (MODBUS, {"sample": {"hex": "010404000042C8CAB2"}}, "sample", "give the request too"),
        (MODBUS, {"sample": {"request": "010400020002D00B", "hex": "010404000042C8CAB3"}}, "sample", "bad-checksum"),
        (MODBUS, {"points": [{"name": "a"}]}, "profile", "answer its table and address"),
        (MODBUS, {"points": [{"name": "a", "type": "float", "table": "input", "address": 0}]}, "profile", "sized type"),
        (MODBUS, {"poll": "often"}, "profile", "not a duration"),
        (SERIAL, {"sample": None}, "sample", "needs a message that was seen"),
        (SERIAL, {"protocol": "no-such"}, "profile", "how frames of no-such are cut"),
        (SERIAL, {"sample": {"source": "captured", "hex": "00"}}, "sample", "no frame of this reader"),
    ],
)
def test_what_does_not_go_together_is_told(answers, changes, reason, why):
    with pytest.raises(ProfileError) as refused:
        made(answers, **changes)
    assert refused.value.reason == reason
    assert why in refused.value.detail


def test_two_points_of_one_name():
    answers = deepcopy(MODBUS)
    answers["points"].append(answers["points"][0])
    with pytest.raises(ValidationError, match="two points are called power"):
        Answers.model_validate_json(json.dumps(answers))


def test_a_payload_suggests_its_points():
    payload = '{"battery":"80.00","voltage":2900,"temp":{"value":27.35},"water_leak":true,"id":"0012",'
    payload += '"none":null,"a.b":1,"list":["x"]}'
    assert [(one.name, one.path, one.type) for one in suggestions(payload)] == [
        ("battery", "battery", "float"),
        ("voltage", "voltage", "int"),
        ("temp_value", "temp.value", "float"),
        ("water_leak", "water_leak", "bool"),
        ("id", "id", "str"),
        ("list", "list.0", "str"),
    ]
    assert list(suggestions("ON")) == list(suggestions("{torn")) == []
    assert len(list(suggestions(json.dumps({f"k{n}": n for n in range(100)})))) == 40
