"""The command line of simulated units, and what a unit does without a line."""

import pytest

from edgegw.profiles.loader import ProfileLibrary
from simulators import mqtt_serve, profile_meter, profile_osdp, profile_serial
from simulators.from_profile import main, units_of, value_of, values_of
from simulators.profile_modbus import FAULTS, ProfileUnit

LIBRARY = ProfileLibrary()


@pytest.mark.parametrize(("texts", "units"), [(["7"], [7]), (["1-3", "9"], [1, 2, 3, 9]), (["255"], [255])])
def test_units(texts, units):
    assert units_of(texts) == units


@pytest.mark.parametrize("text", ["0", "256", "9-7", "", "a", "1-", "1-2-3"])
def test_no_units(text):
    with pytest.raises(ValueError, match=r"units are|invalid literal"):
        units_of([text])


@pytest.mark.parametrize(
    ("text", "value"), [("v=231.5", 231.5), ("n=-3", -3), ("on=true", True), ("on=false", False), ("p=full", "full")]
)
def test_values(text, value):
    assert value_of(text) == (text.partition("=")[0], value)


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["eastron/sdm121", "--tcp", "0"], "did you mean eastron/sdm120"),
        (["aqara/sjcgq11lm", "--tcp", "0"], "is for mqtt: use --broker"),
        (["eastron/sdm120", "--broker", "127.0.0.1:1883"], "is for modbus: use --port"),
        (["generic/rdm6300", "--broker", "127.0.0.1:1883"], "is for serial: use --port"),
        (["generic/cjt188-water", "--tcp", "0"], "is for meter: use --port"),
        (["generic/cjt188-water", "--port", "/nowhere/tty"], "a meter has a number"),
        (["generic/cjt188-water", "--port", "/nowhere/tty", "--address", "12"], "has 14 digits"),
        (["generic/rdm6300", "--port", "/nowhere/tty", "--fault", "wrong-unit"], "no fault of a serial device"),
        (["generic/gm65", "--port", "/nowhere/tty", "--fault", "bad-checksum"], "no checksum"),
        (["generic/rdm6300", "--port", "/nowhere/tty", "--every", "0"], "more than 0"),
        (["aqara/sjcgq11lm", "--broker", "127.0.0.1:1883", "--clock-off", "60"], "no time of its own"),
        (["alink/climate", "--broker", "127.0.0.1:1883", "--clock-off", "nan"], "ten years"),
        (["eastron/sdm120", "--tcp", "0", "--clock-off", "60"], "no time of its own"),
        (["aqara/sjcgq11lm", "--broker", "127.0.0.1"], "host:port"),
        (["aqara/sjcgq11lm", "--broker", "127.0.0.1:1883", "--set", "wet=true"], "there is no point 'wet'"),
        (["aqara/sjcgq11lm", "--broker", "127.0.0.1:1883", "--fault", "bad-crc"], "no fault of an MQTT device"),
        (["aqara/sjcgq11lm", "--broker", "127.0.0.1:1883", "--every", "0"], "more than 0"),
        (["eastron/sdm120", "--tcp", "0", "--fault", "flood"], "flood is a fault on a line: use --port"),
        (["eastron/sdm120", "--tcp", "0", "--fault", "swapped"], "no fault of a Modbus device"),
        (["eastron/sdm120", "--tcp", "0", "--install"], "has no secure channel"),
        (["generic/osdp-reader", "--tcp", "0"], "is for osdp: use --port"),
        (["generic/osdp-reader", "--port", "/nowhere/tty", "--fault", "flood"], "no fault of an OSDP reader"),
        (["eastron/sdm120", "--tcp", "0", "--unit", "300"], "units are 1 to 255"),
        (["eastron/sdm120", "--tcp", "0", "--set", "volts=1"], "there is no point 'volts'"),
        (["eastron/sdm120", "--tcp", "0", "--set", "voltage=full"], "voltage: a number"),
        (["eastron/sdm120", "--tcp", "0", "--set", "voltage"], "write point=value"),
        (["eastron/sdm120", "--port", "/nowhere/there/tty"], "No such file"),
    ],
)
def test_a_wrong_command_line_is_said_in_a_line(argv, said, capsys):
    assert main(argv) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1


def test_help_names_every_fault(capsys):
    with pytest.raises(SystemExit):
        main(["--help"])
    told = " ".join(capsys.readouterr().out.split()).replace("- ", "-")  # lines break there
    assert all(f"{name}: {text}" in told for name, (text, _) in FAULTS.items())
    assert all(f"{name}: {text}" in told for name, text in mqtt_serve.FAULTS.items())
    assert all(f"{name}: {text}" in told for name, (text, _) in profile_meter.FAULTS.items())
    assert all(f"{name}: {text}" in told for name, text in profile_serial.FAULTS.items())
    assert all(f"{name}: {text}" in told for name, text in profile_osdp.FAULTS.items())


def test_what_is_text_stays_as_written():
    profile = LIBRARY.get("generic/rdm6300")
    assert values_of(profile, ["card=0008844356"]) == {"card": "0008844356"}
    assert values_of(LIBRARY.get("eastron/sdm120"), ["voltage=0231"]) == {"voltage": 231}


def test_a_refused_value_changes_nothing():
    unit = ProfileUnit(LIBRARY.get("generic/xy-md02"), 1, {"temperature": 21.5})
    with pytest.raises(ValueError, match="temperature"):
        unit.set(humidity=50.0, temperature=9999.0)
    assert unit.values["temperature"] == 21.5
    assert unit.read("input", 1) == 215


def test_a_number_set_by_command_is_what_its_point_then_shows():
    unit = ProfileUnit(LIBRARY.get("delta/vfd"), 1)
    assert unit.pdu(bytes.fromhex("0620010DE3")) == bytes.fromhex("0620010DE3")
    assert unit.values["frequency_set"] == 35.55


def test_a_coil_that_knows_0100_refuses_what_is_neither():
    unit = ProfileUnit(LIBRARY.get("generic/relay-fc05-0100"), 1, {"relay": False})
    assert unit.pdu(bytes.fromhex("0500011234")) == b"\x85\x03"
    assert unit.pdu(bytes.fromhex("0500010100")) == bytes.fromhex("0500010100")
    assert unit.read("coil", 1) == 1
