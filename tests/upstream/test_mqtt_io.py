"""The MQTT sender through real brokers: acceptance by PUBACK and by reply, outages, refusals."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from edgegw.clock import SystemClock
from edgegw.model import Lane, Record
from edgegw.mqttio import Incoming, MqttOptions, MqttSession
from edgegw.upstream.mqtt import MqttSender
from edgegw.upstream.outcome import Accepted, Hold, Outcome
from tests.mqttio.broker import BROKERS, broker, free_port, listening
from tests.upstream.fake_outbox import FakeOutbox, record
from tests.upstream.harness import PATIENCE_S, running

ROOT = Path(__file__).parents[2]


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def sender(
    port: int,
    *,
    accept: Literal["puback", "reply"] = "puback",
    window: int = 50,
    timeout_s: float = 5.0,
    topic: str = "",
) -> MqttSender:
    return MqttSender(
        MqttOptions("127.0.0.1", port, client_id="gateway"),
        "gw",
        topic=topic or "edgegw/{gateway}/{lane}",
        accept=accept,
        reply_topic="desk/accepted" if accept == "reply" else None,
        window=window,
        timeout_s=timeout_s,
        first_s=0.01,
        most_s=0.05,
    )


def delivering(outbox: FakeOutbox, made: MqttSender) -> Any:
    return running(outbox, made, first_s=0.01, most_s=0.05, clock=SystemClock())


@asynccontextmanager
async def listener(port: int, got: list[Incoming]) -> Any:
    session = MqttSession(MqttOptions("127.0.0.1", port, client_id="listener", auto_ack=True), on_message=got.append)
    await session.connect()
    await session.subscribe([("edgegw/#", 1)])
    yield session
    await session.close()


def seqs(messages: Sequence[Incoming], lane: str) -> list[int]:
    return [int(json.loads(one.payload)["edgegwseq"]) for one in messages if one.topic == f"edgegw/gw/{lane}"]


@pytest.mark.parametrize("kind", BROKERS)
async def test_accepted_by_puback_in_lane_order(kind: str, tmp_path: Path) -> None:
    port, got = free_port(), []
    outbox = FakeOutbox([record(n, Lane(n % 4)) for n in range(1, 1001)])
    with broker(kind, port, tmp_path):
        await listening(port)
        async with listener(port, got), delivering(outbox, sender(port)):
            await until(lambda: outbox.empty("desk") and len(got) >= 1000)
    for lane in Lane:
        assert seqs(got, lane.label) == [n for n in range(1, 1001) if n % 4 == lane]


@pytest.mark.parametrize("kind", BROKERS)
async def test_a_broker_that_dies_and_returns_loses_nothing(kind: str, tmp_path: Path) -> None:
    port, got = free_port(), []
    outbox = FakeOutbox([record(n) for n in range(1, 201)])
    with broker(kind, port, tmp_path):
        await listening(port)
        made = delivering(outbox, sender(port, window=20))
        at_work = await made.__aenter__()
        await until(lambda: outbox.cursor("desk", Lane.TELEMETRY) > 100)
    outbox.add(*(record(n) for n in range(201, 5001)))
    await until(lambda: not at_work.up)
    assert outbox.cursor("desk", Lane.TELEMETRY) < 5000
    with broker(kind, port, tmp_path):
        await listening(port)
        async with listener(port, got):
            await until(lambda: outbox.empty("desk"))
            await until(lambda: got and seqs(got, "telemetry")[-1] == 5000)
        await made.__aexit__(None, None, None)
    arrived = seqs(got, "telemetry")
    assert arrived[-1] == 5000
    assert arrived == list(range(arrived[0], 5001)), "from the moment somebody listened, all and in order"
    assert at_work.up


@pytest.fixture
def ports() -> tuple[int, int]:
    """Two free ports."""
    return free_port(), free_port()


@pytest.fixture
def desk(tmp_path: Path, ports: tuple[int, int]) -> Iterator[Any]:
    """Starts the ticket desk as an MQTT application when called; ended at the end."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> None:
        argv = [
            sys.executable, "-m", "simulators.desk", "--port", "0", "--db", str(tmp_path / "desk.db"),
            "--mqtt", f"127.0.0.1:{ports[0]}", "--topic", "edgegw/gw/+", "--reply", "desk/accepted",
        ]  # fmt: skip
        started.append(subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL))

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=20)


@pytest.mark.parametrize("kind", BROKERS)
async def test_accepted_only_when_the_application_replied(
    kind: str, tmp_path: Path, ports: tuple[int, int], desk: Any
) -> None:
    outbox = FakeOutbox([record(n, Lane(n % 4)) for n in range(1, 101)])
    with broker(kind, ports[0], tmp_path):
        await listening(ports[0])
        async with delivering(outbox, sender(ports[0], accept="reply", timeout_s=0.3)) as at_work:
            await until(lambda: at_work.retries["timeout"] > 1)  # the broker took them; nobody replied
            assert outbox.depth("desk", Lane.ALARM) == 25
            desk()
            await until(lambda: outbox.empty("desk"))


async def sent(made: MqttSender, records: list[Record]) -> Outcome:
    keeper = asyncio.create_task(made.run())
    try:
        return await made.send(Lane.ALARM, records)
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


@pytest.mark.skipif(BROKERS[0].marks[0].args[0], reason="mosquitto is not installed")  # type: ignore[union-attr]
async def test_a_forbidden_topic_holds(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    acl.chmod(0o600)
    port = free_port()
    with broker("mosquitto", port, tmp_path, f"acl_file {acl}\n"):
        await listening(port)
        assert await sent(sender(port), [record(1)]) == Hold("not-authorized")


@pytest.mark.skipif(BROKERS[0].marks[0].args[0], reason="mosquitto is not installed")  # type: ignore[union-attr]
async def test_a_record_larger_than_the_broker_takes_is_a_dead_letter_and_blocks_nobody(tmp_path: Path) -> None:
    port = free_port()
    big = b'"' + b"x" * 30_000 + b'"'
    outbox = FakeOutbox([record(n, Lane.ALARM, data=big if n == 13 else b"{}") for n in range(1, 31)])
    with broker("mosquitto", port, tmp_path, "max_packet_size 20000\n"):
        await listening(port)
        async with delivering(outbox, sender(port)) as at_work:
            await until(lambda: outbox.empty("desk"))
            assert not at_work.retries
    assert outbox.dead == [("desk", "id-000013", "mqtt-95")]


async def test_topics_are_filled_in(tmp_path: Path) -> None:
    port, got = free_port(), []
    with broker("iotcore", port, tmp_path):
        await listening(port)
        async with listener(port, got):
            made = sender(port, topic="edgegw/{gateway}/{lane}/{type}/{subject}")
            assert await sent(made, [record(8)]) == Accepted(1)
            await until(lambda: got)
    assert got[0].topic == "edgegw/gw/alarm/edgegw.reading/dev-1"


async def test_a_record_whose_subject_cannot_be_a_topic_does_not_stop_the_daemon(tmp_path: Path) -> None:
    port, got = free_port(), []
    odd = Record(1, "id-1", 1, Lane.ALARM, "edgegw.reading", "a+b/#\0", 1, None, 1, True, True, b"{}")
    with broker("iotcore", port, tmp_path):
        await listening(port)
        async with listener(port, got):
            assert await sent(sender(port, topic="edgegw/{subject}"), [odd]) == Accepted(1)
            await until(lambda: got)
    assert got[0].topic.startswith("edgegw/a_b/_")


async def test_nobody_there_is_a_retry_with_the_reason() -> None:
    answer = await sent(sender(free_port(), timeout_s=0.2), [record(1)])
    assert getattr(answer, "reason", "") == "unreachable"
