"""Locks, contacts, releases: states, alarms, and what acts when."""

from typing import Any

import pytest

from edgegw.access.core import DoorCore
from edgegw.access.credentials import CredentialBook
from edgegw.access.decision import CONDITIONS
from edgegw.access.schedule import Calendar
from edgegw.access.specs import RightSpec
from edgegw.errors import CommandError, ConfigError
from edgegw.model import OutcomeStatus
from tests.access.site import (
    CALENDAR,
    DONE,
    EXPIRED,
    FAILED,
    KEY,
    OTHER,
    REJECTED,
    UNKNOWN,
    Site,
    door,
    kinds,
)


def site(**changes: Any) -> Site:
    made = Site(door(has_fire=True, **changes))
    made.person()
    return made


# --- pulses and openings -------------------------------------------------------------------------------------------------


def test_the_states_of_an_ordinary_passage() -> None:
    s = site()
    assert s.state() == "locked"
    s.show()
    assert s.state() == "locked"  # not confirmed yet
    s.ended()
    assert s.state() == "unlocked"
    assert s.opened().conditions == ()
    assert s.state() == "open"
    s.closed()
    assert s.state() == "unlocked"
    s.later(5)
    assert s.state() == "locked"
    assert not s.raised


def test_a_second_grant_joins_the_order_on_its_way_and_renews_a_pulse_that_runs() -> None:
    s = site()
    s.person("bert", OTHER)
    assert s.show().act == "unlock"
    joined = s.show(OTHER)
    assert joined.act is None
    assert joined.decision is not None
    assert (joined.decision.granted, joined.decision.joined) == (True, True)
    s.ended()
    s.later(4)
    assert s.show(OTHER).act == "unlock"
    s.ended()
    s.later(6.9)  # the pulse is 5 s and its grace 2 s, counted anew
    assert s.opened().conditions == ()


def test_an_order_without_outcome_is_given_up_and_said() -> None:
    s = site()
    s.show()
    s.later(9.9)
    assert s.show().act is None
    s.later(0.1)
    assert s.raised["door/main/lock-failed"].evidence["reason"] == "no-outcome"
    assert s.show().act == "unlock"


@pytest.mark.parametrize("status", [FAILED, EXPIRED, UNKNOWN])
def test_a_lock_that_fails_is_an_alarm_until_it_works(status: OutcomeStatus) -> None:
    s = site()
    s.show()
    s.ended(status=status, reason="no-answer")
    alarm = s.raised["door/main/lock-failed"]
    assert (alarm.priority, alarm.evidence["status"], alarm.evidence["reason"]) == ("P2", status.value, "no-answer")
    assert s.show().act == "unlock"
    s.ended()
    assert not s.raised


def test_what_we_did_not_send_is_no_fault_of_the_lock() -> None:
    s = site()
    s.show()
    assert s.ended(status=REJECTED).conditions == ()
    assert s.opened().conditions[0].kind == "forced"


def test_an_opening_belongs_to_a_grant_from_the_order_until_the_grace_after_the_pulse() -> None:
    s = site()
    s.show()
    assert s.opened().conditions == ()  # the contact was quicker than the confirmation
    s.closed()
    s.ended()
    s.later(6.9)
    assert s.opened().conditions == ()
    s.closed()
    s.later(0.2)
    assert kinds(s.opened()) == {"forced": True}


@pytest.mark.parametrize("status", [FAILED, EXPIRED, REJECTED])
def test_after_an_unlock_that_never_was_an_opening_is_forced(status: OutcomeStatus) -> None:
    s = site()
    s.show()
    s.ended(status=status)
    assert kinds(s.opened()) == {"forced": True}


def test_an_unconfirmed_unlock_may_have_opened() -> None:
    s = site()
    s.show()
    s.ended(status=UNKNOWN)
    assert s.opened().conditions == ()


def test_forced_until_it_is_closed() -> None:
    s = site()
    step = s.opened()
    assert [(c.kind, c.active, c.priority) for c in step.conditions] == [("forced", True, "P2")]
    assert s.state() == "forced"
    assert s.opened().conditions == ()  # polled again
    s.walk()
    assert s.closed().conditions == ()  # walk closed it
    assert not s.raised
    assert s.state() == "locked"


def test_a_forced_door_is_not_also_held() -> None:
    s = site()
    s.opened()
    s.later(100)
    assert set(s.raised) == {"door/main/forced"}


def test_the_exit_button_makes_no_forced_door() -> None:
    s = site()
    assert s.exit().act == "unlock"
    s.ended()
    assert s.opened().conditions == ()


def test_held_after_its_time_until_it_is_closed() -> None:
    s = site()
    s.show()
    s.ended()
    s.opened()
    s.later(29.9)
    assert s.state() == "open"
    s.later(0.1)
    assert s.raised["door/main/held"].priority == "P3"
    assert s.state() == "held"
    assert kinds(s.closed()) == {"held": False}


def test_another_grant_through_the_open_door_starts_the_time_anew() -> None:
    s = site()
    s.show()
    s.ended()
    s.opened()
    s.later(20)
    s.show()
    s.ended()
    s.later(29)
    assert not s.raised
    s.later(1)
    assert set(s.raised) == {"door/main/held"}


def test_a_polled_contact_does_not_start_the_time_anew() -> None:
    s = site()
    s.show()
    s.ended()
    for _ in range(30):
        s.opened()
        s.later(1)
    assert set(s.raised) == {"door/main/held"}


def test_held_is_said_even_when_the_tick_comes_late() -> None:
    s = site()
    s.show()
    s.ended()
    s.opened()
    s.clock.advance(31)
    assert [(c.kind, c.active) for c in s.closed().conditions] == [("held", True), ("held", False)]


def test_old_readings_raise_nothing() -> None:
    s = site()
    assert s.opened(fresh=False).conditions == ()
    assert s.state() == "locked"  # a fresh reading was there
    fresh = Site(door(), settled=False)
    fresh.later(60)
    assert fresh.opened(fresh=False).conditions == ()
    fresh.later(100)
    assert not fresh.raised
    assert fresh.state() == "open"
    fresh.closed(fresh=False)
    assert kinds(fresh.opened()) == {"forced": True}  # this one is from now


def test_a_door_found_open_at_start_is_held_and_not_forced() -> None:
    s = Site(door(), settled=False)
    s.later(60)
    assert s.opened().conditions == ()
    s.later(30)
    assert set(s.raised) == {"door/main/held"}
    s.start()
    s.later(60)
    s.opened(fresh=False)
    assert s.opened().conditions == ()
    s.later(30)
    assert set(s.raised) == {"door/main/held"}


def test_an_opening_right_after_a_start_may_belong_to_a_grant_before_it() -> None:
    s = site()
    s.show()
    s.start()
    s.closed(fresh=False)
    s.later(3)
    assert s.opened().conditions == ()
    s.closed()
    s.later(5)
    assert kinds(s.opened()) == {"forced": True}


def test_alarms_from_before_a_start_end_when_what_is_known_says_so() -> None:
    s = site()
    s.opened()
    s.core.reader("main", "r1", s.now, lost=True)
    s.start()
    assert set(s.raised) == {"door/main/forced"}
    s.later(1)
    assert set(s.raised) == {"door/main/forced"}  # nobody knows yet
    s.closed()
    assert not s.raised


def test_a_lock_out_alarm_ends_with_a_restart() -> None:
    s = site()
    for number in range(5):
        s.show(str(number))
    s.start()
    s.later(0)
    assert not s.raised
    assert s.reason() == "card"


def test_a_duress_alarm_from_before_a_start_ends_in_time() -> None:
    s = site()
    s.person("dora", OTHER, duress=True)
    s.show(OTHER)
    s.ended()
    s.start()
    s.later(599)
    assert set(s.raised) == {"door/main/duress"}
    s.later(1)
    assert not s.raised


# --- readers -------------------------------------------------------------------------------------------------------------


def test_readers_lost_and_tampered() -> None:
    s = site()
    s.kept(s.core.reader("main", "r1", s.now, lost=True))
    s.kept(s.core.reader("main", "r2", s.now, tamper=True))
    assert {key: c.priority for key, c in s.raised.items()} == {
        "door/main/reader-lost/r1": "P3",
        "door/main/tamper/r2": "P2",
    }
    view = s.core.view("main", s.now)
    assert (view.lost, view.tampered) == (("r1",), ("r2",))
    assert s.core.reader("main", "r1", s.now, lost=True).conditions == ()
    s.kept(s.core.reader("main", "r1", s.now, lost=False, tamper=False))
    s.kept(s.core.reader("main", "r2", s.now, tamper=False))
    assert not s.raised


# --- release and fire ----------------------------------------------------------------------------------------------------


def test_fire_releases_at_once_and_stays_until_relocked_by_hand() -> None:
    s = site()
    step = s.fire()
    assert step.act == "release"
    assert set(s.raised) == {"door/main/fire-release"}
    assert step.decision is not None
    assert (step.decision.granted, step.decision.reason, step.decision.action) == (True, "fire", "release")
    assert [(change.kind, change.key) for change in step.states] == [("door", "main")]
    s.ended("release")
    assert s.state() == "released"
    assert s.fire(active=False).act is None
    s.later(10_000)
    assert s.state() == "released"
    assert s.operate("relock").act == "relock"
    assert s.state() == "released"  # until the lock confirmed it
    s.ended("relock")
    assert s.state() == "locked"
    assert not s.core.view("main", s.now).confirmed
    assert s.stored["door"] == {}
    s.later(100)  # it is closed: nothing is held
    assert not s.raised


def test_polled_again_it_is_the_same_fire() -> None:
    s = site()
    assert s.fire().act == "release"
    assert s.fire().act is None
    s.ended("release")
    for _ in range(5):
        s.later(60)
        assert s.fire().act is None


def test_no_relock_while_the_fire_input_is_active() -> None:
    s = site()
    s.fire()
    s.ended("release")
    step = s.operate("relock")
    assert step.act is None
    assert step.decision is not None
    assert (step.decision.granted, step.decision.reason, step.decision.issuer) == (False, "fire-active", "duty")
    s.fire(active=False, fresh=False)  # old: proves nothing
    assert s.operate("relock").act is None
    s.fire(active=False)
    assert s.operate("relock").act == "relock"


def test_an_operator_s_release_under_fire_cannot_be_relocked_either() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    assert not s.raised  # an operator knows what he did
    s.fire()
    assert set(s.raised) == {"door/main/fire-release"}
    assert s.operate("relock").act is None


def test_a_restart_keeps_the_latch_and_acts_nothing() -> None:
    s = site()
    s.fire()
    s.ended("release")
    s.start()
    assert all(step.act is None for step in s.later(1000))
    assert s.state() == "released"
    assert set(s.raised) == {"door/main/fire-release"}
    assert s.operate("relock").act is None  # it burnt when we went down, and nobody said that it does not
    s.fire(active=False)
    assert s.operate("relock").act == "relock"


def test_what_the_fire_input_told_last_is_kept_with_the_latch() -> None:
    s = site()
    s.fire()
    s.ended("release")
    s.fire(active=False)
    assert s.fire(active=False).states == ()
    s.start()
    assert s.operate("relock").act == "relock"
    t = site()
    t.operate("release")
    t.ended("release")
    t.start()
    t.fire(fresh=False)
    t.start()
    assert t.operate("relock").act is None


def test_after_a_restart_a_grant_says_an_unconfirmed_release_again() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.start()
    assert s.show("999").act == "refuse"
    assert s.show().act == "release"


@pytest.mark.parametrize(
    ("kind", "changes"), [("forced", {"has_contact": False}), ("fire-unconfirmed", {"has_fire": False})]
)
def test_an_alarm_of_a_part_that_was_taken_away_ends_with_the_start(kind: str, changes: dict[str, bool]) -> None:
    s = Site(door(has_fire=True))
    (s.opened if kind == "forced" else lambda: s.fire(fresh=False))()
    assert set(s.raised) == {f"door/main/{kind}"}
    s.specs = (door(**{"has_fire": True, **changes}),)
    s.start()
    s.later(0)
    assert not s.raised


def test_alarms_about_the_contact_end_where_the_start_finds_a_release() -> None:
    s = site()
    s.show()
    s.ended()
    s.opened()
    s.later(31)
    (step,) = [s.core.operate("main", "release", "duty", s.now)]
    s.stored["door"] = {change.key: change.value for change in step.states if change.value is not None}
    s.start()
    assert set(s.raised) == {"door/main/held"}
    s.later(0)
    assert not s.raised


def test_an_unlock_that_may_have_come_through_after_a_release_puts_it_in_doubt() -> None:
    s = site()
    s.show()
    s.fire()
    s.ended("release")
    s.later(9.9)
    assert s.fire().act is None
    s.later(0.1)  # the unlock's outcome never came
    assert s.fire().act == "release"


def test_an_old_fire_reading_moves_nothing_but_keeps_the_door_from_being_relocked() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.start()
    step = s.fire(fresh=False)
    assert step.act is None
    assert set(s.raised) == {"door/main/fire-unconfirmed"}
    assert s.operate("relock").act is None
    s.fire(active=False)
    assert not s.raised
    assert s.operate("relock").act == "relock"


def test_an_old_fire_reading_does_not_release() -> None:
    s = site()
    assert s.fire(fresh=False).act is None
    assert s.state() == "locked"
    assert s.fire().act == "release"  # this one is from now
    assert set(s.raised) == {"door/main/fire-release"}


def test_an_old_reading_after_a_fresh_one_says_nothing() -> None:
    s = site()
    s.fire(active=False)
    assert s.fire(fresh=False).conditions == ()
    assert s.core.view("main", s.now).fire is False


def test_a_fresh_fire_reading_after_a_restart_releases_once_more() -> None:
    s = site()
    s.fire()
    s.ended("release")
    s.start()
    assert s.fire().act == "release"


def test_a_fire_release_that_failed_is_p1_and_tried_again_with_fresh_readings() -> None:
    s = site()
    s.fire()
    s.ended("release", FAILED, reason="device-down")
    assert s.raised["door/main/lock-failed"].priority == "P1"
    assert s.state() == "released"
    s.later(9.9)
    assert s.fire().act is None
    s.later(0.1)
    assert s.fire(fresh=False).act is None
    assert s.fire().act == "release"
    assert s.fire().act is None
    s.ended("release")
    s.later(100)
    assert s.fire().act is None
    assert set(s.raised) == {"door/main/fire-release"}


def test_a_lock_that_failed_before_is_p1_once_a_fire_release_fails() -> None:
    s = site()
    s.show()
    s.ended(status=FAILED)
    assert s.raised["door/main/lock-failed"].priority == "P2"
    s.fire()
    s.ended("release", FAILED)
    assert s.raised["door/main/lock-failed"].priority == "P1"


def test_a_release_without_outcome_is_said() -> None:
    s = site()
    s.fire()
    s.later(10)
    assert s.raised["door/main/lock-failed"].priority == "P1"
    assert s.fire().act == "release"


@pytest.mark.parametrize("status", [FAILED, EXPIRED, REJECTED])
def test_an_operator_s_release_that_never_was_leaves_the_door_locked(status: OutcomeStatus) -> None:
    s = site()
    assert s.operate("release").act == "release"
    s.ended("release", status)
    assert s.state() == "locked"
    assert s.stored["door"] == {}
    assert s.show().act == "unlock"


def test_a_failed_second_release_does_not_end_the_first() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.operate("release")
    s.ended("release", FAILED)
    assert s.state() == "released"


def test_a_fire_that_follows_an_operator_s_release_is_not_undone_by_its_failure() -> None:
    s = site()
    s.operate("release")
    s.fire()
    s.ended("release", REJECTED)
    assert s.state() == "released"
    s.ended("release", DONE)
    assert s.core.view("main", s.now).confirmed


def test_linkages_release_and_never_relock() -> None:
    s = site()
    step = s.operate("release", linkage=True)
    assert (step.act, kinds(step)) == ("release", {"fire-release": True})
    s.ended("release", FAILED)
    assert s.state() == "released"  # still wanted
    with pytest.raises(CommandError):
        s.operate("relock", linkage=True)


def test_a_released_door_is_never_pulsed() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    for step, reason in ((s.show(), "released"), (s.exit(), "exit-button"), (s.operate("unlock"), "released")):
        assert step.act is None
        assert step.decision is not None
        assert (step.decision.granted, step.decision.reason) == (True, reason)
    assert s.show("999").act == "refuse"


def test_where_the_release_is_not_confirmed_a_grant_says_it_again() -> None:
    s = site()
    s.fire()
    assert s.show().act is None  # on its way
    s.ended("release", UNKNOWN)
    assert s.show("999").act == "refuse"
    assert s.show().act == "release"
    s.ended("release", UNKNOWN)
    assert s.exit().act == "release"
    s.ended("release")
    assert s.show().act is None


def test_released_doors_are_neither_forced_nor_held() -> None:
    s = site()
    s.opened()
    assert set(s.raised) == {"door/main/forced"}
    assert kinds(s.operate("release")) == {"forced": False}
    s.ended("release")
    s.closed()
    assert s.opened().conditions == ()
    s.later(1000)
    assert not s.raised
    s.operate("relock")
    s.ended("relock")
    s.later(30)
    assert set(s.raised) == {"door/main/held"}  # someone has to close it


def test_a_release_ends_a_held_alarm() -> None:
    s = site()
    s.show()
    s.ended()
    s.opened()
    s.later(31)
    assert set(s.raised) == {"door/main/held"}
    s.operate("release")
    assert not s.raised


def test_an_outcome_that_comes_after_it_was_given_up_opens_no_window() -> None:
    s = site()
    s.show()
    s.later(30)  # given up after 10 s, and its pulse is over
    s.ended()
    assert kinds(s.opened()) == {"forced": True}


@pytest.mark.parametrize("status", list(OutcomeStatus))
@pytest.mark.parametrize("act", ["unlock", "release", "relock"])
def test_an_outcome_nobody_waits_for_changes_nothing(act: str, status: OutcomeStatus) -> None:
    s = site()
    step = s.ended(act, status)
    assert (step.act, step.states, s.state()) == (None, (), "locked")
    assert not s.core.view("main", s.now).confirmed
    assert kinds(s.opened())["forced"]


def test_guesses_at_a_released_door_do_not_count() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    for number in range(9):
        s.show(str(number))
    assert not s.raised


def test_a_pulse_that_runs_must_not_end_the_release() -> None:
    s = site()
    s.show()
    s.ended()
    ends_ns = s.now.mono_ns + 7 * 10**9
    s.later(1)
    step = s.fire()
    assert (step.act, step.repeat_ns) == ("release", ends_ns)
    assert s.core.released("main")


def test_an_unlock_that_comes_through_after_the_release_is_answered_by_another() -> None:
    s = site()
    s.show()
    assert s.fire().act == "release"
    step = s.ended("unlock")
    assert (step.act, step.repeat_ns) == ("release", s.now.mono_ns + 7 * 10**9)
    assert step.decision is not None
    assert step.decision.reason == "fire"
    later = site()
    later.show()
    later.fire()
    assert later.ended("unlock", FAILED).act is None


def test_a_relock_overtaken_by_a_fire_is_undone() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.operate("relock")
    assert not s.core.released("main")
    assert s.fire().act == "release"
    assert s.core.released("main")
    assert s.ended("relock").act is None  # the release comes after it
    s.ended("release")
    assert s.state() == "released"
    t = site()
    t.operate("release")
    t.ended("release")
    t.operate("relock")
    t.fire()
    t.ended("release")
    step = t.ended("relock")  # the other way round: it is locked now, in a fire
    assert step.act == "release"
    assert t.state() == "released"


@pytest.mark.parametrize("status", [FAILED, EXPIRED, UNKNOWN, REJECTED])
def test_a_relock_that_is_not_confirmed_leaves_the_latch(status: OutcomeStatus) -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.operate("relock")
    s.ended("relock", status)
    assert s.state() == "released"
    assert "main" in s.stored["door"]
    assert ("door/main/lock-failed" in s.raised) is (status is not REJECTED)


def test_a_relock_without_outcome_is_said_and_leaves_the_latch() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.operate("relock")
    s.later(10)
    assert s.core.released("main")
    assert "door/main/lock-failed" in s.raised


def test_while_a_relock_is_on_its_way_the_exit_button_opens() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.operate("relock")
    assert s.exit().act == "unlock"
    s.ended("relock")
    assert s.ended("unlock").act is None
    assert s.state() == "unlocked"


def test_a_pulse_after_a_relock_that_failed_is_answered_by_the_release() -> None:
    s = site()
    s.operate("release")
    s.ended("release")
    s.operate("relock")
    s.exit()
    s.ended("relock", FAILED)
    assert s.ended("unlock").act == "release"


def test_no_interlock_stands_before_a_door_that_is_open_anyway() -> None:
    s = Site(door(interlock=("inner",)), door("inner"))
    s.operate("release")
    s.opened("inner")
    decision = s.operate("unlock").decision
    assert decision is not None
    assert decision.granted


def test_readings_are_fresh_unless_said_otherwise() -> None:
    s = site()
    assert kinds(s.core.contact("main", s.now, is_open=True)) == {"forced": True}
    assert s.core.fire("main", s.now, active=True).act == "release"


def test_a_locked_door_may_be_relocked() -> None:
    s = site()
    step = s.operate("relock")
    assert step.act == "relock"
    assert step.decision is not None
    assert (step.decision.granted, step.decision.reason, step.decision.action) == (True, "operator", "relock")
    assert s.ended("relock").states == ()


def test_a_damaged_latch_is_still_a_latch() -> None:
    s = Site(door(has_fire=True), states={"door": {"main": b"\xff", "gone": b"{}"}})
    assert s.state() == "released"
    assert "gone" not in s.stored["door"]
    assert s.operate("relock").act == "relock"


def test_without_a_fire_input_its_last_word_does_not_hold_the_latch() -> None:
    s = Site(door(), states={"door": {"main": b'{"cause":"fire","fire":true}'}})
    assert s.operate("relock").act == "relock"


# --- what is damaged, foreign, wrong -------------------------------------------------------------------------------------


def test_stored_areas_that_mean_nothing_are_forgotten() -> None:
    s = Site(door(), states={"area": {"garage/anna": b'{"at_ns":1,"synced":true}', "garage/bert": b"?"}})
    assert s.stored["area"] == {}


def test_what_is_left_of_doors_that_are_gone_is_forgotten_at_once() -> None:
    now = Site().now
    core = DoorCore((), (), Calendar(CALENDAR), CredentialBook(), KEY, states={"door": {"gone": b"{}"}}, now=now)
    assert core.due_ns() == now.mono_ns
    (step,) = core.tick(now)
    assert [(change.kind, change.key, change.value) for change in step.states] == [("door", "gone", None)]
    assert core.due_ns() is None


def test_what_the_core_does_not_know() -> None:
    s = site()
    with pytest.raises(KeyError):
        s.show(door="nowhere")
    with pytest.raises(KeyError):
        s.show(reader="nothing")
    with pytest.raises(CommandError):
        s.operate("explode")
    with pytest.raises(CommandError):
        s.ended("refuse")


@pytest.mark.parametrize(
    ("doors", "rights", "reason"),
    [
        ((door(), door()), (), "duplicate-door"),
        ((door(interlock=("nowhere",)),), (), "unknown-door"),
        ((door(interlock=("main",)),), (), "unknown-door"),
        ((door(),), (RightSpec(frozenset({"g"}), frozenset({"main"}), "never"),), "unknown-schedule"),
    ],
)
def test_a_site_that_cannot_be(doors: tuple[Any, ...], rights: tuple[RightSpec, ...], reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        DoorCore(doors, rights, Calendar(CALENDAR), CredentialBook(), KEY, states={}, now=Site().now)
    assert error.value.reason == reason


def test_conditions_have_keys_of_their_own() -> None:
    s = site()
    (told,) = s.opened().conditions
    assert told.key == "door/main/forced"
    assert told.evidence["door"] == "main"
    assert set(CONDITIONS.values()) == {"P1", "P2", "P3"}


def test_views_keep_the_order_given() -> None:
    s = Site(door("b"), door("a"), door("c"))
    assert [view.id for view in s.core.views(s.now)] == ["b", "a", "c"]
    s.operate("release", door="a")
    assert s.core.view("a", s.now).released_by == "duty"
