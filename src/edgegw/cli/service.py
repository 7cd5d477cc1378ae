"""`edgegw check SITE --service`: which alarm becomes which ticket, without raising any.

Owns: the list as plain data and as text. Must not know: what an alarm is worth (service.catalogue).
"""

import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import click

from edgegw.model import Instant

if TYPE_CHECKING:  # pydantic and the profiles are imported when the command runs
    from edgegw.config.plan import SitePlan
    from edgegw.profiles.fields import Text
    from edgegw.service.catalogue import Found
    from edgegw.service.specs import Catalogue, Facts, Hours
    from edgegw.service.ticket import GuideRef, Request

NS_PER_S = 1_000_000_000
SHOWN_SUBJECTS = 3
"""Names of devices or doors listed for one ticket, before it says how many more there are; JSON has all."""

WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def moment(at: str | None, plan: "SitePlan") -> Instant:
    """The moment of ``--at``, in the gateway's time zone unless it says another; now if None. Raises click.BadParameter."""
    from edgegw.service.hours import LATEST_NS

    if at is None:
        return Instant(time.time_ns(), 0)
    try:
        given = datetime.fromisoformat(at)
        local = given if given.tzinfo is not None else given.replace(tzinfo=ZoneInfo(plan.gateway.timezone))
        wall_ns = round(local.timestamp()) * NS_PER_S
    except (ValueError, OverflowError, OSError):
        wall_ns = -1
    if not 0 <= wall_ns < LATEST_NS:
        raise click.BadParameter(f"not a time: {at!r}; write 2026-11-26T02:00", param_hint="--at")
    return Instant(wall_ns, 0)


def service(plan: "SitePlan", at: Instant) -> dict[str, Any]:
    """Matrix, targets, and every alarm's ticket, as plain data; the JSON of ``check --service --json``."""
    from edgegw.config.service_merge import targets, working_hours
    from edgegw.config.service_specs import catalogue, feeds

    made, named = catalogue(plan), targets(plan.service)
    hours = working_hours(plan.service)
    return {
        "ok": True,
        "site": str(plan.path),
        "gateway": plan.gateway.id,
        "language": plan.gateway.language,
        "at": _time(at.wall_ns, made),
        "matrix": [list(row) for row in made.matrix],
        "targets": [
            {
                "priority": name,
                "respond_s": respond_s,
                "resolve_s": resolve_s,
                "hours": when,
                "when": _hours(hours[when]),
            }
            for name, (respond_s, resolve_s, when) in named.items()
        ],
        "alarms": _alarms(plan, made, at),
        "feeds": [
            {"feed": feed.id, "name": feed.owner, "members": sorted(feed.members), "causes": sorted(feed.causes)}
            for feed in feeds(plan)
        ],
        "warnings": list(plan.warnings),
    }


def _alarms(plan: "SitePlan", made: "Catalogue", at: Instant) -> list[dict[str, Any]]:
    """One entry for all alarms of a kind that become the same ticket, most urgent first."""
    from edgegw.service.catalogue import find, request

    groups: dict[tuple[object, ...], dict[str, Any]] = {}
    for fact, of, name, title in _raised(plan):
        found = find(made, fact, at)
        asked = request(made, found, at)
        key = (of, name, repr(asked), found.by, found.ticket)
        if (entry := groups.get(key)) is not None:
            entry["count"] += 1
            entry["subjects"].append(fact.subject)
            entry["title"] = _title(plan, title, None)
        else:
            groups[key] = {"of": of, "alarm": name, "count": 1, "subjects": [fact.subject]}
            groups[key] |= {"title": _title(plan, title, fact), **_ticket(asked, found, made)}
    return sorted(groups.values(), key=lambda entry: (not entry["ticket"], entry["priority"], entry["of"]))


def _ticket(asked: "Request", found: "Found", made: "Catalogue") -> dict[str, Any]:
    return {
        "ticket": found.ticket,
        "priority": asked.priority,
        "impact": asked.impact or None,
        "urgency": asked.urgency or None,
        "category": asked.category,
        "category_name": asked.category_name,
        "team": asked.team,
        "team_name": asked.team_name,
        "contact": asked.contact,
        "skills": list(asked.skills),
        "respond_s": asked.respond_s,
        "resolve_s": asked.resolve_s,
        "respond_by": _time(asked.respond_by_ns, made),
        "resolve_by": _time(asked.resolve_by_ns, made),
        "guide": _guide(asked.guide),
        "plan": _guide(asked.plan),
        "overrides": list(found.by),
    }


def _guide(guide: "GuideRef | None") -> dict[str, Any] | None:
    if guide is None:
        return None
    return {"id": guide.id, "title": guide.title, "steps": list(guide.steps), "url": guide.url}


def _raised(plan: "SitePlan") -> Iterator[tuple["Facts", str, str, "Text"]]:
    """Every alarm that can be foreseen: its facts, what has it (a profile, ``door``, ``link`` …), its name, its title."""
    from edgegw.config.service_specs import every_fact, feeds
    from edgegw.rules.own import GATEWAY, PATROL
    from edgegw.service.patrol_wording import MISSED_TITLE
    from edgegw.service.specs import Facts
    from edgegw.service.storm import LOST_CATEGORY, LOST_PREFIX

    for fact in every_fact(plan).values():
        yield fact, *_named(plan, fact)
    for feed in feeds(plan):
        if feed.infer:
            rule = LOST_PREFIX + feed.id.replace("/", "-")
            yield (
                Facts(subject=GATEWAY, rule=rule, category=LOST_CATEGORY),
                f"feed {feed.id}",
                f"{LOST_PREFIX}*",
                feed.title,
            )
    for name, patrol in plan.service.patrols.items():
        yield Facts(subject=PATROL, rule=name, category=patrol.category), "patrol", name, MISSED_TITLE


def _named(plan: "SitePlan", fact: "Facts") -> tuple[str, str, "Text"]:
    """What has the alarm, the alarm's name, and its title."""
    from edgegw.app.build import upstream_title
    from edgegw.config.service_specs import door_conditions
    from edgegw.doors.wording import SYNC_TITLE, TITLES
    from edgegw.rules.own import LINK_TITLE

    if fact.profile:
        return fact.profile, fact.rule, plan.devices[fact.subject].alarms[fact.rule].title
    if fact.subject in plan.doors:
        for kind, reader in door_conditions(plan.doors[fact.subject]):
            if fact.rule == (f"{kind}-{reader}" if reader else kind):
                return "door", kind, TITLES[kind]
    if fact.subject.startswith("link/"):
        return "link", fact.rule, LINK_TITLE
    title = SYNC_TITLE if fact.rule == "access-sync" else upstream_title(fact.rule.removeprefix("upstream-"))
    return fact.subject, fact.rule, title


def _title(plan: "SitePlan", title: "Text", fact: "Facts | None") -> str:
    """As an operator would read it; what only one device has is ``…`` for several (`fact` None)."""
    from edgegw.rules.wording import fill, place

    name = where = "…"
    if fact is not None:
        part = plan.devices.get(fact.subject) or plan.doors.get(fact.subject)
        name = (part.name if part is not None else None) or fact.subject.removeprefix("link/")
        where = place(fact.labels, plan.gateway.language)
    text = fill(title.of(plan.gateway.language), {"device": name, "location": where, "value": "…", "unit": ""})
    return " ".join(text.split()).replace(" ）", "）").replace(" )", ")")


def _time(wall_ns: int, made: "Catalogue") -> str:
    return datetime.fromtimestamp(wall_ns // NS_PER_S, made.calendar.zone).isoformat(timespec="minutes")


def _hours(hours: "Hours") -> str:
    from edgegw.service.hours import is_always

    if is_always(hours):
        return "around the clock"
    days = ", ".join(WEEKDAYS[day] for day in sorted(hours.days)) if len(hours.days) < len(WEEKDAYS) else "every day"
    spans = ", ".join(f"{_clock(span.begin)}–{_clock(span.end)}" for span in hours.spans)
    return f"{days} {spans}, {'holidays too' if hours.holidays else 'not on holidays'}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


# --- for a person -------------------------------------------------------------------------------------------------------


def text(told: Mapping[str, Any]) -> str:
    """`service` for a person."""
    lines = [f"{told['site']}: gateway {told['gateway']}; alarms raised at {told['at']}; nothing was sent", ""]
    lines += ["impact × urgency   1   2   3   4   5"]
    lines += [f"               {n}  {'  '.join(row)}" for n, row in enumerate(told["matrix"], 1)]
    lines += ["", "targets"]
    for target in told["targets"]:
        respond, resolve = length(target["respond_s"]), length(target["resolve_s"])
        lines += [f"  {target['priority']}  respond in {respond}, resolve in {resolve}; {target['when']}"]
    lines += ["", "this alarm becomes this ticket"]
    for entry in told["alarms"]:
        lines += ["", *_entry(entry)]
    if len(told["feeds"]) > 0:
        lines += ["", "what fails together", *(_feed(feed) for feed in told["feeds"])]
    if told["warnings"]:
        lines += ["", *(f"warning: {line}" for line in told["warnings"])]
    return "\n".join(lines)


def _entry(entry: Mapping[str, Any]) -> Iterator[str]:
    level = f" (impact {entry['impact']} × urgency {entry['urgency']})" if entry["impact"] else ""
    yield f"{entry['priority']}  {entry['title']}" if entry["ticket"] else f"no ticket  {entry['title']}"
    some = ", ".join(entry["subjects"][:SHOWN_SUBJECTS])
    more = f" and {entry['count'] - SHOWN_SUBJECTS} more" if entry["count"] > SHOWN_SUBJECTS else ""
    yield f"    alarm    {entry['alarm']} of {entry['of']}: {some}{more}"
    if entry["ticket"]:
        contact = f", {entry['contact']}" if entry["contact"] else ""
        skills = f"; {', '.join(entry['skills'])}" if entry["skills"] else ""
        yield f"    for      {entry['category_name']}{level}: {entry['team_name'] or entry['team']}{contact}{skills}"
        respond, resolve = length(entry["respond_s"]), length(entry["resolve_s"])
        yield f"    respond  in {respond}, by {entry['respond_by']}; resolve in {resolve}, by {entry['resolve_by']}"
        for what in ("guide", "plan"):
            if (guide := entry[what]) is not None:
                yield f"    {what:<7}  {guide['title']} [{guide['id']}, {len(guide['steps'])} steps]"
    if entry["overrides"]:
        yield f"    by       {', '.join(entry['overrides'])}"


def _feed(feed: Mapping[str, Any]) -> str:
    causes = ", ".join(feed["causes"]) or "none declared"
    return f"  {feed['feed']}: {len(feed['members'])} members; causes: {causes}"


def length(seconds: float) -> str:
    """``45 min``, ``12 h``, ``3 d``."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size and seconds % size == 0 and not (unit == "d" and seconds == size):
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"
