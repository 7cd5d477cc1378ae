"""The MQTT link: one persistent session with the device-side broker; acknowledged after the commit, never before.

Owns: which topics are subscribed, when a message is acknowledged, to the broker and to the device, and when reading stops.
Must not know: payloads, the store, when to connect again (the supervisor calls `run` anew).

- The session is persistent and every subscription is exact, taken from the profiles' topics; QoS 1.
- A message is acknowledged by the pipeline through `ack`, bound to the connection it came on: on a lost connection the
  acknowledgement goes nowhere and the broker sends the message again (at least once, promise 1).
- A device that waits for an acknowledgement of its own (profiles' `acks`) gets it after the same commit, on the same connection;
  if that is gone, the device sends its message again.
- Live topics are not subscribed here: what a broker kept for us must not act (mqtt_live).
- While the pipeline is full the session does not read: the broker's queue holds what we have no room for (promise 6).
- A retained message is marked; it tells the last known state, not that the device is there now (promise 12).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping

from edgegw.clock import Clock
from edgegw.errors import LinkError
from edgegw.links.mqtt_routes import Dispatch, Matches, Routes, matches, routes
from edgegw.model import MqttPayload
from edgegw.mqttio import Incoming, MqttOptions, MqttSession
from edgegw.ports import AckFn, Sink
from edgegw.profiles.acks import Acks

__all__ = ["MqttLink", "matches", "routes"]

log = logging.getLogger(__name__)

FILTERS_PER_PACKET = 200
"""Topics in one SUBSCRIBE: some 10 KB, well below any broker's packet limit."""

SETTLE_S = 2.0
"""How long leaving waits for commits: several of the slowest disk's, and well inside systemd's stop timeout."""

ONLINE, OFFLINE = b"online", b"offline"
"""What stands, retained, under the will topic."""


OLD = "which no device has (an old subscription?)"
"""Left over in the broker's session from an earlier site file."""
STRANGER = "from a device that is not in the site"
"""On a topic that others share."""


class MqttLink:
    """See the module's text; a `ports.Link`.

    Args:
        options: how to connect; a new session is made of it for each connection.
        routes: topic → devices. match: how devices that share a topic are told apart.
        acks: device → the acknowledgements it waits for.
        will_topic: where ``online`` is published, retained, after connecting and ``offline`` before leaving; None for none.
    """

    kind = "mqtt"

    def __init__(
        self,
        name: str,
        options: MqttOptions,
        routes: Routes,
        *,
        sink: Sink,
        clock: Clock,
        will_topic: str | None = None,
        match: Matches | None = None,
        acks: Mapping[str, Acks] | None = None,
    ) -> None:
        self.name = name
        self.messages = 0
        self.errors: Counter[str] = Counter()
        self._options = options
        self._dispatch = Dispatch(routes, match)
        self._acks = acks or {}
        self._sink = sink
        self._clock = clock
        self._will_topic = will_topic
        self._session: MqttSession | None = None
        self._refused: str | None = None

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status."""
        return self.messages, self.errors.total()

    async def run(self, up: Callable[[], None]) -> None:
        """One connection, from open to lost. Raises LinkError with the session's reason."""
        session = MqttSession(self._options, on_message=self._message)
        self._session = session
        try:
            await session.connect()
            await self._subscribe(session)
            if self._will_topic is not None:
                session.publish(self._will_topic, ONLINE, retain=True)
            up()
            reason = await session.wait_closed()
            raise LinkError(reason, f"broker {self._options.host}:{self._options.port}")
        finally:
            if session.connected:
                await self._settle(session)
            if self._will_topic is not None and session.connected:
                session.publish(self._will_topic, OFFLINE, retain=True)
            await session.close()

    async def _settle(self, session: MqttSession) -> None:
        """Leaving a connection that stands: what was taken is acknowledged on it first, or the broker would send it all again."""
        session.pause_reading()
        try:
            async with asyncio.timeout(SETTLE_S):
                await self._sink.drain()
        except TimeoutError:
            log.warning(
                "link %s: not everything was committed in %g s; the broker will send it again", self.name, SETTLE_S
            )

    async def _subscribe(self, session: MqttSession) -> None:
        """Subscribe to all topics. What the broker's ACL refuses is logged and counted; the other devices work on."""
        names = self._dispatch.topics
        refused = []
        for first in range(0, len(names), FILTERS_PER_PACKET):
            try:
                await session.subscribe((name, 1) for name in names[first : first + FILTERS_PER_PACKET])
            except LinkError as error:
                if error.reason != "subscribe-refused":
                    raise
                self.errors[error.reason] += 1
                refused.append(error.detail)
        told = "; ".join(refused) or None
        if told and told != self._refused:
            log.error(
                "link %s: the broker refuses topics, their devices will stay silent (check its ACL): %s",
                self.name,
                told,
            )
        self._refused = told

    def _message(self, message: Incoming) -> None:
        self.messages += 1
        session = self._session
        if session is None:
            return
        devices = self._dispatch.devices(message.topic, message.payload)
        if not devices:
            self._unrouted(session, message, OLD if devices is None else STRANGER)
            return
        at = self._clock.now()
        raw = MqttPayload(message.topic, message.payload, message.retain, at.wall_ns if at.synced else None)
        if len(devices) > 1:
            for device in devices[:-1]:
                self._sink.offer(device, raw, at)
        ack: AckFn | None = session.ack if message.qos else None
        if self._acks:
            ack = self._with_answers(session, message, devices, ack)
        # batches commit in order: when the last device's is committed, so are those before
        self._sink.offer(devices[-1], raw, at, ack, message.mid)
        if self._sink.full:
            session.pause_reading()
            self._sink.when_room(session.resume_reading)

    def _with_answers(
        self, session: MqttSession, message: Incoming, devices: tuple[str, ...], ack: AckFn | None
    ) -> AckFn | None:
        """The acknowledgement with those the devices wait for; made now, so that the message need not be kept."""
        found = (self._acks[device].of(message.topic, message.payload) for device in devices if device in self._acks)
        answers = [answer for answer in found if answer is not None]
        if not answers:
            return ack

        def committed(token: int) -> None:
            for topic, payload in answers:
                try:
                    session.publish(topic, payload)
                except LinkError:
                    self.errors["unanswered"] += 1  # the device sends its message again
            if ack is not None:
                ack(token)

        return committed

    def _unrouted(self, session: MqttSession, message: Incoming, why: str) -> None:
        """A message of no device. Counted, told once; a device gets no acknowledgement of its own and keeps what it has."""
        if not self.errors["unrouted"]:
            log.warning("link %s: message on %s, %s; further ones are counted", self.name, message.topic, why)
        self.errors["unrouted"] += 1
        session.ack(message.mid)
