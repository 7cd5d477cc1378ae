"""A session against real brokers, and against a peer that does what brokers do not."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgegw.errors import LinkError
from edgegw.mqttio import Incoming, MqttOptions, MqttSession, wire
from tests.mqttio.broker import BROKERS, broker, free_port, listening

PATIENCE_S = 20.0
CONNACK = bytes.fromhex("2003000000")
Peer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.001)


@asynccontextmanager
async def peer(play: Peer) -> AsyncIterator[int]:
    """A server that reads CONNECT and then plays its part."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.read(1024)
            await play(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def message(topic: str, payload: bytes, mid: int) -> bytes:
    return wire.publish_head(wire.topic_field(topic), len(payload), mid, properties=b"\0") + payload


# --- real brokers


@pytest.mark.parametrize("kind", BROKERS)
async def test_publish_receive_acknowledge(kind: str, tmp_path: Path) -> None:
    port = free_port()
    got: list[Incoming] = []
    acked: list[tuple[int, int]] = []
    with broker(kind, port, tmp_path):
        await listening(port)
        sub = MqttSession(MqttOptions("127.0.0.1", port, client_id="sub"), on_message=got.append)
        pub = MqttSession(
            MqttOptions("127.0.0.1", port, client_id="pub"), on_puback=lambda mid, code: acked.append((mid, code))
        )
        await sub.connect()
        await sub.subscribe([("t/#", 1)])
        await pub.connect()
        sent = [pub.publish(f"t/{n}", b"%d" % n * (1 + n * 50)) for n in range(200) if pub.in_flight < pub.window]
        while len(sent) < 200:
            await until(lambda: pub.in_flight < pub.window)
            n = len(sent)
            sent.append(pub.publish(f"t/{n}", b"%d" % n * (1 + n * 50)))
        for n in range(200):
            await until(lambda n=n: len(got) > n)  # type: ignore[misc]
            sub.ack(got[n].mid)
        await until(lambda: len(acked) == 200)
        assert [one.payload for one in got] == [b"%d" % n * (1 + n * 50) for n in range(200)]
        assert [mid for mid, _ in acked] == sent
        assert all(code < 0x80 for _, code in acked)
        await pub.close()
        await sub.close()
        assert await sub.wait_closed() == "closed"


@pytest.mark.parametrize("kind", BROKERS)
async def test_what_was_not_acknowledged_comes_again(kind: str, tmp_path: Path) -> None:
    port = free_port()
    options = MqttOptions("127.0.0.1", port, client_id="keeper", clean=False, session_expiry_s=3600)
    with broker(kind, port, tmp_path):
        await listening(port)
        first: list[Incoming] = []
        session = MqttSession(options, on_message=first.append)
        await session.connect()
        await session.subscribe([("t", 1)])
        other = MqttSession(MqttOptions("127.0.0.1", port, client_id="other"))
        await other.connect()
        for n in range(3):
            other.publish("t", b"%d" % n)
        await until(lambda: len(first) == 3)
        session.ack(first[0].mid)
        await session.close()
        again: list[Incoming] = []
        session = MqttSession(options, on_message=again.append)
        await session.connect()
        assert session.session_present
        await until(lambda: len(again) >= 2)
        assert [one.payload for one in again] == [b"1", b"2"]
        await session.close()
        await other.close()


async def test_a_dead_broker_is_told_once(tmp_path: Path) -> None:
    port = free_port()
    ends: list[str] = []
    with broker("iotcore", port, tmp_path) as process:
        await listening(port)
        session = MqttSession(MqttOptions("127.0.0.1", port, client_id="a"), on_disconnect=ends.append)
        await session.connect()
        process.kill()
        assert await session.wait_closed() in {"closed-by-peer", "reset"}
        session.ack(1)  # nothing: the connection is gone
        with pytest.raises(LinkError, match="not-connected"):
            session.publish("t", b"x")
    assert len(ends) == 1


@pytest.mark.skipif(BROKERS[0].marks[0].args[0], reason="mosquitto is not installed")  # type: ignore[union-attr]
async def test_a_forbidden_publish_is_told(tmp_path: Path) -> None:
    acl = tmp_path / "acl"
    acl.write_text("topic read #\n")
    acl.chmod(0o600)
    port, nobody = free_port(), free_port()
    with broker("mosquitto", port, tmp_path, f"acl_file {acl}\n"):
        await listening(port)
        codes: list[int] = []
        session = MqttSession(MqttOptions("127.0.0.1", port), on_puback=lambda _mid, code: codes.append(code))
        await session.connect()
        session.publish("forbidden", b"x")
        await until(lambda: codes == [0x87])
        await session.close()
    with pytest.raises(LinkError, match="unreachable"):
        await MqttSession(MqttOptions("127.0.0.1", nobody)).connect()


# --- a peer of our own


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
async def test_messages_survive_any_chunking(size: int) -> None:
    wanted = [(f"t/{n}", bytes([n]) * (n * 37 % 400)) for n in range(60)]
    stream = CONNACK + b"".join(message(topic, payload, n + 1) for n, (topic, payload) in enumerate(wanted))

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for at in range(0, len(stream), size):
            writer.write(stream[at : at + size])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    got: list[Incoming] = []
    async with peer(play) as port:
        session = MqttSession(MqttOptions("127.0.0.1", port), on_message=got.append)
        await session.connect()
        await until(lambda: len(got) == len(wanted))
        await session.close()
    assert [(one.topic, one.payload) for one in got] == wanted
    assert [one.mid for one in got] == list(range(1, 61))


async def test_pausing_stops_within_the_buffer_and_nothing_is_lost() -> None:
    stream = CONNACK + b"".join(message("t", b"%d" % n, n + 1) for n in range(5000))

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(stream)
        await writer.drain()
        await reader.read()

    got: list[Incoming] = []

    def take(one: Incoming) -> None:
        got.append(one)
        if len(got) % 700 == 0:
            session.pause_reading()

    async with peer(play) as port:
        session = MqttSession(MqttOptions("127.0.0.1", port), on_message=take)
        await session.connect()
        for stop in range(700, 5000, 700):
            await until(lambda stop=stop: len(got) >= stop)  # type: ignore[misc]
            for _ in range(20):
                await asyncio.sleep(0)
            assert len(got) == stop
            session.resume_reading()
        await until(lambda: len(got) == 5000)
        await session.close()
    assert [int(one.payload) for one in got] == list(range(5000))


async def test_an_oversized_message_arrives_cut_and_the_next_one_whole() -> None:
    big = message("t", b"x" * 1_000_000, 1)

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK + big + message("t", b"after", 2))
        await writer.drain()
        await reader.read()

    got: list[Incoming] = []
    async with peer(play) as port:
        session = MqttSession(MqttOptions("127.0.0.1", port, max_payload=100_000), on_message=got.append)
        await session.connect()
        await until(lambda: len(got) == 2)
        await session.close()
    assert got[0].truncated
    assert got[0].mid == 1
    assert 90_000 < len(got[0].payload) < 300_000
    assert (got[1].payload, got[1].truncated) == (b"after", False)


async def test_acknowledgements_of_one_moment_leave_in_one_piece() -> None:
    pieces: list[bytes] = []

    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK + b"".join(message("t", b"x", n) for n in range(1, 101)))
        await writer.drain()
        while data := await reader.read(65536):
            pieces.append(data.replace(wire.PINGREQ_PACKET, b""))

    mids: list[int] = []
    async with peer(play) as port:
        session = MqttSession(MqttOptions("127.0.0.1", port), on_message=lambda one: mids.append(one.mid))
        await session.connect()
        await until(lambda: len(mids) == 100)
        for mid in mids:
            session.ack(mid)
        await until(lambda: len(b"".join(pieces)) >= 400)
        await session.close()
    assert next(len(one) for one in pieces if one) == 400


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("2003008700", "not-authorized"),
        ("2003008600", "not-authorized"),
        ("2003008800", "refused"),
        ("20 05 ff ff ff ff ff", "protocol|refused"),
        ("ffffffffffff", "protocol"),
        ("", "closed-by-peer"),
    ],
)
async def test_a_refusal_is_a_link_error_with_a_reason(answer: str, reason: str) -> None:
    ends: list[str] = []

    async def play(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(bytes.fromhex(answer))

    async with peer(play) as port:
        session = MqttSession(MqttOptions("127.0.0.1", port), on_disconnect=ends.append)
        with pytest.raises(LinkError) as caught:
            await session.connect(PATIENCE_S)
    assert caught.value.reason in reason.split("|")
    assert not ends, "a connection that never was cannot end"


async def test_a_silent_peer_is_given_up() -> None:
    async def play(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with peer(play) as port:
        with pytest.raises(LinkError, match="timeout"):
            await MqttSession(MqttOptions("127.0.0.1", port)).connect(0.05)


async def test_a_peer_that_falls_silent_is_noticed_by_keepalive() -> None:
    async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(CONNACK)
        await reader.read()  # pings go unanswered

    async with peer(play) as port:
        session = MqttSession(MqttOptions("127.0.0.1", port, keepalive_s=1.0))
        await session.connect()
        assert await asyncio.wait_for(session.wait_closed(), PATIENCE_S) == "keepalive"
