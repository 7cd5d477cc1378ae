"""DL/T 645 against code that is not ours: the PyPI package dlt645 builds and reads the same frames.

Two known differences, each shown: it gives decimals as binary floats, and it takes more data than the standard allows a frame.
"""

from decimal import Decimal

import pytest
from dlt645.common.transform import bcd_to_float, float_to_bcd
from dlt645.protocol.protocol import DLT645Protocol
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import bcd, dlt645
from edgegw.errors import DecodeError

addresses = st.text("0123456789", min_size=12, max_size=12)
datas = st.binary(max_size=dlt645.MOST_DATA)


def theirs(address, control, data, wake=0):
    return bytes(DLT645Protocol.build_frame(bytes.fromhex(address)[::-1], control, data, wake))


@given(addresses, st.integers(0, 255), datas, st.integers(0, 4))
def test_both_build_the_same_frames_and_read_each_others(address, control, data, wake):
    built = theirs(address, control, data, wake)
    assert built == b"\xfe" * wake + dlt645.request(address, control, data)
    assert dlt645.parse(built) == dlt645.Frame(address, control, data)
    read = DLT645Protocol.deserialize(dlt645.request(address, control, data))
    assert (bytes(read.addr)[::-1].hex(), read.ctrl_code, bytes(read.data)) == (address, control, data)


@given(addresses, datas, st.integers(0, 8 * 30))
def test_both_refuse_a_damaged_frame(address, data, bit):
    damaged = bytearray(dlt645.request(address, 0x91, data))
    bit %= 8 * len(damaged)
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DecodeError):
        dlt645.parse(bytes(damaged))
    if 0x68 not in damaged[1:7] and 0x68 not in damaged[8:]:  # it goes on searching, and may find a frame within
        with pytest.raises(ValueError, match="No complete frame"):
            DLT645Protocol.deserialize(bytes(damaged))


@given(st.lists(st.tuples(st.binary(max_size=8).map(lambda b: b.replace(b"\x68", b"")), addresses, datas), max_size=4))
def test_both_find_the_same_frames_in_a_stream(parts):
    stream = b"".join(garbage + dlt645.request(address, 0x91, data) for garbage, address, data in parts)
    found = [dlt645.parse(frame).data for frame in dlt645.Framer().feed(stream, 0)]
    others = []
    while True:
        stream, frame = DLT645Protocol.deserialize_with_remaining(stream)
        if frame is None:
            break
        others.append(bytes(frame.data))
    assert found == others == [data for _, _, data in parts]


@pytest.mark.parametrize("form", ["XXXXXX.XX", "XXX.X", "XXX.XXX", "XX.XXXX", "X.XXX"])
@given(data=st.data())
def test_values_agree_but_ours_are_exact(form, data):
    size = bcd.parse_format(form)
    highest = 8 * 10 ** (2 * size.size - 1) - 1  # theirs takes the highest bit for a sign in every format
    exact = Decimal(data.draw(st.integers(0, highest))).scaleb(-size.decimals)
    wire = bcd.encode(exact, form)
    assert bcd_to_float(wire, form, "little") == float(bcd.value(wire, form))
    assert bytes(float_to_bcd(float(exact), form, "little")) == wire
    signed = "-" + form
    assert bcd_to_float(bcd.encode(-exact, signed), form, "little") == float(
        bcd.value(bcd.encode(-exact, signed), signed)
    )


def test_energy_as_floats_drifts_and_ours_does_not():
    wire = bcd.encode(Decimal("0.10"), "XXXXXX.XX")
    assert sum(bcd_to_float(wire, "XXXXXX.XX", "little") for _ in range(10)) != 1.0
    assert sum(bcd.value(wire, "XXXXXX.XX") for _ in range(10)) == 1


def test_the_package_takes_more_than_the_standard():
    assert len(theirs("000000000161", 0x91, bytes(201))) == 213
    with pytest.raises(ValueError, match="a frame holds 200"):
        dlt645.request("000000000161", 0x91, bytes(201))
