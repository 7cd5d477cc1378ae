"""A profile that takes over another: what is merged, where faults are told, and that nothing else changes."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import ProfileError
from edgegw.profiles.extends import MOST_BASES
from edgegw.profiles.loader import ProfileLibrary, load_profile
from edgegw.yamlpos import merged

BASE = """vendor: v
model: base
source: s
link: mqtt
offline_after: 1h
mqtt: {topic: "z/{address}"}
report: {on_change: true}
points:
  a: {type: int, unit: V, mqtt: {path: a}}
  b: {type: str, mqtt: {path: b}}
alarms:
  high: {point: a, when: {above: 5}, for: 3s, title: high}
  low:
    point: a
    when: {below: 1}
    title: low
commands:
  go: {mqtt: {topic: "z/{address}/set", payload: "1", qos: 1}}
samples:
  - {source: base, payload: '{"a": 1}', readings: {a: 1}}
command_samples:
  - {source: base, command: go, topic: "z/{address}/set", payload: "1"}
"""
SAMPLES = "samples:\n  - {source: own, payload: '{\"a\": 2}', readings: {a: 2}}\n"
TOP = "extends: v/base\nmodel: top\n" + SAMPLES


class Folder:
    """A folder of profiles."""

    def __init__(self, root):
        self.root = root
        self.write("v/base", BASE)

    def write(self, name, text):
        path = self.root / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def get(self, name):
        return ProfileLibrary([self.root]).get(name)

    def refused(self, name):
        with pytest.raises(ProfileError) as caught:
            self.get(name)
        return caught.value.reason, caught.value.detail.replace(f"{self.root}/", "")


@pytest.fixture
def folder(tmp_path):
    return Folder(tmp_path)


def test_everything_is_taken_over_but_samples(folder):
    folder.write("v/top", TOP)
    top, base = folder.get("v/top"), folder.get("v/base")
    assert (top.model, top.vendor, top.extends, base.extends) == ("top", "v", "v/base", None)
    assert (top.points, top.alarms, top.commands, top.report) == (base.points, base.alarms, base.commands, base.report)
    assert [sample.source for sample in top.samples] == ["own"]
    assert top.command_samples == ()


def test_sections_merge_and_the_rest_is_replaced(folder):
    text = (
        "extends: v/base\noffline_after: 2h\nreport: {deadband: 1}\npoints:\n  a: {unit: null, min: 0}\n  b: null\n"
        "  c: {type: bool, mqtt: {path: c}}\nalarms:\n  high: {when: {above: 9}}\n  low: null\n" + SAMPLES
    )
    folder.write("v/top", text)
    top = folder.get("v/top")
    assert top.offline_after == 7200
    assert (top.report.on_change, top.report.deadband) == (True, 1)
    assert list(top.points) == ["a", "c"]
    assert (top.points["a"].unit, top.points["a"].min, top.points["a"].type) == (None, 0, "int")
    assert list(top.alarms) == ["high"]
    assert (top.alarms["high"].when.above, top.alarms["high"].hold) == (9, 3)


def test_null_without_anything_to_remove_stays(folder):
    folder.write(
        "v/top",
        "extends: v/base\npoints:\n  c: {type: str, map: {x: y, '': null}, mqtt: {path: c}}\nsamples:\n"
        '  - {source: own, payload: \'{"c": ""}\', readings: {}}\n',
    )
    assert folder.get("v/top").points["c"].map == {"x": "y", "": None}


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("extends: v/none\n" + SAMPLES, "v/top.yaml:1:10: there is no profile 'v/none'"),
        ("extends: v/bas\n" + SAMPLES, "v/top.yaml:1:10: there is no profile 'v/bas'; did you mean v/base"),
        ("extends: ../v/base\n" + SAMPLES, "v/top.yaml:1:10: extends names a profile: <vendor>/<model>"),
        ("extends: [v/base]\n" + SAMPLES, "v/top.yaml:1:10: extends names a profile"),
        ("extends: v/top\n" + SAMPLES, "v/top.yaml:1:10: a circle: v/top → v/top"),
        ("extends: v/base\n", "v/top.yaml:1:1: key 'samples' is missing"),
        ("extends: v/base\npints: {}\n" + SAMPLES, "v/top.yaml:2:1: unknown key 'pints'; did you mean 'points'?"),
        ("extends: v/base\npoints: {a: {unt: V}}\n" + SAMPLES, "v/top.yaml:2:14: unknown key 'unt'"),
        ("extends: v/base\npoints: {x: null}\n" + SAMPLES, "v/top.yaml:2:13: should be a section"),
        ("extends: v/base\nalarms: {high: {point: c}}\n" + SAMPLES, "v/top.yaml:2:17: there is no point 'c'"),
        ("extends: v/base\nalarms: {high: {when: {below: 1}}}\n" + SAMPLES, "v/top.yaml:2:23: a condition has exactly one"),
        ("extends: v/base\npoints: {a: null}\nalarms: {high: null}\n" + SAMPLES, "v/base.yaml:14:5: there is no point 'a'"),
        ("extends: v/base\n---\n", "v/top.yaml:2:1: a second document"),
    ],
)  # fmt: skip
def test_faults_are_told_in_the_file_that_is_wrong(folder, text, where):
    folder.write("v/top", text)
    reason, detail = folder.refused("v/top")
    assert reason == "profile"
    assert any(line.startswith(where) for line in detail.splitlines()), detail


@pytest.mark.parametrize(
    ("base", "where"),
    [
        (BASE.replace("unit: V", "unt: V"), "v/base.yaml:9:18: unknown key 'unt'; did you mean 'unit'? (in what "),
        (BASE.replace("{below: 1}", "{belw: 1}"), "v/base.yaml:15:12: "),
        (BASE.replace("path: a}", "path: a"), "v/base.yaml:"),
        ("5\n", "v/base.yaml:1:1: a profile is a section"),
        ("", "v/base.yaml:1:1: a profile is a section"),
    ],
)
def test_faults_of_what_is_extended(folder, base, where):
    folder.write("v/base", base)
    folder.write("v/top", TOP)
    reason, detail = folder.refused("v/top")
    assert reason == "profile"
    assert detail.startswith(where), detail


def test_a_base_that_cannot_be_read(folder):
    folder.write("v/top", TOP)
    (folder.root / "v/base.yaml").write_bytes(b"\xff\xfe")
    assert folder.refused("v/top") == ("file", "v/base.yaml:1:1: not UTF-8 text")


def test_failing_samples_are_told_in_the_file_they_stand_in(folder):
    folder.write("v/top", TOP.replace("{a: 2}", "{a: 3}"))
    reason, detail = folder.refused("v/top")
    assert (reason, detail.split(": ")[0]) == ("samples", "v/top.yaml:4:5")


def test_circles_and_too_many(folder):
    folder.write("v/one", "extends: v/two\n" + SAMPLES)
    folder.write("v/two", "extends: v/one\n" + SAMPLES)
    assert folder.refused("v/one")[1] == "v/two.yaml:1:10: a circle: v/one → v/two → v/one"
    folder.write("v/d0", "extends: v/base\n" + SAMPLES)
    for depth in range(1, MOST_BASES + 1):
        folder.write(f"v/d{depth}", f"extends: v/d{depth - 1}\n" + SAMPLES)
    deepest = f"v/d{MOST_BASES - 1}"
    assert folder.get(deepest).vendor == "v"
    assert ProfileLibrary([folder.root]).bases(deepest) == ["v/d2", "v/d1", "v/d0", "v/base"]
    assert folder.refused(f"v/d{MOST_BASES}")[1].startswith("v/d0.yaml:1:10: the last of more than 4 profiles")


class TestSearchPath:
    def test_a_base_of_ones_own_counts(self, folder):
        folder.write("zigbee2mqtt/leak", BASE)
        folder.write("v/top", "extends: zigbee2mqtt/leak\n" + SAMPLES)
        assert folder.get("v/top").model == "base"

    def test_a_shipped_one(self, folder):
        sample = "  - {source: own, payload: '{\"water_leak\": true}', readings: {leak: true}}\n"
        path = folder.write("v/top", f"extends: zigbee2mqtt/leak\nmodel: mine\nsamples:\n{sample}")
        assert load_profile(path).alarms == ProfileLibrary().get("zigbee2mqtt/leak").alarms

    def test_ones_own_variant_of_the_same_name(self, folder):
        sample = "  - {source: own, payload: '{\"water_leak\": true}', readings: {leak: true}}\n"
        text = f"extends: zigbee2mqtt/leak\nalarms: {{leak: {{priority: P1}}}}\nsamples:\n{sample}"
        path = folder.write("zigbee2mqtt/leak", text)
        for own in (folder.get("zigbee2mqtt/leak"), load_profile(path)):
            assert own.alarms["leak"].priority == "P1"
            assert own.points == ProfileLibrary().get("zigbee2mqtt/leak").points

    def test_open_takes_names_and_files(self, folder):
        path = folder.write("v/top", TOP)
        library = ProfileLibrary([folder.root])
        assert library.open(str(path)) == library.open("v/top") == library.get("v/top")
        assert library.bases(str(path)) == library.bases("v/top") == ["v/base"]
        assert library.bases("v/base") == []


patches = st.fixed_dictionaries(
    {},
    optional={
        "model": st.sampled_from(["x", "y"]),
        "offline_after": st.sampled_from(["1m", "2m", None]),
        "report": st.fixed_dictionaries({}, optional={"on_change": st.booleans(), "deadband": st.integers(0, 3)}),
        "points": st.fixed_dictionaries(
            {},
            optional={
                "a": st.fixed_dictionaries(
                    {}, optional={"unit": st.sampled_from(["A", None]), "min": st.integers(-5, 1)}
                ),
                "b": st.none() | st.fixed_dictionaries({}, optional={"description": st.text("xyz", max_size=3)}),
                "c": st.just({"type": "bool", "mqtt": {"path": "c"}}),
            },
        ),
        "alarms": st.fixed_dictionaries(
            {}, optional={"low": st.none(), "high": st.fixed_dictionaries({}, optional={"priority": st.just("P1")})}
        ),
    },
)


@given(patches, patches, patches)
def test_how_a_chain_is_cut_makes_no_difference(tmp_path_factory, one, two, three):
    """base ← one ← two ← three is the same as with any lower part written out as one profile; and no base changes."""
    folder = Folder(tmp_path_factory.mktemp("chain"))
    own = yaml.safe_load(SAMPLES)
    data = base = yaml.safe_load(BASE)
    name = "v/base"
    for depth, patch in enumerate((one, two, three)):
        folder.write(f"v/p{depth}", yaml.safe_dump({"extends": name, **patch, **own}, sort_keys=False))
        data = merged({k: v for k, v in data.items() if k not in {"samples", "command_samples"}}, patch) | own
        folder.write(f"v/flat{depth}", yaml.safe_dump(data, sort_keys=False))
        folder.write(f"v/half{depth}", yaml.safe_dump({"extends": f"v/flat{depth}", **own}, sort_keys=False))
        name = f"v/p{depth}"
    library = ProfileLibrary([folder.root])
    before = _told(library, "v/base")
    for depth in range(3):
        flat = _told(library, f"v/flat{depth}")
        assert _told(library, f"v/p{depth}") == flat
        assert _told(library, f"v/half{depth}") == flat
    assert library.get("v/base").model_dump() == before
    assert yaml.safe_load((folder.root / "v/base.yaml").read_text()) == base


def _told(library, name):
    """What a profile says, or what is wrong with it, places left out."""
    try:
        profile = library.get(name)
    except ProfileError as error:
        return sorted(line.split(": ", 1)[1].partition(" (in what ")[0] for line in error.detail.splitlines())
    return profile.model_dump(exclude={"extends"} if name != "v/base" else set())
