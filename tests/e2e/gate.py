"""A plant with doors: the gatehouse's readers, relay board and input module beside broker, desk and gateway.

`Gate.do` gives the gatehouse one line and returns its answer; `Gate.door_site` is a site with one door on all of it.
"""

import json
import os
import subprocess
import sys
import uuid
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.e2e.asking import Asking
from tests.e2e.plant import ROOT, Plant, eventually

CARD = 8844356
"""The card of the published RDM6300 frame."""
KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"
HARDWARE_FIRST = -10
"""Niceness of the simulated hardware: a board that answers 100 ms late because this machine is busy is taken for a dead one."""
DOOR_S = 3.0
"""From a card to the confirmed bolt, at most (design section 6)."""
SCOPES = ("credentials", "read", "door:*:*")


class Gate(Asking):
    """The gatehouse process and a plant around it."""

    def __init__(self, plant: Plant, *, readers: int = 1, relays: int = 1, meters: int = 2) -> None:
        super().__init__(plant)
        folder = plant.folder / "lines"
        folder.mkdir()
        with (plant.folder / "gatehouse.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    sys.executable, "-m", "simulators.gatehouse", "--folder", str(folder), "--readers", str(readers),
                    "--relays", str(relays), "--meters", str(meters),
                ],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        with suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self.process.pid, HARDWARE_FIRST)
        assert self.process.stdout is not None
        self.places: dict[str, Any] = json.loads(self.process.stdout.readline())
        self.key = plant.folder / "access.key"
        self.key.write_text(KEY)
        self.key.chmod(0o600)

    def do(self, what: str, /, **args: Any) -> Any:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"do": what, **args}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def writes(self) -> list[dict[str, Any]]:
        return list(self.do("writes"))

    def moved(self) -> list[dict[str, int]]:
        """What the relay boards carried out, in order, without times."""
        return [_what(write) for write in self.writes()]

    def asked(self) -> list[dict[str, int]]:
        """What they were asked for, also where they did not answer."""
        return [_what(write) for write in self.do("asked")]

    def start(self, *scopes: str) -> None:
        """Everything runs, the panel is heard, and there is a token with these scopes."""
        self.plant.start_broker()
        self.plant.start_desk()
        self.plant.start_gateway(ready=False)
        self.make_token(*(scopes or SCOPES))  # while the gateway starts
        eventually("the gateway to be ready", self.plant.connected)
        self.settled()

    def opened(self, card: int = CARD, **how: Any) -> dict[str, Any]:
        """A card is shown and the bolt moves, confirmed within the 3 s of a door; what the gatehouse saw of it."""
        passed: dict[str, Any] = self.do("pass", card=card, **how)
        assert passed.get("confirmed", 1e9) - passed["at"] < DOOR_S, (passed, self.moved(), self.plant.log("gateway"))
        return passed

    def refused(self, card: int = CARD, **how: Any) -> None:
        """A card is shown and no bolt moves for half a second, many times what a grant takes."""
        passed = self.do("pass", card=card, **{"within": 0.5, **how})
        assert passed.get("refused"), (passed, self.moved())

    def stop(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(10)

    def door_site(self, **door: Any) -> None:
        """One door: reader 0, relay board unit 1 channel 0, contact on input 0, exit button on input 1, fire on input 2.

        Where there are two readers, the other is the device ``second``.
        """
        tree = self.plant.tree
        tree["links"] |= {
            "bus": {"kind": "modbus-rtu", "port": self.places["bus"], "baud": 9600},
            "panel": {"kind": "modbus-tcp", "host": "127.0.0.1", "port": self.places["module"]},
            "reader": {"kind": "serial", "port": self.places["readers"][0], "baud": 9600},
        }
        tree["devices"] |= {
            "relays": {"link": "bus", "profile": "waveshare/modbus-rtu-relay-8ch", "address": 1},
            "meter-2": {"link": "bus", "profile": "eastron/sdm120", "address": 2},
            "meter-3": {"link": "bus", "profile": "eastron/sdm120", "address": 3},
            "panel": {"link": "panel", "profile": self._quick("advantech/adam-6060"), "address": 1},
            "reader": {"link": "reader", "profile": "generic/rdm6300"},
        }
        tree["doors"] = {
            "gate": {
                "name": "East gate",
                "readers": [{"device": "reader", "point": "card"}],
                "lock": {
                    "device": "relays",
                    "unlock": {"command": "pulse1"},
                    "release": {"command": "on1"},
                    "relock": {"command": "off1"},
                },
                "contact": {"device": "panel", "point": "input0"},
                "exit": {"device": "panel", "point": "input1"},
                "fire": {"device": "panel", "point": "input2"},
                "pulse": "1s",
                "held_open": "2s",
                **door,
            }
        }
        for port in self.places["readers"][1:2]:
            tree["links"]["second"] = {"kind": "serial", "port": port, "baud": 9600}
            tree["devices"]["second"] = {"link": "second", "profile": "generic/rdm6300"}
        tree["access"] = {
            "key": {"file": str(self.key)},
            "rights": {"residents": {"groups": ["residents"], "doors": ["gate"]}},
        }
        self.serve()

    def second_door(self, name: str, **door: Any) -> None:
        """Another door: the reader ``second``, relay board unit 1 channel 1; residents may pass it, too."""
        tree = self.plant.tree
        tree["doors"][name] = {
            "readers": [{"device": "second", "point": "card"}],
            "lock": {"device": "relays", "unlock": {"command": "pulse2"}},
            **door,
        }
        tree["access"]["rights"]["residents"]["doors"].append(name)

    def settled(self) -> None:
        """The gateway hears the panel, so a change of an input is a change that is seen, and every unit on the bus."""
        eventually("the panel to be polled", lambda: self._polls("panel") > 2)
        eventually("the bus to be polled", lambda: self._polls("bus") > 2)

    def _quick(self, profile: str) -> str:
        """A shipped profile whose inputs are polled five times as often, as tests wait for that."""
        folder = self.plant.folder / "profiles"
        made = folder / "quick" / f"{Path(profile).name}.yaml"
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(
            (ROOT / f"device_profiles/{profile}.yaml").read_text().replace("inputs: 500ms", "inputs: 100ms")
        )
        self.plant.tree["profiles"].append(str(folder))
        return f"quick/{made.stem}"

    def uptime(self) -> float:
        return self.plant.metrics()["edgegw_uptime_seconds"]

    def polled(self, link: str, times: int = 3) -> None:
        """A Modbus link was polled so many times from now: what stands there now was heard."""
        before = self._polls(link)
        eventually(f"{link} to be polled", lambda: self._polls(link) >= before + times)

    def _polls(self, link: str) -> float:
        return self.plant.metrics().get(f'edgegw_modbus_polls_total{{link="{link}"}}', 0)

    def link_is(self, link: str, kind: str, *, up: bool) -> None:
        name = f'edgegw_link_up{{kind="{kind}",link="{link}"}}'
        eventually(f"{link} to be {'up' if up else 'down'}", lambda: self.plant.metrics().get(name) == up)

    def door(self, door: str = "gate") -> dict[str, Any]:
        """A door as the API shows it."""
        return dict(self.ask("GET", f"doors/{door}")[1])

    def reasons(self, kind: str) -> list[str]:
        """Reasons of ``granted`` or ``denied`` decisions at the desk, in order."""
        return [event["data"]["reason"] for event in self.records(f"edgegw.access.{kind}")]

    def records(self, kind: str) -> list[dict[str, Any]]:
        """Events at the desk, by type prefix."""
        return [event for event in self.plant.events() if event["type"].startswith(kind)]

    # --- the API

    def command(self, target: str, command: str, **more: Any) -> tuple[int, Any]:
        """``device`` or ``doors/…`` commanded: ``gate.command("doors/gate", "unlock")``."""
        return self.ask("POST", f"{target}/commands", {"id": str(uuid.uuid4()), "command": command, **more})

    def give(self, card: int | str = CARD, **more: Any) -> None:
        """A resident gets a card."""
        body = {"number": f"{card:010d}" if isinstance(card, int) else card, "holder": "u1", "groups": ["residents"]}
        status, answer = self.ask("PUT", "credentials", body | more)
        assert status == 200, answer

    def revoke(self, card: int = CARD) -> None:
        status, answer = self.ask("DELETE", "credentials", {"number": f"{card:010d}"})
        assert status == 200, answer


def _what(write: dict[str, Any]) -> dict[str, int]:
    return {key: write[key] for key in ("unit", "function", "address", "value")}
