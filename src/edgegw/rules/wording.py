"""What an operator reads: titles with their placeholders filled, places and values as text.

Owns: the wording of locations and values in Chinese and English, and safe filling of titles.
Must not know: which alarm it is for.
"""

import re
from collections.abc import Mapping

from edgegw.model import Labels

_PLACEHOLDER = re.compile(r"\{(device|location|value|unit)\}")
"""Exactly these four and nothing else: str.format would follow attributes and indexes of what it is given."""

_LABEL_ORDER = ("building", "unit", "floor", "room")
"""From the large to the small, as an address is read; other labels follow in the site file's order."""

_ZH_SUFFIX = {"building": "号楼", "unit": "单元", "floor": "层", "room": "室"}
_ZH_UNITS = {"Cel": "℃"}
_EN_UNITS = {"Cel": "°C"}
_NUMBER = re.compile(r"-?\d+\Z")


def fill(template: str, values: Mapping[str, str]) -> str:
    """The template with ``{device}``, ``{location}``, ``{value}``, ``{unit}`` replaced in one pass; other braces stay."""
    return _PLACEHOLDER.sub(lambda found: values.get(found[1], ""), template)


def place(labels: Labels, language: str) -> str:
    """One readable line: ``3号楼 2单元 502室`` or ``building 3, unit 2, room 502``; free text is left as it is."""
    chinese = language.startswith("zh")
    names = [name for name in _LABEL_ORDER if name in labels] + [name for name in labels if name not in _LABEL_ORDER]
    parts = []
    for name in names:
        value = labels[name]
        if name in _ZH_SUFFIX and _NUMBER.match(value):
            value = f"{value}{_ZH_SUFFIX[name]}" if chinese else f"{name} {value}"
        parts.append(value)
    return (" " if chinese else ", ").join(part for part in parts if part)


def shown(value: object, language: str) -> str:
    """A value for a title: seven digits at most for a float (a 32-bit register holds no more), 是/否 for a bool."""
    chinese = language.startswith("zh")
    if isinstance(value, bool):
        return ("是" if value else "否") if chinese else ("yes" if value else "no")
    if value is None:
        return ""
    return f"{value:.7g}" if isinstance(value, float) else str(value)


def shown_unit(unit: object, language: str) -> str:
    """A unit for a title; UCUM's ``Cel`` as people write it."""
    if not isinstance(unit, str):
        return ""
    return (_ZH_UNITS if language.startswith("zh") else _EN_UNITS).get(unit, unit)
