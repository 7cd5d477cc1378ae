"""Registers: every type and order there and back, exact decimals."""

import math
import struct
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import registers
from edgegw.errors import DecodeError

ORDERS = ("ABCD", "CDAB", "BADC", "DCBA")
VALUES = {kind: st.integers(*limits) for kind, limits in registers.INT_RANGES.items()} | {
    "float32": st.floats(width=32, allow_nan=False, allow_infinity=False),
    "float64": st.floats(allow_nan=False, allow_infinity=False),
    "bool": st.booleans(),
}


@given(st.data(), st.sampled_from(sorted(VALUES)), st.sampled_from(ORDERS))
def test_round_trip(data, kind, order):
    value = data.draw(VALUES[kind])
    words = registers.encode(value, kind, order)
    assert len(words) == registers.SIZES[kind]
    assert all(0 <= word <= 0xFFFF for word in words)
    back = registers.decode(words, kind, order)
    assert type(back) is type(value)
    assert registers.encode(back, kind, order) == words  # the same float32, in fewer digits


@pytest.mark.parametrize(
    ("order", "words"),
    [("ABCD", (0x0102, 0x0304)), ("CDAB", (0x0304, 0x0102)), ("BADC", (0x0201, 0x0403)), ("DCBA", (0x0403, 0x0201))],
)
def test_orders_by_name(order, words):
    assert registers.decode(words, "uint32", order) == 0x01020304


def test_sixty_four_bits_follow_the_same_questions():
    assert registers.decode((4, 3, 2, 1), "uint64", "CDAB") == 0x0001_0002_0003_0004
    assert registers.decode((0x0100, 0x0200, 0x0300, 0x0400), "uint64", "BADC") == 0x0001_0002_0003_0004


@pytest.mark.parametrize(
    ("word", "value"),
    [
        (0x42F6E979, 123.456),
        (0x3DCCCCCD, 0.1),
        (0x43663333, 230.2),
        (0x43663334, 230.20001),
        (0x7F7FFFFF, 3.4028235e38),
    ],
)
def test_float32_in_the_fewest_digits(word, value):
    assert registers.decode((word >> 16, word & 0xFFFF), "float32") == value


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_shortest_is_the_same_float32_and_no_longer(value):
    short = registers.shortest32(value)
    assert struct.pack(">f", short) == struct.pack(">f", value)
    assert len(Decimal(repr(short)).normalize().as_tuple().digits) <= 9


@pytest.mark.parametrize("words", [(0x7FC0, 0), (0x7F80, 0), (0xFF80, 0)])
def test_no_number(words):
    with pytest.raises(DecodeError) as caught:
        registers.decode(words, "float32")
    assert caught.value.reason == "not-finite"


def test_bool_is_zero_or_one():
    with pytest.raises(DecodeError) as caught:
        registers.decode((2,), "bool")
    assert caught.value.reason == "out-of-range"


@given(st.integers(0, 0xFFFF), st.integers(0, 15))
def test_bits(word, number):
    assert registers.bit(word, number) == (f"{word:016b}"[15 - number] == "1")


def test_text():
    assert registers.text((0x4142, 0x4300)) == "ABC"
    assert registers.text((0x4241, 0x0043), "BADC") == "ABC"
    assert registers.text((0xE4B8, 0xAD20)) == "中"
    with pytest.raises(DecodeError) as caught:
        registers.text((0xFFFE,))
    assert caught.value.reason == "bad-text"


class TestScaling:
    @pytest.mark.parametrize(
        ("raw", "scale", "offset", "value"),
        [(236, 0.1, 0, 23.6), (3, 0.1, 0, 0.3), (2302, 0.1, 0, 230.2), (7, 0.01, -40, -39.93), (5, 10, 1, 51),
         (2302.0, 0.1, 0, 230.2), (1.1, 3, 0, 3.3), (0.1, 1, 0.2, 0.3), (-55, 0.1, 0, -5.5)],
    )  # fmt: skip
    def test_as_on_paper(self, raw, scale, offset, value):
        scaled = registers.scaler(scale, offset)
        assert scaled is not None
        assert scaled(raw) == value

    def test_nothing_to_do(self):
        assert registers.scaler(1, 0) is None
        assert registers.scaler(1.0, 0.0) is None

    def test_whole_stays_whole(self):
        scaled = registers.scaler(10, 5.0)
        assert scaled is not None
        assert type(scaled(3)) is int

    @given(
        st.integers(-(2**63), 2**64),
        st.sampled_from((0.1, 0.01, 0.001, 0.5, 0.0001, 10, 3.6)),
        st.sampled_from((0, -40, 0.5)),
    )
    def test_is_the_nearest_float_to_the_decimal(self, raw, scale, offset):
        scaled = registers.scaler(scale, offset)
        assert scaled is not None
        assert float(scaled(raw)) == float(Decimal(raw) * Decimal(str(scale)) + Decimal(str(offset)))
        assert math.isfinite(scaled(raw))


# --- the way back from a scale


@given(st.integers(-(2**15), 2**15 - 1), st.sampled_from([1, 0.1, 0.01, 0.001, 10, 0.5, 2.5]), st.integers(-100, 100))
def test_unscaled_is_the_way_back(raw, scale, offset):
    scaled = registers.scaler(scale, offset)
    value = raw if scaled is None else scaled(raw)
    assert registers.unscaled(value, "int16", scale, offset) == raw


@pytest.mark.parametrize(("value", "raw"), [(0.25, 3), (0.249, 2), (-0.25, -2), (0.3, 3), (0.7, 7)])
def test_between_two_the_nearest(value, raw):
    assert registers.unscaled(value, "int16", 0.1) == raw


@pytest.mark.parametrize(
    ("value", "kind", "scale"),
    [
        (65536, "uint16", 1),
        (-1, "uint16", 1),
        (6553.6, "uint16", 0.1),
        (2**31, "int32", 1),
        (1e39, "float32", 1),
        (2, "bool", 1),
    ],
)
def test_beyond_the_type(value, kind, scale):
    with pytest.raises(ValueError, match=r"beyond|neither"):
        registers.unscaled(value, kind, scale)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_stands_for_nothing(value):
    with pytest.raises(ValueError, match="no number"):
        registers.unscaled(value, "uint16")


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_floats_stay_what_they_are(value):
    assert registers.unscaled(value, "float32") == value
    assert registers.unscaled(True, "bool") is True


# --- BCD and fields of bits


@pytest.mark.parametrize(
    ("words", "kind", "order", "value"),
    [
        ((0x1234,), "bcd16", "ABCD", 1234),
        ((0x0012, 0x3456), "bcd32", "ABCD", 123456),
        ((0x3456, 0x0012), "bcd32", "CDAB", 123456),
        ((0x5634, 0x1200), "bcd32", "DCBA", 123456),
        ((0x9999, 0x9999, 0x9999, 0x9999), "bcd64", "ABCD", 9999_9999_9999_9999),
    ],
)
def test_bcd_is_read_as_it_is_shown(words, kind, order, value):
    assert registers.decode(words, kind, order) == value
    assert registers.encode(value, kind, order) == words


@given(st.lists(st.integers(0, 0xFFFF), min_size=2, max_size=2), st.sampled_from(ORDERS))
def test_digits_beyond_nine_are_refused(words, order):
    shown = "".join(f"{word:04X}" for word in words)
    if shown.isdecimal():
        assert registers.encode(registers.decode(words, "bcd32", order), "bcd32", order) == tuple(words)
    else:
        with pytest.raises(DecodeError) as caught:
            registers.decode(words, "bcd32", order)
        assert caught.value.reason == "bad-value"


@pytest.mark.parametrize(("value", "kind"), [(-1, "bcd16"), (10_000, "bcd16"), (10**8, "bcd32")])
def test_what_bcd_cannot_hold(value, kind):
    with pytest.raises(ValueError, match="beyond"):
        registers.encode(value, kind)
    with pytest.raises(ValueError, match="beyond"):
        registers.unscaled(value, kind)


@given(st.integers(0, 2**32 - 1), st.integers(0, 31), st.integers(1, 32))
def test_a_field_of_bits(value, lowest, count):
    text = f"{value:032b}"[::-1][lowest : lowest + count][::-1]
    assert registers.bits(value, lowest, count) == int(text, 2)


# --- counters and totals stay exact


@given(st.integers(0, 2**32 - 2), st.sampled_from(ORDERS), st.sampled_from([0.1, 0.01, 0.001]))
def test_a_total_never_drifts(count, order, scale):
    """One more count is one more hundredth, wherever the total stands: no sum of floats, no rounding that grows."""
    scaled = registers.scaler(scale, 0)
    assert scaled is not None
    words = registers.encode(count, "uint32", order), registers.encode(count + 1, "uint32", order)
    first, second = (Decimal(repr(scaled(registers.decode(w, "uint32", order)))) for w in words)
    assert second - first == Decimal(repr(scale))


def test_a_counter_with_its_low_word_first_carries():
    before, after = registers.encode(0xFFFF, "uint32", "CDAB"), registers.encode(0x10000, "uint32", "CDAB")
    assert (before, after) == ((0xFFFF, 0), (0, 1))
