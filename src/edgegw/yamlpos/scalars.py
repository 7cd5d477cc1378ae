"""What an unquoted YAML scalar means, and which spellings are refused.

Owns: the resolution: true, false, null, decimal and 0x integers, decimal floats; everything else is text, except spellings that
another YAML reader (or the person who wrote them) would take for something else: those are refused with the way out.
Must not know: positions, documents.
"""

import math
import re

Scalar = bool | int | float | str | None

_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None, "~": None, "": None}
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)\Z")
_HEX = re.compile(r"[-+]?0x[0-9a-fA-F]+\Z")
_FLOAT = re.compile(r"[-+]?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?\Z")
_SURPRISES = tuple(
    (re.compile(spelling + r"\Z", re.IGNORECASE), why)
    for spelling, why in (
        (r"(?:yes|on|true)", "YAML readers disagree whether this is text; write true"),
        (r"(?:no|off|false)", "YAML readers disagree whether this is text; write false"),
        (r"null", "YAML readers disagree whether this is text; write null"),
        (r"[-+]?0[0-9_]+(?:\.[0-9_]*)?", "some YAML readers take a leading 0 for octal; write it without"),
        (r"[-+]?0[ob][0-7_]+", "YAML readers disagree about it; write the number in decimal or 0x hex"),
        (
            r"[-+]?[0-9]+(?::[0-9]{1,2})+(?:\.[0-9]*)?",
            "some YAML readers take this for a number in base 60; write its plain value",
        ),
        (r"[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}(?:[Tt ].*)?", "some YAML readers take this for a date; write something else"),
        (
            r"[-+]?[0-9][0-9_]*_[0-9_]*(?:\.[0-9_]*)?",
            "some YAML readers take this for a number; write it without underscores",
        ),
        (r"[-+]?0x[0-9a-f_]+", "some YAML readers take this for a number; write it without underscores"),
        (r"[-+]?(?:[0-9]+\.|\.[0-9]+)(?:e[-+]?[0-9]+)?", "write digits on both sides of the point"),
        (r"(?:[-+]?\.inf|\.nan)", "not a usable number; write a finite one"),
    )
)
"""Spellings refused, in the order they are tried: pattern, and what to write instead of it."""

_STARTS = frozenset("0123456789+-.~yYnNoOtTfF")
"""First characters of everything that is not simply text; the quick way for names and words."""


def plain(text: str) -> tuple[Scalar, str | None]:
    """The value of an unquoted scalar, and why it is refused (the value is then the text) or None."""
    if text in _WORDS:
        return _WORDS[text], None
    if text[0] not in _STARTS:
        return text, None
    if _INT.match(text):
        return int(text) if len(text) <= 40 else text, None if len(text) <= 40 else "this number is too long"
    if _HEX.match(text):
        return int(text, 16), None
    if _FLOAT.match(text):
        number = float(text)
        return (number, None) if math.isfinite(number) else (text, f"{text} is beyond what a number can hold")
    return text, _surprise(text)


def _surprise(text: str) -> str | None:
    for spelling, why in _SURPRISES:
        if spelling.match(text):
            return f'unquoted {text}: {why}, or "{text}" in quotes'
    return None
