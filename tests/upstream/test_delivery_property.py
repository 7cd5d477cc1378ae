"""Whatever a receiver answers and whenever the process dies: nothing is lost, order holds, refused records are dead letters."""

import asyncio
import random
from collections.abc import Sequence
from contextlib import suppress

from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.model import Lane, Record
from edgegw.upstream.delivery import Delivery
from edgegw.upstream.outcome import Accepted, Outcome, Refused, Retry
from tests.upstream.fake_outbox import FakeOutbox, record
from tests.upstream.harness import PATIENCE_S, ScriptedSender

CRASH = "crash"
STEPS = st.lists(
    st.sampled_from(["accept", "some", "retry", "error", "lose-answer", "partial", CRASH, "sync"]), max_size=60
)


class Receiver:
    """An application with a memory: answers by the script as long as it lasts, then behaves; always refuses the poison."""

    def __init__(self, steps: list[str], poison: set[int], outbox: FakeOutbox, seed: int) -> None:
        self.steps = steps
        self.poison = poison
        self.outbox = outbox
        self.random = random.Random(seed)
        self.seen: list[tuple[Lane, int]] = []
        self.died = asyncio.Event()

    def answer(self, lane: Lane, records: Sequence[Record]) -> Outcome:
        step = self.steps.pop(0) if self.steps else "accept"
        if step == CRASH:
            self.died.set()
        if step == "sync":
            self.outbox.sync()
        if step in {"retry", "error", CRASH}:
            return Retry("timeout" if step == "retry" else "http-500", answered=step == "error")
        poisoned = [one for one in records if one.seq in self.poison]
        if poisoned and step != "partial":
            return Refused("http-422")
        count = self.random.randint(1, len(records)) if step == "some" else len(records)
        self.seen += [(lane, one.seq) for one in records[:count] if one.seq not in self.poison]
        if step == "lose-answer":
            return Retry("timeout")
        named = {one.id: "no" for one in records[:count] if one.seq in self.poison}
        return Accepted(count, named)


@given(
    lanes=st.lists(st.sampled_from(list(Lane)), min_size=1, max_size=40),
    steps=STEPS,
    poison=st.sets(st.integers(1, 40), max_size=6),
    batch=st.integers(1, 12),
    seed=st.integers(0, 1000),
)
def test_at_least_once_in_order_never_lost(
    lanes: list[Lane], steps: list[str], poison: set[int], batch: int, seed: int
) -> None:
    asyncio.run(_play(lanes, list(steps), poison, batch, seed))


async def _play(lanes: list[Lane], steps: list[str], poison: set[int], batch: int, seed: int) -> None:
    outbox = FakeOutbox([record(n, lane) for n, lane in enumerate(lanes, 1)])
    receiver = Receiver(steps, poison, outbox, seed)
    async with asyncio.timeout(PATIENCE_S):
        while not outbox.empty("desk"):
            receiver.died.clear()
            sender = ScriptedSender(receiver.answer, batch)
            delivery = Delivery("desk", outbox, sender, lanes=tuple(Lane), clock=ManualClock(), random=lambda: 0.0)
            life = asyncio.create_task(delivery.run())
            while not outbox.empty("desk") and not receiver.died.is_set():
                await asyncio.sleep(0)
            life.cancel()
            with suppress(asyncio.CancelledError):
                await life
            if receiver.died.is_set():
                outbox.crash()
    every = set(range(1, len(lanes) + 1))
    got = {seq for _, seq in receiver.seen}
    assert got == every - poison
    assert {one[1] for one in outbox.dead} == {f"id-{n:06d}" for n in every & poison}
    assert len(outbox.dead) == len(every & poison)
    for lane in Lane:  # order: a record never first appears before an earlier one of its lane
        first = list(dict.fromkeys(seq for where, seq in receiver.seen if where is lane))
        assert first == sorted(first)
