"""`edgegw profile`: what it prints and its exit codes."""

import json

import pytest
from click.testing import CliRunner

from edgegw.cli.profile import profile
from edgegw.errors import ProfileError

BAD_SAMPLE = """vendor: v
model: m
source: s
link: mqtt
points: {a: {type: int, mqtt: {path: a}}}
samples: [{source: x, payload: '{"a": 1}', readings: {a: 2}}]
"""


def run(*args):
    return CliRunner().invoke(profile, args)


LEFT_TO_THE_CATALOGUE = """vendor: v
model: m
source: s
link: mqtt
points: {a: {type: int, mqtt: {path: a}}}
alarms: {high: {point: a, when: {above: 1}, category: water, title: High}}
samples: [{source: x, payload: '{"a": 1}', readings: {a: 1}}]
"""


def test_show_says_who_decides_a_priority_that_is_not_given(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "m.yaml").write_text(LEFT_TO_THE_CATALOGUE)
    shown = run("--profiles", str(tmp_path), "show", "v/m")
    assert "high: a above 1.0 → by catalogue water: High / High" in " ".join(shown.output.split())


@pytest.fixture
def own(tmp_path):
    (tmp_path / "v").mkdir()
    (tmp_path / "v" / "m.yaml").write_text(BAD_SAMPLE)
    return tmp_path


def test_list():
    shown = run("list")
    assert shown.exit_code == 0
    assert "eastron/sdm120" in shown.output
    rows = json.loads(run("list", "--json").output)
    assert {"name": "generic/rdm6300", "link": "serial"}.items() <= next(
        r for r in rows if r["name"] == "generic/rdm6300"
    ).items()


def test_list_goes_on_with_a_broken_profile(own):
    rows = json.loads(run("--profiles", str(own), "list", "--json").output)
    assert next(r for r in rows if r["name"] == "v/m")["error"] == "samples"


@pytest.mark.parametrize(
    "name", ["eastron/sdm120", "aqara/sjcgq11lm", "generic/rdm6300", "tasmota/relay", "advantech/adam-6060"]
)
def test_show(name):
    shown = run("show", name)
    assert shown.exit_code == 0
    assert "points" in shown.output
    assert "samples pass" in shown.output


def test_show_has_the_poll_plan_and_alarms():
    shown = run("show", "eastron/sdm120").output
    assert "every 2 s" in shown
    assert "undervoltage: voltage below 198.0, hysteresis 4.0 for 10 s → P3 power" in shown


def test_test_all_pass():
    shown = run("test")
    assert shown.exit_code == 0
    assert "FAIL" not in shown.output


def test_test_says_what_differs(own):
    shown = run("--profiles", str(own), "test", "v/m", "eastron/sdm120")
    assert shown.exit_code == 1
    assert "v/m.yaml:6:11: sample 1 (x): a: wanted 2, got 1" in shown.output
    assert "ok   eastron/sdm120" in shown.output
    assert run("test", str(own / "v" / "m.yaml")).exit_code == 1
    (own / "v" / "m.yaml").write_text("nonsense: [")
    assert run("test", str(own / "v" / "m.yaml")).exit_code == 2


@pytest.mark.parametrize(
    ("args", "readings"),
    [
        (("aqara/sjcgq11lm", "--topic", "zigbee2mqtt/k1", "--payload", '{"water_leak":true}'), {"leak": True}),
        (("aqara/sjcgq11lm", "--payload", '{"water_leak":true}', "--retained"), {"leak": True}),
        (("tasmota/relay", "--topic", "tele/x/SENSOR", "--payload", '{"Switch1":"ON"}'), {"switch1": True}),
        (("eastron/sdm120", "--request", "01040000000271CB", "--hex", "010404436633341B38"), {"voltage": 230.2}),
        (("generic/rdm6300", "--hex", "0231303030383646343434323603"), {"card": "0008844356"}),
    ],
)
def test_decode(args, readings):
    shown = run("decode", *args)
    assert shown.exit_code == 0
    said = json.loads(shown.output)
    assert {r["point"]: r["value"] for r in said["readings"]} == readings
    assert {r["quality"] for r in said["readings"]} == {"stale" if "--retained" in args else "fresh"}


def test_decode_availability():
    said = json.loads(run("decode", "tasmota/relay", "--topic", "tele/x/LWT", "--payload", "Offline").output)
    assert said == {"readings": [], "online": False}


def test_decode_payload_from_a_file(tmp_path):
    (tmp_path / "p.json").write_text('{"contact":true}')
    said = json.loads(run("decode", "aqara/mccgq11lm", "--payload", f"@{tmp_path / 'p.json'}").output)
    assert said["readings"] == [{"point": "open", "value": False, "quality": "fresh"}]
    assert run("decode", "aqara/mccgq11lm", "--payload", f"@{tmp_path / 'none'}").exit_code == 2


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("aqara/sjcgq11lm", "--payload", "[" * 100), "bad-json"),
        (("aqara/sjcgq11lm", "--topic", "other/x", "--payload", "{}"), "wrong-topic"),
        (("generic/rdm6300", "--hex", "02"), "bad-frame"),
        (("eastron/sdm120", "--request", "01040000000271CB", "--hex", "010404436633341B39"), "bad-checksum"),
    ],
)
def test_decode_refused(args, reason):
    shown = run("decode", *args)
    assert shown.exit_code == 1
    assert json.loads(shown.output)["error"] == reason


@pytest.mark.parametrize(
    "args",
    [
        ("eastron/sdm120", "--hex", "00"),
        ("eastron/sdm120", "--payload", "{}"),
        ("aqara/sjcgq11lm",),
        ("generic/rdm6300", "--hex", "0"),
    ],
)
def test_decode_usage(args):
    assert run("decode", *args).exit_code == 2


def test_show_has_the_commands():
    shown = run("show", "waveshare/modbus-rtu-relay-8ch").output
    assert "on1: confirmed by relay1 = true within 0.2 s" in shown
    assert "pulse1 (seconds float 0.5…60 = 5): confirmed by relay1 = true within 0.2 s, ends by itself" in shown
    shown = run("show", "vguang/vf105").output
    assert "live topic: access_device/v2/event/access_online" in shown
    assert "confirmed by a reply on access_device/v2/cmd/control_reply" in shown
    assert "code str 100000|100001" in shown
    assert "no commands" in run("show", "eastron/sdm120").output


@pytest.mark.parametrize(
    ("args", "sent"),
    [
        (
            ("waveshare/modbus-rtu-relay-8ch", "pulse1", "--arg", "seconds=5"),
            {"hex": "0105020000324DA7", "readback": {"hex": "010100000001FDCA", "words": [1], "within_s": 0.2}},
        ),
        (
            ("delta/vfd", "run", "--unit", "17"),
            {
                "hex": "110620000002015B",
                "readback": {"hex": "110321010001DD66", "words": [2], "mask": [2], "within_s": 2.0},
            },
        ),
        (
            ("zigbee2mqtt/valve", "close", "--address", "v1"),
            {
                "topic": "zigbee2mqtt/v1/set",
                "payload": '{"state":"OFF"}',
                "qos": 0,
                "confirm": {"point": "open", "value": False, "within_s": 4.0},
            },
        ),
        (
            ("shelly/plug-s-gen3", "pulse", "--address", "p", "--id", "9", "--arg", "seconds=2"),
            {
                "topic": "p/rpc",
                "payload": '{"id":9,"src":"edgegw-p","method":"Switch.Set","params":{"id":0,"on":true,"toggle_after":2.0}}',
                "qos": 0,
                "reply": {"topic": "edgegw-p/rpc", "id": "9"},
            },
        ),
    ],
)
def test_encode(args, sent):
    shown = run("encode", *args)
    assert shown.exit_code == 0
    assert json.loads(shown.output) == sent


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (("waveshare/modbus-rtu-relay-8ch", "explode"), "unknown-command"),
        (("waveshare/modbus-rtu-relay-8ch", "on1", "--arg", "a=1"), "unknown-argument"),
        (("delta/vfd", "frequency"), "missing-argument"),
        (("delta/vfd", "frequency", "--arg", "hertz=fast"), "bad-argument"),
        (("delta/vfd", "frequency", "--arg", "hertz=61"), "bad-argument"),
    ],
)
def test_encode_refused(args, reason):
    shown = run("encode", *args)
    assert shown.exit_code == 1
    assert json.loads(shown.output)["error"] == reason


def test_encode_usage():
    assert run("encode", "delta/vfd", "frequency", "--arg", "hertz").exit_code == 2


def test_decode_of_a_topic_that_devices_share():
    payload = '{"serialNo":"1","uuid":"e47","data":{"type":257,"value":1}}'
    args = ("decode", "vguang/vf105", "--topic", "access_device/v2/event/alarm", "--payload", payload)
    assert json.loads(run(*args, "--address", "e47").output)["readings"][0]["point"] == "fire"
    assert json.loads(run(*args, "--address", "e48").output)["readings"] == []


def test_missing_profile_is_an_error_of_the_taxonomy():
    assert isinstance(run("show", "no/such").exception, ProfileError)
