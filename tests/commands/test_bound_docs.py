"""docs/response.md's worked example, computed: the page cannot say other figures than the code."""

import re
from pathlib import Path

from edgegw.app.bound_load import line_load, order_load
from edgegw.codec.line import Line
from edgegw.codec.wire import Wire
from edgegw.commands.bound import TurnLoad, commit, merged, total
from edgegw.commands.bound_line import LineBound
from edgegw.links.request import Poll, UnitPlan
from edgegw.profiles.encode import ModbusWrite

PAGE = (Path(__file__).parents[2] / "docs" / "response.md").read_text(encoding="utf-8")

WIRE = Wire(9600, "8N1")
LINE = Line(WIRE, rtu=True, gap_s=WIRE.gap_s, late_s=0.1)
COIL = ("coil", 0, 1)
RELAY = UnitPlan("relay", 1, (Poll("coil", 0, 8, 2.0),), 0.1, readbacks=(Poll(*COIL, 0.0),))
METERS = tuple(UnitPlan(f"meter-{n}", n, (Poll("input", 0, 14, 2.0),), 0.15) for n in range(2, 31))
UNLOCK = order_load(LINE, RELAY, "pulse1", ModbusWrite(5, "coil", 0x0200, (50,), COIL, (1,), None, 0.0, 0.3))


def bounds(turn: TurnLoad) -> LineBound:
    return LineBound(line_load("bus", LINE, (RELAY, *METERS), (turn,)))


def rows(heading: str) -> dict[str, float]:
    """The figures of a table under a heading: first column → last column."""
    section = PAGE.split(f"### {heading}\n", 1)[1].split("\n#", 1)[0]
    return {
        cells[0].strip("` "): float(cells[-1])
        for line in section.splitlines()
        if (cells := [cell.strip() for cell in line.strip("| ").split("|")]) and re.fullmatch(r"[\d.]+", cells[-1])
    }


def test_the_transactions():
    line = LineBound(line_load("bus", LINE, (RELAY, *METERS), ()))
    relay, meter = line.load.units[:2]
    readback = UNLOCK.readback
    assert readback is not None
    computed = {
        "P": relay.probe.answered_s,
        "W": UNLOCK.write.told_s,
        "R": readback.told_s,
        "A": meter.blocks[0].read.answered_s,
        "B": line.longest.seconds,
    }
    assert rows("The transactions") == {name: round(seconds, 3) for name, seconds in computed.items()}


def test_a_door_alone():
    turn = TurnLoad("relay", (("gate", (UNLOCK,)),))
    check(turn, "A door")


def test_a_door_behind_a_command():
    turn = TurnLoad("relay", (("gate", (UNLOCK,)),), (UNLOCK,))
    check(turn, "A door behind a command")


def check(turn: TurnLoad, heading: str) -> None:
    parts = bounds(turn).door(turn, "gate", UNLOCK)
    assert parts is not None
    found = merged((commit(0.25, 1.0), *parts))
    printed = rows(heading)
    assert printed.pop("together") == round(total(found), 3)
    assert printed == {part.what: round(part.seconds, 3) for part in found}
