"""The small part of Jinja that devices really send: where in a message a value is.

Owns: value templates (``{{ value_json.a.b | round(1) }}``) and command templates (``{"state": "{{ value }}"}``).
Must not know: configs, points. Nothing is ever evaluated: what is not understood is refused.
"""

import re
from typing import NamedTuple

MAX_CHARS = 1024
"""Longest template that is looked at; the longest that this subset can say is a path of some ten names."""

MAX_DEPTH = 10
"""Names in a path: as deep as any real message."""

PATH_CHARS = 256
"""As of a profile's path."""

_WHOLE = re.compile(r"\{\{-?(.*)-?\}\}\Z", re.DOTALL)
_ROOT = re.compile(r"\s*(value_json|value)(?![A-Za-z0-9_])")
_STEP = re.compile(
    r"\.([A-Za-z_][A-Za-z0-9_]*)(?![A-Za-z0-9_]|\s*\()|\[\s*(?:'([^'\\]*)'|\"([^\"\\]*)\"|([0-9]{1,5}))\s*\]"
)
_FILTER = re.compile(r"\s*\|\s*([a-z_]+)\s*(?:\(\s*([^()]*?)\s*\))?")
_SLOT = re.compile(r"\{\{-?\s*value\s*-?\}\}")
_NUMBER = re.compile(r"-?[0-9]{1,9}(\.[0-9]{1,9})?\Z|none\Z", re.IGNORECASE)


class ExpressionError(ValueError):
    """A template beyond the subset; the text says what is not understood."""


class Where(NamedTuple):
    """Where a value is and what becomes of it.

    Attributes:
        path: dotted, as a profile's; empty: the whole payload as text.
        number: a filter makes a number of it.
        decimals: it is rounded to so many; None: it is not.
    """

    path: str = ""
    number: bool = False
    decimals: int | None = None


def value_of(template: str | None) -> Where:
    """Where a value template looks. None or an empty one: the whole payload.

    ``int`` cuts off in Jinja and rounds here: 21.9 is 22, which is nearer to what was measured.

    Raises:
        ExpressionError: it is beyond the subset.
    """
    if template is None or not template.strip():
        return Where()
    text = template.strip()
    whole = _WHOLE.match(text) if len(text) <= MAX_CHARS else None
    inner = whole[1].strip("-") if whole else ""
    if whole is None or "{{" in inner or "{%" in text:
        raise ExpressionError(f"not a single {{{{ … }}}}: {_short(text)}")
    root = _ROOT.match(inner)
    if root is None:
        raise ExpressionError(f"begins with neither value_json nor value: {_short(text)}")
    names, at = _steps(inner, root.end())
    if (root[1] == "value") == bool(names):
        raise ExpressionError(f"value is text and value_json JSON, of which a part must be named: {_short(text)}")
    number, decimals = _filters(inner, at, text)
    return Where(_path(names, text), number, decimals)


def _steps(inner: str, at: int) -> tuple[list[str], int]:
    names = []
    while step := _STEP.match(inner, at):
        names.append(next(part for part in step.groups() if part is not None))
        at = step.end()
    return names, at


def _path(names: list[str], text: str) -> str:
    path = ".".join(names)
    if len(names) > MAX_DEPTH or len(path) > PATH_CHARS:
        raise ExpressionError(f"a path too long: {_short(text)}")
    if any(not name or "." in name or not name.isprintable() for name in names):
        raise ExpressionError(f"a name that is empty or holds a dot: {_short(text)}")
    return path


def _filters(inner: str, at: int, text: str) -> tuple[bool, int | None]:
    number, decimals = False, None
    while inner[at:].strip():
        found = _FILTER.match(inner, at)
        if found is None:
            raise ExpressionError(f"not understood: {_short(inner[at:].strip())}")
        name, argument = found[1], found[2] or ""
        if name in {"float", "int"} and (not argument or _NUMBER.match(argument)):
            number = True
            decimals = 0 if name == "int" else decimals
        elif name == "round" and (not argument or re.match(r"[0-9]\Z", argument)):
            number, decimals = True, int(argument or 0)
        elif name != "is_defined" or argument:
            raise ExpressionError(f"filter not understood: {name}({argument}) in {_short(text)}"[:200])
        at = found.end()
    return number, decimals


def filled(template: str | None, value: str) -> str:
    """A command template with ``{{ value }}`` replaced; None: the value itself.

    Raises:
        ExpressionError: there is more Jinja in it than ``{{ value }}``.
    """
    if template is None or not template.strip():
        return value
    if len(template) > MAX_CHARS:
        raise ExpressionError(f"a command template too long: {_short(template)}")
    parts = _SLOT.split(template)
    if len(parts) == 1 or any(mark in part for part in parts for mark in ("{{", "{%", "{#")):
        # Also a template without a slot is refused: what it sends does not depend on what is asked for.
        raise ExpressionError(f"more than {{{{ value }}}} in a command template: {_short(template)}")
    return value.join(parts)


def _short(text: str) -> str:
    plain = "".join(c if c.isprintable() else "?" for c in text[:121])
    return plain if len(plain) <= 120 else plain[:119] + "…"
