"""Orders over Modbus TCP and RTU over TCP against simulated servers on loopback."""

import asyncio
import time

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import ModbusRtuTcpLink, ModbusTcpLink
from edgegw.links.backoff import Backoff
from edgegw.links.modbus import ModbusLink
from edgegw.links.request import Poll, UnitPlan
from edgegw.links.supervisor import Supervisor
from edgegw.model import OrderLane
from edgegw.ports import Order
from edgegw.profiles.encode import ModbusWrite
from simulators.devices import Adam6060, WaveshareRelay
from simulators.modbus import RtuTcpServer, TcpServer
from simulators.slave import Fault

BARE = ModbusWrite(5, "coil", 0x0200, (0x32,))
PULSE = ModbusWrite(5, "coil", 0x0200, (0x32,), ("coil", 0, 1), (1,), within_s=0.5)


def make(server, sink, timeout=0.08, late="100ms"):
    plan = UnitPlan("d1", 1, (Poll("coil", 0, 8, 30.0),), timeout, 0.0, (Poll("coil", 0, 1, 0.0),))
    if isinstance(server, RtuTcpServer):
        port = ModbusRtuTcpLink(kind="modbus-rtu-tcp", host=server.host, port=server.port, baud=115200, late=late)
    else:
        port = ModbusTcpLink(kind="modbus-tcp", host=server.host, port=server.port)
    return ModbusLink("line", port, [plan], sink=sink, clock=SystemClock(), random=lambda: 0.0)


def server_of(kind, slaves):
    return TcpServer(slaves) if kind == "tcp" else RtuTcpServer(slaves, baud=115200)


def order(outgoing, *, within=4.0, insist=False):
    return Order("c1", "d1", outgoing, OrderLane.COMMAND, time.monotonic_ns() + round(within * 1e9), insist)


def said(outcome):
    return outcome.status.value, outcome.reason


async def up(running, sink, made):
    running(Supervisor(made, sink=sink, clock=SystemClock(), backoff=Backoff(0.02, 0.1)).run())
    await sink.until(lambda: len(sink.offered) == 1)


@pytest.mark.parametrize("kind", ["tcp", "rtu-tcp"])
async def test_written_and_read_back(sink, running, started, kind):
    relay = WaveshareRelay(1)
    made = make(await started(server_of(kind, [relay])), sink)
    await up(running, sink, made)
    assert said(await made.carry_out(order(PULSE))) == ("done", "")
    assert list(relay.writes) == [bytes.fromhex("0502000032")]
    assert said(await made.carry_out(order(ModbusWrite(5, "coil", 99, (0,))))) == ("failed", "device-refused")


async def test_several_registers_of_a_tcp_module(sink, running, started):
    module = Adam6060(1)
    made = make(await started(TcpServer([module])), sink)
    await up(running, sink, made)
    write = ModbusWrite(16, "holding", 0, (1, 2, 3), ("holding", 0, 3), (1, 2, 3))
    assert said(await made.carry_out(order(write))) == ("done", "")
    relays = ModbusWrite(15, "coil", 16, (1, 0, 1), ("coil", 16, 3), (1, 0, 1))
    assert said(await made.carry_out(order(relays))) == ("done", "")
    assert (module.relay(0), module.relay(1), module.relay(2)) == (True, False, True)


@pytest.mark.parametrize("kind", ["tcp", "rtu-tcp"])
@pytest.mark.parametrize("delay", [0.12, 0.3])
async def test_a_late_answer_to_an_equal_write_confirms_nothing(sink, running, started, kind, delay):
    relay = WaveshareRelay(1)
    made = make(await started(server_of(kind, [relay])), sink)
    await up(running, sink, made)
    relay.fault = Fault("slow", delay, times=1)
    assert said(await made.carry_out(order(BARE))) == ("unknown", "no-answer")
    relay.fault = Fault("silent")
    assert said(await made.carry_out(order(BARE, insist=True))) == ("unknown", "no-answer")
    assert relay.pulses == 1


async def test_a_gateway_that_does_not_reach_the_unit(sink, running, started):
    relay = WaveshareRelay(1)
    made = make(await started(TcpServer([relay])), sink)
    await up(running, sink, made)
    relay.fault = Fault("exception", code=0x0B)
    assert said(await made.carry_out(order(BARE))) == ("unknown", "no-answer")
    assert said(await made.carry_out(order(BARE))) == ("failed", "device-down")
    assert made.down("d1") == "device-down"


@pytest.mark.parametrize("kind", ["tcp", "rtu-tcp"])
async def test_a_dropped_connection_under_a_write(sink, running, started, kind):
    relay = WaveshareRelay(1)
    server = await started(server_of(kind, [relay]))
    made = make(server, sink, timeout=1.0)
    await up(running, sink, made)
    relay.fault = Fault("silent", times=1)
    requests = relay.requests
    task = asyncio.create_task(made.carry_out(order(BARE)))
    async with asyncio.timeout(5):
        while relay.requests == requests:
            await asyncio.sleep(0.005)
    server.drop()
    assert said(await task) == ("unknown", "link-lost")
    await sink.until(lambda: len(sink.links) == 3)
    assert said(await made.carry_out(order(PULSE))) == ("done", "")
    assert relay.pulses == 1
