"""Verification of the audit chain: which entry was edited, deleted, moved, inserted or cut off.

Owns: the walk over the chain, what anchors prove, the comparison with the lanes. Must not know: how a store is opened.

Every entry is hashed anew from the stored hash before it, so that one wrong entry is one finding. What the chain alone cannot
show, because whoever can write the database can hash: a rewritten or shortened tail. That is found by anchors: heads that were
received upstream, those still waiting in lane alarm, and the one in the high-water mark's file.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from edgegw.store.audit import ANCHOR_TYPE, CHAINED, LOST_TYPE, Head, Lost, Row, link, start_of
from edgegw.store.engine import Db
from edgegw.store.highwater import AuditMark

FINDINGS_MOST = 50
"""Findings told one by one; an inserted entry makes every later one wrong."""

PAGE_ROWS = 1_000

_INTEGERS = ("seq", "boot", "wall_ns", "mono_ns", "synced")
_TYPES = " AND ".join(
    [f"typeof({name}) = 'integer'" for name in _INTEGERS]
    + ["typeof(type) = 'text'", "typeof(subject) = 'text'", "typeof(data) = 'blob'", "typeof(hash) = 'blob'"]
    + ["seq >= 0", "boot >= 0", "synced IN (0, 1)"]
)

ENTRIES = (
    f"SELECT {_TYPES}, n, CAST(seq AS INTEGER), CAST(boot AS INTEGER), CAST(type AS BLOB), CAST(subject AS BLOB), "  # noqa: S608 (our names)
    "CAST(wall_ns AS INTEGER), CAST(mono_ns AS INTEGER), CAST(synced AS INTEGER), CAST(data AS BLOB), CAST(hash AS BLOB) "
    "FROM audit WHERE n > ? ORDER BY n LIMIT ?"
)
"""SQLite lets any value into any column: first whether all have the form they are written in, then all of them in that form."""

FIELDS = ("boot", "type", "subject", "wall_ns", "mono_ns", "synced", "data")


class _AnchorData(Struct):
    n: int
    hash: str


class Anchor(Struct, frozen=True):
    """A head that was seen elsewhere; `source` says where, for a person."""

    head: Head
    source: str


class Report(Struct):
    """What was found.

    Attributes:
        findings: what is wrong, bounded. notes: what could not be checked, and losses the store told of itself.
        entries: how many there are. start: the last one trimmed. head: the newest.
        anchors: how many anchors agreed.
    """

    findings: list[str] = []
    notes: list[str] = []
    entries: int = 0
    start: Head = Head()
    head: Head = Head()
    anchors: int = 0
    more: int = 0

    def find(self, text: str) -> None:
        """Add a finding, or count it."""
        if len(self.findings) < FINDINGS_MOST:
            self.findings.append(f"audit: {text}")
        else:
            self.more += 1


def check(db: Db, mark: AuditMark, anchors: Sequence[Head] = ()) -> Report:
    """Verify the chain of an open store; `anchors`: heads as they were received upstream."""
    known = [Anchor(head, f"anchor {head.text}") for head in anchors]
    if mark.n:
        known.append(Anchor(Head(mark.n, mark.hash), "the mark beside the store"))
    known += _waiting(db)
    report = Report(start=start_of(db))
    holes: list[Lost] = []
    _walk(db, known, report, holes)
    _rest(known, report, holes)
    _lanes(db, report)
    if report.more:
        report.findings.append(f"audit: and {report.more} more")
    return report


def _waiting(db: Db) -> Iterator[Anchor]:
    for seq, data in db.rows("SELECT seq, CAST(data AS BLOB) FROM alarm WHERE type = ? ORDER BY seq", (ANCHOR_TYPE,)):
        try:
            told = msgspec.json.decode(data, type=_AnchorData)
            yield Anchor(Head.parse(f"{told.n}:{told.hash}"), f"record {seq} in lane alarm")
        except (msgspec.DecodeError, ValueError):
            continue  # not what this program writes: nothing can be held against it


def _walk(db: Db, known: list[Anchor], report: Report, holes: list[Lost]) -> None:
    by_number: dict[int, list[Anchor]] = {}
    for anchor in known:
        by_number.setdefault(anchor.head.n, []).append(anchor)
    before, last_seq = report.start, 0
    after = -1
    while page := db.rows(ENTRIES, (after, PAGE_ROWS)):
        after = page[-1][1]
        for sound, *columns, digest in page:
            row = _row(columns) if sound else None
            n, seq = columns[0], columns[1] if row else 0
            lost = _lost(row[8]) if row and row[3] == LOST_TYPE and seq == 0 else None
            whole = n == before.n + 1 or _hole(n, before.n, lost, report, holes)
            if whole and (row is None or link(before.hash, row) != digest):
                report.find(f"entry {n} does not follow from entry {before.n}: it was changed, moved or inserted")
            if lost is not None:
                what = "are missing" if lost.reason == "missing" else "were not those that were committed"
                report.notes.append(f"audit: entry {n} tells that entries {lost.from_n} to {lost.to_n} {what}")
            if seq:
                if seq <= last_seq:
                    report.find(f"entry {n} has seq {seq} after seq {last_seq}: it was moved or inserted")
                last_seq = max(seq, last_seq)
            for anchor in by_number.get(n, ()):
                _held(anchor, digest, report)
            before = Head(n, digest)
            report.entries += 1
    report.head = before


def _row(columns: list[Any]) -> Row | None:
    """An entry as it was hashed; None if its texts are none."""
    n, seq, boot, kind, subject, wall_ns, mono_ns, synced, data = columns
    try:
        return n, seq, boot, kind.decode(), subject.decode(), wall_ns, mono_ns, bool(synced), data
    except UnicodeDecodeError:
        return None


def _hole(n: int, before: int, lost: Lost | None, report: Report, holes: list[Lost]) -> bool:
    """Whether the jump from `before` to n is one that the store tells of itself, so that the hash still follows."""
    if n <= before:
        report.find(f"entry {n} was trimmed once (the chain starts after {before}): it was inserted")
        return False
    if lost is not None and lost.reason == "missing" and (lost.from_n, lost.to_n) == (before + 1, n - 1):
        holes.append(lost)
        return True
    report.find(f"entry {before + 1} is missing" if n == before + 2 else f"entries {before + 1} to {n - 1} are missing")
    return False


def _held(anchor: Anchor, digest: bytes, report: Report) -> None:
    if digest == anchor.head.hash:
        report.anchors += 1
    else:
        report.find(f"entry {anchor.head.n} is not the one that {anchor.source} knows: it or one before it was changed")


def _rest(known: list[Anchor], report: Report, holes: list[Lost]) -> None:
    """Anchors of entries that are not here."""
    first = report.start.n
    for anchor in known:
        n = anchor.head.n
        hole = next((h for h in holes if h.from_n <= n <= h.to_n), None)
        if n > report.head.n:
            report.find(f"the chain ends at entry {report.head.n}, {anchor.source} knows {n}: its end was cut off")
        elif n == first and n:
            _held(anchor, report.start.hash, report)
        elif n < first:
            report.notes.append(f"audit: entry {n} is not kept any more; {anchor.source} could not be checked")
        elif hole is not None and not (n == hole.to_n and hole.hash == anchor.head.hash.hex()):
            report.find(f"entry {n} ({anchor.source}) is among the missing {hole.from_n} to {hole.to_n}")


def _lanes(db: Db, report: Report) -> None:
    """Records that still wait must be the ones in the chain, and none may lack there."""
    since = int(db.value("SELECT value FROM meta WHERE key = 'audit_since'") or 0)
    if report.start.n:  # what was trimmed may still wait for an upstream
        since = max(since, int(db.value("SELECT seq - 1 FROM audit WHERE seq > 0 ORDER BY n LIMIT 1") or 0))
    differs = " OR ".join(f"a.{name} IS NOT l.{name}" for name in FIELDS)
    most = FINDINGS_MOST + 1
    for lane in CHAINED:
        joined = f"SELECT a.n, a.seq FROM audit a JOIN {lane.label} l ON l.seq = a.seq WHERE {differs} LIMIT {most}"  # noqa: S608 (our names)
        for n, seq in db.rows(joined):
            report.find(f"entry {n} and record {seq} of lane {lane.label} differ: one of them was changed")
        absent = f"SELECT seq FROM {lane.label} WHERE seq > ? AND seq NOT IN (SELECT seq FROM audit) LIMIT {most}"  # noqa: S608
        for (seq,) in db.rows(absent, (since,)):
            report.find(f"record {seq} of lane {lane.label} has no entry: its entry was deleted or it was inserted")


def _lost(data: bytes) -> Lost | None:
    try:
        return msgspec.json.decode(data, type=Lost)
    except msgspec.DecodeError:
        return None
