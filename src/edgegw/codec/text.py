"""Lines of text to fields by a regular expression with named groups.

Owns: compiling such an expression within limits, and applying it to a frame.
Must not know: framing, points.
"""

import re
from collections.abc import Callable

from edgegw.codec.cards import Fields
from edgegw.errors import DecodeError, ProfileError

MAX_PATTERN = 500
"""Characters of a pattern: several times the longest line format seen."""

MAX_LINE = 4096
"""Bytes of a line a pattern is tried on; bounds what an unlucky pattern can cost."""

_NESTED = re.compile(r"[+*}]\)[+*{]|[+*}][^()]*\)[+*{]")
"""A repetition of a repetition, such as ``(a+)*``, can take exponential time."""

_DEAR = re.compile(r"\\[1-9]|\(\?P=|\(\?<?[=!]")
"""Back references and looking around: not needed to name fields."""


def line(encoding: str) -> Callable[[bytes], Fields]:
    """A parser that gives the whole frame as field ``text``, blanks at both ends removed."""

    def parse(frame: bytes) -> Fields:
        return {"text": _decoded(frame, encoding)}

    return parse


def matcher(pattern: str, encoding: str) -> tuple[Callable[[bytes], Fields], tuple[str, ...]]:
    """A parser whose fields are the pattern's named groups, and their names. The pattern must match the whole line.

    Raises:
        ProfileError: ``pattern`` if it is not valid, names no group, or could take very long.
    """
    if len(pattern) > MAX_PATTERN:
        raise ProfileError("pattern", f"longer than {MAX_PATTERN} characters")
    if _NESTED.search(pattern) or _DEAR.search(pattern):
        raise ProfileError(
            "pattern", "repetitions inside repetitions, back references and looking around are not allowed"
        )
    try:
        compiled = re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ProfileError("pattern", f"not a regular expression: {error}") from error
    if not compiled.groupindex:
        raise ProfileError("pattern", "no named group, such as (?P<level>[0-9]+): there would be no field")

    def parse(frame: bytes) -> Fields:
        found = compiled.fullmatch(_decoded(frame, encoding))
        if found is None:
            raise DecodeError("bad-frame", "the line does not match the pattern")
        return {name: value for name, value in found.groupdict().items() if value is not None}

    return parse, tuple(compiled.groupindex)


def _decoded(frame: bytes, encoding: str) -> str:
    if len(frame) > MAX_LINE:
        raise DecodeError("too-large", f"a line of {len(frame)} bytes")
    try:
        return frame.decode(encoding).strip()
    except UnicodeDecodeError as error:
        raise DecodeError("bad-text", f"not {encoding} text") from error
