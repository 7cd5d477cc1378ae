"""Documents laid over each other: how they merge, and where a fault is told."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict

from edgegw.yamlpos import Layers, merged, parse

keys = st.sampled_from("abcd")
values = st.recursive(
    st.none() | st.booleans() | st.integers(0, 9) | st.lists(st.integers(0, 3), max_size=2),
    lambda inner: st.dictionaries(keys, inner, max_size=4),
    max_leaves=12,
)
sections = st.dictionaries(keys, values, max_size=4)


def expected(below: Any, above: Any) -> Any:
    """The rule once more, by paths."""
    if not (isinstance(below, dict) and isinstance(above, dict)):
        return above
    out = {}
    for key in {*below, *above}:
        if key not in above:
            out[key] = below[key]
        elif below.get(key) is None:
            out[key] = above[key]
        elif above[key] is not None:
            out[key] = expected(below[key], above[key])
    return out


@given(sections, sections)
def test_merging_and_that_nothing_is_changed(below, above):
    before = copy.deepcopy((below, above))
    assert merged(below, above) == expected(below, above)
    assert (below, above) == before


@given(sections)
def test_nothing_over_or_under_it_changes_nothing(data):
    assert merged(data, {}) == merged({}, data) == data


@given(sections, sections, sections)
def test_a_chain_is_what_its_lower_part_is_with_the_top_laid_over_it(one, two, three):
    laid = Layers([_document(three), _document(two), _document(one)]).data
    assert laid == merged(merged(one, two), three)
    assert laid == Layers([_document(three), _document(merged(one, two))]).data


def test_what_is_said_above_comes_first():
    assert list(merged({"a": 1, "b": 2}, {"c": 3, "b": 4})) == ["c", "b", "a"]


def _document(data: Any) -> Any:
    document = parse("{}", "x")
    document.data = data
    return document


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    n: int
    m: int = 0


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    name: str
    inner: dict[str, Inner]
    items: list[int] = []


BASE = "name: base\ninner:\n  a: {n: 1}\n  b:\n    n: two\nitems: [1, 2]\n"


def faults(*texts: str) -> list[str]:
    names = ["top", "middle", "base"]
    made, found = Layers([parse(text, name) for text, name in zip(texts, names, strict=False)]).validate(Outer)
    assert (made is None) == bool(found)
    return [str(fault) for fault in found]


def test_a_fault_is_told_where_it_stands():
    assert faults("name: top\n", BASE) == ["middle:5:8: should be a whole number, not 'two'"]
    assert faults("inner: {b: {n: three}}\n", BASE) == ["top:1:16: should be a whole number, not 'three'"]
    assert faults("inner: {b: {n: 2}}\n", BASE) == []
    assert faults("inner: {b: null}\n", BASE) == []
    assert faults("inner: {b: {n: null}}\n", BASE) == ["top:1:13: key 'n' is missing"]
    assert faults("inner: {c: null, b: null}\n", BASE)[0].startswith("top:1:12: should be a section")
    assert faults("inner: {a: {nn: 1}, b: null}\n", BASE) == ["top:1:13: unknown key 'nn'; did you mean 'n'?"]
    assert faults("nme: top\ninner: {b: null}\n", BASE) == ["top:1:1: unknown key 'nme'; did you mean 'name'?"]
    assert faults("items: [x]\ninner: {b: null}\n", BASE) == ["top:1:9: should be a whole number, not 'x'"]


def test_three_deep_and_all_at_once():
    found = faults("inner: {b: {m: x}}\n", "inner: {a: {m: y}}\n", BASE)
    assert [line.split(": ")[0] for line in found] == ["top:1:16", "middle:1:16", "base:5:8"]


def test_a_value_in_between_hides_what_is_below():
    assert faults("inner: {b: {n: 2}}\n", "inner: {b: 5}\n", BASE) == []
    assert faults("inner: {b: {m: 2}}\n", "inner: {b: null}\n", BASE) == ["top:1:9: key 'n' is missing"]


def test_the_texts_own_problems_are_told():
    assert faults("inner: {b: null}\n", "name: no\n" + BASE.partition("\n")[2])[0].startswith("middle:1:7: ")


def test_what_a_document_keeps_for_itself():
    top, base = parse("name: top\n", "top"), parse(BASE, "base")
    assert "items" not in Layers([top, base], own={"items"}).data
    assert Layers([base, top], own={"items"}).data["items"] == [1, 2]
