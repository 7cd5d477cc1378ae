"""Meters' answers to readings: exact totals, units, bits, blocks; what a profile may not say."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import CommandError, DecodeError
from edgegw.model import Frame, MeterAnswer
from edgegw.profiles.check import findings
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.decode_meter import answer_of
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.meter_frames import digits

LIBRARY = ProfileLibrary()
WATER = LIBRARY.get("generic/cjt188-water")
CUBIC_METRES, LITRES, CLOCK, OPEN = b"\x2c", b"\x29", digits("20261125220000"), bytes(2)


def profile(points, *, protocol="dlt645", kind=None, commands=None):
    told = {
        "vendor": "test", "model": "meter", "source": "test", "link": "meter",
        "meter": {"protocol": protocol} | ({"type": kind} if kind else {}),
        "points": points,
        "samples": [{"source": "none", "hex": "16", "error": "bad-frame"}],
    }  # fmt: skip
    return Profile.model_validate(told | ({"commands": commands} if commands else {}))


def one(meter, kind="float", **point):
    return {"p": {"type": kind, "meter": meter, **point}}


def read(made, di, data, protocol="dlt645"):
    decoded = compile_profile(made, None).decode(MeterAnswer(protocol, di, data))
    return {reading.point: reading.value for reading in decoded.readings}


@given(st.integers(0, 99_999_999))
def test_a_total_is_the_decimal_it_shows(hundredths):
    """No drift, however large: the value is the float nearest to what the display says."""
    made = profile(one({"di": "00010000", "format": "XXXXXX.XX"}))
    (value,) = read(made, "00010000", digits(f"{hundredths:08d}")).values()
    assert Decimal(repr(value)) == Decimal(hundredths).scaleb(-2)


@given(st.integers(0, 99_999_999))
def test_litres_come_exactly_as_cubic_metres(hundredths):
    amount = digits(f"{hundredths:08d}") + LITRES
    values = read(WATER, "901F", amount + amount + CLOCK + OPEN, "cjt188")
    assert Decimal(repr(values["total"])) == Decimal(hundredths).scaleb(-5)


def test_a_unit_that_does_not_convert_exactly_is_refused():
    heat = LIBRARY.get("generic/cjt188-heat")
    gigajoules = next(s for s in heat.samples if s.error == "bad-value")
    with pytest.raises(DecodeError, match="the meter counts GJ, the profile"):
        compile_profile(heat, None).decode(answer_of(heat.meter, gigajoules.hex))


def test_either_order_of_the_identifier_is_the_points():
    amount = digits("00000060") + CUBIC_METRES
    data = amount + amount + CLOCK + OPEN
    assert read(WATER, "901F", data, "cjt188") == read(WATER, "1F90", data, "cjt188")


def test_values_of_a_block_stand_at_their_offsets():
    points = {
        name: {"type": "float", "meter": {"di": "0201FF00", "format": "XXX.X", "offset": 2 * n}}
        for n, name in enumerate("abc")
    }
    assert read(profile(points), "0201FF00", digits("2301") + digits("2315") + digits("2298")) == {
        "a": 230.1, "b": 231.5, "c": 229.8,
    }  # fmt: skip


def test_bits_and_fields_of_bits():
    points = {
        "relay": {"type": "bool", "meter": {"di": "04000503", "format": "HHHH", "bit": 4}},
        "mode": {"type": "int", "meter": {"di": "04000503", "format": "HHHH", "bit": 8, "bits": 2}},
        "named": {
            "type": "str",
            "map": {"0": "main", "1": "backup", "2": "none"},
            "meter": {"di": "04000503", "format": "HHHH", "bit": 8, "bits": 2},
        },
        "word": {"type": "int", "meter": {"di": "04000503", "format": "HHHH"}},
    }
    assert read(profile(points), "04000503", bytes((0x10, 0x02))) == {
        "relay": True, "mode": 2, "named": "none", "word": 0x0210,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("di", "data", "reason"),
    [
        ("00010000", bytes((1, 0)), "truncated"),
        ("00010000", bytes((0x0A, 0, 0, 0)), "bad-value"),
        ("00020000", bytes(4), "unknown-block"),
    ],
)
def test_what_is_wrong_is_refused(di, data, reason):
    with pytest.raises(DecodeError) as caught:
        read(profile(one({"di": "00010000", "format": "XXXXXX.XX"})), di, data)
    assert caught.value.reason == reason


def test_another_protocols_answer_is_refused():
    made = profile(one({"di": "00010000", "format": "XXXXXX.XX"}))
    for raw in (MeterAnswer("cjt188", "901F", bytes(19)), Frame(b"x")):
        with pytest.raises(DecodeError, match="wrong-kind"):
            compile_profile(made, None).decode(raw)


def test_a_value_that_is_not_there_is_no_reading():
    made = profile(one({"di": "00010000", "format": "XXXXXX.XX"}))
    assert read(made, "00010000", b"\xff" * 4) == {}


@given(st.binary(max_size=60))
def test_any_bytes_give_readings_or_a_named_refusal(data):
    refused = {"truncated", "bad-frame", "bad-checksum", "bad-value", "not-ours", "device-exception"}
    for made in (WATER, LIBRARY.get("generic/dlt645-single-phase")):
        assert _reason(lambda made=made: answer_of(made.meter, data)) in {"", *refused}
    assert _reason(lambda: read(WATER, "901F", data, "cjt188")) in {"", *refused}


def _reason(act):
    try:
        act()
    except DecodeError as error:
        return error.reason
    return ""


# --- what a profile may say -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("points", "how", "message"),
    [
        (one({"di": "901F", "format": "XXXX.XX"}), {}, "8 hex digits"),
        (one({"di": "00010000", "format": "XXXX.XX", "group": "rare"}), {}, "no poll group 'rare'"),
        (one({"di": "00010000", "format": "XXXX.XX"}, "int"), {}, "is of type float"),
        (one({"di": "00010000", "format": "YYMMDDWW"}), {}, "is of type str"),
        (one({"di": "00010000", "format": "HHHH", "bit": 1}), {}, "is of type bool"),
        (one({"di": "00010000", "field": "total"}), {}, "fields are of CJ/T 188"),
        (one({"di": "901F", "field": "supply"}), {"protocol": "cjt188", "kind": "water"}, "no field 'supply'"),
        (
            one({"di": "D120", "field": "total"}),
            {"protocol": "cjt188", "kind": "water"},
            "fields are of identifier 901F",
        ),
        (
            one({"di": "00010000", "format": "XXXX.XX"}),
            {"commands": {"trip": {"meter": {"di": "A017", "hex": "1A"}}}},
            "only CJ/T 188 meters take commands",
        ),
    ],
)
def test_contradictions_are_found(points, how, message):
    assert any(message in text for _, text in findings(profile(points, **how)))


@pytest.mark.parametrize(
    ("points", "message"),
    [
        (one({"di": "00010000"}), "either a format"),
        (one({"di": "00010000", "format": "XXX.XX"}), "even number of digits"),
        (one({"di": "00010000", "format": "XXXX", "bit": 1}), "of a value of bits"),
        (one({"di": "00010000", "format": "HHHH", "bit": 16}), "16 bits"),
        (one({"di": "0001", "format": "HHHH", "field": "total"}), "either a format"),
        (one({"di": "001", "format": "HHHH"}), "should match pattern"),
    ],
)
def test_a_place_that_is_none_is_refused(points, message):
    with pytest.raises(ValueError, match=message):
        profile(points)


# --- commands ---------------------------------------------------------------------------------------------------------


def test_the_valves_order_and_what_confirms_it():
    write = compile_commands(WATER, "78331505900569", None).encode("open_valve", {}, "1")
    assert write.frame.hex().upper() == "FEFE6810690590051533780404A01701555016"
    assert (write.function, write.address, write.words) == (0x04, 0xA017, (0x55,))
    assert write.readback == ("cjt188", 0x901F, 19)
    assert write.shows == ("valve", "open")
    assert [n for n, mask in enumerate(write.mask) if mask] == [17]
    assert (write.mask[17], write.expect[17]) == (0x03, 0x00)
    closed = compile_commands(WATER, "78331505900569", None).encode("close_valve", {}, "1")
    assert closed.expect[17] == 0x01


def test_a_number_that_is_none_is_a_bad_argument():
    with pytest.raises(CommandError, match="bad-argument"):
        compile_commands(WATER, "nobody", None).encode("open_valve", {}, "1")
