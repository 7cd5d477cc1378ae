"""The pipeline against fakes: order of decode, commit and acknowledge; bounds; poison; a full store."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgegw import pipeline as module
from edgegw.clock import ManualClock
from edgegw.errors import DecodeError, StoreError
from edgegw.model import Changes, Decoded, Event, Instant, Lane, MqttPayload, Raw, Reading, Registers, StateChange
from edgegw.pipeline import PENDING_LIMIT, Pipeline
from edgegw.ports import Batch, Committed


class FakeStore:
    """Commits when let; keeps what it was given."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()
        self.failures: list[StoreError] = []

    async def commit(self, batch: Batch) -> Committed:
        self.started.set()
        await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.batches.append(batch)
        return Committed(0, 0, (0, 0, 0, 0))

    def states(self, kind: str) -> dict[str, bytes]:
        return {}


class FakeDecoder:
    def decode(self, raw: Raw) -> Decoded:
        if isinstance(raw, MqttPayload) and raw.payload == b"poison":
            raise DecodeError("bad-json", "not JSON")
        if isinstance(raw, Registers):
            raise DecodeError("wrong-type", "registers")
        return Decoded((Reading("temperature", 1.0),))


class FakeRules:
    """One event per decoded message; ticks when due."""

    def __init__(self) -> None:
        self.due: int | None = None
        self.ticks: list[int] = []

    def decoded(self, device: str, decoded: Decoded, at: Instant) -> Changes:
        return Changes(
            (Event("edgegw.reading", Lane.TELEMETRY, device, at, b"{}"),), (StateChange("presence", device, b"1"),)
        )

    def silent(self, device: str, reason: str, at: Instant) -> Changes:
        return Changes((Event("edgegw.device.offline", Lane.TELEMETRY, device, at, b"{}"),))

    def link_state(self, link: str, *, up: bool, reason: str, at: Instant) -> Changes:
        return Changes((), (StateChange("link", link, b"up" if up else b"down"),))

    def tick(self, now: Instant) -> Changes:
        self.ticks.append(now.mono_ns)
        self.due = None
        return Changes((Event("edgegw.alarm.raised", Lane.ALARM, "d1", now, b"{}"),))

    def due_ns(self) -> int | None:
        return self.due


class Rig:
    def __init__(self) -> None:
        self.store = FakeStore()
        self.rules = FakeRules()
        self.clock = ManualClock()
        self.pipeline = Pipeline(store=self.store, decoders={"d1": FakeDecoder()}, rules=self.rules, clock=self.clock)
        self.acked: list[int] = []

    def offer(self, token: int, payload: bytes = b"{}") -> None:
        self.pipeline.offer("d1", MqttPayload("t", payload), self.clock.now(), self.acked.append, token)


@asynccontextmanager
async def running() -> AsyncIterator[Rig]:
    rig = Rig()
    task = asyncio.create_task(rig.pipeline.run())
    try:
        yield rig
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_acknowledges_only_after_the_commit() -> None:
    async with running() as rig:
        rig.store.gate.clear()
        rig.offer(1)
        await rig.store.started.wait()
        assert rig.acked == []
        rig.store.gate.set()
        await rig.pipeline.drain()
        assert rig.acked == [1]
        assert len(rig.store.batches[0].events) == 1


async def test_what_arrives_during_a_commit_is_one_next_commit() -> None:
    async with running() as rig:
        rig.store.gate.clear()
        rig.offer(1)
        await rig.store.started.wait()
        for token in range(2, 52):
            rig.offer(token)
        rig.store.gate.set()
        await rig.pipeline.drain()
        assert [len(b.events) for b in rig.store.batches] == [1, 50]
        assert rig.acked == list(range(1, 52))


async def test_a_commit_never_exceeds_the_batch_limit() -> None:
    async with running() as rig:
        for token in range(2500):
            rig.offer(token)
        await rig.pipeline.drain()
        assert [len(b.events) for b in rig.store.batches] == [1000, 1000, 500]
        assert rig.acked == list(range(2500))


async def test_state_is_committed_with_its_records_latest_value_once() -> None:
    async with running() as rig:
        rig.offer(1)
        rig.offer(2)
        await rig.pipeline.drain()
        assert rig.store.batches[0].states == (StateChange("presence", "d1", b"1"),)


async def test_poison_is_kept_raw_acknowledged_and_counted() -> None:
    async with running() as rig:
        rig.offer(7, b"poison")
        await rig.pipeline.drain()
        (dead,) = rig.store.batches[0].dead
        assert (dead.origin, dead.source, dead.reason, dead.key, dead.raw) == (
            "device",
            "d1",
            "bad-json",
            "t",
            b"poison",
        )
        assert rig.acked == [7]
        assert rig.pipeline.decode_errors == {"bad-json": 1}


async def test_poison_registers_are_kept_as_bytes() -> None:
    async with running() as rig:
        rig.pipeline.offer("d1", Registers("holding", 16, (1, 0xABCD)), rig.clock.now())
        await rig.pipeline.drain()
        assert rig.store.batches[0].dead[0].raw == b"\x00\x01\xab\xcd"
        assert rig.store.batches[0].dead[0].key == "holding/16+2"


async def test_full_stops_links_and_calls_back_when_there_is_room() -> None:
    async with running() as rig:
        rig.store.gate.clear()
        for token in range(PENDING_LIMIT):
            assert not rig.pipeline.full
            rig.offer(token)
        assert rig.pipeline.full
        room = asyncio.Event()
        rig.pipeline.when_room(room.set)
        assert not room.is_set()
        rig.store.gate.set()
        await room.wait()
        assert not rig.pipeline.full


async def test_a_full_store_is_tried_again_and_nothing_is_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FULL_S", 0.0)
    async with running() as rig:
        rig.store.failures = [StoreError("full", "disk"), StoreError("full", "disk")]
        rig.offer(1)
        await rig.pipeline.drain()
        assert rig.acked == [1]
        assert len(rig.store.batches) == 1
        assert not rig.pipeline.store_full


async def test_doubtful_durability_stops_the_daemon_without_acknowledging() -> None:
    rig = Rig()
    rig.store.failures = [StoreError("io", "fsync failed")]
    rig.offer(1)
    with pytest.raises(ExceptionGroup) as caught:
        await rig.pipeline.run()
    assert caught.group_contains(StoreError, match="fsync")
    assert rig.acked == []


async def test_ticks_run_when_due() -> None:
    async with running() as rig:
        rig.clock.advance(10)
        rig.rules.due = 5_000_000_000
        rig.pipeline.silent("d1", "timeout", rig.clock.now())  # any change retimes
        await rig.store.started.wait()
        while not rig.rules.ticks:
            await asyncio.sleep(0)
        await rig.pipeline.drain()
        types = [e.type for b in rig.store.batches for e in b.events]
        assert types == ["edgegw.device.offline", "edgegw.alarm.raised"]


async def test_link_state_alone_is_committed() -> None:
    async with running() as rig:
        rig.pipeline.link_state("z2m", up=False, reason="lost", at=rig.clock.now())
        await rig.pipeline.drain()
        assert rig.store.batches[0].states == (StateChange("link", "z2m", b"down"),)


async def test_probe_goes_through_the_commit_path() -> None:
    async with running() as rig:
        await rig.pipeline.probe()
        assert rig.store.batches == [Batch()]


async def test_listeners_hear_of_a_message_before_its_commit_until_they_end() -> None:
    async with running() as rig:
        rig.store.gate.clear()
        heard: list[tuple[str, object]] = []
        end = rig.pipeline.listen("d1", lambda device, decoded, _at: heard.append((device, decoded.readings[0].value)))
        rig.offer(1)
        assert heard == [("d1", 1.0)]
        end()
        rig.offer(2)
        assert len(heard) == 1
        rig.store.gate.set()
        await rig.pipeline.drain()


async def test_alarm_listeners_hear_alarms_of_messages_and_ticks_and_nothing_else() -> None:
    async with running() as rig:
        told: list[str] = []
        end = rig.pipeline.listen_alarms(lambda event: told.append(event.type))
        rig.offer(1)
        raised = Event("edgegw.alarm.raised", Lane.ALARM, "d1", rig.clock.now(), b"{}")
        rig.pipeline.apply(
            Changes((raised, Event("edgegw.gateway.gap", Lane.ALARM, "gateway", rig.clock.now(), b"{}")))
        )
        assert told == ["edgegw.alarm.raised"]
        end()
        rig.pipeline.apply(Changes((raised,)))
        assert len(told) == 1
        await rig.pipeline.drain()


async def test_urgent_devices_are_heard_while_nothing_can_be_stored_and_keep_their_alarms() -> None:
    async with running() as rig:
        rig.store.gate.clear()
        for token in range(PENDING_LIMIT):
            rig.offer(token)
        urgent = module.Urgent(rig.pipeline)
        heard: list[str] = []
        rig.pipeline.listen("d1", lambda device, _decoded, _at: heard.append(device))
        rig.rules.decoded = lambda device, _decoded, at: Changes(  # type: ignore[method-assign]
            (
                Event("edgegw.alarm.raised", Lane.ALARM, device, at, b"{}"),
                Event("edgegw.reading", Lane.TELEMETRY, device, at, b"{}"),
            )
        )
        assert rig.pipeline.full
        assert not urgent.full
        urgent.offer("d1", MqttPayload("t", b"{}"), rig.clock.now())
        assert heard == ["d1"]
        assert rig.pipeline.left_out == 1
        rig.store.gate.set()
        await rig.pipeline.drain()
        kinds = [event.type for batch in rig.store.batches for event in batch.events]
        assert kinds.count("edgegw.alarm.raised") == 1
        assert kinds.count("edgegw.reading") == PENDING_LIMIT


async def test_a_card_number_is_whole_for_listeners_alone() -> None:
    rig = Rig()
    told: list[object] = []
    recorded: list[object] = []
    pipeline = Pipeline(
        store=rig.store,
        decoders={"d1": CardDecoder()},
        rules=rig.rules,
        clock=rig.clock,
        secret={"d1": frozenset({"card"})},
    )
    pipeline.listen("d1", lambda _device, decoded, _at: told.append(decoded.readings[0].value))
    rig.rules.decoded = lambda _device, decoded, _at: recorded.append(decoded.readings[0].value) or Changes()  # type: ignore[func-returns-value, method-assign]
    pipeline.offer("d1", MqttPayload("t", b"0008844356"), rig.clock.now())
    assert told == ["0008844356"]
    assert recorded == ["…4356"]
    pipeline.offer("d1", MqttPayload("t", b"poison 0008844356"), rig.clock.now())
    task = asyncio.create_task(pipeline.run())
    await pipeline.drain()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    (dead,) = rig.store.batches[0].dead
    assert b"8844356" not in dead.raw


class CardDecoder:
    def decode(self, raw: Raw) -> Decoded:
        assert isinstance(raw, MqttPayload)
        if raw.payload.startswith(b"poison"):
            raise DecodeError("bad-checksum", "no frame")
        return Decoded((Reading("card", raw.payload.decode()),))
