"""OSDP: published frames, replies found among anything, fields, commands' bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import osdp, wiegand
from edgegw.codec.osdp import Buzzer, Led, Output, Replies, frame, plain_reply, reply_fields
from edgegw.errors import DecodeError

CARD = bytes.fromhex("53801000055000011A002D00A2007517")
ACK = bytes.fromhex("538008000540689F")

addresses = st.integers(0, osdp.MOST_ADDRESS)
bodies = st.binary(min_size=1, max_size=200)


def test_published_frames():
    """IEC 60839-11-5 traffic as published: poll, ACK, NAK, identification, buzzer, card 90/324."""
    assert frame(0, b"\x60", sequence=2).hex().upper() == "53000800066089CC"
    assert plain_reply(ACK) == b"\x40"
    assert plain_reply(bytes.fromhex("53E509000541010E8F")) == b"\x41\x01"
    assert plain_reply(bytes.fromhex("538014000645000EE31010000074972306061B88"))[0] == 0x45
    assert osdp.shown((Buzzer(2, 2, 1),)).hex().upper() == "53000D00066A00020202015992"
    fields = reply_fields(plain_reply(CARD), parity=True)
    assert fields == {
        "reader": 0, "bits": 26, "number": "11797128", "hex": "0B40288", "card": "0005898564", "wiegand": "090,00324",
    }  # fmt: skip


def test_the_published_output_command():
    """Two outputs in one published frame; each is a command of ours."""
    published = bytes.fromhex("53001000066800036400010678000B5B")
    assert frame(0, published[5:-2], sequence=2) == published
    assert Output(1, on=False, ticks=120).body() == b"\x68" + published[10:14]


@given(addresses, bodies, st.integers(0, 3), st.booleans())
def test_round_trip(address, body, sequence, crc):
    assert plain_reply(frame(address, body, sequence=sequence, reply=True, crc=crc)) == body


@given(addresses, bodies, st.booleans(), st.data())
def test_no_wrong_bit_passes(address, body, crc, data):
    good = bytearray(frame(address, body, sequence=1, reply=True, crc=crc))
    good[data.draw(st.integers(0, len(good) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(DecodeError) as caught:
        plain_reply(bytes(good))
    assert caught.value.reason in {"bad-checksum", "bad-frame"}


@given(addresses, st.lists(bodies, min_size=1, max_size=4), st.binary(max_size=12), st.data())
def test_any_chunking_behind_garbage(address, said, garbage, data):
    frames = [frame(address, body, sequence=1, reply=True) for body in said]
    stream = garbage.replace(b"\x53", b"") + b"".join(frames)
    found, replies = [], Replies(address)
    while stream:
        size = data.draw(st.integers(1, len(stream)))
        found += replies.feed(stream[:size])
        stream = stream[size:]
    assert found == frames
    assert replies.discarded == len(garbage.replace(b"\x53", b""))


@given(addresses, bodies, bodies)
def test_another_readers_frame_and_a_damaged_one_are_passed_over(address, other, mine):
    damaged = bytearray(frame(address, other, sequence=1, reply=True))
    damaged[-1] ^= 0xFF
    theirs = frame((address + 1) % 127, other, sequence=1, reply=True)
    wanted = frame(address, mine, sequence=2, reply=True)
    assert Replies(address).feed(bytes(damaged) + theirs + wanted)[-1:] == [wanted]


@given(st.binary(max_size=4000))
def test_garbage_is_bounded_and_all_counted(data):
    replies = Replies(0)
    found = replies.feed(data)
    assert len(replies._buffer) <= osdp.LONGEST
    assert replies.discarded + len(replies._buffer) + sum(map(len, found)) == len(data)


@given(st.binary(max_size=60), st.booleans())
def test_any_reply_gives_fields_or_a_reason(reply, parity):
    try:
        fields = reply_fields(reply, parity=parity)
    except DecodeError as error:
        reason = error.reason
    else:
        reason = ""
        assert fields.keys() <= set(osdp.FIELDS)
    assert reason in {"", "bad-frame", "bad-value", "bad-checksum", "too-long"}


def raw(bits):
    number = int(bits, 2) << (-len(bits) % 8)
    return b"\x50\x00\x01" + len(bits).to_bytes(2, "little") + number.to_bytes((len(bits) + 7) // 8)


@given(st.sampled_from([26, 34, 37]), st.data())
def test_wiegand_cards_as_every_other_reader_prints_them(bits, data):
    layout = wiegand.LAYOUTS[bits]
    facility = data.draw(st.integers(0, (1 << layout.facility) - 1))
    card = data.draw(st.integers(0, (1 << layout.card) - 1))
    read = wiegand.encode(bits, facility, card)
    fields = reply_fields(raw(read), parity=True)
    assert fields["card"] == wiegand.parse(read)["card"]
    spoilt = ("1" if read[0] == "0" else "0") + read[1:]
    with pytest.raises(DecodeError, match="bad-checksum"):
        reply_fields(raw(spoilt), parity=True)
    assert "card" not in reply_fields(raw(spoilt), parity=False)


@given(st.text("01", min_size=1, max_size=200))
def test_number_and_hex_are_all_bits(bits):
    fields = reply_fields(raw(bits), parity=False)
    assert int(str(fields["number"])) == int(str(fields["hex"]), 16) == int(bits, 2)
    assert fields["bits"] == len(bits)


def test_keys_tamper_contacts():
    assert reply_fields(b"\x53\x00\x0312\x0d", parity=True) == {"reader": 0, "keys": "12#", "pin": "12"}
    assert reply_fields(b"\x53\x00\x011", parity=True) == {"reader": 0, "keys": "1"}
    assert reply_fields(b"\x48\x01\x00", parity=True) == {"tamper": True, "power_fault": False}
    assert reply_fields(b"\x4b\x00\x02", parity=True) == {"reader_status": "tampered"}
    assert reply_fields(b"\x49\x00\x01", parity=True) == {"input0": False, "input1": True}
    assert reply_fields(b"\x40", parity=True) == {}


def test_a_frame_under_the_secure_channel_is_said_to_be_one():
    with pytest.raises(DecodeError, match="secure channel"):
        plain_reply(bytes.fromhex("53800F000D0216") + bytes(8))


def test_lights_and_outputs():
    assert Led("green", ticks=20).body() == bytes((0x69, 0, 0, 2, 1, 0, 2, 0, 20, 0, 0, 0, 0, 0, 0))
    assert Led("red").body() == bytes((0x69, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 0, 1, 0))
    assert [Output(0, on=on, ticks=ticks).control for on, ticks in ((True, 0), (False, 0), (True, 9), (False, 9))] == [
        2, 1, 5, 6,
    ]  # fmt: skip
