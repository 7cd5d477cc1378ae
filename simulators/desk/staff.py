"""Simulated people at the desk: they acknowledge, assign, resolve what has recovered, and close.

Owns: who does what next, and when. A pure function of the ticket and a seed: no clock, no chance, no memory.
Must not know: how steps are carried out.

The same seed gives the same pauses for the same ticket, whatever else happens at the desk and however often it is started again.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

NS_PER_S = 1_000_000_000

PAUSES: Mapping[str, tuple[float, float]] = {
    "acknowledge": (0.8, 3.0),
    "assign": (0.5, 2.0),
    "resolve": (1.0, 3.0),
    "close": (0.5, 2.0),
}
"""Seconds from the last change to each step, least and most, at speed 1."""

HASTE = {"P1": 0.5, "P2": 0.75}
"""Factor on the pauses of what is urgent."""

NEXT = {"opened": "acknowledge", "acknowledged": "assign", "assigned": "resolve", "resolved": "close"}

NAMES = {
    "zh-CN": (("王芳", "李静"), ("张强", "刘洋", "陈伟", "赵磊")),
    "en": (("Ann Wang", "Jo Li"), ("Max Zhang", "Leo Liu", "Sam Chen", "Kay Zhao")),
}
"""Language → who sits at the desk, and who goes out."""


@dataclass(frozen=True)
class Step:
    """What somebody does now."""

    number: int
    step: str
    by: str
    assignee: str = ""


@dataclass(frozen=True)
class Staff:
    """People with habits.

    Attributes:
        speed: how many times faster than by `PAUSES` they work; above 0.
        language: of their names.
    """

    seed: int = 1
    speed: float = 1.0
    language: str = "zh-CN"

    def due(self, ticket: Mapping[str, Any], now_ns: int) -> Step | None:
        """The step that is due for a ticket (a row of `Ledger.at_work`), or None. Nothing active is ever resolved or closed."""
        step = NEXT.get(ticket["progress"])
        if step is None:
            return None
        since = ticket["moved_ns"]
        if step in {"resolve", "close"}:
            calm_ns = ticket["over_ns"] if ticket["recovered_ns"] is None else ticket["recovered_ns"]
            if calm_ns is None:
                return None
            since = max(since, calm_ns)
        if now_ns < since + self.pause_s(ticket["number"], ticket["version"], step, ticket["priority"]) * NS_PER_S:
            return None
        desk, field = NAMES[self.language]
        goes = field[self._draw(ticket["number"], 0, "who") * len(field) >> 32]
        if step == "assign":
            return Step(ticket["number"], step, desk[ticket["number"] % len(desk)], goes)
        return Step(ticket["number"], step, goes if step == "resolve" else desk[ticket["number"] % len(desk)])

    def all_due(self, tickets: Iterable[Mapping[str, Any]], now_ns: int) -> list[Step]:
        """The steps that are due now."""
        return [step for ticket in tickets if (step := self.due(ticket, now_ns)) is not None]

    def pause_s(self, number: int, version: int, step: str, priority: str | None) -> float:
        """Seconds that pass before this step."""
        least, most = PAUSES[step]
        part = self._draw(number, version, step) / 2**32
        return (least + (most - least) * part) * HASTE.get(priority or "", 1.0) / self.speed

    def _draw(self, number: int, version: int, what: str) -> int:
        """32 bits."""
        return int.from_bytes(blake2b(f"{self.seed}|{number}|{version}|{what}".encode(), digest_size=4).digest())
