"""Field types that profiles and the site file share: strict models, durations, hex.

Owns: the base model (unknown keys are errors) and the spelling of durations.
Must not know: files, line numbers (yamlpos adds those), any particular section.
"""

import re
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d)\s*\Z")


def parse_duration(value: object) -> float:
    """Seconds from ``500ms``, ``5s``, ``10m``, ``25h``, ``7d``, or 0; anything else is a ValueError with the way out."""
    if value == 0 and not isinstance(value, bool):
        return 0.0
    if isinstance(value, str) and (found := _DURATION.match(value)):
        return float(found[1]) * _UNITS_S[found[2]]
    raise ValueError(f"not a duration: {value!r}; write a number with its unit, such as 500ms, 5s, 10m, 25h")


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(lambda s: f"{s:.12g}s", return_type=str),
    WithJsonSchema(
        {
            "anyOf": [{"type": "string", "pattern": r"^\s*\d+(\.\d+)?\s*(ms|s|min|m|h|d)\s*$"}, {"const": 0}],
            "examples": ["500ms", "5s", "10m"],
        }
    ),
]
"""A length of time, in the file as text with a unit, in memory as seconds."""

_HEX = re.compile(r"(?:[0-9A-Fa-f]{2}\s*)+\Z")


def parse_hex(value: object) -> bytes:
    """Bytes from an even number of hex digits, blanks allowed between bytes."""
    if isinstance(value, bytes):
        return value
    if isinstance(value, str) and _HEX.match(value):
        return bytes.fromhex(value)
    raise ValueError(f'not hex bytes: {value!r}; write pairs of hex digits in quotes, such as "0D0A"')


HexBytes = Annotated[
    bytes,
    BeforeValidator(parse_hex),
    PlainSerializer(lambda b: b.hex().upper(), return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^([0-9A-Fa-f]{2}\\s*)+$"}),
]

Slug = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""Names of links, devices, points, rules: lower case, digits, ``_ . -``, 64 at most."""


class Strict(BaseModel):
    """Every section: unknown keys are errors, values are not coerced, instances do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, populate_by_name=True)


class Text(Strict):
    """A text an operator reads, in both languages. In a file also a plain string, meant for both.

    Attributes:
        zh: in Chinese.
        en: in English.
    """

    zh: str
    en: str

    def of(self, language: str) -> str:
        """The text in ``zh-CN`` or ``en``."""
        return self.zh if language.startswith("zh") else self.en
