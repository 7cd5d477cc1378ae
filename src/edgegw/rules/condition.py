"""Conditions as pure functions: compiled once from the profile's words, asked for every reading.

Owns: what each kind of condition means for a value, types and odd numbers included.
Must not know: how long a condition must hold, what happens when it does.

Types are kept apart as JSON keeps them: true is not 1, "3" is not 3. A number in text ("80.00", an exact meter total) counts
as a number for above, below and rate_above. NaN and infinities say nothing: the test answers None and nothing changes.
"""

from collections.abc import Callable
from decimal import Decimal
from enum import StrEnum
from math import inf, isfinite

from msgspec import Struct

from edgegw.errors import ProfileError
from edgegw.model import Value
from edgegw.profiles.schema import Condition
from edgegw.rules.events import NS_PER_S

Test = Callable[[Value, bool], bool | None]
"""(value, whether the condition held before) → whether it holds now; None: this value says nothing. Never given None."""

RATE_WINDOW_NS = NS_PER_S
"""Readings closer than 1 s are judged together: a broker hands over queued messages within milliseconds, and a difference over
milliseconds is noise, not a rate per second."""


class Kind(StrEnum):
    """What a condition needs besides the value."""

    LEVEL = "level"
    CHANGED = "changed"
    RATE = "rate"
    MISSING = "missing"
    OFFLINE = "offline"


class Compiled(Struct, frozen=True):
    """A condition ready for use.

    Attributes:
        test: for LEVEL; else None.
        text: for evidence, ``above 30 (hysteresis 0.5)``.
        threshold: the limit as configured, None where there is none.
        rate: change per second, for RATE.
        within_ns: for MISSING.
    """

    kind: Kind
    text: str
    threshold: object = None
    test: Test | None = None
    rate: float = 0.0
    within_ns: int = 0


def compile_condition(condition: Condition) -> Compiled:
    """Turn a profile's condition into functions. ProfileError ``bad-condition`` if its one kind has no value."""
    (name,) = condition.model_fields_set - {"hysteresis"}
    wanted = getattr(condition, name)
    if wanted is None:
        raise ProfileError("bad-condition", f"{name} without a value can never hold")
    if name in ("above", "below"):
        extra = f" (hysteresis {condition.hysteresis:g})" if condition.hysteresis else ""
        make = _above if name == "above" else _below
        return Compiled(Kind.LEVEL, f"{name} {wanted:g}{extra}", wanted, make(wanted, condition.hysteresis))
    if name == "equals":
        return Compiled(Kind.LEVEL, f"equals {_word(wanted)}", wanted, _one_of((wanted,)))
    if name == "one_of":
        return Compiled(Kind.LEVEL, f"in {', '.join(map(_word, wanted))}", list(wanted), _one_of(wanted))
    if name == "rate_above":
        return Compiled(Kind.RATE, f"changes by more than {wanted:g} per second", wanted, rate=wanted)
    if name == "missing":
        return Compiled(Kind.MISSING, f"no value for {wanted:g} s", wanted, within_ns=round(wanted * NS_PER_S))
    return Compiled(Kind(name), name)


def number(value: Value) -> float | int | None:
    """The value as a number, from text as well; None for anything else and for NaN and infinities."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            return None
    return value if isinstance(value, int) or isfinite(value) else None


def same(one: Value, other: Value) -> bool:
    """Whether two values are equal with types kept apart: 1 is 1.0, but not True."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _above(limit: float, hysteresis: float) -> Test:
    back = float(Decimal(str(limit)) - Decimal(str(hysteresis)))  # exact: 0.3 - 0.1 must be 0.2

    def test(value: Value, held: bool) -> bool | None:  # noqa: FBT001 - the hottest call there is; keywords cost
        kind = type(value)
        plain = value if kind is float or kind is int else number(value)
        if plain is None:
            return None
        if plain > (back if held else limit):  # type: ignore[operator]  # narrowed by `kind` above, faster than isinstance
            return True if plain != inf else None
        # A comparison with NaN is false both ways.
        return False if plain <= limit and plain != -inf else None  # type: ignore[operator]  # as above

    return test


def _below(limit: float, hysteresis: float) -> Test:
    back = float(Decimal(str(limit)) + Decimal(str(hysteresis)))

    def test(value: Value, held: bool) -> bool | None:  # noqa: FBT001 - as above
        kind = type(value)
        plain = value if kind is float or kind is int else number(value)
        if plain is None:
            return None
        if plain < (back if held else limit):  # type: ignore[operator]  # as above
            return True if plain != -inf else None
        return False if plain >= limit and plain != inf else None  # type: ignore[operator]  # as above

    return test


def _one_of(wanted: tuple[Value, ...]) -> Test:
    bools = frozenset(item for item in wanted if isinstance(item, bool))
    others = frozenset(item for item in wanted if not isinstance(item, bool))

    def test(value: Value, held: bool) -> bool | None:  # noqa: ARG001, FBT001 - one signature for all tests
        if type(value) is bool:
            return value in bools
        if type(value) is float and not isfinite(value):
            return None
        return value in others

    return test


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
