"""How often somebody may ask: token buckets in a bounded table.

Owns: the arithmetic. Must not know: who is limited, clocks.
"""

from collections import OrderedDict


class Buckets:
    """One bucket per key.

    Args:
        rate: units that come back a second.
        burst: units a full bucket has.
        most: keys kept; beyond it the one that was longest not used is forgotten (and would begin with a full bucket).
    """

    def __init__(self, rate: float, burst: int, most: int) -> None:
        self._rate = rate
        self._burst = burst
        self._most = most
        self._levels: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str, now_ns: int) -> float:
        """Take one unit.

        Returns:
            0 if there was one, else the seconds until there is; nothing is taken then.
        """
        level = self._level(key, now_ns)
        wait_s = 0.0
        if level >= 1:
            level -= 1
        else:
            wait_s = (1 - level) / self._rate
        self._levels[key] = (level, now_ns)
        self._levels.move_to_end(key)
        while len(self._levels) > self._most:
            self._levels.popitem(last=False)
        return wait_s

    def __len__(self) -> int:
        return len(self._levels)

    def _level(self, key: str, now_ns: int) -> float:
        known = self._levels.get(key)
        if known is None:
            return float(self._burst)
        level, at_ns = known
        return min(self._burst, level + (now_ns - at_ns) / 1e9 * self._rate)
