"""Alarms of doors: conditions somebody reports under a subject of their own."""

import pytest

from edgegw.errors import ConfigError
from edgegw.profiles.fields import Text
from edgegw.rules.events import Location
from edgegw.rules.own import Reported

TITLE = Text(zh="{location} {device} 被强行打开", en="{device} at {location} was forced")


def forced(box, *, active=True, subject="gate", key="forced", **more):
    return box.commit(
        box.engine.condition(
            Reported(
                key=key,
                active=active,
                title=TITLE,
                priority="P1",
                category="access",
                evidence={"contact": "open"},
                subject=subject,
                owner="East gate",
                location=Location("Building 3", {"building": "3"}),
                **more,
            ),
            box.clock.now(),
        )
    )


def test_a_doors_alarm_has_its_own_key_subject_place_and_title(kit):
    box = kit.Box(kit.device(), subjects=("gate", "lobby"))
    forced(box)
    data = box.data()
    assert (data["dedup_key"], data["rule"]) == ("g1/gate/forced", "forced")
    assert data["title"] == "East gate at Building 3 was forced"
    assert data["location"] == {"text": "Building 3", "labels": {"building": "3"}}
    assert "device" not in data
    assert box.events[-1].subject == "gate"
    assert forced(box).events == ()


def test_doors_do_not_share_alarms(kit):
    box = kit.Box(kit.device(), subjects=("gate", "lobby"))
    forced(box)
    forced(box, subject="lobby")
    forced(box, active=False)
    assert [view.dedup_key for view in box.engine.active_alarms()] == ["g1/lobby/forced"]


def test_it_outlives_a_restart_until_it_is_said_to_be_gone(kit):
    box = kit.Box(kit.device(), subjects=("gate",))
    forced(box)
    box.reboot()
    assert [view.subject for view in box.engine.active_alarms()] == ["gate"]
    assert forced(box).events == ()
    forced(box, active=False)
    assert box.told() == ["raised", "cleared"]
    assert box.states["alarm"] == {}


def test_the_alarm_of_a_door_that_is_gone_is_cleared_at_start(kit):
    box = kit.Box(kit.device(), subjects=("gate",))
    forced(box)
    box.subjects = ()
    box.restart()
    assert (box.data()["state"], box.data()["reason"]) == ("cleared", "rule-removed")
    assert box.events[-1].subject == "gate"
    assert box.states["alarm"] == {}


def test_an_alarm_of_a_device_that_had_the_doors_id_is_not_taken_for_the_doors(kit):
    box = kit.Box(kit.device("gate", rules={"leak": kit.rule("leak", {"equals": True})}))
    box.read({"leak": True}, device="gate")
    box.devices, box.subjects = (kit.device(),), ("gate",)
    box.restart()
    assert (box.data()["state"], box.data()["reason"]) == ("cleared", "rule-removed")


def test_a_subject_that_is_not_in_the_site_is_a_bug(kit):
    with pytest.raises(KeyError):
        forced(kit.Box(kit.device(), subjects=("gate",)), subject="back-door")


@pytest.mark.parametrize("name", ["gateway", "link", "d1"])
def test_a_subject_cannot_take_a_name_that_is_taken(kit, name):
    with pytest.raises(ConfigError) as caught:
        kit.Box(kit.device(), subjects=(name,))
    assert caught.value.reason == "reserved-device"
