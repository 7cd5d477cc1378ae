"""A site as the discovery commands see it, and who announces itself on one of its brokers.

Owns: which link is listened on, for how long, which device an operator means, what each would become.
Must not know: what is printed, what is written.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

import click

from edgegw.app.secrets import reveal, tls_context
from edgegw.cli.discovery_files import Files
from edgegw.cli.discovery_text import told
from edgegw.config.loader import load_site
from edgegw.config.schema import MqttLink
from edgegw.config.site import open_site
from edgegw.config.tls import Tls
from edgegw.discovery.config import MAX_PAYLOAD
from edgegw.discovery.devices import FoundDevice, Heard, devices
from edgegw.discovery.naming import device_slug
from edgegw.discovery.profile import Made, make, state_topics
from edgegw.errors import ConfigError, DecodeError, LinkError
from edgegw.links.discovery import Listened, listen
from edgegw.model import MqttPayload
from edgegw.mqttio import MqttOptions
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.fields import parse_duration
from edgegw.profiles.schema import Profile


class Unreachable(click.ClickException):
    """The broker could not be listened to."""

    exit_code = 1


class Site:
    """A site with one of its links. `link` is None where none is listened to."""

    def __init__(self, path: Path, link: str | None) -> None:
        self.path = path
        self.plan = open_site(path, os.environ)
        self._site = load_site(path).site
        self.files = Files(path, self.plan, self._site.profiles)
        self.approvals = self.files.approvals()
        self.link = link or ""
        self.config = self._link(link) if link is not None else None

    def _link(self, name: str) -> MqttLink:
        config = next((link.config for link in self.plan.links if link.name == name), self._site.links.get(name))
        if config is None:
            raise ConfigError(
                "link", f"{self.path}: there is no link {name!r}; links are {', '.join(self._site.links)}"
            )
        if not isinstance(config, MqttLink):
            raise ConfigError(
                "link", f"{self.path}: link {name!r} is of kind {config.kind}; devices announce themselves by MQTT"
            )
        if config.discovery is None:
            raise ConfigError(
                "link", f"{self.path}: link {name!r} is not listened on for devices; add `discovery: {{}}` to it"
            )
        return config

    def users(self, profile: str) -> str | None:
        """A device of the site with this profile."""
        return next((device.id for device in self.plan.devices.values() if device.profile == profile), None)

    def topics(self) -> dict[str, str]:
        """Topics of values on the link → the device that reads them."""
        found: dict[str, str] = {}
        for device in self.plan.devices.values():
            if device.link == self.link:
                decoder = compile_profile(self.plan.profiles[device.profile], str(device.address))
                found |= dict.fromkeys((*decoder.topics(), *decoder.live_topics()), device.id)
        return found

    def names(self) -> set[str]:
        """Ids that are taken: devices and doors share them."""
        return {*self.plan.devices, *self.plan.doors}


class Found:
    """The devices on a link's broker, and what each would become."""

    def __init__(self, here: Site, asked: str | None) -> None:
        assert here.config is not None  # noqa: S101  (whoever listens named a link)
        said = here.config.discovery
        prefix = said.prefix if said is not None else ""
        self.here = here
        self.listened: Listened = _listen(here, prefix, _seconds(asked, said.listen if said is not None else 0.0))
        self.heard: Heard = devices(self.listened.configs, prefix)
        self._readers = here.topics()

    def told(self, device: FoundDevice) -> dict[str, Any]:
        """One device, as data."""
        approved = self.here.approvals.of(self.here.link, device.owner.identity)
        made = self.made(device)
        state: str = self.here.approvals.state(self.here.link, device)
        if state == "new" and any(topic in self._readers for topic in made.topics):
            state = "in-site"
        id_ = approved.device if approved is not None else device_slug(device.owner)
        return told(device, made, id_, state, self._values(made))

    def made(self, device: FoundDevice) -> Made:
        """What a device would become; its address stays where it has one."""
        approved = self.here.approvals.of(self.here.link, device.owner.identity)
        known = self.here.plan.devices.get(approved.device) if approved is not None else None
        address = None if known is None else str(known.address)
        return make(device, self.listened.seen, address=address)

    def _values(self, made: Made) -> dict[str, object]:
        """What its points say now."""
        if made.data is None:
            return {}
        decoder = compile_profile(Profile.model_validate(made.data), made.address)
        values: dict[str, object] = {}
        for topic in decoder.topics():
            if (message := self.listened.seen.get(topic)) is None:
                continue
            try:
                decoded = decoder.decode(MqttPayload(topic, message.payload, message.retained))
            except DecodeError:
                continue  # its notes say so
            values |= {reading.point: reading.value for reading in decoded.readings}
        return values

    def pick(self, name: str) -> FoundDevice:
        """The device that an operator means. Raises ConfigError ``device``."""
        fit = []
        for device in self.heard.devices.values():
            approved = self.here.approvals.of(self.here.link, device.owner.identity)
            known = {device.owner.identity, device_slug(device.owner), approved.device if approved else ""}
            if name in known:
                fit.append(device)
        if len(fit) == 1:
            return fit[0]
        if fit:
            ids = ", ".join(device.owner.identity for device in fit)
            raise ConfigError("device", f"{name} may be several: name it by its identity, one of {ids}")
        raise ConfigError(
            "device",
            f"nobody on link {self.here.link} announces itself as {name}; `edgegw discovery list` shows who does",
        )


def _seconds(text: str | None, usual: float) -> float:
    if text is None:
        return usual
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--for: {error}") from error
    if not 1 <= seconds <= 300:
        raise click.UsageError("--for: from 1s to 300s")
    return seconds


def _listen(here: Site, prefix: str, seconds: float) -> Listened:
    link = here.config
    assert link is not None  # noqa: S101  (as in _Found)
    tls = link.tls
    if tls is not None:  # of a link without devices the plan has not made them absolute
        paths = {key: str(here.plan.base / value) for key in ("ca", "cert", "key") if (value := getattr(tls, key))}
        tls = Tls(**paths)
    options = MqttOptions(
        host=link.host,
        port=link.port,
        client_id=f"{link.client_id or f'edgegw-{here.plan.gateway.id}-{here.link}'}-discovery",
        version=link.version,
        keepalive_s=link.keepalive,
        username=link.username,
        password=reveal(here.plan, link.password),
        tls=tls_context(tls),
        auto_ack=True,  # the broker keeps nothing for this session
        max_payload=_LARGEST,
    )

    def named(configs: Any) -> list[str]:  # noqa: ANN401 - links.discovery.TopicsOf
        return [topic for device in devices(configs, prefix).devices.values() for topic in state_topics(device)]

    try:
        return asyncio.run(listen(options, prefix, seconds, named))
    except LinkError as error:
        raise Unreachable(f"{link.host}:{link.port}: {error}") from error


_LARGEST = MAX_PAYLOAD + 1024
"""Bytes of a payload: what is looked at, and some, so that what is too large is seen to be, and named."""
