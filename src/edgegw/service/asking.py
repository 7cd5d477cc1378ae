"""Asking for a ticket, or not: opened, opened again, merged, given up; and the clocks that run while it is open.

Owns: what these steps change, the events that come without an alarm's.
Must not know: what brings them about (deciding.py, answering.py), events' bytes, feeds, windows: it asks whether something covers
or explains a trouble, and never why.
"""

from collections import Counter
from collections.abc import Callable

from edgegw.model import Instant, Lane
from edgegw.rules.events import Draft
from edgegw.service.looks import ticket_of
from edgegw.service.outgoing import with_priority, with_ticket
from edgegw.service.specs import NS_PER_S, Facts, OneTicket
from edgegw.service.ticket import TICKET_REQUESTED, TICKET_UPDATED, Action, Request, Ticket, TicketState, Why
from edgegw.service.trouble import CLOCKS, Stored, Timer, Trouble, begun

KEEP_NS = 30 * 24 * 3600 * NS_PER_S
"""A recovered trouble whose ticket nobody ends is forgotten 30 days after its last change: by then somebody has ended it in a way
that did not reach us, and memory has to stay bounded."""


class Asking:
    """All that a step of one trouble needs.

    Args:
        classify: the catalogue's word.
        covered: whether maintenance covers a trouble.
        explained: dedup_key of what explains it, or ""; `explicable`: whether anything ever may.
        over: a trouble's time is over: into the history, and forgotten; `past`: its ticket alone, a new one follows.
    """

    def __init__(
        self,
        *,
        one: OneTicket,
        classify: Callable[[Facts, Instant], Request | None],
        covered: Callable[[Trouble], bool],
        explained: Callable[[Trouble], str],
        explicable: Callable[[Trouble], bool],
        over: Callable[[Trouble, Instant, Draft], None],
        past: Callable[[Trouble, Instant, Draft], None],
    ) -> None:
        self.one = one
        self.classify = classify
        self.covered = covered
        self.explained = explained
        self.explicable = explicable
        self.over = over
        self._past = past
        self._serial = 0
        self.actions: Counter[str] = Counter()
        """Events that carried each action."""
        self.touched: dict[str, Trouble] = {}
        """To be stored at the end of this step."""

    def touch(self, tr: Trouble) -> None:
        """It changed."""
        self.touched[tr.key] = tr

    def next_serial(self) -> int:
        """Tells apart what begins at the same instant."""
        self._serial += 1
        return self._serial

    # --- its ticket ---------------------------------------------------------------------------------------------------

    def ask(self, tr: Trouble, request: Request, at: Instant, draft: Draft) -> Ticket:
        """Ask for a ticket, the first or the same again."""
        s = tr.s
        action, why = Action.OPEN, Why.FLAPPING if s.flapping and not tr.flap_began else ""
        if s.state is TicketState.MERGED:
            s = self.renew(tr, at, draft)
        elif s.state is not TicketState.HELD:
            action, why = Action.REOPEN, Why.RAISED_AGAIN if s.back else Why.STILL_ACTIVE
        if not s.state.live:
            s.state, s.acked = TicketState.REQUESTED, False
            s.resolved_ns = s.closed_ns = 0
        s.why = s.cause = ""
        s.proposed = s.back = s.overdue = False
        s.asked = 0
        s.request = request
        s.requested_ns = s.requested_ns or at.wall_ns
        s.data = with_priority(s.data, request.priority)
        tr.stop(Timer.HOLD, Timer.REOPEN, Timer.OVER)
        self.clocks(tr, at)
        return ticket_of(tr, action, why)

    def clocks(self, tr: Trouble, at: Instant) -> None:
        """Let the clocks towards people run, by the times the ticket names; a step of the wall clock later moves nothing."""
        s = tr.s
        tr.stop(*CLOCKS)
        if s.request is None or self.one.escalate_most <= 0:
            return
        if not s.acked:
            tr.start(Timer.RESPOND, s.request.respond_by_ns - at.wall_ns, at)
        if not s.overdue:
            tr.start(Timer.RESOLVE, s.request.resolve_by_ns - at.wall_ns, at)
        if self.covered(tr):
            tr.pause(at)

    def recovered(self, tr: Trouble) -> Ticket:
        """It is gone: a resolution is proposed, once."""
        if tr.s.proposed:
            return ticket_of(tr, Action.NONE, Why.ENDED)
        tr.s.proposed = True
        tr.stop(*CLOCKS)
        return ticket_of(tr, Action.RESOLVE)

    def merge(self, tr: Trouble, cause: str, at: Instant) -> Ticket:
        """The ticket of what explains it stands for its own."""
        s = tr.s
        s.state, s.why, s.cause = TicketState.MERGED, Why.CAUSE.value, cause
        s.merged_into, s.proposed = cause, False
        s.closed_ns = at.wall_ns
        tr.stop(*CLOCKS, Timer.HOLD, Timer.REOPEN)
        return ticket_of(tr, Action.MERGE, Why.CAUSE, cause)

    def renew(self, tr: Trouble, at: Instant, draft: Draft) -> Stored:
        """Its ticket is history; another one begins."""
        old = tr.s
        self._past(tr, at, draft)
        s = begun(old.data, old.subject, at, self.next_serial())
        s.request, s.active, s.flapping = old.request, old.active, old.flapping
        s.occurrences = int(old.active or old.flapping)
        s.raised_ns, s.synced = (old.raised_ns, old.synced) if old.active else (at.wall_ns, at.synced)
        tr.s = s
        tr.stop(*Timer)
        if s.flapping:
            tr.start(Timer.QUIET, round(self.one.flap_quiet_s * NS_PER_S), at)
        return s

    def rest(self, tr: Trouble, at: Instant) -> None:
        """If it is gone: how long it is remembered."""
        s = tr.s
        if s.active or s.flapping:
            tr.stop(Timer.OVER)
            return
        lasts = s.state.live and (s.opened_ns > 0 or tr.facts.momentary)
        tr.start(Timer.OVER, KEEP_NS if lasts else round(self.one.reraise_s * NS_PER_S), at)

    def wait(self, tr: Trouble, why: Why, cause: str = "") -> Ticket:
        """No ticket, or not now."""
        s = tr.s
        s.why, s.cause = why.value, cause
        if why is Why.NO_TICKET and s.state is TicketState.HELD:
            s.request = None
        return ticket_of(tr, Action.NONE, why, cause)

    def let_go(self, tr: Trouble) -> None:
        """What it waited for does not matter any more. Why there never was a ticket stays known."""
        tr.stop(Timer.HOLD)
        if tr.s.state is not TicketState.HELD and tr.s.state is not TicketState.MERGED:
            tr.s.why = tr.s.cause = ""

    def release(self, tr: Trouble, at: Instant, draft: Draft) -> None:
        """What it waited for is over: if it still stands it gets its ticket, unless something else explains it."""
        s = tr.s
        self.touch(tr)
        if not tr.stands or (s.state.live and not s.proposed):
            return
        if self.covered(tr):
            self.wait(tr, Why.MAINTENANCE)
            return
        cause = self.explained(tr)
        if cause:
            if s.state.live:
                self.tell(TICKET_UPDATED, tr, at, draft, self.merge(tr, cause, at))
            else:
                self.wait(tr, Why.CAUSE, cause)
            return
        request = self.classify(tr.facts, at)
        if request is None:
            self.wait(tr, Why.NO_TICKET)
            return
        ticket = self.ask(tr, request, at, draft)
        self.tell(TICKET_REQUESTED, tr, at, draft, ticket)
        self.rest(tr, at)

    def tell(self, kind: str, tr: Trouble, at: Instant, draft: Draft, ticket: Ticket) -> None:
        """An event of its own, with the alarm's data."""
        self.actions[ticket.action] += 1
        draft.event(kind, Lane.ALARM, tr.s.subject, at, with_ticket(tr.s.data, ticket))
