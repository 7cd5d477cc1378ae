"""Titles, places and values as people read them."""

import pytest

from edgegw.rules.wording import fill, place, shown, shown_unit


def test_fill_is_one_pass_and_knows_four_names() -> None:
    values = {"device": "{location}", "location": "L", "value": "1", "unit": "%"}
    assert (
        fill("{device} {location} {value}{unit} {x} {device.id} {{value}}", values)
        == "{location} L 1% {x} {device.id} {1}"
    )


@pytest.mark.parametrize(
    ("language", "text"),
    [("zh-CN", "3号楼 2单元 5层 502室 东侧"), ("en", "building 3, unit 2, floor 5, room 502, 东侧")],
)
def test_place_goes_from_large_to_small(language: str, text: str) -> None:
    labels = {"side": "东侧", "room": "502", "floor": "5", "unit": "2", "building": "3"}
    assert place(labels, language) == text


def test_place_leaves_free_text() -> None:
    assert place({"building": "会所", "room": "泵房"}, "zh-CN") == "会所 泵房"
    assert place({}, "en") == ""


@pytest.mark.parametrize(
    ("value", "language", "text"),
    [
        (True, "zh-CN", "是"),
        (False, "en", "no"),
        (None, "en", ""),
        (230.1999969482422, "en", "230.2"),
        (12345678, "en", "12345678"),
        ("x", "en", "x"),
    ],
)
def test_values(value, language, text) -> None:
    assert shown(value, language) == text


def test_units() -> None:
    assert [shown_unit(unit, "zh-CN") for unit in ("Cel", "%", None)] == ["℃", "%", ""]
