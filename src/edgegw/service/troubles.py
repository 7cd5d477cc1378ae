"""All troubles of a gateway: one trouble, one ticket; what every alarm event says of its ticket; what became of it.

Owns: which troubles there are, the way of an event through them, storms, maintenance, history; one step's changes.
Must not know: when an alarm is raised (rules), how anything is delivered or stored.

    alarm events, offline devices ─▶ take ─┐
    ticket systems' answers ─▶ answer ─────┼─▶ deciding, asking, answering (one trouble) ─▶ Changes
    maintenance ─▶ declare, end_window ────┤        ▲ covered? explained?
    time ─▶ tick ──────────────────────────┘   maintenance, storm, explaining

Memory runs ahead of the store, as the rule engine's does: a caller that cannot commit must stop rather than go on.
"""

from collections.abc import Collection, Mapping, Sequence

import msgspec
from msgspec import UNSET

from edgegw.model import Changes, Event, Instant
from edgegw.rules.events import (
    ALARM_CLEARED,
    ALARM_RAISED,
    ALARM_UPDATED,
    DEVICE_OFFLINE,
    DEVICE_ONLINE,
    AlarmData,
    Draft,
    utc,
)
from edgegw.rules.own import Reported
from edgegw.service.answering import answered
from edgegw.service.ground import Ground
from edgegw.service.looks import view_of
from edgegw.service.outgoing import UNREADABLE, decode_alarm, with_priority, with_ticket
from edgegw.service.ticket import (
    TICKET_REQUESTED,
    TICKET_UPDATED,
    Action,
    Ticket,
    TicketUpdate,
    TroubleView,
    Why,
    Window,
)
from edgegw.service.trouble import Timer, Trouble

ALARMS = frozenset({ALARM_RAISED, ALARM_UPDATED, ALARM_CLEARED})
PRESENCE = frozenset({DEVICE_OFFLINE, DEVICE_ONLINE})

TROUBLES_MOST = 5_000
"""Troubles remembered, some 3 KB each. Rules make at most one each, but people's requests have no such bound: one hundred a day
whose tickets nobody ends are 3,000 in the 30 days they are kept."""

_UNTOLD = Ticket(action=Action.NONE, why=Why.ENDED)
"""Of an alarm that is cleared and that nothing is known of any more."""


class Troubles(Ground):
    """See the module's text. Not for concurrent use; call `begin` once before anything else. `Ground` has the arguments."""

    # --- what comes in ------------------------------------------------------------------------------------------------

    def begin(self, alarms: Mapping[str, AlarmData], offline: Collection[str], now: Instant) -> Changes:
        """Once at start: make the troubles agree with the alarms.

        Args:
            alarms: raised now, by dedup_key, with the data of their last event.
            offline: devices that are offline now.
        """
        draft = Draft()
        for kind, key in self._gone:
            draft.state(kind, key, None)
        self._gone.clear()
        for one in list(self._windows.open.values()):
            if one.end_ns <= now.mono_ns:
                self._windows.end(one.window.id, "", now, draft)
            else:
                self._timers.arm(one)
        self._feeds.restored(alarms, lambda key: alarms[key].title)
        for device in sorted(offline):
            self._set_offline(device, now, offline=True)
        # First who is active, then what follows: causes are no later than what they explain.
        troubles = {key: self._known.get(data, "", now) for key, data in alarms.items()}
        for tr in troubles.values():
            self._note(tr, now, active=True)
        self._feeds.look(now)
        self._feeds.flips.clear()
        for key, tr in troubles.items():
            if not tr.s.active:
                tr.s.data = msgspec.structs.replace(alarms[key], ticket=UNSET)
                tr.s.given = tr.s.data.priority
                self._tell_alone(tr, self._machine.raised(tr, now, draft), now, draft)
        for tr in list(self._known):
            if tr.s.active and tr.key not in alarms:
                tr.s.data = msgspec.structs.replace(tr.s.data, state="cleared", cleared_at=utc(now.wall_ns))
                self._tell_alone(tr, self._machine.cleared(tr, now), now, draft)
            self._machine.review(tr, now, draft)
            self._machine.uncovered(tr, now, draft)
            if not tr.due and not tr.s.active:
                self._machine.rest(tr, now)
            self._timers.arm(tr)
        self._timers.arm(self._past)
        return self._done(draft, now)

    def take(self, changes: Changes, at: Instant) -> Changes:
        """What the rules decided, with each alarm's ticket in it, and what else follows. Events keep their order."""
        if not any(event.type in ALARMS or event.type in PRESENCE for event in changes.events):
            return changes
        draft = Draft()
        for event in changes.events:
            if event.type in ALARMS:
                self._alarm(event, at, draft)
            else:
                draft.add(event)
                if event.type in PRESENCE:
                    self._set_offline(event.subject, at, offline=event.type == DEVICE_OFFLINE)
            if self._feeds.flips:
                self._flipped(at, draft)
        return self._done(draft, at, changes.states)

    def answer(self, update: TicketUpdate, at: Instant, *, upstream: str = "") -> Changes | None:  # noqa: ARG002 - who
        """A ticket system's word. None: there is no such trouble, and none lately."""
        draft = Draft()
        tr = self._known.find(update.dedup_key)
        if tr is not None and update.ticket_id in ("", tr.s.ticket_id):
            answered(self._machine, tr, update, at, draft)
        elif not self._past.answered(update, at, draft) and tr is None:
            return None
        return self._done(draft, at)

    def tick(self, now: Instant) -> Changes:
        """Let time pass."""
        draft = Draft()
        for one in self._windows.trust(now):
            self._timers.arm(one)
        self._timers.run(now, draft)
        if self._feeds.flips:
            self._flipped(now, draft)
        return self._done(draft, now)

    def due_ns(self) -> int | None:
        """Monotonic time of the next tick that may change something; None: not before something comes in."""
        return self._timers.due_ns()

    def conditions(self) -> tuple[Reported, ...]:
        """Feeds found to be lost, or back, since last asked: for `RuleEngine.condition`; what that says comes back to `take`."""
        return self._feeds.conditions()

    # --- maintenance --------------------------------------------------------------------------------------------------

    def declare(
        self, *, scope: str, target: str, reason: str, by: str, until_ns: int, now: Instant
    ) -> tuple[Window, Changes]:
        """Open a maintenance window until a wall time.

        Raises:
            CommandError: see `Windows.declare`.
        """
        draft = Draft()
        one = self._windows.declare(
            scope=scope, target=target, reason=reason, by=by, until_ns=until_ns, now=now, draft=draft
        )
        self._timers.arm(one)
        for tr in self._known:
            if one.covers(tr.facts) and tr.pause(now):
                self._machine.touch(tr)
        return one.window, self._done(draft, now)

    def end_window(self, window_id: str, by: str, now: Instant) -> Changes | None:
        """End a window before its time. None: there is none of that id."""
        if window_id not in self._windows.open:
            return None
        draft = Draft()
        self._end(window_id, by, now, draft)
        return self._done(draft, now)

    def windows(self) -> Sequence[Window]:
        """Those open."""
        return [one.window for one in self._windows.open.values()]

    # --- what onlookers see -------------------------------------------------------------------------------------------

    def views(self) -> Sequence[TroubleView]:
        """All troubles."""
        return [self._view(tr) for tr in self._known]

    def view(self, dedup_key: str) -> TroubleView | None:
        """One of them."""
        tr = self._known.find(dedup_key)
        return None if tr is None else self._view(tr)

    def _view(self, tr: Trouble) -> TroubleView:
        cause = (self._explained(tr) or tr.s.cause) if tr.s.why == Why.CAUSE else ""
        return view_of(tr, cause)

    # --- inside -----------------------------------------------------------------------------------------------

    def _alarm(self, event: Event, at: Instant, draft: Draft) -> None:
        try:
            data = decode_alarm(event.data)
        except UNREADABLE:
            self.undecoded += 1
            draft.add(event)
            return
        machine, kind = self._machine, event.type
        tr = self._known.find(data.dedup_key)
        if tr is not None and kind == ALARM_RAISED and tr.due.get(Timer.OVER, at.mono_ns + 1) <= at.mono_ns:
            self._over(tr, at, draft)
            tr = None
        if tr is None:
            if kind == ALARM_CLEARED:
                self._put(event, data, _UNTOLD, draft)
                return
            if len(self._known) >= TROUBLES_MOST:
                self._make_room(at, draft)
            tr = self._known.get(data, event.subject, at, machine.next_serial())
        tr.s.data, tr.s.given = data, data.priority
        if kind == ALARM_RAISED:
            self._known.refresh(tr)
        if kind == ALARM_CLEARED:
            self._note(tr, at, active=False)
            ticket = machine.cleared(tr, at)
        elif kind == ALARM_RAISED or not tr.s.active:
            self._note(tr, at, active=True)
            ticket = machine.raised(tr, at, draft)
        else:
            ticket = machine.updated(tr)
        if tr.s.request is not None:
            tr.s.data = with_priority(tr.s.data, tr.s.request.priority)
        self._put(event, tr.s.data, ticket, draft)
        machine.follow(tr, at, draft)

    def _put(self, event: Event, data: AlarmData, ticket: Ticket, draft: Draft) -> None:
        self._machine.actions[ticket.action] += 1
        draft.add(Event(event.type, event.lane, event.subject, event.at, with_ticket(data, ticket)))

    def _tell_alone(self, tr: Trouble, ticket: Ticket, at: Instant, draft: Draft) -> None:
        """What an alarm event would say if there was one."""
        action = ticket.action
        if action in (Action.OPEN, Action.REOPEN):
            self._machine.tell(TICKET_REQUESTED, tr, at, draft, ticket)
        elif action in (Action.MERGE, Action.RESOLVE):
            self._machine.tell(TICKET_UPDATED, tr, at, draft, ticket)
        self._machine.follow(tr, at, draft)

    def _make_room(self, at: Instant, draft: Draft) -> None:
        """The one that has waited longest for somebody to end its ticket is over now. Active ones are as many as alarms are."""
        oldest = next((tr for tr in self._known if not tr.s.active), None)
        if oldest is not None:
            self._over(oldest, at, draft)
