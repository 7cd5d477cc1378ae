"""Response: card bytes on a reader's line to the relay confirmed on the bus; an API call to its outcome; a trouble a row.

Real ptys, real RTU at 9600 baud, 30 units on the bus (two relay boards, 28 meters), two doors on one board, commands to the
other. Door responses are taken by the simulated hardware: the last byte of the card's frame on the wire to the last byte of the
read-back's answer. Command responses are taken by the client: request sent to answer read. Doors and commands run at the same
time, so each is the other's interference. The bound is what `edgegw check` prints for the same site file.
"""

import json
import os
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.figure import Figure, at_most
from bench.ingest import generate
from bench.rig import daemon, folder, free_port, listening, mosquitto, process, wait_until
from bench.slowdisk import slow_disk

ROOT = Path(__file__).parent.parent
DOORS = 2
METERS = 28
DEVICES = 1000
CARD = 8_844_356
CARDS = 2
FLOOD_PER_S = 5_000
COMMIT_DELAY_MS = 200
DOOR_TARGET_S, COMMAND_TARGET_S, QUIET_P99_S = 3.0, 5.0, 0.3
NEXT_S = 0.2
"""Pause after each confirmation: nobody presents a card sooner after the one before."""
KEY = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

PROBE_S = 0.15 + 0.05 + (8 + 7 + 2 * 3.5) * 10 / 9600
"""An unanswered probe of a meter: the wait, the guard against a late reply, request and one-register reply, silence before
each."""

ROWS: dict[str, frozenset[str]] = {
    "quiet": frozenset(),
    "uplink-dead": frozenset({"uplink"}),
    "two-dead-units": frozenset({"units"}),
    "flood": frozenset({"flood"}),
    "slow-commits": frozenset({"disk"}),
    "all": frozenset({"uplink", "units", "flood", "disk"}),
}


class House:
    """The gatehouse process."""

    def __init__(self, at: Path) -> None:
        lines = at / "lines"
        lines.mkdir()
        self._process = subprocess.Popen(
            (
                sys.executable, "-m", "simulators.gatehouse", "--folder", str(lines), "--readers", str(DOORS),
                "--relays", "2", "--meters", str(METERS),
            ),
            cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.places: dict[str, Any] = self._read()

    def do(self, what: str, **args: Any) -> Any:
        """One line in, one line out."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": what, **args}) + "\n")
        self._process.stdin.flush()
        return self._read()

    def close(self) -> None:
        """End it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(10)

    def _read(self) -> Any:
        assert self._process.stdout is not None
        return json.loads(self._process.stdout.readline())


def site(at: Path, house: House, *, broker: int, desk: int, control: int, api: int, commit_ms: int) -> Path:
    """Two doors, 30 units, 1,000 sensors. `commit_ms`: what the site says of its disk."""
    (at / "access.key").write_text(KEY)
    (at / "access.key").chmod(0o600)
    meters = {
        f"meter-{unit:02d}": {"link": "bus", "profile": "eastron/sdm120", "address": unit}
        for unit in range(3, 3 + METERS)
    }
    sensors = {
        f"leak-{n:04d}": {"link": "broker", "profile": "zigbee2mqtt/leak", "address": f"leak-{n:04d}"}
        for n in range(DEVICES)
    }
    readers = {f"reader-{n}": {"link": f"reader-{n}", "profile": "generic/rdm6300"} for n in range(DOORS)}
    tree = {
        "gateway": {"id": "bench", "language": "en"},
        "store": {"path": str(at / "edgegw.db"), "budget": "2GiB", "reserve": "1MiB"},
        "control": {"port": control},
        "api": {"enabled": True, "port": api, "rate": 1000, "burst": 1000},
        "links": {
            "broker": {"kind": "mqtt", "host": "127.0.0.1", "port": broker},
            "bus": {"kind": "modbus-rtu", "port": house.places["bus"], "baud": 9600, "late": "50ms"},
            **{f"reader-{n}": {"kind": "serial", "port": house.places["readers"][n], "baud": 9600} for n in range(DOORS)},
        },
        "devices": {
            "relays-1": {"link": "bus", "profile": "waveshare/modbus-rtu-relay-8ch", "address": 1},
            "relays-2": {"link": "bus", "profile": "waveshare/modbus-rtu-relay-8ch", "address": 2},
            **meters, **readers, **sensors,
        },
        "doors": {
            f"door-{n}": {
                "readers": [{"device": f"reader-{n}", "point": "card"}],
                "lock": {"device": "relays-1", "unlock": {"command": f"pulse{n + 1}"}},
                "pulse": "500ms",
            }
            for n in range(DOORS)
        },
        "access": {
            "key": {"file": "access.key"},
            "audit_wait": "500ms",
            "rights": {"all": {"groups": ["residents"], "doors": [f"door-{n}" for n in range(DOORS)]}},
        },
        "targets": {"commit": f"{commit_ms}ms"},
        "upstream": {"desk": {"kind": "http", "url": f"http://127.0.0.1:{desk}/events"}},
    }  # fmt: skip
    path = at / "edgegw.yaml"
    path.write_text(json.dumps(tree, indent=1))
    return path


def edgegw(*args: str) -> str:
    """One run of the command line; its output."""
    done = subprocess.run(
        (sys.executable, "-m", "edgegw", *args), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode not in {0, 1}:
        raise RuntimeError(f"edgegw {args[0]}: {done.stderr}")
    return done.stdout


def bounds(path: Path) -> tuple[float, float]:
    """The printed bounds of the doors and of commands to the second board, seconds."""
    rows = json.loads(edgegw("check", str(path), "--json"))["responses"]
    door = max(row["bound_s"] or float("inf") for row in rows if row["path"] == "door")
    command = max(
        row["bound_s"] or float("inf") for row in rows if row["path"] == "command" and row["id"] == "relays-2"
    )
    return door, command


class Client:
    """One token on one connection."""

    def __init__(self, port: int, token: str) -> None:
        self._connection = HTTPConnection("127.0.0.1", port, timeout=10)
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}

    def ask(self, method: str, path: str, body: object) -> Any:
        """The answer's JSON."""
        self._connection.request(method, path, json.dumps(body), self._headers)
        return json.loads(self._connection.getresponse().read())


def _commands(api: int, token: str, count: int, took: list[float], faults: list[str]) -> None:
    client = Client(api, token)
    for n in range(count):
        body = {
            "id": f"bench-{os.getpid()}-{time.monotonic_ns()}-{n}",
            "command": f"{'on' if n % 2 == 0 else 'off'}{n // 2 % 8 + 1}",
        }
        began = time.monotonic()
        answer = client.ask("POST", "/api/v1/devices/relays-2/commands", body)
        took.append(time.monotonic() - began)
        if answer.get("status") != "done":
            faults.append(str(answer.get("reason") or answer))


def _passes(house: House, count: int, at_once: int, took: list[float], faults: list[str]) -> None:
    """Each reader sees another card each time: the same one at once again would be a card still held to it.

    Between two people at a door is `NEXT_S`; a card that comes while the unlock before is still on its way shares it.
    """
    for n in range(0, count, at_once):
        of = [
            {"reader": k, "card": CARD + n // DOORS % CARDS, "unit": 1, "channel": k, "within": 6.0}
            for k in ([n % DOORS] if at_once == 1 else range(DOORS))
        ]
        for answer in house.do("passes", of=of):
            if "confirmed" in answer:
                took.append(answer["confirmed"] - answer["at"])
            else:
                faults.append("refused" if answer.get("refused") else "unconfirmed")
        time.sleep(NEXT_S)


def joined(store: Path) -> int:
    """How many cards shared the unlock before them, by the gateway's own records (design promise 14: they are a chain)."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        (count,) = db.execute("SELECT count(*) FROM access WHERE data LIKE '%\"joined\":true%'").fetchone()
    return int(count)


@contextmanager
def plant(troubles: frozenset[str], count: int) -> Iterator[tuple[House, int, str, Path, int]]:
    """Everything up, the troubles on: the hardware, the API's port and token, the site file, the flood's messages a second."""
    with ExitStack() as stack:
        at = stack.enter_context(folder())
        broker = stack.enter_context(mosquitto(at))
        house = House(at)
        stack.callback(house.close)
        desk, control, api = free_port(), free_port(), free_port()
        path = site(
            at,
            house,
            broker=broker,
            desk=desk,
            control=control,
            api=api,
            commit_ms=3 * COMMIT_DELAY_MS if "disk" in troubles else 250,
        )
        token = edgegw(
            "token",
            "create",
            str(path),
            "--name",
            "bench",
            "--scope",
            "command:*:*",
            "--scope",
            "credentials",
            "--json",
        )
        secret = json.loads(token)["token"]
        if "uplink" not in troubles:
            command = (sys.executable, "-m", "simulators.desk", "--port", str(desk), "--db", str(at / "desk.db"))
            stack.enter_context(process(*command, cwd=ROOT, stdout=subprocess.DEVNULL))
            wait_until(lambda: listening(desk), "the desk")
        slow = slow_disk(at, COMMIT_DELAY_MS) if "disk" in troubles else {}
        stack.enter_context(daemon(path, control, env=os.environ | slow, stderr=subprocess.DEVNULL))
        wait_until(lambda: listening(api), "the API")
        client = Client(api, secret)
        for n in range(CARDS):
            client.ask(
                "PUT", "/api/v1/credentials", {"number": f"{CARD + n:010d}", "holder": f"h{n}", "groups": ["residents"]}
            )
        if "units" in troubles:
            for unit in (10, 20):
                house.do("fault", unit=unit, kind="silent")
        if "flood" in troubles:
            flood = generate(broker, FLOOD_PER_S * (60 + 3 * count), FLOOD_PER_S, devices=DEVICES)
            stack.callback(flood.wait)
            stack.callback(flood.kill)
        time.sleep(5.0)  # polls, breakers and the flood get going
        yield house, api, secret, path, FLOOD_PER_S if "flood" in troubles else 0


def measure(row: str, count: int) -> tuple[list[float], list[float], list[str], tuple[float, float]]:
    """Door and command responses in seconds, what was not confirmed, and the printed bounds."""
    troubles = ROWS[row]
    doors: list[float] = []
    commands: list[float] = []
    faults: list[str] = []
    with plant(troubles, count) as (house, api, token, path, _):
        limits = bounds(path)
        other = threading.Thread(target=_commands, args=(api, token, count, commands, faults))
        other.start()
        _passes(house, count, DOORS if "disk" in troubles else 1, doors, faults)
        other.join()
        shared = joined(path.with_name("edgegw.db"))
        faults = [fault for fault in faults if fault != "refused"] + ["refused"] * (faults.count("refused") - shared)
        return doors, commands, faults, limits


def _part(values: list[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def run(*, quick: bool = False) -> list[Figure]:
    """1,000 of each per row (60 quick)."""
    count = 60 if quick else 1000
    figures = []
    longest: dict[str, float] = {}
    for row in ROWS:
        doors, commands, faults, (door_bound, command_bound) = measure(row, count)
        for path, took, bound, target in (
            ("door", doors, door_bound, DOOR_TARGET_S),
            ("command", commands, command_bound, COMMAND_TARGET_S),
        ):
            told: dict[str, object] = {
                "n": len(took),
                "p50": round(_part(took, 0.5), 3),
                "p99": round(_part(took, 0.99), 3),
                "bound_s": round(bound, 3),
                "target_s": target,
                "unconfirmed": len(faults),
            }
            if faults:
                told["first_fault"] = faults[0]
            if path == "command":
                longest[row] = max(took)
            figures.append(at_most(f"response.{path}.{row}", max(took), min(bound, target), "s", **told))
            print(json.dumps(figures[-1]), file=sys.stderr, flush=True)  # a row takes minutes: told as it is known
            if row == "quiet":
                figures.append(at_most(f"response.{path}.quiet_p99", _part(took, 0.99), QUIET_P99_S, "s"))
    added = (longest["two-dead-units"] - longest["quiet"]) / 2
    figures.append(
        at_most("response.added_by_a_dead_unit", max(0.0, added), PROBE_S, "s", of="longest command", dead=2)
    )
    return figures
