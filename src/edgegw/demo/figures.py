"""Numbers out of what the processes show: Prometheus text, histograms, sequence numbers.

Owns: reading /metrics, adding counters up over several lives of the gateway, quantiles, and which records have arrived.
Must not know: HTTP, the screen, where a number is shown.
"""

import re
from collections.abc import Iterable, Mapping

from msgspec import Struct

_SAMPLE = re.compile(r"^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})?\s+(\S+)")
_LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"')

Key = tuple[str, frozenset[tuple[str, str]]]
"""Metric name and its labels."""

HOLES_LIMIT = 100_000
"""Records that may be ahead of a missing one before the oldest hole is taken as final: a day's backlog, about 10 MB."""


def parse_metrics(text: str) -> dict[Key, float]:
    """The samples of a Prometheus text exposition. Lines that are none are passed over."""
    samples: dict[Key, float] = {}
    for line in text.splitlines():
        if line.startswith("#") or not (found := _SAMPLE.match(line)):
            continue
        name, labels, value = found.groups()
        try:
            samples[name, frozenset(_LABEL.findall(labels or ""))] = float(value)
        except ValueError:
            continue
    return samples


class Response(Struct, frozen=True):
    """Response times of one path; milliseconds, rounded to the microsecond; None where nothing was measured."""

    count: int = 0
    p50_ms: float | None = None
    p99_ms: float | None = None
    max_ms: float | None = None


def quantile(buckets: Mapping[float, float], q: float, longest: float) -> float | None:
    """The q-quantile of a cumulative histogram, in its own unit, as Prometheus' histogram_quantile does: linear inside a bucket.

    Args:
        buckets: upper edge → cumulative count; the last edge is +Inf.
        longest: the longest value measured; bounds the answer, also in the last bucket. 0: unknown.
    """
    edges = sorted(buckets)
    total = buckets[edges[-1]] if edges else 0
    if total <= 0:
        return None
    rank, below, lower = q * total, 0.0, 0.0
    for edge in edges:
        count = buckets[edge]
        if count >= rank:
            if edge == float("inf"):
                return longest or lower
            value = lower + (edge - lower) * (rank - below) / (count - below or 1)
            return min(value, longest) if longest else value
        below, lower = count, edge
    return longest or lower


class Counters:
    """Counters of a process that may be killed and started again: sums over all its lives, as far as they were seen.

    What a life counted after the last look at it is not in the sums; `exact` says whether there was only one life.
    """

    def __init__(self) -> None:
        self._past: dict[Key, float] = {}
        self._now: dict[Key, float] = {}
        self._life: float | None = None
        self.lives = 0

    @property
    def exact(self) -> bool:
        """Whether nothing can be missing from the sums."""
        return self.lives <= 1

    def feed(self, samples: Mapping[Key, float]) -> None:
        """Take a scrape."""
        life = next((v for (name, _), v in samples.items() if name == "edgegw_boot_number"), None)
        if life != self._life or not self.lives:
            for key, value in self._now.items():
                if key[0].endswith(("_total", "_bucket", "_count", "_sum")):
                    self._past[key] = self._past.get(key, 0.0) + value
                elif key[0] == "edgegw_response_longest_seconds":
                    self._past[key] = max(self._past.get(key, 0.0), value)
            self._life = life
            self.lives += 1
        self._now = dict(samples)

    def total(self, name: str, **labels: str) -> float:
        """The sum of a counter over all lives and over all label values not given."""
        return sum(self._values(name, labels))

    def now(self, name: str, **labels: str) -> float:
        """A gauge as of the last scrape, summed over the label values not given."""
        want = set(labels.items())
        return sum(v for (n, have), v in self._now.items() if n == name and want <= have)

    def labels(self, name: str, label: str) -> list[str]:
        """The values of a label that a metric has had, sorted."""
        keys = {*self._past, *self._now}
        return sorted({value for n, have in keys if n == name for k, value in have if k == label})

    def _values(self, name: str, labels: Mapping[str, str]) -> Iterable[float]:
        want = set(labels.items())
        for source in (self._past, self._now):
            for (n, have), value in source.items():
                if n == name and want <= have:
                    yield value

    def response(self, path: str) -> Response:
        """Response times of a path over all lives, from the histogram and the longest ever."""
        buckets: dict[float, float] = {}
        for source in (self._past, self._now):
            for (name, have), value in source.items():
                labels = dict(have)
                if name == "edgegw_response_seconds_bucket" and labels.get("path") == path:
                    edge = float(labels["le"])
                    buckets[edge] = buckets.get(edge, 0.0) + value
        longest = max(self._values("edgegw_response_longest_seconds", {"path": path}), default=0.0)
        count = int(buckets.get(float("inf"), 0))
        if not count:
            return Response()
        return Response(
            count=count,
            p50_ms=_ms(quantile(buckets, 0.5, longest)),
            p99_ms=_ms(quantile(buckets, 0.99, longest)),
            max_ms=_ms(longest or None),
        )


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)


class Arrivals:
    """Which sequence numbers have arrived: each once, in any order, with memory only for what is out of order."""

    def __init__(self) -> None:
        self.unique = 0
        self.repeated = 0
        self._upto = 0
        self._ahead: set[int] = set()

    def add(self, seq: int) -> bool:
        """Take a number, from 1. Returns whether it is new."""
        if seq <= self._upto or seq in self._ahead:
            self.repeated += 1
            return False
        self.unique += 1
        self._ahead.add(seq)
        if len(self._ahead) > HOLES_LIMIT:
            self._upto = min(self._ahead) - 1
        while self._upto + 1 in self._ahead:
            self._upto += 1
            self._ahead.remove(self._upto)
        return True

    @property
    def highest(self) -> int:
        """The highest number that has arrived."""
        return max(self._ahead, default=self._upto)

    @property
    def missing(self) -> int:
        """Numbers below the highest that have not arrived."""
        return self.highest - self.unique
