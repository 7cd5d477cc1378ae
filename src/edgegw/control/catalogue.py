"""Every metric edgegw shows, as data.

Owns: names, kinds, units, labels and help texts; the label bounds; the table that docs/metrics.md carries.
Must not know: where the values come from, how they are encoded.

Names are ``edgegw_<noun>_<unit>[_total]``. Every label is bounded twice: by what may stand in it, and by how many
different values one metric may have (`LABELS`); whatever is beyond becomes ``other``. So a device can never make a series.
"""

from enum import StrEnum

from msgspec import Struct

from edgegw.service.ticket import Action, TicketState, Why

OTHER = "other"
"""The label value that stands for everything a bound has cut off."""

RESPONSE_BUCKETS_S = (0.005, 0.01, 0.015, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0)
"""Edges at the promises (2 s and 3 s door, 5 s command and event), fine ones where alarms should be (15 to 150 ms)."""

COMMIT_BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0, 20.0)
"""From an fsync on an SSD (under 1 ms) over tired eMMC (100 ms) to what the watchdog will not bear (20 s)."""


HELD_WHY = frozenset({Why.GATHER, Why.CAUSE, Why.MAINTENANCE, Why.FLAPPING, Why.NO_TICKET, Why.ENDED})
"""Of the reasons those that keep a ticket from being asked for; the others move one that is there."""


class Kind(StrEnum):
    """The three kinds of Prometheus metric edgegw uses."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Label(Struct, frozen=True):
    """What may stand in a label.

    Attributes:
        allowed: the only values there are; empty: any slug (``[a-z0-9]`` and ``-_.``, at most 64 characters).
        most: how many different values one metric may have; later ones become ``other``.
        help: what it says.
    """

    help: str
    allowed: frozenset[str] = frozenset()
    most: int = 32


LABELS: dict[str, Label] = {
    "version": Label("version of edgegw", most=1),
    "python": Label("version of the interpreter", most=1),
    "link": Label("link name of the site file", most=64),
    "kind": Label("kind of link: `mqtt`, `modbus-rtu` …", most=8),
    "upstream": Label("upstream name of the site file", most=16),
    "lane": Label("delivery lane, most urgent first", frozenset({"alarm", "access", "command", "telemetry"})),
    "reason": Label("slug of the error taxonomy"),
    "path": Label("which promise is measured", frozenset({"door", "command", "event"})),
    "priority": Label("P1 is the most urgent", frozenset({"P1", "P2", "P3", "P4"})),
    "state": Label("availability of a device", frozenset({"online", "offline", "unknown"})),
    "status": Label("how a command ended", frozenset({"done", "rejected", "expired", "failed", "unknown"})),
    "result": Label("what a door decided", frozenset({"granted", "denied"})),
    "door_state": Label("state of a door", frozenset({"locked", "unlocked", "open", "held", "forced", "released"})),
    "ticket_state": Label("where a ticket is, as the gateway knows", frozenset(TicketState)),
    "clock": Label(
        "which time ran out: until somebody acknowledges, until it is resolved", frozenset({"respond", "resolve"})
    ),
    "action": Label("what an event asks a ticket system to do", frozenset(Action)),
    "answer": Label("what became of a ticket system's update", frozenset({"taken", "unknown", "bad"})),
    "why": Label("why an alarm has no ticket", HELD_WHY),
}


class MetricSpec(Struct, frozen=True):
    """One metric.

    Attributes:
        name: full name as scraped (histograms without their suffixes).
        unit: base unit, or what is counted.
        labels: label names, in the order in which values are given.
        help: one sentence, as on the HELP line.
        buckets: upper edges of a histogram, in seconds, ascending, without +Inf.
    """

    name: str
    kind: Kind
    unit: str
    labels: tuple[str, ...]
    help: str
    buckets: tuple[float, ...] = ()


def _c(name: str, unit: str, labels: str, text: str) -> MetricSpec:
    return MetricSpec(name, Kind.COUNTER, unit, tuple(labels.split()), text)


def _g(name: str, unit: str, labels: str, text: str) -> MetricSpec:
    return MetricSpec(name, Kind.GAUGE, unit, tuple(labels.split()), text)


def _h(name: str, labels: str, text: str, buckets: tuple[float, ...]) -> MetricSpec:
    return MetricSpec(name, Kind.HISTOGRAM, "seconds", tuple(labels.split()), text, buckets)


CATALOGUE: tuple[MetricSpec, ...] = (
    # the gateway
    _g("edgegw_build_info", "1", "version python", "Always 1; the labels say what runs."),
    _g("edgegw_boot_number", "starts", "", "Number of this daemon start; part of every record's identity."),
    _g("edgegw_uptime_seconds", "seconds", "", "Monotonic time since the daemon started."),
    # what was promised
    _h(
        "edgegw_response_seconds",
        "path",
        "Response times as design.md section 6 defines them: door, command, event.",
        RESPONSE_BUCKETS_S,
    ),
    _g("edgegw_response_longest_seconds", "seconds", "path", "Longest response since start."),
    # links
    _g("edgegw_link_up", "0 or 1", "link kind", "Whether the link is usable now."),
    _c("edgegw_link_messages_total", "messages", "link", "Messages, poll answers or frames taken from the link."),
    _c("edgegw_link_errors_total", "errors", "link reason", "Faults of the link, by reason."),
    _c("edgegw_link_restarts_total", "restarts", "link", "Times the supervisor has opened the link again."),
    _c("edgegw_modbus_polls_total", "requests", "link", "Requests sent on a Modbus link, writes included."),
    _c("edgegw_modbus_timeouts_total", "requests", "link", "Requests without an answer in time."),
    _c(
        "edgegw_modbus_late_replies_total",
        "replies",
        "link",
        "Answers after their timeout, discarded by the late-reply guard.",
    ),
    _c("edgegw_modbus_exceptions_total", "replies", "link", "Requests a unit refused with an exception code."),
    _c(
        "edgegw_modbus_busy_seconds_total",
        "seconds",
        "link",
        "Time the line was in use; its rate is the bus busy ratio.",
    ),
    _c("edgegw_meter_requests_total", "requests", "link", "Requests sent on a line of meters, writes included."),
    _c("edgegw_meter_timeouts_total", "requests", "link", "Requests to meters without an answer in time."),
    _c("edgegw_meter_late_replies_total", "replies", "link", "Meters' answers after their timeout, discarded."),
    _c("edgegw_meter_refusals_total", "replies", "link", "Requests a meter refused."),
    _c(
        "edgegw_meter_busy_seconds_total",
        "seconds",
        "link",
        "Time a line of meters was in use; its rate is the line's busy ratio.",
    ),
    _c("edgegw_serial_frames_total", "frames", "link", "Complete frames cut from a serial line."),
    _c(
        "edgegw_serial_discarded_bytes_total", "bytes", "link", "Bytes between frames: noise, torn or oversized frames."
    ),
    # pipeline
    _g("edgegw_pipeline_queue_depth", "messages", "", "Messages taken and not yet committed."),
    _g("edgegw_pipeline_queue_limit", "messages", "", "Queue depth at which links stop reading."),
    _g("edgegw_pipeline_paused", "0 or 1", "", "Whether links are held because the queue is full."),
    _c("edgegw_pipeline_messages_total", "messages", "", "Messages offered by all links."),
    _c("edgegw_pipeline_readings_total", "readings", "", "Readings decoded from messages."),
    _c("edgegw_pipeline_decode_errors_total", "messages", "reason", "Messages no profile could decode, by reason."),
    _c("edgegw_pipeline_dead_letters_total", "messages", "", "Messages kept raw in the dead-letter table."),
    # store
    _c("edgegw_store_commits_total", "commits", "", "Durable commits."),
    _h("edgegw_store_commit_seconds", "", "Duration of a commit, fsync included.", COMMIT_BUCKETS_S),
    _g("edgegw_store_commit_rows", "rows", "", "Records in the last commit."),
    _c("edgegw_store_records_total", "records", "lane", "Records committed."),
    _c(
        "edgegw_store_shed_total",
        "records",
        "lane",
        "Records given up at the disk budget; each is announced by a gap record.",
    ),
    _g("edgegw_store_full", "0 or 1", "", "Whether commits are refused because nothing is left to shed."),
    _g("edgegw_store_database_bytes", "bytes", "", "Size of the database file."),
    _g("edgegw_store_wal_bytes", "bytes", "", "Size of the write-ahead log."),
    _g("edgegw_store_budget_bytes", "bytes", "", "The most the database may take."),
    _g("edgegw_store_free_ratio", "0 to 1", "", "Free part of the budget."),
    # upstream
    _g("edgegw_upstream_up", "0 or 1", "upstream", "Whether the last exchange with the upstream succeeded."),
    _g("edgegw_upstream_depth", "records", "upstream lane", "Records not yet accepted."),
    _g(
        "edgegw_upstream_oldest_age_seconds",
        "seconds",
        "upstream lane",
        "Age of the oldest record not yet accepted; 0 if none.",
    ),
    _c("edgegw_upstream_accepted_total", "records", "upstream lane", "Records the upstream application accepted."),
    _c("edgegw_upstream_rejected_total", "records", "upstream lane", "Records refused for good and dead-lettered."),
    _c(
        "edgegw_upstream_retries_total",
        "attempts",
        "upstream reason",
        "Attempts that have to be made again, by reason.",
    ),
    # what acts
    _c("edgegw_commands_total", "commands", "status reason", "Commands by outcome, rejections included."),
    _g("edgegw_commands_underway", "commands", "", "Commands without an outcome yet."),
    _g("edgegw_commands_unrecorded", "batches", "", "Records of commands that the store has not taken yet."),
    _c("edgegw_commands_acted_unrecorded_total", "commands", "", "Commands carried out before they were on record."),
    _c("edgegw_command_records_lost_total", "records", "", "Records of commands for which there was no room."),
    _g("edgegw_command_intake_up", "0 or 1", "", "Whether commands from upstream can arrive (1 where none are taken)."),
    _c("edgegw_door_decisions_total", "decisions", "result reason", "Decisions of doors, by reason."),
    _g("edgegw_doors", "doors", "door_state", "Doors by state."),
    _g("edgegw_credentials", "credentials", "", "Credentials doors decide by."),
    _g("edgegw_clock_trusted", "0 or 1", "", "Whether dates may decide: the clock is set and did not go back."),
    _c("edgegw_linkages_started_total", "runs", "", "Linkages started by an alarm."),
    # service tickets
    _g("edgegw_tickets", "tickets", "ticket_state", "Troubles by the state of their ticket."),
    _g(
        "edgegw_tickets_overdue",
        "tickets",
        "clock priority",
        "Live tickets not acknowledged, or not resolved, by the time they should have been.",
    ),
    _c("edgegw_ticket_actions_total", "events", "action", "Events that asked ticket systems for something."),
    _c("edgegw_ticket_answers_total", "updates", "answer", "Ticket states that came back, on all ways."),
    _g("edgegw_tickets_held", "alarms", "why", "Alarms that have no ticket now, by the reason."),
    _g("edgegw_maintenance_windows", "windows", "", "Maintenance windows open now."),
    _g("edgegw_ticket_ways_up", "0 or 1", "upstream", "Whether ticket states of this upstream can arrive."),
    # what it is about
    _g("edgegw_alarms_active", "alarms", "priority", "Alarms raised and not cleared."),
    _g("edgegw_devices", "devices", "state", "Devices by availability."),
    _c("edgegw_scrapes_total", "scrapes", "", "Times /metrics was asked for."),
)
"""All of edgegw's own metrics, in the order of the page."""

PROCESS: tuple[MetricSpec, ...] = (
    _c("process_cpu_seconds_total", "seconds", "", "Total user and system CPU time spent in seconds."),
    _g("process_resident_memory_bytes", "bytes", "", "Resident memory size in bytes."),
    _g("process_virtual_memory_bytes", "bytes", "", "Virtual memory size in bytes."),
    _g("process_start_time_seconds", "seconds", "", "Start time of the process since unix epoch in seconds."),
    _g("process_open_fds", "files", "", "Number of open file descriptors."),
    _g("process_max_fds", "files", "", "Maximum number of open file descriptors."),
)
"""What prometheus_client's ProcessCollector adds, under the names every Prometheus dashboard knows."""

SPECS: dict[str, MetricSpec] = {spec.name: spec for spec in CATALOGUE}


def markdown() -> str:
    """The tables of docs/metrics.md: labels, then metrics. Ends with a newline."""
    lines = ["| label | values | at most | says |", "|---|---|---|---|"]
    for name, label in LABELS.items():
        values = ", ".join(f"`{v}`" for v in sorted(label.allowed)) or "a slug"
        lines.append(f"| `{name}` | {values} | {len(label.allowed) or label.most} | {label.help} |")
    lines += ["", "| metric | kind | unit | labels | says |", "|---|---|---|---|---|"]
    for spec in (*CATALOGUE, *PROCESS):
        labels = ", ".join(f"`{name}`" for name in spec.labels)
        edges = f" Edges: {', '.join(f'{edge:g}' for edge in spec.buckets)} s." if spec.buckets else ""
        lines.append(f"| `{spec.name}` | {spec.kind} | {spec.unit} | {labels} | {spec.help}{edges} |")
    return "\n".join(lines) + "\n"
