"""What metrics and health show, read from the parts' plain counters when somebody asks.

Owns: the translation from parts to `control`'s snapshots and verdicts.
Must not know: formats, HTTP.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from edgegw.app.acting import Acting
from edgegw.app.links import AnyLink, link_snapshots
from edgegw.app.service import Service
from edgegw.clock import Clock
from edgegw.control import health
from edgegw.control.notify import Watchdog
from edgegw.control.snapshots import (
    GatewaySnapshot,
    LaneSnapshot,
    PipelineSnapshot,
    SiteSnapshot,
    Snapshot,
    StoreSnapshot,
    UpstreamSnapshot,
)
from edgegw.links.supervisor import Supervisor
from edgegw.pipeline import PENDING_LIMIT, Pipeline
from edgegw.rules.engine import RuleEngine
from edgegw.store.store import Store
from edgegw.upstream.delivery import Delivery


class Status:
    """The parts, looked at from outside. All calls on the event loop, none waits."""

    def __init__(
        self,
        *,
        store: Store,
        pipeline: Pipeline,
        engine: RuleEngine,
        links: Sequence[AnyLink],
        supervisors: Sequence[Supervisor],
        deliveries: Sequence[Delivery],
        watchdog: Watchdog,
        acting: Acting,
        service: Service,
        clock: Clock,
        budget: int,
        version: str,
        python: str,
    ) -> None:
        self.running = False
        self._store = store
        self._pipeline = pipeline
        self._engine = engine
        self._links = links
        self._supervisors = supervisors
        self._deliveries = deliveries
        self._watchdog = watchdog
        self._acting = acting
        self._service = service
        self._clock = clock
        self._budget = budget
        self._version = version
        self._python = python
        self._started_ns = clock.now().mono_ns

    def live(self) -> health.Verdict:
        """For /healthz."""
        watchdog = self._watchdog
        return health.liveness(
            stuck_for_s=watchdog.stuck_for_s, limit_s=watchdog.period_s, loop_lag_s=watchdog.loop_lag_s
        )

    def ready(self) -> health.Verdict:
        """For /readyz."""
        pipeline = self._pipeline
        return health.combine(
            (
                health.store_part(opened=True, full=pipeline.store_full, recovered=self._store.damaged is not None),
                health.pipeline_part(pending=pipeline.pending, limit=PENDING_LIMIT),
                health.links_part([s.status for s in self._supervisors], supervised=self.running),
                health.upstream_part(
                    {d.name: d.up for d in self._deliveries},
                    {d.name: sum(self._store.depth(d.name, lane) for lane in d.lanes) for d in self._deliveries},
                ),
                health.control_part(up=True),
            )
        )

    def snapshots(self) -> Iterator[Snapshot]:
        """Everything /metrics shows but the histograms."""
        now = self._clock.now()
        store, pipeline = self._store, self._pipeline
        yield GatewaySnapshot(self._version, self._python, store.boot, (now.mono_ns - self._started_ns) / 1e9)
        for one, supervisor in zip(self._links, self._supervisors, strict=True):
            yield from link_snapshots(one, supervisor.status)
        yield PipelineSnapshot(
            pending=pipeline.pending,
            limit=PENDING_LIMIT,
            paused=pipeline.full,
            messages=pipeline.messages,
            readings=pipeline.readings,
            decode_errors=pipeline.decode_errors,
            dead_letters=pipeline.dead_letters,
        )
        figures = store.figures
        yield StoreSnapshot(
            commits=figures.commits,
            records=pipeline.records,
            shed=(0, 0, 0, figures.shed),  # only telemetry is ever shed
            rows_last_commit=figures.last_rows,
            database_bytes=_size(store.path),
            wal_bytes=_size(store.path.with_name(store.path.name + "-wal")),
            budget_bytes=self._budget,
            full=pipeline.store_full,
        )
        for delivery in self._deliveries:
            yield UpstreamSnapshot(
                name=delivery.name,
                up=delivery.up,
                lanes=[
                    LaneSnapshot(
                        lane=lane,
                        depth=store.depth(delivery.name, lane),
                        accepted=delivery.stats[lane].accepted,
                        rejected=delivery.stats[lane].rejected,
                        oldest_age_s=delivery.oldest_age_s(lane, now),
                    )
                    for lane in delivery.lanes
                ],
                retries=delivery.retries,
            )
        yield self._acting.snapshot()
        yield self._service.snapshot()
        yield SiteSnapshot(
            alarms=Counter(view.priority for view in self._service.troubles.views() if view.active),
            devices=Counter(str(view.status) for view in self._engine.presence()),
        )


def _size(path: Path) -> int:
    """Bytes of a file, 0 where there is none (a WAL after a checkpoint)."""
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
