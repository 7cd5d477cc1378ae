"""What a sender may say of a batch, and what a sender is.

Owns: the outcomes as values. Expected trouble is a value, not an exception: an exception from a sender is a bug and ends the daemon.
Must not know: any transport, what follows from an outcome (policy).
"""

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from edgegw.model import Lane, Record


class Rejected(Struct, frozen=True):
    """One record the receiver refused for good while it took the others."""

    id: str
    reason: str
    detail: str = ""


class Accepted(Struct, frozen=True):
    """The first `count` records are dealt with: accepted, except those named in `rejected`. The rest was not, and is sent again."""

    count: int
    rejected: tuple[Rejected, ...] = ()


class Retry(Struct, frozen=True):
    """Nothing was accepted; try again.

    Attributes:
        reason: bounded slug: ``unreachable``, ``timeout``, ``busy``, ``server-error``, ``disconnected`` …
        after_s: how long the receiver asked us to wait, seconds.
        answered: whether the receiver spoke at all (a 500 is about this batch perhaps, no answer is about the way).
    """

    reason: str
    after_s: float | None = None
    answered: bool = False
    detail: str = ""


class Hold(Struct, frozen=True):
    """We are not let in (credentials, rights, wrong address): no use in hurrying; a person must act."""

    reason: str
    detail: str = ""


class Refused(Struct, frozen=True):
    """The receiver refuses this batch for good; at least one record in it is why (``too-large``: or their number)."""

    reason: str
    detail: str = ""


Outcome = Accepted | Retry | Hold | Refused


class Sender(Protocol):
    """One way out. `send` is called from one task per lane, so up to four at a time, each lane's batches in order.

    Attributes:
        limit: most records worth giving to one `send`.
        linger_s: how long telemetry may wait for company, where a batch costs much more than a record.
    """

    limit: int
    linger_s: float

    async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:
        """Hand over 1…limit records in seq order and say what came of it. Bounded in time. May be cancelled."""
        ...

    async def close(self) -> None:
        """Let go of connections. Bounded in time; idempotent."""
        ...
