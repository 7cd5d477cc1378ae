"""The desk's MQTT side: takes CloudEvents from a broker, answers their ids on a reply topic, tells ticket changes on another.

Owns: one aiomqtt client. Must not know: what becomes of events.
"""

import asyncio
import json
from contextlib import suppress

import aiomqtt

from simulators.desk.orders import BadEventError
from simulators.desk.outbound import follow
from simulators.desk.service import Desk

RECONNECT_S = 0.5


async def run(desk: Desk, address: tuple[str, int], *, topic: str, reply: str, tickets_topic: str = "") -> None:
    """Until cancelled: take, commit, answer ``{"ids": [...]}``; with `tickets_topic`, publish ``{"tickets": [...]}``, QoS 1."""
    host, port = address
    while True:
        try:
            async with aiomqtt.Client(
                host, port, identifier="ticket-desk", protocol=aiomqtt.ProtocolVersion.V5
            ) as client:
                await client.subscribe(topic, qos=1)
                telling = asyncio.create_task(_tell(desk, client, tickets_topic)) if tickets_topic else None
                try:
                    await _listen(desk, client, reply)
                finally:
                    if telling is not None:
                        telling.cancel()
                        with suppress(asyncio.CancelledError):
                            await telling
        except aiomqtt.MqttError:
            await asyncio.sleep(RECONNECT_S)


async def _listen(desk: Desk, client: aiomqtt.Client, reply: str) -> None:
    async for message in client.messages:
        try:
            answer = await desk.take(bytes(message.payload))
        except BadEventError:
            continue
        await client.publish(reply, json.dumps({"ids": answer["ids"]}), qos=1)


async def _tell(desk: Desk, client: aiomqtt.Client, topic: str) -> None:
    async def send(message: str) -> bool:
        try:
            await client.publish(topic, message, qos=1)  # returns with the broker's PUBACK
        except aiomqtt.MqttError:
            return False
        return True

    await follow(desk, "mqtt", send)
