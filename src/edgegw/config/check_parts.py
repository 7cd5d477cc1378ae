"""Checks of links, upstreams, store and control: what a part must satisfy by itself and beside its like.

Owns: ports and lines used twice, topics' templates, where things are stored.
Must not know: devices and profiles (config.check_devices), how files are looked at (it is handed `Files`).
"""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from edgegw.config.check_net import Files, NetChecks, is_loopback, plain_host, template_fault, topic_fault
from edgegw.config.findings import Findings, Loc
from edgegw.config.schema import (
    Gateway,
    Link,
    MeterLink,
    ModbusRtuLink,
    ModbusRtuTcpLink,
    ModbusTcpLink,
    MqttLink,
    OsdpLink,
    SerialLink,
    Site,
)
from edgegw.config.upstream import HttpTickets, HttpUpstream, MqttTickets, MqttUpstream, RestUpstream, Upstream
from edgegw.model import Lane

COMMON_BAUDS = frozenset(
    {1200, 2400, 4800, 9600, 14400, 19200, 28800, 38400, 57600, 76800, 115200, 230400, 460800, 921600}
)
"""Rates field devices are made for; another one is probably a slip of the finger."""

LINE_URLS = ("socket://", "rfc2217://", "loop://")


def client_id(part: MqttLink | MqttUpstream, gateway: Gateway, name: str) -> str:
    """The MQTT client id of a link or upstream: stable, as the broker keeps the session under it."""
    if part.client_id is not None:
        return part.client_id
    return f"edgegw-{gateway.id}-{name}" if isinstance(part, MqttLink) else f"edgegw-{gateway.id}-up-{name}"


def tickets_id(part: MqttUpstream, gateway: Gateway, name: str) -> str:
    """The client id of the session in which an upstream's ticket states arrive; the broker keeps them under it."""
    return f"{client_id(part, gateway, name)}-tickets"


class PartChecks:
    """Goes through the parts once. `base`: the site file's folder."""

    def __init__(self, findings: Findings, gateway: Gateway, base: Path, files: Files, net: NetChecks) -> None:
        self._findings = findings
        self._net = net
        self._gateway = gateway
        self._base = base
        self._files = files
        self._ports: dict[str, str] = {}
        self._lines: dict[tuple[str, int], str] = {}
        self._urls: dict[str, tuple[str, frozenset[str]]] = {}

    # --- links ----------------------------------------------------------------------------------------------------

    def link(self, name: str, link: Link) -> None:
        """Check one link; call in the order of the file."""
        at: Loc = ("links", name)
        if isinstance(link, MqttLink):
            self._net.session(at, link, client_id(link, self._gateway, name))
            if link.will_topic is not None and (fault := topic_fault(link.will_topic)):
                self._findings.error((*at, "will_topic"), f"will_topic {fault}")
        elif isinstance(link, ModbusTcpLink | ModbusRtuTcpLink):
            self._tcp(at, name, link)
        else:
            self._serial(at, name, link)
        if isinstance(link, ModbusRtuLink | ModbusRtuTcpLink | SerialLink | MeterLink):
            self._line_format(at, link)

    def _tcp(self, at: Loc, name: str, link: ModbusTcpLink | ModbusRtuTcpLink) -> None:
        self._net.host(at, link.host)
        first = self._lines.setdefault((plain_host(link.host), link.port), name)
        if first == name:
            return
        message = f"{link.host}:{link.port} is already link {first!r} (line {self._findings.line(('links', first))})"
        if isinstance(link, ModbusRtuTcpLink):
            self._findings.error(
                (*at, "host"), f"{message}; a serial line has one owner: put the devices of both on one link"
            )
        else:
            self._findings.warn((*at, "host"), f"{message}; many devices take one connection only")

    def _serial(self, at: Loc, name: str, link: ModbusRtuLink | OsdpLink | SerialLink | MeterLink) -> None:
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
        elif isinstance(link, OsdpLink):
            self._findings.error((*at, "port"), "OSDP needs the line itself: write its device, such as /dev/ttyUSB0")
            return
        elif isinstance(link, MeterLink):
            self._findings.error((*at, "port"), "a line of meters is a port of this box: write its device path")
            return
        elif isinstance(link, ModbusRtuLink):
            self._findings.error((*at, "port"), "for a serial server write kind: modbus-rtu-tcp with host and port")
            return
        first = self._ports.setdefault(port, name)
        if first != name:
            self._findings.error(
                (*at, "port"),
                f"{link.port} is already link {first!r} (line {self._findings.line(('links', first))}); a port has one owner",
            )

    def _line_format(self, at: Loc, link: ModbusRtuLink | ModbusRtuTcpLink | SerialLink | MeterLink) -> None:
        if link.baud not in COMMON_BAUDS:
            near = min(COMMON_BAUDS, key=lambda b: abs(b - link.baud))
            self._findings.warn((*at, "baud"), f"{link.baud} baud is unusual; is {near} meant?")
        if not isinstance(link, SerialLink) and link.format[0] == "7":
            self._findings.error(
                (*at, "format"),
                f"meters have 8 data bits, not {link.format}"
                if isinstance(link, MeterLink)
                else f"Modbus RTU needs 8 data bits, not {link.format}; 7 bits are ASCII mode: set the device to RTU",
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
        if isinstance(upstream, RestUpstream):
            self._rest(at, upstream)
            return
        self._net.session(at, upstream, client_id(upstream, self._gateway, name))
        if fault := template_fault(upstream.topic):
            self._findings.error((*at, "topic"), f"topic {fault}")
        if upstream.reply_topic is not None and (fault := template_fault(upstream.reply_topic, ("{gateway}",))):
            self._findings.error((*at, "reply_topic"), f"reply_topic {fault}")
        if upstream.tickets is not None:
            self._net.session(at, upstream, tickets_id(upstream, self._gateway, name))
            self._tickets_topic((*at, "tickets", "topic"), upstream, upstream.tickets)

    def _tickets_topic(self, loc: Loc, upstream: MqttUpstream, tickets: MqttTickets) -> None:
        if fault := template_fault(tickets.topic, ("{gateway}",)):
            self._findings.error(loc, f"topic {fault}")
        elif tickets.topic in {
            upstream.reply_topic,
            *(upstream.topic.replace("{lane}", lane) for lane in upstream.lanes),
        }:
            self._findings.error(
                loc, f"{tickets.topic} is another topic of this upstream already; ticket states need their own"
            )

    def _poll(self, at: Loc, upstream: HttpUpstream, tickets: HttpTickets) -> None:
        if not self._net.url(at, tickets.poll, upstream.token, None, key="poll"):
            return
        loc, poll, home = (*at, "poll"), urlsplit(tickets.poll), urlsplit(upstream.url)
        if upstream.token is not None and poll.hostname != home.hostname:
            self._findings.warn(
                loc, f"the token for {home.hostname} goes to {poll.hostname} too; is it meant for both?"
            )
        if poll.scheme == "http" and home.scheme == "https":
            self._findings.warn(
                loc,
                "events go out encrypted, ticket states come in unprotected: anyone between can make them up; use https://",
            )

    def _http(self, at: Loc, name: str, upstream: HttpUpstream) -> None:
        loc = (*at, "url")
        if not self._net.url(at, upstream.url, upstream.token, upstream.tls):
            return
        if upstream.tickets is not None:
            self._poll((*at, "tickets"), upstream, upstream.tickets)
        seen = self._urls.get(upstream.url.rstrip("/"))
        if seen is None:
            self._urls[upstream.url.rstrip("/")] = (name, frozenset(upstream.lanes))
        elif both := seen[1] & set(upstream.lanes):
            lanes = ", ".join(lane for lane in upstream.lanes if lane in both)
            self._findings.error(
                loc, f"upstream {seen[0]!r} sends the same lanes ({lanes}) to this URL already; remove one"
            )

    def _rest(self, at: Loc, upstream: RestUpstream) -> None:
        try:
            from edgegw.config.check_rest import check_rest  # noqa: PLC0415  # needs an optional package
        except ImportError:
            self._findings.error((*at, "kind"), "kind: rest needs a package more: pip install 'edgegw[rest]'")
            return
        check_rest(self._findings, self._net, at, upstream, base=self._base, language=self._gateway.language)

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
        self._net.host(("control",), control.host)
        if (user := self._net.broker_at(control.host, control.port)) is not None:
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
