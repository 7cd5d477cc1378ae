"""Is the file what it should be, and what happens if it is not.

Owns: the checks at opening, setting a damaged database aside.
Must not know: what is in the tables.

Which check when (start time matters: READY within 1.5 s on a box that reads some 20 MB/s):
    always            header, length against the header's page count (a truncated file), the schema by opening it;
    not closed clean  `quick_check` up to `QUICK_CHECK_BYTES`: SQLite's WAL makes kill -9 and power cuts harmless, so
                      larger files are trusted until a read or write meets damage;
    suspect           `integrity_check`, whatever it takes: damage was met while running.
A damaged file is renamed with everything beside it, never repaired in place: what it held can still be looked at by a person.
"""

import shutil
import struct
from pathlib import Path

from edgegw.errors import StoreError
from edgegw.model import Instant
from edgegw.store import highwater
from edgegw.store.engine import Db

MAGIC = b"SQLite format 3\x00"
HEADER_BYTES = 100

QUICK_CHECK_BYTES = 16 * 1024 * 1024
"""About 50 ms where the file is in memory, under a second from an eMMC."""

KEEP_ASIDE = 2
"""Damaged files kept; an older one goes when a third comes. Each may be as large as the budget."""

ASIDE = ".damaged-"
SIDES = ("", "-wal", "-shm")


def look(path: Path) -> str | None:
    """What is wrong with the file by its header and length, or None. A missing or empty file is fine (it is a new store)."""
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        return None
    if size == 0:
        return None
    with path.open("rb") as file:
        head = file.read(HEADER_BYTES)
    if len(head) < HEADER_BYTES or not head.startswith(MAGIC):
        return "the file is not a SQLite database"
    page = struct.unpack_from(">H", head, 16)[0]
    page = 65536 if page == 1 else page
    pages = struct.unpack_from(">I", head, 28)[0]
    wal = path.with_name(path.name + "-wal")
    if size < page * pages and not (wal.exists() and wal.stat().st_size):
        return f"the file is cut: {size} bytes of {page * pages}"
    return None


def check(db: Db, mark: highwater.Mark) -> str | None:
    """What SQLite finds wrong with an open database, or None; how deep it looks is said above."""
    size = db.path.stat().st_size
    if mark.flags & highwater.SUSPECT:
        pragma = "integrity_check"
    elif not mark.flags & highwater.CLEAN and size <= QUICK_CHECK_BYTES:
        pragma = "quick_check"
    else:
        return None
    found = db.rows(f"PRAGMA {pragma}(5)")
    if [tuple(row) for row in found] == [("ok",)]:
        return None
    return f"{pragma}: " + "; ".join(str(row[0]) for row in found)


def stamp(now: Instant) -> str:
    """A suffix for a file set aside: the wall time in seconds, which sorts."""
    return str(now.wall_ns // 1_000_000_000)


def set_aside(path: Path, now: Instant) -> Path:
    """Rename a database with its WAL, copy its mark, remove the oldest of earlier ones; the new name.

    Raises StoreError ``io`` if that cannot be done.
    """
    try:
        target = free_name(path, ASIDE + stamp(now))
        for side in SIDES:
            source = path.with_name(path.name + side)
            if source.exists():
                source.rename(target.with_name(target.name + side))
        mark = highwater.path_of(path)
        if mark.exists():
            shutil.copyfile(mark, highwater.path_of(target))
        _forget(path)
    except OSError as error:
        raise StoreError("io", f"{path} is damaged and cannot be set aside: {error}") from error
    return target


def free_name(path: Path, suffix: str) -> Path:
    """A name beside `path` that no file has."""
    number = 0
    while True:
        target = path.with_name(path.name + suffix + (f"-{number}" if number else ""))
        if not target.exists():
            return target
        number += 1


def _forget(path: Path) -> None:
    aside = [
        p for p in path.parent.glob(path.name + ASIDE + "*") if not p.name.endswith(("-wal", "-shm", ".highwater"))
    ]
    for old in sorted(aside, key=lambda p: p.stat().st_mtime)[:-KEEP_ASIDE]:
        for side in (*SIDES, ".highwater"):
            old.with_name(old.name + side).unlink(missing_ok=True)
