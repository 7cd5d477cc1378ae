"""Worst-case responses: the words, and how the parts of a response add up (docs/response.md derives the formulas).

Owns: what a line's load consists of, what is assumed of people and the disk, the three paths of section 6 of the design.
Must not know: the site file (app.bound makes loads of it), clocks, who prints. One half-duplex line is `bound_line`'s.

Everything is in seconds. A bound is the sum of its parts; None stands for a response without one (the line is overloaded).
"""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from edgegw.codec.line import Line

AGAIN_S = 5.0
"""A door, or whoever commands a device, gives the next order no sooner than this after the outcome of the last: an unlocked door
stays open about as long, and an issuer waits for the answer."""

COMMANDS_AT_ONCE = 1
"""Commands of one device under way at once: whoever commands it waits for the outcome first. A linkage that gives several at
once raises it; a second issuer's command comes behind the first's (commands.turns), which its own bound does not count."""

COMMITS = 2
"""A record waits for the commit under way and is in the next (store.writer)."""

MESSAGES = 2
"""So does an event on its way upstream: it waits for the batch under way and is in the next."""

ADVICE = {
    "": "its line has more to do than time; poll less, or move devices to another line",
    "alarm-polls": "put fewer alarm points on its line, or close together so that one block reads them",
    "answer": "nothing bounds it but the deadline; let its profile name a point that confirms it",
    "commit": "a faster disk, and targets.commit as measured",
    "confirm": "a shorter `within` (or `settle`) in its profile, if the device is as quick",
    "faults": "a shorter modbus.timeout in the profiles on its line, and `late` of the link",
    "in-flight": "a shorter modbus.timeout in that profile, `late` of the link, a higher baud; or a line of its own",
    "network": "a better network, and targets.network as measured",
    "orders": "locks and commanded devices on a line of their own",
    "poll": "read its group more often (modbus.poll in its profile)",
    "probes": "a shorter modbus.timeout in the profiles on its line, and `late` of the link",
    "queue": "fewer locks and commanded devices on its line",
    "read": "a shorter modbus.timeout in its profile, or a higher baud",
    "readback": "a shorter modbus.timeout in its profile, or a higher baud",
    "turn": "fewer doors and commands on one board",
    "write": "a shorter modbus.timeout in its profile, or a higher baud",
}
"""What makes a part smaller, by `Part.what`; empty: of what has no bound."""

Path = Literal["door", "command", "event"]


class Timed(Struct, frozen=True):
    """How long one kind of transaction may last (codec.line): until its end is known, until the next may begin after an answer,
    and without one."""

    told_s: float
    answered_s: float
    unanswered_s: float

    @classmethod
    def of(
        cls, line: Line, function: int, count: int, timeout_s: float, turnaround_s: float, *, ambiguous: bool = False
    ) -> "Timed":
        """A transaction of a device; `ambiguous`: a probe that is followed by the late guard even when it was answered."""
        return cls(
            line.told_s(function, count, timeout_s),
            line.answered_s(function, count, timeout_s, turnaround_s, ambiguous=ambiguous),
            line.unanswered_s(function, count, timeout_s, turnaround_s),
        )


class OrderLoad(Struct, frozen=True):
    """A command as its line sees it.

    Attributes:
        name: the command's.
        readback: None where the write's answer is the confirmation.
        settle_s: from the write's answer to the first read-back; within_s: to the last one's begin.
    """

    name: str
    write: Timed
    readback: Timed | None = None
    settle_s: float = 0.0
    within_s: float = 0.0


class BlockLoad(Struct, frozen=True):
    """A block that is polled. `alarm`: it goes before those that are not."""

    name: str
    read: Timed
    period_s: float
    alarm: bool


class UnitLoad(Struct, frozen=True):
    """A device on the line."""

    device: str
    probe: Timed
    blocks: tuple[BlockLoad, ...] = ()


class TurnLoad(Struct, frozen=True):
    """Orders of which only one at a time is given to the line (commands.turns).

    Attributes:
        device, point: whose; without a point all of the device's orders are one turn.
        doors: door → the orders it may give its lock.
        commands: all other commands.
        at_once: how many commands may be under way.
    """

    device: str
    doors: tuple[tuple[str, tuple[OrderLoad, ...]], ...] = ()
    commands: tuple[OrderLoad, ...] = ()
    at_once: int = COMMANDS_AT_ONCE
    point: str = ""

    @property
    def key(self) -> str:
        """Unique on the line."""
        return f"{self.device}/{self.point}"


class LineLoad(Struct, frozen=True):
    """All that may be on a line.

    Attributes:
        late_s, recover_s: see codec.line: the silence that always follows an unanswered request, and the longest that may.
        probe_share: most of the line's time that probes of dead units take.
    """

    name: str
    late_s: float
    recover_s: float
    probe_share: float
    units: tuple[UnitLoad, ...]
    turns: tuple[TurnLoad, ...]


class Part(Struct, frozen=True):
    """A part of a response. `what`: ``commit``, ``in-flight``, ``queue`` …; `detail`: for people."""

    what: str
    seconds: float
    detail: str


Parts = tuple[Part, ...]


class Bound(Struct, frozen=True):
    """The worst-case response of a device or door on a path.

    Attributes:
        id: of the device or door. `target_s`: what it is held to.
        parts: None if there is no bound.
        about: which command, which block.
        accepted: the site file accepts that it is above its target.
    """

    path: Path
    id: str
    target_s: float
    parts: Parts | None
    about: str = ""
    accepted: bool = False

    @property
    def seconds(self) -> float:
        """The bound; infinite if there is none."""
        return float("inf") if self.parts is None else total(self.parts)

    @property
    def met(self) -> bool:
        """Whether it is within its target."""
        return self.seconds <= self.target_s

    @property
    def fault(self) -> str | None:
        """What is wrong and what to change, for people; None if it is within its target or accepted."""
        if self.met or self.accepted:
            return None
        largest = self.dominant
        if largest is None:
            return f"{self.path} response of {self.id} has no bound: {ADVICE['']}; or name {self.id} in targets.accept"
        advice = ADVICE.get(largest.what, ADVICE[""])
        return (
            f"{self.path} response of {self.id} may take {self.seconds:.2f} s, its target is {self.target_s:g} s; most of it, "
            f"{largest.seconds:.2f} s, is {largest.what} ({largest.detail}): {advice}; or name {self.id} in targets.accept"
        )

    @property
    def dominant(self) -> Part | None:
        """The largest part, equal ones added up."""
        return max(merged(self.parts or ()), key=lambda part: part.seconds, default=None)


def total(parts: Iterable[Part]) -> float:
    """The sum."""
    return sum(part.seconds for part in parts)


def merged(parts: Iterable[Part]) -> Parts:
    """Parts of one kind as one, in the order of their first; the detail of the largest."""
    found: dict[str, Part] = {}
    for part in parts:
        before = found.get(part.what)
        if before is None:
            found[part.what] = part
        else:
            detail = part.detail if part.seconds > before.seconds else before.detail
            found[part.what] = Part(part.what, before.seconds + part.seconds, detail)
    return tuple(found.values())


def orders_in(seconds: float) -> int:
    """Orders of one giver that fall into so many seconds (see `AGAIN_S`)."""
    return 1 + int(seconds / AGAIN_S)


def commit(commit_s: float, at_most_s: float = float("inf"), what: str = "commit") -> Part:
    """Waiting for one's record (see `COMMITS`)."""
    seconds = min(COMMITS * commit_s, at_most_s)
    return Part(what, seconds, "the commit under way and one's own" if seconds < at_most_s else "waited for no longer")


def worst(bounds: Sequence[Bound]) -> list[Bound]:
    """By how much they exceed their target, or come near it; ties by id."""
    return sorted(bounds, key=lambda bound: (-bound.seconds / bound.target_s, bound.path, bound.id))
