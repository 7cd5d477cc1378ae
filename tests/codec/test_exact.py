"""Totals stay exact from the meter's digits to the record: the sum of n increments is the decimal a clerk would write down."""

import json
from decimal import Decimal
from itertools import accumulate, pairwise

from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import bcd, cjt188, dlt645, registers

increments = st.lists(st.integers(0, 99_999), min_size=1, max_size=60)
"""Hundredths (of a kWh, of a m3) used between two readings."""


def recorded(value):
    """A value as a receiver of records has it: a JSON number, read as the decimal it is written as."""
    return json.loads(json.dumps(float(value)), parse_float=Decimal, parse_int=Decimal)


@given(increments)
def test_an_electricity_meters_total(used):
    readings = []
    for total in accumulate(used, initial=0):
        data = dlt645.identifier("00010000") + bcd.encode(Decimal(total).scaleb(-2), "XXXXXX.XX")
        frame = dlt645.parse(dlt645.request("558890213594", 0x91, data))
        readings.append(dlt645.value(dlt645.read_reply(frame, "558890213594", "00010000"), "XXXXXX.XX"))
    assert readings == [Decimal(total).scaleb(-2) for total in accumulate(used, initial=0)]
    steps = [recorded(after) - recorded(before) for before, after in pairwise(readings)]
    assert steps == [Decimal(step).scaleb(-2) for step in used]
    assert sum(steps) == Decimal(sum(used)).scaleb(-2)


@given(increments)
def test_a_water_meters_total(used):
    readings = [
        cjt188.amount(bcd.encode(Decimal(total).scaleb(-2), "XXXXXX.XX") + b"\x2c").value
        for total in accumulate(used, initial=0)
    ]
    steps = [recorded(after) - recorded(before) for before, after in pairwise(readings)]
    assert sum(steps) == Decimal(sum(used)).scaleb(-2)


@given(increments, st.sampled_from([0.1, 0.01, 0.001]))
def test_a_registers_total(used, scale):
    scaled = registers.scaler(scale, 0)
    assert scaled is not None
    readings = [
        scaled(registers.decode(registers.encode(total, "uint32"), "uint32")) for total in accumulate(used, initial=0)
    ]
    steps = [recorded(after) - recorded(before) for before, after in pairwise(readings)]
    assert sum(steps) == Decimal(sum(used)) * Decimal(repr(scale))


@given(st.integers(0, 10**8 - 1), st.integers(0, 8))
def test_every_number_a_meter_can_show_is_recorded_as_shown(total, decimals):
    form = "X" * (8 - decimals) + "." + "X" * decimals if 0 < decimals < 8 else "X" * 8
    exact = bcd.value(bcd.pack(f"{total:08d}"), form)
    assert recorded(exact) == exact
