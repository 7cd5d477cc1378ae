"""The audit chain: every record of lanes access and command, linked by hashes, kept after its delivery.

Owns: what is hashed, appending within a commit, trimming, when the head is anchored upstream, what was lost.
Must not know: the event loop, what a record means, how the chain is verified (`audit_check`).

``hash(n) = SHA-256(hash(n-1) || numbers || length and bytes of each text and of data)``; the chain begins with 32 zero bytes.
Whoever can write the database can also compute hashes: what makes the chain evidence is that its head leaves the box. It goes
upstream as `ANCHOR_TYPE` in lane alarm (which is not chained), and into the high-water mark's file.

A store that was set aside or restored lacks entries that the mark knows of. Then n goes on above them, so that no n is ever
used twice, and the first entry after the hole says what is missing: `LOST_TYPE`, an entry of the store's own (seq 0).
"""

import hashlib
import struct
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from edgegw.model import Event, Instant, Lane
from edgegw.store import schema
from edgegw.store.engine import Db
from edgegw.store.highwater import AuditMark
from edgegw.store.inserts import Inserts
from edgegw.store.sql import Sql

ANCHOR_TYPE = "edgegw.gateway.audit"
ANCHOR_SUBJECT = "gateway"

ANCHOR_NS = 60_000_000_000
"""While the chain grows, its head goes upstream once a minute: what could be rewritten unseen is at most that much."""

LOST_TYPE = "edgegw.gateway.audit.lost"

ROOT = bytes(32)
"""What the first entry follows."""

ENTRY_BYTES = 160
"""What an entry takes besides its data: hash, numbers, texts, SQLite's headers."""

TRIM_ROWS = 500
"""Entries trimmed at a time: some ms, in one of so many commits."""

SIZES = (100, 20, 5, 1)
"""Rows of the prepared statements: doors and commands come singly or in tens."""

FIXED = struct.Struct(">QQQqqB")
"""n, seq, boot, wall_ns, mono_ns, synced."""

LENGTH = struct.Struct(">Q")

CHAINED = (Lane.ACCESS, Lane.COMMAND)

Row = tuple[int, int, int, str, str, int, int, bool, bytes]
"""n, seq, boot, type, subject, wall_ns, mono_ns, synced, data."""


class Head(Struct, frozen=True):
    """An entry's number and hash; number 0: the chain is empty."""

    n: int = 0
    hash: bytes = ROOT

    @property
    def text(self) -> str:
        """``n:hash``, as in `meta` and on the command line."""
        return f"{self.n}:{self.hash.hex()}"

    @classmethod
    def parse(cls, text: str) -> "Head":
        """From `text`; raises ValueError."""
        number, _, hexed = text.strip().partition(":")
        digest = bytes.fromhex(hexed)
        if len(digest) != len(ROOT) or not number.isascii() or not number.isdecimal():
            raise ValueError(f"not N:HASH with {2 * len(ROOT)} hexadecimal digits: {text!r}")
        return cls(int(number), digest)


class Lost(Struct, frozen=True):
    """The data of `LOST_TYPE`.

    Attributes:
        reason: ``missing``: entries from_n … to_n are not in this file; ``differs``: entry from_n was another one.
        hash: of entry to_n (missing) or from_n (differs) as the mark knows it, hexadecimal; zeros where nobody knows.
    """

    reason: str
    from_n: int
    to_n: int
    hash: str


class Growth(Struct, frozen=True):
    """What a commit appends; memory follows it with `Chain.kept`."""

    head: Head
    flat: list[object]
    rows: int
    size: int
    anchored: bool


def link(before: bytes, row: Row) -> bytes:
    """The hash of an entry that follows the one with hash `before`."""
    n, seq, boot, kind, subject, wall_ns, mono_ns, synced, data = row
    parts = [before, FIXED.pack(n, seq, boot, wall_ns, mono_ns, synced)]
    for part in (kind.encode(), subject.encode(), data):
        parts += (LENGTH.pack(len(part)), part)
    return hashlib.sha256(b"".join(parts)).digest()


class Chain:
    """The chain of an open store, used by the writer thread."""

    def __init__(self, db: Db, sql: Sql, most_bytes: int) -> None:
        self._db, self._sql, self._most = db, sql, most_bytes
        self._inserts = Inserts(schema.AUDIT, SIZES)
        self.head = Head()
        self._start = Head()  # the last entry that is not here any more
        self.size = 0
        """Bytes of all entries since the chain's beginning, the trimmed ones too."""
        self._base = 0  # of the first entry kept
        self._lost: Lost | None = None  # to be said by the next entry
        self._trimmed: tuple[Head, int] | None = None  # by the transaction under way
        self._anchored = 0  # n told upstream by this daemon
        self._anchored_ns: int | None = None
        self.pending = False
        """Whether the head was not told upstream yet."""

    def load(self, mark: AuditMark) -> str | None:
        """Learn what the file holds, whatever somebody put there; what does not agree with the mark, for a person."""
        self._start = start_of(self._db)
        self.head = self._start
        newest = self._db.rows(
            "SELECT n, CAST(hash AS BLOB), CAST(bytes AS INTEGER) FROM audit ORDER BY n DESC LIMIT 1"
        )
        if newest:
            n, digest, self.size = newest[0]
            self.head = Head(n, digest)
            self._base = self._db.value("SELECT CAST(bytes AS INTEGER) FROM audit ORDER BY n LIMIT 1")
        self._anchored = self.head.n
        self.pending = self.head.n > 0
        known = Head(mark.n, mark.hash)
        if known.n > self.head.n:
            self._lost = Lost("missing", self.head.n + 1, known.n, known.hash.hex())
            self.head = Head(known.n, self.head.hash if newest else known.hash)
            if not newest:
                self._start = self.head
            return f"audit entries {self._lost.from_n} to {known.n} are missing"
        if known.n and (here := hash_at(self._db, known.n, self._start)) is not None and here != known.hash:
            self._lost = Lost("differs", known.n, self.head.n, known.hash.hex())
            return f"audit entry {known.n} is not the one that was committed"
        return None

    def extend(
        self, lanes: Sequence[list[Event]], seq: int, boot: int, now: Instant, *, final: bool = False
    ) -> Growth | None:
        """What these events (indexed by Lane, with consecutive seqs from `seq`, lane after lane) append, or None.

        Adds the anchor to lanes[ALARM] when one is due; `final`: it is due now if anything was not told yet.
        """
        grows = bool(lanes[Lane.ACCESS] or lanes[Lane.COMMAND] or self._lost)
        if not grows and not self.pending:
            return None
        last = self._anchored_ns
        anchored = final or last is None or now.mono_ns - last >= ANCHOR_NS
        if not grows and not anchored:
            return None
        head, size, flat, rows = self.head, self.size, list[object](), 0
        digest, n = head.hash, head.n
        seq += len(lanes[Lane.ALARM]) + anchored
        entries: list[tuple[int, Event]] = []
        if self._lost is not None:
            entries.append((0, Event(LOST_TYPE, Lane.ACCESS, ANCHOR_SUBJECT, now, msgspec.json.encode(self._lost))))
        for lane in CHAINED:
            entries += enumerate(lanes[lane], start=seq)
            seq += len(lanes[lane])
        for number, event in entries:
            n += 1
            at = event.at
            row = (n, number, boot, event.type, event.subject, at.wall_ns, at.mono_ns, at.synced, event.data)
            digest = link(digest, row)
            size += ENTRY_BYTES + len(event.data)
            flat += (*row[:-1], size, digest, event.data)
            rows += 1
        head = Head(n, digest)
        if anchored:
            lanes[Lane.ALARM].append(_anchor(head, n - self._anchored, now))
        return Growth(head, flat, rows, size, anchored)

    def write(self, growth: Growth | None) -> None:
        """Within the transaction: append, and trim beyond the bound."""
        self._trimmed = None
        if growth is None or not growth.rows:
            return
        self._inserts.run(self._db, growth.flat, growth.rows)
        if self._lost is not None:
            self._db.run(self._sql.put_meta, ("audit_start", self._start.text))
        if growth.size - self._base > self._most:
            self._trim(growth)

    def _trim(self, growth: Growth) -> None:
        base = self._base
        found = self._db.rows(
            "SELECT n, CAST(hash AS BLOB), CAST(bytes AS INTEGER) FROM audit ORDER BY n LIMIT ?",
            (TRIM_ROWS + growth.rows,),
        )
        last = None
        for n, digest, size in found:
            if growth.size - base <= self._most - self._most // 16 or n == growth.head.n:
                break
            last, base = Head(n, digest), size
        if last is None:
            return
        self._db.run("DELETE FROM audit WHERE n <= ?", (last.n,))
        self._db.run(self._sql.put_meta, ("audit_start", last.text))
        self._trimmed = last, base

    def kept(self, growth: Growth, now: Instant) -> None:
        """The transaction with this was committed."""
        self.head, self.size = growth.head, growth.size
        if growth.rows:
            self._lost = None
        if self._trimmed is not None:
            self._start, self._base = self._trimmed
        if growth.anchored:
            self._anchored, self._anchored_ns = self.head.n, now.mono_ns
        self.pending = not growth.anchored


def start_of(db: Db) -> Head:
    """The last entry that was trimmed, by which the first one that is kept is checked."""
    text = db.value("SELECT value FROM meta WHERE key = 'audit_start'")
    try:
        return Head() if text is None else Head.parse(text)
    except ValueError:
        return Head()


def hash_at(db: Db, n: int, start: Head) -> bytes | None:
    """The hash of an entry, None if it is not here (trimmed, lost, not yet)."""
    if n == start.n:
        return start.hash
    found: bytes | None = db.value("SELECT CAST(hash AS BLOB) FROM audit WHERE n = ?", (n,))
    return found


def _anchor(head: Head, count: int, now: Instant) -> Event:
    """How the head is told upstream; `count`: entries since the last anchor of this daemon."""
    data = msgspec.json.encode({"n": head.n, "hash": head.hash.hex(), "count": count})
    return Event(ANCHOR_TYPE, Lane.ALARM, ANCHOR_SUBJECT, now, data)
