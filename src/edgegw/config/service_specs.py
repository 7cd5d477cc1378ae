"""The service section of a plan, resolved: the shipped catalogue with the site's over it, feeds, and the facts of every alarm.

Owns: which alarms a site can raise, besides those that people ask for; what fails together.
Must not know: what an alarm is worth (service.catalogue), positions in the file (check_service).
"""

from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from zoneinfo import ZoneInfo

from edgegw.access.decision import CONDITIONS, category
from edgegw.config.acting import Door
from edgegw.config.plan import DevicePlan, LinkPlan, SitePlan
from edgegw.config.service import FeedSection
from edgegw.config.service_merge import categories, guides, overrides, targets, teams, working_hours
from edgegw.profiles.fields import Text
from edgegw.profiles.schema import AlarmRule
from edgegw.rules.device import alarm_key
from edgegw.rules.own import GATEWAY
from edgegw.service import defaults
from edgegw.service.specs import (
    Calendar,
    Catalogue,
    Facts,
    Feed,
    OneTicket,
    Target,
)

LINK_FEED_TITLE = Text(zh="链路 {device} 上多台设备同时失联", en="Many devices on link {device} were lost at once")
FEED_TITLE = Text(zh="{device} 下多台设备同时失联", en="Many devices of {device} were lost at once")

HEALTH_CONDITIONS = frozenset({"reader-lost"})
"""Conditions of doors that a dead link explains. `lock-failed` is none: explained or not, the door is shut."""

MOMENTARY_CONDITIONS = frozenset({"duress", "lockout", "forced"})
"""Conditions of doors whose end says nothing: time ends the first two, and whoever broke in may close the door behind him."""

UNSETTLED_CONDITIONS = frozenset({"lock-failed"})
"""Conditions of doors with more than one priority: a lock that does not open for a fire is a P1. The alarm itself knows."""


# --- the catalogue ------------------------------------------------------------------------------------------------------


def catalogue(plan: SitePlan) -> Catalogue:
    """The catalogue of a checked plan: everything that it refers to is there."""
    service, zone = plan.service, ZoneInfo(plan.gateway.timezone)
    hours = working_hours(service)
    return Catalogue(
        categories=categories(service),
        teams=teams(service),
        guides=guides(service),
        matrix=service.matrix or defaults.MATRIX,
        targets={
            name: Target(respond_s, resolve_s, hours[when])
            for name, (respond_s, resolve_s, when) in targets(service).items()
        },
        overrides=overrides(service, hours),
        calendar=Calendar(zone, frozenset(service.holidays) | frozenset(plan.access.holidays)),
        language=plan.gateway.language,
    )


def one_ticket(plan: SitePlan) -> OneTicket:
    """How many troubles become one ticket."""
    given = plan.service.one_ticket
    return OneTicket(
        gather_s=given.gather,
        settle_s=given.settle,
        reraise_s=given.reraise,
        reopen_s=given.reopen,
        flap_raises=given.flap_raises,
        flap_within_s=given.flap_within,
        flap_quiet_s=given.flap_quiet,
        escalate_every_s=given.escalate_every,
        escalate_most=given.escalate_most,
        storm_devices=given.storm_devices,
        storm_share=given.storm_share,
    )


# --- what fails together ------------------------------------------------------------------------------------------------


def feeds(plan: SitePlan) -> tuple[Feed, ...]:
    """Every link with its devices, then those that the site declares."""
    return (
        *(_link_feed(plan, link) for link in plan.links),
        *(_feed(plan, name, given) for name, given in plan.service.feeds.items()),
    )


def _link_feed(plan: SitePlan, link: LinkPlan) -> Feed:
    return Feed(
        id=f"link/{link.name}",
        owner=link.name,
        title=LINK_FEED_TITLE,
        members=_with_doors({device.id for device in link.devices}, plan.doors),
        causes=frozenset({_link_key(plan, link.name)}),
    )


def _feed(plan: SitePlan, name: str, given: FeedSection) -> Feed:
    causes = set()
    for cause in given.causes:
        if cause.link is not None:
            causes.add(_link_key(plan, cause.link))
        else:
            causes.add(alarm_key(plan.gateway.id, cause.device or cause.door or "", cause.alarm or ""))
    members = feed_members(given, plan.devices, plan.doors)
    return Feed(
        id=name,
        owner=given.name or name,
        title=given.title or FEED_TITLE,
        members=members,
        causes=frozenset(causes),
        infer=given.infer,
    )


def feed_members(given: FeedSection, devices: Mapping[str, DevicePlan], doors: Mapping[str, Door]) -> frozenset[str]:
    """Subjects of a declared feed: devices, ``link/<name>``, doors, among them those that read at one of its devices."""
    links = set(given.links)
    members = {*given.devices, *(f"link/{link}" for link in links)}
    members |= {device.id for device in devices.values() if device.link in links}
    if given.labels:
        wanted = given.labels.items()
        members |= {device.id for device in devices.values() if wanted <= dict(device.labels).items()}
        members |= {name for name, door in doors.items() if wanted <= door.labels.items()}
    return _with_doors(members, doors)


def _with_doors(members: AbstractSet[str], doors: Mapping[str, Door]) -> frozenset[str]:
    """With the doors whose readers are among them: a door says itself that it lost a reader."""
    reading = {name for name, door in doors.items() if any(reader.device in members for reader in door.readers)}
    return frozenset(members | reading)


def _link_key(plan: SitePlan, link: str) -> str:
    return f"{plan.gateway.id}/link/{link}"


# --- what is known of every alarm ---------------------------------------------------------------------------------------


def facts(plan: SitePlan) -> dict[str, Facts]:
    """dedup_key → facts, of the alarms of devices, links, doors and upstreams. What is not there is as its alarm says."""
    return {key: known for key, known in every_fact(plan).items() if known.rule not in UNSETTLED_CONDITIONS}


def every_fact(plan: SitePlan) -> dict[str, Facts]:
    """`facts`, and what alarms usually say of themselves where it is not always the same."""
    found: dict[str, Facts] = {}
    for device in plan.devices.values():
        for name, rule in device.alarms.items():
            found[alarm_key(plan.gateway.id, device.id, name)] = _of_rule(device, name, rule)
    for link in plan.links:
        found[_link_key(plan, link.name)] = Facts(
            subject=f"link/{link.name}",
            rule="link-down",
            category="device",
            priority="P2",
            health=True,
            link=link.name,
        )
    for name, door in plan.doors.items():
        for kind, reader in door_conditions(door):
            key = f"{kind}-{reader}" if reader else kind
            found[alarm_key(plan.gateway.id, name, key)] = Facts(
                subject=name,
                rule=key,
                category=category(kind),
                priority=CONDITIONS[kind],
                health=kind in HEALTH_CONDITIONS,
                momentary=kind in MOMENTARY_CONDITIONS,
                link=plan.devices[reader].link if reader else "",
                labels=door.labels,
            )
    for key, slug in _own(plan):
        found[alarm_key(plan.gateway.id, GATEWAY, key)] = Facts(subject=GATEWAY, rule=key, category=slug, priority="P2")
    return found


def _of_rule(device: DevicePlan, name: str, rule: AlarmRule) -> Facts:
    when = rule.when
    return Facts(
        subject=device.id,
        rule=name,
        category=rule.category,
        priority=rule.priority or "",
        impact=rule.impact or 0,
        urgency=rule.urgency or 0,
        health=when.offline is True or when.missing is not None,
        momentary=rule.momentary or when.changed is True,
        profile=device.profile,
        link=device.link,
        labels=device.labels,
    )


def door_conditions(door: Door) -> Iterable[tuple[str, str]]:
    """Kinds of conditions that a door can have, each with the reader it is about, if it is about one."""
    yield "lock-failed", ""
    if door.contact is not None:
        yield "forced", ""
        yield "held", ""
    if door.lock.release is not None:
        yield "fire-release", ""
    if door.fire is not None:
        yield "fire-unconfirmed", ""
    if door.readers:
        yield "duress", ""
    readers = dict.fromkeys(reader.device for reader in door.readers)
    tampers = {reader.device for reader in door.readers if reader.tamper is not None}
    for reader in readers:
        yield "reader-lost", reader
        if reader in tampers:
            yield "tamper", reader
        if door.lockout.failures:
            yield "lockout", reader


def _own(plan: SitePlan) -> Iterable[tuple[str, str]]:
    """The gateway's own conditions that follow from the site file: key and category."""
    for name in plan.upstream:
        yield f"upstream-{name}", "device"
    if plan.access.sync is not None:
        yield "access-sync", "access"


__all__ = ["catalogue", "categories", "door_conditions", "facts", "feed_members", "feeds", "one_ticket", "teams"]
