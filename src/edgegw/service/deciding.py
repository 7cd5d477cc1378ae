"""How one trouble moves: raised, updated, cleared, explained, waited for, escalated.

Owns: the state machine of a trouble's ticket (docs/tickets.md has the picture), what its clocks bring about.
Must not know: events' bytes, feeds, windows: it asks whether something covers or explains a trouble, and never why.

What a ticket system says is in answering.py.
"""

from edgegw.model import Instant
from edgegw.rules.events import Draft
from edgegw.service.asking import Asking
from edgegw.service.flapping import flaps
from edgegw.service.looks import ticket_of
from edgegw.service.specs import NS_PER_S
from edgegw.service.ticket import ALARM_ESCALATED, TICKET_UPDATED, Action, Ticket, TicketState, Why
from edgegw.service.trouble import ENDED, Timer, Trouble


class Machine(Asking):
    """All that happens to a trouble but what its ticket system says."""

    # --- its alarm ----------------------------------------------------------------------------------------------------

    def raised(self, tr: Trouble, at: Instant, draft: Draft) -> Ticket:
        """Its alarm is raised, for the first time or again. The caller tells of it, and then calls `follow`."""
        s = tr.s
        if s.state is TicketState.REJECTED and tr.facts.momentary:
            s = self.renew(tr, at, draft)  # whoever presses again means it again
        s.active, s.cleared_ns = True, 0
        s.occurrences += 1
        s.back = tr.waiting_up
        tr.stop(Timer.OVER)
        self._count(tr, at)
        self.touch(tr)
        if s.state is TicketState.REJECTED:
            return ticket_of(tr, Action.NONE, Why.ENDED)
        if s.state.live and not s.proposed:
            return self._again(tr, at)
        return self._wanted(tr, at, draft)

    def follow(self, tr: Trouble, at: Instant, draft: Draft) -> None:
        """What an alarm's event cannot say itself, right after it."""
        if tr.flap_began:
            tr.flap_began = False
            if tr.s.state.live and not tr.s.why:
                self.tell(TICKET_UPDATED, tr, at, draft, ticket_of(tr, Action.UPDATE, Why.FLAPPING))

    def updated(self, tr: Trouble) -> Ticket:
        """Something about its alarm changed."""
        s = tr.s
        self.touch(tr)
        if s.why:
            return ticket_of(tr, Action.NONE, s.why, s.cause)
        if not s.state.live:
            return ticket_of(tr, Action.NONE, Why.ENDED)
        return ticket_of(tr, Action.NONE, Why.FLAPPING) if s.flapping else ticket_of(tr, Action.UPDATE)

    def cleared(self, tr: Trouble, at: Instant) -> Ticket:
        """Its alarm is cleared."""
        s = tr.s
        s.active, s.cleared_ns = False, at.wall_ns
        tr.stop(Timer.REOPEN)
        if s.flapping:
            tr.start(Timer.QUIET, round(self.one.flap_quiet_s * NS_PER_S), at)
        self.touch(tr)
        if s.why:
            ticket = ticket_of(tr, Action.NONE, s.why, s.cause)
            if not tr.stands:
                self.let_go(tr)
        elif not s.state.live:
            ticket = ticket_of(tr, Action.NONE, Why.ENDED)
        elif s.flapping:
            ticket = ticket_of(tr, Action.NONE, Why.FLAPPING)
        elif tr.facts.momentary:
            ticket = ticket_of(tr, Action.UPDATE)
        else:
            ticket = self.recovered(tr)
        self.rest(tr, at)
        return ticket

    def _count(self, tr: Trouble, at: Instant) -> None:
        """Whether it flaps. A momentary alarm never does: each time somebody pressed a button."""
        s, one = tr.s, self.one
        tr.raises.append(at.mono_ns)
        if not s.flapping and not tr.facts.momentary:
            within_ns = round(one.flap_within_s * NS_PER_S)
            s.flapping = tr.flap_began = flaps(tr.raises, at.mono_ns, one.flap_raises, within_ns)
        if s.flapping:
            tr.start(Timer.QUIET, round(one.flap_quiet_s * NS_PER_S), at)

    def _again(self, tr: Trouble, at: Instant) -> Ticket:
        """Raised again while its ticket is being worked on."""
        cause = self.explained(tr)
        if cause:
            return self.merge(tr, cause, at)
        if tr.facts.momentary:
            # Its ticket may have been closed a moment ago, and nothing will be left of the alarm by the time we hear of it.
            return ticket_of(tr, Action.REOPEN, Why.RAISED_AGAIN)
        if tr.s.flapping and not tr.flap_began:
            return ticket_of(tr, Action.NONE, Why.FLAPPING)
        return ticket_of(tr, Action.UPDATE)

    def _wanted(self, tr: Trouble, at: Instant, draft: Draft) -> Ticket:
        """Raised, and nobody works on it: now, later, or never."""
        s = tr.s
        request = self.classify(tr.facts, at)
        gathering_ns = tr.due.get(Timer.HOLD) if s.why == Why.GATHER else None
        tr.stop(Timer.HOLD, Timer.REOPEN)
        s.cause = ""
        if request is None:
            return self.wait(tr, Why.NO_TICKET)
        if s.state is TicketState.HELD:
            s.request = request
        if self.covered(tr):
            return self.wait(tr, Why.MAINTENANCE)
        if tr.health:
            cause = self.explained(tr)
            if cause:
                return self.merge(tr, cause, at) if s.state.live else self.wait(tr, Why.CAUSE, cause)
        if s.flapping and not tr.flap_began and s.state in ENDED:
            s.why = ""
            tr.start(Timer.REOPEN, round(self.one.reopen_s * NS_PER_S), at)
            return ticket_of(tr, Action.NONE, Why.FLAPPING)
        if self.one.gather_s > 0 and self.explicable(tr):
            tr.start(Timer.HOLD, round(self.one.gather_s * NS_PER_S), at)
            if gathering_ns is not None:  # what flaps faster than this must not put it off for ever
                tr.due[Timer.HOLD] = gathering_ns
            return self.wait(tr, Why.GATHER)
        return self.ask(tr, request, at, draft)

    # --- what explains it -----------------------------------------------------------------------------------------------

    def review(self, tr: Trouble, at: Instant, draft: Draft) -> None:
        """What explains it came or went."""
        s = tr.s
        if not s.active and not (s.flapping and s.why):
            return
        cause = self.explained(tr)
        if cause:
            if s.state.live and s.why != Why.MAINTENANCE:
                self.tell(TICKET_UPDATED, tr, at, draft, self.merge(tr, cause, at))
                self.touch(tr)
            elif s.why == Why.GATHER or (s.why == Why.CAUSE and (s.cause != cause or Timer.HOLD in tr.due)):
                s.why, s.cause = Why.CAUSE.value, cause
                tr.stop(Timer.HOLD)
                self.touch(tr)
        elif s.why == Why.CAUSE and Timer.HOLD not in tr.due:
            tr.start(Timer.HOLD, round(self.one.settle_s * NS_PER_S), at)
            self.touch(tr)

    def uncovered(self, tr: Trouble, at: Instant, draft: Draft) -> None:
        """A maintenance window has ended."""
        if self.covered(tr):
            return
        if tr.resume(at):
            self.touch(tr)
        if tr.s.why == Why.MAINTENANCE:
            self.release(tr, at, draft)

    # --- time ---------------------------------------------------------------------------------------------------------

    def fire(self, tr: Trouble, now: Instant, draft: Draft) -> None:
        """Take every step that is due, in the order of their times."""
        while tr.due:
            timer = min(tr.due, key=tr.due.__getitem__)
            if tr.due[timer] > now.mono_ns:
                break
            del tr.due[timer]
            self.touch(tr)
            if timer is Timer.OVER:
                self.over(tr, now, draft)
                return
            if timer is Timer.HOLD or timer is Timer.REOPEN:
                self.release(tr, now, draft)
            elif timer is Timer.QUIET:
                self._quiet(tr, now, draft)
            else:
                self._escalate(tr, timer, now, draft)

    def _quiet(self, tr: Trouble, now: Instant, draft: Draft) -> None:
        s = tr.s
        s.flapping = False
        tr.raises.clear()
        if s.active:
            return
        if s.state.live and not s.why and not s.proposed:
            self.tell(TICKET_UPDATED, tr, now, draft, self.recovered(tr))
        self.let_go(tr)
        self.rest(tr, now)

    def _escalate(self, tr: Trouble, timer: Timer, now: Instant, draft: Draft) -> None:
        s = tr.s
        if not s.state.live:
            return
        if timer is Timer.RESPOND:
            if s.acked:
                return
            s.asked += 1
            if s.asked < self.one.escalate_most:
                tr.start(Timer.RESPOND, round(self.one.escalate_every_s * NS_PER_S), now)
        else:
            s.overdue = True
        s.level += 1
        why = Why.RESPOND if timer is Timer.RESPOND else Why.RESOLVE
        self.tell(ALARM_ESCALATED, tr, now, draft, ticket_of(tr, Action.ESCALATE, why))
