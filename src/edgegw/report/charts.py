"""Plots as numbers: where each bar, line and label stands. The templates only write them down as SVG.

Owns: geometry and scales. Must not know: colours, markup, escaping.

Plots are drawn at about one unit per pixel on a telephone and on a screen, so their text has the same size on both.
"""

from collections.abc import Callable, Sequence
from datetime import date
from math import ceil, floor, log10

from msgspec import Struct

from edgegw.service.indicators_report import Daily
from edgegw.service.indicators_rows import EDGES_S

WIDE, NARROW = 400.0, 300.0
"""Two plots beside each other on a screen, or three."""

LEFT, RIGHT, TOP, BASE = 30.0, 4.0, 14.0, 134.0
BINS_S = (0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0)
"""Upper edges of the bars of a distribution, all of them edges of the histogram; one more bar is open."""

TARGETS_S = (2.0, 3.0, 5.0)
WEEKS_FROM = 62
"""Days beyond which a bar is a week."""


class Label(Struct, frozen=True):
    """A text at a place."""

    x: float
    y: float
    text: str


class Bar(Struct, frozen=True):
    """A rectangle; `kind` is its class; `told` what it stands for, in words."""

    x: float
    y: float
    width: float
    height: float
    kind: str
    told: str


class Chart(Struct, frozen=True, kw_only=True):
    """One plot.

    Attributes:
        rules: y of the horizontal lines, their labels in `y_labels`.
        marks: x and label of the vertical lines (targets).
        lines: polylines, each as SVG points. dots: x, y, what it says.
    """

    width: float = WIDE
    height: float = 150.0
    base: float = BASE
    left: float = LEFT
    rules: tuple[float, ...] = ()
    y_labels: tuple[Label, ...] = ()
    x_labels: tuple[Label, ...] = ()
    bars: tuple[Bar, ...] = ()
    marks: tuple[Label, ...] = ()
    lines: tuple[str, ...] = ()
    dots: tuple[Label, ...] = ()
    notes: tuple[Label, ...] = ()


def distribution(counts: Sequence[int], percent: Callable[[float], str], *, limit_s: float) -> Chart | None:
    """Share of responses in bins of about equal weight to the eye, targets between them; what is beyond `limit_s` (one of
    `TARGETS_S`) is of kind ``late``. None of nothing."""
    total = sum(counts)
    if not total:
        return None
    ups = [*(EDGES_S.index(edge) + 1 for edge in BINS_S), len(counts)]
    shares = [sum(counts[low:up]) / total for low, up in zip([0, *ups], ups, strict=False)]
    most = max(shares)
    step = (NARROW - 2 * RIGHT) / len(shares)
    room = BASE - TOP - 26
    bars, notes = [], []
    for index, share in enumerate(shares):
        if not share:
            continue
        tall = max(1.0, room * share / most)
        x = RIGHT + index * step
        late = "late" if index > BINS_S.index(limit_s) else "bar"
        told = percent(share)
        bars.append(Bar(x + 1.5, BASE - tall, step - 3, tall, late, told))
        notes.append(Label(x + step / 2, BASE - tall - 4, told))
    at = {edge: RIGHT + (index + 1) * step for index, edge in enumerate(BINS_S)}
    return Chart(
        width=NARROW,
        left=RIGHT,
        bars=tuple(bars),
        notes=tuple(notes),
        marks=tuple(Label(at[edge], TOP, f"{edge:g}") for edge in TARGETS_S),
        x_labels=tuple(Label(x, BASE + 13, f"{edge:g}") for edge, x in at.items()),
    )


def tickets(days: Sequence[Daily], kinds: Sequence[str], tick: Callable[[date], str]) -> tuple[Chart, bool] | None:
    """Tickets per day (per week of a long period: then True), stacked, the most urgent at the bottom. None if there was none."""
    weekly = len(days) > WEEKS_FROM
    rows = [(day.day, day.tickets) for day in days]
    if weekly:
        rows = [
            (part[0].day, tuple(sum(column) for column in zip(*(day.tickets for day in part), strict=True)))
            for part in (days[first : first + 7] for first in range(0, len(days), 7))
        ]
    most = max((sum(row) for _, row in rows), default=0)
    if not most:
        return None
    top, ticks = _scale(most)
    room = BASE - TOP
    step = (WIDE - LEFT - RIGHT) / len(rows)
    width = max(1.0, min(step * 0.72, 26.0))
    bars = []
    for index, (day, row) in enumerate(rows):
        y = BASE
        for kind, count in zip(kinds, row, strict=True):
            if count:
                tall = room * count / top
                y -= tall
                x = LEFT + (index + 0.5) * step - width / 2
                bars.append(Bar(x, y, width, tall, kind.lower(), f"{tick(day)} {kind}: {count}"))
    chart = Chart(
        rules=tuple(BASE - room * value / top for value in ticks),
        y_labels=tuple(Label(LEFT - 5, BASE - room * value / top + 3.5, f"{value:,}") for value in ticks),
        x_labels=_dates([day for day, _ in rows], step, tick),
        bars=tuple(bars),
    )
    return chart, weekly


def rate(
    points: Sequence[tuple[date, float | None]],
    tick: Callable[[date], str],
    told: Callable[[float], str],
) -> Chart | None:
    """A percentage per day; days without data leave a gap. The scale begins at 0 unless all is above 90 %. None of nothing."""
    values = [value for _, value in points if value is not None]
    if not values:
        return None
    lowest = min(values)
    low = 99.0 if lowest >= 99 else 90.0 if lowest >= 90 else 50.0 if lowest >= 50 else 0.0
    room = BASE - TOP
    step = (WIDE - LEFT - RIGHT) / len(points)

    def y(value: float) -> float:
        return BASE - room * (value - low) / (100 - low)

    lines: list[list[str]] = [[]]
    dots = []
    for index, (day, value) in enumerate(points):
        if value is None:
            lines.append([])
            continue
        x = LEFT + (index + 0.5) * step
        lines[-1].append(f"{x:.1f},{y(value):.1f}")
        dots.append(Label(x, y(value), f"{tick(day)}: {told(value)}"))
    ticks = [low, (low + 100) / 2, 100.0]
    return Chart(
        rules=tuple(y(value) for value in ticks),
        y_labels=tuple(Label(LEFT - 5, y(value) + 3.5, f"{value:g}") for value in ticks),
        x_labels=_dates([day for day, _ in points], step, tick),
        lines=tuple(" ".join(line) for line in lines if len(line) > 1),
        dots=tuple(dots),
    )


def _dates(days: Sequence[date], step: float, tick: Callable[[date], str]) -> tuple[Label, ...]:
    """As many as have room, evenly."""
    every = max(1, ceil(44 / step))
    return tuple(
        Label(LEFT + (index + 0.5) * step, BASE + 13, tick(day)) for index, day in enumerate(days) if index % every == 0
    )


def _scale(most: int) -> tuple[int, tuple[int, ...]]:
    """A round top and two to four steps to it, all whole."""
    unit = 10 ** floor(log10(most))
    step = next(one for one in (max(1, unit // 5), max(1, unit // 2), unit, 2 * unit, 5 * unit) if most / one <= 4)
    top = ceil(most / step) * step
    return top, tuple(range(0, top + 1, step))
