"""Framers: any chunking gives the same, garbage is survived, memory is bounded."""

from functools import reduce
from itertools import pairwise
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.framing import Delimiter, Fixed, LengthPrefixed, StxEtx, make_framer
from edgegw.profiles.schema_serial import DelimiterFraming, FixedFraming, LengthFraming, StxEtxFraming

MS = 1_000_000
CARD = bytes.fromhex("0231303030383646343434323603")
EM = bytes.fromhex("020A0206008E6D5DB003")

FRAMINGS = {
    "delimiter": DelimiterFraming(kind="delimiter", end=b"\r", max=20),
    "crlf": DelimiterFraming(kind="delimiter", end=b"\r\n", max=20),
    "fixed": FixedFraming(kind="fixed", length=10, start=b"\x02\x0a", end=b"\x03", idle="100ms"),
    "fixed-bare": FixedFraming(kind="fixed", length=4, idle="100ms"),
    "length": LengthFraming(kind="length", start=b"\x02\x0a", end=b"\x03", offset=1, max=10, idle="100ms"),
    "tlv": LengthFraming(
        kind="length", start=b"\x55\xaa", offset=3, size=2, order="little", adjust=6, max=40, idle="100ms"
    ),
    "stx-etx": StxEtxFraming(kind="stx-etx", max=14, idle="100ms"),
    "stx-etx-long": StxEtxFraming(kind="stx-etx", stx=b"aba", etx=b"cc", max=14, idle="100ms"),
}
LIMITS = {
    "delimiter": 20,
    "crlf": 21,
    "fixed": 10,
    "fixed-bare": 4,
    "length": 10,
    "tlv": 40,
    "stx-etx": 14,
    "stx-etx-long": 14,
}

TLV = b"\x55\xaa\x30\x02\x00hi\x00"
MARKS = [CARD, EM, TLV, b"\x02", b"\x03", b"\r", b"\r\n", b"\x55\xaa", b"aba", b"ab", b"c", b"cc"]

lumps = st.lists(st.one_of(st.sampled_from(MARKS), st.binary(max_size=12)), max_size=12)


def cut(stream, points):
    edges = [0, *sorted(p % (len(stream) + 1) for p in points), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


@pytest.mark.parametrize("kind", FRAMINGS)
@given(parts=lumps, points=st.lists(st.integers(0, 500), max_size=20))
def test_any_chunking_gives_the_same(kind, parts, points):
    stream = b"".join(parts)
    whole, pieces, bytewise = (make_framer(FRAMINGS[kind]) for _ in range(3))
    frames = whole.feed(stream, 0)
    in_pieces = []
    for chunk in cut(stream, points):
        in_pieces += pieces.feed(chunk, 0)
        assert pieces.pending <= LIMITS[kind]
    one_by_one = [frame for i in range(len(stream)) for frame in bytewise.feed(stream[i : i + 1], 0)]
    assert in_pieces == frames
    assert one_by_one == frames
    assert whole.discarded == pieces.discarded == bytewise.discarded
    assert whole.pending == pieces.pending == bytewise.pending
    assert all(0 < len(frame) <= LIMITS[kind] for frame in frames)
    if kind not in {"delimiter", "crlf"}:  # their delimiters are in neither
        assert sum(map(len, frames)) + whole.discarded + whole.pending == len(stream)


@given(st.binary(max_size=60), st.lists(st.integers(0, 500), max_size=8))
def test_a_card_right_after_garbage_is_found(garbage, points):
    framer = StxEtx(b"\x02", b"\x03", 14, 0.1)
    frames = [f for chunk in cut(garbage + CARD, points) for f in framer.feed(chunk, 0)]
    assert frames[-1] == CARD


@given(st.binary(max_size=60).filter(lambda g: b"\r" not in g), st.binary(min_size=1, max_size=20))
def test_a_line_after_garbage_is_found(garbage, line):
    line = line.replace(b"\r", b"x")
    framer = Delimiter(b"\r", 20)
    assert framer.feed(garbage + b"\r" + line + b"\r", 0)[-1] == line


@given(st.binary(max_size=40))
def test_a_frame_after_garbage_and_a_pause_is_found(garbage):
    for framer in (
        LengthPrefixed(start=b"\x02\x0a", end=b"\x03", offset=1, size=1, order="big", adjust=0, most=10, idle_s=0.1),
        Fixed(10, b"\x02\x0a", b"\x03", 0.1),
    ):
        framer.feed(garbage, 0)
        framer.feed(b"", 200 * MS)
        assert framer.pending == 0
        assert framer.feed(EM, 201 * MS) == [EM]


@given(st.binary(max_size=40).filter(lambda g: b"\x02" not in g))
def test_a_sized_frame_right_after_garbage_without_its_start_is_found(garbage):
    framer = make_framer(FRAMINGS["length"])
    assert framer.feed(garbage + EM, 0) == [EM]
    assert framer.discarded == len(garbage)


def test_the_end_mark_finds_the_frame_behind_a_false_start():
    framer = make_framer(FRAMINGS["length"])
    assert framer.feed(b"\x02\x0a\xff" + EM, 0) == [EM]
    assert framer.discarded == 3


def test_frames_hidden_behind_a_false_start_come_out_after_the_pause():
    framer = make_framer(FRAMINGS["tlv"])
    body = b"\x55\xaa\x30\x02\x00hi"
    good = body + bytes([reduce(xor, body)])
    assert framer.feed(b"\x55\xaa\x30\x20\x00" + good, 0) == []
    assert framer.feed(b"", 50 * MS) == []
    assert framer.feed(b"", 151 * MS) == [good]
    assert (framer.pending, framer.discarded) == (0, 5)


def test_an_unfinished_frame_is_dropped_after_the_pause():
    framer = make_framer(FRAMINGS["stx-etx"])
    framer.feed(CARD[:6], 0)
    assert framer.feed(CARD, 101 * MS) == [CARD]
    assert framer.discarded == 6
    framer.feed(CARD[:6], 200 * MS)
    assert framer.feed(CARD[6:], 299 * MS) == [CARD]


def test_a_torn_card_before_a_whole_one():
    framer = make_framer(FRAMINGS["stx-etx"])
    assert framer.feed(CARD[:9] + CARD, 0) == [CARD]
    assert framer.discarded == 9


def test_the_delimiter_is_not_part_of_the_frame_and_empty_lines_are_nothing():
    framer = make_framer(FRAMINGS["crlf"])
    assert framer.feed(b"\r\nab\r\n\r\ncd\r", 0) == [b"ab"]
    assert framer.feed(b"\n", 0) == [b"cd"]
    assert framer.discarded == 0


def test_an_endless_line_is_bounded_and_the_next_is_found():
    framer = make_framer(FRAMINGS["delimiter"])
    for _ in range(1000):
        assert framer.feed(b"x" * 100, 0) == []
        assert framer.pending <= 20
    assert framer.feed(b"x\rok\r", 0) == [b"ok"]
    assert framer.discarded == 100_001
