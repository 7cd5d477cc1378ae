"""A night of metering: 200 DL/T 645 and CJ/T 188 meters on four lines, one silent, one with wrong checksums, one that sends its
identifier in the other order. Every good value must be at the desk once, with one ticket for each meter that fails; and the time
the lines take is held against the least that is physically possible.

Owns: the load, the arithmetic of the limit, what must be at the desk. Must not know: how the gateway polls.

The meters are a process of their own, on ptys at the wire's pace; daemon and desk are real. The least is, for each transaction,
the characters of request and answer, the meter's turnaround, and one silence of 3.5 characters. Measured is the first round, in
which every meter is due at once: from each request's first byte to the next one's. Requests without a good answer are counted
apart: the wait for them is the timeout's, not the wire's.
"""

import itertools
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from bench.figure import Figure, at_most, told
from bench.rig import daemon, folder, free_port, listening, process, wait_until

TARGET = 1.10
ROUNDS = 3
ROOT = Path(__file__).parent.parent

PROFILES: dict[str, dict[str, Any]] = {
    "electricity": {
        "extends": "generic/dlt645-single-phase",
        "points": {"energy": {"report": None}, "voltage": None, "current": None, "power": None},
        "alarms": {"undervoltage": None, "overvoltage": None},
        "meter": {"poll": {"live": None}},
        "samples": [
            {
                "source": "captured, meter 558890213594",
                "hex": "6894352190885568910833333433593533338116",
                "readings": {"energy": 2.26},
            }
        ],
    },
    "water": {"extends": "generic/cjt188-water", "points": {"total": {"report": None}}},
    "gas": {"extends": "generic/cjt188-gas", "points": {"total": {"report": None}}},
}
"""Profile → what is changed of the shipped one: every reading of the total is a record."""

SAMPLES = {
    "water": "6810443322110033788116901F01002301002900230100290000222511262001004D16",
    "gas": "6830907856341200008116901F01341200002C341200002C0000222511262004000916",
}

TOTALS = {"electricity": "energy", "water": "total", "gas": "total"}
"""Kind of meter → the point that is counted."""


class Town:
    """The meters' process."""

    def __init__(self, child: "subprocess.Popen[str]", places: dict[str, Any]) -> None:
        self._child = child
        self.lines: dict[str, str] = places["lines"]
        self.meters: list[dict[str, str]] = places["meters"]

    def seen(self) -> dict[str, Any]:
        """What was served, and what was on each line."""
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write("seen\n")
        self._child.stdin.flush()
        found: dict[str, Any] = json.loads(self._child.stdout.readline())
        return found


@contextmanager
def town(at: Path, *, meters: int, baud: int) -> Iterator[Town]:
    """The meters, on their lines."""
    command = [sys.executable, "-m", "simulators.meter_town", "--folder", str(at), "--meters", str(meters)]
    child = subprocess.Popen(
        [*command, "--baud", str(baud)], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert child.stdout is not None
        yield Town(child, json.loads(child.stdout.readline()))
    finally:
        assert child.stdin is not None
        child.stdin.close()
        child.wait(15)


def write_profiles(at: Path, every_s: float) -> None:
    """The profiles, polled so often, as `test/<kind>`."""
    (at / "test").mkdir(parents=True)
    for kind, change in PROFILES.items():
        group = "energy" if kind == "electricity" else "normal"
        meter = {**change.get("meter", {})}
        meter["poll"] = {**meter.get("poll", {}), group: f"{every_s:g}s"}
        profile: dict[str, object] = {"vendor": "test", "model": kind, **change, "meter": meter}
        if kind in SAMPLES:
            amount = {"water": 0.123, "gas": 12.34}[kind]
            profile["samples"] = [
                {
                    "source": "constructed",
                    "hex": SAMPLES[kind],
                    "readings": {
                        "total": amount,
                        "settled": amount,
                        "valve": {"water": "closed", "gas": "open"}[kind],
                        "battery_low": kind == "gas",
                    },
                }
            ]
            profile["command_samples"] = []
            profile["commands"] = None
        (at / "test" / f"{kind}.yaml").write_text(json.dumps(profile))


def site_tree(at: Path, made: Town, *, baud: int, desk: int, control: int) -> dict[str, Any]:
    """The site file of all meters."""
    return {
        "gateway": {"id": "gw", "language": "en"},
        "profiles": [str(at)],
        "store": {"path": str(at / "edgegw.db"), "budget": "256MiB", "reserve": "1MiB"},
        "control": {"port": control},
        "links": {name: {"kind": "meter", "port": path, "baud": baud} for name, path in made.lines.items()},
        "devices": {
            m["device"]: {"link": m["line"], "profile": f"test/{m['kind']}", "address": m["address"]}
            for m in made.meters
        },
        "upstream": {"desk": {"kind": "http", "url": f"http://127.0.0.1:{desk}/events"}},
    }


class Values:
    """What is at the desk: (device, hundredths) → how often."""

    def __init__(self, events: Sequence[Mapping[str, Any]], kinds: Mapping[str, str]) -> None:
        self.counted: Counter[tuple[str, int]] = Counter()
        for event in events:
            device = event["subject"]
            for reading in event["data"]["readings"]:
                if reading["point"] == TOTALS[kinds[device]]:
                    self.counted[device, round(reading["value"] * 100)] += 1

    def missing(self, served: Mapping[str, Sequence[int]]) -> list[tuple[str, int]]:
        """Good values that are not there."""
        return [(d, v) for d, values in served.items() for v in values if (d, v) not in self.counted]

    def repeated(self) -> list[tuple[str, int]]:
        """Values that are there more than once."""
        return [key for key, times in self.counted.items() if times > 1]


class LineTime:
    """A line until every meter was asked once, which are all due from the start: seconds in answered transactions, the least they
    can take, seconds lost to the others."""

    def __init__(self, line: Mapping[str, Any], meters: int) -> None:
        self.measured_s = self.least_s = self.lost_s = 0.0
        asked: set[str] = set()
        for one, after in itertools.pairwise(line["log"]):
            asked.add(one["address"])
            if len(asked) == meters:
                break
            took_s = after["began"] - one["began"]
            if one["ended"] is None:
                self.lost_s += took_s
                continue
            self.measured_s += took_s
            self.least_s += one["size"] * line["char_s"] + one["turnaround"] + line["gap_s"]

    @property
    def ratio(self) -> float:
        """Measured to least."""
        return self.measured_s / self.least_s


def _desk(port: int, path: str) -> Any:
    with urlopen(f"http://127.0.0.1:{port}/api/{path}", timeout=30) as answer:
        return json.load(answer)


def _night(meters: int, baud: int, every_s: float) -> list[Figure]:
    with folder() as at, town(at, meters=meters, baud=baud) as made:
        desk, control = free_port(), free_port()
        write_profiles(at, every_s)
        path = at / "edgegw.yaml"
        path.write_text(json.dumps(site_tree(at, made, baud=baud, desk=desk, control=control)))
        command = (sys.executable, "-m", "simulators.desk", "--port", str(desk), "--db", str(at / "desk.db"))
        with process(*command, stdout=-3):
            wait_until(lambda: listening(desk), "the desk")
            with daemon(path, control, stderr=-3):
                return _measure(made, desk, meters=meters, baud=baud, every_s=every_s)


def _measure(made: Town, desk: int, *, meters: int, baud: int, every_s: float) -> list[Figure]:
    kinds = {m["device"]: m["kind"] for m in made.meters}
    dead = {m["device"] for m in made.meters if m["fault"] in {"silent", "bad-checksum"}}

    def good() -> dict[str, list[int]]:
        return {d: v for d, v in made.seen()["served"].items() if d not in dead}

    def arrived() -> Values:
        return Values(_desk(desk, "events?limit=100000&type=edgegw.reading")["events"], kinds)

    wait_until(lambda: all(len(v) >= ROUNDS for v in good().values()), f"{ROUNDS} rounds", 60 + 4 * ROUNDS * every_s)
    served = good()
    wait_until(lambda: not arrived().missing(served), "all values at the desk", 30)
    values = arrived()
    tickets = _desk(desk, "tickets?limit=1000")["tickets"]
    lines = {name: LineTime(line, meters // len(made.lines)) for name, line in made.seen()["lines"].items()}
    worst = max(lines.values(), key=lambda line: line.ratio)
    conditions: dict[str, object] = {"meters": meters, "lines": len(lines), "baud": baud}
    wanted = {f"gw/{device}/offline" for device in dead}
    return [
        at_most(
            "metering.line_ratio",
            worst.ratio,
            TARGET,
            "ratio",
            **conditions,
            each=", ".join(f"{line.ratio:.3f}" for line in lines.values()),
            least_s=round(worst.least_s, 3),
            measured_s=round(worst.measured_s, 3),
            lost_to_failed_meters_s=", ".join(f"{line.lost_s:.2f}" for line in lines.values()),
        ),
        at_most("metering.missing", float(len(values.missing(served))), 0, "values", rounds=ROUNDS, **conditions),
        at_most("metering.repeated", float(len(values.repeated())), 0, "values", rounds=ROUNDS, **conditions),
        at_most(
            "metering.tickets_wrong",
            float(len({t["dedup_key"] for t in tickets} ^ wanted) + abs(len(tickets) - len(wanted))),
            0,
            "tickets",
            failed_meters=len(dead),
            **conditions,
        ),
        told("metering.values", float(sum(values.counted.values())), "values", **conditions),
    ]


def run(*, quick: bool = False) -> list[Figure]:
    """200 meters at 2400 baud, two minutes; quick: 40 at 19200."""
    return _night(40, 19200, 2.0) if quick else _night(200, 2400, 30.0)
