"""Characters, frames and silences, against figures worked out by hand."""

import pytest

from edgegw.links.timing import Wire, byte_count


@pytest.mark.parametrize(
    ("wire", "char_us", "gap_ms"),
    [
        (Wire(9600, "8N1"), 1041.667, 3.6458),
        (Wire(9600, "8E1"), 1145.833, 4.0104),
        (Wire(2400, "8N2"), 4583.333, 16.0417),
        (Wire(19200, "8N1"), 520.833, 1.8229),
        (Wire(115200, "8N1"), 86.806, 1.75),
        (Wire(115200, "8N1", gap=0.035), 86.806, 36.75),
    ],
)
def test_a_character_and_the_silence(wire, char_us, gap_ms):
    assert wire.char_s * 1e6 == pytest.approx(char_us, abs=0.001)
    assert wire.gap_s * 1e3 == pytest.approx(gap_ms, abs=0.001)


def test_ten_registers_at_9600_baud_take_34_milliseconds_of_wire():
    assert Wire().exchange_s("holding", 10) * 1e3 == pytest.approx((8 + 25) / 0.96)


@pytest.mark.parametrize(
    ("table", "count", "size"), [("coil", 1, 1), ("discrete", 8, 1), ("coil", 9, 2), ("input", 2, 4)]
)
def test_bits_are_packed_and_registers_are_not(table, count, size):
    assert byte_count(table, count) == size
