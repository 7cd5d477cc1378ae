"""Conditions that need more than one value: moments, rates, silence."""

import json

from edgegw.model import Decoded, Quality, Reading


def test_changed_fires_on_change_counts_and_updates_once_a_minute(kit) -> None:
    box = kit.Box(kit.device(rules={"moved": kit.rule("x", {"changed": True}, clear_after="30s")}))
    box.read({"x": 1})
    assert box.told() == []  # the first value is no change
    box.read({"x": 1})
    box.read({"x": 2})
    assert box.told() == ["raised"]
    assert box.data()["evidence"]["before"] == 1
    for value in range(3, 13):  # every 10 s for 100 s
        box.wait(10)
        box.read({"x": value})
    assert box.told() == ["raised", "updated"]
    assert box.data()["count"] == 7
    box.wait(30)
    assert box.told() == ["raised", "updated", "cleared"]
    assert box.data()["count"] == 11


def test_a_change_during_a_restart_is_seen(kit) -> None:
    box = kit.Box(kit.device(rules={"moved": kit.rule("x", {"changed": True})}))
    box.read({"x": 1})
    box.reboot()
    box.read({"x": 1})
    assert box.told() == []
    box.reboot()
    box.read({"x": True})  # true is not 1
    assert box.told() == ["raised"]
    box.restart()
    box.read({"x": True})
    box.wait(5)
    assert box.told() == ["raised", "cleared"]


def test_an_old_value_is_no_change_and_hides_none(kit) -> None:
    box = kit.Box(kit.device(rules={"moved": kit.rule("x", {"changed": True})}))
    box.read({"x": 1})
    box.read({"x": 2}, quality=Quality.STALE)
    assert box.told() == []
    box.read({"x": 2})
    assert box.told() == ["raised"]


def test_a_button_that_takes_its_action_back(kit) -> None:
    box = kit.Box(kit.device(rules={"sos": kit.rule("action", {"equals": "emergency"}, priority="P1")}))
    box.read({"action": "emergency"})
    box.read({"action": ""})
    box.wait(5)
    box.read({"action": None})
    assert box.told() == ["raised", "cleared"]


def test_a_button_that_never_does_needs_momentary(kit) -> None:
    box = kit.Box(kit.device(rules={"sos": kit.rule("action", {"equals": "emergency"}, momentary=True)}))
    box.read({"action": "emergency"}, quality=Quality.STALE)  # kept by a broker since whenever
    assert box.told() == []
    box.read({"action": "emergency"})
    box.wait(3)
    box.read({"action": "single"})
    box.read({"action": "emergency"})
    box.wait(4)
    assert box.told() == ["raised"]
    box.restart()
    box.wait(5)
    assert box.told() == ["raised", "cleared"]
    assert box.data()["count"] == 2


def test_a_rule_that_became_momentary_does_not_stay_active(kit) -> None:
    box = kit.Box(kit.device(rules={"sos": kit.rule("a", {"equals": "x"})}))
    box.read({"a": "x"})
    box.devices = (kit.device(rules={"sos": kit.rule("a", {"equals": "x"}, momentary=True)}),)
    box.restart()
    box.wait(5)
    assert box.told() == ["raised", "cleared"]


def test_rate_is_per_second_of_monotonic_time_either_way(kit) -> None:
    box = kit.Box(kit.device(rules={"fast": kit.rule("t", {"rate_above": 0.5}, clear_after=0)}))
    for passed, value, told in (
        (0, 20.0, 0),
        (10, 25.0, 0),
        (10, 30.1, 1),
        (10, 31, 2),
        (10, "20.0", 3),
        (10, 20.0, 4),
    ):
        box.clock.set_wall(box.clock.now().wall_ns - 5_000_000_000)
        box.wait(passed)
        box.read({"t": value})
        assert len(box.told()) == told, value
    assert box.told() == ["raised", "cleared", "raised", "cleared"]


def test_a_burst_of_queued_messages_is_no_rate(kit) -> None:
    box = kit.Box(kit.device(rules={"fast": kit.rule("t", {"rate_above": 5.0})}))
    for value in (20.0, 21.0, 22.0, 21.0, 20.0):
        box.read({"t": value})
        box.wait(0.001)
    box.wait(1)
    box.read({"t": 20.5})
    assert box.told() == []
    box.wait(1)
    box.read({"t": 80.0}, quality=Quality.STALE)
    assert box.told() == []
    box.read({"t": 40.0})
    assert box.told() == ["raised"]


def test_missing_asks_for_values_of_this_point(kit) -> None:
    box = kit.Box(kit.device(rules={"quiet": kit.rule("t", {"missing": "60s"}, clear_after=0)}))
    box.wait(59)
    box.read({"t": 20.0})
    for value in ({"h": 3}, {"t": None}):
        box.wait(29)
        box.read(value)
    box.read({"t": 9.0}, quality=Quality.STALE)
    assert box.told() == []
    box.wait(2.1)
    assert box.told() == ["raised"]
    assert box.data()["evidence"] | {"since": ""} == {
        "point": "t",
        "value": 20.0,
        "unit": "Cel",
        "quality": "stale",
        "condition": "no value for 60 s",
        "threshold": 60.0,
        "since": "",
    }
    box.restart()
    box.wait(500)
    assert box.told() == ["raised"]
    box.read({"t": 21.0})
    assert box.told() == ["raised", "cleared"]
    box.wait(60)
    assert box.told() == ["raised", "cleared", "raised"]


def test_missing_with_for_adds_up(kit) -> None:
    box = kit.Box(kit.device(rules={"quiet": kit.rule("t", {"missing": "60s"}, **{"for": "30s"})}))
    box.wait(89)
    assert box.told() == []
    box.wait(1)
    assert box.told() == ["raised"]


def test_missing_stands_still_while_the_link_is_down(kit) -> None:
    box = kit.Box(kit.device(rules={"quiet": kit.rule("t", {"missing": "60s"})}))
    box.wait(10)
    box.link(up=False)
    box.wait(1000)
    box.link(up=True)
    box.wait(49)
    assert box.told() == ["raised", "cleared"]  # the link's own
    box.wait(1)
    assert box.data()["dedup_key"] == "g1/d1/quiet"


def test_an_old_value_counts_for_a_state_and_says_so(kit) -> None:
    box = kit.Box(kit.device(rules={"leak": kit.rule("leak", {"equals": True}, clear_after=0)}))
    box.read({"leak": True}, quality=Quality.STALE)
    assert box.data()["evidence"]["quality"] == "stale"
    box.read({"leak": False}, quality=Quality.STALE)
    assert box.told() == ["raised", "cleared"]


def test_offline_rule_follows_presence(kit) -> None:
    rules = {"gone": kit.rule(None, {"offline": True}, clear_after=0, **{"for": "20s"})}
    box = kit.Box(kit.device(rules=rules, offline_after=60.0))
    box.wait(79)
    assert box.told() == []
    box.wait(1)
    assert box.told() == ["raised"]
    assert box.data()["evidence"]["reason"] == "silence"
    box.read({"t": 1.0})
    assert box.told() == ["raised", "cleared"]


def test_an_offline_rule_newer_than_the_silence(kit) -> None:
    box = kit.Box(kit.device())
    box.says(online=False)
    box.devices = (kit.device(rules={"gone": kit.rule(None, {"offline": True})}),)
    box.restart()
    box.restart()
    assert box.told() == ["raised"]


def test_a_rule_that_became_an_offline_rule_does_not_stay_active(kit) -> None:
    box = kit.Box(kit.device(rules={"gone": kit.rule("state", {"equals": "lost"})}))
    box.read({"state": "lost"})
    box.devices = (kit.device(rules={"gone": kit.rule(None, {"offline": True})}),)
    box.restart()
    box.wait(5)
    assert box.told() == ["raised", "cleared"]


def test_an_alarm_on_an_old_value_is_confirmed_at_once_and_only_once(kit) -> None:
    """What must not start on an old value (a linkage) hears of the fresh one, also if the alarm is older than a restart."""
    box = kit.Box(kit.device(rules={"leak": kit.rule("leak", {"equals": True})}))
    box.read({"leak": True}, quality=Quality.STALE)
    assert box.told() == ["raised"]
    assert box.data()["evidence"]["quality"] == "stale"
    box.restart()
    box.read({"leak": True}, quality=Quality.STALE)
    assert box.told() == ["raised"]
    box.read({"leak": True})
    assert box.told() == ["raised", "updated"]
    assert box.data()["evidence"]["quality"] == "fresh"
    box.read({"leak": True})
    box.restart()
    box.read({"leak": True})
    assert box.told() == ["raised", "updated"]


def test_what_a_device_kept_changes_nothing_that_newer_values_said(kit) -> None:
    """Values with a time of their own: history that comes late is no last word."""
    box = kit.Box(kit.device(rules={"hot": kit.rule("t", {"above": 40}, clear_after="0s")}))

    def read(value: float, time: str, quality: Quality) -> None:
        box.commit(box.engine.decoded("d1", Decoded((Reading("t", value, "Cel", quality, time),)), box.clock.now()))

    read(20.0, "2026-11-25T12:00:00.000Z", Quality.FRESH)
    read(90.0, "2026-11-25T11:00:00.000Z", Quality.STALE)
    assert box.told() == []
    read(90.0, "2026-11-25T12:00:01.000Z", Quality.STALE)
    assert box.told() == ["raised"]
    assert box.data()["evidence"]["quality"] == "stale"
    read(20.0, "2026-11-25T12:00:00.500Z", Quality.FRESH)
    assert box.told() == ["raised"]
    read(20.0, "2026-11-25T12:00:02.000Z", Quality.FRESH)
    assert box.told() == ["raised", "cleared"]


def test_a_reading_tells_the_time_its_device_gave_it(kit) -> None:
    box = kit.Box(kit.device())
    box.commit(
        box.engine.decoded(
            "d1",
            Decoded((Reading("t", 1.0, "Cel", Quality.STALE, "2026-11-25T11:00:00.000Z"), Reading("u", 2))),
            box.clock.now(),
        )
    )
    said = next(json.loads(event.data) for event in box.events if event.type == "edgegw.reading")["readings"]
    assert said == [
        {"point": "t", "value": 1.0, "unit": "Cel", "quality": "stale", "time": "2026-11-25T11:00:00.000Z"},
        {"point": "u", "value": 2, "unit": None, "quality": "fresh"},
    ]
