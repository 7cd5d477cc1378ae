"""docs/doors.md names what there is, and nothing else."""

import re
from pathlib import Path

from edgegw.access.decision import CONDITIONS, GRANTED, GUESSES, REASONS

PAGE = (Path(__file__).parents[2] / "docs" / "doors.md").read_text()


def rows(heading: str) -> list[list[str]]:
    table = PAGE.split(heading, 1)[1].split("\n\n", 1)[0]
    return [
        [cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| `")
    ]


def test_every_reason_stands_in_the_decision_table() -> None:
    said = {}
    for names, granted, _, counts in rows("| reason | granted |"):
        for name in re.findall(r"`([a-z-]+)`", names):
            said[name] = (granted == "yes", counts == "yes")
    assert said == {reason: (reason in GRANTED, reason in GUESSES) for reason in REASONS}


def test_every_alarm_stands_in_the_table_of_alarms() -> None:
    said = {names.strip("`"): priority.split(";")[0] for names, priority, _, _ in rows("| kind | priority |")}
    assert said == CONDITIONS
