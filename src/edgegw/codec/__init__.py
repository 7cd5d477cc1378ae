"""Bytes to values and back, with no I/O."""

from edgegw.codec.serial import SERIAL_PROTOCOLS

__all__ = ["SERIAL_PROTOCOLS"]
