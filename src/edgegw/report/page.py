"""The report as one HTML file: nothing is loaded, nothing runs, it can be printed and read on a telephone.

Owns: what stands where. Must not know: the store, where the file goes.

Every text that came from outside (titles, names, labels) is escaped by the templates' autoescape; templates mark nothing as safe.
"""

from datetime import datetime

from jinja2 import Environment, PackageLoader, StrictUndefined
from msgspec import Struct

from edgegw.report import charts
from edgegw.report.show import GAP, Names, Show
from edgegw.report.tables import NOTHING, Cell, Column, Table, Tables
from edgegw.service.indicators_report import Figure, Report
from edgegw.service.indicators_words import SECTIONS, SPECS, Spec, kind, spread_definition, spread_name
from edgegw.service.specs import NS_PER_S, PRIORITIES

PATHS = {"device": (5,), "door": (3, 2), "alarm": (5,)}
"""Kinds of response, and the limits in seconds whose shares are told: the target, then what GB 50396 asks."""


class Line(Struct, frozen=True):
    """An indicator as it is shown."""

    spec: Spec
    name: str
    value: str
    target: str
    baseline: str
    last: str
    better: bool | None
    n: str
    met: bool | None


def html(report: Report, *, names: Names, show: Show) -> str:
    """The page."""
    environment = Environment(
        loader=PackageLoader("edgegw.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = _Page(report, show)
    return environment.get_template("page.html.j2").render(
        language=show.language,
        names=names,
        page=page,
        tables=Tables(report, show),
        report=report,
        show=show,
        w=show.word,
    )


class _Page:
    """What the template asks for, in the order of the page."""

    def __init__(self, report: Report, show: Show) -> None:
        self.report = report
        self.show = show
        self.lines = [self._line(spec, figure) for spec, figure in zip(SPECS, report.figures, strict=True)]
        today = datetime.fromtimestamp(report.now_ns // NS_PER_S, show.zone).date()
        self.running = report.period.end >= today

    def _line(self, spec: Spec, figure: Figure) -> Line:
        show = self.show
        better = None
        if figure.value is not None and figure.last is not None and spec.more_is_better is not None:
            same = show.value(spec, figure.value) == show.value(spec, figure.last)
            better = None if same else (figure.value > figure.last) is spec.more_is_better
        sign = "≥" if spec.more_is_better else "≤"
        target = ""
        if spec.target is not None:
            target = ("" if spec.target == 100 else f"{sign}{GAP}") + show.limit(spec, spec.target)
        return Line(
            spec=spec,
            name=spec.name.of(show.language),
            value=show.value(spec, figure.value),
            target=target,
            baseline="" if spec.baseline is None else show.limit(spec, spec.baseline),
            last=show.value(spec, figure.last),
            better=better,
            n=show.count(figure.n),
            met=figure.met,
        )

    # --- indicators ---------------------------------------------------------------------------------------------------

    def targets(self) -> list[Line]:
        """Indicators that have a target."""
        return [line for line in self.lines if line.spec.target is not None]

    def table(self, section: str) -> Table:
        """A section's indicators."""
        keys = ("value", "target", "last", "change", "n")
        rows = [
            (
                Cell(line.name),
                Cell(line.value, _mark(line.met)),
                Cell(line.target) if line.target else NOTHING,
                Cell(line.last),
                self._change(line),
                Cell(line.n) if line.spec.unit else NOTHING,
            )
            for line in self.lines
            if line.spec.section == section
        ]
        return Table(
            (Column(self.show.word("indicator"), "head"), *(Column(self.show.word(key)) for key in keys)), tuple(rows)
        )

    def responses(self) -> Table:
        """The kinds of response, one row each; their indicators side by side."""
        by_key = {line.spec.key: line for line in self.lines}
        rows = []
        for path, limits in PATHS.items():
            within = [by_key[f"{path}_within_{limit}s"] for limit in limits]
            rows.append(
                (
                    Cell(kind(path).of(self.show.language)),
                    Cell(within[0].value, _mark(within[0].met), self._limit(limits[0])),
                    Cell(within[1].value, note=self._limit(limits[1])) if len(limits) > 1 else NOTHING,
                    *(Cell(by_key[f"{path}_{key}"].value) for key in ("p50", "p95", "p99", "max")),
                    Cell(within[0].last),
                    self._change(within[0]),
                    Cell(within[0].n),
                )
            )
        heads = [
            Column(self.show.word("kind"), "head"),
            Column(self.show.word("within")),
            Column(self.show.word("within_norm")),
        ]
        heads += [Column(name) for name in ("P50", "P95", "P99")]
        heads += [Column(self.show.word(key)) for key in ("longest", "last", "change", "n")]
        return Table(tuple(heads), tuple(rows))

    def _limit(self, seconds: int) -> str:
        return f"≤{GAP}{self.show.limit_s(seconds)}"

    def _change(self, line: Line) -> Cell:
        if line.better is None:
            return NOTHING
        return Cell(self.show.word("better" if line.better else "worse"), "better" if line.better else "worse")

    def section(self, key: str) -> str:
        """A section's heading."""
        return SECTIONS[key].of(self.show.language)

    def definitions(self) -> list[tuple[str, str]]:
        """Each indicator's name and definition; those of one distribution together."""
        language = self.show.language
        found = []
        for spec in SPECS:
            path, _, what = spec.key.rpartition("_")
            if what == "p50":
                found.append((spread_name(path).of(language), spread_definition(path).of(language)))
            elif what not in {"p95", "p99", "max"}:
                found.append((spec.name.of(language), spec.definition.of(language)))
        return found

    # --- plots --------------------------------------------------------------------------------------------------------

    def distributions(self) -> list[tuple[str, charts.Chart, str]]:
        """One plot per kind of response: name, plot, how many."""
        found = []
        for path, limits in PATHS.items():
            counts = self.report.spreads[path]
            chart = charts.distribution(counts, self._percent, limit_s=limits[0])
            if chart is not None:
                found.append((kind(path).of(self.show.language), chart, self.show.count(sum(counts))))
        return found

    def _percent(self, share: float) -> str:
        percent = 100 * share
        return "<1" if percent < 1 else f"{percent:.0f}"

    def per_day(self) -> tuple[str, charts.Chart] | None:
        """Tickets per day or week."""
        found = charts.tickets(self.report.daily, PRIORITIES, self.show.tick)
        return found and (self.show.word("per_week" if found[1] else "per_day"), found[0])

    def in_time(self) -> charts.Chart | None:
        """Acknowledged in time, per day."""
        points = [(day.day, 100 * day.in_time / day.judged if day.judged else None) for day in self.report.daily]
        return charts.rate(points, self.show.tick, self._rate)

    def online(self) -> charts.Chart | None:
        """Online rate, per day."""
        return charts.rate([(day.day, day.online) for day in self.report.daily], self.show.tick, self._rate)

    def _rate(self, value: float) -> str:
        return self.show.number(value, "%", more_is_better=True)

    def scores(self) -> list[tuple[int, str, float]]:
        """Score, how many, and its part of the most frequent one; best first."""
        most = max(self.report.ratings) or 1
        return [
            (score, self.show.count(count), 100 * count / most)
            for score, count in reversed(list(enumerate(self.report.ratings, start=1)))
        ]

    def notes(self) -> list[str]:
        """What one has to know of the data."""
        report, count = self.report, self.show.count
        told = [("note_days", report.days_without), ("note_unsynced", report.unsynced)]
        told += [("note_inexact", report.inexact), ("note_undated", report.undated)]
        notes = [self.show.word("note_unanswered")] if report.unanswered else []
        notes += [self.show.word(key, n=count(n)) for key, n in told if n]
        return notes or [self.show.word("note_none")]


def _mark(met: bool | None) -> str:  # noqa: FBT001 - a verdict or none
    return "" if met is None else "good" if met else "bad"
