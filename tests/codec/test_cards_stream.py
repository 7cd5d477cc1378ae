"""Card readers from the line to the card: any chunking, garbage between, a wrong checksum, through the profiles' framers."""

from functools import reduce
from itertools import pairwise
from operator import xor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.cards import em_binary, rdm6300, vguang
from edgegw.codec.framing import make_framer
from edgegw.errors import DecodeError
from edgegw.profiles.loader import ProfileLibrary

PAUSE_NS = 1_000_000_000  # ten times any of these framers' idle times


def rdm6300_frame(identity):
    digits = (identity + bytes((reduce(xor, identity),))).hex().upper()
    return b"\x02" + digits.encode() + b"\x03"


def em_frame(identity):
    body = b"\x0a\x02" + identity
    return b"\x02" + body + bytes((reduce(xor, body), 3))


def tlv_frame(identity):
    body = b"\x55\xaa\x30\x05\x00" + identity
    return body + bytes((reduce(xor, body),))


READERS = {
    "generic/rdm6300": (rdm6300_frame, rdm6300, b"\x02"),
    "generic/em4100-binary": (em_frame, em_binary, b"\x02"),
    "vguang/tlv": (tlv_frame, vguang, b"\x55"),
}
identities = st.binary(min_size=5, max_size=5)


def framer(name):
    section = ProfileLibrary().get(name).serial
    assert section is not None
    return make_framer(section.framing)


def identity_of(fields):
    return bytes.fromhex(str(fields["hex"]))


def feed(cutter, stream, points, at=0):
    edges = [0, *sorted(p % (len(stream) + 1) for p in points), len(stream)]
    return [frame for a, b in pairwise(edges) for frame in cutter.feed(stream[a:b], at)]


@pytest.mark.parametrize("name", READERS)
@given(cards=st.lists(identities, max_size=5), points=st.lists(st.integers(0, 200), max_size=20))
def test_round_trip_in_any_chunks(name, cards, points):
    build, parse, _ = READERS[name]
    frames = feed(framer(name), b"".join(map(build, cards)), points)
    assert [identity_of(parse(frame)) for frame in frames] == cards


@pytest.mark.parametrize("name", READERS)
@given(parts=st.lists(st.tuples(st.binary(max_size=30), identities), min_size=1, max_size=5), data=st.data())
def test_cards_between_garbage(name, parts, data):
    """Garbage that cannot begin a frame costs nothing; any other at most what was read until the line was silent."""
    build, parse, start = READERS[name]
    cutter = framer(name)
    clean = [(garbage.replace(start, b""), card) for garbage, card in parts]
    stream = b"".join(garbage + build(card) for garbage, card in clean)
    points = data.draw(st.lists(st.integers(0, 400), max_size=10))
    assert [identity_of(parse(frame)) for frame in feed(cutter, stream, points)] == [card for _, card in clean]
    for n, (garbage, card) in enumerate(parts):
        cutter.feed(garbage, 2 * n * PAUSE_NS)
        frames = cutter.feed(build(card), (2 * n + 1) * PAUSE_NS)
        assert identity_of(parse(frames[-1])) == card


@pytest.mark.parametrize("name", READERS)
@given(card=identities, bit=st.integers(0, 111), other=identities)
def test_a_wrong_bit_gives_no_other_card_and_does_not_hide_the_next(name, card, bit, other):
    build, parse, _ = READERS[name]
    damaged = bytearray(build(card))
    bit %= 8 * len(damaged)
    damaged[bit // 8] ^= 1 << bit % 8
    cutter = framer(name)
    frames = cutter.feed(bytes(damaged), 0) + cutter.feed(build(other), PAUSE_NS)
    assert identity_of(parse(frames[-1])) == other
    for frame in frames[:-1]:
        if frame.upper() == build(card).upper():
            continue  # a hex digit's other case is the same digit
        with pytest.raises(DecodeError) as caught:
            parse(frame)
        assert caught.value.reason in {"bad-checksum", "bad-frame"}


@pytest.mark.parametrize("name", READERS)
def test_memory_is_bounded_whatever_comes(name):
    build, _, start = READERS[name]
    cutter = framer(name)
    section = ProfileLibrary().get(name).serial
    for junk in (start * 500, build(bytes(5))[:-1] * 500, bytes(range(256)) * 20):
        cutter.feed(junk, 0)
        assert cutter.pending <= getattr(section.framing, "max", 0) or 64
