"""Where the values of a JSON text stand, so that one can be replaced and everything else stays as it was sent.

Owns: the positions of scalars and their paths. Must not know: which values are to be replaced.

The text has been parsed before and is valid JSON; spelling, blanks and the order of keys stay the device's own.
"""

import json
import re
from collections.abc import Iterator

from msgspec import Struct

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')

Path = tuple[str, ...]
"""Keys and, for list items, their numbers as text: what a profile writes with dots between."""


class Span(Struct, frozen=True):
    """A scalar in the text, from `start` to before `end`, quotes included; `value` as JSON reads it."""

    path: Path
    start: int
    end: int
    value: str | int | float | bool | None


def spans(text: str) -> Iterator[Span]:
    """Every scalar of a valid JSON text, in its order. An explicit stack: depth costs no recursion."""
    stack: list[tuple[bool, str]] = []  # whether an object, and the key or index that is being read
    expect_key = False
    for token in _TOKEN.finditer(text):
        word = token[0]
        if word in {"{", "["}:
            stack.append((word == "{", "" if word == "{" else "0"))
            expect_key = word == "{"
        elif word in {"}", "]"}:
            stack.pop()
            expect_key = False
        elif word == ",":
            is_object, at = stack[-1]
            expect_key = is_object
            if not is_object:
                stack[-1] = (False, str(int(at) + 1))
        elif word == ":":
            expect_key = False
        elif expect_key:
            stack[-1] = (True, json.loads(word))
        else:
            yield Span(tuple(key for _, key in stack), token.start(), token.end(), json.loads(word))


def replaced(text: str, changes: dict[int, str], found: list[Span]) -> str:
    """The text with some of its scalars replaced.

    Args:
        changes: index in `found` → what stands there instead, as JSON text.
    """
    parts, at = [], 0
    for index in sorted(changes):
        span = found[index]
        parts += [text[at : span.start], changes[index]]
        at = span.end
    return "".join(parts) + text[at:]
