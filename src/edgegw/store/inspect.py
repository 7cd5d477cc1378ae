"""Looking at a store without being its daemon: figures, verification, dead letters.

Owns: read-only queries on a connection of their own, what counts as a finding.
Must not know: the event loop; a running daemon (it is only noticed by its lock).

While a daemon runs the file is opened read-only beside it. Without one the lock is taken and the file opened as the daemon would:
a read-only connection would leave a WAL of its own behind, perhaps of a user whose files the daemon may not write.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from edgegw.errors import StoreError
from edgegw.model import DeadLetter, Instant, Lane
from edgegw.store import audit_check, highwater, recover
from edgegw.store.audit import Head
from edgegw.store.audit_check import Report
from edgegw.store.engine import Db
from edgegw.store.lock import Lock
from edgegw.store.migrations import STEPS


@contextmanager
def opened(path: Path) -> Iterator[Db]:
    """A connection to look through. Raises StoreError: ``missing``, ``damaged``, ``newer``, ``io``."""
    if not path.is_file():
        raise StoreError("missing", f"{path}: there is no store")
    if wrong := recover.look(path):
        raise StoreError("damaged", f"{path}: {wrong}")
    lock: Lock | None = None
    try:
        lock = Lock(path)
    except StoreError as error:
        if error.reason != "locked":
            raise
    try:
        db = Db(path, readonly=lock is None)
    except BaseException:
        if lock is not None:
            lock.release()
        raise
    try:
        yield db
    finally:
        db.close()
        if lock is not None:
            lock.release()


def stats(path: Path) -> dict[str, Any]:
    """What the file holds; see docs of `edgegw store stats`. Reads every record's length: seconds for a large file.

    Keys: per lane ``rows``, ``bytes`` (of data), ``oldest_ns``, ``first_seq``, ``last_seq``; ``file_bytes``,
    ``wal_bytes``, ``pages``, ``free_pages``, ``dead_letters``, ``dead_dropped`` only live, ``boot``, ``seq``, ``gaps``,
    ``cursors``, ``schema``.
    """
    with opened(path) as db:
        lanes: dict[str, Any] = {}
        for lane in Lane:
            rows, size, oldest, first, last = db.rows(
                f"SELECT count(*), coalesce(sum(length(data)), 0), min(wall_ns), min(seq), max(seq) FROM {lane.label}"  # noqa: S608
            )[0]
            lanes[lane.label] = {
                "rows": rows,
                "bytes": size,
                "oldest_ns": oldest,
                "first_seq": first,
                "last_seq": last,
            }
        mark = highwater.read(path)
        wal = path.with_name(path.name + "-wal")
        cursors: dict[str, dict[str, int]] = {}
        for name, lane_number, seq in db.rows("SELECT upstream, lane, seq FROM cursor ORDER BY upstream, lane"):
            cursors.setdefault(name, {})[Lane(lane_number).label] = seq
        return {
            "path": str(path),
            "lanes": lanes,
            "cursors": cursors,
            "file_bytes": path.stat().st_size,
            "wal_bytes": wal.stat().st_size if wal.exists() else 0,
            "pages": db.value("PRAGMA page_count"),
            "free_pages": db.value("PRAGMA freelist_count"),
            "dead_letters": db.value("SELECT count(*) FROM dead_letter"),
            "gaps": [
                {"reason": r, "lane": None if n is None else Lane(n).label, "from_seq": a, "to_seq": b, "count": c}
                for r, n, a, b, c in db.rows("SELECT reason, lane, from_seq, to_seq, count FROM gap ORDER BY id")
            ],
            "audit": {"n": db.value("SELECT max(n) FROM audit"), "entries": db.value("SELECT count(*) FROM audit")},
            "boot": db.value("SELECT max(boot) FROM boot"),
            "seq": max(highest(db), mark.committed),
            "schema": db.value("PRAGMA user_version"),
        }


def highest(db: Db) -> int:
    """The highest seq the database itself knows to have been used."""
    found = [db.value(f"SELECT max(seq) FROM {lane.label}") for lane in Lane]  # noqa: S608 (our own table names)
    found.append(db.value("SELECT max(seq) FROM cursor"))
    found.append(db.value("SELECT max(to_seq) FROM gap"))
    found.append(db.value("SELECT max(first_seq) - 1 FROM boot"))
    return max(int(value or 0) for value in found)


class Examined(Struct, frozen=True):
    """What is wrong with a store, one line each, and the audit chain's report (None where it could not be read)."""

    findings: list[str]
    audit: Report | None = None


def verify(path: Path, anchors: Sequence[Head] = ()) -> list[str]:
    """`examine`'s findings; [] if the store is sound."""
    return examine(path, anchors).findings


def examine(path: Path, anchors: Sequence[Head] = ()) -> Examined:
    """Everything that is wrong with a store. Never raises for a damaged file.

    Checked: SQLite's integrity, that seqs and ids are unique over the lanes, that ids are UUIDv7, that the boots of
    records are known, that cursors and the high-water mark agree with the records, and the audit chain.

    Args:
        anchors: heads of the audit chain as they were received upstream.

    Raises StoreError: ``missing``, ``io``.
    """
    try:
        with opened(path) as db:
            found = [f"integrity: {row[0]}" for row in db.rows("PRAGMA integrity_check(20)") if row[0] != "ok"]
            if found:
                return Examined(found)
            mark, audit = highwater.read(path), highwater.read_audit(path)  # before the snapshot, which may be newer
            db.run("BEGIN")  # one snapshot for all queries: a running daemon writes and trims meanwhile
            try:
                found = list(_contents(db, mark))
                if found and found[0].startswith("schema"):
                    return Examined(found)
                report = audit_check.check(db, audit, anchors)
                return Examined(found + report.findings, report)
            finally:
                db.run("ROLLBACK")
    except StoreError as error:
        if error.reason in {"damaged", "newer"}:
            return Examined([error.detail])
        raise


def _contents(db: Db, mark: highwater.Mark) -> Iterator[str]:
    version = db.value("PRAGMA user_version")
    if version != len(STEPS):
        yield f"schema: version {version}, this edgegw has {len(STEPS)}"
        return
    every = " UNION ALL ".join(f"SELECT seq, id, boot FROM {lane.label}" for lane in Lane)  # noqa: S608 (our own table names)
    rows, seqs, ids = db.rows(f"SELECT count(*), count(DISTINCT seq), count(DISTINCT id) FROM ({every})")[0]  # noqa: S608
    if seqs != rows:
        yield f"seq: {rows - seqs} used twice"
    if ids != rows:
        yield f"id: {rows - ids} used twice"
    wrong = db.value(f"SELECT count(*) FROM ({every}) WHERE length(id) <> 16 OR substr(hex(id), 13, 1) <> '7'")  # noqa: S608
    if wrong:
        yield f"id: {wrong} are not UUIDv7"
    lost = db.value(f"SELECT count(*) FROM ({every}) WHERE boot NOT IN (SELECT boot FROM boot)")  # noqa: S608
    if lost:
        yield f"boot: {lost} records of unknown daemon starts"
    early = db.value(f"SELECT count(*) FROM ({every}) r JOIN boot b ON b.boot = r.boot WHERE r.seq < b.first_seq")  # noqa: S608
    if early:
        yield f"boot: {early} records from before their daemon's start"
    known = highest(db)
    if known < mark.committed:
        yield f"highwater: records up to {mark.committed} were committed, the database knows {known}"
    if mark.generation and known > mark.reserved:
        yield f"highwater: seq {known} was used beyond the reserved {mark.reserved}"
    top = max(mark.committed, *(int(db.value(f"SELECT max(seq) FROM {lane.label}") or 0) for lane in Lane))  # noqa: S608
    for name, number, seq in db.rows("SELECT upstream, lane, seq FROM cursor"):
        if seq > top:
            yield f"cursor: {name}/{Lane(number).label} is at {seq}, beyond the highest seq {top}"


def states(path: Path, ranges: Sequence[tuple[str, str, str]]) -> list[dict[str, bytes]]:
    """Durable state by key, of each kind from key to key (both included), all of one moment; also while the daemon runs.

    Raises StoreError: as `opened`, and ``newer`` if a later edgegw wrote the file, ``older`` if an earlier one did and this one's
    daemon has not opened it yet.
    """
    with opened(path) as db:
        version = db.value("PRAGMA user_version")
        if version != len(STEPS):
            raise StoreError(
                "newer" if version > len(STEPS) else "older",
                f"{path}: the store has schema version {version}, this edgegw has {len(STEPS)}",
            )
        db.run("BEGIN")  # one snapshot: a running daemon moves troubles into the history meanwhile
        try:
            return [
                dict(db.rows("SELECT key, value FROM state WHERE kind = ? AND key BETWEEN ? AND ? ORDER BY key", one))
                for one in ranges
            ]
        finally:
            db.run("ROLLBACK")


def dead_letters(path: Path, limit: int = 100) -> list[DeadLetter]:
    """The newest dead letters, newest first."""
    with opened(path) as db:
        return [
            DeadLetter(origin, source, reason, detail, key, raw, Instant(wall, mono, synced=bool(synced)))
            for origin, source, reason, detail, key, wall, mono, synced, raw in db.rows(
                "SELECT origin, source, reason, detail, key, wall_ns, mono_ns, synced, raw FROM dead_letter "
                "ORDER BY id DESC LIMIT ?",
                (limit,),
            )
        ]
