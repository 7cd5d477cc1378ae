"""The newest records of a lane, kept in memory, so that an upstream that keeps up costs no query.

Owns: a bounded list of committed blocks per lane. Must not know: SQL, cursors.

A query in the writer thread costs a thread change and, per row, the GIL twice; the records an upstream asks for are nearly always
those that were committed a moment ago.
"""

from collections import deque
from collections.abc import Sequence

from msgspec import Struct

from edgegw.model import Event, Lane, Record
from edgegw.store import uuid7

TAIL_ROWS = 4_000
"""Records kept per lane, also the bound of a fetch from memory."""

TAIL_BYTES = 2 * 1024 * 1024
"""Bytes of data kept per lane: what bounds memory when records are large."""


class Block(Struct, frozen=True, gc=False):
    """Events committed together: consecutive seqs from `seq`, consecutive ids from `uid`."""

    seq: int
    uid: int
    events: Sequence[Event]
    size: int


class Tail:
    """One lane's newest records of this boot. Everything of the lane above `floor` is here."""

    def __init__(self, lane: Lane, boot: int, floor: int) -> None:
        self._lane = lane
        self._boot = boot
        self.floor = floor
        self._blocks: deque[Block] = deque()
        self._rows = 0
        self._bytes = 0

    def add(self, block: Block) -> None:
        """The lane's newest block."""
        self._blocks.append(block)
        self._rows += len(block.events)
        self._bytes += block.size
        while self._blocks and (self._rows > TAIL_ROWS or self._bytes > TAIL_BYTES):
            self._drop()

    def _drop(self) -> None:
        block = self._blocks.popleft()
        self._rows -= len(block.events)
        self._bytes -= block.size
        self.floor = block.seq + len(block.events) - 1

    def trim(self, seq: int) -> None:
        """Records up to seq were deleted."""
        while self._blocks and self._blocks[0].seq + len(self._blocks[0].events) - 1 <= seq:
            self._drop()
        self.floor = max(self.floor, seq)

    def fetch(self, after: int, limit: int, offset_ns: int | None) -> list[Record]:
        """Up to `limit` records above `after`, which must not be below `floor`.

        `offset_ns`: wall minus monotonic time, if known.
        """
        found: list[Record] = []
        lane, boot = self._lane, self._boot
        for block in self._blocks:
            events = block.events
            start = after + 1 - block.seq
            if start >= len(events):
                continue
            for i in range(max(start, 0), min(len(events), max(start, 0) + limit - len(found))):
                event = events[i]
                at = event.at
                time_ns = at.wall_ns
                original = None
                if not at.synced and offset_ns is not None and at.mono_ns + offset_ns != time_ns:
                    original, time_ns = time_ns, at.mono_ns + offset_ns
                found.append(
                    Record(
                        block.seq + i,
                        uuid7.to_text((block.uid + i).to_bytes(16, "big")),
                        boot,
                        lane,
                        event.type,
                        event.subject,
                        time_ns,
                        original,
                        at.mono_ns,
                        True,  # noqa: FBT003 (same_boot: written by this process)
                        at.synced,
                        event.data,
                    )
                )
            if len(found) >= limit:
                break
        return found
