"""The gateway as a whole: starts sink-first, stops source-first, and ends when any part fails unexpectedly.

Owns: the order. Store → control → upstream → pipeline → commands, doors → links, API → READY; stopping: API → what is under way →
links → pipeline → upstream → control → store.
Must not know: what the parts do.
"""

import asyncio
import logging
import sys
from collections.abc import Awaitable

from edgegw.app import build
from edgegw.app.parts import Parts, assemble
from edgegw.clock import Clock
from edgegw.config.plan import SitePlan
from edgegw.config.schema import StoreSection
from edgegw.control.notify import Notifier
from edgegw.errors import StoreError
from edgegw.store.store import Store

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
        parts = await assemble(self._plan, self._clock, store, feed=self._notifier.alive)
        store.states_taken()
        for server in (parts.control, parts.api):
            if server is not None:
                await server.bind()
        async with asyncio.TaskGroup() as group:

            def start(name: str, work: Awaitable[None]) -> asyncio.Task[None]:
                return group.create_task(_awaited(work), name=name)

            services = [start("clock", self._watch_clock(store)), start("watchdog", parts.watchdog.run())]
            if parts.control is not None:
                services.append(start("control", parts.control.run()))
            services += [start(f"upstream-{d.name}", d.run()) for d in parts.deliveries]
            services.append(start("pipeline", parts.pipeline.run()))
            await parts.acting.begin()
            services += [start(name, work) for name, work in (*parts.acting.services(), *parts.service.services())]
            sources = [start(f"link-{s.status.name}", s.run()) for s in parts.supervisors]
            asking = [start(name, work) for name, work in (*parts.acting.asking(), *parts.service.asking())]
            if parts.api is not None:
                asking.append(start("api", parts.api.run()))
            parts.status.running = True
            self._ready(parts)
            await stop.wait()
            log.info("stopping")
            self._notifier.stopping()
            await _cancel(asking)
            await parts.acting.drain()
            await _cancel(sources)
            parts.service.flush()
            await _within(DRAIN_S, parts.pipeline.drain(), "the pipeline to drain")
            await _anchored(store)
            await asyncio.gather(*(d.drain(UPSTREAM_DRAIN_S) for d in parts.deliveries))
            await _cancel(services)

    def _ready(self, parts: Parts) -> None:
        plan = self._plan
        told = f"{len(parts.supervisors)} links, {len(plan.devices)} devices, {len(parts.deliveries)} upstreams"
        self._notifier.ready(told)
        urls = "".join(f"; {server.url}" for server in (parts.control, parts.api) if server is not None)
        log.info("gateway %s runs: %s%s", plan.gateway.id, told, urls)

    async def _watch_clock(self, store: Store) -> None:
        """Tell the store once the wall clock is trusted: records from before are corrected by the offset (promise 11)."""
        while not (now := self._clock.now()).synced:  # noqa: ASYNC110  # the kernel has no event for it
            await asyncio.sleep(CLOCK_CHECK_S)
        store.clock_synced(now)


async def _anchored(store: Store) -> None:
    """The audit chain's head goes upstream with what is still delivered; on a store that takes nothing, with the next start."""
    try:
        await store.anchor()
    except StoreError as error:
        log.warning("the audit head is told with the next start (%s)", error.reason)


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
