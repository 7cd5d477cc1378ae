"""The one owner of a line: carries out one transaction after the other.

Owns: the order of steps around a transaction (silence, ask, tell, recover) and the line's counters.
Must not know: protocols, ports or sockets (a `Transport` does), whose turn it is (the `Policy` knows), what values mean.

```
 silence ─▶ Policy.next ─▶ Transport.ask ─▶ Policy.answered / refused / failed, sink.offer / sink.silent
    ▲                           │ no answer
    └──────────────── Transport.recover (drain or reopen)
```

Nothing else ever touches the transport, and a transaction once begun is never interrupted (non-preemptive). Whose turn it is is
decided when the line is free and silent, not before: an order that comes during the silence goes first. An idle line is woken
by an order at once. While the pipeline is full no polls are begun; orders are.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.links.orders import UNIT_GONE
from edgegw.links.policy import Policy
from edgegw.links.request import Request
from edgegw.links.timing import NS
from edgegw.model import Raw, Registers
from edgegw.ports import Sink

TIMEOUT = "timeout"
EXCEPTION = "exception"
BAD_FRAME = "bad-frame"


class Answer(Struct, frozen=True):
    """How a transaction ended.

    Attributes:
        words: register values or bits, as many as asked, none for a write; of a meter the data bytes; None if there is no valid
            answer.
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

    def check(self) -> None:
        """Raise LinkError if the connection is lost. After it `ask` sends."""
        ...

    async def idle(self, seconds: float, wake: asyncio.Event | None = None) -> None:
        """Wait that long, or until `wake` is set, or until the connection is lost (LinkError)."""
        ...

    async def close(self) -> None:
        """Let go; never raises."""
        ...


class BusStats:
    """Counters of a line, for metrics; they only grow. `polls` counts every request; the others are kinds or ends of them."""

    __slots__ = ("answers", "bad_frames", "busy_ns", "exceptions", "polls", "probes", "readbacks", "timeouts", "writes")

    def __init__(self) -> None:
        self.polls = 0
        self.probes = 0
        self.writes = 0
        self.readbacks = 0
        self.answers = 0
        self.timeouts = 0
        self.exceptions = 0
        self.bad_frames = 0
        self.busy_ns = 0


def registers(request: Request, words: tuple[int, ...]) -> Raw:
    """A Modbus answer as it is handed on."""
    return Registers(request.table, request.address, words)


class LineOwner:
    """Runs a line, one connection at a time; `policy` outlives them, so that breakers and periods survive a reconnection.

    `raw`: how an answer is handed to the sink.
    """

    def __init__(
        self,
        policy: Policy,
        transport: Transport,
        stats: BusStats,
        *,
        sink: Sink,
        clock: Clock,
        raw: Callable[[Request, tuple[int, ...]], Raw] = registers,
    ) -> None:
        self._raw = raw
        self._policy = policy
        self._transport = transport
        self._stats = stats
        self._sink = sink
        self._clock = clock
        self._quiet_until_ns = 0
        self._failures = 0
        self._wake = asyncio.Event()
        self._room_asked = False

    def wake(self) -> None:
        """There may be something to do."""
        self._wake.set()

    async def run(self, up: Callable[[], None]) -> None:
        """Open, call `up`, work until cancelled or lost (LinkError)."""
        try:
            await self._transport.open()
            self._failures = 0
            self._hold(self._now_ns(), 0.0)
            self._policy.opened(self._now_ns())
            up()
            while True:
                await self._step()
        finally:
            self._policy.closed()
            await self._transport.close()

    async def _step(self) -> None:
        self._transport.check()
        now_ns = self._now_ns()
        if (left_ns := self._quiet_until_ns - now_ns) > 0:
            await self._transport.idle(left_ns / NS)
            return
        self._wake.clear()
        full = self._sink.full
        due = self._policy.next(now_ns, polls=not full)
        if isinstance(due, Request):
            await self._carry_out(due, now_ns)
            return
        if full and not self._room_asked:
            self._room_asked = True
            self._sink.when_room(self._room)
        await self._transport.idle(LONG_S if due is None else (due - now_ns) / NS, self._wake)

    def _room(self) -> None:
        self._room_asked = False
        self._wake.set()

    async def _carry_out(self, request: Request, began_ns: int) -> None:
        done = False
        try:
            answer = await self._transport.ask(request)
            done = True
        finally:
            if not done:
                self._policy.interrupted(request, self._now_ns())
        await self._settle(request, answer, began_ns)

    async def _settle(self, request: Request, answer: Answer, began_ns: int) -> None:
        self._tell(request, answer)
        ended_ns = answer.ended_ns
        lives = answer.words is not None or (answer.reason == EXCEPTION and answer.code not in UNIT_GONE)
        if lives:
            self._failures = 0
            if request.probe and not request.distinct:
                ended_ns = await self._transport.recover(0, ambiguous=True)
        elif answer.reason != EXCEPTION:
            self._failures += 1
            ended_ns = await self._transport.recover(self._failures, ambiguous=not request.distinct)
        self._hold(ended_ns, request.turnaround_s)
        self._stats.busy_ns += max(ended_ns, answer.ended_ns) - began_ns + round(self._transport.gap_s * NS)

    def _tell(self, request: Request, answer: Answer) -> None:
        now = self._clock.now()
        self._count(request, answer)
        ordered = request.ticket != 0
        if answer.words is not None:
            self._policy.answered(request, now.mono_ns, answer.words)
            if not (request.probe or request.write or (ordered and self._sink.full)):
                self._sink.offer(request.device, self._raw(request, answer.words), now)
        elif answer.reason == EXCEPTION:
            self._policy.refused(request, now.mono_ns, answer.code)
            if not ordered:  # what an order was refused is for whoever gave it
                self._sink.silent(request.device, answer.reason, now)
        else:
            self._policy.failed(request, now.mono_ns, answer.reason)
            self._sink.silent(request.device, answer.reason, now)

    def _count(self, request: Request, answer: Answer) -> None:
        stats = self._stats
        stats.polls += 1
        stats.probes += request.probe
        stats.writes += request.write != 0
        stats.readbacks += request.ticket != 0 and not request.probe and not request.write
        stats.answers += answer.words is not None
        stats.timeouts += answer.reason == TIMEOUT
        stats.bad_frames += answer.reason == BAD_FRAME
        stats.exceptions += answer.reason == EXCEPTION

    def _hold(self, silent_since_ns: int, turnaround_s: float) -> None:
        self._quiet_until_ns = silent_since_ns + round(max(self._transport.gap_s, turnaround_s) * NS)

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns


LONG_S = 3600.0
"""Idle this long when nothing is ever due; an order wakes the line."""
