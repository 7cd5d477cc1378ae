"""How much the store may take, and the ballast that lets it breathe on a full disk.

Owns: the split of the site's budget into pages, WAL and bounds; the ballast file.
Must not know: which records go first (`session`).

With a budget of B bytes the database has at most ``B - WAL`` (`max_page_count`), the WAL about an eighth of B but no
more than 4 MiB, dead letters and the audit chain at most an eighth of B each. The WAL is also at most half the ballast:
on a full disk the room the ballast gives must hold all that is in the WAL and not yet in the database, else no checkpoint
could end and nothing deleted would ever make room. Above 90 % of the pages telemetry is shed, so the last tenth belongs to
alarms, access and commands. A WAL can outgrow its share while someone else reads for long (a backup); it shrinks at the
next checkpoint.
"""

import os
from contextlib import suppress
from pathlib import Path

from msgspec import Struct

from edgegw.config.schema import StoreSection
from edgegw.store.engine import PAGE_BYTES, free_bytes

WAL_PAGES_MOST = 1_000
"""SQLite's own default: 4 MiB between checkpoints."""

WAL_PAGES_LEAST = 64

DEAD_BYTES_MOST = 16 * 1024 * 1024
"""Poison is for a person to look at; nobody looks at more."""

DEAD_ROWS_MOST = 10_000

AUDIT_BYTES_MOST = 64 * 1024 * 1024
"""The audit chain keeps some 100,000 decisions and commands: months of a community's doors, for whoever looks into a dispute."""

SHED_AT = 0.90
"""Used pages over allowed pages at which shedding begins."""

SHED_TO = 0.88
"""Where it stops: shedding is done in portions, not at every commit."""

BALLAST_AGAIN = 3
"""Free space, in ballasts, at which the ballast is made anew: room must have come back for good."""


ROOM_AGAIN_BYTES = 16 * 1024 * 1024
"""The same for a store without ballast."""


class Limits(Struct, frozen=True):
    """A budget in the units in which it is kept."""

    wal_pages: int
    max_pages: int
    chunk_rows: int
    check_bytes: int
    dead_bytes: int
    audit_bytes: int
    dead_rows: int = DEAD_ROWS_MOST


def limits(section: StoreSection) -> Limits:
    """The split of `section.budget` (bytes) described above."""
    pages = section.budget // PAGE_BYTES
    wal = min(WAL_PAGES_MOST, pages // 8)
    if section.reserve:
        wal = min(wal, section.reserve // 2 // PAGE_BYTES)
    wal = max(WAL_PAGES_LEAST, wal)
    most = pages - wal
    return Limits(
        wal_pages=wal,
        max_pages=most,
        chunk_rows=max(64, min(1_000, most // 8)),
        check_bytes=max(PAGE_BYTES, section.budget // 512),
        dead_bytes=min(DEAD_BYTES_MOST, section.budget // 8),
        audit_bytes=min(AUDIT_BYTES_MOST, section.budget // 8),
    )


class Ballast:
    """A file of real blocks beside the database; removing it gives SQLite the room to delete and to checkpoint.

    `size` 0: none. Failing to make it is no error: there is no room to keep free.
    """

    def __init__(self, db: Path, size: int) -> None:
        self.path = db.with_name(db.name + ".ballast")
        self._size = size
        self.held = False

    def hold(self) -> bool:
        """Make it if it is not there and the disk has room for it `BALLAST_AGAIN` times; whether the disk has room again."""
        if self.held:
            return True
        if self._size == 0:
            return free_bytes(self.path) >= ROOM_AGAIN_BYTES
        with suppress(FileNotFoundError):
            if self.path.stat().st_size == self._size:
                self.held = True
                return True
        if free_bytes(self.path) < BALLAST_AGAIN * self._size:
            return False
        try:
            fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.posix_fallocate(fd, 0, self._size)
            finally:
                os.close(fd)
        except OSError:
            self.release()
            return False
        self.held = True
        return True

    def release(self) -> bool:
        """Remove it; whether there was one."""
        self.held = False
        try:
            self.path.unlink()
        except OSError:
            return False
        return True
