"""Whose turn it is: alarms first, and the way out when one lane gets nothing but errors.

Owns: which lane may send, and how much. Must not know: records, outcomes' meaning, back-off.

A lane waits while a more urgent one has records. So during an outage the most urgent lane alone tries, and after it goes first.
An error *answered* may be about the record: after `STUCK_AFTER` of them the waiting lanes may each send one record right behind
the failure, to see whether the way is free. If one is served, the failing lane tries again at once; if that fails too, it is
stuck: the others pass it, and it goes on alone, record by record and at its own pace, until it is served.
"""

import asyncio
from collections.abc import Callable, Sequence

from edgegw.model import Lane

STUCK_AFTER = 5
"""Answered errors in a row: a receiver that restarts gives one or two."""

LOOK_NS = 1_000_000_000
"""How long after its failure others may look past a lane: later the receiver may be back, and that lane is to go first."""

UNLIMITED = 1 << 30


class Turns:
    """The order among the lanes of one upstream; every lane counts as busy until it says otherwise."""

    def __init__(self, lanes: Sequence[Lane]) -> None:
        self._lanes = tuple(lanes)
        self._busy = set(lanes)
        self._errors = dict.fromkeys(lanes, 0)
        self._doubted: set[Lane] = set()
        self._stuck: set[Lane] = set()
        self._looks: dict[Lane, tuple[int, set[Lane]]] = {}  # failing lane → until when, who has looked
        self._moved = asyncio.Event()

    def busy(self, lane: Lane) -> None:
        """It has records."""
        self._busy.add(lane)

    def idle(self, lane: Lane) -> None:
        """It has none."""
        if lane in self._busy:
            self._busy.discard(lane)
            self._move()

    def may(self, lane: Lane, now_ns: int) -> int:
        """Most records the lane may send now; 0: it has to wait. A look past a failing lane is used up by asking."""
        ahead = [other for other in self._lanes if other < lane and other in self._busy and other not in self._stuck]
        if ahead:
            for other in ahead:
                until_ns, looked = self._looks.get(other, (-1, set()))
                if now_ns > until_ns or lane in looked:
                    return 0
            for other in ahead:
                self._looks[other][1].add(lane)
            return 1
        return 1 if lane in self._stuck else UNLIMITED

    async def wait(self, lane: Lane, now_ns: Callable[[], int]) -> int:
        """Wait for the turn; returns the most records that may go."""
        while not (most := self.may(lane, now_ns())):
            await self._moved.wait()
        self._looks.pop(lane, None)
        return most

    def served(self, lane: Lane) -> None:
        """The receiver dealt with something of this lane."""
        self._errors[lane] = 0
        self._stuck.discard(lane)
        self._doubted.discard(lane)
        self._doubted.update(
            other for other in self._lanes if self._errors[other] >= STUCK_AFTER and other not in self._stuck
        )
        self._looks.clear()

    def failed(self, lane: Lane, now_ns: int, *, answered: bool) -> tuple[int, bool]:
        """It has to try again. Returns its errors in a row, and whether it became stuck just now."""
        self._errors[lane] = self._errors[lane] + 1 if answered else 0
        news = answered and lane in self._doubted
        self._doubted.discard(lane)
        if news:
            self._stuck.add(lane)
            self._move()
        elif self._errors[lane] >= STUCK_AFTER and lane not in self._stuck:
            self._looks[lane] = (now_ns + LOOK_NS, set())
            self._move()
        return self._errors[lane], news

    def stuck(self, lane: Lane) -> bool:
        """Whether the others pass this lane."""
        return lane in self._stuck

    def _move(self) -> None:
        self._moved.set()
        self._moved = asyncio.Event()
