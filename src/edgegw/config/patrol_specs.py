"""Patrol plans, panels and buttons of a site, as the core takes them.

Owns: turning the site file's entries into specs and alarm rules. Must not know: rounds, positions in the file (check_patrols).
"""

from edgegw.config.patrols import Patrol, PatrolPoint, ServiceButton, Tolerance
from edgegw.config.plan import SitePlan
from edgegw.profiles.fields import Text
from edgegw.profiles.schema import AlarmRule
from edgegw.service.patrol_specs import NS_PER_S, PlanSpec, PointSpec, Source
from edgegw.service.people import RatingSpec


def patrol_specs(plan: SitePlan) -> tuple[PlanSpec, ...]:
    """All patrol plans of a checked site, in its order."""
    return tuple(_patrol(name, patrol, plan) for name, patrol in plan.service.patrols.items())


def rating_specs(plan: SitePlan) -> tuple[RatingSpec, ...]:
    """All panels of a checked site, in its order."""
    return tuple(
        RatingSpec(
            id=name,
            name=rating.name or Text(zh=name, en=name),
            device=rating.device,
            point=rating.point,
            scores=dict(rating.map),
            labels=dict(rating.labels or plan.devices[rating.device].labels),
            category=rating.category or "",
            every_ns=_ns(rating.every),
            within_ns=_ns(rating.within),
            ticket_at=rating.ticket_at or 0,
        )
        for name, rating in plan.service.ratings.items()
    )


def button_rule(button: ServiceButton) -> AlarmRule:
    """A button as an alarm of its device. Raises pydantic's ValidationError if it makes no rule."""
    given = {key: value for key in ("priority", "impact", "urgency") if (value := getattr(button, key)) is not None}
    return AlarmRule.model_validate(
        {
            "point": button.point,
            "when": {"equals": button.equals},
            "clear_after": 0 if not button.clear_after else f"{button.clear_after:.12g}s",
            "category": button.category,
            "title": button.title.model_dump(),
            "momentary": button.momentary,
            **given,
        }
    )


def window(point: PatrolPoint, patrol: Patrol) -> tuple[float, float]:
    """When a point may be checked, in seconds from the planned start."""
    tolerance: Tolerance = point.tolerance or patrol.tolerance
    if point.at is not None:
        return point.at - tolerance.early, point.at + tolerance.late
    return -tolerance.early, patrol.within or 0.0


def _patrol(name: str, patrol: Patrol, plan: SitePlan) -> PlanSpec:
    return PlanSpec(
        id=name,
        name=patrol.name or Text(zh=name, en=name),
        points=tuple(_point(point, patrol, plan) for point in patrol.points),
        starts=tuple(sorted({_minutes(start) for start in patrol.starts})),
        days=frozenset(patrol.days),
        strict=patrol.order == "strict",
        grace_ns=_ns(patrol.grace),
        min_gap_ns=_ns(patrol.min_gap),
        groups=frozenset(patrol.groups),
        category=patrol.category,
        ticket_on=frozenset(patrol.ticket_on),
    )


def _point(point: PatrolPoint, patrol: Patrol, plan: SitePlan) -> PointSpec:
    opens, closes = window(point, patrol)
    checkin = point.checkin
    source = None
    if checkin is not None:
        kind = "button" if checkin.button else checkin.kind
        source = Source(checkin.device, checkin.point, kind, checkin.equals if checkin.button else None)
    inherited = {} if checkin is None else plan.devices[checkin.device].labels
    return PointSpec(
        id=point.id,
        name=point.name or Text(zh=point.id, en=point.id),
        opens_ns=_ns(opens),
        closes_ns=_ns(closes),
        due_ns=None if point.at is None else _ns(point.at),
        source=source,
        tag=point.tag or "",
        labels=dict(point.labels or inherited),
    )


def _minutes(clock: str) -> int:
    return int(clock[:2]) * 60 + int(clock[3:])


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
