"""Records through the store, against raw ``sqlite3.executemany`` with the same table, PRAGMAs and file system.

Owns: both sides' loops, and the load of a busy event loop. Must not know: the store's inside.

Rounds alternate, so that a slow moment of the machine hits both sides; the ratio is of medians. The raw side writes rows that are
ready made; the store's side is what the pipeline calls: `await store.commit(batch)`, with ids, seq, the high-water mark and the
way to the writer thread and back.
"""

import asyncio
import sqlite3
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.figure import Figure, at_least, told
from edgegw.app.gateway import SWITCH_INTERVAL_S
from edgegw.clock import SystemClock
from edgegw.config.schema import StoreSection
from edgegw.model import Event, Lane
from edgegw.ports import Batch
from edgegw.store.engine import compiled
from edgegw.store.schema import LANES
from edgegw.store.store import Store

ROWS = 100
"""Batch size of the figure."""

DATA = b'{"device":"dev-0001","point":"temperature","value":21.5,"unit":"Cel","quality":"fresh","t":"2026-01-01T00:00:00Z"}'

BUSY_ROWS = 1_000
"""The pipeline's largest group, what forms by itself when the loop is busy."""

BUSY_TARGET = 25_000.0
"""Rows/s that must pass while the event loop computes: what the ingest and forward figures need."""


def _raw(path: Path, rows: int, seconds: float) -> float:
    from sqlalchemy import insert
    from sqlalchemy.schema import CreateTable

    db = sqlite3.connect(path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    table = LANES[Lane.TELEMETRY]
    db.execute(compiled(CreateTable(table)))
    sql = compiled(insert(table))
    wall = time.time_ns()
    batch = [(0, bytes(16), 1, "edgegw.reading", "dev-0001", wall, 1, True, DATA)] * rows
    seq = done = 0
    spent = 0.0
    while spent < seconds:
        ready = [(seq + i, *row[1:]) for i, row in enumerate(batch)]
        started = time.perf_counter()
        db.executemany(sql, ready)
        db.commit()
        spent += time.perf_counter() - started
        seq += rows
        done += rows
    db.close()
    return done / spent


async def _through(path: Path, rows: int, seconds: float, *, busy: bool) -> float:
    clock = SystemClock()
    store = await Store.open(
        path, section=StoreSection(reserve=0), gateway="bench", upstreams={"up": (Lane.TELEMETRY,)}, clock=clock
    )
    events = [Event("edgegw.reading", Lane.TELEMETRY, "dev-0001", clock.now(), DATA) for _ in range(rows)]
    running = True

    async def compute() -> None:
        while running:
            until = time.perf_counter() + 0.001  # one pass of the loop: a millisecond of decoding and rules
            while time.perf_counter() < until:
                pass
            await asyncio.sleep(0)

    task = asyncio.create_task(compute()) if busy else None
    batch = Batch(events)
    done = 0
    started = time.perf_counter()
    while time.perf_counter() - started < seconds:
        await store.commit(batch)
        done += rows
    spent = time.perf_counter() - started
    running = False
    if task is not None:
        await task
    await store.close()
    return done / spent


def run(*, quick: bool = False) -> list[Figure]:
    """``commit.ratio`` at batch 100, ``commit.busy`` rows/s while the loop computes, and the rates they come from."""
    sys.setswitchinterval(SWITCH_INTERVAL_S)  # as the daemon does
    rounds, seconds = (5, 0.4) if quick else (9, 2.0)
    raw: list[float] = []
    ours: list[float] = []
    busy: list[float] = []
    with tempfile.TemporaryDirectory(prefix="edgegw-bench-", dir=Path.cwd()) as folder:
        for number in range(rounds):
            base = Path(folder) / str(number)
            base.mkdir()
            raw.append(_raw(base / "raw.db", ROWS, seconds))
            ours.append(asyncio.run(_through(base / "store.db", ROWS, seconds, busy=False)))
            busy.append(asyncio.run(_through(base / "busy.db", BUSY_ROWS, seconds, busy=True)))
    conditions: dict[str, Any] = {
        "batch": ROWS,
        "rounds": rounds,
        "seconds": seconds,
        "bytes": len(DATA),
        "synchronous": "FULL",
    }
    ratio = statistics.median(ours) / statistics.median(raw)
    return [
        at_least(
            "commit.ratio",
            ratio,
            0.6,
            **conditions,
            raw_rows_s=round(statistics.median(raw)),
            store_rows_s=round(statistics.median(ours)),
        ),
        at_least(
            "commit.busy",
            statistics.median(busy),
            BUSY_TARGET,
            unit="rows/s",
            batch=BUSY_ROWS,
            loop="computes 1 ms per pass",
            switch_interval_s=sys.getswitchinterval(),
        ),
        told("commit.rate", statistics.median(ours), "rows/s", **conditions),
    ]
