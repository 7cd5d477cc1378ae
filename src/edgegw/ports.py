"""The small Protocols at which the parts of the shell meet; `app` plugs one into the other.

Owns: the contracts between links, pipeline, store, upstream and control.
Must not know: any implementation. Shell packages import this module and never each other.
"""

from collections.abc import Callable, Sequence
from typing import Literal, Protocol

from msgspec import Struct

from edgegw.model import (
    NOTHING,
    Changes,
    Command,
    DeadLetter,
    Decoded,
    Event,
    Instant,
    Lane,
    OrderLane,
    Outcome,
    Raw,
    Record,
    StateChange,
)
from edgegw.profiles.encode import Outgoing
from edgegw.service.ticket import TicketUpdate, TroubleView

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


class Order(Struct, frozen=True):
    """One encoded command on its way to a device's link.

    Attributes:
        id: the command's.
        device: device id.
        outgoing: what to send, and how its effect is confirmed.
        lane: place on a half-duplex line.
        deadline_ns: monotonic; the link gives its outcome before it.
        insist: also tried where the device is known to be down.
    """

    id: str
    device: str
    outgoing: Outgoing
    lane: OrderLane
    deadline_ns: int
    insist: bool = False


class Actuator(Protocol):
    """What commands need of a link (implemented by links, one per link). All calls on the event loop."""

    def down(self, device: str) -> str | None:
        """Why the device is known not to be reachable now (``link-down``, ``device-down``), or None."""
        ...

    async def carry_out(self, order: Order) -> Outcome:
        """Send the order and confirm it as its `outgoing` says; never later than its deadline, never raises for a fault.

        - ``expired`` ``deadline``: the deadline came before anything was sent. ``failed``: nothing reached the device
          (``link-down``, ``device-down``, ``busy``) or the device refused (``device-refused``).
        - ``unknown``: sent and not confirmed (``no-answer``, ``readback-differs``, ``link-lost``, ``not-confirmed``).
        - ``done``: confirmed by the link itself (Modbus write answer and read-back, MQTT reply, serial reply).
        - An outgoing that is confirmed by a point the device reports by itself (MQTT state topic) is awaited by whoever gave
          the order; then the link answers ``done`` ``sent`` as soon as it is sent.

        Cancelling the caller does not recall what was sent; a link lets a transaction in flight run to its end.
        """
        ...


Heard = Callable[[str, Decoded, Instant], None]
"""Told of a device's decoded message (device, decoded, at), on the loop, before its commit; must return at once."""


class Listening(Protocol):
    """Where those that act hear what devices say (implemented by pipeline)."""

    def listen(self, device: str, heard: Heard) -> Callable[[], None]:
        """Call `heard` for every decoded message of the device from now on; returns the function that ends it."""
        ...

    def listen_alarms(self, changed: Callable[[Event], None]) -> Callable[[], None]:
        """Call `changed` for every alarm event the rules decide (raised, updated, cleared), before its commit."""
        ...


class CommandDesk(Protocol):
    """Where commands are handed in (implemented by commands; doors and linkages hand in theirs)."""

    async def submit(
        self,
        command: Command,
        *,
        alongside: Changes = NOTHING,
        audit_wait_s: float | None = None,
        on_store_failure: Literal["refuse", "act"] = "refuse",
    ) -> Outcome:
        """Commit `alongside` with the admission, carry out, commit the outcome. By the deadline, never raising for a fault.

        Args:
            audit_wait_s: how long the admission's commit is waited for.
            on_store_failure: what happens when it takes longer: nothing is sent, or it is sent and recorded later.
        """
        ...


class TicketInbox(Protocol):
    """Where ticket states from outside are handed in (implemented by app; upstreams and the API bring them)."""

    async def answered(self, upstream: str, updates: Sequence[TicketUpdate], *, cursor: str | None = None) -> int:
        """Take what a ticket system said, in its order.

        Args:
            upstream: who says it: the upstream's name, or ``api``.
            cursor: of a poll: where the next one goes on; committed with the updates.

        Returns:
            how many named a trouble that is known; the others are counted and otherwise passed over. Committed when it returns.

        Raises:
            StoreError: nothing was taken; offer it again.
        """
        ...

    def cursor(self, upstream: str) -> str:
        """Where this upstream's poll goes on; empty at first."""
        ...

    def open_tickets(self) -> Sequence[TroubleView]:
        """Troubles whose ticket is live, or resolved and not yet closed."""
        ...
