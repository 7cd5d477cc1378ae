"""What belongs to a request and what does not (meter_guard), and a device as a unit (meter). No port is opened."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.codec.meter_line import DLT645_READ, FIRST_DATA, NEXT_DATA, frames, meter_line
from edgegw.links.meter import answer, unit_plan, writable
from edgegw.links.meter_guard import MORE, Cjt188Ask, Dlt645Ask, Heard, MeterGuard
from edgegw.links.request import Request
from edgegw.model import MeterAnswer
from edgegw.profiles.encode import MeterWrite, ModbusWrite
from edgegw.profiles.loader import ProfileLibrary
from simulators.meter_frames import cjt188, digits, dlt645, sealed

POWER, FLOW = "558890213594", "78330011223344"
ENERGY = bytes.fromhex("6894352190885568910833333433593533338116")
"""Captured: 2.26 kWh of meter 558890213594."""
VOLUME = bytes.fromhex("68104433221100337881161F9000007766552C007766552C3101221105152021841316")
"""Published: 556677.00 m3, serial number 0, the identifier as 1F 90."""
LIBRARY = ProfileLibrary()


def electric(di=0x00010000, address=POWER):
    return Dlt645Ask(address, di)


def flow(di=0x901F, ser=0, address=FLOW, kind=0x10, write=None):
    return Cjt188Ask(address, di, meter_type=kind, ser=ser, write=write)


def heard(ask, *chunks):
    guard = MeterGuard()
    guard.expect(ask)
    found = [guard.take(chunk) for chunk in chunks]
    return next((one for one in found if one is not None), None), guard


def test_requests_are_the_published_ones():
    assert Dlt645Ask(POWER, 0x00010000, 4).request.hex().upper() == "FEFEFEFE68943521908855681104333334330916"
    assert flow(0x1F90).request.hex().upper() == "68104433221100337801031F90008016"
    valve = flow(0xA017, ser=1, address="78331505900569", write=b"\x55")
    assert valve.request.hex().upper() == "6810690590051533780404A01701555016"


def test_published_answers_are_theirs():
    assert heard(electric(), ENERGY)[0] == Heard(digits("00000226"))
    said = heard(flow(), VOLUME)[0]
    assert said is not None
    assert said.data == VOLUME[14:-2]


@pytest.mark.parametrize(
    ("ask", "frame"),
    [
        (electric(0x00020000), ENERGY),  # another identifier
        (electric(address="558890213595"), ENERGY),
        (flow(ser=1), VOLUME),  # another request
        (flow(kind=0x20), VOLUME),
        (flow(0x810A), VOLUME),
        (flow(), ENERGY),
        (electric(), VOLUME),
        (flow(write=b"\x55"), VOLUME),
    ],
)
def test_another_requests_answer_is_late_and_nobodys(ask, frame):
    said, guard = heard(ask, frame)
    assert said is None
    assert guard.late == 1
    assert not guard.stray


def test_what_an_adapter_hears_of_itself_is_neither_answer_nor_late():
    said, guard = heard(electric(), electric().request, ENERGY)
    assert said == Heard(digits("00000226"))
    assert guard.late == 0


def test_refusals_carry_the_meters_error():
    assert heard(electric(), dlt645(POWER, 0xD1, b"\x02"))[0] == Heard(refused=2)
    assert heard(flow(), cjt188(0x10, FLOW, 0xC1, bytes((0, 0x21, 0))))[0] == Heard(refused=0x21)
    assert heard(flow(), cjt188(0x10, FLOW, 0xC1, bytes((7, 0x21, 0))))[0] is None  # another request's


def test_follow_up_frames_are_put_together():
    ask = electric()
    di = bytes.fromhex("00010000")[::-1]
    guard = MeterGuard()
    guard.expect(ask)
    assert guard.take(dlt645(POWER, 0xB1, di + b"ab")) == MORE
    assert ask.request == dlt645(POWER, 0x12, di + b"\x01")
    guard.expect(ask)
    assert guard.take(dlt645(POWER, 0xB2, di + b"cd\x01")) == MORE
    guard.expect(ask)
    assert guard.take(dlt645(POWER, 0xB2, di + b"cd\x01")) is None  # the one before, again
    assert guard.take(dlt645(POWER, 0x92, di + b"ef\x02")) == Heard(b"abcdef")


@given(
    st.binary(max_size=60).filter(lambda garbage: 0x68 not in garbage),
    st.lists(st.integers(1, 20), min_size=1, max_size=8),
    st.booleans(),
)
def test_in_whatever_chunks_and_behind_whatever_it_comes(garbage, sizes, torn):
    """Half a late answer before the good one hides nothing."""
    stream = garbage + (VOLUME[:20] if torn else b"") + b"\xfe\xfe" + ENERGY
    chunks, at = [], 0
    for size in [*sizes, len(stream)]:
        chunks.append(stream[at : at + size])
        at += size
    said, _ = heard(electric(), *chunks)
    assert said == Heard(digits("00000226"))


@given(st.integers(0, len(ENERGY) - 1), st.integers(1, 255))
def test_a_changed_byte_is_no_answer(at, change):
    spoiled = bytearray(ENERGY)
    spoiled[at] ^= change
    said, _ = heard(electric(), bytes(spoiled))
    assert said is None


def test_a_flood_keeps_memory_bounded_and_the_answer_behind_it_is_found():
    said, guard = heard(electric(), *(b"\x68" * 500 for _ in range(20)), ENERGY)
    assert said == Heard(digits("00000226"))
    assert guard.take(b"\x68" * 10_000) is None
    assert guard.stray


def test_wrong_checksums_are_stray_and_silence_is_not():
    assert heard(electric(), ENERGY[:-2] + b"\x82\x16")[1].stray
    assert not heard(electric(), b"\xfe\xfe")[1].stray
    assert not heard(electric())[1].stray


# --- a device as a unit -----------------------------------------------------------------------------------------------


def test_a_meters_blocks_are_its_identifiers():
    plan = unit_plan("w", FLOW, LIBRARY.get("generic/cjt188-water"), {"valve"})
    (poll,) = plan.polls
    assert (poll.table, poll.address, poll.count, poll.period_s, poll.alarm) == ("cjt188", 0x901F, 19, 1800.0, True)
    assert plan.readbacks == (poll,)
    assert plan.probe == (poll, True)  # its answers repeat the request's serial number
    assert plan.unit == int(FLOW)


def test_the_probe_of_an_electricity_meter_is_its_shortest_read():
    plan = unit_plan("p", POWER, LIBRARY.get("generic/dlt645-three-phase"), {"voltage_b"})
    assert {(poll.address, poll.count) for poll in plan.polls} == {
        (0x00010000, 4),
        (0x00020000, 4),
        (0x0201FF00, 6),
        (0x0202FF00, 9),
        (0x0203FF00, 12),
    }
    assert [poll.address for poll in plan.polls if poll.alarm] == [0x0201FF00]
    probe, distinct = plan.probe
    assert (probe.address, distinct) == (0x00010000, False)


def test_an_answer_names_its_identifier():
    request = Request("w", 1, "cjt188", 0x901F, 19, 0.6, 0.0, 0, 0)
    assert answer(request, (1, 2)) == MeterAnswer("cjt188", "901F", b"\x01\x02")
    request = Request("p", 1, "dlt645", 0x00010000, 4, 0.6, 0.0, 0, 0)
    assert answer(request, (1,)) == MeterAnswer("dlt645", "00010000", b"\x01")


def test_only_a_meters_write_is_written():
    assert writable(MeterWrite(0x04, "cjt188", 0xA017, (0x55,), frame=sealed(b"\x68")))
    assert not writable(MeterWrite(0x14, "dlt645", 0x04000101, (1,), frame=sealed(b"\x68")))
    assert not writable(ModbusWrite(5, "coil", 0, (0xFF00,)))


# --- how long things take ---------------------------------------------------------------------------------------------


@given(st.integers(1, 2000))
def test_so_many_frames_hold_so_many_bytes(count):
    parts = frames(DLT645_READ, count)
    assert FIRST_DATA + (parts - 1) * NEXT_DATA >= count
    assert parts == 1 or FIRST_DATA + (parts - 2) * NEXT_DATA < count


def test_a_transaction_of_several_frames_waits_for_each():
    line = meter_line(2400, "8E1", 0.0, 0.2)
    one, two = line.told_s(DLT645_READ, FIRST_DATA, 0.6), line.told_s(DLT645_READ, FIRST_DATA + 1, 0.6)
    assert two - one > 0.6 + line.gap_s


def test_the_wire_time_covers_the_captured_exchange():
    """16 bytes asked and 20 answered, with four FE before each, 11 bits a character."""
    line = meter_line(2400, "8E1", 0.0, 0.2)
    assert line.wire.transfer_s(DLT645_READ, 4) == pytest.approx((16 + 20 + 8) * 11 / 2400)
