"""The parts that act, put together: desk, doors, linkages, commands from upstream, credentials' synchronisation.

Owns: what each is handed, and in which order they start and stop.
Must not know: how any of them works, what is served or measured (gateway, backend, status).
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping
from zoneinfo import ZoneInfo

from edgegw import __version__
from edgegw.access.core import DoorCore
from edgegw.access.credentials import CredentialBook
from edgegw.access.decision import DoorCondition, DoorView, category
from edgegw.app import doors as door_plans
from edgegw.app.linking import Links
from edgegw.app.secrets import reveal, tls_context
from edgegw.clock import Clock
from edgegw.commands.admission import Known
from edgegw.commands.clocktrust import KIND as CLOCK_KIND
from edgegw.commands.clocktrust import ClockTrust
from edgegw.commands.desk import Desk
from edgegw.commands.intake import Intake, Signer
from edgegw.config.linkages import linkage_specs, protected_commands
from edgegw.config.plan import SitePlan
from edgegw.control.snapshots_acting import ActingSnapshot
from edgegw.doors.keeper import Keeper
from edgegw.doors.service import DoorService
from edgegw.doors.sync import AccessSync
from edgegw.doors.wording import SYNC_TITLE, TITLES
from edgegw.errors import ConfigError
from edgegw.linkages import LinkageRunner
from edgegw.model import Changes, Command, Event, Instant, Lane, Source
from edgegw.pipeline import Pipeline, Urgent
from edgegw.profiles.encode import Encoder
from edgegw.rules.engine import RuleEngine
from edgegw.rules.events import Location, encode
from edgegw.rules.linkage import Linkages
from edgegw.rules.linkage_state import LINKAGE_KIND
from edgegw.rules.own import Reported
from edgegw.rules.presence import OFFLINE
from edgegw.rules.wording import place
from edgegw.store.store import Store
from edgegw.upstream.commands import CommandIntake

log = logging.getLogger(__name__)

ACCESS_KEY_BYTES = 32
"""Least length of the secret that card numbers are hashed under."""

STARTED = "edgegw.gateway.started"
"""Type of the record of each start: in the audit chain, and how issuers of signed commands learn the number of this run."""

SETTLE_S = 5.0
"""How long what is under way may take to its outcome when stopping: no command lasts longer."""


class Ears(Urgent):
    """The sink of links on which doors hang: tells the doors of interruptions, too."""

    def __init__(self, pipeline: Pipeline) -> None:
        super().__init__(pipeline)
        self._pipeline = pipeline
        self.links: Mapping[str, tuple[str, ...]] = {}
        """Link → its devices."""
        self.interrupted: Callable[[tuple[str, ...]], None] = lambda _devices: None
        self.down: set[str] = set()
        """Links that are down now."""
        self.silent = self._silent
        self.link_state = self._link_state

    def _silent(self, device: str, reason: str, at: Instant) -> None:
        self.interrupted((device,))
        self._pipeline.silent(device, reason, at)

    def _link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> None:
        (self.down.discard if up else self.down.add)(link)
        self.interrupted(self.links.get(link, ()))
        self._pipeline.link_state(link, up=up, reason=reason, at=at)


class Acting:
    """Everything that acts in one gateway. Made before anything runs; nothing acts in the constructor.

    Attributes:
        desk, doors, linkages, intake: the parts; None where the site has none.
        book: the credentials all doors decide by.
        trust: whether the wall clock may be believed.
    """

    def __init__(
        self,
        plan: SitePlan,
        *,
        store: Store,
        engine: RuleEngine,
        pipeline: Pipeline,
        ears: Ears,
        links: Links,
        encoders: Mapping[str, Encoder],
        book: CredentialBook,
        clock: Clock,
        condition: Callable[[Reported, Instant], None],
        observe: Callable[[str, float], None],
        slow: Callable[[str, float], None],
    ) -> None:
        self._plan = plan
        self._report = condition
        self._engine = engine
        self._pipeline = pipeline
        self._ears = ears
        self._clock = clock
        self._store = store
        self.book = book
        self.trust = ClockTrust(store.states(CLOCK_KIND))
        lifetime_s = plan.commands.most_lifetime if plan.commands is not None else 60.0

        def took(command: Command, seconds: float) -> None:
            if command.issuer.source is not Source.DOOR:  # a door's response is timed from the card on
                observe("command", seconds)
            slow(command.target, seconds)

        self.desk = Desk(
            store=store,
            clock=clock,
            boot=store.boot,
            known=_known(plan, encoders),
            actuators=links.actuators,
            listening=pipeline,
            trust=self.trust,
            lifetime_most_s=lifetime_s,
            observe=took,
        )
        self.key = access_key(plan)
        self._places = {
            name: (door.name or name, Location(place(door.labels, plan.gateway.language), dict(door.labels)))
            for name, door in plan.doors.items()
        }
        self._zone = ZoneInfo(plan.gateway.timezone)
        self.keeper = Keeper(store, book, self.key, zone=self._zone, clock=clock)
        self.doors = self._make_doors(encoders, observe) if plan.doors else None
        if self.doors is not None:
            self.desk.doors = self.doors.operate
            ears.interrupted = self.doors.inputs.interrupted
        specs = linkage_specs(plan)
        self._linkage_core = Linkages(plan.gateway.id, specs, store.states(LINKAGE_KIND))
        self.linkages = LinkageRunner(self._linkage_core, self.desk, record=pipeline.apply, clock=clock)
        self.intake = self._make_intake()
        self.sync = self._make_sync()

    # --- starting and stopping ------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """Before anything is heard: what the last run left open gets its end, then those that act listen."""
        await self.desk.recover()
        raised = [(alarm.subject, alarm.rule) for alarm in self._engine.active_alarms()]
        now = self._clock.now()
        started = encode({"boot": self._store.boot, "version": __version__})
        self._pipeline.apply(Changes((Event(STARTED, Lane.COMMAND, "gateway", now, started),)))
        self._pipeline.apply(self._linkage_core.begin(raised, now))
        self._sync_condition(None)
        if self.doors is not None:
            self.doors.attach(self._pipeline)
        self._pipeline.listen_alarms(self.linkages.alarm)

    def services(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """What runs all the time, by name."""
        found: list[tuple[str, Coroutine[object, object, None]]] = [
            ("commands", self.desk.run()),
            ("linkages", self.linkages.run()),
        ]
        if self.doors is not None:
            found.append(("doors", self.doors.run()))
        if self.sync is not None:
            found.append(("access-sync", self.sync.run()))
        return found

    def asking(self) -> list[tuple[str, Coroutine[object, object, None]]]:
        """What brings commands in from outside, by name; ended first."""
        return [("intake", self.intake.run())] if self.intake is not None else []

    async def drain(self) -> None:
        """Nothing more is taken; what is under way comes to its outcome, within `SETTLE_S`."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.desk.drain(SETTLE_S))
            group.create_task(self.linkages.drain(SETTLE_S))
            if self.doors is not None:
                group.create_task(self.doors.drain(SETTLE_S))

    def door_views(self) -> tuple[DoorView, ...]:
        """All doors now."""
        return self.doors.views() if self.doors is not None else ()

    def snapshot(self) -> ActingSnapshot:
        """For metrics."""
        figures = self.desk.figures()
        return ActingSnapshot(
            outcomes=figures.outcomes,
            underway=figures.underway,
            unrecorded=figures.records_waiting,
            acted_unrecorded=figures.acted_unrecorded,
            records_lost=figures.records_lost,
            intake_up=self.intake is None or self.intake.figures().connected,
            decisions=self.doors.decisions if self.doors is not None else {},
            doors=Counter(view.state for view in self.door_views()),
            credentials=len(self.book),
            clock_trusted=self.trust.trusted(self._clock.now()),
            linkages_started=self.linkages.started,
        )

    # --- making ---------------------------------------------------------------------------------------------------

    def _make_doors(self, encoders: Mapping[str, Encoder], observe: Callable[[str, float], None]) -> DoorService:
        plan, now = self._plan, self._clock.now()
        specs = door_plans.specs(plan)
        core = DoorCore(
            specs,
            door_plans.rights(plan),
            door_plans.calendar(plan),
            self.book,
            self.key,
            states={kind: self._store.states(kind) for kind in ("door", "area")},
            now=now,
        )

        def takes_pulse(device: str, command: str) -> bool:
            return (
                device in encoders and "seconds" in plan.profiles[plan.devices[device].profile].commands[command].args
            )

        return DoorService(
            core,
            specs,
            door_plans.wirings(plan),
            key=self.key,
            desk=self.desk,
            record=self._pipeline.apply,
            condition=self._condition,
            clock=self._clock,
            trusted=self.trust.trusted,
            lost=self._lost,
            takes_pulse=takes_pulse,
            audit_wait_s=plan.access.audit_wait,
            observe=lambda seconds: observe("door", seconds),
        )

    def _condition(self, condition: DoorCondition, at: Instant) -> None:
        owner, location = self._places[condition.door]
        one = Reported(
            key=f"{condition.kind}-{condition.part}" if condition.part else condition.kind,
            active=condition.active,
            title=TITLES[condition.kind],
            priority=condition.priority,
            category=category(condition.kind),
            evidence=dict(condition.evidence),
            subject=condition.door,
            owner=owner,
            location=location,
        )
        self._report(one, at)

    def _lost(self, device: str) -> bool:
        link = self._plan.devices[device].link
        if link in self._ears.down or f"{link}.live" in self._ears.down:
            return True
        return self._engine.status(device) == OFFLINE

    def _sync_condition(self, reason: str | None) -> None:
        one = Reported(
            key="access-sync",
            active=reason is not None,
            title=SYNC_TITLE,
            priority="P2",
            category="access",
            evidence={"reason": reason},
        )
        self._report(one, self._clock.now())

    def _make_sync(self) -> AccessSync | None:
        plan, config = self._plan, self._plan.access.sync
        if config is None or not self.key:
            return None
        return AccessSync(
            config.url,
            store=self._store,
            keeper=self.keeper,
            clock=self._clock,
            token=reveal(plan, config.token),
            tls=tls_context(config.tls),
            every_s=config.every,
            timeout_s=config.timeout,
            zone=self._zone,
            condition=self._sync_condition,
        )

    def _make_intake(self) -> CommandIntake | None:
        plan, config = self._plan, self._plan.commands
        if config is None:
            return None
        from edgegw.mqttio import MqttOptions  # noqa: PLC0415  # only where a site takes commands

        signers = {
            name: Signer((reveal(plan, signer.key) or "").encode(), signer.scopes)
            for name, signer in config.keys.items()
        }
        intake = Intake(self.desk, signers, gateway=plan.gateway.id, boot=self._store.boot, clock=self._clock)
        options = MqttOptions(
            host=config.host,
            port=config.port,
            client_id=config.client_id or f"edgegw-{plan.gateway.id}-commands",
            version=config.version,
            username=config.username,
            password=reveal(plan, config.password),
            tls=tls_context(config.tls),
        )
        fill = {"gateway": plan.gateway.id}
        return CommandIntake(
            options, config.topic.format(**fill), config.reply_topic.format(**fill), handle=intake.handle
        )


def access_key(plan: SitePlan) -> bytes:
    """The secret that card numbers are hashed under; empty where the site has none (then no door has a reader).

    Raises:
        ConfigError: ``access-key`` if it is too short, or as `config.secrets.resolve`.
    """
    text = reveal(plan, plan.access.key)
    if text is None:
        return b""
    if len(text.encode()) < ACCESS_KEY_BYTES:
        raise ConfigError(
            "access-key",
            f"{plan.path}: access.key has {len(text.encode())} bytes, {ACCESS_KEY_BYTES} are needed; "
            "make one with: openssl rand -hex 32 > access.key; chmod 600 access.key",
        )
    return text.encode()


def _known(plan: SitePlan, encoders: Mapping[str, Encoder]) -> Known:
    timeouts = {
        (device, name): spec.timeout
        for device in encoders
        for name, spec in plan.profiles[plan.devices[device].profile].commands.items()
    }
    return Known(
        encoders=encoders,
        doors={name: door.groups for name, door in plan.doors.items()},
        protected=protected_commands(plan),
        timeouts=timeouts,
    )
