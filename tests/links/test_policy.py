"""Orders among polls, in virtual time: lanes, shares, outcomes, deadlines."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegw.codec.line import MAX_ORDERS, PROBE_SHARE, readbacks_most
from edgegw.links.request import BusLane, Poll, Request
from edgegw.model import OrderLane, OutcomeStatus
from edgegw.profiles.encode import MqttPublish
from tests.links.virtual_line import LINE, S, VirtualLine, plan, write

FAST = Poll("holding", 0, 10, 0.05)
DOOR, COMMAND = OrderLane.DOOR, OrderLane.COMMAND


def said(outcome):
    return outcome.status.value, outcome.reason


def kinds(requests):
    return ["probe" if r.probe else "write" if r.write else "read-back" if r.ticket else "poll" for r in requests]


# --- outcomes ---------------------------------------------------------------------------------------------------------


def test_a_write_is_sent_and_read_back():
    line = VirtualLine([plan(1)]).until(0.5)
    (outcome,) = line.settle(line.order("d1"))
    assert said(outcome) == ("done", "")
    first, second = [request for _, request, _ in line.log if request.ticket]
    assert (first.function, first.address, first.words, first.lane) == (5, 0, (0xFF00,), BusLane.COMMAND)
    assert (second.function, second.address, second.count, second.lane) == (1, 0, 1, BusLane.CONFIRMATION)


def test_without_a_read_back_the_answer_is_the_confirmation():
    line = VirtualLine([plan(1)])
    (outcome,) = line.settle(line.order("d1", write(function=6, words=(7,), readback=None)))
    assert said(outcome) == ("done", "")
    assert len([1 for _, request, _ in line.log if request.ticket]) == 1


def test_it_is_read_back_until_it_shows():
    line = VirtualLine([plan(1)])
    line.says["d1"] = lambda at: (int(at > 0.5),)
    id_ = line.order("d1", write(within_s=1.0))
    assert said(line.settle(id_)[0]) == ("done", "")
    assert 0.5 < line.told_at(id_) < 1.0


def test_settle_time_is_waited_and_others_have_the_line_meanwhile():
    line = VirtualLine([plan(1), plan(2, FAST)]).until(0.2)
    line.settle(line.order("d1", write(settle_s=0.5)))
    (wrote, read) = [at for at, request, _ in line.log if request.ticket]
    assert 0.5 <= (read - wrote) / S < 0.65
    assert len([1 for at, request, _ in line.log if wrote < at < read and not request.ticket]) >= 5


def test_a_read_back_that_never_shows_it_is_unknown_with_what_it_showed():
    line = VirtualLine([plan(1)])
    line.says["d1"] = (0,)
    id_ = line.order("d1", write(within_s=1.0))
    (outcome,) = line.settle(id_)
    assert said(outcome) == ("unknown", "readback-differs")
    assert "read back 0000 instead of 0001" in outcome.detail
    assert "unit 1, coil 0 = FF00" in outcome.detail
    assert line.told_at(id_) < 1.2
    reads = [request for request in line.of("d1") if request.ticket and not request.write]
    assert 3 <= len(reads) <= readbacks_most(0.0, 1.0)
    assert len([r for r in line.of("d1") if r.write]) == 1


def test_only_the_masked_bits_count():
    line = VirtualLine([plan(1)])
    line.says["d1"] = (0xAB02,)
    assert said(line.settle(line.order("d1", write(expect=(0x0002,), mask=(0x0003,))))[0]) == ("done", "")
    assert said(line.settle(line.order("d1", write(expect=(0x0002,))))[0]) == ("unknown", "readback-differs")


@pytest.mark.parametrize(
    ("code", "status", "reason", "word"),
    [
        (2, "failed", "device-refused", "illegal address"),
        (6, "failed", "device-refused", "busy"),
        (0x0A, "failed", "device-down", "path unavailable"),
        (0x0B, "unknown", "no-answer", "does not respond"),
    ],
)
def test_an_exception_to_the_write(code, status, reason, word):
    line = VirtualLine([plan(1)]).until(0.5)
    line.refuses["d1"] = code
    (outcome,) = line.settle(line.order("d1"))
    assert said(outcome) == (status, reason)
    assert word in outcome.detail


def test_acknowledge_is_no_refusal():
    line = VirtualLine([plan(1)]).until(0.5)
    line.refuses["d1"] = 5
    assert said(line.settle(line.order("d1"))[0]) == ("done", "")
    assert said(line.settle(line.order("d1", write(readback=None)))[0]) == ("unknown", "not-confirmed")


def test_an_unanswered_write_is_unknown_and_never_sent_again():
    line = VirtualLine([plan(1)]).until(0.5)
    line.dead.add("d1")
    assert said(line.settle(line.order("d1"))[0]) == ("unknown", "no-answer")
    line.dead.clear()
    line.until(30)
    assert len([r for r in line.of("d1") if r.write]) == 1
    assert kinds(line.of("d1", since=0.5))[:3] == ["write", "probe", "poll"]


def test_after_an_unanswered_write_the_next_comes_behind_an_answered_probe():
    line = VirtualLine([plan(1)]).until(0.5)
    line.dead.add("d1")
    first, second = line.order("d1"), line.order("d1")
    line.settle(first)
    line.dead.clear()
    assert said(line.settle(second)[0]) == ("done", "")
    assert kinds(line.of("d1", since=0.5))[:4] == ["write", "probe", "write", "read-back"]
    assert [r.lane for r in line.of("d1", since=0.5)[1:3]] == [BusLane.COMMAND, BusLane.COMMAND]


def test_a_doubtful_unit_that_does_not_answer_the_probe_is_down_and_nothing_was_sent():
    line = VirtualLine([plan(1)]).until(0.5)
    line.dead.add("d1")
    first, second = line.order("d1"), line.order("d1")
    assert [said(o) for o in line.settle(first, second)] == [("unknown", "no-answer"), ("failed", "device-down")]
    assert kinds(line.of("d1", since=0.5))[:2] == ["write", "probe"]
    assert line.policy.down("d1") == "device-down"
    asked = len(line.of("d1"))
    third = line.order("d1")
    assert said(line.outcome(third)) == ("failed", "device-down"), "at once"
    assert len(line.of("d1")) == asked


def test_one_that_insists_is_sent_to_a_dead_unit_once():
    line = VirtualLine([plan(1), plan(2)], dead={"d1"}).until(10)
    assert line.policy.down("d1") == "device-down"
    assert said(line.settle(line.order("d1", insist=True))[0]) == ("unknown", "no-answer")
    assert len([r for r in line.of("d1") if r.write]) == 1


def test_one_that_insists_is_confirmed_only_behind_an_answered_probe():
    line = VirtualLine([plan(1)], dead={"d1"}).until(10)
    line.dead.clear()
    assert said(line.settle(line.order("d1", insist=True))[0]) == ("done", "")
    assert kinds(line.of("d1", since=10))[:3] == ["write", "probe", "read-back"]
    bare = VirtualLine([plan(1)], dead={"d1"}).until(10)
    bare.dead.clear()
    assert said(bare.settle(bare.order("d1", write(readback=None), insist=True))[0]) == ("done", "")
    assert kinds(bare.of("d1", since=10))[:2] == ["write", "probe"]


def test_an_answer_that_may_be_an_earlier_writes_confirms_nothing():
    line = VirtualLine([plan(1)], dead={"d1"}).until(10)
    line.order("d1", insist=True)
    request = line.policy.next(line.now)
    assert isinstance(request, Request)
    assert request.write
    line.policy.answered(request, line.now + S // 10)  # a late answer, who knows
    probe = line.policy.next(line.now + S // 10)
    assert isinstance(probe, Request)
    assert probe.probe
    line.policy.failed(probe, line.now + S // 2)
    assert said(line.outcomes[-1][1]) == ("unknown", "no-answer")
    assert line.policy.down("d1") == "device-down", "nor is the unit alive by it"


def test_a_unit_without_polls_is_commanded_and_probed():
    line = VirtualLine([plan(1)])
    line = VirtualLine([plan(2), type(plan(1))("mute", 9, ())])
    assert said(line.settle(line.order("mute", write(readback=None)))[0]) == ("done", "")
    line.dead.add("mute")
    first, second = (line.order("mute", write(readback=None)) for _ in range(2))
    assert [said(o)[1] for o in line.settle(first, second)] == ["no-answer", "device-down"]
    line.dead.clear()
    line.until(10)
    assert line.policy.down("mute") is None
    assert kinds(line.of("mute")) == ["write", "write", "probe", "probe"]


# --- bounds -----------------------------------------------------------------------------------------------------------


def test_a_lane_holds_so_many_and_no_more():
    line = VirtualLine([plan(1)])
    taken = [line.order("d1") for _ in range(MAX_ORDERS)]
    refused = line.order("d1")
    assert said(line.outcome(refused)) == ("failed", "busy")
    door = line.order("d1", lane=DOOR)
    assert {said(o) for o in line.settle(*taken, door)} == {("done", "")}
    assert said(line.settle(line.order("d1"))[0]) == ("done", "")


def test_while_the_link_is_down_nothing_is_taken_and_nothing_survives_it():
    line = VirtualLine([plan(1)]).until(0.5)
    waiting, sent = line.order("d1"), line.order("d1", lane=DOOR)
    request = line.policy.next(line.now)
    line.policy.interrupted(request, line.now)
    line.policy.closed()
    assert said(line.outcome(sent)) == ("unknown", "link-lost")
    assert said(line.outcome(waiting)) == ("failed", "link-down")
    assert line.policy.down("d1") == "link-down"
    assert said(line.outcome(line.order("d1"))) == ("failed", "link-down")
    line.policy.opened(line.now)
    line.until(5)
    assert kinds(line.of("d1", since=0.5))[0] == "probe", "the write's answer may still come"
    assert not [r for r in line.of("d1") if r.write]


def test_after_the_write_was_answered_a_lost_link_is_unknown_too():
    line = VirtualLine([plan(1)]).until(0.5)
    id_ = line.order("d1", write(settle_s=1.0))
    while not line.of("d1")[-1].write:
        line.step()
    line.policy.closed()
    assert said(line.outcome(id_)) == ("unknown", "link-lost")


def test_what_is_no_modbus_write_or_for_nobody_is_refused():
    line = VirtualLine([plan(1)])
    assert said(line.outcome(line.order("d7"))) == ("failed", "unknown-device")
    assert said(line.outcome(line.order("d1", MqttPublish("t", b"")))) == ("failed", "unknown-device")
    assert line.policy.down("d7") == "unknown-device"
    assert said(line.outcome(line.order("d1", write(words=(1, 2))))) == ("failed", "bad-order")


def test_withdrawn_before_it_was_sent_it_never_is():
    line = VirtualLine([plan(1)])
    line.order("d1")
    line.policy.withdraw(1)
    line.until(3)
    assert not [r for r in line.of("d1") if r.write]


def test_what_can_not_end_in_time_is_not_begun():
    line = VirtualLine([plan(1)])
    needs = LINE.told_s(5, 1, 0.3)
    short = line.order("d1", within=needs - 0.001)
    assert said(line.outcome(short)) == ("expired", "deadline")
    just = line.order("d1", write(readback=None), within=needs)
    assert said(line.settle(just)[0]) == ("done", "")
    assert len([r for r in line.of("d1") if r.write]) == 1


def test_time_that_runs_out_in_the_queue_or_behind_the_write():
    line = VirtualLine([plan(1), plan(2)], dead={"d2"})
    queued = line.order("d1", within=0.5, at=0.2)  # d2's silence is longer
    line.until(3)
    assert said(line.outcome(queued)) == ("expired", "deadline")
    line.says["d1"] = (0,)
    hopeless = line.order("d1", write(within_s=4.0), within=1.0)
    late = line.order("d1", write(settle_s=3.0), within=1.0)
    assert said(line.settle(hopeless)[0]) == ("unknown", "readback-differs")
    assert said(line.settle(late)[0]) == ("unknown", "not-confirmed")
    assert line.told_at(hopeless) <= 4.0


def test_time_that_runs_out_under_a_transaction_is_told_by_expire():
    line = VirtualLine([plan(1)]).until(0.5)
    line.order("d1", within=2.0)
    request = line.policy.next(line.now)
    assert request.write
    limit = line.policy.expires_ns(1)
    line.policy.expire(limit - 1)
    assert not line.outcomes
    line.policy.expire(limit)
    assert said(line.outcomes[-1][1]) == ("unknown", "no-answer")
    assert limit <= 0.5 * S + 2 * S + 1
    line.policy.answered(request, limit + 1)  # nobody waits any more
    assert line.policy.expires_ns(1) is None
    assert len(line.outcomes) == 1


def test_orders_only():
    line = VirtualLine([plan(1, FAST)])
    line.polls = False
    line.until(1)
    assert not line.log
    assert said(line.settle(line.order("d1"))[0]) == ("done", "")


# --- who goes first ---------------------------------------------------------------------------------------------------


def test_the_lanes():
    plans = [plan(1, Poll("holding", 0, 10, 9.0)), plan(2, Poll("holding", 0, 9, 9.0, alarm=True))]
    line = VirtualLine(plans)
    line.order("d1")
    line.step()  # the command's write; its read-back is ready now
    line.order("d1", write(words=(0,)))
    line.order("d2", lane=DOOR)
    lanes = [line.step().lane for _ in range(7)]
    assert lanes == [
        BusLane.DOOR,
        BusLane.COMMAND,
        BusLane.CONFIRMATION,
        BusLane.CONFIRMATION,
        BusLane.CONFIRMATION,
        BusLane.ALARM_POLL,
        BusLane.TELEMETRY_POLL,
    ]
    assert line.log[3][1].device == "d2", "a door's confirmation goes before a command's"


def test_within_a_lane_the_older_goes_first():
    line = VirtualLine([plan(n) for n in range(1, 6)])
    for n in (3, 1, 5, 2):
        line.order(f"d{n}")
    assert [line.step().device for _ in range(4)] == ["d3", "d1", "d5", "d2"]


def test_alarm_blocks_go_before_telemetry_even_if_those_wait_longer():
    line = VirtualLine([plan(n, FAST) for n in range(1, 10)] + [plan(10, Poll("input", 0, 10, 0.2, alarm=True))]).until(
        20
    )
    asked = [at / S for at, request, _ in line.log if request.unit == 10][2:]
    assert max(b - a for a, b in itertools.pairwise(asked)) < 0.2 + 2 * 0.05
    counts = Counter(request.unit for _, request, _ in line.log if request.unit != 10)
    assert max(counts.values()) - min(counts.values()) <= 1, "and telemetry goes round"


def test_a_command_on_a_saturated_line_waits_for_one_transaction():
    line = VirtualLine([plan(n, FAST) for n in range(1, 31)])
    ids = [line.order(f"d{n}", at=1 + n * 0.3137) for n in range(1, 31)]
    line.until(15)
    writes = {request.ticket: at for at, request, _ in line.log if request.write}
    longest = max(line.took(request, fine=True) for _, request, _ in line.log)
    for ticket, id_ in enumerate(ids, 1):
        assert said(line.outcome(id_)) == ("done", "")
        assert (writes[ticket] - line.submitted[id_]) / S <= longest


def test_dead_units_cost_a_command_at_most_one_transaction():
    line = VirtualLine([plan(n, FAST) for n in range(1, 31)], dead={"d4", "d9"})
    ids = [line.order("d1", at=5 + n * 0.7137) for n in range(60)]
    line.until(60)
    writes = {request.ticket: at for at, request, _ in line.log if request.write}
    waits = [(writes[ticket] - line.submitted[id_]) / S for ticket, id_ in enumerate(ids, 1)]
    assert max(waits) <= LINE.unanswered_s(3, 10, 0.3)


def test_probes_of_dead_units_keep_to_their_share():
    line = VirtualLine([plan(n, FAST) for n in range(1, 31)], dead={f"d{n}" for n in range(1, 16)}).until(400)
    settled = [(at, request) for at, request, _ in line.log if at > 60 * S]
    probes = sum(line.took(request, fine=False) for _, request in settled if request.probe)
    assert 0.8 * PROBE_SHARE <= probes / 340 <= PROBE_SHARE * 1.01


def test_units_that_come_back_together_are_all_heard_soon():
    line = VirtualLine([plan(n, FAST) for n in range(1, 31)], dead={f"d{n}" for n in range(1, 31)}).until(120)
    line.dead.clear()
    line.until(200)
    assert line.policy.schedule.open_units == ()


orders = st.lists(
    st.tuples(
        st.floats(0, 20),
        st.integers(1, 5),
        st.sampled_from([DOOR, COMMAND]),
        st.sampled_from([0.2, 1.0, 5.0]),
        st.booleans(),
        st.sampled_from([write(), write(within_s=1.0), write(readback=None), write(settle_s=0.3, within_s=0.6)]),
    ),
    max_size=25,
)
blocks = st.lists(
    st.builds(
        Poll, st.just("holding"), st.just(0), st.integers(2, 30), st.sampled_from([0.05, 0.5, 2.0]), st.booleans()
    ),
    min_size=1,
    max_size=2,
)


class Watched(VirtualLine):
    """Looks at every choice against what else could have begun."""

    def __init__(self, plans, **more):
        super().__init__(plans, **more)
        self.was_open = {}
        self.poll_was_due = {}

    def step(self, most_ns=1 << 62):
        self._arrive(self.now)
        self.policy.expire(self.now)
        waiting = [job.lane for job in self.policy._jobs.values() if job.ready_ns <= self.now]
        schedule = self.policy.schedule
        alarm, telemetry = schedule._head(schedule._alarms), schedule._head(schedule._telemetry)
        self.poll_was_due[self.now] = any(entry is not None and entry[0] <= self.now for entry in (alarm, telemetry))
        began, was_open = self.now, set(schedule.open_units)
        request = super().step(most_ns)
        self.was_open[began] = request is not None and request.device in was_open
        if request is None:
            assert not waiting, "nothing idles while an order may begin"
        elif waiting:
            assert request.ticket
            assert request.lane == min(waiting)
        elif request.lane is BusLane.TELEMETRY_POLL:
            assert alarm is None or alarm[0] > self.log[-1][0]
        return request


@settings(max_examples=60, deadline=None)
@given(
    st.lists(blocks, min_size=5, max_size=5), st.sets(st.integers(1, 5), max_size=3), st.sampled_from([0, 1]), orders
)
def test_whatever_comes(plans, dead, shown, coming):
    line = Watched([plan(n, *polls) for n, polls in enumerate(plans, 1)], dead={f"d{n}" for n in dead})
    line.says = {f"d{n}": (shown,) for n in range(1, 6)}
    for at, n, lane, within, insist, outgoing in coming:
        line.order(f"d{n}", outgoing, lane=lane, within=within, insist=insist, at=at)
    line.until(26)
    told = Counter(id_ for id_, _, _ in line.outcomes)
    assert set(told.values()) <= {1}, "an outcome is told once"
    assert len(told) == len(coming), "and always"
    wrote = Counter(request.ticket for _, request, _ in line.log if request.write)
    assert set(wrote.values()) <= {1}, "a write is sent once"
    statuses = [outcome.status for _, outcome, _ in line.outcomes]
    sent = sum(status in {OutcomeStatus.DONE, OutcomeStatus.UNKNOWN} for status in statuses)
    assert sent == len(wrote), "done and unknown were sent, the others were not"
    assert line.policy._jobs == {}
    for id_, _, at in line.outcomes:
        assert at <= line.deadlines[id_], "and in time"
    scheduled = [(at, request) for at, request, _ in line.log if not request.ticket]
    dead = [(at, line.took(r, fine=f)) for at, r, f in line.log if r.probe and not r.ticket and line.was_open[at]]
    for (first, took_s), (second, _) in itertools.pairwise(dead):
        assert second - first >= took_s / PROBE_SHARE * S - 1000, "the share is kept"
    assert all(not (a.probe and b.probe and line.poll_was_due[at]) for (_, a), (at, b) in itertools.pairwise(scheduled))
