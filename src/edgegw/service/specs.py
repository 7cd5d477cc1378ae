"""The service catalogue and what stands around it, resolved: what `classify` and the troubles are built from.

Owns: frozen structs, no defaults of content (defaults.py has the shipped catalogue), no YAML names (config.service has those).
Must not know: files, alarms' states.
"""

from collections.abc import Mapping
from zoneinfo import ZoneInfo

from msgspec import Struct

from edgegw.profiles.fields import Text

NS_PER_S = 1_000_000_000

PRIORITIES = ("P1", "P2", "P3", "P4")

Matrix = tuple[tuple[str, ...], ...]
"""``matrix[impact - 1][urgency - 1]`` is the priority; 5 × 5, after GLPI."""


class Span(Struct, frozen=True):
    """A time of day, in minutes from midnight, `end` up to 1440; over midnight if `end` ≤ `begin`."""

    begin: int
    end: int


class Hours(Struct, frozen=True):
    """When work is done.

    Attributes:
        days: weekdays, Monday 0; holidays do not count unless `holidays`.
        spans: disjoint, in order, none over midnight. Whole week and ``(Span(0, 1440),)`` is always.
    """

    days: frozenset[int]
    spans: tuple[Span, ...]
    holidays: bool = False


class Calendar(Struct, frozen=True):
    """Where and when: time zone, and holidays as ``YYYY-MM-DD``."""

    zone: ZoneInfo
    holidays: frozenset[str] = frozenset()


class Target(Struct, frozen=True):
    """How fast a priority is answered: seconds of working time by `hours`."""

    respond_s: float
    resolve_s: float
    hours: Hours


class Guide(Struct, frozen=True):
    """An operating guide or emergency plan."""

    id: str
    title: Text
    steps: tuple[Text, ...] = ()
    url: str = ""


class Team(Struct, frozen=True):
    """Who."""

    id: str
    name: Text
    contact: str = ""


class Category(Struct, frozen=True):
    """What kind of trouble, and what it is worth unless something more exact is known."""

    id: str
    name: Text
    impact: int
    urgency: int
    team: str
    skills: tuple[str, ...] = ()
    guide: str = ""
    plan: str = ""


class Facts(Struct, frozen=True, kw_only=True):
    """What is known of an alarm's rule and subject besides the alarm itself.

    Attributes:
        subject: device, door, ``link/<name>``, ``gateway``, ``patrol`` … as in the alarm's event.
        rule: the rule's or condition's key.
        category: slug.
        priority: given by the rule itself; empty: from impact and urgency.
        impact, urgency: given by the rule; 0: the category's.
        health: it tells of the device and not of what the device senses (offline, missing): a dead link or feed explains it.
        momentary: the alarm clears by itself; its ticket is for a person to close.
        labels: where.
    """

    subject: str
    rule: str
    category: str
    priority: str = ""
    impact: int = 0
    urgency: int = 0
    health: bool = False
    momentary: bool = False
    profile: str = ""
    link: str = ""
    labels: Mapping[str, str] = {}


class Match(Struct, frozen=True, kw_only=True):
    """Which alarms an override is for; all that is given must hold. Empty: not asked.

    Attributes:
        rules, subjects, profiles, categories, priorities: one of these.
        labels: each of these (``building`` → ``3``).
        during: local times of day; `days`: weekdays of the moment of raising.
        holidays: only on holidays (True), only on others (False).
    """

    rules: frozenset[str] = frozenset()
    subjects: frozenset[str] = frozenset()
    profiles: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()
    priorities: frozenset[str] = frozenset()
    labels: Mapping[str, str] = {}
    during: tuple[Span, ...] = ()
    days: frozenset[int] = frozenset()
    holidays: bool | None = None


class Override(Struct, frozen=True, kw_only=True):
    """What is different for what matches; later overrides go over earlier ones. None, empty: as before.

    Attributes:
        ticket: False: such alarms get no ticket.
        respond_s, resolve_s: instead of the priority's; `hours` too.
    """

    name: str
    match: Match
    category: str = ""
    impact: int | None = None
    urgency: int | None = None
    priority: str = ""
    team: str = ""
    skills: tuple[str, ...] | None = None
    guide: str | None = None
    plan: str | None = None
    respond_s: float | None = None
    resolve_s: float | None = None
    hours: Hours | None = None
    ticket: bool | None = None


class Catalogue(Struct, frozen=True, kw_only=True):
    """Everything `classify` goes by. Every id that is referred to is there (config checks that)."""

    categories: Mapping[str, Category]
    teams: Mapping[str, Team]
    guides: Mapping[str, Guide]
    matrix: Matrix
    targets: Mapping[str, Target]
    overrides: tuple[Override, ...]
    calendar: Calendar
    language: str


class OneTicket(Struct, frozen=True, kw_only=True):
    """How many troubles become one ticket. All in seconds, but counts.

    Attributes:
        gather_s: how long a health alarm waits for its cause before it gets a ticket of its own.
        settle_s: how long after its cause is gone a health alarm may go on before it gets its own.
        reraise_s: raised again within this long after its end, an alarm opens the same ticket again; later a new one.
        reopen_s: how long a ticket may be closed while its alarm is active before it is opened again.
        flap_raises, flap_within_s: so many times raised in so long is flapping, until it was quiet for `flap_quiet_s`.
        escalate_every_s: pause between escalations of one ticket; `escalate_most`: how many there are.
        storm_devices, storm_share: so many, and that part of those on one link or feed, lost together: the feed is the cause.
    """

    gather_s: float = 3.0
    settle_s: float = 60.0
    reraise_s: float = 1800.0
    reopen_s: float = 60.0
    flap_raises: int = 4
    flap_within_s: float = 600.0
    flap_quiet_s: float = 600.0
    escalate_every_s: float = 1800.0
    escalate_most: int = 3
    storm_devices: int = 5
    storm_share: float = 0.5


class Feed(Struct, frozen=True, kw_only=True):
    """Things that fail together: what is on a link, behind a bridge, on a power feed.

    Attributes:
        id: ``link/<name>`` for links; else the name in the site file.
        title: of the inferred alarm that the whole of it is lost; ``{device}`` stands for `owner`.
        members: subjects: devices, and ``link/<name>``.
        causes: dedup_keys of alarms that explain members' health alarms (a link is down, a breaker has tripped).
        infer: many members lost together are one trouble, although nothing tells of a cause.
    """

    id: str
    owner: str
    title: Text
    members: frozenset[str]
    causes: frozenset[str] = frozenset()
    infer: bool = True
