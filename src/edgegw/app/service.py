"""The service side of one gateway: troubles behind the rules, answers of ticket systems, patrols and people, indicators.

Owns: which parts there are, what they are told of each other, their figures for metrics.
Must not know: what an alarm is worth, when a ticket is due (service), how answers arrive (upstream), HTTP.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Coroutine, Mapping
from zoneinfo import ZoneInfo

from edgegw.access.credentials import Credential, CredentialBook, card_hash
from edgegw.app.counting import Counting, meters
from edgegw.app.inbox import CURSOR_KIND, Inbox
from edgegw.app.ways import Way, make_ways
from edgegw.clock import Clock
from edgegw.config.patrol_specs import patrol_specs, rating_specs
from edgegw.config.plan import SitePlan
from edgegw.config.service_specs import catalogue, facts, feeds, one_ticket
from edgegw.control.snapshots_service import ServiceSnapshot
from edgegw.errors import DecodeError
from edgegw.model import NOTHING, Changes, Instant
from edgegw.patrols import PatrolService
from edgegw.pipeline import Pipeline
from edgegw.rules.engine import RuleEngine
from edgegw.rules.own import SERVICE, Reported
from edgegw.rules.presence import ONLINE, UNKNOWN
from edgegw.service.indicators import Indicators
from edgegw.service.indicators_rows import INDICATOR_KIND
from edgegw.service.patrol import Patrols
from edgegw.service.patrol_state import PATROL_KIND, Summary
from edgegw.service.people import Ratings
from edgegw.service.people_requests import Requests
from edgegw.service.sensing import Sensing
from edgegw.service.ticket import HISTORY_KIND, MAINTENANCE_KIND, TROUBLE_KIND, TicketState, TroubleView
from edgegw.service.troubles import Troubles
from edgegw.store.store import Store

log = logging.getLogger(__name__)

FLUSH_S = 60.0
"""How often counters are looked at for writing; they decide what is due."""

DAY_S = 86_400

ENDED = (TicketState.RESOLVED, TicketState.CLOSED, TicketState.REJECTED)
"""States in which what people asked for is over."""


class Service:
    """See the module's text. Made before anything runs: `sensing` are the pipeline's rules; the rest is made by `plug`.

    Attributes:
        calendar: the gateway's time zone and holidays.
        requests: what people asked for by the API.
    """

    def __init__(self, plan: SitePlan, *, store: Store, engine: RuleEngine, clock: Clock) -> None:
        now, keep_days = clock.now(), round(plan.service.history.keep / DAY_S)
        self.plan = plan
        self.clock = clock
        self._store = store
        self._engine = engine
        self._zone = ZoneInfo(plan.gateway.timezone)
        self.catalogue = catalogue(plan)
        self.indicators = Indicators(self._zone, meters=meters(plan), keep=keep_days)
        self.indicators.begin(store.states(INDICATOR_KIND), now)
        self._counting = Counting(self.indicators)
        self.troubles = Troubles(
            gateway=plan.gateway.id,
            catalogue=self.catalogue,
            one=one_ticket(plan),
            facts=facts(plan),
            feeds=feeds(plan),
            troubles=store.states(TROUBLE_KIND),
            windows=store.states(MAINTENANCE_KIND),
            history=store.states(HISTORY_KIND),
            now=now,
            history_keep_days=keep_days,
        )
        self.sensing = Sensing(engine, self.troubles, alarm=self._counting.event)
        raised = [view.rule for view in engine.active_alarms() if view.subject == SERVICE]
        self.requests = Requests(language=plan.gateway.language, raised=raised)
        self._ratings = Ratings(
            rating_specs(plan), language=plan.gateway.language, last_ticket=self._last_ticket, raised=raised
        )
        self._patrol_core = Patrols(
            patrol_specs(plan),
            calendar=self.catalogue.calendar,
            language=plan.gateway.language,
            states=store.states(PATROL_KIND),
            now=now,
        )
        unreadable = self.troubles.unreadable + self._patrol_core.unreadable
        if unreadable:
            log.warning("%d stored states of tickets or patrols could not be read; they begin anew", unreadable)
        self._cursors = store.states(CURSOR_KIND)

    def plug(self, pipeline: Pipeline, *, book: CredentialBook, key: bytes) -> None:
        """Make what needs the pipeline, which needs `sensing`.

        Args:
            book, key: credentials, and what their numbers are hashed under; for guards' cards.
        """
        self._pipeline = pipeline
        self.inbox = Inbox(
            self.troubles, record=pipeline.record, ended=self._ended, cursors=self._cursors, clock=self.clock
        )

        def holder(kind: str, number: str) -> tuple[str, str, tuple[str, ...]] | None:
            try:
                found = book.get(card_hash(key, kind, number))
            except DecodeError:
                return None
            if found is None or not _valid(found, self.clock.now()):
                return None
            return found.holder, found.name, found.groups

        self.patrols = PatrolService(
            self._patrol_core,
            listening=pipeline,
            condition=self.condition,
            record=pipeline.apply,
            clock=self.clock,
            holder=holder,
            ratings=self._ratings,
            ended=self._round,
            rated=self.indicators.rated,
        )
        self.ways: Mapping[str, Way] = make_ways(self.plan, self.inbox, self._store, self.clock)

    # --- starting and running -----------------------------------------------------------------------------------------

    def begin(self) -> None:
        """Before anything comes in: what the last run left is taken up, and meters, patrols and panels are heard."""
        now = self.clock.now()
        for view in self._engine.presence():
            if view.status != UNKNOWN:
                self.indicators.presence(view.device, view.status == ONLINE, now)
        self._pipeline.apply(self.sensing.begin(now))
        for device in meters(self.plan):
            self._pipeline.listen(device, self._counting.heard)
        self.patrols.attach()

    def services(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """What runs all the time, by name."""
        return [
            ("patrols", self.patrols.run()),
            ("indicators", self._flushes()),
        ]

    def asking(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """What brings answers of ticket systems in, by name; ended first."""
        return [(f"tickets-{name}", way.run()) for name, way in self.ways.items()]

    def flush(self) -> None:
        """What was counted goes into the next commit; the last thing before the pipeline drains."""
        self._pipeline.apply(self.indicators.flush(self.clock.now(), final=True))

    async def _flushes(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            self._pipeline.apply(self.indicators.flush(self.clock.now()))

    # --- what others tell ---------------------------------------------------------------------------------------------

    def condition(self, one: Reported, at: Instant) -> None:
        """As `RuleEngine.condition`, into the next commit."""
        changes = self.sensing.condition(one, at)
        if changes.events or changes.states:
            self._pipeline.apply(changes)

    def responded(self, path: str, seconds: float) -> None:
        """A response was timed: ``door``, ``command``, ``event``, ``alarm`` (both to acceptance upstream)."""
        self.indicators.responded(path, seconds, self.clock.now())

    def slow(self, target: str, seconds: float) -> None:
        """A command to a device or door took that long."""
        self.indicators.slow(target, seconds, self.clock.now())

    def _ended_request(self, key: str, at: Instant) -> Changes:
        found = self.requests.ended(key, at) or self._ratings.ended(key, at)
        return NOTHING if found is None else self.sensing.condition(found, at)

    def _ended(self, dedup_key: str) -> Changes:
        gateway, _, rest = dedup_key.partition("/")
        subject, _, key = rest.partition("/")
        if gateway != self.plan.gateway.id or subject != SERVICE:
            return NOTHING
        view = self.troubles.view(dedup_key)
        if view is not None and view.state not in ENDED:
            return NOTHING  # the answer was for an earlier ticket
        return self._ended_request(key, self.clock.now())

    def _round(self, summary: Summary, at: Instant) -> None:
        self.indicators.patrol(
            summary.plan.id,
            planned=summary.total,
            on_time=summary.on_time + summary.early,
            late=summary.late,
            missed=summary.missed,
            at=at,
        )

    def _last_ticket(self, labels: Mapping[str, str], category: str) -> TroubleView | None:
        """The ticket that ended last at a place (docs/patrol.md)."""
        there = [
            view
            for view in self.troubles.views()
            if view.resolved_ns
            and (not category or view.category == category)
            and all(view.labels.get(name) == value for name, value in labels.items())
        ]
        return max(there, key=lambda view: view.resolved_ns, default=None)

    # --- for onlookers ------------------------------------------------------------------------------------------------

    def snapshot(self) -> ServiceSnapshot:
        """For metrics."""
        views = self.troubles.views()
        now_ns = self.clock.now().wall_ns
        late: Counter[tuple[str, str]] = Counter()
        for view in views:
            if not view.state.live:
                continue
            if not view.state.acknowledged and 0 < view.respond_by_ns < now_ns:
                late["respond", view.priority] += 1
            if view.active and 0 < view.resolve_by_ns < now_ns:
                late["resolve", view.priority] += 1
        figures = {name: way.figures() for name, way in self.ways.items()}
        answers: Counter[str] = Counter(self.inbox.pushed)
        for one in figures.values():
            answers.update(one.results)
        return ServiceSnapshot(
            tickets=Counter(view.state.value for view in views),
            overdue=late,
            actions=self.troubles.actions,
            answers=answers,
            held=Counter(view.why for view in views if view.state is TicketState.HELD and view.why),
            windows=len(self.troubles.windows()),
            ways={name: one.up for name, one in figures.items()},
        )


def _valid(credential: Credential, now: Instant) -> bool:
    """Whether it is within its time; while the clock is not known that cannot be told, and a round is no door."""
    begin, end = credential.valid_from_ns, credential.valid_until_ns
    return not now.synced or ((begin is None or begin <= now.wall_ns) and (end is None or now.wall_ns < end))
