"""Metrics: asks the parts for their counters when Prometheus asks, and writes them in its format.

Owns: the sources, the histograms, the label bounds, one private registry.
Must not know: any part of the gateway; the composition root registers a callable per part. No global registry.

The hot path pays nothing: parts keep plain integers, a scrape reads them. prometheus_client is imported at the first scrape
(60 ms, most of it http.server) so that a start does not wait for it.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING

from edgegw.control.catalogue import CATALOGUE, LABELS, OTHER, SPECS, Kind, MetricSpec
from edgegw.control.histogram import Histogram
from edgegw.control.snapshots import Sample, Snapshot

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry, Metric

Source = Callable[[], Iterable[Snapshot]]
"""Gives the present snapshots of a part; called on the event loop once per scrape, must not block."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")

RESPONSE_PATHS = ("door", "command", "event")


class LabelBounds:
    """Keeps every label of every metric within `LABELS`. Whoever came first stays, so a counter never moves between series."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str], set[str]] = {}

    def bound(self, spec: MetricSpec, values: tuple[str, ...]) -> tuple[str, ...]:
        """The label values to show: each as it is, or ``other``.

        Raises:
            ValueError: the number of values is not the number of labels (a mistake in a snapshot).
        """
        if len(values) != len(spec.labels):
            raise ValueError(f"{spec.name} has the labels {spec.labels}, was given {values}")
        return tuple(self._one(spec.name, label, value) for label, value in zip(spec.labels, values, strict=True))

    def _one(self, metric: str, label: str, value: str) -> str:
        rule = LABELS[label]
        if rule.allowed:
            return value if value in rule.allowed else OTHER
        known = self._known.setdefault((metric, label), set())
        if value in known:
            return value
        if len(known) >= rule.most or not _SLUG.fullmatch(value):
            return OTHER
        known.add(value)
        return value


class Metrics:
    """All metrics of one gateway.

    Attributes:
        responses: path (``door``, ``command``, ``event``) → its histogram of response times in seconds.
        commit_seconds: durations of commits in seconds; only the store's side observes into it.
    """

    def __init__(self) -> None:
        self.responses: dict[str, Histogram] = {
            path: Histogram(SPECS["edgegw_response_seconds"].buckets) for path in RESPONSE_PATHS
        }
        self.commit_seconds = Histogram(SPECS["edgegw_store_commit_seconds"].buckets)
        self._sources: list[Source] = []
        self._bounds = LabelBounds()
        self._registry: CollectorRegistry | None = None
        self._scrapes = 0

    def source(self, source: Source) -> None:
        """Register a part. Snapshots with the same metric and labels are added up."""
        self._sources.append(source)

    def values(self) -> dict[str, dict[tuple[str, ...], float]]:
        """The present values without histograms: metric name → label values → value. Every catalogued metric has an entry.

        Raises:
            ValueError: a source gave a metric the catalogue does not have, or the wrong labels.
        """
        found: dict[str, dict[tuple[str, ...], float]] = {s.name: {} for s in CATALOGUE if s.kind is not Kind.HISTOGRAM}
        for sample in self._samples():
            if sample.name not in found:
                raise ValueError(f"{sample.name} is not in the catalogue, or is a histogram")
            labels = self._bounds.bound(SPECS[sample.name], sample.labels)
            series = found[sample.name]
            series[labels] = series.get(labels, 0.0) + float(sample.value)
        return found

    def histograms(self) -> Iterator[tuple[MetricSpec, tuple[str, ...], Histogram]]:
        """All histograms with their spec and label values."""
        for path, histogram in self.responses.items():
            yield SPECS["edgegw_response_seconds"], (path,), histogram
        yield SPECS["edgegw_store_commit_seconds"], (), self.commit_seconds

    def render(self, accept: str = "") -> tuple[bytes, str]:
        """What Prometheus reads.

        Args:
            accept: the request's Accept header; OpenMetrics where asked for, else text format 0.0.4.

        Returns:
            Body, and its Content-Type.

        Raises:
            ValueError: see `values`.
        """
        from prometheus_client.exposition import choose_encoder  # noqa: PLC0415  # see the module's text

        self._scrapes += 1
        encode, content_type = choose_encoder(accept)
        return encode(self.registry()), content_type

    def registry(self) -> "CollectorRegistry":
        """The private registry, made at first use: this object's collector and the process' own figures."""
        if self._registry is None:
            from prometheus_client import CollectorRegistry, ProcessCollector  # noqa: PLC0415  # see the module's text

            self._registry = CollectorRegistry(auto_describe=False)
            self._registry.register(_Collector(self))
            ProcessCollector(registry=self._registry)
        return self._registry

    def _samples(self) -> Iterator[Sample]:
        for source in self._sources:
            for snapshot in source():
                yield from snapshot.samples()
        for path, histogram in self.responses.items():
            yield Sample("edgegw_response_longest_seconds", histogram.longest, (path,))
        yield Sample("edgegw_scrapes_total", self._scrapes)


class _Collector:
    """`Metrics` in the shape prometheus_client's registry asks for."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> "Iterator[Metric]":
        from prometheus_client.core import (  # noqa: PLC0415  # see the module's text
            CounterMetricFamily,
            GaugeMetricFamily,
            HistogramMetricFamily,
        )

        values = self._metrics.values()
        for spec in CATALOGUE:
            if spec.kind is Kind.HISTOGRAM:
                family = HistogramMetricFamily(spec.name, spec.help, labels=spec.labels)
                for owner, labels, histogram in self._metrics.histograms():
                    if owner is spec:
                        family.add_metric(labels, histogram.cumulative(), histogram.total)
                yield family
                continue
            shape = CounterMetricFamily if spec.kind is Kind.COUNTER else GaugeMetricFamily
            simple = shape(spec.name, spec.help, labels=spec.labels)
            for labels, value in values[spec.name].items():
                simple.add_metric(labels, value)
            yield simple
