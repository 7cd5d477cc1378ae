"""`edgegw profile new`, `import` and `list --markdown`: files, exit codes, JSON, the dialogue."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from edgegw.cli.main import main
from edgegw.cli.profile_new import new
from edgegw.profiles.loader import load_profile

EDGEX = Path(__file__).parents[1] / "authoring" / "edgex"
ANSWERS = """vendor: Acme
model: T1
source: its leaflet
link: mqtt
topic: "acme/{address}"
points: [{name: temperature, path: t, unit: Cel}]
sample: {source: captured, payload: '{"t":21.5}'}
"""


@pytest.fixture
def run(capsys):
    def call(*args):
        code = main(["profile", *map(str, args)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.yaml"
    path.write_text(ANSWERS)
    return path


def asked(tmp_path, link, *lines):
    """The dialogue, an answer a line."""
    typed = "".join(f"{line}\n" for line in ("Acme", "X 1", "", "its leaflet", *lines))
    done = CliRunner().invoke(new, ["--link", link, "-o", str(tmp_path / "own")], input=typed, standalone_mode=False)
    assert done.exception is None, done.output
    assert done.return_value == 0, done.output
    return load_profile(tmp_path / "own" / "acme" / "x-1.yaml")


# --- new --------------------------------------------------------------------------------------------------------------


def test_answers_from_a_file(run, answers, tmp_path):
    code, out, err = run("new", "--answers", answers, "-o", tmp_path / "own")
    assert (code, out) == (0, "")
    assert "temperature = 21.5 Cel" in err
    assert run("--profiles", tmp_path / "own", "test", "acme/t1")[:2] == (0, "ok   acme/t1 (1 samples)\n")


def test_nothing_is_overwritten_unless_told(run, answers, tmp_path):
    args = ("new", "--answers", answers, "-o", tmp_path / "own")
    assert run(*args)[0] == 0
    code, _, err = run(*args)
    assert code == 2
    assert "--force overwrites it" in err
    assert run(*args, "--force")[0] == 0


def test_json(run, answers, tmp_path):
    told = json.loads(run("new", "--answers", answers, "--json")[1])
    assert told["readings"] == {"temperature": 21.5}
    assert told["profile"].startswith("# Acme T1.")
    told = json.loads(run("new", "--answers", answers, "--json", "-o", tmp_path / "own")[1])
    assert told["file"] == str(tmp_path / "own" / "acme" / "t1.yaml")
    assert run("new", "--json")[0] == 2


@pytest.mark.parametrize(
    ("was", "becomes", "code", "why"),
    [
        ('{"t":21.5}', '{"t":"warm"}', 1, "the message is refused: wrong-type"),
        ("link: mqtt", "link: fax", 2, "answers.yaml:4:7:"),
        ("source: its leaflet\n", "", 2, "key 'source' is missing"),
        ("unit: Cel", "unti: Cel", 2, "answers.yaml:6:"),
        ("vendor: Acme", "vendor: [", 2, "not valid YAML"),
    ],
)
def test_wrong_answers(run, answers, was, becomes, code, why):  # noqa: PLR0917 - fixtures and parameters
    answers.write_text(ANSWERS.replace(was, becomes))
    got, out, err = run("new", "--answers", answers)
    assert (got, out) == (code, "")
    assert why in err


def test_a_link_that_the_file_contradicts(run, answers, tmp_path):
    assert "says mqtt" in run("new", "--answers", answers, "--link", "modbus")[2]
    assert run("new", "--answers", tmp_path / "none.yaml")[0] == 2


def test_mqtt_by_questions(tmp_path):
    payload = '{"battery":80,"leak":true,"id":"x"}'
    profile = asked(tmp_path, "mqtt", "acme/{address}", "1h", payload, "", "", "int", "%", "", "wet", "bool", "-", "")
    assert {name: point.type for name, point in profile.points.items()} == {"battery": "int", "wet": "bool"}
    assert profile.samples[0].readings == {"battery": 80, "wet": True}
    assert profile.offline_after == 3600


def test_modbus_by_questions(tmp_path):
    points = (
        "power",
        "input",
        "0x10",
        "float32",
        "CDAB",
        "W",
        "",
        "fault",
        "holding",
        "3",
        "bool",
        "5",
        "run",
        "coil",
        "0",
        "",
    )
    profile = asked(tmp_path, "modbus", "5s", "30s", *points, "")
    assert (profile.points["power"].modbus.address, profile.points["power"].modbus.order) == (16, "CDAB")
    assert profile.points["fault"].modbus.bit == 5
    assert len(profile.samples) == 3


def test_serial_by_questions(tmp_path):
    pattern = "L=(?P<level>[0-9]+) cm"
    profile = asked(
        tmp_path, "serial", "text", "", "0D0A", pattern, "", "int", "cm", "", "n", b"L=031 cm\r\n".hex(), ""
    )
    assert profile.samples[0].readings == {"level": 31}


def test_a_meter_by_questions(tmp_path):
    answer = "6894352190885568910833333433593533338116"
    profile = asked(
        tmp_path, "meter", "dlt645", "", "", "energy", "00010000", "XXXXXX.XX", "float", "kW.h", "", "", answer, ""
    )
    assert profile.samples[0].readings == {"energy": 2.26}


def test_answers_that_lead_nowhere_are_given_back():
    typed = "Acme\nX1\n\nleaflet\nacme\n\n{torn\n\na\n\n\n\n\n\n"
    done = CliRunner().invoke(new, ["--link", "mqtt"], input=typed, standalone_mode=False)
    assert '"payload": "{torn"' in done.output


def test_a_pattern_that_cannot_be_is_asked_for_again():
    typed = "Acme\nX1\n\nleaflet\ntext\n\n0D0A\n(a+)+\n(?P<a>x)\n"
    done = CliRunner().invoke(new, ["--link", "serial"], input=typed, standalone_mode=False)
    assert "not this one: repetitions" in done.output
    assert "Point for the field a" in done.output


# --- import -----------------------------------------------------------------------------------------------------------


def test_import_lists_what_is_left_and_is_no_failure(run, tmp_path):
    code, out, err = run("import", "--edgex", EDGEX / "riser-meter.yml", "-o", tmp_path)
    assert (code, out) == (0, "")
    assert "warning: Waveform: left out: type float32array" in err
    assert "12 points and 3 commands of 16 resources" in err
    load_profile(tmp_path / "example-instruments" / "rm-4.yaml")
    assert run("import", "--edgex", EDGEX / "riser-meter.yml", "-o", tmp_path)[0] == 2


def test_import_as_json(run):
    told = json.loads(run("import", "--edgex", EDGEX / "pump.yml", "--topics", "single", "--json")[1])
    assert (told["name"], told["points"], told["commands"], told["file"]) == ("example/sp-mqtt", 5, 3, None)
    assert [one["what"] for one in told["left"]] == ["Photo"]
    assert "topic: DataTopic" in told["profile"]


def test_import_of_what_is_none(run, tmp_path):
    (tmp_path / "x.yml").write_text("vendor: a")
    code, out, err = run("import", "--edgex", tmp_path / "x.yml")
    assert (code, out) == (2, "")
    assert "no EdgeX device profile" in err
    (tmp_path / "x.yml").write_bytes(b"\xff")
    assert "not UTF-8" in run("import", "--edgex", tmp_path / "x.yml")[2]
    assert run("import", "--edgex", tmp_path / "none.yml")[0] == 2


# --- list -------------------------------------------------------------------------------------------------------------


def test_the_page_of_devices(run):
    code, out, _ = run("list", "--markdown")
    assert code == 0
    assert "| [eastron/sdm120](eastron/sdm120.yaml) | Eastron SDM120: " in out
    assert run("list", "--markdown", "--json")[0] == 2
