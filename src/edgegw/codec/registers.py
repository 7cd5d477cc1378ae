"""16-bit registers to values and back, and exact decimal scaling.

Owns: sized types (BCD among them), the four byte orders, bits and fields of bits, text in registers, the shortest decimal of a
float32, exact scale and offset and the way back.
Must not know: Modbus frames, profiles, which register means what.

Byte orders name the bytes of a 32-bit value as they travel: ABCD big-endian; CDAB low word first; BADC bytes swapped in each
word; DCBA little-endian. 64-bit values follow the same two questions (words reversed? bytes swapped?); text only the second.
"""

import math
import struct
from collections.abc import Callable, Sequence
from decimal import Context, Decimal
from fractions import Fraction

from edgegw.errors import DecodeError

Number = int | float

SIZES = {
    "bool": 1,
    "int16": 1,
    "uint16": 1,
    "int32": 2,
    "uint32": 2,
    "float32": 2,
    "int64": 4,
    "uint64": 4,
    "float64": 4,
    "bcd16": 1,
    "bcd32": 2,
    "bcd64": 4,
}
"""Registers a value of each sized type takes; text (``str``) has its length from the profile."""

INT_RANGES = {
    "int16": (-(2**15), 2**15 - 1),
    "uint16": (0, 2**16 - 1),
    "int32": (-(2**31), 2**31 - 1),
    "uint32": (0, 2**32 - 1),
    "int64": (-(2**63), 2**63 - 1),
    "uint64": (0, 2**64 - 1),
    "bcd16": (0, 10**4 - 1),
    "bcd32": (0, 10**8 - 1),
    "bcd64": (0, 10**16 - 1),
}

BCD = frozenset({"bcd16", "bcd32", "bcd64"})
"""Four decimal digits to a register, as displays and old counters hold them."""

_FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "float32": ">f",
    "int64": ">q",
    "uint64": ">Q",
    "float64": ">d",
}

_EXACT = Context(prec=60)  # a double has at most 17 significant digits, a scale 17 more: every product and sum is exact


def _arrange(words: Sequence[int], order: str) -> bytes:
    """The value's bytes, most significant first; its own inverse on the word level."""
    if order in {"CDAB", "DCBA"}:
        words = words[::-1]
    data = struct.pack(f">{len(words)}H", *words)
    return _swap(data) if order in {"BADC", "DCBA"} else data


def _swap(data: bytes) -> bytes:
    swapped = bytearray(len(data))
    swapped[0::2], swapped[1::2] = data[1::2], data[0::2]
    return bytes(swapped)


def decode(words: Sequence[int], kind: str, order: str = "ABCD") -> bool | Number:
    """The raw value of exactly as many 16-bit words as the type takes.

    Raises:
        DecodeError: ``not-finite`` for a float that is no number; ``out-of-range`` for a bool that is neither 0 nor 1;
            ``bad-value`` for BCD digits beyond 9.
    """
    if kind == "bool":
        if words[0] not in (0, 1):
            raise DecodeError("out-of-range", f"a yes/no register holds {words[0]}")
        return bool(words[0])
    if kind in BCD:
        digits = _arrange(words, order).hex()
        if not digits.isdecimal():
            raise DecodeError("bad-value", f"{digits.upper()} is not BCD")
        return int(digits)
    value: Number = struct.unpack(_FORMATS[kind], _arrange(words, order))[0]
    if isinstance(value, float):
        if not math.isfinite(value):
            raise DecodeError("not-finite", f"the registers hold {value}")
        return shortest32(value) if kind == "float32" else value
    return value


def encode(value: bool | Number, kind: str, order: str = "ABCD") -> tuple[int, ...]:  # noqa: FBT001 - a value, not a switch
    """The words that `decode` turns into this value. Raises struct.error, OverflowError or (BCD) ValueError for what the type
    can't hold."""
    if kind == "bool":
        return (int(value),)
    data = _bcd(int(value), kind) if kind in BCD else struct.pack(_FORMATS[kind], value)
    if order in {"BADC", "DCBA"}:
        data = _swap(data)
    words = struct.unpack(f">{len(data) // 2}H", data)
    return words[::-1] if order in {"CDAB", "DCBA"} else words


def _bcd(value: int, kind: str) -> bytes:
    low, high = INT_RANGES[kind]
    if not low <= value <= high:
        raise ValueError(f"{value} is beyond what {kind} holds")
    return bytes.fromhex(f"{value:0{4 * SIZES[kind]}d}")


def unscaled(value: bool | Number, kind: str, scale: float = 1, offset: float = 0) -> bool | Number:  # noqa: FBT001 - a value
    """The raw value that stands for `value`: the way back from `scaler`. (value - offset) / scale, exact in decimal, and for
    whole types the nearest whole number (a half goes up).

    Raises:
        ValueError: not finite, or beyond what the type holds.
    """
    if kind == "bool":
        if value not in (0, 1):
            raise ValueError(f"{value} is neither yes nor no")
        return bool(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    exact = (_decimal(value) - _decimal(offset)) / _decimal(scale)
    if kind in INT_RANGES:
        raw = math.floor(exact + Fraction(1, 2))
        low, high = INT_RANGES[kind]
        if not low <= raw <= high:
            raise ValueError(f"{value:g} is beyond what {kind} holds")
        return raw
    try:
        as_float = float(exact)
        struct.pack(_FORMATS[kind], as_float)
    except OverflowError:
        raise ValueError(f"{value:g} is beyond what {kind} holds") from None
    return as_float


def _decimal(value: Number) -> Fraction:
    return Fraction(Decimal(repr(value)))


def bit(word: int, number: int) -> bool:
    """One bit of a register, 0 the lowest."""
    return bool(word >> number & 1)


def bits(value: int, lowest: int, count: int) -> int:
    """A field of `count` bits of a whole number, `lowest` the number of its lowest bit."""
    return value >> lowest & ((1 << count) - 1)


def text(words: Sequence[int], order: str = "ABCD") -> str:
    """Text in registers, two bytes each, filled up with NUL or blanks; cut at the first NUL.

    Raises:
        DecodeError: ``bad-text`` if the bytes are not UTF-8.
    """
    data = struct.pack(f">{len(words)}H", *words)
    if order in {"BADC", "DCBA"}:
        data = _swap(data)
    try:
        return data.split(b"\0", 1)[0].decode().rstrip()
    except UnicodeDecodeError as error:
        raise DecodeError("bad-text", f"{data.hex()} is not text") from error


def shortest32(value: float) -> float:
    """The float with the fewest decimal digits that is the same float32: 0x42F6E979 is 123.456, not 123.45600128173828."""
    for digits in range(6, 9):  # 6 always fit into a float32, 9 always tell two of them apart (IEEE 754)
        short = float(f"{value:.{digits}g}")
        try:
            if struct.pack(">f", short) == struct.pack(">f", value):
                return short
        except OverflowError:  # rounding up left the range of float32
            continue
    return float(f"{value:.9g}")


def scaler(scale: float, offset: float) -> Callable[[Number], Number] | None:
    """raw × scale + offset, exact in decimal and rounded once, or None where nothing is to be done.

    The decimal meant by a scale is its shortest spelling: 0.1 is one tenth. A whole result of whole numbers stays an int if scale
    and offset are whole.
    """
    if scale == 1 and offset == 0:
        return None
    by, plus = Decimal(repr(scale)), Decimal(repr(offset))
    (by_n, by_d), (plus_n, plus_d) = by.as_integer_ratio(), plus.as_integer_ratio()
    factor, addend, divisor = by_n * plus_d, plus_n * by_d, by_d * plus_d

    def scaled(raw: Number) -> Number:
        if isinstance(raw, int):
            whole = raw * factor + addend
            return whole if divisor == 1 else whole / divisor  # int / int is correctly rounded
        return float(_EXACT.add(_EXACT.multiply(Decimal(repr(raw)), by), plus))

    return scaled
