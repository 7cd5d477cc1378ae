"""Templates: the subset that devices send, and everything else refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.discovery.config import Owner
from edgegw.discovery.expression import ExpressionError, Where, filled, value_of
from edgegw.discovery.naming import Taken, device_slug, is_secret, slug
from edgegw.discovery.words import unit_of


@pytest.mark.parametrize(
    ("template", "where"),
    [
        (None, Where()),
        ("", Where()),
        ("{{ value }}", Where()),
        ("{{value_json.POWER1}}", Where("POWER1")),
        ("{{ value_json.a.b }}", Where("a.b")),
        ("{{- value_json['SI7021-14'].Temperature -}}", Where("SI7021-14.Temperature")),
        ('{{ value_json["a"][0].b }}', Where("a.0.b")),
        ("{{ value_json.a | round(1) }}", Where("a", number=True, decimals=1)),
        ("{{ value_json.a|float|round(2) }}", Where("a", number=True, decimals=2)),
        ("{{ value | int }}", Where("", number=True, decimals=0)),
        ("{{ value_json.a | float(0) }}", Where("a", number=True)),
        ("{{ value_json.a | is_defined }}", Where("a")),
    ],
)
def test_what_devices_send_is_understood(template: str | None, where: Where) -> None:
    assert value_of(template) == where


@pytest.mark.parametrize(
    "template",
    [
        "value_json.a", "{{ value_json }}", "{{ value.a }}", "{{ value_json.a * 2 }}", "{{ value_json.a }} W",
        "{{ states('x') }}",
        "{{ value_json.a }}{{ value_json.b }}", "{% if value_json.a %}1{% endif %}", "{{ value_json.a.b() }}",
        "{{ value_json['a.b'] }}",
        "{{ value_json.a | default('x') }}", "{{ value_json.a | round(1, 'floor') }}", "{{ value_json.get('a') }}",
        "{{ 'ON' if value_json.a else 'OFF' }}", "{{ value_json.__class__.x | attr('y') }}", "{{ value_json" + ".a" * 11 + " }}",
        "{{ value_json." + "a" * 2000 + " }}", "{{ value_jsonx.a }}", "{{ value_json[''] }}", "{{ value_json['\u0007'] }}",
    ],
)  # fmt: skip
def test_what_is_beyond_the_subset_is_refused(template: str) -> None:
    with pytest.raises(ExpressionError):
        value_of(template)


@given(
    st.text(max_size=60)
    | st.text(alphabet="{}%| ()'\"[].value_json09round", max_size=60).map(lambda t: f"{{{{ value_json{t} }}}}")
)
def test_any_template_is_understood_or_refused(template: str) -> None:
    try:
        where = value_of(template)
    except ExpressionError:
        return
    assert len(where.path) <= 256


def test_command_templates() -> None:
    assert filled(None, "ON") == "ON"
    assert filled('{"state": {"on": "{{ value }}"}}', "ON") == '{"state": {"on": "ON"}}'
    assert filled("{{value}}/{{ value }}", "1") == "1/1"
    for template in (
        "fixed",
        "{{ value | int }}",
        "{{ value }}{% if x %}",
        "{# a #}{{ value }}",
        "{{ value }}" + "x" * 2000,
    ):
        with pytest.raises(ExpressionError):
            filled(template, "ON")


def test_units_are_ucums() -> None:
    wanted = {
        "°C": "Cel",
        "kWh": "kW.h",
        "m³": "m3",
        "%": "%",
        "lx": "lx",
        "µg/m³": "ug/m3",
        "lqi": "{lqi}",
        " ": None,
        "": None,
        "{}\n": None,
    }
    assert {said: unit_of(said) for said in wanted} == wanted


def test_names() -> None:
    assert slug("RELAY02-01") == "relay02_01"
    assert slug("水浸") == ""
    assert device_slug(Owner("id-7", "客厅")) == "id-7"
    assert device_slug(Owner("水", "客厅")) == "device"
    assert [is_secret(name) for name in ("last_used_pin_code", "Card", "pinging", "cardinal", "rfid tag")] == [
        True,
        True,
        False,
        False,
        True,
    ]
    taken = Taken()
    assert [taken.take(name) for name in ("a", "a", "a_2", "a")] == ["a", "a_2", "a_2_2", "a_3"]
