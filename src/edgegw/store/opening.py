"""From a path to a session: the order in which a store is opened.

Owns: lock, checks, migration, loading, the boot row, the gap and alarm that tell of damage.
Must not know: the event loop.

Raises StoreError: ``locked``, ``newer``, ``io``; never for a damaged file, which is set aside.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec
from msgspec import Struct

from edgegw.clock import Clock
from edgegw.config.schema import StoreSection
from edgegw.errors import StoreError
from edgegw.model import Event, Instant, Lane
from edgegw.store import inspect, recover, uuid7
from edgegw.store.budget import Ballast, Limits, limits
from edgegw.store.engine import Db
from edgegw.store.highwater import CLEAN, SUSPECT, Highwater
from edgegw.store.lock import Lock
from edgegw.store.migrations import migrate
from edgegw.store.room import Room
from edgegw.store.session import Session
from edgegw.store.work import BootInfo, Gap, Outcome, Work

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")

SCAN_ROWS = 5_000
"""Records counted per query when a backlog is found at opening: some 15 ms, the most a commit then waits for it."""

RUNS = (
    "SELECT min(seq), max(seq) FROM (SELECT seq, seq - row_number() OVER (ORDER BY seq) AS run FROM "
    "(SELECT seq FROM {} WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?)) GROUP BY run ORDER BY 1"
)


class Opened(Struct):
    """What opening gives: the parts, and what the event loop remembers of the file's content."""

    session: Session
    room: Room
    lock: Lock
    states: dict[str, dict[str, bytes]]
    last: tuple[int, ...]
    damaged: str | None
    offset_ns: int | None
    first: Outcome | None = None

    def close(self, *, clean: bool) -> None:
        """Checkpoint, close and let go of the lock; `clean`: nothing was left to be written. In the writer thread."""
        session = self.session
        failed = self.room.failed is not None
        try:
            if not failed:
                clean = session.db.checkpoint() and clean
        except StoreError:
            clean = False
        finally:
            session.db.close()
            session.mark.close(clean=clean and not failed)
            self.lock.release()


def os_boot_id() -> str:
    """The operating system's boot, as Linux names it."""
    try:
        return BOOT_ID.read_text().strip()
    except OSError:
        return "unknown"


def open_store(
    path: Path,
    *,
    section: StoreSection,
    gateway: str,
    upstreams: Mapping[str, Sequence[Lane]],
    clock: Clock,
    os_boot: str | None = None,
) -> Opened:
    """Open or create the store; see the module."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError("io", f"{path.parent}: {error.strerror}") from error
    lock = Lock(path)
    mark: Highwater | None = None
    try:
        mark = _mark(path)
        return _open(
            path,
            lock,
            mark,
            section=section,
            gateway=gateway,
            upstreams=upstreams,
            clock=clock,
            os_boot=os_boot or os_boot_id(),
        )
    except BaseException:
        if mark is not None:
            mark.close(clean=False)
        lock.release()
        raise


def _mark(path: Path) -> Highwater:
    try:
        return Highwater(path)
    except OSError as error:
        raise StoreError("io", f"{path}: {error}") from error


def _open(
    path: Path,
    lock: Lock,
    mark: Highwater,
    *,
    section: StoreSection,
    gateway: str,
    upstreams: Mapping[str, Sequence[Lane]],
    clock: Clock,
    os_boot: str,
) -> Opened:
    now = clock.now()
    bounds = limits(section)
    damaged = recover.look(path)
    db: Db | None = None
    aside: Path | None = None
    if damaged is None:
        db, damaged = _try(path, bounds, mark)
    if db is None:
        aside = recover.set_aside(path, now)
        db = Db(path, wal_pages=bounds.wal_pages)
        migrate(db)
    session, highest, differs = _load(db, mark, clock, bounds, upstreams=upstreams, os_boot=os_boot)
    _number(session, highest, now, set_aside=aside is not None)
    if aside is not None:
        title = f"Store damaged and begun anew; the old file is {aside.name}"
        evidence = {"file": aside.name, "detail": damaged or ""}
        session.announce = (_alarm(gateway, "damaged", title, evidence, now),)
    elif differs is not None:
        title = "The audit chain is not the one that was committed"
        session.announce = (_alarm(gateway, "audit", title, {"detail": differs}, now),)
    db.run(f"PRAGMA max_page_count = {bounds.max_pages}")
    ballast = Ballast(path, section.reserve)
    ballast.hold()
    mark.mark.flags &= ~(CLEAN | SUSPECT)
    mark.mark.boot = session.boot
    mark.save(durable=True)
    states: dict[str, dict[str, bytes]] = {}
    for kind, key, value in db.rows("SELECT kind, key, value FROM state"):
        states.setdefault(kind, {})[key] = value
    last = tuple(int(db.value(f"SELECT max(seq) FROM {lane.label}") or 0) for lane in Lane)  # noqa: S608 (our names)
    offset = next((info.offset_ns for info in session.boots.values() if info.same and info.offset_ns is not None), None)
    opened = Opened(session, Room(session, ballast), lock, states, last, damaged, offset)
    try:
        opened.first = opened.room.commit(Work(synced=now if now.synced else None, tidy=True))
    except StoreError as error:
        if error.reason != "full":
            db.close()
            raise
    if now.synced:
        opened.offset_ns = now.wall_ns - now.mono_ns
    return opened


def _try(path: Path, bounds: Limits, mark: Highwater) -> tuple[Db | None, str | None]:
    """The open, checked and migrated database, or what is damaged in it."""
    db: Db | None = None
    try:
        db = Db(path, wal_pages=bounds.wal_pages)
        finding = recover.check(db, mark.mark)
        if finding is None:
            migrate(db)
            return db, None
    except StoreError as error:
        if error.reason != "damaged":
            if db is not None:
                db.close()
            raise
        finding = error.detail
    if db is not None:
        db.close()
    return None, finding


def _load(
    db: Db, mark: Highwater, clock: Clock, bounds: Limits, *, upstreams: Mapping[str, Sequence[Lane]], os_boot: str
) -> tuple[Session, int, str | None]:
    """The session, the highest seq, and what the audit chain lacks."""
    highest = inspect.highest(db)
    boot = max(int(db.value("SELECT max(boot) FROM boot") or 0), mark.mark.boot) + 1
    session = Session(db, mark, clock, bounds, boot=boot, os_boot=os_boot)
    session.claims = tuple(tuple(name for name, lanes in upstreams.items() if lane in lanes) for lane in Lane)
    known = {(name, lane) for lane in Lane for name in session.claims[lane]}
    for name, number, seq in db.rows("SELECT upstream, lane, seq FROM cursor"):
        if (key := (name, Lane(number))) in known:
            session.cursors[key] = seq
    session.claimed = tuple(lane for lane in Lane if session.claims[lane])
    session.floors = session.floors_of(session.cursors)
    for number, boot_os, offset in db.rows("SELECT boot, os_boot, offset_ns FROM boot"):
        session.boots[number] = BootInfo(same=boot_os == os_boot, offset_ns=offset)
    for lane in Lane:
        oldest = db.value(session.sql.nth[lane], (1, 0))
        session.gone[lane] = highest if oldest is None else oldest - 1
    session.dead.load()
    differs = session.chain.load(mark.audit)
    session.next_gap = int(db.value("SELECT max(id) FROM gap") or 0) + 1
    for row, reason, number, low, high, count in db.rows(
        "SELECT id, reason, lane, from_seq, to_seq, count FROM gap WHERE announced IS NULL ORDER BY id"
    ):
        session.gaps[row] = Gap(row, reason, None if number is None else Lane(number), low, high, count)
    return session, highest, differs


def _number(session: Session, highest: int, now: Instant, *, set_aside: bool) -> None:
    """Where seq goes on, the boot row, and the gap if records are missing."""
    mark = session.mark.mark
    if set_aside:
        used = max(mark.reserved, mark.committed)
        if mark.generation == 0:  # neither file tells: start above anything one record a microsecond could have reached
            used = now.wall_ns // 1_000
        gap = Gap(session.next_gap, "damaged", None, mark.floor + 1, used, None)
        session.next_seq = used + 1
    else:
        gap = Gap(session.next_gap, "missing", None, highest + 1, mark.committed, None)
        session.next_seq = max(highest, mark.committed) + 1
    if gap.to_seq >= gap.from_seq:
        session.gaps[gap.row] = gap
        session.next_gap += 1
    offset = now.wall_ns - now.mono_ns if now.synced else None
    session.boots[session.boot] = BootInfo(same=True, offset_ns=offset)
    session.boot_row = (session.boot, session.os_boot, now.wall_ns, now.mono_ns, session.next_seq, offset)


def _alarm(gateway: str, what: str, title: str, evidence: Mapping[str, str], now: Instant) -> Event:
    data = {
        "dedup_key": f"{gateway}/store/{what}",
        "alarm_id": uuid7.to_text(uuid7.to_bytes(uuid7.Uuid7().block(now.wall_ns, 1))),
        "rule": f"store-{what}",
        "state": "active",
        "title": title,
        "category": "device",
        "priority": "P2",
        "evidence": dict(evidence),
        "count": 1,
        "raised_at": datetime.fromtimestamp(now.wall_ns / 1e9, UTC)
        .isoformat(timespec="milliseconds")
        .replace("+00:00", "Z"),
    }
    return Event("edgegw.alarm.raised", Lane.ALARM, "gateway", now, msgspec.json.encode(data))


def runs(db: Db, lane: Lane, after: int, last: int) -> tuple[int, list[tuple[int, int]]]:
    """A lane's next `SCAN_ROWS` records in (after, last] as runs of consecutive seqs; (scanned up to, or 0 at the end; runs)."""
    found = [(int(a), int(b)) for a, b in db.rows(RUNS.format(lane.label), (after, last, SCAN_ROWS))]
    rows = sum(b - a + 1 for a, b in found)
    return (found[-1][1] if rows >= SCAN_ROWS else 0), found
