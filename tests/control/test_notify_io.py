"""The notifier on a real AF_UNIX datagram socket, as systemd has it."""

import socket

import pytest

from edgegw.clock import ManualClock
from edgegw.control.notify import Notifier, Watchdog

pytestmark = pytest.mark.enable_socket


@pytest.fixture(params=["path", "abstract"])
def systemd(request, tmp_path, monkeypatch):
    """systemd's end of the notify socket."""
    name = str(tmp_path / "notify") if request.param == "path" else f"\0edgegw-test-{tmp_path.name}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
        sock.bind(name)
        sock.settimeout(5)
        monkeypatch.setenv("NOTIFY_SOCKET", name.replace("\0", "@"))
        yield sock


async def test_ready_watchdog_stopping(systemd):
    async def probe() -> None:
        return None

    notifier = Notifier()
    watchdog = Watchdog(
        progress=lambda: 0, idle=lambda: True, probe=probe, feed=notifier.alive, clock=ManualClock(), period_s=60
    )
    notifier.need_time(30)
    notifier.ready("3 links, 30 devices\nWATCHDOG=trigger")
    await watchdog.look()
    notifier.stopping()
    notifier.close()
    notifier.alive()
    heard = [systemd.recv(4096).decode() for _ in range(4)]
    assert heard == [
        "EXTEND_TIMEOUT_USEC=30000000",
        "READY=1\nSTATUS=3 links, 30 devices WATCHDOG=trigger",
        "WATCHDOG=1",
        "STOPPING=1\nSTATUS=stopping: draining",
    ]
    systemd.setblocking(False)
    with pytest.raises(BlockingIOError):
        systemd.recv(4096)


@pytest.mark.timeout(10)
def test_a_full_queue_at_systemd_does_not_block(systemd):
    notifier = Notifier()
    for _ in range(5000):
        notifier.alive()
    notifier.close()
    assert systemd.recv(4096) == b"WATCHDOG=1"
