"""Simulated serial devices without a port: their frames through our framer and decoder."""

import contextlib

import pytest

from edgegw.codec.framing import make_framer
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Frame
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.profile_serial import frames, spoiled

LIBRARY = ProfileLibrary()


def serial_names():
    """The shipped serial profiles; one that cannot be loaded fails in tests/profiles/test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            if LIBRARY.get(name).link == "serial":
                yield name


SERIAL = list(serial_names())
REPLAYED = {"gst9000"}
CHECKED = [name for name in SERIAL if LIBRARY.get(name).serial.protocol not in {"text", "wiegand-hex", "gst9000"}]


def good(profile):
    return [sample for sample in profile.samples if sample.error is None]


def read(profile, stream):
    """The readings of each frame in what came from the line."""
    decoder = compile_profile(profile, None)
    cut = make_framer(profile.serial.framing).feed(stream, 0)
    return [{r.point: r.value for r in decoder.decode(Frame(data)).readings} for data in cut]


def lines(pattern, sample, points=("level", "state")):
    return Profile.model_validate({
        "vendor": "test", "model": "lines", "source": "test", "link": "serial",
        "serial": {"framing": {"kind": "delimiter", "end": "0D0A"}, "protocol": "text", "pattern": pattern},
        "points": {
            "level": {"type": "float", "scale": 0.1, "serial": {"field": points[0]}},
            "state": {"type": "bool", "map": {"ON": True, "OFF": False}, "serial": {"field": points[1]}},
        },
        "samples": [{"source": "constructed", "hex": (sample + b"\r\n").hex(), "readings": {"level": 1.7, "state": True}}],
    })  # fmt: skip


@pytest.mark.parametrize("name", SERIAL)
def test_it_says_its_samples(name):
    profile = LIBRARY.get(name)
    assert read(profile, b"".join(frames(profile))) == [sample.readings for sample in good(profile)]


@pytest.mark.parametrize("name", SERIAL)
def test_told_the_values_of_a_sample_it_says_them(name):
    profile = LIBRARY.get(name)
    for sample in good(profile):
        assert sample.readings in read(profile, b"".join(frames(profile, sample.readings)))


@pytest.mark.parametrize("name", [n for n in SERIAL if LIBRARY.get(n).serial.protocol not in REPLAYED])
def test_a_frame_made_anew_is_byte_for_byte_the_sample(name):
    profile = LIBRARY.get(name)
    for sample in good(profile):
        made = frames(
            profile, {p: v for p, v in sample.readings.items() if p != "data" or "code" not in sample.readings}
        )
        assert made == [sample.hex]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("generic/rdm6300", {"card": "4294967295"}),
        ("generic/em4100-binary", {"card": "0000000001"}),
        ("generic/wiegand-serial", {"card": "0005898565", "bits": 26}),
        ("generic/wiegand-serial", {"facility": 7, "bits": 34}),
        ("generic/wiegand-serial-hex", {"card": "0000000012"}),
        ("generic/gm65", {"code": "访客-0017"}),
        ("vguang/tlv", {"code": "0042", "command": 49}),
        ("vguang/tlv", {"data": "00FF10"}),
        ("gst/gst9000", {"event": "supervisory"}),
    ],
)
def test_other_values_are_read_as_told(name, values):
    profile = LIBRARY.get(name)
    (told,) = read(profile, b"".join(frames(profile, values)))
    assert {point: told[point] for point in values} == values


def test_values_are_put_into_a_line_of_text():
    profile = lines(r"L=(?P<level>[0-9]{1,4});(?P<state>ON|OFF)", b"L=17;ON")
    assert frames(profile, {"level": 230.5}) == [b"L=2305;ON\r\n"]
    assert frames(profile, {"state": False, "level": 1.0}) == [b"L=10;OFF\r\n"]
    for values, said in (({"level": 0.05}, "no line of this device"), ({"level": "full"}, "level: a number")):
        with pytest.raises(ValueError, match=said):
            frames(profile, values)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("generic/rdm6300", {"tag": "1"}, "there is no point 'tag'"),
        ("generic/rdm6300", {"card": "4294967296"}, "card: a card of this kind has 32 bits"),
        ("generic/rdm6300", {"card": "none"}, "card: invalid literal"),
        ("generic/wiegand-serial", {"card": "0005898564", "bits": 27}, "no read has 27 bits"),
        ("generic/wiegand-serial", {"card": "0005898564", "facility": 3}, "the facility of this card is 90"),
        ("generic/wiegand-serial-hex", {"card": "9999999999"}, "more than"),
        ("vguang/tlv", {"code": "1", "data": "32"}, "not the same data"),
        ("gst/gst9000", {"event": "flood"}, "none shows these values"),
    ],
)
def test_what_it_cannot_say_is_refused(name, values, said):
    with pytest.raises(ValueError, match=said):
        frames(LIBRARY.get(name), values)


@pytest.mark.parametrize("name", CHECKED)
def test_a_wrong_checksum_is_told_as_such(name):
    profile = LIBRARY.get(name)
    for frame in frames(profile):
        with pytest.raises(DecodeError) as refused:
            read(profile, spoiled(profile, frame, "bad-checksum"))
        assert refused.value.reason == "bad-checksum"


@pytest.mark.parametrize("name", SERIAL)
def test_a_torn_frame_is_none_and_the_next_is_read(name):
    profile = LIBRARY.get(name)
    framer = make_framer(profile.serial.framing)
    frame = frames(profile)[0]
    assert framer.feed(spoiled(profile, frame, "torn"), 0) == []
    whole = make_framer(profile.serial.framing).feed(frame, 0)
    later = framer.feed(frame, 10_000_000_000)
    assert later[-1][-len(whole[0]) :] == whole[0]


def test_without_a_checksum_there_is_no_wrong_one():
    profile = LIBRARY.get("generic/gm65")
    with pytest.raises(ValueError, match="no checksum"):
        spoiled(profile, frames(profile)[0], "bad-checksum")
