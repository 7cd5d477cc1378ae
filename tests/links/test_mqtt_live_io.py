"""Terminals on real brokers: asked and answered live, records acknowledged after the commit, nothing late acts."""

import asyncio
from contextlib import asynccontextmanager

import aiomqtt
import pytest

from edgegw.clock import SystemClock
from edgegw.links.mqtt import MqttLink, matches, routes
from edgegw.links.mqtt_live import MqttLive, live_options
from edgegw.model import OrderLane, Quality
from edgegw.mqttio import MqttOptions
from edgegw.ports import Order
from edgegw.profiles.acks import compile_acks
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.loader import ProfileLibrary
from simulators.terminals import FaceTerminal, Vf105
from tests.links.conftest import RecordingSink
from tests.mqttio.broker import BROKERS, MOSQUITTO, broker, free_port, listening

UUIDS = {"gate": "e4720000964b5c00", "yard": "e4720000964b5c01"}
ASKED = "access_device/v2/event/access_online"
needs_mosquitto = pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")


class Sink(RecordingSink):
    """Keeps acknowledgements until they are asked for, as a slow disk would."""

    def __init__(self):
        super().__init__()
        self.acks = []

    def offer(self, device, raw, at, ack=None, token=0):
        super().offer(device, raw, at, ack, token)
        if ack is not None:
            self.acks.append((ack, token))

    def commit(self):
        acks, self.acks = self.acks, []
        for ack, token in acks:
            ack(token)

    async def drain(self):
        self.commit()


class Site:
    """Two VF105 terminals, a face terminal and a gateway's two halves."""

    def __init__(self, port, version="5"):
        library = ProfileLibrary()
        vf, face = library.get("vguang/vf105"), library.get("mqtt-face/terminal")
        self.sink, self.live_sink = Sink(), Sink()
        self.decoders = {d: compile_profile(vf, u) for d, u in UUIDS.items()}
        self.decoders["face"] = compile_profile(face, "1026700")
        self.encoders = {d: compile_commands(vf, u, None) for d, u in UUIDS.items()}
        acks = {d: compile_acks(vf, u) for d, u in UUIDS.items()} | {"face": compile_acks(face, "1026700")}
        options = MqttOptions(
            "127.0.0.1",
            port,
            client_id="edgegw-g-b",
            version=version,
            clean=False,
            session_expiry_s=600,
            max_payload=face.mqtt.max_payload + 1024,
        )
        self.clock = SystemClock()
        self.kept = MqttLink(
            "b",
            options,
            routes((d, c.topics()) for d, c in self.decoders.items()),
            sink=self.sink,
            clock=self.clock,
            match=matches(self.decoders.items()),
            acks=acks,
        )
        self.live = MqttLive(
            "b.live",
            live_options(options),
            routes((d, c.live_topics()) for d, c in self.decoders.items()),
            [t for e in self.encoders.values() for t in e.reply_topics()],
            sink=self.live_sink,
            clock=self.clock,
            match=matches(self.decoders.items()),
        )

    @asynccontextmanager
    async def running(self, link):
        up = asyncio.Event()
        task = asyncio.create_task(link.run(up.set))
        async with asyncio.timeout(10):
            await up.wait()
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def command(self, device, name, *, within=3.0, correlation="1", **args):
        outgoing = self.encoders[device].encode(name, args, correlation)
        deadline = self.clock.now().mono_ns + round(within * 1e9)
        return await self.live.carry_out(Order(f"c{correlation}", device, outgoing, OrderLane.DOOR, deadline))

    def readings(self, sink, device):
        return [
            {r.point: r.value for r in self.decoders[device].decode(raw).readings}
            for name, raw, _ in sink.offered
            if name == device
        ]


@asynccontextmanager
async def terminal(made):
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


def client(port):
    return aiomqtt.Client("127.0.0.1", port, protocol=aiomqtt.ProtocolVersion.V5)


@asynccontextmanager
async def site(kind, tmp_path, **options):
    port = free_port()
    with broker(kind, port, tmp_path) as process:
        await listening(port)
        made = Site(port, **options)
        made.broker, made.port = process, port
        yield made


@pytest.mark.parametrize("kind", BROKERS)
async def test_a_request_is_heard_at_once_and_only_its_answer_opens(kind, tmp_path):
    async with site(kind, tmp_path) as made, made.running(made.live), terminal(Vf105("127.0.0.1", made.port)) as gate:
        asked = asyncio.create_task(gate.ask("S345463434GG"))
        await made.live_sink.until(lambda: made.live_sink.offered)
        (heard,) = made.readings(made.live_sink, "gate")
        assert heard == {
            "card": "S345463434GG",
            "card_type": "103",
            "serial": "0000000001",
            "local_reason": "PERMISSION_DENIED",
        }
        assert (
            await made.command("gate", "allow", serial="0000000999")
        ).status == "done"  # of a request that is no more
        assert (await made.command("gate", "allow", serial=heard["serial"])).status == "done"
        assert await asked
        asked = asyncio.create_task(gate.ask("nobody"))
        await made.live_sink.until(lambda: len(made.live_sink.offered) == 2)
        await made.command("gate", "refuse", serial="0000000002")
        assert not await asked
        assert (gate.openings, gate.refusals) == (["online"], ["100000"])


@pytest.mark.parametrize("kind", BROKERS)
async def test_terminals_on_one_topic_are_told_apart_and_so_are_their_answers(kind, tmp_path):
    async with (
        site(kind, tmp_path) as made,
        made.running(made.live),
        terminal(Vf105("127.0.0.1", made.port, UUIDS["gate"])) as gate,
        terminal(Vf105("127.0.0.1", made.port, UUIDS["yard"])) as yard,
        terminal(Vf105("127.0.0.1", made.port, "stranger")) as stranger,
    ):
        await stranger.ask("1", wait=0)
        asked = asyncio.create_task(yard.ask("2"))
        await made.live_sink.until(lambda: made.live_sink.offered)
        assert [device for device, _, _ in made.live_sink.offered] == ["yard"]
        gate.silent = True
        silent, spoke = await asyncio.gather(
            made.command("gate", "open", correlation="11", within=0.5), made.command("yard", "open", correlation="12")
        )
        assert (silent.status, silent.reason) == ("unknown", "no-answer")
        assert spoke.status == "done"
        assert (gate.openings, yard.openings) == ([], ["control"])
        await made.command("yard", "refuse", serial="0000000001", code="100004")
        assert not await asked
        await yard.until(lambda: yard.refusals == ["100004"])
        assert made.live.dropped == {"unrouted": 1}


@pytest.mark.parametrize("kind", BROKERS)
async def test_what_was_asked_while_nobody_listened_is_never_heard(kind, tmp_path):
    async with site(kind, tmp_path) as made, terminal(Vf105("127.0.0.1", made.port)) as gate:
        async with made.running(made.live):
            asked = asyncio.create_task(gate.ask("1", wait=0))
            await made.live_sink.until(lambda: made.live_sink.offered)
            await asked
        await gate.ask("late", wait=0)
        await gate.ask("retained", wait=0, retain=True)
        async with made.running(made.live):
            asked = asyncio.create_task(gate.ask("now", wait=0))
            await made.live_sink.until(lambda: len(made.live_sink.offered) == 2)
            await asked
        assert [one["card"] for one in made.readings(made.live_sink, "gate")] == ["1", "now"]


@needs_mosquitto
async def test_a_retained_request_is_dropped_where_the_broker_sends_it_all_the_same(tmp_path):
    async with site("mosquitto", tmp_path, version="3.1.1") as made, terminal(Vf105("127.0.0.1", made.port)) as gate:
        await gate.ask("retained", wait=0, retain=True)
        async with made.running(made.live):
            await gate.ask("now", wait=0)
            await made.live_sink.until(lambda: made.live_sink.offered)
        assert [one["card"] for one in made.readings(made.live_sink, "gate")] == ["now"]
        assert made.live.dropped == {"retained": 1}


@needs_mosquitto
async def test_an_order_for_a_terminal_that_is_gone_failed(tmp_path):
    async with site("mosquitto", tmp_path) as made, made.running(made.live):
        outcome = await made.command("gate", "allow", serial="1")
        assert (outcome.status, outcome.reason) == ("failed", "device-down")


@pytest.mark.parametrize("kind", BROKERS)
async def test_an_order_carries_its_expiry_and_is_not_retained(kind, tmp_path):
    commands = "access_device/v2/cmd/#"
    async with site(kind, tmp_path) as made, made.running(made.live), client(made.port) as ear:
        await ear.subscribe(commands, qos=1)
        order = asyncio.create_task(made.command("gate", "open", within=2.5))
        message = await anext(aiter(ear.messages))
        assert message.payload == b'{"serialNo":"1","uuid":"e4720000964b5c00","time":0,"sign":"","data":{"command":1}}'
        assert message.properties.MessageExpiryInterval in {1, 2}
        order.cancel()
        async with client(made.port) as later:
            await later.subscribe(commands, qos=1)
            await ear.publish("access_device/v2/cmd/end", b"", qos=1)
            assert str((await anext(aiter(later.messages))).topic) == "access_device/v2/cmd/end"


@pytest.mark.parametrize("kind", BROKERS)
async def test_the_broker_dying_while_an_answer_is_awaited(kind, tmp_path):
    async with site(kind, tmp_path) as made, made.running(made.live), terminal(Vf105("127.0.0.1", made.port)) as gate:
        gate.silent = True
        order = asyncio.create_task(made.command("gate", "open"))
        async with asyncio.timeout(5):
            while not made.live.orders:
                await asyncio.sleep(0)
        made.broker.kill()
        outcome = await order
        assert (outcome.status, outcome.reason) == ("unknown", "link-lost")
        assert made.live.down("gate") == "link-down"
        outcome = await made.command("gate", "open")
        assert (outcome.status, outcome.reason) == ("failed", "link-down")


@pytest.mark.parametrize("kind", BROKERS)
async def test_records_are_acknowledged_after_the_commit_and_never_ask(kind, tmp_path):
    async with (
        site(kind, tmp_path) as made,
        made.running(made.kept),
        made.running(made.live),
        terminal(Vf105("127.0.0.1", made.port)) as gate,
    ):
        await gate.record("6w8keif5g6")
        alarm = await gate.alarm(257, 1)
        await made.sink.until(lambda: len(made.sink.offered) == 2)
        assert gate.acknowledged == []
        made.sink.commit()
        await gate.until(lambda: gate.acknowledged == ["6w8keif5g6", alarm])
        assert gate.records == {}
        record, fire = made.readings(made.sink, "gate")
        assert record["outcome"] == "ALLOW"
        assert "card" not in record
        assert fire == {"fire": True}
        assert {r.quality for r in made.decoders["gate"].decode(made.sink.offered[0][1]).readings} == {Quality.STALE}
        assert made.live_sink.offered == []


@pytest.mark.parametrize("kind", BROKERS)
async def test_a_record_whose_acknowledgement_was_lost_comes_again(kind, tmp_path):
    async with site(kind, tmp_path) as made, terminal(Vf105("127.0.0.1", made.port)) as gate:
        async with made.running(made.kept) as task:
            await gate.record("r1")
            await made.sink.until(lambda: made.sink.offered)
            made.sink.acks.clear()  # killed before the commit
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        async with made.running(made.kept):
            await made.sink.until(lambda: len(made.sink.offered) == 2)  # the broker sends it again, having no PUBACK
            made.sink.commit()
            await gate.until(lambda: gate.acknowledged == ["r1"])


@pytest.mark.parametrize("kind", BROKERS)
async def test_a_face_terminal_with_pictures_late_records_and_replays(kind, tmp_path):
    async with (
        site(kind, tmp_path) as made,
        made.running(made.kept),
        terminal(FaceTerminal("127.0.0.1", made.port)) as face,
    ):
        await face.record(2, picture=1_000_000)
        await face.record(3, status=2, in_time=False)
        await face.record(4, status=2, push_type=2)
        await face.heartbeat()
        await made.sink.until(lambda: len(made.sink.offered) == 4)
        made.sink.commit()
        await face.until(lambda: face.acknowledged == ["2", "3", "4"])
        said = [made.decoders["face"].decode(raw).readings for _, raw, _ in made.sink.offered]
        assert [readings[0].quality for readings in said] == [
            Quality.FRESH,
            Quality.STALE,
            Quality.STALE,
            Quality.FRESH,
        ]
        assert [r.value for r in said[0][:4]] == ["2", "3", "0", "allowed"]
