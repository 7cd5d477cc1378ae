"""Wiegand: the published read gives its card, any wrong bit is refused, every way of printing one card agrees."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.cards import em_binary
from edgegw.codec.framing import Delimiter
from edgegw.codec.wiegand import LAYOUTS, encode, from_bits, from_hex, parse
from edgegw.errors import DecodeError

PUBLISHED = "00101101000000001010001000"  # W26, facility 90, card 324: even over the first 12, odd over the last 12

reads = st.sampled_from(sorted(LAYOUTS)).flatmap(
    lambda bits: st.tuples(
        st.just(bits),
        st.integers(0, (1 << LAYOUTS[bits].facility) - 1),
        st.integers(0, (1 << LAYOUTS[bits].card) - 1),
    )
)


def refused(call, *args):
    with pytest.raises(DecodeError) as caught:
        call(*args)
    return caught.value.reason


def test_the_published_read():
    read = parse(PUBLISHED)
    assert (read["facility"], read["number"], read["bits"]) == (90, 324, 26)
    assert (read["card"], read["wiegand"]) == ("0005898564", "090,00324")
    assert encode(26, 90, 324) == PUBLISHED
    assert from_bits(PUBLISHED.encode() + b"\r\n") == read


def test_one_card_is_printed_in_several_ways():
    """0013961168 = 00D507D0 = 213,02000, whether read as 26 or 34 bits or by a reader that says hex."""
    for read in (
        parse(encode(26, 213, 2000)),
        parse(encode(34, 213, 2000)),
        from_hex(b"00D507D0"),
        from_hex(b"d507d0"),
    ):
        assert (read["card"], read["hex"], read["wiegand"]) == ("0013961168", "00D507D0", "213,02000")
        assert (read["facility"], read["number"]) == (213, 2000)
    em = bytes((2, 10, 2, 0x01, 0x00, 0xD5, 0x07, 0xD0))
    check = 0
    for byte in em[1:]:
        check ^= byte
    read = em_binary(em + bytes((check, 3)))
    assert (read["card"], read["wiegand"]) == ("0013961168", "213,02000")


@pytest.mark.parametrize(
    ("bits", "first", "last"), [(26, range(1, 13), range(13, 25)), (34, range(1, 17), range(17, 33))]
)
def test_parity_covers_the_halves(bits, first, last):
    for n in range(1, bits - 1):
        word = encode(bits, 0, 0)
        word = word[:n] + "1" + word[n + 1 :]
        assert refused(parse, word) == "bad-checksum"
        fixed = ("1" if n in first else "0") + word[1:-1] + ("0" if n in last else "1")
        assert parse(fixed)["bits"] == bits


def test_parity_of_37_bits_shares_the_bit_in_the_middle():
    word = encode(37, 0, 1 << 17)  # data bit 18 of 35, counted from 1: facility 16, so the second of the card's 19
    assert word == "1" + "0" * 17 + "1" + "0" * 17 + "0"


@given(reads)
def test_round_trip(read):
    bits, facility, card = read
    parsed = parse(encode(bits, facility, card))
    assert (parsed["bits"], parsed["facility"], parsed["number"]) == read
    assert int(str(parsed["card"])) == int(str(parsed["hex"]), 16) == facility << LAYOUTS[bits].card | card


@given(reads, st.integers(0, 36))
def test_no_single_wrong_bit_passes(read, at):
    word = encode(*read)
    at %= len(word)
    assert refused(parse, word[:at] + "10"[int(word[at])] + word[at + 1 :]) == "bad-checksum"


@given(frame=st.binary(max_size=45))
def test_any_bytes_are_understood_or_refused(frame):
    for call in (from_bits, from_hex):
        try:
            read = call(frame)
        except DecodeError as error:
            reason = error.reason
        else:
            assert len(frame.strip()) in {26, 34, 37, 6, 8}
            assert int(str(read["card"])) == int(str(read["hex"]), 16)
            reason = "bad-frame"
        assert reason in {"bad-frame", "bad-checksum"}


@given(
    reads=st.lists(reads, max_size=5), points=st.lists(st.integers(0, 300), max_size=10), garbage=st.binary(max_size=60)
)
def test_lines_in_any_chunks_after_garbage(reads, points, garbage):
    words = [encode(*read) for read in reads]
    stream = garbage.replace(b"\r", b"") + b"\r\n" + b"".join(word.encode() + b"\r\n" for word in words)
    framer = Delimiter(b"\r\n", 40)
    edges = [0, *sorted(p % (len(stream) + 1) for p in points), len(stream)]
    frames = [frame for a, b in pairwise(edges) for frame in framer.feed(stream[a:b], 0)]
    assert [frame.decode("latin-1") for frame in frames[len(frames) - len(words) :]] == words
    assert framer.pending <= 41


def test_what_is_no_read_is_refused():
    for word in ("", "01", PUBLISHED + "0", PUBLISHED[:-1] + "2", "٠" * 26):
        assert refused(parse, word) == "bad-frame"
    for frame in (b"", b"12345", b"0x00D507", b"00D507DG", b"00D5 7D0"):
        assert refused(from_hex, frame) == "bad-frame"
    for bits, facility, card in ((27, 0, 0), (26, 256, 0), (26, 0, 65536), (26, -1, 0)):
        with pytest.raises(ValueError, match="bits"):
            encode(bits, facility, card)
