"""Transactions of a meter line as they were on the wire.

Owns: what is kept of one, and of how many.
Must not know: meters, frames.
"""

from dataclasses import dataclass

LOG_MOST = 100_000
"""Transactions kept: some hours of a line that is never idle."""


@dataclass
class Logged:
    """A transaction as it was on the wire.

    Attributes:
        began: loop time of the request's first byte. size: bytes of the request, and of its answer.
        ended: loop time at which the answer's last byte was there; None: there was no good one.
        turnaround: what the meter thought, seconds.
    """

    address: str
    began: float
    size: int
    ended: float | None = None
    turnaround: float = 0.0
