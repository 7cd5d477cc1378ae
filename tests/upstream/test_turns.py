"""Whose turn it is, as a table of steps."""

from edgegw.model import Lane
from edgegw.upstream.turns import LOOK_NS, STUCK_AFTER, UNLIMITED, Turns

ALARM, ACCESS, TELEMETRY = Lane.ALARM, Lane.ACCESS, Lane.TELEMETRY
LANES = (ALARM, ACCESS, TELEMETRY)


def turns(*idle: Lane) -> Turns:
    made = Turns(LANES)
    for lane in idle:
        made.idle(lane)
    return made


def fail(made: Turns, lane: Lane, times: int, *, answered: bool = True, now_ns: int = 0) -> None:
    for _ in range(times):
        made.failed(lane, now_ns, answered=answered)


def test_only_the_most_urgent_lane_with_records_may_send() -> None:
    made = turns()
    assert [made.may(lane, 0) for lane in LANES] == [UNLIMITED, 0, 0]
    made.idle(ALARM)
    assert [made.may(lane, 0) for lane in LANES[1:]] == [UNLIMITED, 0]
    made.idle(ACCESS)
    assert made.may(TELEMETRY, 0) == UNLIMITED
    made.busy(ALARM)
    assert made.may(TELEMETRY, 0) == 0


def test_silence_never_lets_others_pass() -> None:
    made = turns(ACCESS)
    fail(made, ALARM, 50, answered=False)
    assert made.may(TELEMETRY, 0) == 0


def test_after_enough_errors_each_other_lane_gets_one_look_of_one_record() -> None:
    made = turns(ACCESS)
    fail(made, ALARM, STUCK_AFTER - 1)
    assert made.may(TELEMETRY, 0) == 0
    fail(made, ALARM, 1)
    assert made.may(TELEMETRY, 0) == 1
    assert made.may(TELEMETRY, 0) == 0
    fail(made, ALARM, 1)
    assert made.may(TELEMETRY, 0) == 1


def test_a_look_is_only_right_behind_the_failure() -> None:
    made = turns(ACCESS)
    fail(made, ALARM, STUCK_AFTER)
    assert made.may(TELEMETRY, LOOK_NS + 1) == 0


def test_a_lane_is_stuck_only_after_another_was_served_and_it_failed_again() -> None:
    made = turns(ACCESS)
    fail(made, ALARM, STUCK_AFTER + 3)
    assert not made.stuck(ALARM)
    made.served(TELEMETRY)
    assert not made.stuck(ALARM)
    assert made.may(TELEMETRY, 0) == 0
    assert made.failed(ALARM, 0, answered=True) == (STUCK_AFTER + 4, True)
    assert made.stuck(ALARM)
    assert made.may(TELEMETRY, 0) == UNLIMITED
    assert made.may(ALARM, 0) == 1
    assert made.failed(ALARM, 0, answered=True)[1] is False


def test_a_served_lane_is_first_again() -> None:
    made = turns(ACCESS)
    fail(made, ALARM, STUCK_AFTER)
    made.served(TELEMETRY)
    fail(made, ALARM, 1)
    made.served(ALARM)
    assert not made.stuck(ALARM)
    assert made.may(ALARM, 0) == UNLIMITED
    assert made.may(TELEMETRY, 0) == 0


def test_no_answer_after_a_doubt_does_not_make_it_stuck() -> None:
    made = turns(ACCESS)
    fail(made, ALARM, STUCK_AFTER)
    made.served(TELEMETRY)
    fail(made, ALARM, 1, answered=False)
    assert not made.stuck(ALARM)
