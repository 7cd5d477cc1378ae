"""What the routes of tickets, maintenance, requests and patrols do, apart from HTTP: a call in, a value out, or an ApiError.

Owns: the meaning of these routes, alarms with their tickets, the translation of troubles and windows to the API's words.
Must not know: HTTP, how a token was found, who is behind the backends, how a trouble is judged.
"""

from datetime import datetime

import msgspec

from edgegw.api.acts import Acts
from edgegw.api.backend import Backend
from edgegw.api.backend_service import ServiceBackend
from edgegw.api.call import Call, choice, holder, known_ref
from edgegw.api.problems import ApiError
from edgegw.api.types import Alarm, Alarms, AlarmTicket, is_slug, moment, wall_ns
from edgegw.api.types_service import (
    LABELS_MOST,
    MINUTES_MOST,
    CheckinResult,
    CheckinTaken,
    Maintenance,
    MaintenanceEnded,
    MaintenanceStart,
    MaintenanceWindow,
    PatrolCheckin,
    PatrolLast,
    PatrolPlan,
    PatrolPoint,
    PatrolRound,
    Patrols,
    RequestTaken,
    RequestWithdrawn,
    ServiceRequest,
    Ticket,
    TicketAnswers,
    Tickets,
    TicketsTaken,
)
from edgegw.clock import Clock
from edgegw.service.patrol_state import CheckResult, PatrolView, PointView, Result
from edgegw.service.ticket import TicketState, TroubleView, Window

NS_PER_MINUTE = 60_000_000_000


class ServiceHandlers:
    """One method for each of its routes, by its name. `service`: None where the site has no service catalogue."""

    def __init__(self, backend: Backend, service: ServiceBackend | None, clock: Clock, acts: Acts) -> None:
        self._backend = backend
        self._behind = service
        self._clock = clock
        self._acts = acts

    # --- tickets ------------------------------------------------------------------------------------------------------

    async def alarms(self, _: Call) -> Alarms:
        """All alarms, with their tickets and the priority these have."""
        found = self._backend.alarms()
        if self._behind is not None:
            known = {view.dedup_key: view for view in self._behind.troubles()}
            found = [_with_ticket(alarm, known.get(alarm.dedup_key)) for alarm in found]
        return Alarms(tuple(found), self._now())

    async def tickets(self, call: Call) -> Tickets:
        """All troubles, or those asked for."""
        state = active = None
        if "state" in call.query:
            state = choice(call, "state", tuple(TicketState))
        if "active" in call.query:
            active = choice(call, "active", ("true", "false")) == "true"
        views = [
            view
            for view in self._service().troubles()
            if (state is None or view.state == state) and (active is None or view.active == active)
        ]
        views.sort(key=lambda view: (view.priority, view.respond_by_ns, view.raised_ns))
        return Tickets(tuple(map(_ticket, views)), self._now())

    async def ticket(self, call: Call) -> Ticket:
        """One trouble, by its ticket's ref or id."""
        wanted = known_ref(call.target, "unknown-ticket")
        for view in self._service().troubles():
            if wanted in {view.ref, view.ticket_id}:
                return _ticket(view)
        raise ApiError("unknown-ticket", "no such ticket; one that is closed is no longer here")

    async def push_tickets(self, call: Call) -> TicketsTaken:
        """What a ticket system says."""
        body: TicketAnswers = call.body
        known = await self._acts.run(self._service().answered(body.tickets), "api-tickets")
        return TicketsTaken(known, len(body.tickets) - known)

    # --- maintenance --------------------------------------------------------------------------------------------------

    async def maintenance(self, _: Call) -> Maintenance:
        """All maintenance that is on."""
        return Maintenance(tuple(map(_window, self._service().windows())), self._now())

    async def declare_maintenance(self, call: Call) -> MaintenanceWindow:
        """Begin maintenance."""
        service, body = self._service(), call.body
        call.target = f"{body.scope}/{body.target}"
        target = _target(body)
        work = service.declare(body.scope, target, body.reason, by=holder(call).name, until_ns=self._until_ns(body))
        return _window(await self._acts.run(work, "api-declare"))

    async def end_maintenance(self, call: Call) -> MaintenanceEnded:
        """End it before its time."""
        window = known_ref(call.target, "unknown-window")
        work = self._service().end_window(window, by=holder(call).name)
        if not await self._acts.run(work, "api-end-window"):
            raise ApiError("unknown-window", "no such maintenance; it may have ended by itself")
        return MaintenanceEnded(ended=True)

    # --- requests -----------------------------------------------------------------------------------------------------

    async def request_service(self, call: Call) -> RequestTaken:
        """What somebody asks for."""
        body: ServiceRequest = call.body
        call.target = body.id
        view = await self._acts.run(self._service().request(body, by=holder(call).name), "api-request")
        return RequestTaken(id=body.id, ticket=_ticket(view))

    async def withdraw_request(self, call: Call) -> RequestWithdrawn:
        """It is no longer needed."""
        request = known_ref(call.target, "unknown-request")
        work = self._service().withdraw(request, by=holder(call).name)
        if not await self._acts.run(work, "api-withdraw"):
            raise ApiError("unknown-request", "no such request is open", id=request)
        return RequestWithdrawn(withdrawn=True)

    # --- patrols ------------------------------------------------------------------------------------------------------

    async def patrols(self, _: Call) -> Patrols:
        """All plans."""
        return Patrols(tuple(map(_plan, self._service().patrols())), self._now())

    async def check_in(self, call: Call) -> CheckinTaken:
        """Somebody was at a point."""
        body: PatrolCheckin = call.body
        call.target = f"{body.plan or ''}/{body.point}"
        found = await self._acts.run(self._service().check_in(body, by=holder(call).name), "api-check-in")
        rounds = [one.round for one in found if one.result in tuple(Result)]
        return CheckinTaken(taken=bool(rounds), round=rounds[0] if rounds else "", results=tuple(map(_result, found)))

    # --- inside -------------------------------------------------------------------------------------------------------

    def _service(self) -> ServiceBackend:
        if self._behind is None:
            raise ApiError("no-service", "no service catalogue here; the site file's `service` has one")
        return self._behind

    def _now(self) -> datetime:
        return moment(self._clock.now().wall_ns)

    def _until_ns(self, body: MaintenanceStart) -> int:
        now = self._clock.now()
        if body.minutes is not None:
            return now.wall_ns + round(body.minutes * NS_PER_MINUTE)
        if not now.synced:
            raise ApiError("clock-untrusted", "the gateway's clock cannot tell when that is; give minutes")
        until_ns = 0 if body.until is None else wall_ns(body.until)
        if not now.wall_ns < until_ns <= now.wall_ns + MINUTES_MOST * NS_PER_MINUTE:
            raise ApiError("invalid", "until is after now, and at most 30 days from now")
        return until_ns


def _target(body: MaintenanceStart) -> str:
    """What is named, in one spelling. Whether it is there, the backend knows."""
    if body.scope == "gateway":
        if body.target not in {"", "gateway"}:
            raise ApiError("unknown-target", "there is one gateway here; leave target away")
        return ""
    if body.scope != "place":
        if not is_slug(body.target):
            raise ApiError("unknown-target", "no id looks like this")
        return body.target
    labels: dict[str, str] = {}
    for part in body.target.split(","):
        name, _, value = (piece.strip() for piece in part.partition("="))
        if not is_slug(name) or not value or name in labels:
            raise ApiError("unknown-target", "a place is written building=3,floor=2, each name once")
        labels[name] = value
    if len(labels) > LABELS_MOST:
        raise ApiError("unknown-target", f"a place of more than {LABELS_MOST} labels")
    return ",".join(f"{name}={value}" for name, value in labels.items())


def _with_ticket(alarm: Alarm, view: TroubleView | None) -> Alarm:
    if view is None:
        return alarm
    return msgspec.structs.replace(alarm, priority=view.priority or alarm.priority, ticket=_alarm_ticket(view))


def _at(wall: int) -> datetime | None:
    """0 is `not so (yet)`."""
    return moment(wall) if wall else None


def _alarm_ticket(view: TroubleView) -> AlarmTicket:
    return AlarmTicket(
        id=view.ticket_id,
        ref=view.ref,
        state=view.state,
        why=view.why,
        cause=view.cause,
        priority=view.priority,
        team=view.team,
        number=view.number,
        url=view.url,
        assignee=view.assignee,
        respond_by=_at(view.respond_by_ns),
        resolve_by=_at(view.resolve_by_ns),
        acknowledged_at=_at(view.acknowledged_ns),
        level=view.level,
        occurrences=view.occurrences,
    )


def _ticket(view: TroubleView) -> Ticket:
    return Ticket(
        **msgspec.structs.asdict(_alarm_ticket(view)),
        dedup_key=view.dedup_key,
        title=view.title,
        category=view.category,
        subject=view.subject,
        active=view.active,
        labels=view.labels,
        raised_at=_at(view.raised_ns),
        cleared_at=_at(view.cleared_ns),
        requested_at=_at(view.requested_ns),
        resolved_at=_at(view.resolved_ns),
    )


def _window(window: Window) -> MaintenanceWindow:
    return MaintenanceWindow(
        id=window.id,
        scope=window.scope,  # type: ignore[arg-type]  # one of the five words, as service.ticket names them
        target=window.target,
        reason=window.reason,
        by=window.by,
        began=moment(window.began.wall_ns),
        until=moment(window.until_ns),
    )


def _result(found: CheckResult) -> CheckinResult:
    return CheckinResult(
        plan=found.plan, round=found.round, point=found.point, result=found.result, also=tuple(found.also)
    )


def _point(view: PointView) -> PatrolPoint:
    return PatrolPoint(
        point=view.id,
        name=view.name,
        state=view.result or ("overdue" if view.overdue else "due"),  # type: ignore[arg-type]  # a `Result`, or these two
        due=_at(view.due_ns),
        by=_at(view.by_ns),
        who=view.who,
    )


def _plan(view: PatrolView) -> PatrolPlan:
    last = view.last
    return PatrolPlan(
        plan=view.plan,
        name=view.name,
        round=PatrolRound(id=view.round, started=_at(view.start_ns), points=tuple(map(_point, view.points)))
        if view.round
        else None,
        next=_at(view.next_ns),
        missed=view.missed,
        last=None
        if last is None
        else PatrolLast(
            id=last.round,
            planned=datetime.fromisoformat(last.planned),
            ended=datetime.fromisoformat(last.at),
            reason=last.reason,
            total=last.total,
            checked=last.checked,
            on_time=last.on_time,
            early=last.early,
            late=last.late,
            missed=last.missed,
        ),
    )
