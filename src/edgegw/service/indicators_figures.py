"""From counters and tickets to a report: figures of a period, against the one before.

Owns: how each indicator is computed. "No data" is None and never 0 % or 100 %.
Must not know: files, languages, HTML; how a ticket is judged (indicators_cases).
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from statistics import fmean, median
from typing import TypeVar
from zoneinfo import ZoneInfo

from edgegw.service.indicators_cases import Case, Fate, past, present
from edgegw.service.indicators_meters import complete
from edgegw.service.indicators_report import Daily, Figure, Flapping, Group, Period, Report, Step
from edgegw.service.indicators_rows import OTHERS, UNSYNCED, Day, Online, Rounds, Slow, Spread
from edgegw.service.indicators_words import SPECS
from edgegw.service.specs import NS_PER_S, PRIORITIES
from edgegw.service.ticket import History, TroubleView

TOP = 10
"""Lines of a table of worst performers."""

PLACE_LABELS = ("building", "unit")
"""Labels that make a place in the table of places; all of a trouble's labels if it has none of these."""

Value = tuple[float | None, int]
"""And of how many."""

_Row = TypeVar("_Row", Slow, Online)


def figures(
    period: Period,
    last: Period,
    *,
    history: Iterable[History],
    live: Iterable[TroubleView],
    counters: Mapping[str, Day],
    zone: ZoneInfo,
    now_ns: int,
) -> Report:
    """The report of a period.

    Args:
        history, live: troubles that are over, and those that are not, of any time: each belongs to the day it was raised.
        counters: days by date, of both periods at least, and `UNSYNCED` (`indicators_rows.decode`).
        zone: the gateway's. now_ns: wall time.
    """
    cases = [case for one in history if (case := past(one, zone)) is not None]
    cases += [present(one, zone) for one in live]
    mine, before = _Part(period, cases, counters, zone, now_ns), _Part(last, cases, counters, zone, now_ns)
    values, earlier = mine.values(), before.values()
    listed = []
    for spec in SPECS:
        value, n = values[spec.key]
        was, was_n = earlier[spec.key]
        met = None
        if value is not None and spec.target is not None:
            met = value >= spec.target if spec.more_is_better else value <= spec.target
        listed.append(Figure(key=spec.key, value=value, n=n, last=was, last_n=was_n, met=met))
    titles = {case.dedup_key: (case.title, case.subject) for case in cases}
    steps = {fate: tuple(_step(case, titles) for case in mine.by_fate[fate]) for fate in (Fate.MISSED, Fate.HELD)}
    told = any(case.taken_ns or case.number or case.state not in {"held", "requested", "merged"} for case in cases)
    places = _groups(mine.cases, lambda case: "|".join(f"{name}={value}" for name, value in _place(case)), now_ns)
    return Report(
        period=period,
        last=last,
        now_ns=now_ns,
        figures=tuple(listed),
        spreads={path: tuple(spread.counts) for path, spread in mine.spreads.items()},
        missed=steps[Fate.MISSED],
        held=steps[Fate.HELD],
        pending=len(mine.by_fate[Fate.PENDING]),
        by_priority=tuple(sorted(_groups(mine.cases, lambda case: case.priority, now_ns), key=lambda one: one.key)),
        by_category=_groups(mine.cases, lambda case: case.category, now_ns),
        places=tuple(sorted(places, key=lambda one: (-one.missed, one.in_time - one.judged, -one.troubles, one.key)))[
            :TOP
        ],
        flapping=tuple(
            Flapping(key, *titles.get(key, ("", "")), count, before.total.alarms.get(key, 0))
            for key, count in sorted(mine.total.alarms.items(), key=lambda item: (-item[1], item[0]))
            if count > 1 and key != OTHERS
        )[:TOP],
        slow=_worst(mine.total.slow, lambda one: (-one.late, -one.most_s)),
        offline=_worst(
            {key: one for key, one in mine.total.online.items() if one.known_s and one.online_s < one.known_s - 0.5},
            lambda one: (one.online_s / one.known_s,),
        ),
        meters=tuple(
            sorted(
                ((key, got, due) for key, (got, due) in mine.meters.items() if got < due),
                key=lambda one: (one[1] / one[2], one[0]),
            )
        )[:TOP],
        plans=tuple(sorted(mine.total.patrol.items())),
        ratings=tuple(mine.total.ratings.get(str(score), 0) for score in range(1, 6)),
        daily=tuple(mine.daily()),
        unsynced=counters[UNSYNCED].counted if UNSYNCED in counters else 0,
        inexact=sum(not case.exact for case in mine.cases),
        undated=sum(case.day is None for case in cases),
        unanswered=bool(values["tickets"][1]) and not told,
        days_without=mine.days_without,
    )


class _Part:
    """What belongs to one period."""

    def __init__(
        self, period: Period, cases: Sequence[Case], counters: Mapping[str, Day], zone: ZoneInfo, now_ns: int
    ) -> None:
        self.period = period
        self.now_ns = now_ns
        self.cases = sorted(
            (case for case in cases if case.day is not None and period.begin <= case.day <= period.end),
            key=lambda case: (case.day, case.raised_ns, case.dedup_key),
        )
        self.by_fate: dict[Fate, list[Case]] = defaultdict(list)
        for case in self.cases:
            self.by_fate[case.fate(now_ns)].append(case)
        self.counted = {day: counters[day.isoformat()] for day in period.days() if day.isoformat() in counters}
        self.total = Day()
        for one in self.counted.values():
            self.total.merge(one)
        none = Spread()
        device = Spread()
        for path in ("command", "event"):
            device.merge(self.total.response.get(path, none))
        self.spreads = {
            "device": device,
            "door": self.total.response.get("door", none),
            "alarm": self.total.response.get("alarm", none),
        }
        self.meters = complete(period, counters, zone)
        today = datetime.fromtimestamp(now_ns // NS_PER_S, zone).date()
        self.days_without = sum(day not in self.counted and day <= today for day in period.days())

    def values(self) -> dict[str, Value]:
        """Every indicator's value and n."""
        found: dict[str, Value] = {}
        for path, spread in self.spreads.items():
            n = spread.n
            for edge in {"device": (5,), "door": (3, 2), "alarm": (5,)}[path]:
                found[f"{path}_within_{edge}s"] = share(spread.within(edge), n)
            for percent in (50, 95, 99):
                found[f"{path}_p{percent}"] = spread.quantile(percent / 100), n
            found[f"{path}_max"] = (spread.most if n else None), n
        missed, taken = len(self.by_fate[Fate.MISSED]), len(self.by_fate[Fate.TAKEN])
        found["steps_missed"] = share(missed, missed + taken)
        waits = [wait / 60 for case in self.cases if (wait := case.response_s()) is not None]
        found["response_mean"] = (fmean(waits) if waits else None), len(waits)
        found["response_median"] = (median(waits) if waits else None), len(waits)
        for key, judge in (
            ("acknowledged_in_time", Case.acknowledged_in_time),
            ("resolved_in_time", Case.resolved_in_time),
        ):
            judged = [verdict for case in self.cases if (verdict := judge(case, self.now_ns)) is not None]
            found[key] = share(sum(judged), len(judged))
        known = bool(self.counted or self.cases)
        tickets = len(self.cases) - len(self.by_fate[Fate.HELD])
        for key, count in (
            ("alarms", len(self.cases)),
            ("tickets", tickets),
            ("escalated", sum(case.level > 0 for case in self.cases)),
        ):
            found[key] = (float(count) if known else None), count
        rounds = Rounds()
        for plan in self.total.patrol.values():
            rounds.add(plan)
        found["patrol_done"] = share(rounds.on_time + rounds.late, rounds.planned)
        found["patrol_on_time"] = share(rounds.on_time, rounds.planned)
        online = _sum(self.total.online)
        found["online"] = _percent(online), sum(one.known_s > 0 for one in self.total.online.values())
        found["meters_complete"] = share(
            sum(got for got, _ in self.meters.values()), sum(due for _, due in self.meters.values())
        )
        scores = {int(score): count for score, count in self.total.ratings.items()}
        n = sum(scores.values())
        found["rating"] = (sum(score * count for score, count in scores.items()) / n if n else None), n
        return found

    def daily(self) -> Iterator[Daily]:
        """Each day of the period."""
        by_day: dict[date, list[Case]] = defaultdict(list)
        for case in self.cases:
            if case.day is not None:
                by_day[case.day].append(case)
        for day in self.period.days():
            cases = by_day[day]
            asked = Counter(case.priority for case in cases if case.fate(self.now_ns) is not Fate.HELD)
            judged = [one for case in cases if (one := case.acknowledged_in_time(self.now_ns)) is not None]
            online = _percent(_sum(self.counted[day].online)) if day in self.counted else None
            yield Daily(day, tuple(asked[one] for one in PRIORITIES), len(judged), sum(judged), online)


def share(part: float, whole: int) -> Value:
    """Percent, and of how many; None of nothing."""
    return (100.0 * part / whole if whole else None), whole


def _sum(online: Mapping[str, Online]) -> Online:
    total = Online()
    for one in online.values():
        total.add(one)
    return total


def _percent(online: Online) -> float | None:
    return 100.0 * online.online_s / online.known_s if online.known_s else None


def _worst(rows: Mapping[str, _Row], badness: Callable[[_Row], tuple[float, ...]]) -> tuple[tuple[str, _Row], ...]:
    listed = sorted(rows.items(), key=lambda item: (badness(item[1]), item[0]))
    return tuple(item for item in listed if item[0] != OTHERS)[:TOP]


def _place(case: Case) -> tuple[tuple[str, str], ...]:
    part = tuple((name, case.labels[name]) for name in PLACE_LABELS if name in case.labels)
    return part or tuple(case.labels.items())


def _groups(cases: Iterable[Case], by: Callable[[Case], str], now_ns: int) -> tuple[Group, ...]:
    """Most troubles first; what belongs to no group is left out."""
    grouped: dict[str, list[Case]] = defaultdict(list)
    for case in cases:
        if key := by(case):
            grouped[key].append(case)
    found = []
    for key, some in grouped.items():
        fates = Counter(case.fate(now_ns) for case in some)
        judged = [one for case in some if (one := case.acknowledged_in_time(now_ns)) is not None]
        waits = [wait / 60 for case in some if (wait := case.response_s()) is not None]
        found.append(
            Group(
                key=key,
                labels=dict(_place(some[0])),
                troubles=len(some),
                tickets=len(some) - fates[Fate.HELD],
                judged=len(judged),
                in_time=sum(judged),
                missed=fates[Fate.MISSED],
                response_min=fmean(waits) if waits else None,
            )
        )
    return tuple(sorted(found, key=lambda one: (-one.troubles, one.key)))


def _step(case: Case, titles: Mapping[str, tuple[str, str]]) -> Step:
    return Step(
        raised_ns=case.raised_ns,
        exact=case.exact,
        title=case.title,
        subject=case.subject,
        labels=case.labels,
        priority=case.priority,
        category=case.category,
        ref=case.ref,
        number=case.number,
        state=case.state.value,
        why=case.why,
        cause=case.cause,
        cause_title=titles.get(case.cause, ("", ""))[0],
    )
