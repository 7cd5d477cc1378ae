"""A full disk and doors: what opens, what does not, and that the record comes once there is room."""

import itertools
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import Plant, eventually
from tests.e2e.test_doors_io import PULSE_1S, RELEASE

FILLER = "filler"


@pytest.fixture
def disk(plant: Plant, tmp_path: Path) -> Iterator[Path]:
    """A real file system of 8 MB for the store."""
    mount = tmp_path / "disk"
    mount.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", str(mount)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip(f"cannot mount a tmpfs here: {made.stderr.decode().strip()}")
    yield mount
    plant.stop()  # before its disk goes
    subprocess.run(["umount", "-l", str(mount)], check=True)


def stuck(gate: Gate, disk: Path) -> None:
    """Every byte taken, again and again, until a commit has failed: the store lets go of its ballast and of telemetry first."""
    cards = itertools.count(1)

    def full() -> bool:
        with (disk / f"{FILLER}-{next(cards)}").open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(4096))
        gate.do("tap", card=next(cards))
        return gate.plant.metrics()["edgegw_store_full"] == 1

    eventually("a store that takes nothing", full)


def outcomes(gate: Gate) -> dict[str, dict[str, Any]]:
    """What became of each command, by its name."""
    return {e["data"]["command"]: e["data"] for e in gate.records("edgegw.command.completed")}


@pytest.mark.parametrize(("policy", "opens"), [("open", True), ("refuse", False)])
def test_a_full_disk(gate: Gate, disk: Path, policy: str, opens: bool) -> None:
    gate.door_site(on_audit_failure=policy, lockout={"failures": 0})
    gate.plant.tree["store"] = {"path": str(disk / "edgegw.db"), "budget": "16MiB", "reserve": "64KiB"}
    gate.plant.tree["access"]["audit_wait"] = "500ms"
    gate.start()
    gate.give()
    stuck(gate, disk)
    before = len(gate.moved())
    passed = gate.do("pass", card=CARD, within=3.0 if opens else 1.2)  # more than twice `audit_wait`
    assert bool(passed.get("confirmed")) is opens, passed
    assert gate.moved()[before:] == ([PULSE_1S] if opens else [])
    gate.do("input", channel=2, on=True)
    eventually("the fire's release, disk or no disk", lambda: RELEASE in gate.moved())
    for file in disk.glob(f"{FILLER}*"):
        file.unlink()
    # it was decided so, in both cases
    eventually("the records, once there is room", lambda: {"card", "fire"} <= set(gate.reasons("granted")))
    ended = eventually("the outcomes", lambda: (found := outcomes(gate)).keys() >= {"pulse1", "on1"} and found)
    assert (ended["pulse1"]["status"], ended["pulse1"]["reason"]) == (("done", "") if opens else ("rejected", "store"))
