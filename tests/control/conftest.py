"""A gateway's figures as an example: every metric of the catalogue has at least one series."""

import pytest

from edgegw.control.metrics import Metrics
from edgegw.control.snapshots import (
    GatewaySnapshot,
    LaneSnapshot,
    LinkSnapshot,
    ModbusSnapshot,
    PipelineSnapshot,
    SerialSnapshot,
    SiteSnapshot,
    StoreSnapshot,
    UpstreamSnapshot,
)
from edgegw.control.snapshots_acting import ActingSnapshot
from edgegw.control.snapshots_service import ServiceSnapshot
from edgegw.model import Lane
from edgegw.ports import LinkStatus


@pytest.fixture
def filled() -> Metrics:
    metrics = Metrics()
    links = [
        LinkSnapshot(LinkStatus("broker", "mqtt", True, "", 1200, 3, 1), {"lost": 2, "refused": 1}),
        LinkSnapshot(LinkStatus("riser-a", "modbus-rtu", False, "timeout", 40, 4, 2)),
        ModbusSnapshot("riser-a", polls=44, timeouts=4, late_replies=1, exceptions=2, busy_s=12.5),
        SerialSnapshot("gate", frames=9, discarded_bytes=17),
    ]
    lanes = [LaneSnapshot(lane, depth=lane * 10, accepted=100, rejected=1, oldest_age_s=0.5) for lane in Lane]
    metrics.source(lambda: [GatewaySnapshot("0.1.0", "3.11.2", boot=7, uptime_s=3600.0)])
    metrics.source(lambda: links)
    metrics.source(lambda: [PipelineSnapshot(3, 4000, False, 1249, 2400, {"bad-json": 2}, 2)])
    metrics.source(lambda: [StoreSnapshot(600, (1, 2, 3, 4), (0, 0, 0, 9), 12, 4096, 8192, 65536)])
    metrics.source(lambda: [UpstreamSnapshot("desk", True, lanes, {"timeout": 3})])
    metrics.source(lambda: [SiteSnapshot({"P1": 1}, {"online": 30, "offline": 1})])
    metrics.source(
        lambda: [
            ActingSnapshot(
                outcomes={("done", ""): 3, ("rejected", "forbidden"): 1},
                underway=1,
                unrecorded=0,
                acted_unrecorded=0,
                records_lost=0,
                intake_up=True,
                decisions={("granted", "card"): 3},
                doors={"locked": 2},
                credentials=1200,
                clock_trusted=True,
                linkages_started=1,
            )
        ]
    )
    metrics.source(
        lambda: [
            ServiceSnapshot(
                tickets={"requested": 2, "acknowledged": 1},
                overdue={("respond", "P1"): 1},
                actions={"open": 3, "escalate": 1},
                answers={"taken": 4, "bad": 1},
                held={"maintenance": 5},
                windows=1,
                ways={"desk": False},
            )
        ]
    )
    for seconds in (0.004, 0.02, 2.5):
        metrics.responses["event"].observe(seconds)
    metrics.commit_seconds.observe(0.002)
    return metrics
