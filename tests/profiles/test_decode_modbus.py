"""Modbus blocks to readings."""

import pytest

from edgegw.errors import DecodeError
from edgegw.model import Frame, Reading, Registers
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
