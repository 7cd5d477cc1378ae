"""Gaps in texts: what is filled in stays a value, in JSON, in plain texts and in topics."""

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.profiles.templates import Template

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
VALUES = st.one_of(
    st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False, allow_infinity=False), TEXT
)


def fill(text, topic=False, address="dev", **values):
    return Template(text, topic=topic).fill(values.__getitem__, address=address)


@given(VALUES, TEXT)
def test_in_json_a_value_stays_a_value(value, text):
    filled = fill('{"a":{v},"b":"x{t}y","c":[{"d":"{t}"},{v}],"e":"\\"{t}"}', v=value, t=text)
    assert json.loads(filled) == {"a": value, "b": f"x{text}y", "c": [{"d": text}, value], "e": f'"{text}'}


@given(st.one_of(st.booleans(), st.integers(), TEXT))
def test_in_a_json_text_numbers_and_truths_are_spelled(value):
    filled = json.loads(fill('{"a":"{v}"}', v=value))["a"]
    assert filled == (value if isinstance(value, str) else str(value).lower())


@given(TEXT)
def test_a_plain_text_takes_no_control_characters(text):
    if re.search(r"[\x00-\x1f\x7f]", text):
        with pytest.raises(ValueError, match="control"):
            fill("SET {v};", v=text)
    else:
        assert fill("SET {v};", v=text) == f"SET {text};"


@given(TEXT)
def test_a_topic_keeps_its_levels(text):
    try:
        filled = fill("a/{address}/{v}/b", topic=True, address="x/y", v=text)
    except ValueError:
        assert not text or re.search(r"[\x00-\x1f\x7f+#/]", text)
    else:
        assert filled.split("/") == ["a", "x", "y", text, "b"]
        assert not set("+#\0") & set(filled)


@pytest.mark.parametrize(
    ("text", "values", "wanted"),
    [
        ("{state}", {"state": "ON"}, "ON"),
        ("{on}", {"on": True}, "true"),
        ('{"address":"{address}"}', {}, '{"address":"dev"}'),
        ('{"address":{address}}', {}, '{"address":"dev"}'),
        ("[{a},{b}]", {"a": 1, "b": None}, "[1,null]"),
        ('{ "a": {} }', {}, '{ "a": {} }'),
        ("{}", {}, "{}"),
        ("cmnd/{address}/POWER", {}, "cmnd/dev/POWER"),
    ],
)
def test_filled(text, values, wanted):
    assert fill(text, **values) == wanted


@pytest.mark.parametrize("value", [float("nan"), float("inf"), "\ud800"])
def test_what_json_has_no_text_for(value):
    with pytest.raises(ValueError, match=r"no number|JSON can hold"):
        fill('{"a":{v}}', v=value)


def test_a_text_without_a_value():
    with pytest.raises(ValueError, match="no value"):
        fill("{v}", v=None)


def test_paths_of_a_message():
    template = Template('{"n":"{{serialNo}}","r":{{info.list.0}},"to":"{address}"}')
    assert template.paths == {"serialNo", "info.list.0"}
    assert template.names == {"address"}
    said = {"serialNo": 'a"b', "info.list.0": 5}
    assert json.loads(template.fill(str, said.__getitem__, address="x")) == {"n": 'a"b', "r": 5, "to": "x"}
