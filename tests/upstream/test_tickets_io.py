"""Ticket states through real brokers: acknowledged after the commit, in order, poison aside."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from edgegw.clock import SystemClock
from edgegw.mqttio import MqttOptions, MqttSession
from edgegw.service.answers import MESSAGE_MOST
from edgegw.upstream.tickets_mqtt import HELD_MOST, TicketTopic
from tests.mqttio.broker import BROKERS, broker, free_port, listening
from tests.upstream.fake_inbox import FakeInbox, FakeRecords, message, update
from tests.upstream.harness import PATIENCE_S

ROOT = Path(__file__).parents[2]
TOPIC = "edgegw/gw/tickets"
Version = Literal["5", "3.1.1"]
MOSQUITTO = BROKERS[:1]
SPOKEN = [
    pytest.param("mosquitto", "5", marks=MOSQUITTO[0].marks),  # type: ignore[union-attr] # it is a ParameterSet
    pytest.param("mosquitto", "3.1.1", marks=MOSQUITTO[0].marks),  # type: ignore[union-attr] # it is a ParameterSet
    ("iotcore", "5"),
]


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


class Gateway:
    """A topic with an inbox."""

    def __init__(self, port: int, version: Version = "5", inbox: FakeInbox | None = None) -> None:
        self.inbox = inbox or FakeInbox()
        self.records = FakeRecords()
        options = MqttOptions("127.0.0.1", port, client_id="gw-tickets", version=version, session_expiry_s=600.0)
        self.topic = TicketTopic(
            options, TOPIC, self.inbox, name="desk", store=self.records, clock=SystemClock(), first_s=0.01, most_s=0.05
        )

    @property
    def results(self) -> dict[str, int]:
        return dict(self.topic.figures().results)


@asynccontextmanager
async def at_work(gateway: Gateway) -> AsyncIterator[None]:
    task = asyncio.create_task(gateway.topic.run())
    try:
        await until(lambda: gateway.topic.figures().up or task.done())
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@asynccontextmanager
async def desk(port: int) -> AsyncIterator[MqttSession]:
    session = MqttSession(MqttOptions("127.0.0.1", port, client_id="desk"))
    await session.connect()
    yield session
    await session.close()


async def publish(session: MqttSession, *payloads: bytes) -> None:
    """In order, and all at the broker when it returns."""
    for payload in payloads:
        await until(lambda: session.in_flight < min(20, session.window))
        session.publish(TOPIC, payload)
    await delivered(session)


async def delivered(session: MqttSession) -> None:
    await until(lambda: session.in_flight == 0)


@pytest.mark.parametrize(("kind", "version"), SPOKEN)
async def test_states_arrive_in_order_also_those_of_while_we_were_away(
    kind: str, version: Version, tmp_path: Path
) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        gateway = Gateway(port, version)
        async with desk(port) as session:
            async with at_work(gateway):
                session.publish(TOPIC, message(update("a", "opened", number="7"), update("x-other")))
                await until(lambda: len(gateway.inbox.taken) == 2)
            assert gateway.results == {"taken": 1, "unknown": 1, "bad": 0}
            await publish(session, *(message(update("a", version=n + 1)) for n in range(100)))
            again = Gateway(port, version)
            async with at_work(again):
                await until(lambda: len(again.inbox.taken) >= 100)
                session.publish(TOPIC, message(update("a", "closed")))
                await until(lambda: ("a", "closed") in again.inbox.states())
            assert [one.version for _, one in again.inbox.taken] == [*range(1, 101), 0]
            assert {name for name, _ in again.inbox.taken} == {"desk"}


@pytest.mark.parametrize(("kind", "version"), SPOKEN)
async def test_what_the_store_does_not_take_waits_in_its_place(kind: str, version: Version, tmp_path: Path) -> None:
    port, total = free_port(), HELD_MOST * 4
    with broker(kind, port, tmp_path):
        await listening(port)
        gateway = Gateway(port, version)
        async with desk(port) as session, at_work(gateway):
            gateway.inbox.refusing = "full"
            await publish(session, *(message(update("a", version=n)) for n in range(total)))
            await until(lambda: gateway.inbox.calls > 3)
            figures = gateway.topic.figures()
            assert (figures.up, figures.reason, gateway.inbox.taken) == (False, "store-full", [])
            gateway.inbox.refusing = None
            await until(lambda: len(gateway.inbox.taken) == total)
            assert [one.version for _, one in gateway.inbox.taken] == list(range(total))
            assert gateway.topic.figures().up
            assert gateway.results["taken"] == total
            assert gateway.inbox.calls < total  # many messages, few commits


@pytest.mark.parametrize("kind", MOSQUITTO)
async def test_a_flood_is_not_read_faster_than_it_is_taken(kind: str, tmp_path: Path) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        gateway = Gateway(port, "3.1.1")
        async with desk(port) as session, at_work(gateway):
            gateway.inbox.gate.clear()
            for n in range(500):
                session.publish(TOPIC, message(update("a", version=n)), qos=0)
            await until(lambda: gateway.inbox.calls == 1)
            gateway.inbox.gate.set()
            await until(lambda: len(gateway.inbox.taken) == 500)
            assert [one.version for _, one in gateway.inbox.taken] == list(range(500))
            assert max(gateway.inbox.sizes) <= HELD_MOST


@pytest.mark.parametrize("kind", BROKERS)
async def test_what_was_not_committed_comes_again(kind: str, tmp_path: Path) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        first = Gateway(port)
        async with desk(port) as session:
            async with at_work(first):
                first.inbox.gate.clear()
                session.publish(TOPIC, message(update("a", "resolved")))
                await until(lambda: first.inbox.calls == 1)
            assert first.inbox.taken == []
            second = Gateway(port)
            async with at_work(second):
                await until(lambda: second.inbox.states() == [("a", "resolved")])
            third = Gateway(port)
            async with at_work(third):
                session.publish(TOPIC, message(update("b")))
                await until(lambda: third.inbox.taken)
            assert third.inbox.states() == [("b", "acknowledged")]


class Child:
    """See tickets_child."""

    def __init__(self, port: int, kept: Path) -> None:
        argv = [sys.executable, "-m", "tests.upstream.tickets_child", str(port), str(kept)]
        self.process = subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    async def says(self) -> str:
        assert self.process.stdout is not None
        async with asyncio.timeout(PATIENCE_S):
            return (await asyncio.to_thread(self.process.stdout.readline)).strip()

    def go(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def kill(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.mark.parametrize("kind", MOSQUITTO)
async def test_killed_between_receiving_and_commit_loses_nothing(kind: str, tmp_path: Path) -> None:
    port, kept = free_port(), tmp_path / "kept"
    with broker(kind, port, tmp_path):
        await listening(port)
        async with MqttSessionOf(port):  # the session is there before anything is published
            pass
        async with desk(port) as session:
            session.publish("t", message(update("a", "assigned")))
            await delivered(session)
        child = Child(port, kept)
        try:
            assert await child.says() == "got assigned"
        finally:
            child.kill()
        assert not kept.exists()
        child = Child(port, kept)
        try:
            assert await child.says() == "got assigned"
            child.go()
            assert await child.says() == "kept"
        finally:
            child.kill()
        assert kept.read_text() == "a assigned\n"


@asynccontextmanager
async def MqttSessionOf(port: int) -> AsyncIterator[None]:  # noqa: N802 # reads as what it is
    """The child's session at the broker, subscribed."""
    options = MqttOptions("127.0.0.1", port, client_id="gw-tickets", clean=False, session_expiry_s=600.0)
    session = MqttSession(options)
    await session.connect()
    await session.subscribe([("t", 1)])
    yield
    await session.close()


@pytest.mark.parametrize("kind", BROKERS)
async def test_poison_is_kept_acknowledged_and_stops_nobody(kind: str, tmp_path: Path) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        gateway = Gateway(port)
        large = message(update("big", note="x" * 400)) + b" " * MESSAGE_MOST
        huge = b"y" * (MESSAGE_MOST * 4)
        bad = message(update("a"), update("b", "done"), update("c"))
        async with desk(port) as session:
            async with at_work(gateway):
                for payload in (b"{", large, huge, bad, b"", message(update("d"))):
                    session.publish(TOPIC, payload)
                await until(lambda: ("d", "acknowledged") in gateway.inbox.states())
            assert gateway.inbox.states() == [(key, "acknowledged") for key in "acd"]
            assert gateway.results == {"taken": 3, "unknown": 0, "bad": 5}
            letters = [(origin, source, reason) for origin, source, reason, _ in gateway.records.letters]
            assert letters == [
                ("tickets", "desk", reason)
                for reason in ("malformed", "oversized", "oversized", "bad-update", "malformed")
            ]
            raws = [raw for *_, raw in gateway.records.letters]
            assert (raws[0], len(raws[1]), raws[2], raws[3]) == (b"{", MESSAGE_MOST, b"y" * MESSAGE_MOST, bad)
            again = Gateway(port)
            async with at_work(again):
                session.publish(TOPIC, message(update("e")))
                await until(lambda: again.inbox.taken)
            assert (again.inbox.states(), again.records.letters) == ([("e", "acknowledged")], [])


async def test_a_dead_letter_that_cannot_be_kept_is_not_acknowledged_and_kept_once(tmp_path: Path) -> None:
    port = free_port()
    with broker("iotcore", port, tmp_path):
        await listening(port)
        gateway = Gateway(port)
        async with desk(port) as session, at_work(gateway):
            gateway.records.refusing = "io"
            session.publish(TOPIC, message(update("a"), update("b", "done")))
            await until(lambda: gateway.topic.figures().reason == "store-io")
            assert gateway.inbox.calls == 0
            gateway.inbox.refusing, gateway.records.refusing = "full", None
            await until(lambda: gateway.inbox.calls > 2)
            gateway.inbox.refusing = None
            await until(lambda: gateway.inbox.taken)
            assert len(gateway.records.letters) == 1
            assert gateway.results == {"taken": 1, "unknown": 0, "bad": 1}


@pytest.mark.parametrize(("kind", "version"), SPOKEN[:2])  # the other sends what is retained, asked for or not
async def test_a_retained_state_is_not_taken_for_news(kind: str, version: Version, tmp_path: Path) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        async with desk(port) as session:
            session.publish(TOPIC, message(update("a", "opened")), retain=True)
            await delivered(session)
            gateway = Gateway(port, version)
            async with at_work(gateway):
                session.publish(TOPIC, message(update("a", "closed")))
                await until(lambda: gateway.inbox.taken)
                assert gateway.inbox.states() == [("a", "closed")]


@pytest.mark.parametrize("kind", BROKERS)
async def test_a_broker_that_dies_and_returns(kind: str, tmp_path: Path) -> None:
    port = free_port()
    gateway = Gateway(port)
    with broker(kind, port, tmp_path):
        await listening(port)
        work = at_work(gateway)
        await work.__aenter__()
    await until(lambda: not gateway.topic.figures().up)
    assert gateway.topic.figures().reason
    with broker(kind, port, tmp_path):
        await listening(port)
        await until(lambda: gateway.topic.figures().up)
        async with desk(port) as session:
            session.publish(TOPIC, message(update("a")))
            await until(lambda: gateway.inbox.states() == [("a", "acknowledged")])
        await work.__aexit__(None, None, None)


@pytest.mark.parametrize("kind", MOSQUITTO)
async def test_a_broker_that_does_not_know_us_is_told(kind: str, tmp_path: Path) -> None:
    port = free_port()
    gateway = Gateway(port)
    task = asyncio.create_task(gateway.topic.run())
    await until(lambda: gateway.topic.figures().reason == "unreachable")
    with broker(kind, port, tmp_path, "allow_anonymous false\n"):
        await until(lambda: gateway.topic.figures().reason == "not-authorized")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


async def test_a_mistake_in_taking_ends_it(tmp_path: Path) -> None:
    port = free_port()

    class Broken(FakeInbox):
        async def answered(self, upstream: Any, updates: Any, *, cursor: str | None = None) -> int:
            raise ZeroDivisionError

    with broker("iotcore", port, tmp_path):
        await listening(port)
        gateway = Gateway(port, inbox=Broken())
        task = asyncio.create_task(gateway.topic.run())
        await until(lambda: gateway.topic.figures().up)
        async with desk(port) as session:
            session.publish(TOPIC, message(update("a")))
            with pytest.raises(ZeroDivisionError):
                await task
