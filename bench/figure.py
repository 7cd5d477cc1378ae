"""What a benchmark returns.

Owns: the shape of a figure. Must not know: how it was measured.
"""

from typing import Any, TypedDict


class Figure(TypedDict):
    """One line of `--json`. `target` and `ok` compare `value` with what the design asks; None where it is only told."""

    figure: str
    value: float
    unit: str
    target: float | None
    ok: bool | None
    conditions: dict[str, object]


def at_least(name: str, value: float, target: float, *, unit: str = "ratio", **conditions: Any) -> Figure:
    """A figure that must not be smaller than its target."""
    return Figure(
        figure=name, value=round(value, 4), unit=unit, target=target, ok=value >= target, conditions=conditions
    )


def at_most(name: str, value: float, target: float, unit: str, **conditions: Any) -> Figure:
    """A figure that must not be larger than its target."""
    return Figure(
        figure=name, value=round(value, 4), unit=unit, target=target, ok=value <= target, conditions=conditions
    )


def told(name: str, value: float, unit: str, **conditions: Any) -> Figure:
    """A figure without a target."""
    return Figure(figure=name, value=round(value, 4), unit=unit, target=None, ok=None, conditions=conditions)
