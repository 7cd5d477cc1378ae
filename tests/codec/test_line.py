"""The longest a transaction lasts, against figures worked out by hand."""

import pytest

from edgegw.codec.line import STEP_S, Line, readback_pause_s, readbacks_most
from edgegw.codec.wire import Wire

RTU = Line(Wire(9600), rtu=True, gap_s=Wire(9600).gap_s, late_s=0.2)
OVER_TCP = Line(Wire(9600), rtu=True, gap_s=Wire(9600).gap_s, late_s=0.5, reopen_after=1)
TCP = Line(Wire(9600), rtu=False, gap_s=0.06, late_s=0.0, reopen_after=3)


def test_a_coil_written_at_9600_baud():
    wire_s = (8 + 8) / 960
    assert RTU.told_s(5, 1, 0.3) == pytest.approx(wire_s + 0.3 + STEP_S)
    assert RTU.answered_s(5, 1, 0.3) == pytest.approx(wire_s + 0.3 + STEP_S + 3.5 / 960)
    assert RTU.answered_s(5, 1, 0.3, 0.02) == pytest.approx(wire_s + 0.3 + STEP_S + 0.02)
    assert RTU.unanswered_s(5, 1, 0.3) == pytest.approx(RTU.answered_s(5, 1, 0.3) + 0.2)
    assert RTU.answered_s(1, 8, 0.3, ambiguous=True) == pytest.approx((8 + 6 + 3.5) / 960 + 0.3 + STEP_S + 0.2)


def test_several_written_and_read():
    assert RTU.told_s(16, 2, 0.0) == pytest.approx((13 + 8) / 960 + STEP_S)
    assert RTU.told_s(15, 9, 0.0) == pytest.approx((11 + 8) / 960 + STEP_S)
    assert RTU.told_s(3, 10, 0.0) == pytest.approx((8 + 25) / 960 + STEP_S)


@pytest.mark.parametrize(("line", "recover_s"), [(RTU, 0.2), (OVER_TCP, 1.5), (TCP, 1.0)])
def test_what_silence_costs_beyond_the_timeout(line, recover_s):
    assert line.unanswered_s(5, 1, 0.3) - line.answered_s(5, 1, 0.3) == pytest.approx(recover_s)


def test_read_backs_come_ever_more_rarely():
    assert [readback_pause_s(n) for n in (1, 2, 3, 4, 5, 99)] == [0.05, 0.1, 0.2, 0.4, 0.4, 0.4]
    assert readbacks_most(0.0, 0.0) == 1
    assert readbacks_most(0.0, 1.0) == 6  # at 0, .05, .15, .35, .75 and 1
    assert readbacks_most(0.9, 1.0) == 3
    assert readbacks_most(2.0, 1.0) == 1
