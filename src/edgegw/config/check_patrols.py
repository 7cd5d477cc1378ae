"""Checks of patrol plans, service buttons and rating panels.

Owns: what must hold between these and devices, categories, the API; the alarm rules that buttons become.
Must not know: rounds, how a press is heard.
"""

from collections.abc import Mapping, Sequence

import msgspec
from pydantic import ValidationError

from edgegw.config.acting import PointIs
from edgegw.config.catalogue import Catalogue
from edgegw.config.findings import Findings, Loc, suggest
from edgegw.config.patrol_specs import button_rule, window
from edgegw.config.patrols import Checkin, Patrol, PatrolPoint, Rating
from edgegw.config.plan import DevicePlan, rule_fault
from edgegw.config.schema import Site
from edgegw.config.service_specs import categories
from edgegw.profiles.schema import Point, Profile
from edgegw.service.people import word

MINUTES_OF_DAY = 1440


def with_buttons(
    findings: Findings, site: Site, planned: Mapping[str, DevicePlan], profiles: Mapping[str, Profile]
) -> dict[str, DevicePlan]:
    """The devices, with a rule for each of their buttons; to be called before anything refers to devices' alarms."""
    devices = dict(planned)
    for name, button in site.service.buttons.items():
        device = devices.get(button.device)
        profile = None if device is None else profiles.get(device.profile)
        if device is None or profile is None or button.point not in profile.points:
            continue  # told by `PatrolChecks`, which knows what else is in the file
        at: Loc = ("service", "buttons", name)
        if name in device.alarms or name in profile.alarms:
            findings.error(at, f"{button.device} has an alarm {name!r} already: take another name", key=True)
            continue
        try:
            rule = button_rule(button)
        except ValidationError as error:
            findings.error(at, error.errors(include_url=False)[0]["msg"].removeprefix("Value error, "), key=True)
            continue
        if fault := rule_fault(rule, profile):
            findings.error((*at, "equals"), fault)
            continue
        devices[button.device] = msgspec.structs.replace(device, alarms={**device.alarms, name: rule})
    return devices


class PatrolChecks:
    """Goes through the three sections once; devices are checked before."""

    def __init__(self, findings: Findings, there: Catalogue, site: Site) -> None:
        self._findings = findings
        self._there = there
        self._site = site
        self._categories = categories(site.service)

    def all(self) -> None:
        """Check all of them."""
        service = self._site.service
        for name, patrol in service.patrols.items():
            self._patrol(("service", "patrols", name), patrol)
        for name, button in service.buttons.items():
            at: Loc = ("service", "buttons", name)
            self._there.point(at, button.device, button.point)
            self._category(at, button.category)
        for name, rating in service.ratings.items():
            self._rating(("service", "ratings", name), rating)

    # --- patrols ------------------------------------------------------------------------------------------------------

    def _patrol(self, at: Loc, patrol: Patrol) -> None:
        self._category(at, patrol.category)
        self._starts(at, patrol)
        if (
            "days" in patrol.model_fields_set
            and "holiday" in patrol.days
            and not (self._site.service.holidays or self._site.access.holidays)
        ):
            self._findings.warn((*at, "days"), "no day is a holiday: service.holidays is empty")
        ids: dict[str, int] = {}
        tags: dict[str, str] = {}
        before: PatrolPoint | None = None
        for i, point in enumerate(patrol.points):
            here = (*at, "points", i)
            if ids.setdefault(point.id, i) != i:
                self._findings.error((*here, "id"), f"point {point.id!r} is there twice; each has an id of its own")
            if point.tag is not None and tags.setdefault(point.tag, point.id) != point.id:
                self._findings.error(
                    (*here, "tag"), f"this is the tag of {tags[point.tag]!r} too; a tag is at one point"
                )
            if point.at is not None:
                if patrol.order == "strict" and before is not None and (before.at or 0.0) > point.at:
                    self._findings.error(
                        (*here, "at"),
                        f"{point.id!r} is due before {before.id!r}, which is visited before it; write the points in the order of "
                        "their times, or order: any",
                    )
                before = point
            self._point(here, point, patrol)

    def _point(self, at: Loc, point: PatrolPoint, patrol: Patrol) -> None:
        if point.checkin is not None:
            self._checkin((*at, "checkin"), point.checkin, patrol)
        elif not self._site.api.enabled:
            self._findings.warn(
                at, f"only the API can check in at {point.id!r}, and it is off; add checkin, or write api.enabled: true"
            )

    def _checkin(self, at: Loc, checkin: Checkin, patrol: Patrol) -> None:
        if checkin.button:
            self._there.is_value(at, PointIs(device=checkin.device, point=checkin.point, equals=checkin.equals))
            if patrol.groups:
                self._findings.warn(at, "a button does not tell who pressed it; groups do not hold here")
            return
        point = self._there.point(at, checkin.device, checkin.point)
        if point is None:
            return
        if point.type == "bool" or (point.map is not None and set(map(type, point.map.values())) == {bool}):
            self._findings.error(
                (*at, "point"), f"{checkin.point} is true or false and reads no card; for a button write equals: true"
            )
        elif patrol.groups and self._site.access.key is None:
            self._findings.error(
                at, "whose card it is cannot be known without access.key; add it, or leave groups out for anybody"
            )

    def _starts(self, at: Loc, patrol: Patrol) -> None:
        minutes = sorted({int(start[:2]) * 60 + int(start[3:]) for start in patrol.starts})
        if len(minutes) < len(patrol.starts):
            self._findings.warn((*at, "starts"), "a time is there twice")
        windows = [window(point, patrol) for point in patrol.points]
        opens, closes = min(first for first, _ in windows), max(last for _, last in windows)
        needed = closes - min(0.0, opens)
        for first, second in zip(minutes, _following(minutes), strict=True):
            if (second - first) * 60 < needed and first != second - MINUTES_OF_DAY:
                self._findings.error(
                    (*at, "starts"),
                    f"the round of {_clock(first)} takes {_length(closes)}, and that of {_clock(second)} opens before "
                    "its end; start them further apart",
                )
                return
        if needed > MINUTES_OF_DAY * 60:
            self._findings.error(
                (*at, "starts"), "a round takes more than a day, and the next one begins before its end"
            )

    # --- ratings ------------------------------------------------------------------------------------------------------

    def _rating(self, at: Loc, rating: Rating) -> None:
        if rating.category is not None:
            self._category(at, rating.category)
        point = self._there.point(at, rating.device, rating.point)
        for value in rating.map if point is not None else ():
            if fault := _never(point, value):
                self._findings.error((*at, "map", value), f"{rating.point} {fault}", key=True)

    def _category(self, at: Loc, category: str) -> None:
        if category not in self._categories:
            hint = suggest(category, self._categories, "categories")
            self._findings.error((*at, "category"), f"there is no category {category!r}; {hint}")


def _never(point: Point | None, value: str) -> str:
    """Why a point never has the value of this word; empty if it may."""
    if point is None:
        return ""
    words: Sequence[str] = ()
    if point.map is not None:
        words = sorted({word(mapped) for mapped in point.map.values()})
    elif point.type == "bool":
        words = ("true", "false")
    elif point.type != "str":
        try:
            float(value)
        except ValueError:
            return f"is a number and never {value!r}"
    return f"is never {value!r}; its values: {', '.join(words)}" if words and value not in words else ""


def _following(minutes: Sequence[int]) -> list[int]:
    return [*minutes[1:], minutes[0] + MINUTES_OF_DAY]


def _clock(minutes: int) -> str:
    minutes %= MINUTES_OF_DAY
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _length(seconds: float) -> str:
    return f"{seconds / 60:g} min"
