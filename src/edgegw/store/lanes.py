"""How many records wait in a lane, without asking the database.

Owns: the runs of consecutive seqs each lane holds. Must not know: SQL, upstreams.

A commit gives a lane one run of consecutive seqs, and runs that touch become one: a lane on its own is a single run
however long its backlog. Where lanes mix, runs are many; beyond `MOST_RUNS` neighbours are joined and the count inside
a joined run is interpolated.
"""

from bisect import bisect_right

MOST_RUNS = 4_096
"""Runs kept exactly: 100 KB per lane."""


class LaneCount:
    """The runs of one lane, in seq order. Used by the event loop."""

    def __init__(self) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        self._counts: list[int] = []
        self.total = 0
        """Records in the lane."""

    def add(self, first: int, last: int, count: int | None = None) -> None:
        """Records first … last came, all of them or `count`; above all that came before."""
        n = last - first + 1 if count is None else count
        if n <= 0:
            return
        self.total += n
        if self._ends and self._ends[-1] + 1 == first and self._dense(-1) and n == last - first + 1:
            self._ends[-1] = last
            self._counts[-1] += n
            return
        self._starts.append(first)
        self._ends.append(last)
        self._counts.append(n)
        if len(self._ends) > MOST_RUNS:
            self._join()

    def _dense(self, i: int) -> bool:
        return self._counts[i] == self._ends[i] - self._starts[i] + 1

    def _join(self) -> None:
        half = MOST_RUNS // 2 * 2
        starts, ends, counts = self._starts, self._ends, self._counts
        self._starts = starts[:half:2] + starts[half:]
        self._ends = ends[1:half:2] + ends[half:]
        self._counts = [a + b for a, b in zip(counts[:half:2], counts[1:half:2], strict=True)] + counts[half:]

    def after(self, seq: int) -> int:
        """Records with a greater seq."""
        i = bisect_right(self._ends, seq)
        if i == 0 and (not self._starts or self._starts[0] > seq):
            return self.total
        if i == len(self._ends):
            return 0
        rest = sum(self._counts[i + 1 :])
        start, end, count = self._starts[i], self._ends[i], self._counts[i]
        if seq < start:
            return rest + count
        return rest + max(1, round(count * (end - seq) / (end - start + 1)))

    def trim(self, seq: int) -> None:
        """Records up to seq are gone."""
        keep = self.after(seq)
        i = bisect_right(self._ends, seq)
        del self._starts[:i], self._ends[:i], self._counts[:i]
        if self._starts and self._starts[0] <= seq:
            self._counts[0] = keep - sum(self._counts[1:])
            self._starts[0] = seq + 1
        self.total = keep

    def refine(self, after: int, upto: int, runs: list[tuple[int, int]]) -> None:
        """What a scan found: above `after` and up to `upto` the lane holds exactly these runs. The rest is left as it is."""
        old = list(zip(self._starts, self._ends, self._counts, strict=True))
        self._starts, self._ends, self._counts, self.total = [], [], [], 0
        for start, end, count in old:
            if start <= after:
                self.add(start, min(end, after), min(count, min(end, after) - start + 1))
        for first, last in runs:
            self.add(first, last)
        for start, end, count in old:
            if end > upto:
                low = max(start, upto + 1)
                self.add(low, end, min(count, end - low + 1))
