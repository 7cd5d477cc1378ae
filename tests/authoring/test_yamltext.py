"""What is written reads back as the same data, whatever it is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.authoring.yamltext import Flow, Hex, Noted, document, items, scalar
from edgegw.yamlpos import parse

TEXTS = st.text(st.characters(exclude_categories=("Cs",)), max_size=30) | st.sampled_from(
    [
        "on",
        "No",
        "~",
        "",
        "0123",
        "12:30",
        "1e5",
        "0x10",
        "2026-01-01",
        "a: b",
        "a #b",
        "- a",
        "'",
        '"',
        "{a}",
        "1_0",
        "60s",
        "null",
    ]
)
SCALARS = (
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
)
FLOWS = st.dictionaries(TEXTS.filter(bool), SCALARS, max_size=4).map(Flow)
VALUES = st.recursive(
    SCALARS | FLOWS | st.lists(SCALARS, max_size=3) | st.lists(FLOWS.filter(bool), min_size=1, max_size=3),
    lambda inner: st.dictionaries(TEXTS.filter(bool), inner, min_size=1, max_size=4),
    max_leaves=10,
)


def plain(value):
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


@given(st.dictionaries(TEXTS.filter(bool), VALUES, min_size=1, max_size=4), TEXTS)
def test_a_document_reads_back(data, head):
    read = parse(document(data, head=head), "t")
    assert read.problems == []
    assert read.data == plain(data)


@given(st.lists(st.dictionaries(TEXTS.filter(bool), SCALARS | FLOWS, min_size=1, max_size=3), min_size=1, max_size=3))
def test_a_list_reads_back(values):
    assert parse("list:\n" + items(values, "  "), "t").data == {"list": plain(values)}


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Hex(0x46), "0x0046"),
        (1.0, "1.0"),
        (0.1, "0.1"),
        ("10s", "10s"),
        ("010400010002200B", '"010400010002200B"'),
        ('{"a":1}', "'{\"a\":1}'"),
        ("it's", '"it\'s"'),
        ("line\nbreak", '"line\\nbreak"'),
        ("湿度 低", "湿度 低"),
        ("on", '"on"'),
        ("%", '"%"'),
    ],
)
def test_a_scalar_is_written_as_a_person_would(value, written):
    assert scalar(value) == written


def test_sections_fit_one_line_or_get_a_line_for_each_key():
    short = document({"a": Noted(Flow({"b": 1, "on": True}), "why\nso"), "c": [1, 2]}, head="x\ny")
    assert short == '# x\n# y\na: {b: 1, "on": true}  # why so\nc: [1, 2]\n'
    assert document({"a": Flow({"b": "x y" * 40})}) == f"a:\n  b: {'x y' * 40}\n"


def test_what_is_no_scalar_is_refused():
    with pytest.raises(TypeError, match="bytes"):
        scalar(b"")
