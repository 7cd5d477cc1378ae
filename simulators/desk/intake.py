"""The desk's MQTT side: takes CloudEvents from a broker and answers their ids on a reply topic.

Owns: one aiomqtt client. Must not know: what becomes of events.
"""

import asyncio
import json

import aiomqtt

from simulators.desk.ledger import BadEventError
from simulators.desk.service import Desk

RECONNECT_S = 0.5


async def run(desk: Desk, host: str, port: int, topic: str, reply: str) -> None:
    """Until cancelled: take, commit, answer ``{"ids": [...]}``."""
    while True:
        try:
            async with aiomqtt.Client(
                host, port, identifier="ticket-desk", protocol=aiomqtt.ProtocolVersion.V5
            ) as client:
                await client.subscribe(topic, qos=1)
                async for message in client.messages:
                    try:
                        answer = await desk.take(bytes(message.payload))
                    except BadEventError:
                        continue
                    await client.publish(reply, json.dumps({"ids": answer["ids"]}), qos=1)
        except aiomqtt.MqttError:
            await asyncio.sleep(RECONNECT_S)
