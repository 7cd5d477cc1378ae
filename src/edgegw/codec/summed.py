"""What DL/T 645 and CJ/T 188 frames have in common: 68 … length, data, one byte sum, 16.

Owns: the sum, sealing a frame, checking one of known shape, finding frames in a stream.
Must not know: what an address, a control code or the data mean.
"""

from typing import NamedTuple

from edgegw.codec.framing import Sized
from edgegw.errors import DecodeError

START, END, WAKE = 0x68, 0x16, 0xFE

IDLE_S = 0.5
"""The longest pause between two bytes of a frame that DL/T 645-2007 allows: 500 ms. CJ/T 188 lines run at the same rates."""


class Shape(NamedTuple):
    """Where things are in a frame.

    Attributes:
        length: offset of the length byte.
        most: most data bytes.
        second: offset of a second 68, 0 if there is none.
    """

    name: str
    length: int
    most: int
    second: int = 0

    @property
    def overhead(self) -> int:
        """Bytes of a frame without data: all up to the length byte, the sum, 16."""
        return self.length + 3


def checksum(data: bytes | bytearray) -> int:
    """The sum of all bytes, modulo 256."""
    return sum(data) & 0xFF


def seal(body: bytes) -> bytes:
    """A frame from its first 68 to its last data byte, with sum and end."""
    return body + bytes((checksum(body), END))


def opened(frame: bytes, shape: Shape) -> bytes:
    """A frame without leading FE, checked: from the first 68 to the last data byte.

    Raises:
        DecodeError: ``truncated`` (shorter than it says), ``bad-frame`` (no 68, no 16, more bytes than it says, or a length no
            frame has), ``bad-checksum``.
    """
    frame = frame.lstrip(b"\xfe")
    if frame and frame[0] != START:
        raise DecodeError("bad-frame", f"a {shape.name} frame begins with 68, not {frame[0]:02X}")
    if len(frame) <= shape.length:
        raise DecodeError("truncated", f"{len(frame)} bytes are no {shape.name} frame")
    if shape.second and frame[shape.second] != START:
        raise DecodeError("bad-frame", f"no second 68 behind the address but {frame[shape.second]:02X}")
    size = frame[shape.length]
    if size > shape.most:
        raise DecodeError("bad-frame", f"{size} data bytes, the standard allows {shape.most}")
    total = shape.overhead + size
    if len(frame) < total:
        raise DecodeError("truncated", f"{len(frame)} of {total} bytes")
    if len(frame) > total or frame[-1] != END:
        raise DecodeError("bad-frame", f"does not end with 16 after {total} bytes")
    body = frame[:-2]
    if checksum(body) != frame[-2]:
        raise DecodeError("bad-checksum", f"sum is {checksum(body):02X}, the frame says {frame[-2]:02X}")
    return body


class SummedFramer(Sized):
    """Frames of one shape in a stream; see `framing.Framer`. FE before a frame wakes the line and is not counted as discarded.

    A frame whose sum is wrong comes out too, so that whoever asked can say so; but the search goes on at its second byte: what
    looked like a frame may be garbage with a good one inside. Only the frames with a right sum therefore take their bytes away.
    """

    def __init__(self, shape: Shape, idle_s: float = IDLE_S) -> None:
        super().__init__(bytes((START,)), bytes((END,)), idle_s)
        self._shape = shape

    def _drop(self, count: int) -> None:
        self.discarded += count - self._buffer.count(WAKE, 0, count)
        del self._buffer[:count]

    def _length(self) -> int | None:
        buffer, shape = self._buffer, self._shape
        if shape.second and len(buffer) > shape.second and buffer[shape.second] != START:
            return 0
        if len(buffer) <= shape.length:
            return None
        size = buffer[shape.length]
        return shape.overhead + size if size <= shape.most else 0

    def _cut(self, frames: list[bytes]) -> None:
        buffer = self._buffer
        while True:
            at = buffer.find(START)
            self._drop(at if at >= 0 else len(buffer))
            if at < 0:
                return
            length = self._length()
            if length is None or len(buffer) < length:
                return
            if not length or buffer[length - 1] != END:
                self._drop(1)
                continue
            frames.append(bytes(buffer[:length]))
            if checksum(buffer[: length - 2]) == buffer[length - 2]:
                del buffer[:length]
            else:
                self._drop(1)
