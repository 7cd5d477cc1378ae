"""How long things take on a Modbus line: characters, frames, silences.

Owns: the arithmetic of baud, format and frame length (MODBUS over Serial Line V1.02, sections 2.3.2 and 2.5.1).
Must not know: clocks, sockets, who asks whom, how long a device thinks.
"""

from msgspec import Struct

from edgegw.codec.modbus import READ_FUNCTIONS, answer_bytes, reply_bytes, request_bytes

GAP_CHARS = 3.5
"""Silence that ends an RTU frame, in characters."""

FAST_BAUD = 19200
FAST_GAP_S = 0.00175
"""Above 19200 baud the standard fixes the silence: 3.5 characters would be shorter than any timer of the day."""


def byte_count(table: str, count: int) -> int:
    """Data bytes of a read reply: eight bits to a byte, two bytes to a register."""
    return reply_bytes(count, table) - reply_bytes(0, table)


class Wire(Struct, frozen=True):
    """A serial line's speed.

    Attributes:
        baud: bits per second.
        format: data bits, parity, stop bits, e.g. ``8N1``.
        gap: silence kept between frames beyond the standard's, seconds.
    """

    baud: int = 9600
    format: str = "8N1"
    gap: float = 0.0

    @property
    def char_s(self) -> float:
        """Seconds a character takes: start bit, data, parity, stop."""
        bits = 1 + int(self.format[0]) + (self.format[1] != "N") + int(self.format[2])
        return bits / self.baud

    @property
    def gap_s(self) -> float:
        """Seconds of silence before a frame may begin."""
        standard = FAST_GAP_S if self.baud > FAST_BAUD else GAP_CHARS * self.char_s
        return standard + self.gap

    def frame_s(self, length: int) -> float:
        """Seconds `length` bytes take without pause."""
        return length * self.char_s

    def exchange_s(self, table: str, count: int) -> float:
        """Seconds of wire time of a read request and its reply, without any silence or the device's thinking."""
        return self.transfer_s(READ_FUNCTIONS[table], count)

    def transfer_s(self, function: int, count: int) -> float:
        """The same of any request, read or write; `count` registers or bits."""
        return self.frame_s(request_bytes(function, count) + answer_bytes(function, count))
