"""Events to rows: the hottest lines of the store.

Owns: the multi-row INSERT of a table, and of a lane. Must not know: transactions, where seq comes from, what an event means.

Why not executemany: the driver gives up the GIL at every SQLite step and must win it back. While the event loop is
busy, each step can cost a whole switch interval (5 ms): measured 0.5–0.7 k rows/s at 100 rows, where one statement with
100 rows of VALUES does ten times that, and no less than executemany when nothing else runs. So a batch is written in
the fewest steps that a small set of prepared statements allows (`SIZES`).
"""

from collections.abc import Sequence

from sqlalchemy import Table, insert

from edgegw.model import Event
from edgegw.store.engine import Db, compiled

SIZES = (1000, 896, 768, 640, 512, 384, 256, 128, 64, 32, 16, 8, 7, 6, 5, 4, 3, 2, 1)
"""Rows of the prepared statements: a full group of the pipeline and any small batch take one step, everything else at most five.
9 columns × 1,000 rows stay far below SQLite's 32,766 parameters; each lane's statements take up to 4 MB once all were used."""


class Inserts:
    """The multi-row INSERT statements of a table; texts are made when first needed.

    Args:
        sizes: numbers of rows a statement may have, largest first, 1 last.
    """

    def __init__(self, table: Table, sizes: Sequence[int] = SIZES) -> None:
        text = compiled(insert(table))
        self._head, _, self._row = text.partition(" VALUES ")
        self._columns = len(table.columns)
        self._sizes = sizes
        self._texts: dict[int, str] = {}

    def statement(self, rows: int) -> str:
        """The text for so many rows; the same string object each time, so that the driver finds its statement."""
        text = self._texts.get(rows)
        if text is None:
            text = self._texts[rows] = f"{self._head} VALUES {', '.join([self._row] * rows)}"
        return text

    def run(self, db: Db, flat: Sequence[object], rows: int) -> None:
        """Insert rows given as one flat sequence of values, in the table's order of columns."""
        done = 0
        left = rows
        while left:
            step = next(size for size in self._sizes if size <= left)
            if done == 0 and step == left:
                db.hot(self.statement(step), flat)
            else:
                db.hot(self.statement(step), flat[done * self._columns : (done + step) * self._columns])
            done += step
            left -= step


class LaneInsert(Inserts):
    """The INSERT statements of one lane table."""

    def write(self, db: Db, events: Sequence[Event], seq: int, uid: int, boot: int) -> int:
        """Insert the events with consecutive seqs and ids from the given ones on; the bytes of their data."""
        flat: list[object] = []
        extend = flat.extend
        size = 0
        for event in events:
            at = event.at
            data = event.data
            size += len(data)
            extend(
                (
                    seq,
                    uid.to_bytes(16, "big"),
                    boot,
                    event.type,
                    event.subject,
                    at.wall_ns,
                    at.mono_ns,
                    at.synced,
                    data,
                )
            )
            seq += 1
            uid += 1
        self.run(db, flat, len(events))
        return size
