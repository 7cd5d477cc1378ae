"""One trouble, one ticket: each rule of docs/tickets.md by itself."""

import json
import re

import pytest

from edgegw.model import NOTHING, Changes, Event, Lane
from edgegw.rules.events import ALARM_RAISED
from edgegw.service.specs import Facts, OneTicket
from edgegw.service.ticket import TROUBLE_KIND, TicketState
from tests.service.trouble_site import RESOLVE_S, RESPOND_S, Box, S, actions, escalations, facts_of, feed

LEAK, GONE, SOS, QUIET = "d1/leak", "d1/gone", "d1/sos", "d1/quiet"


def box(**one) -> Box:
    return Box(facts_of(LEAK, GONE, SOS, QUIET, "d2/gone"), one=OneTicket(**one))


# --- opened, updated, resolved ------------------------------------------------------------------------------------------


def test_a_raised_alarm_carries_the_whole_request() -> None:
    b = box()
    (told,) = b.send(b.event(LEAK, ALARM_RAISED))
    ticket = told["ticket"]
    assert told["priority"] == ticket["priority"] == "P2"  # the catalogue's, not the rule's P4
    assert ticket["action"] == "open"
    assert "why" not in ticket
    assert "state" not in ticket
    assert "number" not in ticket
    assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", ticket["id"])
    assert re.fullmatch(r"EG-[2-9A-HJ-NP-Z]{8}", ticket["ref"])
    assert ticket["respond_by"] == "2026-01-01T00:15:00.000Z"
    assert (ticket["team"], ticket["team_name"], ticket["occurrences"]) == ("works", "工程部", 1)
    view = b.view(LEAK)
    assert (view.state, view.active, view.ref, view.subject) == (TicketState.REQUESTED, True, ticket["ref"], "d1")
    assert view.respond_by_ns == b.now.wall_ns + RESPOND_S * S


def test_one_ticket_from_raised_over_updated_to_cleared() -> None:
    b = box()
    first = b.up(LEAK)
    second, third = b.change(LEAK), b.down(LEAK)
    assert [first["action"], second["action"], third["action"]] == ["open", "update", "resolve"]
    assert first["id"] == second["id"] == third["id"]


def test_raised_again_in_time_opens_the_same_ticket_again_and_later_a_new_one() -> None:
    b = box()
    first = b.up(LEAK)
    b.down(LEAK)
    b.wait(1799)
    again = b.up(LEAK)
    assert (again["action"], again["why"], again["id"], again["occurrences"]) == (
        "reopen",
        "raised-again",
        first["id"],
        2,
    )
    b.down(LEAK)
    b.wait(1801)
    later = b.up(LEAK)
    assert later["action"] == "open"
    assert later["id"] != first["id"]


@pytest.mark.parametrize("word", ["resolved", "closed"])
def test_raised_again_after_the_ticket_ended_is_measured_from_the_end_of_both(word) -> None:
    b = box()
    first = b.up(LEAK)
    b.down(LEAK)
    b.wait(1000)
    b.say(LEAK, word, number="7")
    b.wait(1700)
    again = b.up(LEAK)
    assert (again["action"], again["id"], again["number"]) == ("reopen", first["id"], "7")
    assert b.view(LEAK).state is TicketState.REQUESTED


def test_an_answered_ticket_outlives_the_reraise_interval() -> None:
    b = box()
    first = b.up(LEAK)
    b.say(LEAK, "opened", number="1", url="https://desk/1")
    b.down(LEAK)
    b.wait(20 * 86400)
    again = b.up(LEAK)
    assert (again["action"], again["id"], again["url"], again["state"]) == (
        "reopen",
        first["id"],
        "https://desk/1",
        "opened",
    )
    b.down(LEAK)
    b.wait(31 * 86400)
    assert b.view(LEAK) is None


def test_a_momentary_alarm_leaves_its_ticket_to_people() -> None:
    b = box()
    first = b.up(SOS)
    assert b.down(SOS)["action"] == "update"
    b.wait(86400)
    again = b.up(SOS)
    assert (again["action"], again["why"], again["id"]) == ("reopen", "raised-again", first["id"])
    b.down(SOS)
    b.say(SOS, "closed")
    b.wait(60)
    pressed = b.up(SOS)
    assert (pressed["action"], pressed["why"]) == ("reopen", "raised-again")


def test_pressed_again_before_we_hear_that_its_ticket_was_closed() -> None:
    b = box()
    ticket = b.up(SOS)
    b.down(SOS)
    assert b.desk.person(ticket["id"], "closed")  # the word is on its way
    b.up(SOS)
    assert b.desk.open("gw/d1/sos") == [ticket["id"]]


def test_pressed_again_does_not_take_an_acknowledgement_back() -> None:
    b = box()
    b.up(SOS)
    b.down(SOS)
    b.say(SOS, "acknowledged")
    assert b.up(SOS)["state"] == "acknowledged"
    b.down(SOS)
    assert escalations(b.wait(RESOLVE_S - 10)) == []


def test_a_momentary_alarm_is_no_flapping_and_a_rejected_one_may_be_pressed_again() -> None:
    b = box()
    for _ in range(6):
        last = b.up(SOS)
        b.down(SOS)
    assert last["action"] == "reopen"
    b.say(SOS, "rejected")
    new = b.up(SOS)
    assert new["action"] == "open"
    assert new["id"] != last["id"]
    assert [row["state"] for row in b.history()] == ["rejected"]


def test_a_priority_that_only_the_catalogue_gave_is_not_taken_for_the_alarms_own() -> None:
    """Stored with the ticket is the catalogue's word; over a restart the alarm still leaves it to the catalogue."""
    b = Box()
    assert b.up("service/req-1", category="cleaning", priority="")["priority"]
    b.reboot()
    (trouble,) = [one for one in b.troubles._known if one.key.endswith("req-1")]
    assert (trouble.facts.priority, trouble.s.data.priority != "") == ("", True)


def test_an_alarm_of_which_the_site_says_nothing_speaks_for_itself() -> None:
    b = Box()
    ticket = b.up("service/req-1", category="cleaning", priority="P3")
    assert (ticket["category"], ticket["priority"]) == ("cleaning", "P3")
    b.down("service/req-1")
    again = b.up("service/req-1", category="cleaning", priority="P1")
    assert (again["action"], again["priority"]) == ("reopen", "P1")


def test_no_ticket_where_the_catalogue_wants_none() -> None:
    b = box()
    ticket = b.up(QUIET)
    assert ticket == {"action": "none", "why": "no-ticket"}
    assert not b.wait(86400)
    assert b.down(QUIET) == {"action": "none", "why": "no-ticket"}
    b.wait(1801)
    assert [(row["state"], row["why"]) for row in b.history()] == [("held", "no-ticket")]


# --- answers ------------------------------------------------------------------------------------------------------------


def test_answers_are_known_at_once_and_older_versions_change_nothing() -> None:
    b = box()
    b.up(LEAK)
    b.say(LEAK, "acknowledged", number="12", version=5, assignee="Wang")
    b.say(LEAK, "opened", number="11", version=4)
    b.say(LEAK, "closed", version=5)
    view = b.view(LEAK)
    assert (view.state, view.number, view.assignee) == (TicketState.ACKNOWLEDGED, "12", "Wang")
    assert view.acknowledged_ns == b.now.wall_ns
    b.say(LEAK, "assigned", version=6)
    assert b.view(LEAK).state is TicketState.ASSIGNED


def test_the_answer_to_the_opening_does_not_take_an_acknowledgement_back() -> None:
    b = box()
    b.up(LEAK)
    b.say(LEAK, "acknowledged")
    b.say(LEAK, "opened", number="9")
    assert (b.view(LEAK).state, b.view(LEAK).number) == (TicketState.ACKNOWLEDGED, "9")


@pytest.mark.parametrize("word", ["resolved", "closed"])
def test_closed_while_the_alarm_is_active_is_opened_again(word) -> None:
    b = box()
    first = b.up(LEAK)
    b.say(LEAK, word)
    assert not actions(b.wait(59))
    told = b.wait(2)
    assert actions(told) == [("requested", "reopen", "still-active")]
    assert told[0]["ticket"]["id"] == first["id"]
    assert told[0]["title"] == "Title of d1/leak"


def test_closed_and_recovered_in_time_stays_closed() -> None:
    b = box()
    b.up(LEAK)
    b.say(LEAK, "closed")
    b.wait(30)
    assert b.down(LEAK)["why"] == "ended"
    assert not actions(b.wait(86400))
    (row,) = b.history()
    assert row["state"] == "closed"
    assert b.view(LEAK) is None


def test_rejected_is_quiet_until_the_occurrence_ends_and_the_interval_after_it() -> None:
    b = box()
    b.up(LEAK)
    b.say(LEAK, "rejected")
    assert not actions(b.wait(86400))
    assert b.change(LEAK)["why"] == "ended"
    b.say(LEAK, "closed")  # some systems close what was rejected
    assert not actions(b.wait(86400))
    b.down(LEAK)
    b.wait(1000)
    again = b.up(LEAK)
    assert (again["action"], again["why"]) == ("none", "ended")
    b.down(LEAK)
    b.wait(1801)
    assert b.up(LEAK)["action"] == "open"


def test_taken_up_again_in_the_ticket_system_itself() -> None:
    b = box()
    b.up(LEAK)
    b.say(LEAK, "closed", version=2)
    b.say(LEAK, "assigned", version=3)
    assert not actions(b.wait(600))
    assert b.down(LEAK)["action"] == "resolve"


@pytest.mark.parametrize("word", ["closed", "rejected"])
def test_late_words_do_not_hide_that_we_proposed_to_resolve_it(word) -> None:
    b = Box(facts_of(GONE), [feed("link/a", ["d1"])], OneTicket(flap_raises=0))
    b.up(GONE)
    b.wait(4)
    (ticket,) = b.desk.tickets.values()
    b.down(GONE)
    b.desk.person(ticket["id"], word)
    b.up(GONE)
    b.wait(4)
    assert ticket["status"] == "open"  # asked for again, and nothing was heard of the closing
    b.down(GONE)
    b.up(GONE)
    for update in b.desk.said:
        b.commit(b.troubles.answer(update, b.now))
    b.wait(61)
    assert ticket["status"] == "open"


def test_a_late_word_on_an_earlier_ticket_touches_its_row_alone() -> None:
    b = box()
    first = b.up(LEAK)
    b.down(LEAK)
    b.wait(1801)
    second = b.up(LEAK)
    assert b.say(LEAK, "closed", ticket_id=first["id"], number="3") is not None
    assert b.view(LEAK).state is TicketState.REQUESTED
    (row,) = b.history()
    assert (row["ticket_id"], row["state"], row["number"]) == (first["id"], "closed", "3")
    assert b.say(LEAK, "closed", ticket_id="no-such") == NOTHING
    assert b.view(LEAK).ticket_id == second["id"]
    assert b.say("d9/none", "closed") is None


def test_an_answer_where_nothing_was_asked_for_is_passed_over() -> None:
    b = box()
    b.up(QUIET)
    b.say(QUIET, "closed")
    assert b.view(QUIET).state is TicketState.HELD


# --- escalation ---------------------------------------------------------------------------------------------------------


def test_not_acknowledged_in_time_is_escalated_again_and_again_up_to_a_bound() -> None:
    b = box()
    b.up(LEAK)
    assert escalations(b.wait(RESPOND_S - 1)) == []
    assert escalations(b.wait(2)) == [("respond", 1)]
    assert escalations(b.wait(3600)) == [("respond", 2), ("respond", 3)]
    assert escalations(b.wait(86400)) == [("resolve", 4)]
    assert escalations(b.wait(10 * 86400)) == []


def test_no_escalation_where_the_site_wants_none() -> None:
    b = box(escalate_most=0)
    b.up(LEAK)
    assert escalations(b.wait(86400)) == []


def test_acknowledged_stops_the_first_clock_and_not_the_second() -> None:
    b = box()
    b.up(LEAK)
    b.wait(60)
    b.say(LEAK, "acknowledged")
    assert escalations(b.wait(RESOLVE_S - 62)) == []
    assert escalations(b.wait(4)) == [("resolve", 1)]


@pytest.mark.parametrize("word", ["resolved", "closed", "rejected"])
def test_an_end_stops_both_clocks(word) -> None:
    b = box()
    b.up(LEAK)
    b.say(LEAK, word)
    b.down(LEAK)
    assert escalations(b.wait(86400)) == []


def test_recovery_stops_both_clocks_but_not_of_a_momentary_one() -> None:
    b = box()
    b.up(LEAK)
    b.down(LEAK)
    assert escalations(b.wait(86400)) == []
    b.up(SOS)
    b.down(SOS)
    assert escalations(b.wait(86400)) == [("respond", 1), ("respond", 2), ("respond", 3), ("resolve", 4)]


def test_a_step_of_the_wall_clock_escalates_nothing() -> None:
    b = box()
    b.up(LEAK)
    b.clock.set_wall(b.now.wall_ns + 365 * 86400 * S)
    assert escalations(b.wait(RESPOND_S - 10)) == []
    b.clock.set_wall(b.now.wall_ns - 730 * 86400 * S)
    assert escalations(b.wait(20)) == [("respond", 1)]


@pytest.mark.parametrize(("off_s", "synced", "left_s"), [(300, True, 500), (86400, True, 0), (300, False, 800)])
def test_clocks_over_a_restart(off_s, synced, left_s) -> None:
    b = box()
    b.up(LEAK)
    b.wait(100)
    b.say(LEAK, "opened")  # the last moment that is stored
    b.reboot(off_s, synced=synced)
    if left_s:
        assert escalations(b.wait(left_s - 2)) == []
    assert escalations(b.wait(4)) == ([("respond", 1)] if off_s < RESOLVE_S else [("respond", 1), ("resolve", 2)])


# --- flapping -----------------------------------------------------------------------------------------------------------


def test_flapping_is_told_once_and_its_end_once() -> None:
    b = box()
    told = []
    for _ in range(6):
        told += b.send(b.event(LEAK, ALARM_RAISED))
        b.wait(10)
        told.append({"type": "edgegw.alarm.cleared", "ticket": b.down(LEAK)})
        b.wait(10)
    assert actions(told) == [
        ("raised", "open", ""),
        ("cleared", "resolve", ""),
        ("raised", "reopen", "raised-again"),
        ("cleared", "resolve", ""),
        ("raised", "reopen", "raised-again"),
        ("cleared", "resolve", ""),
        ("raised", "reopen", "raised-again"),
        ("updated", "update", "flapping"),
        ("cleared", "none", "flapping"),
        ("raised", "none", "flapping"),
        ("cleared", "none", "flapping"),
        ("raised", "none", "flapping"),
        ("cleared", "none", "flapping"),
    ]
    assert told[7]["ticket"]["occurrences"] == 4
    assert not actions(b.wait(580))
    assert actions(b.wait(20)) == [("updated", "resolve", "")]
    assert not b.view(LEAK).why


def test_flapping_survives_a_restart_and_active_at_its_end_says_nothing() -> None:
    b = box(escalate_most=0)
    for _ in range(4):
        b.up(LEAK)
        b.down(LEAK)
    b.reboot(10)
    assert b.view(LEAK).why == "flapping"
    assert b.up(LEAK)["why"] == "flapping"
    assert not actions(b.wait(700))
    assert b.down(LEAK)["action"] == "resolve"


def test_closed_while_it_flaps_is_opened_again_only_if_it_stays() -> None:
    b = box()
    for _ in range(5):
        b.up(LEAK)
        b.wait(1)
        b.down(LEAK)
    b.say(LEAK, "closed")
    for _ in range(3):
        assert b.up(LEAK)["why"] == "flapping"
        b.wait(30)
        b.down(LEAK)
    b.up(LEAK)
    assert actions(b.wait(61)) == [("requested", "reopen", "raised-again")]


def test_what_flaps_faster_than_it_is_gathered_gets_its_ticket() -> None:
    b = Box(facts_of(GONE), [feed("link/a", ["d1"])])
    for _ in range(5):
        b.up(GONE)
        b.wait(1)
        b.down(GONE)
        b.wait(0.2)
    assert not b.desk.tickets
    b.wait(1)
    assert len(b.desk.open("gw/d1/gone")) == 1


# --- begin, stored state, history ---------------------------------------------------------------------------------------


def test_alarms_without_a_trouble_get_one_and_troubles_without_their_alarm_are_cleared() -> None:
    b = box()
    b.up(LEAK)
    b.store[TROUBLE_KIND].clear()  # as after an update from a version without troubles
    b.desk.tickets.clear()
    before = len(b.events)
    b.reboot(10)
    assert [(kind, data["ticket"]["action"]) for kind, data in b.events[before:]] == [
        ("edgegw.ticket.requested", "open")
    ]
    b.alarms.clear()
    before = len(b.events)
    b.reboot(10)
    assert [(kind, data["ticket"]["action"]) for kind, data in b.events[before:]] == [
        ("edgegw.ticket.updated", "resolve")
    ]


def test_unreadable_states_are_counted_and_forgotten() -> None:
    b = box()
    b.up(LEAK)
    b.store[TROUBLE_KIND] |= {"gw/d2/gone": b"{", "gw/other": b.store[TROUBLE_KIND]["gw/d1/leak"]}
    b.store[TROUBLE_KIND]["gw/deep"] = b'{"left":' + b"[" * 100_000
    b.store["maintenance"] |= {"x": b"[]", "y": b'{"id":"\xff"}'}
    b.reboot()
    assert b.troubles.unreadable == 5
    assert list(b.store[TROUBLE_KIND]) == ["gw/d1/leak"]
    assert not b.store["maintenance"]


@pytest.mark.parametrize("data", [b'{"dedup_key":1}', b'{"dedup_key":"\xff"}', b'{"evidence":' + b"[" * 100_000, b""])
def test_what_cannot_be_read_passes_as_it_is(data) -> None:
    b = box()
    odd = Event(ALARM_RAISED, Lane.ALARM, "d1", b.now, data)
    other = Event("edgegw.reading", Lane.TELEMETRY, "d1", b.now, b"{}")
    assert b.troubles.take(Changes((other, odd)), b.now) == Changes((other, odd))
    assert b.troubles.undecoded == 1
    same = Changes((other,))
    assert b.troubles.take(same, b.now) is same


def test_a_state_is_compact_and_leaves_out_what_is_not_so() -> None:
    b = box()
    b.up(LEAK)
    stored = json.loads(b.store[TROUBLE_KIND]["gw/d1/leak"])
    assert not {"why", "cause", "flapping", "proposed", "number"} & set(stored)
    assert "ticket" not in stored["data"]


def test_a_ticket_that_is_over_becomes_a_row_by_the_local_date() -> None:
    b = box()
    b.clock.set_wall(1_767_225_600 * S + 17 * 3600 * S)  # 01:00 of the next day in Shanghai
    ticket = b.up(LEAK)
    b.say(LEAK, "acknowledged", number="4")
    b.down(LEAK)
    b.say(LEAK, "closed")
    b.wait(1801)
    assert list(b.store["ticket-history"]) == [f"2026-01-02/{ticket['id']}"]
    (row,) = b.history()
    assert row["acknowledged_ns"]
    assert row["closed_ns"]
    assert row["respond_by_ns"]
    assert row["cleared_ns"]
    assert not b.store[TROUBLE_KIND]


def test_rows_are_kept_by_days_and_by_number() -> None:
    b = Box(facts_of(*[f"d{i}/leak" for i in range(40)]), history_most=10, history_keep_days=5)
    for i in range(40):
        b.up(f"d{i}/leak")
        b.down(f"d{i}/leak")
        b.wait(60)
    b.wait(3600)
    assert len(b.history()) == 10
    b.wait(7 * 86400)
    assert b.history() == []


def test_rows_from_before_the_clock_was_set_are_not_taken_for_old() -> None:
    b = box()
    b.up(LEAK)
    b.down(LEAK)
    b.wait(1801)
    b.reboot(10, synced=False)
    b.up(LEAK)
    b.down(LEAK)
    b.wait(1801)
    b.clock.set_wall(1_767_225_600 * S + 86400 * S)
    b.wait(3600)
    assert len(b.history()) == 2
    assert {key.partition("/")[0] for key in b.store["ticket-history"]} == {"2026-01-01"}


def test_labels_come_from_the_alarm_where_the_site_gives_none() -> None:
    b = Box({"gw/d1/leak": Facts(subject="d1", rule="leak", category="water")})
    b.up(LEAK, location={"text": "3号楼", "labels": {"building": "3"}})
    assert b.view(LEAK).labels == {"building": "3"}


def test_a_health_alarm_that_nothing_can_explain_waits_for_nothing() -> None:
    b = box()  # no feeds
    assert b.up(GONE)["action"] == "open"


def test_of_too_many_the_one_that_waits_longest_makes_room(monkeypatch) -> None:
    monkeypatch.setattr("edgegw.service.troubles.TROUBLES_MOST", 3)
    b = Box()
    b.up("d1/leak")
    for name in ("service/1", "service/2", "service/3", "service/4"):
        b.up(name)
        b.say(name, "opened")
        b.down(name)
    assert [view.dedup_key for view in b.troubles.views()] == ["gw/d1/leak", "gw/service/3", "gw/service/4"]
    assert len(b.history()) == 2


def test_circles_of_causes_hang_nothing_and_one_of_them_gets_the_ticket() -> None:
    b = Box(
        facts_of("d1/gone", "d2/gone"),
        [feed("f1", ["d1"], ["d2/gone"], infer=False), feed("f2", ["d2"], ["d1/gone"], infer=False)],
    )
    b.up("d1/gone")
    b.up("d2/gone")
    b.wait(10)
    assert [key for key in ("gw/d1/gone", "gw/d2/gone") if b.desk.open(key)] == ["gw/d1/gone"]
    assert b.view("d2/gone").cause == "gw/d1/gone"
