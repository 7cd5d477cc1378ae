"""mosquitto_sub as the measure: a C client that keeps nothing, timed by its own receive times.

Owns: starting it and reading the times of its first and last message. Must not know: who publishes.
"""

import subprocess
import time
from pathlib import Path

LAST_LINES_BYTES = 4000
"""Enough of the file's end to hold its last line."""


class Sink:
    """A running `mosquitto_sub -q 1` that ends by itself after `count` messages."""

    def __init__(self, out: Path, port: int, topic: str, count: int) -> None:
        self._out = out
        self._count = count
        with out.open("wb") as file:
            self._child = subprocess.Popen(
                (
                    "mosquitto_sub",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(port),
                    "-q",
                    "1",
                    "-t",
                    topic,
                    "-C",
                    str(count),
                    "-F",
                    "%U %l",
                ),
                stdout=file,
            )
        time.sleep(0.5)  # its subscription has no other sign

    def rate(self, timeout_s: float) -> float:
        """Messages per second from the first to the last, when all have come; subprocess.TimeoutExpired if they don't."""
        self._child.wait(timeout_s)
        with self._out.open("rb") as file:
            first = float(file.readline().split()[0])
            file.seek(-min(LAST_LINES_BYTES, self._out.stat().st_size), 2)
            last = float(file.readlines()[-1].split()[0])
        return self._count / (last - first)

    def stop(self) -> None:
        """End it if it still runs."""
        if self._child.poll() is None:
            self._child.kill()
            self._child.wait()
