"""What is to be probed: a link of a site file, or a port or URL given directly.

Owns: the spelling of ports and URLs, reading as much of a site file as a probe needs.
Must not know: how anything is asked.

A site file that is not finished yet has links and no devices; that is when one probes. So only its links are looked at here;
whether the whole file is right is seen when devices are added.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from msgspec import Struct
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from edgegw.config.schema import (
    Gateway,
    Link,
    ModbusRtuLink,
    ModbusRtuTcpLink,
    ModbusTcpLink,
    MqttLink,
    StoreSection,
)
from edgegw.errors import ConfigError
from edgegw.profiles.fields import Slug
from edgegw.yamlpos import MAX_BYTES, parse, render

DEFAULT_SITE = Path("edgegw.yaml")
"""The site file looked at where none is named and LINK is a name."""

SCHEMES = {"tcp": 502, "rtu+tcp": 0, "mqtt": 1883, "mqtts": 8883, "socket": 0}
"""Schemes of direct targets, with their default ports; 0: there is none."""


class _Part(BaseModel):
    """What a probe needs of a site file; the rest is not looked at."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True)

    gateway: Gateway | None = None
    store: StoreSection = StoreSection()
    profiles: Annotated[tuple[str, ...], Field(strict=False)] = ()
    links: dict[Slug, Link]


class SiteFile(Struct, frozen=True):
    """A site file as far as a probe reads it.

    Attributes:
        path: as given. base: its folder, absolute. text: its content, as read.
        folders: profiles of the site. store: the database's path.
        devices: what is under ``devices:`` as plain data; names of doors are in `names` too: ids are one namespace.
    """

    path: Path
    base: Path
    text: str
    links: Mapping[str, Link]
    folders: tuple[Path, ...]
    store: Path
    devices: Mapping[str, object]
    names: frozenset[str]

    def device_at(self, link: str, address: int | str) -> str | None:
        """The device that is already there, by id."""
        for name, device in self.devices.items():
            if isinstance(device, dict) and device.get("link") == link and str(device.get("address")) == str(address):
                return name
        return None


class Target(Struct, frozen=True):
    """What is probed: `name` is the link's in the site file, None for a direct port or URL."""

    link: Link
    name: str | None
    shown: str


def read_links(path: Path, env: Mapping[str, str]) -> SiteFile:
    """Read a site file's links.

    Raises:
        ConfigError: ``file``, or ``site`` with one ``file:line:column: message`` for each problem of its links.
    """
    try:
        data = path.read_bytes()[: MAX_BYTES + 1]
        # newlines as they are: an entry is appended to this text
        text = data.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else "not UTF-8, or not a path"
        raise ConfigError("file", f"{path}: {why}") from error
    document = parse(text, str(path))
    part, problems = document.validate(_Part)
    if part is None:
        raise ConfigError("site", render(problems, str(path)))
    base = path.absolute().parent
    state = env.get("STATE_DIRECTORY", "").split(":")[0]
    sections = [section if isinstance(section := document.data.get(key), dict) else {} for key in ("devices", "doors")]
    return SiteFile(
        path,
        base,
        text,
        part.links,
        tuple(folder for name in part.profiles if (folder := base / name).is_dir()),
        Path(state or base) / part.store.path,
        sections[0],
        frozenset(key for section in sections for key in section),
    )


def target_of(link: str, site: SiteFile | None) -> Target:
    """What LINK stands for.

    Raises:
        ConfigError: ``usage``: neither a link of the site nor a port or URL.
    """
    if site is not None and link in site.links:
        return Target(site.links[link], link, link)
    if "://" in link or link.startswith((os.sep, ".")):
        direct = _direct(link)
        for name, configured in (site.links if site is not None else {}).items():
            if _same_place(configured, direct):
                return Target(configured, name, link)
        return Target(direct, None, link)
    known = f"; links of {site.path}: {', '.join(list(site.links)[:8])}" if site is not None else ""
    raise ConfigError(
        "usage",
        f"{link!r} is no link of the site file, and no port or URL (/dev/ttyUSB0, tcp://HOST:502, mqtt://HOST:1883){known}",
    )


def _same_place(configured: Link, direct: Link) -> bool:
    keys = ("port", "host")
    return configured.kind == direct.kind and all(
        getattr(configured, k, None) == getattr(direct, k, None) for k in keys
    )


def _direct(text: str) -> Link:
    """A port or URL as a link."""
    if "://" not in text:
        return ModbusRtuLink(kind="modbus-rtu", port=text)
    try:
        url = urlsplit(text)
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise ConfigError("usage", f"{text}: {error}") from error
    if url.scheme not in SCHEMES:
        raise ConfigError("usage", f"{url.scheme}:// is not known; there are {', '.join(f'{s}://' for s in SCHEMES)}")
    if url.username or url.password:
        raise ConfigError(
            "usage", "a password does not stand in a URL: describe the link in a site file, with a reference to it"
        )
    port = port or SCHEMES[url.scheme]
    if not host or not port or url.path.strip("/") or url.query or url.fragment:
        raise ConfigError("usage", f"write {url.scheme}://HOST:PORT, nothing after it")
    try:
        match url.scheme:
            case "tcp":
                return ModbusTcpLink(kind="modbus-tcp", host=host, port=port)
            case "rtu+tcp" | "socket":
                return ModbusRtuTcpLink(kind="modbus-rtu-tcp", host=host, port=port)
            case _:
                tls: dict[str, object] | None = {} if url.scheme == "mqtts" else None
                return MqttLink.model_validate({"kind": "mqtt", "host": host, "port": port, "tls": tls})
    except ValidationError as error:
        raise ConfigError("usage", f"{text}: {error.errors()[0]['msg']}") from error
