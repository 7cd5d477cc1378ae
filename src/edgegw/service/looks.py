"""How a trouble looks: to receivers of its events, to onlookers, to reports.

Owns: the ticket in its events, its view, its history row. Must not know: when any of them is due.
"""

from msgspec import UNSET, UnsetType

from edgegw.rules.events import utc
from edgegw.service.ticket import Action, History, Ticket, TicketState, TroubleView, Why
from edgegw.service.trouble import Stored, Trouble

UNSAID = frozenset({TicketState.HELD, TicketState.REQUESTED})
"""States that no ticket system told."""


def ticket_of(tr: Trouble, action: Action, why: str = "", cause: str = "") -> Ticket:
    """The ticket's part of an event. With action none only what says which, and why."""
    s, request = tr.s, tr.s.request
    asked_for, said = s.state is not TicketState.HELD, s.state not in UNSAID
    if action is Action.NONE or request is None:
        return Ticket(
            action=Action.NONE,
            why=_or_unset(why),
            cause=_or_unset(cause),
            id=s.ticket_id if asked_for else UNSET,
            ref=s.ref if asked_for else UNSET,
            number=_or_unset(s.number),
            state=s.state.value if said else UNSET,
        )
    return Ticket(
        action=action,
        why=_or_unset(why),
        cause=_or_unset(cause),
        id=s.ticket_id,
        ref=s.ref,
        category=request.category,
        category_name=request.category_name,
        impact=request.impact or UNSET,
        urgency=request.urgency or UNSET,
        priority=request.priority,
        respond_by=utc(request.respond_by_ns),
        resolve_by=utc(request.resolve_by_ns),
        team=_or_unset(request.team),
        team_name=_or_unset(request.team_name),
        contact=_or_unset(request.contact),
        skills=request.skills or UNSET,
        guide=request.guide or UNSET,
        plan=request.plan or UNSET,
        number=_or_unset(s.number),
        state=s.state.value if said else UNSET,
        url=_or_unset(s.url),
        level=s.level or UNSET,
        occurrences=s.occurrences,
    )


def view_of(tr: Trouble, cause: str) -> TroubleView:
    """For onlookers; `cause` as of now."""
    s, request = tr.s, tr.s.request
    return TroubleView(
        dedup_key=s.dedup_key,
        ticket_id=s.ticket_id,
        ref=s.ref,
        title=s.data.title,
        category=_category(s),
        priority=_priority(s),
        team=request.team if request else "",
        subject=s.subject,
        active=s.active,
        state=s.state,
        why=s.why or (Why.FLAPPING.value if s.flapping else ""),
        cause=cause,
        number=s.number,
        url=s.url,
        assignee=s.assignee,
        level=s.level,
        occurrences=s.occurrences,
        raised_ns=s.raised_ns,
        cleared_ns=s.cleared_ns,
        requested_ns=s.requested_ns,
        acknowledged_ns=s.acknowledged_ns,
        resolved_ns=s.resolved_ns or s.closed_ns,
        respond_by_ns=request.respond_by_ns if request and s.requested_ns else 0,
        resolve_by_ns=request.resolve_by_ns if request and s.requested_ns else 0,
        labels=tr.facts.labels,
    )


def history_of(tr: Trouble) -> History:
    """As reports will read it."""
    s, request = tr.s, tr.s.request
    asked = request if s.requested_ns else None
    return History(
        ticket_id=s.ticket_id,
        ref=s.ref,
        dedup_key=s.dedup_key,
        title=s.data.title,
        category=_category(s),
        priority=_priority(s),
        subject=s.subject,
        state=s.state.value,
        team=request.team if request else "",
        labels=tr.facts.labels,
        number=s.number,
        why=Why.CAUSE.value if s.merged_into else s.why,
        cause=s.merged_into or s.cause,
        synced=s.synced,
        level=s.level,
        occurrences=s.occurrences,
        raised_ns=s.raised_ns,
        cleared_ns=s.cleared_ns,
        requested_ns=s.requested_ns,
        opened_ns=s.opened_ns,
        acknowledged_ns=s.acknowledged_ns,
        resolved_ns=s.resolved_ns,
        closed_ns=s.closed_ns,
        respond_by_ns=s.met_by_ns or (asked.respond_by_ns if asked else 0),
        resolve_by_ns=asked.resolve_by_ns if asked else 0,
    )


def _category(s: Stored) -> str:
    return s.request.category if s.request else s.data.category


def _priority(s: Stored) -> str:
    return s.request.priority if s.request else s.data.priority


def _or_unset(text: str) -> str | UnsetType:
    return text or UNSET
