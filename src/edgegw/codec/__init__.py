"""Bytes to values and back, with no I/O."""
