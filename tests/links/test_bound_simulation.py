"""The bound against the real policy in virtual time: never exceeded, and on typical buses at most twice the worst seen.

bus_simulation has the buses, the adversary and the search; docs/response.md says what may happen and what is assumed.
"""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.links.bus_simulation import Simulation, mood, random_bus, search, typical_bus

ROUNDING_S = 1e-6

TIMES = 2.0
"""The bound is at most so many times the worst response seen."""


@given(bus_seed=st.integers(0, 1 << 32), mood_seed=st.integers(0, 1 << 32))
@settings(max_examples=150, deadline=None)
def test_no_response_exceeds_its_bound(bus_seed, mood_seed):
    bus = random_bus(random.Random(bus_seed))
    bounds = bus.bounds()
    for row, took_s in Simulation(bus, mood(bus, mood_seed, dead_most=4)).run(60.0).items():
        assert took_s <= bounds[row] + ROUNDING_S, row


@pytest.mark.parametrize("seed", range(10))
def test_on_typical_buses_the_bound_is_at_most_twice_the_worst_seen(seed):
    bus = typical_bus(random.Random(f"typical {seed}"))
    bounds = bus.bounds()
    for path in ("door", "command", "event"):
        bound_s = max((s for row, s in bounds.items() if row.startswith(path)), default=0.0)
        if bound_s:
            worst_s = search(bus, path, enough=bound_s / TIMES, tries=400)
            assert worst_s <= bound_s + ROUNDING_S
            assert bound_s <= TIMES * worst_s, f"{path}: {bound_s:.2f} s, seen {worst_s:.2f} s"


def test_the_simulation_sees_what_it_should():
    """Its own check: orders are confirmed and refused confirmation, alarms are sampled, dead units stay dead."""
    bus = typical_bus(random.Random("typical 5"))
    seen = Simulation(bus, mood(bus, 1, dead_most=2)).run(120.0)
    assert set(seen) >= {row for row in bus.bounds() if row.startswith(("door", "command"))}
    assert any(row.startswith("event") for row in seen)
