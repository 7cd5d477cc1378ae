"""Lets through the one reply that was asked for, and counts everything else.

Owns: what a valid reply to the present request looks like on the wire, for RTU and for TCP.
Must not know: how bytes are read, who asked, what comes next.

It stands between the port and pymodbus, whose RTU framer takes any well-formed frame of the right unit as the answer. Here the
unit, the function code, the byte count and the checksum (TCP: the transaction id too) must all be the request's; of a write's
reply every byte, for it repeats what was written. Only the whole matching frame is handed on; before that, nothing.

Some RS-485 adapters hear themselves. There the answer to FC05 and FC06 would be no answer at all but our own request: whether the
line echoes is learned from reads, whose requests look like no reply, and on such a line the first copy of a write is skipped.

What no guard can tell is a late reply to an earlier, equal request: asking for life first keeps those apart (orders, schedule).
"""

from msgspec import Struct

from edgegw.codec.modbus import READ_FUNCTIONS, WRITE_FUNCTIONS, crc16

EXCEPTION = 0x80
"""Bit in the function code that marks a device exception."""

EXCEPTION_BYTES = 5
_READS = frozenset(READ_FUNCTIONS.values())


class Expected(Struct, frozen=True):
    """The reply being waited for.

    Attributes:
        size: its byte count field, if it answers a read.
        echo: the four bytes after the function code, if it answers a write.
    """

    unit: int
    function: int
    size: int = 0
    echo: bytes = b""

    @property
    def head(self) -> bytes:
        """All that is known of it beforehand, from the unit on."""
        return bytes((self.unit, self.function)) + (self.echo or bytes((self.size,)))

    @property
    def length(self) -> int:
        """Bytes from the unit to the end of the data, without a checksum."""
        return 6 if self.echo else 3 + self.size


class RtuGuard:
    """One per line. `late`: whole valid frames nobody was waiting for; `stray`: whether other bytes came since `expect`.

    `echoes`: what is sent is heard again.
    """

    def __init__(self) -> None:
        self.late = 0
        self.echoes = False
        self.stray = False
        self.matched = False
        self._expected: Expected | None = None
        self._head = b""
        self._sent = b""
        self._seen = 0

    def expect(self, expected: Expected) -> None:
        """A request goes out now."""
        self._expected = expected
        self._head = expected.head
        self._sent = b""
        self._seen = 0
        self.stray = self.matched = False

    def release(self) -> None:
        """Nothing is awaited any more; whatever comes is late."""
        self._expected = None
        self._sent = b""

    def sent(self, packet: bytes) -> None:
        """The request's bytes, as they leave."""
        self._sent = packet

    def take(self, data: bytes) -> bytes:
        """All bytes since the request (as the port's buffer grows) → the matching frame, or nothing yet."""
        if len(data) < self._seen:  # the buffer was emptied meanwhile
            self._seen = 0
        at = self._seen
        while at < len(data):
            if self._echo_at(data, at):
                at += len(self._sent)
                self._seen, self._sent = at, b""
                continue
            if self._begins(data, at):
                return b""  # the right header; the rest is on its way
            frame = _frame_at(data, at)
            if not frame:
                at += 1
            elif self._matches(frame):
                if self._sent and not self._expected_write():
                    self.echoes = False  # answered without an echo before it
                self._seen = at + len(frame)
                self._expected = None
                self.matched = True
                return frame
            else:
                self.late += 1
                at += len(frame)
                self._seen = at
        self.stray = self._seen < len(data)
        return b""

    def _expected_write(self) -> bool:
        return self._expected is not None and self._expected.echo != b""

    def _echo_at(self, data: bytes, at: int) -> bool:
        """Whether our own request is heard here, the first time since it was sent."""
        if not self._sent or not data.startswith(self._sent, at) or (self._expected_write() and not self.echoes):
            return False
        self.echoes = True
        return True

    def _begins(self, data: bytes, at: int) -> bool:
        want = self._expected
        if want is None:
            return False
        begun = data.startswith(self._head, at) and len(data) - at < want.length + 2
        if begun:
            self.stray = True
        return begun

    def _matches(self, frame: bytes) -> bool:
        want = self._expected
        if want is None or frame[0] != want.unit:
            return False
        if frame[1] == want.function | EXCEPTION:
            return True
        return frame.startswith(self._head) and len(frame) == want.length + 2


def _frame_at(data: bytes, at: int) -> bytes:
    """The whole valid RTU reply that begins at `at`, or nothing."""
    if len(data) - at < EXCEPTION_BYTES:
        return b""
    function = data[at + 1]
    if function & EXCEPTION:
        length = EXCEPTION_BYTES
    elif function in _READS:
        length = 5 + data[at + 2]
    elif function in WRITE_FUNCTIONS:
        length = 8
    else:
        return b""
    frame = data[at : at + length]
    return frame if len(frame) == length and crc16(frame) == 0 else b""


class TcpGuard:
    """The same for Modbus TCP: found by its whole header, so that a torn late reply can't put the stream out of step."""

    def __init__(self) -> None:
        self.late = 0
        self.stray = False
        self.matched = False
        self._expected: Expected | None = None
        self._transaction = b""

    def expect(self, expected: Expected) -> None:
        """See `RtuGuard.expect`."""
        self._expected = expected
        self._transaction = b""
        self.stray = self.matched = False

    def release(self) -> None:
        """See `RtuGuard.release`."""
        self._expected = None

    def sent(self, packet: bytes) -> None:
        """Remembers the transaction id pymodbus chose."""
        self._transaction = packet[:2]

    def take(self, data: bytes) -> bytes:
        """See `RtuGuard.take`."""
        want = self._expected
        if want is None or not self._transaction:
            self.late += _is_header(data)
            return b""
        data_header = self._transaction + bytes((0, 0, 0, want.length)) + want.head
        fault_header = self._transaction + bytes((0, 0, 0, 3, want.unit, want.function | EXCEPTION))
        for header, length in ((data_header, 6 + want.length), (fault_header, 9)):
            at = data.find(header)
            if at >= 0 and len(data) - at >= length:
                self.late += at > 0
                self._expected = None
                self.matched = True
                return data[at : at + length]
        self.stray = bool(data)
        return b""


def _is_header(data: bytes) -> bool:
    return len(data) >= 8 and data[2:4] == b"\0\0"
