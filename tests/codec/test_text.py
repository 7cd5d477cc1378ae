"""Lines by pattern, within limits."""

import pytest

from edgegw.codec.serial import SERIAL_PROTOCOLS
from edgegw.codec.text import MAX_LINE, MAX_PATTERN, line, matcher
from edgegw.errors import DecodeError, ProfileError


def test_named_groups_are_the_fields():
    parse, fields = matcher(r"L=(?P<level>[0-9]+)(?: (?P<unit>cm))?", "ascii")
    assert fields == ("level", "unit")
    assert parse(b" L=31 cm\n") == {"level": "31", "unit": "cm"}
    assert parse(b"L=31") == {"level": "31"}


@pytest.mark.parametrize(
    ("frame", "reason"),
    [(b"L=x", "bad-frame"), (b"L=31!", "bad-frame"), (b"\xff", "bad-text"), (b"1" * (MAX_LINE + 1), "too-large")],
)
def test_refused_lines(frame, reason):
    parse, _ = matcher(r"L=(?P<level>[0-9]+)", "ascii")
    with pytest.raises(DecodeError) as caught:
        parse(frame)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    "pattern",
    ["(", "[0-9]+", r"(?P<a>(x+)+)", r"(?P<a>(x*y)*)", r"(?P<a>x)\1", r"(?P<a>x)(?=y)", r"(?P<a>x)(?P=a)",
     "(?P<a>x)" + "y" * MAX_PATTERN],
)  # fmt: skip
def test_refused_patterns(pattern):
    with pytest.raises(ProfileError) as caught:
        matcher(pattern, "ascii")
    assert caught.value.reason == "pattern"


def test_chinese_lines():
    assert line("gb2312")("首次火警\r".encode("gb2312")) == {"text": "首次火警"}


def test_protocols_take_no_foreign_pattern():
    for name in SERIAL_PROTOCOLS:
        if name != "text":
            with pytest.raises(ProfileError):
                SERIAL_PROTOCOLS[name]("(?P<a>.)", "ascii")
    assert SERIAL_PROTOCOLS["text"](None, "ascii").fields == ("text",)
