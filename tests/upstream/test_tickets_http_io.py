"""Ticket states polled from, and answered by, a real HTTP server in its good and bad moments."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from aiohttp import web

from edgegw.clock import SystemClock
from edgegw.model import Lane
from edgegw.service.answers import PAGE_MOST, UPDATES_MOST
from edgegw.upstream import tickets_http
from edgegw.upstream.http import ANSWER_BYTES, HttpSender
from edgegw.upstream.outcome import Accepted, Retry
from edgegw.upstream.tickets_http import PAGES_MOST, TicketPoll
from tests.upstream.fake_inbox import FakeInbox, message, update
from tests.upstream.fake_outbox import FakeOutbox, record
from tests.upstream.harness import PATIENCE_S, running

Answer = Callable[[web.Request], web.StreamResponse]


async def until(condition: Any) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0.005)


class Server:
    """Answers as `answer` says; keeps what it was asked."""

    def __init__(self) -> None:
        self.answer: Answer = lambda _: web.Response(body=message())
        self.asked: list[web.Request] = []
        self.url = ""

    @property
    def cursors(self) -> list[str | None]:
        return [request.query.get("after") for request in self.asked]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        await request.read()
        self.asked.append(request)
        answer = self.answer(request)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    made = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()


def poll(server: Server, inbox: FakeInbox, path: str = "/tickets", **options: Any) -> TicketPoll:
    fast = {"name": "desk", "every_s": 0.01, "timeout_s": 5.0, "most_s": 0.02}
    return TicketPoll(server.url + path, inbox, **fast | options)


@asynccontextmanager
async def polling(made: TicketPoll) -> AsyncIterator[TicketPoll]:
    task = asyncio.create_task(made.run())
    try:
        yield made
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


class Pages:
    """A ticket system that keeps its changes in order and gives them out by pages of `size`."""

    def __init__(self, count: int, size: int) -> None:
        self.changes = [update("a", version=n + 1) for n in range(count)]
        self.size = size

    def __call__(self, request: web.Request) -> web.StreamResponse:
        first = int(request.query.get("after", "0"))
        last = min(first + self.size, len(self.changes))
        return web.Response(body=message(*self.changes[first:last], next=str(last)))


async def test_changes_come_page_by_page_each_once_and_go_on_after_a_restart(server: Server) -> None:
    inbox, desk = FakeInbox(), Pages(25, 10)
    server.answer = desk
    async with polling(poll(server, inbox, every_s=3600.0)) as at_work:
        await until(lambda: at_work.figures().up)  # one round, no pause within it
        assert [one.version for _, one in inbox.taken] == list(range(1, 26))
    assert server.cursors == [None, "10", "20", "25"]
    assert inbox.cursors == {"desk": "25"}
    desk.changes += [update("a", "closed"), update("x")]
    async with polling(poll(server, inbox)) as at_work:
        await until(lambda: len(inbox.taken) == 27)
        assert server.cursors[4] == "25"
        assert dict(at_work.figures().results) == {"taken": 1, "unknown": 1, "bad": 0}
        seen = len(server.asked)
        await until(lambda: len(server.asked) > seen + 3)
    assert inbox.calls == 4  # nothing is written where nothing came
    assert set(server.cursors[seen:]) == {"27"}


async def test_the_request_carries_token_query_and_cursor_as_they_are(server: Server) -> None:
    inbox = FakeInbox()
    inbox.cursors["desk"] = "a&b=c+ d/é%2F"
    async with polling(poll(server, inbox, "/t?of=g+1&after=old", token="secret")):
        await until(lambda: server.asked)
    asked = server.asked[0]
    assert (asked.method, dict(asked.query)) == ("GET", {"of": "g 1", "after": "a&b=c+ d/é%2F"})
    assert asked.headers["Authorization"] == "Bearer secret"


async def test_a_cursor_is_not_kept_before_its_updates_are(server: Server) -> None:
    inbox = FakeInbox()
    server.answer = Pages(3, 10)
    inbox.refusing = "full"
    async with polling(poll(server, inbox)) as at_work:
        await until(lambda: inbox.calls > 2)
        assert (at_work.figures().up, at_work.figures().reason) == (False, "store-full")
        assert set(server.cursors) == {None}
        inbox.refusing = None
        await until(lambda: at_work.figures().up)
    assert [one.version for _, one in inbox.taken] == [1, 2, 3]


async def test_killed_between_answer_and_commit_asks_again(server: Server) -> None:
    inbox = FakeInbox()
    server.answer = Pages(3, 10)
    inbox.gate.clear()
    async with polling(poll(server, inbox)):
        await until(lambda: inbox.calls == 1)
    assert (inbox.taken, inbox.cursors) == ([], {})
    inbox.gate.set()
    async with polling(poll(server, inbox)):
        await until(lambda: inbox.cursors == {"desk": "3"})
    assert server.cursors[:2] == [None, None]


async def test_a_system_without_cursor_is_asked_for_what_is_and_only_changes_are_taken(server: Server) -> None:
    inbox = FakeInbox()
    now = [update("a"), update("b")]
    server.answer = lambda _: web.Response(body=message(*now, update("c", "done")))
    async with polling(poll(server, inbox)) as at_work:
        await until(lambda: len(server.asked) > 4)
        assert inbox.states() == [("a", "acknowledged"), ("b", "acknowledged")]
        assert at_work.figures().results["bad"] == 1
        now[1] = update("b", "closed")
        await until(lambda: len(inbox.taken) == 3)
        now[1] = update("b")
        await until(lambda: len(inbox.taken) == 4)
    assert [state for key, state in inbox.states() if key == "b"] == ["acknowledged", "closed", "acknowledged"]
    assert set(server.cursors) == {None}


async def test_the_same_cursor_with_the_same_updates_does_not_loop(server: Server) -> None:
    inbox = FakeInbox()
    server.answer = lambda _: web.Response(body=message(update("a"), next="here"))
    async with polling(poll(server, inbox, every_s=3600.0)) as at_work:
        await until(lambda: at_work.figures().up)
    assert server.cursors == [None, "here"]
    async with polling(poll(server, inbox)):
        await until(lambda: len(server.asked) > 8)
    assert len(inbox.taken) == 3  # behind the cursor, before it, and once after the restart


async def test_a_cursor_that_goes_in_circles_ends_the_round(server: Server) -> None:
    inbox = FakeInbox()
    server.answer = lambda request: web.Response(
        body=message(update("a"), next="2" if request.query.get("after") == "1" else "1")
    )
    async with polling(poll(server, inbox, every_s=3600.0)) as at_work:
        await until(lambda: at_work.figures().up)
        assert len(server.asked) == PAGES_MOST


async def test_a_cursor_that_moves_over_nothing_is_seldom_written(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox = FakeInbox()
    server.answer = lambda request: web.Response(body=message(next=str(int(request.query.get("after", 0)) + 1)))
    async with polling(poll(server, inbox)):
        await until(lambda: len(server.asked) > 5)
        assert inbox.cursors == {}
        assert server.cursors[:4] == [None, "1", "2", "3"]
        monkeypatch.setattr(tickets_http, "CURSOR_KEPT_S", 0.0)
        await until(lambda: inbox.cursors)


async def test_etag_and_304(server: Server) -> None:
    inbox = FakeInbox()
    now = {"tag": '"1"', "body": message(update("a"))}

    def answer(request: web.Request) -> web.StreamResponse:
        if request.headers.get("If-None-Match") == now["tag"]:
            return web.Response(status=304)
        return web.Response(body=now["body"], headers={"ETag": now["tag"]})

    server.answer = answer
    inbox.refusing = "full"
    async with polling(poll(server, inbox)) as at_work:
        await until(lambda: inbox.calls > 1)
        assert not any("If-None-Match" in request.headers for request in server.asked)  # nothing is taken yet
        inbox.refusing = None
        await until(lambda: at_work.figures().up and "If-None-Match" in server.asked[-1].headers)
        now |= {"tag": '"2"', "body": message(update("a", "closed"))}
        await until(lambda: len(inbox.taken) == 2)
    assert inbox.states() == [("a", "acknowledged"), ("a", "closed")]


def zipped(request: web.Request) -> web.StreamResponse:
    body = gzip.compress(b'{"tickets": [], "fill": "' + b"x" * PAGE_MOST * 8 + b'"}')
    return web.Response(body=body, headers={"Content-Encoding": "gzip"})


async def torn(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"tickets": [')
    assert request.transport is not None
    request.transport.abort()
    return response


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (lambda _: web.Response(status=500), "http-500"),
        (lambda _: web.Response(status=429), "http-429"),
        (lambda _: web.Response(text="<html>"), "malformed"),
        (lambda _: web.Response(body=b" " * PAGE_MOST + message()), "oversized"),
        (zipped, "oversized"),
        (lambda _: web.Response(body=b"not gzip at all", headers={"Content-Encoding": "gzip"}), "no-answer"),
        (lambda _: web.Response(body=message(next="n" * 201)), "bad-next"),
        (lambda _: web.json_response({"tickets": [0] * (UPDATES_MOST + 1)}), "too-many"),
        (torn, "no-answer"),
    ],
)
async def test_an_outage_is_told_once_and_ends(
    server: Server, answer: Answer, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    inbox, good = FakeInbox(), server.answer
    server.answer = answer
    async with polling(poll(server, inbox)) as at_work:
        await until(lambda: len(server.asked) > 3)
        await until(lambda: at_work.figures().reason == reason)
        server.answer = good
        await until(lambda: at_work.figures().up)
    told = [record.getMessage() for record in caplog.records if record.name.startswith("edgegw")]
    assert len(told) == 1
    assert reason in told[0]
    assert (inbox.calls, inbox.cursors) == (0, {})


@pytest.mark.parametrize("status", [301, 302, 307, 401, 403, 404])
async def test_what_only_a_person_can_mend_is_asked_seldom(server: Server, status: int) -> None:
    inbox = FakeInbox()
    server.answer = lambda _: web.Response(status=status, headers={"Location": f"{server.url}/elsewhere"})
    async with polling(poll(server, inbox, token="secret")) as at_work:
        await until(lambda: at_work.figures().reason == f"http-{status}")
        for _ in range(20):
            await asyncio.sleep(0.005)  # many times the pause of other errors
    assert [request.path for request in server.asked] == ["/tickets"]


async def test_slow_silent_and_gone(server: Server, unused_tcp_port: int) -> None:
    inbox = FakeInbox()
    free = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await free.wait()
        return web.Response(body=message(update("a")))

    server.answer = slow  # type: ignore[assignment] # the server awaits it
    async with polling(poll(server, inbox, timeout_s=0.05)) as at_work:
        await until(lambda: at_work.figures().reason == "timeout")
        free.set()
        await until(lambda: inbox.taken)
    gone = TicketPoll(f"http://127.0.0.1:{unused_tcp_port}/", inbox, name="desk", every_s=0.01)
    async with polling(gone):
        await until(lambda: gone.figures().reason == "unreachable")


# --- in the answer to a POST


@asynccontextmanager
async def sending(sender: HttpSender) -> AsyncIterator[HttpSender]:
    task = asyncio.create_task(sender.run())
    try:
        yield sender
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def sender(server: Server, inbox: FakeInbox | None) -> HttpSender:
    return HttpSender(f"{server.url}/events", "gw", batch=20, timeout_s=5.0, inbox=inbox, name="desk")


async def test_states_in_an_answer_are_taken_beside_what_it_rejects(server: Server) -> None:
    inbox = FakeInbox()
    body = {
        "rejected": [{"id": "id-000002", "reason": "old"}],
        "tickets": [update("a", "opened", number=17), update("x"), update("b", "done")],
        "took": 1,
    }
    server.answer = lambda _: web.json_response(body)
    async with sending(sender(server, inbox)) as at_work:
        assert await at_work.send(Lane.ALARM, [record(1), record(2)]) == Accepted(2, {"id-000002": "old"})
    assert inbox.taken[0][0] == "desk"
    assert [(one.state, one.number) for _, one in inbox.taken] == [("opened", "17"), ("acknowledged", "")]
    assert at_work.tickets is not None
    assert dict(at_work.tickets.results) == {"taken": 1, "unknown": 1, "bad": 1}
    assert inbox.cursors == {}


@pytest.mark.parametrize(
    "body", [b'{"tickets": null}', b'{"tickets": [', b'{"tickets": [], "fill": "' + b"x" * ANSWER_BYTES + b'"}']
)
async def test_an_answer_that_cannot_be_read_was_an_acceptance_all_the_same(server: Server, body: bytes) -> None:
    inbox = FakeInbox()
    server.answer = lambda _: web.Response(body=body)
    async with sending(sender(server, inbox)) as at_work:
        assert await at_work.send(Lane.ALARM, [record(1)]) == Accepted(1)
        assert at_work.tickets is not None
        assert at_work.tickets.results["bad"] == 1
    async with sending(sender(server, None)) as without:
        assert await without.send(Lane.ALARM, [record(1)]) == Accepted(1)
        assert without.tickets is None


async def test_states_of_a_refusal_are_nothing_to_take(server: Server) -> None:
    inbox = FakeInbox()
    server.answer = lambda _: web.json_response({"tickets": [update("a")]}, status=503)
    async with sending(sender(server, inbox)) as at_work:
        assert await at_work.send(Lane.ALARM, [record(1)]) == Retry("http-503", answered=True)
    assert inbox.calls == 0


async def test_a_batch_counts_as_accepted_only_with_the_states_that_came_with_it(server: Server) -> None:
    inbox = FakeInbox()
    inbox.refusing = "full"
    server.answer = lambda _: web.json_response({"tickets": [update("a", "opened")]})
    outbox = FakeOutbox([record(1, Lane.ALARM)])
    made = sender(server, inbox)
    async with running(outbox, made, first_s=0.01, most_s=0.05, clock=SystemClock()) as at_work:
        await until(lambda: at_work.retries["store-full"] > 2)
        assert outbox.depth("desk", Lane.ALARM) == 1
        inbox.refusing = None
        await until(lambda: outbox.empty("desk"))
    assert inbox.states() == [("a", "opened")]
