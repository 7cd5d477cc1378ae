"""The section `service` of the site file: what becomes a ticket, of what worth, for whom, by when.

Owns: the schema, defaults of form included. Must not know: YAML, line numbers, the shipped catalogue (service.defaults), what is
referred to (config.check_service), how it is resolved (config.service_specs).

Everything here is laid over the shipped catalogue key by key: a site writes what is different, and nothing else.
"""

from math import ceil
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from edgegw.config.acting import Clock, Date, Title
from edgegw.config.patrols import Patrol, Rating, ServiceButton
from edgegw.profiles.fields import Duration, Slug, Strict

Priority = Literal["P1", "P2", "P3", "P4"]
Level = Annotated[int, Field(ge=1, le=5)]
"""Of impact or urgency, 5 the most."""
OptionalSlug = Annotated[str, Field(pattern=r"^([a-z0-9][a-z0-9_.-]{0,63})?$")]
"""A name, or ``""`` for none."""
Pattern = Annotated[str, Field(pattern=r"^(\*|[a-z0-9][a-z0-9_./-]{0,127}\*?)$")]
"""A name, or the beginning of names and ``*``."""
Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
Between = Annotated[tuple[Clock, ...], Field(strict=False, min_length=2, max_length=2)]
"""``["22:00", "06:00"]``: from, to; over midnight if the second is not later."""
TargetTime = Annotated[Duration, Field(ge=1, le=400 * 86400)]
"""A target: from a second to 400 days, beyond which nobody waits."""


def _listed(value: object) -> object:
    return (value,) if isinstance(value, str) else value


Patterns = Annotated[
    tuple[Pattern, ...],
    BeforeValidator(_listed, json_schema_input_type=Pattern | tuple[Pattern, ...]),
    Field(strict=False, min_length=1, max_length=500),
]
Slugs = Annotated[
    tuple[Slug, ...],
    BeforeValidator(_listed, json_schema_input_type=Slug | tuple[Slug, ...]),
    Field(strict=False, min_length=1, max_length=500),
]
Priorities = Annotated[
    tuple[Priority, ...],
    BeforeValidator(_listed, json_schema_input_type=Priority | tuple[Priority, ...]),
    Field(strict=False, min_length=1, max_length=4),
]
Line = Annotated[str, Field(max_length=200)]


class ServiceTeam(Strict):
    """Who works on tickets.

    Attributes:
        name: what people call it; needed for a team that is new.
        contact: telephone, group, address: as it is to stand in the ticket.
    """

    name: Title | None = None
    contact: Line | None = None


class Guide(Strict):
    """An operating guide or an emergency plan.

    Attributes:
        title: what it is for; needed for one that is new.
        steps: what to do, in order; they travel with the ticket.
        url: where more is.
    """

    title: Title | None = None
    steps: Annotated[tuple[Title, ...], Field(strict=False, max_length=20)] | None = None
    url: Annotated[str, Field(max_length=500)] | None = None


class ServiceCategory(Strict):
    """A kind of trouble, and what it is worth unless the rule or an override knows better.

    Attributes:
        name: what people call it; needed, as impact, urgency and team are, for a category that is new.
        impact: 1 (one flat is a little worse off) to 5 (lives, or the whole community).
        urgency: 1 (can wait for weeks) to 5 (grows worse by the minute).
        team: a key of `teams`.
        skills: what whoever goes must be able to do.
        guide: operating guide, a key of `guides`; `""` for none.
        plan: emergency plan, a key of `guides`; `""` for none.
    """

    name: Title | None = None
    impact: Level | None = None
    urgency: Level | None = None
    team: Slug | None = None
    skills: Annotated[tuple[Line, ...], Field(strict=False, max_length=20)] | None = None
    guide: OptionalSlug | None = None
    plan: OptionalSlug | None = None


class WorkingHours(Strict):
    """When work is done, in the gateway's time zone.

    Attributes:
        days: weekdays.
        begin: work begins, `"08:30"`.
        end: work ends; `"24:00"` is midnight; not later than `from`: over midnight, early and late on each of the days.
        breaks: pauses, such as `[["12:00", "13:30"]]`.
        holidays: whether work is done on holidays too.
    """

    days: Annotated[tuple[Day, ...], Field(min_length=1, strict=False)] = (
        "mon",
        "tue",
        "wed",
        "thu",
        "fri",
        "sat",
        "sun",
    )
    begin: Annotated[Clock, Field(alias="from")] = "00:00"
    end: Annotated[Clock, Field(alias="to")] = "24:00"
    breaks: Annotated[tuple[Between, ...], Field(strict=False, max_length=8)] = ()
    holidays: bool = False


class ServiceTarget(Strict):
    """How fast tickets of a priority are answered.

    Attributes:
        respond: until somebody has acknowledged it, in working time.
        resolve: until it is resolved, in working time.
        hours: a key of `hours`.
    """

    respond: TargetTime | None = None
    resolve: TargetTime | None = None
    hours: Slug | None = None


class OverrideMatch(Strict):
    """Which alarms an override is for: all that is given must hold; of a list one. A name may end in `*`.

    Attributes:
        rule: names of alarms, as under a profile's `alarms` or a device's `rules`; conditions of doors (`forced`) too.
        device: devices, doors, `link/NAME`, `gateway`.
        profile: device types.
        category: as it is before this override.
        priority: as it is before this override.
        labels: each of these, as of the device or door.
        between: times of day, `["22:00", "06:00"]`.
        days: weekdays on which the alarm is raised; after midnight it is the next day.
        holidays: true: only on holidays; false: only on other days.
    """

    rule: Patterns | None = None
    device: Patterns | None = None
    profile: Patterns | None = None
    category: Slugs | None = None
    priority: Priorities | None = None
    labels: dict[Slug, str] = Field(default={})
    between: Between | None = None
    days: Annotated[tuple[Day, ...], Field(min_length=1, strict=False)] | None = None
    holidays: bool | None = None


class CatalogueOverride(Strict):
    """What is different for some alarms; only the keys given change. Later overrides go over earlier ones.

    Attributes:
        when: for which alarms.
        category: another one, with all that it brings.
        impact, urgency: instead of the category's or the rule's; the matrix then gives the priority.
        priority: whatever the matrix says.
        team: a key of `teams`.
        skills: instead of the category's.
        guide: operating guide, a key of `guides`; `""` for none.
        plan: emergency plan, a key of `guides`; `""` for none.
        respond, resolve: instead of the priority's.
        hours: a key of `hours`, instead of the priority's.
        ticket: false: no ticket; the alarm goes upstream all the same. true: takes an earlier false back.
    """

    when: OverrideMatch
    category: Slug | None = None
    impact: Level | None = None
    urgency: Level | None = None
    priority: Priority | None = None
    team: Slug | None = None
    skills: Annotated[tuple[Line, ...], Field(strict=False, max_length=20)] | None = None
    guide: OptionalSlug | None = None
    plan: OptionalSlug | None = None
    respond: TargetTime | None = None
    resolve: TargetTime | None = None
    hours: Slug | None = None
    ticket: bool | None = None


class OneTicketSection(Strict):
    """How many troubles become one ticket (docs/tickets.md).

    Attributes:
        gather: how long an alarm of a device's health waits for its cause before it gets a ticket of its own.
        settle: how long after its cause is gone such an alarm may go on before it gets its own.
        reraise: raised again within this long after its end, an alarm opens the same ticket again; later a new one.
        reopen: how long a ticket may be closed while its alarm is active before it is opened again.
        flap_raises: raised so many times within `flap_within` is flapping: one ticket, until it was quiet for `flap_quiet`.
        flap_within: see `flap_raises`.
        flap_quiet: see `flap_raises`.
        escalate_every: pause between escalations of one ticket.
        escalate_most: how many there are; 0: none.
        storm_devices: so many devices of one link or feed lost together, and `storm_share` of them, are one trouble.
        storm_share: see `storm_devices`.
    """

    gather: Annotated[Duration, Field(ge=0, le=60)] = 3.0
    settle: Annotated[Duration, Field(ge=0, le=3600)] = 60.0
    reraise: Annotated[Duration, Field(ge=0, le=604800)] = 1800.0
    reopen: Annotated[Duration, Field(ge=0, le=86400)] = 60.0
    flap_raises: Annotated[int, Field(ge=2, le=1000)] = 4
    flap_within: Annotated[Duration, Field(ge=1, le=86400)] = 600.0
    flap_quiet: Annotated[Duration, Field(ge=1, le=86400)] = 600.0
    escalate_every: Annotated[Duration, Field(ge=60, le=604800)] = 1800.0
    escalate_most: Annotated[int, Field(ge=0, le=20)] = 3
    storm_devices: Annotated[int, Field(ge=2, le=10000)] = 5
    storm_share: Annotated[float, Field(gt=0, le=1)] = 0.5


class FeedCause(Strict):
    """An alarm that explains why all of a feed is lost; exactly one of `device`, `door` and `link`.

    Attributes:
        device: whose alarm.
        door: whose condition.
        link: its being down; then without `alarm`.
        alarm: the alarm's name, or the door's condition.
    """

    device: Slug | None = None
    door: Slug | None = None
    link: Slug | None = None
    alarm: Slug | None = None


class FeedSection(Strict):
    """Things that fail together, besides those on one link: on a power circuit, behind a switch, at one bridge.

    Attributes:
        name: what people call it; the key if not given.
        title: of the alarm that all of it is lost, where no cause told of it; `{device}` is the name.
        devices: devices and doors.
        links: links, with all their devices.
        labels: all devices and doors with each of these.
        causes: alarms that explain the loss of all.
        infer: many lost together are one trouble, although no cause told of it.
    """

    name: Annotated[str, Field(max_length=100)] | None = None
    title: Title | None = None
    devices: Annotated[tuple[Slug, ...], Field(strict=False)] = ()
    links: Annotated[tuple[Slug, ...], Field(strict=False)] = ()
    labels: dict[Slug, str] = Field(default={})
    causes: Annotated[tuple[FeedCause, ...], Field(strict=False, max_length=50)] = ()
    infer: bool = True


class HistorySection(Strict):
    """How long is kept what reports are made of.

    Attributes:
        keep: tickets and daily figures older than this are forgotten.
    """

    keep: Annotated[Duration, Field(ge=86400, le=800 * 86400)] = 400 * 86400.0

    @property
    def keep_days(self) -> int:
        """Whole days, a begun one too."""
        return ceil(self.keep / 86400)


class Service(Strict):
    """From alarm to service ticket. All of it has a default; what a site writes is laid over it key by key (docs/service.md).

    Attributes:
        categories: kinds of trouble, each under its slug.
        teams: who works on tickets.
        guides: operating guides and emergency plans.
        matrix: five rows for impact 1 to 5, each five priorities for urgency 1 to 5.
        targets: how fast each priority is answered.
        hours: when work is done; `always` is there.
        holidays: days such as `"2026-10-01"`; those under `access.holidays` are too.
        overrides: what is different for some alarms, each under its name.
        one_ticket: how many troubles become one ticket.
        feeds: things that fail together, each under its name.
        history: how long is kept what reports are made of.
        patrols: patrol plans, each under its id.
        buttons: buttons that ask for service, each under its name: an alarm of its device with that name.
        ratings: panels at which people rate, each under its name.
    """

    categories: dict[Slug, ServiceCategory] = Field(default={})
    teams: dict[Slug, ServiceTeam] = Field(default={})
    guides: dict[Slug, Guide] = Field(default={})
    matrix: (
        Annotated[
            tuple[
                Annotated[tuple[Priority, ...], Field(strict=False, min_length=5, max_length=5)],
                ...,
            ],
            Field(strict=False, min_length=5, max_length=5),
        ]
        | None
    ) = None
    targets: dict[Priority, ServiceTarget] = Field(default={})
    hours: dict[Slug, WorkingHours] = Field(default={})
    holidays: Annotated[tuple[Date, ...], Field(strict=False, max_length=1000)] = ()
    overrides: dict[Slug, CatalogueOverride] = Field(default={})
    one_ticket: OneTicketSection = OneTicketSection()
    feeds: dict[Slug, FeedSection] = Field(default={})
    history: HistorySection = HistorySection()
    patrols: Annotated[dict[Slug, Patrol], Field(max_length=100)] = Field(default={})
    buttons: dict[Slug, ServiceButton] = Field(default={})
    ratings: dict[Slug, Rating] = Field(default={})
