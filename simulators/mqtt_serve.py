"""MQTT devices made of profiles, on a broker.

Owns: the connection, what is published when, the faults of an MQTT device.
Must not know: what messages hold (mqtt_unit).
"""

import asyncio
import itertools
from collections.abc import Iterable, Sequence

import aiomqtt

from simulators.mqtt_unit import Message, MqttUnit

V5 = aiomqtt.ProtocolVersion.V5
"""What `simulators.broker` takes by default, and mosquitto always."""

RECONNECT_S = 0.5
"""Pause between attempts to reach the broker."""

FLOOD_S = 0.01
"""Pause between reports of a device that floods."""

FAULTS = {
    "silent": "connected, and says nothing",
    "flood": "a hundred reports a second",
    "flapping": "what is yes or no turns over with every report",
    "torn": "payloads end in the middle",
}


def where(text: str) -> tuple[str, int]:
    """``HOST:PORT``. Raises ValueError."""
    host, sign, port = text.rpartition(":")
    if not sign or not host or not port.isdecimal() or not 0 < int(port) <= 65_535:
        raise ValueError(f"{text}: write the broker as host:port")
    return host, int(port)


async def serve(units: Sequence[MqttUnit], host: str, port: int, *, every_s: float, fault: str | None = None) -> None:
    """Serve until cancelled; each device has a connection of its own, and its last will where its profile knows one.

    Raises:
        OSError: there is no broker at first; later it is waited for.
    """
    (await asyncio.open_connection(host, port))[1].close()
    async with asyncio.TaskGroup() as tasks:
        for unit in units:
            tasks.create_task(_device(unit, host, port, FLOOD_S if fault == "flood" else every_s, fault))
            print(f"{unit.profile.vendor} {unit.profile.model} at {host}:{port}, address {unit.address}", flush=True)


async def _device(unit: MqttUnit, host: str, port: int, every_s: float, fault: str | None) -> None:
    last = unit.availability(online=False)
    will = aiomqtt.Will(last.topic, last.payload, qos=1, retain=last.retain) if last is not None else None
    while True:
        try:
            async with aiomqtt.Client(host, port, protocol=V5, will=will) as client, asyncio.TaskGroup() as tasks:
                if fault != "silent":
                    tasks.create_task(_answer(client, unit, fault))
                    tasks.create_task(_report(client, unit, every_s, fault))
                else:
                    await asyncio.Event().wait()
        except* (aiomqtt.MqttError, OSError):
            await asyncio.sleep(RECONNECT_S)


async def _report(client: aiomqtt.Client, unit: MqttUnit, every_s: float, fault: str | None) -> None:
    online = unit.availability(online=True)
    if online is not None:
        await _publish(client, [online], None)
    for turn in itertools.count():
        if fault == "flapping":
            unit.turn(odd=bool(turn % 2))
        await _publish(client, unit.messages(), fault)
        await asyncio.sleep(every_s)


async def _answer(client: aiomqtt.Client, unit: MqttUnit, fault: str | None) -> None:
    for topic in unit.command_topics():
        await client.subscribe(topic, qos=1)
    async for message in client.messages:
        if isinstance(message.payload, bytes):
            heard = unit.hear(str(message.topic), message.payload.decode(errors="replace"))
            await _publish(client, heard, fault)


async def _publish(client: aiomqtt.Client, messages: Iterable[Message], fault: str | None) -> None:
    for message in messages:
        payload = message.payload[: len(message.payload) // 2] if fault == "torn" else message.payload
        await client.publish(message.topic, payload, qos=1, retain=message.retain)
