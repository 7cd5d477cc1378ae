"""Templates: what they can, and what neither a value nor a careless template can do."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.mappings.limits import MAX_TEXT
from edgegw.mappings.templates import OMIT, TemplateFault, expression, names_in, template

NAMES: dict[str, Any] = {
    "a": {"b": 3, "items": 4, "list": ["x", {"y": None}], "flag": True, "text": "{{ secret }}"},
    "secret": "s3cret",
    "long": "x" * 100_000,
}


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("plain", "plain"),
        ("{{ a.b }}", 3),
        ("{{ a.b }} ", "3 "),
        ("{{ a.items }}", 4),
        ("{{ a.list }}", ["x", {"y": None}]),
        ("{{ a.flag }}", True),
        ("{{ a.missing | default(omit) }}", OMIT),
        ("{{ a.get('missing', 5) }}", 5),
        ("{{ a.text }}", "{{ secret }}"),
        ("{% for key, value in {'k': 1}.items() %}{{ key }}={{ value }};{% endfor %}", "k=1;"),
        ("{{ '長' | cut_bytes(2) }}", "…"),
        ("{{ 'abcdef' | cut(3) }}", "ab…"),
        (  # RFC 4231, test case 2
            "{{ 'what do ya want for nothing?' | hmac_sha256('Jefe') | hex }}",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
        ),
        ("{{ ('a' ~ '\\n') | b64 }}", "YQo="),
        ("{{ 'a b&ü' | urlencode }}", "a%20b%26%C3%BC"),
        ("{{ 1767225600 | utc }}", "2026-01-01T00:00:00Z"),
        ("{{ {'a': 1} | merge({'a': 2, 'b': 3}) }}", {"a": 1, "b": 3}),
        ("{{ ' a \n\t b ' | oneline }}", "a b"),
        ("{{ 'https://u@h:1/p?q' | origin }}", "https://u@h:1"),
        ("{{ a.list[0:1] + ['z'] }}", ["x", "z"]),
    ],
)
def test_what_they_can(source: str, value: object) -> None:
    assert template(source)(NAMES) == value


@pytest.mark.parametrize(
    "source",
    [
        "{{ a.__class__ }}", "{{ ''.__class__.__mro__ }}", "{{ a['__class__'] }}", "{{ range.__globals__ }}", "{{ self }}",
        "{{ secret() }}", "{{ secret.format(1) }}", "{{ secret.missing }}", "{{ a.pop('b') }}", "{{ a.update({}) }}",
        "{{ 'x' * 999999999 }}", "{{ 'x'.ljust(999999999) }}", "{{ '%999999999d' % 1 }}", "{{ 9 ** 9 ** 9 }}", "{{ [1] * 9 }}",
        "{{ 'x' | center(999999999) }}", "{{ long | replace('x', long) }}", "{{ a.list | join(long * 2) }}",
        "{% for i in range(100000) %}{% endfor %}", "{{ range(999) | attr('x') }}",
        "{% for i in range(999) %}{% for j in range(999) %}{{ i }}{% endfor %}{% endfor %}",
        "{% for i in [1] %}{% for j in [1] %}{% for k in [1] %}{% endfor %}{% endfor %}{% endfor %}",
        "{% for i in [[1]] recursive %}{{ loop(i) }}{% endfor %}",
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}",
        "{{ long ~ long ~ long }}", "{{ long + long + long }}", "{{ [1] }} x", "x {{ omit }}", "{{ secret | hmac_sha256('k') }}",
        "{{ nothing }}", "{{ a.nothing.more }}", "{{ a.nothing | upper }}", "{{ 1 / 0 }}", "{{ 'x' | int }}", "{{ ",
        "{% if %}", "{{ 'x' | nofilter }}", "{{ 1 is nothing }}", "{{ a.b.c() }}", "{{ cycler('a') }}", "{{ lipsum() }}",
        "{{ [" * 300 + "]" * 300 + " }}", "{% set x = long %}" + "{% set x = x ~ x %}" * 9,
    ],
)  # fmt: skip
def test_what_they_cannot(source: str) -> None:
    with pytest.raises(TemplateFault) as caught:
        template(source)(NAMES)
    assert "s3cret" not in caught.value.message
    assert len(caught.value.message) < 250


@given(st.text())
def test_a_value_is_never_a_template(value: str) -> None:
    assert template("<{{ v }}>")({"v": value}) == f"<{value}>"
    assert template("{{ v }}")({"v": value}) == value


@given(st.text(min_size=1))
def test_a_value_is_one_part_of_a_path(value: str) -> None:
    fill = template("/a/{{ v }}/b", quoting=True)
    try:
        path = fill({"v": value})
    except TemplateFault:
        assert value in {".", ".."} or any(0xD800 <= ord(c) < 0xE000 for c in value)
        return
    assert path.count("/") == 3
    assert not set(path) & set("?#%& \n") - {"%"}


@given(st.text(max_size=60))
def test_any_text_is_a_template_or_a_fault(source: str) -> None:
    try:
        made = template(source)(NAMES)
    except TemplateFault:
        return
    assert made == source or "{" in source


def test_names_and_expressions() -> None:
    assert names_in("{{ a.b }} {% for x in y %}{{ x }}{{ range(3) }}{% endfor %}") == {"a", "y"}
    assert names_in("a.b == c", expression=True) == {"a", "c"}
    assert expression("a.b == 3 and 'x' in a.list")(NAMES) is True
    for bad in ("a.b ==", "nothing == 1", "}} {{", "a.nothing"):
        with pytest.raises(TemplateFault):
            expression(bad)(NAMES)


def test_output_is_cut_off_early() -> None:
    with pytest.raises(TemplateFault, match=str(MAX_TEXT)):
        template("{% for i in range(999) %}{{ long }}{% endfor %}")(NAMES)
