"""What a ticket system's word does to a trouble.

Owns: which words count, and what follows from them. Must not know: how they arrive, how they are stored.

Words about one ticket come by several ways, late, twice and out of order. A version, where the system gives one, puts them in
order; without it the last to arrive counts, but for `opened`: that is also what the answer to an opening says, which may arrive
after the acknowledgement of the same ticket did by another way.
"""

from edgegw.model import Instant
from edgegw.rules.events import Draft
from edgegw.service.deciding import Machine
from edgegw.service.specs import NS_PER_S
from edgegw.service.ticket import TicketState, TicketUpdate
from edgegw.service.trouble import CLOCKS, ENDED, Timer, Trouble


def answered(machine: Machine, tr: Trouble, update: TicketUpdate, at: Instant, draft: Draft) -> None:
    """Take an answer about the present ticket of a trouble."""
    s = tr.s
    if s.state is TicketState.HELD or (update.version and update.version <= s.version):
        return
    said = TicketState(update.state)
    if not update.version and said is TicketState.OPENED and s.acked and s.state.live:
        said = s.state
    known = (s.number, s.url, s.assignee, s.version, s.state, s.opened_ns > 0)
    s.number = update.number or s.number
    s.url = update.url or s.url
    s.assignee = update.assignee or s.assignee
    s.version = update.version or s.version
    if s.state is not TicketState.MERGED:
        s.opened_ns = s.opened_ns or at.wall_ns
    if s.state in (TicketState.MERGED, said):
        if known != (s.number, s.url, s.assignee, s.version, s.state, s.opened_ns > 0):
            machine.touch(tr)
        return
    machine.touch(tr)
    if said.acknowledged:
        s.acked = True
        tr.stop(Timer.RESPOND)
        if not s.acknowledged_ns:
            s.acknowledged_ns = at.wall_ns
            s.met_by_ns = s.request.respond_by_ns if s.request else 0
    if said.live:
        _goes_on(machine, tr, said, at, draft)
    else:
        _ends(machine, tr, said, at)
    machine.rest(tr, at)


def _goes_on(machine: Machine, tr: Trouble, said: TicketState, at: Instant, draft: Draft) -> None:
    s = tr.s
    was_live, s.state = s.state.live, said
    if was_live:
        return
    # Somebody took it up again in the ticket system itself, or it tells late of what we had asked for.
    s.resolved_ns = s.closed_ns = 0
    machine.let_go(tr)
    tr.stop(Timer.REOPEN)
    if not tr.stands:
        s.proposed = True
        return
    machine.clocks(tr, at)
    if s.proposed:
        # We have proposed to resolve it meanwhile, and nobody has heard yet that the trouble is back.
        s.back = True
        tr.start(Timer.REOPEN, round(machine.one.reopen_s * NS_PER_S), at)
    machine.review(tr, at, draft)


def _ends(machine: Machine, tr: Trouble, said: TicketState, at: Instant) -> None:
    s = tr.s
    tr.stop(*CLOCKS)
    if said is TicketState.RESOLVED:
        s.resolved_ns = at.wall_ns
    else:
        s.closed_ns = at.wall_ns
    if s.state is TicketState.REJECTED:
        return  # closed after it was rejected: still somebody's decision
    before, s.state = s.state, said
    if said is TicketState.REJECTED:
        machine.let_go(tr)
        tr.stop(Timer.REOPEN)
    elif s.active and not s.why and before not in ENDED:
        s.back = False
        tr.start(Timer.REOPEN, round(machine.one.reopen_s * NS_PER_S), at)
