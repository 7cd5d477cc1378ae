"""Which readings become records."""

import json

import pytest

from edgegw.model import Quality
from edgegw.profiles.schema import Report


def values(box, point: str = "t") -> list:
    """Reported values of a point, with their times in whole seconds from the start."""
    return [
        (event.at.mono_ns // 1_000_000_000 - 1000, reading["value"])
        for event in box.events
        if event.type == "edgegw.reading"
        for reading in json.loads(event.data)["readings"]
        if reading["point"] == point
    ]


def run(kit, series, **policy) -> list:
    """Report a series of values, one every 10 s."""
    box = kit.Box(kit.device(report=Report.model_validate(policy)))
    for value in series:
        box.read({"t": value})
        box.wait(10)
    return values(box)


@pytest.mark.parametrize(
    ("policy", "series", "reported"),
    [
        ({}, (1, 1, 2), [(0, 1), (10, 1), (20, 2)]),
        ({"on_change": True}, (1, 1, 2, 2, True, None, None), [(0, 1), (20, 2), (40, True), (50, None)]),
        ({"deadband": 1.0}, (20.0, 20.9, 19.1, 21.0, 21.5, 20.0), [(0, 20.0), (30, 21.0), (50, 20.0)]),
        ({"deadband": 1.0}, ("a", "b", "b"), [(0, "a"), (10, "b")]),
        ({"min_interval": "30s"}, (1, 2, 3, 4, 5), [(0, 1), (20, 3)]),  # at 30 s, with its own time
        ({"on_change": True, "max_interval": "30s"}, (1, 1, 1, 1, 1), [(0, 1), (30, 1)]),
        ({"on_change": True, "min_interval": "30s"}, (1, 2, 1, 1, 1), [(0, 1)]),
        (
            {"on_change": True, "min_interval": "25s", "max_interval": "40s"},
            (1, 1, 2, 1, 1, 1),
            [(0, 1), (20, 2), (40, 1)],
        ),
    ],
)
def test_policies(kit, policy, series, reported) -> None:
    assert [pair for pair in run(kit, series, **policy) if pair[0] < 55] == reported


def test_the_last_word_of_a_quick_series_is_reported_with_its_own_time(kit) -> None:
    box = kit.Box(kit.device(report=Report.model_validate({"on_change": True, "min_interval": "60s"})))
    for value in (False, True, False, True):
        box.read({"open": value, "other": 1})
        box.wait(1)
    box.wait(100)
    assert values(box, "open") == [(0, False), (3, True)]
    assert values(box, "other") == [(0, 1)]
    assert box.engine.due_ns() is None


def test_a_point_may_have_its_own_policy(kit) -> None:
    box = kit.Box(kit.device(point_reports={"t": Report(on_change=True)}))
    for _ in range(3):
        box.read({"t": 1, "h": 2})
    assert len(values(box, "t")) == 1
    assert len(values(box, "h")) == 3


def test_no_event_if_nothing_is_reported(kit) -> None:
    box = kit.Box(kit.device(report=Report(on_change=True)))
    box.read({"t": 1})
    assert box.read({"t": 1}).events == ()
    assert box.read({}).events == ()


def test_one_event_a_message(kit) -> None:
    box = kit.Box(kit.device())
    box.read({"t": 20.5, "leak": None})
    assert box.data(kind="reading") == {
        "device": "d1",
        "profile": "v/m",
        "readings": [
            {"point": "t", "value": 20.5, "unit": "Cel", "quality": "fresh"},
            {"point": "leak", "value": None, "unit": None, "quality": "fresh"},
        ],
    }
    assert (box.events[0].lane, box.events[0].subject) == (3, "d1")


def test_polled_values_are_unchanged_where_they_are(kit) -> None:
    box = kit.Box(kit.device(polled=True))
    seen = []
    for value, quality in ((1, "fresh"), (1, "fresh"), (2, "fresh"), (2, "stale"), (2, "fresh")):
        box.read({"t": value}, quality=Quality(quality))
        seen.append(box.data(kind="reading")["readings"][0]["quality"])
    assert seen == ["fresh", "unchanged", "fresh", "stale", "unchanged"]


def test_alarms_see_what_is_not_reported(kit) -> None:
    rules = {"hot": kit.rule("t", {"above": 30.0})}
    box = kit.Box(kit.device(rules=rules, report=Report.model_validate({"deadband": 50.0})))
    box.read({"t": 20.0})
    box.read({"t": 31.0})
    assert box.told() == ["raised"]


def test_values_json_cannot_carry_become_text(kit) -> None:
    box = kit.Box(kit.device())
    box.read({"a": 2**70, "b": "x\ud800", "c": float("nan")})
    assert [reading["value"] for reading in box.data(kind="reading")["readings"]] == [str(2**70), "x?", None]
