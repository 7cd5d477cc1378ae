"""DL/T 645-2007 frames of electricity meters, pure: asking, understanding the answer, finding frames in a stream.

Owns: the frame, the masking of data (+33), control codes, error words, follow-up frames.
Must not know: ports, timing, which data identifier is which point (profiles say so).

``[FE …] 68 address(6, BCD, low byte first) 68 control length data CS 16``. CS is the sum from the first 68. Every data byte
travels plus 33 (hex). Addresses here are the meter's number as printed: 12 digits, high digit first; ``AA`` in place of two
leading digits stands for any (short addressing).

Source: DL/T 645-2007: data link layer, application layer, annex A (identifiers and formats), annex C (error word).
"""

import re
from typing import NamedTuple

from edgegw.codec import bcd
from edgegw.codec.summed import Shape, SummedFramer, opened, seal
from edgegw.errors import DecodeError

BROADCAST = "AAAAAAAAAAAA"
"""Every meter answers to it: for one meter on the line only, to ask its address."""

READ, READ_MORE, READ_ADDRESS = 0x11, 0x12, 0x13
REPLY, ERROR, FOLLOWS = 0x80, 0x40, 0x20
"""Bits of the control code: from the meter; refused; more frames follow."""

FUNCTION = 0x1F
"""The bits of the control code that say what is asked."""

MOST_DATA = 200
"""Data bytes of a frame, identifier included: L is at most 200 when reading."""

MOST_FOLLOWING = 255
"""Follow-up frames of one value: the sequence is one byte, counted from 1."""

ERRORS = (
    "other error",
    "no such data",
    "wrong password or not allowed",
    "baud rate cannot be changed",
    "too many year zones",
    "too many day periods",
    "too many tariffs",
    "reserved",
)
"""Bits of the error word, lowest first (DL/T 645-2007 annex C)."""

SHAPE = Shape("DL/T 645", length=9, most=MOST_DATA, second=7)

_MASK = bytes((n + 0x33) & 0xFF for n in range(256))
_UNMASK = bytes((n - 0x33) & 0xFF for n in range(256))
_ADDRESS = re.compile(r"(?=.{12}$)(?:AA)*[0-9]*")
_DI = re.compile(r"[0-9A-Fa-f]{8}")


class Frame(NamedTuple):
    """A frame: address (12 digits, high first), control code, data without the mask, in the order of the wire."""

    address: str
    control: int
    data: bytes

    @property
    def more(self) -> bool:
        """Whether the meter has more of the same value: ask with `follow_request`."""
        return self.control & (REPLY | ERROR | FOLLOWS) == REPLY | FOLLOWS


def request(address: str, control: int, data: bytes = b"") -> bytes:
    """A frame's bytes, without FE before it.

    Raises:
        ValueError: not an address, or more data than a frame holds.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r}: a meter's address has 12 digits, the leading ones in pairs of AA if unknown")
    if len(data) > MOST_DATA:
        raise ValueError(f"{len(data)} data bytes, a frame holds {MOST_DATA}")
    head = bytes((0x68, *bytes.fromhex(address)[::-1], 0x68, control, len(data)))
    return seal(head + data.translate(_MASK))


def identifier(di: str) -> bytes:
    """A data identifier's four bytes in the order of the wire. Raises ValueError if it is not 8 hex digits."""
    if not _DI.fullmatch(di):
        raise ValueError(f"{di!r}: a data identifier has 8 hex digits")
    return bytes.fromhex(di)[::-1]


def read_request(address: str, di: str) -> bytes:
    """Asks for the value with this identifier (8 hex digits as the standard prints them: ``00010000``)."""
    return request(address, READ, identifier(di))


def follow_request(address: str, di: str, sequence: int) -> bytes:
    """Asks for what follows; `sequence` is 1 for the first follow-up frame."""
    if not 1 <= sequence <= MOST_FOLLOWING:
        raise ValueError(f"sequence {sequence}: 1 to {MOST_FOLLOWING}")
    return request(address, READ_MORE, identifier(di) + bytes((sequence,)))


def address_request() -> bytes:
    """Asks the only meter on the line for its address."""
    return request(BROADCAST, READ_ADDRESS)


def parse(frame: bytes) -> Frame:
    """A frame's parts; FE before it is allowed.

    Raises:
        DecodeError: ``truncated``, ``bad-frame``, ``bad-checksum``.
    """
    body = opened(frame, SHAPE)
    return Frame(body[6:0:-1].hex().upper(), body[8], body[10:].translate(_UNMASK))


def matches(asked: str, said: str) -> bool:
    """Whether a meter with the address `said` may answer to `asked` (AA stands for any two digits)."""
    if asked == said:
        return True
    return all(asked[n : n + 2] in ("AA", said[n : n + 2]) for n in range(0, 12, 2))


def read_address(frame: Frame) -> str:
    """The meter's address from its answer to `address_request`.

    Raises:
        DecodeError: ``not-ours`` if it answers something else, ``device-exception``, ``bad-frame``, ``bad-value``.
    """
    _answered(frame, READ_ADDRESS)
    if len(frame.data) != 6:
        raise DecodeError("bad-frame", f"an address of {len(frame.data)} bytes")
    return bcd.digits(frame.data)


def read_reply(frame: Frame, address: str, di: str, sequence: int = 0) -> bytes:
    """The value's bytes from the answer to `read_request` or, with its sequence, to `follow_request`.

    `frame.more` says whether more follow. A meter asked by broadcast answers with its own address.

    Raises:
        DecodeError: ``not-ours`` (another meter, another identifier or sequence, a request: an echo or a late answer),
            ``device-exception`` (the meter refused; detail has the error word's names), ``truncated``.
    """
    if not matches(address, frame.address):
        raise DecodeError("not-ours", f"asked meter {address}, {frame.address} answered")
    _answered(frame, READ_MORE if sequence else READ)
    if len(frame.data) < 4 + bool(sequence):
        raise DecodeError("truncated", f"meter {address}: {len(frame.data)} data bytes, no identifier")
    said = frame.data[3::-1].hex().upper()
    if said != di.upper():
        raise DecodeError("not-ours", f"meter {address}: asked {di}, answered was {said}")
    if not sequence:
        return frame.data[4:]
    if frame.data[-1] != sequence:
        raise DecodeError("not-ours", f"meter {address}: asked follow-up {sequence}, answered was {frame.data[-1]}")
    return frame.data[4:-1]


def _answered(frame: Frame, function: int) -> None:
    """Refuses what answers another function, and what the meter refuses."""
    if not frame.control & REPLY or frame.control & FUNCTION != function:
        raise DecodeError("not-ours", f"control code {frame.control:02X} does not answer {function:02X}")
    if frame.control & ERROR:
        raise DecodeError("device-exception", f"meter {frame.address}: {error_text(frame.data)}")


def error_text(data: bytes) -> str:
    """The names of an error word's bits."""
    if not data:
        return "refused without an error word"
    names = [name for bit, name in enumerate(ERRORS) if data[0] >> bit & 1]
    return ", ".join(names) or "refused without a reason"


def value(data: bytes, form: str) -> bcd.Value | None:
    """One value's bytes by its format as the standard prints it, such as ``XXXXXX.XX``; see `bcd.value`."""
    return bcd.value(data, form)


class Exchange:
    """Reading one value, follow-up frames included: send `request`, give it what comes, until it returns the value's bytes.

    Bounded: at most 255 follow-up frames of 195 bytes each.
    """

    def __init__(self, address: str, di: str) -> None:
        self._address = address
        self._di = di
        self._sequence = 0
        self._data = bytearray()

    @property
    def request(self) -> bytes:
        """The frame to send now."""
        if not self._sequence:
            return read_request(self._address, self._di)
        return follow_request(self._address, self._di, self._sequence)

    def take(self, frame: Frame) -> bytes | None:
        """The whole value's bytes, or None if `request` has to be sent again for what follows.

        Raises:
            DecodeError: see `read_reply`; ``too-large`` if the meter never comes to an end.
        """
        self._data += read_reply(frame, self._address, self._di, self._sequence)
        if not frame.more:
            return bytes(self._data)
        if self._sequence == MOST_FOLLOWING:
            raise DecodeError(
                "too-large", f"meter {self._address}: {self._di} has more than {MOST_FOLLOWING} follow-up frames"
            )
        self._sequence += 1
        return None


class Framer(SummedFramer):
    """DL/T 645 frames in a stream of bytes; see `summed.SummedFramer`. At most 212 bytes are kept."""

    def __init__(self) -> None:
        super().__init__(SHAPE)
