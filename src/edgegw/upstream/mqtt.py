"""Upstream by MQTT: one CloudEvent per message at QoS 1, a window in flight, accepted by PUBACK or by the application's reply.

Owns: the session, the window, which answer belongs to which record. Must not know: retries of records, lanes' order.

The outbox is the queue; here is only what is under way. On a lost connection everything unanswered counts as not accepted and
is sent again with the same id.
"""

import asyncio
import logging
import random as _random
from collections.abc import Callable, Sequence
from typing import Literal

import msgspec

from edgegw.errors import LinkError
from edgegw.model import Lane, Record
from edgegw.mqttio import Incoming, MqttOptions, MqttSession
from edgegw.mqttio.wire import content_type_property, topic_field
from edgegw.upstream.cloudevents import EVENT_TYPE, Envelope
from edgegw.upstream.outcome import Accepted, Outcome, Retry, back_off, of_reason_code

log = logging.getLogger(__name__)

TOPICS_KEPT = 4096
"""Encoded topic names remembered; a template with {subject} has one per device and lane."""

NOT_IN_TOPICS = str.maketrans("+#\0", "___")
"""Wildcards and NUL may not stand in a topic that is published on; one odd subject must not stop a lane."""

PACKET_TOO_LARGE = 0x95
"""MQTT 5's reason code, given by ourselves to what the broker said it does not take."""

PACKET_OVERHEAD = 160
"""Bytes of a PUBLISH beside topic and payload, at most: fixed header, packet id, content type property."""

PENDING = -1
"""No answer yet."""


class _Reply(msgspec.Struct):
    ids: list[str] = []


class _Flight:
    """One batch under way: an answer code per record, and the moment the last one is there."""

    __slots__ = ("codes", "done", "left")

    def __init__(self, count: int) -> None:
        self.codes = [PENDING] * count
        self.left = count
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, index: int, code: int) -> None:
        if self.codes[index] == PENDING:
            self.codes[index] = code
            self.left -= 1
            if not self.left and not self.done.done():
                self.done.set_result(None)

    def lost(self) -> None:
        if not self.done.done():
            self.done.set_result(None)


class MqttSender:
    """See `delivery.Sender`.

    Args:
        options: how to connect; a new session is made for each connection.
        topic: template with ``{gateway}``, ``{lane}``, ``{type}``, ``{subject}``.
        accept: ``puback``, or ``reply`` for ``{"ids": […]}`` on `reply_topic`.
        window: most records under way, all lanes together.
        timeout_s: how long a batch may stay without an answer to any of it.
    """

    def __init__(
        self,
        options: MqttOptions,
        gateway: str,
        *,
        topic: str,
        accept: Literal["puback", "reply"],
        reply_topic: str | None,
        window: int,
        timeout_s: float,
        first_s: float = 0.5,
        most_s: float = 30.0,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.batch = max(1, window // 2)  # two lanes, or two batches of one, find room at once
        self._options = options
        self._gateway = gateway
        self._envelope = Envelope(gateway)
        self._topic = topic
        self._accept = accept
        self._reply_topic = reply_topic
        self._window = window
        self._timeout_s = timeout_s
        self._bounds_s = (first_s, most_s)
        self._random = random
        self._session: MqttSession | None = None
        self._connected = asyncio.Event()
        self._room = asyncio.Event()
        self._by_mid: dict[int, tuple[_Flight, int]] = {}
        self._by_id: dict[str, tuple[_Flight, int]] = {}
        self._topics: dict[tuple[Lane, str, str], bytes] = {}
        self._varies = "{type}" in topic or "{subject}" in topic
        self._properties = content_type_property(EVENT_TYPE)
        self.reason = "connecting"

    async def run(self) -> None:
        """Keep a session until cancelled; outages are told by `delivery`, which sees every batch fail."""
        attempts = 0
        while True:
            session = MqttSession(self._options, on_message=self._replied, on_puback=self._acknowledged)
            try:
                await session.connect(self._timeout_s)
                if self._reply_topic is not None:
                    await session.subscribe([(self._reply_topic, 1)])
                attempts = 0
                self._session = session
                self._connected.set()
                self.reason = await session.wait_closed()
            except LinkError as error:
                self.reason = error.reason
            finally:
                self._session = None
                self._connected.clear()
                self._forget()
                await session.close()
            attempts += 1
            await asyncio.sleep(back_off(attempts, *self._bounds_s, self._random))

    async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:
        """See `delivery.Sender.send`."""
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._connected.wait()
        except TimeoutError:
            return Retry(self.reason)
        session = self._session
        if session is None:
            return Retry(self.reason)
        flight = _Flight(len(records))
        try:
            async with asyncio.timeout(self._timeout_s):
                for index, record in enumerate(records):
                    while session.connected and session.in_flight >= min(self._window, session.window):
                        self._room.clear()
                        await self._room.wait()
                    self._publish(session, lane, record, flight, index)
                await flight.done
        except LinkError as error:
            flight.lost()
            return _outcome(flight.codes, error.reason)
        except TimeoutError:
            flight.lost()
            return _outcome(flight.codes, "timeout")
        finally:
            if self._accept == "reply":
                for record in records:
                    self._by_id.pop(record.id, None)
        return _outcome(flight.codes, self.reason)

    def _publish(self, session: MqttSession, lane: Lane, record: Record, flight: _Flight, index: int) -> None:
        field, event = self._field(lane, record), self._envelope.event(record)
        if len(field) + len(event) + PACKET_OVERHEAD > session.max_packet:
            flight.answer(index, PACKET_TOO_LARGE)  # sent, it would end the connection again and again
            return
        if self._accept == "reply":
            self._by_id[record.id] = (flight, index)
        mid = session.publish(field, event, properties=self._properties)
        self._by_mid[mid] = (flight, index)

    def _field(self, lane: Lane, record: Record) -> bytes:
        key = (lane, record.type, record.subject) if self._varies else (lane, "", "")
        field = self._topics.get(key)
        if field is None:
            if len(self._topics) >= TOPICS_KEPT:
                self._topics.clear()
            name = (
                self._topic.replace("{gateway}", self._gateway)
                .replace("{lane}", lane.label)
                .replace("{type}", record.type)
                .replace("{subject}", record.subject)
                .translate(NOT_IN_TOPICS)
            )
            field = self._topics[key] = topic_field(name)
        return field

    def _acknowledged(self, mid: int, code: int) -> None:
        found = self._by_mid.pop(mid, None)
        if found is not None and (self._accept == "puback" or code >= 0x80):
            found[0].answer(found[1], code)
        if not self._room.is_set():
            self._room.set()

    def _replied(self, message: Incoming) -> None:
        session = self._session
        try:
            ids = msgspec.json.decode(message.payload, type=_Reply).ids
        except msgspec.DecodeError:
            log.warning('upstream reply on %s is not {"ids": […]}; ignored', message.topic)
            ids = []
        for one in ids:
            found = self._by_id.pop(one, None)
            if found is not None:
                found[0].answer(found[1], 0)
        if session is not None:
            session.ack(message.mid)

    def _forget(self) -> None:
        """The connection is gone: what was under way is unanswered."""
        for flight, _ in (*self._by_mid.values(), *self._by_id.values()):
            flight.lost()
        self._by_mid.clear()
        self._by_id.clear()
        self._room.set()


def _outcome(codes: Sequence[int], reason: str) -> Outcome:
    """Accepted as far as every answer from the first on is a success; else what the first other answer says."""
    good = 0
    for code in codes:
        if code == PENDING or code >= 0x80:
            break
        good += 1
    if good:
        return Accepted(good)
    return Retry(reason) if codes[0] == PENDING else of_reason_code(codes[0])
