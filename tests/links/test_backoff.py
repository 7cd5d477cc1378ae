"""Full jitter between nothing and a doubling ceiling."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.links.backoff import Backoff


@pytest.mark.parametrize(
    ("attempt", "ceiling"), [(1, 0.5), (2, 1.0), (3, 2.0), (6, 16.0), (7, 30.0), (100, 30.0), (10**9, 30.0), (0, 0.5)]
)
def test_the_ceiling_doubles_up_to_the_most(attempt, ceiling):
    assert Backoff().ceiling(attempt) == ceiling


def test_full_jitter_uses_the_whole_range():
    assert Backoff().delay(3, lambda: 0.0) == 0.0
    assert Backoff().delay(3, lambda: 0.5) == 1.0


@given(st.integers(1, 1000), st.floats(0, 1, exclude_max=True), st.floats(0, 1))
def test_the_delay_is_between_floor_and_ceiling(attempt, draw, floor):
    policy = Backoff(first=2.0, most=60.0, floor=floor)
    ceiling = policy.ceiling(attempt)
    assert floor * ceiling - 1e-9 <= policy.delay(attempt, lambda: draw) <= ceiling + 1e-9
