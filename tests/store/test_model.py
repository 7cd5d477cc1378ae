"""The store against a plain list: whatever is committed, accepted, rejected, reopened or crashed, both say the same."""

import asyncio
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edgegw.clock import ManualClock
from edgegw.config.schema import MIB, StoreSection
from edgegw.model import Event, Lane, Record, StateChange
from edgegw.ports import Batch
from edgegw.store import inspect
from edgegw.store.audit import ANCHOR_NS, ANCHOR_TYPE
from edgegw.store.store import Store

UPS = {"a": tuple(Lane), "b": (Lane.ALARM, Lane.TELEMETRY)}
LANES = st.sampled_from(list(Lane))
PAIRS = st.sampled_from([(name, lane) for name, lanes in UPS.items() for lane in lanes])


class StoreModel(RuleBasedStateMachine):
    """`records` is the list; a cursor is what an upstream accepted."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = Path(tempfile.mkdtemp())
        self.path = self.folder / "0" / "edgegw.db"
        self.number = 0
        self.clock = ManualClock(mono_ns=1)
        self.records: dict[Lane, list[tuple[int, bytes]]] = {lane: [] for lane in Lane}
        self.ids: dict[int, str] = {}
        self.cursors: dict[tuple[str, Lane], int] = dict.fromkeys([(n, lane) for n in UPS for lane in UPS[n]], 0)
        self.durable: dict[tuple[str, Lane], int] = dict(self.cursors)
        self.state: dict[str, bytes] = {}
        self.dead = 0
        self.last = 0
        self.chained = 0
        self.told: int | None = None  # when the audit head was last told upstream by this daemon
        self.untold = False

    def run(self, job: Any) -> Any:
        return self.loop.run_until_complete(job)

    def open(self) -> Store:
        section = StoreSection(budget=64 * MIB, reserve=0)
        store = self.run(
            Store.open(self.path, section=section, gateway="gw", upstreams=UPS, clock=self.clock, os_boot="os")
        )
        self.told, self.untold = None, self.chained > 0
        self.anchor()
        return store

    def anchor(self, after: int = 0, *, final: bool = False) -> int:
        """The store's own record of the audit head, if one is due, as the last of the commit's `after` alarms; how many."""
        now = self.clock.now().mono_ns
        if not self.untold or not (final or self.told is None or now - self.told >= ANCHOR_NS):
            return 0
        self.told, self.untold = now, False
        if not after:
            self.last += 1
            self.records[Lane.ALARM].append((self.last, b""))
        return 1

    def close(self) -> None:
        self.run(self.store.close())
        self.anchor(final=True)

    @initialize()
    def begin(self) -> None:
        self.store = self.open()

    def teardown(self) -> None:
        if hasattr(self, "store"):
            self.close()
            assert inspect.verify(self.path) == []
        self.loop.close()
        shutil.rmtree(self.folder)

    @rule(
        lanes=st.lists(LANES, max_size=30),
        states=st.lists(st.tuples(st.sampled_from("xyz"), st.one_of(st.none(), st.binary(max_size=4))), max_size=4),
    )
    def commit(self, lanes: list[Lane], states: list[tuple[str, bytes | None]]) -> None:
        self.clock.advance(0.001)
        at = self.clock.now()
        events = [Event("t", lane, "d", at, b"%d.%d" % (self.last, i)) for i, lane in enumerate(lanes)]
        done = self.run(self.store.commit(Batch(events, [StateChange("k", k, v) for k, v in states])))
        assert done.first_seq == self.last + 1
        chained = lanes.count(Lane.ACCESS) + lanes.count(Lane.COMMAND)
        self.chained += chained
        self.untold = self.untold or chained > 0
        own = self.anchor(after=1)
        assert done.last_seq == self.last + len(events) + own
        assert done.per_lane == tuple(lanes.count(lane) + (own if lane is Lane.ALARM else 0) for lane in Lane)
        seq = self.last
        for lane in Lane:
            for event in events:
                if event.lane is lane:
                    seq += 1
                    self.records[lane].append((seq, event.data))
            if own and lane is Lane.ALARM:
                seq += 1
                self.records[lane].append((seq, b""))
        self.last = seq
        assert self.store.audit_head[0] == self.chained
        for key, value in states:
            if value is None:
                self.state.pop(key, None)
            else:
                self.state[key] = value
        self.durable = dict(self.cursors)

    def fetched(self, lane: Lane, after: int, limit: int) -> list[Record]:
        found: list[Record] = self.run(self.store.fetch(lane, after, limit))
        for record in found:
            assert self.ids.setdefault(record.seq, record.id) == record.id
        return found

    @rule(pair=PAIRS, limit=st.integers(1, 40), take=st.integers(0, 40))
    def deliver(self, pair: tuple[str, Lane], limit: int, take: int) -> None:
        name, lane = pair
        found = self.fetched(lane, self.cursors[pair], limit)
        wanted = [r for r in self.records[lane] if r[0] > self.cursors[pair]][:limit]
        assert [(r.seq, b"" if r.type == ANCHOR_TYPE else r.data) for r in found] == wanted
        if found and take:
            seq = found[min(take, len(found)) - 1].seq
            self.store.accepted(name, lane, seq)
            self.cursors[pair] = seq

    @rule(pair=PAIRS)
    def refuse(self, pair: tuple[str, Lane]) -> None:
        name, lane = pair
        if found := self.fetched(lane, self.cursors[pair], 1):
            self.run(self.store.reject(name, found[0], "rejected", "no"))
            self.anchor()
            self.durable = dict(self.cursors)
            self.dead += 1
            self.store.accepted(name, lane, found[0].seq)
            self.cursors[pair] = found[0].seq

    @rule(seconds=st.sampled_from([1.0, 61.0]))
    def flush(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.run(self.store.flush())
        self.anchor()
        self.durable = dict(self.cursors)

    @rule()
    def reopen(self) -> None:
        self.close()
        self.durable = dict(self.cursors)
        self.store = self.open()

    @rule()
    def crash(self) -> None:
        """Go on with a copy of the files as they are; cursors not yet flushed are forgotten, nothing else."""
        self.number += 1
        folder = self.folder / str(self.number)
        folder.mkdir()
        for side in ("", "-wal", ".highwater"):
            source = self.path.with_name(self.path.name + side)
            if source.exists():
                shutil.copy(source, folder)
        self.run(self.store.close())
        self.path = folder / self.path.name
        self.store = self.open()
        for (name, lane), seq in self.cursors.items():
            now = self.store.cursor(name, lane)
            assert self.durable[name, lane] <= now <= seq
            self.cursors[name, lane] = now
        self.durable = dict(self.cursors)

    @precondition(lambda self: hasattr(self, "store"))
    @invariant()
    def same(self) -> None:
        for (name, lane), seq in self.cursors.items():
            assert self.store.cursor(name, lane) == seq
            assert self.store.depth(name, lane) == sum(r[0] > seq for r in self.records[lane])

    @rule()
    def inside(self) -> None:
        self.run(self.store.flush())
        self.anchor()
        self.durable = dict(self.cursors)
        found = inspect.stats(self.path)
        assert found["dead_letters"] == self.dead
        for lane in Lane:
            low = min((self.cursors[key] for key in self.cursors if key[1] is lane), default=0)
            assert found["lanes"][lane.label]["rows"] == sum(r[0] > low for r in self.records[lane])

    @rule()
    def states(self) -> None:
        self.reopen()
        assert self.store.states("k") == self.state


TestStoreModel = StoreModel.TestCase
TestStoreModel.settings = settings(max_examples=25, stateful_step_count=30, deadline=None)
