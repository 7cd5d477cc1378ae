"""A real site in a temporary folder: broker, daemon and desk as processes on loopback, and the means to hurt them.

Owns: starting, killing and asking them. Must not know: what a test wants to show.
"""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from urllib.error import URLError
from urllib.request import Request, urlopen

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WITHIN_S = 30.0
LOOK_S = 0.02

_T = TypeVar("_T")


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def eventually(what: str, look: Callable[[], _T], within_s: float = WITHIN_S) -> _T:
    """Look until the answer is true; AssertionError naming `what` and the last answer."""
    end = time.monotonic() + within_s
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < end, f"waited {within_s:g} s for {what}; last: {found!r}"
        time.sleep(LOOK_S)


def fetch(url: str, body: object = None) -> Any:
    """JSON (or text) of a URL; None while nobody answers."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urlopen(Request(url, data=data, headers={"Content-Type": "application/json"}), timeout=10) as answer:
            text = answer.read().decode()
    except (URLError, ConnectionError, TimeoutError):
        return None
    try:
        return json.loads(text)
    except ValueError:
        return text


def listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


class Plant:
    """See the module's text. `folder` keeps the files of all processes."""

    def __init__(self, folder: Path, *, broker: str = "mosquitto") -> None:
        self.folder = folder
        self.broker_kind = broker
        self.ports = {"broker": free_port(), "desk": free_port(), "control": free_port()}
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.site = folder / "edgegw.yaml"
        self.tree: dict[str, Any] = {
            "gateway": {"id": "gw", "language": "en"},
            "profiles": [str(HERE / "profiles")],
            "store": {"path": str(folder / "edgegw.db"), "budget": "64MiB", "reserve": "1MiB"},
            "control": {"port": self.ports["control"]},
            "links": {"broker": {"kind": "mqtt", "port": self.ports["broker"]}},
            "devices": {
                "counter-1": {
                    "link": "broker",
                    "profile": "test/counter",
                    "address": "dev/counter-1",
                    "labels": {"building": "3", "room": "1203"},
                }
            },
            "upstream": {
                "desk": {
                    "kind": "http",
                    "url": f"http://127.0.0.1:{self.ports['desk']}/events",
                    "retry": {"first": "50ms", "most": "500ms"},
                }
            },
        }

    def _spawn(self, name: str, *argv: str, **env: str) -> None:
        with (self.folder / f"{name}.log").open("ab") as log:
            self.children[name] = subprocess.Popen(
                argv, cwd=ROOT, stdout=log, stderr=log, stdin=subprocess.DEVNULL, env=os.environ | env
            )

    def start_broker(self) -> None:
        """Unless it runs."""
        if "broker" in self.children:
            return
        port = self.ports["broker"]
        if self.broker_kind == "mosquitto":
            config = self.folder / "mosquitto.conf"
            config.write_text(
                f"listener {port} 127.0.0.1\nallow_anonymous true\npersistence true\npersistence_location {self.folder}/\n"
                "max_queued_messages 0\nmax_inflight_messages 500\nset_tcp_nodelay true\n"
                "autosave_interval 1\nautosave_on_changes false\n" + ("user root\n" if os.geteuid() == 0 else "")
            )
            self._spawn("broker", shutil.which("mosquitto") or "/usr/sbin/mosquitto", "-c", str(config))
        else:
            self._spawn("broker", sys.executable, "-m", "simulators.broker", "--port", str(port))
        eventually("the broker to listen", lambda: listening(port))

    def start_desk(self, mode: str = "ok") -> None:
        self._spawn(
            "desk", sys.executable, "-m", "simulators.desk", "--port", str(self.ports["desk"]), "--db",
            str(self.folder / "desk.db"), "--mode", mode,
        )  # fmt: skip
        eventually("the desk to answer", lambda: self.desk("stats"))

    def start_gateway(self, *, ready: bool = True, **env: str) -> None:
        self.site.write_text(json.dumps(self.tree, ensure_ascii=False))
        self._spawn("gateway", sys.executable, "-m", "edgegw", "run", str(self.site), **env)
        if ready:
            eventually("the gateway to be ready", self.connected)

    def connected(self) -> bool:
        assert self.children["gateway"].poll() is None, (self.folder / "gateway.log").read_text()[-3000:]
        answer = fetch(f"http://127.0.0.1:{self.ports['control']}/readyz")
        return bool(answer) and not answer["parts"]["links"]["down"]

    def kill(self, name: str, number: int = signal.SIGKILL) -> int:
        """Signal a process and wait for its end; returns its exit code."""
        child = self.children.pop(name)
        child.send_signal(number)
        return child.wait(WITHIN_S)

    def stop(self) -> None:
        for name in ("gateway", "broker", "desk"):
            if name in self.children:
                child = self.children.pop(name)
                child.terminate()
                try:
                    child.wait(20)
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()

    # --- asking

    def desk(self, path: str, body: object = None) -> Any:
        return fetch(f"http://127.0.0.1:{self.ports['desk']}/api/{path}", body)

    def tickets(self, state: str = "") -> list[dict[str, Any]]:
        return list(self.desk(f"tickets?limit=1000&state={state}")["tickets"])

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        return list(self.desk(f"events?limit=100000&type={kind}")["events"])

    def metrics(self) -> dict[str, float]:
        text = fetch(f"http://127.0.0.1:{self.ports['control']}/metrics") or ""
        pairs = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {name: float(value) for name, _, value in pairs}

    def numbers(self) -> list[int]:
        """The counter values the desk has, in the order of their arrival, one per event."""
        found = []
        for event in self.events("edgegw.reading"):
            found += [r["value"] for r in event["data"]["readings"] if r["point"] == "n"]
        return found

    def report(self, day: str) -> dict[str, tuple[Any, int]]:
        """Indicator → value and n of one day, as `edgegw report` reads them from the store."""
        argv = ("report", str(self.site), "--from", day, "--to", day, "--format", "json", "-o", "-")
        made = subprocess.run(
            (sys.executable, "-m", "edgegw", *argv), cwd=ROOT, capture_output=True, text=True, check=True
        )
        return {one["key"]: (one["value"], one["n"]) for one in json.loads(made.stdout)["indicators"]}

    def log(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text()
