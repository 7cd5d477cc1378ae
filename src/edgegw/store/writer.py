"""The one thread that touches the database, and the way its results come back to the event loop.

Owns: the job queue, joining write jobs that wait together, handing results over in as few wake-ups as possible.
Must not know: what the jobs mean, beyond that `Work` can be joined.

The event loop puts jobs and gets a future for each. Results are appended to a list and the loop is woken once for all
that are there. A future whose waiter was cancelled is simply not set: the job itself always runs to its end (commits
are shielded).
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Any

from edgegw.errors import StoreError
from edgegw.ports import Batch, Committed
from edgegw.store.work import Outcome, Work

JOIN_ROWS = 1_000
"""Rows of write jobs joined into one transaction: SQLite is at its plateau there."""

STOP_S = 10.0
"""How long closing waits for the thread after its last job answered."""

Job = tuple[Callable[[], Any] | Work, "asyncio.Future[Any] | None"]
Done = tuple["asyncio.Future[Any] | None", Any, BaseException | None]


class Writer:
    """The thread. `commit` runs a Work; `applied` is called on the loop with every Outcome before its future is set."""

    def __init__(self, loop: asyncio.AbstractEventLoop, applied: Callable[[Outcome], None]) -> None:
        self._loop = loop
        self._applied = applied
        self._commit: Callable[[Work], Outcome] | None = None
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._done: deque[Done] = deque()
        self._woken = False
        self._thread = threading.Thread(target=self._run, name="store-writer", daemon=True)
        self._thread.start()

    # --- on the loop --------------------------------------------------------------------------------------------------

    def commits_with(self, commit: Callable[[Work], Outcome]) -> None:
        """What runs a Work from now on."""
        self._commit = commit

    def call(self, job: Callable[[], Any] | Work) -> "asyncio.Future[Any]":
        """Queue a job; its result or exception. Jobs run in order (write jobs that wait together run as one)."""
        future: asyncio.Future[Any] = self._loop.create_future()
        self._jobs.put((job, future))
        return future

    def stop(self) -> None:
        """End the thread after the jobs already queued."""
        self._jobs.put(None)
        self._thread.join(STOP_S)

    def _deliver(self) -> None:
        self._woken = False  # before draining: a result appended from here on wakes the loop again
        done = self._done
        while done:
            future, result, error = done.popleft()
            if isinstance(result, Outcome):
                self._applied(result)
                result = result.committed
            if future is None or future.done():
                continue
            if error is not None:
                future.set_exception(error)
            else:
                future.set_result(result)

    # --- in the thread ------------------------------------------------------------------------------------------------

    def _run(self) -> None:
        held: Job | None = None
        while True:
            job = held or self._jobs.get()
            held = None
            if job is None:
                return
            what, future = job
            if not isinstance(what, Work):
                self._answer(future, *_outcome_of(what))
                continue
            group = [(what, future)]
            rows = len(what.batch.events)
            stop = False
            while rows < JOIN_ROWS:
                try:
                    following = self._jobs.get_nowait()
                except Empty:
                    break
                if following is None:
                    stop = True
                    break
                if not isinstance(following[0], Work) or rows + len(following[0].batch.events) > JOIN_ROWS:
                    held = following
                    break
                group.append((following[0], following[1]))
                rows += len(following[0].batch.events)
            self._write(group)
            if stop:
                return

    def _write(self, group: "list[tuple[Work, asyncio.Future[Any] | None]]") -> None:
        commit = self._commit
        assert commit is not None  # noqa: S101 (the first job sets it; narrowing for mypy)
        if len(group) > 1:
            result, error = _outcome_of(lambda: commit(join([work for work, _ in group])))
            if error is None:
                self._answer(None, result, None)
                for work, future in group:
                    self._answer(future, share(result, work), None)
                return
            if not (isinstance(error, StoreError) and error.reason == "full"):
                for _, future in group:
                    self._answer(future, None, error)
                return
        for work, future in group:
            self._answer(future, *_outcome_of(lambda work=work: commit(work)))  # type: ignore[misc]  # bound at once

    def _answer(self, future: "asyncio.Future[Any] | None", result: object, error: BaseException | None) -> None:
        self._done.append((future, result, error))
        if not self._woken:
            self._woken = True
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                self._loop.call_soon_threadsafe(self._deliver)


def _outcome_of(job: Callable[[], Any]) -> tuple[Any, BaseException | None]:
    try:
        return job(), None
    except Exception as error:  # noqa: BLE001 (handed to whoever awaits the job; nothing is swallowed)
        return None, error


def join(works: list[Work]) -> Work:
    """Several works as one: events, states and dead letters in order, later cursors over earlier ones."""
    cursors: dict[Any, int] = {}
    for work in works:
        cursors.update(work.cursors)
    return Work(
        Batch(
            [e for w in works for e in w.batch.events],
            [s for w in works for s in w.batch.states],
            [d for w in works for d in w.batch.dead],
        ),
        cursors,
        next((w.synced for w in reversed(works) if w.synced is not None), None),
        tidy=any(w.tidy for w in works),
        final=any(w.final for w in works),
        jobs=tuple(job for w in works for job in w.jobs),
    )


def share(result: Outcome, work: Work) -> Committed:
    """What one of several joined works is told: the seqs of the whole, its own counts; what was shed is told
    by `applied` alone."""
    counts = [0, 0, 0, 0]
    for event in work.batch.events:
        counts[event.lane] += 1
    whole = result.committed
    return Committed(whole.first_seq, whole.last_seq, (counts[0], counts[1], counts[2], counts[3]), 0)
