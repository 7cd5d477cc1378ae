"""Lets through the one meter's answer that was asked for, and counts everything else. Pure.

Owns: finding whole frames among whatever was heard, by both protocols of the line; which of them answers, and what it says.
Must not know: how bytes are read, who asked, how long is waited.

An answer is the asked one's if protocol, address, control code and identifier (CJ/T 188: its serial number, too; DL/T 645: a
follow-up's number) are the request's. Frames are looked for at every 68, with garbage or half a frame before it, so that a torn
late answer hides no good one. What an adapter hears of itself is no answer: a request's control code says so.

A DL/T 645 refusal names no identifier: a late one may be taken for the present request's. It is a sign of life all the same.
"""

from collections.abc import Iterator

from msgspec import Struct

from edgegw.codec import cjt188, dlt645
from edgegw.codec.summed import END, START, Shape, checksum
from edgegw.errors import DecodeError

MOST_BYTES = 1024
"""Bytes kept since the request: four of the longest frames; what came before them can't be awaited any more."""

_REPLY = 0x80
"""The bit of both protocols' control codes that says it comes from a meter."""

NOT_OURS = "not-ours"


class Heard(Struct, frozen=True):
    """What an answer says.

    Attributes:
        data: the value's bytes; None while more frames follow, or if it was refused.
        refused: the meter's error byte.
    """

    data: bytes | None = None
    refused: int | None = None


MORE = Heard()
"""The frame was right, and another one has to be asked for."""


class Dlt645Ask:
    """Reading one identifier of a DL/T 645 meter."""

    shape = dlt645.SHAPE

    def __init__(self, address: str, di: int, preamble: int = 0) -> None:
        self._exchange = dlt645.Exchange(address, f"{di:08X}")
        self._wake = b"\xfe" * preamble

    @property
    def request(self) -> bytes:
        """What to send now."""
        return self._wake + self._exchange.request

    def take(self, frame: bytes) -> Heard | None:
        """What a whole frame says; None if it answers something else."""
        parsed = dlt645.parse(frame)
        try:
            data = self._exchange.take(parsed)
        except DecodeError as error:
            if error.reason == "device-exception":
                return Heard(refused=parsed.data[0] if parsed.data else 0)
            return None
        return MORE if data is None else Heard(data)


class Cjt188Ask:
    """Reading one identifier of a CJ/T 188 meter, or writing to it. `ser`: the request's serial number, which answers repeat."""

    shape = cjt188.SHAPE

    def __init__(
        self, address: str, di: int, *, meter_type: int, ser: int, write: bytes | None = None, preamble: int = 0
    ) -> None:
        self._address, self._di, self._ser = address, f"{di:04X}", ser
        self._type = meter_type
        self._function = cjt188.READ if write is None else cjt188.WRITE
        data = cjt188.identifier(self._di) + bytes((ser,)) + (write or b"")
        self._request = b"\xfe" * preamble + cjt188.request(meter_type, address, self._function, data)

    @property
    def request(self) -> bytes:
        """What to send."""
        return self._request

    def take(self, frame: bytes) -> Heard | None:
        """What a whole frame says; None if it answers something else."""
        parsed = cjt188.parse(frame)
        if parsed.meter_type != self._type:
            return None
        try:
            return Heard(cjt188.read_reply(parsed, self._address, self._di, self._ser, self._function).data)
        except DecodeError as error:
            if error.reason == "device-exception":
                return Heard(refused=parsed.data[1] if len(parsed.data) > 1 else 0)
            return None


Ask = Dlt645Ask | Cjt188Ask


class MeterGuard:
    """One per line. `late`: whole valid answers nobody was waiting for."""

    def __init__(self) -> None:
        self.late = 0
        self._noise = False
        self._ask: Ask | None = None
        self._bytes = bytearray()

    @property
    def stray(self) -> bool:
        """Whether bytes came since the request that are in no frame."""
        return self._noise or bool(self._bytes.strip(b"\xfe"))

    def expect(self, ask: Ask) -> None:
        """A request goes out now."""
        self._ask = ask
        self._bytes.clear()
        self._noise = False

    def release(self) -> None:
        """Nothing is awaited any more; whatever comes is late."""
        self._ask = None
        self._bytes.clear()

    def take(self, data: bytes) -> Heard | None:
        """Bytes as they come → what the awaited answer says, once it is whole."""
        self._bytes += data
        if (excess := len(self._bytes) - MOST_BYTES) > 0:
            self._noise = True
            del self._bytes[:excess]
        end, found = 0, None
        for at, frame, shape in _frames(self._bytes):
            if self._ask is not None and shape is self._ask.shape and (found := self._ask.take(frame)) is not None:
                end = at + len(frame)
                break
            if at < end:  # inside one that is whole: its data, or the good one inside of what only looks like one
                continue
            self._noise = self._noise or bool(self._bytes[end:at].strip(b"\xfe"))
            end = at + len(frame)
            self.late += frame[shape.length - 1] & _REPLY != 0
        del self._bytes[:end]
        if found is not None:
            self._ask = None
            return found
        return None


def _frames(data: bytearray) -> Iterator[tuple[int, bytes, Shape]]:
    """All that are whole and whose sum is right, with where they begin."""
    at = data.find(START)
    while at >= 0:
        for shape in (dlt645.SHAPE, cjt188.SHAPE):
            if (frame := _whole(data, at, shape)) is not None:
                yield at, frame, shape
                break
        at = data.find(START, at + 1)


def _whole(data: bytearray, at: int, shape: Shape) -> bytes | None:
    if len(data) - at < shape.overhead or (shape.second and data[at + shape.second] != START):
        return None
    size = data[at + shape.length]
    end = at + shape.overhead + size
    if (
        size > shape.most
        or len(data) < end
        or data[end - 1] != END
        or checksum(bytes(data[at : end - 2])) != data[end - 2]
    ):
        return None
    return bytes(data[at:end])
