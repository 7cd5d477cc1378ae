"""`edgegw check --linkages`: a dry run."""

import json
from pathlib import Path

import pytest

from edgegw.cli.main import main

CASES = Path(__file__).parents[1] / "config" / "cases"


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(CASES / "doors")


def test_says_what_each_trigger_would_do(capsys):
    assert main(["check", "site.yaml", "--linkages"]) == 0
    assert capsys.readouterr().out == (
        "site.yaml: 1 linkage; nothing was sent\n"
        "\n"
        "fire  Fire\n"
        "  when any of these alarms is raised\n"
        "    fire of relay (P1)\n"
        "  then, all at once\n"
        "    release door Lobby [lobby], until relocked by hand: on1 to relay, within 2 s\n"
        "    beep tone=3 volume=high to east, within 5 s\n"
        "\n"
        "A linkage starts again only after all its alarms were cleared. Starting edgegw starts none.\n"
    )


def test_says_it_as_json(capsys):
    assert main(["check", "site.yaml", "--linkages", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["linkages"] == [
        {
            "linkage": "fire",
            "title": "Fire",
            "when": [{"device": "relay", "name": "relay", "alarm": "fire", "priority": "P1", "hold_s": 0.0}],
            "do": [
                {
                    "kind": "release",
                    "target": "lobby",
                    "name": "Lobby",
                    "device": "relay",
                    "command": "on1",
                    "args": {},
                    "deadline_s": 2.0,
                },
                {
                    "kind": "command",
                    "target": "east",
                    "name": "east",
                    "device": "east",
                    "command": "beep",
                    "args": {"tone": 3, "volume": "high"},
                    "deadline_s": 5.0,
                },
            ],
        }
    ]


def test_a_priority_that_is_not_given_is_the_catalogue_s(capsys, tmp_path):
    site = tmp_path / "site.yaml"
    text = Path("site.yaml").read_text(encoding="utf-8").replace("../../profiles", str(CASES.parent / "profiles"))
    site.write_text(text.replace("{device: relay, alarm: fire}", "{device: east, alarm: open}"), encoding="utf-8")
    assert main(["check", str(site), "--linkages"]) == 0
    assert "open of east (by catalogue)\n" in capsys.readouterr().out


def test_says_that_there_are_none(capsys):
    assert main(["check", "../fine/site.yaml", "--linkages"]) == 0
    assert "no linkages" in capsys.readouterr().out


def test_faults_of_the_file_are_told_as_ever(capsys):
    assert main(["check", "../linkages/site.yaml", "--linkages"]) == 2
    assert "there is no device 'rely'" in capsys.readouterr().err
