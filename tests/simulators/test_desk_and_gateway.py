"""The desk and the gateway's troubles understand each other, with nothing between them but the messages.

The troubles' own properties are shown in tests/service, with a desk of a few rules; here it is the desk of the demo.
"""

from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgegw.service.specs import OneTicket
from edgegw.service.ticket import ALARM_ESCALATED, TicketUpdates
from simulators.desk.ledger import Ledger
from simulators.desk.staff import Staff
from simulators.desk.tickets import NotNowError
from tests.service.trouble_site import Box, facts_of, feed

DEVICES = [f"d{n}" for n in range(1, 7)]
LINK = "link/a"
NAMES = [*(f"{device}/gone" for device in DEVICES), "d1/leak", "d2/leak", LINK]
ONE = OneTicket(reraise_s=300, flap_within_s=60, flap_quiet_s=60, storm_devices=3)


class RealDesk:
    """The ledger, in the place of the desk in `Box`."""

    def __init__(self) -> None:
        self.ledger = Ledger(Path(":memory:"))
        self.now_ns = 0
        self.seq = 0
        self.cursor = ""

    def take(self, kind: str, data: dict[str, Any]) -> None:
        """An event, as an upstream brings it."""
        self.seq += 1
        event = {
            "specversion": "1.0", "id": f"id-{self.seq}", "source": "edgegw/gw", "type": kind,
            "edgegwseq": str(self.seq), "data": data,
        }  # fmt: skip
        self.ledger.take([event], self.now_ns)

    def said(self) -> tuple[Any, ...]:
        """What the feed has for the gateway, through the message's own schema."""
        answer = self.ledger.answers(self.cursor)
        updates = msgspec.json.decode(msgspec.json.encode(answer), type=TicketUpdates)
        self.cursor = updates.next
        return updates.tickets

    def of(self, key: str) -> list[dict[str, Any]]:
        return [t for t in self.ledger.tickets(None, 999) if t["dedup_key"] == key]


class Town:
    """A gateway and a desk; the way back is a poll every second."""

    def __init__(self, *, staffed: bool = True) -> None:
        self.desk = RealDesk()
        self.staff = Staff(5)
        self.staffed = staffed
        self.box = Box(facts_of(*NAMES), [feed(LINK, DEVICES, [LINK])], ONE)
        self.box.desk = self.desk

    def wait(self, seconds: int) -> None:
        """Time passes for both."""
        for _ in range(seconds):
            self.desk.now_ns = self.box.now.wall_ns
            if self.staffed:
                rows = self.desk.ledger.at_work(999)
                self.desk.ledger.act_all(self.staff.all_due(rows, self.desk.now_ns), self.desk.now_ns)
            self.hear()
            self.box.wait(1)

    def hear(self) -> None:
        """The gateway asks the desk."""
        for update in self.desk.said():
            changes = self.box.troubles.answer(update, self.box.now)
            if changes is not None:
                self.box.commit(changes)

    def set(self, name: str, *, active: bool) -> None:
        self.desk.now_ns = self.box.now.wall_ns
        if active is not (f"gw/{name}" in self.box.alarms):
            (self.box.up if active else self.box.down)(name)

    def tickets(self, name: str) -> list[dict[str, Any]]:
        return self.desk.of(f"gw/{name}")


def states(tickets: list[dict[str, Any]]) -> list[str]:
    return [ticket["state"] for ticket in tickets]


def test_a_ticket_goes_its_whole_way_and_the_gateway_knows() -> None:
    town = Town()
    town.set("d1/leak", active=True)
    (ticket,) = town.tickets("d1/leak")
    town.wait(1)
    view = town.box.view("d1/leak")
    assert (view.number, view.state, view.ticket_id) == ("1", "opened", ticket["ticket_id"])
    town.wait(4)
    assert town.box.view("d1/leak").acknowledged_ns > 0
    town.wait(10)
    assert town.box.view("d1/leak").assignee == town.tickets("d1/leak")[0]["assignee"] != ""
    town.set("d1/leak", active=False)
    town.wait(10)
    (ticket,) = town.tickets("d1/leak")
    assert (ticket["state"], ticket["recovered_ns"] is not None) == ("closed", True)
    assert town.desk.ledger.stats(town.desk.now_ns)["missed"] == 0


def test_what_is_closed_while_it_goes_on_is_opened_again_and_what_comes_back_soon_too() -> None:
    town = Town(staffed=False)
    town.set("d1/leak", active=True)
    for step in ("acknowledge", "close"):
        town.desk.ledger.act(1, step, town.desk.now_ns)
    town.wait(70)
    (ticket,) = town.tickets("d1/leak")
    assert (ticket["state"], ticket["progress"], ticket["reopened"]) == ("open", "opened", 1)
    town.set("d1/leak", active=False)
    for step in ("assign", "resolve", "close"):
        town.desk.ledger.act(1, step, town.desk.now_ns)
    town.wait(30)
    town.set("d1/leak", active=True)
    assert states(town.tickets("d1/leak")) == ["open"]
    town.set("d1/leak", active=False)
    town.desk.ledger.act(1, "close", town.desk.now_ns)
    town.wait(400)
    town.set("d1/leak", active=True)
    assert states(town.tickets("d1/leak")) == ["open", "closed"]


def test_a_ticket_nobody_looks_at_climbs() -> None:
    town = Town(staffed=False)
    town.set("d1/leak", active=True)
    town.wait(920)
    (ticket,) = town.tickets("d1/leak")
    assert (ticket["level"], town.desk.ledger.stats(town.desk.now_ns)["overdue"]) == (1, 1)
    assert [kind for kind, _ in town.box.events].count(ALARM_ESCALATED) == 1


def test_six_devices_behind_a_dead_link_are_one_ticket_that_says_so() -> None:
    town = Town()
    for device in DEVICES[:2]:
        town.set(f"{device}/gone", active=True)
    town.wait(5)  # two of them had waited long enough: a ticket each
    for device in DEVICES[2:]:
        town.set(f"{device}/gone", active=True)
    town.set(LINK, active=True)
    town.wait(10)
    assert [t["dedup_key"] for t in town.desk.ledger.tickets("open", 99)] == [f"gw/{LINK}"]
    (cause,) = town.tickets(LINK)
    assert cause["behind"] == len(DEVICES)
    for name in (LINK, *(f"{device}/gone" for device in DEVICES)):
        town.set(name, active=False)
    town.wait(100)
    assert town.desk.ledger.stats()["at_work"] == 0


FEW = ["d1/gone", "d2/gone", "d1/leak", LINK]
"""Of few alarms each comes and goes often, and a cause while what it explains has a ticket."""

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), st.sampled_from(FEW), st.sampled_from([True, True, False])),
        st.tuples(st.just("wait"), st.integers(1, 40)),
        st.tuples(st.just("act"), st.integers(0, 9), st.sampled_from(["acknowledge", "resolve", "close", "close"])),
        st.tuples(st.just("reboot")),
    ),
    min_size=8,
    max_size=30,
)


@pytest.mark.parametrize("staffed", [True, False])
@given(STEPS)
@example([("set", "d1/leak", True), ("act", 0, "resolve"), ("reboot",), ("wait", 1), ("set", "d1/leak", False)])
@settings(max_examples=25)
def test_whatever_happens_each_trouble_has_one_open_ticket_and_both_sides_agree(
    staffed: bool, steps: list[Any]
) -> None:
    town = Town(staffed=staffed)
    for what, *more in steps:
        if what == "set":
            town.set(more[0], active=more[1])
        elif what == "wait":
            town.wait(more[0])
        elif what == "reboot":
            town.box.reboot(5)
            town.box.desk = town.desk
        else:
            with suppress(NotNowError, LookupError):
                count = max(1, town.desk.ledger.stats()["opened"])
                town.desk.ledger.act(count - more[0] % count, more[1], town.desk.now_ns)
        live = [t["dedup_key"] for t in town.desk.ledger.tickets("open", 999) if t["state"] == "open"]
        assert len(live) == len(set(live))
    town.wait(200)  # longer than anything is held back
    for key in town.box.alarms:
        view = town.box.troubles.view(key)
        assert view is not None
        tickets = town.desk.of(key)
        if view.cause:
            assert "open" not in states(tickets)
        elif view.state in {"opened", "acknowledged", "assigned"}:
            assert tickets[0]["ticket_id"] == view.ticket_id
            assert (tickets[0]["state"], tickets[0]["progress"]) == ("open", view.state)
        else:
            assert view.state == "held", f"{key}: {view} {states(tickets)}"
            assert view.why, "held for a reason"
    for name in NAMES:
        town.set(name, active=False)
    town.staffed = True
    town.wait(200)
    assert town.desk.ledger.stats()["at_work"] == 0, "nothing that is over waits for anybody"
    town.desk.ledger.close()
