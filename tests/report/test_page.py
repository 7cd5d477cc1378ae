"""The page: what comes from outside is text and nothing else; formats, plots, and what there is when there is nothing."""

import csv
import io
import json
from datetime import date, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.report import charts, tidy
from edgegw.report.page import html
from edgegw.report.show import Names, Show
from edgegw.report.words import STATES, WHYS, WORDS
from edgegw.service.indicators_figures import figures
from edgegw.service.indicators_report import Daily, Period
from edgegw.service.indicators_rows import EDGES_S, PATHS, Day, Spread
from edgegw.service.indicators_words import SPECS
from edgegw.service.ticket import History
from tests.report import history

NASTY = """<script>alert(1)</script>"' onload="x" </style></title> {{ 7*7 }} =cmd|' /C calc'!A0"""
VOID = {"meta", "br", "circle", "rect", "line", "path", "polyline"}


class Tags(HTMLParser):
    """Checks that every tag is closed and collects them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.seen.add(tag)
        self.attributes |= {name for name, _ in attrs}
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.seen.add(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def show(language="en", names=None):
    return Show(language, history.ZONE, names or Names(gateway="g"))


def made(tickets=(), counters=None, period=history.PERIOD):
    return figures(
        period,
        period.before(),
        history=tickets,
        live=(),
        counters=counters or {},
        zone=history.ZONE,
        now_ns=history.ns(history.NOW),
    )


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_nothing_from_outside_becomes_markup(language):
    names = Names(gateway=NASTY, location=NASTY, devices={"d": NASTY}, categories={"water": NASTY}, plans={"p": NASTY})
    raised = history.ns(history.NOW) - 3 * 86400 * history.NS
    facts = {"title": NASTY, "category": "water", "priority": NASTY, "subject": "d", "labels": {NASTY: NASTY}}
    facts |= {"ticket_id": "1", "ref": NASTY, "number": NASTY, "cause": NASTY}
    tickets = [
        History(dedup_key=f"k{state}", state=state, why=why, raised_ns=raised, respond_by_ns=raised, **facts)
        for state, why in (("opened", ""), ("held", "cause"))
    ]
    day = Day(alarms={NASTY: 4, "kheld": 3})
    report = made(tickets, {"2026-11-13": day})
    text = html(report, names=names, show=show(language, names))
    tags = Tags(text)
    assert not tags.seen & {"script", "img", "iframe", "a", "link", "object"}
    assert not {name for name in tags.attributes if name.startswith("on") or name in {"src", "href"}}
    assert "<script>alert(1)</script>" in tags.text
    assert "49 " not in text
    assert "Content-Security-Policy" in text
    table = list(csv.reader(io.StringIO(tidy.as_csv(report, show=show(language, names)))))
    assert not [cell for row in table for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert json.loads(tidy.as_json(report, names=names, show=show(language, names)))["missed"][0]["title"] == NASTY


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_a_report_of_nothing(language):
    text = html(made(), names=Names(gateway="g"), show=show(language))
    tags = Tags(text)
    assert tags.text.count(WORDS["no_data"].of(language)) >= 5
    assert 'class="good"' not in text
    assert 'class="bad"' not in text
    assert "svg" not in tags.seen
    assert json.loads(tidy.as_json(made(), names=Names(), show=show(language)))["indicators"][0]["value"] is None


def test_a_long_report_says_what_it_leaves_out():
    raised = history.ns(history.NOW) - 3 * 86400 * history.NS
    facts = {"title": "t", "category": "water", "priority": "P3", "subject": "d", "ref": "r", "ticket_id": "i"}
    missed = [History(dedup_key=f"k{n}", state="opened", raised_ns=raised, **facts) for n in range(1250)]
    text = html(made(missed), names=Names(gateway="g"), show=show())
    assert "1,050 more; see CSV or JSON." in text


# --- numbers and dates --------------------------------------------------------------------------------------------------


def spec(key):
    return next(one for one in SPECS if one.key == key)


def test_rounded_to_the_worse_side():
    english = show()
    assert english.value(spec("device_within_5s"), 99.9999) == "99.9\u00a0%"
    assert english.value(spec("device_within_5s"), 100.0) == "100\u00a0%"
    assert english.value(spec("steps_missed"), 0.3001) == "0.31\u00a0%"
    assert english.value(spec("steps_missed"), 100 * 3 / 1000) == "0.30\u00a0%"
    assert english.value(spec("steps_missed"), 0.0) == "0\u00a0%"
    assert english.value(spec("response_mean"), 12.01) == "12.1\u00a0min"
    assert english.value(spec("alarms"), 12345.0) == "12,345"
    assert english.value(spec("online"), None) == "no data"
    assert show("zh-CN").value(spec("door_p50"), 0.412) == "0.42\u00a0秒"


@given(st.sampled_from(SPECS), st.floats(0, 1e6))
def test_what_reads_as_the_target_has_reached_it(one, value):
    if one.target is None or (one.unit == "%" and value > 100):
        return
    shown = float(show().value(one, value).split("\u00a0")[0].replace(",", ""))
    met = value >= one.target if one.more_is_better else value <= one.target
    reads = shown >= one.target if one.more_is_better else shown <= one.target
    # Nine decimals is where computing ends and rounding begins.
    assert reads == met or abs(value - one.target) < 1e-8 or (met and not reads and abs(shown - one.target) <= 0.1)


def test_dates():
    week = Period(date(2026, 11, 30), date(2026, 12, 6))
    assert show("zh-CN").period(week) == "2026年11月30日 – 12月6日"
    assert show().period(week) == "30\u00a0Nov – 6\u00a0Dec\u00a02026"
    assert show().period(Period(date(2026, 12, 28), date(2027, 1, 3))) == "28\u00a0Dec\u00a02026 – 3\u00a0Jan\u00a02027"
    assert show("zh-CN").period(Period(date(2026, 11, 9), date(2026, 11, 9))) == "2026年11月9日"
    assert show().span(59) == "1\u00a0min"
    assert show("zh-CN").span(3 * 86400 + 7200) == "3\u00a0天 2\u00a0小时"


def test_both_languages_have_all_words():
    for words in (WORDS, STATES, WHYS):
        for key, text in words.items():
            assert text.zh, key
            assert text.en, key
            assert text.zh.count("{") == text.en.count("{"), key


# --- plots --------------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=50), st.sampled_from([3, 5]))
def test_a_distribution_shows_every_share(values, limit):
    spread = Spread()
    for value in values:
        spread.add(value)
    chart = charts.distribution(spread.counts, lambda share: f"{share}", limit_s=limit)
    late = sum(float(bar.told) for bar in chart.bars if bar.kind == "late")
    assert sum(float(bar.told) for bar in chart.bars) == pytest.approx(1)
    assert late == pytest.approx(sum(value > limit for value in values) / len(values))
    for bar in chart.bars:
        assert 0 <= bar.x <= bar.x + bar.width <= chart.width
        assert 0 < bar.y < bar.y + bar.height <= chart.base + 0.01
    assert [mark.text for mark in chart.marks] == ["2", "3", "5"]


@given(st.lists(st.tuples(*[st.integers(0, 3000)] * 4), min_size=1, max_size=400))
def test_tickets_stand_on_each_other(days):
    rows = [Daily(date(2026, 1, 1) + timedelta(n), one, 0, 0, None) for n, one in enumerate(days)]
    found = charts.tickets(rows, ("P1", "P2", "P3", "P4"), lambda day: f"{day:%m-%d}")
    total = sum(sum(one) for one in days)
    if found is None:
        assert total == 0
        return
    chart, weekly = found
    assert weekly == (len(days) > charts.WEEKS_FROM)
    assert sum(int(bar.told.rsplit(" ", 1)[1]) for bar in chart.bars) == total
    assert all(charts.TOP - 0.01 <= bar.y <= bar.y + bar.height <= chart.base + 0.01 for bar in chart.bars)
    assert 2 <= len(chart.y_labels) <= 6


@given(st.lists(st.one_of(st.none(), st.floats(0, 100)), max_size=70))
def test_a_rate_leaves_gaps(values):
    points = [(date(2026, 1, 1) + timedelta(n), value) for n, value in enumerate(values)]
    chart = charts.rate(points, lambda day: f"{day:%m-%d}", lambda value: f"{value}")
    known = sum(value is not None for value in values)
    assert (chart is None) == (known == 0)
    if chart is not None:
        assert len(chart.dots) == known
        assert all(charts.TOP - 0.01 <= dot.y <= chart.base + 0.01 for dot in chart.dots)


def test_what_the_plots_stand_on():
    assert set(charts.BINS_S) <= set(EDGES_S)
    assert set(charts.TARGETS_S) <= set(charts.BINS_S)
    assert "alarm" in PATHS
    assert ZoneInfo("Asia/Shanghai") == history.ZONE
