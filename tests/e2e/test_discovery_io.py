"""Devices that announce themselves: from retained configs on a real broker to readings, a ticket and a command that switches."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from edgegw.cli.main import main
from tests.discovery.captures import ESPHOME, Z2M_LEAK, Message
from tests.e2e.asking import Asking
from tests.e2e.parties import Party
from tests.e2e.plant import ROOT, Plant, eventually

LEAK = "zigbee2mqtt/0xa4c138c36f8a774e"
PUMP = "c3-debug/switch/pump"
COMMENT = "# the site of a test; comments stay"


def announce(plant: Plant, *messages: Message) -> Party:
    """Somebody who announces devices, and says what they say."""
    party = Party(plant.ports["broker"])
    for topic, payload in messages:
        party.say(topic, payload, retain=True)
    return party


def write_site(plant: Plant) -> None:
    """The plant's site as people write it, without a folder of profiles of its own."""
    tree = {key: value for key, value in plant.tree.items() if key != "profiles"}
    tree["links"]["broker"]["discovery"] = {"listen": "1s"}
    tree["devices"] = {"door": {"link": "broker", "profile": "zigbee2mqtt/contact", "address": "door"}}
    plant.site.write_text(f"{COMMENT}\n{yaml.safe_dump(tree, sort_keys=False)}", "utf-8")


def edgegw(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, Any, str]:
    """The command line, in this process: exit code, JSON (or text) and what it complained of."""
    code = main(list(argv))
    out, err = capsys.readouterr()
    return code, json.loads(out) if out.startswith("{") else out, err


def listed(plant: Plant, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    code, told, err = edgegw(capsys, "discovery", "list", str(plant.site), "--link", "broker", "--json")
    assert code == 0, err
    return {device["id"]: device for device in told["devices"]} | {one["id"]: one for one in told["absent"]}


def approve(plant: Plant, capsys: pytest.CaptureFixture[str], *argv: str) -> Any:
    code, told, err = edgegw(capsys, "discovery", "approve", str(plant.site), *argv, "--link", "broker", "--json")
    assert code == 0, err
    return told["approved"]


def test_a_device_that_announces_itself_is_approved_once_and_works(
    plant: Plant, capsys: pytest.CaptureFixture[str]
) -> None:
    asking = Asking(plant)
    asking.serve()
    plant.start_broker()
    plant.start_desk()
    party = announce(plant, *Z2M_LEAK, *ESPHOME)
    party.say(LEAK, {"battery_low": False, "water_leak": False}, retain=True)
    write_site(plant)

    found = listed(plant, capsys)
    leak, board = found["0xa4c138c36f8a774e"], found["c3-debug-7b55e0"]
    assert (leak["state"], board["state"]) == ("new", "new")
    assert leak["points"]["water_leak"]["value"] is False
    assert leak["alarms"]["water_leak"] == {"priority": "P2", "category": "water", "enabled": True}
    assert board["points"]["pressure_voltage"]["unit"] == "V"
    assert board["commands"]["pump-on"]["topic"] == f"{PUMP}/command"
    assert "discovered" not in plant.site.read_text("utf-8")

    done = approve(plant, capsys, "0xa4c138c36f8a774e", "6055f97b55e0")  # one by its id, one by what it calls itself
    assert [one["id"] for one in done] == ["0xa4c138c36f8a774e", "c3-debug-7b55e0"]
    assert plant.site.read_text("utf-8").startswith(COMMENT)
    plant._spawn("gateway", sys.executable, "-m", "edgegw", "run", str(plant.site))
    asking.make_token("read", "command:*:*")
    eventually("the gateway to be ready", plant.connected)

    Party(plant.ports["broker"], f"{PUMP}/command", react=lambda said: party.say(f"{PUMP}/state", said.payload))
    status, answer = asking.ask("POST", "devices/c3-debug-7b55e0/commands", {"id": "one", "command": "pump-on"})
    assert (status, answer["status"], answer["values"]) == (200, "done", {"pump": True})
    party.say("c3-debug/sensor/pressure_voltage/state", "2.95")
    party.say(LEAK, {"battery_low": False, "water_leak": True})
    (ticket,) = eventually("the ticket", plant.tickets)
    assert ticket["category"] == "water"
    assert ticket["priority"] == "P2"

    def volts() -> list[Any]:
        readings = [r for event in plant.events("edgegw.reading") for r in event["data"]["readings"]]
        return [r["value"] for r in readings if r["point"] == "pressure_voltage"]

    assert eventually("the reading", volts) == [2.95]


def test_nothing_changes_by_itself(plant: Plant, capsys: pytest.CaptureFixture[str]) -> None:
    """What was approved stays as it was, whatever is announced later, until somebody approves it again."""
    plant.start_broker()
    party = announce(plant, *Z2M_LEAK)
    hostile = json.dumps({"stat_t": "$SYS/#", "uniq_id": "h", "dev": {"ids": "h", "name": "\x1b[2Jh"}})
    party.say("homeassistant/sensor/h/config", hostile, retain=True)
    write_site(plant)
    approve(plant, capsys, "0xa4c138c36f8a774e", "--as", "leak-1")
    made = plant.folder / "profiles" / "discovered" / "leak-1.yaml"
    first, site = made.read_text("utf-8"), plant.site.read_text("utf-8")
    ran = subprocess.run(
        [sys.executable, "-m", "edgegw", "profile", "test", str(made)], cwd=ROOT, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout + ran.stderr

    (topic, config), battery = Z2M_LEAK
    party.say(topic, config.replace("value_json.water_leak", "value_json.leak"), retain=True)
    found = listed(plant, capsys)
    assert found["leak-1"]["state"] == "changed"
    assert not found["2jh"]["usable"]
    assert [one["reason"] for one in found["2jh"]["refused"]] == ["bad-topic"]
    assert (made.read_text("utf-8"), plant.site.read_text("utf-8")) == (first, site)
    assert [one["changed"] for one in approve(plant, capsys, "leak-1")] == [True]
    assert "path: leak" in made.read_text("utf-8")
    assert made.with_name("leak-1.yaml.bak").read_text("utf-8") == first
    assert plant.site.read_text("utf-8") == site

    for gone in (topic, battery[0]):
        party.say(gone, b"", retain=True)
    assert listed(plant, capsys)["leak-1"]["state"] == "not-seen"
    code, _, err = edgegw(capsys, "discovery", "forget", str(plant.site), "leak-1")
    assert (code, "remove device leak-1" in err) == (2, True)
    Path(f"{plant.site}.bak").replace(plant.site)
    code, told, err = edgegw(capsys, "discovery", "forget", str(plant.site), "leak-1")
    assert (code, told) == (0, "leak-1: forgotten\n"), err
    assert not made.exists()
