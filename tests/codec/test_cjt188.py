"""CJ/T 188: published frames give their values, the published bad one is refused, both identifier orders are understood."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import bcd, cjt188
from edgegw.codec.cjt188 import Amount, Framer, Status, parse, read_reply, read_request, request
from edgegw.errors import DecodeError

# Published (blog.csdn.net/qingwufeiyang12346/article/details/46824903): its request, and its reply with the sum put right.
ASKED = bytes.fromhex("68104433221100337801031F90008016")
WATER = bytes.fromhex("68104433221100337881161F9000007766552C007766552C3101221105152021841316")
PUBLISHED_BAD = bytes.fromhex(
    "68104433221100337881161F9000007766552C007766552C3101221105152021840816"
)  # as printed there
# Captured: 0.60 m3.
CAPTURED = bytes.fromhex("6810010023091820008116901F01600000002C600000002C602020000000000000DC16")
# Captured (blog.csdn.net/xuehu96/article/details/112055510): a meter asked for address, then for its volume.
FOUND = bytes.fromhex("6810180212202000008303810A00F516")
FOUND_ASKED = bytes.fromhex("6810180212202000000103901F009716")
FOUND_WATER = bytes.fromhex("6810180212202000008116901F00000200002C000200002C0000000000000000FF8516")
# Published heat meter frames: unit codes before the numbers (cnblogs.com/llguanli/p/8683992.html), and behind them.
HEAT_FIRST = bytes.fromhex(
    "682032413140000000812E901F0108020000000802000000170000000035000000002C3410000035250066250000000053001210071520"
    "00003116"
)
HEAT = bytes.fromhex(
    "682020043312687972812E1F9001180641010B180641010B000000001700000000350000000029592500092600000000115010040913200080CC16"
)
GOOD = [ASKED, WATER, CAPTURED, FOUND, FOUND_WATER, HEAT_FIRST, HEAT]

addresses = st.text("0123456789", min_size=14, max_size=14)
types = st.sampled_from([0x10, 0x11, 0x20, 0x21, 0x30, 0x40, 0xAA])
frames = st.builds(request, types, addresses, st.integers(0, 255), st.binary(max_size=20))


def refused(call, *args, **kwargs):
    with pytest.raises(DecodeError) as caught:
        call(*args, **kwargs)
    return caught.value.reason


def parse_or_none(frame):
    try:
        return parse(frame)
    except DecodeError:
        return None


def test_the_published_example():
    assert read_request(0x10, "78330011223344", "1F90", 0) == ASKED
    reply = read_reply(parse(WATER), "78330011223344", "1F90", 0)
    assert not reply.swapped
    read = cjt188.volume(reply.data)
    assert read.total == read.settled == Amount(Decimal("556677.00"), "m3")
    assert str(read.total.value) == "556677.00"
    assert read.clock == "20150511220131"
    assert read.status == Status("closed", battery_low=False, vendor=0x84 << 3 | 1)


def test_the_published_bad_one_is_refused():
    assert refused(parse, PUBLISHED_BAD) == "bad-checksum"


def test_captured_meters():
    reply = read_reply(parse(CAPTURED), "00201809230001", "901F", 1)
    assert str(cjt188.volume(reply.data).total.value) == "0.60"
    assert cjt188.address_request() == bytes.fromhex("68AAAAAAAAAAAAAAAA0303810A004916")
    frame = parse(FOUND)
    assert (cjt188.read_address(frame), frame.meter_type) == ("00002020120218", 0x10)
    assert read_request(0x10, "00002020120218", "901F", 0) == FOUND_ASKED
    read = cjt188.volume(read_reply(parse(FOUND_WATER), "00002020120218", "901F", 0).data)
    assert str(read.total.value) == "2.00"
    assert read.status == Status("open", battery_low=False, vendor=0xFF << 3)


def test_heat_meters():
    read = cjt188.heat(read_reply(parse(HEAT), "72796812330420", "901F", 1).data)
    assert read.energy == read.settled == Amount(Decimal("14106.18"), "kJ")
    assert (read.power.unit, read.flow.unit, read.volume) == ("kW", "m3/h", Amount(Decimal("0.00"), "L"))
    assert (str(read.flow.value), str(read.supply), str(read.returned)) == ("0.0000", "25.59", "26.09")
    assert (read.hours, read.clock, read.status.vendor) == (0, "20130904105011", 0x80 << 3)
    other = cjt188.heat(read_reply(parse(HEAT_FIRST), "00000040314132", "901F", 1).data, unit_first=True)
    assert other.energy == Amount(Decimal("0.02"), "MW.h")
    assert other.volume == Amount(Decimal("10.34"), "m3")
    assert (str(other.supply), str(other.returned)) == ("25.35", "25.66")
    assert refused(cjt188.heat, parse(HEAT_FIRST).data[3:]) == "bad-value"  # 00 is no unit code


def test_either_order_of_the_identifier_is_understood():
    for asked, swapped in (("901F", True), ("1F90", False), ("1f90", False)):
        assert read_reply(parse(WATER), "78330011223344", asked, 0).swapped is swapped
    assert refused(read_reply, parse(WATER), "78330011223344", "901E", 0) == "not-ours"


def test_valve_orders():
    assert cjt188.valve_request(0x10, "78331505900569", cjt188.OPEN, 1) == bytes.fromhex(
        "6810690590051533780404A01701555016"
    )
    assert cjt188.valve_request(0x10, "78331505900569", cjt188.CLOSE, 1)[-3] == 0x99
    done = parse(request(0x10, "78331505900569", 0x84, bytes.fromhex("A017010000")))
    assert cjt188.valve_reply(done, "78331505900569", 1) == Status("open", battery_low=False, vendor=0)
    swapped = parse(request(0x10, "78331505900569", 0x84, bytes.fromhex("17A0010700")))
    assert cjt188.valve_reply(swapped, "78331505900569", 1) == Status("fault", battery_low=True, vendor=0)
    assert refused(cjt188.valve_reply, done, "78331505900569", 2) == "not-ours"
    short = parse(request(0x10, "78331505900569", 0x84, bytes.fromhex("A01701")))
    assert refused(cjt188.valve_reply, short, "78331505900569", 1) == "truncated"


def test_a_refusal_is_told():
    frame = parse(request(0x10, "78330011223344", 0xC1, bytes.fromhex("070200")))
    with pytest.raises(DecodeError, match="device-exception: meter 78330011223344: refused, status 0200"):
        read_reply(frame, "78330011223344", "901F", 7)
    assert refused(read_reply, frame, "78330011223344", "901F", 8) == "not-ours"
    bare = parse(request(0x10, "78330011223344", 0xC1))
    assert refused(read_reply, bare, "78330011223344", "901F", 7) == "device-exception"


def test_what_answers_something_else_is_not_ours():
    water = parse(WATER)
    assert refused(read_reply, water, "78330011223345", "901F", 0) == "not-ours"
    assert refused(read_reply, water, "78330011223344", "901F", 1) == "not-ours"
    assert refused(read_reply, parse(ASKED), "78330011223344", "901F", 0) == "not-ours"  # an adapter's echo
    assert refused(cjt188.read_address, water) == "not-ours"
    assert read_reply(water, cjt188.BROADCAST, "901F", 0) == read_reply(water, "78330011223344", "901F", 0)
    assert read_reply(water, "AAAA0011223344", "901F", 0).data == water.data[3:]
    short = parse(request(0x10, "78330011223344", 0x81, b"\x90\x1f"))
    assert refused(read_reply, short, "78330011223344", "901F", 0) == "truncated"


def test_filler_is_no_value():
    assert cjt188.amount(b"\xff\xff\xff\xff\x2c") == Amount(None, "m3")
    assert cjt188.amount(b"\xff\xff\xff\xff\xff") == Amount(None, "")
    assert cjt188.amount(b"\xee\xee\xee\xee\xee", unit_first=True) == Amount(None, "")
    assert refused(cjt188.amount, b"\xff\xff\xff\x12\x2c") == "bad-value"
    assert refused(cjt188.amount, b"\x00\x00\x00\x12\xff") == "bad-value"
    assert refused(cjt188.amount, b"\x00\x00\x2c") == "truncated"
    assert refused(cjt188.amount, b"") == "truncated"
    read = cjt188.volume(b"\xff" * 17 + b"\x00\x00")
    assert (read.total, read.settled, read.clock) == (Amount(None, ""), Amount(None, ""), None)
    assert refused(cjt188.volume, bytes(18)) == "truncated"
    assert refused(cjt188.volume, bytes(20)) == "bad-frame"


@pytest.mark.parametrize(("code", "unit", "factor"), [(c, u, f) for c, (u, f) in cjt188.UNITS.items()])
def test_units_of_the_standard(code, unit, factor):
    assert cjt188.amount(bcd.encode(Decimal("12.34"), "XXXXXX.XX") + bytes((code,))) == (
        Decimal("12.34") * factor,
        unit,
    )


@pytest.mark.parametrize("good", GOOD)
def test_no_single_wrong_bit_passes(good):
    for bit in range(8 * len(good)):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refused(parse, bytes(damaged)) in {"bad-checksum", "bad-frame", "truncated"}


def test_what_is_no_address_identifier_or_number_format_is_refused():
    for address in ("", "1" * 13, "1" * 15, "7833001122334x"):
        with pytest.raises(ValueError, match="14 digits"):
            read_request(0x10, address, "901F", 0)
    with pytest.raises(ValueError, match="4 hex digits"):
        read_request(0x10, "78330011223344", "90", 0)
    with pytest.raises(ValueError, match="a frame holds 100"):
        request(0x10, "78330011223344", 4, bytes(101))
    with pytest.raises(ValueError, match="256"):
        read_request(0x10, "78330011223344", "901F", 256)
    with pytest.raises(ValueError, match="no format of a number"):
        cjt188.amount(b"\x00\x00\x2c", "NNNN")


@given(kind=types, address=addresses, control=st.integers(0, 255), data=st.binary(max_size=100), wake=st.integers(0, 4))
def test_round_trip(kind, address, control, data, wake):
    assert parse(b"\xfe" * wake + request(kind, address, control, data)) == cjt188.Frame(kind, address, control, data)


@given(frame=st.binary(max_size=40))
def test_any_bytes_are_understood_or_refused(frame):
    parsed = parse_or_none(frame)
    if parsed is not None:
        assert len(parsed.data) == len(frame.lstrip(b"\xfe")) - 13


@given(data=st.binary(max_size=50))
def test_any_meter_data_is_understood_or_refused(data):
    for read in (cjt188.volume, cjt188.heat, cjt188.amount, cjt188.status):
        try:
            read(data)
        except DecodeError as error:
            reason = error.reason
        else:
            reason = "truncated"
        assert reason in {"truncated", "bad-frame", "bad-value"}


lumps = st.lists(
    st.one_of(frames, st.binary(max_size=12), st.sampled_from([b"\x68", b"\x16", b"\xfe", WATER[:12]])), max_size=8
)


@given(parts=lumps, points=st.lists(st.integers(0, 500), max_size=20))
def test_any_chunking_gives_the_same(parts, points):
    stream = b"".join(parts)
    whole, pieces, bytewise = Framer(), Framer(), Framer()
    found = whole.feed(stream, 0)
    edges = [0, *sorted(p % (len(stream) + 1) for p in points), len(stream)]
    in_pieces = []
    for a, b in pairwise(edges):
        in_pieces += pieces.feed(stream[a:b], 0)
        assert pieces.pending < 113
    assert in_pieces == found
    assert [f for i in range(len(stream)) for f in bytewise.feed(stream[i : i + 1], 0)] == found
    assert whole.discarded == pieces.discarded == bytewise.discarded
    assert whole.pending == pieces.pending == bytewise.pending


@given(parts=st.lists(st.tuples(st.binary(max_size=20), frames), max_size=6))
def test_frames_between_garbage_are_found(parts):
    """At once if the garbage has no 68; else after a pause."""
    clean = [(garbage.replace(b"\x68", b""), frame) for garbage, frame in parts]
    assert Framer().feed(b"".join(g + f for g, f in clean), 0) == [f for _, f in clean]
    for garbage, frame in parts:
        framer = Framer()
        assert frame in framer.feed(garbage + frame, 0) + framer.feed(b"", 600_000_000)


def test_memory_is_bounded_on_endless_starts():
    framer = Framer()
    for _ in range(50):
        framer.feed(b"\x68\x10" * 50, 0)
        assert framer.pending < 113
