"""The one owner of a line: carries out one transaction after the other.

Owns: the order of steps around a transaction (silence, ask, tell, recover) and the line's counters.
Must not know: pymodbus, ports or sockets (a `Transport` does), when what is due (the `Schedule` does), what values mean.

```
 Schedule.next ─▶ silence ─▶ Transport.ask ─▶ sink.offer / sink.silent
      ▲                           │ no answer
      └──── Schedule.failed ◀─ Transport.recover (drain or reopen)
```

Nothing else ever touches the transport, and a transaction once begun is never interrupted (non-preemptive): a further lane,
such as commands, is another source asked before the schedule in `_step`.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.links.schedule import Request, Schedule
from edgegw.links.timing import NS
from edgegw.model import Registers
from edgegw.ports import Sink

TIMEOUT = "timeout"
EXCEPTION = "exception"
BAD_FRAME = "bad-frame"

UNIT_GONE = frozenset({0x0A, 0x0B})
"""Exceptions a TCP gateway gives for a unit behind it that does not answer (path unavailable, target failed to respond)."""


class Answer(Struct, frozen=True):
    """How a transaction ended.

    Attributes:
        words: register values or bits, as many as asked; None if there is no valid answer.
        reason: ``""``, `TIMEOUT`, `EXCEPTION` (a device exception, `code` says which) or `BAD_FRAME`.
        ended_ns: monotonic nanoseconds at which the line fell silent, as far as seen.
    """

    words: tuple[int, ...] | None
    reason: str
    ended_ns: int
    code: int = 0


class Transport(Protocol):
    """What the owner needs of a connection. Everything may raise LinkError when the connection is lost."""

    @property
    def gap_s(self) -> float:
        """Seconds of silence between two frames."""
        ...

    @property
    def late_replies(self) -> int:
        """Valid frames nobody was waiting for, so far."""
        ...

    async def open(self) -> None:
        """Connect afresh."""
        ...

    async def ask(self, request: Request) -> Answer:
        """One request, one answer or none within the time. Cancelled: closes the connection first."""
        ...

    async def recover(self, failures: int, *, ambiguous: bool) -> int:
        """Make the line fit for the next request after `failures` unanswered ones in a row (0: after an answer that needs care).

        Returns the monotonic nanoseconds at which the line fell silent.
        """
        ...

    async def idle(self, seconds: float) -> None:
        """Wait that long, or until the connection is lost (LinkError)."""
        ...

    async def close(self) -> None:
        """Let go; never raises."""
        ...


class BusStats:
    """Counters of a line, for metrics; they only grow."""

    __slots__ = ("answers", "bad_frames", "busy_ns", "exceptions", "polls", "probes", "timeouts")

    def __init__(self) -> None:
        self.polls = 0
        self.probes = 0
        self.answers = 0
        self.timeouts = 0
        self.exceptions = 0
        self.bad_frames = 0
        self.busy_ns = 0


class LineOwner:
    """Runs one connection of a line; `schedule` outlives it, so that breakers and periods survive a reconnection."""

    def __init__(self, schedule: Schedule, transport: Transport, stats: BusStats, *, sink: Sink, clock: Clock) -> None:
        self._schedule = schedule
        self._transport = transport
        self._stats = stats
        self._sink = sink
        self._clock = clock
        self._quiet_until_ns = 0
        self._failures = 0
        self._room = asyncio.Event()

    async def run(self, up: Callable[[], None]) -> None:
        """Open, call `up`, poll until cancelled or lost (LinkError)."""
        try:
            await self._transport.open()
            self._schedule.reopened(self._now_ns())
            self._hold(self._now_ns(), 0.0)
            up()
            while True:
                await self._step()
        finally:
            await self._transport.close()

    async def _step(self) -> None:
        if self._sink.full:
            await self._wait_for_room()
            return
        now_ns = self._now_ns()
        due = self._schedule.next(now_ns)
        if not isinstance(due, Request):
            await self._transport.idle(3600.0 if due is None else (due - now_ns) / NS)
            return
        done = False
        try:
            if (left_ns := self._quiet_until_ns - self._now_ns()) > 0:
                await self._transport.idle(left_ns / NS)
            began_ns = self._now_ns()
            answer = await self._transport.ask(due)
            done = True
        finally:
            if not done:
                self._schedule.undone(due, self._now_ns())
        await self._settle(due, answer, began_ns)

    async def _settle(self, request: Request, answer: Answer, began_ns: int) -> None:
        stats, now = self._stats, self._clock.now()
        stats.polls += 1
        stats.probes += request.probe
        if answer.words is not None:
            stats.answers += 1
            if not request.probe:
                self._sink.offer(request.device, Registers(request.table, request.address, answer.words), now)
        else:
            self._count(answer.reason)
            self._sink.silent(request.device, answer.reason, now)
        ended_ns = answer.ended_ns
        lives = answer.words is not None or (answer.reason == EXCEPTION and answer.code not in UNIT_GONE)
        if lives:
            self._failures = 0
            self._schedule.answered(request, now.mono_ns)
            if request.probe and not request.distinct:
                ended_ns = await self._transport.recover(0, ambiguous=True)
        else:
            self._schedule.failed(request, now.mono_ns)
            if answer.reason != EXCEPTION:
                self._failures += 1
                ended_ns = await self._transport.recover(self._failures, ambiguous=not request.distinct)
        self._hold(ended_ns, request.turnaround_s)
        stats.busy_ns += max(ended_ns, answer.ended_ns) - began_ns + round(self._transport.gap_s * NS)

    def _count(self, reason: str) -> None:
        stats = self._stats
        if reason == TIMEOUT:
            stats.timeouts += 1
        elif reason == BAD_FRAME:
            stats.bad_frames += 1
        else:
            stats.exceptions += 1

    def _hold(self, silent_since_ns: int, turnaround_s: float) -> None:
        self._quiet_until_ns = silent_since_ns + round(max(self._transport.gap_s, turnaround_s) * NS)

    async def _wait_for_room(self) -> None:
        self._room.clear()
        self._sink.when_room(self._room.set)
        while self._sink.full and not self._room.is_set():
            # `idle` watches the connection; the event is looked at between short waits so that a lost link is noticed too.
            await self._transport.idle(ROOM_LOOK_S)

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns


ROOM_LOOK_S = 0.05
"""How often room is looked for while the pipeline is full: a commit takes a few milliseconds, a stuck disk seconds."""
