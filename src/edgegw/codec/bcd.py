"""Decimal digits packed two to a byte, low byte first, as meters send them; and the display formats that say what they mean.

Owns: digits to exact numbers and back, the letters of a format, what counts as "no value".
Must not know: frames, which meter or point a number belongs to.

A format is written as the standards' tables print it, one letter a digit, high digit first:

- ``XXXXXX.XX`` a number of eight digits, two of them decimals: four bytes. Exact: Decimal with a point, int without.
- ``-XX.XXXX`` the same with the sign in the highest bit of the highest byte (DL/T 645-2007 annex A: currents and powers).
- ``NNNNNN``, ``YYMMDDWW``, ``hhmmss`` digits that are no quantity (a number plate, a date, a time): text, high digit first.
- ``HHHH`` no digits but bits: the bytes as one unsigned whole number (status words).
"""

import re
from decimal import Decimal
from functools import lru_cache
from typing import NamedTuple

from edgegw.errors import DecodeError

Value = int | Decimal | str

MOST_DIGITS = 32
"""Digits of one value: more than any number, date or number plate in the standards' tables has."""

FILLERS = (0xFF, 0xEE)
"""A value all of whose bytes are one of these is none: the meter does not measure it, or not yet."""

_NUMBER = re.compile(r"(-?)(X+)(?:\.(X+))?")
_TEXT = re.compile(r"[NYMDWhms]+")
_BITS = re.compile(r"H+")
_SIGN = 0x80


class Format(NamedTuple):
    """A format understood: `kind` is ``number``, ``text`` or ``bits``, `size` bytes, `decimals` of a number."""

    kind: str
    size: int
    decimals: int = 0
    signed: bool = False
    pointed: bool = False


@lru_cache(maxsize=256)
def parse_format(text: str) -> Format:
    """What a format says. Raises ValueError for one that is none, or does not fill whole bytes."""
    digits = text.lstrip("-").replace(".", "")
    if not digits or len(digits) % 2 or len(digits) > MOST_DIGITS:
        raise ValueError(f"{text!r}: an even number of digits is needed, 2 to {MOST_DIGITS}")
    size = len(digits) // 2
    if found := _NUMBER.fullmatch(text):
        return Format("number", size, len(found[3] or ""), bool(found[1]), found[3] is not None)
    if _TEXT.fullmatch(text):
        return Format("text", size)
    if _BITS.fullmatch(text):
        return Format("bits", size)
    raise ValueError(f"{text!r} is no format such as XXXXXX.XX, -XX.XXXX, YYMMDDWW or HHHH")


def digits(data: bytes) -> str:
    """The digits of low-byte-first BCD, high digit first. Raises DecodeError ``bad-value`` for a half byte above nine."""
    text = data[::-1].hex()
    if not text.isdecimal():
        raise DecodeError("bad-value", f"{data.hex().upper()} is not BCD")
    return text


def pack(text: str) -> bytes:
    """The bytes of digits, low byte first. Raises ValueError for an odd number of characters, or others than digits."""
    if not (text.isascii() and text.isdecimal()) or len(text) % 2:
        raise ValueError(f"{text!r} is not an even number of digits")
    return bytes.fromhex(text)[::-1]


def value(data: bytes, form: str) -> Value | None:
    """What the bytes of one value mean; None if the meter says it has none (all FF or all EE).

    Raises:
        DecodeError: ``bad-value`` if a byte is not BCD, ``truncated`` or ``bad-frame`` if there are fewer or more bytes than the
            format's.
        ValueError: no format (`parse_format`).
    """
    how = parse_format(form)
    if len(data) != how.size:
        reason = "truncated" if len(data) < how.size else "bad-frame"
        raise DecodeError(reason, f"{len(data)} bytes for a value of {how.size} ({form})")
    if how.kind == "bits":
        return int.from_bytes(data, "little")
    if data[0] in FILLERS and data == data[:1] * len(data):
        return None
    if how.kind == "text":
        return digits(data)
    negative = how.signed and data[-1] & _SIGN
    if negative:
        data = data[:-1] + bytes((data[-1] & ~_SIGN,))
    whole = int(digits(data))
    if negative:
        whole = -whole
    return Decimal(whole).scaleb(-how.decimals) if how.pointed else whole


def encode(number: Value | None, form: str) -> bytes:
    """The bytes `value` turns into this; None gives FF. For simulated meters and tests.

    Raises:
        ValueError: no format, or the value does not fit it exactly.
    """
    how = parse_format(form)
    if number is None and how.kind != "bits":
        return b"\xff" * how.size
    if how.kind == "text":
        data = pack(str(number))
        if len(data) != how.size:
            raise ValueError(f"{number} has not the digits of {form}")
        return data
    if number is None or isinstance(number, str) or not Decimal(number).is_finite():
        raise ValueError(f"{number} is no number: it cannot be written as {form}")
    exact = Decimal(number).scaleb(how.decimals)
    whole = int(exact)
    if whole != exact or (whole < 0 and not how.signed):
        raise ValueError(f"{number} cannot be written as {form}")
    if how.kind == "bits":
        if whole >> 8 * how.size:
            raise ValueError(f"{number} has more bits than {form}")
        return whole.to_bytes(how.size, "little")
    digits_needed = f"{abs(whole):0{2 * how.size}d}"
    if len(digits_needed) > 2 * how.size:
        raise ValueError(f"{number} has more digits than {form}")
    data = pack(digits_needed)
    if how.signed and data[-1] & _SIGN:
        raise ValueError(f"{number} has more digits than {form}: the highest bit is the sign")
    return data[:-1] + bytes((data[-1] | _SIGN,)) if whole < 0 else data
