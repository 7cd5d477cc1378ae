"""Counting without a query, against a plain set."""

from hypothesis import given
from hypothesis import strategies as st

from edgegw.store import lanes
from edgegw.store.lanes import LaneCount

STEPS = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 20), st.integers(0, 100)), max_size=60)


@given(STEPS)
def test_counts_are_exact_while_runs_are_few(steps: list[tuple[int, int, int]]) -> None:
    count = LaneCount()
    held: list[int] = []
    seq = 0
    for hole, size, percent in steps:
        seq += hole
        count.add(seq + 1, seq + size)
        held.extend(range(seq + 1, seq + size + 1))
        seq += size
        cut = seq * percent // 100
        assert count.after(cut) == sum(s > cut for s in held)
        if percent % 3 == 0:
            count.trim(cut // 2)
            held = [s for s in held if s > cut // 2]
        assert count.total == len(held) == count.after(0)


def test_many_runs_are_joined_and_the_sum_kept() -> None:
    count = LaneCount()
    for seq in range(0, 30 * lanes.MOST_RUNS, 10):
        count.add(seq + 1, seq + 2)
    assert len(count._ends) <= lanes.MOST_RUNS
    assert count.total == 6 * lanes.MOST_RUNS
    half = count.after(15 * lanes.MOST_RUNS)
    assert abs(half - 3 * lanes.MOST_RUNS) <= 64
    assert count.after(30 * lanes.MOST_RUNS) == 0


def test_a_scan_makes_an_estimate_exact() -> None:
    count = LaneCount()
    count.add(1, 100)  # an upper bound: the lane's seqs from first to last
    count.add(101, 110)
    count.refine(0, 50, [(1, 10), (40, 50)])
    assert count.total == 21 + 50 + 10
    count.refine(50, 100, [(99, 100)])
    assert count.total == 21 + 2 + 10
    assert count.after(45) == 5 + 2 + 10
