"""Credentials blotted out of what devices said, before it is recorded or shown.

Owns: how a reading of a secret point looks to everybody but the doors. Must not know: which points are secret (profiles say).
"""

from collections.abc import Container

from edgegw.access.credentials import masked
from edgegw.errors import DecodeError
from edgegw.model import Decoded, Reading


def blotted(decoded: Decoded, secret: Container[str]) -> Decoded:
    """The same message with the values of secret points masked (``…4356``); empty ones stay as they are."""
    return Decoded(
        tuple(_blot(reading) if reading.point in secret else reading for reading in decoded.readings), decoded.online
    )


def _blot(reading: Reading) -> Reading:
    if reading.value is None or reading.value == "":
        return reading
    try:
        shown = masked(str(reading.value))
    except DecodeError:  # longer than any credential
        shown = "…"
    return Reading(reading.point, shown, reading.unit, reading.quality, reading.time)


def withheld(raw: bytes) -> bytes:
    """What is kept of a message of such a device that could not be decoded: it may hold most of a number."""
    return f"{len(raw)} bytes withheld: this device reads credentials".encode()
