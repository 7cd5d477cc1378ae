"""DL/T 645: published frames give their values, no damaged frame gives any, follow-up frames come together."""

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec import bcd, dlt645
from edgegw.codec.dlt645 import Exchange, Framer, parse, read_address, read_reply, read_request, request, value
from edgegw.errors import DecodeError

ENERGY = "00010000"  # combined active energy, kWh, XXXXXX.XX (DL/T 645-2007 table A.1)
REQUEST = bytes.fromhex("68610100000000681104333334331416")
REPLY = bytes.fromhex("6861010000000068910833333433593333338A16")
METER = "558890213594"
CAPTURED_ENERGY = bytes.fromhex("6894352190885568910833333433593533338116")
CAPTURED_VOLTAGE = bytes.fromhex("68943521908855689106333434357B555E16")
CAPTURED_ADDRESS = bytes.fromhex("68943521908855689306C76854C3BB884916")
OTHER_METER = bytes.fromhex("6872003209172068910833333433B93433336D16")

addresses = st.text("0123456789", min_size=12, max_size=12)
datas = st.binary(max_size=dlt645.MOST_DATA)
identifiers = st.binary(min_size=4, max_size=4).map(lambda b: b.hex().upper())


def cut(stream, points):
    edges = [0, *sorted(p % (len(stream) + 1) for p in points), len(stream)]
    return [stream[a:b] for a, b in pairwise(edges)]


def refused(call, *args):
    with pytest.raises(DecodeError) as caught:
        call(*args)
    return caught.value.reason


@pytest.mark.parametrize(
    ("asked", "said", "address", "di", "expected"),
    [
        (REQUEST, REPLY, "000000000161", ENERGY, "0.26"),  # published example of DL/T 645-2007 reading
        (
            bytes.fromhex("68943521908855681104333334330916"),
            CAPTURED_ENERGY,
            METER,
            ENERGY,
            "2.26",
        ),  # captured
        (None, CAPTURED_VOLTAGE, METER, "02010100", "224.8"),  # captured
        (None, OTHER_METER, "201709320072", ENERGY, "1.86"),  # captured
    ],
)
def test_published_and_captured_frames(asked, said, address, di, expected):
    if asked:
        assert read_request(address, di) == asked
    form = "XXXXXX.XX" if di == ENERGY else "XXX.X"
    assert str(value(read_reply(parse(said), address, di), form)) == expected


def test_the_address_is_asked_by_broadcast():
    assert dlt645.address_request() == bytes.fromhex("68AAAAAAAAAAAA681300DF16")
    assert read_address(parse(CAPTURED_ADDRESS)) == METER  # captured


def test_wake_bytes_before_a_frame_are_nothing():
    assert parse(b"\xfe" * 4 + REPLY) == parse(REPLY)
    framer = Framer()
    assert framer.feed(b"\xfe" * 4 + REPLY, 0) == [REPLY]
    assert framer.discarded == 0


@pytest.mark.parametrize("good", [REPLY, CAPTURED_VOLTAGE, CAPTURED_ADDRESS, OTHER_METER])
def test_no_single_wrong_bit_passes(good):
    for bit in range(8 * len(good)):
        damaged = bytearray(good)
        damaged[bit // 8] ^= 1 << bit % 8
        assert refused(parse, bytes(damaged)) in {"bad-checksum", "bad-frame", "truncated"}


def test_reasons_tell_what_is_wrong():
    assert refused(parse, b"") == "truncated"
    assert refused(parse, b"\xfe\xfe") == "truncated"
    assert refused(parse, REPLY[:-1]) == "truncated"
    assert refused(parse, REPLY + b"\x00") == "bad-frame"
    assert refused(parse, b"\x10" + REPLY[1:]) == "bad-frame"
    assert refused(parse, REPLY[:-2] + b"\x8b\x16") == "bad-checksum"


def test_an_error_reply_tells_its_bits():
    frame = parse(request(METER, 0xD1, b"\x06"))
    with pytest.raises(DecodeError, match=f"device-exception: meter {METER}: no such data, wrong password"):
        read_reply(frame, METER, ENERGY)
    assert dlt645.error_text(b"\x00") == "refused without a reason"
    assert dlt645.error_text(b"") == "refused without an error word"
    assert dlt645.error_text(b"\xff").count(",") == 7


def test_what_answers_something_else_is_not_ours():
    energy = parse(CAPTURED_ENERGY)
    assert refused(read_reply, energy, "000000000161", ENERGY) == "not-ours"
    assert refused(read_reply, energy, METER, "00020000") == "not-ours"
    assert refused(read_reply, energy, METER, ENERGY, 1) == "not-ours"
    assert refused(read_reply, parse(read_request(METER, ENERGY)), METER, ENERGY) == "not-ours"  # an adapter's echo
    assert refused(read_address, energy) == "not-ours"
    assert refused(read_reply, parse(request(METER, 0x91, b"\x00\x00")), METER, ENERGY) == "truncated"
    assert read_reply(energy, dlt645.BROADCAST, ENERGY) == read_reply(energy, METER, ENERGY)
    assert read_reply(energy, "AAAAAAAA3594", ENERGY) == read_reply(energy, METER, ENERGY)
    assert refused(read_reply, energy, "AAAAAAAA3595", ENERGY) == "not-ours"


@pytest.mark.parametrize(
    "address", ["", "1", "5588902135941", "55889021359x", "12AA90213594", "AAAAAAAAAAAA0", "٠" * 12]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ValueError, match="12 digits"):
        read_request(address, ENERGY)


def test_what_is_no_identifier_or_sequence_is_refused():
    for di in ("0001000", "0001000g", "000100000"):
        with pytest.raises(ValueError, match="8 hex digits"):
            read_request(METER, di)
    for sequence in (0, 256):
        with pytest.raises(ValueError, match="1 to 255"):
            dlt645.follow_request(METER, ENERGY, sequence)
    with pytest.raises(ValueError, match="a frame holds 200"):
        request(METER, 0x14, bytes(201))


@given(address=addresses, control=st.integers(0, 255), data=datas, wake=st.integers(0, 4))
def test_round_trip(address, control, data, wake):
    assert parse(b"\xfe" * wake + request(address, control, data)) == dlt645.Frame(address, control, data)


@given(frame=st.binary(max_size=40))
def test_any_bytes_are_understood_or_refused(frame):
    parsed = parse_or_none(frame)
    if parsed is not None:
        assert frame.lstrip(b"\xfe")[0] == 0x68
        assert len(parsed.data) == len(frame.lstrip(b"\xfe")) - 12


@given(data=st.binary(min_size=1, max_size=800), size=st.integers(1, 195), di=identifiers)
def test_follow_up_frames_come_together(data, size, di):
    parts = [data[n : n + size] for n in range(0, len(data), size)][: dlt645.MOST_FOLLOWING + 1]
    exchange = Exchange(METER, di)
    for n, part in enumerate(parts):
        assert exchange.request == (read_request(METER, di) if n == 0 else dlt645.follow_request(METER, di, n))
        last = n == len(parts) - 1
        control = (0x91 if n == 0 else 0x92) | (0 if last else 0x20)
        tail = bytes((n,)) if n else b""
        frame = parse(request(METER, control, dlt645.identifier(di) + part + tail))
        assert frame.more is not last
        taken = exchange.take(frame)
    assert taken == b"".join(parts)


def test_a_meter_that_never_ends_is_left():
    exchange = Exchange(METER, ENERGY)
    exchange.take(parse(request(METER, 0xB1, dlt645.identifier(ENERGY) + b"x")))
    for n in range(1, 255):
        exchange.take(parse(request(METER, 0xB2, dlt645.identifier(ENERGY) + b"x" + bytes((n,)))))
    frame = parse(request(METER, 0xB2, dlt645.identifier(ENERGY) + b"x\xff"))
    assert refused(exchange.take, frame) == "too-large"
    assert refused(exchange.take, parse(request(METER, 0xB2, dlt645.identifier(ENERGY) + b"x\xfe"))) == "not-ours"


frames = st.builds(request, addresses, st.integers(0, 255), st.binary(max_size=20))
lumps = st.lists(
    st.one_of(frames, st.binary(max_size=12), st.sampled_from([b"\x68", b"\x16", b"\xfe", REPLY[:11]])), max_size=8
)


@given(parts=lumps, points=st.lists(st.integers(0, 500), max_size=20))
def test_any_chunking_gives_the_same(parts, points):
    stream = b"".join(parts)
    whole, pieces, bytewise = Framer(), Framer(), Framer()
    found = whole.feed(stream, 0)
    in_pieces = []
    for chunk in cut(stream, points):
        in_pieces += pieces.feed(chunk, 0)
        assert pieces.pending < 212
    assert in_pieces == found
    assert [f for i in range(len(stream)) for f in bytewise.feed(stream[i : i + 1], 0)] == found
    assert whole.discarded == pieces.discarded == bytewise.discarded
    assert whole.pending == pieces.pending == bytewise.pending


@given(parts=st.lists(st.tuples(st.binary(max_size=20), frames), max_size=6))
def test_frames_between_garbage_are_found(parts):
    """Garbage without a 68 loses nothing; the rest after a pause."""
    clean = [(garbage.replace(b"\x68", b""), frame) for garbage, frame in parts]
    framer = Framer()
    assert framer.feed(b"".join(g + f for g, f in clean), 0) == [f for _, f in clean]
    for garbage, frame in parts:
        framer = Framer()
        found = framer.feed(garbage + frame, 0) + framer.feed(b"", 600_000_000)
        assert frame in found


@given(frame=frames, bit=st.integers(0, 8 * 32))
def test_a_damaged_frame_does_not_hide_the_next(frame, bit):
    damaged = bytearray(frame)
    bit %= 8 * len(damaged)
    damaged[bit // 8] ^= 1 << bit % 8
    framer = Framer()
    found = framer.feed(bytes(damaged), 0) + framer.feed(b"", 600_000_000) + framer.feed(REPLY, 600_000_001)
    assert found[-1] == REPLY
    assert parse_or_none(bytes(damaged)) is None


def parse_or_none(frame):
    try:
        return parse(frame)
    except DecodeError:
        return None


def test_a_frame_with_a_wrong_sum_comes_out_and_hides_nothing_inside():
    framer = Framer()
    outer = request(METER, 0x91, REPLY[:-2].translate(dlt645._UNMASK) + b"\x00\x00")
    outer = outer[:10] + REPLY + outer[10 + len(REPLY) :]  # garbage in the shape of a frame around a good one
    assert framer.feed(outer, 0) == [outer, REPLY]
    assert refused(parse, outer) == "bad-checksum"


def test_memory_is_bounded_on_endless_starts():
    framer = Framer()
    for _ in range(50):
        framer.feed(b"\x68" * 100, 0)
        assert framer.pending < 212


@given(st.data())
def test_values_round_trip(data):
    whole, decimals = data.draw(st.integers(1, 8)), data.draw(st.integers(0, 6))
    signed = data.draw(st.booleans())
    if (whole + decimals) % 2:
        whole += 1
    form = "-" * signed + "X" * whole + ("." + "X" * decimals if decimals else "")
    most = 10 ** (whole + decimals) - 1 if not signed else 8 * 10 ** (whole + decimals - 1) - 1
    raw = data.draw(st.integers(-most if signed else 0, most))
    number = Decimal(raw).scaleb(-decimals) if decimals else raw
    wire = bcd.encode(number, form)
    got = value(wire, form)
    assert got == number
    assert isinstance(got, Decimal) is bool(decimals)
    assert len(wire) == (whole + decimals) // 2


def test_values_that_are_none():
    assert value(b"\xff\xff\xff\xff", "XXXXXX.XX") is None
    assert value(b"\xee\xee", "XXX.X") is None
    assert refused(value, b"\xff\xff\xff\x12", "XXXXXX.XX") == "bad-value"
    assert refused(value, b"\x1a\x00", "XXX.X") == "bad-value"
    assert refused(value, b"\x10", "XXX.X") == "truncated"
    assert refused(value, b"\x10\x10\x10", "XXX.X") == "bad-frame"


def test_signs_dates_and_status_words():
    assert str(value(bytes.fromhex("345692"), "-XX.XXXX")) == "-12.5634"
    assert value(bytes.fromhex("345612"), "-XX.XXXX") == Decimal("12.5634")
    assert value(bytes.fromhex("345692"), "XX.XXXX") == Decimal("92.5634")  # a format without sign has none
    assert value(bytes.fromhex("04251126"), "YYMMDDWW") == "26112504"
    assert value(bytes.fromhex("0180"), "HHHH") == 0x8001
    assert value(b"\xff\xff", "HHHH") == 0xFFFF  # bits have no filler


@pytest.mark.parametrize("form", ["", "X", "XX.", ".XX", "X.XX", "--XX", "XX-", "XXN", "X" * 34, "-NN", "ab"])
def test_what_is_no_format_is_refused(form):
    with pytest.raises(ValueError, match=r"format|digits"):
        bcd.parse_format(form)


@pytest.mark.parametrize(
    ("number", "form"),
    [
        (100, "XX"),
        (1000, "XX"),
        (Decimal("0.001"), "XX.XX"),
        (80, "-XX"),
        (-1, "XX"),
        (Decimal("Infinity"), "XX"),
        (Decimal("NaN"), "XX.XX"),
        ("12", "XX"),
        ("12a4", "NNNN"),
        ("123", "NNNN"),
        (None, "HHHH"),
        (65536, "HHHH"),
        (-1, "HHHH"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(number, form):
    with pytest.raises(ValueError, match=r"written|digits|bits"):
        bcd.encode(number, form)


@given(st.integers(0, 2**32 - 1), st.text("0123456789", min_size=8, max_size=8))
def test_bits_and_texts_round_trip(word, digits):
    assert value(bcd.encode(word, "HHHHHHHH"), "HHHHHHHH") == word
    assert value(bcd.encode(digits, "YYMMDDhh"), "YYMMDDhh") == digits
    assert bcd.encode(None, "XXX.X") == b"\xff\xff"


@given(st.binary(max_size=6), st.sampled_from(["XX.XX", "-XX.XX", "NNNN", "HHHH", "XXXXXX"]))
def test_any_value_bytes_are_understood_or_refused(data, form):
    try:
        value(data, form)
    except DecodeError as error:
        reason = error.reason
    else:
        reason = "bad-value"
    assert reason in {"bad-value", "truncated", "bad-frame"}
