"""Modbus blocks to readings."""

import pytest

from edgegw.errors import DecodeError
from edgegw.model import Frame, Reading, Registers
from edgegw.profiles.check import findings
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.decode_modbus import BLOCKS_KEPT
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import parse, render

TEXT = """
vendor: v
model: m
source: s
link: modbus
points:
  t: {type: int16, unit: Cel, scale: 0.1, modbus: {table: input, address: 1}}
  n: {type: uint32, modbus: {table: input, address: 2, order: CDAB}}
  fault: {type: bool, modbus: {table: input, address: 4, bit: 3}}
  name: {type: str, length: 2, modbus: {table: input, address: 5}}
  mode: {type: str, length: 1, map: {"AB": auto}, modbus: {table: input, address: 7}}
  state: {type: bool, map: {"2": true, "0": false}, modbus: {table: input, address: 8}}
  relay: {type: bool, modbus: {table: coil, address: 1}}
samples: [{source: x, hex: "00", request: "00", readings: {}}]
"""


def decoder():
    profile, problems = parse(TEXT, "p").validate(Profile)
    assert profile is not None, render(problems, "p")
    return compile_profile(profile, None)


def test_every_point_inside_the_block():
    words = (0, 305, 0x0002, 0x0001, 0b1000, 0x4142, 0x4300, 0x4142, 2)
    assert decoder().decode(Registers("input", 0, words)).readings == (
        Reading("t", 30.5, "Cel"),
        Reading("n", 0x10002),
        Reading("fault", True),
        Reading("name", "ABC"),
        Reading("mode", "auto"),
        Reading("state", True),
    )


def test_only_points_whole_inside():
    assert decoder().decode(Registers("input", 1, (0xFFC9, 1))).readings == (Reading("t", -5.5, "Cel"),)


def test_padding_of_bits_does_no_harm():
    for bits in ((0, 1), (0, 1, 0, 0, 0, 0, 0, 0)):
        assert decoder().decode(Registers("coil", 0, bits)).readings == (Reading("relay", True),)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (Registers("holding", 0, (1,)), "unknown-block"),
        (Registers("input", 7, (0x4343,)), "unmapped"),
        (Registers("input", 8, (1,)), "unmapped"),
        (Registers("input", 5, (0xFFFF, 0)), "bad-text"),
        (Frame(b""), "wrong-kind"),
    ],
)
def test_refused(raw, reason):
    with pytest.raises(DecodeError) as caught:
        decoder().decode(raw)
    assert caught.value.reason == reason


def test_memory_of_odd_blocks_is_bounded():
    one = decoder()
    for count in range(2, BLOCKS_KEPT * 2):
        one.decode(Registers("coil", 1, (1,) * count))
    assert len(one._blocks) <= BLOCKS_KEPT


# --- bits, BCD, and registers that scale others

SCALED = """
vendor: v
model: m
source: s
link: modbus
modbus: {poll: {setup: 10m, normal: 2s}}
points:
  ratio: {type: uint16, modbus: {table: holding, address: 0, group: setup}}
  tenths: {type: uint16, modbus: {table: holding, address: 1, group: setup}}
  plain: {type: uint16, modbus: {table: holding, address: 9}}
  current: {type: float32, scale: 0.001, decimals: 3, unit: A, modbus: {table: holding, address: 10, scale_from: [ratio]}}
  level: {type: int16, min: -200, max: 200, modbus: {table: holding, address: 12, decimals_from: tenths}}
  both: {type: int16, offset: 1, modbus: {table: holding, address: 13, scale_from: [ratio], decimals_from: tenths}}
  total: {type: bcd32, scale: 0.01, unit: m3, modbus: {table: input, address: 0, order: CDAB}}
  mode: {type: uint16, map: {"0": stop, "5": night}, modbus: {table: input, address: 2, bit: 4, bits: 3}}
  wide: {type: uint32, modbus: {table: input, address: 3, bit: 12, bits: 8}}
samples: [{source: x, hex: "00", request: "00", readings: {}}]
"""
LIVE = (7, 0x461C, 0x4000, 0xFF85, 12)  # 7; 10000.0; -123; 12


def scaled_profile():
    profile, problems = parse(SCALED, "p").validate(Profile)
    assert profile is not None, render(problems, "p")
    assert list(findings(profile)) == []
    return profile


def values(decoded):
    return {reading.point: reading.value for reading in decoded.readings}


def test_what_another_register_scales_waits_for_it():
    one = compile_profile(scaled_profile(), None)
    assert values(one.decode(Registers("holding", 9, LIVE))) == {"plain": 7}
    assert values(one.decode(Registers("holding", 0, (40, 1)))) == {"ratio": 40, "tenths": 1}
    assert values(one.decode(Registers("holding", 9, LIVE))) == {
        "plain": 7, "current": 400.0, "level": -12.3, "both": 49.0,
    }  # fmt: skip
    one.decode(Registers("holding", 0, (20,)))
    assert values(one.decode(Registers("holding", 9, LIVE)))["current"] == 200.0


def test_what_scales_in_the_same_answer_counts_at_once_and_in_profile_order():
    one = compile_profile(scaled_profile(), None)
    words = (2, 0, *range(7), *LIVE)
    assert [r.point for r in one.decode(Registers("holding", 0, words)).readings] == [
        "ratio", "tenths", "plain", "current", "level", "both",
    ]  # fmt: skip


def test_devices_of_a_profile_do_not_share_their_ratios():
    profile = scaled_profile()
    first, second = compile_profile(profile, None), compile_profile(profile, None)
    first.decode(Registers("holding", 0, (40, 0)))
    assert values(second.decode(Registers("holding", 9, LIVE))) == {"plain": 7}
    second.decode(Registers("holding", 0, (1, 0)))
    assert values(first.decode(Registers("holding", 9, LIVE)))["current"] == 400.0


def test_limits_are_of_the_scaled_value_and_odd_decimals_are_refused():
    one = compile_profile(scaled_profile(), None)
    one.decode(Registers("holding", 0, (1, 0)))
    with pytest.raises(DecodeError) as caught:
        one.decode(Registers("holding", 12, (0xFE00,)))  # -512
    assert caught.value.reason == "out-of-range"
    one.decode(Registers("holding", 0, (1, 10)))
    with pytest.raises(DecodeError) as caught:
        one.decode(Registers("holding", 12, (1,)))
    assert caught.value.reason == "bad-value"


def test_ratios_that_change_without_end_keep_little():
    one = compile_profile(scaled_profile(), None)
    for ratio in range(1, 200):
        one.decode(Registers("holding", 0, (ratio, 0)))
        assert values(one.decode(Registers("holding", 10, LIVE[1:3]))) == {"current": 10.0 * ratio}


def test_fields_of_bits_and_bcd():
    words = (0x3456, 0x0012, 0b0101_0000, 0x000A, 0xB000)
    assert values(decoder_of(scaled_profile()).decode(Registers("input", 0, words))) == {
        "total": 1234.56, "mode": "night", "wide": 0xAB,
    }  # fmt: skip


def decoder_of(profile):
    return compile_profile(profile, None)


@pytest.mark.parametrize(
    ("was", "now", "fault"),
    [
        ("scale_from: [ratio]}}\n  level", "scale_from: [nobody]}}\n  level", "there is no point 'nobody'"),
        ("scale_from: [ratio]}}\n  level", "scale_from: [level]}}\n  level", "itself scaled"),
        ("scale_from: [ratio]}}\n  level", "scale_from: [mode]}}\n  level", "no number"),
        ("type: uint16, map: {\"0\": stop, \"5\": night}", "type: int16", "uint16, uint32 or uint64"),
        ("bit: 12, bits: 8", "bit: 30, bits: 8", "32 bits"),
        ("bit: 12, bits: 8", "bits: 8", "where the lowest is"),
        ("bit: 12, bits: 8", "bit: 12", "points of type bool"),
        ("readings: {}", "readings: {}, given: {plain: 1}", "scales no other"),
    ],
)  # fmt: skip
def test_contradictions_are_told(was, now, fault):
    assert was in SCALED
    profile, problems = parse(SCALED.replace(was, now), "p").validate(Profile)
    told = [message for _, message in findings(profile)] if profile is not None else [p.message for p in problems]
    assert any(fault in message for message in told), told
