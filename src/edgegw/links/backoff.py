"""Exponential back-off with full jitter.

Owns: how long to wait before the n-th try. Must not know: what is tried, or how time passes.

Full jitter (a uniform draw between nothing and the doubled ceiling) keeps a hundred boxes that lost one broker from coming
back at the same instant.
"""

from collections.abc import Callable

from msgspec import Struct

FIRST_S = 0.5
"""Ceiling of the first wait: most losses are over in a blink."""

MOST_S = 30.0
"""Ceiling of every later wait: an installer who plugs the cable back in should not wait longer."""

MOST_DOUBLINGS = 62
"""Beyond this the ceiling is reached by any sensible `first`; keeps the power a small number after days of failures."""


class Backoff(Struct, frozen=True):
    """A policy; holds no state.

    Attributes:
        first: ceiling of the first wait, seconds.
        most: ceiling of any wait, seconds.
        floor: part of the ceiling always waited, 0 (full jitter) to 1 (no jitter).
    """

    first: float = FIRST_S
    most: float = MOST_S
    floor: float = 0.0

    def ceiling(self, attempt: int) -> float:
        """The longest wait before try number `attempt` + 1, where `attempt` ≥ 1 tries failed. Seconds."""
        return min(self.most, self.first * 2.0 ** min(max(attempt, 1) - 1, MOST_DOUBLINGS))

    def delay(self, attempt: int, random: Callable[[], float]) -> float:
        """Seconds to wait after `attempt` failures in a row; `random` gives a float in [0, 1)."""
        return self.ceiling(attempt) * (self.floor + (1.0 - self.floor) * random())
