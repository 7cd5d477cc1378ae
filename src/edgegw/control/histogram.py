"""A histogram cheap enough for the hot path.

Owns: counting durations into fixed buckets; the longest; a quantile estimated from the buckets.
Must not know: Prometheus, labels, where durations come from.

`prometheus_client.Histogram` takes a lock per bucket update; this takes a bisect and two additions. Exactly one thread
observes into one histogram (the event loop, or the store's writer); a scrape may read it meanwhile from another thread and
then sees a sum that is one observation ahead of the counts, never a torn bucket.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate


class Histogram:
    """Durations in seconds.

    Args:
        edges: inclusive upper edges in seconds, ascending, without +Inf.

    Attributes:
        counts: observations per bucket (not cumulative); the last is +Inf.
        total: sum of all observations in seconds.
        longest: longest observation in seconds, 0.0 if none.
    """

    __slots__ = ("counts", "edges", "longest", "total")

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = tuple(edges)
        self.counts = [0] * (len(self.edges) + 1)
        self.total = 0.0
        self.longest = 0.0

    def observe(self, seconds: float) -> None:
        """Count one duration; a negative one (clock trouble) counts as 0."""
        seconds = max(seconds, 0.0)
        self.counts[bisect_left(self.edges, seconds)] += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    @property
    def count(self) -> int:
        """Number of observations."""
        return sum(self.counts)

    def cumulative(self) -> list[tuple[str, float]]:
        """(``le``, observations at or below it) for each bucket, ``+Inf`` last: the shape Prometheus wants."""
        sums = accumulate(self.counts)
        names = [*(repr(float(edge)) for edge in self.edges), "+Inf"]
        return [(name, float(n)) for name, n in zip(names, sums, strict=True)]

    def quantile(self, q: float) -> float:
        """Estimate in seconds by linear interpolation inside the bucket, never above `longest`; 0.0 if nothing was observed.

        Args:
            q: 0 to 1.
        """
        counts = list(self.counts)
        rank = q * sum(counts)
        below, low = 0, 0.0
        for edge, n in zip((*self.edges, self.longest), counts, strict=True):
            if n and below + n >= rank:
                high = max(low, min(edge, self.longest))
                return low + (high - low) * max(0.0, rank - below) / n
            below, low = below + n, edge
        return self.longest
