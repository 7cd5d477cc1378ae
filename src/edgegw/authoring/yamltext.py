"""Plain data as YAML the way a person writes it: comments, short sections in one line, hexadecimal addresses.

Owns: the layout, and when a text needs quotes, so that the loader reads back exactly what was meant.
Must not know: profiles.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence

from msgspec import Struct

from edgegw.yamlpos.scalars import plain

WIDTH = 110
"""Longest line a section is squeezed into; longer ones get a line for each key."""

_PLAIN = re.compile(r"[^\W_][\w./()+*%-]*(?: [\w./()+*%-]+)*\Z")
_WORD = re.compile(r"[^\W_][\w./-]*\Z")
_DURATION = re.compile(r"[0-9.]+(?:ms|s|m|min|h|d)\Z")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]")


class Hex(int):
    """A whole number written as ``0x0046``."""


class Flow(dict[str, object]):
    """A section written in one line, in braces, where it fits."""


class Noted(Struct, frozen=True):
    """A value with a comment behind it."""

    value: object
    note: str


def document(data: Mapping[str, object], *, head: str = "") -> str:
    """A whole document.

    Args:
        head: comment above it, one ``#`` a line.
    """
    lines = [*_comment(head), *_mapping(data, "")]
    return "\n".join(lines) + "\n"


def items(values: Sequence[Mapping[str, object]], indent: str) -> str:
    """A list of mappings, each begun by ``- `` behind `indent`."""
    return "\n".join(line for value in values for line in _item(value, indent)) + "\n"


def scalar(value: object, *, flow: bool = False) -> str:
    """One value as it is written; inside braces (`flow`) fewer texts do without quotes.

    Raises:
        TypeError: not a number, text, true, false or null.
    """
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Hex():
            return f"0x{int(value):04X}"
        case int():
            return str(value)
        case float():
            return _number(value)
        case str():
            return _text(value, flow=flow)
    raise TypeError(f"{type(value).__name__} is no scalar")


def _number(value: float) -> str:
    if value.is_integer() and abs(value) < 1e15:
        return f"{value:.1f}"
    return repr(value)


def _text(text: str, *, flow: bool) -> str:
    if _CONTROL.search(text):
        quoted = json.dumps(text, ensure_ascii=False)
        return _CONTROL.sub(lambda sign: f"\\u{ord(sign[0]):04x}", quoted)
    # What begins like a number is quoted, hex digits above all: other YAML readers see numbers where this one does not.
    simple = (_WORD if flow else _PLAIN).match(text) is not None and (not text[0].isdigit() or _DURATION.match(text))
    if simple and plain(text) == (text, None):
        return text
    return "'" + text.replace("'", "''") + "'" if '"' in text or "\\" in text else f'"{text}"'


def _mapping(data: Mapping[str, object], indent: str) -> Iterator[str]:
    for key, value in data.items():
        yield from _entry(key, value, indent)


def _entry(key: str, value: object, indent: str) -> Iterator[str]:
    note = ""
    if isinstance(value, Noted):
        note, value = f"  # {_one_line(value.note)}", value.value
    name = f"{indent}{scalar(key)}:"
    if isinstance(value, Mapping):
        one = f"{name} {_flow(value)}{note}"
        if (isinstance(value, Flow) or not value) and len(one) <= WIDTH:
            yield one
            return
        yield f"{name}{note}"
        yield from _mapping(value, indent + "  ")
    elif isinstance(value, list | tuple):
        yield from _sequence(name, value, note, indent)
    else:
        yield f"{name} {scalar(value)}{note}"


def _sequence(name: str, value: Sequence[object], note: str, indent: str) -> Iterator[str]:
    if not any(isinstance(item, Mapping) for item in value):
        yield f"{name} {_flow(value)}{note}"
        return
    yield f"{name}{note}"
    for item in value:
        if not isinstance(item, Mapping):
            raise TypeError("a list holds either mappings or scalars")
        yield from _item(item, indent + "  ")


def _item(value: Mapping[str, object], indent: str) -> Iterator[str]:
    dash = "- "
    for line in _mapping(value, indent + "  "):
        yield line if not dash else f"{indent}{dash}{line[len(indent) + 2 :]}"
        dash = ""


def _flow(value: object) -> str:
    if isinstance(value, Noted):
        value = value.value
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar(key, flow=True)}: {_flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(_flow(inner) for inner in value) + "]"
    return scalar(value, flow=True)


def _comment(text: str) -> Iterator[str]:
    for line in text.splitlines():
        yield f"# {_one_line(line)}".rstrip()


def _one_line(text: str) -> str:
    return _CONTROL.sub(" ", text)
