"""GST fire panels: the published records, and that no damage but the loss of the word itself keeps a fire alarm back."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.framing import Delimiter
from edgegw.codec.gst9000 import FIELDS, MOST, STATES, parse
from edgegw.errors import DecodeError

# Published with the panel's collection protocol, for one www.bingoex.cn/news/119.html.
FIRST = bytes.fromhex(
    "1B3630382F31322F3032202031373A32340A20203030342D3030340A1B39CAD7B4CEBBF0BEAF0AC8B9C2A5D2BBB2E3C9CFBFD50AB8D0D1CCCCBDB2E2"
    "C6F70A0A"
)
NEXT = bytes.fromhex(
    "1B3630382F31322F3032202031373A32310A20203030362D3030370A1B39BBF0BEAFBAF3D0F80AD6D0D1CCC1F9B2E3BCC6BBAED6B2BF0AB8D0D1CC"
    "CCBDB2E2C6F70A0A"
)
RESET = bytes.fromhex("1B3630382F31322F3032202031373A32350A2020 0A1B39CFB5CDB3B8B4CEBB0A0A".replace(" ", ""))
FIRE = "火警".encode("gb2312")


def record(event, *lines, head="08/12/02  17:24\n  004-004\n"):
    """Constructed after the published records."""
    return f"\x1b6{head}\x1b9{event}\n{''.join(line + chr(10) for line in lines)}".encode("gb2312")


def framed(stream, chunks=()):
    framer = Delimiter(b"\n\n", MOST)
    edges = [0, *sorted(p % (len(stream) + 1) for p in chunks), len(stream)]
    return [frame for a, b in pairwise(edges) for frame in framer.feed(stream[a:b], 0)]


def test_the_published_first_alarm():
    (frame,) = framed(FIRST)
    assert parse(frame) == {
        "event": "fire",
        "text": "首次火警",
        "fire": 1,
        "address": "004-004",
        "loop": 4,
        "device": 4,
        "place": "裙楼一层上空",
        "detector": "感烟探测器",
        "printed": "08/12/02 17:24",
    }


def test_the_published_later_alarm_and_reset():
    later, reset = (parse(frame) for frame in framed(NEXT + RESET))
    assert (later["event"], later["text"], later["fire"], later["address"]) == ("fire", "火警后续", 1, "006-007")
    assert (later["place"], later["detector"]) == (
        "中烟六层计划植\ufffd",
        "感烟探测器",
    )  # the character is torn as published
    assert reset == {"event": "reset", "text": "系统复位", "printed": "08/12/02 17:25", **dict.fromkeys(STATES, 0)}


@pytest.mark.parametrize(
    ("event", "slug", "states"),
    [
        ("手动火警", "fire", {"fire": 1}),
        ("火灾预警", "fire", {"fire": 1}),
        ("火警撤销", "fire", {"fire": 1}),  # only the reset ends a fire
        ("探测器故障", "fault", {"fault": 1}),
        ("故障恢复", "restored", {"fault": 0}),
        ("监管报警", "supervisory", {"supervisory": 1}),
        ("监管解除", "restored", {"supervisory": 0}),
        ("设备屏蔽", "isolated", {"isolated": 1}),
        ("屏蔽释放", "restored", {"isolated": 0}),
        ("启动反馈", "feedback", {}),
        ("值班员登录", "other", {}),
    ],
)
def test_words_of_gb_4717(event, slug, states):
    read = parse(record(event, "感烟探测器"))
    assert (read["event"], read["text"], read["detector"]) == (slug, event, "感烟探测器")
    assert {name: read[name] for name in STATES if name in read} == states
    assert set(read) <= set(FIELDS)


def test_records_that_ran_together_lose_no_alarm():
    """The end of the first was torn: a fire, then a fault of another device."""
    (frame,) = framed(FIRST[:-2] + record("故障", "手报", head="08/12/02  17:25\n  001-009\n") + b"\n")
    read = parse(frame)
    assert (read["fire"], read["fault"], read["address"], read["text"]) == (1, 1, "001-009", "故障")
    assert "place" not in read
    (frame,) = framed(FIRST[:-2] + RESET)
    assert parse(frame)["fire"] == 0


def test_an_alarm_whose_mark_was_torn_is_not_lost_among_others():
    torn = FIRST.replace(b"\x1b9", b"9")[:-2]
    (frame,) = framed(torn + record("故障", "手报") + b"\n")
    read = parse(frame)
    assert (read["fire"], read["fault"]) == (1, 1)
    assert parse(torn)["address"] == "004-004"


@given(cut=st.integers(0, len(FIRST) - 2))
def test_a_record_torn_at_its_beginning_still_alarms(cut):
    rest = FIRST[cut:-2]
    if FIRE in rest:
        assert parse(rest)["fire"] == 1
    else:
        with pytest.raises(DecodeError, match="bad-frame"):
            parse(rest)


@given(at=st.integers(0, len(FIRST) - 3), byte=st.integers(0, 255))
def test_one_wrong_byte_keeps_no_alarm_back(at, byte):
    damaged = bytearray(FIRST[:-2])
    damaged[at] = byte
    if not 0 <= at - FIRST.index(FIRE) < len(FIRE):
        assert parse(bytes(damaged))["fire"] == 1


@given(at=st.integers(0, len(FIRST) - 3))
def test_one_lost_byte_keeps_no_alarm_back(at):
    if not 0 <= at - FIRST.index(FIRE) < len(FIRE):
        assert parse(FIRST[:at] + FIRST[at + 1 : -2])["fire"] == 1


@given(
    records=st.lists(st.sampled_from([FIRST, NEXT, RESET]), min_size=1, max_size=5),
    chunks=st.lists(st.integers(0, 400), max_size=20),
    garbage=st.binary(max_size=60),
)
def test_any_chunking_and_garbage_before(records, chunks, garbage):
    frames = framed(garbage + b"\n\n" + b"".join(records), chunks)
    assert [parse(frame) for frame in frames[-len(records) :]] == [parse(r[:-2]) for r in records]


@given(frame=st.binary(max_size=200))
def test_any_bytes_are_understood_or_refused(frame):
    try:
        read = parse(frame)
    except DecodeError as error:
        reason = error.reason
    else:
        assert set(read) <= set(FIELDS)
        reason = "bad-frame"
    assert reason == "bad-frame"


def test_what_is_too_long_is_refused():
    with pytest.raises(DecodeError) as caught:
        parse(FIRST * 20)
    assert caught.value.reason == "too-large"
    read = parse(record("火警", "楼" * 200, "探" * 200))
    assert (len(read["place"]), len(read["detector"])) == (100, 100)
