"""`edgegw probe` on simulated Modbus lines: ptys at the wire's pace, TCP, RTU over TCP."""

import asyncio
import contextlib
import fcntl
import os

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import ModbusRtuLink, ModbusRtuTcpLink, ModbusTcpLink
from edgegw.errors import LinkError
from edgegw.probe.found import Confidence
from edgegw.probe.modbus import ModbusProbe
from edgegw.probe.plan import Setting
from edgegw.probe.ports import check_free
from simulators.devices import LevelSensor, Sdm120, WaveshareRelay, XyMd02
from simulators.modbus import RtuBus, RtuTcpServer, TcpServer
from simulators.slave import Fault, Slave
from tests.probe.asking import few

BAUD = 115200  # twelve times quicker than what is usual, so that tests are


@contextlib.asynccontextmanager
async def running(thing):
    await thing.start()
    try:
        yield thing
    finally:
        await thing.stop()


def scan(config, units, *, settings=(None,), timeout_s=0.03, every=False, tell=lambda *_: None):
    return ModbusProbe(
        config,
        few(),
        settings=settings,
        units=units,
        timeout_s=timeout_s,
        read_timeout_s=timeout_s,
        every=every,
        clock=SystemClock(),
        tell=tell,
    )


def rtu(path, **more):
    return ModbusRtuLink(kind="modbus-rtu", port=path, baud=BAUD, late="20ms", **more)


def best(probe):
    return {one.address: (one.best.profile, one.best.confidence) if one.best else None for one in probe.found}


async def test_units_of_a_line_are_found_and_told_and_nothing_is_written():
    slaves = [Sdm120(2), XyMd02(5), LevelSensor(9), WaveshareRelay(11)]
    async with running(RtuBus(slaves, baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), range(1, 13), settings=(Setting(BAUD, "8N1"),))
        await probe.run()
        assert best(probe)[2] == ("eastron/sdm120", Confidence.CLEAR)
        assert best(probe)[5] == ("generic/xy-md02", Confidence.CLEAR)
        assert set(best(probe)) == {2, 5, 9, 11}
        assert {one.where for one in probe.found} == {"115200 8N1"}
        assert [slave.writes for slave in slaves if slave.writes] == []
        assert bus.line.collisions == 0
        assert probe.notes == []


async def test_a_simple_sensor_that_knows_one_function_is_found_by_it():
    """It says nothing to function 3, where it should refuse."""

    class Simple(XyMd02):
        def answer(self, request):
            return super().answer(request) if request[0] == 4 else None

    async with running(RtuBus([Simple(3)], baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), (3,), settings=(Setting(BAUD, "8N1"),))
        await probe.run()
        assert best(probe) == {3: ("generic/xy-md02", Confidence.CLEAR)}


async def test_a_refusal_is_a_sign_of_life():
    async with running(RtuBus([Slave(7)], baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), (6, 7, 8), settings=(Setting(BAUD, "8N1"),))
        await probe.run()
        assert best(probe) == {7: None}


async def test_the_next_setting_is_tried_until_one_has_answers():
    """A pty has no baud; the line's silence stands for the wrong one."""
    slave = Sdm120(1)
    slave.fault = Fault("silent", times=1)
    asked = []
    async with running(RtuBus([slave], baud=BAUD)) as bus:
        settings = (Setting(19200, "8N1"), Setting(BAUD, "8N1"), Setting(BAUD, "8E1"))
        probe = scan(rtu(bus.path), (1,), settings=settings, tell=lambda what, *_: asked.append(what))
        await probe.run()
        assert [(one.address, one.where) for one in probe.found] == [(1, "115200 8N1")]
        assert not any("8E1" in what for what in asked)


async def test_garbage_and_lateness_are_told():
    torn, slow = Sdm120(4), Sdm120(5)
    torn.fault, slow.fault = Fault("bad-crc"), Fault("slow", seconds=0.06, times=1)
    async with running(RtuBus([torn, slow], baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), (4, 5, 6, 7), settings=(Setting(BAUD, "8N1"),))
        await probe.run()
        said = " ".join(probe.notes)
        assert "garbage was heard at 115200 8N1 when unit 4 was asked" in said
        assert "answers came late" in said


async def test_what_was_found_survives_being_cancelled():
    async with running(RtuBus([Sdm120(1)], baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), range(1, 248), settings=(Setting(BAUD, "8N1"),), timeout_s=0.5)
        task = asyncio.create_task(probe.run())
        async with asyncio.timeout(8):
            while not probe.found:
                await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert best(probe) == {1: ("eastron/sdm120", Confidence.CLEAR)}
        check_free(bus.path)  # and the port is free again


async def test_tcp_units_behind_a_gateway():
    async with running(TcpServer([Sdm120(1), XyMd02(3)])) as server:
        probe = scan(ModbusTcpLink(kind="modbus-tcp", host="127.0.0.1", port=server.port), (1, 2, 3, 4))
        await probe.run()
        assert best(probe) == {
            1: ("eastron/sdm120", Confidence.CLEAR),
            3: ("generic/xy-md02", Confidence.CLEAR),
        }


async def test_a_tcp_device_that_answers_to_any_unit_is_one_device():
    class Deaf(TcpServer):
        def __init__(self):
            super().__init__([Sdm120(unit) for unit in range(256)])

    async with running(Deaf()) as server:
        probe = scan(ModbusTcpLink(kind="modbus-tcp", host="127.0.0.1", port=server.port), range(1, 248))
        await probe.run()
        assert best(probe) == {1: ("eastron/sdm120", Confidence.CLEAR)}
        assert probe.notes == ["the device answers to every unit: only unit 1 is looked at"]


async def test_rtu_through_a_serial_server():
    async with running(RtuTcpServer([Sdm120(2)])) as server:
        link = ModbusRtuTcpLink(kind="modbus-rtu-tcp", host="127.0.0.1", port=server.port, baud=BAUD, late="20ms")
        probe = scan(link, (1, 2), timeout_s=0.1)
        await probe.run()
        assert best(probe) == {2: ("eastron/sdm120", Confidence.CLEAR)}


async def test_nobody_at_all():
    async with running(RtuBus([], baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), (1, 2), settings=(Setting(BAUD, "8N1"), Setting(19200, "8N1")), timeout_s=0.02)
        await probe.run()
        assert probe.found == []


async def test_a_setting_that_the_port_refuses_is_told_and_the_next_one_tried():
    """A pty has no parity."""
    async with running(RtuBus([Sdm120(1)], baud=BAUD)) as bus:
        probe = scan(rtu(bus.path), (1,), settings=(Setting(BAUD, "8E1"), Setting(BAUD, "8N1")))
        await probe.run()
        assert best(probe) == {1: ("eastron/sdm120", Confidence.CLEAR)}
        assert probe.notes == ["the port cannot be set to 115200 8E1"]
        with pytest.raises(LinkError):
            await scan(rtu(bus.path), (1,), settings=(Setting(BAUD, "8E1"),)).run()


# --- ports ------------------------------------------------------------------------------------------------------------


async def test_a_port_that_a_gateway_holds_is_refused_with_the_way_out():
    async with running(RtuBus([], baud=BAUD)) as bus:
        fd = os.open(bus.path, os.O_RDWR | os.O_NOCTTY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with pytest.raises(LinkError, match=r"in use by another program.*systemctl stop edgegw") as caught:
                check_free(bus.path)
        finally:
            os.close(fd)
        assert caught.value.reason == "busy"
        check_free(bus.path)


def test_ports_that_are_none(tmp_path):
    with pytest.raises(LinkError, match="is not there") as caught:
        check_free(str(tmp_path / "ttyUSB9"))
    assert caught.value.reason == "no-port"
    file = tmp_path / "file"
    file.touch()
    with pytest.raises(LinkError, match="no serial port"):
        check_free(str(file))
    with pytest.raises(LinkError, match="not a path"):
        check_free("a\0b")
    check_free("socket://127.0.0.1:4001")
