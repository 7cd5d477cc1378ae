"""An inbox in memory: the contract of `edgegw.ports.TicketInbox`, with a store that can refuse, and one that can be slow."""

import asyncio
import json
from collections.abc import Sequence

from edgegw.errors import StoreError
from edgegw.ports import Batch, Committed
from edgegw.service.ticket import TicketUpdate, TroubleView


def update(key: str, state: str = "acknowledged", **members: object) -> dict[str, object]:
    """An update as a ticket system writes it."""
    return {"dedup_key": key, "state": state, **members}


def message(*updates: dict[str, object], **more: object) -> bytes:
    return json.dumps({"tickets": updates, **more}).encode()


class FakeInbox:
    """`taken`: what was committed, in order; `sizes`: updates of each attempt. Keys that begin with ``x`` are unknown."""

    def __init__(self) -> None:
        self.taken: list[tuple[str, TicketUpdate]] = []
        self.cursors: dict[str, str] = {}
        self.sizes: list[int] = []
        self.refusing: str | None = None
        self.gate = asyncio.Event()
        self.gate.set()

    async def answered(self, upstream: str, updates: Sequence[TicketUpdate], *, cursor: str | None = None) -> int:
        """See `TicketInbox.answered`."""
        self.sizes.append(len(updates))
        await self.gate.wait()
        if self.refusing is not None:
            raise StoreError(self.refusing)
        self.taken += [(upstream, one) for one in updates]
        if cursor is not None:
            self.cursors[upstream] = cursor
        return sum(not one.dedup_key.startswith("x") for one in updates)

    def cursor(self, upstream: str) -> str:
        """See `TicketInbox.cursor`."""
        return self.cursors.get(upstream, "")

    def open_tickets(self) -> Sequence[TroubleView]:
        """None."""
        return ()

    @property
    def calls(self) -> int:
        return len(self.sizes)

    def states(self) -> list[tuple[str, str]]:
        return [(one.dedup_key, one.state) for _, one in self.taken]


class FakeRecords:
    """A `RecordStore` for dead letters."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, str, str, bytes]] = []
        self.refusing: str | None = None

    async def commit(self, batch: Batch) -> Committed:
        """See `RecordStore.commit`."""
        if self.refusing is not None:
            raise StoreError(self.refusing)
        self.letters += [(one.origin, one.source, one.reason, one.raw) for one in batch.dead]
        return Committed(0, 0, (0, 0, 0, 0))

    def states(self, kind: str) -> dict[str, bytes]:
        """None."""
        return {}
