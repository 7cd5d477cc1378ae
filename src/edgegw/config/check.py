"""A loaded site and its profiles, checked against each other, into a plan.

Owns: the order of the checks, and that every problem of the file (spelling, schema, cross checks) is reported at once.
Must not know: how files and profiles are read (it is handed `Files` and `Profiles`), running parts.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol, TypeVar

from edgegw.config.acting import Access, AccessSync, Api, Commands
from edgegw.config.catalogue import Catalogue
from edgegw.config.check_acting import ActingChecks, commands_id
from edgegw.config.check_devices import DeviceChecks
from edgegw.config.check_net import Files, NetChecks
from edgegw.config.check_osdp import osdp_links
from edgegw.config.check_parts import PartChecks, client_id
from edgegw.config.check_patrols import PatrolChecks, with_buttons
from edgegw.config.check_service import ServiceChecks
from edgegw.config.findings import Findings
from edgegw.config.loader import LoadedSite, site_error
from edgegw.config.plan import DevicePlan, LinkPlan, SitePlan, StorePlan
from edgegw.config.schema import Link, MqttLink, Site
from edgegw.config.tls import Tls
from edgegw.config.upstream import HttpUpstream, MqttUpstream, RestUpstream, Upstream
from edgegw.profiles.schema import Profile
from edgegw.yamlpos import render

Part = TypeVar("Part", MqttLink, MqttUpstream, HttpUpstream, RestUpstream, Commands, AccessSync)


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
    kept = state or base
    findings = Findings(loaded.document, loaded.problems)
    store_path = kept / site.store.path
    net = NetChecks(findings, base, files)
    parts = PartChecks(findings, site.gateway, base, files, net)
    parts.profile_folders(site.profiles)
    for name, link in site.links.items():
        parts.link(name, link)
    for name, upstream in site.upstream.items():
        parts.upstream(name, upstream)
    parts.store(site, store_path, loaded.path)
    parts.control(site)
    if not any(part[0] == "upstream" for part in loaded.broken):
        parts.lanes(site.upstream)
    checks = DeviceChecks(findings, site.links, _names(loaded, "links"), profiles.get)
    planned: dict[str, DevicePlan] = {}
    for name, device in site.devices.items():
        if (plan := checks.device(name, device)) is not None:
            planned[name] = plan
    planned = with_buttons(findings, site, planned, checks.profiles)
    there = Catalogue(
        findings,
        planned,
        checks.profiles,
        site.doors,
        broken_devices=(site.devices.keys() - planned.keys()) | _names(loaded, "devices"),
        broken_doors=_names(loaded, "doors"),
    )
    sections = frozenset(part[0] for part in loaded.broken if len(part) == 1)
    ActingChecks(findings, there, net, files, kept).all(site, broken=sections, store=store_path)
    ServiceChecks(findings, there, site.links.keys() | _names(loaded, "links"), site.service).all(site)
    PatrolChecks(findings, there, site).all()
    links = _links(site, planned)
    osdp_links(findings, site, links)
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
        access=_resolved_access(site.access, base),
        linkages=site.linkages,
        commands=_resolved_commands(site, base),
        api=_resolved_api(site.api, base, kept),
        targets=site.targets,
        service=site.service,
        state=kept,
        warnings=tuple(render(sorted(set(findings.warnings)), str(loaded.path)).splitlines()),
    )


def _names(loaded: LoadedSite, section: str) -> frozenset[str]:
    """The parts of a section that have schema problems."""
    return frozenset(part[1] for part in loaded.broken if part[0] == section and len(part) > 1)


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
    if isinstance(upstream, HttpUpstream):
        return _with_tls(upstream, base)
    return _with_tls(upstream, base)  # of a REST upstream: the type checker takes them one at a time


def _resolved_access(access: Access, base: Path) -> Access:
    if access.sync is None:
        return access
    return access.model_copy(update={"sync": _with_tls(access.sync, base)})


def _resolved_commands(site: Site, base: Path) -> Commands | None:
    if site.commands is None:
        return None
    own_id = commands_id(site.commands, site.gateway)
    return _with_tls(site.commands, base).model_copy(update={"client_id": own_id})


def _resolved_api(api: Api, base: Path, state: Path) -> Api:
    given = {key: str(base / value) for key in ("tls_cert", "tls_key") if (value := getattr(api, key)) is not None}
    return api.model_copy(update={**given, "tokens": str(state / api.tokens)})


def _with_tls(part: Part, base: Path) -> Part:
    if part.tls is None:
        return part
    given = {key: str(base / value) for key in ("ca", "cert", "key") if (value := getattr(part.tls, key)) is not None}
    return part.model_copy(update={"tls": Tls(**given)})
