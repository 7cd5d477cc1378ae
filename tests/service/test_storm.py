"""Causes, storms: one ticket for what fails together. Also the figures of a storm's cost, by counting and not by the clock."""

import pytest

from edgegw.model import Changes, Event, Lane
from edgegw.rules.events import ALARM_CLEARED, ALARM_RAISED, DEVICE_OFFLINE
from edgegw.service.explaining import root
from edgegw.service.specs import OneTicket
from edgegw.service.ticket import TicketState
from tests.service.trouble_site import Box, actions, facts_of, feed

DEVICES = [f"d{i:03}" for i in range(10)]
LINK = "link/a"
LOST = "gateway/lost-link-a"
TRIPPED = "meter/tripped"


def box(devices=DEVICES, *, feeds=None, **one) -> Box:
    names = [f"{device}/{rule}" for device in devices for rule in ("gone", "leak")]
    feeds = [feed(LINK, devices, [LINK])] if feeds is None else feeds
    return Box(facts_of(*names, LINK, TRIPPED, "meter/gone"), feeds, OneTicket(**one))


def open_tickets(b: Box) -> list[str]:
    return sorted(one["key"] for one in b.desk.tickets.values() if one["status"] == "open")


# --- a cause is known ---------------------------------------------------------------------------------------------------


def test_a_health_alarm_waits_for_its_cause_and_then_goes_its_own_way() -> None:
    b = box()
    ticket = b.up("d001/gone")
    assert ticket == {"action": "none", "why": "gather"}
    assert not actions(b.wait(2.9))
    assert actions(b.wait(0.2)) == [("requested", "open", "")]


def test_gone_while_it_is_gathered_is_nothing() -> None:
    b = box()
    b.up("d001/gone")
    assert b.down("d001/gone")["why"] == "gather"
    assert not actions(b.wait(3600))
    assert [(row["state"], row["why"]) for row in b.history()] == [("held", "gather")]


@pytest.mark.parametrize("before", [True, False])
def test_a_cause_before_or_within_the_time_of_gathering_stands_for_what_it_explains(before) -> None:
    b = box()
    names = [LINK, "d001/gone", "d002/gone"] if before else ["d001/gone", "d002/gone", LINK]
    told = {name: b.up(name) for name in names}
    b.wait(600)
    assert open_tickets(b) == ["gw/link/a"]
    assert b.view("d001/gone").cause == "gw/link/a"
    if before:
        assert told["d001/gone"] == {"action": "none", "why": "cause", "cause": "gw/link/a"}


def test_what_is_no_health_alarm_is_never_held_back_by_a_cause() -> None:
    b = box()
    b.up(LINK)
    assert b.up("d001/leak")["action"] == "open"


def test_after_its_cause_an_alarm_that_goes_on_gets_its_own_ticket() -> None:
    b = box()
    b.up(LINK)
    b.up("d001/gone")
    b.up("d002/gone")
    b.wait(10)
    b.down(LINK)
    b.wait(30)
    b.down("d002/gone")
    assert not actions(b.wait(29))
    told = b.wait(2)
    assert actions(told) == [("requested", "open", "")]
    assert told[0]["dedup_key"] == "gw/d001/gone"


def test_a_cause_that_comes_back_while_it_settles_goes_on_holding() -> None:
    b = box()
    b.up(LINK)
    b.up("d001/gone")
    b.wait(10)
    b.down(LINK)
    b.wait(30)
    b.up(LINK)
    b.wait(600)
    assert open_tickets(b) == ["gw/link/a"]


def test_a_ticket_that_is_open_when_its_cause_shows_is_merged_and_a_new_one_follows() -> None:
    b = box()
    b.up("d001/gone")
    first = b.wait(5)[0]["ticket"]
    told = b.send(b.event(LINK, ALARM_RAISED))
    assert actions(told) == [("raised", "open", ""), ("updated", "merge", "cause")]
    merged = told[1]["ticket"]
    assert (merged["id"], merged["cause"], merged["state"]) == (first["id"], "gw/link/a", "merged")
    assert b.view("d001/gone").state is TicketState.MERGED
    b.say("d001/gone", "closed", ticket_id=first["id"])
    assert b.view("d001/gone").state is TicketState.MERGED
    b.wait(10)
    b.down(LINK)
    told = b.wait(61)
    assert actions(told) == [("requested", "open", "")]
    assert told[0]["ticket"]["id"] != first["id"]
    assert [(row["state"], row["why"], row["cause"]) for row in b.history()] == [("merged", "cause", "gw/link/a")]


def test_merged_and_recovered_is_over() -> None:
    b = box()
    b.up("d001/gone")
    b.wait(5)
    b.up(LINK)
    assert b.down("d001/gone")["action"] == "none"
    b.wait(1801)
    assert b.view("d001/gone") is None


def test_a_closed_ticket_is_not_opened_again_while_a_cause_explains_it() -> None:
    b = box()
    b.up("d001/gone")
    b.wait(5)
    b.say("d001/gone", "closed")
    b.up(LINK)
    b.wait(600)
    assert open_tickets(b) == ["gw/link/a"]
    b.down(LINK)
    assert actions(b.wait(61)) == [("requested", "reopen", "still-active")]


def test_causes_nest_and_the_top_one_gets_the_ticket() -> None:
    power = feed("power", [LINK, "meter"], [TRIPPED], infer=False)
    b = box(feeds=[feed(LINK, DEVICES, [LINK]), power])
    b.up("d001/gone")
    b.up(LINK)
    b.up(TRIPPED)
    b.wait(600)
    assert open_tickets(b) == ["gw/meter/tripped"]
    assert b.view("d001/gone").cause == b.view(LINK).cause == "gw/meter/tripped"
    b.down(TRIPPED)  # the link does not come back: it stands for its devices now
    b.wait(600)
    assert open_tickets(b) == ["gw/link/a"]
    assert b.view("d001/gone").cause == "gw/link/a"


def test_a_feed_stands_for_what_is_behind_its_links_although_no_link_is_down() -> None:
    power = feed("power", [LINK], [TRIPPED], infer=False)
    b = box(feeds=[feed(LINK, DEVICES, [LINK]), power])
    b.up(TRIPPED)
    for device in DEVICES:
        b.presence(device, online=False)
        b.up(f"{device}/gone")
    b.wait(600)
    assert open_tickets(b) == ["gw/meter/tripped"]


@pytest.mark.parametrize(
    ("graph", "expected"),
    [
        ({"a": []}, ""),
        ({"a": ["a"]}, ""),
        ({"a": ["b"], "b": []}, "b"),
        ({"a": ["b"], "b": ["c"], "c": []}, "c"),
        ({"a": ["b"], "b": ["a"]}, ""),
        ({"b": ["a"], "a": ["b"]}, "a"),
        ({"x": ["b"], "b": ["a"], "a": ["b"]}, "a"),
        ({"a": ["b", "c"], "b": ["a"], "c": []}, "c"),
        ({"b": ["c", "d"], "c": [], "d": []}, "c"),
        ({"m": ["b", "y"], "b": ["a"], "a": ["b"], "y": ["x"], "x": ["y"]}, "a"),
    ],
)
def test_the_top_of_what_explains(graph, expected) -> None:
    assert root(next(iter(graph)), lambda key: graph.get(key, ())) == expected


# --- nothing tells of a cause -------------------------------------------------------------------------------------------


def test_many_lost_together_are_one_trouble() -> None:
    b = box()
    for device in DEVICES:
        b.up(f"{device}/gone")
        b.wait(0.1)
    told = b.wait(60)
    assert open_tickets(b) == [f"gw/{LOST}"]
    (asked,) = [one for one in told if one["type"] == "edgegw.ticket.requested"]
    assert asked["evidence"] == {"feed": LINK, "lost": 5, "members": 10, "names": DEVICES[:5]}
    assert b.view("d009/gone").cause == f"gw/{LOST}"
    for device in DEVICES[:7]:
        b.down(f"{device}/gone")
    assert b.view(LOST).active
    b.down(f"{DEVICES[7]}/gone")  # 2 of 10: below half of the threshold of 5
    assert not b.view(LOST).active
    b.wait(61)
    assert open_tickets(b) == ["gw/d008/gone", "gw/d009/gone"]


def test_devices_offline_count_once_with_their_alarms_or_without() -> None:
    b = box()
    for device in DEVICES[:4]:
        b.presence(device, online=False)
        b.up(f"{device}/gone")
        b.presence(device, online=False)
    b.wait(10)
    assert b.view(LOST) is None
    b.presence(DEVICES[4], online=False)
    assert b.view(LOST).active
    b.wait(10)
    assert open_tickets(b) == [f"gw/{LOST}"]  # the four are merged into it


def test_few_of_many_are_no_storm_and_a_feed_that_must_not_be_inferred_is_not() -> None:
    b = box([f"d{i:03}" for i in range(20)])
    for i in range(9):
        b.presence(f"d{i:03}", online=False)
    assert b.view(LOST) is None
    b = box(feeds=[feed(LINK, DEVICES, [LINK], infer=False)])
    for device in DEVICES:
        b.presence(device, online=False)
    assert b.view(LOST) is None


def test_nothing_is_inferred_while_a_cause_is_known_nor_right_after_it() -> None:
    b = box()
    b.up(LINK)
    for device in DEVICES:
        b.presence(device, online=False)
        b.up(f"{device}/gone")
    b.wait(10)
    assert b.view(LOST) is None
    b.down(LINK)
    b.wait(59)
    assert b.view(LOST) is None
    for device in DEVICES[:3]:
        b.presence(device, online=True)
        b.down(f"{device}/gone")
    b.wait(10)
    assert open_tickets(b) == [f"gw/{LOST}"]


def test_a_cause_that_shows_late_takes_over_what_was_inferred() -> None:
    b = box()
    for device in DEVICES:
        b.up(f"{device}/gone")
    b.wait(10)
    assert open_tickets(b) == [f"gw/{LOST}"]
    told = b.send(b.event(LINK, ALARM_RAISED))
    assert ("updated", "merge", "cause") in actions(told)
    assert not b.view(LOST).active
    b.wait(10)
    assert open_tickets(b) == ["gw/link/a"]


def test_of_feeds_inside_each_other_the_outer_one_is_lost() -> None:
    b = box(feeds=[feed("small", DEVICES[:6]), feed("all", DEVICES), feed("same", DEVICES)])
    for device in DEVICES:
        b.presence(device, online=False)
        b.up(f"{device}/gone")
    b.wait(600)
    assert open_tickets(b) == ["gw/gateway/lost-all"]


def test_a_storm_is_remembered_over_a_restart_and_gone_if_it_went_meanwhile() -> None:
    b = box()
    for device in DEVICES:
        b.presence(device, online=False)
        b.up(f"{device}/gone")
    b.wait(10)
    b.reboot(10)
    b.wait(600)
    assert open_tickets(b) == [f"gw/{LOST}"]
    b.offline.clear()
    b.alarms = {key: data for key, data in b.alarms.items() if key == f"gw/{LOST}"}
    b.reboot(10)
    b.wait(1)
    assert open_tickets(b) == []
    assert not b.view(LOST).active


def test_a_lost_feed_that_left_the_site_is_cleared() -> None:
    b = box()
    for device in DEVICES:
        b.presence(device, online=False)
    b.wait(10)
    b.feeds = ()
    b.reboot(10)
    assert not b.view(LOST).active


def test_offline_at_the_first_start_already() -> None:
    b = box()
    b.offline |= set(DEVICES)
    b.reboot()
    b.wait(10)
    assert open_tickets(b) == [f"gw/{LOST}"]


def test_keys_of_feeds_are_slugs_and_never_the_same() -> None:
    names = ["link/a", "link-a", "三号楼配电", "四号楼配电", "B3 power"]
    b = box(feeds=[feed(name, DEVICES[i * 2 : i * 2 + 2]) for i, name in enumerate(names)], storm_devices=1)
    for device in DEVICES:
        b.presence(device, online=False)
    slugs = sorted(key.removeprefix("gw/gateway/") for key in b.alarms)
    assert len(slugs) == 5
    assert all(slug.startswith("lost-") and slug.isascii() and "/" not in slug and " " not in slug for slug in slugs)


# --- 500 ----------------------------------------------------------------------------------------------------------------

MANY = [f"d{i:03}" for i in range(500)]


def storm_events(b: Box) -> list[Event]:
    found = []
    for device in MANY:
        found += [
            Event(DEVICE_OFFLINE, Lane.TELEMETRY, device, b.now, b"{}"),
            b.event(f"{device}/gone", ALARM_RAISED),
        ]
    return found


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("known", [True, False])
def test_500_devices_are_one_ticket(at_once, known) -> None:
    b = box(MANY)
    if known:
        b.up(LINK)
    events = storm_events(b)
    if at_once:
        b.send(*events)
    else:
        for event in events:
            b.send(event)
    began_ns = b.now.mono_ns
    b.wait(4)
    assert open_tickets(b) == [f"gw/{LINK}" if known else f"gw/{LOST}"]
    assert (b.now.mono_ns - began_ns) / 1e9 < 5
    b.send(*(b.event(f"{device}/gone", ALARM_CLEARED) for device in MANY))
    for device in MANY:
        b.presence(device, online=True)
    if known:
        b.down(LINK)
    b.wait(600)
    assert open_tickets(b) == []
    assert len(b.desk.tickets) == 1


def test_each_event_of_a_storm_costs_the_same(monkeypatch) -> None:
    looked = 0
    b = box(MANY)
    machine = b.troubles._machine
    review = machine.review

    def counted(*args):
        nonlocal looked
        looked += 1
        review(*args)

    monkeypatch.setattr(machine, "review", counted)
    for event in storm_events(b):
        b.troubles.take(Changes((event,)), b.now)
    for device in MANY:
        b.send(b.event(f"{device}/gone", ALARM_CLEARED))
        b.presence(device, online=True)
    assert looked <= 2 * 500 + 10  # all that are behind the feed once when it is lost, once when it is back
