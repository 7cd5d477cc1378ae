"""All parts of one gateway, made and plugged together; nothing runs, nothing is opened but the store it is given.

Owns: which parts there are, and what each is handed. Must not know: in which order they start and stop (gateway).
"""

import logging
import platform
from collections.abc import Callable
from pathlib import Path

from msgspec import Struct

from edgegw import __version__
from edgegw.access.credentials import CredentialBook
from edgegw.api.server import ApiServer
from edgegw.app import build, linking
from edgegw.app.acting import Acting, Ears, access_key
from edgegw.app.backend import ApiBackend
from edgegw.app.service import Service
from edgegw.app.service_backend import LocalService
from edgegw.app.status import Status
from edgegw.clock import Clock
from edgegw.config.plan import SitePlan
from edgegw.control.http import ControlServer
from edgegw.control.metrics import Metrics
from edgegw.control.notify import DEFAULT_PERIOD_S, Watchdog, watchdog_period_s
from edgegw.hearing import ALARM_TYPES
from edgegw.links.supervisor import Supervisor
from edgegw.model import Lane, Record
from edgegw.pipeline import Pipeline
from edgegw.rules.engine import RuleEngine
from edgegw.rules.own import Reported
from edgegw.store.store import Store
from edgegw.tls import server_context
from edgegw.upstream.delivery import Delivery

log = logging.getLogger(__name__)


class Parts(Struct, frozen=True):
    """What runs. `control`, `api`: None where the site has none."""

    pipeline: Pipeline
    service: Service
    acting: Acting
    supervisors: tuple[Supervisor, ...]
    deliveries: tuple[Delivery, ...]
    watchdog: Watchdog
    status: Status
    control: ControlServer | None
    api: ApiServer | None


async def assemble(plan: SitePlan, clock: Clock, store: Store, *, feed: Callable[[], None]) -> Parts:
    """Make everything of a plan.

    Args:
        store: open.
        feed: tells the service manager that the gateway is alive.

    Raises:
        ConfigError: a secret is missing or of no use.
    """
    compiled, encoders = build.decoders(plan), linking.encoders(plan)
    book = await _book(store)
    engine = _engine(plan, store, clock)
    service = Service(plan, store=store, engine=engine, clock=clock)
    metrics = Metrics()
    pipeline = Pipeline(
        store=store,
        decoders=compiled,
        rules=service.sensing,
        clock=clock,
        observe=metrics.commit_seconds.observe,
        secret=build.secret_points(plan),
    )
    service.plug(pipeline, book=book, key=access_key(plan))
    service.begin()  # before anything reports: what the last run left has to be known
    upstreams = _Upstreams(plan, store=store, engine=engine, service=service, metrics=metrics, clock=clock)
    ears = Ears(pipeline)
    links = linking.make_links(plan, compiled, encoders, sink=pipeline, urgent=ears, clock=clock)
    ears.links = links.devices

    def observe(path: str, seconds: float) -> None:
        metrics.responses[path].observe(seconds)
        service.responded(path, seconds)

    acting = Acting(
        plan,
        store=store,
        engine=engine,
        pipeline=pipeline,
        ears=ears,
        links=links,
        encoders=encoders,
        book=book,
        clock=clock,
        condition=service.condition,
        observe=observe,
        slow=service.slow,
    )
    supervisors = tuple(Supervisor(one, sink=ears, clock=clock, counts=one.counts) for one in links.links)
    watchdog = Watchdog(
        progress=lambda: pipeline.settled,
        idle=lambda: pipeline.pending == 0 or pipeline.store_full,
        probe=pipeline.probe,
        feed=feed,
        clock=clock,
        period_s=watchdog_period_s() or DEFAULT_PERIOD_S,
    )
    status = Status(
        store=store,
        pipeline=pipeline,
        engine=engine,
        links=links.links,
        supervisors=supervisors,
        deliveries=upstreams.deliveries,
        watchdog=watchdog,
        acting=acting,
        service=service,
        clock=clock,
        budget=plan.store.budget,
        version=__version__,
        python=platform.python_version(),
    )
    metrics.source(status.snapshots)
    control = None
    if plan.control.enabled:
        control = ControlServer(
            plan.control.host, plan.control.port, metrics=metrics.render, live=status.live, ready=status.ready
        )
    api = None
    if plan.api.enabled:
        backend = ApiBackend(plan, store=store, engine=engine, pipeline=pipeline, acting=acting, clock=clock)
        api = _api(plan, backend, LocalService(service), clock)
    return Parts(pipeline, service, acting, supervisors, upstreams.deliveries, watchdog, status, control, api)


async def _book(store: Store) -> CredentialBook:
    """All credentials in memory: no disk stands between a card and its door."""
    rows, version = await store.load_credentials()
    book = CredentialBook(version)
    book.load(rows)
    return book


def _engine(plan: SitePlan, store: Store, clock: Clock) -> RuleEngine:
    engine = RuleEngine(
        gateway=plan.gateway.id,
        language=plan.gateway.language,
        devices=build.device_specs(plan),
        subjects=plan.doors,
        alarms=store.states("alarm"),
        presence=store.states("presence"),
        now=clock.now(),
    )
    if engine.unreadable:
        log.warning("%d stored alarm or presence states could not be read; they begin anew", engine.unreadable)
    return engine


def _api(plan: SitePlan, backend: ApiBackend, service: LocalService, clock: Clock) -> ApiServer:
    config = plan.api
    return ApiServer(
        config.host,
        config.port,
        backend=backend,
        service=service,
        tokens=Path(config.tokens),
        clock=clock,
        rate=config.rate,
        burst=config.burst,
        tls=None if config.tls_cert is None else server_context(config.tls_cert, config.tls_key),
    )


class _Upstreams:
    """The deliveries, and the alarms about them."""

    def __init__(
        self,
        plan: SitePlan,
        *,
        store: Store,
        engine: RuleEngine,
        service: Service,
        metrics: Metrics,
        clock: Clock,
    ) -> None:
        self._service = service
        self._clock = clock
        self._event = metrics.responses["event"]
        # Conditions of the last run are gone until they are met again; so are those of upstreams that are gone.
        for alarm in engine.active_alarms():
            if alarm.subject == "gateway" and alarm.rule.startswith("upstream-"):
                self._condition(alarm.rule.removeprefix("upstream-"), None)
        self.deliveries = tuple(
            build.delivery(
                plan,
                name,
                store,
                clock=clock,
                on_accepted=self._accepted,
                on_condition=self._condition,
                inbox=service.inbox,
            )
            for name in plan.upstream
        )

    def _accepted(self, record: Record, now_mono_ns: int) -> None:
        if record.same_boot and record.lane is not Lane.TELEMETRY:
            seconds = (now_mono_ns - record.mono_ns) / 1e9
            self._event.observe(seconds)
            self._service.responded("event", seconds)
            if record.type in ALARM_TYPES:
                self._service.responded("alarm", seconds)

    def _condition(self, upstream: str, reason: str | None) -> None:
        one = Reported(
            key=f"upstream-{upstream}",
            active=reason is not None,
            title=build.upstream_title(upstream),
            priority="P2",
            category="device",
            evidence={"upstream": upstream, "reason": reason},
        )
        self._service.condition(one, self._clock.now())
