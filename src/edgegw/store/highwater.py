"""The high-water mark: a small file beside the database by which seq never repeats and a lost tail is noticed, of records and of
the audit chain.

Owns: `<db>.highwater`. Must not know: SQL, or what is in the database.

Why a second file: a database that lost its newest transactions is still a valid database. A flipped bit in the WAL opens as a
shorter prefix that passes `integrity_check`; a restored backup is complete and old. Only something that is not in the
database can tell.

Invariants
    I1  No seq above `reserved` is ever used. `reserved` is on the disk (fsync) before any seq above the former one is used.
    I2  `committed` is written after the COMMIT of that seq, so the database never lacks a seq at or below it, unless it lost it.
    I3  `committed` is not fsynced: after a power cut it may lag behind the database, never lead it by a transaction that was not
        durable first. It survives the death of the process.
    I4  Both only grow. `boot` only grows. `floor` (everything up to it was accepted by every upstream) only grows.
    I5  `audit` (below) is written after the COMMIT of that entry, like `committed`; its n only grows.

Format: two slots of 64 bytes at offsets 0 and 64, written in turn, so that a torn write leaves the other one.
    0   8s  magic ``EGWHIGH1``
    8   Q   generation; the valid slot with the larger one counts
    16  Q   reserved
    24  Q   committed
    32  Q   floor
    40  Q   boot
    48  B   flags: 1 = closed cleanly, 2 = suspect (damage was met while running: check everything at the next opening)
    49  7x
    56  I   CRC-32 of the 56 bytes before
    60  4x

At 128 and 192 two slots of the same size hold the head of the audit chain; a file without them (older edgegw) has none:
    0   8s  magic ``EGWAUDIT``
    8   Q   generation
    16  Q   n of the newest entry
    24  32s its hash
    56  I   CRC-32 of the 56 bytes before
    60  4x

Recovery
    next seq after opening a sound database: max(database, committed) + 1.
    next seq after the database was set aside: max(reserved, committed) + 1.
    database's highest < committed: records are missing; a gap (highest + 1 … committed) is announced.
    No valid slot: as if all were 0; after a set-aside the store then starts above the wall clock's microseconds (see recover).
"""

import contextlib
import os
import struct
import zlib
from pathlib import Path

from msgspec import Struct

SLOT = struct.Struct("<8sQQQQQB7x")
SLOT_BYTES = 64
CRC = struct.Struct("<I4x")
MAGIC = b"EGWHIGH1"
AUDIT = struct.Struct("<8sQQ32s")
AUDIT_AT = 2 * SLOT_BYTES
AUDIT_MAGIC = b"EGWAUDIT"
CLEAN = 1
SUSPECT = 2

RESERVE_SEQS = 65_536
"""Seqs reserved by one fsync: one every second or two at the highest rate, none in an hour of a quiet site."""


class Mark(Struct):
    """What the file says; all zero when there is no valid slot (`generation` 0)."""

    generation: int = 0
    reserved: int = 0
    committed: int = 0
    floor: int = 0
    boot: int = 0
    flags: int = 0


class AuditMark(Struct, frozen=True):
    """The newest entry of the audit chain that was committed; all zero when there is no valid slot."""

    generation: int = 0
    n: int = 0
    hash: bytes = bytes(32)


def path_of(db: Path) -> Path:
    """The mark's file of a database."""
    return db.with_name(db.name + ".highwater")


def pack(mark: Mark) -> bytes:
    """One slot."""
    body = SLOT.pack(MAGIC, mark.generation, mark.reserved, mark.committed, mark.floor, mark.boot, mark.flags)
    return body + CRC.pack(zlib.crc32(body))


def unpack(data: bytes) -> Mark:
    """The newest valid slot of a file's content, or an empty mark."""
    best = Mark()
    for at in (0, SLOT_BYTES):
        slot = data[at : at + SLOT_BYTES]
        if len(slot) < SLOT_BYTES:
            continue
        magic, *fields = SLOT.unpack_from(slot)
        if magic == MAGIC and CRC.unpack_from(slot, SLOT.size)[0] == zlib.crc32(slot[: SLOT.size]):
            mark = Mark(*fields)
            if mark.generation > best.generation:
                best = mark
    return best


def pack_audit(mark: AuditMark) -> bytes:
    """One slot of the audit head."""
    body = AUDIT.pack(AUDIT_MAGIC, mark.generation, mark.n, mark.hash)
    return body + CRC.pack(zlib.crc32(body))


def unpack_audit(data: bytes) -> AuditMark:
    """The newest valid slot of a file's content, or an empty mark."""
    best = AuditMark()
    for at in (AUDIT_AT, AUDIT_AT + SLOT_BYTES):
        slot = data[at : at + SLOT_BYTES]
        if len(slot) < SLOT_BYTES:
            continue
        magic, generation, n, digest = AUDIT.unpack_from(slot)
        sound = magic == AUDIT_MAGIC and CRC.unpack_from(slot, AUDIT.size)[0] == zlib.crc32(slot[: AUDIT.size])
        if sound and generation > best.generation:
            best = AuditMark(generation, n, digest)
    return best


def read_audit(db: Path) -> AuditMark:
    """The audit head beside a database, empty if there is none."""
    try:
        return unpack_audit(path_of(db).read_bytes())
    except FileNotFoundError:
        return AuditMark()


def read(db: Path) -> Mark:
    """The mark beside a database, empty if there is none or it is not readable as one."""
    try:
        return unpack(path_of(db).read_bytes()[: 2 * SLOT_BYTES])
    except FileNotFoundError:
        return Mark()


class Highwater:
    """The open mark; used by the writer thread alone. Raises OSError as the file system does."""

    def __init__(self, db: Path) -> None:
        self.path = path_of(db)
        self.mark = read(db)
        self.audit = read_audit(db)
        self._fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)

    def reserve(self, upto: int) -> None:
        """Make seqs up to `upto` usable (I1): at most one fsync per `RESERVE_SEQS`."""
        if upto > self.mark.reserved:
            self.mark.reserved = upto + RESERVE_SEQS
            self.save(durable=True)

    def committed(self, seq: int, floor: int) -> None:
        """Note that everything up to seq is committed (I2), and everything up to floor accepted."""
        mark = self.mark
        if seq > mark.committed or floor > mark.floor:
            mark.committed = max(seq, mark.committed)
            mark.floor = max(floor, mark.floor)
            self.save()

    def audited(self, n: int, digest: bytes) -> None:
        """Note the newest committed entry of the audit chain (I5)."""
        audit = self.audit
        if n > audit.n or digest != audit.hash:
            self.audit = AuditMark(audit.generation + 1, n, digest)
            os.pwrite(self._fd, pack_audit(self.audit), AUDIT_AT + (self.audit.generation & 1) * SLOT_BYTES)

    def save(self, *, durable: bool = False) -> None:
        """Write the slot whose turn it is."""
        mark = self.mark
        mark.generation += 1
        os.pwrite(self._fd, pack(mark), (mark.generation & 1) * SLOT_BYTES)
        if durable:
            os.fdatasync(self._fd)

    def close(self, *, clean: bool) -> None:
        """Close; `clean` says that the database was closed in order."""
        if clean:
            self.mark.flags |= CLEAN
            with contextlib.suppress(OSError):  # a full or failing disk: the next opening merely checks more
                self.save(durable=True)
        os.close(self._fd)
