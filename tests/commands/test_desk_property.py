"""Whatever store, link, callers and the process itself do: an answer in time, sent at most once, never before it is on record,
and one outcome on record for everything admitted."""

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct

from edgegw.model import Outcome, OutcomeStatus, Source
from edgegw.ports import Order
from tests.commands.fakes import FakeStore, WarpLoop, issuer
from tests.commands.plant import Plant, plant

RESULTS = [
    Outcome(OutcomeStatus.DONE),
    Outcome(OutcomeStatus.FAILED, "device-refused"),
    Outcome(OutcomeStatus.FAILED, "busy"),
    Outcome(OutcomeStatus.UNKNOWN, "no-answer"),
]


class Step(Struct, frozen=True):
    """One command, and what befalls the plant with it."""

    id: int
    device: str
    source: Source
    act: bool
    within_s: float
    pause_s: float
    link_s: float
    result: int
    goes_away: bool
    store: str
    slow_s: float


STEPS = st.builds(
    Step,
    id=st.integers(0, 12),
    device=st.sampled_from(["pump", "valve"]),
    source=st.sampled_from([Source.API, Source.LINKAGE, Source.UPSTREAM]),
    act=st.booleans(),
    within_s=st.sampled_from([0.04, 0.3, 2.0, 5.0]),
    pause_s=st.sampled_from([0.0, 0.0, 0.01, 0.5, 3.0]),
    link_s=st.sampled_from([0.0, 0.01, 1.0, 4.0, 3600.0]),
    result=st.integers(0, len(RESULTS) - 1),
    goes_away=st.booleans(),
    store=st.sampled_from(["", "", "", "full", "io"]),
    slow_s=st.sampled_from([0.0, 0.0, 0.2, 1.9, 7.0]),
)
RUNS = st.lists(st.tuples(st.lists(STEPS, max_size=10), st.booleans()), min_size=1, max_size=3)


class World:
    """What is true, whatever the desk believes."""

    def __init__(self) -> None:
        self.store = FakeStore()
        self.sent: Counter[str] = Counter()
        self.refusing: set[str] = set()
        self.steps: dict[str, Step] = {}

    async def act(self, order: Order) -> Outcome:
        """The link: what is to be refused without a record must be on record by now."""
        self.sent[order.id] += 1
        if order.id in self.refusing:
            assert b'"pending":true' in self.store.states("command")[order.id]
        step = self.steps[order.id]
        await asyncio.sleep(step.link_s)
        return RESULTS[step.result]

    async def give(self, one: Plant, boot: int, step: Step) -> None:
        if step.act:  # whoever acts without a record makes ids that never come again
            id_ = f"a-{len(self.steps)}"
        elif step.source is Source.UPSTREAM:  # an envelope of an earlier run is refused before it gets here
            id_ = f"u-{boot}-{step.id}"
        else:
            id_ = f"c-{step.id}"
        if id_ not in self.steps:
            self.steps[id_] = step
            if not step.act:
                self.refusing.add(id_)
        command = one.command(
            id_, step.device, by=issuer(step.source), within_s=step.within_s,
            expires_s=30.0 if step.source is Source.UPSTREAM else None,
        )  # fmt: skip
        act: Any = "act" if step.act else "refuse"
        asked = asyncio.create_task(one.desk.submit(command, on_store_failure=act))
        if step.goes_away:
            await asyncio.sleep(0.005)
            asked.cancel()
            await asyncio.wait({asked})
            return
        outcome = await asked
        if outcome.reason != "stopping":
            assert one.clock.now().mono_ns <= command.deadline_ns, outcome

    async def run(self, boot: int, steps: list[Step], *, drains: bool) -> None:
        async with plant(self.store, boot) as one:
            one.link._act = self.act
            given_out = []
            for step in steps:
                self.store.broken, self.store.slow_s = step.store or None, step.slow_s
                given_out.append(asyncio.create_task(self.give(one, boot, step)))
                await asyncio.sleep(step.pause_s)
            self.store.broken, self.store.slow_s = None, 0.0
            if drains:
                await one.desk.drain(60)
                assert one.desk.figures().underway == 0
        await asyncio.gather(*given_out)

    async def live(self, runs: list[tuple[list[Step], bool]]) -> None:
        for boot, (steps, drains) in enumerate(runs, 1):
            await self.run(boot, steps, drains=drains)
        async with plant(self.store, boot=len(runs) + 1) as last:
            await last.settled()
            assert not last.link.orders, "starting moves nothing"


@given(RUNS)
def test_always_an_answer_sent_at_most_once_and_one_outcome_on_record(runs: list[tuple[list[Step], bool]]) -> None:
    world = World()
    with asyncio.Runner(loop_factory=WarpLoop) as runner:
        runner.run(world.live(runs))
    assert max(world.sent.values(), default=0) <= 1
    admitted = Counter(row["id"] for row in world.store.told("admitted"))
    completed = Counter(row["id"] for row in world.store.told("completed"))
    ended = {row["id"]: row["status"] for row in world.store.told("completed")}
    assert admitted == completed
    assert set(world.sent) & world.refusing <= set(admitted)
    for id_, status in ended.items():
        if status in {"rejected", "expired"}:
            assert not world.sent[id_], "nothing was sent"
        if world.sent[id_]:
            assert status in {"done", "failed", "unknown"}
    assert not any(b"pending" in value for value in world.store.states("command").values())
