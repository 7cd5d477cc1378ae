"""Tables fit, whatever is in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.cli.table import cut, plain, table, width


@pytest.fixture(autouse=True)
def no_terminal(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)


def test_a_chinese_character_is_two_columns_wide():
    assert width("表离线") == 6
    assert width("e\u0301") == 1
    assert width("ＡＢ") == 4
    assert cut("表离线", 6) == "表离线"
    assert cut("表离线", 5) == "表离…"
    assert cut("表离线", 4) == "表…"
    assert cut("abc", 1) == "…"


def test_nothing_a_terminal_obeys_comes_out():
    assert plain("a\x1b[2Jb\n\u202ec\x9bd") == "a?[2Jb??c?d"


def test_columns_are_as_wide_as_their_texts():
    lines = table(("", "ALARM", "TEAM"), [("P1", "表离线", "duty"), ("P2", "x", "工程部")], give=((1, 16),))
    assert lines == ["    ALARM   TEAM", "P1  表离线  duty", "P2  x       工程部"]


def test_columns_give_way_in_their_order(monkeypatch):
    head, give = ("", "A", "B", "C"), ((3, 12), (1, 16))
    line = table(head, [("P1", "水" * 30, "n", "t" * 50)], give=give)[1]
    assert width(line) == 100
    assert line.endswith("t…")
    assert "水" * 30 in line
    line = table(head, [("P1", "水" * 60, "n", "t" * 50)], give=give)[1]
    assert line.endswith("水…  n  ttttttttttt…")
    assert 99 <= width(line) <= 100
    line = table(head, [("P1", "水" * 60, "n" * 90, "t" * 50)], give=give)[1]
    assert "水水水水水水水…" in line
    assert 99 <= width(line) <= 100
    monkeypatch.setenv("COLUMNS", "120")
    assert 119 <= width(table(head, [("P1", "水" * 90, "n", "t")], give=give)[1]) <= 120


@given(st.lists(st.tuples(*[st.text(max_size=120)] * 4), max_size=5))
def test_any_table_fits(rows):
    for line in table(("", "ALARM", "TICKET", "CLOCK"), rows, give=((1, 16),)):
        assert width(line) <= 100
        assert "\n" not in line
