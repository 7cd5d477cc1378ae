"""A paho client on a stream that is already connected.

Owns: what of paho is used, and how it is told the options. A new client for each connection, never a used one.
Must not know: buffers, packets, who owns the connection.
"""

from collections.abc import Callable
from typing import Any

from paho.mqtt import client as paho
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edgegw.mqttio.options import MqttOptions


class Bridge:
    """What paho takes for its socket: reads come out of our buffer, writes go into our write buffer.

    Args:
        take: at most that many bytes; BlockingIOError if there are none.
        write: queues bytes.
    """

    def __init__(self, take: Callable[[int], bytes], write: Callable[[bytes], None]) -> None:
        self.recv = take
        self._write = write

    def send(self, data: bytes) -> int:
        """All of it, always: the bound is the write buffer's."""
        self._write(bytes(data))
        return len(data)

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - the socket's own signature
        """Nothing: the stream below is non-blocking already."""

    def fileno(self) -> int:
        """None: nobody selects on it."""
        return -1

    def close(self) -> None:
        """Nothing: the session closes its stream itself."""


class Client(paho.Client):
    """The only override is where the socket comes from."""

    bridge: Bridge

    def _create_socket(self) -> Any:  # noqa: ANN401 - paho's SocketLike is private to it
        return self.bridge


def make_client(options: MqttOptions, bridge: Bridge) -> Client:
    """A client with the options set, callbacks not yet."""
    v5 = options.version == "5"
    client = Client(
        CallbackAPIVersion.VERSION2,
        client_id=options.client_id,
        clean_session=None if v5 else options.clean or not options.client_id,
        protocol=MQTTProtocolVersion.MQTTv5 if v5 else MQTTProtocolVersion.MQTTv311,
        reconnect_on_failure=False,
        manual_ack=not options.auto_ack,
    )
    client.bridge = bridge
    if options.username is not None:
        client.username_pw_set(options.username, options.password)
    if options.will is not None:
        client.will_set(options.will.topic, options.will.payload, options.will.qos, options.will.retain)
    return client


def send_connect(client: Client, options: MqttOptions) -> None:
    """Queue CONNECT; returns at once, the bridge being connected."""
    keepalive = max(1, round(options.keepalive_s))
    if options.version == "5":
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call] # paho left it so
        properties.ReceiveMaximum = options.receive_maximum
        properties.SessionExpiryInterval = round(options.session_expiry_s)
        client.connect(options.host, options.port, keepalive, clean_start=options.clean, properties=properties)
    else:
        client.connect(options.host, options.port, keepalive)
