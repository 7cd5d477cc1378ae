"""Frames of DL/T 645-2007 and CJ/T 188 meters, as they travel.

Owns: the mask, the sum, the order of bytes.
Must not know: what a meter answers, lines, the gateway; it shares no code with it.
"""


def sealed(body: bytes) -> bytes:
    """A frame with its sum and its end."""
    return body + bytes((sum(body) & 0xFF, 0x16))


def dlt645(address: str, control: int, data: bytes) -> bytes:
    """A DL/T 645 frame; `data` without the mask."""
    masked = bytes((byte + 0x33) & 0xFF for byte in data)
    return sealed(b"\x68" + bytes.fromhex(address)[::-1] + bytes((0x68, control, len(data))) + masked)


def unmask(data: bytes) -> bytes:
    """DL/T 645 data as they are meant."""
    return bytes((byte - 0x33) & 0xFF for byte in data)


def cjt188(kind: int, address: str, control: int, data: bytes) -> bytes:
    """A CJ/T 188 frame."""
    return sealed(bytes((0x68, kind)) + bytes.fromhex(address)[::-1] + bytes((control, len(data))) + data)


def digits(text: str) -> bytes:
    """Decimal digits, high one first, as they travel."""
    return bytes.fromhex(text)[::-1]
