"""What one transaction does, in the writer thread.

Owns: the order of writes in a commit, seq and id, cursors and what they let go of, gap records.
Must not know: the event loop, threads, who waits (`store`); how room is made (`room`); how it was loaded (`opening`).

A commit is: [boot row] · events of each lane (the store's own first) · audit chain · state · jobs · dead letters · cursors ·
deletes · COMMIT · high-water mark.
Within a batch the lanes are written one after the other, so each lane gets one run of consecutive seqs; inside
a lane the batch's order holds. Memory changes only after the COMMIT, so a failed one leaves nothing to undo.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from edgegw.clock import Clock
from edgegw.model import Event, Instant, Lane, Record
from edgegw.ports import Batch, Committed
from edgegw.store import schema, uuid7
from edgegw.store.audit import Chain, Growth
from edgegw.store.budget import Limits
from edgegw.store.credentials import CredentialRows
from edgegw.store.dead import DeadLetters
from edgegw.store.engine import Db, mapped
from edgegw.store.highwater import Highwater
from edgegw.store.inserts import LaneInsert
from edgegw.store.sql import Sql
from edgegw.store.tail import Block
from edgegw.store.work import BootInfo, CursorKey, Gap, Outcome, Work

DELETE_ROWS = 2_000
"""Accepted records deleted from a lane in one transaction: a few ms, so that no commit waits long behind it."""

DELETE_AT = 1_000
"""Accepted seqs from which deleting joins a commit; fewer wait for the next flush."""

ANNOUNCE_NS = 1_000_000_000
"""While shedding goes on, one gap record a second tells of it; it must not fill what it empties."""

BOOTS_KEPT = 1_000
"""Daemon starts remembered; records older than that keep the time they were written with."""

GAPS_KEPT = 1_000
"""Gaps remembered after they were announced; looked after at each start and each thousandth gap."""


LANES = tuple(Lane)
"""Iterating the enumeration itself costs more than what the loops do."""


class Session:
    """The writer thread's state; every method is called in that thread alone."""

    def __init__(self, db: Db, mark: Highwater, clock: Clock, limits: Limits, *, boot: int, os_boot: str) -> None:
        self.db, self.mark, self.clock, self.limits = db, mark, clock, limits
        self.path: Path = db.path
        self.boot, self.os_boot = boot, os_boot
        self.ids = uuid7.Uuid7()
        self.sql = Sql()
        self.inserts = tuple(LaneInsert(table) for table in schema.LANES)
        self.next_seq = 1
        self.next_gap = 1
        self.cursors: dict[CursorKey, int] = {}
        self.claims: tuple[tuple[str, ...], ...] = ((), (), (), ())  # per lane: its upstreams
        self.claimed: tuple[Lane, ...] = ()  # the lanes that have any
        self.floors = [0, 0, 0, 0]  # per lane: see `floors_of`
        self.gone = [0, 0, 0, 0]  # per lane: everything up to here is deleted
        self.gaps: dict[int, Gap] = {}
        self.announce: tuple[Event, ...] = ()  # the store's own events, to go with the next commit
        self.boot_row: tuple[object, ...] | None = None
        self.boots: dict[int, BootInfo] = {}
        self.dead = DeadLetters(db, self.sql, limits)
        self.credentials = CredentialRows(db, self.sql)
        self.chain = Chain(db, self.sql, limits.audit_bytes)
        self.unchecked = 0  # bytes inserted since the pages were last counted
        self.shedding = False

    def floors_of(self, cursors: Mapping[CursorKey, int]) -> list[int]:
        """Per lane: everything up to here was accepted by every upstream that takes the lane; 0 where none does."""
        return [min((cursors.get((upstream, lane), 0) for upstream in self.claims[lane]), default=0) for lane in LANES]

    # --- one transaction ----------------------------------------------------------------------------------------------

    def write(self, work: Work, *, drop_telemetry: bool = False, shed: int = 0) -> Outcome:
        """Commit the work, or raise StoreError with everything as it was.

        `drop_telemetry`: the batch's own telemetry gives way; its seqs become a gap. `shed`: what was shed for this commit
        already, for the outcome.
        """
        now = self.clock.now()
        due = [g for g in self.gaps.values() if not self.shedding or now.mono_ns - g.since_ns >= ANNOUNCE_NS]
        lanes = self._by_lane(work.batch.events, due, now)
        dropped = 0
        if drop_telemetry:
            dropped = len(lanes[Lane.TELEMETRY])
            lanes[Lane.TELEMETRY].clear()
        first = self.next_seq
        growth = self.chain.extend(lanes, first, self.boot, now, final=work.final)
        rows = sum(map(len, lanes))
        last = first + rows + dropped - 1
        with mapped(self.path):
            self.mark.reserve(last)
        uid = self.ids.block(now.wall_ns, rows)
        self.db.begin()
        try:
            if self.boot_row is not None:
                self._booted(self.boot_row)
            blocks = self._insert(lanes, first, uid)
            self.chain.write(growth)
            grown = self._shed_gap(Lane.TELEMETRY, first + rows, last, dropped, now) if dropped else None
            self._announced(due, first + len(self.announce), grown)
            self._states(work.batch)
            self._jobs(work)
            dead = self.dead.write(work.batch.dead)
            cursors = self._cursors(work)
            floors = self.floors if cursors is self.cursors else self.floors_of(cursors)
            gone, more = self._deletes(floors, tidy=work.tidy)
            self.db.commit()
        except BaseException:
            self.db.rollback()
            raise
        # --- committed: memory follows
        self.next_seq = last + 1
        self.boot_row, self.announce = None, ()
        for gap in due:
            self.gaps.pop(gap.row, None)
        if grown is not None:
            self._keep_gap(grown)
        self.dead.kept(dead)
        self.cursors, self.floors, self.gone = cursors, floors, gone
        self.unchecked += sum(block.size + 100 * len(block.events) for _, block in blocks)
        self._chained(growth, now)
        self.noted()
        if work.synced is not None:
            self._known_offset(work.synced)
        per_lane = (len(lanes[0]), len(lanes[1]), len(lanes[2]), len(lanes[3]))
        committed = Committed(first, last, per_lane, shed + dropped)
        chain = self.chain
        return Outcome(committed, tuple(blocks), tuple(gone), more, self.dead.dropped, chain.head, chain.pending)

    def _by_lane(self, events: Sequence[Event], due: list[Gap], now: Instant) -> tuple[list[Event], ...]:
        lanes: tuple[list[Event], ...] = ([], [], [], [])
        lanes[0].extend(self.announce)
        lanes[0].extend(gap.event(now) for gap in due)
        for event in events:
            lanes[event.lane].append(event)
        return lanes

    def _insert(self, lanes: Sequence[list[Event]], seq: int, uid: int) -> list[tuple[Lane, Block]]:
        blocks: list[tuple[Lane, Block]] = []
        for lane in LANES:
            if events := lanes[lane]:
                size = self.inserts[lane].write(self.db, events, seq, uid, self.boot)
                blocks.append((lane, Block(seq, uid, events, size)))
                seq += len(events)
                uid += len(events)
        return blocks

    def _booted(self, row: tuple[object, ...]) -> None:
        self.db.run(self.sql.put_boot, row)
        self.db.run(self.sql.drop_boots, (self.boot - BOOTS_KEPT,))
        self.db.run(self.sql.drop_gaps, (self.next_gap - GAPS_KEPT,))

    def noted(self) -> None:
        """Move the high-water mark. A mark that cannot be written lags, which its invariant I3 allows."""
        low = 0
        if self.claimed:
            low = min(max(self.gone[lane], self.floors[lane]) for lane in self.claimed)
        with suppress(OSError):
            self.mark.committed(self.next_seq - 1, low)

    def _jobs(self, work: Work) -> None:
        for job in work.jobs:
            job()

    def _chained(self, growth: Growth | None, now: Instant) -> None:
        if growth is None:
            return
        self.unchecked += growth.size - self.chain.size
        self.chain.kept(growth, now)
        with suppress(OSError):
            self.mark.audited(growth.head.n, growth.head.hash)

    def _announced(self, due: list[Gap], seq: int, grown: Gap | None) -> None:
        for number, gap in enumerate(due):
            self.put_gap(gap, announced=seq + number)
            if gap.row % GAPS_KEPT == 0:
                self.db.run(self.sql.drop_gaps, (gap.row - GAPS_KEPT,))
        if grown is not None:
            self.put_gap(grown)

    def _states(self, batch: Batch) -> None:
        if not batch.states:
            return
        last = {(s.kind, s.key): s.value for s in batch.states}
        self.db.many(self.sql.put_state, [(*k, v) for k, v in last.items() if v is not None])
        self.db.many(self.sql.drop_state, [k for k, v in last.items() if v is None])

    def _cursors(self, work: Work) -> dict[CursorKey, int]:
        if work.synced is not None:
            self.db.run(self.sql.put_offset, (work.synced.wall_ns - work.synced.mono_ns, self.os_boot))
        moved = {k: v for k, v in work.cursors.items() if v > self.cursors.get(k, 0)}
        cursors = self.cursors
        if moved:
            self.db.many(self.sql.put_cursor, [(upstream, int(lane), seq) for (upstream, lane), seq in moved.items()])
            cursors = {**cursors, **moved}
        return cursors

    def _deletes(self, floors: list[int], *, tidy: bool) -> tuple[list[int], bool]:
        gone = list(self.gone)
        more = False
        for lane in LANES:
            floor = floors[lane]
            if floor - gone[lane] >= (1 if tidy else DELETE_AT):
                gone[lane] = self.delete_oldest(lane, floor, DELETE_ROWS)[0]
            more = more or floor > gone[lane]
        return gone, more

    def delete_oldest(self, lane: Lane, floor: int, rows: int) -> tuple[int, int]:
        """Within a transaction: delete up to `rows` of a lane's oldest records, none above floor.

        Returns the seq up to which everything is gone, and how many were deleted.
        """
        upto = floor
        if floor - self.gone[lane] > rows:  # else there cannot be more rows than that
            nth = self.db.value(self.sql.nth[lane], (1, rows - 1))
            upto = floor if nth is None else min(floor, nth)
        return upto, self.db.run(self.sql.delete[lane], (upto,))

    # --- gaps ---------------------------------------------------------------------------------------------------------

    def put_gap(self, gap: Gap, announced: int | None = None) -> None:
        """Within a transaction: write a gap's row."""
        lane = None if gap.lane is None else int(gap.lane)
        self.db.run(self.sql.put_gap, (gap.row, gap.reason, lane, gap.from_seq, gap.to_seq, gap.count, announced))

    def _shed_gap(self, lane: Lane, from_seq: int, to_seq: int, count: int, now: Instant) -> Gap:
        """The lane's open shed gap made larger, or a new one; memory is not touched."""
        for gap in self.gaps.values():
            if gap.lane is lane and gap.reason == "shed" and now.mono_ns - gap.since_ns < ANNOUNCE_NS:
                if not self.shedding:
                    continue  # is being announced by this very commit
                low, high = min(from_seq, gap.from_seq), max(to_seq, gap.to_seq)
                return Gap(gap.row, "shed", lane, low, high, (gap.count or 0) + count, gap.since_ns)
        return Gap(self.next_gap, "shed", lane, from_seq, to_seq, count, now.mono_ns)

    def _keep_gap(self, gap: Gap) -> None:
        self.gaps[gap.row] = gap
        self.next_gap = max(self.next_gap, gap.row + 1)

    def shed(self, lane: Lane, rows: int) -> int:
        """A transaction of its own: give up a lane's oldest records, noting the gap; how many went."""
        now = self.clock.now()
        self.db.begin()
        try:
            oldest = self.db.value(self.sql.nth[lane], (1, 0))
            if oldest is None:
                self.db.rollback()
                return 0
            self.shedding = True
            upto, count = self.delete_oldest(lane, self.next_seq - 1, rows)
            gap = self._shed_gap(lane, oldest, upto, count, now)
            self.put_gap(gap)
            self.db.commit()
        except BaseException:
            self.db.rollback()
            raise
        self._keep_gap(gap)
        self.gone[lane] = upto
        return count

    # --- reading ------------------------------------------------------------------------------------------------------

    def fetch(self, lane: Lane, after: int, limit: int) -> list[Record]:
        """Up to `limit` records above `after`, in seq order."""
        found = []
        nowhere = BootInfo(same=False, offset_ns=None)
        for seq, uid, boot, kind, subject, wall, mono, synced, data in self.db.rows(
            self.sql.fetch[lane], (after, limit, 0)
        ):
            info = self.boots.get(boot, nowhere)
            original = None
            time_ns = wall
            if not synced and info.offset_ns is not None and mono + info.offset_ns != wall:
                original, time_ns = wall, mono + info.offset_ns
            record = Record(
                seq,
                uuid7.to_text(uid),
                boot,
                lane,
                kind,
                subject,
                time_ns,
                original,
                mono,
                info.same,
                bool(synced),
                data,
            )
            found.append(record)
        return found

    def _known_offset(self, now: Instant) -> None:
        offset = now.wall_ns - now.mono_ns
        self.boots = {
            boot: BootInfo(same=True, offset_ns=offset) if info.same else info for boot, info in self.boots.items()
        }
