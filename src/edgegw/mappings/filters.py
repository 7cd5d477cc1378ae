"""The filters of mappings' templates.

Owns: their meaning and bounds. Must not know: Jinja's environment, mappings.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit

import msgspec
from jinja2 import StrictUndefined, Undefined

from edgegw.mappings.limits import MAX_TEXT

MORE = "…"

_FLAT = str.maketrans({"<": "＜", ">": "＞", "[": "［", "]": "］", "*": "＊", "`": "｀", "\\": "＼"})
"""Group robots know no way to escape Markdown; the full-width twins are text in every one of them."""


def text(value: object) -> str:
    """Any plain value as text; nothing as ''."""
    if isinstance(value, Undefined):
        return str(value)  # raises and says which name is missing
    if isinstance(value, bytes):
        raise ValueError("bytes: use | b64 or | hex")  # noqa: TRY004 - one fault for all misfits
    return "" if value is None else value if isinstance(value, str) else str(value)


def cut(value: object, most: int) -> str:
    """At most so many characters; what is cut ends with ``…``."""
    whole = text(value)
    return whole if len(whole) <= most else whole[: max(most - 1, 0)] + MORE


def cut_bytes(value: object, most: int) -> str:
    """At most so many bytes of UTF-8, never through a character; what is cut ends with ``…``."""
    whole = text(value).encode("utf-8", "replace")
    if len(whole) <= most:
        return whole.decode()
    return whole[: max(most - len(MORE.encode()), 0)].decode("utf-8", "ignore") + MORE


def oneline(value: object) -> str:
    """One line: every run of blanks and line ends becomes one blank."""
    return " ".join(text(value).split())


def md(value: object) -> str:
    """Text that means nothing in Markdown: no links, no tags, no mentions, on one line."""
    return oneline(value).translate(_FLAT)


def utc(seconds: float) -> str:
    """RFC 3339 UTC from seconds since 1970."""
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}Z"


def b64(value: object) -> str:
    """Base64 of bytes or of text in UTF-8."""
    raw = value if isinstance(value, bytes) else text(value).encode()
    return base64.b64encode(raw).decode()


def hmac_sha256(value: object, key: object) -> bytes:
    """HMAC-SHA256 of a text under a key (RFC 2104); follow with ``b64`` or ``hex``."""
    return hmac.new(text(key).encode(), text(value).encode(), hashlib.sha256).digest()


def to_hex(value: object) -> str:
    """Hex digits of bytes."""
    if not isinstance(value, bytes):
        raise ValueError("hex is for bytes")  # noqa: TRY004 - one fault for all misfits
    return value.hex()


def urlencode(value: object) -> str:
    """Percent-encoded; everything but letters, digits and ``_.-~``. Query parameters are encoded without it."""
    return quote(text(value), safe="")


def join(value: Iterable[object], between: str = "") -> str:
    """One text out of many."""
    parts = [text(part) for part in value]
    if sum(map(len, parts)) + len(between) * len(parts) > MAX_TEXT:
        raise ValueError("too long")
    return between.join(parts)


def replace(value: object, old: str, new: str) -> str:
    """One text for another in a text."""
    whole = text(value)
    if not old or len(whole) + whole.count(old) * max(len(new) - len(old), 0) > MAX_TEXT:
        raise ValueError("too long, or nothing to replace")
    return whole.replace(old, new)


def default(value: object, otherwise: object = "", boolean: bool = False) -> object:  # noqa: FBT001, FBT002 - as in Jinja
    """The value, or another where it is missing (or empty, with ``true``)."""
    return otherwise if isinstance(value, Undefined) or (boolean and not value) else value


def tojson(value: object) -> str:
    """Compact JSON, as text."""
    if isinstance(value, StrictUndefined):
        return str(value)
    return msgspec.json.encode(value).decode()


def origin(value: object) -> str:
    """Scheme and host of a URL (RFC 6454)."""
    parts = urlsplit(text(value))
    return f"{parts.scheme}://{parts.netloc}"


def merge(value: Mapping[str, object], other: Mapping[str, object]) -> dict[str, object]:
    """Two sections as one; what the first has counts."""
    return {**other, **value}


def _length(value: Any) -> int:  # noqa: ANN401 - text, list or dict
    return len(value)


def _first(value: Any) -> object:  # noqa: ANN401 - text or list
    return value[0] if value else ""


def _last(value: Any) -> object:  # noqa: ANN401 - text or list
    return value[-1] if value else ""


def _dictsort(value: Mapping[str, object]) -> list[tuple[str, object]]:
    return sorted(value.items(), key=lambda item: str(item[0]))


def _int(value: Any) -> int:  # noqa: ANN401 - number or digits
    if isinstance(value, str) and len(value) > 40:
        raise ValueError("not a number")
    return int(value)


def _round(value: float, digits: int = 0) -> float:
    return round(value, digits)


ALL: dict[str, Callable[..., Any]] = {
    "b64": b64, "cut": cut, "cut_bytes": cut_bytes, "default": default, "dictsort": _dictsort, "first": _first,
    "hex": to_hex, "hmac_sha256": hmac_sha256, "int": _int, "join": join, "last": _last, "length": _length,
    "lower": lambda v: text(v).lower(), "md": md, "merge": merge, "oneline": oneline,
    "origin": origin, "replace": replace, "round": _round,
    "string": text, "tojson": tojson, "trim": lambda v: text(v).strip(), "upper": lambda v: text(v).upper(),
    "urlencode": urlencode, "utc": utc,
}  # fmt: skip
"""Name → filter. Jinja's own are not there: several make much out of little."""
