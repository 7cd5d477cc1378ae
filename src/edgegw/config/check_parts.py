"""Checks of links, upstreams, store and control: what a part must satisfy by itself and beside its like.

Owns: ports and brokers used twice, TLS files, URLs, topics' templates, where things are stored.
Must not know: devices and profiles (config.check_devices), how files are looked at (it is handed `Files`).
"""

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.schema import (
    Gateway,
    HttpUpstream,
    Link,
    ModbusRtuLink,
    ModbusRtuTcpLink,
    ModbusTcpLink,
    MqttLink,
    MqttUpstream,
    SerialLink,
    Site,
    Upstream,
)
from edgegw.config.tls import Tls
from edgegw.model import Lane

COMMON_BAUDS = frozenset(
    {1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600}
)
"""Rates field devices are made for; another one is probably a slip of the finger."""

TOPIC_FIELDS = ("{gateway}", "{lane}", "{type}", "{subject}")

LINE_URLS = ("socket://", "rfc2217://", "loop://")


class Files(Protocol):
    """What the checks ask of the file system."""

    def is_file(self, path: Path) -> bool:
        """Whether there is a readable regular file."""
        ...

    def is_dir(self, path: Path) -> bool:
        """Whether there is a folder."""
        ...

    def real(self, path: Path) -> Path:
        """The path with symbolic links followed (``/dev/serial/by-id/…`` and ``/dev/ttyUSB0`` are one port)."""
        ...


def client_id(part: MqttLink | MqttUpstream, gateway: Gateway, name: str) -> str:
    """The MQTT client id of a link or upstream: stable, as the broker keeps the session under it."""
    if part.client_id is not None:
        return part.client_id
    return f"edgegw-{gateway.id}-{name}" if isinstance(part, MqttLink) else f"edgegw-{gateway.id}-up-{name}"


class PartChecks:
    """Goes through the parts once. `base`: the site file's folder."""

    def __init__(self, findings: Findings, gateway: Gateway, base: Path, files: Files) -> None:
        self._findings = findings
        self._gateway = gateway
        self._base = base
        self._files = files
        self._sessions: dict[tuple[str, int, str], str] = {}
        self._brokers: dict[tuple[str, int], str] = {}
        self._ports: dict[str, str] = {}
        self._lines: dict[tuple[str, int], str] = {}
        self._urls: dict[str, tuple[str, frozenset[str]]] = {}

    # --- links ----------------------------------------------------------------------------------------------------

    def link(self, name: str, link: Link) -> None:
        """Check one link; call in the order of the file."""
        at: Loc = ("links", name)
        if isinstance(link, MqttLink):
            self._mqtt(at, name, link)
            if link.will_topic is not None and (fault := _literal_topic_fault(link.will_topic)):
                self._findings.error((*at, "will_topic"), f"will_topic {fault}")
            if link.password is not None and link.username is None and link.version == "3.1.1":
                self._findings.error(
                    (*at, "password"), "MQTT 3.1.1 has no password without a username; add username", key=True
                )
        elif isinstance(link, ModbusTcpLink | ModbusRtuTcpLink):
            self._tcp(at, name, link)
        else:
            self._serial(at, name, link)
        if isinstance(link, ModbusRtuLink | ModbusRtuTcpLink | SerialLink):
            self._line_format(at, link)

    def _mqtt(self, at: Loc, name: str, part: MqttLink | MqttUpstream) -> None:
        host = _host(part.host)
        who = ".".join(str(p) for p in at)
        key = (host, part.port, client_id(part, self._gateway, name))
        first = self._sessions.setdefault(key, who)
        if first != who:
            at_id = (*at, "client_id") if part.client_id is not None else at
            self._findings.error(
                at_id,
                f"{first} is already client {key[2]!r} of broker {part.host}:{part.port}; two sessions of one id throw "
                "each other out: remove client_id (each gets its own) or change it",
                key=part.client_id is None,
            )
        self._brokers.setdefault((host, part.port), who)
        self._host_given(at, part.host)
        self._tls(at, part.tls)
        if part.password is not None and part.tls is None and not is_loopback(part.host):
            self._findings.warn((*at, "password"), f"the password goes to {part.host} unencrypted; add tls", key=True)

    def _tcp(self, at: Loc, name: str, link: ModbusTcpLink | ModbusRtuTcpLink) -> None:
        self._host_given(at, link.host)
        first = self._lines.setdefault((_host(link.host), link.port), name)
        if first == name:
            return
        message = f"{link.host}:{link.port} is already link {first!r} (line {self._findings.line(('links', first))})"
        if isinstance(link, ModbusRtuTcpLink):
            self._findings.error(
                (*at, "host"), f"{message}; a serial line has one owner: put the devices of both on one link"
            )
        else:
            self._findings.warn((*at, "host"), f"{message}; many devices take one connection only")

    def _serial(self, at: Loc, name: str, link: ModbusRtuLink | SerialLink) -> None:
        port = link.port.strip()
        if not port.isprintable() or not port:
            self._findings.error((*at, "port"), f"not a port: {port!r}; write the line's device, such as /dev/ttyUSB0")
            return
        if not port.startswith(LINE_URLS):
            if not port.startswith("/"):
                hint = "write /dev/ttyUSB0, or /dev/serial/by-id/… which stays the same"
                if isinstance(link, SerialLink):
                    hint += ", or socket://HOST:PORT"
                self._findings.error((*at, "port"), f"{port!r} is not a path; {hint}")
                return
            port = str(self._files.real(Path(port)))
        elif isinstance(link, ModbusRtuLink):
            self._findings.error((*at, "port"), "for a serial server write kind: modbus-rtu-tcp with host and port")
            return
        first = self._ports.setdefault(port, name)
        if first != name:
            self._findings.error(
                (*at, "port"),
                f"{link.port} is already link {first!r} (line {self._findings.line(('links', first))}); a port has one owner",
            )

    def _line_format(self, at: Loc, link: ModbusRtuLink | ModbusRtuTcpLink | SerialLink) -> None:
        if link.baud not in COMMON_BAUDS:
            near = min(COMMON_BAUDS, key=lambda b: abs(b - link.baud))
            self._findings.warn((*at, "baud"), f"{link.baud} baud is unusual; is {near} meant?")
        if not isinstance(link, SerialLink) and link.format[0] == "7":
            self._findings.error(
                (*at, "format"),
                f"Modbus RTU needs 8 data bits, not {link.format}; 7 bits are ASCII mode: set the device to RTU",
            )

    # --- upstreams ------------------------------------------------------------------------------------------------

    def upstream(self, name: str, upstream: Upstream) -> None:
        """Check one upstream; call after the links and in the order of the file."""
        at: Loc = ("upstream", name)
        if not upstream.lanes:
            self._findings.error((*at, "lanes"), "lanes is empty; leave it out for all lanes, or name at least one")
        elif len(set(upstream.lanes)) != len(upstream.lanes):
            self._findings.error((*at, "lanes"), "a lane is named twice")
        if upstream.retry.first > upstream.retry.most or upstream.retry.first <= 0:
            self._findings.error((*at, "retry"), "retry needs 0 < first <= most", key=True)
        if upstream.timeout <= 0:
            self._findings.error((*at, "timeout"), "a timeout must be more than 0")
        if isinstance(upstream, HttpUpstream):
            self._http(at, name, upstream)
            return
        self._mqtt(at, name, upstream)
        if fault := _template_fault(upstream.topic):
            self._findings.error((*at, "topic"), f"topic {fault}")
        if upstream.reply_topic is not None and (fault := _template_fault(upstream.reply_topic, ("{gateway}",))):
            self._findings.error((*at, "reply_topic"), f"reply_topic {fault}")

    def _http(self, at: Loc, name: str, upstream: HttpUpstream) -> None:
        loc = (*at, "url")
        try:
            url = urlsplit(upstream.url)
            host, _ = url.hostname, url.port
        except ValueError as e:
            self._findings.error(loc, f"not a URL: {e}")
            return
        if not host:
            self._findings.error(loc, "the URL names no host; write https://HOST/PATH")
            return
        if url.username is not None or url.password is not None:
            self._findings.error(loc, "no user or password in a URL: write the credential as token: {file: PATH}")
            return
        if url.fragment:
            self._findings.error(loc, "a URL to post to has no #fragment")
        if url.scheme == "http" and upstream.tls is not None:
            self._findings.error((*at, "tls"), "tls goes with an https:// URL", key=True)
        if url.scheme == "http" and upstream.token is not None and not is_loopback(host):
            self._findings.warn(loc, f"the token goes to {host} unencrypted; use https://")
        self._tls(at, upstream.tls)
        seen = self._urls.get(upstream.url.rstrip("/"))
        if seen is None:
            self._urls[upstream.url.rstrip("/")] = (name, frozenset(upstream.lanes))
        elif both := seen[1] & set(upstream.lanes):
            lanes = ", ".join(lane for lane in upstream.lanes if lane in both)
            self._findings.error(
                loc, f"upstream {seen[0]!r} sends the same lanes ({lanes}) to this URL already; remove one"
            )

    def lanes(self, upstreams: Mapping[str, Upstream]) -> None:
        """Warn of lanes nobody takes."""
        if not upstreams:
            self._findings.warn(
                ("upstream",),
                "no upstream: events are kept in the store and go nowhere; add an upstream section",
                key=True,
            )
            return
        taken = {lane for upstream in upstreams.values() for lane in upstream.lanes}
        if missing := [lane.label for lane in Lane if lane.label not in taken]:
            self._findings.warn(
                ("upstream",), f"no upstream takes {', '.join(missing)}: these records go nowhere", key=True
            )

    # --- the rest -------------------------------------------------------------------------------------------------

    def store(self, site: Site, path: Path, own: Path) -> None:
        """Check where records are kept. `path`: the resolved store; `own`: the site file."""
        store = site.store
        if store.reserve >= store.budget:
            self._findings.error(("store", "reserve"), "reserve must be smaller than budget")
        if not store.path.strip() or not store.path.isprintable():
            self._findings.error(("store", "path"), f"not a path: {store.path!r}; leave it out for edgegw.db")
        elif self._files.is_dir(path):
            self._findings.error(
                ("store", "path"), f"{path} is a folder; name a file in it, such as {path / 'edgegw.db'}"
            )
        elif self._files.real(path) in {self._files.real(own), *self._named_files(site)}:
            self._findings.error(
                ("store", "path"), f"{path} is another file of this site; the store would overwrite it"
            )

    def _named_files(self, site: Site) -> set[Path]:
        found: set[Path] = set()
        for part in (*site.links.values(), *site.upstream.values()):
            tls = getattr(part, "tls", None)
            secrets = (getattr(part, "password", None), getattr(part, "token", None))
            names = [tls.ca, tls.cert, tls.key] if tls is not None else []
            names += [secret.file for secret in secrets if secret is not None]
            found |= {self._files.real(self._base / name) for name in names if name is not None}
        return found

    def control(self, site: Site) -> None:
        """Check the control address; call last."""
        control = site.control
        if not control.enabled:
            return
        self._host_given(("control",), control.host)
        if (user := self._brokers.get((_host(control.host), control.port))) is not None:
            self._findings.error(
                ("control", "port"), f"{control.host}:{control.port} is the broker of {user}; take another port"
            )
        if control.host.strip() and not is_loopback(control.host):
            self._findings.warn(
                ("control", "host"),
                f"metrics and health are open to everyone who reaches {control.host}:{control.port}; keep it behind a firewall",
            )

    def profile_folders(self, folders: tuple[str, ...]) -> None:
        """Check the folders with profiles of this site."""
        for i, folder in enumerate(folders):
            if not self._files.is_dir(self._base / folder):
                self._findings.error(("profiles", i), f"no such folder: {self._base / folder}")

    def _host_given(self, at: Loc, host: str) -> None:
        if not host.strip() or any(c.isspace() or c in "/@" for c in host):
            self._findings.error((*at, "host"), f"not a host: {host!r}; write a name or an IP address, the port apart")

    def _tls(self, at: Loc, tls: Tls | None) -> None:
        if tls is None:
            return
        for key in ("ca", "cert", "key"):
            name = getattr(tls, key)
            if name is not None and not self._files.is_file(self._base / name):
                self._findings.error((*at, "tls", key), f"no such file, or not readable: {self._base / name}")
        if tls.key is not None and tls.cert is None:
            self._findings.error((*at, "tls", "key"), "a key without a cert; add cert, or remove key", key=True)


def is_loopback(host: str) -> bool:
    """Whether traffic to this host stays on the machine."""
    host = host.strip().strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _host(host: str) -> str:
    return "127.0.0.1" if is_loopback(host) else host.strip().lower()


def _literal_topic_fault(topic: str) -> str | None:
    if not topic:
        return "is empty"
    bad = next((c for c in "+#\0" if c in topic), None)
    return f"holds {bad!r}: messages are published to one exact topic" if bad else None


def _template_fault(template: str, fields: tuple[str, ...] = TOPIC_FIELDS) -> str | None:
    rest = template
    for field in fields:
        rest = rest.replace(field, "x")
    if "{" in rest or "}" in rest:
        name = rest[rest.find("{") :].split("}")[0] + "}" if "{" in rest else "}"
        return f"holds {name}; {suggest(name, fields, 'placeholders')}"
    return _literal_topic_fault(rest)
