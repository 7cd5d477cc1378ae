"""Wiegand reads of 26, 34 and 37 bits, as a converter passes them on by a serial line: bits to a card, and back.

Owns: the formats, their parity, facility and card number, the ways one card is printed.
Must not know: framing, which point a field becomes, whose card it is.

A converter sends either all bits as digits ``0`` and ``1`` in the order they came, or only the data bits as hex digits; the
second kind has checked parity itself.

One card is printed in several ways: the 32-bit number with ten digits (0013961168), in hex (00D507D0), or facility and number of
its lowest 24 bits (213,02000).

Source: HID's H10301 (26 bits: 8 facility, 16 card), H10306 (34: 16 and 16), H10304 (37: 16 and 19) and H10302 (37: 35 card).
"""

from typing import NamedTuple

from edgegw.codec.cards import Fields
from edgegw.errors import DecodeError


class Layout(NamedTuple):
    """Bits of a format: all, of the facility, of the card number. The first bit makes the first half even, the last the second
    half odd; where the data bits are odd in number, the one in the middle belongs to both halves."""

    bits: int
    facility: int
    card: int

    @property
    def half(self) -> int:
        """Data bits each parity bit covers."""
        return (self.bits - 1) // 2


LAYOUTS = {26: Layout(26, 8, 16), 34: Layout(34, 16, 16), 37: Layout(37, 16, 19)}

_HEX_DIGITS = {6: 26, 8: 34}
"""Hex digits to the format whose data bits they are; 35 bits fill no whole number of digits and are not sent so."""


def parse(bits: str) -> Fields:
    """A read's bits, parity included, to fields; see `fields`.

    Raises:
        DecodeError: ``bad-frame`` (other characters, or a length no format has), ``bad-checksum`` (parity).
    """
    layout = LAYOUTS.get(len(bits))
    if layout is None or bits.strip("01"):
        raise DecodeError("bad-frame", f"{len(bits)} characters; 26, 34 or 37 of 0 and 1 are a card")
    half = layout.half
    if bits[: half + 1].count("1") % 2 or not bits[-half - 1 :].count("1") % 2:
        raise DecodeError("bad-checksum", f"parity of a read of {layout.bits} bits is wrong")
    return fields(layout, int(bits[1:-1], 2))


def encode(bits: int, facility: int, card: int) -> str:
    """The bits of a read, parity included. Raises ValueError for a format there is none, or numbers it does not hold."""
    layout = LAYOUTS.get(bits)
    if layout is None:
        raise ValueError(f"no format of {bits} bits")
    if not 0 <= facility < 1 << layout.facility or not 0 <= card < 1 << layout.card:
        raise ValueError(f"facility {facility}, card {card}: more than {bits} bits hold")
    data = f"{facility << layout.card | card:0{bits - 2}b}"
    half = layout.half
    return f"{data[:half].count('1') % 2}{data}{1 - data[-half:].count('1') % 2}"


def fields(layout: Layout, number: int) -> Fields:
    """Fields of the data bits as one number.

    - ``card`` (text): all of it, ten digits or more, as printed on the card; ``hex``: the same in hex digits;
    - ``wiegand`` (text): facility and number of the lowest 24 bits, as printed: ``213,02000``;
    - ``facility``, ``number``: as the format has them; ``bits``: of the read, parity included.
    """
    return {
        "card": f"{number:010d}",
        "hex": f"{number:08X}",
        "wiegand": f"{number >> 16 & 0xFF:03d},{number & 0xFFFF:05d}",
        "facility": number >> layout.card,
        "number": number & (1 << layout.card) - 1,
        "bits": layout.bits,
    }


def from_bits(frame: bytes) -> Fields:
    """A line of ``0`` and ``1``; blanks at its ends do not count. Raises DecodeError as `parse`."""
    return parse(_text(frame))


def from_hex(frame: bytes) -> Fields:
    """A line of 6 or 8 hex digits: the data bits of 26 or 34; blanks at its ends do not count.

    Raises:
        DecodeError: ``bad-frame``.
    """
    text = _text(frame)
    layout = LAYOUTS.get(_HEX_DIGITS.get(len(text), 0))
    if layout is None or text.strip("0123456789abcdefABCDEF"):
        raise DecodeError("bad-frame", f"{len(text)} characters; 6 or 8 hex digits are a card")
    return fields(layout, int(text, 16))


def _text(frame: bytes) -> str:
    return frame.strip().decode(
        "latin-1"
    )  # every byte is some character; others than digits are refused with the format
