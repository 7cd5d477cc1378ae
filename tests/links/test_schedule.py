"""The scheduler against its rules, in virtual time."""

import heapq
import itertools
import random
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegw.codec.line import PROBE_SHARE
from edgegw.links.schedule import OPEN_AFTER, PROBE_BACKOFF, Poll, Request, Schedule, UnitPlan, choose_probe

S = 1_000_000_000
TEN = Poll("holding", 0, 10, 1.0)


def units(count, *polls):
    return [UnitPlan(f"d{n}", n, polls or (TEN,)) for n in range(1, count + 1)]


class Line:
    """Virtual time: carries requests out, `cost` seconds each, `lost` for the unanswered."""

    def __init__(self, plans, dead=(), cost=0.04, lost=0.54, seed=1):
        self.now = 0
        self.schedule = Schedule(plans, 0, random.Random(seed).random)
        self.dead = set(dead)
        self.cost, self.lost = cost, lost
        self.log = []

    def step(self):
        what = self.schedule.next(self.now)
        assert what is not None
        if not isinstance(what, Request):
            assert what > self.now, "it must not ask to be asked again at once"
            self.now = what
            return None
        began = self.now
        fails = what.device in self.dead or (what.device, what.block_no) in self.dead
        self.now += round((self.lost if fails else self.cost) * S)
        (self.schedule.failed if fails else self.schedule.answered)(what, self.now)
        self.log.append((began, what, not fails))
        return what

    def until(self, seconds):
        while self.now < seconds * S:
            self.step()
        return self

    def of(self, device, *, probes=None, since=0.0):
        return [
            (at / S, request, fine)
            for at, request, fine in self.log
            if request.device == device and at >= since * S and (probes is None or request.probe == probes)
        ]


# --- periods and spread -----------------------------------------------------------------------------------------------


def test_everything_is_asked_once_right_at_the_start_in_order():
    line = Line(units(30, Poll("holding", 0, 10, 60.0))).until(1.3)
    assert [request.device for _, request, _ in line.log] == [f"d{n}" for n in range(1, 31)]


def test_after_the_first_round_units_are_spread_over_the_period():
    line = Line(units(30, Poll("holding", 0, 10, 10.0))).until(40)
    starts = [at / S for at, _, _ in line.log if at >= 15 * S]
    gaps = [b - a for a, b in itertools.pairwise(starts)]
    assert min(gaps) > 0.25
    assert max(gaps) < 0.45


def test_each_group_keeps_its_period():
    line = Line([UnitPlan("d", 1, (Poll("holding", 0, 2, 1.0), Poll("input", 0, 2, 5.0)))]).until(101)
    count = Counter(request.table for _, request, _ in line.log)
    assert count["holding"] in {100, 101, 102}
    assert count["input"] in {20, 21, 22}


def test_late_polls_are_not_caught_up():
    line = Line(units(1)).until(3)
    line.now += 60 * S
    before = len(line.log)
    line.until(64.5)
    assert len(line.log) - before <= 3


def test_under_saturation_it_is_round_robin():
    line = Line(units(30, Poll("holding", 0, 10, 0.05))).until(60)
    order = [request.unit for _, request, _ in line.log[60:]]
    counts = Counter(order)
    assert max(counts.values()) - min(counts.values()) <= 1
    assert len(order) >= 0.99 * 60 / 0.04 - 60, "and the line is never idle"


def test_no_units_means_nothing_ever():
    assert Schedule([], 0, random.random).next(0) is None
    assert Schedule([UnitPlan("d", 1, ())], 0, random.random).next(0) is None


# --- breaker ----------------------------------------------------------------------------------------------------------


def test_a_dead_unit_is_probed_at_backoff_and_nothing_else_is_asked_of_it():
    line = Line(units(3), dead={"d2"}).until(600)
    asked = line.of("d2")
    assert not asked[0][1].probe
    assert all(request.probe for _, request, _ in asked[1:])
    gaps = [b[0] - a[0] for a, b in itertools.pairwise(asked[1:])]
    for n, gap in enumerate(gaps, 1):
        ceiling = PROBE_BACKOFF.ceiling(n)
        assert ceiling / 2 <= gap <= max(ceiling, line.lost / PROBE_SHARE) + 2 * line.lost
    assert line.schedule.open_units == ("d2",)


def test_a_dead_unit_costs_its_neighbours_at_most_one_timeout_each_probe():
    healthy, sick = Line(units(10)).until(120), Line(units(10), dead={"d5"}).until(120)
    for device in ("d1", "d4", "d6", "d10"):
        assert len(sick.of(device)) >= len(healthy.of(device)) - 3
        times = [at for at, _, _ in sick.of(device, since=2)]
        assert max(b - a for a, b in itertools.pairwise(times)) <= 1.0 + sick.lost + 10 * sick.cost


def test_two_probes_never_follow_each_other_while_another_unit_waits():
    line = Line(units(12, Poll("holding", 0, 10, 0.1)), dead={f"d{n}" for n in range(2, 13)}).until(300)
    settled = [request.probe for at, request, _ in line.log if at > 10 * S]
    assert not any(a and b for a, b in itertools.pairwise(settled))


def test_a_unit_that_comes_back_is_asked_for_everything_at_once():
    blocks = (Poll("holding", 0, 10, 60.0), Poll("input", 0, 4, 60.0), Poll("coil", 0, 16, 60.0))
    line = Line([UnitPlan("d", 1, blocks), *units(1)], dead={"d"}).until(30)
    line.dead.clear()
    line.until(100)
    first_probe = next(at for at, request, fine in line.of("d", since=30) if fine and request.probe)
    after = [
        request.block_no for at, request, _ in line.of("d", since=first_probe, probes=False) if at < first_probe + 1
    ]
    assert sorted(after) == [0, 1, 2]
    assert line.schedule.open_units == ()


def test_one_glitch_is_a_probe_and_a_retry_and_no_open_breaker():
    line = Line(units(2, Poll("holding", 0, 10, 10.0))).until(9)
    line.dead = {("d1", 0)}
    while line.log[-1][1].device != "d1" or line.log[-1][0] < 9 * S:
        line.step()
    line.dead.clear()
    glitch = line.now
    line.until(glitch / S + 2)
    assert [request.probe for _, request, _ in line.of("d1", since=glitch / S)] == [True, False]
    assert line.schedule.open_units == ()


def test_a_block_that_alone_fails_is_asked_ever_more_rarely():
    plan = UnitPlan("d", 1, (Poll("holding", 0, 10, 1.0), Poll("input", 0, 4, 1.0)))
    line = Line([plan], dead={("d", 1)}).until(300)
    assert len([1 for _, request, _ in line.of("d") if request.block_no == 0]) > 200
    assert len([1 for _, request, _ in line.of("d") if request.block_no == 1]) < 20


def test_a_request_cut_off_by_a_lost_link_is_due_again_and_nobodys_failure():
    schedule = Schedule(units(1), 0, random.random)
    request = schedule.next(0)
    assert isinstance(request, Request)
    assert schedule.next(0) is None
    schedule.undone(request, 5)
    assert schedule.next(5) == request


def test_after_an_outage_of_the_link_dead_units_are_probed_at_once():
    line = Line(units(2), dead={"d2"}).until(300)
    due = [at for at, request, _ in line.log if request.probe]
    assert due
    line.schedule.reopened(line.now)
    asked = [line.step() for _ in range(4)]
    assert any(request is not None and request.probe for request in asked)


# --- the probe's reply can't be mistaken ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("polls", "table", "address", "count", "distinct"),
    [
        ([("holding", 0, 10)], "holding", 0, 1, True),
        ([("holding", 0, 10), ("holding", 50, 1)], "holding", 0, 2, True),
        ([("coil", 0, 8)], "coil", 0, 8, False),
        ([("coil", 0, 16)], "coil", 0, 1, True),
        ([("holding", 5, 1), ("holding", 9, 1)], "holding", 5, 1, False),
        ([("holding", 5, 1), ("holding", 9, 2)], "holding", 5, 1, False),
        ([("input", 0, 2), ("coil", 0, 8)], "input", 0, 1, True),
    ],
)
def test_the_probe(polls, table, address, count, distinct):
    probe, is_distinct = choose_probe([Poll(*poll, 1.0) for poll in polls])
    assert (probe.table, probe.address, probe.count, is_distinct) == (table, address, count, distinct)


poll_lists = st.lists(
    st.builds(
        Poll,
        st.sampled_from(["coil", "discrete", "holding", "input"]),
        st.integers(0, 500),
        st.integers(1, 60),
        st.sampled_from([0.2, 1.0, 5.0]),
    ),
    min_size=1,
    max_size=4,
)


@given(poll_lists)
def test_the_probe_lies_within_a_block_and_differs_from_all_if_it_says_so(polls):
    probe, distinct = choose_probe(polls)
    assert any(
        p.table == probe.table and p.address <= probe.address and probe.address + probe.count <= p.address + p.count
        for p in polls
    )

    def shape(p):
        return p.table, (p.count + 7) // 8 if p.table in {"coil", "discrete"} else 2 * p.count

    assert distinct == (shape(probe) not in {shape(p) for p in polls})


# --- whatever happens -------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.lists(poll_lists, min_size=1, max_size=6),
    st.sets(st.integers(0, 5)),
    st.integers(0, 2**32),
    st.lists(st.tuples(st.integers(5, 60), st.integers(0, 5)), max_size=6),
)
def test_invariants_hold_whatever_dies_and_comes_back(plans, dead, seed, changes):
    line = Line([UnitPlan(f"d{n}", n + 1, tuple(p)) for n, p in enumerate(plans)], {f"d{n}" for n in dead}, seed=seed)
    todo = sorted(changes)
    heapq.heapify(todo)
    failures, doubtful = Counter(), set()
    steps = 0
    while line.now < 60 * S and steps < 5000:
        steps += 1
        while todo and todo[0][0] * S <= line.now:
            line.dead ^= {f"d{heapq.heappop(todo)[1]}"}
        request = line.step()
        if request is None:
            continue
        fine = line.log[-1][2]
        if request.device in doubtful:
            assert request.probe, "after any failure the next thing asked of a unit is the probe"
        else:
            assert not request.probe, "a healthy unit is never probed"
        failures[request.device] = 0 if fine else failures[request.device] + 1
        (doubtful.discard if fine else doubtful.add)(request.device)
        assert set(line.schedule.open_units) == {d for d, count in failures.items() if count >= OPEN_AFTER}
    # no healthy unit starves: each of its blocks was asked in the last round that had time for it
    busy = sum(len(p) for p in plans) * (line.cost + line.lost)
    if steps < 5000 and not changes:
        for n, polls in enumerate(plans):
            if f"d{n}" not in line.dead:
                for block_no, poll in enumerate(polls):
                    times = [at for at, r, _ in line.of(f"d{n}") if r.block_no == block_no] + [line.now / S]
                    assert max(b - a for a, b in itertools.pairwise(times)) <= 2 * poll.period_s + 2 * busy
