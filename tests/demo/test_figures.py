"""Numbers out of Prometheus text, histograms and sequence numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.demo.figures import Arrivals, Counters, Response, parse_metrics, quantile

LIFE_1 = """\
# HELP edgegw_boot_number x
# TYPE edgegw_boot_number gauge
edgegw_boot_number 1
edgegw_link_messages_total{link="line"} 40
edgegw_link_messages_total{link="broker"} 2
edgegw_upstream_depth{upstream="desk",lane="alarm"} 3
edgegw_upstream_depth{upstream="desk",lane="telemetry"} 4
edgegw_response_seconds_bucket{path="event",le="0.01"} 90
edgegw_response_seconds_bucket{path="event",le="0.1"} 99
edgegw_response_seconds_bucket{path="event",le="+Inf"} 100
edgegw_response_longest_seconds{path="event"} 0.25
not a line
odd{a="x\\"y"} nonsense
"""
LIFE_2 = """\
edgegw_boot_number 2
edgegw_link_messages_total{link="line"} 5
edgegw_upstream_depth{upstream="desk",lane="alarm"} 1
edgegw_response_seconds_bucket{path="event",le="0.01"} 10
edgegw_response_seconds_bucket{path="event",le="0.1"} 10
edgegw_response_seconds_bucket{path="event",le="+Inf"} 10
edgegw_response_longest_seconds{path="event"} 0.005
"""


def fed(*scrapes: str) -> Counters:
    counters = Counters()
    for scrape in scrapes:
        counters.feed(parse_metrics(scrape))
    return counters


def test_counters_add_up_over_lives_of_the_process_and_gauges_do_not() -> None:
    counters = fed(LIFE_1, LIFE_1, LIFE_2)
    assert counters.total("edgegw_link_messages_total", link="line") == 45
    assert counters.total("edgegw_link_messages_total") == 47
    assert counters.now("edgegw_upstream_depth", upstream="desk") == 1
    assert counters.labels("edgegw_link_messages_total", "link") == ["broker", "line"]
    assert counters.lives == 2
    assert not counters.exact


def test_response_times_come_from_the_histogram_and_are_bounded_by_the_longest() -> None:
    assert fed(LIFE_1).response("event") == Response(count=100, p50_ms=5.556, p99_ms=100.0, max_ms=250.0)
    assert fed(LIFE_1, LIFE_2).response("event").count == 110
    assert fed(LIFE_1, LIFE_2).response("event").max_ms == 250.0
    assert fed(LIFE_2).response("event").p99_ms == 5.0  # not 9.9: nothing took longer than 5 ms
    assert fed(LIFE_1).response("door") == Response()


@pytest.mark.parametrize(
    ("buckets", "q", "longest", "expected"),
    [
        ({}, 0.5, 0.0, None),
        ({1.0: 0, float("inf"): 0}, 0.5, 0.0, None),
        ({1.0: 1, 2.0: 1, float("inf"): 1}, 0.5, 0.0, 0.5),
        ({1.0: 0, float("inf"): 1}, 0.99, 7.0, 7.0),
    ],
)
def test_quantile_of_small_histograms(
    buckets: dict[float, float], q: float, longest: float, expected: float | None
) -> None:
    assert quantile(buckets, q, longest) == expected


@given(st.permutations(range(1, 30)), st.lists(st.integers(1, 29)))
def test_any_order_and_repetition_leaves_nothing_missing(order: list[int], again: list[int]) -> None:
    arrivals = Arrivals()
    for seq in [*order, *again]:
        arrivals.add(seq)
    assert (arrivals.unique, arrivals.missing, arrivals.repeated) == (29, 0, len(again))


def test_a_hole_is_missing_until_it_arrives() -> None:
    arrivals = Arrivals()
    assert [arrivals.add(seq) for seq in (1, 2, 5, 5)] == [True, True, True, False]
    assert (arrivals.missing, arrivals.highest) == (2, 5)
    arrivals.add(3)
    arrivals.add(4)
    assert arrivals.missing == 0
