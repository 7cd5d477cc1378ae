"""Devices made of MQTT profiles on a real broker: what they report, what they do when commanded, their faults."""

import asyncio
import contextlib

import aiomqtt
import pytest

from edgegw.errors import DecodeError
from edgegw.model import MqttPayload
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from simulators.mqtt_serve import V5, serve
from simulators.mqtt_unit import MqttUnit
from tests.mqttio.broker import broker, free_port, listening

LIBRARY = ProfileLibrary()
WITHIN_S = 15.0


@pytest.fixture(scope="module")
def port(tmp_path_factory):
    number = free_port()
    with broker("iotcore", number, tmp_path_factory.mktemp("broker")):
        yield number


class Ear:
    """What a decoder makes of the device's topics: readings in order, and the reasons of what was refused."""

    def __init__(self, profile, address):
        self._decoder = compile_profile(profile, address)
        self.topics = self._decoder.topics() + self._decoder.live_topics()
        self.readings, self.online, self.refused = [], [], []
        self._heard = asyncio.Event()

    async def listen(self, client):
        async for message in client.messages:
            try:
                told = self._decoder.decode(MqttPayload(str(message.topic), message.payload))
            except DecodeError as error:
                self.refused.append(error.reason)
            else:
                self.readings += [(reading.point, reading.value) for reading in told.readings]
                self.online += [] if told.online is None else [told.online]
            self._heard.set()

    async def until(self, condition):
        async with asyncio.timeout(WITHIN_S):
            while not condition():
                self._heard.clear()
                await self._heard.wait()


@contextlib.asynccontextmanager
async def heard(port, name, address, **options):
    """A device and an ear for it: (the ear, a client that may publish)."""
    profile = LIBRARY.get(name)
    ear = Ear(profile, address)
    await listening(port)
    async with aiomqtt.Client("127.0.0.1", port, protocol=V5) as client:
        for topic in ear.topics:
            await client.subscribe(topic, qos=1)
        unit = MqttUnit(profile, address, options.pop("values", None))
        tasks = [
            asyncio.create_task(ear.listen(client)),
            asyncio.create_task(serve([unit], "127.0.0.1", port, every_s=options.pop("every_s", 60.0), **options)),
        ]
        try:
            yield ear, client
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def test_it_reports_and_does_what_it_is_told(port):
    async with heard(port, "tasmota/relay", "plug", values={"power": True, "signal": -55}) as (ear, client):
        await ear.until(lambda: {("power", True), ("signal", -55)} <= set(ear.readings) and ear.online == [True])
        ear.readings.clear()
        await client.publish("cmnd/plug/POWER", "OFF", qos=1)
        await ear.until(lambda: ("power_result", False) in ear.readings)


async def test_a_flood_and_what_turns_over(port):
    async with heard(port, "zigbee2mqtt/leak", "wet", fault="flood") as (ear, _):
        await ear.until(lambda: len(ear.readings) >= 100)
    async with heard(port, "zigbee2mqtt/leak", "turning", fault="flapping", every_s=0.01) as (ear, _):
        await ear.until(lambda: [value for point, value in ear.readings if point == "leak"].count(True) >= 3)
        assert [value for point, value in ear.readings if point == "leak"].count(False) >= 2


async def test_torn_payloads_are_refused(port):
    async with heard(port, "zigbee2mqtt/leak", "torn", fault="torn") as (ear, _):
        await ear.until(lambda: ear.refused)
        assert set(ear.refused) == {"bad-json"}
        assert ear.readings == []
