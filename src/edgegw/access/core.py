"""All doors of a site: decides who passes, follows locks and contacts, says what is to be done."""

from collections.abc import Iterable, Mapping

from edgegw.access.credentials import CredentialBook
from edgegw.access.decision import DoorView, Presented, Step
from edgegw.access.schedule import Calendar
from edgegw.access.specs import DoorSpec, RightSpec
from edgegw.model import Instant, OutcomeStatus


class DoorCore:
    """The doors. Nothing acts in the constructor; `states`: durable values by kind (``door``, ``area``), then key."""

    def __init__(
        self,
        doors: Iterable[DoorSpec],
        rights: Iterable[RightSpec],
        calendar: Calendar,
        book: CredentialBook,
        key: bytes,
        *,
        states: Mapping[str, Mapping[str, bytes]],
        now: Instant,
    ) -> None:
        raise NotImplementedError

    def present(self, door: str, shown: Presented, now: Instant, *, clock_trusted: bool) -> Step:
        """A credential at a reader."""
        raise NotImplementedError

    def contact(self, door: str, now: Instant, *, is_open: bool, fresh: bool = True) -> Step:
        """The door contact's reading (every one; edges are found here)."""
        raise NotImplementedError

    def exit_button(self, door: str, now: Instant) -> Step:
        """The exit button was pressed (a fresh rising edge)."""
        raise NotImplementedError

    def fire(self, door: str, now: Instant, *, active: bool, fresh: bool = True) -> Step:
        """The fire input's reading (every one; edges are found here)."""
        raise NotImplementedError

    def operate(self, door: str, action: str, issuer: str, now: Instant, *, linkage: bool = False) -> Step:
        """``unlock``, ``release`` or ``relock`` by an issuer whose right to it was checked already."""
        raise NotImplementedError

    def outcome(self, door: str, act: str, status: OutcomeStatus, now: Instant, *, reason: str = "") -> Step:
        """How an act (unlock, release, relock) ended. `REJECTED`: it was not sent at all, by our own decision (audit)."""
        raise NotImplementedError

    def reader(
        self, door: str, reader: str, now: Instant, *, lost: bool | None = None, tamper: bool | None = None
    ) -> Step:
        """A reader was lost or came back; its tamper contact (fresh readings only)."""
        raise NotImplementedError

    def forget(self, area: str, holder: str, now: Instant) -> Step:
        """Let a person enter an area again (anti-passback), by an operator's word."""
        raise NotImplementedError

    def tick(self, now: Instant) -> tuple[Step, ...]:
        """What time alone changes: one step per thing; `act` is always None."""
        raise NotImplementedError

    def due_ns(self) -> int | None:
        """Monotonic time of the next `tick` that may change something. A new core is due at once."""
        raise NotImplementedError

    def view(self, door: str) -> DoorView:
        """One door now."""
        raise NotImplementedError

    def views(self) -> tuple[DoorView, ...]:
        """All doors, in the order given."""
        raise NotImplementedError
