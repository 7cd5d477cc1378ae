"""The engine as a whole: the gateway's own alarms, views, edges of the API."""

import pytest

from edgegw.errors import ConfigError


def test_condition_is_raised_and_cleared_at_once(kit) -> None:
    box = kit.Box(kit.device(), language="zh-CN")
    assert box.condition(active=False).events == ()
    box.condition(active=True, path="x.db")
    assert box.condition(active=True, path="x.db").events == ()
    data = box.data()
    assert (data["dedup_key"], data["title"], data["priority"]) == ("g1/gateway/store-damaged", "数据库损坏", "P2")
    assert data["evidence"]["path"] == "x.db"
    assert "device" not in data
    assert box.events[-1].subject == "gateway"
    box.condition(active=False)
    assert box.told() == ["raised", "cleared"]
    assert box.states["alarm"] == {}
    assert box.engine.active_alarms() == []


def test_condition_outlives_a_restart_until_it_is_said_to_be_gone(kit) -> None:
    box = kit.Box(kit.device())
    box.condition(active=True, count=1)
    box.reboot()
    assert [view.dedup_key for view in box.engine.active_alarms()] == ["g1/gateway/store-damaged"]
    assert box.condition(active=True, count=1).events == ()
    box.condition(active=False)
    assert box.told() == ["raised", "cleared"]


def test_condition_updates_for_priority_at_once_for_evidence_once_a_minute(kit) -> None:
    box = kit.Box(kit.device())
    for count in range(130):
        box.condition(active=True, count=count)
        box.wait(1)
    assert box.told() == ["raised", "updated", "updated"]
    assert box.data()["evidence"]["count"] == 120
    box.condition(active=True, priority="P1", count=130)
    assert box.data()["priority"] == "P1"
    assert box.told() == ["raised", "updated", "updated", "updated"]


def test_views(kit) -> None:
    box = kit.Box(kit.device(rules={"hot": kit.rule("t", {"above": 30.0})}), kit.device("d2"))
    box.read({"t": 31.0})
    (view,) = box.engine.active_alarms()
    assert (view.dedup_key, view.subject, view.phase, view.count) == ("g1/d1/hot", "d1", "active", 1)
    assert [(seen.device, seen.status) for seen in box.engine.presence()] == [("d1", "online"), ("d2", "unknown")]


@pytest.mark.parametrize("name", ["gateway", "link"])
def test_names_of_the_gateways_own_alarms_are_refused(kit, name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        kit.Box(kit.device(name))
    assert caught.value.reason == "reserved-device"


def test_a_device_that_is_not_configured_is_a_bug(kit) -> None:
    with pytest.raises(KeyError):
        kit.Box(kit.device()).read({"t": 1}, device="d9")


def test_due_is_the_start_until_the_first_tick(kit) -> None:
    box = kit.Box(kit.device())
    assert box.engine.due_ns() is None
    fresh = type(box.engine)(gateway="g", language="en", devices=(), alarms={}, presence={}, now=box.clock.now())
    assert fresh.due_ns() == box.clock.now().mono_ns


def test_several_rules_on_a_point_and_order_of_events(kit) -> None:
    rules = {
        "warm": kit.rule("t", {"above": 25.0}),
        "hot": kit.rule("t", {"above": 30.0}),
        "off": kit.rule("t", {"above": 1.0}, enabled=False),
    }
    box = kit.Box(kit.device(rules=rules))
    changes = box.read({"t": 31.0})
    assert [event.type for event in changes.events] == [
        "edgegw.reading",
        "edgegw.device.online",
        "edgegw.alarm.raised",
        "edgegw.alarm.raised",
    ]
    assert {state.key for state in changes.states} == {"d1", "g1/d1/warm", "g1/d1/hot"}
