"""Listening on a broker's topic tree for a while. Nothing is published, and the broker keeps no session for it.

Owns: the session, what is kept of what was heard, bounds. Must not know: what messages mean (identify_mqtt).
"""

import asyncio
from collections.abc import Callable, Sequence

from edgegw.errors import LinkError
from edgegw.model import MqttPayload
from edgegw.mqttio import Incoming, MqttOptions, MqttSession

DEFAULT_FILTERS = ("#", "$oc/#")
"""The whole tree. ``#`` leaves out what begins with ``$`` (MQTT 5, 4.7.2), which Huawei IoTDA's topics do."""

LISTEN_S = 20.0
"""Mains devices tell within seconds or when something changes; retained messages come at once."""

MOST_TOPICS = 5000
KEPT_PER_TOPIC = 4
"""The last ones; identification gains nothing from more."""

MOST_BYTES = 32 * 1024 * 1024
"""Of payloads kept; a face terminal's picture is up to a megabyte."""

TICK_S = 0.25
"""How often progress is told."""


class Listener:
    """What was heard, by topic; bounded.

    Attributes:
        heard: the last messages of each topic. messages: all of them. dropped: those there was no room for.
    """

    def __init__(self) -> None:
        self.heard: dict[str, list[MqttPayload]] = {}
        self.messages = 0
        self.dropped = 0
        self._bytes = 0

    def take(self, message: Incoming) -> None:
        """Keep one message, if there is room."""
        self.messages += 1
        if message.truncated:
            self.dropped += 1
            return
        kept = self.heard.get(message.topic)
        size = len(message.payload)
        if self._bytes + size > MOST_BYTES or (kept is None and len(self.heard) >= MOST_TOPICS):
            self.dropped += 1
            return
        self._bytes += size
        kept = self.heard.setdefault(message.topic, [])
        kept.append(MqttPayload(message.topic, message.payload, message.retain))
        if len(kept) > KEPT_PER_TOPIC:
            self._bytes -= len(kept.pop(0).payload)


async def listen(
    options: MqttOptions, filters: Sequence[str], seconds: float, into: Listener, tell: Callable[[float], None]
) -> None:
    """Subscribe and listen.

    Args:
        filters: topic filters; without any `DEFAULT_FILTERS`, of which the broker may refuse the second.
        tell: seconds so far.

    Raises:
        LinkError: the session's; ``subscribe-refused`` when the broker's ACL forbids it.
    """
    session = MqttSession(options, on_message=into.take)
    try:
        await session.connect()
        await _subscribe(session, filters)
        loop = asyncio.get_running_loop()
        began = loop.time()
        closed = asyncio.ensure_future(session.wait_closed())
        try:
            while (passed := loop.time() - began) < seconds:
                tell(passed)
                await asyncio.wait((closed,), timeout=min(TICK_S, seconds - passed))
                if closed.done():
                    raise LinkError(closed.result(), f"broker {options.host}:{options.port}")
        finally:
            closed.cancel()
    finally:
        await session.close()


async def _subscribe(session: MqttSession, filters: Sequence[str]) -> None:
    if filters:
        await session.subscribe((name, 0) for name in filters)
        return
    await session.subscribe([(DEFAULT_FILTERS[0], 0)])
    try:
        await session.subscribe([(DEFAULT_FILTERS[1], 0)])
    except LinkError as error:
        if error.reason != "subscribe-refused":
            raise  # a broker without such topics may say no to them
