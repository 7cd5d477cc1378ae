"""The screen at several sizes, and plain lines."""

from io import StringIO

import pytest
from msgspec.structs import replace
from rich.console import Console

from edgegw.demo.figures import Response
from edgegw.demo.observer import Active, Seen
from edgegw.demo.play import line
from edgegw.demo.screen import ago, clock, draw, millis, running, stage_of, ticket_of
from edgegw.demo.view import LinkRow, ProcessRow, Ticket, View
from edgegw.demo.words import ZH, Words

VIEW = View(
    elapsed_s=42.0,
    now_s=142.0,
    addresses=(("tickets", "http://127.0.0.1:8080/"),),
    processes=(ProcessRow("desk", "unplugged"), ProcessRow("gateway", "up", 4711, 1)),
    links=(LinkRow("rs485-power", "modbus-rtu", up=True, messages=120, readings=300, rate=4.2),),
    devices=tuple(
        Seen(
            f"meter-{n}",
            f"电表 {n}",
            "rs485-power",
            "3号楼 配电间",
            "online" if n else "offline",
            {"voltage": "230.2 V"},
            140.0,
        )
        for n in range(6)
    ),
    alarms=(Active("k", "漏水", "3号楼 2单元 1203", "P2", 130.0),),
    tickets=(
        Ticket("8", "电表 1 离线", "P3", "", "open", "acknowledged", "m", 990.0, None, 1000.0, 4000.0, "张强", 59),
        Ticket("7", "漏水", "P2", "3号楼 2单元 1203", "open", "opened", "k", 990.0, None, 1062.0, 4000.0),
        Ticket("6", "门未关", "P3", "", "resolved"),  # of a desk that tells no more
    ),
    opened=7,
    resolved=6,
    responses={"event": Response(13, 4.2, 9.9, 5200.0)},
    depth={"desk": {"alarm": 2, "telemetry": 31}},
    committed=400,
    accepted=367,
    rate=9.5,
    raised=7,
    cleared=6,
    notices=((3.0, "desk: unplugged"),),
    acknowledged=5,
    closed=4,
    wall_s=1000.0,
)


def drawn(width: int, height: int, language: str) -> str:
    out = StringIO()
    console = Console(file=out, width=width, height=height, force_terminal=True, color_system=None)
    console.print(draw(VIEW, Words(language), width=width, height=height))
    return out.getvalue()


@pytest.mark.parametrize(("width", "height"), [(80, 24), (120, 40), (200, 60), (40, 10)])
def test_it_fits_every_terminal(width: int, height: int) -> None:
    assert len(drawn(width, height, "zh-CN").splitlines()) <= height


def test_what_matters_is_on_it() -> None:
    text = drawn(160, 44, "en")
    for part in (
        "电表 3",
        "230.2 V",
        "漏水",
        "#7",
        "resolved",
        "4.2 ms",
        "5.2 s",
        "31",
        "400",
        "367",
        "unplugged",
        "pid 4711",
        "↻1",
        "→ #7",
        "+59",
        "acknowledged 5",
        "missed 0",
        "50:00",
        "1:02",
    ):
        assert part in text


def test_its_own_words_are_in_the_language_asked_for() -> None:
    assert "工单台" in drawn(160, 44, "zh-CN")
    assert "工单台" not in drawn(160, 44, "en")


def test_a_plain_line_says_the_same() -> None:
    assert "committed 400  accepted 367  waiting 33" in line(VIEW, Words("en"))


@pytest.mark.parametrize(
    ("state", "progress", "word"),
    [
        ("open", "", "open"),
        ("open", "opened", "new"),
        ("open", "assigned", "assigned"),
        ("resolved", "assigned", "recovered"),
        ("resolved", "resolved", "solved"),
        ("closed", "closed", "closed"),
        ("merged", "opened", "merged"),
    ],
)
def test_a_ticket_says_in_a_word_how_far_it_is(state: str, progress: str, word: str) -> None:
    assert stage_of(Ticket("1", "", "", "", state, progress)) == word
    assert word in ZH


def test_a_clock_runs_towards_the_next_deadline_and_then_stands() -> None:
    new = Ticket("1", "", "P1", "", "open", "opened", "k", 100.0, None, 160.0, 4000.0)
    assert running(new, 120.0) == ("0:40", "")
    assert running(new, 175.0) == ("!0:15", "bold red")
    assert running(replace(new, progress="acknowledged"), 400.0) == ("1:00:00", "")
    assert running(replace(new, state="resolved"), 400.0)[0] == ""
    assert running(replace(new, state="closed", closed_s=130.0), 400.0)[0] == "0:30"
    assert running(Ticket("1", "", "", "", "open"), 5.0)[0] == ""


def test_an_alarm_is_shown_with_the_ticket_it_has_now() -> None:
    old = Ticket("3", "", "", "", "closed", "closed", "k")
    tickets = (Ticket("5", "", "", "", "open", "opened", "x"), Ticket("4", "", "", "", "resolved", "opened", "k"), old)
    found = ticket_of(replace(VIEW, tickets=tickets), "k")
    assert found is not None
    assert found.number == "4"
    assert ticket_of(replace(VIEW, tickets=(old,)), "k") is None


def test_short_times() -> None:
    assert [millis(v) for v in (None, 4.24, 5200.0)] == ["—", "4.2 ms", "5.2 s"]
    assert [ago(v) for v in (-1, 4, 180, 7200)] == ["0s", "4s", "3m", "2h"]
    assert [clock(v) for v in (42, 3723)] == ["0:42", "1:02:03"]
