"""Checks of the service section: its own entries against each other, and against devices, doors, links.

Owns: what must hold in it, so that nothing the catalogue refers to is missing at run time. Must not know: how it is resolved
(service_merge says what there is), what an alarm is worth.

What a site refers to and cannot be there is an error; an override that no alarm here can match is a warning, as the device it is
for may come later.
"""

from collections.abc import Collection, Iterable
from datetime import date
from itertools import chain

from edgegw.access.decision import CONDITIONS
from edgegw.config.catalogue import Catalogue
from edgegw.config.check_feeds import FeedChecks
from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.schema import Site
from edgegw.config.service import CatalogueOverride, OverrideMatch, Service, WorkingHours
from edgegw.config.service_merge import categories, guides, hours_of, minutes, targets, teams, working_hours
from edgegw.config.service_specs import door_conditions
from edgegw.rules.own import OWN_SUBJECTS
from edgegw.service import defaults

MIDNIGHT = "24:00"
ALWAYS = "always"


class ServiceChecks:
    """Goes through the section once; links, devices and doors are checked before.

    Args:
        links: all links of the file, broken or not.
    """

    def __init__(self, findings: Findings, there: Catalogue, links: Collection[str], service: Service) -> None:
        self._findings = findings
        self._there = there
        self._links = frozenset(links)
        self._service = service
        self._category_names = frozenset(categories(service))
        self._team_names = frozenset(teams(service))
        self._guide_names = frozenset(guides(service))
        self._hours_names = frozenset(working_hours(service))

    def all(self, site: Site) -> None:
        """Check `service`, and the categories that the site's own rules name."""
        service = self._service
        self._hours(service)
        self._holidays(service)
        self._names(service)
        self._guides(service)
        self._matrix(service)
        self._categories(service)
        self._targets(service)
        rules = self._rules(site)
        for name, override in service.overrides.items():
            self._override(("service", "overrides", name), override, rules)
        FeedChecks(self._findings, self._there, self._links).all(service.feeds)
        for device, given in site.devices.items():
            for name, rule in given.rules.items():
                if rule.category not in self._category_names:
                    self._unknown(
                        ("devices", device, "rules", name, "category"),
                        rule.category,
                        self._category_names,
                        "categories",
                    )

    # --- time -----------------------------------------------------------------------------------------------------

    def _hours(self, service: Service) -> None:
        for name, hours in service.hours.items():
            at: Loc = ("service", "hours", name)
            if name == ALWAYS:
                self._findings.error(at, "always is around the clock; give these hours another name", key=True)
            elif self._clocks(at, hours) and not hours_of(hours).spans:
                self._findings.error(
                    at, f"nobody ever works in the hours {name}: the breaks take all of them", key=True
                )

    def _clocks(self, at: Loc, hours: WorkingHours) -> bool:
        if not self._clock((*at, "from"), hours.begin) or not self._clock((*at, "to"), hours.end):
            return False
        if hours.begin == hours.end:
            given = "to" if "end" in hours.model_fields_set else "from"
            self._findings.error(
                (*at, given), f"from {hours.begin} to {hours.end} is no time; leave both out for all day"
            )
            return False
        return all(self._between((*at, "breaks", i), pause) for i, pause in enumerate(hours.breaks))

    def _between(self, at: Loc, between: tuple[str, ...]) -> bool:
        if not all(self._clock((*at, i), clock) for i, clock in enumerate(between)):
            return False
        if minutes(between[0]) == minutes(between[1]):
            self._findings.error(at, f"from {between[0]} to {between[1]} is no time")
            return False
        return True

    def _clock(self, loc: Loc, clock: str) -> bool:
        if clock > MIDNIGHT:
            self._findings.error(loc, f"there is no {clock}; the end of the day is {MIDNIGHT}")
        return clock <= MIDNIGHT

    def _holidays(self, service: Service) -> None:
        seen: set[str] = set()
        for i, day in enumerate(service.holidays):
            loc: Loc = ("service", "holidays", i)
            try:
                date.fromisoformat(day)
            except ValueError:
                self._findings.error(loc, f"there is no day {day}")
            if day in seen:
                self._findings.warn(loc, f"{day} is there twice")
            seen.add(day)

    def _targets(self, service: Service) -> None:
        for name, (respond_s, resolve_s, hours) in targets(service).items():
            at: Loc = ("service", "targets", name)
            self._is_there((*at, "hours"), hours, self._hours_names, "hours")
            if respond_s > resolve_s:
                self._findings.error(
                    at,
                    f"{name} is to be resolved in {resolve_s:g} s, before anybody must have responded ({respond_s:g} s)",
                )

    # --- what is referred to ---------------------------------------------------------------------------------------

    def _names(self, service: Service) -> None:
        shipped = {team.id for team in defaults.TEAMS}
        for name, team in service.teams.items():
            if name not in shipped and team.name is None:
                self._new(("service", "teams", name), name, ("name",), shipped, "teams")

    def _guides(self, service: Service) -> None:
        shipped = {guide.id for guide in defaults.ALL_GUIDES}
        for name, guide in service.guides.items():
            at: Loc = ("service", "guides", name)
            if name not in shipped and guide.title is None:
                self._new(at, name, ("title",), shipped, "guides")
            elif name not in shipped and not guide.steps and not guide.url:
                self._findings.warn(at, f"the guide {name} says nothing: it has neither steps nor url", key=True)
            if guide.url and not guide.url.startswith(("https://", "http://")):
                self._findings.error((*at, "url"), "not an HTTP URL; write https://HOST/PATH")

    def _categories(self, service: Service) -> None:
        shipped = {category.id for category in defaults.CATEGORIES}
        for name, category in service.categories.items():
            at: Loc = ("service", "categories", name)
            if name not in shipped:
                missing = tuple(k for k in ("name", "impact", "urgency", "team") if getattr(category, k) is None)
                if missing:
                    self._new(at, name, missing, shipped, "categories")
            self._is_there((*at, "team"), category.team, self._team_names, "teams")
            self._is_there((*at, "guide"), category.guide, self._guide_names, "guides")
            self._is_there((*at, "plan"), category.plan, self._guide_names, "guides")

    def _matrix(self, service: Service) -> None:
        """More impact or more urgency never makes a lower priority; if it does, a row is probably upside down."""
        rows = service.matrix
        for i, row in enumerate(rows or ()):
            for j, priority in enumerate(row):
                left = row[j - 1] if j else priority
                above = rows[i - 1][j] if rows and i else priority
                if priority > min(left, above):  # P4 is the larger text and the lower priority
                    self._findings.warn(
                        ("service", "matrix", i, j),
                        f"impact {i + 1} and urgency {j + 1} make {priority}, with less of one they make {min(left, above)}",
                    )
                    return

    def _new(self, at: Loc, name: str, missing: Iterable[str], shipped: Iterable[str], what: str) -> None:
        needed = " and ".join(missing)
        self._findings.error(
            at,
            f"{name} is not among the shipped {what}, so it needs {needed}; {suggest(name, shipped, what)}",
            key=True,
        )

    def _is_there(self, loc: Loc, name: str | None, names: Collection[str], what: str) -> None:
        if name and name not in names:
            self._unknown(loc, name, names, what)

    def _unknown(self, loc: Loc, name: str, names: Iterable[str], what: str) -> None:
        kind = {"categories": "category", "hours": "hours"}.get(what, what.removesuffix("s"))
        are = "are no" if what == "hours" else "is no"
        self._findings.error(loc, f"there {are} {kind} {name!r}; {suggest(name, names, what)}")

    # --- overrides -------------------------------------------------------------------------------------------------

    def _override(self, at: Loc, override: CatalogueOverride, rules: Collection[str]) -> None:
        if override.model_fields_set <= {"when"}:
            self._findings.warn(at, "this override changes nothing", key=True)
        self._is_there((*at, "category"), override.category, self._category_names, "categories")
        self._is_there((*at, "team"), override.team, self._team_names, "teams")
        self._is_there((*at, "guide"), override.guide, self._guide_names, "guides")
        self._is_there((*at, "plan"), override.plan, self._guide_names, "guides")
        self._is_there((*at, "hours"), override.hours, self._hours_names, "hours")
        if override.priority is not None and (override.impact is not None or override.urgency is not None):
            self._findings.error(
                (*at, "priority"), "priority is given outright, or comes from impact and urgency; not both", key=True
            )
        if override.respond is not None and override.resolve is not None and override.respond > override.resolve:
            self._findings.error((*at, "resolve"), "it is to be resolved before anybody must have responded")
        self._match((*at, "when"), override.when, rules)

    def _match(self, at: Loc, when: OverrideMatch, rules: Collection[str]) -> None:
        if when.between is not None:
            self._between((*at, "between"), when.between)
        there = self._there
        used = {rule.category for device in there.devices.values() for rule in device.alarms.values()}
        for i, name in enumerate(when.category or ()):
            self._is_there((*at, "category", i), name, self._category_names | used, "categories")
        for i, name in enumerate(when.device or ()):
            if not name.endswith("*") and not there.known(name) and name not in self._subjects():
                what = "devices, doors and links"
                hint = suggest(name, [*there.devices, *there.doors, *self._subjects()], what)
                self._findings.error((*at, "device", i), f"there is no device, door or link {name!r}; {hint}")
        if there.incomplete:
            return
        self._idle((*at, "device"), when.device, [*there.devices, *there.doors, *self._subjects()], "device or door")
        self._idle((*at, "profile"), when.profile, {device.profile for device in there.devices.values()}, "profile")
        self._idle((*at, "rule"), when.rule, rules, "alarm")
        labelled = [device.labels for device in there.devices.values()] + [door.labels for door in there.doors.values()]
        for name, value in when.labels.items():
            if not any(labels.get(name) == value for labels in labelled):
                self._findings.warn((*at, "labels", name), f"no device or door here has the label {name}: {value!r}")

    def _idle(self, at: Loc, names: Iterable[str] | None, known: Iterable[str], what: str) -> None:
        for i, name in enumerate(names or ()):
            some = list(known)
            if name.endswith("*"):
                if not any(one.startswith(name[:-1]) for one in some):
                    self._findings.warn((*at, i), f"no {what} here begins with {name[:-1]!r}")
            elif name not in some and what != "device or door":
                self._findings.warn((*at, i), f"no {what} here is {name!r}; {suggest(name, some, f'{what}s')}")

    def _subjects(self) -> set[str]:
        return {*OWN_SUBJECTS, *(f"link/{link}" for link in self._links)}

    def _rules(self, site: Site) -> set[str]:
        """Names of all alarms that this site can raise, and of those that any door can."""
        found = {name for device in self._there.devices.values() for name in device.alarms}
        found |= {"link-down", "access-sync", *CONDITIONS, *site.service.patrols}
        found |= {f"upstream-{name}" for name in site.upstream}
        doors = chain.from_iterable(door_conditions(door) for door in self._there.doors.values())
        return found | {f"{kind}-{reader}" for kind, reader in doors if reader}
