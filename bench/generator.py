"""A QoS 1 load generator that costs next to nothing: prebuilt MQTT 3.1.1 PUBLISH packets over one plain socket.

Owns: the bytes it sends and the count of PUBACKs that came back. Runs as its own process: `python -m bench.generator --help`.
Must not know: who receives the messages.

Packets are built once in chunks of 1,000 (each with its own packet ids); at most `WINDOW` chunks are unacknowledged, so that the
broker's answer, not this program's buffer, sets the pace. With `--rate` the chunks are cut to pace them evenly.
"""

import argparse
import json
import socket
import struct
import sys
import time

CHUNK = 1000
"""Messages built and sent at once when unpaced."""
WINDOW = 8
"""Chunks in flight: 8,000 messages keep mosquitto busy and fit its inflight bookkeeping."""
PUBACK_BYTES = 4


def payload(number: int) -> bytes:
    """A sensor's message of 120 bytes, with values that change."""
    body = (
        f'{{"battery":{60 + number % 40},"voltage":{2900 + number % 100},"linkquality":{number % 255},'
        f'"temperature":{20 + number % 97 / 10:.2f},"water_leak":false,"n":{10_000_000 + number}'
    )
    return (body + ',"pad":"' + "x" * (120 - len(body) - 10) + '"}').encode()


def publish(topic: str, mid: int, data: bytes) -> bytes:
    """One QoS 1 PUBLISH packet (MQTT 3.1.1, section 3.3)."""
    variable = struct.pack(">H", len(topic)) + topic.encode() + struct.pack(">H", mid) + data
    length, encoded = len(variable), bytearray()
    while True:
        byte, length = length % 128, length // 128
        encoded.append(byte | 0x80 if length else byte)
        if not length:
            return bytes((0x32, *encoded)) + variable


def connect(host: str, port: int, client_id: str) -> socket.socket:
    """A connected socket after CONNACK, clean session, keepalive off."""
    sock = socket.create_connection((host, port), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    name = client_id.encode()
    variable = b"\x00\x04MQTT\x04\x02\x00\x00" + struct.pack(">H", len(name)) + name
    sock.sendall(bytes((0x10, len(variable))) + variable)
    if sock.recv(4)[3:4] != b"\x00":
        raise ConnectionError("the broker refused the generator")
    return sock


class Acks:
    """Counts PUBACK bytes; nothing else is ever sent to us."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._bytes = 0

    def until(self, messages: int) -> None:
        """Read until so many messages in all are acknowledged."""
        while self._bytes < messages * PUBACK_BYTES:
            data = self._sock.recv(65536)
            if not data:
                raise ConnectionError("the broker closed the connection")
            self._bytes += len(data)


def flood(sock: socket.socket, topics: list[str], count: int) -> None:
    """Send `count` messages as fast as the broker acknowledges them."""
    chunks = []
    for c in range(WINDOW):
        base = c * CHUNK
        chunks.append(
            b"".join(publish(topics[(base + i) % len(topics)], base + i + 1, payload(base + i)) for i in range(CHUNK))
        )
    acks, sent = Acks(sock), 0
    while sent < count:
        sock.sendall(chunks[(sent // CHUNK) % WINDOW])
        sent += CHUNK
        acks.until(sent - (WINDOW - 1) * CHUNK)
    acks.until(sent)


def paced(sock: socket.socket, topics: list[str], count: int, rate: float) -> None:
    """Send `count` messages at `rate` per second, evenly, 100 times a second."""
    acks, sent, start = Acks(sock), 0, time.monotonic()
    while sent < count:
        due = min(count, int((time.monotonic() - start) * rate) + 1)
        if due > sent:
            sock.sendall(
                b"".join(publish(topics[n % len(topics)], n % 60000 + 1, payload(n)) for n in range(sent, due))
            )
            sent = due
        acks.until(max(0, sent - 4000))
        time.sleep(min(0.01, 1 / rate))
    acks.until(sent)


def main() -> None:
    """Command line: floods or paces, then prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--topic", default="zigbee2mqtt/leak-{:04d}")
    parser.add_argument("--devices", type=int, default=1000)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0, help="messages per second; 0: as fast as acknowledged")
    args = parser.parse_args()
    topics = [args.topic.format(n) for n in range(args.devices)]
    sock = connect(args.host, args.port, f"bench-generator-{time.monotonic_ns()}")
    began = time.monotonic()
    if args.rate:
        paced(sock, topics, args.count, args.rate)
    else:
        flood(sock, topics, args.count)
    seconds = time.monotonic() - began
    sock.sendall(b"\xe0\x00")
    json.dump({"sent": args.count, "seconds": seconds, "rate": args.count / seconds}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
