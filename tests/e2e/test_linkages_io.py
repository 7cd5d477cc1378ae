"""Linkages end to end: what an alarm moves, what it does not, and what is told of it."""

from typing import Any

from tests.e2e.gate import Gate
from tests.e2e.parties import Valve
from tests.e2e.plant import eventually
from tests.e2e.publisher import send

LEAK, SMOKE = "zigbee2mqtt/leak-1", "zigbee2mqtt/smoke-1"
WET = '{"water_leak":true,"battery":80}'
SMOKING = '{"smoke":true,"battery":80}'
ON = 0xFF00
RELEASE_GATE = {"unit": 1, "function": 5, "address": 0, "value": ON}
RELEASE_YARD = {"unit": 1, "function": 5, "address": 1, "value": ON}
FANS = {"unit": 1, "function": 5, "address": 3, "value": ON}
PUMP = {"unit": 1, "function": 5, "address": 4, "value": ON}
RECALL = {"function": 5, "address": 16, "value": ON}
IN_THE_ZONE = [RELEASE_GATE, RELEASE_YARD, FANS]


def lock(relay: int) -> dict[str, Any]:
    commands = {"unlock": f"pulse{relay}", "release": f"on{relay}", "relock": f"off{relay}"}
    return {"device": "relays", **{act: {"command": command} for act, command in commands.items()}}


def rule(point: str, category: str, title: str) -> dict[str, Any]:
    return {
        "point": point,
        "when": {"equals": True},
        "clear_after": "0s",
        "priority": "P1",
        "category": category,
        "title": title,
    }


def linked_site(gate: Gate) -> None:
    """Two doors in the zone and one outside it; inputs 3 and 4 of the panel are the fire panel's contact and a lift's."""
    gate.door_site(groups=["zone-3"])
    tree = gate.plant.tree
    tree["doors"] |= {"yard": {"groups": ["zone-3"], "lock": lock(2)}, "annex": {"groups": ["zone-4"], "lock": lock(3)}}
    for device, profile in (("leak-1", "leak"), ("smoke-1", "smoke"), ("valve-1", "valve")):
        tree["devices"][device] = {"link": "broker", "profile": f"zigbee2mqtt/{profile}", "address": device}
    tree["devices"]["panel"]["rules"] = {
        "fire": rule("input3", "fire", "Fire in zone 3"),
        "trapped": rule("input4", "lift", "Somebody is trapped in the lift"),
    }
    tree["linkages"] = {
        "fire": {
            "title": "Fire",
            "when": [{"device": "panel", "alarm": "fire"}, {"device": "smoke-1", "alarm": "smoke"}],
            "do": [
                {"release": ["zone-3"], "deadline": "2s"},
                {"device": "panel", "command": "on0"},
                {"device": "relays", "command": "on4"},
            ],
        },
        "leak": {
            "when": [{"device": "leak-1", "alarm": "leak"}],
            "do": [{"device": "valve-1", "command": "close"}, {"device": "relays", "command": "on5"}],
        },
    }


def leaking(gate: Gate, *, stuck: bool = False) -> Valve:
    """Everything runs, and a leak was told."""
    linked_site(gate)
    gate.start()
    port = gate.plant.ports["broker"]
    valve = Valve(port, "valve-1", stuck=stuck)
    send(port, LEAK, WET)
    return valve


def in_any_order(writes: list[dict[str, int]]) -> list[dict[str, int]]:
    return sorted(writes, key=lambda write: (write["address"], write["value"]))


def panel_moved(gate: Gate) -> list[dict[str, int]]:
    return [{key: write[key] for key in ("function", "address", "value")} for write in gate.do("panel")]


def runs(gate: Gate, what: str, count: int = 1) -> list[dict[str, Any]]:
    """The data of ``edgegw.linkage.<what>``, once there are so many."""
    kind = f"edgegw.linkage.{what}"
    found = eventually(kind, lambda: len(events := gate.records(kind)) >= count and events)
    assert len(found) == count
    return [event["data"] for event in found]


def outcomes(run: dict[str, Any]) -> dict[tuple[str, str], tuple[str, str]]:
    return {(a["target"], a["command"]): (a["status"], a.get("reason", "")) for a in run["actions"]}


def reported(gate: Gate, device: str, point: str, value: object) -> bool:
    """Whether the desk has this reading."""
    events = [event["data"]["readings"] for event in gate.records("edgegw.reading") if event["subject"] == device]
    return any((reading["point"], reading["value"]) == (point, value) for readings in events for reading in readings)


def test_a_leak_closes_the_valve_and_starts_the_pump_once(gate: Gate) -> None:
    """Also when it is told again, and when the gateway is killed and started while it goes on."""
    valve = leaking(gate)
    port = gate.plant.ports["broker"]
    (ended,) = runs(gate, "completed")
    (started,) = runs(gate, "started")
    assert started["run_id"] == ended["run_id"]
    assert (started["cause"]["device"], started["cause"]["alarm"]) == ("leak-1", "leak")
    assert started["cause"]["alarm_id"] == gate.records("edgegw.alarm.raised")[0]["data"]["alarm_id"]
    assert outcomes(ended) == {("valve-1", "close"): ("done", ""), ("relays", "on5"): ("done", "")}
    assert ended["done"] is True
    assert max(action["duration_ms"] for action in ended["actions"]) < 2000
    send(port, LEAK, WET, WET)
    gate.plant.kill("gateway")
    gate.plant.start_gateway()
    send(port, LEAK, WET.replace("80", "79"))
    eventually("the leak to be heard again", lambda: reported(gate, "leak-1", "battery", 79))
    assert gate.command("doors/gate", "unlock")[1]["status"] == "done"
    eventually("the door's outcome", lambda: len(gate.records("edgegw.command.completed")) == 4)
    assert valve.told() == ["OFF"]
    assert gate.moved()[:-1] == [PUMP]
    runs(gate, "started")
    runs(gate, "completed")
    assert [ticket["state"] for ticket in gate.plant.tickets() if ticket["dedup_key"] == "gw/leak-1/leak"] == ["open"]
    valve.leave()


def test_each_action_has_its_own_outcome(gate: Gate) -> None:
    """A valve that does not move holds up nothing else."""
    valve = leaking(gate, stuck=True)
    (ended,) = runs(gate, "completed")
    assert outcomes(ended) == {("valve-1", "close"): ("unknown", "not-confirmed"), ("relays", "on5"): ("done", "")}
    assert ended["done"] is False
    by_target = {action["target"]: action["duration_ms"] for action in ended["actions"]}
    assert by_target["relays"] < 1000 < by_target["valve-1"] <= 5000
    assert valve.told() == ["OFF"]
    valve.leave()


def test_a_crash_in_the_middle_of_a_run_is_told_and_nothing_is_sent_again(gate: Gate) -> None:
    valve = leaking(gate, stuck=True)
    eventually("the valve and the pump to be told", lambda: valve.told() and gate.moved())
    gate.plant.kill("gateway")
    valve.stuck = False
    gate.plant.start_gateway()
    (ended,) = runs(gate, "completed")
    (started,) = runs(gate, "started")
    assert ended["run_id"] == started["run_id"]
    assert outcomes(ended) == {("valve-1", "close"): ("unknown", "restart"), ("relays", "on5"): ("unknown", "restart")}
    send(gate.plant.ports["broker"], LEAK, WET.replace("80", "79"))
    eventually("the leak to be heard again", lambda: reported(gate, "leak-1", "battery", 79))
    assert (valve.told(), gate.moved()) == (["OFF"], [PUMP])
    runs(gate, "started")
    valve.leave()


def test_a_fire_releases_the_zone_recalls_the_lift_and_runs_the_fans_until_reset_by_hand(gate: Gate) -> None:
    linked_site(gate)
    gate.start("read", "door:zone-3:relock")
    told = gate.do("input", channel=3, on=True)
    (ended,) = runs(gate, "completed")
    assert outcomes(ended) == {
        ("gate", "release"): ("done", ""),
        ("yard", "release"): ("done", ""),
        ("panel", "on0"): ("done", ""),
        ("relays", "on4"): ("done", ""),
    }
    assert in_any_order(gate.moved()) == IN_THE_ZONE
    assert panel_moved(gate) == [RECALL]
    assert gate.writes()[1]["at"] - told["at"] < 2.0
    granted = [event["data"] for event in gate.records("edgegw.access.granted")]
    assert [(data["door"]["id"], data["reason"], data["issuer"]) for data in granted] == [
        ("gate", "linkage", "fire"),
        ("yard", "linkage", "fire"),
    ]
    (ticket,) = [ticket for ticket in gate.plant.tickets() if ticket["dedup_key"] == "gw/panel/fire"]
    assert (ticket["priority"], ticket["category"]) == ("P1", "fire")

    gate.do("input", channel=3, on=False)  # the fire is out; nobody is shut in by that
    eventually(
        "the end of the alarm", lambda: "gw/panel/fire" not in {t["dedup_key"] for t in gate.plant.tickets("open")}
    )
    states = {door["id"]: door["state"] for door in gate.ask("GET", "doors")[1]["doors"]}
    assert states == {"gate": "released", "yard": "released", "annex": "locked"}
    assert gate.command("doors/gate", "relock")[1]["status"] == "done"
    assert gate.moved()[3:] == [RELEASE_GATE | {"value": 0}]
    assert gate.ask("GET", "doors/yard")[1]["state"] == "released"


def test_a_relock_while_the_fire_goes_on_is_not_undone_and_the_next_fire_releases_again(gate: Gate) -> None:
    linked_site(gate)
    gate.start("door:zone-3:relock")
    gate.do("input", channel=3, on=True)
    runs(gate, "completed")
    assert gate.command("doors/gate", "relock")[1]["status"] == "done"
    send(gate.plant.ports["broker"], SMOKE, SMOKING)  # another alarm of the same fire
    eventually("the smoke's ticket", lambda: "gw/smoke-1/smoke" in {t["dedup_key"] for t in gate.plant.tickets("open")})
    assert gate.do("relays", unit=1)[:2] == [False, True]
    runs(gate, "started")


def test_a_fire_that_a_broker_kept_starts_nothing_until_it_is_told_again(gate: Gate) -> None:
    linked_site(gate)
    gate.plant.start_broker()
    port = gate.plant.ports["broker"]
    send(port, SMOKE, SMOKING, retain=True)
    gate.start()
    eventually("the ticket", lambda: gate.plant.tickets("open"))
    (raised,) = gate.records("edgegw.alarm.raised")
    assert raised["data"]["evidence"]["quality"] == "stale"
    assert gate.moved() == panel_moved(gate) == []
    assert gate.records("edgegw.linkage") == []
    send(port, SMOKE, SMOKING)
    (ended,) = runs(gate, "completed")
    assert ended["done"] is True
    assert in_any_order(gate.moved()) == IN_THE_ZONE
    assert panel_moved(gate) == [RECALL]


def test_somebody_trapped_in_a_lift_is_a_ticket_of_the_first_priority_and_moves_nothing(gate: Gate) -> None:
    linked_site(gate)
    gate.start()
    gate.do("input", channel=4, on=True)
    (ticket,) = eventually("the ticket", lambda: gate.plant.tickets("open"), within_s=5.0)
    assert (ticket["priority"], ticket["category"], ticket["title"]) == (
        "P1",
        "lift",
        "Somebody is trapped in the lift",
    )
    assert gate.moved() == panel_moved(gate) == []
    assert gate.records("edgegw.linkage") == []
