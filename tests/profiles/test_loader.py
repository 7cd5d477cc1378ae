"""Profile files: every fault is a line with its place, and no profile is used whose samples fail."""

import pytest

from edgegw.errors import ProfileError
from edgegw.profiles.loader import ProfileLibrary, load_profile, shipped_profiles

MQTT = """vendor: v
model: m
source: s
link: mqtt
mqtt: {topic: "z/{address}"}
points:
  a: {type: int, mqtt: {path: a}}
alarms:
  high: {point: a, when: {above: 5}, title: high}
samples:
  - {source: made up, payload: '{"a": 1}', readings: {a: 1}}
"""
MODBUS = """vendor: v
model: m
source: s
link: modbus
points:
  a: {type: int16, modbus: {table: holding, address: 0}}
samples:
  - {source: made up, request: "0203000000018439", hex: "020302001FBD8C", readings: {a: 31}}
"""
SERIAL = """vendor: v
model: m
source: s
link: serial
serial: {framing: {kind: delimiter, end: "0D"}, protocol: text, pattern: "L(?P<level>[0-9]+)"}
points:
  a: {type: int, serial: {field: level}}
samples:
  - {source: made up, hex: "4C310D", readings: {a: 1}}
"""


def write(tmp_path, text, name="v/m"):
    path = tmp_path / f"{name}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def refused(tmp_path, text):
    path = write(tmp_path, text)
    with pytest.raises(ProfileError) as caught:
        load_profile(path)
    return caught.value.reason, caught.value.detail.replace(f"{path}:", "")


@pytest.mark.parametrize("text", [MQTT, MODBUS, SERIAL])
def test_good(tmp_path, text):
    assert load_profile(write(tmp_path, text)).vendor == "v"


@pytest.mark.parametrize(
    ("base", "old", "new", "there", "words"),
    [
        (MQTT, "mqtt: {path: a}", "modbus: {table: coil, address: 1}", "modbus", "cannot be read by modbus"),
        (MQTT, ", mqtt: {path: a}", "", "a: {type", "needs a section `mqtt`"),
        (MQTT, "point: a", "point: b", "point: b", "there is no point 'b'"),
        (MQTT, "type: int", "type: str", "when", "is no number"),
        (MQTT, "type: int", "type: bool, scale: 2", "scale", "for numbers"),
        (MQTT, "type: int", "type: int, min: 5, max: 1", "min", "above max"),
        (MQTT, "z/{address}", "z/+/{address}", "a: {type", "not an exact MQTT topic"),
        (MQTT, "payload: '{\"a\": 1}'", 'hex: "00"', "{source", "has payload"),
        (MQTT, "readings: {a: 1}", "readings: {b: 1}", "b: 1", "there is no point 'b'"),
        (MQTT, "type: int", "type: integer", "integer", "did you mean"),
        (MQTT, "path: a", "paht: a", "paht", "did you mean 'path'"),
        (MODBUS, "type: int16", "type: int", "type", "sized type"),
        (MODBUS, "table: holding", "table: coil", "type", "its type is bool"),
        (MODBUS, "address: 0", "address: 0, group: fast", "modbus", "no poll group 'fast'"),
        (MODBUS, "address: 0", "address: 0, bit: 1", "bit", "bit is for"),
        (MODBUS, "address: 0", "address: 70000", "70000", "at most 65535"),
        (MODBUS, "type: int16", "type: str", "a: {type", "length"),
        (MODBUS, 'request: "0203000000018439", ', "", "{source", "has a request"),
        (SERIAL, "field: level", "field: depth", "field", "no field 'depth'"),
        (SERIAL, "protocol: text", "protocol: txt", "protocol", "unknown protocol"),
        (SERIAL, "(?P<level>[0-9]+)", "(", "pattern", "not a regular expression"),
        (SERIAL, 'end: "0D"', "end: 0", "0}", "not hex"),
    ],
)
def test_contradictions_and_where(tmp_path, base, old, new, there, words):  # noqa: PLR0917 - one row of the table
    assert old in base
    text = base.replace(old, new, 1)
    reason, detail = refused(tmp_path, text)
    assert reason == "profile"
    lines = [line for line in detail.splitlines() if words in line]
    assert lines, detail
    line, column = map(int, lines[0].split(":")[:2])
    assert text.splitlines()[line - 1][column - 1 :].startswith(there), detail


def test_all_at_once(tmp_path):
    _, detail = refused(tmp_path, "vendr: v\nmodel: no\nlink: mqt\npoints: {}\nsamples: []\n")
    assert [line.split(":")[0] for line in detail.splitlines()] == ["1", "1", "1", "2", "3", "4", "5"]


class TestSamples:
    @pytest.mark.parametrize(
        ("base", "old", "new", "words"),
        [
            (MQTT, "readings: {a: 1}", "readings: {a: 2}", "a: wanted 2, got 1"),
            (MQTT, "readings: {a: 1}", "readings: {a: true}", "a: wanted True, got 1"),
            (MQTT, "readings: {a: 1}", "readings: {}", "a: wanted no reading, got 1"),
            (MQTT, '{"a": 1}', "{}", "a: wanted 1, got no reading"),
            (MQTT, '{"a": 1}', '{"a": "x"}', "got refusal: wrong-type"),
            (MQTT, "readings: {a: 1}", "error: wrong-type", "wanted refusal as wrong-type, got a = 1"),
            (MQTT, "readings: {a: 1}", "readings: {a: 1}, online: true", "online: wanted True, got None"),
            (MQTT, "source: made up", "source: made up, topic: nowhere", "wrong-topic"),
            (MODBUS, "BD8C", "BD8D", "bad-checksum"),
            (SERIAL, "4C310D", "4C31", "bad-frame"),
        ],
    )
    def test_failing_samples_name_line_and_difference(self, tmp_path, base, old, new, words):
        reason, detail = refused(tmp_path, base.replace(old, new, 1))
        assert reason == "samples"
        assert words in detail
        assert detail.split(":")[0] == str(len(base.splitlines()))

    def test_refusals_can_be_samples(self, tmp_path):
        load_profile(
            write(tmp_path, MODBUS.replace("BD8C", "BD8D").replace("readings: {a: 31}", "error: bad-checksum"))
        )


class TestFiles:
    def test_unreadable(self, tmp_path):
        with pytest.raises(ProfileError, match="No such file"):
            load_profile(tmp_path / "none.yaml")
        with pytest.raises(ProfileError, match="directory"):
            load_profile(tmp_path)
        path = tmp_path / "latin.yaml"
        path.write_bytes(b"vendor: x\nmodel: \xe9\n")
        with pytest.raises(ProfileError, match=r"latin\.yaml:2:1: not UTF-8"):
            load_profile(path)

    def test_empty(self, tmp_path):
        assert "should be a section" in refused(tmp_path, "")[1]

    def test_own_folder_first(self, tmp_path):
        write(tmp_path, MQTT, "eastron/sdm120")
        library = ProfileLibrary([tmp_path])
        assert library.get("eastron/sdm120").link == "mqtt"
        assert ProfileLibrary().get("eastron/sdm120").link == "modbus"
        assert library.get("eastron/sdm120") is library.get("eastron/sdm120")

    @pytest.mark.parametrize("name", ["eastron/sdm12", "sdm120", "eastron/SDM120"])
    def test_missing_with_near_matches(self, name):
        with pytest.raises(ProfileError) as caught:
            ProfileLibrary().get(name)
        assert caught.value.reason == "missing"
        assert "eastron/sdm120" in caught.value.detail

    @pytest.mark.parametrize("name", ["../x/y", "/etc/passwd", "a/../../b", "", "a/b/c", "nothing/like-it"])
    def test_names_do_not_leave_the_folders(self, name, tmp_path):
        with pytest.raises(ProfileError) as caught:
            ProfileLibrary([tmp_path]).get(name)
        assert caught.value.reason == "missing"

    def test_shipped_profiles_are_found(self):
        assert (shipped_profiles() / "eastron" / "sdm120.yaml").is_file()
