"""The HTTP sender and a whole delivery against the real ticket desk, as a process, in all its moods."""

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from edgegw.clock import SystemClock
from edgegw.model import Lane, Record
from edgegw.upstream.http import HttpSender
from edgegw.upstream.outcome import Accepted, Hold, Refused, Retry
from tests.upstream.fake_outbox import FakeOutbox, record
from tests.upstream.harness import PATIENCE_S, running

TOKEN = "a-token"
ROOT = Path(__file__).parents[2]


class Desk:
    """The desk's process."""

    def __init__(self, folder: Path) -> None:
        argv = [sys.executable, "-m", "simulators.desk", "--port", "0", "--db", str(folder / "desk.db")]
        self.process = subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL)
        assert self.process.stdout is not None
        self.url = json.loads(self.process.stdout.readline())["url"]

    def ask(self, path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}api/{path}", data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.load(answer)

    def mode(self, name: str, **more: object) -> None:
        self.ask("mode", {"mode": name, **more})


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A running desk."""
    made = Desk(tmp_path)
    yield made
    made.process.terminate()
    made.process.communicate(timeout=20)


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


def sender(url: str, **options: Any) -> HttpSender:
    return HttpSender(url, "gw", **{"batch": 20, "timeout_s": 5.0} | options)


def delivery(outbox: FakeOutbox, desk: Desk, **options: Any) -> Any:
    fast = {"first_s": 0.01, "most_s": 0.05, "clock": SystemClock()}
    return running(outbox, sender(f"{desk.url}events", **options), **fast)


async def test_all_records_become_events_at_the_desk(desk: Desk) -> None:
    outbox = FakeOutbox([record(n, Lane(n % 4)) for n in range(1, 201)])
    async with delivery(outbox, desk):
        await until(lambda: outbox.empty("desk"))
    stats = desk.ask("stats")
    assert (stats["events"], stats["duplicates"], stats["holes"]) == (200, 0, [])


async def test_down_and_back_loses_nothing_and_brings_alarms_first(desk: Desk) -> None:
    outbox = FakeOutbox([record(n) for n in range(1, 101)])
    desk.mode("down")
    async with delivery(outbox, desk) as at_work:
        await until(lambda: not at_work.up)
        outbox.add(*(record(n, Lane.ALARM) for n in range(101, 106)))
        await until(lambda: sum(at_work.retries.values()) > 5)
        desk.mode("ok")
        await until(lambda: outbox.empty("desk"))
    stats = desk.ask("stats")
    assert (stats["events"], stats["holes"]) == (105, [])
    assert [one["seq"] for one in desk.ask("events?limit=5")["events"]] == [101, 102, 103, 104, 105]


async def test_poison_in_a_batch_becomes_the_only_dead_letter(desk: Desk) -> None:
    outbox = FakeOutbox([record(n, data=b'{"say":"venom"}' if n == 37 else b"{}") for n in range(1, 61)])
    desk.mode("reject", match="venom")
    async with delivery(outbox, desk):
        await until(lambda: outbox.empty("desk"))
    assert outbox.dead == [("desk", "id-000037", "http-422")]
    assert desk.ask("stats")["holes"] == [[37, 37]]


async def test_unauthorized_holds_and_says_so(desk: Desk) -> None:
    outbox = FakeOutbox([record(1, Lane.ALARM)])
    desk.mode("unauthorized")
    told: list[tuple[str, str | None]] = []
    made = running(outbox, sender(f"{desk.url}events"), on_condition=lambda *what: told.append(what))
    async with made as at_work:
        await until(lambda: told == [("desk", "http-401")])
        assert not at_work.up
    assert outbox.depth("desk", Lane.ALARM) == 1
    assert not outbox.dead


async def test_a_slow_telemetry_post_does_not_delay_an_alarm(desk: Desk) -> None:
    outbox = FakeOutbox([record(1)])
    async with delivery(outbox, desk) as at_work:
        await until(lambda: outbox.empty("desk"))
        desk.mode("slow", delay_s=3600)
        outbox.add(record(2))
        await until(lambda: at_work.stats[Lane.TELEMETRY].head is not None)
        await asyncio.to_thread(desk.mode, "ok")
        outbox.add(record(3, Lane.ALARM))
        await until(lambda: not outbox.depth("desk", Lane.ALARM))


async def test_a_killed_desk_comes_back_with_what_it_accepted(desk: Desk, tmp_path: Path) -> None:
    outbox = FakeOutbox([record(n) for n in range(1, 301)])
    async with delivery(outbox, desk, batch=5):
        await until(lambda: outbox.cursor("desk", Lane.TELEMETRY) > 50)
        desk.process.kill()
        desk.process.wait()
        cursor = outbox.cursor("desk", Lane.TELEMETRY)
    again = Desk(tmp_path)
    try:
        stats = again.ask("stats")
        assert stats["events"] >= cursor
        assert stats["holes"] == []
    finally:
        again.process.terminate()
        again.process.communicate(timeout=20)


# --- the sender alone, against a server that answers as told


@pytest.fixture
async def answering() -> Any:
    """(url, requests, answer): `answer["response"]` is called per request."""
    seen: list[tuple[str, str, list[dict[str, Any]]]] = []
    answer: dict[str, Any] = {"response": web.Response}

    async def handle(request: web.Request) -> web.StreamResponse:
        head = request.headers
        seen.append((head["Content-Type"], head.get("Authorization", ""), await request.json()))
        made: web.StreamResponse = answer["response"]()
        return made

    app = web.Application()
    app.router.add_post("/events", handle)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/events", seen, answer
    await runner.cleanup()


async def one_answer(url: str, records: list[Record], **options: Any) -> Any:
    made = sender(url, **options)
    keeper = asyncio.create_task(made.run())
    try:
        return await made.send(Lane.ALARM, records)
    finally:
        keeper.cancel()
        with suppress(asyncio.CancelledError):
            await keeper


async def test_the_request_is_a_cloudevents_batch_with_the_token(answering: Any) -> None:
    url, seen, _ = answering
    assert await one_answer(url, [record(1), record(2)], token=TOKEN) == Accepted(2)
    kind, token, body = seen[0]
    assert kind.startswith("application/cloudevents-batch+json")
    assert token == f"Bearer {TOKEN}"
    assert [one["id"] for one in body] == ["id-000001", "id-000002"]


@pytest.mark.parametrize(
    ("response", "outcome"),
    [
        (lambda: web.Response(status=503, headers={"Retry-After": "7"}), Retry("http-503", 7.0, answered=True)),
        (lambda: web.Response(status=429), Retry("http-429", None, answered=True)),
        (lambda: web.Response(status=403), Hold("http-403")),
        (lambda: web.Response(status=302, headers={"Location": "/login"}), Hold("http-302")),
        (lambda: web.Response(status=422, text="no such device"), Refused("http-422", "no such device")),
        (lambda: web.Response(status=200, text="<html>" * 100_000), Accepted(1)),
        (
            lambda: web.json_response({"rejected": [{"id": "id-000001", "reason": "old"}]}),
            Accepted(1, {"id-000001": "old"}),
        ),
        (lambda: web.json_response({"rejected": "all"}), Accepted(1)),
    ],
)
async def test_what_an_answer_means(answering: Any, response: Any, outcome: Any) -> None:
    url, _, answer = answering
    answer["response"] = response
    assert await one_answer(url, [record(1)]) == outcome


async def test_nobody_there_is_unreachable(unused_tcp_port: int) -> None:
    assert await one_answer(f"http://127.0.0.1:{unused_tcp_port}/events", [record(1)]) == Retry("unreachable")


@pytest.mark.parametrize("host", ["a..b", f"{'a' * 64}.example"])
async def test_a_host_that_no_resolver_takes_ends_nothing(host: str) -> None:
    assert await one_answer(f"http://{host}/events", [record(1)]) == Retry("bad-address")


async def test_no_answer_in_time_is_a_timeout() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    assert await one_answer(f"http://127.0.0.1:{port}/events", [record(1)], timeout_s=0.1) == Retry("timeout")
    server.close()


async def test_an_answer_in_pieces_is_read_whole() -> None:
    """A list of rejected ids that is not read to its end would count refused records as accepted."""
    body = json.dumps({"rejected": [{"id": f"id-{n:06d}", "reason": "x" * 20} for n in range(1, 801)]}).encode()

    async def pieces(request: web.Request) -> web.StreamResponse:
        await request.read()
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for at in range(0, len(body), 5000):
            await response.write(body[at : at + 5000])
            for _ in range(20):  # let the other side read what is there
                await asyncio.sleep(0)
        return response

    app = web.Application()
    app.router.add_post("/events", pieces)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/events"
    got = await one_answer(url, [record(n) for n in range(1, 801)], batch=1000)
    await runner.cleanup()
    assert len(got.rejected) == 800
