"""The registers and bits a Modbus device holds, from its profile and its points' values.

Owns: turning values round to raw numbers (map, scale, other points that scale) and placing them in the four tables; values as
good as any, for tests.
Must not know: lines, faults, how the gateway encodes and decodes. It shares no code with the gateway but the profile's schema, so
that both can be checked against each other.
"""

import struct
from collections.abc import Iterable, Mapping
from fractions import Fraction
from random import Random

from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_modbus import ModbusRead

Value = bool | int | float | str
Tables = dict[str, dict[int, int]]

_FORMATS = {
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "uint64": ">Q",
    "float32": ">f",
    "float64": ">d",
}
_BCD_DIGITS = {"bcd16": 4, "bcd32": 8, "bcd64": 16}

FLOAT_DIGITS = 99_999
"""Random floats have five digits: a float32 holds any six."""


def raw_words(kind: str, raw: float, order: str) -> list[int]:
    """A raw number in as many registers as its type takes. Raises ValueError for what the type cannot hold."""
    try:
        if kind in _BCD_DIGITS:
            digits = f"{int(raw):0{_BCD_DIGITS[kind]}d}"
            if raw < 0 or len(digits) > _BCD_DIGITS[kind]:
                raise ValueError(f"{raw:g} is beyond what {kind} holds")
            data = bytes.fromhex(digits)
        else:
            data = struct.pack(_FORMATS[kind], raw)
    except (struct.error, OverflowError):
        raise ValueError(f"{raw:g} is beyond what {kind} holds") from None
    pairs = [data[n : n + 2] for n in range(0, len(data), 2)]
    if order in {"BADC", "DCBA"}:
        pairs = [pair[::-1] for pair in pairs]
    if order in {"CDAB", "DCBA"}:
        pairs.reverse()
    return [int.from_bytes(pair) for pair in pairs]


def place(profile: Profile, values: Mapping[str, Value]) -> Tables:
    """All four tables of a device whose points have these values; points without one hold zeros.

    Raises:
        ValueError: no such point, or a value its registers cannot hold; the text names the point.
    """
    unknown = values.keys() - profile.points.keys()
    if unknown:
        raise ValueError(f"there is no point {min(unknown)!r}; points are {', '.join(profile.points)}")
    tables: Tables = {}
    for name, point in profile.points.items():
        read = point.modbus
        if read is None:
            continue
        cells = tables.setdefault(read.table, {})
        try:
            words = _words(point, read, values.get(name), values)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
        for n, word in enumerate(words):
            at = read.address + n
            cells[at] = cells.get(at, 0) | word if read.bit is not None else word
    return tables


def _words(point: Point, read: ModbusRead, value: Value | None, values: Mapping[str, Value]) -> list[int]:
    if point.type == "str" and point.map is None:
        size = 2 * (point.length or 1)
        data = str(value or "").encode()
        if len(data) > size:
            raise ValueError(f"{value!r} is longer than {size} bytes")
        return _text_words(data.ljust(size, b"\0"), read.order)
    raw = 0 if value is None else _raw(point, value, step(point, read, values))
    if isinstance(raw, str):
        return _text_words(raw.encode().ljust(2 * (point.length or 1), b"\0"), read.order)
    if read.table in {"coil", "discrete"} or point.type == "bool":
        return [int(raw) << (read.bit or 0)]
    return raw_words(point.type, int(raw) << read.bit if read.bit is not None else raw, read.order)


def _text_words(data: bytes, order: str) -> list[int]:
    pairs = (data[n : n + 2] for n in range(0, len(data), 2))
    return [int.from_bytes(pair[::-1] if order in {"BADC", "DCBA"} else pair) for pair in pairs]


def step(point: Point, read: ModbusRead, values: Mapping[str, Value]) -> Fraction:
    """What one count of the registers is worth: the point's scale, and what the other points make of it."""
    one = Fraction(str(point.scale))
    for name in read.scale_from:
        one *= Fraction(str(values.get(name, 1)))
    if read.decimals_from is not None:
        one /= 10 ** int(values.get(read.decimals_from, 0))
    return one


def _raw(point: Point, value: Value, one: Fraction) -> int | float | str:
    if point.map is not None:
        key = next(
            (k for k, v in point.map.items() if v == value and isinstance(v, bool) == isinstance(value, bool)), None
        )
        if key is None:
            raise ValueError(f"{value!r} is none of {', '.join(map(repr, point.map.values()))}")
        return key if point.type == "str" else {"true": 1, "false": 0}[key] if key in {"true", "false"} else int(key)
    if point.type == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"true or false, not {value!r}")
        return int(value)
    if isinstance(value, bool | str):
        raise ValueError(f"a number, not {value!r}")  # noqa: TRY004  (what was asked for is at fault, not the code)
    if not one:
        raise ValueError("its scale is zero")
    exact = (Fraction(str(value)) - Fraction(str(point.offset))) / one
    return float(exact) if point.type.startswith("float") else round(exact)


# --- values as good as any


def plausible(profile: Profile, random: Random) -> dict[str, Value]:
    """A value for every Modbus point, within its limits, that its registers hold exactly; those that scale others come first."""
    modbus = {name: (point, point.modbus) for name, point in profile.points.items() if point.modbus is not None}
    values: dict[str, Value] = {}
    for name in sorted(modbus, key=lambda name: len(modbus[name][1].others)):
        point, read = modbus[name]
        values[name] = _any(point, read, step(point, read, values), random)
    return values


def sample_values(profile: Profile) -> dict[str, Value]:
    """The values of the profile's own samples, the first of each point: what a simulated device begins with."""
    values: dict[str, Value] = {}
    for sample in profile.samples:
        for name, value in (*(sample.readings or {}).items(), *sample.given.items()):
            if value is not None:
                values.setdefault(name, value)
    return values


def _any(point: Point, read: ModbusRead, one: Fraction, random: Random) -> Value:
    if point.map is not None:
        return random.choice([value for value in point.map.values() if value is not None])
    if point.type == "bool":
        return random.random() < 0.5
    if point.type == "str":
        return "".join(random.choice("ABCXYZ0189") for _ in range(2 * (point.length or 1)))
    offset = Fraction(str(point.offset))
    if point.type.startswith("float"):
        places = 3 if point.decimals is None else point.decimals
        most = Fraction(FLOAT_DIGITS, 10**places)
        low, high = _within(point, -most, most)
        return float(Fraction(random.randint(*_whole(low * 10**places, high * 10**places)), 10**places))
    low, high = _within(point, *sorted((_lowest(point, read) * one + offset, _highest(point, read) * one + offset)))
    number = random.randint(*_whole(*sorted(((low - offset) / one, (high - offset) / one)))) * one + offset
    return int(number) if number.denominator == 1 else float(number)


def _within(point: Point, low: Fraction, high: Fraction) -> tuple[Fraction, Fraction]:
    return (
        low if point.min is None else max(low, Fraction(str(point.min))),
        high if point.max is None else min(high, Fraction(str(point.max))),
    )


def _whole(low: Fraction, high: Fraction) -> tuple[int, int]:
    return -(-low.numerator // low.denominator), high.numerator // high.denominator


def _lowest(point: Point, read: ModbusRead) -> int:
    signed = point.type.startswith("int") and read.bits is None
    return -(1 << (_bits(point) - 1)) if signed else 0


def _highest(point: Point, read: ModbusRead) -> int:
    if point.type in _BCD_DIGITS:
        return int(10 ** _BCD_DIGITS[point.type]) - 1
    if read.bits is not None:
        return (1 << read.bits) - 1
    return (1 << (_bits(point) - point.type.startswith("int"))) - 1


def _bits(point: Point) -> int:
    return int("".join(c for c in point.type if c.isdigit()))


def covered(tables: Tables, spans: Iterable[tuple[str, int, int]]) -> Tables:
    """The same tables, with zeros where a device is read between its points (table, address, count)."""
    full = {table: dict(cells) for table, cells in tables.items()}
    for table, address, count in spans:
        cells = full.setdefault(table, {})
        for at in range(address, address + count):
            cells.setdefault(at, 0)
    return full
