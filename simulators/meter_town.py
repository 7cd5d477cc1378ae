"""A community's meters as a process: several lines of DL/T 645 and CJ/T 188 meters in turn, some of which fail.

Owns: which meters there are, what each total is at each reading, what was on each line when.
Must not know: the gateway, profiles.

Prints one JSON line of its places, then answers each line on stdin with one: what every meter served and every line carried.
Every reading of a meter gives a total one hundredth above the last, so that each value exists once. Ends with stdin.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from simulators.meter_frames import digits
from simulators.meters import (
    CUBIC_METRES,
    GAS,
    TURNAROUND_S,
    Cjt188Meter,
    Dlt645Meter,
    FaultKind,
    Meter,
    MeterBus,
    MeterFault,
)

FAULTS: tuple[FaultKind, ...] = ("bad-checksum", "silent", "swapped")
"""On the first, second and third line, each of one meter: the CJ/T 188 one in the middle of the line."""

KINDS = ("electricity", "water", "electricity", "gas")
"""In turn along a line."""


class Counted:
    """A total that goes up by one hundredth at each reading. `served`: hundredths, in order."""

    def __init__(self, number: int, bytes_of: Callable[[int], bytes]) -> None:
        self._next = number * 10_000
        self._bytes_of = bytes_of
        self.served: list[int] = []

    def __call__(self) -> bytes:
        """The answer's value bytes."""
        self._next += 1
        self.served.append(self._next)
        return self._bytes_of(self._next)


def energy(hundredths: int) -> bytes:
    """DL/T 645, 00010000."""
    return digits(f"{hundredths:08d}")


def volume(hundredths: int) -> bytes:
    """CJ/T 188, 901F, of water and gas."""
    amount = digits(f"{hundredths:08d}") + bytes((CUBIC_METRES,))
    return amount + amount + digits("20261125220000") + bytes(2)


class Town:
    """All lines. `meters` are spread over them evenly."""

    def __init__(self, folder: Path, *, lines: int, meters: int, baud: int, turnaround_s: float) -> None:
        self.buses: dict[str, MeterBus] = {}
        self.totals: dict[str, Counted] = {}
        self.places: list[dict[str, Any]] = []
        for line in range(lines):
            made: list[Meter] = []
            for n in range(meters // lines):
                made.append(self._meter(f"line-{line + 1}", line * 1000 + n + 1, KINDS[n % len(KINDS)]))
                made[-1].turnaround = turnaround_s
            if line < len(FAULTS):
                bad = next(m for m in made[len(made) // 2 :] if isinstance(m, Cjt188Meter))
                bad.fault = MeterFault(FAULTS[line])
                next(p for p in self.places if p["address"] == bad.address)["fault"] = FAULTS[line]
            self.buses[f"line-{line + 1}"] = MeterBus(made, baud=baud, path=str(folder / f"line-{line + 1}"))

    def _meter(self, line: str, number: int, kind: str) -> Meter:
        total = Counted(number, energy if kind == "electricity" else volume)
        meter: Meter
        if kind == "electricity":
            meter = Dlt645Meter(f"{number:012d}", {"00010000": total})
        else:
            meter = Cjt188Meter(f"{number:014d}", {"901F": total}, status_at=None)
            if kind == "gas":
                meter.type = GAS
        self.totals[meter.address] = total
        place = {"line": line, "device": f"{kind}-{number:04d}", "address": meter.address, "kind": kind, "fault": ""}
        self.places.append(place)
        return meter

    async def start(self) -> None:
        """Make every port appear."""
        for bus in self.buses.values():
            await bus.start()

    async def stop(self) -> None:
        """Make them vanish."""
        for bus in self.buses.values():
            await bus.stop()

    def seen(self) -> dict[str, Any]:
        """What was served by device, and the log of each line (`meter_log.Logged`)."""
        return {
            "served": {place["device"]: self.totals[place["address"]].served for place in self.places},
            "lines": {
                name: {
                    "char_s": bus.line.char_s,
                    "gap_s": bus.line.gap_s,
                    "log": [asdict(logged) for logged in bus.log],
                    "collisions": bus.line.collisions,
                    "short_gaps": bus.line.short_gaps,
                    "bad_requests": bus.bad_requests,
                }
                for name, bus in self.buses.items()
            },
        }


async def _serve(args: argparse.Namespace) -> None:
    town = Town(args.folder, lines=args.lines, meters=args.meters, baud=args.baud, turnaround_s=args.turnaround)
    await town.start()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    print(json.dumps({"lines": {n: b.path for n, b in town.buses.items()}, "meters": town.places}), flush=True)
    try:
        while await reader.readline():
            print(json.dumps(town.seen()), flush=True)
    finally:
        await town.stop()


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(prog="python -m simulators.meter_town", description="A community's meters.")
    parser.add_argument("--folder", required=True, type=Path, help="where links to the lines' ports are put")
    parser.add_argument("--lines", type=int, default=4)
    parser.add_argument("--meters", type=int, default=200, help="on all lines together")
    parser.add_argument("--baud", type=int, default=2400)
    parser.add_argument("--turnaround", type=float, default=TURNAROUND_S, help="seconds a meter thinks")
    asyncio.run(_serve(parser.parse_args()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
