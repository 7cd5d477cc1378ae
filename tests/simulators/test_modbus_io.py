"""The simulated line and servers against foreign masters (mbpoll, pymodbus's own server side by side) and a stopwatch."""

import asyncio
import os
import shutil
import struct
from pathlib import Path

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from simulators.devices import Sdm120
from simulators.line import PtyLine
from simulators.modbus import RtuBus, RtuTcpServer, TcpServer
from simulators.slave import Slave, crc

MBPOLL = (
    "mbpoll",
    "-m",
    "rtu",
    "-a",
    "5",
    "-b",
    "19200",
    "-P",
    "none",
    "-0",
    "-r",
    "0",
    "-c",
    "4",
    "-t",
    "3:float",
    "-B",
    "-1",
)
"""Unit 5; zero-based (-0) from 0, four floats by FC04 (-t 3:float), high word first (-B), once (-1)."""


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")
async def test_mbpoll_reads_the_meter():
    meter = Sdm120(5)
    meter.set(voltage=231.5, current=1.25)
    bus = RtuBus([meter], baud=19200)
    await bus.start()

    process = await asyncio.create_subprocess_exec(
        *MBPOLL,
        bus.path,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), 20)
    await bus.stop()
    values = [line.split()[-1] for line in output.decode().splitlines() if line.startswith("[")]
    assert values == ["231.5", "0", "0", "1.25"], output.decode()


class Peer:
    """A raw connection."""

    async def open(self, port):
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
        return self

    async def ask(self, message):
        self.writer.write(message)
        head = await asyncio.wait_for(self.reader.readexactly(6), 5)
        return head + await self.reader.readexactly(struct.unpack(">H", head[4:])[0])

    async def close(self):
        self.writer.close()
        await self.writer.wait_closed()


REQUESTS = [
    "0300000001", "030000000A", "0300090001", "03000A0001", "0300080003", "0400000005", "0400050001", "060001BEEF", "0300010001",
    "1000020002040A0B0C0D", "0300020002", "0100000008", "0100000010", "050003FF00", "0100030001", "0F00000008018F", "0100000008",
    "0200000004",
]  # fmt: skip


async def test_our_server_answers_as_pymodbuss_own_does():
    numbers, bits = list(range(100, 110)), [n % 2 == 0 for n in range(16)]
    theirs = ModbusTcpServer(
        SimDevice(
            1,
            simdata=(
                [SimData(0, values=bits, datatype=DataType.BITS)],
                [SimData(0, values=bits, datatype=DataType.BITS)],
                [SimData(0, values=numbers, datatype=DataType.REGISTERS)],
                [SimData(0, values=numbers[:5], datatype=DataType.REGISTERS)],
            ),
        ),
        address=("127.0.0.1", 0),
    )
    await theirs.serve_forever(background=True)
    ours = TcpServer(
        [
            Slave(
                1,
                {
                    "coil": dict(enumerate(map(int, bits))),
                    "discrete": dict(enumerate(map(int, bits))),
                    "holding": dict(enumerate(numbers)),
                    "input": dict(enumerate(numbers[:5])),
                },
            )
        ]
    )
    await ours.start()
    left, right = await Peer().open(theirs.transport.sockets[0].getsockname()[1]), await Peer().open(ours.port)
    try:
        for number, pdu in enumerate(REQUESTS):
            message = struct.pack(">HHHB", number + 1, 0, len(pdu) // 2 + 1, 1) + bytes.fromhex(pdu)
            assert (await right.ask(message)).hex() == (await left.ask(message)).hex(), pdu
    finally:
        await left.close()
        await right.close()
        await theirs.shutdown()
        await ours.stop()


async def test_the_line_takes_its_time_and_hands_over_in_chunks():
    line = PtyLine(baud=9600)
    await line.start()
    port = os.open(line.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    loop = asyncio.get_running_loop()
    chunks, done = [], asyncio.Event()

    def readable():
        chunks.append((loop.time(), os.read(port, 100)))
        if sum(len(data) for _, data in chunks) == 33:
            done.set()

    loop.add_reader(port, readable)
    began = loop.time()
    line.send(bytes(33))
    async with asyncio.timeout(5):
        await done.wait()
    loop.remove_reader(port)
    os.close(port)
    await line.stop()
    assert chunks[-1][0] - began >= 33 * line.char_s
    assert len(chunks) >= 2
    assert not Path(line.path).parent.exists()


async def test_the_line_notices_who_speaks_too_soon():
    line = PtyLine(baud=9600)
    await line.start()
    port = os.open(line.path, os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    heard = asyncio.Event()
    line.received = lambda _data, _until: heard.set()
    line.send(bytes(20))
    os.write(port, b"too soon")
    async with asyncio.timeout(5):
        await heard.wait()
    os.close(port)
    await line.stop()
    assert line.collisions == 1


async def test_a_serial_servers_late_answer_goes_to_whoever_is_connected():
    slave = Slave(1, {"holding": {0: 7}}, turnaround=0.05)
    server = RtuTcpServer([slave], baud=115200)
    await server.start()
    first = await Peer().open(server.port)
    request = b"\x01\x03\0\0\0\x01"
    first.writer.write(request + crc(request))
    async with asyncio.timeout(5):
        while not slave.requests:
            await asyncio.sleep(0)
    await first.close()
    second = await Peer().open(server.port)
    assert await asyncio.wait_for(second.reader.readexactly(7), 5) == bytes.fromhex("0103020007") + crc(
        bytes.fromhex("0103020007")
    )
    await second.close()
    await server.stop()
