"""The shipped OSDP profile: a simulated reader on a pty, polled by our own link; its secure channel; its faults."""

import asyncio
import contextlib

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import OsdpLink as OsdpConfig
from edgegw.links.osdp import OsdpLink
from edgegw.links.osdp_orders import ReaderSpec
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from simulators.from_profile import arguments, main, simulated
from simulators.profile_osdp import FLAPPING, Readers, scenes

pytest.importorskip("osdp_sys", reason="libosdp is not installed (edgegw[osdp])")

NAME = "generic/osdp-reader"
READER = ProfileLibrary().get(NAME)
BAUD = 115200
WITHIN_S = 8.0
EVERY_S = 0.02
KEY = bytes.fromhex("C0FFEE00112233445566778899AABB01")
AT_REST = {"tamper": False, "power_fault": False}


class Readings:
    """A sink that decodes what it is offered, as the pipeline does. `there`: what was told of the readers, in order."""

    full = False

    def __init__(self):
        self._decoder = compile_profile(READER, None)
        self._heard = asyncio.Event()
        self.readings = []
        self.there = []

    def offer(self, device, raw, at, ack=None, token=0):
        decoded = self._decoder.decode(raw)
        if not raw.reply:
            self.there.append((device, decoded.online))
        found = {r.point: r.value for r in decoded.readings}
        if (
            found and found != AT_REST
        ):  # libosdp's reader side answers the question for its contacts by itself: all well
            self.readings.append((device, found))
        self._heard.set()

    def when_room(self, callback):
        raise AssertionError("never full")

    async def until(self, condition):
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._heard.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._heard.wait(), 0.02)  # a turn of the readers tells nobody


@contextlib.asynccontextmanager
async def polling(path, *addresses, secure="off", key=None):
    """What our link hears of readers r0, r1 … at these addresses."""
    sink = Readings()
    config = OsdpConfig(kind="osdp", port=path, baud=BAUD, secure=secure, silent="1s")
    specs = [ReaderSpec(f"r{address}", address, key) for address in addresses or (0,)]
    link = OsdpLink("door", config, specs, sink=sink, clock=SystemClock())
    task = asyncio.create_task(link.run(lambda: None))
    try:
        yield sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@contextlib.asynccontextmanager
async def on_a_line(*addresses, values=None, every_s=EVERY_S, **more):
    readers = Readers(addresses or (0,), scenes(READER, values), baud=BAUD, **more)
    await readers.line.start()
    task = asyncio.create_task(readers.run(every_s))
    try:
        yield readers
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await readers.line.stop()


VALUES = [
    {"card": "0005898564"},
    {"card": "4294967295"},
    {"card": "0013961168", "number": "8617856929", "hex": "201AA0FA1"},
    {"number": "706427981", "hex": "2A1B3C4D"},
    {"pin": "4711"},
    {"tamper": True, "power_fault": False},
    {"tamper": True, "power_fault": True},
]


@pytest.mark.parametrize("values", VALUES)
async def test_a_simulated_reader_gives_exactly_what_it_was_told(values):
    async with on_a_line(values=values) as readers, polling(readers.line.path) as sink:
        await sink.until(lambda: len(sink.readings) >= 3)
        for _, found in sink.readings:
            assert {point: found[point] for point in values} == values


async def test_without_values_it_shows_its_samples_in_turn():
    wanted = [s.readings for s in READER.samples if s.readings]
    async with on_a_line(every_s=0.1) as readers, polling(readers.line.path) as sink:
        await sink.until(lambda: len(sink.readings) >= 2 * len(wanted))
        found = [readings for _, readings in sink.readings]
        at = wanted.index(found[0])
        assert found[: len(wanted)] == wanted[at:] + wanted[:at]


async def test_two_readers_on_a_line_under_the_secure_channel():
    async with (
        on_a_line(3, 5, values={"card": "0005898564"}, key=KEY) as readers,
        polling(readers.line.path, 3, 5, secure="required", key=KEY) as sink,
    ):
        await sink.until(lambda: {"r3", "r5"} <= {device for device, _ in sink.readings})
        assert all(reader.secure for reader in readers.readers)
        assert {found["card"] for _, found in sink.readings} == {"0005898564"}


async def test_a_reader_with_a_key_does_nothing_in_the_clear_or_under_another():
    other = KEY[::-1]
    for secure, key in (("off", None), ("required", other)):
        async with (
            on_a_line(values={"card": "0005898564"}, key=KEY) as readers,
            polling(readers.line.path, secure=secure, key=key) as sink,
        ):
            await sink.until(lambda: readers.turns > 30)
            assert sink.readings == []


async def test_install_takes_the_key_it_is_given():
    async with on_a_line(values={"card": "0005898564"}, install=True) as readers:
        async with polling(readers.line.path, secure="install", key=KEY) as sink:
            await sink.until(lambda: sink.readings)
        async with polling(readers.line.path, secure="required", key=KEY) as sink:
            await sink.until(lambda: sink.readings)


@pytest.mark.parametrize("fault", ["silent", "bad-checksum", "torn"])
async def test_what_never_answers_right_is_not_there(fault):
    async with on_a_line(values={"card": "0005898564"}, fault=fault) as readers, polling(readers.line.path) as sink:
        await sink.until(lambda: sink.there)
        assert sink.there[0] == ("r0", False)
        assert sink.readings == []


async def test_a_slow_reader_is_heard():
    async with (
        on_a_line(values={"pin": "12"}, fault="slow", every_s=0.5) as readers,
        polling(readers.line.path) as sink,
    ):
        await sink.until(lambda: sink.readings)
        assert sink.there == [("r0", True)]
        assert sink.readings[0] == ("r0", {"pin": "12"})


async def test_a_flapping_reader_comes_and_goes():
    async with (
        on_a_line(values={"card": "0005898564"}, fault="flapping", every_s=0.12) as readers,
        polling(readers.line.path) as sink,
    ):
        await sink.until(lambda: ("r0", False) in sink.there)
        assert readers.turns > FLAPPING
        await sink.until(lambda: sink.there[-1] == ("r0", True))
        assert {found["card"] for _, found in sink.readings} == {"0005898564"}


async def test_the_command_line_serves_readers(tmp_path, capsys):
    port, key = tmp_path / "tty", tmp_path / "key"
    key.write_text(KEY.hex())
    argv = [NAME, "--port", str(port), "--baud", str(BAUD), "--unit", "2", "--address", "7", "--set", "card=0008844356"]
    task = asyncio.create_task(simulated(arguments([*argv, "--every", "0.05", "--key-file", str(key)])))
    try:
        async with asyncio.timeout(WITHIN_S):
            while not port.exists():
                await asyncio.sleep(0)
        async with polling(str(port), 2, 7, secure="required", key=KEY) as sink:
            await sink.until(lambda: {"r2", "r7"} <= {device for device, _ in sink.readings})
            assert {found["card"] for _, found in sink.readings} == {"0008844356"}
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert capsys.readouterr().out == f"{NAME} at {port}, address 2, 7, every 0.05 s\n"  # no card, no key
    assert not port.exists()


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (["--address", "127"], "units are 0 to 126"),
        (["--unit", "3", "--address", "3"], "two readers have one address"),
        (["--every", "0"], "more than 0"),
        (["--set", "card=12345678901234"], "card: no read of 26, 34 or 37 bits holds it"),
        (["--key-file", "/nowhere/key"], "No such file"),
        (["--every", "1"], "No such file"),
    ],
)
def test_a_wrong_command_line_is_said_in_a_line(more, said, capsys):
    assert main([NAME, "--port", "/nowhere/there/tty", *more]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert len(told.splitlines()) == 1
