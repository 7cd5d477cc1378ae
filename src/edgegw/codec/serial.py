"""The serial protocols by name.

Owns: the explicit table from which a profile's `serial.protocol` is chosen.
Must not know: the profile schema, framing.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from edgegw.codec import cards, gst9000, text, wiegand
from edgegw.codec.cards import Fields
from edgegw.errors import ProfileError


class SerialParser(NamedTuple):
    """A parser of frames and the names of the fields it can give.

    `parse` raises DecodeError: ``bad-frame``, ``bad-checksum``, ``bad-text``, ``too-large``.
    """

    parse: Callable[[bytes], Fields]
    fields: tuple[str, ...]


Maker = Callable[[str | None, str], SerialParser]
"""From pattern (or None) and encoding to the parser."""

_CARD = ("card", "wiegand", "hex", "version")
_WIEGAND = ("card", "wiegand", "hex", "facility", "number", "bits")


def _rdm6300(pattern: str | None, _encoding: str) -> SerialParser:
    return SerialParser(cards.rdm6300, _CARD) if pattern is None else _no_pattern()


def _em_binary(pattern: str | None, _encoding: str) -> SerialParser:
    return SerialParser(cards.em_binary, (*_CARD, "type")) if pattern is None else _no_pattern()


def _vguang(pattern: str | None, _encoding: str) -> SerialParser:
    return SerialParser(cards.vguang, ("cmd", "hex", "text")) if pattern is None else _no_pattern()


def _wiegand_bits(pattern: str | None, _encoding: str) -> SerialParser:
    return SerialParser(wiegand.from_bits, _WIEGAND) if pattern is None else _no_pattern()


def _wiegand_hex(pattern: str | None, _encoding: str) -> SerialParser:
    return SerialParser(wiegand.from_hex, _WIEGAND) if pattern is None else _no_pattern()


def _gst9000(pattern: str | None, _encoding: str) -> SerialParser:
    return SerialParser(gst9000.parse, gst9000.FIELDS) if pattern is None else _no_pattern()


def _text(pattern: str | None, encoding: str) -> SerialParser:
    return (
        SerialParser(text.line(encoding), ("text",))
        if pattern is None
        else SerialParser(*text.matcher(pattern, encoding))
    )


def _no_pattern() -> SerialParser:
    raise ProfileError("pattern", "a pattern goes with protocol text only")


SERIAL_PROTOCOLS: Mapping[str, Maker] = {
    "rdm6300": _rdm6300,
    "em-binary": _em_binary,
    "vguang": _vguang,
    "wiegand-bits": _wiegand_bits,
    "wiegand-hex": _wiegand_hex,
    "gst9000": _gst9000,
    "text": _text,
}
"""``text`` without a pattern gives the whole line as field ``text``."""
