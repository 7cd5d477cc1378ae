import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.control.histogram import Histogram


def test_a_duration_on_an_edge_counts_below_it():
    h = Histogram((1.0, 2.0))
    for seconds in (0.5, 1.0, 1.5, 2.0, 2.1):
        h.observe(seconds)
    assert h.cumulative() == [("1.0", 2), ("2.0", 4), ("+Inf", 5)]
    assert h.total == pytest.approx(7.1)
    assert h.longest == 2.1


def test_a_negative_duration_counts_as_none():
    h = Histogram((1.0,))
    h.observe(-3.0)
    assert (h.count, h.total, h.longest) == (1, 0.0, 0.0)


def test_no_observation_gives_zero():
    assert Histogram((1.0,)).quantile(0.99) == 0.0


@given(st.lists(st.floats(0, 20), min_size=1), st.floats(0, 1))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(values, q):
    edges = (0.1, 0.5, 1.0, 5.0)
    h = Histogram(edges)
    for value in values:
        h.observe(value)
    true = sorted(values)[max(0, min(len(values) - 1, -int(-q * len(values) // 1) - 1))]
    low = max((e for e in (0.0, *edges) if e < true), default=0.0)
    high = min((e for e in edges if e >= true), default=h.longest)
    assert low <= h.quantile(q) <= max(high, low) + 1e-9
    assert h.quantile(q) <= h.longest
