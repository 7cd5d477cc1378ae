"""The processes of a demo: which, in what order they start and end, and how their plugs are pulled.

Owns: command lines, the folder, mosquitto's configuration, the order sink-first and source-first.
Must not know: what is shown, what the numbers mean.
"""

import asyncio
import os
import shutil
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from edgegw.demo.children import Child, DemoError
from edgegw.demo.site import Addresses, Cast, site_text

GATEWAY_STOP_S = 20.0
"""SIGTERM to SIGKILL for the gateway: it delivers what it holds, under its own deadline."""

BROKER_POLL_S = 0.05
"""How often mosquitto's port is tried while it starts; it prints no ready line of its own."""

BROKER_WITHIN_S = 10.0
"""It starts in a tenth of a second, or not at all."""

MOSQUITTO_CONF = """\
# The broker of an edgegw demo: loopback only, nothing dropped, everything kept.
listener {port} {host}
allow_anonymous true
persistence true
persistence_location {folder}/
autosave_interval 1
autosave_on_changes true
max_queued_messages 0
max_inflight_messages 1000
log_type error
log_type warning
"""
"""0: no limit on queued messages (the default drops beyond 1,000 while it acknowledges them)."""

GATEWAY_STATE = "edgegw/demo/state"
"""MQTT topic of the gateway's ``online`` and ``offline``, retained."""

PLUGS = {"b": "broker", "d": "desk", "g": "gateway"}
"""Keys of the processes that can be unplugged."""


def free_port(host: str, wanted: int = 0, option: str = "") -> int:
    """`wanted` if nobody listens there, any free port for 0; else DemoError in one clear line.

    `option`: what the user may type to choose another port.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, wanted))
            probe.listen()
        except OSError as error:
            hint = f"; choose another with {option}" if option else ""
            raise DemoError("port", f"cannot listen on {host}:{wanted}: {str(error.strerror).lower()}{hint}") from error
        port: int = probe.getsockname()[1]
        return port


class Stage:
    """See the module's text.

    Args:
        folder: where everything of the demo is kept.
        port: of the ticket desk, 0 for any free one.
        broker: ``mosquitto``, ``rumqttd``, or ``auto``: mosquitto where it is installed.
        say: told what happens: a process's name and a text.
    """

    def __init__(self, folder: Path, *, language: str, port: int, broker: str, say: Callable[[str, str], None]) -> None:
        self.folder = folder
        self._language = language
        self._say = say
        host = "127.0.0.1"
        self.at = Addresses(host=host, desk=free_port(host, port, "--port"), control=free_port(host))
        self.broker_port = free_port(host)
        self.site = folder / "edgegw.yaml"
        self.cast = Cast({}, {})
        mosquitto = shutil.which("mosquitto", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
        if broker == "mosquitto" and mosquitto is None:
            raise DemoError("broker", "mosquitto is not installed; leave --broker out to use the one that came along")
        self.broker = self._broker(mosquitto if broker != "rumqttd" else None)
        self.desk = self._child(
            "desk",
            "simulators.desk",
            "--port",
            str(self.at.desk),
            "--db",
            str(folder / "desk.db"),
            "--staff",
            "--language",
            language,
        )
        # What stands there tells the sensors that a broker which forgot everything has its subscriber again.
        self.community = self._child(
            "community",
            "simulators.community",
            "--mqtt",
            f"{host}:{self.broker_port}",
            "--folder",
            str(folder),
            "--wait-for",
            GATEWAY_STATE,
            "--language",
            language,
        )
        self.gateway = Child(
            "gateway",
            [sys.executable, "-m", "edgegw", "run", str(self.site)],
            folder=folder,
            speaks=False,
            env={k: v for k, v in os.environ.items() if k != "NOTIFY_SOCKET"},
            on_change=say,
            stop_within_s=GATEWAY_STOP_S,
        )
        self._keepers: list[asyncio.Task[None]] = []

    @property
    def children(self) -> tuple[Child, ...]:
        """All of them, sinks first."""
        return (self.desk, self.broker, self.gateway, self.community)

    def _child(self, name: str, module: str, *args: str) -> Child:
        return Child(name, [sys.executable, "-m", module, *args], folder=self.folder, on_change=self._say)

    def _broker(self, mosquitto: str | None) -> Child:
        if mosquitto is None:
            return self._child("broker", "simulators.broker", "--port", str(self.broker_port))
        conf = self.folder / "mosquitto.conf"
        conf.write_text(
            MOSQUITTO_CONF.format(port=self.broker_port, host=self.at.host, folder=self.folder), encoding="utf-8"
        )
        if os.geteuid() == 0:  # mosquitto gives up root by itself and could then not write its file here
            with conf.open("a", encoding="utf-8") as text:
                text.write("user root\n")
        return Child("broker", [mosquitto, "-c", str(conf)], folder=self.folder, speaks=False, on_change=self._say)

    async def open(self) -> None:
        """Start everything; the gateway may still be starting when this returns. Raises DemoError."""
        await asyncio.gather(self._start_broker(), self.desk.start(), self.community.start())
        try:
            self.cast = msgspec.convert(self.community.ready, Cast)
        except msgspec.ValidationError as error:
            raise DemoError("child", f"the community introduced itself in an unknown way: {error}") from error
        self.site.write_text(site_text(self.cast, self.at, language=self._language), encoding="utf-8")
        await self.gateway.start()

    async def begin(self) -> None:
        """Let the community's story begin, and keep everybody alive from now on.

        Should the community die, its next life begins by itself, at the same addresses.
        """
        await self.community.ask("begin")
        self._keepers = [asyncio.create_task(child.keep(), name=f"keep {child.name}") for child in self.children]
        self.community.argv.append("--begin")
        for link in self.cast.links.values():
            if link.get("kind") == "modbus-tcp":
                self.community.argv += ["--input-port", str(link["port"])]

    async def _start_broker(self) -> None:
        await self.broker.start()
        if self.broker.ready:
            return
        deadline = time.monotonic() + BROKER_WITHIN_S
        while time.monotonic() < deadline:
            try:
                _, writer = await asyncio.open_connection(self.at.host, self.broker_port)
            except OSError:
                if not self.broker.alive:
                    break
                await asyncio.sleep(BROKER_POLL_S)
            else:
                writer.close()
                return
        raise DemoError("child", f"broker did not start: {self.broker.last_words() or 'it does not listen'}")

    async def pull(self, key: str) -> None:
        """Unplug a process, or plug it in again. The gateway is killed and started again at once."""
        child: Child = getattr(self, PLUGS[key])
        if child is self.gateway:
            await child.stop(now=True)
            self._say(child.name, "killed with SIGKILL, starting again")
            await child.start()
        elif child.wanted:
            # The broker is asked to end, so that it can write its file; the desk is killed: what it accepted is on its disk.
            await child.stop(now=child is not self.broker)
            self._say(child.name, "unplugged; press again to plug it in")
        else:
            await child.start()
            self._say(child.name, "plugged in again")

    async def plug_in(self) -> None:
        """Start whatever is unplugged."""
        for child in self.children:
            if not child.wanted:
                await child.start()

    async def close(self) -> None:
        """End everything that runs, sources first."""
        for keeper in self._keepers:
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        for child in reversed(self.children):
            await child.stop(now=child is self.community)

    def kill(self) -> None:
        """SIGKILL to everything, without waiting."""
        for child in self.children:
            child.wanted = False
            child.kill()
