"""The decision table: one row per reason, and what each rule is there for."""

from collections.abc import Callable

import pytest

from edgegw.access.decision import AWAITING, DENIED, GRANTED, GUESSES, REASONS, Presented
from edgegw.access.specs import LockoutSpec, MultiSpec, PassbackSpec
from tests.access.site import CARD, DONE, FAILED, MONDAY_NOON, OTHER, Site, door, kinds

HOUR_NS = 3_600 * 10**9
BOTH = MultiSpec(cards=2)


def one(**changes: object) -> Site:
    return Site(door(**changes))


# --- one row per reason: how it comes about ------------------------------------------------------------------------------


def granted_card() -> tuple[Site, str]:
    site = one()
    site.person()
    return site, site.reason()


def granted_pin() -> tuple[Site, str]:
    site = one(require="pin")
    site.person(number="0815", kind="pin")
    return site, site.reason("0815", kind="pin")


def granted_card_pin() -> tuple[Site, str]:
    site = one(require="card+pin")
    site.person(pin="1234")
    site.show()
    return site, site.reason("1234", kind="pin")


def granted_qr() -> tuple[Site, str]:
    site = one(require="qr")
    site.person(number="QR-abc", kind="qr")
    return site, site.reason("QR-ABC", kind="qr")


def granted_multi() -> tuple[Site, str]:
    site = one(multi=BOTH)
    site.person()
    site.person("bert", OTHER)
    site.show()
    return site, site.reason(OTHER)


def granted_exit() -> tuple[Site, str]:
    site = one()
    decision = site.exit().decision
    assert decision is not None
    return site, decision.reason


def granted_fire() -> tuple[Site, str]:
    site = one(has_fire=True)
    decision = site.fire().decision
    assert decision is not None
    return site, decision.reason


def operated(action: str, *, linkage: bool = False, fire: bool = False, **changes: object) -> tuple[Site, str]:
    site = one(has_fire=True, **changes)
    if fire:
        site.fire()
    decision = site.operate(action, linkage=linkage).decision
    assert decision is not None
    return site, decision.reason


def released() -> tuple[Site, str]:
    site = one()
    site.person()
    site.operate("release")
    site.ended("release")
    return site, site.reason()


def unknown() -> tuple[Site, str]:
    site = one()
    return site, site.reason()


def awaiting_pin() -> tuple[Site, str]:
    site = one(require="card+pin")
    site.person(pin="1234")
    return site, site.reason()


def awaiting_cards() -> tuple[Site, str]:
    site = one(multi=BOTH)
    site.person()
    return site, site.reason()


def awaiting_escort() -> tuple[Site, str]:
    site = one(multi=MultiSpec(cards=2, escort="staff"))
    site.person()
    site.person("bert", OTHER)
    site.show()
    return site, site.reason(OTHER)


def wrong_pin() -> tuple[Site, str]:
    site = one(require="card+pin")
    site.person(pin="1234")
    site.show()
    return site, site.reason("1243", kind="pin")


def no_pin() -> tuple[Site, str]:
    site = one(require="card+pin")
    site.person()
    return site, site.reason()


def no_card() -> tuple[Site, str]:
    site = one(require="card+pin")
    site.person(pin="1234")
    return site, site.reason("1234", kind="pin")


def wrong_kind() -> tuple[Site, str]:
    site = one()
    site.person(number="77", kind="qr")
    return site, site.reason("77", kind="qr")


def no_privilege() -> tuple[Site, str]:
    site = one()
    site.person(groups=("guards",))
    return site, site.reason()


def not_yet_valid() -> tuple[Site, str]:
    site = one()
    site.person(valid_from_ns=site.now.wall_ns + 1)
    return site, site.reason()


def expired() -> tuple[Site, str]:
    site = one()
    site.person(valid_until_ns=site.now.wall_ns)
    return site, site.reason()


def wrong_time_zone() -> tuple[Site, str]:
    site = one()
    site.person(groups=("cleaners",))
    site.clock.set_wall(MONDAY_NOON + 6 * HOUR_NS)  # 18:00
    return site, site.reason()


def locked_out() -> tuple[Site, str]:
    site = one()
    site.person()
    for number in ("1", "2", "3", "4", "5"):
        site.show(number)
    return site, site.reason()


def clock_untrusted() -> tuple[Site, str]:
    site = one(refuse_untrusted=True)
    site.person(groups=("cleaners",))
    site.trusted = False
    return site, site.reason()


def anti_passback() -> tuple[Site, str]:
    site = one(passback=PassbackSpec("garage", hard=True))
    site.person()
    assert site.walk() == "card"
    return site, site.reason()


def interlock() -> tuple[Site, str]:
    site = Site(door(interlock=("inner",)), door("inner"))
    site.person()
    site.opened("inner")
    return site, site.reason()


def pin_timeout() -> tuple[Site, str]:
    site, _ = awaiting_pin()
    return site, _lapsed(site)


def cards_timeout() -> tuple[Site, str]:
    site, _ = awaiting_cards()
    return site, _lapsed(site)


def _lapsed(site: Site) -> str:
    (decision,) = [step.decision for step in site.later(11) if step.decision is not None]
    assert not decision.granted
    assert decision.holder == "anna"
    return decision.reason


ROWS: dict[str, Callable[[], tuple[Site, str]]] = {
    "card": granted_card,
    "pin": granted_pin,
    "card-pin": granted_card_pin,
    "qr": granted_qr,
    "multi": granted_multi,
    "exit-button": granted_exit,
    "fire": granted_fire,
    "operator": lambda: operated("unlock"),
    "linkage": lambda: operated("release", linkage=True),
    "released": released,
    "unknown-credential": unknown,
    "awaiting-pin": awaiting_pin,
    "awaiting-cards": awaiting_cards,
    "awaiting-escort": awaiting_escort,
    "wrong-pin": wrong_pin,
    "no-pin": no_pin,
    "no-card": no_card,
    "wrong-kind": wrong_kind,
    "no-privilege": no_privilege,
    "not-yet-valid": not_yet_valid,
    "expired": expired,
    "wrong-time-zone": wrong_time_zone,
    "locked-out": locked_out,
    "clock-untrusted": clock_untrusted,
    "anti-passback": anti_passback,
    "interlock": interlock,
    "pin-timeout": pin_timeout,
    "cards-timeout": cards_timeout,
    "fire-active": lambda: operated("relock", fire=True),
}


@pytest.mark.parametrize("reason", sorted(REASONS))
def test_every_reason_comes_about(reason: str) -> None:
    _, given = ROWS[reason]()
    assert given == reason


def test_the_reasons_do_not_overlap() -> None:
    assert set(ROWS) == REASONS
    assert not GRANTED & DENIED
    assert GUESSES < DENIED
    assert AWAITING < DENIED


@pytest.mark.parametrize("reason", sorted(DENIED - {"pin-timeout", "cards-timeout", "fire-active"}))
def test_whoever_is_refused_does_not_open(reason: str) -> None:
    site, _ = ROWS[reason]()
    step = site.show("no such number")
    assert step.decision is not None
    assert not step.decision.granted
    assert step.act == "refuse"


# --- what each rule needs to hold ----------------------------------------------------------------------------------------


def test_a_grant_acts_and_a_refusal_tells_the_terminal() -> None:
    site = one()
    site.person()
    step = site.show()
    assert step.act == "unlock"
    assert step.decision is not None
    assert (step.decision.granted, step.decision.holder, step.decision.name) == (True, "anna", "Anna")
    assert (step.decision.tail, step.decision.reader, step.decision.direction) == ("…2345", "r1", "in")
    assert site.show("999").act == "refuse"


def test_what_still_needs_something_is_not_final_and_acts_nothing() -> None:
    site, _ = awaiting_pin()
    step = site.show()
    assert step.decision is not None
    assert not step.decision.final
    assert step.act is None
    assert not site.raised


def test_a_revoked_card_is_refused_with_the_next_decision() -> None:
    site = one()
    hashed = site.person()
    assert site.walk() == "card"
    site.book.remove(hashed)
    assert site.reason() == "unknown-credential"


def test_revoked_between_card_and_pin() -> None:
    site = one(require="card+pin")
    hashed = site.person(pin="1234")
    site.show()
    site.book.remove(hashed)
    assert site.reason("1234", kind="pin") == "unknown-credential"


def test_revoked_while_waiting_for_the_second_card() -> None:
    site = one(multi=BOTH)
    hashed = site.person()
    site.person("bert", OTHER)
    site.show()
    site.book.remove(hashed)
    assert site.reason(OTHER) == "awaiting-cards"


def test_a_right_names_the_door_or_its_group() -> None:
    site = Site(door(groups=frozenset()), door("elsewhere"))
    site.person(groups=("guards", "residents"))
    assert site.reason(door="elsewhere") == "card"
    assert site.reason() == "no-privilege"


def test_a_pin_is_no_card_of_the_same_digits() -> None:
    site = one(require="any")
    site.person(number="4711", kind="pin")
    assert site.reason("4711") == "unknown-credential"
    assert site.reason("4711", kind="pin") == "pin"


def test_validity_includes_its_start_and_not_its_end() -> None:
    site = one()
    now = site.now.wall_ns
    site.person(valid_from_ns=now, valid_until_ns=now + 1)
    assert site.reason() == "card"
    site.clock.set_wall(now + 1)
    assert site.reason() == "expired"
    site.clock.set_wall(now - 1)
    assert site.reason() == "not-yet-valid"


def test_a_schedule_opens_and_closes() -> None:
    site = one()
    site.person(groups=("cleaners",))
    site.clock.set_wall(MONDAY_NOON + 6 * HOUR_NS - 1)
    assert site.walk() == "card"
    site.clock.set_wall(MONDAY_NOON + 6 * HOUR_NS)
    assert site.reason() == "wrong-time-zone"


def test_a_right_without_schedule_does_not_care_for_the_clock() -> None:
    site = one(refuse_untrusted=True)
    site.person(groups=("cleaners", "residents"))
    site.trusted = False
    assert site.walk() == "card"
    site.person(groups=("residents",), valid_until_ns=site.now.wall_ns + HOUR_NS)
    assert site.reason() == "clock-untrusted"


def test_an_untrusted_clock_may_be_told_to_allow() -> None:
    site = one()
    site.person(groups=("cleaners",), valid_until_ns=site.now.wall_ns)
    site.trusted = False
    site.clock.set_wall(0)
    step = site.show()
    assert step.decision is not None
    assert (step.decision.reason, step.decision.clock_trusted) == ("card", False)
    assert step.decision.details == {"untrusted_allowed": True}


# --- card and PIN --------------------------------------------------------------------------------------------------------


def test_the_pin_must_come_within_ten_seconds_on_the_same_reader() -> None:
    site = one(require="card+pin")
    site.person(pin="1234")
    site.show()
    assert site.reason("1234", kind="pin", reader="r2") == "no-card"
    site.later(9.999)
    assert site.reason("1234", kind="pin") == "card-pin"
    site.show()
    site.clock.advance(10)  # no tick came in between
    assert site.reason("1234", kind="pin") == "no-card"


def test_a_pin_serves_once_and_for_its_own_card() -> None:
    site = one(require="card+pin")
    site.person(pin="1234")
    site.person("bert", OTHER, pin="9999")
    site.show()
    site.show(OTHER)
    assert site.reason("1234", kind="pin") == "wrong-pin"
    assert site.reason("9999", kind="pin") == "no-card"


def test_a_pin_that_was_not_handed_on_is_a_wrong_one() -> None:
    site = one(require="card+pin")
    site.person(pin="1234")
    site.show()
    bare = Presented(kind="pin", hashed=b"", reader="r1")
    decision = site.core.present("main", bare, site.now, clock_trusted=True).decision
    assert decision is not None
    assert decision.reason == "wrong-pin"


def test_the_event_of_card_and_pin_shows_the_card_and_never_the_pin() -> None:
    site = one(require="card+pin")
    site.person(pin="12345678")
    site.show()
    step = site.show("12345678", kind="pin")
    assert step.decision is not None
    assert (step.decision.kind, step.decision.tail) == ("card+pin", "…2345")
    assert "5678" not in repr(step)


# --- duress --------------------------------------------------------------------------------------------------------------


def test_a_duress_pin_opens_as_the_usual_one_does_and_calls_for_help() -> None:
    def steps(pin: str) -> list[object]:
        site = one(require="card+pin")
        site.person(pin="1234", duress_pin="1235")
        site.show()
        step = site.show(pin, kind="pin")
        assert step.decision is not None
        ended = site.ended()
        shown = (step.act, step.repeat_ns, step.decision.granted, step.decision.reason, step.states)
        return [shown, ended.act, site.state(), step.decision.duress, {c.key: c.priority for c in step.conditions}]

    usual, duress = steps("1234"), steps("1235")
    assert usual[:3] == duress[:3]
    assert (usual[3], duress[3]) == (False, True)
    assert duress[4] == {"door/main/duress": "P1"}
    assert not usual[4]


def test_a_duress_credential_calls_for_help_even_where_it_does_not_open() -> None:
    site = one()
    site.person(duress=True, groups=("guards",))
    step = site.show()
    assert (step.act, kinds(step)) == ("refuse", {"duress": True})
    assert step.conditions[0].evidence == {
        "door": "main",
        "reader": "r1",
        "granted": False,
        "reason": "no-privilege",
        "holder": "anna",
        "name": "Anna",
    }
    locked, _ = locked_out()
    locked.person(duress=True)
    step = locked.show()
    assert step.decision is not None
    assert (step.decision.reason, kinds(step)["duress"]) == ("locked-out", True)


def test_a_duress_alarm_ends_ten_minutes_after_the_last_signal() -> None:
    site = one()
    site.later(700)
    site.person(duress=True)
    site.show()
    site.later(300)
    assert kinds(site.show()) == {"duress": True}
    site.later(599)
    assert "door/main/duress" in site.raised
    site.later(2)
    assert "door/main/duress" not in site.raised


# --- lock-out ------------------------------------------------------------------------------------------------------------


def test_lock_out_is_for_a_while_at_that_reader_and_not_prolonged() -> None:
    site, _ = locked_out()
    assert site.raised["door/main/lockout/r1"].priority == "P3"
    assert site.walk(reader="r2") == "card"  # whoever is inside gets out; this takes 20 s
    for number in ("6", "7", "8", "9", "10"):
        assert site.reason(number) == "locked-out"
    site.later(9.9)
    assert site.reason() == "locked-out"
    site.later(0.1)
    assert site.reason() == "card"
    assert not site.raised


def test_after_the_pause_the_row_starts_anew() -> None:
    site, _ = locked_out()
    site.later(31)
    for number in ("6", "7", "8", "9"):
        assert site.reason(number) == "unknown-credential"
    assert not site.raised
    assert kinds(site.show("10")) == {"lockout": True}


def test_the_last_of_the_failures_still_says_why() -> None:
    site = one()
    assert [site.reason(str(number)) for number in range(6)] == ["unknown-credential"] * 5 + ["locked-out"]


def test_a_grant_breaks_the_row() -> None:
    site = one()
    site.person()
    for _ in range(3):
        for number in range(4):
            site.show(str(number))
        assert site.reason() == "card"


def test_attempts_far_apart_are_not_in_a_row() -> None:
    site = one(lockout=LockoutSpec(2, within_ns=10 * 10**9))
    site.show("1")
    site.later(10.1)
    site.show("2")
    assert not site.raised
    site.later(10)
    assert kinds(site.show("3")) == {"lockout": True}


def test_a_card_left_at_the_reader_is_one_attempt() -> None:
    site = one()
    for _ in range(20):
        site.show("1")
        site.later(0.3)
    assert not site.raised
    for _ in range(4):
        site.later(0.5)
        step = site.show("1")
    assert kinds(step) == {"lockout": True}


def test_wrong_pins_count_and_so_do_equal_ones() -> None:
    site = one(require="card+pin", lockout=LockoutSpec(3))
    site.person(pin="1234")
    for _ in range(3):
        site.show()
        site.show("0000", kind="pin")
    assert site.reason() == "locked-out"


def test_what_is_not_a_guess_does_not_count() -> None:
    site = Site(door(interlock=("inner",)), door("inner"))
    site.person()
    site.opened("inner")
    for _ in range(9):
        site.later(1)
        assert site.reason() == "interlock"


def test_no_failures_no_lock_out() -> None:
    site = one(lockout=LockoutSpec(0))
    for number in range(99):
        assert site.reason(str(number)) == "unknown-credential"


def test_a_lock_out_forgets_the_card_that_waits_for_its_pin() -> None:
    site = one(require="card+pin", lockout=LockoutSpec(1))
    site.person(pin="1234")
    site.show()
    site.show("1")
    assert site.reason("1234", kind="pin") == "locked-out"
    site.later(31)
    assert site.reason("1234", kind="pin") == "no-card"


# --- anti-passback -------------------------------------------------------------------------------------------------------

HARD, SOFT = PassbackSpec("garage", hard=True), PassbackSpec("garage", hard=False)


def test_who_left_may_enter_again_and_leaving_is_never_refused() -> None:
    site = one(passback=HARD)
    site.person()
    assert site.walk(direction="out") == "card"
    assert site.walk() == "card"
    assert site.reason() == "anti-passback"
    assert site.walk(direction="out") == "card"
    assert site.walk(direction="out") == "card"
    assert site.walk() == "card"


def test_hard_refuses_and_says_so() -> None:
    site = one(passback=HARD)
    site.person()
    site.walk()
    step = site.show()
    assert step.decision is not None
    assert (step.act, step.decision.details) == ("refuse", {"anti_passback": "hard"})


def test_soft_grants_and_reports() -> None:
    site = one(passback=SOFT)
    site.person()
    site.walk()
    step = site.show()
    assert step.act == "unlock"
    assert step.decision is not None
    assert step.decision.details == {"anti_passback": "soft"}


def test_an_area_has_many_doors() -> None:
    site = Site(
        door(passback=HARD), door("back", passback=HARD), door("other", passback=PassbackSpec("club", hard=True))
    )
    site.person()
    site.walk()
    assert site.reason(door="back") == "anti-passback"
    assert site.walk(door="other") == "card"
    assert site.walk(door="back", direction="out") == "card"
    assert site.walk() == "card"


def test_who_did_not_open_the_door_is_not_inside() -> None:
    site = one(passback=HARD)
    site.person()
    site.show()
    site.ended()
    assert site.core.inside("garage") == 0
    site.later(20)
    site.opened()  # forced, later: not this one's passage
    assert site.core.inside("garage") == 0
    site.closed()
    assert site.reason() == "card"


def test_without_a_contact_the_lock_s_word_counts() -> None:
    site = one(passback=HARD, has_contact=False)
    site.person()
    site.show()
    site.ended(status=FAILED)
    assert site.core.inside("garage") == 0
    assert site.show().act == "unlock"
    site.ended(status=DONE)
    assert site.core.inside("garage") == 1


def test_a_contact_that_never_told_anything_does_not_keep_people_outside() -> None:
    site = Site(door(passback=HARD), settled=False)
    site.person()
    site.show()
    site.ended(status=DONE)
    assert site.core.inside("garage") == 1


def test_who_was_granted_in_vain_is_not_carried_in_by_a_later_opening() -> None:
    site = one(passback=HARD)
    site.person()
    site.person("bert", OTHER)
    site.show()
    site.ended(status=FAILED)
    site.show(OTHER)
    site.ended()
    site.opened()
    assert site.core.inside("garage") == 1
    assert site.reason() == "card"


def test_through_an_open_door_one_passes_at_once() -> None:
    site = one(passback=HARD)
    site.person()
    site.person("bert", OTHER)
    site.show()
    site.ended()
    site.opened()
    site.show(OTHER)
    assert site.core.inside("garage") == 2


def test_forgotten_after_its_time() -> None:
    site = one(passback=PassbackSpec("garage", hard=True, forget_ns=HOUR_NS))
    site.person()
    start = site.now.mono_ns
    site.walk()
    passed = (site.now.mono_ns - start) / 1e9
    site.clock.set_wall(MONDAY_NOON + 99 * HOUR_NS)  # the wall clock jumps: no matter
    site.later(3599 - passed)
    assert site.reason() == "anti-passback"
    site.later(1)
    assert site.reason() == "card"


@pytest.mark.parametrize(("trusted", "reason"), [(True, "card"), (False, "anti-passback")])
def test_across_a_restart_the_wall_clock_counts_if_it_is_trusted(trusted: bool, reason: str) -> None:
    site = one(passback=PassbackSpec("garage", hard=True, forget_ns=HOUR_NS))
    site.person()
    site.walk()
    site.start()
    site.clock.set_wall(site.now.wall_ns + 2 * HOUR_NS)
    site.trusted = trusted
    site.closed()
    assert site.reason() == reason


def test_across_a_restart_nothing_is_forgotten() -> None:
    site = one(passback=HARD)
    site.person()
    site.walk()
    site.start()
    site.closed()
    assert site.reason() == "anti-passback"
    assert site.walk(direction="out") == "card"
    site.start()
    assert site.reason() == "card"


def test_an_operator_lets_someone_enter_again() -> None:
    site = one(passback=HARD)
    site.person()
    site.walk()
    site.kept(site.core.forget("garage", "anna"))
    assert site.stored["area"] == {}
    assert site.reason() == "card"
    assert site.core.forget("garage", "nobody").states == ()
    assert site.core.forget("nowhere", "anna").states == ()


def test_a_released_area_counts_nobody_and_starts_anew() -> None:
    site = Site(door(passback=HARD), door("back", passback=HARD))
    site.person()
    site.walk()
    site.operate("release", door="back")
    site.ended("release", door="back")
    assert site.walk() == "card"  # may have left by the back door
    site.operate("relock", door="back")
    site.ended("relock", door="back")
    assert site.core.inside("garage") == 0
    assert site.stored["area"] == {}
    assert site.walk() == "card"
    assert site.reason() == "anti-passback"


# --- interlock -----------------------------------------------------------------------------------------------------------


def test_the_other_door_must_be_closed_and_quiet() -> None:
    site = Site(door(interlock=("inner",)), door("inner"))
    site.person()
    site.show(door="inner")
    assert site.reason() == "interlock"  # its unlock is on the way
    site.ended(door="inner")
    assert site.reason() == "interlock"  # its pulse runs
    site.later(7.1)
    assert site.reason() == "card"
    site.later(20)
    site.operate("release", door="inner")
    assert site.reason() == "interlock"  # it stands released


def test_an_other_door_of_unknown_state_is_not_closed() -> None:
    site = Site(door(interlock=("inner",)), door("inner"), settled=False)
    site.person()
    site.later(60)
    assert site.reason() == "interlock"
    site.closed("inner", fresh=False)  # what a broker kept is better than a site that never opens again
    assert site.reason() == "card"


def test_the_operator_is_held_by_an_interlock_and_the_exit_button_is_not() -> None:
    site = Site(door(interlock=("inner",)), door("inner"))
    site.opened("inner")
    step = site.operate("unlock")
    assert step.act is None
    assert step.decision is not None
    assert (step.decision.granted, step.decision.reason) == (False, "interlock")
    assert step.decision.details == {"interlock": "inner"}
    assert site.exit().act == "unlock"
    assert site.operate("release").act == "release"


# --- several holders -----------------------------------------------------------------------------------------------------


def test_the_same_holder_twice_is_one() -> None:
    site = one(multi=BOTH)
    site.person()
    site.person("anna", OTHER)
    assert site.reason() == "awaiting-cards"
    assert site.reason(OTHER) == "awaiting-cards"
    assert site.reason() == "awaiting-cards"


def test_the_second_comes_in_time() -> None:
    site = one(multi=BOTH)
    site.person()
    site.person("bert", OTHER)
    site.show()
    site.later(10)
    assert site.reason(OTHER) == "awaiting-cards"
    site.later(9.9)
    step = site.show()
    assert step.act == "unlock"
    assert step.decision is not None
    assert step.decision.details["holders"] == "bert,anna"
    assert site.reason() == "awaiting-cards"  # used up


def test_an_escort_must_be_among_them() -> None:
    site = one(multi=MultiSpec(cards=2, escort="staff"))
    for number in range(12):
        site.person(f"guest{number}", str(number))
        assert site.show(str(number)).act is None
    site.person("carl", CARD, groups=("residents", "staff"))
    assert site.reason() == "multi"


def test_all_of_them_are_inside() -> None:
    site = one(multi=BOTH, passback=HARD)
    site.person()
    site.person("bert", OTHER)
    site.show()
    site.walk(OTHER)
    assert site.core.inside("garage") == 2


def test_card_and_pin_from_both() -> None:
    site = one(multi=BOTH, require="card+pin")
    site.person(pin="1111")
    site.person("bert", OTHER, pin="2222")
    assert site.reason() == "awaiting-pin"
    assert site.reason("1111", kind="pin") == "awaiting-cards"
    assert site.reason(OTHER) == "awaiting-pin"
    assert site.reason("2222", kind="pin") == "multi"


# --- the exit button -----------------------------------------------------------------------------------------------------


def test_the_exit_button_opens_whatever_else_holds() -> None:
    site = Site(door(interlock=("inner",), passback=HARD, lockout=LockoutSpec(1), refuse_untrusted=True), door("inner"))
    site.opened("inner")
    site.show("1")
    site.clock.set_wall(0, synced=False)
    assert site.exit().act == "unlock"
