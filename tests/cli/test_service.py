"""`edgegw check --service`: which alarm becomes which ticket."""

import json
from pathlib import Path

import pytest

from edgegw.cli.main import main
from edgegw.cli.service import length

CASES = Path(__file__).parents[1] / "config" / "cases"
NIGHT = ["--at", "2026-11-26T02:00"]


@pytest.fixture(autouse=True)
def here(monkeypatch):
    monkeypatch.chdir(CASES / "service")


def told(capsys, *args: str, site: str = "site.yaml"):
    assert main(["check", "--service", site, "--json", *args]) == 0
    return json.loads(capsys.readouterr().out)


def entry(found, alarm: str):
    return next(one for one in found["alarms"] if one["alarm"] == alarm)


def test_says_matrix_targets_and_tickets(capsys):
    assert main(["check", "--service", "site.yaml", *NIGHT]) == 0
    out = capsys.readouterr().out
    assert out.startswith(
        "site.yaml: gateway g1; alarms raised at 2026-11-26T02:00+08:00; nothing was sent\n"
        "\n"
        "impact × urgency   1   2   3   4   5\n"
        "               1  P4  P4  P4  P4  P3\n"
        "               2  P4  P4  P3  P3  P3\n"
        "               3  P4  P3  P3  P2  P2\n"
        "               4  P4  P3  P2  P2  P1\n"
        "               5  P3  P3  P2  P1  P1\n"
        "\n"
        "targets\n"
        "  P1  respond in 5 min, resolve in 2 h; around the clock\n"
        "  P2  respond in 15 min, resolve in 2 h; around the clock\n"
        "  P3  respond in 45 min, resolve in 12 h; Mon, Tue, Wed, Thu, Fri, Sat 08:30–12:00, 13:30–17:30, not on holidays\n"
        "  P4  respond in 30 min, resolve in 24 h; every day 08:00–20:00, holidays too\n"
        "\n"
        "this alarm becomes this ticket\n"
        "\n"
        "P1  Fire\n"
        "    alarm    fire of acme/relay: relay\n"
        "    for      消防: 消防控制室; 消防设施操作员 fire facility operator\n"
        "    respond  in 5 min, by 2026-11-26T02:05+08:00; resolve in 2 h, by 2026-11-26T04:00+08:00\n"
        "    guide    火灾探测报警核查 [fire-detector-check, 3 steps]\n"
        "    plan     火灾报警处置预案 [fire-alarm, 8 steps]\n"
        "\n"
    )
    assert (
        "P2  Open\n"
        "    alarm    open of acme/gate: east\n"
        "    for      设备 (impact 4 × urgency 3): 夜班, 8100; 弱电 low-voltage systems\n"
        "    respond  in 15 min, by 2026-11-26T02:15+08:00; resolve in 2 h, by 2026-11-26T04:00+08:00\n"
        "    guide    设备离线排查 [device-offline, 5 steps]\n"
        "    by       at-night\n"
    ) in out
    assert "  riser: 3 members; causes: g1/link/bus, g1/relay/fire, g1/store-room/lock-failed\n" in out


def test_the_time_of_raising_counts(capsys):
    """By day another team works; on a holiday that alarm is no ticket at all."""
    assert entry(told(capsys, *NIGHT), "open")["team"] == "night"
    day = entry(told(capsys, "--at", "2026-11-26T12:00"), "open")
    assert (day["overrides"], day["ticket"]) == ([], True)
    holiday = entry(told(capsys, "--at", "2026-10-01T12:00"), "open")
    assert (holiday["overrides"], holiday["ticket"]) == (["quiet"], False)
    assert main(["check", "--service", "site.yaml", "--at", "2026-10-01T12:00"]) == 0
    assert "no ticket  Open\n    alarm    open of acme/gate: east\n    by       quiet" in capsys.readouterr().out


def test_json_has_all_of_a_ticket(capsys):
    found = told(capsys, *NIGHT)
    assert found["at"] == "2026-11-26T02:00+08:00"
    assert found["matrix"][4] == ["P3", "P3", "P2", "P1", "P1"]
    assert found["targets"][2] | {"when": ""} == {
        "priority": "P3",
        "respond_s": 2700.0,
        "resolve_s": 43200.0,
        "hours": "day",
        "when": "",
    }
    one = entry(found, "open")
    guide = one.pop("guide")
    assert (guide["id"], len(guide["steps"]), guide["url"]) == ("device-offline", 5, "")
    assert one == {
        "of": "acme/gate",
        "alarm": "open",
        "count": 1,
        "subjects": ["east"],
        "title": "Open",
        "ticket": True,
        "priority": "P2",
        "impact": 4,
        "urgency": 3,
        "category": "device",
        "category_name": "设备",
        "team": "night",
        "team_name": "夜班",
        "contact": "8100",
        "skills": ["弱电 low-voltage systems"],
        "respond_s": 900.0,
        "resolve_s": 7200.0,
        "respond_by": "2026-11-26T02:15+08:00",
        "resolve_by": "2026-11-26T04:00+08:00",
        "plan": None,
        "overrides": ["at-night"],
    }


def test_equal_devices_are_one_entry_and_everything_is_there(capsys, monkeypatch):
    monkeypatch.chdir(CASES / "doors")
    found = told(capsys, *NIGHT)
    opened = entry(found, "open")
    assert (opened["count"], opened["subjects"], opened["of"]) == (2, ["east", "west"], "acme/gate")
    failed = entry(found, "lock-failed")
    assert (failed["count"], failed["title"]) == (3, "… … 门锁未确认动作")
    assert entry(found, "held")["title"] == "3号楼 Lobby 长时间未关"
    kinds = {(one["of"], one["alarm"]) for one in found["alarms"]}
    assert {("door", "tamper"), ("door", "lockout"), ("link", "link-down"), ("feed link/z", "lost-*")} <= kinds
    assert {("gateway", "upstream-desk"), ("gateway", "access-sync"), ("acme/relay", "fire")} <= kinds
    assert [one["priority"] for one in found["alarms"]] == sorted(one["priority"] for one in found["alarms"])


def test_every_alarm_of_the_example_becomes_a_ticket(capsys):
    example = Path(__file__).parents[2] / "deploy" / "edgegw.example.yaml"
    found = told(capsys, *NIGHT, site=str(example))
    assert all(one["ticket"] and (one["guide"] or one["plan"]) for one in found["alarms"])
    smoke = entry(found, "smoke")
    assert (smoke["priority"], smoke["team_name"], smoke["plan"]["id"]) == ("P1", "消防控制室", "fire-alarm")
    assert smoke["title"].startswith("3号楼 1层")


@pytest.mark.parametrize("at", ["noon", "", "2026-13-01", "9999-12-31T23:59", "1969-01-01", "0001-01-01T00:00"])
def test_a_time_that_is_none_is_bad_input(capsys, at):
    assert main(["check", "--service", "site.yaml", "--at", at]) == 2
    assert "not a time" in capsys.readouterr().err


def test_a_time_may_say_its_own_zone(capsys):
    assert told(capsys, "--at", "2026-11-25T18:00+00:00")["at"] == "2026-11-26T02:00+08:00"


def test_a_time_goes_with_service_only(capsys):
    assert main(["check", "site.yaml", *NIGHT]) == 2
    assert "--at goes with --service" in capsys.readouterr().err


def test_a_bad_site_file_is_exit_code_2(capsys, monkeypatch):
    monkeypatch.chdir(CASES / "service-faults")
    assert main(["check", "--service", "site.yaml"]) == 2
    assert "site.yaml:1:29: there is no time zone 'Asia/Peking'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(90, "90 s"), (300, "5 min"), (5400, "90 min"), (86400, "24 h"), (172800, "2 d"), (0.5, "0.5 s")],
)
def test_lengths_are_read_at_a_glance(seconds, text):
    assert length(seconds) == text
