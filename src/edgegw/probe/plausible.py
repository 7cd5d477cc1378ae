"""How much a value speaks for being what a profile says it is.

Owns: limits and usual ranges by unit, and weighing a value against what a register of anything else would have held.
Must not know: protocols, which device it came from.

Weights are bits: a value that one register in eight would have held by chance too counts 3. They are capped: one value never
decides.
"""

import math

from msgspec import Struct

from edgegw.codec.registers import INT_RANGES
from edgegw.model import Value
from edgegw.profiles.schema import Point

MOST_BITS = 4.0
"""One value's most: frequencies and voltages are telling, and still a fixed register may hold 50."""

AGAINST = -4.0
"""A value that cannot be: no number, beyond its limits."""

TINY, HUGE = 1e-6, 1e12
"""A float32 in another device's registers is mostly beyond these: half its exponents are."""


class Usual(Struct, frozen=True):
    """What values of a unit look like.

    Attributes:
        low, high: beyond is impossible for anything on a wall.
        telling: ranges that hardly anything else falls into.
        bits: how much a value in one of them speaks.
        zero: how much a value of exactly 0 does: a mains voltage of 0 is rare.
    """

    low: float
    high: float
    telling: tuple[tuple[float, float], ...] = ()
    bits: float = 3.0
    zero: float = 0.0


UNITS = {
    # GB/T 12325: 220 V +7 % -10 %, between phases 380 V ±7 %; wider here, for a bad supply is to be found as well.
    "V": Usual(0, 1000, ((180, 260), (310, 450)), zero=-1.5),
    "Hz": Usual(0, 600, ((49, 51),), bits=MOST_BITS),  # GB/T 15945: ±0.2 Hz; drives go to 600 Hz
    "A": Usual(-10_000, 10_000),
    "W": Usual(-1e7, 1e7),
    "kW": Usual(-1e4, 1e4),
    "kW.h": Usual(-1, 1e9),
    "Cel": Usual(-60, 200),
    "%": Usual(0, 100),
    "m3": Usual(0, 1e8),
}


class Weight(Struct, frozen=True):
    """What one value speaks: `bits` for (or, below 0, against) the profile; `why` if it is worth telling; `impossible` values
    forbid a clear fit."""

    bits: float
    why: str = ""
    impossible: bool = False


def weigh(name: str, point: Point, value: Value) -> Weight:
    """The weight of a value that the profile's own decoding accepted."""
    if isinstance(value, bool) or value is None:
        return Weight(0.0)
    if point.map is not None:
        return _mapped(point, value)
    return _text(name, value) if isinstance(value, str) else _number(name, point, value)


def _number(name: str, point: Point, value: float) -> Weight:
    told = f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
    if point.unit:
        told += f" {point.unit}"
    if point.type.startswith("float") and value != 0 and not TINY <= abs(value) <= HUGE:
        return Weight(AGAINST, f"{told} is no plausible number", impossible=True)
    usual = UNITS.get(point.unit or "")
    if usual is not None:
        if not usual.low <= value <= usual.high:
            return Weight(AGAINST, f"{told} cannot be", impossible=True)
        if value == 0:
            return Weight(usual.zero)
        if any(low <= value <= high for low, high in usual.telling):
            return Weight(usual.bits, told)
    return Weight(min(_chance_bits(point, value, usual), MOST_BITS - 1), told if value != 0 else "")


def _mapped(point: Point, value: Value) -> Weight:
    """Few of 65536 raw values are in a map; but 0 and 1 stand in many registers."""
    return Weight(0.25 if not value else 1.0 if len(point.map or ()) <= 2 else 2.0)


def _text(name: str, value: str) -> Weight:
    text = value.strip("\0 ")
    if not text:
        return Weight(0.0)
    if not text.isprintable():
        return Weight(AGAINST, f"{name} is no text", impossible=True)
    return Weight(min(float(len(text)), MOST_BITS - 1), f"{name} {text[:20]}")


def _chance_bits(point: Point, value: float, usual: Usual | None) -> float:
    """How rare it is that something else falls between the limits; 0 says nothing."""
    if value == 0:
        return 0.0
    if point.type.startswith("float"):
        return 2.0  # a quarter of all float32 patterns lie between TINY and HUGE, zeros and signs considered
    span = INT_RANGES.get(point.type)
    if span is None:
        return 0.5
    low, high = _limits(point, usual)
    scale = abs(point.scale) or 1.0
    width = (high - low) / scale
    whole = float(span[1] - span[0])
    if not math.isfinite(width) or width <= 0 or width >= whole:
        return 0.0
    return math.log2(whole / width)


def _limits(point: Point, usual: Usual | None) -> tuple[float, float]:
    low = point.min if point.min is not None else (usual.low if usual else -math.inf)
    high = point.max if point.max is not None else (usual.high if usual else math.inf)
    return low, high
