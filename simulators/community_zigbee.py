"""A Zigbee2MQTT bridge with battery sensors: what it publishes, and what the broker has acknowledged.

Owns: the connection to the broker, the queue while it is away, the payloads' shape.
Must not know: the story. Payloads follow the captures in Zigbee2MQTT's documentation and issue 663.

A broker without a disk forgets its subscribers when it restarts, and acknowledges what nobody will ever get. So after every
connection the bridge waits until the gateway's state stands under its (retained) topic: at once where the broker kept it, whether
the gateway is there or not; where the broker forgot everything, as soon as the gateway has subscribed again.
"""

import asyncio
import contextlib
import json
import random
from collections import Counter, deque

import aiomqtt

QUEUE_LIMIT = 10_000
"""Messages kept while the broker is away: an hour of this community; beyond, the oldest go and are counted."""

RECONNECT_S = 0.5
"""Pause between attempts to reach the broker."""

PUBLISH_WITHIN_S = 5.0
"""PUBACK of one message; then the connection is taken as dead."""

KEEPALIVE_S = 10

BASE = "zigbee2mqtt"


class Bridge:
    """Publishes for its devices at QoS 1, one after the other, so that their order is that of the world.

    Args:
        wait_for: topic under which the gateway's state stands, retained; None: publish at once.

    Attributes:
        acknowledged: messages the broker has acknowledged, by device.
        dropped: messages given up because the queue was full.
    """

    def __init__(self, host: str, port: int, *, wait_for: str | None = None) -> None:
        self._host = host
        self._wait_for = wait_for
        self._port = port
        self._queue: deque[tuple[str, str, bytes, bool]] = deque()
        self._more = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.acknowledged: Counter[str] = Counter()
        self.dropped = 0

    def state(self, device: str, **fields: object) -> None:
        """Publish a device's state, as it is after a report; not retained, as battery sensors are configured."""
        body = fields | {"linkquality": random.randint(60, 180)}  # noqa: S311 - looks, not secrets
        self._put(device, f"{BASE}/{device}", json.dumps(body, ensure_ascii=False).encode(), retain=False)

    def available(self, device: str, *, online: bool) -> None:
        """Publish a device's availability, retained."""
        body = json.dumps({"state": "online" if online else "offline"}).encode()
        self._put(device, f"{BASE}/{device}/availability", body, retain=True)

    def _put(self, device: str, topic: str, body: bytes, *, retain: bool) -> None:
        if len(self._queue) >= QUEUE_LIMIT:
            self._queue.popleft()
            self.dropped += 1
        self._queue.append((device, topic, body, retain))
        self._idle.clear()
        self._more.set()

    async def flushed(self, within_s: float) -> bool:
        """Wait until the broker has acknowledged everything; False if it did not in time."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), within_s)
        return self._idle.is_set()

    async def run(self) -> None:
        """Connect, publish, reconnect, until cancelled. A message leaves the queue only when it was acknowledged."""
        while True:
            with contextlib.suppress(aiomqtt.MqttError, OSError):
                async with aiomqtt.Client(
                    self._host,
                    self._port,
                    identifier="zigbee2mqtt-demo",
                    protocol=aiomqtt.ProtocolVersion.V5,
                    keepalive=KEEPALIVE_S,
                    timeout=PUBLISH_WITHIN_S,
                ) as client:
                    if self._wait_for is not None:
                        await client.subscribe(self._wait_for, qos=1)
                        await anext(aiter(client.messages))
                    await self._publish(client)
            await asyncio.sleep(RECONNECT_S)

    async def _publish(self, client: aiomqtt.Client) -> None:
        while True:
            while self._queue:
                device, topic, body, retain = message = self._queue[0]
                await client.publish(topic, body, qos=1, retain=retain)
                self.acknowledged[device] += 1
                if self._queue and self._queue[0] is message:
                    self._queue.popleft()
            self._idle.set()
            self._more.clear()
            await self._more.wait()
