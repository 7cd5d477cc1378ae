"""Blotting out what a recording must not hold: card numbers, PINs, keys, tokens, names, pictures.

Owns: which values those are, what stands in their place, and checksums that hold afterwards.
Must not know: where messages come from, what is written down in the end.

A value is replaced by a random one of the same shape (digits by digits, letters by letters), the same value always by the same
within a recording, so that a card that appears twice still is one card. The random numbers are handed in: nothing of the original
can be computed from what is written.
"""

import json
import re
from collections.abc import Callable, Iterator
from functools import reduce
from operator import xor

from edgegw.authoring.jsonspans import Path, Span, replaced, spans
from edgegw.codec import wiegand
from edgegw.errors import DecodeError
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_mqtt import MqttRead

Pick = Callable[[int], int]
"""A random whole number from 0 to below its argument (`secrets.randbelow`)."""

NAMED = re.compile(
    r"(?:^|_)(?:card|cardno|cardid|pin|pwd|pass|password|passwd|secret|token|key|apikey|psk|sign|signature|code|qrcode|"
    r"plate|plateno|platenumber|licenseplate|idcard|idno|identity|phone|mobile|tel|email|name|username|personname|"
    r"personid|userid|ssid|bssid|pic|picture|image|photo|img|face|template|feature)\Z"
)
"""Keys whose values are never written down, in lower case with ``-`` and camel case as ``_`` or nothing between the words."""

LEAST = 4
"""Shorter values of such keys stay: `code: 200`, `key: 1` say what happened, not who."""

PICTURE = 512
"""Characters above which a text is a picture or a template, whatever its key."""

PICTURE_LEFT = 8
"""Characters of a picture's data that stay in form."""

_DATA_URL = re.compile(r"data:[\w/+.-]+;base64,")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")

NO_FRAME = "it is no frame of this reader, so what is secret in it cannot be found"
FRAME_LOST = "the frame's checksum cannot be made anew by this program"


class UnblottableError(Exception):
    """A message that holds a secret which cannot be replaced; the text says why. It is left out."""


class Blotter:
    """Replaces secrets, each by the same replacement for as long as this object lives.

    Args:
        pick: source of randomness.
    """

    def __init__(self, profile: Profile | None, pick: Pick) -> None:
        self._profile = profile
        self._pick = pick
        self._known: dict[str, str] = {}
        points = profile.points.items() if profile is not None else ()
        self._secret = {name for name, point in points if point.secret}

    @property
    def replaced(self) -> int:
        """How many different values were replaced so far."""
        return len(self._known)

    def text(self, value: str) -> str:
        """What stands for a secret text from now on."""
        if value not in self._known:
            made = _shaped(value, self._pick)
            while made == value and re.search(r"[0-9A-Za-z]", value):
                made = _shaped(value, self._pick)
            self._known[value] = made
        return self._known[value]

    # --- MQTT

    def payload(self, template: str, payload: str) -> str:
        """A payload of the topic `template` without its secrets. Raises UnblottableError."""
        read = self._read(template)
        if any(path == () and secret for path, secret in read):
            return self.text(payload)
        if not payload.lstrip().startswith(("{", "[", '"')):
            return payload
        try:
            found = list(spans(payload))
        except (ValueError, IndexError):  # no JSON: a message the profile refuses, and nobody knows what is in it
            if self._secret:
                raise UnblottableError("it is no JSON, so what is secret in it cannot be found") from None
            return payload
        open_ = {path for path, secret in read if not secret}
        hidden = {path for path, secret in read if secret}
        changes = {i: made for i, span in enumerate(found) if (made := self._instead(span, open_, hidden)) is not None}
        self._elsewhere(found, changes)
        return replaced(payload, changes, found)

    def _read(self, template: str) -> list[tuple[Path, bool]]:
        """Paths the profile reads on a topic, and whether what it reads there is secret. Free text that is not says nothing
        either way: a person's name is read openly, and still no business of whoever reads the profile.
        """
        if self._profile is None:
            return []
        told = [
            (path, name in self._secret)
            for name, point in self._profile.points.items()
            if point.mqtt is not None
            and (point.mqtt.topic or self._profile.mqtt.topic) == template
            and (name in self._secret or point.type != "str" or point.map is not None)
            for path in _paths(point.mqtt)
        ]
        match = self._profile.mqtt.match
        return told + ([(tuple(match.path.split(".")), False)] if match is not None else [])

    def _instead(self, span: Span, open_: set[Path], hidden: set[Path]) -> str | None:
        value = span.value
        if value is None or isinstance(value, bool):
            return None
        is_hidden = any(span.path[: len(path)] == path for path in hidden)
        if isinstance(value, str) and (len(value) > PICTURE or _DATA_URL.match(value)):
            return None if span.path in open_ else json.dumps(_cut(value))
        if not is_hidden and (span.path in open_ or not _named(span.path) or len(str(value)) < LEAST):
            return None
        if isinstance(value, str):
            return json.dumps(self.text(value), ensure_ascii=False)
        return self._number(json.dumps(value))

    def _number(self, digits: str) -> str:
        made = self.text(digits)
        return made if not re.match(r"-?0[0-9]", made) else made.replace("0", "1", 1)

    def _elsewhere(self, found: list[Span], changes: dict[int, str]) -> None:
        """What was secret in one place is so in all others, a URL or a topic in the payload."""
        known = [(old, new) for old, new in self._known.items() if len(old) >= LEAST]
        for index, span in enumerate(found):
            if index in changes or not isinstance(span.value, str):
                continue
            text = span.value
            for old, new in known:
                text = text.replace(old, new)
            if text != span.value:
                changes[index] = json.dumps(text, ensure_ascii=False)

    # --- serial

    def frame(self, frame: bytes) -> bytes:
        """A frame without its secrets, its checksum right. Raises UnblottableError, and DecodeError where it is no frame."""
        section = self._profile.serial if self._profile is not None else None
        if section is None or not self._secret:
            return frame
        reseal = _RESEAL.get(section.protocol)
        if reseal is not None:
            return reseal(frame, self.text)
        if section.protocol == "text":
            return self._line(frame, section.pattern, section.encoding)
        raise UnblottableError(FRAME_LOST)

    def _line(self, frame: bytes, pattern: str | None, encoding: str) -> bytes:
        try:
            line = frame.decode(encoding)
        except UnicodeDecodeError as error:
            raise DecodeError("bad-text", f"not {encoding} text") from error
        if pattern is None:
            return _encoded(self.text(line), encoding)
        left = len(line) - len(line.lstrip())
        match = re.compile(pattern).fullmatch(line.strip())
        if match is None:
            raise UnblottableError("the line does not match the pattern, so what is secret in it cannot be found")
        points = self._profile.points.items() if self._profile is not None else ()
        fields = {point.serial.field for name, point in points if name in self._secret and point.serial is not None}
        for field in sorted(fields & match.groupdict().keys(), key=match.start, reverse=True):
            start, end = match.span(field)
            if start >= 0:
                line = line[: left + start] + self.text(match[field]) + line[left + end :]
        return _encoded(line, encoding)


def _encoded(line: str, encoding: str) -> bytes:
    try:
        return line.encode(encoding)
    except UnicodeEncodeError:
        raise UnblottableError(f"what would stand for the secret is no {encoding} text") from None


def _named(path: Path) -> bool:
    key = next((part for part in reversed(path) if not part.isdecimal()), "")
    words = _CAMEL.sub("_", key).lower().replace("-", "_")
    return NAMED.search(words) is not None or NAMED.search(words.replace("_", "")) is not None


def _cut(value: str) -> str:
    head = _DATA_URL.match(value)
    return (head[0] if head else "") + "A" * PICTURE_LEFT


def _paths(read: MqttRead) -> Iterator[Path]:
    """Where a point's value may be; of a list, wherever in it, all of it."""
    for dotted in (read.each,) if read.each is not None else (read.path, read.or_path):
        if dotted is not None:
            yield tuple(dotted.split(".")) if dotted else ()


def _shaped(value: str, pick: Pick) -> str:
    """A text of the same shape: hex digits where all are (and one is a letter), else digit by digit and letter by letter."""
    if re.fullmatch(r"[0-9a-f]+|[0-9A-F]+", value) and re.search("[a-fA-F]", value):
        made = "".join("0123456789abcdef"[pick(16)] for _ in value)
        return made.upper() if value.isupper() else made
    return "".join(_sign(sign, pick) for sign in value)


def _sign(sign: str, pick: Pick) -> str:
    if sign in "0123456789":
        return str(pick(10))
    if "a" <= sign <= "z":
        return chr(ord("a") + pick(26))
    if "A" <= sign <= "Z":
        return chr(ord("A") + pick(26))
    return sign if sign.isascii() else "某"


# --- frames whose checksum can be made anew ---------------------------------------------------------------------------

Replace = Callable[[str], str]


def _sum(data: bytes) -> int:
    return reduce(xor, data, 0)


def _card(ident: bytes, text: Replace) -> bytes:
    """Another 32-bit number; the version byte stays."""
    return ident[:1] + bytes.fromhex(_hex(text(ident[1:].hex())))


def _hex(digits: str) -> str:
    """Hex digits, also where a number without letters was replaced by one."""
    return digits if re.fullmatch(r"[0-9a-fA-F]*", digits) else "0" * len(digits)


def _rdm6300(frame: bytes, text: Replace) -> bytes:
    try:
        data = bytes.fromhex(frame[1:13].decode("ascii"))
    except ValueError:
        raise UnblottableError(NO_FRAME) from None
    if len(frame) != 14 or len(data) != 6:
        raise UnblottableError(NO_FRAME)
    wrong = _sum(data)
    ident = _card(data[:5], text)
    return frame[:1] + (ident + bytes((_sum(ident) ^ wrong,))).hex().upper().encode() + frame[13:]


def _em_binary(frame: bytes, text: Replace) -> bytes:
    if len(frame) != 10:
        raise UnblottableError(NO_FRAME)
    wrong = _sum(frame[1:9])
    body = frame[1:3] + _card(frame[3:8], text)
    return frame[:1] + body + bytes((_sum(body) ^ wrong,)) + frame[9:]


def _vguang(frame: bytes, text: Replace) -> bytes:
    size = int.from_bytes(frame[3:5], "little") if len(frame) >= 6 else -1
    if len(frame) != size + 6:
        raise UnblottableError(NO_FRAME)
    wrong = _sum(frame)
    data = frame[5:-1]
    try:
        made = text(data.decode("ascii")).encode()
    except UnicodeDecodeError:
        made = bytes.fromhex(_hex(text(data.hex())))
    body = frame[:5] + made
    return body + bytes((_sum(body) ^ wrong,))


def _wiegand_hex(frame: bytes, text: Replace) -> bytes:
    """Hex digits without any parity of their own."""
    digits = frame.strip()
    if not re.fullmatch(rb"[0-9a-fA-F]+", digits):
        raise UnblottableError(NO_FRAME)
    return frame.replace(digits, text(digits.decode().upper()).encode(), 1)


def _wiegand_bits(frame: bytes, text: Replace) -> bytes:
    """Other data bits, both parity bits right or wrong as they were."""
    bits = frame.strip().decode("latin-1")
    layout = wiegand.LAYOUTS.get(len(bits))
    if layout is None or bits.strip("01"):
        raise UnblottableError(NO_FRAME)

    def sealed(data: int) -> str:
        return wiegand.encode(layout.bits, data >> layout.card, data & ((1 << layout.card) - 1))

    data, width = int(bits[1:-1], 2), layout.bits - 2
    right = sealed(data)
    made = sealed(int(text(f"{data:010X}"), 16) & ((1 << width) - 1))
    flipped = "".join(
        bit if was == good else str(1 - int(bit)) for bit, was, good in zip(made, bits, right, strict=True)
    )
    return frame.replace(bits.encode(), flipped.encode(), 1)


_RESEAL: dict[str, Callable[[bytes, Replace], bytes]] = {
    "rdm6300": _rdm6300,
    "em-binary": _em_binary,
    "vguang": _vguang,
    "wiegand-hex": _wiegand_hex,
    "wiegand-bits": _wiegand_bits,
}
"""Protocols whose frames can be closed again: a right checksum stays right, a wrong one is wrong by the same bits."""
