"""Commits of commands: at once where one is waited for, with patience where not.

Owns: what is still to be committed, in order and bounded; trying again on a store that takes nothing.
Must not know: what records mean, who waits and how long.

An admission is committed at once (`attempt`), and whoever waits decides how long. Outcomes, and admissions that were acted on
unrecorded, go through one queue (`later`) in the order they came; what waits there together is one commit. An admission that
was not waited for to its end goes into the queue, too, in case it fails: so an outcome never comes before its admission.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from itertools import islice
from typing import Any

from edgegw.errors import StoreError
from edgegw.model import StateChange
from edgegw.ports import Batch, RecordStore

log = logging.getLogger(__name__)

RECORDS_MOST = 5_000
"""Batches waiting for a store that takes nothing: some 5 MB, hours of a busy entrance."""

JOIN_MOST = 100
"""Batches in one commit."""

RETRY_S = 1.0
"""Pause before a commit is tried again; as the pipeline's."""

Attempt = asyncio.Task[str | None]
"""A commit under way: None once committed, else the store's reason."""

Start = Callable[[Coroutine[Any, Any, Any], str], asyncio.Task[Any]]
"""Begins a task by name; its owner ends it and sees to its mistakes."""


class _Entry:
    __slots__ = ("batch", "done", "unless")

    def __init__(self, batch: Batch, unless: Attempt | None) -> None:
        self.batch = batch
        self.unless = unless
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()


class Recorder:
    """One per desk; `run` works the queue."""

    def __init__(self, store: RecordStore, start: Start, most: int = RECORDS_MOST) -> None:
        self._store = store
        self._start = start
        self._most = most
        self._queue: deque[_Entry] = deque()
        self._work = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.failing: str | None = None
        """The store's reason while it takes nothing."""
        self.lost = 0
        """Batches that found no room; the ledger keeps such a command pending, and the next start records it as unknown."""

    @property
    def waiting(self) -> int:
        """Batches in the queue."""
        return len(self._queue)

    @property
    def crowded(self) -> bool:
        """Half full: what can be refused should be."""
        return len(self._queue) * 2 >= self._most

    def attempt(self, batch: Batch, once: Sequence[StateChange] = ()) -> Attempt:
        """Begin a commit at once. `once`: changes that are right in this commit only, and not repeated should it fail; of two
        changes of one key the batch's counts."""
        whole = Batch(batch.events, (*once, *batch.states), batch.dead)
        return self._start(self._try(whole), "command-commit")

    def later(self, batch: Batch, *, unless: Attempt | None = None, dispensable: bool = False) -> asyncio.Future[None]:
        """Commit when possible; the future is done when it is (or is cancelled: there was no room).

        Args:
            unless: an attempt to commit the same, still under way or failed. Its end is awaited, also by whatever comes later;
                if it succeeded nothing is left to do.
            dispensable: takes no more than half of the room.
        """
        entry = _Entry(batch, unless)
        if len(self._queue) >= self._most or (dispensable and self.crowded):
            if not self.lost:
                log.error("commands: no room for records while the store takes nothing; they are counted")
            self.lost += 1
            entry.done.cancel()
            return entry.done
        self._queue.append(entry)
        self._idle.clear()
        self._work.set()
        return entry.done

    async def drained(self) -> None:
        """Return when nothing waits."""
        await self._idle.wait()

    async def run(self) -> None:
        """Work the queue until cancelled. Never raises for a store that refuses: it is tried again."""
        while True:
            await self._work.wait()
            entries = list(islice(self._queue, JOIN_MOST))
            due = [entry for entry in entries if await _needed(entry)]
            if due and (reason := await self._try(_joined(due))) is not None:
                if self.failing is None:
                    log.error("commands: the store takes no records (%s); tried again every %g s", reason, RETRY_S)
                self.failing = reason
                await asyncio.sleep(RETRY_S)
                continue
            if self.failing is not None and due:
                log.warning("commands: the store takes records again")
                self.failing = None
            for entry in entries:
                self._queue.popleft()
                if not entry.done.done():
                    entry.done.set_result(None)
            if not self._queue:
                self._work.clear()
                self._idle.set()

    async def _try(self, batch: Batch) -> str | None:
        try:
            await self._store.commit(batch)
        except StoreError as error:
            return error.reason
        return None


async def _needed(entry: _Entry) -> bool:
    """Whether an entry is still to be committed, its attempt having ended."""
    if entry.unless is None:
        return True
    await asyncio.wait({entry.unless})
    return entry.unless.cancelled() or entry.unless.result() is not None


def _joined(entries: Sequence[_Entry]) -> Batch:
    return Batch(
        [event for entry in entries for event in entry.batch.events],
        [state for entry in entries for state in entry.batch.states],
    )
