"""One MQTT connection on asyncio: paho-mqtt does the session, PUBLISH and PUBACK take a short way.

Owns: connecting, subscribing, publishing, acknowledging, backpressure, keepalive and the end of one connection.
Must not know: what messages mean, when to connect again (the owner makes a new session for each connection; a reused paho client
keeps its old queue, and a stale acknowledgement can hit another message).

paho builds and checks CONNECT, SUBSCRIBE, will, properties, reason codes. The two packets that come by the thousand are parsed
from, and written to, the joined buffers directly (`mqttio.wire`). Nothing is queued here that could be lost: QoS 1 messages stay
with the broker until `ack`, publishes stay with the caller until `on_puback`.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from edgegw.errors import LinkError
from edgegw.mqttio import wire
from edgegw.mqttio.client import Bridge, Client, make_client, send_connect
from edgegw.mqttio.options import MqttOptions
from edgegw.mqttio.packets import Packet, Packets
from edgegw.mqttio.transport import Transport, open_socket
from edgegw.mqttio.wire import Incoming

SLICE_S = 0.005
"""Longest time spent on received messages before the event loop's other tasks get their turn."""

SLICE_CHECK = 32
"""Messages between two looks at the clock for `SLICE_S`."""

FIRST_MID = 1024
"""Packet ids below are paho's (SUBSCRIBE, UNSUBSCRIBE count up from 1, a few per connection); ours are FIRST_MID…65535."""

MAX_WINDOW = 60_000
"""Publishes in flight at most, so that a free packet id is always near."""

MAX_PACKET = 268_435_455
"""What MQTT's remaining length can say."""

CLOSE_TIMEOUT_S = 1.0
"""How long a clean `close` waits for acknowledgements to leave."""

_NOT_AUTHORIZED = (0x86, 0x87, 0x8C)
"""CONNACK: bad user name or password, not authorized, bad authentication method."""


class MqttSession:
    """One connection. All calls and callbacks on the event loop; callbacks must not raise.

    Args:
        on_message: every message. QoS 1 messages stay unacknowledged until `ack(mid)`, in any order, unless `auto_ack`.
        on_puback: (packet id, reason code) of each of our publishes; code < 0x80 is success.
        on_disconnect: called once, with a slug, when the connection ended other than by `close`.
    """

    def __init__(
        self,
        options: MqttOptions,
        *,
        on_message: Callable[[Incoming], None] | None = None,
        on_puback: Callable[[int, int], None] | None = None,
        on_disconnect: Callable[[str], None] | None = None,
    ) -> None:
        self.options = options
        self.session_present = False
        self.window = MAX_WINDOW
        """Most QoS 1 publishes the broker takes in flight (its receive maximum)."""
        self.max_packet = MAX_PACKET
        """Largest PUBLISH the broker takes, bytes; it hangs up on a larger one."""
        self._on_message = on_message
        self._on_puback = on_puback
        self._on_disconnect = on_disconnect
        self._v5 = options.version == "5"
        self._no_properties = wire.NO_PROPERTIES if self._v5 else b""
        self._transport: Transport | None = None
        self._client: Client | None = None
        self._closed: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._connack: asyncio.Future[None] | None = None
        self._subacks: dict[int, asyncio.Future[list[ReasonCode]]] = {}
        self._packets = Packets(options.max_payload)
        self._up = False
        self._paused = False
        self._again = False  # a slice ended with packets left; a continuation is scheduled
        self._mid = FIRST_MID - 1
        self._in_flight: set[int] = set()
        self._quiet_ticks = 0
        self._keepalive: asyncio.TimerHandle | None = None

    # --- opening

    async def connect(self, timeout_s: float = 10.0) -> None:
        """Connect and wait for the broker's word.

        Raises:
            LinkError: ``unreachable``, ``tls``, ``timeout``, ``not-authorized``, ``refused`` (the broker said no), or how the
                connection was lost.
        """
        try:
            async with asyncio.timeout(timeout_s):
                sock = await open_socket(self.options.host, self.options.port, self.options.tls)
                self._transport = Transport(sock, self._readable, self._lost)
                self._connack = asyncio.get_running_loop().create_future()
                self._client = self._make_client()
                await self._connack
        except TimeoutError:
            self._finish("timeout")
            raise LinkError(
                "timeout", f"no answer from {self.options.host}:{self.options.port} in {timeout_s} s"
            ) from None
        except (LinkError, asyncio.CancelledError):
            self._finish("refused")
            raise
        self._up = True
        self._tick()

    def _make_client(self) -> Client:
        client = make_client(self.options, Bridge(self._take, self._transport_write))
        client.on_connect = self._connected
        client.on_disconnect = self._told_to_go
        client.on_subscribe = self._subscribed
        client.on_message = self._slow_message
        client.on_socket_register_write = self._paho_writes
        send_connect(client, self.options)
        return client

    def _connected(
        self,
        _client: paho.Client,
        _data: object,
        flags: paho.ConnectFlags,
        code: ReasonCode,
        properties: Properties | None,
    ) -> None:
        if self._connack is None or self._connack.done():
            return
        if code.is_failure:
            reason = "not-authorized" if code.value in _NOT_AUTHORIZED else "refused"
            detail = f"{self.options.host}:{self.options.port} as {self.options.client_id!r}: {code}"
            self._connack.set_exception(LinkError(reason, detail))
            return
        self.session_present = flags.session_present
        self.window = min(MAX_WINDOW, getattr(properties, "ReceiveMaximum", MAX_WINDOW))
        self.max_packet = getattr(properties, "MaximumPacketSize", MAX_PACKET)
        self._connack.set_result(None)

    async def subscribe(
        self, filters: Iterable[tuple[str, int]], timeout_s: float = 10.0, *, retained: bool = True
    ) -> None:
        """Subscribe to (filter, qos) pairs in one packet and wait until the broker granted each.

        Args:
            retained: whether the broker sends what it retains; False asks it not to (MQTT 5: retain handling 2), and to leave the
                retain flag on what is published while we listen (retain as published), so that a message meant to be kept
                can be told from one meant for now. 3.1.1 has neither: whoever must not act on retained messages drops those
                with `retain` set besides.

        Raises:
            LinkError: ``subscribe-refused`` naming the filters, ``timeout``, or the connection was lost.
        """
        pairs = list(filters)
        if self._client is None or not self.connected:
            raise LinkError("not-connected", "subscribe")
        if self._v5 and not retained:
            never = SubscribeOptions.RETAIN_DO_NOT_SEND
            wanted = [(n, SubscribeOptions(qos=q, retainAsPublished=True, retainHandling=never)) for n, q in pairs]
            _, mid = self._client.subscribe(wanted)
        else:
            _, mid = self._client.subscribe(pairs)
        if mid is None:
            raise LinkError("subscribe-refused", f"not subscribable: {pairs}")
        answer: asyncio.Future[list[ReasonCode]] = asyncio.get_running_loop().create_future()
        self._subacks[mid] = answer
        try:
            async with asyncio.timeout(timeout_s):
                codes = await answer
        except TimeoutError:
            raise LinkError("timeout", f"no SUBACK in {timeout_s} s") from None
        finally:
            del self._subacks[mid]
        refused = [f"{name}: {code}" for (name, _), code in zip(pairs, codes, strict=False) if code.is_failure]
        if refused:
            raise LinkError("subscribe-refused", ", ".join(refused))

    def _subscribed(
        self, _client: paho.Client, _data: object, mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        answer = self._subacks.get(mid)
        if answer is not None and not answer.done():
            answer.set_result(codes)

    # --- sending

    def publish(
        self, topic: str | bytes, payload: bytes, *, qos: int = 1, retain: bool = False, properties: bytes | None = None
    ) -> int:
        """Queue one PUBLISH and return its packet id (0 at QoS 0). Everything of one loop iteration leaves in one send.

        Args:
            topic: a topic, or `wire.topic_field` of it made once for many publishes.
            properties: MQTT 5 property block (`wire.content_type_property`, `wire.expiry_property`); none if None.

        Raises:
            LinkError: ``not-connected``, or ``window-full``: the broker takes no more in flight (see `in_flight`, `window`).
        """
        transport = self._transport
        if transport is None or transport.closed:
            raise LinkError("not-connected", "publish")
        mid = 0
        if qos:
            if len(self._in_flight) >= self.window:
                raise LinkError("window-full", f"{self.window} publishes in flight")
            mid = self._mid
            while True:
                mid = mid + 1 if mid < 0xFFFF else FIRST_MID
                if mid not in self._in_flight:
                    break
            self._mid = mid
            self._in_flight.add(mid)
        field = topic if isinstance(topic, bytes) else wire.topic_field(topic)
        block = properties if properties is not None and self._v5 else self._no_properties
        transport.write(wire.publish_head(field, len(payload), mid, properties=block, retain=retain))
        transport.write(payload)
        return mid

    def ack(self, mid: int) -> None:
        """Acknowledge a QoS 1 message. Nothing happens at QoS 0 (mid 0) or once the connection is gone."""
        if mid and self._transport is not None:
            self._transport.write(wire.puback(mid))

    @property
    def in_flight(self) -> int:
        """Publishes without a PUBACK yet."""
        return len(self._in_flight)

    async def drained(self) -> None:
        """Wait until everything written so far was handed to the kernel, or the connection ended."""
        if self._transport is not None:
            await self._transport.drained()

    # --- receiving

    def pause_reading(self) -> None:
        """Stop reading at once, mid-buffer too: the broker waits, nothing is dropped. Keepalive goes on."""
        self._paused = True
        if self._transport is not None:
            self._transport.pause()

    def resume_reading(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            if self._transport is not None:
                self._transport.resume()
                self._continue_soon()

    def _continue_soon(self) -> None:
        if not self._again:
            self._again = True
            asyncio.get_running_loop().call_soon(self._continue)

    def _continue(self) -> None:
        self._again = False
        self._work()

    def _readable(self) -> None:
        if (
            self._again or self._transport is None
        ):  # what is buffered comes first; level-triggered, so we are called again
            return
        data = self._transport.read()
        if data:
            self._quiet_ticks = 0
            self._packets.feed(data)
            self._work()

    def _work(self) -> None:
        try:
            self._parse()
        except wire.MalformedPacketError:
            self._lost("protocol")

    def _parse(self) -> None:
        """Handle the buffered packets until they are used up, a slice of time is over, or reading is paused."""
        transport = self._transport
        if transport is None:
            return
        loop = asyncio.get_running_loop()
        deadline = loop.time() + SLICE_S
        count = 0
        while not self._paused and not transport.closed and (packet := self._packets.peek()) is not None:
            self._handle(packet)
            count += 1
            if count % SLICE_CHECK == 0 and loop.time() > deadline:
                self._continue_soon()
                return
        if transport.has_hidden() and not self._paused:
            loop.call_soon(self._readable)

    def _handle(self, packet: Packet) -> None:
        data, first = self._packets.data, packet.first
        kind = first & 0xF0
        if kind == wire.PUBLISH and first & 0x04 == 0 and self._on_message is not None:  # QoS 0 and 1
            self._packets.drop(packet)
            end = min(packet.end, len(data))
            self._deliver(wire.read_publish(data, first, packet.start, end, v5=self._v5, truncated=packet.truncated))
        elif kind == wire.PUBACK:
            self._packets.drop(packet)
            mid, code = wire.read_puback(data, packet.start, packet.end)
            if mid in self._in_flight:
                self._in_flight.discard(mid)
                if self._on_puback is not None:
                    self._on_puback(mid, code)
        elif self._client is not None:  # paho takes exactly this packet from the buffer through `_Bridge.recv`
            self._client.loop_read()
            self._packets.drop(packet)

    def _deliver(self, message: Incoming) -> None:
        if self.options.auto_ack:
            self.ack(message.mid)
        if self._on_message is not None:
            self._on_message(message)

    def _slow_message(self, _client: paho.Client, _data: object, message: paho.MQTTMessage) -> None:
        """QoS 2 is never asked for; if a broker sends it all the same, paho's handshake delivers it here."""
        payload = bytes(message.payload)
        self._deliver(Incoming(message.topic, payload, message.qos, 0, bool(message.retain), bool(message.dup)))

    # --- what paho reads and writes

    def _take(self, size: int) -> bytes:
        data = self._packets.take(size)
        if not data:
            raise BlockingIOError
        return data

    def _transport_write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _paho_writes(self, client: paho.Client, _data: object, _sock: object) -> None:
        asyncio.get_running_loop().call_soon(client.loop_write)

    # --- ending

    def _tick(self) -> None:
        """Keepalive, ours rather than paho's: while we are paused, silence is our doing and no reason to hang up."""
        if not self.connected:
            return
        self._quiet_ticks = 0 if self._paused else self._quiet_ticks + 1
        if self._quiet_ticks > 3:  # a ping every third of the keepalive went without any answer
            self._lost("keepalive")
            return
        self._transport_write(wire.PINGREQ_PACKET)
        interval = max(self.options.keepalive_s, 1.0) / 3
        self._keepalive = asyncio.get_running_loop().call_later(interval, self._tick)

    def _told_to_go(
        self, _client: paho.Client, _data: object, flags: object, code: ReasonCode, _properties: Properties | None
    ) -> None:
        if getattr(flags, "is_disconnect_packet_from_server", False):
            self._lost("taken-over" if code.value == 0x8E else "disconnected")
        else:
            self._lost("protocol")

    def _lost(self, reason: str) -> None:
        if not self._closed.done():
            self._finish(reason)
            if self._up and self._on_disconnect is not None:
                self._on_disconnect(reason)

    def _finish(self, reason: str) -> None:
        if not self._closed.done():
            self._closed.set_result(reason)
        if self._keepalive is not None:
            self._keepalive.cancel()
        if self._transport is not None:
            self._transport.close()
        error = LinkError(reason, f"connection to {self.options.host}:{self.options.port} ended")
        waiting: list[asyncio.Future[Any]] = [*self._subacks.values()]
        if self._connack is not None:
            waiting.append(self._connack)
        for future in waiting:
            if not future.done():
                future.set_exception(error)
        if self._connack is not None and not self._connack.cancelled():
            self._connack.exception()  # seen, whether or not someone still waits
        self._client = None

    @property
    def connected(self) -> bool:
        """Whether the connection stands."""
        return self._transport is not None and not self._transport.closed

    async def wait_closed(self) -> str:
        """Wait for the end of the connection and return its slug (``closed`` after `close`)."""
        return await asyncio.shield(self._closed)

    async def close(self) -> None:
        """Send what is queued and DISCONNECT, then close. Idempotent; waits at most a second."""
        if self.connected and self._transport is not None:
            self._transport.write(wire.DISCONNECT_PACKET)
            try:
                async with asyncio.timeout(CLOSE_TIMEOUT_S):
                    await self._transport.drained()
            except TimeoutError:
                pass  # the peer does not read any more; what it has not acknowledged it will get again
            finally:
                self._finish("closed")
        else:
            self._finish("closed")
