"""The two MQTT packets that come by the thousand, as pure functions: PUBLISH and PUBACK.

Owns: cutting a byte stream into packets, PUBLISH and PUBACK bytes ⇄ values (MQTT 3.1.1 section 3.3/3.4, MQTT 5 same sections).
Must not know: sockets, sessions, paho. Every other packet type is paho's business.

Why not paho's own parser for these two: it asks the socket for one byte, then one byte, then the rest, and builds a message, a
property set and a reason code for each; that costs several times what the message itself does.
"""

from struct import pack

from msgspec import Struct

PUBLISH = 0x30
PUBACK = 0x40
PINGREQ_PACKET = b"\xc0\x00"
DISCONNECT_PACKET = b"\xe0\x00"

MAX_VARINT_BYTES = 4
"""MQTT's remaining length has at most four bytes."""


class Incoming(Struct, frozen=True, gc=False):
    """One application message as it came; attribute names are paho's.

    Attributes:
        mid: packet id to acknowledge; 0 at QoS 0.
        retain: the broker kept it from earlier.
        truncated: it was larger than the session's limit; `payload` is only its beginning.
    """

    topic: str
    payload: bytes
    qos: int
    mid: int
    retain: bool = False
    dup: bool = False
    truncated: bool = False


class MalformedPacketError(ValueError):
    """The peer sent what is no MQTT packet; the connection cannot be used any more."""


def frame(buf: bytes, pos: int) -> tuple[int, int] | None:
    """Where the body of the packet at `pos` begins, and where the packet ends (may lie beyond the buffer).

    None if even the length is not there yet.

    Raises:
        MalformedPacketError: the length has more than four bytes.
    """
    size = len(buf)
    at = pos + 1
    if at < size and buf[at] < 0x80:  # nearly always
        return at + 1, at + 1 + buf[at]
    length = 0
    for shift in range(MAX_VARINT_BYTES):
        if at >= size:
            return None
        byte = buf[at]
        at += 1
        length |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return at, at + length
    raise MalformedPacketError("remaining length of more than four bytes")


def _varint(buf: bytes, at: int) -> tuple[int, int]:
    """A variable-length integer at `at`: (value, position behind it)."""
    value = 0
    for shift in range(MAX_VARINT_BYTES):
        byte = buf[at]
        at += 1
        value |= (byte & 0x7F) << (7 * shift)
        if byte < 0x80:
            return value, at
    raise MalformedPacketError("property length of more than four bytes")


def read_publish(buf: bytes, first: int, start: int, end: int, *, v5: bool, truncated: bool = False) -> Incoming:
    """The PUBLISH whose first byte is `first` and whose body is ``buf[start:end]``; properties are skipped.

    Raises:
        MalformedPacketError: fields reach beyond the packet.
    """
    try:
        at = start + 2 + (buf[start] << 8 | buf[start + 1])
        topic = buf[start + 2 : at].decode("utf-8", "replace")
        qos = (first >> 1) & 3
        mid = 0
        if qos:
            mid = buf[at] << 8 | buf[at + 1]
            at += 2
        if v5:
            if buf[at]:
                length, at = _varint(buf, at)
                at += length
            else:
                at += 1
    except IndexError:
        raise MalformedPacketError("PUBLISH shorter than its fields") from None
    if at > end:
        raise MalformedPacketError("PUBLISH shorter than its fields")
    return Incoming(topic, buf[at:end], qos, mid, bool(first & 1), bool(first & 8), truncated)


def read_puback(buf: bytes, start: int, end: int) -> tuple[int, int]:
    """(packet id, reason code); the code is 0 (success) where MQTT 3.1.1 or an MQTT 5 short form has none.

    Raises:
        MalformedPacketError: no packet id.
    """
    if end - start < 2:
        raise MalformedPacketError("PUBACK without a packet id")
    return buf[start] << 8 | buf[start + 1], buf[start + 2] if end - start > 2 else 0


def puback(mid: int) -> bytes:
    """A successful PUBACK (the same four bytes in 3.1.1 and 5)."""
    return pack("!BBH", PUBACK, 2, mid)


def topic_field(topic: str) -> bytes:
    """A topic name with its length before it, ready to be put into many PUBLISHes.

    Raises:
        ValueError: empty, longer than 65,535 bytes, or with wildcards or NUL.
    """
    raw = topic.encode()
    if not 0 < len(raw) <= 0xFFFF or any(c in topic for c in "+#\0"):
        raise ValueError(f"not a topic to publish on: {topic!r}")
    return pack("!H", len(raw)) + raw


def content_type_property(value: str) -> bytes:
    """MQTT 5 properties holding only Content Type (0x03), their length before them; at most 124 bytes of text."""
    raw = value.encode()
    if len(raw) > 124:
        raise ValueError("content type too long")
    return pack("!BBH", len(raw) + 3, 3, len(raw)) + raw


def expiry_property(seconds: int) -> bytes:
    """MQTT 5 properties holding only Message Expiry Interval (0x02): after so many seconds a broker delivers it to nobody."""
    return pack("!BBI", 5, 2, seconds)


NO_PROPERTIES = b"\x00"


def publish_head(topic: bytes, payload_size: int, mid: int, *, properties: bytes = b"", retain: bool = False) -> bytes:
    """Everything of a PUBLISH before its payload: QoS 1 with a `mid`, QoS 0 with ``mid=0``.

    Args:
        topic: from `topic_field`.
        payload_size: bytes of payload that follow.
        properties: MQTT 5: `NO_PROPERTIES` or a property block; MQTT 3.1.1: empty.
    """
    first = PUBLISH | (2 if mid else 0) | retain
    remaining = len(topic) + len(properties) + payload_size + (2 if mid else 0)
    variable = topic + (pack("!H", mid) if mid else b"") + properties
    if remaining < 0x80:
        return pack("!BB", first, remaining) + variable
    if remaining < 0x4000:
        return pack("!BBB", first, remaining & 0x7F | 0x80, remaining >> 7) + variable
    head = bytearray((first,))
    while True:
        byte, remaining = remaining & 0x7F, remaining >> 7
        head.append(byte | 0x80 if remaining else byte)
        if not remaining:
            return bytes(head) + variable
