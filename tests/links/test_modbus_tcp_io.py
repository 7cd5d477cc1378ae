"""Modbus TCP and RTU over TCP against simulated servers on loopback."""

import asyncio

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import ModbusRtuTcpLink, ModbusTcpLink
from edgegw.errors import LinkError
from edgegw.links.backoff import Backoff
from edgegw.links.modbus import ModbusLink
from edgegw.links.schedule import Poll, UnitPlan
from edgegw.links.supervisor import Supervisor
from simulators.modbus import RtuTcpServer, TcpServer
from simulators.slave import Fault, Slave


def slave(unit, count=200):
    made = Slave(unit)
    made.tables = {table: {a: a for a in range(count)} for table in ("holding", "input")}
    made.tables["coil"] = {a: a % 3 == 0 for a in range(count)}
    return made


def plan(unit, *polls, timeout=0.05):
    return UnitPlan(f"d{unit}", unit, tuple(polls), timeout)


def make(server, sink, *plans, late="100ms"):
    if isinstance(server, RtuTcpServer):
        port = ModbusRtuTcpLink(kind="modbus-rtu-tcp", host=server.host, port=server.port, baud=115200, late=late)
    else:
        port = ModbusTcpLink(kind="modbus-tcp", host=server.host, port=server.port)
    return ModbusLink("line", port, plans, sink=sink, clock=SystemClock(), random=lambda: 0.0)


def server_of(kind, slaves):
    return TcpServer(slaves) if kind == "tcp" else RtuTcpServer(slaves, baud=115200)


def own_addresses(raw):
    return raw.words == tuple(range(raw.address, raw.address + len(raw.words)))


BLOCKS = tuple(Poll("holding", a, 4, 0.02) for a in (100, 110, 120, 130))


@pytest.mark.parametrize("kind", ["tcp", "rtu-tcp"])
async def test_registers_and_bits_are_read(sink, running, started, kind):
    server = await started(server_of(kind, [slave(1), slave(7)]))
    running(make(server, sink, plan(1, Poll("input", 3, 60, 10)), plan(7, Poll("coil", 0, 20, 10))).run(lambda: None))
    await sink.until(lambda: len(sink.offered) == 2)
    assert sink.of("d1")[0].words == tuple(range(3, 63))
    assert sink.of("d7")[0].words == tuple(int(a % 3 == 0) for a in range(20))


@pytest.mark.parametrize("kind", ["tcp", "rtu-tcp"])
@pytest.mark.parametrize("delay", [0.12, 0.3, 0.5])
async def test_a_late_reply_is_never_taken_for_the_next_requests(sink, running, started, kind, delay):
    unit = slave(1)
    server = await started(server_of(kind, [unit, slave(2)]))
    made = make(server, sink, plan(1, *BLOCKS), plan(2, Poll("holding", 50, 4, 0.02)))
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.of("d1")) >= 5)
    for _ in range(2):
        silences, answers = len(sink.silences), len(sink.of("d1"))
        unit.fault = Fault("slow", delay, times=1)
        await sink.until(lambda s=silences: len(sink.silences) > s)
        await sink.until(lambda a=answers: len(sink.of("d1")) >= a + 8)
    assert all(own_addresses(raw) for _, raw, _ in sink.offered)


async def test_rtu_over_tcp_opens_a_new_connection_after_silence_without_a_word_about_the_link(sink, running, started):
    unit = slave(1)
    server = await started(server_of("rtu-tcp", [unit]))
    made = make(server, sink, plan(1, *BLOCKS))
    running(Supervisor(made, sink=sink, clock=SystemClock()).run())
    await sink.until(lambda: len(sink.of("d1")) >= 5)
    unit.fault = Fault("silent", times=1)
    await sink.until(lambda: len(sink.silences) == 1)
    before = len(sink.offered)
    await sink.until(lambda: len(sink.offered) >= before + 3)
    assert server.connections == 2
    assert made.reopened == 1
    assert [state for _, state, _ in sink.links] == [True]


async def test_tcp_keeps_its_connection_over_one_silence_and_renews_it_after_three(sink, running, started):
    dead = [slave(n) for n in (1, 2, 3)]
    for unit in dead:
        unit.fault = Fault("silent")
    server = await started(server_of("tcp", dead))
    made = make(server, sink, *(plan(n, *BLOCKS) for n in (1, 2, 3)))
    running(Supervisor(made, sink=sink, clock=SystemClock()).run())
    await sink.until(lambda: len(sink.silences) == 2)
    assert server.connections == 1
    await sink.until(lambda: len(sink.silences) >= 4)
    assert server.connections >= 2
    assert [state for _, state, _ in sink.links] == [True]


async def test_a_torn_reply_does_not_put_the_stream_out_of_step(sink, running, started):
    unit = slave(1)
    server = await started(server_of("tcp", [unit]))
    running(make(server, sink, plan(1, *BLOCKS)).run(lambda: None))
    await sink.until(lambda: len(sink.of("d1")) >= 5)
    unit.fault = Fault("torn", times=1)
    await sink.until(lambda: len(sink.silences) == 1)
    before = len(sink.offered)
    await sink.until(lambda: len(sink.offered) >= before + 8)
    assert sink.silent_of("d1") == ["bad-frame"]
    assert all(own_addresses(raw) for _, raw, _ in sink.offered)


async def test_a_gateway_that_says_its_unit_is_gone_opens_the_breaker(sink, running, started):
    gone, refusing = slave(1), slave(2)
    gone.fault, refusing.fault = Fault("exception", code=0x0B), Fault("exception", code=2)
    server = await started(server_of("tcp", [gone, refusing]))
    made = make(server, sink, plan(1, *BLOCKS), plan(2, *BLOCKS))
    running(made.run(lambda: None))
    await sink.until(lambda: len(sink.silent_of("d1")) >= 2 and len(sink.silent_of("d2")) >= 6)
    assert made.open_units == ("d1",)
    assert {*sink.silent_of("d1"), *sink.silent_of("d2")} == {"exception"}


@pytest.mark.parametrize("kind", ["tcp", "rtu-tcp"])
async def test_a_dropped_connection_comes_back_under_the_supervisor(sink, running, started, kind):
    server = await started(server_of(kind, [slave(1)]))
    made = make(server, sink, plan(1, *BLOCKS, timeout=0.5))  # nobody is late here
    running(Supervisor(made, sink=sink, clock=SystemClock(), backoff=Backoff(0.02, 0.1)).run())
    await sink.until(lambda: len(sink.offered) >= 3)
    server.drop()
    await sink.until(lambda: len(sink.links) == 3)
    before = len(sink.offered)
    await sink.until(lambda: len(sink.offered) >= before + 3)
    assert [(state, reason) for _, state, reason in sink.links] == [(True, "up"), (False, "lost"), (True, "up")]
    assert sink.silences == []


async def test_a_refused_connection_is_a_link_error(sink, started):
    server = TcpServer([slave(1)])
    await server.start()
    made = make(server, sink, plan(1, *BLOCKS))
    await server.stop()
    with pytest.raises(LinkError) as caught:
        await made.run(lambda: None)
    assert caught.value.reason == "open-failed"
    assert str(server.port) in caught.value.detail


async def test_stopping_in_the_middle_of_a_call_leaves_no_task(sink, started):
    unit = slave(1)
    unit.fault = Fault("silent")
    server = await started(server_of("tcp", [unit]))
    up = asyncio.Event()
    before = asyncio.all_tasks()
    task = asyncio.create_task(make(server, sink, plan(1, *BLOCKS, timeout=5.0)).run(up.set))
    async with asyncio.timeout(5):
        while not unit.requests:
            await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    left = {t for t in asyncio.all_tasks() - before if "_serve" not in repr(t)}  # the simulator's own
    assert not left


async def test_stopping_while_it_connects_is_never_lost(sink, started):
    """Whatever step of connecting the cancellation meets, also the one that succeeds."""
    server = await started(server_of("tcp", [slave(1)]))
    for steps in range(12):
        task = asyncio.create_task(make(server, sink, plan(1, *BLOCKS)).run(lambda: None))
        for _ in range(steps):
            await asyncio.sleep(0)
        task.cancel()
        done, _ = await asyncio.wait((task,), timeout=2)
        assert done, f"still running after {steps} steps"
        assert task.cancelled()
