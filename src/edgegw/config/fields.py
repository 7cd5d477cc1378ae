"""Field types of the site file: sizes, ports, serial formats, URLs.

Owns: how they are spelled, and what is said when they are not.
Must not know: any section.
"""

import re
from typing import Annotated

from pydantic import BeforeValidator, Field, WithJsonSchema

MIB = 1024 * 1024
_SIZES = {"KiB": 1024, "MiB": MIB, "GiB": 1024 * MIB}


def parse_size(value: object) -> int:
    """Bytes from ``64KiB``, ``512MiB``, ``2GiB``."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        text = value.strip()
        for unit, factor in _SIZES.items():
            if text.endswith(unit) and text[: -len(unit)].strip().isdigit():
                return int(text[: -len(unit)]) * factor
    raise ValueError(f"not a size: {value!r}; write for example 64KiB, 512MiB, 2GiB")


_SizeText = Annotated[str, Field(pattern=r"^\s*[0-9]+\s*(KiB|MiB|GiB)\s*$")]
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=int | _SizeText)]
_FORMAT = re.compile(r"[78][NEO][12]\Z")


def parse_format(value: object) -> object:
    """A serial format, ``8N1``; a ValueError explains the one that YAML takes for a number."""
    if isinstance(value, float):
        message = 'not a serial format: YAML takes an unquoted 8E1 for a number; write "8E1" in quotes'
        raise ValueError(message)  # noqa: TRY004 - pydantic reports ValueErrors
    if isinstance(value, str) and not _FORMAT.match(value):
        raise ValueError(
            f'not a serial format: {value!r}; write data bits, parity, stop bits: 8N1, "8E1", 8N2, "7E1" …'
        )
    return value


def parse_url(value: object) -> object:
    """An HTTP URL. The message does not repeat it: it may hold a password."""
    if isinstance(value, str) and not re.match(r"https?://\S+\Z", value):
        raise ValueError("not an HTTP URL; write https://HOST/PATH")
    return value


LineFormat = Annotated[
    str, BeforeValidator(parse_format), WithJsonSchema({"type": "string", "pattern": "^[78][NEO][12]$"})
]
HttpUrl = Annotated[str, BeforeValidator(parse_url), WithJsonSchema({"type": "string", "pattern": r"^https?://\S+$"})]
Port = Annotated[int, Field(ge=1, le=65535)]
