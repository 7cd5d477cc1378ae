"""The report for machines: JSON with stable keys, and one table as CSV.

Owns: both shapes (docs/report.md). Must not know: layout, rounding: values are told as they are.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from edgegw.report.show import Names, Show
from edgegw.rules.events import utc
from edgegw.service.indicators_report import Group, Period, Report, Step
from edgegw.service.indicators_rows import EDGES_S
from edgegw.service.indicators_words import SECTIONS, SPECS, kind
from edgegw.service.specs import PRIORITIES

FORM = 1
"""Grows when a key of the JSON changes its meaning or goes; new keys may come without."""

COLUMNS = ("section", "indicator", "item", "value", "unit", "n", "target", "last_period")
"""Of the CSV. `item`: the day, device, priority … that the row is about; empty: the whole period."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins so is run as a formula by spreadsheets; titles and names come from outside."""

Cell = str | int | float | None


def as_json(report: Report, *, names: Names, show: Show) -> str:
    """The report as one JSON object, indented."""
    language = show.language
    told: dict[str, Any] = {
        "form": FORM,
        "gateway": names.gateway,
        "location": names.location,
        "language": language,
        "time_zone": show.zone.key,
        "made_at": utc(report.now_ns),
        "period": _period(report.period),
        "last_period": _period(report.last),
        "indicators": [
            {
                "key": spec.key,
                "section": spec.section,
                "name": spec.name.of(language),
                "definition": spec.definition.of(language),
                "unit": spec.unit,
                "value": _rounded(figure.value),
                "n": figure.n,
                "target": spec.target,
                "more_is_better": spec.more_is_better,
                "met": figure.met,
                "baseline": spec.baseline,
                "last_value": _rounded(figure.last),
                "last_n": figure.last_n,
            }
            for spec, figure in zip(SPECS, report.figures, strict=True)
        ],
        "responses": {"edges_s": EDGES_S, **{path: list(counts) for path, counts in report.spreads.items()}},
        "missed": [_step(step, show) for step in report.missed],
        "held": [_step(step, show) for step in report.held],
        "pending": report.pending,
        "by_priority": [_group(group, group.key) for group in report.by_priority],
        "by_category": [_group(group, show.category(group.key)) for group in report.by_category],
        "days": [
            {
                "day": day.day.isoformat(),
                "tickets": dict(zip(PRIORITIES, day.tickets, strict=True)),
                "acknowledgements": day.judged,
                "acknowledged_in_time": day.in_time,
                "online_percent": _rounded(day.online),
            }
            for day in report.daily
        ],
        "worst": _worst(report, show),
        "patrol": [
            {
                "plan": plan,
                "name": names.plans.get(plan, plan),
                "planned": one.planned,
                "on_time": one.on_time,
                "late": one.late,
                "missed": one.missed,
            }
            for plan, one in report.plans
        ],
        "ratings": {str(score): count for score, count in enumerate(report.ratings, start=1)},
        "data": {
            "days_without_counters": report.days_without,
            "counted_without_date": report.unsynced,
            "alarms_with_wrong_clock": report.inexact,
            "alarms_without_date": report.undated,
            "ticket_system_silent": report.unanswered,
        },
    }
    return msgspec.json.format(msgspec.json.encode(told), indent=2).decode() + "\n"


def _worst(report: Report, show: Show) -> dict[str, Any]:
    return {
        "places": [_group(group, show.place(group.labels)) | {"labels": group.labels} for group in report.places],
        "flapping": [
            {
                "dedup_key": one.dedup_key,
                "title": one.title,
                "subject": one.subject,
                "raised": one.raisings,
                "last_raised": one.last,
            }
            for one in report.flapping
        ],
        "slow": [
            {
                "device": device,
                "name": show.device(device),
                "answers": one.n,
                "over_5s": one.late,
                "mean_s": _rounded(one.total_s / one.n),
                "longest_s": one.most_s,
            }
            for device, one in report.slow
        ],
        "offline": [
            {
                "device": device,
                "name": show.device(device),
                "online_s": _rounded(one.online_s),
                "known_s": _rounded(one.known_s),
            }
            for device, one in report.offline
        ],
        "meters": [
            {"device": device, "name": show.device(device), "read": got, "expected": due}
            for device, got, due in report.meters
        ],
    }


def as_csv(report: Report, *, show: Show) -> str:
    """One table (`COLUMNS`), RFC 4180. Empty `value`: no data."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for row in _rows(report, show):
        writer.writerow(_plain(cell) for cell in row)
    return text.getvalue()


Row = Sequence[Cell]


def _rows(report: Report, show: Show) -> Iterator[Row]:
    for spec, figure in zip(SPECS, report.figures, strict=True):
        section = SECTIONS[spec.section].of(show.language)
        name = spec.name.of(show.language)
        yield section, name, "", _rounded(figure.value), spec.unit, figure.n, spec.target, _rounded(figure.last)
    for part in (_response_rows, _ticket_rows, _step_rows, _worst_rows, _people_rows):
        yield from part(report, show)


def _response_rows(report: Report, show: Show) -> Iterator[Row]:
    for path, counts in report.spreads.items():
        for edge, count in zip([*EDGES_S, "∞"], counts, strict=True):
            if count:
                name = kind(path).of(show.language)
                yield show.word("distribution"), name, f"≤ {edge} s", count, "", sum(counts), None, None


def _ticket_rows(report: Report, show: Show) -> Iterator[Row]:
    w = show.word
    for day in report.daily:
        for priority, count in zip(PRIORITIES, day.tickets, strict=True):
            yield w("per_day"), priority, day.day.isoformat(), count, "", None, None, None
        yield (
            w("per_day"),
            w("in_time"),
            day.day.isoformat(),
            _percent(day.in_time, day.judged),
            "%",
            day.judged,
            None,
            None,
        )
        yield w("per_day"), w("online"), day.day.isoformat(), _rounded(day.online), "%", None, None, None
    groups = [("by_priority", group.key, group) for group in report.by_priority]
    groups += [("by_category", show.category(group.key), group) for group in report.by_category]
    groups += [("places", show.place(group.labels), group) for group in report.places]
    for heading, name, group in groups:
        yield w(heading), w("troubles"), name, group.troubles, "", None, None, None
        yield w(heading), w("tickets"), name, group.tickets, "", None, None, None
        yield w(heading), w("in_time"), name, _percent(group.in_time, group.judged), "%", group.judged, None, None
        yield w(heading), w("mean"), name, _rounded(group.response_min), "min", None, None, None
        yield w(heading), w("missed_n"), name, group.missed, "", None, None, None


def _step_rows(report: Report, show: Show) -> Iterator[Row]:
    for heading, steps in (("missed", report.missed), ("held", report.held)):
        for step in steps:
            when = show.moment(step.raised_ns, year=True) if step.exact else "?"
            place = show.place(step.labels, step.subject)
            item = " · ".join(filter(None, (when, step.priority, place, step.number or step.ref, show.what(step))))
            yield show.word(heading), step.title, item, 1, "", None, None, None


def _worst_rows(report: Report, show: Show) -> Iterator[Row]:
    w = show.word
    for one in report.flapping:
        yield w("flapping"), w("raisings"), one.title or one.dedup_key, one.raisings, "", None, None, one.last
    for device, slow in report.slow:
        yield w("slow"), w("late"), show.device(device), slow.late, "", slow.n, None, None
        yield w("slow"), w("longest"), show.device(device), slow.most_s, "s", slow.n, None, None
    for device, online in report.offline:
        yield (
            w("offline"),
            w("online"),
            show.device(device),
            _percent(online.online_s, online.known_s),
            "%",
            None,
            None,
            None,
        )
    for device, got, due in report.meters:
        yield w("meters"), w("complete"), show.device(device), _percent(got, due), "%", due, None, None


def _people_rows(report: Report, show: Show) -> Iterator[Row]:
    w = show.word
    for plan, one in report.plans:
        name = show.names.plans.get(plan, plan)
        for heading, count in (("on_time", one.on_time), ("visited_late", one.late), ("unvisited", one.missed)):
            yield w("patrol"), w(heading), name, count, "", one.planned, None, None
    for score, count in enumerate(report.ratings, start=1):
        yield w("ratings"), w("ratings"), str(score), count, "", sum(report.ratings), None, None


def _percent(part: float, whole: float) -> float | None:
    return _rounded(100 * part / whole) if whole else None


def _plain(cell: Cell) -> Cell:
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return "" if cell is None else cell


def _rounded(value: float | None) -> float | None:
    """Without the digits that adding up has left."""
    return None if value is None else round(value, 6)


def _period(period: Period) -> dict[str, str]:
    return {"from": period.begin.isoformat(), "to": period.end.isoformat()}


def _group(group: Group, name: str) -> dict[str, Any]:
    return {
        "key": group.key,
        "name": name,
        "troubles": group.troubles,
        "tickets": group.tickets,
        "acknowledgements": group.judged,
        "acknowledged_in_time": group.in_time,
        "missed": group.missed,
        "mean_response_min": _rounded(group.response_min),
    }


def _step(step: Step, show: Show) -> dict[str, Any]:
    return {
        "raised_at": utc(step.raised_ns) if step.exact else None,
        "title": step.title,
        "subject": step.subject,
        "place": show.place(step.labels, step.subject),
        "labels": step.labels,
        "priority": step.priority,
        "category": step.category,
        "ref": step.ref,
        "number": step.number,
        "state": step.state,
        "why": step.why,
        "cause": step.cause,
        "cause_title": step.cause_title,
        "told": show.what(step),
    }
