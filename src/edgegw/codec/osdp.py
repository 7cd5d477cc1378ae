"""OSDP (IEC 60839-11-5): plain frames, the replies that carry readings, the commands that a reader can be told.

Owns: header, CRC and checksum, finding replies in what a line gives, a reply's fields, a command's bytes.
Must not know: sessions, the secure channel (libosdp has both), ports, which point a field becomes, whose card it is.

A frame is ``53 address(|80 in replies) length(2, little-endian, all of it) control …``, then CRC-16/AUG-CCITT (little-endian)
where bit 2 of control is set, else one byte that makes the sum of all zero. Bits 0 and 1 of control are the sequence number, bit
3 says that a security block comes before the command or reply. Here a *reply* and a *command* are the code and its data, without
frame.
"""

from binascii import crc_hqx
from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from edgegw.codec import wiegand
from edgegw.codec.cards import Fields
from edgegw.errors import DecodeError

SOM = 0x53
REPLY_BIT = 0x80
USES_CRC = 0x04
HAS_SECURITY = 0x08
SEQUENCE = 0x03

POLL, OUT, LED, BUZ = 0x60, 0x68, 0x69, 0x6A
LSTATR, ISTATR, OSTATR, RSTATR, RAW, KEYPAD = 0x48, 0x49, 0x4A, 0x4B, 0x50, 0x53

MOST_ADDRESS = 126
"""127 is everybody."""

SHORTEST = 7
"""Bytes of the shortest frame: header of five, code, checksum."""

LONGEST = 1440
"""Bytes of the longest frame (the standard's largest message)."""

CRC_START = 0x1D0F

MOST_BITS = 1024
"""Bits of a card that are taken; the longest real ones (PIV cards' FASC-N) have 200."""

TICK_S = 0.1
"""Unit of the times of LED, buzzer and outputs."""

MOST_TICKS = 255
"""libosdp carries these times in one byte."""

HASH, STAR = 0x0D, 0x7F
"""Keys ``#`` and ``*`` as the standard spells them; digits are ASCII."""

_KEY_NAMES = {HASH: "#", STAR: "*"}

Color = Literal["black", "red", "green", "amber", "blue", "magenta", "cyan", "white"]
COLORS: Mapping[str, int] = {
    name: number for number, name in enumerate(("black", "red", "green", "amber", "blue", "magenta", "cyan", "white"))
}


# --- frames -----------------------------------------------------------------------------------------------------------


def _check(data: bytes, *, crc: bool) -> bytes:
    """What follows the frame's other bytes."""
    return crc_hqx(data, CRC_START).to_bytes(2, "little") if crc else bytes((-sum(data) & 0xFF,))


def frame(address: int, body: bytes, *, sequence: int = 0, reply: bool = False, crc: bool = True) -> bytes:
    """A plain frame around a command or reply.

    Args:
        address: 0 to 126, or 127 to everybody.
        body: code and data.
        sequence: 0 begins anew; then 1, 2, 3, 1 …
    """
    control = sequence | (USES_CRC if crc else 0)
    length = 5 + len(body) + (2 if crc else 1)
    head = bytes((SOM, address | (REPLY_BIT if reply else 0))) + length.to_bytes(2, "little") + bytes((control,))
    return head + body + _check(head + body, crc=crc)


def plain_reply(data: bytes) -> bytes:
    """The reply in one plain frame.

    Raises:
        DecodeError: ``bad-frame`` (no frame of a reader, or one under a secure channel), ``bad-checksum``.
    """
    if len(data) < SHORTEST or data[0] != SOM or not data[1] & REPLY_BIT:
        raise DecodeError("bad-frame", f"{len(data)} bytes, or they do not begin as a reader's frame")
    if int.from_bytes(data[2:4], "little") != len(data):
        raise DecodeError("bad-frame", f"{len(data)} bytes, and the frame says {int.from_bytes(data[2:4], 'little')}")
    if data[4] & HAS_SECURITY:
        raise DecodeError("bad-frame", "sent under a secure channel: only the reader's key opens it")
    crc = bool(data[4] & USES_CRC)
    end = len(data) - (2 if crc else 1)
    if end < 6:
        raise DecodeError("bad-frame", "no room for a reply before the CRC")
    if _check(data[:end], crc=crc) != data[end:]:
        raise DecodeError(
            "bad-checksum",
            f"wanted {_check(data[:end], crc=crc).hex().upper()}, the frame says {data[end:].hex().upper()}",
        )
    return data[5:end]


class Replies:
    """Finds the frames of one reader in what the line gives, whatever stands around them; secure ones too.

    Holds at most one unfinished frame (`LONGEST`). What does not check is searched for a frame from its second byte on.
    """

    def __init__(self, address: int) -> None:
        self._head = bytes((SOM, address | REPLY_BIT))
        self._buffer = bytearray()
        self.discarded = 0
        """Bytes that belonged to no frame of this reader."""

    def feed(self, data: bytes) -> list[bytes]:
        """Whole frames, CRC or checksum right, in order."""
        self._buffer += data
        found = []
        while (taken := self._next()) is not None:
            if taken:
                found.append(taken)
        return found

    def _next(self) -> bytes | None:
        """A frame; b"" if something was thrown away; None if more bytes are needed."""
        buffer = self._buffer
        start = buffer.find(SOM)
        if start < 0:
            self._drop(len(buffer))
            return None
        if start:
            self._drop(start)
        if len(buffer) < 5:
            return None
        length = int.from_bytes(buffer[2:4], "little")
        if buffer[:2] != self._head or not SHORTEST <= length <= LONGEST:
            self._drop(1)
            return b""
        if len(buffer) < length:
            return None
        whole = bytes(buffer[:length])
        crc = bool(whole[4] & USES_CRC)
        end = length - (2 if crc else 1)
        if _check(whole[:end], crc=crc) != whole[end:]:
            self._drop(1)
            return b""
        del buffer[:length]
        return whole

    def _drop(self, count: int) -> None:
        del self._buffer[:count]
        self.discarded += count


# --- what readers say -------------------------------------------------------------------------------------------------

CARD_FIELDS = ("reader", "bits", "number", "hex", "card", "wiegand")
STATUS_FIELDS = ("tamper", "power_fault", "reader_status")
KEY_FIELDS = ("keys", "pin")
MOST_CONTACTS = 16
"""Inputs and outputs of a reader that have fields; readers have two or four."""

FIELDS = (
    *CARD_FIELDS,
    *KEY_FIELDS,
    *STATUS_FIELDS,
    *(f"input{number}" for number in range(MOST_CONTACTS)),
    *(f"output{number}" for number in range(MOST_CONTACTS)),
)
"""Every field a reply can give: see `reply_fields`."""


def reply_fields(reply: bytes, *, parity: bool) -> Fields:
    """Fields of one reply; none for replies that say nothing of a reader's state (ACK, identification …).

    - ``card`` (text, ten digits as printed) and ``wiegand`` (facility,number) of a read of 26, 34 or 37 bits, where `parity`;
    - ``number`` (text, all bits as one decimal number), ``hex`` (the same in hex), ``bits``, ``reader`` of any read;
    - ``keys``: what was pressed (digits, ``*``, ``#``); ``pin``: the digits before a closing ``#``;
    - ``tamper``, ``power_fault``: true or false; ``reader_status``: normal, lost or tampered;
    - ``input0`` … and ``output0`` …: true or false.

    Args:
        parity: reads of 26, 34 and 37 bits are Wiegand (`codec.wiegand`): their parity bits must be right.

    Raises:
        DecodeError: ``bad-frame``, ``bad-value`` (no key), ``bad-checksum`` (parity), ``too-long``.
    """
    if not reply:
        raise DecodeError("bad-frame", "an empty reply")
    data = reply[1:]
    fields: Fields = {}
    match reply[0]:
        case 0x50:
            fields = _card(data, parity=parity)
        case 0x53:
            fields = _keys(data)
        case 0x48:
            tamper, power = _exactly(data, 2, "local status")
            fields = {"tamper": bool(tamper), "power_fault": bool(power)}
        case 0x4B:
            fields = {"reader_status": _reader_status(data)}
        case 0x49:
            fields = _contacts("input", data)
        case 0x4A:
            fields = _contacts("output", data)
    return fields


def _exactly(data: bytes, count: int, what: str) -> bytes:
    if len(data) != count:
        raise DecodeError("bad-frame", f"{what} of {len(data)} bytes, not {count}")
    return data


def _card(data: bytes, *, parity: bool) -> Fields:
    """RAW: reader, format, count of bits (2, little-endian), the bits from the left."""
    if len(data) < 5:
        raise DecodeError("bad-frame", f"a card read of {len(data)} bytes")
    bits = int.from_bytes(data[2:4], "little")
    if not 1 <= bits <= MOST_BITS:
        raise DecodeError("too-long", f"a card of {bits} bits")
    if len(data) - 4 != (bits + 7) // 8:
        raise DecodeError("bad-frame", f"{bits} bits in {len(data) - 4} bytes")
    number = int.from_bytes(data[4:]) >> (-bits % 8)
    found: Fields = {"reader": data[0], "bits": bits, "number": str(number), "hex": f"{number:0{(bits + 3) // 4}X}"}
    if parity and bits in wiegand.LAYOUTS:
        printed = wiegand.parse(f"{number:0{bits}b}")
        found |= {"card": printed["card"], "wiegand": printed["wiegand"]}
    return found


def _keys(data: bytes) -> Fields:
    """KEYPAD: reader, count, keys."""
    if len(data) < 2 or len(data) - 2 != data[1]:
        raise DecodeError("bad-frame", f"keys in {len(data)} bytes, or their count is wrong")
    keys = "".join(map(_key, data[2:]))
    found: Fields = {"reader": data[0], "keys": keys}
    if keys.endswith("#") and keys[:-1].isdecimal():
        found["pin"] = keys[:-1]
    return found


def _key(code: int) -> str:
    if code in _KEY_NAMES:
        return _KEY_NAMES[code]
    text = chr(code)
    if code < 0x80 and (text.isdecimal() or text in "*#ABCD"):
        return text
    raise DecodeError("bad-value", "a byte that is no key")


def _reader_status(data: bytes) -> str:
    """RSTATR: a byte a reader; the worst counts."""
    if not data or max(data) > 2:
        raise DecodeError("bad-frame", "no reader's status, or one that is not 0 to 2")
    return ("normal", "lost", "tampered")[max(data)]


def _contacts(name: str, data: bytes) -> Fields:
    if len(data) > MOST_CONTACTS:
        raise DecodeError("too-long", f"{len(data)} of {name}")
    return {f"{name}{number}": bool(value) for number, value in enumerate(data)}


# --- what readers can be told -----------------------------------------------------------------------------------------


class Led(Struct, frozen=True):
    """A colour for a time, then what it showed before; or from now on.

    Attributes:
        color, off_color: what it shows for `on` and for `off` ticks, in turn; `off` 0: `color` alone.
        ticks: how long, 0 is from now on.
    """

    color: str
    off_color: str = "black"
    on: int = 1
    off: int = 0
    ticks: int = 0
    reader: int = 0
    led: int = 0

    def body(self) -> bytes:
        """The command."""
        colors = (COLORS[self.color], COLORS[self.off_color])
        if self.ticks:
            shown = (2, self.on, self.off, *colors, self.ticks & 0xFF, self.ticks >> 8, 0, 0, 0, 0, 0)
        else:
            shown = (0, 0, 0, 0, 0, 0, 0, 1, self.on, self.off, *colors)
        return bytes((LED, self.reader, self.led, *shown))


class Buzzer(Struct, frozen=True):
    """`count` tones of `on` ticks, `off` ticks apart."""

    on: int
    off: int = 0
    count: int = 1
    reader: int = 0

    def body(self) -> bytes:
        """The command."""
        return bytes((BUZ, self.reader, 2, self.on, self.off, self.count))


class Output(Struct, frozen=True):
    """An output on or off: for `ticks`, then as before; or from now on (0)."""

    output: int
    on: bool
    ticks: int = 0

    @property
    def control(self) -> int:
        """5 and 6: on and off for a time; 2 and 1: for good."""
        if self.ticks:
            return 5 if self.on else 6
        return 2 if self.on else 1

    def body(self) -> bytes:
        """The command."""
        return bytes((OUT, self.output, self.control)) + self.ticks.to_bytes(2, "little")


Told = Led | Buzzer | Output
"""One OSDP command."""

SHOWN_SEQUENCE = 2
"""Sequence number of commands as they are shown to people and in samples; on the line it counts on."""


def shown(parts: tuple[Told, ...]) -> bytes:
    """The frames to address 0 as they would be without a secure channel, one after the other."""
    return b"".join(frame(0, part.body(), sequence=SHOWN_SEQUENCE) for part in parts)
