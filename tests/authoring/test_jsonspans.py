"""Every scalar is found where it stands, and replacing one leaves the rest as it was sent."""

import json

from hypothesis import given
from hypothesis import strategies as st

from edgegw.authoring.jsonspans import replaced, spans

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=12,
)


def leaves(value, path=()):
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, str(index)))
    else:
        yield path, value


@given(JSON, st.sampled_from([None, 1]), st.booleans())
def test_the_spans_are_the_leaves(value, indent, ascii_):
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_)
    found = list(spans(text))
    assert [(span.path, span.value) for span in found] == list(leaves(value))
    assert all(json.loads(text[span.start : span.end]) == span.value for span in found)


def test_replacing_keeps_blanks_order_and_spelling():
    text = '{ "b" : 1.50, "a":[ "x", {"c":null}] }'
    found = list(spans(text))
    assert replaced(text, {1: '"yy"'}, found) == '{ "b" : 1.50, "a":[ "yy", {"c":null}] }'
