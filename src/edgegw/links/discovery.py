"""Listening for discovery messages, and then on the topics that they name.

Owns: one clean session with the broker for a few seconds, what is kept of it within limits.
Must not know: what the messages say (discovery), files, the running gateway's sessions.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct

from edgegw.discovery.config import filters
from edgegw.discovery.samples import SAMPLE_CHARS, Seen
from edgegw.errors import LinkError
from edgegw.mqttio import Incoming, MqttOptions, MqttSession

MESSAGES_MOST = 20_000
"""Discovery messages kept: forty for each of the most devices there may be."""

BYTES_MOST = 64 * 1024 * 1024
"""Bytes of them: 3 KB each, twice what real ones have."""

TOPICS_MOST = 5_000
"""Topics listened to for samples: ten for each of the most devices."""

FILTERS_PER_PACKET = 200
"""Topics in one SUBSCRIBE: some 10 KB, well below any broker's packet limit."""

QUIET_S = 0.5
"""Silence after which a broker has sent all that it retains: it sends that at once, hundreds a second."""

LOOK_S = 0.05

TopicsOf = Callable[[Sequence[tuple[str, bytes]]], Iterable[str]]
"""The exact topics that discovery messages, as (topic, payload) in their order, name."""


class Listened(Struct):
    """What was heard.

    Attributes:
        configs: discovery messages in the order they came.
        seen: the last message on each state topic.
        left_out: what was not kept, by reason: ``too-many``, ``too-much``, ``refused`` (by the broker's ACL).
    """

    configs: list[tuple[str, bytes]]
    seen: dict[str, Seen]
    left_out: Counter[str]


async def listen(options: MqttOptions, prefix: str, seconds: float, topics_of: TopicsOf) -> Listened:
    """Hear discovery messages until the broker has sent what it retains, then the topics they name, `seconds` in all.

    Raises:
        LinkError: the session could not be opened, its discovery topics were refused, or it was lost.
    """
    heard = Listened([], {}, Counter())
    ears = _Ears(heard, prefix)
    session = MqttSession(options, on_message=ears.message)
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    try:
        await session.connect()
        await session.subscribe([(name, 0) for name in filters(prefix)])
        began = ears.last = loop.time()
        while loop.time() < began + seconds / 2 and loop.time() < ears.last + QUIET_S:
            await _pause(session, LOOK_S)
        ears.topics = frozenset(topics_of(heard.configs))
        wanted = sorted(ears.topics)
        heard.left_out["too-many"] += max(0, len(wanted) - TOPICS_MOST)
        for first in range(0, min(len(wanted), TOPICS_MOST), FILTERS_PER_PACKET):
            try:
                await session.subscribe([(name, 0) for name in wanted[first : first + FILTERS_PER_PACKET]])
            except LinkError as error:
                if error.reason != "subscribe-refused":
                    raise
                heard.left_out["refused"] += 1
        if (left := end - loop.time()) > 0:
            await _pause(session, left)
    finally:
        await session.close()
    return heard


async def _pause(session: MqttSession, seconds: float) -> None:
    """Listen for so long. Raises LinkError if the connection ends before."""
    try:
        async with asyncio.timeout(seconds):
            reason = await session.wait_closed()
    except TimeoutError:
        return
    raise LinkError(reason, f"broker {session.options.host}:{session.options.port}")


class _Ears:
    """Sorts what comes. `last`: when the last discovery message came."""

    def __init__(self, heard: Listened, prefix: str) -> None:
        self.topics: frozenset[str] = frozenset()
        self.last = 0.0
        self._heard = heard
        self._prefix = f"{prefix}/"
        self._bytes = 0

    def message(self, message: Incoming) -> None:
        """One message; see `MqttSession`."""
        heard = self._heard
        if message.topic in self.topics:
            if len(message.payload) <= SAMPLE_CHARS and message.payload:
                heard.seen[message.topic] = Seen(message.payload, message.retain)
            return
        if not (message.topic.startswith(self._prefix) and message.topic.endswith("/config")):
            return
        self.last = asyncio.get_running_loop().time()
        if len(heard.configs) >= MESSAGES_MOST:
            heard.left_out["too-many"] += 1
        elif self._bytes + len(message.payload) > BYTES_MOST:
            heard.left_out["too-much"] += 1
        else:
            self._bytes += len(message.payload)
            heard.configs.append((message.topic, message.payload))
