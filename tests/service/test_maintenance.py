"""Maintenance: no tickets for what is worked on, with a reason and an end, told to whoever audits."""

import json

import pytest

from edgegw.errors import CommandError
from edgegw.model import Lane
from edgegw.service.maintenance import LONGEST_NS, WINDOWS_MOST
from edgegw.service.specs import OneTicket
from tests.service.trouble_site import RESPOND_S, Box, S, actions, escalations, facts_of, feed

LEAK, OTHER = "d1/leak", "d2/leak"


def box(**more) -> Box:
    facts = facts_of(LEAK, "d1/gone", "d1/sos", "link/a") | facts_of(OTHER, labels={"building": "3", "floor": "4"})
    return Box(facts, [feed("link/a", ["d1"], ["link/a"])], OneTicket(**more))


@pytest.mark.parametrize(
    ("scope", "target", "covers_other"),
    [
        ("device", "d1", False),
        ("door", "d1", False),
        ("link", "a", True),
        ("place", "building=3, floor=2", False),
        ("place", "building=3", True),
        ("gateway", "", True),
    ],
)
def test_what_a_window_covers(scope, target, covers_other) -> None:
    b = box()
    b.declare(scope, target, 3600)
    assert b.up(LEAK) == {"action": "none", "why": "maintenance"}
    assert (b.up(OTHER)["action"] == "none") is covers_other


@pytest.mark.parametrize("early", [True, False])
def test_at_the_end_what_is_still_active_gets_its_ticket(early) -> None:
    b = box()
    window = b.declare("device", "d1", 3600)
    b.up(LEAK)
    b.up("d1/gone")
    b.wait(10)
    b.down("d1/gone")
    before = len(b.events)
    if early:
        assert b.end(window.id)
        assert not b.end(window.id)
    else:
        b.wait(3600)
    told = [{"type": kind, **data} for kind, data in b.events[before:]]
    assert actions(told) == [("requested", "open", "")]
    assert told[-1]["dedup_key"] == "gw/d1/leak"
    assert not b.troubles.windows()


def test_a_window_is_audited_with_reason_and_name() -> None:
    b = box()
    window, changes = b.troubles.declare(
        scope="door", target="gate", reason="换锁", by="li", until_ns=b.now.wall_ns + 60 * S, now=b.now
    )
    (event,) = changes.events
    assert (event.type, event.lane, event.subject) == ("edgegw.maintenance.started", Lane.COMMAND, "gate")
    data = json.loads(event.data)
    assert data == {
        "id": window.id,
        "scope": "door",
        "target": "gate",
        "reason": "换锁",
        "by": "li",
        "began": "2026-01-01T00:00:00.000Z",
        "until": "2026-01-01T00:01:00.000Z",
    }
    b.clock.advance(30)
    (ended,) = b.troubles.end_window(window.id, "zhao", b.now).events
    assert (ended.type, json.loads(ended.data)["ended_by"]) == ("edgegw.maintenance.ended", "zhao")
    assert json.loads(ended.data)["ended"] == "2026-01-01T00:00:30.000Z"


def test_escalation_stands_still_meanwhile_and_goes_on_after() -> None:
    b = box()
    b.up(LEAK)
    b.wait(RESPOND_S - 100)
    b.declare("device", "d1", 7200)
    b.reboot(5)
    assert escalations(b.wait(7200 - 10)) == []
    assert escalations(b.wait(100)) == []
    assert escalations(b.wait(10)) == [("respond", 1)]


def test_a_ticket_opened_before_is_still_told_of_its_recovery() -> None:
    b = box()
    b.up(LEAK)
    b.declare("device", "d1", 3600)
    assert b.down(LEAK)["action"] == "resolve"
    assert b.up(LEAK)["why"] == "maintenance"
    b.down(LEAK)
    assert not actions(b.wait(3600))
    assert len(b.desk.open("gw/d1/leak")) == 0


def test_raised_again_meanwhile_is_opened_again_at_the_end() -> None:
    b = box()
    b.up(LEAK)
    b.down(LEAK)
    b.declare("device", "d1", 600)
    b.up(LEAK)
    assert actions(b.wait(601)) == [("requested", "reopen", "raised-again")]


def test_closed_meanwhile_is_opened_again_after_the_end_and_not_before() -> None:
    b = box()
    b.up(LEAK)
    b.declare("device", "d1", 600)
    b.say(LEAK, "closed")
    assert not actions(b.wait(599))
    assert actions(b.wait(2)) == [("requested", "reopen", "still-active")]


def test_two_windows_over_one_device_and_a_cause_after_them() -> None:
    b = box()
    b.declare("device", "d1", 600)
    b.declare("place", "building=3,floor=2", 1200)
    b.up("d1/gone")
    b.up("link/a")
    b.wait(700)
    assert b.view("d1/gone").why == "maintenance"
    b.wait(600)
    assert b.view("d1/gone").why == "cause"
    assert not b.desk.open("gw/d1/gone")


@pytest.mark.parametrize(
    ("off_s", "synced", "left_s"),
    [(100, True, 500), (4000, True, 0), (100, False, 600)],
)
def test_a_window_ends_by_the_wall_after_a_restart(off_s, synced, left_s) -> None:
    b = box()
    b.declare("device", "d1", 600)
    b.reboot(off_s, synced=synced)
    if left_s:
        b.wait(left_s - 1)
        assert b.troubles.windows()
        b.wait(2)
    assert not b.troubles.windows()
    assert b.events[-1][0] == "edgegw.maintenance.ended"


def test_a_window_whose_clock_is_set_late_ends_by_it() -> None:
    b = box()
    b.declare("device", "d1", 6000)
    end_ns = b.now.wall_ns + 6000 * S
    b.reboot(100, synced=False)
    b.wait(50)
    b.clock.set_wall(end_ns - 20 * S)
    b.commit(b.troubles.tick(b.now))
    b.wait(19)
    assert b.troubles.windows()
    b.wait(2)
    assert not b.troubles.windows()


def test_a_step_of_the_wall_clock_ends_no_window() -> None:
    b = box()
    b.declare("device", "d1", 600)
    b.clock.set_wall(b.now.wall_ns + 86400 * S)
    b.wait(500)
    assert b.troubles.windows()
    b.wait(101)
    assert not b.troubles.windows()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"scope": "floor"}, "bad-scope"),
        ({"target": " "}, "bad-target"),
        ({"target": "x" * 201}, "bad-target"),
        ({"scope": "place", "target": "building"}, "bad-target"),
        ({"scope": "place", "target": "building=3,building=4"}, "bad-target"),
        ({"reason": ""}, "no-reason"),
        ({"reason": "a\nb"}, "no-reason"),
        ({"by": ""}, "no-name"),
        ({"until_ns": 0}, "bad-until"),
        ({"until_ns": 10 * LONGEST_NS + 2_000_000_000 * S}, "bad-until"),
    ],
)
def test_what_is_refused(change, reason) -> None:
    b = box()
    args = {"scope": "device", "target": "d1", "reason": "r", "by": "li", "until_ns": b.now.wall_ns + S, "now": b.now}
    with pytest.raises(CommandError) as refused:
        b.troubles.declare(**{**args, **change})
    assert refused.value.reason == reason
    assert not b.troubles.windows()


def test_there_are_so_many_windows_and_no_more() -> None:
    b = box()
    for _ in range(WINDOWS_MOST):
        b.declare("device", "d1", 600)
    with pytest.raises(CommandError, match="too-many"):
        b.declare("device", "d1", 600)
    b.wait(601)
    b.declare("device", "d1", 600)
