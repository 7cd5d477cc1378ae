"""A copy of the store while it works, and putting one back.

Owns: the online copy, the order of files in a restore. Must not know: the event loop, what records mean.

A restore brings back old records and cursors; what was accepted since the backup is sent again with the same ids, and
what was stored since is missing: the high-water mark, which stays, makes the next start announce that as a gap, and seq
goes on above it.
"""

import os
import shutil
from contextlib import suppress
from pathlib import Path

from edgegw.errors import StoreError
from edgegw.model import Instant
from edgegw.store import highwater, inspect, recover
from edgegw.store.engine import Db, mapped
from edgegw.store.highwater import Highwater
from edgegw.store.lock import Lock

COPY_PAGES = 256
"""Pages copied per step (1 MiB); between steps the daemon may checkpoint."""

LEAP = 10_000_000
"""Seqs passed over when a backup is put on a box without a mark: more than the lost box can have used since the backup."""


UNKNOWN = bytes(32)
"""The hash of an audit entry nobody knows."""


def backup(path: Path, to: Path) -> int:
    """Copy the store to `to`, also while the daemon runs; the bytes written. The copy is one file, consistent, fsynced.

    Raises StoreError: ``missing``, ``damaged``, ``exists`` (nothing is overwritten), ``io``, ``full``.
    """
    if to.exists():
        raise StoreError("exists", f"{to} exists; a backup never overwrites")
    part = to.with_name(to.name + ".part")
    try:
        with inspect.opened(path) as source, mapped(to):
            part.unlink(missing_ok=True)
            target = Db(part)
            try:
                source.driver.backup(target.driver, pages=COPY_PAGES)
                target.value("PRAGMA journal_mode = DELETE")
            finally:
                target.close()
            _sync(part)
            part.rename(to)
            _sync(to.parent)
            return to.stat().st_size
    finally:
        for side in recover.SIDES:
            with suppress(OSError):
                part.with_name(part.name + side).unlink(missing_ok=True)


def restore(source: Path, path: Path, now: Instant) -> Path | None:
    """Put a backup in place of the store at `path`; where the store that was there is now, or None.

    The backup is verified first. Raises StoreError: ``locked`` (a daemon runs), ``missing``, ``damaged``, ``full``, ``io``.
    """
    if not source.is_file():
        raise StoreError("missing", f"{source}: there is no backup")
    with mapped(path):
        path.parent.mkdir(parents=True, exist_ok=True)
    lock = Lock(path)
    part = path.with_name(path.name + ".restoring")
    try:
        with mapped(path):
            shutil.copyfile(source, part)
            _sync(part)
            used, audit = _verified(part, source)
            aside = None
            if path.exists():
                aside = recover.free_name(path, f".replaced-{recover.stamp(now)}")
                for side in recover.SIDES:
                    old = path.with_name(path.name + side)
                    if old.exists():
                        old.rename(aside.with_name(aside.name + side))
            part.rename(path)
            _merge(path, used, audit)
            _sync(path.parent)
            return aside
    finally:
        for side in (*recover.SIDES, ".lock"):
            with suppress(OSError):
                part.with_name(part.name + side).unlink(missing_ok=True)
        lock.release()


def _verified(part: Path, source: Path) -> tuple[int, int]:
    """The highest seq and the last audit entry of a sound backup."""
    if found := inspect.verify(part):
        raise StoreError("damaged", f"{source} cannot be restored: {'; '.join(found[:5])}")
    with inspect.opened(part) as db:
        return inspect.highest(db), int(db.value("SELECT max(n) FROM audit") or 0)


def _merge(path: Path, used: int, audit: int) -> None:
    fresh = not highwater.path_of(path).exists()
    mark = Highwater(path)
    if fresh:
        mark.mark.committed = used + LEAP
        if audit:  # what followed on the lost box is not known, but its numbers are not used again either
            mark.audited(audit + LEAP, UNKNOWN)
    mark.mark.reserved = max(mark.mark.reserved, mark.mark.committed, used)
    mark.mark.flags = 0
    mark.save(durable=True)
    mark.close(clean=False)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
