"""What the API needs of the rest of the gateway; `app` implements it.

Owns: the contract. Must not know: any implementation.
"""

from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, Literal, Protocol

from edgegw.api.types import Alarm, CredentialPut, CredentialSummary, Device, Door, Point
from edgegw.model import Command, Event, Lane, Outcome, Record

ImportMode = Literal["full", "delta"]

Heard = Callable[[Sequence[Record]], None]
"""Told of committed records in seq order, on the loop; must return at once."""


class Backend(Protocol):
    """All calls on the event loop. Those that are not async return at once, from memory.

    The async ones raise EdgegwError for what is wrong with a request (its reason is answered, see `problems.STATUSES`), and
    StoreError where nothing could be committed.
    """

    def devices(self) -> Sequence[Device]:
        """All devices, in the site's order."""
        ...

    def device(self, device: str) -> Device | None:
        """One of them."""
        ...

    def points(self, device: str) -> Sequence[Point] | None:
        """The last readings of a device; None: there is no such device."""
        ...

    def alarms(self) -> Sequence[Alarm]:
        """Raised and not cleared."""
        ...

    def doors(self) -> Sequence[Door]:
        """All doors, in the site's order."""
        ...

    def door(self, door: str) -> Door | None:
        """One of them."""
        ...

    async def command(self, command: Command) -> Outcome:
        """Admit and carry out (the Desk's `submit`): by its deadline, never raising for a fault."""
        ...

    async def import_credentials(
        self, body: bytes, content_type: str, mode: ImportMode, *, dry_run: bool
    ) -> Mapping[str, Any]:
        """Many credentials in one transaction.

        Args:
            body: as it came.
            content_type: ``application/json`` or ``text/csv``.
            mode: ``full``: what is not in the body is revoked.
            dry_run: only say what would change.

        Returns:
            what changed (or would), as a JSON object; no number whole.
        """
        ...

    async def put_credential(self, credential: CredentialPut) -> bool:
        """Add or replace one; True if it is new. Committed when it returns."""
        ...

    async def revoke(self, kind: str, number: str) -> bool:
        """Revoke one, effective at once; False if there was none. Committed when it returns."""
        ...

    def credentials_summary(self) -> CredentialSummary:
        """How many there are."""
        ...

    async def events(self, after_seq: int, lanes: AbstractSet[Lane], limit: int) -> Sequence[Record]:
        """The stored records of these lanes above `after_seq`, in seq order over all of them, at most `limit`.

        Fewer than `limit`: there are no more now. What every upstream accepted may be gone already.
        """
        ...

    def subscribe(self, heard: Heard) -> Callable[[], None]:
        """Call `heard` after every commit from now on; returns the function that ends it."""
        ...

    def audit(self, event: Event) -> None:
        """Take a record of a request for the next commit; returns at once. The API bounds how many there are."""
        ...
