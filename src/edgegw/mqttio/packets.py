"""Cuts the received bytes into packets, whatever pieces they arrive in.

Owns: the read buffer, the limit on what is kept of one packet. Pure: bytes in, packets out.
Must not know: sockets, sessions, what a packet means.
"""

from msgspec import Struct

from edgegw.mqttio import wire


class Packet(Struct, frozen=True, gc=False):
    """A packet in the buffer: its first byte, and where its body is. `truncated`: only the beginning of the body is there."""

    first: int
    start: int
    end: int
    truncated: bool = False


class Packets:
    """The buffer. `data` and the positions of a `Packet` stay valid until the next `feed`.

    Args:
        max_packet: a PUBLISH larger than this is given out cut, and the rest of it skipped; any other packet must not be larger.
    """

    def __init__(self, max_packet: int) -> None:
        self.data = b""
        self._pos = 0
        self._skip = 0  # bytes of a cut packet that are still to come
        self._max = max_packet

    def feed(self, data: bytes) -> None:
        """Bytes as they arrived."""
        if self._skip:
            dropped = min(self._skip, len(data))
            self._skip -= dropped
            data = data[dropped:]
        self.data = self.data[self._pos :] + data if self._pos < len(self.data) else data
        self._pos = 0

    def peek(self) -> Packet | None:
        """The next packet, left in the buffer; None if it is not all there yet.

        Raises:
            MalformedPacketError: no MQTT.
        """
        data, pos = self.data, self._pos
        if pos >= len(data):
            return None
        cut = wire.frame(data, pos)
        if cut is None:
            return None
        start, end = cut
        if end <= len(data):
            return Packet(data[pos], start, end)
        if end - pos <= self._max or len(data) - pos < self._max:
            return None
        if data[pos] & 0xF0 != wire.PUBLISH or data[pos] & 0x04:
            raise wire.MalformedPacketError("oversized packet that is no PUBLISH of QoS 0 or 1")
        return Packet(data[pos], start, end, truncated=True)

    def drop(self, packet: Packet) -> None:
        """Done with the packet that `peek` gave."""
        self._skip = max(0, packet.end - len(self.data))
        self._pos = min(packet.end, len(self.data))

    def take(self, size: int) -> bytes:
        """The next bytes of the buffer, at most `size`, as a socket would give them."""
        taken = self.data[self._pos : self._pos + size]
        self._pos += len(taken)
        return taken
