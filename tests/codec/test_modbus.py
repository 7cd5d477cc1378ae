"""Modbus RTU frames: published ones hold, damaged ones never pass."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import modbus
from edgegw.errors import DecodeError
from edgegw.model import Registers

PUBLISHED = [
    "01040000000271CB",
    "010404436633341B38",
    "010400010001600A",
    "010404013102222ACE",
    "010300000002C40B",
    "01030002000125CA",
    "0203000000018439",
    "01050000FF008C3A",
    "0101000000083DCC",
    "0105020000324DA7",
    "0105000101009D9A",
    "010600000001480A",
    "FF02000000086C12",
]


@pytest.mark.parametrize("frame", PUBLISHED)
def test_published_frames_have_good_crcs(frame):
    data = bytes.fromhex(frame)
    assert modbus.seal(modbus.unseal(data)) == data


def test_what_a_published_answer_holds():
    pair = (bytes.fromhex("FF02000000086C12"), modbus.seal(bytes.fromhex("FF020101")))
    assert modbus.parse_pair(*pair) == Registers("discrete", 0, (1, 0, 0, 0, 0, 0, 0, 0))


@given(
    st.data(),
    st.sampled_from(sorted(modbus.READ_FUNCTIONS)),
    st.integers(1, 60),
    st.integers(0, 247),
    st.integers(0, 65000),
)
def test_request_and_reply(data, table, count, unit, address):
    request = modbus.read_request(unit, table, address, count)
    assert len(request) == modbus.request_bytes()
    if table in {"coil", "discrete"}:
        values = data.draw(st.lists(st.integers(0, 1), min_size=count, max_size=count))
        body = sum(bit << i for i, bit in enumerate(values)).to_bytes((count + 7) // 8, "little")
    else:
        values = data.draw(st.lists(st.integers(0, 0xFFFF), min_size=count, max_size=count))
        body = b"".join(v.to_bytes(2) for v in values)
    reply = modbus.seal(bytes((unit, request[1], len(body))) + body)
    assert len(reply) == modbus.reply_bytes(count, table)
    assert modbus.parse_pair(request, reply) == Registers(table, address, tuple(values))
    flipped = bytearray(reply)
    bit = data.draw(st.integers(0, 8 * len(reply) - 1))
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecodeError) as caught:
        modbus.parse_pair(request, bytes(flipped))
    assert caught.value.reason == "bad-checksum"


def refused(request, reply):
    with pytest.raises(DecodeError) as caught:
        modbus.parse_pair(request, reply)
    return caught.value.reason


def test_refusals():
    asked = modbus.read_request(1, "holding", 0, 2)
    seal = modbus.seal
    assert refused(asked, seal(b"\x01\x83\x02")) == "device-exception"
    assert refused(asked, seal(b"\x02\x03\x04\0\0\0\0")) == "bad-frame"  # another unit
    assert refused(asked, seal(b"\x01\x04\x04\0\0\0\0")) == "bad-frame"  # another function
    assert refused(asked, seal(b"\x01\x03\x02\0\0")) == "bad-frame"  # fewer registers: late, to something else
    assert refused(asked, seal(b"\x01\x03\x04\0\0")) == "bad-frame"  # torn, though its CRC holds
    assert refused(asked, b"\x01\x03") == "bad-frame"
    assert refused(b"\x01\x03\0", asked) == "bad-frame"
    assert refused(seal(b"\x01\x0f\0\0\0\2"), seal(b"\x01\x0f\0\0\0\2")) == "unsupported-function"


@given(st.binary(max_size=20), st.binary(max_size=20))
def test_any_bytes_are_refused_not_crashed_on(request_body, reply_body):
    refused(modbus.seal(request_body), reply_body)


def test_write_echoes():
    on = bytes.fromhex("01050000FF008C3A")
    assert modbus.parse_pair(on, on) == Registers("coil", 0, (1,))
    register = bytes.fromhex("010600000001480A")
    assert modbus.parse_pair(register, register) == Registers("holding", 0, (1,))
    odd = bytes.fromhex("0105000101009D9A")
    assert refused(odd, odd) == "bad-value"
    assert refused(on, odd) == "bad-frame"


@pytest.mark.parametrize(
    ("frame", "unit", "function", "address", "words"),
    [
        ("01050000FF008C3A", 1, 5, 0, (0xFF00,)),
        ("0105020000324DA7", 1, 5, 0x0200, (0x32,)),
        ("0105000101009D9A", 1, 5, 1, (0x0100,)),
        ("010600000001480A", 1, 6, 0, (1,)),
        ("110F0013000A02CD01BF0B", 0x11, 15, 0x13, (1, 0, 1, 1, 0, 0, 1, 1, 1, 0)),
        ("1110000100020400 0A0102C6F0", 0x11, 16, 1, (0x000A, 0x0102)),
    ],
    ids=["coil on", "pulse in the device", "odd relay", "register", "coils", "registers"],
)
def test_published_writes(frame, unit, function, address, words):
    data = bytes.fromhex(frame)
    assert modbus.write_request(unit, function, address, words) == data
    assert modbus.request_bytes(function, len(words)) == len(data)
    assert modbus.write_echo(function, address, words) == data[2:6]
    assert modbus.answer_bytes(function, len(words)) == 8


@pytest.mark.parametrize(
    ("function", "address", "words"),
    [
        (5, 0, ()),
        (5, 0, (1, 0)),
        (3, 0, (1,)),
        (6, 0x10000, (1,)),
        (6, 0, (-1,)),
        (16, 0, (0,) * 124),
        (15, 0, (0,) * 1969),
    ],
)
def test_what_no_request_holds_is_not_written(function, address, words):
    with pytest.raises(ValueError, match=r"does not write|16 bits"):
        modbus.write_body(function, address, words)
