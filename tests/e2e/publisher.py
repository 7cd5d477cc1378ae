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
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="publisher", clean_session=False)
        self._client.on_publish = self._published
        self._client.max_inflight_messages_set(200)
        self._client.connect("127.0.0.1", port)
        self._topic = topic
        self._rate = rate
        self._mids: dict[int, int] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.acknowledged: set[int] = set()
        self.sent = 0
        self._client.loop_start()
        self._thread = threading.Thread(target=self._run, name="publisher", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        began = time.monotonic()
        while not self._stop.wait(0.01):
            due = int((time.monotonic() - began) * self._rate)
            while self.sent < due and not self._stop.is_set():
                with self._lock:
                    self.sent += 1
                    info = self._client.publish(self._topic, f'{{"n":{self.sent},"leak":false}}', qos=1)
                    self._mids[info.mid] = self.sent

    def _published(self, _client: object, _data: object, mid: int, _code: object, _properties: object) -> None:
        with self._lock:
            number = self._mids.pop(mid, None)
        if number is not None:
            self.acknowledged.add(number)

    def finish(self, within_s: float = 20.0) -> set[int]:
        """Stop publishing, wait for the last acknowledgement, return all acknowledged numbers."""
        self._stop.set()
        self._thread.join()
        end = time.monotonic() + within_s
        while len(self.acknowledged) < self.sent and time.monotonic() < end:
            time.sleep(0.01)
        self._client.disconnect()
        self._client.loop_stop()
        return self.acknowledged


def send(port: int, topic: str, *payloads: str | bytes, retain: bool = False) -> None:
    """Publish a few messages at QoS 1 and wait until the broker has them."""
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for payload in payloads:
        client.publish(topic, payload, qos=1, retain=retain).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()
