"""A loaded site and its profiles, checked against each other, into a plan.

Owns: the order of the checks, and that every problem of the file (spelling, schema, cross checks) is reported at once.
Must not know: how files and profiles are read (it is handed `Files` and `Profiles`), running parts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from edgegw.config.check_devices import DeviceChecks
from edgegw.config.check_parts import Files, PartChecks, client_id
from edgegw.config.findings import Findings
from edgegw.config.loader import LoadedSite, site_error
from edgegw.config.plan import DevicePlan, LinkPlan, SitePlan, StorePlan
from edgegw.config.schema import HttpUpstream, Link, MqttLink, MqttUpstream, Site, Upstream
from edgegw.config.tls import Tls
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import render

Part = TypeVar("Part", MqttLink, MqttUpstream, HttpUpstream)


class Profiles(Protocol):
    """Where profiles come from; `profiles.loader.ProfileLibrary` is one."""

    def get(self, name: str) -> Profile:
        """The profile of a name, its samples passed; or ProfileError."""
        ...


def plan_site(loaded: LoadedSite, profiles: Profiles, *, files: Files, state: Path | None = None) -> SitePlan:
    """Check everything and decide what is to run.

    Args:
        loaded: from `read_site`; its own problems are reported together with those found here.
        state: folder that a relative store path starts from (systemd's state directory); the site file's folder if None.

    Raises:
        ConfigError: ``site``; the detail holds every problem, one ``file:line:column: message`` each.
    """
    site, base = loaded.site, loaded.base
    findings = Findings(loaded.document, loaded.problems)
    store_path = (state or base) / site.store.path
    parts = PartChecks(findings, site.gateway, base, files)
    parts.profile_folders(site.profiles)
    for name, link in site.links.items():
        parts.link(name, link)
    for name, upstream in site.upstream.items():
        parts.upstream(name, upstream)
    parts.store(site, store_path, loaded.path)
    parts.control(site)
    if not any(part[0] == "upstream" for part in loaded.broken):
        parts.lanes(site.upstream)
    broken_links = frozenset(part[1] for part in loaded.broken if part[0] == "links" and len(part) > 1)
    checks = DeviceChecks(findings, site.links, broken_links, profiles.get)
    planned: dict[str, DevicePlan] = {}
    for name, device in site.devices.items():
        if (plan := checks.device(name, device)) is not None:
            planned[name] = plan
    links = _links(site, planned)
    if not loaded.broken:
        for name in site.links.keys() - {link.name for link in links}:
            findings.warn(("links", name), "no device is on this link; it will not be opened", key=True)
    if findings.errors:
        raise site_error(sorted(set(findings.errors)), loaded.path)
    return SitePlan(
        path=loaded.path,
        base=base,
        gateway=site.gateway,
        store=StorePlan(store_path, site.store.budget, site.store.reserve),
        links=tuple(LinkPlan(link.name, _resolved_link(link, site, base), link.devices) for link in links),
        devices=planned,
        profiles=checks.profiles,
        upstream={name: _resolved_upstream(name, up, site, base) for name, up in site.upstream.items()},
        control=site.control,
        doors=site.doors,
        access=site.access,
        linkages=site.linkages,
        commands=site.commands,
        api=site.api,
        targets=site.targets,
        state=state or base,
        warnings=tuple(render(sorted(set(findings.warnings)), str(loaded.path)).splitlines()),
    )


def _links(site: Site, devices: Mapping[str, DevicePlan]) -> list[LinkPlan]:
    by_link: dict[str, list[DevicePlan]] = {}
    for device in devices.values():
        by_link.setdefault(device.link, []).append(device)
    return [LinkPlan(name, link, tuple(by_link[name])) for name, link in site.links.items() if name in by_link]


def _resolved_link(plan: LinkPlan, site: Site, base: Path) -> Link:
    link = plan.config
    if isinstance(link, MqttLink):
        own_id = client_id(link, site.gateway, plan.name)
        return _with_tls(link, base).model_copy(update={"client_id": own_id})
    return link


def _resolved_upstream(name: str, upstream: Upstream, site: Site, base: Path) -> Upstream:
    if isinstance(upstream, MqttUpstream):
        own_id = client_id(upstream, site.gateway, name)
        return _with_tls(upstream, base).model_copy(update={"client_id": own_id})
    return _with_tls(upstream, base)


def _with_tls(part: Part, base: Path) -> Part:
    if part.tls is None:
        return part
    given = {key: str(base / value) for key in ("ca", "cert", "key") if (value := getattr(part.tls, key)) is not None}
    return part.model_copy(update={"tls": Tls(**given)})
