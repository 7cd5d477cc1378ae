"""What the API needs of the service side: troubles and their tickets, maintenance, requests, patrols; `app` implements it.

Owns: the contract. Must not know: any implementation.
"""

from collections.abc import Sequence
from typing import Protocol

from edgegw.api.types_service import PatrolCheckin, ServiceRequest, WindowScope
from edgegw.service.patrol_state import CheckResult, PatrolView
from edgegw.service.ticket import TicketUpdate, TroubleView, Window


class ServiceBackend(Protocol):
    """All calls on the event loop. Those that are not async return at once, from memory; what they give is bounded.

    The async ones have committed what they tell when they return. They raise EdgegwError for what is wrong with a request (its
    reason is answered, see `problems.STATUSES`; its detail is shown to the caller), and StoreError where nothing could be
    committed. `by` is the name of the caller's token. Bounds, forms and times of arguments are checked before; whether what they
    name is there is not. They are not cancelled when the caller goes away.
    """

    def troubles(self) -> Sequence[TroubleView]:
        """Troubles whose ticket is live, held, merged, or not closed yet, in any order."""
        ...

    async def answered(self, updates: Sequence[TicketUpdate]) -> int:
        """Take what a ticket system said, in its order (at most 1000); how many named a trouble that is known."""
        ...

    def windows(self) -> Sequence[Window]:
        """Maintenance that is on, in the order of its beginning."""
        ...

    async def declare(self, scope: WindowScope, target: str, reason: str, *, by: str, until_ns: int) -> Window:
        """Begin maintenance, at once. Windows may overlap: what is declared twice is on until both have ended.

        Args:
            target: id of a device, door or link; ``building=3,floor=2`` for a place, each name once, no blanks; empty for the
                gateway.
            until_ns: wall nanoseconds by the gateway's clock, after now, at most 30 days from now.

        Raises:
            EdgegwError: ``unknown-target``: there is no such thing, or no place with these labels; ``too-many``: windows.
        """
        ...

    async def end_window(self, window: str, *, by: str) -> bool:
        """End maintenance by its id before its time; False if there is none."""
        ...

    async def request(self, request: ServiceRequest, *, by: str) -> TroubleView:
        """Somebody asks for something. Idempotent by ``request.id``: one that is open gives its trouble, unchanged.

        Raises:
            EdgegwError: ``unknown-category``; ``bad-request``; ``used-id``: of one that is over; ``too-many``: requests open.
        """
        ...

    async def withdraw(self, request: str, *, by: str) -> bool:
        """A request by its id is no longer needed: its trouble has recovered; False if there is no such request open."""
        ...

    async def check_in(self, checkin: PatrolCheckin, *, by: str) -> Sequence[CheckResult]:
        """Somebody was at a point: what that was, for each round under way that has it; none: no such round.

        Idempotent by ``checkin.id``, also over the end of a round: an id that was taken lately gives what it gave.

        Raises:
            EdgegwError: ``unknown-plan``, ``unknown-point``, ``wrong-tag``; ``bad-time``: ``checkin.at`` is in the future, or
                the clock cannot tell.
        """
        ...

    def patrols(self) -> Sequence[PatrolView]:
        """All plans now, in the site's order."""
        ...
