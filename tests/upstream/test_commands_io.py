"""Signed commands through real brokers: what moves something, and what does not."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Literal

import pytest

from edgegw.clock import SystemClock
from edgegw.commands.admission import Known
from edgegw.commands.clocktrust import ClockTrust
from edgegw.commands.desk import Desk
from edgegw.commands.envelope import sign
from edgegw.commands.intake import Intake, Signer
from edgegw.mqttio import MqttOptions, MqttSession
from edgegw.rules.events import utc
from edgegw.upstream.commands import HANDLED_MOST, CommandIntake
from tests.commands.fakes import FakeActuator, FakeEncoder, FakeListening, FakeStore
from tests.mqttio.broker import BROKERS, broker, free_port, listening
from tests.upstream.harness import PATIENCE_S

TOPIC, REPLIES = "edgegw/gw-1/commands", "edgegw/gw-1/outcomes"
KEY = b"k" * 32
MOSQUITTO = BROKERS[:1]
SPOKEN = [
    pytest.param("mosquitto", "5", marks=MOSQUITTO[0].marks),
    pytest.param("mosquitto", "3.1.1", marks=MOSQUITTO[0].marks),
    ("iotcore", "5"),  # it speaks one version per port
]
BOOT = 7


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


class Gateway:
    """A desk with one device, taking signed commands; and the platform that signs them."""

    def __init__(self, port: int, version: Literal["5", "3.1.1"] = "5") -> None:
        self.clock = SystemClock()
        self.store = FakeStore()
        self.link = FakeActuator()
        self.answers: list[dict[str, Any]] = []
        self.desk = Desk(
            store=self.store,
            clock=self.clock,
            boot=BOOT,
            known=Known(
                encoders={"pump": FakeEncoder(), "relay": FakeEncoder()}, protected={("relay", "on"): ("lobby",)}
            ),
            actuators={"pump": self.link, "relay": self.link},
            listening=FakeListening(self.clock),  # type: ignore[arg-type] # its clock only tells the time
            trust=ClockTrust({}),
        )
        signers = {"platform": Signer(KEY, ("command:*:*",)), "guard": Signer(b"g" * 32, ("command:pump:off",))}
        intake = Intake(self.desk, signers, gateway="gw-1", boot=BOOT, clock=self.clock)
        self.intake = CommandIntake(
            MqttOptions(
                "127.0.0.1", port, client_id="gw-1-commands", version=version, clean=False, session_expiry_s=600
            ),
            TOPIC,
            REPLIES,
            intake.handle,
            first_s=0.01,
            most_s=0.05,
        )

    def signed(self, id_: str, key: bytes = KEY, *, valid_s: float = 30.0, **members: Any) -> bytes:
        return sign(
            {
                "id": id_,
                "target": "pump",
                "command": "on",
                "args": {},
                "expires_at": utc(self.clock.now().wall_ns + round(valid_s * 1e9)),
                "boot": BOOT,
                "issuer": "platform",
                "gateway": "gw-1",
                **members,
            },
            key,
        )

    @property
    def moved(self) -> list[str]:
        return [order.id for order in self.link.orders]


@asynccontextmanager
async def platform(port: int, answers: list[dict[str, Any]]) -> AsyncIterator[MqttSession]:
    session = MqttSession(
        MqttOptions("127.0.0.1", port, client_id="platform", auto_ack=True),
        on_message=lambda message: answers.append(json.loads(message.payload)),
    )
    await session.connect()
    await session.subscribe([(REPLIES, 1)])
    yield session
    await session.close()


@asynccontextmanager
async def at_work(gateway: Gateway) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(gateway.desk.run()), asyncio.create_task(gateway.intake.run())]
    await until(lambda: gateway.intake.figures().connected)
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task


async def asked(session: MqttSession, gateway: Gateway, payload: bytes) -> dict[str, Any]:
    """Publish a command, wait for the next answer."""
    before = len(gateway.answers)
    session.publish(TOPIC, payload)
    await until(lambda: len(gateway.answers) > before)
    return gateway.answers[-1]


@pytest.mark.parametrize(("kind", "version"), SPOKEN)
async def test_a_good_command_is_carried_out_once_and_nothing_else_is(
    kind: str, version: Literal["5", "3.1.1"], tmp_path: Path
) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        gateway = Gateway(port, version)
        async with platform(port, gateway.answers) as session, at_work(gateway):
            good = gateway.signed("c-1")
            assert await asked(session, gateway, good) == {"id": "c-1", "status": "done", "reason": "", "detail": ""}
            for payload, reason in [
                (good, "used-id"),
                (gateway.signed("c-2", valid_s=-1), "expired"),
                (gateway.signed("c-3", valid_s=600), "lifetime"),
                (gateway.signed("c-4", b"x" * 32), "bad-signature"),
                (good.replace(b'"pump"', b'"pumq"'), "bad-signature"),
                (gateway.signed("c-5", issuer="stranger"), "unknown-key"),
                (gateway.signed("c-6", gateway="gw-2"), "foreign-gateway"),
                (gateway.signed("c-7", boot=BOOT - 1), "old-boot"),
                (gateway.signed("c-8", b"g" * 32, issuer="guard"), "forbidden"),
                (gateway.signed("c-9", target="relay"), "forbidden"),
                (b'{"id":"c-10","target":"pump","command":"on"}', "malformed"),
                (gateway.signed("c-11", args={"a": "x" * 9000}), "oversized"),
                (b"x" * 100_000, "oversized"),
                (b"", "malformed"),
            ]:
                answer = await asked(session, gateway, payload)
                assert (answer["status"], answer["reason"]) == ("rejected", reason)
            assert gateway.moved == ["c-1"]
            await until(lambda: len(gateway.store.told("rejected")) == 14)
            rows = gateway.store.told("rejected")
            assert {row["issuer"]["name"] for row in rows} == {"platform", "guard", "unauthenticated"}
            assert [row["id"] for row in rows][:3] == ["c-1", "c-2", "c-3"]


@pytest.mark.parametrize(("kind", "version"), SPOKEN)
async def test_a_retained_command_never_acts(kind: str, version: Literal["5", "3.1.1"], tmp_path: Path) -> None:
    port = free_port()
    with broker(kind, port, tmp_path):
        await listening(port)
        gateway = Gateway(port, version)
        async with platform(port, gateway.answers) as session:
            session.publish(TOPIC, gateway.signed("r-1"), retain=True)
            await until(lambda: session.in_flight == 0)
            async with at_work(gateway):
                assert (await asked(session, gateway, gateway.signed("c-1")))["id"] in {"c-1", "r-1"}
                await until(lambda: gateway.moved)
                assert gateway.moved == ["c-1"]
                figures = gateway.intake.figures()
            if version == "3.1.1":
                assert figures.retained == 1
                assert [row["reason"] for row in gateway.store.told("rejected")] == ["retained"]


@pytest.mark.parametrize("kind", BROKERS)
async def test_what_was_sent_while_we_were_away_is_not_delivered(kind: str, tmp_path: Path) -> None:
    port = free_port()
    with broker(kind, port, tmp_path, extra="max_queued_messages 1000\n"):
        await listening(port)
        gateway = Gateway(port)
        async with platform(port, gateway.answers) as session:
            async with at_work(gateway):
                assert (await asked(session, gateway, gateway.signed("c-1")))["status"] == "done"
            session.publish(TOPIC, gateway.signed("late"))
            await until(lambda: session.in_flight == 0)
            again = Gateway(port)
            again.answers = gateway.answers
            async with at_work(again):
                assert (await asked(session, again, again.signed("c-2")))["id"] == "c-2"
            assert again.moved == ["c-2"]
            assert again.intake.figures().received == 1


@pytest.mark.parametrize("kind", BROKERS)
async def test_a_broker_that_dies_and_returns(kind: str, tmp_path: Path) -> None:
    port = free_port()
    gateway = Gateway(port)
    with broker(kind, port, tmp_path):
        await listening(port)
        work = at_work(gateway)
        await work.__aenter__()
    await until(lambda: not gateway.intake.figures().connected)
    assert gateway.intake.figures().reason
    with broker(kind, port, tmp_path):
        await listening(port)
        await until(lambda: gateway.intake.figures().connected)
        async with platform(port, gateway.answers) as session:
            async with asyncio.timeout(PATIENCE_S):  # the SUBACK may come a moment after the connection
                while not gateway.answers:
                    session.publish(TOPIC, gateway.signed(f"c-{len(gateway.moved)}"))
                    await asyncio.sleep(0.05)
            assert gateway.answers[0]["status"] == "done"
        await work.__aexit__(None, None, None)


@pytest.mark.parametrize("kind", MOSQUITTO)
async def test_no_more_than_so_many_are_handled_at_once(kind: str, tmp_path: Path) -> None:
    port = free_port()
    gate = asyncio.Event()
    handled: list[bytes] = []

    async def handle(payload: bytes, *, retained: bool) -> bytes | None:
        handled.append(payload)
        await gate.wait()
        return None

    with broker(kind, port, tmp_path):
        await listening(port)
        intake = CommandIntake(MqttOptions("127.0.0.1", port, client_id="gw"), TOPIC, REPLIES, handle)
        running = asyncio.create_task(intake.run())
        async with platform(port, []) as session:
            while not handled:
                session.publish(TOPIC, b"0", qos=0)
                await asyncio.sleep(0.01)
            for n in range(200):
                session.publish(TOPIC, b"%d" % n, qos=0)
            await until(lambda: len(handled) == HANDLED_MOST and intake.figures().dropped > 100)
            gate.set()
            running.cancel()
            with suppress(asyncio.CancelledError):
                await running


async def test_a_mistake_in_handling_ends_it(tmp_path: Path) -> None:
    port = free_port()

    async def handle(payload: bytes, *, retained: bool) -> bytes | None:
        raise ZeroDivisionError

    with broker("iotcore", port, tmp_path):
        await listening(port)
        intake = CommandIntake(MqttOptions("127.0.0.1", port, client_id="gw"), TOPIC, REPLIES, handle)
        running = asyncio.create_task(intake.run())
        async with platform(port, []) as session:
            while not running.done():
                session.publish(TOPIC, b"0")
                await asyncio.sleep(0.01)
        with pytest.raises(ExceptionGroup):
            await running
