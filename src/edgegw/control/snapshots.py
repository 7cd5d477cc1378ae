"""What the parts look like at the moment of a scrape, as small structs; and the samples they give.

Owns: one struct per part, filled by the composition root from the parts' plain counters; the mapping to metric names.
Must not know: the parts, Prometheus' format, label bounds (metrics applies them).
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, Protocol

from msgspec import Struct

from edgegw.model import Lane
from edgegw.ports import LinkStatus

LANES = tuple(lane.label for lane in Lane)


class Sample(NamedTuple):
    """One value of one metric; `labels` are values in the order of the metric's spec."""

    name: str
    value: float
    labels: tuple[str, ...] = ()


class Snapshot(Protocol):
    """Anything that gives samples; the structs below, or a part's own."""

    def samples(self) -> Iterable[Sample]:
        """Its samples, now. Called on the event loop, once per scrape."""
        ...


class GatewaySnapshot(Struct, frozen=True):
    """The daemon itself. `version` and `python` as ``0.1.0``, ``3.11.2``."""

    version: str
    python: str
    boot: int
    uptime_s: float

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        yield Sample("edgegw_build_info", 1, (self.version, self.python))
        yield Sample("edgegw_boot_number", self.boot)
        yield Sample("edgegw_uptime_seconds", self.uptime_s)


class LinkSnapshot(Struct, frozen=True):
    """A link of any kind. `errors`: reason → count; where a link does not keep reasons apart its total counts as ``other``."""

    status: LinkStatus
    errors: Mapping[str, int] | None = None

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        s = self.status
        yield Sample("edgegw_link_up", s.up, (s.name, s.kind))
        yield Sample("edgegw_link_messages_total", s.messages, (s.name,))
        yield Sample("edgegw_link_restarts_total", s.restarts, (s.name,))
        errors = {"other": s.errors} if self.errors is None else self.errors
        for reason, count in errors.items():
            yield Sample("edgegw_link_errors_total", count, (s.name, reason))


class ModbusSnapshot(Struct, frozen=True):
    """What only a Modbus link counts. `busy_s`: seconds the line was in use since start."""

    link: str
    polls: int
    timeouts: int
    late_replies: int
    exceptions: int
    busy_s: float

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        link = (self.link,)
        yield Sample("edgegw_modbus_polls_total", self.polls, link)
        yield Sample("edgegw_modbus_timeouts_total", self.timeouts, link)
        yield Sample("edgegw_modbus_late_replies_total", self.late_replies, link)
        yield Sample("edgegw_modbus_exceptions_total", self.exceptions, link)
        yield Sample("edgegw_modbus_busy_seconds_total", self.busy_s, link)


class MeterSnapshot(Struct, frozen=True):
    """What only a line of meters counts. `busy_s`: seconds the line was in use since start."""

    link: str
    requests: int
    timeouts: int
    late_replies: int
    refusals: int
    busy_s: float

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        link = (self.link,)
        yield Sample("edgegw_meter_requests_total", self.requests, link)
        yield Sample("edgegw_meter_timeouts_total", self.timeouts, link)
        yield Sample("edgegw_meter_late_replies_total", self.late_replies, link)
        yield Sample("edgegw_meter_refusals_total", self.refusals, link)
        yield Sample("edgegw_meter_busy_seconds_total", self.busy_s, link)


class SerialSnapshot(Struct, frozen=True):
    """What only a serial link counts."""

    link: str
    frames: int
    discarded_bytes: int

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        yield Sample("edgegw_serial_frames_total", self.frames, (self.link,))
        yield Sample("edgegw_serial_discarded_bytes_total", self.discarded_bytes, (self.link,))


class PipelineSnapshot(Struct, frozen=True):
    """The pipeline. `pending` and `limit` in messages; `decode_errors`: reason → messages."""

    pending: int
    limit: int
    paused: bool
    messages: int
    readings: int
    decode_errors: Mapping[str, int]
    dead_letters: int

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        yield Sample("edgegw_pipeline_queue_depth", self.pending)
        yield Sample("edgegw_pipeline_queue_limit", self.limit)
        yield Sample("edgegw_pipeline_paused", self.paused)
        yield Sample("edgegw_pipeline_messages_total", self.messages)
        yield Sample("edgegw_pipeline_readings_total", self.readings)
        yield Sample("edgegw_pipeline_dead_letters_total", self.dead_letters)
        for reason, count in self.decode_errors.items():
            yield Sample("edgegw_pipeline_decode_errors_total", count, (reason,))


class StoreSnapshot(Struct, frozen=True):
    """The store. Sequences are indexed by `Lane`; sizes in bytes."""

    commits: int
    records: Sequence[int]
    shed: Sequence[int]
    rows_last_commit: int
    database_bytes: int
    wal_bytes: int
    budget_bytes: int
    full: bool = False

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`. The free ratio is that of the budget, WAL not counted."""
        yield Sample("edgegw_store_commits_total", self.commits)
        yield Sample("edgegw_store_commit_rows", self.rows_last_commit)
        yield Sample("edgegw_store_full", self.full)
        yield Sample("edgegw_store_database_bytes", self.database_bytes)
        yield Sample("edgegw_store_wal_bytes", self.wal_bytes)
        yield Sample("edgegw_store_budget_bytes", self.budget_bytes)
        free = 1.0 - self.database_bytes / self.budget_bytes if self.budget_bytes else 0.0
        yield Sample("edgegw_store_free_ratio", max(0.0, free))
        for lane, records, shed in zip(LANES, self.records, self.shed, strict=True):
            yield Sample("edgegw_store_records_total", records, (lane,))
            yield Sample("edgegw_store_shed_total", shed, (lane,))


class LaneSnapshot(Struct, frozen=True):
    """One lane of an upstream; counts of records, `oldest_age_s` of the oldest not yet accepted (0.0: none waits)."""

    lane: Lane
    depth: int
    accepted: int
    rejected: int
    oldest_age_s: float = 0.0


class UpstreamSnapshot(Struct, frozen=True):
    """An upstream. `retries`: reason → attempts that have to be made again."""

    name: str
    up: bool
    lanes: Sequence[LaneSnapshot]
    retries: Mapping[str, int]

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`."""
        yield Sample("edgegw_upstream_up", self.up, (self.name,))
        for lane in self.lanes:
            labels = (self.name, lane.lane.label)
            yield Sample("edgegw_upstream_depth", lane.depth, labels)
            yield Sample("edgegw_upstream_oldest_age_seconds", lane.oldest_age_s, labels)
            yield Sample("edgegw_upstream_accepted_total", lane.accepted, labels)
            yield Sample("edgegw_upstream_rejected_total", lane.rejected, labels)
        for reason, count in self.retries.items():
            yield Sample("edgegw_upstream_retries_total", count, (self.name, reason))


class SiteSnapshot(Struct, frozen=True):
    """What the gateway looks after. `alarms`: priority → active alarms; `devices`: ``online|offline|unknown`` → devices."""

    alarms: Mapping[str, int]
    devices: Mapping[str, int]

    def samples(self) -> Iterator[Sample]:
        """See `Snapshot.samples`. All priorities and states are shown, 0 where there are none, so that alert rules see them."""
        for priority in ("P1", "P2", "P3", "P4"):
            yield Sample("edgegw_alarms_active", self.alarms.get(priority, 0), (priority,))
        for state in ("online", "offline", "unknown"):
            yield Sample("edgegw_devices", self.devices.get(state, 0), (state,))
