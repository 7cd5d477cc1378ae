"""Tables for a terminal, in which a Chinese character is as wide as it is.

Owns: widths of text, cutting, columns. Must not know: what is in a table.

Only the standard library: rich would cost more time than the whole command.
"""

import shutil
from collections.abc import Sequence
from unicodedata import category, combining, east_asian_width

WIDTH = 100
"""Columns where the output goes to no terminal."""

LEAST, MOST = 80, 200
"""Narrower, a line wraps; wider, an eye loses the line."""

GAP = "  "


def plain(text: object) -> str:
    """One line without anything a terminal would obey: texts come from devices, residents and ticket systems."""
    return "".join("?" if category(sign) in {"Cc", "Cf", "Zl", "Zp", "Cs"} else sign for sign in str(text))


def width(text: str) -> int:
    """Columns that a text takes: two for a wide character, none for a combining one."""
    return sum(_width(sign) for sign in text)


def cut(text: str, most: int) -> str:
    """The text, or as much of it as fits with an ellipsis."""
    if width(text) <= most:
        return text
    kept, used = "", 0
    for sign in text:
        used += _width(sign)
        if used > most - 1:
            break
        kept += sign
    return kept + "…"


def columns() -> int:
    """Columns there are."""
    return min(MOST, max(LEAST, shutil.get_terminal_size((WIDTH, 24)).columns))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, give: Sequence[tuple[int, int]]) -> list[str]:
    """Lines of a table that is no wider than the terminal: every column is as wide as its longest text, if there is room.

    Args:
        give: columns that give way, the first one first: each is an index and the width it keeps. Should that be too little,
            the widest of all is cut.
    """
    lines = [[plain(text) for text in one] for one in (head, *rows)]
    widths = [max(width(one[i]) for one in lines) for i in range(len(head))]
    room = columns() - len(GAP) * (len(head) - 1)
    for i, least in give:
        over = max(0, sum(widths) - room)
        widths[i] = max(min(widths[i], least), widths[i] - over)
    while sum(widths) > room:
        widths[widths.index(max(widths))] -= 1
    return [GAP.join(_padded(text, wide) for text, wide in zip(one, widths, strict=True)).rstrip() for one in lines]


def _padded(text: str, wide: int) -> str:
    text = cut(text, wide)
    return text + " " * (wide - width(text))


def _width(sign: str) -> int:
    if combining(sign) or category(sign) in {"Mn", "Me"}:
        return 0
    return 2 if east_asian_width(sign) in {"W", "F"} else 1
