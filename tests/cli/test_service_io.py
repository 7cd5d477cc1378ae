"""`edgegw alarms|tickets|maintenance|request` against an API on loopback."""

import json

import pytest

from edgegw.cli.main import main
from edgegw.cli.table import width
from edgegw.service.ticket import TicketState
from tests.api.fakes import CREATED_NS, MINUTE_NS, make_token, trouble


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def test_alarms_and_tickets_fit_into_a_hundred_columns(run, api):
    views = api.backend.service.views
    views["g/meter-1/offline"] = trouble(
        title="三号楼一单元地下二层生活水泵房一号水泵过载跳闸", number="REQ-2026-004711-0001", state=TicketState.ACKNOWLEDGED,
        team="mechanical-and-electrical", resolve_by_ns=CREATED_NS - 90 * MINUTE_NS, acknowledged_ns=CREATED_NS,
    )  # fmt: skip
    views["g/meter-2/offline"] = trouble(
        "meter-2/offline",
        ref="EG-BBBBBBBB",
        state=TicketState.HELD,
        why="cause",
        cause="g/meter-1/offline",
        priority="P1",
    )
    for command in ("alarms", "tickets"):
        code, out, err = run(command)
        assert (code, err) == (0, "")
        assert all(width(line) <= 100 for line in out.splitlines())
        assert "EG-7K2M9QXA/" in out
        assert "resolve OVERDUE 1 h 30 min" in out
    lines = out.splitlines()
    assert lines[1].startswith("P1")
    assert lines[1].endswith("part of EG-7K2M9QXA")
    assert "三号楼" in lines[2]
    assert [
        one["ref"] for one in json.loads(run("tickets", "--state", "held", "--active", "--json")[1])["tickets"]
    ] == ["EG-BBBBBBBB"]
    code, out, err = run("tickets", "--recovered")
    assert (code, out, err) == (0, "", "no tickets\n")


def test_one_ticket_whole(run, api):
    api.backend.service.views["g/meter-1/offline"] = trouble(
        title="a\x1b[2Jb", labels={"building": "3"}, level=2, occurrences=3, number="47"
    )
    code, out, _ = run("tickets", "eg-7k2m9qxa")
    assert code == 0
    assert out.splitlines()[0] == "EG-7K2M9QXA  P2  a?[2Jb"
    for piece in ("building=3", "2 times", "respond by    2026-01-01T00:15:00Z", "active, g/meter-1/offline"):
        assert piece in out
    assert json.loads(run("tickets", "EG-7K2M9QXA", "--json")[1])["level"] == 2
    code, out, err = run("tickets", "EG-ZZZZZZZZ")
    assert (code, out) == (2, "")
    assert err.startswith("Error: unknown-ticket: no such ticket")
    assert run("tickets", "EG-ZZZZZZZZ", "--active")[0] == 2


def test_maintenance(run, api):
    service = api.backend.service
    assert run("maintenance", "list") == (0, "", "no maintenance\n")
    code, out, _ = run(
        "maintenance",
        "start",
        "meter-1",
        "relay-1",
        "--place",
        "building=3,floor=2",
        "--for",
        "2h",
        "--reason",
        "换电池",
    )
    assert code == 0
    assert out.splitlines()[0] == "device meter-1: maintenance until 2026-01-01T02:00:00Z (w-device-1)"
    assert [(one.scope, one.target, one.by) for one in service.kept.values()] == [
        ("device", "meter-1", "desk"), ("device", "relay-1", "desk"), ("place", "building=3,floor=2", "desk"),
    ]  # fmt: skip
    code, out, _ = run("maintenance", "list")
    assert "换电池" in out
    assert len(out.splitlines()) == 4
    assert len(json.loads(run("maintenance", "list", "--json")[1])["windows"]) == 3
    assert run("maintenance", "end", "w-device-1", "w-place-3") == (0, "w-device-1: ended\nw-place-3: ended\n", "")
    code, _, err = run("maintenance", "end", "w-device-1")
    assert (code, err.startswith("Error: unknown-window")) == (2, True)
    code, out, _ = run(
        "maintenance",
        "start",
        "--gateway",
        "--door",
        "lobby",
        "--link",
        "riser",
        "--for",
        "30d",
        "--reason",
        "x",
        "--json",
    )
    assert [one["scope"] for one in json.loads(out)["windows"]] == ["door", "link", "gateway"]


def test_maintenance_of_several_of_which_one_is_refused(run, api):
    code, out, err = run("maintenance", "start", "none", "meter-1", "--for", "30m", "--reason", "x")
    assert code == 2
    assert err == "Error: device none: unknown-target: no device none\n"
    assert out == "device meter-1: maintenance until 2026-01-01T00:30:00Z (w-device-1)\n"
    api.backend.service.store_down = True
    code, out, err = run("maintenance", "start", "none", "meter-1", "--for", "30m", "--reason", "x", "--json")
    assert (code, json.loads(out)) == (2, {"windows": []})
    assert "device meter-1: store" in err
    assert run("maintenance", "start", "meter-1", "--for", "30m", "--reason", "x")[0] == 1


@pytest.mark.parametrize(
    ("args", "says"),
    [
        (["--for", "2h", "--reason", "x"], "name a DEVICE"),
        (["meter-1", "--for", "2h"], "--reason"),
        (["meter-1", "--reason", "x"], "--for"),
        (["meter-1", "--reason", "x", "--for", "long"], "not a duration"),
        (["meter-1", "--reason", "x", "--for", "5s"], "a minute at least"),
        (["meter-1", "--reason", "x", "--for", "31d"], "30d at most"),
        (["meter-1", "--reason", " ", "--for", "2h"], "invalid"),
    ],
)
def test_maintenance_that_is_refused(run, api, args, says):
    code, _, err = run("maintenance", "start", *args)
    assert code == 2
    assert says in err
    assert api.backend.service.kept == {}


def test_a_request_is_made_and_withdrawn(run, api):
    code, out, _ = run(
        "request",
        "cleaning",
        "三楼有水渍",
        "--place",
        "building=3,floor=2",
        "--place",
        "unit=1",
        "--priority",
        "P3",
        "--contact",
        "138",
    )
    assert code == 0
    first, second = out.splitlines()[:2]
    id_ = first.removeprefix("request ")
    assert second == "EG-REQ2EST7  P2  三楼有水渍"
    [made] = api.backend.service.requests.values()
    assert (made.id, made.place, made.priority) == (id_, {"building": "3", "floor": "2", "unit": "1"}, "P3")
    assert run("request", "--withdraw", id_) == (0, f"{id_}: withdrawn\n", "")
    code, _, err = run("request", "--withdraw", id_)
    assert (code, err.startswith("Error: unknown-request")) == (2, True)
    for _ in range(2):
        code, out, _ = run("request", "cleaning", "x", "--id", "my-1", "--json")
        assert (code, json.loads(out)["id"]) == (0, "my-1")
    code, _, err = run("request", "none", "x")
    assert (code, err) == (2, "Error: unknown-category: no category none\n")
    for wrong in (
        ["cleaning"],
        [],
        ["cleaning", "x", "--place", "3"],
        ["a", "b", "--withdraw", "c"],
        ["a", "b", "--priority", "P9"],
    ):
        assert run("request", *wrong)[0] == 2


def test_a_request_that_may_have_been_taken_says_how_to_send_it_again(run, api):
    api.backend.service.store_down = True
    code, _, err = run("request", "cleaning", "x")
    assert code == 1
    again = err.splitlines()[0].partition("--id ")[2]
    api.backend.service.store_down = False
    assert run("request", "cleaning", "x", "--id", again)[0] == 0
    assert again in api.backend.service.requests


def test_without_the_scope(api, capsys, monkeypatch):
    monkeypatch.setenv("EDGEGW_TOKEN", make_token(api.path, "read"))
    assert main(["request", "cleaning", "x", "--api", api.url]) == 2
    assert capsys.readouterr().err == "Error: forbidden: this needs the scope requests\n"
