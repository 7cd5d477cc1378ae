"""What happens at a simulated reader so that its points have certain values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import wiegand
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.profile_osdp import Scene, key_of, scenes

READER = ProfileLibrary().get("generic/osdp-reader")
DIGITS = "00112233445566778899AABBCCDDEEFF"


@given(st.integers(0, (1 << 35) - 1))
def test_a_printed_card_is_read_with_the_parity_the_codec_wants(number):
    (scene,) = scenes(READER, {"card": f"{number:010d}"})
    read, bits = scene.card
    assert wiegand.parse(f"{read:0{bits}b}")["card"] == f"{number:010d}"
    assert bits == (26 if number < 1 << 24 else 34 if number < 1 << 32 else 37)


def test_published_frames_cards():
    """53801000055000011A002D00A2007517: 26 bits, facility 90, number 324."""
    assert scenes(READER, {"card": "0005898564", "hex": "0B40288"}) == [Scene(card=(0x0B40288, 26))]


@pytest.mark.parametrize(
    ("values", "card"),
    [
        ({"hex": "2A1B3C4D"}, (0x2A1B3C4D, 32)),
        ({"number": "706427981"}, (0x2A1B3C4D, 32)),
        ({"hex": "04A1B2C3D4E5F6"}, (0x04A1B2C3D4E5F6, 56)),
        ({"number": "706427981", "hex": "2A1B3C4D"}, (0x2A1B3C4D, 32)),
    ],
)
def test_cards_whose_bits_are_all_their_own(values, card):
    assert scenes(READER, values) == [Scene(card=card)]


def test_keys_and_contacts():
    assert scenes(READER, {"pin": "12", "tamper": True}) == [Scene(keys="12#", tamper=True)]
    assert scenes(READER, {"power_fault": True}) == [Scene(power_fault=True)]


def test_without_values_it_shows_each_good_sample():
    assert len(scenes(READER)) == sum(bool(s.readings) for s in READER.samples if s.error is None)


def reader(**points):
    told = READER.model_dump(by_alias=True, exclude_unset=True, mode="json")
    return Profile.model_validate(told | {"points": told["points"] | points})


def test_facility_and_length_as_they_are_asked_for():
    profile = reader(w={"type": "str", "osdp": {"field": "wiegand"}}, bits={"type": "int", "osdp": {"field": "bits"}})
    assert scenes(profile, {"w": "090,00324"}) == [Scene(card=(0x0B40288, 26))]
    ((read, bits),) = [scene.card for scene in scenes(profile, {"w": "090,00324", "bits": 34})]
    assert (bits, wiegand.parse(f"{read:034b}")["wiegand"]) == (34, "090,00324")


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cards": "1"}, "there is no point 'cards'"),
        ({"card": "0005898564", "number": "1"}, "number: no read that fits card"),
        ({"card": "99999999999"}, "card: no read of 26, 34 or 37 bits"),
        ({"card": "12"}, "card: no read that fits card"),
        ({"card": "12x"}, "card: no such number"),
        ({"hex": "0b40288"}, "hex: no such number"),
        ({"number": str(1 << 80)}, "number: no such number"),
        ({"pin": "12#"}, "pin: up to 16 digits"),
        ({"pin": ""}, "pin: up to 16 digits"),
        ({"tamper": "loose"}, "tamper: is of type bool"),
        ({"tamper": 1}, "tamper: is of type bool"),
    ],
)
def test_what_no_reader_says_is_refused_without_the_value(values, said):
    with pytest.raises(ValueError, match="^" + said) as caught:
        scenes(READER, values)
    assert not any(len(str(value)) > 4 and str(value) in str(caught.value) for value in values.values())


def test_fields_it_has_not_are_said():
    with pytest.raises(ValueError, match="a simulated reader has no input3"):
        scenes(reader(gate={"type": "bool", "osdp": {"field": "input3"}}), {"gate": True})


@pytest.mark.parametrize("text", [DIGITS, "00:11:22:33 44556677-8899aabb ccddeeff\n"])
def test_a_key_file(tmp_path, text):
    (tmp_path / "key").write_text(text)
    assert key_of(str(tmp_path / "key")) == bytes.fromhex(DIGITS)


@pytest.mark.parametrize("text", ["", DIGITS[:-1], DIGITS + "00", "x" * 5000, "٠" * 32])
def test_no_key_is_said_and_not_shown(tmp_path, text):
    (tmp_path / "key").write_text(text)
    with pytest.raises(ValueError, match="a key is 32 hex digits") as caught:
        key_of(str(tmp_path / "key"))
    assert not text or text not in str(caught.value)
