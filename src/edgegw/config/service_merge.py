"""A site's service entries laid over the shipped ones, key by key.

Owns: how; hours as spans. Must not know: devices, doors, alarms; whether a reference is right (check_service).
"""

from collections.abc import Mapping
from itertools import chain

from edgegw.config.service import Between, CatalogueOverride, OverrideMatch, Service, WorkingHours
from edgegw.profiles.fields import Text
from edgegw.service import defaults
from edgegw.service.hours import ALWAYS
from edgegw.service.specs import Category, Guide, Hours, Match, Override, Span, Team

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def targets(service: Service) -> dict[str, tuple[float, float, str]]:
    """Priority → seconds to respond, seconds to resolve, name of the hours."""
    found = dict(defaults.TARGETS)
    for name, given in service.targets.items():
        respond_s, resolve_s, when = found[name]
        found[name] = (given.respond or respond_s, given.resolve or resolve_s, given.hours or when)
    return found


def categories(service: Service) -> dict[str, Category]:
    """Shipped and own. One that is new and lacks a member has an empty one: the check refuses it."""
    found = {category.id: category for category in defaults.CATEGORIES}
    for name, given in service.categories.items():
        before = found.get(name) or Category(name, Text(zh=name, en=name), 1, 1, "")
        found[name] = Category(
            id=name,
            name=given.name or before.name,
            impact=given.impact or before.impact,
            urgency=given.urgency or before.urgency,
            team=given.team or before.team,
            skills=before.skills if given.skills is None else given.skills,
            guide=before.guide if given.guide is None else given.guide,
            plan=before.plan if given.plan is None else given.plan,
        )
    return found


def teams(service: Service) -> dict[str, Team]:
    """Shipped and own."""
    found = {team.id: team for team in defaults.TEAMS}
    for name, given in service.teams.items():
        before = found.get(name) or Team(name, Text(zh=name, en=name))
        contact = before.contact if given.contact is None else given.contact
        found[name] = Team(name, given.name or before.name, contact)
    return found


def guides(service: Service) -> dict[str, Guide]:
    """Operating guides and emergency plans, shipped and own."""
    found = {guide.id: guide for guide in defaults.ALL_GUIDES}
    for name, given in service.guides.items():
        before = found.get(name) or Guide(name, Text(zh=name, en=name))
        found[name] = Guide(
            id=name,
            title=given.title or before.title,
            steps=before.steps if given.steps is None else given.steps,
            url=before.url if given.url is None else given.url,
        )
    return found


def working_hours(service: Service) -> dict[str, Hours]:
    """Shipped and own; ``always`` stays what it is."""
    return dict(defaults.HOURS) | {name: hours_of(given) for name, given in service.hours.items()} | {"always": ALWAYS}


def hours_of(given: WorkingHours) -> Hours:
    """Spans of a day without its breaks; over midnight early and late. Without any span nobody ever works."""
    begin, end = minutes(given.begin), minutes(given.end)
    spans = [(begin, end)] if begin < end else [(0, end), (begin, 1440)]
    for pause in given.breaks:
        for first, last in _unfolded(minutes(pause[0]), minutes(pause[1])):
            cut = chain.from_iterable(((b, min(e, first)), (max(b, last), e)) for b, e in spans)
            spans = [(b, e) for b, e in cut if b < e]
    kept = tuple(Span(b, e) for b, e in sorted(spans) if b < e)
    return Hours(frozenset(WEEKDAYS.index(day) for day in given.days), kept, given.holidays)


def _unfolded(begin: int, end: int) -> tuple[tuple[int, int], ...]:
    return ((begin, end),) if begin < end else ((0, end), (begin, 1440))


def minutes(clock: str) -> int:
    """``08:30`` → 510."""
    hours, rest = clock.split(":")
    return int(hours) * 60 + int(rest)


def overrides(service: Service, hours: Mapping[str, Hours]) -> tuple[Override, ...]:
    """Shipped ones, then the site's in its order; one of a shipped one's name takes its place there, last."""
    shipped = (override for override in defaults.OVERRIDES if override.name not in service.overrides)
    return (*shipped, *(_override(name, given, hours) for name, given in service.overrides.items()))


def _override(name: str, given: CatalogueOverride, hours: Mapping[str, Hours]) -> Override:
    return Override(
        name=name,
        match=_match(given.when),
        category=given.category or "",
        impact=given.impact,
        urgency=given.urgency,
        priority=given.priority or "",
        team=given.team or "",
        skills=given.skills,
        guide=given.guide,
        plan=given.plan,
        respond_s=given.respond,
        resolve_s=given.resolve,
        hours=None if given.hours is None else hours[given.hours],
        ticket=given.ticket,
    )


def _match(when: OverrideMatch) -> Match:
    return Match(
        rules=frozenset(when.rule or ()),
        subjects=frozenset(when.device or ()),
        profiles=frozenset(when.profile or ()),
        categories=frozenset(when.category or ()),
        priorities=frozenset(when.priority or ()),
        labels=when.labels,
        during=() if when.between is None else (_span(when.between),),
        days=frozenset(WEEKDAYS.index(day) for day in when.days or ()),
        holidays=when.holidays,
    )


def _span(between: Between) -> Span:
    return Span(minutes(between[0]), minutes(between[1]))
