"""OSDP readers on a pty: libosdp's reader side answers ours. Secure channel, keys, silence, the plug, several on one line."""

import asyncio
import secrets
import time

import psutil
import pytest

from edgegw.clock import SystemClock
from edgegw.codec.osdp import Buzzer, Led
from edgegw.config.schema import OsdpLink as OsdpConfig
from edgegw.errors import LinkError
from edgegw.links.osdp import OsdpLink
from edgegw.links.osdp_orders import ReaderSpec
from edgegw.links.osdp_panel import WAKE_STEPS, Channel, Panel
from edgegw.model import OrderLane, OutcomeStatus, ReaderReply
from edgegw.ports import Order
from edgegw.profiles.encode import SerialWrite
from edgegw.profiles.encode_osdp import OsdpSend
from simulators.osdp_reader import OsdpLine

pytest.importorskip("osdp_sys", reason="libosdp is not installed (edgegw[osdp])")

KEY = secrets.token_bytes(16)
ONLINE, OFFLINE = ReaderReply(b"", online=True), ReaderReply(b"", online=False)
CARD = bytes.fromhex("5000011A002D00A200")
SILENT_S = 1.0


@pytest.fixture
async def line(started):
    return await started(OsdpLine())


def link(line, sink, *readers, secure="required", key=KEY):
    config = OsdpConfig(kind="osdp", port=line.path, baud=115200, secure=secure, silent=f"{SILENT_S}s")
    specs = [ReaderSpec(f"reader{address}", address, key) for address in readers or (0,)]
    return OsdpLink("door", config, specs, sink=sink, clock=SystemClock())


async def online(sink, *devices):
    await sink.until(lambda: all(ONLINE in sink.of(device) for device in devices))


def order(parts, *, device="reader0", within_s=3.0):
    return Order("1", device, OsdpSend(parts), OrderLane.COMMAND, time.monotonic_ns() + round(within_s * 1e9))


async def test_card_keys_and_tamper_under_the_secure_channel(line, sink, running):
    reader = line.add(0, KEY, enforce=True)
    made = link(line, sink)
    running(made.run(lambda: None))
    await online(sink, "reader0")
    assert reader.secure
    reader.tap(90 << 16 | 324)
    await sink.until(lambda: ReaderReply(CARD) in sink.of("reader0"))
    reader.press("12*34#")
    await sink.until(lambda: ReaderReply(b"\x53\x00\x0334\x0d") in sink.of("reader0"))
    reader.tamper(on=True)
    await sink.until(lambda: ReaderReply(b"\x48\x01\x00") in sink.of("reader0"))
    assert made.longest_step_ns < 50_000_000
    assert made.counts()[1] == 0


async def test_a_reader_is_asked_for_its_tamper_contact_at_the_start(line, sink, running):
    """libosdp's reader side answers such a question with "all well" by itself, whatever its application says."""
    reader = line.add(0, KEY)
    running(link(line, sink).run(lambda: None))
    await sink.until(lambda: ReaderReply(b"\x48\x00\x00") in sink.of("reader0"))
    assert [told["command"] for told in reader.told] == [reader.status]


@pytest.mark.parametrize("theirs", ["none", "foreign", "default"])
async def test_required_refuses_what_is_not_under_its_key(line, sink, running, theirs, caplog):
    keys = {"none": None, "foreign": secrets.token_bytes(16), "default": None}
    reader = line.add(0, keys[theirs], secure=theirs != "none")
    made = link(line, sink)
    running(made.run(lambda: None))
    await sink.until(lambda: OFFLINE in sink.of("reader0"))
    assert sink.of("reader0") == [OFFLINE]
    assert "refused as insecure" in caplog.text
    assert made.refused == 1
    assert made.down("reader0") == "device-down"
    assert not reader.secure


async def test_in_the_clear_only_where_it_is_asked_for(line, sink, running):
    reader = line.add(0, secure=False)
    running(link(line, sink, secure="off", key=None).run(lambda: None))
    await online(sink, "reader0")
    reader.tap(90 << 16 | 324)
    await sink.until(lambda: ReaderReply(CARD) in sink.of("reader0"))


async def test_install_gives_the_key_once_and_says_so(line, sink, running, caplog):
    reader = line.add(0)
    first = running(link(line, sink, secure="install").run(lambda: None))
    await online(sink, "reader0")
    assert "was given its key" in caplog.text
    assert KEY.hex() not in caplog.text
    assert [told["command"] for told in reader.told].count(reader.keyset) == 1
    first.cancel()
    await asyncio.wait((first,))
    sink.offered.clear()
    running(link(line, sink).run(lambda: None))  # required, with the key it was given
    await online(sink, "reader0")


async def test_a_silent_reader_is_told_and_back_soon(line, sink, running, record_property):
    reader, other = line.add(0, KEY), line.add(5, KEY)
    made = link(line, sink, 0, 5)
    running(made.run(lambda: None))
    await online(sink, "reader0", "reader5")
    reader.channel.silent = True
    began = time.monotonic()
    await sink.until(lambda: OFFLINE in sink.of("reader0"))
    told_s = time.monotonic() - began
    other.tap(1)  # the line goes on
    await sink.until(lambda: any(r.reply[:1] == b"\x50" for r in sink.of("reader5")))
    sink.offered.clear()
    reader.channel.silent = False
    began = time.monotonic()
    await online(sink, "reader0")
    back_s = time.monotonic() - began
    record_property("told_s", told_s)
    record_property("back_s", back_s)
    assert told_s < SILENT_S + 0.5
    assert back_s < 5.0
    assert OFFLINE not in sink.of("reader5")


async def test_lights_are_confirmed_and_a_refusal_is_one(line, sink, running):
    reader = line.add(0, KEY)
    made = link(line, sink)
    running(made.run(lambda: None))
    await online(sink, "reader0")
    outcome = await made.carry_out(order((Led("green", ticks=20), Buzzer(2))))
    assert (outcome.status, outcome.reason) == (OutcomeStatus.DONE, "")
    led, buzzer = [told for told in reader.told if told["command"] in (reader.led, reader.buzzer)]
    assert (led["on_color"], led["timer_count"], led["temporary"]) == (2, 20, True)
    assert (buzzer["on_count"], buzzer["rep_count"]) == (2, 1)
    reader.answer = lambda _command: -1
    outcome = await made.carry_out(order((Buzzer(2),)))
    assert outcome.status is not OutcomeStatus.DONE
    with pytest.raises(TypeError):
        await made.carry_out(Order("2", "reader0", SerialWrite(b"x"), OrderLane.COMMAND, time.monotonic_ns() + 10**9))


async def test_an_order_to_a_reader_that_went_silent_is_not_said_done(line, sink, running):
    reader = line.add(0, KEY)
    made = link(line, sink)
    running(made.run(lambda: None))
    assert (await made.carry_out(order((Buzzer(2),)))).reason in {"link-down", "device-down"}
    await online(sink, "reader0")
    reader.channel.silent = True
    outcome = await made.carry_out(order((Buzzer(2),), within_s=0.5))
    assert outcome.status in {OutcomeStatus.UNKNOWN, OutcomeStatus.EXPIRED}


async def test_the_plug_is_pulled(line, sink, running):
    line.add(0, KEY)
    made = link(line, sink)
    task = asyncio.create_task(made.run(lambda: None))
    await online(sink, "reader0")
    line.unplug()
    with pytest.raises(LinkError) as caught:
        async with asyncio.timeout(5):
            await task
    assert caught.value.reason == "lost"
    assert made.down("reader0") == "link-down"
    with pytest.raises(LinkError, match="no-port"):
        await made.run(lambda: None)
    line.plug()
    sink.offered.clear()
    running(made.run(lambda: None))
    await online(sink, "reader0")


async def test_sessions_leave_nothing_behind():
    """A reader with a wrong key is tried again for years."""

    class Deaf:
        def send(self, data):
            return len(data)

        def receive(self, most):
            return b""

    channel, process = Channel(), psutil.Process()

    def begin_and_end(count):
        for _ in range(count):
            channel.wire = Deaf()
            panel = Panel(0, channel, KEY)
            assert any(panel.step() for _ in range(WAKE_STEPS))
            panel.close()
        return process.memory_info().rss

    before = begin_and_end(500)
    assert begin_and_end(2000) - before < 2000 * 500  # a session has 4 KB


async def test_nothing_of_a_card_in_any_log(line, sink, running, caplog, capfd):
    caplog.set_level("DEBUG")
    reader = line.add(0, KEY)
    running(link(line, sink).run(lambda: None))
    await online(sink, "reader0")
    reader.tap(5898564)
    reader.press("4711#")
    await sink.until(lambda: len(sink.of("reader0")) >= 4)
    printed = "".join((caplog.text, *capfd.readouterr()))
    for secret in ("5898564", "2d00a2", "4711", KEY.hex()):
        assert secret not in printed.lower()
