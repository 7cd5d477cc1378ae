"""The one fixed line: raw messages → decode → rules → commit → acknowledge.

Owns: the order of these steps, the batch that is being filled, when links must stop reading, and when the rules' timers run.
Must not know: any protocol, SQL, or where records go afterwards. It is plugged to links as their `Sink`.

How it keeps the promises:

- Decoding and rules run at once when a message is offered; what they decide is appended to the open batch. One committer task
  commits the oldest batch; while that commit runs, the next one fills ("what arrived while the last commit ran", ADR 0001).
  So a commit is never waited for longer than one other commit, and nothing is delayed on purpose.
- A message's acknowledgement is kept with its batch and called after the commit, never before (promise 1).
- Batches commit in order, and a batch that could not be committed is tried again, never dropped (promise 6): links see `full`
  and stop reading, so memory is bounded by `PENDING_LIMIT` and what links had already read.
- A message no profile can decode becomes a dead letter in the same batch, is acknowledged, and is counted (promise 10).
- Those that act (doors, commands, linkages) listen: they are told of decoded messages and of alarms before the commit, so that no
  disk stands between a card and its door (promise 7). For the devices they depend on, `Urgent` stands in as the sink: it never
  says `full`, and while the store takes nothing only telemetry is left out, counted.
"""

import asyncio
import logging
from collections import Counter, deque
from collections.abc import Callable, Container, Mapping
from typing import Protocol

from edgegw.access.blot import blotted
from edgegw.clock import Clock
from edgegw.errors import DecodeError, StoreError
from edgegw.hearing import Hearing
from edgegw.model import (
    Changes,
    DeadLetter,
    Decoded,
    Event,
    Instant,
    Lane,
    Raw,
    StateChange,
)
from edgegw.poison import dead_letter
from edgegw.ports import AckFn, Batch, Heard, RecordStore

log = logging.getLogger(__name__)

BATCH_LIMIT = 1000
"""Most messages in one commit: larger ones gain nothing (SQLite is at its plateau) and delay what waits behind."""

PENDING_LIMIT = 4000
"""Messages taken and not yet committed at which links stop reading: four full commits, about 2 MB."""

ROOM_AT = 2000
"""Messages below which links are called back: half, so that reading does not stutter around the limit."""

RETRY_REASONS = frozenset({"full", "busy"})
"""Refusals that pass: no room just now, or a foreign process (a backup, a person) holds the file."""

RETRY_FULL_S = 1.0
"""Pause before a commit is tried again on a full store; room appears when an upstream accepts or a person helps."""

TICK_AT_MOST_S = 1.0
"""Longest sleep of the rules' timer; timers set while it sleeps wake it, this only bounds a mistake."""

URGENT_MOST = 50_000
"""Messages beyond `PENDING_LIMIT` of which an urgent device's alarms are still kept: days of a stuck disk, some 20 MB."""


class Decode(Protocol):
    """What the pipeline needs of a compiled profile."""

    def decode(self, raw: Raw) -> Decoded:
        """Readings of a raw message, or DecodeError."""
        ...


class Rules(Protocol):
    """What the pipeline needs of the rule engine."""

    def decoded(self, device: str, decoded: Decoded, at: Instant) -> Changes:
        """Take a device's decoded message."""
        ...

    def silent(self, device: str, reason: str, at: Instant) -> Changes:
        """Take an unanswered poll."""
        ...

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> Changes:
        """Take a link's change of state."""
        ...

    def tick(self, now: Instant) -> Changes:
        """Let time pass."""
        ...

    def due_ns(self) -> int | None:
        """Monotonic nanoseconds of the next moment `tick` may change something."""
        ...


class _Open:
    """A batch being filled."""

    __slots__ = ("acks", "dead", "events", "messages", "states")

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.states: dict[tuple[str, str], StateChange] = {}
        self.dead: list[DeadLetter] = []
        self.acks: list[tuple[AckFn, int]] = []
        self.messages = 0

    @property
    def writes(self) -> bool:
        return bool(self.events or self.states or self.dead)


class Pipeline:
    """See the module's text. One per gateway; all methods on the event loop.

    Args:
        decoders: device id → its compiled profile.
        rules: the rule engine; the pipeline is the only one that calls it.
        secret: device → its points that are credentials: only who listens gets them whole, records are masked.
        observe: told the seconds of every commit.
    """

    def __init__(
        self,
        *,
        store: RecordStore,
        decoders: Mapping[str, Decode],
        rules: Rules,
        clock: Clock,
        observe: Callable[[float], None] = lambda _seconds: None,
        secret: Mapping[str, Container[str]] | None = None,
    ) -> None:
        self._store = store
        self._decoders = decoders
        self._rules = rules
        self._clock = clock
        self._observe = observe
        self._secret = secret or {}
        self._open = _Open()
        self._closed: deque[_Open] = deque()
        self._pending = 0
        self._waiting: list[Callable[[], None]] = []
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._retime = asyncio.Event()
        self._tick_at_ns = 0
        self.messages = 0
        self.readings = 0
        self.decode_errors: Counter[str] = Counter()
        self.dead_letters = 0
        self.settled = 0
        """Batches dealt with: committed, or found to hold nothing to write. The watchdog's sign of life."""
        self.records = [0, 0, 0, 0]
        self.store_full = False
        self.left_out = 0
        """Records of urgent devices left out while nothing could be stored: telemetry, beyond `URGENT_MOST` all."""
        self._hearing = Hearing()

    # --- the Sink -------------------------------------------------------------------------------------------------

    @property
    def full(self) -> bool:
        """See `ports.Sink.full`."""
        return self._pending >= PENDING_LIMIT

    @property
    def pending(self) -> int:
        """Messages taken and not yet committed."""
        return self._pending

    def when_room(self, callback: Callable[[], None]) -> None:
        """See `ports.Sink.when_room`."""
        self._waiting.append(callback)

    def offer(self, device: str, raw: Raw, at: Instant, ack: AckFn | None = None, token: int = 0) -> None:
        """See `ports.Sink.offer`."""
        self.messages += 1
        try:
            decoded = self._decoders[device].decode(raw)
        except DecodeError as error:
            self._poison(device, raw, error, at)
        else:
            self.readings += len(decoded.readings)
            self._hearing.tell(device, decoded, at)
            if secret := self._secret.get(device):
                decoded = blotted(decoded, secret)
            changes = self._rules.decoded(device, decoded, at)
            if changes.events:
                self._open.events += changes.events
                self._hearing.tell_alarms(changes.events)
            if changes.states:
                self._keep(changes.states)
        batch = self._open
        if ack is not None:
            batch.acks.append((ack, token))
        batch.messages += 1
        self._pending += 1
        if batch.messages >= BATCH_LIMIT:
            self._close()
        if not self._work.is_set():
            self._work.set()
            self._idle.clear()

    def silent(self, device: str, reason: str, at: Instant) -> None:
        """See `ports.Sink.silent`."""
        self.apply(self._rules.silent(device, reason, at))

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> None:
        """See `ports.Sink.link_state`."""
        self.apply(self._rules.link_state(link, up=up, reason=reason, at=at))

    def apply(self, changes: Changes) -> None:
        """Take what was decided without a message (ticks, link states, the gateway's own conditions) into the open batch."""
        self._retime.set()
        if not changes.events and not changes.states:
            return
        self._open.events += changes.events
        self._hearing.tell_alarms(changes.events)
        self._keep(changes.states)
        self._open.messages += 1
        self._pending += 1
        self._work.set()
        self._idle.clear()

    # --- those that act -------------------------------------------------------------------------------------------

    def listen(self, device: str, heard: Heard) -> Callable[[], None]:
        """See `ports.Listening.listen`."""
        return self._hearing.listen(device, heard)

    def listen_alarms(self, changed: Callable[[Event], None]) -> Callable[[], None]:
        """See `ports.Listening.listen_alarms`."""
        return self._hearing.listen_alarms(changed)

    async def record(self, changes: Changes) -> None:
        """As `apply`; returns when it is committed."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def committed(_token: int) -> None:
            if not done.done():
                done.set_result(None)

        batch = self._open
        self.apply(changes)
        if not batch.messages:
            return  # nothing to commit
        batch.acks.append((committed, 0))
        await done

    def offer_urgent(self, device: str, raw: Raw, at: Instant, ack: AckFn | None = None, token: int = 0) -> None:
        """As `offer`, for devices on which doors depend: taken also while `full`, then without their telemetry records."""
        if not self.full:
            self.offer(device, raw, at, ack, token)
            return
        before = self._open.events
        kept = len(before)
        self.offer(device, raw, at, ack, token)
        batch = self._open if self._open.events is before else self._closed[-1]
        added = batch.events[kept:]
        del batch.events[kept:]
        kept_too = (
            [e for e in added if e.lane is not Lane.TELEMETRY] if self._pending < PENDING_LIMIT + URGENT_MOST else []
        )
        batch.events += kept_too
        self.left_out += len(added) - len(kept_too)

    def _keep(self, states: tuple[StateChange, ...]) -> None:
        for change in states:
            self._open.states[change.kind, change.key] = change
        self._retime.set()

    def _poison(self, device: str, raw: Raw, error: DecodeError, at: Instant) -> None:
        letter = dead_letter(device, raw, error, at, secret=device in self._secret)
        self.decode_errors[error.reason] += 1
        self.dead_letters += 1
        if self.decode_errors[error.reason] == 1:
            log.warning(
                "device %s: first message refused as %s (%s); kept as a dead letter, counted from here on",
                device,
                letter.reason,
                letter.detail,
            )
        self._open.dead.append(letter)

    def _close(self) -> None:
        self._closed.append(self._open)
        self._open = _Open()

    # --- the committer --------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Commit and acknowledge until cancelled. Raises StoreError where durability is in doubt: the daemon must stop."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._committer(), name="pipeline-committer")
            group.create_task(self._ticker(), name="pipeline-ticker")

    async def drain(self) -> None:
        """Return when everything offered so far is committed and acknowledged (needs `run` to be running)."""
        await self._idle.wait()

    async def probe(self) -> None:
        """Push an empty batch through the commit path: the watchdog's question whether commits still happen."""
        await self._store.commit(Batch())

    async def _committer(self) -> None:
        while True:
            await self._work.wait()
            if not self._closed:
                self._close()
            batch = self._closed[0]
            if batch.writes:
                await self._commit(Batch(batch.events, tuple(batch.states.values()), batch.dead))
            self._closed.popleft()
            self.settled += 1
            self._retime.set()  # messages may have set timers; once a batch is often enough
            for ack, token in batch.acks:
                ack(token)
            self._pending -= batch.messages
            if self._waiting and self._pending <= ROOM_AT:
                waiting, self._waiting = self._waiting, []
                for callback in waiting:
                    callback()
            if not self._closed and not self._open.messages:
                self._work.clear()
                self._idle.set()

    async def _commit(self, batch: Batch) -> None:
        while True:
            try:
                began_ns = self._clock.now().mono_ns
                committed = await self._store.commit(batch)
            except StoreError as error:
                if error.reason not in RETRY_REASONS:
                    raise
                if not self.store_full:
                    log.error("the store takes nothing (%s); links are held until it does", error)
                self.store_full = True
                await asyncio.sleep(RETRY_FULL_S)
            else:
                if self.store_full:
                    log.warning("the store takes records again")
                self.store_full = False
                self._observe((self._clock.now().mono_ns - began_ns) / 1e9)
                for lane, count in enumerate(committed.per_lane):
                    self.records[lane] += count
                return

    async def _ticker(self) -> None:
        while True:
            self._retime.clear()
            now = self._clock.now()
            due = self._rules.due_ns()
            if due is not None and due <= now.mono_ns:
                self.apply(self._rules.tick(now))
                due = self._rules.due_ns()
            wait_s = TICK_AT_MOST_S if due is None else min(TICK_AT_MOST_S, max(0.0, (due - now.mono_ns) / 1e9))
            self._retime.clear()
            try:
                async with asyncio.timeout(wait_s):
                    await self._retime.wait()
            except TimeoutError:
                continue


class Urgent:
    """The sink of links on which doors and linkages depend (`ports.Sink`): never full, otherwise the pipeline."""

    full = False

    def __init__(self, pipeline: Pipeline) -> None:
        self.offer = pipeline.offer_urgent
        self.drain = pipeline.drain
        self.silent = pipeline.silent
        self.link_state = pipeline.link_state

    def when_room(self, callback: Callable[[], None]) -> None:
        """There always is."""
        callback()
