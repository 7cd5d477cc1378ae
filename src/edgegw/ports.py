"""The small Protocols at which the parts of the shell meet; `app` plugs one into the other.

Owns: the contracts between links, pipeline, store, upstream and control.
Must not know: any implementation. Shell packages import this module and never each other.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from edgegw.model import DeadLetter, Event, Instant, Lane, Raw, Record, StateChange

AckFn = Callable[[int], None]
"""Called once, on the event loop, with the token of a message whose records are committed."""


class Sink(Protocol):
    """What a link gives its messages to (implemented by pipeline). All calls are on the event loop and return at once."""

    def offer(self, device: str, raw: Raw, at: Instant, ack: AckFn | None = None, token: int = 0) -> None:
        """Take one raw message of a device. Never refuses: whoever offers looks at `full` first, and stops reading then.

        `ack(token)` is called after the commit of everything the message caused (promise 1), also when it was poison
        (kept as a dead letter) or changed nothing.
        """
        ...

    @property
    def full(self) -> bool:
        """Whether the pipeline holds as much as it may; links stop reading until `when_room` calls back."""
        ...

    def when_room(self, callback: Callable[[], None]) -> None:
        """Call back once when there is room again. One registration per link at a time."""
        ...

    async def drain(self) -> None:
        """Return when everything offered so far is committed and acknowledged."""
        ...

    def silent(self, device: str, reason: str, at: Instant) -> None:
        """A device was asked and gave no valid answer (reason: timeout, exception, bad-frame)."""
        ...

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> None:
        """A link came up or went down. Called on change only."""
        ...


class Batch(Struct, frozen=True):
    """What is committed in one transaction: records, dead letters and state belong together or not at all."""

    events: Sequence[Event] = ()
    states: Sequence[StateChange] = ()
    dead: Sequence[DeadLetter] = ()


class Committed(Struct, frozen=True, gc=False):
    """A commit's outcome: how many records each lane got (indexed by Lane), the highest seq, and the lanes shed to make room."""

    first_seq: int
    last_seq: int
    per_lane: tuple[int, int, int, int]
    shed: int = 0


class RecordStore(Protocol):
    """What the pipeline needs of the store."""

    async def commit(self, batch: Batch) -> Committed:
        """Commit durably (WAL, FULL).

        Raises:
            StoreError: ``full`` (try again, nothing is lost), ``io`` (durability in doubt), ``damaged``.
        """
        ...

    def states(self, kind: str) -> dict[str, bytes]:
        """All durable state of a kind as of opening; called at start only."""
        ...


class Outbox(Protocol):
    """What a delivery needs of the store. Cursors are durable per (upstream, lane)."""

    async def fetch(self, lane: Lane, after_seq: int, limit: int) -> list[Record]:
        """The next records of a lane in seq order; [] if there are none."""
        ...

    def cursor(self, upstream: str, lane: Lane) -> int:
        """The last accepted seq, as of opening plus `accepted` since."""
        ...

    def accepted(self, upstream: str, lane: Lane, seq: int) -> None:
        """Everything of this lane up to seq was accepted. Durable with the next commit, at the latest after 0.5 s; then what
        every upstream accepted is deleted. If the process dies before, the same ids are sent again (promise 4)."""
        ...

    async def reject(self, upstream: str, record: Record, reason: str, detail: str) -> None:
        """Move a record this upstream refused for good to the dead letters (durable when it returns)."""
        ...

    def depth(self, upstream: str, lane: Lane) -> int:
        """Records not yet accepted by this upstream, from counters, no query."""
        ...

    def wait_for(self, lane: Lane, callback: Callable[[], None]) -> Callable[[], None]:
        """Call back (on the loop) after every commit that put records into the lane; returns the function that ends it."""
        ...


class LinkStatus(Struct, frozen=True):
    """What health and metrics show of a link."""

    name: str
    kind: str
    up: bool
    reason: str
    messages: int
    errors: int
    restarts: int


class Link(Protocol):
    """A running link: `run` until cancelled; raising LinkError asks the supervisor for a restart with back-off."""

    name: str
    kind: str

    async def run(self, up: Callable[[], None]) -> None:
        """Open, call `up()` once it is usable, work until cancelled or lost (LinkError). Never swallows cancellation."""
        ...
