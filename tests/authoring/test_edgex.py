"""EdgeX device profiles become ours: golden outputs, releases, what is left out and why, what is none.

The cases are made up in EdgeX's format; what its drivers do is from edgexfoundry/device-modbus-go, device-mqtt-go, device-sdk-go
and edgex-docs, cited in the modules.
"""

import os
from pathlib import Path

import pytest
import yaml

from edgegw.authoring.edgex import read
from edgegw.authoring.edgex_import import import_edgex
from edgegw.codec.modbus import parse_pair, seal
from edgegw.errors import ProfileError
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.loader import load_profile
from edgegw.profiles.samples import shown
from edgegw.yamlpos import parse

CASES = Path(__file__).parent / "edgex"
GOLDEN = [("riser-meter", "levels"), ("humidity-v1", "levels"), ("pump", "levels"), ("pump", "single")]


def imported(name, manner="levels"):
    path = CASES / f"{name}.yml"
    return import_edgex(parse(path.read_text(), path.name), manner)


def resource(properties, attributes=None, name="r"):
    attributes = {"primaryTable": "HOLDING_REGISTERS", "startingAddress": 0} if attributes is None else attributes
    return {"name": name, "attributes": attributes, "properties": properties}


def of(*resources, **more):
    data = {"name": "p", "deviceResources": [*resources, *([ANCHOR] if more.pop("anchor", False) else [])], **more}
    return import_edgex(parse(yaml.safe_dump(data), "case.yml"))


ANCHOR = resource({"valueType": "Bool"}, {"primaryTable": "COILS", "startingAddress": 0}, "anchor")


@pytest.mark.parametrize(("name", "manner"), GOLDEN)
def test_golden(name, manner, tmp_path):
    """EDGEGW_WRITE_DOCS=1 writes them anew."""
    made = imported(name, manner)
    golden = CASES / f"{name}.{manner}.yaml"
    if os.environ.get("EDGEGW_WRITE_DOCS"):
        golden.write_text(made.text, encoding="utf-8")
    assert made.text == golden.read_text(encoding="utf-8")
    (tmp_path / "p.yaml").write_text(made.text, encoding="utf-8")
    profile = load_profile(tmp_path / "p.yaml")
    assert (made.points, made.commands) == (len(profile.points), len(profile.commands))


def read_one(made, tmp_path, request, reply):
    (tmp_path / "p.yaml").write_text(made.text, encoding="utf-8")
    profile = load_profile(tmp_path / "p.yaml")
    decoded = compile_profile(profile, None).decode(
        parse_pair(seal(bytes.fromhex(request)), seal(bytes.fromhex(reply)))
    )
    return {reading.point: reading.value for reading in decoded.readings}


@pytest.mark.parametrize(
    ("swaps", "wire"),
    [
        ({}, "4145851F"),
        ({"isByteSwap": True}, "45411F85"),
        ({"isWordSwap": "true"}, "851F4145"),
        ({"isByteSwap": "True", "isWordSwap": True}, "1F854541"),
    ],
)
def test_swaps_are_device_modbus_go_s(swaps, wire, tmp_path):
    """IOTech's documentation, Modbus swap operations: each of these is 12.345."""
    made = of(resource({"valueType": "Float32"}, {"primaryTable": "input_registers", "startingAddress": 4, **swaps}))
    assert read_one(made, tmp_path, "010400040002", f"010404{wire}") == {"r": 12.345}


@pytest.mark.parametrize(
    ("mask", "shift", "value"),
    [(0x00F0, 4, 0xB), (0x00F0, 0, 0xB0), (0x00F0, 6, 0b10), (0, 8, 0xA5), (0xF000, 12, 0xA)],
)
def test_mask_and_shift_are_a_field_of_bits(mask, shift, value, tmp_path):
    made = of(resource({"valueType": "Uint16", "mask": mask, "shift": shift}))
    assert read_one(made, tmp_path, "010300000001", "010302A5B7") == {"r": value}


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.1", (10, 1)),
        (10.1, (10, 10)),
        (10.01, (10, 1)),
        (" 7 ", (7, 0)),
        (7, (7, 0)),
        (7.0, (7, 0)),
    ],
)
def test_a_bit_may_stand_in_the_address(address, place):
    """A number (10.10 in the file) is printed with two digits first (deviceclient.go): 10.1 is bit 10, "10.1" is bit 1."""
    made = of(resource({"valueType": "Bool"}, {"primaryTable": "HOLDING_REGISTERS", "startingAddress": address}))
    where = yaml.safe_load(made.text)["points"]["r"]["modbus"]
    assert (where["address"], where["bit"]) == place


def test_addresses_of_release_1_count_from_1():
    assert [p["modbus"]["address"] for p in yaml.safe_load(imported("humidity-v1").text)["points"].values()] == [0, 1]


def test_writes_send_what_edgex_sends(tmp_path):
    """modbusclient.go: a coil by function 15, one register by 6."""
    (tmp_path / "p.yaml").write_text(imported("riser-meter").text, encoding="utf-8")
    encoder = compile_commands(load_profile(tmp_path / "p.yaml"), None, 1)
    coil = shown(encoder.encode("set-relay-state", {"value": True}, "1"), 1)["hex"]
    assert coil == seal(bytes.fromhex("010F000E00010101")).hex().upper()
    limit = shown(encoder.encode("set-demand-limit", {"value": 12.3}, "1"), 1)["hex"]
    assert limit == seal(bytes.fromhex("01060014007B")).hex().upper()


@pytest.mark.parametrize(
    ("properties", "attributes", "why"),
    [
        ({"valueType": "Float32Array"}, {}, "float32array"),
        ({"valueType": "Int8"}, {}, "int8"),
        ({"valueType": "Uint16", "base": "2"}, {}, "base 2"),
        ({"valueType": "Uint16", "mask": 5}, {}, "no row"),
        ({"valueType": "Uint16", "mask": 0xF, "shift": 4}, {}, "leaves nothing"),
        ({"valueType": "Int16", "rawType": "x"}, {"rawType": "Float16"}, "is none of a register's"),
        ({"valueType": "Int16"}, {"primaryTable": "COILS"}, "one bit"),
        ({"valueType": "Int16"}, {"primaryTable": "FILES"}, "primaryTable"),
        ({"valueType": "Int16"}, {"startingAddress": "x"}, "no address"),
        ({"valueType": "Int16"}, {"startingAddress": 65536}, "beyond"),
        ({"valueType": "Bool"}, {"startingAddress": "1.16"}, "bit 16"),
        ({"valueType": "String"}, {"stringRegisterSize": 200}, "1 to 123"),
        ({"valueType": "Bool", "readWrite": "W"}, {"primaryTable": "DISCRETES_INPUT"}, "only be read"),
        ({"valueType": "Int16", "readWrite": "W", "offset": 1}, {}, "no offset"),
        ({"valueType": "Int16", "readWrite": "W", "scale": -1}, {}, "above 0"),
        ({"valueType": "String", "readWrite": "W"}, {}, "cannot be written"),
    ],
)
def test_what_is_left_out_is_told_with_its_reason(properties, attributes, why):
    where = {"primaryTable": "HOLDING_REGISTERS", "startingAddress": 0, **attributes}
    made = of(resource(properties, where), anchor=True)
    assert (made.points, made.commands) == (1, 0)
    (left,) = made.left
    assert left.what == "r"
    assert why in left.why
    assert f"- {left}" in made.text


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("a: [", "case.yml:2:1: not valid YAML"),
        ("vendor: x\nlink: mqtt\n", "no list `deviceResources`"),
        ("- a", "no list"),
        ("deviceResources: []", "no list"),
        ("deviceResources:\n  - 5", "case.yml:2:5: no EdgeX device resource"),
        ("deviceResources:\n  - {name: a}", "case.yml:2:5: no EdgeX device resource"),
        (
            "deviceResources:\n  - {name: a, attributes: {oid: '1.3'}, properties: {valueType: Int32}}",
            "another device service",
        ),
        ("deviceResources:\n  - {name: a, properties: {valueType: Binary}}", "nothing in it can be read"),
        ("deviceResources: [" + "5, " * 1001 + "]", "more than 1000"),
    ],
)
def test_what_is_none_is_refused(text, why):
    with pytest.raises(ProfileError) as refused:
        import_edgex(parse(text, "case.yml"))
    assert why in refused.value.detail


def test_names_become_ours_and_stay_apart():
    source = read(
        parse(
            yaml.safe_dump(
                {
                    "deviceResources": [
                        resource({"valueType": "Bool"}, name=n)
                        for n in ("RoomTemp", "room-temp", "HVACMode", "温度", "x" * 99)
                    ]
                }
            ),
            "t",
        )
    )
    assert [one.slug for one in source.resources] == ["room_temp", "room_temp_2", "hvac_mode", "point_4", "x" * 56]


def test_json_is_taken_too():
    assert (
        import_edgex(
            parse('{"name":"p","deviceResources":[{"name":"a","properties":{"valueType":"Int32"}}]}', "p.json")
        ).link
        == "mqtt"
    )
