"""The store as the event loop sees it: `RecordStore` for the pipeline, `Outbox` for the deliveries.

Owns: cursors not yet durable, callbacks, the newest records and counts in memory, figures for metrics.
Must not know: SQL (`session`), what records mean.

Everything that touches the database runs in the writer thread; everything in this class runs on the event loop. What a
commit changed arrives as an `Outcome`, in commit order, before the commit's waiter continues.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from edgegw.clock import Clock
from edgegw.config.schema import StoreSection
from edgegw.errors import StoreError
from edgegw.model import DeadLetter, Event, Instant, Lane, Record
from edgegw.ports import Batch, Committed
from edgegw.store import inspect
from edgegw.store.audit import ANCHOR_NS, Head
from edgegw.store.credential_calls import CredentialCalls
from edgegw.store.figures import Figures
from edgegw.store.lanes import LaneCount
from edgegw.store.opening import Opened, open_store, runs
from edgegw.store.session import Session
from edgegw.store.tail import Tail
from edgegw.store.work import CursorKey, Outcome, Work
from edgegw.store.writer import Writer

FLUSH_S = 0.5
"""Longest time an accepted cursor stays in memory (`Outbox.accepted`); after a crash that much is sent again."""

RETRY_S = 2.0
"""Pause before a flush is tried again on a full store."""


T = TypeVar("T")


class Store(CredentialCalls):
    """The open store; made by `Store.open`, ended by `close`. Implements `edgegw.ports.RecordStore` and `Outbox`."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.path = path
        self.figures = Figures()
        self.damaged: str | None = None
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._writer = Writer(self._loop, self._apply)
        self._opened: Opened
        self._boot = 0
        self._offset_ns: int | None = None
        self._cursors: dict[CursorKey, int] = {}
        self._dirty: dict[CursorKey, int] = {}
        self._synced: Instant | None = None
        self._gone: tuple[int, ...] = (0, 0, 0, 0)
        self._tails: tuple[Tail, ...] = ()
        self._counts = tuple(LaneCount() for _ in Lane)
        self._callbacks: tuple[dict[object, Callable[[], None]], ...] = ({}, {}, {}, {})
        self._last_seq = 0
        self._audit = Head()
        self._untold = False
        self._timer: asyncio.TimerHandle | None = None
        self._anchor_timer: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._flush_s = FLUSH_S

    @classmethod
    async def open(
        cls,
        path: Path,
        *,
        section: StoreSection,
        gateway: str,
        upstreams: Mapping[str, Sequence[Lane]],
        clock: Clock,
        os_boot: str | None = None,
    ) -> "Store":
        """Open or create the store at `path`.

        Args:
            path: the database file, already resolved (`section.path` is not looked at).
            section: budget and reserve.
            gateway: id, for the dedup_key of the store's own alarm.
            upstreams: name → lanes it takes. A name without a cursor starts with everything still stored; cursors of
                names that are not here no longer hold records.
            clock: the time of records' ids, gaps and boots.
            os_boot: the operating system's boot id, read from the kernel if not given.

        Raises StoreError: ``locked``, ``newer``, ``io``. A damaged file is set aside (`damaged` says so) and a new one begun.
        """
        store = cls(path, clock)
        try:
            opened: Opened = await store._writer.call(
                lambda: open_store(
                    path, section=section, gateway=gateway, upstreams=upstreams, clock=clock, os_boot=os_boot
                )
            )
        except BaseException:
            store._writer.stop()
            raise
        await store._begin(opened)
        return store

    async def _begin(self, opened: Opened) -> None:
        session = opened.session
        self._opened = opened
        self._writer.commits_with(opened.room.commit)
        self.damaged = opened.damaged
        self._boot = session.boot
        self._last_seq = session.next_seq - 1
        self._offset_ns = opened.offset_ns
        self._cursors = dict(session.cursors)
        self._gone = tuple(session.gone)
        self._tails = tuple(Tail(lane, session.boot, opened.last[lane]) for lane in Lane)
        for lane in Lane:
            if (low := session.gone[lane] + 1) <= opened.last[lane]:
                self._counts[lane].add(low, opened.last[lane])
        if opened.first is not None:
            self._apply(opened.first)
        reached = {lane: upto for lane in Lane if (upto := await self._scan(lane, self._gone[lane]))}
        if reached:
            self._start(self._scan_rest(reached), "store-scan")

    # --- RecordStore --------------------------------------------------------------------------------------------------

    async def commit(self, batch: Batch) -> Committed:
        """See `RecordStore.commit`. Cancelling the waiter does not cancel the commit."""
        figures = self.figures
        started = perf_counter()
        try:
            committed: Committed = await self._write(batch)
        except StoreError as error:
            figures.errors[error.reason] = figures.errors.get(error.reason, 0) + 1
            raise
        figures.last_s = perf_counter() - started
        figures.last_rows = sum(committed.per_lane)
        figures.seconds += figures.last_s
        figures.commits += 1
        figures.dead += len(batch.dead)
        return committed

    def states(self, kind: str) -> dict[str, bytes]:
        """See `RecordStore.states`."""
        return dict(self._opened.states.get(kind, {}))

    def states_taken(self) -> None:
        """Everybody has begun with their states: what was read at opening is given back. `states` gives nothing from here on."""
        self._opened.states.clear()

    def clock_synced(self, now: Instant) -> None:
        """The wall clock is known since `now` (an Instant with both clocks): records of this operating-system boot that were
        written before get their time corrected when fetched. Durable like `accepted`."""
        self._offset_ns = now.wall_ns - now.mono_ns
        self._synced = now
        self._flush_later()

    # --- Outbox -------------------------------------------------------------------------------------------------------

    async def fetch(self, lane: Lane, after_seq: int, limit: int) -> list[Record]:
        """See `Outbox.fetch`."""
        after = max(after_seq, self._gone[lane])
        tail = self._tails[lane]
        if after >= tail.floor:
            return tail.fetch(after, limit, self._offset_ns)
        return await self._read(lambda session: session.fetch(lane, after, limit))

    def cursor(self, upstream: str, lane: Lane) -> int:
        """See `Outbox.cursor`."""
        return self._cursors.get((upstream, lane), 0)

    def accepted(self, upstream: str, lane: Lane, seq: int) -> None:
        """See `Outbox.accepted`. A seq at or below the cursor changes nothing."""
        key = (upstream, lane)
        if seq > self._cursors.get(key, 0):
            self._cursors[key] = seq
            self._dirty[key] = seq
            self._flush_later()

    async def reject(self, upstream: str, record: Record, reason: str, detail: str) -> None:
        """See `Outbox.reject`. The cursor moves only by `accepted`."""
        letter = DeadLetter(
            origin="upstream",
            source=upstream,
            reason=reason,
            detail=detail,
            key=record.id,
            raw=record.data,
            at=self._clock.now(),
        )
        await self.commit(Batch(dead=(letter,)))

    def depth(self, upstream: str, lane: Lane) -> int:
        """See `Outbox.depth`. Exact, except in the first moments after opening with a backlog of more than 5,000 records
        (then an upper bound) and for a lane of more than 4,096 separate runs of seqs (then within one run)."""
        return self._counts[lane].after(max(self._cursors.get((upstream, lane), 0), self._gone[lane]))

    def wait_for(self, lane: Lane, callback: Callable[[], None]) -> Callable[[], None]:
        """See `Outbox.wait_for`."""
        key = object()
        self._callbacks[lane][key] = callback
        return lambda: void(self._callbacks[lane].pop(key, None))

    # --- more ---------------------------------------------------------------------------------------------------------

    @property
    def boot(self) -> int:
        """Number of this daemon start."""
        return self._boot

    @property
    def last_seq(self) -> int:
        """The newest seq that is committed."""
        return self._last_seq

    @property
    def audit_head(self) -> tuple[int, str]:
        """Number and hash (hexadecimal) of the newest entry of the audit chain; number 0: it is empty."""
        return self._audit.n, self._audit.hash.hex()

    async def anchor(self) -> None:
        """Tell the audit head upstream now, if it was not told yet: so that it still leaves before the store closes. Raises
        StoreError like `commit`."""
        if self._untold:
            await self._write(Batch(), final=True)

    async def flush(self) -> None:
        """Make cursors durable now and delete what may go. Raises StoreError like `commit`."""
        await self._write(Batch(), tidy=True)

    async def stats(self) -> dict[str, Any]:
        """What `inspect.stats` reads from the file (through a connection of its own, in a thread), and the live counters."""
        found = await asyncio.to_thread(inspect.stats, self.path)
        session = self._opened.session
        found["budget_pages"] = session.limits.max_pages
        found["shed"] = self.figures.shed
        found["commits"] = self.figures.commits
        found["dead_dropped"] = self.figures.dead_dropped
        found["failed"] = self._opened.room.failed.reason if self._opened.room.failed else None
        return found

    async def close(self) -> None:
        """Flush, checkpoint, close, let go of the lock. Never raises for a store that already failed."""
        if self._closed:
            return
        self._closed = True
        for timer in (self._timer, self._anchor_timer):
            if timer is not None:
                timer.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        clean = True
        try:
            if self._dirty or self._synced is not None or self._untold:
                await self._write(Batch(), final=True)
        except StoreError:
            clean = False  # full or failed: the cursors stay where they are, the same ids are sent again
        await self._writer.call(lambda: self._opened.close(clean=clean))
        self._writer.stop()

    # --- inside -------------------------------------------------------------------------------------------------------

    async def _read(self, query: Callable[[Session], T]) -> T:
        """Run a query in the writer thread; damage it meets counts as for a commit."""
        opened = self._opened

        def job() -> T:
            try:
                return query(opened.session)
            except StoreError as error:
                opened.room.fail(error)
                raise

        found: T = await self._writer.call(job)
        return found

    async def _within(self, job: Callable[[Session], T], events: Sequence[Event] = ()) -> T:
        """Run a job inside a commit, together with events; its result once that is durable."""
        session = self._opened.session
        results: list[T] = []
        await self._write(Batch(events), jobs=(lambda: results.append(job(session)),))
        return results[-1]

    async def _write(
        self, batch: Batch, *, tidy: bool = False, final: bool = False, jobs: tuple[Callable[[], None], ...] = ()
    ) -> Committed:
        cursors, synced = self._dirty, self._synced
        self._dirty, self._synced = {}, None
        future = self._writer.call(Work(batch, cursors, synced, tidy=tidy, final=final, jobs=jobs))
        if cursors or synced is not None:
            future.add_done_callback(lambda done: self._again(done, cursors, synced))
        committed: Committed = await future
        return committed

    def _again(self, done: "asyncio.Future[Any]", cursors: dict[CursorKey, int], synced: Instant | None) -> None:
        """Cursors of a commit that failed go with the next one."""
        if done.cancelled() or done.exception() is not None:
            self._dirty = {**cursors, **self._dirty}
            self._synced = self._synced or synced
            self._flush_later(RETRY_S)

    def _apply(self, outcome: Outcome) -> None:
        """A commit happened: what memory knows follows it, then those who wait are called."""
        figures = self.figures
        figures.rows += sum(len(block.events) for _, block in outcome.blocks)
        figures.shed += outcome.committed.shed
        figures.dead_dropped = outcome.dead_dropped
        for lane, block in outcome.blocks:
            self._counts[lane].add(block.seq, block.seq + len(block.events) - 1)
            self._tails[lane].add(block)
        if outcome.gone != self._gone:
            for lane in Lane:
                if outcome.gone[lane] > self._gone[lane]:
                    self._counts[lane].trim(outcome.gone[lane])
                    self._tails[lane].trim(outcome.gone[lane])
            self._gone = outcome.gone
        self._last_seq = max(self._last_seq, outcome.committed.last_seq)
        self._audit, self._untold = outcome.audit, outcome.untold
        if outcome.untold and self._anchor_timer is None and not self._closed:
            self._anchor_timer = self._loop.call_later(ANCHOR_NS / 1e9, self._anchor_now)
        if outcome.more or outcome.committed.shed:
            self._flush_later()
        for lane, _ in outcome.blocks:
            for callback in tuple(self._callbacks[lane].values()):
                self._loop.call_soon(callback)

    def _flush_later(self, delay: float | None = None) -> None:
        if self._timer is None and not self._closed:
            self._timer = self._loop.call_later(self._flush_s if delay is None else delay, self._flush_now)

    def _anchor_now(self) -> None:
        self._anchor_timer = None
        self._flush_later()

    def _flush_now(self) -> None:
        self._timer = None
        self._start(self._flush_quietly(), "store-flush")

    async def _flush_quietly(self) -> None:
        try:
            await self.flush()
        except StoreError as error:
            self.figures.errors[error.reason] = self.figures.errors.get(error.reason, 0) + 1
            if error.reason in {"full", "busy"}:
                self._flush_later(RETRY_S)

    def _start(self, job: Any, name: str) -> None:  # noqa: ANN401 (a coroutine)
        task: asyncio.Task[None] = self._loop.create_task(job, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _scan(self, lane: Lane, after: int) -> int:
        """Count the next portion of the backlog found at opening; where it ended, 0 at the end."""
        last = self._opened.last[lane]
        if last <= after:
            return 0
        session = self._opened.session
        upto, found = await self._writer.call(lambda: runs(session.db, lane, after, last))
        gone = self._gone[lane]
        exact = [(max(low, gone + 1), high) for low, high in found if high > gone]
        self._counts[lane].refine(max(after, gone), upto or last, exact)
        return int(upto)

    async def _scan_rest(self, reached: Mapping[Lane, int]) -> None:
        for lane, upto in reached.items():
            after = upto
            while after:
                after = await self._scan(lane, after)


def void(_: object) -> None:
    """Nothing, of anything: for callbacks that must return None."""
