"""Service tickets on the page: every state there is, whether or not a ticket is in it."""

from edgegw.control.catalogue import HELD_WHY, LABELS
from edgegw.control.metrics import Metrics
from edgegw.control.snapshots_service import CLOCKS, RESULTS, ServiceSnapshot
from edgegw.service.ticket import Action, TicketState, Why


def values(**given):
    nothing = {"tickets": {}, "overdue": {}, "actions": {}, "answers": {}, "held": {}, "windows": 0, "ways": {}}
    metrics = Metrics()
    metrics.source(lambda: [ServiceSnapshot(**nothing | given)])
    return metrics.values()


def test_a_quiet_site_shows_zeros_so_that_rules_see_the_first_one():
    got = values()
    assert got["edgegw_tickets"] == {(state.value,): 0 for state in TicketState}
    assert got["edgegw_tickets_overdue"] == {(c, f"P{n}"): 0 for c in CLOCKS for n in (1, 2, 3, 4)}
    assert got["edgegw_ticket_actions_total"] == {(action.value,): 0 for action in Action}
    assert got["edgegw_ticket_answers_total"] == {(result,): 0 for result in RESULTS}
    assert set(got["edgegw_tickets_held"]) == {(why.value,) for why in HELD_WHY}
    assert got["edgegw_maintenance_windows"] == {(): 0}


def test_enum_members_and_plain_words_are_the_same_label():
    got = values(tickets={TicketState.CLOSED: 2}, actions={Action.OPEN: 1}, held={Why.FLAPPING: 3})
    assert got["edgegw_tickets"]["closed",] == 2
    assert got["edgegw_ticket_actions_total"]["open",] == 1
    assert got["edgegw_tickets_held"]["flapping",] == 3


def test_a_label_that_is_none_becomes_other():
    got = values(tickets={"lost": 2}, held={"": 1, "respond": 1}, ways={"Desk №1": True})
    assert got["edgegw_tickets"]["other",] == 2
    assert got["edgegw_tickets_held"]["other",] == 2
    assert got["edgegw_ticket_ways_up"] == {("other",): 1}


def test_the_filled_page_tells_what_is_late_and_what_does_not_come_back(filled):
    body = filled.render()[0].decode()
    assert 'edgegw_tickets_overdue{clock="respond",priority="P1"} 1.0' in body
    assert 'edgegw_ticket_ways_up{upstream="desk"} 0.0' in body
    assert 'edgegw_ticket_answers_total{answer="bad"} 1.0' in body
    assert 'edgegw_tickets_held{why="maintenance"} 5.0' in body


def test_labels_are_the_words_of_the_ticket_module():
    assert LABELS["ticket_state"].allowed == {state.value for state in TicketState}
    assert LABELS["action"].allowed == {action.value for action in Action}
    assert HELD_WHY.issubset(Why)
