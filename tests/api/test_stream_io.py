"""Records as server-sent events, over a real loopback socket."""

import asyncio
import json

import aiohttp
import pytest

from edgegw.api import server as api_server
from edgegw.api import stream
from edgegw.api.server import STREAMS_MOST
from edgegw.api.tokens import Tokens, write
from edgegw.model import Lane
from tests.api.fakes import client, make_token, record, serving


async def messages(reply, count):
    """The next messages: (event, id, data)."""
    found = []
    fields: dict[str, str] = {}
    async with asyncio.timeout(10):
        while len(found) < count and (line := (await reply.content.readline()).decode()):
            if line == "\n":
                if "data" in fields:
                    found.append((fields.get("event", ""), fields.get("id", ""), json.loads(fields["data"])))
                fields = {}
            elif not line.startswith(":"):
                name, _, value = line.rstrip("\n").partition(": ")
                fields[name] = value
    return found


async def test_what_is_committed_is_told(backend, path):
    secret = make_token(path, "events")
    async with serving(backend, path) as server, client(server, secret) as http:
        backend.commit(record(1))
        async with http.get("/api/v1/events") as reply:
            assert (reply.status, reply.content_type) == (200, "text/event-stream")
            backend.commit(record(2), record(3, Lane.ACCESS, b'{\r\n"b":"\\n"}'))
            found = await messages(reply, 2)
            assert [one[1] for one in found] == ["2", "3"]
            assert found[0][2] == {
                "seq": 2, "id": "00000000-0000-7000-8000-000000000002", "lane": "alarm", "type": "edgegw.alarm.raised",
                "subject": "meter-1", "time": "2026-01-01T00:00:00Z", "synced": True, "data": {"a": 1},
            }  # fmt: skip
            assert found[1][2]["data"] == {"b": "\n"}
        while backend.heard:
            await asyncio.sleep(0)  # the server sees the client go


@pytest.mark.parametrize("resume", [{"headers": {"Last-Event-ID": "2"}}, {"params": {"after": "2"}}])
async def test_a_stream_resumes_and_tells_each_record_once(backend, path, resume):
    secret = make_token(path, "events")
    backend.records = [record(seq) for seq in range(1, 1_200)]
    async with (
        serving(backend, path) as server,
        client(server, secret) as http,
        http.get("/api/v1/events", **resume) as reply,
    ):
        backend.commit(record(1_200))
        assert [int(one[1]) for one in await messages(reply, 1_198)] == list(range(3, 1_201))
        backend.commit(record(1_201))
        assert [one[1] for one in await messages(reply, 1)] == ["1201"]


async def test_lanes_and_bad_parameters(backend, path):
    secret = make_token(path, "events")
    async with serving(backend, path) as server, client(server, secret) as http:
        async with http.get("/api/v1/events?lanes=alarm,access&after=0") as reply:
            backend.commit(record(1, Lane.TELEMETRY), record(2, Lane.ACCESS))
            assert [one[1] for one in await messages(reply, 1)] == ["2"]
        for query in (
            "lanes=",
            "lanes=all",
            "after=-1",
            "after=x",
            "after=9223372036854775808",
            "after=1&after=2",
            "from=1",
        ):
            async with http.get(f"/api/v1/events?{query}") as reply:
                assert reply.status == 422


async def test_a_client_that_is_behind_gets_a_gap_and_can_resume(backend, path, monkeypatch):
    monkeypatch.setattr(stream, "WAITING_RECORDS", 10)
    secret = make_token(path, "events")
    async with serving(backend, path) as server, client(server, secret) as http:
        async with http.get("/api/v1/events") as reply:
            backend.commit(record(1))
            assert [one[1] for one in await messages(reply, 1)] == ["1"]
            backend.commit(*(record(seq) for seq in range(2, 30)))
            assert await messages(reply, 99) == [("gap", "", {"after": 1})]
        async with http.get("/api/v1/events?after=1") as reply:
            assert len(await messages(reply, 28)) == 28


async def test_missing_something_while_catching_up_is_read_again(backend, path, monkeypatch):
    monkeypatch.setattr(stream, "WAITING_RECORDS", 10)
    secret = make_token(path, "events")
    backend.records = [record(1)]
    first, fetch = asyncio.Event(), backend.events

    async def events(after_seq, lanes, limit):
        found = await fetch(after_seq, lanes, limit)
        if not first.is_set():
            first.set()
            backend.commit(*(record(seq) for seq in range(2, 40)))
        return found

    backend.events = events
    async with (
        serving(backend, path) as server,
        client(server, secret) as http,
        http.get("/api/v1/events?after=0") as reply,
    ):
        assert [int(one[1]) for one in await messages(reply, 39)] == list(range(1, 40))
    assert backend.fetches == 2


async def test_a_client_that_does_not_read_is_let_go(backend, path, monkeypatch):
    monkeypatch.setattr(api_server, "WRITE_S", 0.2)
    secret = make_token(path, "events")
    async with serving(backend, path) as server:
        reader, writer = await asyncio.open_connection(*server.address, limit=1024)
        writer.write(
            b"GET /api/v1/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " + secret.encode() + b"\r\n\r\n"
        )
        async with asyncio.timeout(20):
            while not backend.heard:
                await asyncio.sleep(0)
            seq = 0
            while backend.heard:
                seq += 1
                backend.commit(record(seq, data=b'"' + b"x" * 60_000 + b'"'))
                await asyncio.sleep(0.001)
        assert server.streams == 0
        with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError, TimeoutError)):
            await reader.readexactly(100_000_000)
        writer.close()


async def test_heartbeats_and_the_token_is_looked_at_again(backend, path, clock):
    secret = make_token(path, "events")
    async with serving(backend, path, beat_s=0.02) as server, client(server, secret) as http:
        async with http.get("/api/v1/events") as reply, asyncio.timeout(10):
            lines = [await reply.content.readline() for _ in range(5)]
            assert lines == [b"retry: 3000\n", b": edgegw\n", b"\n", b":\n", b"\n"]
            write(path, Tokens())
            clock.advance(2)
            with pytest.raises(aiohttp.ClientError):
                await reply.content.read()
        assert server.streams == 0


async def test_streams_are_bounded_and_end_with_the_server(backend, path):
    secret = make_token(path, "events")
    async with asyncio.timeout(5):  # well before stop_s
        async with serving(backend, path) as server:
            http = client(server, secret)
            streams = [await http.get("/api/v1/events") for _ in range(STREAMS_MOST)]
            async with http.get("/api/v1/events") as reply:
                assert (reply.status, reply.headers["Retry-After"]) == (503, "5")
            assert server.streams == STREAMS_MOST
        for one in streams:
            assert (await one.content.read()).startswith(b"retry")
        await http.close()
    assert backend.heard == []
