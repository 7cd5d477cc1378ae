"""Real brokers for io tests: mosquitto where installed, and the one from the wheel."""

import asyncio
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
READY_S = 20.0

BROKERS = [
    pytest.param("mosquitto", marks=pytest.mark.skipif(MOSQUITTO is None, reason="mosquitto is not installed")),
    "iotcore",
]


def free_port() -> int:
    """A TCP port nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def broker(kind: str, port: int, folder: Path, extra: str = "") -> Iterator[subprocess.Popen[bytes]]:
    """A broker process on loopback; killed at the end. `extra`: more lines for mosquitto's configuration."""
    if kind == "mosquitto":
        assert MOSQUITTO is not None
        config = folder / f"mosquitto-{port}.conf"
        user = "user root\n" if os.geteuid() == 0 else ""
        config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nmax_queued_messages 0\n{user}{extra}")
        argv = [MOSQUITTO, "-c", str(config)]
    else:
        argv = [sys.executable, "-m", "simulators.broker", "--port", str(port)]
    process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


async def listening(port: int) -> None:
    """Wait until somebody takes connections."""
    async with asyncio.timeout(READY_S):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.01)
            else:
                writer.close()
                return
