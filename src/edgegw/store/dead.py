"""Dead letters: poison kept raw, within bounds.

Owns: their rows, how much of each is kept, how many, which go first. Must not know: why something is poison.
"""

from collections import deque
from collections.abc import Iterable, Sequence

from edgegw.model import DeadLetter
from edgegw.store.budget import Limits
from edgegw.store.engine import Db
from edgegw.store.sql import Sql

RAW_MOST = 64 * 1024
"""Bytes kept of a dead letter, as `DeadLetter.raw` promises."""

TEXT_MOST = 2_000
"""Characters kept of a dead letter's texts."""

Kept = tuple[int, int]
"""Id and bytes of one."""

SIZES = (
    "SELECT id, length(origin) + length(source) + length(reason) + length(detail) + length(key) + length(raw) "
    "FROM dead_letter ORDER BY id"
)


class DeadLetters:
    """The dead letters of an open store, used by the writer thread. `dropped` counts those that went at the bound."""

    def __init__(self, db: Db, sql: Sql, limits: Limits) -> None:
        self._db, self._sql, self._limits = db, sql, limits
        self._kept: deque[Kept] = deque()
        self._bytes = 0
        self._next = 1
        self.dropped = 0

    def load(self) -> None:
        """Learn what the file holds."""
        for number, size in self._db.rows(SIZES):
            self._kept.append((number, size))
            self._bytes += size
            self._next = number + 1

    def write(self, letters: Sequence[DeadLetter]) -> list[Kept]:
        """Within a transaction: add letters and drop the oldest beyond the bound. Memory follows with `kept`."""
        added: list[Kept] = []
        if not letters:
            return added
        rows = [_row(letter) for letter in letters]
        added = [(number, _size(row)) for number, row in enumerate(rows, start=self._next)]
        self._db.many(self._sql.put_dead, [(kept[0], *row) for kept, row in zip(added, rows, strict=True)])
        if drop := self._beyond(added):
            self._db.run(self._sql.drop_dead, (drop,))
        return added

    def _beyond(self, added: list[Kept]) -> int:
        """The last id that must go, or 0."""
        total = self._bytes + sum(size for _, size in added)
        count = len(self._kept) + len(added)
        drop = 0
        for number, size in (*self._kept, *added):
            if total <= self._limits.dead_bytes and count <= self._limits.dead_rows:
                break
            drop, total, count = number, total - size, count - 1
        return drop

    def kept(self, added: Iterable[Kept]) -> None:
        """The transaction with these was committed."""
        for number, size in added:
            self._kept.append((number, size))
            self._bytes += size
            self._next = number + 1
        while self._bytes > self._limits.dead_bytes or len(self._kept) > self._limits.dead_rows:
            self._bytes -= self._kept.popleft()[1]
            self.dropped += 1


def _row(letter: DeadLetter) -> tuple[object, ...]:
    """Its columns after the id, cut to size; texts that are no Unicode lose what is not."""
    at = letter.at
    texts = (letter.origin, letter.source, letter.reason, letter.detail[:TEXT_MOST], letter.key[:TEXT_MOST])
    clean = (text.encode(errors="replace").decode() for text in texts)
    return (*clean, at.wall_ns, at.mono_ns, at.synced, letter.raw[:RAW_MOST])


def _size(row: tuple[object, ...]) -> int:
    return sum(len(value) for value in row if isinstance(value, (str, bytes)))
