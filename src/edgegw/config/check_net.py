"""What the parts of a site have in common on a network: hosts, MQTT sessions, URLs, TLS files, topics.

Owns: the checks every part with an address goes through, and what one of them must know of the others (client ids, brokers).
Must not know: which part it is (the callers say), devices and profiles, how files are looked at (it is handed `Files`).
"""

import ipaddress
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.secret import Secret
from edgegw.config.tls import Tls

TOPIC_FIELDS = ("{gateway}", "{lane}", "{type}", "{subject}")


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


class MqttSession(Protocol):
    """A part of the site file that is a session with a broker."""

    @property
    def host(self) -> str: ...

    @property
    def port(self) -> int: ...

    @property
    def client_id(self) -> str | None: ...

    @property
    def username(self) -> str | None: ...

    @property
    def password(self) -> Secret | None: ...

    @property
    def tls(self) -> Tls | None: ...


class NetChecks:
    """Keeps the sessions and brokers seen so far. `base`: the site file's folder."""

    def __init__(self, findings: Findings, base: Path, files: Files) -> None:
        self._findings = findings
        self._base = base
        self._files = files
        self._sessions: dict[tuple[str, int, str], str] = {}
        self._brokers: dict[tuple[str, int], str] = {}

    def session(self, at: Loc, part: MqttSession, own_id: str) -> None:
        """Check an MQTT session; call in the order of the file. `own_id`: the client id it will have."""
        host = plain_host(part.host)
        who = ".".join(str(p) for p in at)
        first = self._sessions.setdefault((host, part.port, own_id), who)
        if first != who:
            at_id = (*at, "client_id") if part.client_id is not None else at
            self._findings.error(
                at_id,
                f"{first} is already client {own_id!r} of broker {part.host}:{part.port}; two sessions of one id throw "
                "each other out: remove client_id (each gets its own) or change it",
                key=part.client_id is None,
            )
        self._brokers.setdefault((host, part.port), who)
        self.host(at, part.host)
        self.tls(at, part.tls)
        if part.password is not None and part.tls is None and not is_loopback(part.host):
            self._findings.warn((*at, "password"), f"the password goes to {part.host} unencrypted; add tls", key=True)
        if part.password is not None and part.username is None and getattr(part, "version", "5") == "3.1.1":
            self._findings.error(
                (*at, "password"), "MQTT 3.1.1 has no password without a username; add username", key=True
            )

    def broker_at(self, host: str, port: int) -> str | None:
        """Which part has its broker at this address."""
        return self._brokers.get((plain_host(host), port))

    def url(self, at: Loc, url: str, token: Secret | None, tls: Tls | None, *, key: str = "url") -> bool:
        """Check a URL, found under `key`, that is sent to with a token. False if it cannot be used at all."""
        loc = (*at, key)
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as e:
            self._findings.error(loc, f"not a URL: {e}")
            return False
        fault = None
        if not host:
            fault = "the URL names no host; write https://HOST/PATH"
        elif parts.username is not None or parts.password is not None:
            fault = "no user or password in a URL: write the credential as token: {file: PATH}"
        elif parts.fragment:
            fault = "a URL to send to has no #fragment"
        if fault is not None:
            self._findings.error(loc, fault)
            return False
        if parts.scheme == "http" and tls is not None:
            self._findings.error((*at, "tls"), "tls goes with an https:// URL", key=True)
        if parts.scheme == "http" and token is not None and not is_loopback(host or ""):
            self._findings.warn(loc, f"the token goes to {host} unencrypted; use https://")
        self.tls(at, tls)
        return True

    def host(self, at: Loc, host: str) -> None:
        """Check that this is a host."""
        if not host.strip() or any(c.isspace() or c in "/@" for c in host):
            self._findings.error((*at, "host"), f"not a host: {host!r}; write a name or an IP address, the port apart")

    def tls(self, at: Loc, tls: Tls | None) -> None:
        """Check the files of a `tls` section."""
        if tls is None:
            return
        for key in ("ca", "cert", "key"):
            self.file((*at, "tls", key), getattr(tls, key))
        if tls.key is not None and tls.cert is None:
            self._findings.error((*at, "tls", "key"), "a key without a cert; add cert, or remove key", key=True)

    def file(self, loc: Loc, name: str | None) -> None:
        """Check that a file, if named, is there."""
        if name is not None and not self._files.is_file(self._base / name):
            self._findings.error(loc, f"no such file, or not readable: {self._base / name}")


def is_loopback(host: str) -> bool:
    """Whether traffic to this host stays on the machine."""
    host = host.strip().strip("[]")
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def plain_host(host: str) -> str:
    """A host as it is compared with others."""
    return "127.0.0.1" if is_loopback(host) else host.strip().lower()


def topic_fault(topic: str) -> str | None:
    """Why nothing can be published to this topic, or None."""
    if not topic:
        return "is empty"
    bad = next((c for c in "+#\0" if c in topic), None)
    return f"holds {bad!r}: messages are published to one exact topic" if bad else None


def template_fault(template: str, fields: tuple[str, ...] = TOPIC_FIELDS) -> str | None:
    """Why this is no template of a topic with these placeholders, or None."""
    rest = template
    for field in fields:
        rest = rest.replace(field, "x")
    if "{" in rest or "}" in rest:
        name = rest[rest.find("{") :].split("}")[0] + "}" if "{" in rest else "}"
        return f"holds {name}; {suggest(name, fields, 'placeholders')}"
    return topic_fault(rest)
