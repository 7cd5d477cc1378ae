"""The commands that ask the local API, against one on loopback."""

import json

from edgegw.cli import watch
from edgegw.cli.main import main
from edgegw.model import Outcome, OutcomeStatus
from tests.api.fakes import record


def test_looking(run):
    code, out, _ = run("device", "list")
    assert code == 0
    assert "relay-1" in out
    assert "pulse [seconds=<float>]" in out
    assert "floor=3" in out
    assert "relay" in run("device", "read", "relay-1")[1]
    assert json.loads(run("device", "read", "relay-1", "--json")[1])["points"][0]["age"] == 1.5
    assert "lobby" in run("door", "list")[1]
    assert "P2  表离线  EG-7K2M9QXA  requested  maintenance  respond in 15 min" in run("alarms")[1]
    assert json.loads(run("alarms", "--json")[1])["alarms"]
    code, _, err = run("device", "read", "none")
    assert (code, "unknown-target" in err) == (2, True)


def test_acting(run, api):
    code, out, _ = run("device", "send", "relay-1", "pulse", "seconds=2.5", "text=abc", 'number="5"', "on=true")
    assert (code, out) == (0, "relay-1 pulse: done relay=true\n")
    assert api.backend.commands[0].args == {"seconds": 2.5, "text": "abc", "number": "5", "on": True}
    assert api.backend.commands[0].id.startswith("cli-")
    for action in ("unlock", "release", "relock"):
        code, out, _ = run("door", action, "lobby", "--id", f"my-{action}", "--timeout", "2", "--json")
        assert (code, json.loads(out)["status"]) == (0, "done")
        assert (api.backend.commands[-1].name, api.backend.commands[-1].id) == (action, f"my-{action}")
    code, _, err = run("door", "unlock", "lobby", "--id", "my-unlock")
    assert (code, err) == (2, "Error: used-id: used before\n")
    api.backend.outcome = Outcome(OutcomeStatus.UNKNOWN, "no-answer", "relay-1 did not answer")
    code, out, _ = run("door", "unlock", "lobby")
    assert (code, out) == (1, "lobby unlock: unknown (no-answer) relay-1 did not answer\n")
    api.backend.outcome = Outcome(OutcomeStatus.REJECTED, "busy")
    code, out, _ = run("door", "unlock", "lobby", "--json")
    assert (code, json.loads(out)["reason"]) == (1, "busy")
    assert run("device", "send", "relay-1", "pulse", "seconds")[0] == 2


def test_tail_resumes(run, api, monkeypatch):
    pauses = []

    def sleep(seconds):
        pauses.append(seconds)
        if len(pauses) == 2:
            raise KeyboardInterrupt
        api.backend.records.append(record(3))

    monkeypatch.setattr(watch.time, "sleep", sleep)
    api.backend.records += [record(1), record(2)]

    fetch = api.backend.events

    async def events(after_seq, lanes, limit):
        api.loop.call_later(0.05, overflow)  # after what was fetched is sent
        return await fetch(after_seq, lanes, limit)

    def overflow():
        for heard in tuple(api.backend.heard):
            heard([record(9, data=b"x" * 2_000_000)])

    api.backend.events = events
    code, out, err = run("events", "tail", "--after", "1", "--lane", "alarm", "--json")
    assert code == 130
    assert [json.loads(line)["seq"] for line in out.splitlines()] == [2, 3]
    assert "fell behind" in err


def test_without_a_token_or_a_gateway(api, capsys, monkeypatch, tmp_path):
    monkeypatch.delenv("EDGEGW_TOKEN", raising=False)
    assert main(["alarms", "--api", api.url]) == 2
    told = capsys.readouterr().err
    assert told == "Error: no token: give --token-file or $EDGEGW_TOKEN (`edgegw token create` makes one)\n"
    monkeypatch.setenv("EDGEGW_TOKEN", "egw_wrong")
    assert main(["alarms", "--api", api.url]) == 2
    assert "bad-token" in capsys.readouterr().err
    assert main(["alarms", "--api", "http://127.0.0.1:9"]) == 1
    told = capsys.readouterr().err
    assert "is the gateway running, with api.enabled? Another address: --api" in told
    assert told.count("\n") == 1
    assert main(["alarms", "--api", "http://gateway.example:9465"]) == 2
    assert "unencrypted" in capsys.readouterr().err
    assert main(["alarms", "--api", "ftp://x"]) == 2
    assert main(["alarms", "--api", f"{api.url}", "--token-file", str(tmp_path)]) == 2
