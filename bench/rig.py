"""What benchmarks start: mosquitto, the daemon, and site files for it; everything ends with the `with` block.

Owns: processes and temporary folders of a benchmark run. Must not know: what is measured.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.request import urlopen

START_TIMEOUT_S = 20.0
"""A daemon or broker that is not up by then will not be."""


def free_port() -> int:
    """A TCP port nobody listens on just now."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@contextmanager
def folder() -> Iterator[Path]:
    """A temporary folder on the machine's disk (not tmpfs: commits must cost what they cost)."""
    path = Path(tempfile.mkdtemp(prefix="edgegw-bench-", dir=os.environ.get("EDGEGW_BENCH_DIR", "/var/tmp")))  # noqa: S108 -- mkdtemp makes it private
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def process(*command: str, ready: Path | None = None, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A child that is terminated, then killed, at the end."""
    child = subprocess.Popen(command, **options)
    try:
        if ready is not None:
            wait_until(ready.exists, f"{command[0]} to make {ready}")
        yield child
    finally:
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
            try:
                child.wait(15)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()


def wait_until(condition: Callable[[], object], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Poll a condition every 10 ms; TimeoutError naming `what` if it does not come true."""
    end = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > end:
            raise TimeoutError(f"waited {timeout_s:g} s for {what}")
        time.sleep(0.01)


def listening(port: int) -> bool:
    """Whether something accepts on the port."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=0.5).close()
    except OSError:
        return False
    return True


@contextmanager
def mosquitto_process(
    at: Path, extra: str = "", name: str = "mosquitto"
) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A real mosquitto on a free loopback port, queues unlimited, in-flight window of 2,000; its process and port."""
    binary = shutil.which("mosquitto") or "/usr/sbin/mosquitto"
    port = free_port()
    config = at / f"{name}.conf"
    config.write_text(
        f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\nmax_queued_messages 0\n"
        f"max_inflight_messages 2000\nset_tcp_nodelay true\nlog_type error\nlog_type warning\n{extra}\n"
    )
    with process(binary, "-c", str(config)) as child:
        wait_until(lambda: listening(port), "mosquitto to listen")
        yield child, port


@contextmanager
def mosquitto(at: Path, extra: str = "", name: str = "mosquitto") -> Iterator[int]:
    """The same; its port alone."""
    with mosquitto_process(at, extra, name) as (_, port):
        yield port


def site(
    at: Path, *, broker: int, devices: int, upstream: dict[str, object] | None = None, control: int = 0
) -> tuple[Path, int]:
    """A site file of `devices` leak sensors on one broker; returns it and the control port."""
    control = control or free_port()
    tree = {
        "gateway": {"id": "bench", "language": "en"},
        "store": {"path": str(at / "edgegw.db"), "budget": "2GiB", "reserve": "1MiB"},
        "control": {"port": control},
        "links": {"broker": {"kind": "mqtt", "host": "127.0.0.1", "port": broker}},
        "devices": {
            f"leak-{n:04d}": {
                "link": "broker",
                "profile": "zigbee2mqtt/leak",
                "address": f"leak-{n:04d}",
                "report": {"on_change": False, "deadband": 0, "min_interval": 0},  # every message is a record
                "labels": {"building": str(n // 100), "room": str(n % 100)},
            }
            for n in range(devices)
        },
    }
    if upstream:
        tree["upstream"] = upstream
    path = at / "edgegw.yaml"
    path.write_text(json.dumps(tree, indent=1))  # JSON is YAML
    return path, control


@contextmanager
def daemon(site_file: Path, control: int, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """The real daemon, ready."""
    with process(sys.executable, "-m", "edgegw", "run", str(site_file), **options) as child:

        def ready() -> bool:
            if child.poll() is not None:
                raise RuntimeError(f"the daemon ended with {child.returncode}")
            try:
                with urlopen(f"http://127.0.0.1:{control}/readyz", timeout=1) as answer:
                    return not json.load(answer)["parts"]["links"][
                        "down"
                    ]  # subscribed, so nothing is published into the void
            except OSError:
                return False

        wait_until(ready, "the daemon and its links")
        yield child


def metrics(control: int) -> dict[str, float]:
    """Every sample of /metrics: ``name{labels}`` → value."""
    with urlopen(f"http://127.0.0.1:{control}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    found = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.rpartition(" ")
            found[key] = float(value)
    return found
