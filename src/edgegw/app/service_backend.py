"""What the local API sees of the service side (`api.backend_service.ServiceBackend`).

Owns: whether what a request names is there, and that what is told is committed. Must not know: HTTP, tokens.
"""

from collections.abc import Sequence

from edgegw.api.backend_service import ServiceBackend
from edgegw.api.types import wall_ns
from edgegw.api.types_service import PatrolCheckin, ServiceRequest, WindowScope
from edgegw.app.inbox import BY_API
from edgegw.app.service import Service
from edgegw.errors import EdgegwError
from edgegw.model import Changes
from edgegw.rules.own import SERVICE
from edgegw.service.patrol_specs import Person
from edgegw.service.patrol_state import CheckResult, PatrolView
from edgegw.service.people_requests import REQUEST
from edgegw.service.ticket import TicketUpdate, TroubleView, Window

AHEAD_NS = 60_000_000_000
"""How far a check-in's time may be ahead of our clock: handsets are seldom better than a minute."""

BEHIND_NS = 7 * 86_400_000_000_000
"""How long ago a check-in may have been: a handset that was out of reach over a week's holiday."""


class LocalService(ServiceBackend):
    """See the module's text."""

    def __init__(self, service: Service) -> None:
        self._service = service
        plan = service.plan
        self._labels = [dict(one.labels) for one in plan.devices.values()] + [
            dict(one.labels) for one in plan.doors.values()
        ]

    # --- tickets ------------------------------------------------------------------------------------------------------

    def troubles(self) -> Sequence[TroubleView]:
        """See `ServiceBackend.troubles`."""
        return self._service.troubles.views()

    async def answered(self, updates: Sequence[TicketUpdate]) -> int:
        """See `ServiceBackend.answered`."""
        return await self._service.inbox.answered(BY_API, updates)

    # --- maintenance --------------------------------------------------------------------------------------------------

    def windows(self) -> Sequence[Window]:
        """See `ServiceBackend.windows`."""
        return self._service.troubles.windows()

    async def declare(self, scope: WindowScope, target: str, reason: str, *, by: str, until_ns: int) -> Window:
        """See `ServiceBackend.declare`."""
        self._check(scope, target)
        window, changes = self._service.troubles.declare(
            scope=scope, target=target, reason=reason, by=by, until_ns=until_ns, now=self._service.clock.now()
        )
        await self._service.inbox.committed(changes)
        return window

    async def end_window(self, window: str, *, by: str) -> bool:
        """See `ServiceBackend.end_window`."""
        changes = self._service.troubles.end_window(window, by, self._service.clock.now())
        if changes is None:
            return False
        await self._service.inbox.committed(changes)
        return True

    def _check(self, scope: str, target: str) -> None:
        plan = self._service.plan
        there = {"device": plan.devices, "door": plan.doors, "link": {link.name for link in plan.links}}
        if scope in there and target not in there[scope]:
            raise EdgegwError("unknown-target", f"there is no {scope} {target!r}")
        if scope == "place":
            wanted = dict(part.split("=", 1) for part in target.split(",") if "=" in part)
            if not any(all(one.get(name) == value for name, value in wanted.items()) for one in self._labels):
                raise EdgegwError("unknown-target", f"no device and no door is at {target}")

    # --- requests -----------------------------------------------------------------------------------------------------

    async def request(self, request: ServiceRequest, *, by: str) -> TroubleView:
        """See `ServiceBackend.request`."""
        service = self._service
        if request.category not in service.catalogue.categories:
            there = ", ".join(sorted(service.catalogue.categories))
            raise EdgegwError("unknown-category", f"there is no category {request.category!r}; there are {there}")
        now = service.clock.now()
        asked = service.requests.take(
            request.id,
            category=request.category,
            title=request.title,
            at=now,
            description=request.description,
            labels=request.place,
            contact=request.contact,
            priority=request.priority or "",
            by=by,
        )
        if asked is not None:
            await service.inbox.committed(service.sensing.condition(asked, now))
        view = service.troubles.view(f"{service.plan.gateway.id}/{SERVICE}/{REQUEST}{request.id}")
        if view is None:
            raise EdgegwError("used-id", f"request {request.id} is over")
        return view

    async def withdraw(self, request: str, *, by: str) -> bool:
        """See `ServiceBackend.withdraw`."""
        del by  # the API's audit record has it
        now = self._service.clock.now()
        gone = self._service.requests.withdrawn(request, now)
        if gone is None:
            return False
        await self._service.inbox.committed(self._service.sensing.condition(gone, now))
        return True

    # --- patrols ------------------------------------------------------------------------------------------------------

    async def check_in(self, checkin: PatrolCheckin, *, by: str) -> Sequence[CheckResult]:
        """See `ServiceBackend.check_in`."""
        del by
        was_ns = None if checkin.at is None else wall_ns(checkin.at)
        now_ns = self._service.clock.now().wall_ns
        if was_ns is not None and not now_ns - BEHIND_NS <= was_ns <= now_ns + AHEAD_NS:
            raise EdgegwError("bad-time", "the time of a check-in is not to come, and at most a week ago")
        taken = self._service.patrols.check_in(
            checkin.point,
            Person(id=checkin.who, name=checkin.who, groups=None),
            id_=checkin.id,
            plan=checkin.plan,
            tag=checkin.tag,
            was_ns=None if was_ns is None else min(was_ns, now_ns),
        )
        await self._service.inbox.committed(Changes())
        return taken.results

    def patrols(self) -> Sequence[PatrolView]:
        """See `ServiceBackend.patrols`."""
        return self._service.patrols.views()
