"""All troubles of a gateway: one trouble, one ticket; what every alarm event says of its ticket; what became of it.

Owns: which troubles there are, the way of an event through them, storms, maintenance, history; one step's changes.
Must not know: when an alarm is raised (rules), how anything is delivered or stored.

    alarm events, offline devices ─▶ take ─┐
    ticket systems' answers ─▶ answer ─────┼─▶ deciding, asking, answering (one trouble) ─▶ Changes
    maintenance ─▶ declare, end_window ────┤        ▲ covered? explained?
    time ─▶ tick ──────────────────────────┘   maintenance, storm, explaining

Memory runs ahead of the store, as the rule engine's does: a caller that cannot commit must stop rather than go on.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET

from edgegw.model import NOTHING, Changes, Event, Instant, StateChange
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
from edgegw.rules.timers import Timers
from edgegw.service.answering import answered
from edgegw.service.catalogue import classify as by_catalogue
from edgegw.service.deciding import Machine
from edgegw.service.explaining import root
from edgegw.service.knowing import Known
from edgegw.service.looks import history_of, view_of
from edgegw.service.maintenance import Open, Windows
from edgegw.service.outgoing import decode_alarm, with_priority, with_ticket
from edgegw.service.past import Past
from edgegw.service.specs import Catalogue, Facts, Feed, OneTicket
from edgegw.service.storm import FeedCondition, Feeds
from edgegw.service.ticket import (
    MAINTENANCE_KIND,
    TICKET_REQUESTED,
    TICKET_UPDATED,
    TROUBLE_KIND,
    Action,
    Request,
    Ticket,
    TicketUpdate,
    TroubleView,
    Why,
    Window,
)
from edgegw.service.trouble import Timer, Trouble

__all__ = ["FeedCondition", "Troubles"]

Classify = Callable[[Catalogue, Facts, Instant], Request | None]

_UNTOLD = Ticket(action=Action.NONE, why=Why.ENDED)
"""Of an alarm that is cleared and that nothing is known of any more."""


class Troubles:
    """See the module's text. Not for concurrent use; call `begin` once before anything else.

    Args:
        gateway: its id; dedup_keys begin with it.
        facts: by dedup_key; what is missing is taken from the alarm itself.
        feeds: what fails together.
        troubles, windows: stored states by key, as the store kept them.
        history: keys of the stored history rows.
        now: the present; the clocks of stored troubles run on from here.
        history_keep_days, history_most: which rows are kept.
        classify: the catalogue's word.

    Attributes:
        unreadable: stored states that could not be read (they are forgotten with `begin`).
        undecoded: alarm events that could not be read; they passed as they were.
    """

    def __init__(
        self,
        *,
        gateway: str,
        catalogue: Catalogue,
        one: OneTicket,
        facts: Mapping[str, Facts],
        feeds: Sequence[Feed],
        troubles: Mapping[str, bytes],
        windows: Mapping[str, bytes],
        history: Iterable[str],
        now: Instant,
        history_keep_days: int = 400,
        history_most: int = 20_000,
        classify: Classify = by_catalogue,
    ) -> None:
        self.undecoded = 0
        self._timers = Timers()
        self._feeds = Feeds(gateway, feeds, one, self._timers.arm)
        self._windows = Windows(gateway, windows, self._window_over, now)
        self._past = Past(catalogue.calendar.zone, history, keep_days=history_keep_days, most=history_most, now=now)
        self._machine = Machine(
            one=one,
            classify=lambda known, at: classify(catalogue, known, at),
            covered=lambda tr: self._windows.covers(tr.facts),
            explained=self._explained,
            over=self._over,
            past=lambda tr, at, draft: self._past.add(history_of(tr), at, draft),
        )
        self._known = Known(
            gateway=gateway,
            facts=facts,
            inferred=self._feeds.inferred,
            on_due=self._machine.fire,
            flap_raises=one.flap_raises,
        )
        self._gone: list[tuple[str, str]] = [(MAINTENANCE_KIND, key) for key in self._windows.unreadable]
        self._gone += [(TROUBLE_KIND, key) for key in self._known.restore(troubles, now)]
        self.unreadable = len(self._gone)
        self._take = {
            ALARM_RAISED: self._alarm,
            ALARM_UPDATED: self._alarm,
            ALARM_CLEARED: self._alarm,
            DEVICE_OFFLINE: self._presence,
            DEVICE_ONLINE: self._presence,
        }
        self._offline: set[str] = set()
        self._active: set[str] = set()

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
        if not any(event.type in self._take for event in changes.events):
            return changes
        draft = Draft()
        for event in changes.events:
            take = self._take.get(event.type)
            if take is None:
                draft.add(event)
            else:
                take(event, at, draft)
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

    def conditions(self) -> tuple[FeedCondition, ...]:
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

    # --- inside: events -----------------------------------------------------------------------------------------------

    def _alarm(self, event: Event, at: Instant, draft: Draft) -> None:
        try:
            data = decode_alarm(event.data)
        except msgspec.DecodeError:
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
            tr = self._known.get(data, event.subject, at, machine.next_serial())
        tr.s.data = data
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
        draft.add(Event(event.type, event.lane, event.subject, event.at, with_ticket(data, ticket)))

    def _presence(self, event: Event, at: Instant, draft: Draft) -> None:
        draft.add(event)
        self._set_offline(event.subject, at, offline=event.type == DEVICE_OFFLINE)

    def _set_offline(self, device: str, at: Instant, *, offline: bool) -> None:
        if offline is not (device in self._offline):
            (self._offline.add if offline else self._offline.discard)(device)
            self._feeds.lost(device, 1 if offline else -1, at)

    def _note(self, tr: Trouble, at: Instant, *, active: bool) -> None:
        """What an alarm means for others."""
        key = tr.key
        if active is (key in self._active):
            return
        (self._active.add if active else self._active.discard)(key)
        self._feeds.cause(key, active=active, at=at)
        if tr.facts.health:
            self._feeds.lost(tr.s.subject, 1 if active else -1, at)

    def _tell_alone(self, tr: Trouble, ticket: Ticket, at: Instant, draft: Draft) -> None:
        """What an alarm event would say if there was one."""
        action = ticket.action
        if action in (Action.OPEN, Action.REOPEN):
            self._machine.tell(TICKET_REQUESTED, tr, at, draft, ticket)
        elif action in (Action.MERGE, Action.RESOLVE):
            self._machine.tell(TICKET_UPDATED, tr, at, draft, ticket)
        self._machine.follow(tr, at, draft)

    # --- inside: what follows -----------------------------------------------------------------------------------------

    def _flipped(self, at: Instant, draft: Draft) -> None:
        """Feeds' explanations came or went: look at all that is behind them."""
        flips, self._feeds.flips = self._feeds.flips, []
        for feed in {flip.dedup_key: flip for flip in flips}.values():
            for tr in self._known.behind(feed):
                self._machine.review(tr, at, draft)

    def _explained(self, tr: Trouble) -> str:
        return root(tr.key, self._direct) if tr.health else ""

    def _direct(self, key: str) -> Iterable[str]:
        feed = self._feeds.inferred.get(key)
        if feed is not None:
            return self._feeds.explaining_feed(feed)
        tr = self._known.find(key)
        return self._feeds.explaining(tr.s.subject) if tr is not None and tr.health else ()

    def _over(self, tr: Trouble, at: Instant, draft: Draft) -> None:
        self._past.add(history_of(tr), at, draft)
        self._timers.arm(self._past)
        tr.stop(*Timer)
        self._machine.touched.pop(tr.key, None)
        self._known.forget(tr)
        draft.state(TROUBLE_KIND, tr.key, None)

    def _window_over(self, one: Open, now: Instant, draft: Draft) -> None:
        self._end(one.window.id, "", now, draft)

    def _end(self, window_id: str, by: str, now: Instant, draft: Draft) -> None:
        one = self._windows.end(window_id, by, now, draft)
        if one is not None:
            for tr in [tr for tr in self._known if one.covers(tr.facts)]:
                self._machine.uncovered(tr, now, draft)

    def _done(self, draft: Draft, at: Instant, states: tuple[StateChange, ...] = ()) -> Changes:
        touched, self._machine.touched = self._machine.touched, {}
        for key, tr in touched.items():
            draft.state(TROUBLE_KIND, key, tr.value(at))
            self._timers.arm(tr)
        changes = draft.changes()
        if not states:
            return changes if changes.events or changes.states else NOTHING
        return Changes(changes.events, states + changes.states)
