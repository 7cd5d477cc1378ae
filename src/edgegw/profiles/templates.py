"""Texts with gaps: topics and payloads of commands and acknowledgements.

Owns: what stands in braces, and that a value put there can never become more than a value.
Must not know: commands, devices, where values come from.

``{name}`` is a value handed in, ``{{a.b}}`` a path of a message. A text that begins as JSON is one: outside quotes a gap takes
the JSON text of its value, inside quotes the value's text, escaped; so no argument ends a string, an object or a payload. In
other texts control characters are refused, in topics also what has a meaning there.
"""

import math
import re
from collections.abc import Callable

import msgspec

from edgegw.model import Value

_GAP = re.compile(r"\{\{([^{}\s]+)\}\}|\{([a-z0-9][a-z0-9_.-]*)\}")
_JSON = re.compile(r"\s*(\[|\{\s*[\"}])")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_TOPIC_MEANS = re.compile(r"[\x00-\x1f\x7f+#/]")

Find = Callable[[str], Value]
"""The value of a gap, by its name or path."""

_Part = str | tuple[str, bool, bool]
"""Literal text, or (name, whether it is a path, whether it stands inside a JSON string)."""


class Template:
    """A text with gaps. Attributes: `names` handed in, `paths` of a message, whether it `is_json`."""

    __slots__ = ("_parts", "_topic", "is_json", "names", "paths", "text")

    def __init__(self, text: str, *, topic: bool = False) -> None:
        self.text = text
        self.is_json = not topic and _JSON.match(text) is not None
        self._topic = topic
        self._parts: list[_Part] = []
        names: list[str] = []
        paths: list[str] = []
        at, quoted = 0, False
        for gap in _GAP.finditer(text):
            literal = text[at : gap.start()]
            quoted = _quoted_after(literal, quoted=quoted)
            self._parts.append(literal)
            path, name = gap[1], gap[2]
            self._parts.append((path or name, path is not None, quoted))
            (paths if path else names).append(path or name)
            at = gap.end()
        self._parts.append(text[at:])
        self.names = frozenset(names)
        self.paths = frozenset(paths)

    def fill(self, name: Find, path: Find | None = None, *, address: str = "") -> str:
        """The text with every gap filled.

        Args:
            name: of ``{name}``; `address` is filled in by itself (it may hold ``/`` in a topic: the site file says it).
            path: of ``{{path}}``.

        Raises:
            ValueError: a value that must not stand there: wildcards or ``/`` in a topic, control characters outside JSON, None in
                a text, a float that is no number.
        """
        return "".join(
            part if isinstance(part, str) else self._value(part, name, path or name, address) for part in self._parts
        )

    def _value(self, part: tuple[str, bool, bool], name: Find, path: Find, address: str) -> str:
        key, is_path, quoted = part
        if key == "address" and not is_path:
            return _escaped(address) if quoted and self.is_json else json_text(address) if self.is_json else address
        value = path(key) if is_path else name(key)
        if self.is_json and not quoted:
            return json_text(value)
        text = _plain(key, value)
        if self.is_json:
            return _escaped(text)
        if self._topic and (not text or _TOPIC_MEANS.search(text)):
            raise ValueError(f"{key}: {text!r} cannot be a part of a topic")
        if _CONTROL.search(text):
            raise ValueError(f"{key}: {text!r} holds control characters")
        return text


def _quoted_after(literal: str, *, quoted: bool) -> bool:
    """Whether what follows stands inside a JSON string."""
    escaped = False
    for char in literal:
        if escaped:
            escaped = False
        elif char == "\\" and quoted:
            escaped = True
        elif char == '"':
            quoted = not quoted
    return quoted


def json_text(value: Value) -> str:
    """A value's JSON. Raises ValueError for what JSON has no text for."""
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value} is no number")
    try:
        return msgspec.json.encode(value).decode()
    except (UnicodeEncodeError, OverflowError) as error:
        raise ValueError("not a text or number that JSON can hold") from error


def _escaped(text: str) -> str:
    return json_text(text)[1:-1]


def _plain(key: str, value: Value) -> str:
    if value is None:
        raise ValueError(f"{key} has no value")
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else json_text(value)
