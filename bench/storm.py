"""A storm: 500 sensors lost at once behind one coordinator, and a broker that dies, each to its one ticket at the desk.

The clock is the machine's wall clock on both sides: the first publish (or the broker's kill), and the time at which the desk
opened the ticket. That there is one ticket and no second is looked at again `QUIET_S` later.
"""

import json
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.figure import Figure, at_most
from bench.rig import daemon, folder, free_port, listening, metrics, mosquitto_process, process, site, wait_until

DEVICES = 500
TARGET_S = 5.0
QUIET_S = 3.0
"""Longer than alarms wait for their cause: tickets that the devices would get of their own are there by then."""
ROUNDS = 5


class Desk:
    """The ticket desk's API."""

    def __init__(self, port: int) -> None:
        self._port = port

    def tickets(self) -> list[dict[str, Any]]:
        """All tickets."""
        with urlopen(f"http://127.0.0.1:{self._port}/api/tickets?limit=1000", timeout=10) as answer:
            return list(json.load(answer)["tickets"])

    def only(self, key: str) -> int:
        """When the ticket of that key was opened, ns; ValueError if there is any other."""
        wait_until(self.tickets, "a ticket", 30)
        time.sleep(QUIET_S)
        (ticket,) = self.tickets()
        if ticket["dedup_key"] != key:
            raise ValueError(f"a ticket for {ticket['dedup_key']} instead of {key}")
        return int(ticket["opened_ns"])


@contextmanager
def plant() -> Iterator[tuple[Any, int, Desk, int]]:
    """Broker process and port, desk, control port; the gateway is ready and knows all sensors as online."""
    with folder() as at, mosquitto_process(at) as (broker, port):
        desk = free_port()
        command = (sys.executable, "-m", "simulators.desk", "--port", str(desk), "--db", str(at / "desk.db"))
        with process(*command, stdout=-3):
            wait_until(lambda: listening(desk), "the desk")
            upstream: dict[str, object] = {"desk": {"kind": "http", "url": f"http://127.0.0.1:{desk}/events"}}
            path, control = site(Path(at), broker=port, devices=DEVICES, upstream=upstream)
            with daemon(path, control, stderr=-3):
                say(port, "online")
                known = 'edgegw_devices{state="online"}'
                wait_until(lambda: metrics(control).get(known, 0) >= DEVICES, "all sensors to be online")
                yield broker, port, Desk(desk), control


def say(port: int, what: str) -> int:
    """All sensors' availability; returns the time of the first publish, ns."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.max_inflight_messages_set(DEVICES)
    client.connect("127.0.0.1", port)
    client.loop_start()
    began_ns = time.time_ns()
    infos = [client.publish(f"zigbee2mqtt/leak-{n:04d}/availability", what, qos=1) for n in range(DEVICES)]
    for info in infos:
        info.wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
    return began_ns


def sensors() -> float:
    """Seconds from the first sensor's word to the one ticket."""
    with plant() as (_, port, desk, _control):
        began_ns = say(port, "offline")
        return (desk.only("bench/gateway/lost-link-broker") - began_ns) / 1e9


def link() -> float:
    """Seconds from the broker's death to the one ticket."""
    with plant() as (broker, _, desk, _control):
        began_ns = time.time_ns()
        broker.send_signal(signal.SIGKILL)
        return (desk.only("bench/link/broker") - began_ns) / 1e9


def run(*, quick: bool = False) -> list[Figure]:
    """The longest of some rounds, each on a plant of its own."""
    rounds = 1 if quick else ROUNDS
    figures = []
    for name, measure in (("storm.sensors-lost", sensors), ("storm.broker-dead", link)):
        took = sorted(measure() for _ in range(rounds))
        conditions = {"devices": DEVICES, "rounds": rounds, "shortest_s": round(took[0], 2), "tickets": 1}
        figures.append(at_most(name, took[-1], TARGET_S, "s", **conditions))
    return figures
