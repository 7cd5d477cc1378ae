"""The screen at several sizes, and plain lines."""

from io import StringIO

import pytest
from rich.console import Console

from edgegw.demo.figures import Response
from edgegw.demo.observer import Active, Seen
from edgegw.demo.play import line
from edgegw.demo.screen import ago, clock, draw, millis
from edgegw.demo.view import LinkRow, ProcessRow, Ticket, View
from edgegw.demo.words import Words

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
    tickets=(Ticket("7", "漏水", "P2", "3号楼 2单元 1203", "open"), Ticket("6", "门未关", "P3", "", "resolved")),
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
    ):
        assert part in text


def test_its_own_words_are_in_the_language_asked_for() -> None:
    assert "工单台" in drawn(160, 44, "zh-CN")
    assert "工单台" not in drawn(160, 44, "en")


def test_a_plain_line_says_the_same() -> None:
    assert "committed 400  accepted 367  waiting 33" in line(VIEW, Words("en"))


def test_short_times() -> None:
    assert [millis(v) for v in (None, 4.24, 5200.0)] == ["—", "4.2 ms", "5.2 s"]
    assert [ago(v) for v in (-1, 4, 180, 7200)] == ["0s", "4s", "3m", "2h"]
    assert [clock(v) for v in (42, 3723)] == ["0:42", "1:02:03"]
