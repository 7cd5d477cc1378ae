"""A device that numbers its messages: publishes at QoS 1 and knows which ones the broker acknowledged.

Owns: its own MQTT client. Must not know: what becomes of the messages.
"""

import threading
import time

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion


class Publisher:
    """Publishes ``{"n": 1}``, ``{"n": 2}`` … on a thread, until stopped."""

    def __init__(self, port: int, topic: str = "dev/counter-1", rate: float = 500.0) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher", protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", port, clean_start=False)
        self._topic = topic
        self._rate = rate
        self._infos: list[mqtt.MQTTMessageInfo] = []
        self._stop = threading.Event()
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(0.01):
            due = int((time.monotonic() - began) * self._rate)
            while len(self._infos) < due and not self._stop.is_set():
                payload = f'{{"n":{len(self._infos) + 1},"leak":false}}'
                self._infos.append(self._client.publish(self._topic, payload, qos=1))

    def finish(self, within_s: float = 20.0) -> set[int]:
        """Stop publishing, wait for the last acknowledgement, return all acknowledged numbers."""
        self._stop.set()
        self._thread.join()
        end = time.monotonic() + within_s
        while not all(info.is_published() for info in self._infos) and time.monotonic() < end:
            time.sleep(0.01)
        acknowledged = {n for n, info in enumerate(self._infos, 1) if info.is_published()}
        self._client.disconnect()
        self._client.loop_stop()
        return acknowledged


def send(port: int, topic: str, *payloads: str | bytes, retain: bool = False) -> None:
    """Publish a few messages at QoS 1 and wait until the broker has them."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2, protocol=mqtt.MQTTv5)
    connected = threading.Event()
    client.on_connect = lambda *_: connected.set()
    client.connect("127.0.0.1", port)
    client.loop_start()
    assert connected.wait(10)
    for payload in payloads:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


class Many:
    """A client that publishes to many topics at once, as a coordinator does for all of its sensors."""

    def __init__(self, port: int) -> None:
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="many", protocol=mqtt.MQTTv5)
        self._client.max_inflight_messages_set(500)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def send(self, messages: dict[str, str]) -> None:
        """Publish all at QoS 1 and wait until the broker has them."""
        infos = [self._client.publish(topic, payload, qos=1) for topic, payload in messages.items()]
        for info in infos:
            info.wait_for_publish(10)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()
