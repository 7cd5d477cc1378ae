"""docs/patrol.md: its site is one, its rounds go as it says, and every member of an event is described."""

import re
from pathlib import Path

import msgspec
import pytest

from edgegw.config.patrol_specs import patrol_specs, rating_specs
from edgegw.config.site import open_site
from edgegw.service.patrol_specs import NS_PER_S, Source
from edgegw.service.patrol_state import CheckedData, Ended, Result, SkippedData, StartedData, Summary
from edgegw.service.people import RatedData
from tests.service.patrol_site import GUARD, Site

PAGE = Path(__file__).parents[2] / "docs" / "patrol.md"


@pytest.fixture
def site_plan(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    path = tmp_path / "edgegw.yaml"
    path.write_text(example, "utf-8")
    return open_site(path, {})


def test_the_site_is_one(site_plan):
    assert [message.split(": ", 1)[1] for message in site_plan.warnings] == [
        "a button does not tell who pressed it; groups do not hold here"
    ]
    night, cleaning = patrol_specs(site_plan)
    assert night.starts == (120, 1320)
    assert [point.due_ns // (60 * NS_PER_S) for point in night.points] == [0, 10, 20, 35, 50]
    assert night.points[1].labels == {"building": "3", "floor": "-1"}, "as the reader's"
    assert (cleaning.lead_ns, cleaning.end_ns) == (300 * NS_PER_S, (3 * 3600 + 1800) * NS_PER_S)
    assert rating_specs(site_plan)[0].scores == {"true": 1}


def test_a_button_is_an_alarm_of_its_device(site_plan):
    call = site_plan.devices["lobby-button"].alarms["cleaning-call"]
    assert (call.momentary, call.when.equals, call.category, call.priority, call.clear_after) == (
        True,
        "hold",
        "cleaning",
        None,
        10,
    )
    assert "sos" in site_plan.devices["lobby-button"].alarms
    assert site_plan.devices["pump-panel"].alarms["repair-call"].impact == 3


def test_its_night_round_goes_as_planned(site_plan):
    site = Site(*patrol_specs(site_plan), language="zh-CN")
    card = {name: Source(f"{name}-reader", "card") for name in ("gate", "garage")}
    for clock, where, who in (
        ("22:00", card["gate"], GUARD),
        ("22:09", card["garage"], GUARD),
        ("22:20", Source("pump-panel", "input1", "button", True), None),
        ("22:34", None, GUARD),
        ("22:48", card["gate"], GUARD),
    ):
        site.until(f"2026-11-25T{clock}")
        now = site.clock.now()
        if where is None:
            site.keep(site.core.checkin("night", "roof", who, now, tag="04A1B2C3D4"))
        else:
            site.keep(site.core.heard(where, who, now))
    (summary,) = site.told("completed")
    assert (summary["plan"]["name"], summary["results"], summary["ratio"]) == ("夜间巡查", {"on-time": 5}, 1.0)
    assert site.told("checked")[1]["location"] == {"text": "3号楼 -1层", "labels": {"building": "3", "floor": "-1"}}


@pytest.mark.parametrize("data", [StartedData, CheckedData, SkippedData, Summary, RatedData])
def test_every_member_of_an_event_is_described(data):
    page = PAGE.read_text("utf-8")
    assert [field.name for field in msgspec.structs.fields(data) if f"`{field.name}" not in page] == []


def test_every_word_is_described():
    page = PAGE.read_text("utf-8")
    assert [word for word in (*Result, *Ended) if f"`{word}`" not in page and f": {word}`" not in page] == []
