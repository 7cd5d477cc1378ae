"""The whole demo as a user starts it: real processes, sockets and ptys; what it says, and that nothing stays behind."""

import fcntl
import json
import os
import re
import select
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest
from click.testing import CliRunner

from edgegw.cli.demo import demo
from edgegw.demo.children import DemoError

WITHIN_S = 60.0


def command(*args: str) -> list[str]:
    return [sys.executable, "-m", "edgegw", "demo", *args]


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    """Temporary files of the demo go where we can see them."""
    (tmp_path / "tmp").mkdir()
    env = os.environ | {"TMPDIR": str(tmp_path / "tmp"), "TERM": "xterm"}
    env.pop("COLUMNS", None)  # a test process of several has one; the terminal's own width counts
    return env


@pytest.fixture(autouse=True)
def nothing_left(tmp_path: Path) -> Iterator[None]:
    """No process of this demo, and no file of it, outlives a test."""
    yield
    deadline = time.monotonic() + 10
    while (left := family(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left == []
    assert list((tmp_path / "tmp").iterdir()) == [] if (tmp_path / "tmp").exists() else True


def family(folder: Path) -> list[str]:
    """Command lines of living processes that belong to a demo under this folder."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get("TMPDIR", "").startswith(str(folder)):
                found.append(" ".join(process.cmdline()))
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


def test_a_port_in_use_is_one_clear_line() -> None:
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        port = busy.getsockname()[1]
        result = CliRunner().invoke(demo, ["--for", "1s", "--port", str(port)])
    assert isinstance(result.exception, DemoError)
    want = f"cannot listen on 127.0.0.1:{port}: address already in use; choose another with --port"
    assert result.exception.detail == want


def test_unattended_it_ends_with_one_json_object_and_nothing_lost(env: dict[str, str], tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    done = subprocess.run(
        command("--for", "8s", "--json", "--keep", str(kept)),
        env=env,
        capture_output=True,
        text=True,
        timeout=WITHIN_S,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    summary = json.loads(line)
    assert (done.returncode, summary["ok"], summary["problems"]) == (0, True, []), done.stderr
    assert summary["records"]["lost"] == 0
    assert summary["records"]["committed"] == summary["records"]["accepted"] > 50
    assert summary["alarms"]["raised"] >= 2
    tickets = summary["tickets"]
    assert tickets["opened"] >= 2
    assert tickets["acknowledged"] == tickets["closed"] == tickets["resolved"] == tickets["opened"]
    assert tickets["missed"] == 0
    assert summary["responses"]["event"]["count"] >= 2
    assert {link["kind"] for link in summary["links"].values()} == {"mqtt", "modbus-rtu", "modbus-tcp", "serial"}
    for name in ("zigbee", "rs485-power", "lift-room", "card-reader", "qr-scanner"):
        assert summary["links"][name]["messages"] > 0, name
    assert summary["links"]["zigbee"]["messages"] >= summary["sent"]["mqtt"]
    assert ends_at_the_gateway(kept) == ends_at_the_desk(kept), "the gateway knows what became of each ticket"
    assert set(ends_at_the_desk(kept).values()) == {"closed"}


def ends_at_the_desk(folder: Path) -> dict[str, str]:
    """Ticket id → how far people came with it."""
    with closing(sqlite3.connect(folder / "desk.db")) as db:
        return dict(db.execute("SELECT ticket_id, progress FROM ticket"))


def ends_at_the_gateway(folder: Path) -> dict[str, str]:
    """Ticket id → its state, as the gateway kept it."""
    with closing(sqlite3.connect(folder / "demo.db")) as db:
        rows = db.execute("SELECT value FROM state WHERE kind IN ('trouble', 'ticket-history')")
        troubles = [json.loads(value) for (value,) in rows]
    return {one["ticket_id"]: one["state"] for one in troubles if one["state"] != "held"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_in_order(env: dict[str, str], number: signal.Signals) -> None:
    with subprocess.Popen(command("--language", "en"), env=env, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        assert running.stdout.readline().startswith("tickets: http://127.0.0.1:")
        running.send_signal(number)
        out, _ = running.communicate(timeout=WITHIN_S)
    assert running.returncode == 0
    assert "nothing was lost" in out


def test_a_second_signal_does_not_wait(env: dict[str, str]) -> None:
    with subprocess.Popen(command("--language", "en"), env=env, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        running.send_signal(signal.SIGINT)
        while "sources first" not in running.stdout.readline():
            pass
        running.send_signal(signal.SIGINT)
        running.communicate(timeout=5)
    assert running.returncode == 130


def test_a_signal_while_it_starts_leaves_nothing(env: dict[str, str], tmp_path: Path) -> None:
    with subprocess.Popen(command(), env=env, stdout=subprocess.DEVNULL) as running:
        deadline = time.monotonic() + 20
        while len(family(tmp_path)) < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGINT)
        running.wait(timeout=20)


def test_every_process_dies_with_a_demo_that_is_killed(tmp_path: Path, env: dict[str, str]) -> None:
    with subprocess.Popen(command(), env=env, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        running.stdout.readline()
        assert len(family(tmp_path)) == 5
        running.kill()
    for path in (tmp_path / "tmp").iterdir():  # the one thing nobody is left to do
        assert path.name.startswith("edgegw-demo-")
        for file in path.iterdir():
            file.unlink()
        path.rmdir()


def test_plugs_are_pulled_by_keys_on_a_terminal_and_nothing_is_lost(env: dict[str, str]) -> None:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 45, 150, 0, 0))
    with subprocess.Popen(command("--language", "en"), env=env, stdin=theirs, stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        seen = Terminal(ours)
        seen.until("edgegw demo")
        for key, what in (("g", "killed with SIGKILL"), ("d", "desk: unplugged"), ("l", "water on the floor")):
            os.write(ours, key.encode())
            seen.until(what)
        os.write(ours, b"d")
        seen.until("desk: plugged in again")
        os.write(ours, b"q")
        seen.until("nothing was lost")
        running.wait(timeout=WITHIN_S)
    os.close(ours)
    assert running.returncode == 0


class Terminal:
    """What was written to a terminal, colours and cursor movements left out."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._text = ""

    def until(self, text: str) -> None:
        deadline = time.monotonic() + WITHIN_S
        while text not in self._text:
            assert time.monotonic() < deadline, f"never saw {text!r}; last: {self._text[-2000:]}"
            if select.select([self._fd], [], [], 0.2)[0]:
                data = os.read(self._fd, 65536).decode("utf-8", "replace")
                self._text = (self._text + re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", data))[-200_000:]
