"""Others on the broker: a client that hears and says, and a water valve as Zigbee2MQTT shows one.

Owns: their MQTT clients, and what they heard, in order. Must not know: the gateway.
"""

import json
import socket
import threading
from collections.abc import Callable
from typing import Any, ClassVar, NamedTuple

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

WITHIN_S = 10.0


class Said(NamedTuple):
    """A message as it came; `retain` also tells what was published with the flag while we listen."""

    topic: str
    payload: bytes
    retain: bool

    def json(self) -> Any:
        return json.loads(self.payload)


class Party:
    """An MQTT 5 client on a thread; made connected and subscribed.

    Args:
        react: called on the client's thread for each message.
        keeps_s: how long the broker keeps its session once it went; 0: it does not.
    """

    present: ClassVar[set["Party"]] = set()
    """Those that have not left; a test's end sees them out (conftest)."""

    def __init__(
        self,
        port: int,
        *topics: str,
        client_id: str = "",
        keeps_s: int = 0,
        react: Callable[[Said], None] | None = None,
    ) -> None:
        self.heard: list[Said] = []
        self._react = react
        ready = threading.Event()
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=client_id, protocol=mqtt.MQTTv5)
        self._client.on_message = self._message
        self._client.on_socket_open = lambda _c, _d, sock: sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client.on_subscribe = lambda *_: ready.set()
        filters = [(topic, SubscribeOptions(qos=1, retainAsPublished=True)) for topic in topics]
        self._client.on_connect = lambda *_: self._client.subscribe(filters) if filters else ready.set()
        properties = Properties(mqtt.PacketTypes.CONNECT)
        properties.SessionExpiryInterval = keeps_s
        self._client.connect("127.0.0.1", port, clean_start=not keeps_s, properties=properties)
        self._client.loop_start()
        self.present.add(self)
        assert ready.wait(WITHIN_S), f"no answer from the broker on port {port}"

    def _message(self, _client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        said = Said(message.topic, message.payload, bool(message.retain))
        self.heard.append(said)
        if self._react is not None:
            self._react(said)

    def say(self, topic: str, payload: bytes | str | dict[str, Any], *, retain: bool = False) -> None:
        """Publish at QoS 1. For any thread, so it does not wait."""
        self._client.publish(topic, json.dumps(payload) if isinstance(payload, dict) else payload, qos=1, retain=retain)

    def on(self, topic: str) -> list[Said]:
        """What was heard on a topic so far."""
        return [said for said in self.heard if said.topic == topic]

    def leave(self) -> None:
        self.present.discard(self)
        self._client.disconnect()
        self._client.loop_stop()


class Valve(Party):
    """``zigbee2mqtt/<name>``: tells its state when it is told to move. `stuck`: hears, and never says so.

    The bridge's own ``/set`` topic is heard with the flag a broker would keep it by, so that a command that stays behind is seen.
    """

    def __init__(self, port: int, name: str, *, stuck: bool = False) -> None:
        self.name = name
        self.stuck = stuck
        self.state = "ON"
        super().__init__(port, f"zigbee2mqtt/{name}/set", react=self._told)

    def _told(self, said: Said) -> None:
        if not self.stuck:
            self.state = said.json()["state"]
            self.tell()

    def tell(self) -> None:
        """Its state, as after every change and every report."""
        self.say(f"zigbee2mqtt/{self.name}", {"state": self.state, "linkquality": 94})

    def told(self) -> list[str]:
        """What it was told to become, in order."""
        return [said.json()["state"] for said in self.heard]
