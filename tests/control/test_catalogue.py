import re
from pathlib import Path

import pytest

from edgegw.control.catalogue import CATALOGUE, LABELS, PROCESS, RESPONSE_BUCKETS_S, Kind
from edgegw.control.page import BEGIN, END, PAGE, with_table

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("spec", CATALOGUE, ids=lambda s: s.name)
def test_each_metric_follows_the_naming(spec):
    assert re.fullmatch(r"edgegw(_[a-z]+)+", spec.name)
    assert spec.name.endswith("_total") == (spec.kind is Kind.COUNTER)
    assert set(spec.labels) <= LABELS.keys()
    assert spec.help.endswith(".")
    assert bool(spec.buckets) == (spec.kind is Kind.HISTOGRAM)


def test_names_are_unique():
    names = [spec.name for spec in (*CATALOGUE, *PROCESS)]
    assert len(set(names)) == len(names)


def test_every_label_is_used():
    assert {name for spec in CATALOGUE for name in spec.labels} == LABELS.keys()


def test_response_buckets_have_the_promised_edges():
    assert {2.0, 3.0, 5.0} <= set(RESPONSE_BUCKETS_S)
    assert list(RESPONSE_BUCKETS_S) == sorted(RESPONSE_BUCKETS_S)


def test_what_is_scraped_is_what_is_catalogued(filled):
    body, _ = filled.render()
    scraped = set(re.findall(r"^# TYPE (\S+) ", body.decode(), re.M))
    assert scraped == {spec.name for spec in (*CATALOGUE, *PROCESS)}


def test_the_page_carries_the_catalogue():
    text = (ROOT / PAGE).read_text()
    assert text == with_table(text), f"run: python -m edgegw.control.page {PAGE}"


def test_the_page_names_no_metric_that_is_not_there():
    text = (ROOT / PAGE).read_text()
    prose = text.replace(text[text.index(BEGIN) : text.index(END)], "")
    known = {spec.name for spec in (*CATALOGUE, *PROCESS)}
    suffixed = {f"{spec.name}{end}" for spec in CATALOGUE if spec.buckets for end in ("_bucket", "_sum", "_count")}
    named = set(re.findall(r"\b(?:edgegw|process)_[a-z_]+", prose))
    assert named
    assert named <= known | suffixed


def test_a_page_without_markers_is_refused():
    with pytest.raises(ValueError, match="markers"):
        with_table("nothing here")
