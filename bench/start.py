"""Start: exec to READY (systemd's notification) with 1,000 devices, on an existing store."""

import os
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, at_most
from bench.rig import folder, free_port, site

DEVICES = 1000
TARGET_S = 1.5


def once(path: Path, notify: Path) -> float:
    """Seconds from exec to READY=1; the daemon is stopped afterwards."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(str(notify))
        sock.settimeout(30)
        began = time.monotonic()
        child = subprocess.Popen(
            (sys.executable, "-m", "edgegw", "run", str(path)),
            env=os.environ | {"NOTIFY_SOCKET": str(notify)},
            stderr=subprocess.DEVNULL,
        )
        try:
            while "READY=1" not in sock.recv(4096).decode():
                pass
            return time.monotonic() - began
        finally:
            child.terminate()
            child.wait(20)
            notify.unlink()


def run(*, quick: bool = False) -> list[Figure]:
    """Median of several starts; the first one (which makes the store, and Python's caches) is left out."""
    with folder() as at:
        path, _ = site(at, broker=free_port(), devices=DEVICES)
        times = [once(path, at / "notify") for _ in range(4 if quick else 11)][1:]
    return [
        at_most(
            "start.ready",
            statistics.median(times),
            TARGET_S,
            "s",
            devices=DEVICES,
            starts=len(times),
            slowest=round(max(times), 3),
        )
    ]
