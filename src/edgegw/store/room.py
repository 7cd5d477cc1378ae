"""Making room: what goes first when the budget is reached or the disk is full, and the whole of a commit with that.

Owns: the order of shedding, the retries of a commit on a full store, when a store has failed for good.
Must not know: how records are written or deleted (`session`).

Order: what every upstream accepted and is merely not deleted yet; then telemetry, oldest first; then, only when nothing
else is left, records of lanes that no upstream takes. What an upstream waits for in alarm, access and command is never
given up.
"""

from collections.abc import Sequence
from contextlib import suppress

from edgegw.errors import StoreError
from edgegw.model import Lane
from edgegw.ports import Batch
from edgegw.store.budget import SHED_AT, SHED_TO, Ballast
from edgegw.store.engine import free_bytes
from edgegw.store.highwater import SUSPECT
from edgegw.store.session import DELETE_ROWS, Session
from edgegw.store.work import Outcome, Work

CHUNKS_PER_COMMIT = 8
"""Portions shed before one commit: it waits some tens of ms at most; the next commit goes on."""

ATTEMPTS = 4
"""Tries of a commit on a full store, each after twice as much was shed."""

ROOM_BYTES = 256 * 1024
"""Free disk space below which ENOSPC, not the budget, is what stopped us."""


class Room:
    """Commits through a session, shedding where it must. Used by the writer thread."""

    def __init__(self, session: Session, ballast: Ballast) -> None:
        self._s = session
        self._ballast = ballast
        self._pressed = False
        self._max_pages = session.limits.max_pages
        self.failed: StoreError | None = None
        """Set once durability is in doubt or the file is damaged; the store must then be opened anew."""

    def commit(self, work: Work) -> Outcome:
        """`Session.write`, shedding as needed. Raises StoreError: ``full`` (try again), ``io``, ``damaged`` (open anew)."""
        if self.failed is not None:
            raise self.failed
        try:
            return self._commit(work)
        except StoreError as error:
            self.fail(error)
            raise

    def fail(self, error: StoreError) -> None:
        """Remember an error after which nothing may be acknowledged: a later fsync that succeeds proves nothing."""
        if error.reason in {"io", "damaged"} and self.failed is None:
            self.failed = error
            if error.reason == "damaged":
                self._s.mark.mark.flags |= SUSPECT
                with suppress(OSError):
                    self._s.mark.save(durable=True)

    def _commit(self, work: Work) -> Outcome:
        session = self._s
        session.shedding = False
        drop = False
        shed = 0
        if self._pressed or session.unchecked >= session.limits.check_bytes:
            shed, drop = self._check()
        if work.tidy:
            self._ballast.hold()
            self._relax()
        drop = drop and _has_telemetry(work.batch)
        session.shedding = session.shedding or drop
        for attempt in range(ATTEMPTS):
            try:
                return session.write(work, drop_telemetry=drop, shed=shed)
            except StoreError as error:
                if error.reason != "full" or attempt == ATTEMPTS - 1:
                    raise
                if self._relax():
                    continue
                freed, count = self._free(1 << attempt)
                shed += count
                if not freed:
                    if drop or not _has_telemetry(work.batch):
                        raise
                    drop = session.shedding = True
        raise AssertionError  # pragma: no cover (the loop returns or raises)

    def used_pages(self) -> int:
        """Pages of the database that hold something."""
        db = self._s.db
        return int(db.value("PRAGMA page_count")) - int(db.value("PRAGMA freelist_count"))

    def _limit(self, pages: int) -> None:
        """Let the database have no more pages than that.

        On a full disk: no more than it has, so that the ballast's room stays the WAL's and is not eaten by growth.
        """
        self._max_pages = int(self._s.db.value(f"PRAGMA max_page_count = {pages}"))

    def _relax(self) -> bool:
        """Lift the limit that a full disk set, once there is room again; whether it was lifted. Asked also by a commit that found
        the store full: where nothing is accepted no tidying comes by that would."""
        if self._max_pages == self._s.limits.max_pages or not self._ballast.hold():
            return False
        self._limit(self._s.limits.max_pages)
        return True

    def _check(self) -> tuple[int, bool]:
        """Shed down to the mark if the pages are above it; (telemetry shed, whether new telemetry must give way)."""
        session = self._s
        session.unchecked = 0
        if self.used_pages() < self._max_pages * SHED_AT:
            self._pressed = False
            return 0, False
        self._pressed = True
        shed = 0
        for _ in range(CHUNKS_PER_COMMIT):
            try:
                freed, count = self._free_chunk(last_resort=False)
            except StoreError as error:
                if error.reason != "full":
                    raise
                return shed, True
            shed += count
            if not freed:
                return shed, True
            if self.used_pages() <= self._max_pages * SHED_TO:
                self._pressed = False
                break
        return shed, False

    def _free(self, chunks: int) -> tuple[int, int]:
        """On a full store: (rows deleted, of them given up)."""
        if free_bytes(self._s.path) < ROOM_BYTES:
            self._ballast.release()
            self._limit(int(self._s.db.value("PRAGMA page_count")))
        total = given_up = 0
        for _ in range(chunks):
            try:
                freed, count = self._free_chunk(last_resort=True)
            except StoreError as error:
                if error.reason != "full":
                    raise
                break
            if not freed:
                break
            total += freed
            given_up += count
        with suppress(StoreError):  # without room for it the WAL stays as it is, and the next try tells
            self._s.db.checkpoint("RESTART")  # the WAL keeps its blocks: on a full disk nobody gives them back
        return total, given_up

    def _free_chunk(self, *, last_resort: bool) -> tuple[int, int]:
        session = self._s
        for lane in Lane:
            if (floor := session.floors[lane]) > session.gone[lane] and (n := self._drain(lane, floor)):
                return n, 0
        unclaimed: Sequence[Lane] = [lane for lane in reversed(Lane) if not session.claims[lane]] if last_resort else []
        for lane in (Lane.TELEMETRY, *unclaimed):
            if count := session.shed(lane, session.limits.chunk_rows):
                return count, count
        return 0, 0

    def _drain(self, lane: Lane, floor: int) -> int:
        session = self._s
        with session.db.transaction():
            upto, count = session.delete_oldest(lane, floor, DELETE_ROWS)
        session.gone[lane] = upto
        return count


def _has_telemetry(batch: Batch) -> bool:
    return any(event.lane is Lane.TELEMETRY for event in batch.events)
