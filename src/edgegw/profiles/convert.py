"""One raw value to a point's value.

Owns: what each point type accepts, scale, offset, rounding, map, limits; the reasons values are refused with.
Must not know: where the raw value came from (JSON, registers, a frame).

Converters are closures made once per point: the hot path runs no `if` that the profile has already answered.
"""

import math
import re
import sys
from collections.abc import Callable

from edgegw.codec.registers import INT_RANGES, scaler
from edgegw.errors import DecodeError
from edgegw.model import Value
from edgegw.profiles.schema import Point

Convert = Callable[[object], Value]
"""Raw value to value, None for "no reading", or DecodeError: ``wrong-type``, ``out-of-range``, ``not-finite``, ``unmapped``,
``too-long``."""

MAX_TEXT = 1024
"""Characters of a text value: it becomes part of a record; the longest real ones (QR codes) are some hundred."""

MAX_INT = 2**63 - 1
"""What the store and every receiver's JSON reader can hold; unsigned 64-bit types go to 2^64 - 1."""

_MAX_UNSIGNED = 2**64 - 1
_LARGEST = sys.float_info.max

_NUMBER = re.compile(r"[-+]?[0-9]{1,40}(\.[0-9]{1,40})?([eE][-+]?[0-9]{1,4})?\Z")


def converter(name: str, point: Point) -> Convert:
    """The converter of a point; `name` only serves messages."""
    if point.map is not None:
        return _mapped(name, point.map)
    if point.type == "bool":
        return _bool(name)
    if point.type == "str":
        return _text(name)
    return _limited(name, point, _number(name, point))


def _bool(name: str) -> Convert:
    def convert(raw: object) -> Value:
        if raw is True or raw is False:
            return raw
        raise _wrong(name, "true or false", raw)

    return convert


def _text(name: str) -> Convert:
    def convert(raw: object) -> Value:
        if type(raw) is str:
            if len(raw) <= MAX_TEXT:
                return raw
            raise DecodeError("too-long", f"{name}: text of {len(raw)} characters")
        if type(raw) is int and abs(raw) <= _MAX_UNSIGNED:
            return str(raw)
        raise _wrong(name, "text", raw)

    return convert


def _mapped(name: str, mapping: dict[str, Value]) -> Convert:
    def convert(raw: object) -> Value:
        key = as_text(raw)
        if key is None:
            raise _wrong(name, "one value", raw)
        if key not in mapping:
            raise DecodeError("unmapped", f"{name}: {_short(raw)} is not in the map")
        return mapping[key]

    return convert


def as_text(raw: object) -> str | None:
    """How a raw value is spelled as a key of a map or a match: 0, 0.0 and "0" are ``0``; None for what is no single value."""
    if type(raw) is str:
        return raw
    if isinstance(raw, bool):
        return "true" if raw else "false"
    if isinstance(raw, float) and raw.is_integer() and abs(raw) < 1e15:
        return str(int(raw))
    if type(raw) is int and abs(raw) > _MAX_UNSIGNED:
        return None
    return str(raw) if isinstance(raw, int | float) else None


def _number(name: str, point: Point) -> Convert:
    """Raw to scaled and rounded number. Whole types stay int unless the scale makes a fraction."""
    whole = point.type not in {"float", "float32", "float64"}
    checked = _whole(name, point.type) if whole else _fractional(name)
    scaled, decimals = scaler(point.scale, point.offset), point.decimals
    if scaled is None and decimals is None:
        return checked

    def finished(raw: object) -> Value:
        value = checked(raw) if scaled is None else scaled(checked(raw))
        if type(value) is int:
            if abs(value) > MAX_INT:
                raise DecodeError("out-of-range", f"{name}: too large once scaled")
            return value if whole else float(value)
        if not math.isfinite(value):
            raise DecodeError("out-of-range", f"{name}: too large once scaled")
        return value if decimals is None else round(value, decimals)

    return finished


def _whole(name: str, kind: str) -> Callable[[object], int]:
    lowest, highest = INT_RANGES.get(kind, (-MAX_INT - 1, MAX_INT))

    def whole(raw: object) -> int:
        value = raw
        if type(value) is not int:
            number = _plain(name, value)
            value = int(number)
            if value != number:
                raise _wrong(name, "a whole number", raw)
        if lowest <= value <= highest:
            return value
        raise DecodeError("out-of-range", f"{name}: {_short(raw)} is beyond what {kind} holds")

    return whole


def _fractional(name: str) -> Callable[[object], float]:
    def fractional(raw: object) -> float:
        if type(raw) is float and -_LARGEST <= raw <= _LARGEST:
            return raw
        return float(_plain(name, raw))

    return fractional


def _plain(name: str, raw: object) -> int | float:
    """A finite number from a number or a text that is one."""
    value = _parsed(name, raw) if isinstance(raw, str) else raw
    if type(value) is int:
        if abs(value) <= _MAX_UNSIGNED:
            return value
        raise DecodeError("out-of-range", f"{name}: {_short(raw)} does not fit 64 bits")
    if type(value) is not float:
        raise _wrong(name, "a number", raw)
    if not math.isfinite(value):
        raise DecodeError("not-finite", f"{name}: {_short(raw)}")
    return value


def _parsed(name: str, raw: str) -> int | float:
    text = raw.strip()
    found = _NUMBER.match(text)
    if found is None:
        raise _wrong(name, "a number", raw)
    return float(text) if found[1] or found[2] else int(text)


def _limited(name: str, point: Point, convert: Convert) -> Convert:
    low, high = point.min, point.max
    if low is None and high is None:
        return convert
    lowest = -math.inf if low is None else low
    highest = math.inf if high is None else high

    def limited(raw: object) -> Value:
        value = convert(raw)
        if lowest <= value <= highest:  # type: ignore[operator]  # only number converters are limited
            return value
        raise DecodeError("out-of-range", f"{name}: {value} is not between {lowest:g} and {highest:g}")

    return limited


def _wrong(name: str, wanted: str, raw: object) -> DecodeError:
    return DecodeError("wrong-type", f"{name}: wanted {wanted}, got {_short(raw)}")


def _short(raw: object) -> str:
    if isinstance(raw, dict | list):
        return "an object" if isinstance(raw, dict) else "a list"
    if type(raw) is int and abs(raw) > _MAX_UNSIGNED:
        return "a number beyond 64 bits"  # printing one of thousands of digits is refused by Python itself
    text = repr(raw)
    return text if len(text) <= 80 else text[:77] + "…"
