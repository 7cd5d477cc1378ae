"""Only the reply that was asked for comes through, in whatever chunks and company it arrives."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.modbus import seal
from edgegw.links.guard import Expected, RtuGuard, TcpGuard

SDM_REPLY = bytes.fromhex("010404436633341B38")  # captured: 230.2 V
SDM = Expected(unit=1, function=4, size=4)


def reply(unit, function, data):
    return seal(bytes((unit, function, len(data))) + data)


def grow(guard, stream, size=1):
    """As the port's buffer grows; the first thing that comes through."""
    for end in range(size, len(stream) + size, size):
        if got := guard.take(stream[:end]):
            return got
    return b""


def test_the_asked_reply_comes_through_whole_byte_by_byte():
    guard = RtuGuard()
    guard.expect(SDM)
    assert grow(guard, SDM_REPLY) == SDM_REPLY
    assert guard.matched
    assert guard.late == 0


@pytest.mark.parametrize(
    "other",
    [
        reply(2, 4, b"\1\2\3\4"),
        reply(1, 3, b"\1\2\3\4"),
        reply(1, 4, b"\1\2"),
        reply(1, 4, b"\1\2\3\4\5\6"),
        seal(b"\x01\x83\x02"),
        seal(b"\x01\x05\x00\x00\xff\x00"),
    ],
    ids=["unit", "function", "shorter", "longer", "exception of another function", "echo of a write"],
)
@pytest.mark.parametrize("size", [1, 3, 99])
def test_another_reply_is_counted_late_and_the_asked_one_behind_it_found(other, size):
    guard = RtuGuard()
    guard.expect(SDM)
    assert grow(guard, other + SDM_REPLY, size) == SDM_REPLY
    assert guard.late == 1


def test_a_device_exception_is_an_answer():
    guard = RtuGuard()
    guard.expect(SDM)
    refused = seal(b"\x01\x84\x02")
    assert grow(guard, refused) == refused


def test_a_wrong_checksum_is_no_answer_but_is_noticed():
    guard = RtuGuard()
    guard.expect(SDM)
    assert grow(guard, SDM_REPLY[:-1] + b"\0") == b""
    assert guard.stray


def test_a_torn_reply_is_noticed_too():
    guard = RtuGuard()
    guard.expect(SDM)
    assert grow(guard, SDM_REPLY[:5]) == b""
    assert guard.stray


def test_silence_and_a_foreign_frame_are_not_stray():
    guard = RtuGuard()
    guard.expect(SDM)
    assert not guard.stray
    grow(guard, reply(9, 4, b"\0\0"), 99)
    assert not guard.stray


def test_what_comes_when_nothing_is_awaited_is_late():
    guard = RtuGuard()
    guard.expect(SDM)
    guard.release()
    assert grow(guard, SDM_REPLY) == b""
    assert guard.late == 1
    guard.expect(SDM)
    assert grow(guard, SDM_REPLY) == SDM_REPLY
    assert grow(guard, SDM_REPLY + SDM_REPLY, 99) == b""
    assert guard.late == 2


@given(noise=st.binary(max_size=20), size=st.integers(1, 9))
def test_nothing_but_the_asked_reply_ever_comes_through(noise, size):
    guard = RtuGuard()
    guard.expect(SDM)
    got = grow(guard, noise + SDM_REPLY, size)
    assert got in {b"", SDM_REPLY}
    if b"\x01\x04\x04" not in noise + SDM_REPLY[:2]:
        assert got == SDM_REPLY


def tcp(transaction, unit, pdu):
    return struct.pack(">HHHB", transaction, 0, len(pdu) + 1, unit) + pdu


TCP_REPLY = tcp(7, 1, b"\x04\x04\x43\x66\x33\x34")


def asked(transaction=7):
    guard = TcpGuard()
    guard.expect(SDM)
    guard.sent(tcp(transaction, 1, b"\x04\0\0\0\x02"))
    return guard


def test_tcp_comes_through_byte_by_byte():
    assert grow(asked(), TCP_REPLY) == TCP_REPLY


@pytest.mark.parametrize(
    "other",
    [
        tcp(6, 1, b"\x04\x04\x43\x66\x33\x34"),
        tcp(0, 1, b"\x04\x04\0\0\0\0"),
        tcp(7, 2, b"\x04\x04\0\0\0\0"),
        tcp(7, 1, b"\x03\x04\0\0\0\0"),
    ],
    ids=["older transaction", "no transaction", "unit", "function"],
)
def test_tcp_takes_no_other_and_finds_the_asked_one_behind_a_torn_one(other):
    guard = asked()
    assert grow(guard, other) == b""
    assert grow(guard, other[5:] + TCP_REPLY) == TCP_REPLY


def test_tcp_exception_is_an_answer_and_a_late_one_is_counted():
    refused = tcp(7, 1, b"\x84\x02")
    assert grow(asked(), refused) == refused
    guard = asked()
    guard.release()
    assert guard.take(TCP_REPLY) == b""
    assert guard.late == 1


PULSE = bytes.fromhex("0105020000324DA7")
WROTE = Expected(unit=1, function=5, echo=PULSE[2:6])


@pytest.mark.parametrize("size", [1, 3, 99])
def test_a_writes_answer_repeats_it_and_comes_through(size):
    guard = RtuGuard()
    guard.expect(WROTE)
    assert grow(guard, PULSE, size) == PULSE
    assert guard.matched


@pytest.mark.parametrize(
    "other",
    [
        b"\2\5\2\0\0\x32",
        b"\1\6\2\0\0\x32",
        b"\1\5\2\1\0\x32",
        b"\1\5\2\0\0\x33",
        b"\1\5\2\0\xff\0",
        b"\1\x0f\2\0\0\x32",
    ],
    ids=["unit", "function", "address", "value", "on", "several"],
)
@pytest.mark.parametrize("size", [1, 5, 99])
def test_the_answer_to_another_write_is_late(other, size):
    guard = RtuGuard()
    guard.expect(WROTE)
    assert grow(guard, seal(other) + PULSE, size) == PULSE
    assert guard.late == 1
    alone = RtuGuard()
    alone.expect(WROTE)
    assert grow(alone, seal(other), size) == b""


@pytest.mark.parametrize(("function", "echo"), [(15, b"\0\x13\0\x0a"), (16, b"\0\1\0\2")])
def test_several_written_are_answered_with_how_many(function, echo):
    guard = RtuGuard()
    guard.expect(Expected(17, function, echo=echo))
    assert grow(guard, seal(bytes((17, function)) + echo[:3] + b"\x63")) == b""
    good = seal(bytes((17, function)) + echo)
    assert grow(guard, seal(bytes((17, function)) + echo[:3] + b"\x63") + good) == good


def test_a_refused_write_is_an_answer_and_a_torn_one_is_noticed():
    guard = RtuGuard()
    guard.expect(WROTE)
    assert grow(guard, seal(b"\x01\x85\x02")) == seal(b"\x01\x85\x02")
    guard.expect(WROTE)
    assert grow(guard, PULSE[:6]) == b""
    assert guard.stray


@given(noise=st.binary(max_size=20), size=st.integers(1, 9))
def test_nothing_but_the_asked_writes_answer_ever_comes_through(noise, size):
    guard = RtuGuard()
    guard.expect(WROTE)
    assert grow(guard, noise + PULSE, size) in {b"", PULSE}


ASKED = bytes.fromhex("01040000000271CB")


def echoing():
    guard = RtuGuard()
    guard.expect(SDM)
    guard.sent(ASKED)
    assert grow(guard, ASKED + SDM_REPLY) == SDM_REPLY
    assert guard.echoes
    return guard


@pytest.mark.parametrize("size", [1, 5, 99])
def test_on_a_line_that_hears_itself_our_own_write_is_no_answer(size):
    guard = echoing()
    guard.expect(WROTE)
    guard.sent(PULSE)
    assert grow(guard, PULSE, size) == b"", "nobody is there"
    guard.expect(WROTE)
    guard.sent(PULSE)
    assert grow(guard, reply(9, 4, b"\1\2") + PULSE + PULSE, size) == PULSE
    assert guard.take(reply(9, 4, b"\1\2") + PULSE + PULSE) == b""
    guard.expect(WROTE)
    guard.sent(PULSE)
    assert grow(guard, PULSE + seal(b"\x01\x85\x02"), size) == seal(b"\x01\x85\x02")


def test_a_line_that_does_not_or_no_longer_hear_itself():
    guard = RtuGuard()
    guard.expect(WROTE)
    guard.sent(PULSE)
    assert grow(guard, PULSE) == PULSE
    guard = echoing()
    guard.expect(SDM)
    guard.sent(ASKED)
    assert grow(guard, SDM_REPLY) == SDM_REPLY
    assert not guard.echoes
    guard.expect(WROTE)
    guard.sent(PULSE)
    assert grow(guard, PULSE) == PULSE


def test_a_late_answer_to_a_write_is_no_echo():
    guard = RtuGuard()
    guard.expect(WROTE)
    guard.sent(PULSE)
    guard.release()
    assert grow(guard, PULSE) == b""
    assert guard.late == 1
    assert not guard.echoes


def test_tcp_takes_the_answer_to_the_write_of_this_transaction_only():
    guard = TcpGuard()
    guard.expect(WROTE)
    guard.sent(tcp(9, 1, PULSE[1:6]))
    for other in (tcp(8, 1, PULSE[1:6]), tcp(9, 1, b"\5\2\0\0\x33"), tcp(9, 2, PULSE[1:6])):
        assert grow(guard, other) == b""
    assert grow(guard, tcp(9, 1, PULSE[1:6])) == tcp(9, 1, PULSE[1:6])
