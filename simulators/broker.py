"""An MQTT broker in one process, for machines without mosquitto: ``python -m simulators.broker --port 1883``.

Owns: rumqttd's configuration (it comes in the `iotcore` wheel), the ready line, and dying at once when told.
Must not know: who connects.

It keeps sessions and queues of absent clients in memory, as the gateway needs, but nothing on disk: what it had acknowledged
and not yet delivered is gone when it is killed. Production and CI use Debian's mosquitto.
"""

import argparse
import json
import logging
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path

READY_WITHIN_S = 10.0
"""A loaded two-core machine starts it in half a second; after ten it will not come."""

READY_POLL_S = 0.02
"""How often the port is tried while it starts."""

CONFIG = """\
id = 0

[router]
id = 0
max_connections = 1000
max_outgoing_packet_count = 2000
max_segment_size = 16777216
max_segment_count = 16

[{version}.1]
name = "devices"
listen = "{listen}:{port}"
next_connection_delay_ms = 1

[{version}.1.connections]
connection_timeout_ms = 10000
max_payload_size = 1048576
max_inflight_count = 1000
dynamic_filters = true
"""
"""rumqttd's TOML: one listener; a megabyte of payload (a face terminal's picture), a log of at most 256 MiB per filter."""


def config(port: int, *, listen: str = "127.0.0.1", version: str = "5") -> str:
    """The TOML for one plain listener speaking MQTT ``5`` or ``3.1.1`` (rumqttd wants a port for each)."""
    return CONFIG.format(version="v5" if version == "5" else "v4", listen=listen, port=port)


def free_port(host: str = "127.0.0.1") -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def _say_when_ready(host: str, port: int) -> None:
    deadline = time.monotonic() + READY_WITHIN_S
    while time.monotonic() < deadline:
        try:
            socket.create_connection((host, port), timeout=1.0).close()
        except OSError:
            time.sleep(READY_POLL_S)
        else:
            print(json.dumps({"ready": True, "kind": "rumqttd", "host": host, "port": port}), flush=True)
            return


def main() -> int:
    """Run until SIGINT or SIGTERM; one JSON line on stdout when it accepts connections. Exit code 2: it cannot listen."""
    parser = argparse.ArgumentParser(prog="python -m simulators.broker", description="An MQTT broker in one process.")
    parser.add_argument("--port", type=int, default=0, help="0: any free port (default)")
    parser.add_argument("--listen", default="127.0.0.1")
    parser.add_argument("--version", choices=("5", "3.1.1"), default="5", help="of MQTT, one per listener")
    args = parser.parse_args()
    try:
        from iotcore.iotcore import IotCoreBroker  # noqa: PLC0415 - so that a missing wheel is one line
    except ImportError:
        print("error: the package iotcore is not installed (edgegw[demo]), and no mosquitto was found", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM):  # Rust holds the main thread: Python's handlers would never run
        signal.signal(number, signal.SIG_DFL)
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)  # it logs every packet as an error span
    port = args.port or free_port(args.listen)
    with tempfile.TemporaryDirectory(prefix="edgegw-broker-") as folder:
        path = Path(folder, "rumqttd.toml")
        path.write_text(config(port, listen=args.listen, version=args.version), encoding="utf-8")
        broker = IotCoreBroker(config_path=str(path))
    try:
        broker.check_ports()
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    threading.Thread(target=_say_when_ready, args=(args.listen, port), daemon=True).start()
    broker.run_forever()
    return 1  # it only comes back when it failed


if __name__ == "__main__":
    sys.exit(main())
