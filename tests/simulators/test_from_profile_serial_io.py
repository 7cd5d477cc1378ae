"""Every shipped serial profile: a simulated device on a port, heard by our own link; its faults; a device that is asked."""

import asyncio
import contextlib
import os

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import SerialLink as SerialConfig
from edgegw.errors import DecodeError
from edgegw.links.serial import SerialLink
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.schema import Profile
from simulators.from_profile import arguments, simulated
from simulators.profile_serial import FLAPPING, Talker, frames
from tests.simulators.test_from_profile_serial import SERIAL, good

LIBRARY = ProfileLibrary()
BAUD = 115200
WITHIN_S = 8.0
EVERY_S = 0.01


class Heard:
    """A sink that decodes what it is offered, as the pipeline does."""

    full = False

    def __init__(self, profile):
        self._decoder = compile_profile(profile, None)
        self._event = asyncio.Event()
        self.readings = []
        self.refused = []

    def offer(self, device, raw, at, ack=None, token=0):
        try:
            self.readings.append({r.point: r.value for r in self._decoder.decode(raw).readings})
        except DecodeError as error:
            self.refused.append(error.reason)
        self._event.set()

    def when_room(self, callback):
        raise AssertionError("never full")

    def silent(self, device, reason, at):
        self._event.set()

    def link_state(self, link, *, up, reason, at):
        pass

    async def until(self, condition):
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._event.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._event.wait(), 0.01)  # counters of the talker tell nobody


@contextlib.asynccontextmanager
async def hearing(profile, talker, every_s=EVERY_S):
    """Our link listens, then the device begins to speak: (link, what is heard)."""
    await talker.line.start()
    sink, up = Heard(profile), asyncio.Event()
    port = SerialConfig(kind="serial", port=talker.line.path, baud=BAUD)
    link = SerialLink("port", port, "d", profile.serial, sink=sink, clock=SystemClock())
    tasks = [asyncio.create_task(link.run(up.set))]
    try:
        async with asyncio.timeout(WITHIN_S):
            await up.wait()
        tasks.append(asyncio.create_task(talker.run(every_s)))
        yield link, sink
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await talker.line.stop()


@pytest.mark.parametrize("name", SERIAL)
async def test_a_simulated_device_is_heard_as_its_samples_say(name):
    profile = LIBRARY.get(name)
    wanted = [sample.readings for sample in good(profile)]
    async with hearing(profile, Talker(profile, frames(profile), baud=BAUD)) as (_, sink):
        await sink.until(lambda: len(sink.readings) >= len(wanted))
        assert sink.readings[: len(wanted)] == wanted
        assert not sink.refused


async def test_wrong_checksums_are_refused():
    profile = LIBRARY.get("generic/rdm6300")
    async with hearing(profile, Talker(profile, frames(profile), baud=BAUD, fault="bad-checksum")) as (_, sink):
        await sink.until(lambda: sink.refused)
        assert sink.refused[0] == "bad-checksum"
        assert not sink.readings


@pytest.mark.parametrize("fault", ["silent", "torn"])
async def test_no_frame_comes_of_silence_or_torn_frames(fault):
    profile = LIBRARY.get("generic/rdm6300")
    talker = Talker(profile, frames(profile), baud=BAUD, fault=fault)
    async with hearing(profile, talker) as (link, sink):
        await sink.until(lambda: talker.turns > 5 and (fault == "silent" or link.discarded))
        assert (link.frames, sink.readings, sink.refused) == (0, [], [])


async def test_a_flood_is_one_card_held():
    profile = LIBRARY.get("generic/rdm6300")
    async with hearing(profile, Talker(profile, frames(profile), baud=BAUD, fault="flood"), 60.0) as (link, sink):
        await sink.until(lambda: link.frames > 20)
        assert sink.readings == [{"card": "0008844356"}]


async def test_a_flapping_device_speaks_and_does_not_in_turn():
    profile = LIBRARY.get("generic/rdm6300")
    talker = Talker(profile, frames(profile), baud=BAUD, fault="flapping")
    async with hearing(profile, talker) as (link, sink):
        await sink.until(lambda: talker.turns >= FLAPPING + 2 and link.frames >= FLAPPING)
        assert link.frames == FLAPPING or talker.turns > 2 * FLAPPING
        await sink.until(lambda: link.frames > FLAPPING)
        assert talker.turns > 2 * FLAPPING


async def test_a_device_that_is_asked_speaks_only_then():
    told = LIBRARY.get("generic/gm65").model_dump(by_alias=True, exclude_unset=True, mode="json")
    told["serial"] |= {"request": "1B31", "every": "20ms", "repeat": "0s"}
    profile = Profile.model_validate(told)
    talker = Talker(profile, frames(profile, {"code": "A-1"}), baud=BAUD)
    async with hearing(profile, talker) as (_, sink):
        await sink.until(lambda: len(sink.readings) >= 2)
        assert sink.readings[0] == {"code": "A-1"}


async def test_the_command_line_serves_a_device(tmp_path, capsys):
    name, port = "generic/rdm6300", tmp_path / "tty"
    argv = [name, "--port", str(port), "--baud", str(BAUD), "--set", "card=0009334109", "--every", "0.01"]
    task = asyncio.create_task(simulated(arguments(argv)))
    try:
        async with asyncio.timeout(WITHIN_S):
            while not port.exists():
                await asyncio.sleep(0)
        fd = os.open(port, os.O_RDONLY | os.O_NOCTTY)
        try:
            heard = await asyncio.to_thread(os.read, fd, 1)
        finally:
            os.close(fd)
        assert heard == b"\x02"
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert capsys.readouterr().out == f"{name} at {port}, every 0.01 s\n"
    assert not port.exists()
