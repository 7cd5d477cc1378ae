"""Every shipped Modbus profile over the wire: our link polls servers that are not ours (pymodbus's, libmodbus's), foreign masters
read our simulated units, and each command comes about at the simulated unit."""

import asyncio
import contextlib
import ctypes
import ctypes.util
import os
import shutil
import socket
import sys
import threading
import time
from random import Random

import pytest
from pymodbus.server import ModbusTcpServer
from pymodbus.simulator import DataType, SimData, SimDevice

from edgegw.clock import SystemClock
from edgegw.config.schema import ModbusRtuLink, ModbusTcpLink
from edgegw.errors import DecodeError, ProfileError
from edgegw.links.modbus import ModbusLink, unit_plan
from edgegw.model import OrderLane
from edgegw.ports import Order
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.plan import poll_plan
from simulators.modbus import RtuBus, TcpServer
from simulators.profile_modbus import FAULTS, ProfileUnit
from simulators.profile_registers import covered, place, plausible
from simulators.slave import Fault

LIBRARY = ProfileLibrary()
WITHIN_S = 8.0
BAUD = 38400  # four times quicker than what is usual, so that tests are


def modbus_names():
    """The shipped Modbus profiles; one that cannot be loaded fails in tests/profiles/test_shipped.py, by name."""
    for name in LIBRARY.names():
        with contextlib.suppress(ProfileError):
            if LIBRARY.get(name).link == "modbus":
                yield name


MODBUS = list(modbus_names())
COMMANDED = [name for name in MODBUS if LIBRARY.get(name).commands]
ODD_ID = {name: LIBRARY.get(name).modbus.answers_as or 1 for name in MODBUS}


class Readings:
    """A sink that decodes what it is offered, as the pipeline does. `values`: the last of each point."""

    full = False

    def __init__(self, profile):
        self._decoder = compile_profile(profile, None)
        self._heard = asyncio.Event()
        self.values = {}
        self.refused = []
        self.silences = []

    def offer(self, device, raw, at, ack=None, token=0):
        try:
            self.values |= {r.point: r.value for r in self._decoder.decode(raw).readings}
        except DecodeError as error:
            self.refused.append(error)
        self._heard.set()

    def when_room(self, callback):
        raise AssertionError("never full")

    def silent(self, device, reason, at):
        self.silences.append(reason)
        self._heard.set()

    def link_state(self, link, *, up, reason, at):
        pass

    async def until(self, condition):
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._heard.clear()
                await self._heard.wait()


@contextlib.asynccontextmanager
async def polling(profile, config, unit, plan=None):
    """A link with the profile's device on it: (the link, what it reads)."""
    sink = Readings(profile)
    made = ModbusLink(
        "line", config, [plan or unit_plan("d", unit, profile)], sink=sink, clock=SystemClock(), random=lambda: 0.0
    )
    task = asyncio.create_task(made.run(lambda: None))
    try:
        yield made, sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def tcp(port):
    return ModbusTcpLink(kind="modbus-tcp", host="127.0.0.1", port=port)


def rtu(bus):
    return ModbusRtuLink(kind="modbus-rtu", port=bus.path, baud=BAUD, late="100ms")


def filled(profile, seed):
    values = plausible(profile, Random(seed))
    spans = [(block.table, block.address, block.count) for block in poll_plan(profile)]
    return values, covered(place(profile, values), spans)


# --- servers that are not ours


def pymodbus_server(unit, tables):
    def registers(cells):
        return [SimData(at, values=[word], datatype=DataType.REGISTERS) for at, word in sorted(cells.items())]

    def bits(cells):
        size = (max(cells, default=0) // 16 + 1) * 16
        return [SimData(0, values=[bool(cells.get(at, 0)) for at in range(size)], datatype=DataType.BITS)]

    none = {0: 0}
    blocks = (
        bits(tables.get("coil", none)),
        bits(tables.get("discrete", none)),
        registers(tables.get("holding", none)),
        registers(tables.get("input", none)),
    )
    return ModbusTcpServer(SimDevice(unit, simdata=blocks), address=("127.0.0.1", 0))


@pytest.mark.parametrize("name", MODBUS)
async def test_pymodbuss_server_is_read_as_it_was_filled(name):
    profile = LIBRARY.get(name)
    values, tables = filled(profile, name)
    server = pymodbus_server(ODD_ID[name], tables)
    await server.serve_forever(background=True)
    try:
        async with polling(profile, tcp(server.transport.sockets[0].getsockname()[1]), ODD_ID[name]) as (_, sink):
            await sink.until(lambda: len(sink.values) == len(values))
            assert sink.values == values
            assert not sink.refused
            assert not sink.silences
    finally:
        await server.shutdown()


class Mapping(ctypes.Structure):
    """modbus_mapping_t of libmodbus 3.1."""

    _fields_ = (
        *((name, ctypes.c_int) for name in (
            "nb_bits", "start_bits", "nb_input_bits", "start_input_bits",
            "nb_input_registers", "start_input_registers", "nb_registers", "start_registers",
        )),
        ("coil", ctypes.POINTER(ctypes.c_uint8)),
        ("discrete", ctypes.POINTER(ctypes.c_uint8)),
        ("input", ctypes.POINTER(ctypes.c_uint16)),
        ("holding", ctypes.POINTER(ctypes.c_uint16)),
    )  # fmt: skip


LIBMODBUS = ctypes.util.find_library("modbus")
ALL = 65_535


class LibmodbusServer:
    """libmodbus's own server for one connection, in a thread."""

    def __init__(self, tables):
        self._lib = lib = ctypes.CDLL(LIBMODBUS)
        lib.modbus_new_tcp.restype = ctypes.c_void_p
        lib.modbus_mapping_new.restype = ctypes.POINTER(Mapping)
        for call in (lib.modbus_tcp_listen, lib.modbus_close, lib.modbus_free, lib.modbus_receive):
            call.argtypes = [ctypes.c_void_p, *call.argtypes[1:]] if call.argtypes else None
        self._context = ctypes.c_void_p(lib.modbus_new_tcp(b"127.0.0.1", 0))
        self._mapping = lib.modbus_mapping_new(ALL, ALL, ALL, ALL)
        for table, cells in tables.items():
            for at, word in cells.items():
                getattr(self._mapping.contents, table)[at] = word
        self._listening = lib.modbus_tcp_listen(self._context, 1)
        with socket.socket(fileno=os.dup(self._listening)) as listening:
            self.port = listening.getsockname()[1]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self):
        listening, query = ctypes.c_int(self._listening), (ctypes.c_uint8 * 260)()
        self._lib.modbus_tcp_accept(self._context, ctypes.byref(listening))
        while (length := self._lib.modbus_receive(self._context, query)) != -1:
            self._lib.modbus_reply(self._context, query, length, self._mapping)

    def close(self):
        """The connection must be over."""
        self._thread.join(WITHIN_S)
        self._lib.modbus_close(self._context)
        os.close(self._listening)
        self._lib.modbus_mapping_free(self._mapping)
        self._lib.modbus_free(self._context)


@pytest.mark.skipif(LIBMODBUS is None, reason="libmodbus is not installed")
@pytest.mark.parametrize("name", MODBUS)
async def test_libmodbuss_server_is_read_as_it_was_filled(name):
    profile = LIBRARY.get(name)
    values, tables = filled(profile, f"{name} again")
    server = LibmodbusServer(tables)
    try:
        async with polling(profile, tcp(server.port), ODD_ID[name]) as (_, sink):
            await sink.until(lambda: len(sink.values) == len(values))
            assert sink.values == values
    finally:
        await asyncio.to_thread(server.close)


# --- our simulated units


@pytest.mark.skipif(shutil.which("mbpoll") is None, reason="mbpoll is not installed")
async def test_mbpoll_reads_a_unit_made_of_a_profile(tmp_path):
    port = tmp_path / "tty"
    ours = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "simulators.from_profile", "eastron/sdm630", "--port", str(port), "--baud", "19200",
        "--unit", "7", "--unit", "20-21", "--set", "voltage_l1=231.5", "--set", "voltage_l3=229.25",
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert ours.stdout is not None
        said = await asyncio.wait_for(ours.stdout.readline(), 20)
        assert said.decode() == f"eastron/sdm630 at {port}, unit 7, 20, 21\n"
        for unit in ("7", "21"):
            mbpoll = await asyncio.create_subprocess_exec(
                "mbpoll", "-m", "rtu", "-a", unit, "-b", "19200", "-P", "none", "-0", "-r", "0", "-c", "3", "-t", "3:float",
                "-B", "-1", str(port), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            output, _ = await asyncio.wait_for(mbpoll.communicate(), 20)
            values = [line.split()[-1] for line in output.decode().splitlines() if line.startswith("[")]
            assert values == ["231.5", "229.8", "229.25"], output.decode()
    finally:
        ours.terminate()
        await ours.wait()


def otherwise(value):
    """A value that a command's point does not have when the command is done."""
    return not value if isinstance(value, bool) else value + 1


@pytest.mark.parametrize("name", COMMANDED)
async def test_each_command_comes_about_at_the_unit(name):
    profile = LIBRARY.get(name)
    unit = ProfileUnit(profile, ODD_ID[name])
    server = TcpServer([unit])
    await server.start()
    encoder = compile_commands(profile, None, None)
    try:
        async with polling(profile, tcp(server.port), ODD_ID[name]) as (link, sink):
            await sink.until(lambda: len(sink.values) == len(profile.points))
            for sample in profile.command_samples:
                if sample.error is not None:
                    continue
                outgoing = encoder.encode(sample.command, sample.args, "1")
                point, value = outgoing.shows
                unit.set(**{point: otherwise(value)})
                deadline = time.monotonic_ns() + round(WITHIN_S * 1e9)
                outcome = await link.carry_out(Order("c", "d", outgoing, OrderLane.COMMAND, deadline))
                assert (sample.command, outcome.status.value, outcome.reason) == (sample.command, "done", "")
                assert unit.values[point] == value, sample.command
    finally:
        await server.stop()


async def test_a_meter_that_writes_by_function_16_alone_refuses_function_6():
    unit = ProfileUnit(LIBRARY.get("hiking/dds238-2-relay"), 1)
    assert unit.pdu(bytes.fromhex("06001A0000")) == b"\x86\x01"
    assert unit.values["relay"] is True
    assert unit.pdu(bytes.fromhex("10001A0001020000")) == bytes.fromhex("10001A0001")
    assert unit.values["relay"] is False


async def test_a_pulse_ends_by_itself():
    unit = ProfileUnit(LIBRARY.get("waveshare/modbus-rtu-relay-8ch"), 1)
    unit.set(relay2=False)
    ended = asyncio.Event()
    set_ = unit.set
    unit.set = lambda **values: (set_(**values), ended.set() if values == {"relay2": False} else None)
    unit.pdu(bytes.fromhex("0502010001"))  # a tenth of a second
    assert unit.read("coil", 1) == 1
    async with asyncio.timeout(WITHIN_S):
        await ended.wait()
    assert unit.read("coil", 1) == 0


# --- a unit that answers under an id that is not its own


@contextlib.asynccontextmanager
async def on_a_line(*units):
    bus = RtuBus(units, baud=BAUD)
    await bus.start()
    try:
        yield bus
    finally:
        await bus.stop()


async def test_a_relay_that_answers_as_ff_is_read_and_switched_under_its_own_id():
    profile = LIBRARY.get("lctech/rs485-relay")
    unit = ProfileUnit(profile, 9, {"relay": False, "input": True})
    off_on = compile_commands(profile, None, None)
    async with on_a_line(unit) as bus, polling(profile, rtu(bus), 9) as (link, sink):
        await sink.until(lambda: sink.values == {"relay": False, "input": True})
        deadline = time.monotonic_ns() + round(WITHIN_S * 1e9)
        outcome = await link.carry_out(Order("c", "d", off_on.encode("on", {}, "1"), OrderLane.COMMAND, deadline))
        assert outcome.status.value == "done"
        await sink.until(lambda: sink.values["relay"] is True)
        assert not sink.silences
        assert link.late_replies == 0


async def test_without_the_profiles_word_another_id_is_no_answer():
    profile = LIBRARY.get("lctech/rs485-relay")
    plan = unit_plan(
        "d", 9, profile.model_copy(update={"modbus": profile.modbus.model_copy(update={"answers_as": None})})
    )
    async with on_a_line(ProfileUnit(profile, 9)) as bus, polling(profile, rtu(bus), 9, plan) as (_, sink):
        await sink.until(lambda: len(sink.silences) >= 2)
        assert sink.values == {}
        assert set(sink.silences) == {"timeout"}


# --- faults


@pytest.mark.parametrize(
    ("fault", "reason"),
    [("silent", "timeout"), ("late", "timeout"), ("wrong-unit", "timeout"), ("bad-crc", "bad-frame"), ("torn", "bad-frame"),
     ("exception", "exception")],
)  # fmt: skip
async def test_each_fault_of_a_simulated_unit_is_told(fault, reason):
    profile = LIBRARY.get("generic/rs485-level")
    unit = ProfileUnit(profile, 1)
    unit.fault = Fault(FAULTS[fault][1].kind, FAULTS[fault][1].seconds)
    async with on_a_line(unit) as bus, polling(profile, rtu(bus), 1) as (_, sink):
        await sink.until(lambda: sink.silences)
        assert sink.silences[0] == reason
        assert sink.values == {}


async def test_a_slow_unit_is_waited_for():
    profile = LIBRARY.get("generic/rs485-level")
    unit = ProfileUnit(profile, 1, {"level": 77})
    unit.fault = FAULTS["slow"][1]
    async with on_a_line(unit) as bus, polling(profile, rtu(bus), 1) as (_, sink):
        await sink.until(lambda: sink.values == {"level": 77})
        assert not sink.silences


async def test_a_flapping_unit_answers_and_does_not_in_turn():
    profile = LIBRARY.get("generic/rs485-level")
    unit = ProfileUnit(profile, 1)
    unit.fault = Fault("flapping", every=2)
    request = bytes.fromhex("0300000001")
    assert [unit.answer(request) is not None for _ in range(8)] == [True, True, False, False] * 2
