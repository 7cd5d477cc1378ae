"""What people think of the service, as they say at a panel.

Owns: which press counts, which ticket was rated, when a rating asks for a ticket. Must not know: how a press is heard
(edgegw.patrols), what becomes of a ticket.

Buttons that ask for something are not here: one in the site file is an alarm rule of its device (config.patrol_specs).

Conditions of people (here, and in people_requests) do not recover by themselves. Whoever learns that such a ticket is over
(resolved, closed, rejected) says so by `ended`; without it the alarm would stay, and its ticket be opened again.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from msgspec import UNSET, Struct, UnsetType

from edgegw.model import Changes, Event, Instant, Lane, Value
from edgegw.profiles.fields import Text
from edgegw.rules.events import Location, encode, utc
from edgegw.rules.own import SERVICE, Reported
from edgegw.rules.wording import place
from edgegw.service.people_condition import PeopleStep, ended_condition
from edgegw.service.specs import NS_PER_S
from edgegw.service.ticket import TroubleView

SERVICE_RATED = "edgegw.service.rated"

RATING_TITLE = Text(zh="{device}评价低：{value} 分（满分 5 分）", en="{device}: rated {value} of 5")

RATING = "rating-"
"""How the keys of their conditions begin."""

DEFAULT_CATEGORY = "cleaning"
"""Of a low rating where neither the site nor the rated ticket says which."""


class RatingSpec(Struct, frozen=True, kw_only=True):
    """A panel at which people rate.

    Attributes:
        scores: value as text (`word`) → 1 (worst) to 5.
        labels: the place that is rated. `category`: of the service that is; empty: any.
        every_ns: one rating per device in so long.
        within_ns: how long ago the rated ticket may have ended.
        ticket_at: a score at or below it asks for a ticket; 0: none does.
    """

    id: str
    name: Text
    device: str
    point: str
    scores: Mapping[str, int]
    labels: Mapping[str, str] = {}
    category: str = ""
    every_ns: int = 60 * NS_PER_S
    within_ns: int = 86_400 * NS_PER_S
    ticket_at: int = 0


class TicketRef(Struct, frozen=True, omit_defaults=True):
    """The ticket that was probably rated."""

    ref: str
    number: str = ""
    dedup_key: str = ""
    category: str = ""


class RatedData(Struct, frozen=True, kw_only=True):
    """The data of ``edgegw.service.rated``.

    Attributes:
        rating, name: which panel. score: 1 to 5.
        ticket: the one that ended last at that place, if one did lately.
        not_counted: presses since the last rating of this device that were too soon after it.
    """

    rating: str
    name: str
    score: int
    at: str
    device: str
    location: Location | UnsetType = UNSET
    category: str | UnsetType = UNSET
    ticket: TicketRef | UnsetType = UNSET
    not_counted: int = 0
    clock_unsynced: bool | UnsetType = UNSET


LastTicket = Callable[[Mapping[str, str], str], TroubleView | None]
"""(labels, category) → the trouble whose ticket ended last at that place, of that category if it is not empty."""


def word(value: Value) -> str:
    """A value as a site file writes it as a key: ``true``, ``5``, ``single``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class Ratings:
    """All panels. `raised`: keys of conditions of subject ``service`` that are raised at start.

    A rating goes on lane TELEMETRY: it measures, like a reading; what must not be lost of it is the ticket it may ask for.
    """

    def __init__(
        self,
        specs: Iterable[RatingSpec],
        *,
        language: str,
        last_ticket: LastTicket = lambda _labels, _category: None,
        raised: Iterable[str] = (),
    ) -> None:
        self._specs: dict[tuple[str, str], list[RatingSpec]] = {}
        for spec in specs:
            self._specs.setdefault((spec.device, spec.point), []).append(spec)
        self._language = language
        self._last_ticket = last_ticket
        self._raised = {key for key in raised if key.startswith(RATING)}
        self._rated_ns: dict[str, int] = {}
        self._passed: Counter[str] = Counter()
        self.not_counted = 0
        """Presses too soon after another, in all."""

    def points(self) -> frozenset[tuple[str, str]]:
        """(device, point) of all panels."""
        return frozenset(self._specs)

    def pressed(self, device: str, point: str, value: Value, at: Instant) -> PeopleStep:
        """A panel's point came to have a value. One that is no score says nothing."""
        for spec in self._specs.get((device, point), ()):
            score = spec.scores.get(word(value))
            if score is not None:
                return self._rate(spec, score, at)
        return PeopleStep()

    def ended(self, key: str, at: Instant) -> Reported | None:
        """The ticket of this condition is over; None if it is none of these."""
        if key not in self._raised:
            return None
        self._raised.discard(key)
        return ended_condition(key, RATING_TITLE, at)

    def _rate(self, spec: RatingSpec, score: int, at: Instant) -> PeopleStep:
        before = self._rated_ns.get(spec.device)
        if before is not None and at.mono_ns - before < spec.every_ns:
            self._passed[spec.device] += 1
            self.not_counted += 1
            return PeopleStep()
        self._rated_ns[spec.device] = at.mono_ns
        ticket = self._ticket(spec, at)
        where = Location(place(spec.labels, self._language), dict(spec.labels)) if spec.labels else None
        data = RatedData(
            rating=spec.id,
            name=spec.name.of(self._language),
            score=score,
            at=utc(at.wall_ns),
            device=spec.device,
            location=UNSET if where is None else where,
            category=spec.category or UNSET,
            ticket=UNSET if ticket is None else ticket,
            not_counted=self._passed.pop(spec.device, 0),
            clock_unsynced=UNSET if at.synced else True,
        )
        event = Event(SERVICE_RATED, Lane.TELEMETRY, spec.device, at, encode(data))
        if score > spec.ticket_at:
            return PeopleStep(Changes((event,)), score=score)
        self._raised.add(RATING + spec.id)
        condition = Reported(
            key=RATING + spec.id,
            subject=SERVICE,
            active=True,
            title=RATING_TITLE,
            category=spec.category or (ticket.category if ticket is not None else "") or DEFAULT_CATEGORY,
            evidence={
                "value": score,
                "rated_at": utc(at.wall_ns),
                "ticket": "" if ticket is None else ticket.number or ticket.ref,
            },
            owner=spec.name.of(self._language),
            location=where,
        )
        return PeopleStep(Changes((event,)), (condition,), score)

    def _ticket(self, spec: RatingSpec, at: Instant) -> TicketRef | None:
        """The rated one, by wall times of one clock; while that is not trusted, none is named."""
        found = self._last_ticket(spec.labels, spec.category)
        if found is None or not at.synced or not 0 <= at.wall_ns - found.resolved_ns <= spec.within_ns:
            return None
        return TicketRef(found.ref, found.number, found.dedup_key, found.category)
