"""What each condition means, value by value."""

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import ProfileError
from edgegw.profiles.schema import Condition
from edgegw.rules.condition import Kind, compile_condition, number, same


def compiled(**when):
    return compile_condition(Condition.model_validate(when))


@pytest.mark.parametrize(
    ("when", "value", "held", "holds"),
    [
        ({"above": 30.0}, 30.0, False, False),
        ({"above": 30.0}, 30.1, False, True),
        ({"above": 30.0}, 31, False, True),
        ({"above": 30.0, "hysteresis": 2.0}, 29.0, True, True),
        ({"above": 30.0, "hysteresis": 2.0}, 28.0, True, False),
        ({"above": 30.0, "hysteresis": 2.0}, 29.0, False, False),
        ({"above": 0.3, "hysteresis": 0.1}, 0.2, True, False),  # binary 0.3 - 0.1 is below 0.2
        ({"below": 5.0}, 5.0, False, False),
        ({"below": 5.0}, 4.9, False, True),
        ({"below": 5.0, "hysteresis": 1.0}, 5.5, True, True),
        ({"below": 5.0, "hysteresis": 1.0}, 6.0, True, False),
        ({"above": 30.0}, "30.5", False, True),
        ({"above": 30.0}, "hot", False, None),
        ({"above": 0.0}, True, False, None),
        ({"above": 30.0}, nan, True, None),
        ({"above": 30.0}, inf, False, None),
        ({"above": 30.0}, -inf, True, None),
        ({"below": 30.0}, nan, True, None),
        ({"below": 30.0}, inf, True, None),
        ({"below": 30.0}, -inf, False, None),
        ({"above": 1.0}, 2**80, False, True),
        ({"equals": True}, True, False, True),
        ({"equals": True}, False, True, False),
        ({"equals": True}, 1, False, False),
        ({"equals": 1}, True, False, False),
        ({"equals": 1}, 1.0, False, True),
        ({"equals": "emergency"}, "emergency", False, True),
        ({"equals": "emergency"}, "", True, False),
        ({"equals": 3}, "3", False, False),
        ({"equals": 3.0}, nan, True, None),
        ({"in": [2, "2", False]}, "2", False, True),
        ({"in": [2, "2", False]}, 2, False, True),
        ({"in": [2, "2", False]}, 0, False, False),
        ({"in": [2, "2", False]}, False, False, True),
        ({"in": [1]}, True, False, False),
    ],
)
def test_level(when, value, held, holds) -> None:
    found = compiled(**when)
    assert found.kind is Kind.LEVEL
    assert found.test is not None
    assert found.test(value, held) is holds


@pytest.mark.parametrize(
    ("when", "kind", "text"),
    [
        ({"changed": True}, Kind.CHANGED, "changed"),
        ({"rate_above": 0.5}, Kind.RATE, "changes by more than 0.5 per second"),
        ({"missing": "10m"}, Kind.MISSING, "no value for 600 s"),
        ({"offline": True}, Kind.OFFLINE, "offline"),
        ({"above": 30.0, "hysteresis": 0.5}, Kind.LEVEL, "above 30 (hysteresis 0.5)"),
        ({"in": [True, "x"]}, Kind.LEVEL, "in true, x"),
    ],
)
def test_kind_and_text(when, kind, text) -> None:
    found = compiled(**when)
    assert (found.kind, found.text) == (kind, text)


def test_a_condition_without_its_value_is_refused() -> None:
    with pytest.raises(ProfileError) as caught:
        compiled(equals=None)
    assert caught.value.reason == "bad-condition"


@given(st.floats(-100, 100), st.floats(-100, 100), st.floats(0, 50))
def test_hysteresis_only_ever_prolongs(value: float, limit: float, hysteresis: float) -> None:
    """What holds anew also holds on; above and below with one limit never hold anew together."""
    above, below = compiled(above=limit, hysteresis=hysteresis).test, compiled(below=limit, hysteresis=hysteresis).test
    assert above is not None
    assert below is not None
    assert not above(value, False) or above(value, True)
    assert not below(value, False) or below(value, True)
    assert not (above(value, False) and below(value, False))


def test_number_and_same_keep_types_apart() -> None:
    assert number("80.00") == 80.0
    assert [number(value) for value in (True, None, "NaN", inf, "")] == [None] * 5
    assert same(1, 1.0)
    assert not same(1, True)
    assert not same("1", 1)
