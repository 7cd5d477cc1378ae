"""The state machine, step by step, as the engine shows it."""

import msgspec
import pytest

from edgegw.rules.alarm_state import decode_state


def leak(kit, **more):
    return kit.device(rules={"leak": kit.rule("leak", {"equals": True}, **more)})


def test_true_true_false_false_within_a_second_is_one_alarm(kit) -> None:
    box = kit.Box(leak(kit))
    for value in (True, True, False, False):
        box.read({"leak": value})
        box.wait(0.2)
    assert box.told() == ["raised"]
    box.wait(10)
    assert box.told() == ["raised", "cleared"]
    assert box.data()["duration_s"] == pytest.approx(5.4)
    assert box.states["alarm"] == {}


def test_raised_carries_what_a_ticket_needs(kit) -> None:
    rules = {"hot": kit.rule("t", {"above": 30.0}, priority="P2", category="environment", **{"for": "10s"})}
    box = kit.Box(kit.device(rules=rules), language="zh-CN")
    box.read({"t": 31.5})
    box.wait(5)
    box.read({"t": 32.25})
    box.wait(6)
    data = box.data()
    alarm_id = data.pop("alarm_id")
    assert len(alarm_id) == 36
    assert data == {
        "dedup_key": "g1/d1/hot",
        "rule": "hot",
        "state": "active",
        "title": "Sensor 3号楼 502室: 32.25℃",
        "category": "environment",
        "priority": "P2",
        "device": {"id": "d1", "name": "Sensor", "profile": "v/m", "link": "m"},
        "location": {"text": "3号楼 502室", "labels": {"building": "3", "room": "502"}},
        "evidence": {
            "point": "t",
            "value": 32.25,
            "unit": "Cel",
            "quality": "fresh",
            "condition": "above 30",
            "threshold": 30.0,
            "since": "2026-01-01T00:00:00.000Z",
            "for_s": 10.0,
        },
        "count": 1,
        "raised_at": "2026-01-01T00:00:10.000Z",
    }
    event = box.events[-1]
    assert (event.lane, event.subject, event.type) == (0, "d1", "edgegw.alarm.raised")
    box.read({"t": 20.0})
    box.wait(5)
    cleared = box.data()
    assert (cleared["alarm_id"], cleared["state"], cleared["reason"]) == (alarm_id, "cleared", "recovered")
    assert cleared["recovery"]["value"] == 20.0
    assert cleared["cleared_at"] == "2026-01-01T00:00:16.000Z"


def test_pending_gone_is_silent(kit) -> None:
    box = kit.Box(leak(kit, **{"for": "3s"}))
    box.read({"leak": True})
    assert list(box.states["alarm"]) == ["g1/d1/leak"]
    box.wait(2.9)
    box.read({"leak": False})
    box.wait(60)
    assert box.told() == []
    assert box.states["alarm"] == {}


def test_holds_again_while_clearing_is_silent_and_counted(kit) -> None:
    box = kit.Box(leak(kit))
    for value in (True, False, True):
        box.read({"leak": value})
        box.wait(3)
    assert box.told() == ["raised"]
    box.read({"leak": False})
    box.wait(5)
    assert box.told() == ["raised", "cleared"]
    assert box.data()["count"] == 2


def test_coming_back_while_clearing_is_silent_however_late(kit) -> None:
    box = kit.Box(leak(kit, clear_after="10m"))
    for value in (True, False, True, False):
        box.read({"leak": value})
        box.wait(120)
    assert box.told() == ["raised"]


def test_zero_durations_take_their_step_at_once(kit) -> None:
    box = kit.Box(leak(kit, clear_after=0))
    for value in (True, False, True, False):
        box.read({"leak": value})
    assert box.told() == ["raised", "cleared", "raised", "cleared"]
    ids = {box.data(index)["alarm_id"] for index in range(4)}
    assert len(ids) == 2


def test_a_late_tick_changes_nothing_of_the_order(kit) -> None:
    """The value went back after `for` was over, before anyone ticked: raised first, then clearing."""
    box = kit.Box(leak(kit, **{"for": "3s"}))
    box.read({"leak": True})
    box.clock.advance(4)
    box.read({"leak": False})
    assert box.told() == ["raised"]
    box.wait(5)
    assert box.told() == ["raised", "cleared"]


@pytest.mark.parametrize("how", ["restart", "reboot"])
def test_restart_neither_repeats_nor_forgets(kit, how: str) -> None:
    box = kit.Box(leak(kit, **{"for": "3s"}))
    box.read({"leak": True})
    box.wait(2)
    getattr(box, how)()  # pending goes on, its full time from here
    box.wait(2.9)
    assert box.told() == []
    box.wait(0.2)
    assert box.told() == ["raised"]
    assert box.data()["evidence"]["value"] is True
    getattr(box, how)()  # active stays, nothing is raised again
    box.read({"leak": True})
    box.wait(60)
    assert box.told() == ["raised"]
    box.read({"leak": False})
    box.wait(4)
    getattr(box, how)()  # clearing goes on
    assert box.told() == ["raised"]
    box.wait(5)
    assert box.told() == ["raised", "cleared"]
    assert box.data(0)["alarm_id"] == box.data(1)["alarm_id"]
    assert box.data()["duration_s"] >= 64


def test_duration_is_left_out_where_no_clock_knows_it(kit) -> None:
    box = kit.Box(leak(kit, clear_after=0))
    box.clock.set_wall(5, synced=False)
    box.read({"leak": True})
    assert box.data()["clock_unsynced"] is True
    box.clock.set_wall(1_800_000_000_000_000_000)
    box.restart()
    box.read({"leak": False})
    assert "duration_s" not in box.data()


def test_a_step_of_the_wall_clock_moves_no_timer(kit) -> None:
    box = kit.Box(leak(kit, **{"for": "3s"}))
    box.read({"leak": True})
    box.clock.set_wall(1_900_000_000_000_000_000)
    box.wait(2.9)
    assert box.told() == []
    box.clock.set_wall(1_000_000_000_000_000_000)
    box.wait(0.2)
    box.read({"leak": False})
    box.wait(5)
    assert box.told() == ["raised", "cleared"]
    assert box.data()["duration_s"] == pytest.approx(5.1)


def test_a_changed_priority_is_told_once_after_a_restart(kit) -> None:
    box = kit.Box(leak(kit, priority="P3"))
    box.read({"leak": True})
    box.devices = (leak(kit, priority="P1"),)
    box.restart()
    box.restart()
    assert box.told() == ["raised", "updated"]
    assert box.data()["priority"] == "P1"


@pytest.mark.parametrize("change", ["removed", "disabled", "device"])
def test_an_alarm_without_its_rule_is_cleared_at_start(kit, change: str) -> None:
    box = kit.Box(leak(kit), kit.device("d2"))
    box.read({"leak": True})
    rest = {"removed": (kit.device(),), "disabled": (leak(kit, enabled=False),), "device": ()}[change]
    box.devices = (*rest, kit.device("d2"))
    box.restart()
    assert box.told() == ["raised", "cleared"]
    data = box.data()
    assert (data["reason"], data["dedup_key"], data["device"]["id"]) == ("rule-removed", "g1/d1/leak", "d1")
    assert box.events[-1].subject == "d1"
    assert box.states["alarm"] == {}
    box.restart()
    assert box.told() == ["raised", "cleared"]


def test_an_unreadable_state_is_forgotten_and_counted(kit) -> None:
    box = kit.Box(leak(kit))
    box.states["alarm"] = {"g1/d1/leak": b'{"phase":"active"}', "g1/x": b"{"}
    box.states["presence"] = {"d1": b'{"status":"asleep"}'}
    box.restart()
    assert box.engine.unreadable == 3
    assert box.states == {"alarm": {}, "presence": {}}
    box.read({"leak": True})
    assert box.told() == ["raised"]


def test_raised_and_data_belong_together() -> None:
    with pytest.raises(msgspec.DecodeError):
        decode_state(b'{"phase":"clearing"}')


def test_none_and_absent_leave_the_state_alone(kit) -> None:
    box = kit.Box(leak(kit))
    box.read({"leak": True})
    box.read({"leak": None})
    box.read({"other": False})
    box.wait(60)
    assert box.told() == ["raised"]


def test_hostile_values_reach_the_title_as_text(kit) -> None:
    rules = {
        "r": kit.rule("x", {"in": ["{device.__class__}", "\ud800"]}, title="{device} {value} {0} {x!r}", clear_after=0)
    }
    box = kit.Box(kit.device(name="{value}", rules=rules))
    box.read({"x": "{device.__class__}"})
    assert box.data()["title"] == "{value} {device.__class__} {0} {x!r}"
    box.read({"x": 2**70})
    box.read({"x": "\ud800"})
    assert box.told() == ["raised", "cleared", "raised"]
    assert box.data()["evidence"]["value"] == "?"
    box.restart()
    assert box.engine.unreadable == 0
