"""Every shipped Modbus profile against register maps that share no code with the codecs: what is put in comes out."""

import contextlib
from random import Random

import pytest
from hypothesis import given, reject
from hypothesis import strategies as st

from edgegw.errors import ProfileError
from edgegw.model import Registers
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.encode_modbus import shown_as
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.plan import poll_plan
from edgegw.profiles.schema import Profile
from simulators.profile_registers import covered, place, plausible, raw_words, sample_values

LIBRARY = ProfileLibrary()


def modbus_names():
    """The shipped Modbus profiles; one that cannot be loaded fails in tests/profiles/test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            if LIBRARY.get(name).link == "modbus":
                yield name


MODBUS = list(modbus_names())


def polled(profile, values):
    """Values → registers → each block of the poll plan, in its order → the device's decoder."""
    blocks = poll_plan(profile)
    tables = covered(place(profile, values), [(b.table, b.address, b.count) for b in blocks])
    decoder, got = compile_profile(profile, None), {}
    for block in blocks:
        words = tuple(tables[block.table][at] for at in range(block.address, block.address + block.count))
        got |= {r.point: r.value for r in decoder.decode(Registers(block.table, block.address, words)).readings}
    return got


@pytest.mark.parametrize("name", MODBUS)
@given(seed=st.integers(0, 2**32))
def test_what_is_put_in_comes_out(name, seed):
    profile = LIBRARY.get(name)
    values = plausible(profile, Random(seed))
    assert polled(profile, values) == values


@pytest.mark.parametrize("name", MODBUS)
def test_what_the_samples_say_comes_out(name):
    profile = LIBRARY.get(name)
    values = sample_values(profile)
    assert values.keys() == profile.points.keys()
    assert polled(profile, values) == values


@pytest.mark.parametrize("name", MODBUS)
def test_a_read_back_looks_as_the_registers_will(name):
    profile = LIBRARY.get(name)
    encoder = compile_commands(profile, None, 1)
    for sample in profile.command_samples:
        confirm = profile.commands[sample.command].confirm
        if sample.error is not None or confirm is None:
            continue
        shows = encoder.encode(sample.command, sample.args, "1").shows
        assert shows is not None
        shown = shown_as(profile.points[shows[0]], shows[1])
        table, address, count = shown.place
        held = place(profile, {**sample_values(profile), shows[0]: shows[1]})[table]
        mask = shown.mask or (0xFFFF,) * count
        assert tuple(held[address + n] & mask[n] for n in range(count)) == shown.words


@given(
    kind=st.sampled_from(
        ["int16", "uint16", "int32", "uint32", "int64", "uint64", "bcd16", "bcd32", "bcd64", "float32"]
    ),
    order=st.sampled_from(["ABCD", "CDAB", "BADC", "DCBA"]),
    scale=st.sampled_from([1, 0.1, 0.01, 0.001, 10, 2.5]),
    offset=st.sampled_from([0, -40, 0.5]),
    ratio=st.integers(1, 2000),
    decimals=st.integers(0, 4),
    seed=st.integers(0, 2**32),
)
def test_any_point_holds_any_value_within_its_resolution(  # noqa: PLR0917  (Hypothesis gives them)
    kind, order, scale, offset, ratio, decimals, seed
):
    others = {"scale_from": ["ratio"], "decimals_from": "places"} if kind in {"int16", "uint16", "bcd16"} else {}
    fraction = {"decimals": 2} if kind == "float32" else {}
    profile = Profile.model_validate(
        {
            "vendor": "v", "model": "m", "source": "s", "link": "modbus",
            "points": {
                "ratio": {"type": "uint16", "min": ratio, "max": ratio, "modbus": {"table": "holding", "address": 0}},
                "places": {"type": "uint16", "min": decimals, "max": decimals, "modbus": {"table": "holding", "address": 1}},
                "p": {"type": kind, "scale": scale, "offset": offset, **fraction,
                      "modbus": {"table": "holding", "address": 2, "order": order, **others}},
            },
            "samples": [{"source": "x", "hex": "00", "request": "00", "readings": {}}],
        }
    )  # fmt: skip
    values = plausible(profile, Random(seed))
    if abs(values["p"]) >= 2**53:
        reject()  # beyond what a double tells apart, and refused where it is beyond 64 bits
    assert polled(profile, values) == values


def test_what_registers_cannot_hold_is_refused_by_name():
    profile = LIBRARY.get("generic/xy-md02")
    for values, said in (
        ({"temperature": 4000.0}, "temperature"),
        ({"humidity": -1.0}, "humidity"),
        ({"pressure": 1}, "there is no point"),
        ({"humidity": True}, "a number"),
    ):
        with pytest.raises(ValueError, match=said):
            place(profile, values)


@pytest.mark.parametrize(("kind", "raw"), [("bcd16", 10_000), ("bcd32", -1), ("uint16", 65_536), ("float32", 1e39)])
def test_raw_numbers_beyond_their_type(kind, raw):
    with pytest.raises(ValueError, match="beyond"):
        raw_words(kind, raw, "ABCD")
