"""Parts of the section `service`: patrol plans, buttons that ask for service, panels at which people rate.

Owns: the schema, defaults included. Must not know: YAML, line numbers, what a device's points can be (config.check_patrols).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.config.acting import Title, Weekday
from edgegw.profiles.fields import Duration, Slug, Strict
from edgegw.profiles.schema import Scalar

StartTime = Annotated[str, Field(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]$")]
"""``"22:00"``, in quotes."""

HALF_DAY = 12 * 3600.0
DAY = 24 * 3600.0

RoundTime = Annotated[Duration, Field(ge=0, le=HALF_DAY)]
"""Of a round; none takes more than half a day."""


class Tolerance(Strict):
    """How far a check-in may be off.

    Attributes:
        early: so long before it is due; where there is no time, before the planned start.
        late: so long after it is due.
    """

    early: Annotated[Duration, Field(ge=0, le=HALF_DAY)] = 300.0
    late: Annotated[Duration, Field(ge=0, le=HALF_DAY)] = 600.0


class Checkin(Strict):
    """Where somebody checks in at a device.

    Attributes:
        device: a reader, or what has the button.
        point: the reading that is the card's number, or the button.
        kind: what a reader reads.
        equals: it is a button, pressed while the point has this value; who presses it is not known.
    """

    device: Slug
    point: Slug
    kind: Literal["card", "qr"] = "card"
    equals: Scalar = None

    @property
    def button(self) -> bool:
        """Whether it is a button."""
        return "equals" in self.model_fields_set


class PatrolPoint(Strict):
    """A place that is visited.

    Attributes:
        id: unique in the plan; part of events, so keep it.
        name: what people call it; the id if not given.
        labels: building, floor … ; those of the check-in's device if not given.
        checkin: reader or button by which a visit is known.
        tag: what a guard's handset reads there; it comes by the API. Without tag and check-in the API's word is enough.
        at: when it is due, from the start; if not given, at any time within the plan's `within`.
        tolerance: instead of the plan's.
    """

    id: Slug
    name: Title | None = None
    labels: dict[Slug, str] = Field(default={})
    checkin: Checkin | None = None
    tag: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    at: RoundTime | None = None
    tolerance: Tolerance | None = None


class Patrol(Strict):
    """A patrol plan: points, order, times (docs/patrol.md).

    Attributes:
        name: what people call it; the key if not given.
        points: in the order in which they are visited.
        starts: times of day in the gateway's time zone, such as `["22:00", "02:00"]`.
        days: on which days; `holiday` for those under `holidays`, which then do not count as weekdays.
        order: `strict`: a point out of order is told; `any`: it does not matter.
        within: so long after the start every point without a time of its own must be visited.
        tolerance: how far a check-in may be off.
        grace: how long after its last window a round still takes late check-ins.
        min_gap: one person at two points within less was too fast; 0: not looked at.
        groups: holders' groups whose check-ins count; anybody's if not given.
        category: of the service catalogue.
        ticket_on: what makes a ticket besides a missed point, which always does.
    """

    name: Title | None = None
    points: Annotated[tuple[PatrolPoint, ...], Field(strict=False, min_length=1, max_length=100)]
    starts: Annotated[tuple[StartTime, ...], Field(strict=False, min_length=1, max_length=24)]
    days: Annotated[tuple[Weekday, ...], Field(strict=False, min_length=1)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
        "holiday",
    )
    order: Literal["strict", "any"] = "strict"
    within: RoundTime | None = None
    tolerance: Tolerance = Tolerance()
    grace: RoundTime = 1800.0
    min_gap: Annotated[Duration, Field(ge=0, le=3600)] = 0.0
    groups: Annotated[tuple[Slug, ...], Field(strict=False, max_length=32)] = ()
    category: Slug = "cleaning"
    ticket_on: Annotated[
        tuple[Literal["late", "early", "out-of-order", "too-fast", "unknown"], ...], Field(strict=False)
    ] = ()

    @model_validator(mode="after")
    def _timed(self) -> "Patrol":
        if self.within is None and any(point.at is None for point in self.points):
            raise ValueError("give every point its time (`at: 10m`), or the whole round one (`within: 1h`)")
        return self


class ServiceButton(Strict):
    """A button that asks for service: each press is one occurrence of its ticket, for a person to close.

    Attributes:
        device: which.
        point: its button.
        equals: pressed while the point has this value.
        category: of the service catalogue.
        title: of the ticket; `{device}` and `{location}` are filled in.
        priority: P1 (most urgent) to P4; by impact and urgency if not given.
        impact, urgency: 1 to 5, instead of the category's.
        momentary: false: a switch that stays on as long as the trouble lasts, and takes it back.
        clear_after: presses closer than this are one.
    """

    device: Slug
    point: Slug
    equals: Scalar = True
    category: Slug
    title: Title
    priority: Literal["P1", "P2", "P3", "P4"] | None = None
    impact: Annotated[int, Field(ge=1, le=5)] | None = None
    urgency: Annotated[int, Field(ge=1, le=5)] | None = None
    momentary: bool = True
    clear_after: Annotated[Duration, Field(ge=0, le=3600)] = 10.0

    @model_validator(mode="after")
    def _priority_one_way(self) -> "ServiceButton":
        if self.priority and (self.impact or self.urgency):
            raise ValueError("priority is given outright, or comes from impact and urgency; not both")
        return self


class Rating(Strict):
    """A panel at which people rate the service, 1 (worst) to 5.

    Attributes:
        name: what people call it; the key if not given.
        device: the panel.
        point: what was pressed.
        map: value of the point to score, such as `{single: 5, double: 3, hold: 1}`; `"true"` for a contact.
        labels: the place that is rated; the device's if not given.
        category: of the service that is rated; any if not given.
        every: one rating counts per device in so long; the others are counted as pressed.
        within: how long ago the ticket that is rated may have ended.
        ticket_at: a score at or below it asks for a ticket; none does if not given.
    """

    name: Title | None = None
    device: Slug
    point: Slug
    map: Annotated[dict[str, Annotated[int, Field(ge=1, le=5)]], Field(min_length=1, max_length=20)]
    labels: dict[Slug, str] = Field(default={})
    category: Slug | None = None
    every: Annotated[Duration, Field(ge=0, le=3600)] = 60.0
    within: Annotated[Duration, Field(ge=60, le=30 * DAY)] = DAY
    ticket_at: Annotated[int, Field(ge=1, le=5)] | None = None
