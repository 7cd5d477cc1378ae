"""The gateway as a whole: starts sink-first, stops source-first, and ends when any part fails unexpectedly.

Owns: the order. Store → control → upstream → pipeline → commands, doors → links, API → READY; stopping: API → what is under way →
links → pipeline → upstream → control → store.
Must not know: what the parts do.
"""

import asyncio
import logging
import platform
import sys
from collections.abc import Awaitable

from edgegw import __version__
from edgegw.access.credentials import CredentialBook
from edgegw.app import build, linking
from edgegw.app.acting import Acting, Ears
from edgegw.app.status import Status
from edgegw.clock import Clock
from edgegw.config.plan import SitePlan
from edgegw.config.schema import StoreSection
from edgegw.control.http import ControlServer
from edgegw.control.metrics import Metrics
from edgegw.control.notify import DEFAULT_PERIOD_S, Notifier, Watchdog, watchdog_period_s
from edgegw.links.supervisor import Supervisor
from edgegw.model import Lane, Record
from edgegw.pipeline import Pipeline
from edgegw.rules.engine import RuleEngine
from edgegw.store.store import Store
from edgegw.upstream.delivery import Delivery

log = logging.getLogger(__name__)

DRAIN_S = 10.0
"""How long the pipeline may take to commit what it has when stopping; systemd's TimeoutStopSec is longer."""

UPSTREAM_DRAIN_S = 3.0
"""How long upstreams may still deliver when stopping; what remains is in the store."""

SWITCH_INTERVAL_S = 0.0005
"""How long the event loop may keep Python's lock from the store's writer thread: with the default of 5 ms a busy loop, whose
passes are shorter than that, starves the writer (docs/adr/0002)."""

CLOCK_CHECK_S = 5.0
"""How often it is looked whether the wall clock has become trustworthy (records from before are then corrected)."""


class Gateway:
    """One gateway. `run` until `stop` is set, or until a part fails (ExceptionGroup)."""

    def __init__(self, plan: SitePlan, clock: Clock) -> None:
        self._plan = plan
        self._clock = clock
        self._notifier = Notifier()

    async def run(self, stop: asyncio.Event) -> None:
        """See the module's text.

        Raises:
            StoreError: the store could not be opened. ConfigError: an address is taken, a secret is missing.
            ExceptionGroup: a part failed while running.
        """
        plan = self._plan
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        store = await Store.open(
            plan.store.path,
            section=StoreSection(budget=plan.store.budget, reserve=plan.store.reserve),
            gateway=plan.gateway.id,
            upstreams={name: build.lanes_of(u.lanes) for name, u in plan.upstream.items()},
            clock=self._clock,
        )
        try:
            await self._serve(store, stop)
        finally:
            await store.close()
            self._notifier.close()

    async def _serve(self, store: Store, stop: asyncio.Event) -> None:
        plan, clock = self._plan, self._clock
        compiled = build.decoders(plan)
        book = CredentialBook()
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
        metrics = Metrics()
        pipeline = Pipeline(
            store=store,
            decoders=compiled,
            rules=engine,
            clock=clock,
            observe=metrics.commit_seconds.observe,
            secret=build.secret_points(plan),
        )
        self._forget_upstreams(engine, pipeline)
        deliveries = [self._delivery(name, store, engine, pipeline, metrics) for name in plan.upstream]
        encoders = linking.encoders(plan)
        ears = Ears(pipeline)
        wired = linking.make_links(plan, compiled, encoders, sink=pipeline, urgent=ears, clock=clock)
        links = wired.links
        ears.links = wired.devices
        acting = Acting(
            plan, store=store, engine=engine, pipeline=pipeline, ears=ears, links=wired, encoders=encoders, book=book,
            clock=clock, observe=lambda path, seconds: metrics.responses[path].observe(seconds),
        )  # fmt: skip
        supervisors = [Supervisor(one, sink=ears, clock=clock, counts=one.counts) for one in links]
        watchdog = Watchdog(
            progress=lambda: pipeline.settled,
            idle=lambda: pipeline.pending == 0 or pipeline.store_full,
            probe=pipeline.probe,
            feed=self._notifier.alive,
            clock=clock,
            period_s=watchdog_period_s() or DEFAULT_PERIOD_S,
        )
        status = Status(
            store=store, pipeline=pipeline, engine=engine, links=links, supervisors=supervisors, deliveries=deliveries,
            watchdog=watchdog, acting=acting, clock=clock, budget=plan.store.budget, version=__version__,
            python=platform.python_version(),
        )  # fmt: skip
        metrics.source(status.snapshots)
        control: ControlServer | None = None
        if plan.control.enabled:
            control = ControlServer(
                plan.control.host, plan.control.port, metrics=metrics.render, live=status.live, ready=status.ready
            )
            await control.bind()
        async with asyncio.TaskGroup() as group:

            def start(name: str, work: Awaitable[None]) -> asyncio.Task[None]:
                return group.create_task(_awaited(work), name=name)

            services = [start("clock", self._watch_clock(store)), start("watchdog", watchdog.run())]
            if control is not None:
                services.append(start("control", control.run()))
            services += [start(f"upstream-{d.name}", d.run()) for d in deliveries]
            services.append(start("pipeline", pipeline.run()))
            await acting.begin()
            services += [start(name, work) for name, work in acting.services()]
            sources = [start(f"link-{s.status.name}", s.run()) for s in supervisors]
            asked = [start("intake", acting.intake.run())] if acting.intake is not None else []
            status.running = True
            told = f"{len(links)} links, {len(plan.devices)} devices, {len(deliveries)} upstreams"
            self._notifier.ready(told)
            log.info("gateway %s runs: %s%s", plan.gateway.id, told, f"; {control.url}" if control else "")
            await stop.wait()
            log.info("stopping")
            self._notifier.stopping()
            await _cancel(asked)
            await acting.drain()
            await _cancel(sources)
            await _within(DRAIN_S, pipeline.drain(), "the pipeline to drain")
            await asyncio.gather(*(d.drain(UPSTREAM_DRAIN_S) for d in deliveries))
            await _cancel(services)

    def _delivery(self, name: str, store: Store, engine: RuleEngine, pipeline: Pipeline, metrics: Metrics) -> Delivery:
        clock = self._clock
        event = metrics.responses["event"]

        def accepted(record: Record, now_mono_ns: int) -> None:
            if record.same_boot and record.lane is not Lane.TELEMETRY:
                event.observe((now_mono_ns - record.mono_ns) / 1e9)

        def condition(upstream: str, reason: str | None) -> None:
            self._upstream_condition(engine, pipeline, upstream, reason)

        return build.delivery(self._plan, name, store, clock=clock, on_accepted=accepted, on_condition=condition)

    def _forget_upstreams(self, engine: RuleEngine, pipeline: Pipeline) -> None:
        """Upstream conditions of the last run are gone until they are met again; so are those of upstreams that are gone."""
        for alarm in engine.active_alarms():
            if alarm.subject == "gateway" and alarm.rule.startswith("upstream-"):
                self._upstream_condition(engine, pipeline, alarm.rule.removeprefix("upstream-"), None)

    def _upstream_condition(self, engine: RuleEngine, pipeline: Pipeline, upstream: str, reason: str | None) -> None:
        pipeline.apply(
            engine.condition(
                f"upstream-{upstream}",
                active=reason is not None,
                title=build.upstream_title(upstream),
                priority="P2",
                category="device",
                evidence={"upstream": upstream, "reason": reason},
                at=self._clock.now(),
            )
        )

    async def _watch_clock(self, store: Store) -> None:
        """Tell the store once the wall clock is trusted: records from before are corrected by the offset (promise 11)."""
        while not (now := self._clock.now()).synced:  # noqa: ASYNC110  # the kernel has no event for it
            await asyncio.sleep(CLOCK_CHECK_S)
        store.clock_synced(now)


async def _awaited(work: Awaitable[None]) -> None:
    await work


async def _cancel(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _within(seconds: float, work: Awaitable[None], what: str) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.warning("gave up waiting for %s after %g s; what was not acknowledged will be sent again", what, seconds)
