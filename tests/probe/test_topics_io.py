"""Listening on a real broker's tree."""

import asyncio

import pytest

from edgegw.errors import LinkError
from edgegw.mqttio import Incoming, MqttOptions, MqttSession
from edgegw.probe import topics
from edgegw.probe.identify_mqtt import identify
from edgegw.probe.topics import KEPT_PER_TOPIC, Listener, listen
from tests.mqttio.broker import MOSQUITTO, broker, free_port, listening
from tests.probe.asking import shipped
from tests.probe.test_identify_mqtt import CLIMATE

KIND = "mosquitto" if MOSQUITTO else "iotcore"


async def test_what_is_kept_and_what_is_said_while_listening_is_heard(tmp_path):
    port = free_port()
    with broker(KIND, port, tmp_path):
        await listening(port)
        options = MqttOptions(host="127.0.0.1", port=port, auto_ack=True)
        session = MqttSession(options)
        await session.connect()
        session.publish("zigbee2mqtt/kept", CLIMATE.encode(), retain=True)
        listener = Listener()
        task = asyncio.create_task(listen(options, (), 30.0, listener, lambda _: None))
        async with asyncio.timeout(10):
            while "zigbee2mqtt/now" not in listener.heard or "zigbee2mqtt/kept" not in listener.heard:
                session.publish("zigbee2mqtt/now", CLIMATE.encode())
                await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await session.close()
    found = identify(listener.heard, shipped()).found
    assert [(one.address, one.best.profile) for one in found] == [
        ("kept", "zigbee2mqtt/climate"),
        ("now", "zigbee2mqtt/climate"),
    ]


async def test_it_ends_by_itself_and_tells_how_far_it_is(tmp_path):
    port = free_port()
    with broker(KIND, port, tmp_path):
        await listening(port)
        told = []
        await listen(MqttOptions(host="127.0.0.1", port=port), ("a/#",), 0.3, Listener(), told.append)
    assert told
    assert told == sorted(told)
    assert told[-1] < 0.3


async def test_no_broker():
    with pytest.raises(LinkError):
        await listen(MqttOptions(host="127.0.0.1", port=free_port()), (), 0.1, Listener(), lambda _: None)


def test_what_is_kept_is_bounded(monkeypatch):
    monkeypatch.setattr(topics, "MOST_TOPICS", 3)
    monkeypatch.setattr(topics, "MOST_BYTES", 100)
    listener = Listener()
    for n in range(10):
        listener.take(Incoming("a", bytes([n]), 0, 0))
        listener.take(Incoming(f"t{n}", b"x", 0, 0))
    assert len(listener.heard) == 3
    assert [m.payload[0] for m in listener.heard["a"]] == [6, 7, 8, 9][-KEPT_PER_TOPIC:]
    listener.take(Incoming("a", b"x" * 200, 0, 0))
    listener.take(Incoming("a", b"x", 0, 0, truncated=True))
    assert listener.messages == 22
    assert listener.dropped == 10
