"""Serial devices on a pty and over a socket: frames, repeats, garbage, the plug, requests, back-pressure."""

import asyncio

import pytest

from edgegw.clock import SystemClock
from edgegw.config.schema import SerialLink as SerialConfig
from edgegw.errors import LinkError
from edgegw.links.backoff import Backoff
from edgegw.links.serial import SerialLink
from edgegw.links.supervisor import Supervisor
from edgegw.model import Frame, OrderLane
from edgegw.ports import Order
from edgegw.profiles.encode import MqttPublish, SerialWrite
from edgegw.profiles.schema_serial import SerialSection
from simulators.line import PtyLine
from simulators.serial_devices import EmBinaryReader, Gm65, Rdm6300, em_frame, rdm6300_frame

RDM = {"framing": {"kind": "stx-etx", "max": 32}, "protocol": "rdm6300", "repeat": "300ms"}
EM = {"framing": {"kind": "fixed", "length": 10, "start": "02"}, "protocol": "em-binary", "repeat": "300ms"}
SCANNER = {"framing": {"kind": "delimiter", "end": "0D"}, "protocol": "text", "pattern": "(?P<code>.+)"}
BAUD = 38400


def link(path, sink, section, **config):
    port = SerialConfig(kind="serial", port=path, **{"baud": BAUD, **config})
    return SerialLink("door1", port, "reader1", SerialSection.model_validate(section), sink=sink, clock=SystemClock())


async def opened(made, running):
    up = asyncio.Event()
    task = running(made.run(up.set))
    async with asyncio.timeout(5):
        await up.wait()
    return task


def frames(sink):
    return [raw.data for raw in sink.of("reader1")]


@pytest.mark.parametrize(
    "kind", [(Rdm6300, RDM, rdm6300_frame), (EmBinaryReader, EM, em_frame)], ids=["rdm6300", "em-binary"]
)
async def test_a_held_card_is_one_frame_and_another_card_a_second(sink, running, started, kind):
    reader, section, frame = kind
    device = await started(reader(baud=BAUD))
    made = link(device.path, sink, section)
    await opened(made, running)
    device.present(8844356)
    await sink.until(lambda: len(sink.offered) == 1)
    async with asyncio.timeout(5):
        while made.repeats < 3:  # the card stays
            await asyncio.sleep(0.005)
    device.present(9334109)
    await sink.until(lambda: len(sink.offered) == 2)
    assert frames(sink) == [frame(8844356), frame(9334109)]
    assert made.counts()[0] == 2


async def test_a_scanner_with_any_parity_and_stop_bits(sink, running, started):
    device = await started(Gm65(baud=BAUD))
    await opened(link(device.path, sink, SCANNER, format="8E2"), running)
    device.scan("VISIT-0042")
    await sink.until(lambda: sink.offered)
    assert sink.of("reader1") == [Frame(b"VISIT-0042")]


async def test_frames_in_single_bytes_behind_garbage(sink, running, started):
    line = await started(PtyLine(baud=BAUD, chunk=1))
    made = link(line.path, sink, RDM)
    await opened(made, running)
    line.send(b"\xff\x00garbage\x02torn" + rdm6300_frame(1))
    await sink.until(lambda: sink.offered)
    assert frames(sink) == [rdm6300_frame(1)]
    assert made.discarded == len(b"\xff\x00garbage\x02torn")


async def test_a_flood_of_garbage_is_counted_and_kept_small(sink, running, started):
    line = await started(PtyLine(baud=4_000_000))
    made = link(line.path, sink, RDM)
    await opened(made, running)
    for _ in range(100):
        line.send(b"\x02" + b"x" * 999)
    line.send(rdm6300_frame(1))
    await sink.until(lambda: sink.offered)
    assert made.discarded == 100_000 - line.lost
    assert made._framer.pending <= 32


async def test_while_the_pipeline_is_full_nothing_is_taken_and_nothing_lost(sink, running, started):
    device = await started(Gm65(baud=BAUD))
    made = link(device.path, sink, SCANNER)
    await opened(made, running)
    device.scan("first")
    await sink.until(lambda: len(sink.offered) == 1)
    sink.is_full = True
    device.scan("second")
    await sink.until(lambda: sink.asked_for_room)
    for n in range(20):
        device.scan(f"{n}")
    taken = len(sink.offered)
    assert taken <= 2, "only what had been read"
    assert sink.offered_full <= 1
    sink.make_room()
    await sink.until(lambda: len(sink.offered) == 22)
    assert frames(sink) == [b"first", b"second", *(b"%d" % n for n in range(20))]


async def test_unplugged_and_back_under_the_supervisor(sink, running, started):
    device = await started(Gm65(baud=BAUD))
    made = link(device.path, sink, SCANNER)
    running(Supervisor(made, sink=sink, clock=SystemClock(), backoff=Backoff(0.02, 0.1), counts=made.counts).run())
    await sink.until(lambda: len(sink.links) == 1)
    device.send(b"unfinished")
    device.line.unplug()
    await sink.until(lambda: len(sink.links) == 2)
    device.line.plug()
    await sink.until(lambda: len(sink.links) == 3)
    device.scan("whole")
    await sink.until(lambda: sink.offered)
    assert frames(sink) == [b"whole"]
    assert [(state, reason) for _, state, reason in sink.links] == [(True, "up"), (False, "lost"), (True, "up")]


async def test_a_port_that_is_not_there_is_a_link_error(sink, tmp_path):
    with pytest.raises(LinkError) as caught:
        await link(str(tmp_path / "ttyUSB9"), sink, RDM).run(lambda: None)
    assert caught.value.reason == "no-port"


async def test_what_is_no_serial_port_is_a_link_error(sink, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(LinkError) as caught:
        await link(str(tmp_path / "file"), sink, RDM).run(lambda: None)
    assert caught.value.reason == "open-failed"


class Asked(PtyLine):
    """Answers each request with a level, until told to be silent."""

    def __init__(self):
        super().__init__(self.heard, baud=BAUD)
        self.requests = []
        self.silent = False

    def heard(self, data, until):
        self.requests.append(data)
        if not self.silent:
            self.send(b"LVL=31\r")


async def test_a_device_that_only_answers_is_asked_and_its_silence_told(sink, running, started):
    device = await started(Asked())
    made = link(device.path, sink, {**SCANNER, "request": "3F0D", "every": "50ms"})
    await opened(made, running)
    await sink.until(lambda: len(sink.offered) == 3)
    assert set(device.requests) == {b"?\r"}
    assert sink.silences == []
    device.silent = True
    await sink.until(lambda: len(sink.silences) == 2)
    assert sink.silent_of("reader1") == ["timeout", "timeout"]
    assert made.unanswered == 2


async def test_a_socket_port_is_read_and_its_end_is_a_lost_link(sink, running):
    writers = []

    async def serve(_reader, writer):
        writers.append(writer)

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    made = link(f"socket://127.0.0.1:{port}", sink, RDM)
    task = asyncio.create_task(made.run(lambda: None))
    async with asyncio.timeout(5):
        while not writers:
            await asyncio.sleep(0)
    writers[0].write(rdm6300_frame(5))
    await sink.until(lambda: sink.offered)
    writers[0].close()
    with pytest.raises(LinkError) as caught:
        await task
    assert caught.value.reason == "lost"
    server.close()


def order(data=b"\x55\xaa\x04\x01", *, seconds=2.0):
    deadline = SystemClock().now().mono_ns + round(seconds * 1e9)
    return Order("c1", "reader1", SerialWrite(data), OrderLane.COMMAND, deadline)


async def test_an_order_is_written_and_the_line_goes_on_being_read(sink, running, started):
    device = await started(Asked())
    device.silent = True
    made = link(device.path, sink, SCANNER)
    await opened(made, running)
    assert made.down("reader1") is None
    outcome = await made.carry_out(order())
    assert (outcome.status, outcome.reason) == ("done", "sent")
    device.send(b"CODE\r")
    await sink.until(lambda: sink.offered)
    assert b"".join(device.requests) == b"\x55\xaa\x04\x01"
    assert (frames(sink), made.orders) == ([b"CODE"], 1)


async def test_an_order_without_a_port_or_time_is_not_written(sink, started):
    device = await started(Asked())
    made = link(device.path, sink, SCANNER)
    assert made.down("reader1") == "link-down"
    outcome = await made.carry_out(order())
    assert (outcome.status, outcome.reason) == ("failed", "link-down")
    task = await opened(made, asyncio.create_task)
    outcome = await made.carry_out(order(seconds=0))
    assert (outcome.status, outcome.reason) == ("expired", "deadline")
    device.unplug()
    with pytest.raises(LinkError):
        await task
    assert made.down("reader1") == "link-down"
    assert (await made.carry_out(order())).reason == "link-down"
    assert device.requests == []
    with pytest.raises(TypeError):
        await made.carry_out(Order("c1", "reader1", MqttPublish("t", b""), OrderLane.COMMAND, 0))
