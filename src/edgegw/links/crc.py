"""CRC-16/MODBUS, as the guard needs it.

Owns: the checksum. Must not know: frames.
"""


def _table() -> tuple[int, ...]:
    out = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
        out.append(value)
    return tuple(out)


TABLE = _table()


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS (poly 8005 reflected, init FFFF); over a frame with its CRC (low byte first) it is 0."""
    value = 0xFFFF
    for byte in data:
        value = (value >> 8) ^ TABLE[(value ^ byte) & 0xFF]
    return value
