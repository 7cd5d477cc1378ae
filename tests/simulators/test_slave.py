"""The simulated slave against frames of real devices and of the standard."""

import pytest

from edgegw.codec.modbus import crc16
from simulators.devices import Adam6060, LevelSensor, OddRelay, Sdm120, WaveshareRelay, XyMd02
from simulators.slave import Fault, Slave, Units, crc, rtu, rtu_request_length


def exchange(slave, request):
    answer = Units([slave]).rtu(bytes.fromhex(request))
    return rtu(answer).hex().upper() if answer is not None else None


def sdm():
    meter = Sdm120(1)
    meter.set_int("input", 0, 0x4366)
    meter.set_int("input", 1, 0x3334)
    return meter


def relay_on():
    relay = WaveshareRelay(1)
    relay.set(0, on=True)
    return relay


@pytest.mark.parametrize(
    ("slave", "request_", "reply"),
    [
        (sdm(), "01040000000271CB", "010404436633341B38"),  # SDM120, captured: 230.2 V
        (XyMd02(1, temperature=30.5, humidity=54.6), "0104000100022 00B".replace(" ", ""), "010404013102222ACE"),
        (LevelSensor(2, level=31), "0203000000018439", "020302001FBD8C"),
        (WaveshareRelay(1), "01050000FF008C3A", "01050000FF008C3A"),
        (relay_on(), "0101000000083DCC", "010101019048"),
    ],
    ids=["SDM120", "XY-MD02", "level", "relay on", "relay read"],
)
def test_real_frames(slave, request_, reply):
    assert exchange(slave, request_) == reply


def test_the_two_checksums_were_written_apart_and_agree():
    for size in range(40):
        data = bytes(n * 37 + size & 0xFF for n in range(size))
        assert int.from_bytes(crc(data), "little") == crc16(data)


def request(unit, pdu):
    body = bytes((unit,)) + bytes.fromhex(pdu)
    return (body + crc(body)).hex()


@pytest.mark.parametrize(
    ("pdu", "reply"),
    [
        ("0300050001", "8302"),  # no such register
        ("0300000000", "8303"),  # none asked
        ("030000007E", "8303"),  # 126 registers
        ("2B0E0100", "AB01"),  # no such function
        ("0300", "8303"),  # cut
        ("0500011234", "8503"),  # neither on nor off
        ("06000000FF", "06000000FF"),
        ("10000000020400010002", "1000000002"),
        ("0F0000000A02FF03", "0F0000000A"),
        ("10000000020300010002", "9003"),  # byte count disagrees
    ],
)
def test_the_standards_answers(pdu, reply):
    slave = Slave(9, {"holding": dict.fromkeys(range(5), 7), "coil": dict.fromkeys(range(16), 0)})
    assert exchange(slave, request(9, pdu))[2:-4] == reply


def test_writes_are_kept():
    slave = Slave(9, {"holding": {0: 1, 1: 2}, "coil": dict.fromkeys(range(10), 0)})
    exchange(slave, request(9, "10000000020400010203"))
    exchange(slave, request(9, "0F0000000A02FD02"))
    assert slave.tables["holding"] == {0: 1, 1: 0x0203}
    assert [slave.read("coil", n) for n in range(10)] == [1, 0, 1, 1, 1, 1, 1, 1, 0, 1]


def test_cells_may_be_functions():
    assert exchange(Slave(9, {"holding": {0: lambda: 0x1234}}), request(9, "0300000001"))[:10] == "0903021234"


def test_another_unit_and_a_wrong_checksum_are_met_with_silence():
    units = Units([LevelSensor(2)])
    assert units.rtu(bytes.fromhex("0103000000018439")) is None
    assert units.rtu(bytes.fromhex("0203000000018438")) is None
    assert units.bad_requests == 2


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (Fault("silent"), None),
        (Fault("slow", 0.5), "020302001FBD8C"),
        (Fault("bad-crc"), "020302001FE88C"),
        (Fault("torn"), "020302"),
        (Fault("exception", code=6), "028306" + crc(b"\x02\x83\x06").hex().upper()),
    ],
)
def test_faults(fault, reply):
    level = LevelSensor(2)
    level.fault = fault
    assert exchange(level, "0203000000018439") == reply


def test_a_wrong_units_reply_is_well_formed():
    level = LevelSensor(2)
    level.fault = Fault("wrong-unit")
    frame = bytes.fromhex(exchange(level, "0203000000018439"))
    assert frame[0] == 3
    assert crc(frame[:-2]) == frame[-2:]


def test_a_fault_for_some_times_then_goes():
    level = LevelSensor(2)
    level.fault = Fault("silent", times=2)
    assert [exchange(level, "0203000000018439") for _ in range(3)] == [None, None, "020302001FBD8C"]


def test_the_input_module_counts_closings_low_word_first_and_refuses_to_have_inputs_written():
    module = Adam6060(1)
    module.set_int("holding", 2, 0xFFFF)
    for on in (True, True, False, True):
        module.set(1, on=on)
    assert (module.read("holding", 2), module.read("holding", 3)) == (1, 1)
    assert exchange(module, request(1, "050000FF00"))[2:6] == "8502"
    exchange(module, request(1, "050011FF00"))
    assert module.relay(1)


@pytest.mark.parametrize(
    ("begin", "length"), [("", None), ("01", None), ("0103", 8), ("0110000000020", None), ("01100000000204", 13)]
)
def test_the_length_of_a_request_is_known_from_its_beginning(begin, length):
    assert rtu_request_length(bytes.fromhex(begin if len(begin) % 2 == 0 else begin[:-1])) == length


async def test_a_relay_pulse_is_timed_in_the_device():
    import asyncio

    relay = WaveshareRelay(1)
    assert exchange(relay, request(1, "0502000000")) == request(1, "0502000000").upper()
    exchange(relay, "0105020000324DA7")
    assert relay.on(0)
    relay.set(0, on=False)
    exchange(relay, request(1, "0502000001"))
    assert relay.on(0)
    async with asyncio.timeout(5):
        while relay.on(0):
            await asyncio.sleep(0.01)
    assert relay.pulses == 3
    exchange(relay, request(1, "0500FFFF00"))
    assert all(relay.on(n) for n in range(8))


def test_an_odd_relay_takes_its_own_value_and_the_register():
    relay = OddRelay(1)
    assert exchange(relay, "0105000101009D9A") == "0105000101009D9A"
    assert exchange(relay, "010600000001480A") == "010600000001480A"
    assert (relay.on(0), relay.on(1), relay.on(2)) == (True, True, False)
    assert exchange(relay, "01050000FF008C3A")[2:6] == "8503"
    assert list(relay.writes) == [bytes.fromhex("0500010100"), bytes.fromhex("0600000001")], "the refused one is none"
