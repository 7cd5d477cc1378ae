"""What an alarm is worth: category, overrides, matrix, targets, people, guides. One total function.

Owns: in what order they count. Must not know: whether there is a ticket already, or who is told.

    rule's impact and urgency, else the category's        overrides in their order, each over what is before
                    └──────────────┬───────────────────────────────┘
              priority: an override's; the rule's own, unless an override sets impact or urgency; the matrix
                                   └─▶ target of the priority ─▶ working hours ─▶ respond_by, resolve_by
"""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from datetime import datetime
from functools import lru_cache

from msgspec import Struct

from edgegw.model import Instant
from edgegw.service.hours import ALWAYS, add_working, local
from edgegw.service.specs import Catalogue, Category, Facts, Guide, Hours, Match, Override, Span, Target, Team
from edgegw.service.ticket import GuideRef, Request

FALLBACK = "device"
"""The category that stands in for one that the catalogue does not have: a profile may invent one."""

_LAST_RESORT = Target(1800.0, 86400.0, ALWAYS)
_MOST = 5
"""Impact and urgency: 1 to this."""


class Found(Struct):
    """What has been found so far; the catalogue's word comes last, for what nobody else said.

    Attributes:
        priority: given outright; empty: by the matrix.
        by: names of the overrides that matched, in their order.
    """

    category: str
    priority: str
    impact: int | None
    urgency: int | None
    team: str = ""
    skills: tuple[str, ...] | None = None
    guide: str | None = None
    plan: str | None = None
    respond_s: float | None = None
    resolve_s: float | None = None
    hours: Hours | None = None
    ticket: bool = True
    by: tuple[str, ...] = ()


def classify(catalogue: Catalogue, facts: Facts, raised: Instant) -> Request | None:
    """What a ticket desk needs to know of an alarm raised at that moment; None: the catalogue says that there is no ticket.

    Never fails: a category that is not there counts as ``device`` under its own name, whatever else is not there is left out.
    """
    found = find(catalogue, facts, raised)
    return request(catalogue, found, raised) if found.ticket else None


def find(catalogue: Catalogue, facts: Facts, raised: Instant) -> Found:
    """The rule's word with the overrides that match over it."""
    found = Found(facts.category, facts.priority, facts.impact or None, facts.urgency or None)
    moment: datetime | None = None
    for override in catalogue.overrides:
        match = override.match
        if not _is_for(match, facts, found):
            continue
        if match.priorities and priority_of(catalogue, found)[0] not in match.priorities:
            continue
        if match.during or match.days or match.holidays is not None:
            moment = moment or local(raised.wall_ns, catalogue.calendar.zone)
            if not _is_when(match, moment, catalogue.calendar.holidays):
                continue
        _lay(override, found)
    return found


def request(catalogue: Catalogue, found: Found, raised: Instant) -> Request:
    """What was found, with everything it refers to."""
    category = _category(catalogue, found.category)
    priority, impact, urgency = priority_of(catalogue, found)
    target = catalogue.targets.get(priority, _LAST_RESORT)
    respond_s = target.respond_s if found.respond_s is None else found.respond_s
    resolve_s = max(respond_s, target.resolve_s if found.resolve_s is None else found.resolve_s)
    hours = found.hours or target.hours
    team = _team(catalogue, found.team or category.team)
    return Request(
        category=found.category,
        category_name=category.name.of(catalogue.language) if category.id == found.category else found.category,
        impact=impact,
        urgency=urgency,
        priority=priority,
        respond_s=respond_s,
        resolve_s=resolve_s,
        respond_by_ns=add_working(raised.wall_ns, respond_s, hours, catalogue.calendar),
        resolve_by_ns=add_working(raised.wall_ns, resolve_s, hours, catalogue.calendar),
        team=found.team or category.team,
        team_name="" if team is None else team.name.of(catalogue.language),
        contact="" if team is None else team.contact,
        skills=category.skills if found.skills is None else found.skills,
        guide=_guide(catalogue, category.guide if found.guide is None else found.guide),
        plan=_guide(catalogue, category.plan if found.plan is None else found.plan),
    )


def priority_of(catalogue: Catalogue, found: Found) -> tuple[str, int, int]:
    """Priority, and the impact and urgency that it comes from; 0, 0 if it was given outright."""
    if found.priority:
        return found.priority, 0, 0
    category = _category(catalogue, found.category)
    impact = _level(category.impact if found.impact is None else found.impact)
    urgency = _level(category.urgency if found.urgency is None else found.urgency)
    return catalogue.matrix[impact - 1][urgency - 1], impact, urgency


def _lay(override: Override, found: Found) -> None:
    """Put an override over what was found."""
    found.by = (*found.by, override.name)
    found.category = override.category or found.category
    if override.impact is not None or override.urgency is not None:
        found.priority = ""  # the matrix decides again
        found.impact = found.impact if override.impact is None else override.impact
        found.urgency = found.urgency if override.urgency is None else override.urgency
    found.priority = override.priority or found.priority
    found.team = override.team or found.team
    found.skills = found.skills if override.skills is None else override.skills
    found.guide = found.guide if override.guide is None else override.guide
    found.plan = found.plan if override.plan is None else override.plan
    found.respond_s = found.respond_s if override.respond_s is None else override.respond_s
    found.resolve_s = found.resolve_s if override.resolve_s is None else override.resolve_s
    found.hours = override.hours or found.hours
    found.ticket = found.ticket if override.ticket is None else override.ticket


def _is_for(match: Match, facts: Facts, found: Found) -> bool:
    if match.rules and not _named(facts.rule, match.rules):
        return False
    if match.categories and found.category not in match.categories:
        return False
    if match.subjects and not _named(facts.subject, match.subjects):
        return False
    if match.profiles and not _named(facts.profile, match.profiles):
        return False
    labels = facts.labels
    return not match.labels or all(labels.get(name) == value for name, value in match.labels.items())


def _named(name: str, names: frozenset[str]) -> bool:
    """Whether a name is among names; one that ends in ``*`` stands for all that begin so."""
    return name in names or name.startswith(_beginnings(names))


@lru_cache(maxsize=4096)  # a catalogue's few sets, asked for with every alarm
def _beginnings(names: frozenset[str]) -> tuple[str, ...]:
    return tuple(name[:-1] for name in names if name.endswith("*"))


def _is_when(match: Match, moment: datetime, holidays: AbstractSet[str]) -> bool:
    if match.days and moment.weekday() not in match.days:
        return False
    if match.holidays is not None and match.holidays != (moment.date().isoformat() in holidays):
        return False
    return not match.during or _within(moment.hour * 60 + moment.minute, match.during)


def _within(minute: int, spans: Iterable[Span]) -> bool:
    return any(
        span.begin <= minute < span.end if span.begin < span.end else minute >= span.begin or minute < span.end
        for span in spans
    )


def _category(catalogue: Catalogue, slug: str) -> Category:
    return catalogue.categories.get(slug) or catalogue.categories[FALLBACK]


def _team(catalogue: Catalogue, slug: str) -> Team | None:
    return catalogue.teams.get(slug)


def _guide(catalogue: Catalogue, slug: str) -> GuideRef | None:
    guide: Guide | None = catalogue.guides.get(slug)
    if guide is None:
        return None
    language = catalogue.language
    steps = tuple(step.of(language) for step in guide.steps)
    return GuideRef(guide.id, guide.title.of(language), steps, guide.url)


def _level(value: int) -> int:
    return min(max(value, 1), _MOST)
