"""The words between the event loop and the writer thread: what is to be committed, and what a commit changed.

Owns: `Work`, `Outcome`, and what a session remembers of gaps and earlier boots. Must not know: who writes or waits.
"""

from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from edgegw.model import Event, Instant, Lane
from edgegw.ports import Batch, Committed
from edgegw.store.audit import Head
from edgegw.store.tail import Block

GAP_TYPE = "edgegw.gateway.gap"
GAP_SUBJECT = "gateway"

CursorKey = tuple[str, Lane]


class Work(Struct, frozen=True):
    """What the event loop wants committed together.

    Attributes:
        tidy: also delete small amounts, and make the ballast anew.
        final: the store is about to be closed: tell the audit head upstream.
        jobs: run inside the transaction; on a full store perhaps more than once.
    """

    batch: Batch = Batch()
    cursors: Mapping[CursorKey, int] = {}
    synced: Instant | None = None
    tidy: bool = False
    final: bool = False
    jobs: tuple[Callable[[], None], ...] = ()


class Outcome(Struct, frozen=True):
    """What a commit changed, for the event loop's memory. `more`: another tidying would find something to do; `untold`: the
    audit head was not told upstream yet."""

    committed: Committed
    blocks: tuple[tuple[Lane, Block], ...]
    gone: tuple[int, ...]
    more: bool
    dead_dropped: int
    audit: Head
    untold: bool


class Gap(Struct):
    """A hole not yet announced; `row` is its key in the gap table."""

    row: int
    reason: str
    lane: Lane | None
    from_seq: int
    to_seq: int
    count: int | None
    since_ns: int = 0

    def event(self, at: Instant) -> Event:
        """How it is told upstream."""
        data = {
            "reason": self.reason,
            "lane": None if self.lane is None else self.lane.label,
            "from_seq": self.from_seq,
            "to_seq": self.to_seq,
            "count": self.count,
        }
        return Event(GAP_TYPE, Lane.ALARM, GAP_SUBJECT, at, msgspec.json.encode(data))


class BootInfo(Struct, frozen=True):
    """What is known of an earlier daemon start: whether it was in this operating-system boot, and wall minus monotonic time."""

    same: bool
    offset_ns: int | None
