"""Commands end to end, by the API and the command line, to a relay on the bus and to valves behind a broker."""

import json
import subprocess
import sys
import threading
import time
from contextlib import suppress
from http.client import HTTPException
from typing import Any

from tests.e2e.gate import Gate
from tests.e2e.parties import Party, Valve
from tests.e2e.plant import ROOT, eventually, free_port

SET = "zigbee2mqtt/valve-1/set"
ON_3 = {"unit": 1, "function": 5, "address": 2, "value": 0xFF00}
PULSE_1 = {"unit": 1, "function": 5, "address": 0x0200, "value": 10}
TO_DEVICES = ("read", "command:*:*")


def with_valve(gate: Gate) -> None:
    gate.door_site()
    gate.plant.tree["devices"]["valve-1"] = {"link": "broker", "profile": "zigbee2mqtt/valve", "address": "valve-1"}


def completed(gate: Gate, count: int = 1) -> list[dict[str, Any]]:
    """Outcomes on record at the desk, at least so many."""
    return eventually("the outcomes", lambda: len(found := gate.records("edgegw.command.completed")) >= count and found)


def edgegw(gate: Gate, *argv: str) -> tuple[int, dict[str, Any]]:
    """The command line as an operator's; exit code and JSON."""
    ran = subprocess.run(
        [sys.executable, "-m", "edgegw", *argv, "--api", f"http://127.0.0.1:{gate.api_port}", "--json"],
        cwd=ROOT, capture_output=True, text=True, check=False, env={"EDGEGW_TOKEN": gate.token},
    )  # fmt: skip
    assert ran.stdout, ran.stderr
    return ran.returncode, json.loads(ran.stdout)


def test_a_relay_is_commanded_and_read_back(gate: Gate) -> None:
    gate.door_site()
    gate.start(*TO_DEVICES)
    status, answer = gate.command("devices/relays", "on3")
    assert (status, answer["status"], answer["values"]) == (200, "done", {"relay3": True})
    assert gate.moved() == [ON_3]
    assert gate.do("relays", unit=1) == [False, False, True, False, False, False, False, False]
    (done,) = completed(gate)
    (taken,) = gate.records("edgegw.command.admitted")
    assert taken["data"]["id"] == done["data"]["id"] == answer["id"]
    assert taken["seq"] < done["seq"]
    assert done["subject"] == "relays"
    assert done["data"]["issuer"] == {"source": "api", "name": "test"}
    assert done["data"]["values"] == {"relay3": True}


def test_what_is_not_allowed_moves_nothing_and_is_recorded(gate: Gate) -> None:
    """Also the door's bolt by the bare relay, with every right to devices and none to the door."""
    gate.door_site()
    gate.start("command:relays:*", "command:meter-2:*")
    good = gate.token
    gate.token = "egw_" + "0" * 43
    assert gate.command("devices/relays", "on3")[0] == 401
    gate.token = good
    refused = {
        "the bolt": ("devices/relays", "pulse1", 403, "forbidden"),
        "the bolt's release": ("devices/relays", "on1", 403, "forbidden"),
        "the door": ("doors/gate", "unlock", 403, "forbidden"),
        "another device": ("devices/panel", "on0", 403, "forbidden"),
        "one that is not there": ("devices/relays-9", "on3", 403, "forbidden"),
        "an unknown command": ("devices/relays", "explode", 422, "unknown-command"),
    }
    for what, (target, command, expected, reason) in refused.items():
        status, answer = gate.command(target, command)
        assert (status, answer["status"], answer["reason"]) == (expected, "rejected", reason), what
    status, answer = gate.ask("GET", "devices/relays/commands?command=on3&id=x")
    assert (status, answer["status"]) == (405, "rejected")
    assert gate.moved() == []
    eventually("all refusals", lambda: len(gate.records("edgegw.command.rejected")) == len(refused))
    (unknown,) = gate.records("edgegw.api.request")
    assert (unknown["data"]["status"], unknown["data"]["route"]) == (401, "/api/v1/devices/{id}/commands")
    assert gate.records("edgegw.command.completed") == []


def test_an_id_acts_once_also_after_a_crash(gate: Gate) -> None:
    gate.door_site()
    gate.start(*TO_DEVICES)
    body = {"id": "turn-it-on", "command": "on3"}
    assert gate.ask("POST", "devices/relays/commands", body)[1]["status"] == "done"
    status, answer = gate.ask("POST", "devices/relays/commands", body)
    assert (status, answer["reason"]) == (409, "used-id")
    eventually("the refusal", lambda: gate.records("edgegw.command.rejected"))
    gate.plant.kill("gateway")
    gate.plant.start_gateway()
    status, answer = gate.ask("POST", "devices/relays/commands", body | {"command": "off3"})
    assert (status, answer["reason"]) == (409, "used-id")
    assert gate.moved() == [ON_3]
    eventually("both refusals", lambda: len(gate.records("edgegw.command.rejected")) == 2)
    assert len(completed(gate)) == 1


def test_the_command_line_commands(gate: Gate) -> None:
    gate.door_site()
    gate.start("command:relays:*", "door:gate:unlock")
    code, answer = edgegw(gate, "device", "send", "relays", "pulse3", "seconds=3")
    assert (code, answer["status"], answer["values"]) == (0, "done", {"relay3": True})
    code, answer = edgegw(gate, "door", "unlock", "gate")
    assert (code, answer["status"]) == (0, "done")
    code, answer = edgegw(gate, "door", "release", "gate")
    assert (code, answer["status"], answer["reason"]) == (2, "rejected", "forbidden")
    assert gate.moved() == [{"unit": 1, "function": 5, "address": 0x0202, "value": 30}, PULSE_1]
    (granted,) = eventually("the decision", lambda: gate.records("edgegw.access.granted"))
    assert (granted["data"]["reason"], granted["data"]["issuer"]) == ("operator", "test")
    assert {event["data"]["target"] for event in completed(gate, 3)} == {"relays", "gate"}


def test_a_valve_confirms_by_its_state(gate: Gate) -> None:
    with_valve(gate)
    gate.start(*TO_DEVICES)
    valve = Valve(gate.plant.ports["broker"], "valve-1")
    status, answer = gate.command("devices/valve-1", "close")
    assert (status, answer["status"], answer["values"]) == (200, "done", {"open": False})
    assert valve.state == "OFF"
    (done,) = completed(gate)
    assert done["data"]["duration_ms"] < 1000
    valve.leave()


def test_a_valve_that_does_not_confirm_is_told_once_and_its_state_unknown(gate: Gate) -> None:
    """What it said before, and what the broker kept, confirms nothing; no order stays behind on the broker."""
    with_valve(gate)
    gate.plant.start_broker()
    broker = gate.plant.ports["broker"]
    Party(broker).say("zigbee2mqtt/valve-1", {"state": "OFF"}, retain=True)
    gate.start(*TO_DEVICES)
    valve = Valve(broker, "valve-1", stuck=True)
    status, answer = gate.command("devices/valve-1", "close")
    assert (status, answer["status"], answer["reason"]) == (200, "unknown", "not-confirmed")
    (done,) = completed(gate)
    assert (done["data"]["status"], done["data"]["reason"]) == ("unknown", "not-confirmed")
    assert 3000 < done["data"]["duration_ms"] <= 5000
    assert [(said.json(), said.retain) for said in valve.heard] == [({"state": "OFF"}, False)]
    late = Party(broker, SET, "zigbee2mqtt/+")
    eventually("what the broker keeps", lambda: late.on("zigbee2mqtt/valve-1"))
    assert late.on(SET) == []
    assert len(gate.records("edgegw.command.admitted")) == 1


def test_a_crash_in_the_middle_of_a_command_sends_nothing_again(gate: Gate) -> None:
    with_valve(gate)
    gate.start(*TO_DEVICES)
    valve = Valve(gate.plant.ports["broker"], "valve-1", stuck=True)

    def ask() -> None:
        with suppress(OSError, HTTPException):  # its answer dies with the gateway
            gate.command("devices/valve-1", "close")

    asking = threading.Thread(target=ask)
    asking.start()
    eventually("the order at the valve", valve.told)
    gate.plant.kill("gateway")
    asking.join(10)
    valve.stuck = False
    gate.plant.start_gateway()
    (done,) = completed(gate)
    assert (done["data"]["target"], done["data"]["status"], done["data"]["reason"]) == ("valve-1", "unknown", "restart")
    assert gate.command("devices/valve-1", "open")[1]["status"] == "done"
    assert valve.told() == ["OFF", "ON"]


def test_a_device_whose_broker_is_down_fails_at_once(gate: Gate) -> None:
    gate.door_site()
    tree = gate.plant.tree
    tree["links"]["field"] = {"kind": "mqtt", "port": free_port()}
    tree["devices"]["valve-1"] = {"link": "field", "profile": "zigbee2mqtt/valve", "address": "valve-1"}
    gate.plant.start_desk()
    gate.plant.start_gateway(ready=False)
    gate.make_token(*TO_DEVICES)
    gate.settled()
    began = time.monotonic()
    status, answer = gate.command("devices/valve-1", "close")
    took_s = time.monotonic() - began
    assert (status, answer["status"], answer["reason"]) == (200, "failed", "link-down")
    assert took_s < 0.5
    (done,) = completed(gate)
    assert (done["data"]["status"], done["data"]["reason"]) == ("failed", "link-down")
