"""From alarm to closed loop: real broker, real daemon, real desk; a person works at the desk, plugs are pulled."""

import json
import signal
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.e2e.asking import Asking
from tests.e2e.plant import Plant, eventually
from tests.e2e.publisher import Many, send

TOPIC = "dev/counter-1"
KEY = "gw/counter-1/leak"
SCOPES = ("read", "tickets", "maintenance", "requests", "patrol")


class Office(Asking):
    """The plant with its way back by polling, and somebody at the desk."""

    def __init__(self, plant: Plant) -> None:
        super().__init__(plant)
        self.serve()
        desk = plant.tree["upstream"]["desk"]
        desk["tickets"] = {"poll": f"http://127.0.0.1:{plant.ports['desk']}/api/ticket-updates", "every": "1s"}

    def start(self) -> None:
        self.plant.start_broker()
        self.plant.start_desk()
        self.plant.start_gateway()
        self.make_token(*SCOPES)

    def leak(self, leak: bool) -> None:
        send(self.plant.ports["broker"], TOPIC, json.dumps({"n": 1, "leak": leak}))

    def open(self) -> list[dict[str, Any]]:
        """Tickets at the desk that are not closed, rejected or merged."""
        return [t for t in self.plant.tickets() if t["state"] not in ("closed", "rejected", "merged")]

    def act(self, number: int, step: str) -> None:
        assert self.plant.desk(f"tickets/{number}/{step}", {"by": "Wang"}) is not None

    def trouble(self, key: str = KEY) -> dict[str, Any]:
        status, answer = self.ask("GET", "tickets")
        assert status == 200, answer
        return next((one for one in answer["tickets"] if one["dedup_key"] == key), {})

    def state(self, wanted: str, key: str = KEY) -> dict[str, Any]:
        return eventually(f"{key} to be {wanted}", lambda: (t := self.trouble(key)).get("state") == wanted and t)

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [event["data"] for event in self.plant.events(kind)]


@pytest.fixture
def office(plant: Plant) -> Office:
    return Office(plant)


def test_opened_acknowledged_recovered_closed_over_a_kill(office: Office) -> None:
    office.start()
    office.leak(True)
    (ticket,) = eventually("the ticket", office.open)
    request = json.loads(ticket["data"])["ticket"] if isinstance(ticket.get("data"), str) else ticket
    assert ticket["dedup_key"] == KEY
    assert request
    number = ticket["number"]
    assert office.state("opened")["number"] == str(number)
    office.act(number, "acknowledge")
    office.state("acknowledged")
    office.plant.kill("gateway")
    office.act(number, "assign")
    office.plant.start_gateway()
    office.state("assigned")
    office.leak(False)
    eventually("resolution to be proposed", lambda: office.told("edgegw.alarm.cleared"))
    assert office.told("edgegw.alarm.cleared")[0]["ticket"]["action"] == "resolve"
    office.act(number, "resolve")
    office.act(number, "close")
    eventually("the trouble to be over", lambda: office.trouble().get("state") in (None, "closed"))
    office.leak(True)
    eventually("the same ticket again", lambda: [t for t in office.open() if t["number"] == number])
    assert office.plant.desk("stats")["opened"] == 1


def test_not_acknowledged_is_escalated_and_closed_while_active_is_opened_again(office: Office) -> None:
    office.plant.tree["service"] = {
        "targets": {"P2": {"respond": "1s", "resolve": "1h"}},
        "one_ticket": {"reopen": "1s"},
    }
    office.start()
    office.leak(True)
    (data,) = eventually("the escalation", lambda: office.told("edgegw.alarm.escalated"))
    assert (data["ticket"]["action"], data["ticket"]["why"], data["ticket"]["level"]) == ("escalate", "respond", 1)
    assert data["ticket"]["guide"]["steps"]
    (ticket,) = office.open()
    for step in ("acknowledge", "resolve", "close"):
        office.act(ticket["number"], step)
    (again,) = eventually("the ticket to be opened again", lambda: office.told("edgegw.ticket.requested"))
    assert (again["ticket"]["action"], again["ticket"]["why"]) == ("reopen", "still-active")
    eventually("it to be open at the desk", office.open)
    assert office.plant.desk("stats")["opened"] == 1


def test_a_storm_is_one_ticket_and_so_is_a_dead_broker(office: Office) -> None:
    """500 sensors behind one coordinator say that they are gone; then the broker dies."""
    names = [f"sensor-{number}" for number in range(500)]
    office.plant.tree["devices"] |= {
        name: {"link": "broker", "profile": "test/member", "address": name, "labels": {"building": "5"}}
        for name in names
    }
    office.plant.tree["service"] = {"one_ticket": {"gather": "1s"}}
    office.start()
    many = Many(office.plant.ports["broker"])
    many.send({f"{name}/availability": "online" for name in names})
    eventually("all to be online", lambda: office.plant.metrics().get('edgegw_devices{state="online"}', 0) >= 500)
    many.send({f"{name}/availability": "offline" for name in names})
    (ticket,) = eventually("the one ticket", office.open)
    assert ticket["dedup_key"] == "gw/gateway/lost-link-broker"
    eventually("every alarm at the desk", lambda: len(office.told("edgegw.alarm.raised")) == 501)
    assert {d["ticket"]["why"] for d in office.told("edgegw.alarm.raised") if "sensor" in d["dedup_key"]} <= {
        "gather",
        "cause",
    }
    assert len(office.open()) == office.plant.desk("stats")["opened"] == 1
    many.send({f"{name}/availability": "online" for name in names})
    eventually("recovery", lambda: office.trouble("gw/gateway/lost-link-broker").get("active") is False)
    many.close()
    office.plant.kill("broker")
    eventually(
        "a ticket for the link", lambda: [t for t in office.plant.tickets() if t["dedup_key"] == "gw/link/broker"]
    )
    assert office.plant.desk("stats")["opened"] == 2


def test_maintenance_silences_until_it_ends(office: Office) -> None:
    office.start()
    begin = {"scope": "device", "target": "counter-1", "reason": "pipe work", "minutes": 30}
    status, window = office.ask("POST", "maintenance", begin)
    assert status == 200, window
    assert office.ask("POST", "maintenance", begin | {"target": "counter-9"})[0] == 404
    office.leak(True)
    held = office.state("held")
    assert held["why"] == "maintenance"
    assert office.open() == []
    office.plant.kill("gateway", signal.SIGKILL)
    office.plant.start_gateway()
    assert len(office.ask("GET", "maintenance")[1]["windows"]) == 1
    assert office.ask("DELETE", f"maintenance/{window['id']}")[0] == 200
    eventually("the ticket after all", office.open)
    assert [d["ticket"]["action"] for d in office.told("edgegw.ticket.requested")] == ["open"]
    for kind in ("started", "ended"):
        eventually(kind, lambda kind=kind: len(office.told(f"edgegw.maintenance.{kind}")) == 1)


def test_people_ask_and_answers_are_pushed(office: Office) -> None:
    """A request by the API; its ticket's states pushed to the API, as a system that is not polled does."""
    del office.plant.tree["upstream"]["desk"]["tickets"]
    office.start()
    request = {"id": "r-1", "category": "cleaning", "title": "Lobby floor is wet", "place": {"building": "3"}}
    status, taken = office.ask("POST", "requests", request)
    assert status == 200, taken
    assert office.ask("POST", "requests", request)[1]["ticket"]["ref"] == taken["ticket"]["ref"]
    (ticket,) = eventually("the ticket", office.open)
    key = "gw/service/request-r-1"
    assert (ticket["dedup_key"], ticket["title"]) == (key, "Lobby floor is wet")
    for version, state in enumerate(("acknowledged", "closed"), 1):
        update = {"dedup_key": key, "state": state, "number": str(ticket["number"]), "version": 10 + version}
        assert office.ask("POST", "tickets", {"tickets": [update]})[1] == {"taken": 1, "unknown": 0}
    eventually("the request to be over", lambda: not office.trouble(key).get("active"))
    eventually("its alarm to be cleared", lambda: office.told("edgegw.alarm.cleared"))
    assert office.ask("POST", "requests", request)[0] == 409


def test_answers_over_the_broker_arrive_although_we_were_away(office: Office) -> None:
    plant = office.plant
    plant.tree["upstream"]["desk"] = {
        "kind": "mqtt", "port": plant.ports["broker"], "topic": "edgegw/{gateway}/{lane}", "accept": "puback",
        "tickets": {},
    }  # fmt: skip
    office.start()
    office.leak(True)
    office.state("requested")
    plant.kill("gateway")
    update = {"dedup_key": KEY, "state": "acknowledged", "number": "4711", "by": "Wang"}
    send(plant.ports["broker"], "edgegw/gw/tickets", json.dumps({"tickets": [update]}))
    plant.start_gateway()
    assert office.state("acknowledged")["number"] == "4711"
    assert plant.metrics()['edgegw_ticket_answers_total{answer="taken"}'] == 1


def test_the_report_reads_the_store_beside_the_daemon(office: Office) -> None:
    office.start()
    office.leak(True)
    (ticket,) = eventually("the ticket", office.open)
    office.act(ticket["number"], "acknowledge")
    office.state("acknowledged")
    today = datetime.now(ZoneInfo("Asia/Shanghai")).date().isoformat()
    assert office.plant.report(today)["acknowledged_in_time"] == (100.0, 1)
    office.plant.kill("gateway", signal.SIGTERM)  # what was counted last is written
    found = office.plant.report(today)
    assert found["alarm_within_5s"] == (100.0, 1)
    assert found["device_within_5s"][0] == 100.0
