"""For any sequence of alarms, causes, storms, maintenance, restarts, crashes and answers in any order: one trouble, one ticket.

The desk (trouble_site.Desk) obeys the action word and nothing else. For each rule of the troubles the machine has one of its own
that brings about the situation in which it matters; what is broken on purpose (`BROKEN`) is found by that one every time.
"""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from edgegw.model import Changes, Event, Lane
from edgegw.rules.events import ALARM_CLEARED, ALARM_RAISED, DEVICE_OFFLINE, DEVICE_ONLINE
from edgegw.service import answering, deciding, storm
from edgegw.service.looks import ticket_of
from edgegw.service.maintenance import Windows
from edgegw.service.past import Past
from edgegw.service.specs import OneTicket
from edgegw.service.ticket import Action, TicketState
from edgegw.service.trouble import Timer, Trouble
from edgegw.service.troubles import Troubles
from tests.service.trouble_site import Box, S, facts_of, feed

DEVICES = [f"d{i}" for i in range(1, 7)]
LINK, TRIPPED, LOST = "link/a", "meter/tripped", "gateway/lost-link-a"
HEALTH = [f"{device}/gone" for device in DEVICES]
PLAIN = ["d1/leak", "d2/leak"]
MOMENTARY, QUIET = "d1/sos", "d2/quiet"
NAMES = [*HEALTH, *PLAIN, LINK, TRIPPED, QUIET]
CAUSES = {LINK: [TRIPPED], **{name: [LINK, LOST, TRIPPED] for name in HEALTH}, LOST: [LINK, TRIPPED]}
"""What may explain what, by the two feeds below."""

FEEDS = [feed(LINK, DEVICES, [LINK]), feed("power", [LINK, *DEVICES, "meter"], [TRIPPED], infer=False)]
ONE = OneTicket(
    gather_s=3,
    settle_s=60,
    reraise_s=600,
    reopen_s=60,
    flap_raises=4,
    flap_within_s=100,
    flap_quiet_s=200,
    escalate_every_s=300,
    escalate_most=3,
    storm_devices=3,
    storm_share=0.5,
)
SETTLED_S = ONE.settle_s + ONE.gather_s + ONE.reopen_s + ONE.flap_quiet_s + 1
WORDS = ["acknowledged", "assigned", "resolved", "closed", "rejected"]
TARGETS = [("device", "d1"), ("link", "a"), ("place", "building=3"), ("gateway", "")]


class KilledError(Exception):
    """Power failed before the commit."""


class PropertyBox(Box):
    """Also: power that fails before a commit, and watching for escalations after an acknowledgement."""

    def __init__(self, *args, **more) -> None:
        self.kill_next = False
        self.acked: set[str] = set()
        super().__init__(*args, **more)

    def commit(self, changes):
        if self.kill_next and (changes.events or changes.states):
            self.kill_next = False
            raise KilledError
        told = super().commit(changes)
        for one in told:
            ticket = one.get("ticket", {})
            key = one.get("dedup_key", "")
            if key == f"gw/{MOMENTARY}" and one["type"] == ALARM_RAISED and ticket.get("why") != "maintenance":
                assert len(self.desk.open(key)) == 1, "somebody called for help, and nobody is told"
            if ticket.get("action") in ("open", "reopen"):
                view = self.troubles.view(key)
                if view is None or not view.state.acknowledged:
                    self.acked.discard(key)
            if ticket.get("action") == "escalate" and ticket["why"] == "respond":
                assert key not in self.acked, f"{key} is escalated although somebody took notice"
        return told

    def answer(self, update) -> None:
        changes = self.troubles.answer(update, self.now)
        if changes is not None:
            self.commit(changes)
        view = self.troubles.view(update.dedup_key)
        if view is not None and view.state.acknowledged and view.ticket_id == update.ticket_id:
            self.acked.add(update.dedup_key)


class Machine(RuleBasedStateMachine):
    make: Callable = Troubles

    @initialize()
    def begin(self) -> None:
        self.box = PropertyBox(
            facts_of(*NAMES, MOMENTARY), FEEDS, ONE, make=type(self).make, history_most=20, history_keep_days=3
        )
        self.delivered = 0

    # --- doing ---------------------------------------------------------------------------------------------------------

    def do(self, work: Callable[[], object]) -> bool:
        """One step, or power fails in it: then nothing of it was ever heard of, and we start anew."""
        try:
            work()
        except KilledError:
            self.box.reboot(5)
            return False
        return True

    def active(self, name: str) -> bool:
        return f"gw/{name}" in self.box.alarms

    def set(self, name: str, *, active: bool) -> None:
        if self.active(name) is not active:
            kind = ALARM_RAISED if active else ALARM_CLEARED
            self.do(lambda: self.box.send(self.box.event(name, kind)))

    def wait(self, seconds: float) -> None:
        end_ns = self.box.now.wall_ns + round(seconds * S)
        while (left_ns := end_ns - self.box.now.wall_ns) > 0:
            self.do(lambda left_ns=left_ns: self.box.wait(left_ns / S))

    def deliver(self) -> None:
        """All that the desk has said and nobody heard, in its order."""
        while self.delivered < len(self.box.desk.said):
            update = self.box.desk.said[self.delivered]
            self.delivered += 1
            if not self.do(lambda update=update: self.box.answer(update)):
                self.delivered -= 1

    def settled(self) -> None:
        """Everything is told to everybody, and time passes."""
        for _ in range(3):
            self.deliver()
            self.wait(SETTLED_S)
        self.deliver()
        self.check()

    # --- single steps -------------------------------------------------------------------------------------------------

    @rule(name=st.sampled_from(NAMES))
    def raise_(self, name: str) -> None:
        self.set(name, active=True)

    @rule(name=st.sampled_from(NAMES))
    def clear(self, name: str) -> None:
        self.set(name, active=False)

    @rule(name=st.sampled_from(NAMES))
    def update(self, name: str) -> None:
        if self.active(name):
            self.do(lambda: self.box.change(name))

    @rule()
    def press(self) -> None:
        self.set(MOMENTARY, active=True)
        self.set(MOMENTARY, active=False)

    @rule(name=st.sampled_from([*PLAIN, *HEALTH[:2]]), gap=st.sampled_from([0.5, 5.0, 20.0]))
    def flap(self, name: str, gap: float) -> None:
        for _ in range(5):
            self.set(name, active=not self.active(name))
            self.wait(gap)

    @rule(device=st.sampled_from(DEVICES), online=st.booleans())
    def presence(self, device: str, online: bool) -> None:
        kind = DEVICE_ONLINE if online else DEVICE_OFFLINE
        self.do(lambda: self.box.send(Event(kind, Lane.TELEMETRY, device, self.box.now, b"{}")))

    @rule(seconds=st.sampled_from([0.5, 3.0, 10.0, 61.0, 400.0, 1000.0]))
    def time(self, seconds: float) -> None:
        self.wait(seconds)

    @rule(what=st.sampled_from(TARGETS), seconds=st.sampled_from([30.0, 300.0]))
    def maintain(self, what: tuple[str, str], seconds: float) -> None:
        if len(self.box.troubles.windows()) < 3:
            self.do(lambda: self.box.declare(*what, seconds))

    @rule()
    def end_early(self) -> None:
        for window in self.box.troubles.windows()[:1]:
            self.do(lambda window=window: self.box.end(window.id))

    @rule(off_s=st.sampled_from([0.0, 100.0, 5000.0]))
    def restart(self, off_s: float) -> None:
        self.do(lambda: self.box.reboot(off_s))

    @rule()
    def fail_next(self) -> None:
        self.box.kill_next = True

    @rule(pick=st.integers(0, 50), word=st.sampled_from(WORDS))
    def person(self, pick: int, word: str) -> None:
        tickets = list(self.box.desk.tickets)
        if tickets:
            self.box.desk.person(tickets[pick % len(tickets)], word)

    @rule(pick=st.integers(0, 50))
    def answer_any(self, pick: int) -> None:
        """Early, late, twice, out of order."""
        said = self.box.desk.said
        if said:
            self.do(lambda: self.box.answer(said[pick % len(said)]))

    @rule(pick=st.integers(0, 50), word=st.sampled_from(WORDS))
    def answer_without_version(self, pick: int, word: str) -> None:
        """A system that gives none: the order of arrival counts."""
        tickets = list(self.box.desk.tickets)
        if tickets and self.box.desk.person(tickets[pick % len(tickets)], word):
            update = self.box.desk.said[-1]
            self.do(lambda: self.box.answer(msgspec.structs.replace(update, version=0)))

    @rule()
    def answer_next(self) -> None:
        self.deliver()

    @rule()
    def settle(self) -> None:
        self.settled()

    # --- what always holds --------------------------------------------------------------------------------------------

    @invariant()
    def bounded(self) -> None:
        box = getattr(self, "box", None)
        if box is None:
            return
        troubles = box.troubles
        assert len(list(troubles._known)) <= len(NAMES) + 3
        assert len(troubles._timers) <= 4 * (len(NAMES) + 8) + 64
        assert len(box.store["ticket-history"]) <= 20 + 16
        assert len(troubles._past) == len(box.store["ticket-history"])
        assert set(box.store["trouble"]) == {tr.key for tr in troubles._known}

    def explained(self, name: str) -> bool:
        return any(self.active(cause) for cause in CAUSES.get(name, ()))

    def check(self) -> None:
        box = self.box
        for name in [*NAMES, LOST]:
            key = f"gw/{name}"
            tickets = box.desk.open(key)
            view = box.view(name)
            if not self.active(name):
                assert not tickets, f"{name} is gone, and nobody proposed to resolve {tickets}"
                continue
            assert view is not None
            assert view.active
            last = max(box.desk.of(key), key=lambda one: box.desk.tickets[one["id"]]["version"], default=None)
            covered = box.troubles._windows.covers(box.troubles._known.find(key).facts)
            if name == QUIET or view.state is TicketState.REJECTED or self.explained(name):
                assert not tickets, (name, last)
            elif covered:
                assert len(tickets) <= 1
            else:
                assert len(tickets) == 1, f"{name} is active and has {len(tickets)} tickets: {view}"
        for name in HEALTH:
            view = box.view(name)
            if self.active(name) and self.explained(name) and view.why == "cause":
                top = view.cause.removeprefix("gw/")
                assert self.active(top), f"{name} is explained by {top}, which is not there"
                assert not self.explained(top), f"{name} is explained by {top}, which is not on top"

    def teardown(self) -> None:
        if hasattr(self, "box"):
            self.box.kill_next = False
            self.settled()


class Situations(Machine):
    """Also the situations in which each rule matters, each from a clean start."""

    def clean(self) -> None:
        """Nothing is raised, nothing is open, nobody works."""
        self.box.kill_next = False
        for window in list(self.box.troubles.windows()):
            self.box.end(window.id)
        for device in DEVICES:
            if device in self.box.offline:
                self.box.presence(device, online=True)
        for name in [*NAMES, MOMENTARY]:
            self.set(name, active=False)
        self.wait(SETTLED_S)
        for one in list(self.box.desk.tickets.values()):
            self.box.desk.person(one["id"], "closed")
        self.deliver()
        self.wait(ONE.reraise_s + 1)
        assert not [name for name in [*NAMES, MOMENTARY] if self.box.view(name) is not None]

    def opened(self, name: str) -> str:
        self.set(name, active=True)
        self.wait(ONE.gather_s + 1)
        self.deliver()
        tickets = self.box.desk.open(f"gw/{name}")
        assert len(tickets) == 1
        return tickets[0]

    @rule(word=st.sampled_from(["resolved", "closed"]))
    def closed_too_early(self, word: str) -> None:
        self.clean()
        self.box.desk.person(self.opened("d1/leak"), word)
        self.settled()

    @rule()
    def back_in_time(self) -> None:
        self.clean()
        first = self.opened("d1/leak")
        self.set("d1/leak", active=False)
        self.wait(30)
        self.set("d1/leak", active=True)
        assert self.box.desk.open("gw/d1/leak") == [first]
        self.settled()

    @rule()
    def late_word(self) -> None:
        """An old acknowledgement after the closing: the ticket is closed all the same."""
        self.clean()
        ticket_id = self.opened("d1/leak")
        self.box.desk.person(ticket_id, "acknowledged")
        late = self.box.desk.said[-1]
        self.box.desk.person(ticket_id, "closed")
        self.deliver()
        self.box.answer(late)
        self.settled()

    @rule()
    def word_on_an_earlier_ticket(self) -> None:
        self.clean()
        first = self.opened("d1/leak")
        self.set("d1/leak", active=False)
        self.box.desk.person(first, "closed")
        self.deliver()
        self.wait(ONE.reraise_s + 1)
        self.opened("d1/leak")
        old = msg_of(self.box, first)
        self.box.answer(old)
        assert self.box.view("d1/leak").state.live

    @rule()
    def pressed_while_the_closing_is_on_its_way(self) -> None:
        self.clean()
        self.press()
        self.deliver()
        (ticket_id,) = self.box.desk.open(f"gw/{MOMENTARY}")
        self.box.desk.person(ticket_id, "closed")
        self.press()
        assert self.box.desk.open(f"gw/{MOMENTARY}") == [ticket_id], "somebody called for help, and nobody is told"

    @rule()
    def words_cross(self) -> None:
        """Closed there, opened again from here, and gone and back before any of it is heard."""
        self.clean()
        ticket_id = self.opened("d1/gone")
        self.set("d1/gone", active=False)
        self.box.desk.person(ticket_id, "closed")
        self.set("d1/gone", active=True)
        self.wait(ONE.gather_s + 1)
        self.set("d1/gone", active=False)
        self.wait(ONE.flap_within_s)
        self.set("d1/gone", active=True)
        self.settled()

    @rule()
    def acknowledged_in_time(self) -> None:
        self.clean()
        self.box.desk.person(self.opened("d1/leak"), "acknowledged")
        self.deliver()
        self.wait(5000)
        self.settled()

    @rule()
    def cause_after_and_gone(self) -> None:
        self.clean()
        self.opened("d1/gone")
        self.set(LINK, active=True)
        self.settled()
        self.set(LINK, active=False)
        self.settled()

    @rule()
    def cause_before_restart_and_gone(self) -> None:
        self.clean()
        self.set(LINK, active=True)
        self.set("d1/gone", active=True)
        self.settled()
        self.box.reboot(5)
        self.settled()
        self.set(LINK, active=False)
        self.box.reboot(5)
        self.settled()

    @rule()
    def restart_while_gathering(self) -> None:
        self.clean()
        self.set("d1/gone", active=True)
        self.box.reboot(1)
        self.wait(ONE.gather_s)
        assert len(self.box.desk.open("gw/d1/gone")) == 1
        self.box.reboot(ONE.escalate_every_s * 10)
        self.wait(1)
        assert self.box.view("d1/gone").level == 1, "the clock ran on while it was off"

    @rule()
    def causes_on_causes(self) -> None:
        self.clean()
        for name in (LINK, TRIPPED, "d1/gone"):
            self.set(name, active=True)
        self.settled()

    @rule()
    def storm_and_calm(self) -> None:
        self.clean()
        for device in DEVICES:
            self.presence(device, online=False)
            self.set(f"{device}/gone", active=True)
        self.settled()
        opened = [name for name in [*HEALTH, LOST] if self.box.desk.open(f"gw/{name}")]
        assert opened == [LOST], "many lost together are one trouble"
        for device in DEVICES[1:]:
            self.presence(device, online=True)
            self.set(f"{device}/gone", active=False)
        self.settled()

    @rule()
    def in_maintenance(self) -> None:
        self.clean()
        window = self.box.declare("device", "d1", 100_000)
        self.set("d1/leak", active=True)
        self.settled()
        assert not self.box.desk.open("gw/d1/leak"), "a ticket for what is worked on"
        self.box.reboot(5)
        assert self.box.end(window.id)
        self.settled()

    @rule()
    def flaps_and_stays(self) -> None:
        self.clean()
        for _ in range(5):
            self.set("d1/leak", active=True)
            self.wait(2)
            self.set("d1/leak", active=False)
            self.wait(2)
        assert len(self.box.desk.open("gw/d1/leak")) == 1, "it flaps, and its ticket is closed meanwhile"
        self.settled()
        assert not self.box.desk.open("gw/d1/leak"), "quiet and recovered, and nobody was told"

    @rule()
    def rejected(self) -> None:
        self.clean()
        self.box.desk.person(self.opened("d1/leak"), "rejected")
        self.settled()
        assert not self.box.desk.open("gw/d1/leak")

    @rule()
    def many_rows(self) -> None:
        self.clean()
        for _ in range(40):
            self.set("d1/leak", active=True)
            self.set("d1/leak", active=False)
            self.wait(ONE.reraise_s + 1)

    @rule()
    def killed_before_the_commit(self) -> None:
        self.clean()
        self.box.kill_next = True
        self.set("d1/leak", active=True)
        self.set("d1/leak", active=True)
        self.settled()


def msg_of(box: Box, ticket_id: str):
    """The last that was said of a ticket."""
    return next(update for update in reversed(box.desk.said) if update.ticket_id == ticket_id)


QUICK = settings(max_examples=30, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("machine", [Machine, Situations])
def test_one_trouble_one_ticket(machine: type[Machine]) -> None:
    run_state_machine_as_test(machine, settings=QUICK)


# --- rules that are broken on purpose -------------------------------------------------------------------------------------

Break = Callable[[pytest.MonkeyPatch], None]


def replaced(owner: object, name: str, new: object) -> Break:
    return lambda patch: patch.setattr(owner, name, new)


def _always_new_ids(patch: pytest.MonkeyPatch) -> None:
    ask = deciding.Machine.ask

    def new_each_time(self, tr, request, at, draft):
        if tr.s.state is not TicketState.HELD:
            self.renew(tr, at, draft)
        return ask(self, tr, request, at, draft)

    patch.setattr(deciding.Machine, "ask", new_each_time)


def _never_opens_again(patch: pytest.MonkeyPatch) -> None:
    start = Trouble.start
    patch.setattr(Trouble, "start", lambda self, timer, *args: timer is Timer.REOPEN or start(self, timer, *args))


def _no_settling(patch: pytest.MonkeyPatch) -> None:
    review = deciding.Machine.review

    def only_if_explained(self, tr, at, draft):
        if self.explained(tr):
            review(self, tr, at, draft)

    patch.setattr(deciding.Machine, "review", only_if_explained)


def _merged_keeps_its_ticket(patch: pytest.MonkeyPatch) -> None:
    merge = deciding.Machine.merge

    def quietly(self, tr, cause, at):
        before = tr.s.state
        ticket = merge(self, tr, cause, at)
        tr.s.state = before
        return ticket

    patch.setattr(deciding.Machine, "merge", quietly)


def _forgets_to_store(patch: pytest.MonkeyPatch) -> None:
    value = Trouble.value

    def without_hold(self, now):
        left, why = value(self, now), self.s.why
        if why != "cause":
            return left
        self.s.why = ""
        try:
            return value(self, now)
        finally:
            self.s.why = why

    patch.setattr(Trouble, "value", without_hold)


def _resolves_each_flap(patch: pytest.MonkeyPatch) -> None:
    cleared = deciding.Machine.cleared

    def as_if_it_did_not_flap(self, tr, at):
        flapping, tr.s.flapping = tr.s.flapping, False
        try:
            return cleared(self, tr, at)
        finally:
            tr.s.flapping = flapping

    patch.setattr(deciding.Machine, "cleared", as_if_it_did_not_flap)


def _takes_old_words(patch: pytest.MonkeyPatch) -> None:
    taken = answering.answered

    def any_version(machine, tr, update, at, draft):
        tr.s.version = 0
        taken(machine, tr, update, at, draft)

    patch.setattr("edgegw.service.troubles.answered", any_version)


def _takes_words_on_earlier_tickets(patch: pytest.MonkeyPatch) -> None:
    answer = Troubles.answer

    def whichever(self, update, at, *, upstream=""):
        tr = self._known.find(update.dedup_key)
        if tr is not None:
            tr.s.ticket_id, kept = update.ticket_id or tr.s.ticket_id, tr.s.ticket_id
            try:
                return answer(self, update, at, upstream=upstream)
            finally:
                tr.s.ticket_id = kept
        return answer(self, update, at, upstream=upstream)

    patch.setattr(Troubles, "answer", whichever)


def _acknowledgement_stops_nothing(patch: pytest.MonkeyPatch) -> None:
    stop, escalate = Trouble.stop, deciding.Machine._escalate

    def but_the_first_clock(self, *timers):
        stop(self, *(timer for timer in timers if timers != (Timer.RESPOND,)))

    def anyway(self, tr, timer, now, draft):
        tr.s.acked = False
        escalate(self, tr, timer, now, draft)

    patch.setattr(Trouble, "stop", but_the_first_clock)
    patch.setattr(deciding.Machine, "_escalate", anyway)


def _rejected_is_asked_for_again(patch: pytest.MonkeyPatch) -> None:
    ends = answering._ends

    def as_closed(machine, tr, said, at):
        ends(machine, tr, TicketState.CLOSED if said is TicketState.REJECTED else said, at)

    patch.setattr(answering, "_ends", as_closed)


def _no_end_of_maintenance(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(deciding.Machine, "uncovered", lambda *_: None)


def _a_press_is_only_an_update(patch: pytest.MonkeyPatch) -> None:
    def update(self, tr, at):
        return ticket_of(tr, Action.UPDATE)

    patch.setattr(deciding.Machine, "_again", update)


def _open_there_is_all_we_look_at(patch: pytest.MonkeyPatch) -> None:
    goes_on = answering._goes_on

    def and_forget_what_was_proposed(machine, tr, said, at, draft):
        tr.s.proposed = tr.s.proposed and tr.s.state.live
        goes_on(machine, tr, said, at, draft)

    patch.setattr(answering, "_goes_on", and_forget_what_was_proposed)


def _remembers_what_was_not_committed(patch: pytest.MonkeyPatch) -> None:
    """As if states were stored at once, and events later."""
    commit = Box.commit

    def states_first(self, changes):
        commit(self, Changes((), changes.states))
        if self.kill_next and changes.events:
            self.kill_next = False
            raise KilledError
        return commit(self, Changes(changes.events, ()))

    patch.setattr(PropertyBox, "commit", states_first)


def _the_near_cause_stands(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        "edgegw.service.ground.root", lambda key, direct: min((k for k in direct(key) if k != key), default="")
    )


BROKEN: dict[str, tuple[Break, str]] = {
    "each time a new ticket": (_always_new_ids, "back_in_time"),
    "closed too early and never opened again": (_never_opens_again, "closed_too_early"),
    "nobody looks again after a cause": (_no_settling, "cause_after_and_gone"),
    "nobody looks when a cause shows": (replaced(deciding.Machine, "review", lambda *_: None), "cause_after_and_gone"),
    "merged, and taken for open": (_merged_keeps_its_ticket, "cause_after_and_gone"),
    "what holds it is not stored": (_forgets_to_store, "cause_before_restart_and_gone"),
    "each flap is resolved": (_resolves_each_flap, "flaps_and_stays"),
    "the end of flapping is not told": (replaced(deciding.Machine, "_quiet", lambda *_: None), "flaps_and_stays"),
    "old words count": (_takes_old_words, "late_word"),
    "words on earlier tickets count": (_takes_words_on_earlier_tickets, "word_on_an_earlier_ticket"),
    "an acknowledgement stops nothing": (_acknowledgement_stops_nothing, "acknowledged_in_time"),
    "rejected counts as closed": (_rejected_is_asked_for_again, "rejected"),
    "maintenance never ends": (_no_end_of_maintenance, "in_maintenance"),
    "maintenance covers nothing": (replaced(Windows, "covers", lambda *_: False), "in_maintenance"),
    "the near cause stands for the far one": (_the_near_cause_stands, "causes_on_causes"),
    "nothing is ever inferred": (replaced(storm.Feeds, "_is_lost", lambda *_: False), "storm_and_calm"),
    "inferred, and never back": (
        replaced(storm.Feeds, "_is_lost", lambda _self, state, _at: state.told or state.lost >= 3),
        "storm_and_calm",
    ),
    "the clocks do not outlive a restart": (replaced(Trouble, "thaw", lambda *_: None), "restart_while_gathering"),
    "history grows": (replaced(Past, "_trim", lambda *_: None), "many_rows"),
    "nothing is ever over": (replaced(deciding.Machine, "rest", lambda *_: None), "back_in_time"),
    "a press again is only an update": (_a_press_is_only_an_update, "pressed_while_the_closing_is_on_its_way"),
    "late words hide what we proposed": (_open_there_is_all_we_look_at, "words_cross"),
    "committed or not, it is remembered": (_remembers_what_was_not_committed, "killed_before_the_commit"),
}
"""What is broken, and the machine's rule that must find it, each time it is run."""

SITUATIONS = sorted({situation for _, situation in BROKEN.values()})


def in_situation(name: str) -> None:
    """The machine, brought straight into one situation after some history."""
    machine = Situations()
    machine.begin()
    machine.back_in_time()
    situation = getattr(machine, name)
    situation("closed") if name == "closed_too_early" else situation()
    machine.bounded()
    machine.teardown()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_nothing_is_found_where_nothing_is_broken(situation: str) -> None:
    in_situation(situation)


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_rule_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken, situation = BROKEN[name]
    broken(monkeypatch)
    with pytest.raises(AssertionError):
        in_situation(situation)
