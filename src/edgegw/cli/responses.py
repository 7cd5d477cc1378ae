"""The worst-case responses of `edgegw check`: as plain data, and as a table for people.

Owns: their JSON and their text. Must not know: how a bound comes about (commands.bound, docs/response.md).
"""

from collections.abc import Iterable, Mapping, Sequence
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # imported when the command runs
    from edgegw.commands.bound import Bound

SHOWN = 12
"""Rows of the table; those above their target are shown all."""


def responses(bounds: Iterable["Bound"]) -> list[dict[str, Any]]:
    """The JSON of ``responses``: worst first; `bound_s` null where there is no bound."""
    return [_row(bound) for bound in bounds]


def _row(bound: "Bound") -> dict[str, Any]:
    from edgegw.commands.bound import merged

    largest = bound.dominant
    parts = merged(bound.parts or ())
    return {
        "path": bound.path,
        "id": bound.id,
        "about": bound.about,
        "bound_s": round(bound.seconds, 3) if isfinite(bound.seconds) else None,
        "target_s": bound.target_s,
        "met": bound.met,
        "accepted": bound.accepted,
        "dominated_by": None if largest is None else largest.what,
        "parts": [{"what": p.what, "seconds": round(p.seconds, 4), "detail": p.detail} for p in parts],
    }


def table(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, ...]]:
    """`responses` as columns: path, who, bound, target, what dominates. All above their targets, and the worst of the others."""
    return [_columns(row) for n, row in enumerate(rows) if n < SHOWN or not row["met"]]


def _columns(row: Mapping[str, Any]) -> tuple[str, ...]:
    who = f"{row['id']} {row['about']}".strip()
    bound = "unbounded" if row["bound_s"] is None else f"{row['bound_s']:.2f} s"
    note = "" if row["met"] else "  accepted" if row["accepted"] else "  ABOVE"
    part = next((p for p in row["parts"] if p["what"] == row["dominated_by"]), None)
    most = "" if part is None else f"{part['what']} {part['seconds']:.2f} s: {part['detail']}"
    return (row["path"], who, bound, f"of {row['target_s']:g} s{note}", most)
