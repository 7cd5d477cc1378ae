"""The live half of an MQTT link: what counts only now. Requests for a decision come in, orders go out, answers come back.

Owns: a session the broker keeps nothing for, orders in flight, which answer belongs to which order.
Must not know: what an order means, who gives it (commands), what a request says (profiles, doors).

- Clean session, no expiry, an id of its own: nothing queued while the gateway was away is ever delivered here. What a broker
  retained is not asked for, and dropped where it comes all the same (promise 8).
- An order is published once, never retained, with a message expiry (MQTT 5) of the time it has left: no broker keeps it.
- Where a profile names neither a reply nor a point, and publishes at QoS 1, the broker's PUBACK is all the confirmation there is;
  one that says that nobody has subscribed is a failure.
- While the pipeline is full, live messages are dropped and counted: an answer after the deadline is worth nothing, and the
  answers to orders must be read on. The devices doors depend on are offered to a sink that is never full.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.errors import DecodeError, LinkError
from edgegw.links.mqtt_routes import Dispatch, Matches, Routes
from edgegw.model import MqttPayload, Outcome, OutcomeStatus
from edgegw.mqttio import Incoming, MqttOptions, MqttSession, wire
from edgegw.ports import Order, Sink
from edgegw.profiles.convert import as_text
from edgegw.profiles.decode_mqtt import parse_json, walk
from edgegw.profiles.encode import MqttPublish, MqttReply

log = logging.getLogger(__name__)

FILTERS_PER_PACKET = 200
"""Topics in one SUBSCRIBE: some 10 KB, well below any broker's packet limit."""

ORDERS_MOST = 64
"""Orders waiting for their answer: one for each of a site's doors and more; beyond, something is wrong and says so."""

MARGIN_NS = 20_000_000
"""An outcome is given 20 ms before the deadline, so that whoever waits gets it in time."""

NO_SUBSCRIBERS = 0x10
"""PUBACK (MQTT 5): the broker knows of nobody who would get the message."""

NS = 1_000_000_000

DONE, EXPIRED, FAILED, UNKNOWN = (
    OutcomeStatus.DONE,
    OutcomeStatus.EXPIRED,
    OutcomeStatus.FAILED,
    OutcomeStatus.UNKNOWN,
)


def live_options(options: MqttOptions) -> MqttOptions:
    """The options of a link's live half, from those of the link itself."""
    return replace(
        options,
        client_id=f"{options.client_id}-live",
        clean=True,
        session_expiry_s=0.0,
        will=None,
        auto_ack=True,  # nothing is lost by it that would still be wanted
    )


class _Waiting(Struct, eq=False):
    """An order whose answer is awaited."""

    reply: MqttReply
    outcome: "asyncio.Future[Outcome]"


class MqttLive:
    """See the module's text; a `ports.Link` and the `ports.Actuator` of the link's devices.

    Args:
        name: ``<link>.live``.
        options: see `live_options`.
        routes: live topic → devices. match: how devices that share a topic are told apart.
        replies: exact topics on which answers to orders come.

    Attributes:
        dropped: live messages that nobody got, by reason: ``retained``, ``full``, ``unrouted``.
        unexpected: messages on reply topics that answered no order.
        orders: orders published.
    """

    kind = "mqtt-live"

    def __init__(
        self,
        name: str,
        options: MqttOptions,
        routes: Routes,
        replies: Iterable[str] = (),
        *,
        sink: Sink,
        clock: Clock,
        match: Matches | None = None,
    ) -> None:
        self.name = name
        self.messages = 0
        self.errors: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()
        self.unexpected = 0
        self.orders = 0
        self._options = options
        self._dispatch = Dispatch(routes, match)
        self._replies = frozenset(replies)
        self._sink = sink
        self._clock = clock
        self._session: MqttSession | None = None
        self._waiting: dict[str, list[_Waiting]] = {}
        self._pubacks: dict[int, asyncio.Future[Outcome]] = {}
        self._in_flight = 0
        self._refused: str | None = None

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status."""
        return self.messages, self.errors.total() + self.dropped.total()

    # --- the link -----------------------------------------------------------------------------------------------------

    async def run(self, up: Callable[[], None]) -> None:
        """One connection, from open to lost. Raises LinkError with the session's reason."""
        session = MqttSession(self._options, on_message=self._message, on_puback=self._puback)
        try:
            await session.connect()
            await self._subscribe(session)
            self._session = session
            up()
            reason = await session.wait_closed()
            raise LinkError(reason, f"broker {self._options.host}:{self._options.port}")
        finally:
            self._session = None
            self._lost()
            await session.close()

    async def _subscribe(self, session: MqttSession) -> None:
        """Subscribe to all topics. What the broker's ACL refuses is logged and counted; the rest works on."""
        names = list(dict.fromkeys((*self._dispatch.topics, *sorted(self._replies))))
        refused = []
        for first in range(0, len(names), FILTERS_PER_PACKET):
            try:
                await session.subscribe(((n, 1) for n in names[first : first + FILTERS_PER_PACKET]), retained=False)
            except LinkError as error:
                if error.reason != "subscribe-refused":
                    raise
                self.errors[error.reason] += 1
                refused.append(error.detail)
        told = "; ".join(refused) or None
        if told and told != self._refused:
            log.error("link %s: the broker refuses live topics (check its ACL): %s", self.name, told)
        self._refused = told

    def _message(self, message: Incoming) -> None:
        self.messages += 1
        if message.retain:
            self._drop("retained", message.topic)
            return
        if message.topic in self._replies:
            self._answer(message)
        devices = self._dispatch.devices(message.topic, message.payload)
        if devices is None:
            return
        if not devices:
            self._drop("unrouted", message.topic)
            return
        if self._sink.full:
            self._drop("full", message.topic)
            return
        at = self._clock.now()
        raw = MqttPayload(message.topic, message.payload, received_ns=at.wall_ns if at.synced else None)
        for device in devices:
            self._sink.offer(device, raw, at)

    def _drop(self, why: str, topic: str) -> None:
        if not self.dropped[why]:
            log.warning("link %s: live message on %s dropped (%s); further ones are counted", self.name, topic, why)
        self.dropped[why] += 1

    # --- the actuator -------------------------------------------------------------------------------------------------

    def down(self, device: str) -> str | None:
        """See `ports.Actuator.down`."""
        del device
        return None if self._session is not None and self._session.connected else "link-down"

    async def carry_out(self, order: Order) -> Outcome:
        """See `ports.Actuator.carry_out`. Raises TypeError for an order that is no publish."""
        outgoing = order.outgoing
        if not isinstance(outgoing, MqttPublish):
            raise TypeError(f"{type(outgoing).__name__} on an MQTT link")
        left_ns = order.deadline_ns - MARGIN_NS - self._clock.now().mono_ns
        if left_ns <= 0:
            return Outcome(EXPIRED, "deadline")
        session = self._session
        if session is None or not session.connected:
            return Outcome(FAILED, "link-down", f"no connection to {self._options.host}:{self._options.port}")
        if self._in_flight >= ORDERS_MOST:
            return Outcome(FAILED, "busy", f"{ORDERS_MOST} orders wait for their answers")
        self._in_flight += 1
        try:
            return await self._published(session, outgoing, left_ns)
        finally:
            self._in_flight -= 1

    async def _published(self, session: MqttSession, outgoing: MqttPublish, left_ns: int) -> Outcome:
        """Publish and wait for what the profile calls an answer."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        waiting = None if outgoing.reply is None else _Waiting(outgoing.reply, future)
        if waiting is not None:
            self._waiting.setdefault(waiting.reply.topic, []).append(waiting)
        mid = 0
        try:
            try:
                mid = session.publish(
                    outgoing.topic,
                    outgoing.payload,
                    qos=outgoing.qos,
                    properties=wire.expiry_property(max(1, left_ns // NS)),
                )
            except LinkError as error:
                return Outcome(FAILED, "busy" if error.reason == "window-full" else "link-down", error.detail)
            self.orders += 1
            if waiting is None and (not mid or outgoing.expect is not None):
                return Outcome(DONE, "sent")  # at once: from here on the point that confirms it is listened to
            if mid:
                self._pubacks[mid] = future
            async with asyncio.timeout(left_ns / NS):
                return await future
        except TimeoutError:
            return Outcome(UNKNOWN, "no-answer", "published, and nothing came back")
        finally:
            self._pubacks.pop(mid, None)
            if waiting is not None:
                self._forget(waiting)

    def _forget(self, waiting: _Waiting) -> None:
        left = [one for one in self._waiting.get(waiting.reply.topic, ()) if one is not waiting]
        if left:
            self._waiting[waiting.reply.topic] = left
        else:
            self._waiting.pop(waiting.reply.topic, None)

    def _puback(self, mid: int, code: int) -> None:
        """The broker has it; that is an answer of its own only where no other one is awaited, or where it is a refusal."""
        future = self._pubacks.get(mid)
        if future is None or future.done():
            return
        if code == NO_SUBSCRIBERS:
            future.set_result(Outcome(FAILED, "device-down", "nobody has subscribed to the device's topic"))
        elif code >= 0x80:
            future.set_result(Outcome(FAILED, "refused", f"the broker refused the publish (reason code {code:#x})"))
        elif not any(one.outcome is future for waiting in self._waiting.values() for one in waiting):
            future.set_result(Outcome(DONE, detail="the broker passes it on"))

    def _answer(self, message: Incoming) -> None:
        """Give a message to the order it answers."""
        try:
            parsed = parse_json(message.payload) if message.payload else None
        except DecodeError:
            parsed = None
        for waiting in self._waiting.get(message.topic, ()):
            reply = waiting.reply
            if not waiting.outcome.done() and _is_answer(reply, parsed):
                waiting.outcome.set_result(_judge(reply, parsed))
                return
        self.unexpected += 1

    def _lost(self) -> None:
        """The connection is gone: what was sent on it may have arrived or not."""
        gone = Outcome(UNKNOWN, "link-lost", "the connection ended before an answer came")
        for future in [*self._pubacks.values(), *(one.outcome for some in self._waiting.values() for one in some)]:
            if not future.done():
                future.set_result(gone)


def _is_answer(reply: MqttReply, parsed: Any) -> bool:  # noqa: ANN401 - JSON of any shape
    """Whether a message on the topic is the answer to this request, from the device that was asked."""
    return (not reply.id_path or _at(parsed, reply.id_path) == reply.id) and (
        not reply.device_path or _at(parsed, reply.device_path) == reply.device
    )


def _at(parsed: Any, path: str) -> str | None:  # noqa: ANN401 - JSON of any shape
    """The text of what is at a dotted path."""
    return as_text(walk(parsed, tuple(path.split("."))))


def _judge(reply: MqttReply, parsed: Any) -> Outcome:  # noqa: ANN401 - JSON of any shape
    """What an answer says: done, or refused by the device."""
    complaint = walk(parsed, tuple(reply.error_path.split("."))) if reply.error_path else None
    detail = "" if complaint is None else as_text(complaint) or "an error"
    if reply.ok_path:
        said = walk(parsed, tuple(reply.ok_path.split(".")))
        good = said is not None and (reply.ok_equals is None or as_text(said) == as_text(reply.ok_equals))
        detail = detail or f"{reply.ok_path} is {as_text(said)}"
    else:
        good = complaint is None
    return Outcome(DONE) if good else Outcome(FAILED, "device-refused", detail[:200])
