"""The report of two synthetic weeks, in both languages and all formats, as it was looked at and found right.

After a wanted change: `EDGEGW_GOLDEN=write pytest tests/report/test_golden.py`, then look at the difference.
"""

import csv
import io
import json
import os
import re
from pathlib import Path

import pytest

from edgegw.report import tidy
from edgegw.report.page import html
from edgegw.report.show import Show
from tests.report import history

GOLDEN = Path(__file__).parent / "golden"
LANGUAGES = ("zh-CN", "en")


@pytest.fixture(scope="module")
def report():
    return history.report()


def show(language):
    return Show(language, history.ZONE, history.NAMES)


def page(report, language):
    return html(report, names=history.NAMES, show=show(language))


def same(name, text):
    path = GOLDEN / name
    if os.environ.get("EDGEGW_GOLDEN") == "write":
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8", newline="")
    assert text.splitlines() == path.read_text("utf-8").splitlines()


@pytest.mark.parametrize("language", LANGUAGES)
def test_html(report, language):
    """What it says; how it looks (the style sheet) may change without being said here."""
    text = re.sub(r"<style>.*?</style>", "<style></style>", page(report, language), flags=re.S)
    same(f"report.{language}.html", re.sub(r"\n\s*\n+", "\n", text))


@pytest.mark.parametrize("language", LANGUAGES)
def test_json(report, language):
    text = tidy.as_json(report, names=history.NAMES, show=show(language))
    told = json.loads(text)
    assert [one["key"] for one in told["indicators"]][:2] == ["device_within_5s", "device_p50"]
    assert all(one["definition"] and one["name"] for one in told["indicators"])
    same(f"report.{language}.json", text)


@pytest.mark.parametrize("language", LANGUAGES)
def test_csv(report, language):
    text = tidy.as_csv(report, show=show(language))
    rows = list(csv.reader(io.StringIO(text)))
    assert tuple(rows[0]) == tidy.COLUMNS
    assert {len(row) for row in rows} == {len(tidy.COLUMNS)}
    same(f"report.{language}.csv", text)


def test_both_languages_tell_the_same(report):
    """The same numbers in the same order, whatever stands around them."""
    chinese, english = (json.loads(tidy.as_json(report, names=history.NAMES, show=show(one))) for one in LANGUAGES)
    for one in (chinese, english):
        for indicator in one["indicators"]:
            del indicator["name"], indicator["definition"]
    assert chinese["indicators"] == english["indicators"]
    assert chinese["days"] == english["days"]
    shapes = [re.sub(r"[^<>/a-z0-9]|>[^<]*<", "", page(report, one).split("</style>")[1]) for one in LANGUAGES]
    assert shapes[0].count("<tr") == shapes[1].count("<tr")
