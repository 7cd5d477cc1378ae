"""Delivery: takes an outbox's lanes to one upstream, in order, until the application has accepted each record.

Owns: one task per lane with its cursor, the order between lanes, back-off, the search for a record that is refused, log-once.
Must not know: what an upstream is made of (a `Sender` does), what records mean.

- A record is left behind only when it was accepted, or refused for good and kept as a dead letter (promise 2). Until then
  the same record goes again with the same id (promise 4).
- Alarms first (promise 5): a lane starts no batch, and repeats none, while a more urgent lane has records waiting. A slow
  telemetry batch that is already under way delays no alarm: lanes send on their own connections.
- Poison: a refused batch is halved until the refused record stands alone; the rest goes on.
- One bad part (promise 10): `turns.Turns` lets the other lanes pass one whose records get nothing but errors.
"""

import asyncio
import logging
import random as _random
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Protocol

from edgegw.clock import Clock
from edgegw.model import Instant, Lane, Record
from edgegw.ports import Outbox
from edgegw.upstream.outcome import HOLD_S, Accepted, Hold, Outcome, Refused, Retry, back_off
from edgegw.upstream.turns import Turns

log = logging.getLogger(__name__)

REFUSES_ALL_AFTER = 100
"""Refusals in a row before we believe that everything is refused (a wrong address, most likely). From then on one record per
`HOLD_S` is given up, instead of emptying the outbox into the dead letters."""

DRAIN_LOOK_S = 0.02
"""How often `drain` looks whether everything went out."""


class Sender(Protocol):
    """One kind of upstream."""

    @property
    def batch(self) -> int:
        """Most records in one `send`."""
        ...

    async def run(self) -> None:
        """Keep whatever connection there is, until cancelled."""
        ...

    async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:
        """Offer records, oldest first. Expected failures are values, never exceptions."""
        ...


class LaneStats:
    """Counters of one lane; they only grow, but for `head`."""

    __slots__ = ("accepted", "head", "rejected")

    def __init__(self) -> None:
        self.accepted = 0
        self.rejected = 0
        self.head: Record | None = None


class Delivery:
    """One upstream at work.

    Args:
        lanes: which it takes.
        first_s, most_s: bounds of the back-off.
        on_accepted: told each accepted record and the monotonic nanoseconds of its acceptance.
        on_condition: told (name, reason) when the upstream does not know us, and (name, None) when it does again.
    """

    def __init__(
        self,
        name: str,
        outbox: Outbox,
        sender: Sender,
        *,
        lanes: Sequence[Lane],
        clock: Clock,
        first_s: float = 0.5,
        most_s: float = 30.0,
        on_accepted: Callable[[Record, int], None] | None = None,
        on_condition: Callable[[str, str | None], None] | None = None,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.name = name
        self.lanes = tuple(sorted(lanes))
        self.up = True
        self.stats = {lane: LaneStats() for lane in self.lanes}
        self.retries: Counter[str] = Counter()
        self._outbox = outbox
        self._sender = sender
        self._clock = clock
        self._bounds_s = (first_s, most_s)
        self._on_accepted = on_accepted
        self._on_condition = on_condition
        self._random = random
        self._turns = Turns(self.lanes)
        self._attempts = 0
        self._refused_in_row = 0
        self._reason = ""
        self._held = False
        self._down_ns = 0
        self._recovered = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._sender.run(), name=f"upstream-{self.name}-sender")
            for lane in self.lanes:
                group.create_task(self._lane(lane), name=f"upstream-{self.name}-{lane.label}")

    async def drain(self, within_s: float) -> None:
        """Return when nothing waits, when the upstream is down, or after `within_s`; needs `run` to be running."""
        try:
            async with asyncio.timeout(within_s):
                while self.up and any(self._outbox.depth(self.name, lane) for lane in self.lanes):  # noqa: ASYNC110
                    await asyncio.sleep(DRAIN_LOOK_S)  # depth has no event; this runs once in a daemon's life
        except TimeoutError:
            waiting = sum(self._outbox.depth(self.name, lane) for lane in self.lanes)
            log.info("upstream %s: %d records wait in the store for the next start", self.name, waiting)

    def oldest_age_s(self, lane: Lane, now: Instant) -> float:
        """Seconds since the oldest record not yet accepted was received; 0.0 if none waits or it is of an earlier boot."""
        head = self.stats[lane].head
        return max(0.0, (now.mono_ns - head.mono_ns) / 1e9) if head is not None and head.same_boot else 0.0

    # --- one lane

    async def _lane(self, lane: Lane) -> None:
        wake = asyncio.Event()
        forget = self._outbox.wait_for(lane, wake.set)
        cursor = self._outbox.cursor(self.name, lane)
        try:
            while True:
                wake.clear()
                records = await self._outbox.fetch(lane, cursor, self._sender.batch)
                if not records:
                    self._turns.idle(lane)
                    await wake.wait()
                    continue
                self._turns.busy(lane)
                await self._deliver(lane, records)
                cursor = records[-1].seq
        finally:
            forget()

    async def _deliver(self, lane: Lane, records: Sequence[Record]) -> None:
        """Send all of them, however long that takes."""
        stats = self.stats[lane]
        size, done = len(records), 0
        while done < len(records):
            most = await self._turns.wait(lane, lambda: self._clock.now().mono_ns)
            chunk = records[done : done + min(size, most)]
            stats.head = chunk[0]
            outcome = await self._sender.send(lane, chunk)
            match outcome:
                case Accepted() if outcome.count > 0:
                    await self._took(lane, chunk[: outcome.count], outcome)
                    done += outcome.count
                    size = min(len(records), size * 2)
                case Refused() if len(chunk) > 1:
                    size = len(chunk) // 2
                case Refused():
                    await self._reject(lane, chunk[0], outcome.reason, outcome.detail)
                    self._outbox.accepted(self.name, lane, chunk[0].seq)
                    done += 1
                    await self._refused(lane)
                case Accepted():
                    await self._again(lane, Retry("no-progress"))
                case Retry():
                    await self._again(lane, outcome)
                case Hold():
                    self._hold(outcome.reason)
                    await self._again(lane, Retry(outcome.reason, HOLD_S))
        stats.head = None

    async def _took(self, lane: Lane, records: Sequence[Record], outcome: Accepted) -> None:
        if not records:
            return
        for record in records if outcome.rejected else ():
            if record.id in outcome.rejected:
                await self._reject(lane, record, "rejected", outcome.rejected[record.id])
        self._outbox.accepted(self.name, lane, records[-1].seq)
        now_ns = self._clock.now().mono_ns
        self.stats[lane].accepted += len(records) - sum(r.id in outcome.rejected for r in records if outcome.rejected)
        if self._on_accepted is not None:
            for record in records:
                self._on_accepted(record, now_ns)
        if len(outcome.rejected) < len(records):
            self._refused_in_row = 0
        self._works(lane)

    async def _reject(self, lane: Lane, record: Record, reason: str, detail: str) -> None:
        self.stats[lane].rejected += 1
        log.warning(
            "upstream %s refuses record %s (%s, seq %d) for good: %s %s; kept as a dead letter",
            self.name, record.id, record.type, record.seq, reason, detail[:200],
        )  # fmt: skip
        await self._outbox.reject(self.name, record, reason, detail[:1000])

    # --- up and down

    async def _refused(self, lane: Lane) -> None:
        """One record was refused alone: the way is free, unless that is all that ever comes back."""
        self._refused_in_row += 1
        if self._refused_in_row < REFUSES_ALL_AFTER:
            self._works(lane)
        else:
            self._hold("refuses-all")
            await self._again(lane, Retry("refuses-all", HOLD_S))

    def _works(self, lane: Lane) -> None:
        self._turns.served(lane)
        if not self.up:
            lasted = (self._clock.now().mono_ns - self._down_ns) / 1e9
            log.info("upstream %s: accepts again after %.1f s", self.name, lasted)
            self.up = True
            self._recovered.set()
        self._attempts = 0
        self._reason = ""
        if self._held:
            self._held = False
            if self._on_condition is not None:
                self._on_condition(self.name, None)

    async def _again(self, lane: Lane, outcome: Retry) -> None:
        """Count, tell once, wait; a success of another lane ends the wait, unless others are served and this lane is not."""
        reason, after_s = outcome.reason, outcome.after_s
        self.retries[reason] += 1
        errors, news = self._turns.failed(lane, self._clock.now().mono_ns, answered=outcome.answered)
        if news:
            log.warning("upstream %s: %s to the %s lane alone; the other lanes go on", self.name, reason, lane.label)
        if self._turns.stuck(lane):
            first, most = self._bounds_s
            await asyncio.sleep(max(back_off(errors, first, most, self._random), after_s or 0.0))
            return
        self._attempts += 1
        if self.up:
            self.up = False
            self._down_ns = self._clock.now().mono_ns
            self._recovered.clear()
        if reason != self._reason:
            log.warning("upstream %s: %s; records wait in the store, trying again until it works", self.name, reason)
            self._reason = reason
        first, most = self._bounds_s
        wait_s = back_off(self._attempts, first, most, self._random) if after_s is None else after_s
        try:
            async with asyncio.timeout(wait_s):
                await self._recovered.wait()
        except TimeoutError:
            return

    def _hold(self, reason: str) -> None:
        if not self._held:
            self._held = True
            if self._on_condition is not None:
                self._on_condition(self.name, reason)
