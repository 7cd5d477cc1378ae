"""What one step says about conditions and durable state, while it is being decided.

Owns: that a condition is told on change only, and once after a start whatever it is (nobody here knows whether it was raised
before). Must not know: when a condition holds.
"""

from collections.abc import Mapping

from edgegw.access.decision import CONDITIONS, DoorCondition
from edgegw.model import StateChange, Value


class Notes:
    """The draft of one step at one door."""

    __slots__ = ("conditions", "states")

    def __init__(self) -> None:
        self.conditions: list[DoorCondition] = []
        self.states: list[StateChange] = []


class Told:
    """Which conditions of a door were told last."""

    __slots__ = ("_door", "_name", "_told")

    def __init__(self, door: str, name: str) -> None:
        self._door = door
        self._name = name
        self._told: dict[tuple[str, str], tuple[bool, str]] = {}

    def active(self, kind: str, part: str = "") -> bool:
        """Whether it was told to hold."""
        return self._told.get((kind, part), (False, ""))[0]

    def tell(
        self,
        notes: Notes,
        kind: str,
        evidence: Mapping[str, Value],
        *,
        active: bool,
        part: str = "",
        priority: str | None = None,
        again: bool = False,
    ) -> None:
        """Note it if it changed, or `again` if each occurrence counts. The evidence always names the door."""
        level = priority or CONDITIONS[kind]
        state = (active, level if active else "")
        if self._told.get((kind, part)) == state and not again:
            return
        self._told[kind, part] = state
        notes.conditions.append(
            DoorCondition(
                kind=kind,
                door=self._door,
                active=active,
                priority=level,
                part=part,
                evidence={"door": self._name, **evidence},
            )
        )
