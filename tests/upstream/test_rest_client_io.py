"""The client of kind rest: what of the way is told as what."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from edgegw.mappings.answers import Again, Answer
from edgegw.mappings.compiled import Request
from edgegw.mappings.limits import MAX_ANSWER
from edgegw.upstream.rest.client import Redactor, RestClient

GET = Request("GET", "/a%2Fb?q=%2B", {"X-Key": "k"}, None, "find, GET /")
Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def talking_to(handler: Handler, timeout_s: float = 5.0) -> AsyncIterator[RestClient]:
    runner = web.ServerRunner(web.Server(handler, access_log=None), shutdown_timeout=0.1)
    await runner.setup()
    sock = socket.create_server(("127.0.0.1", 0))
    await web.SockSite(runner, sock).start()
    client = RestClient(f"http://127.0.0.1:{sock.getsockname()[1]}/base/", timeout_s=timeout_s)
    task = asyncio.create_task(client.run())
    try:
        yield client
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        await runner.cleanup()


async def test_a_request_goes_out_as_it_was_made() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        said = f"{request.method} {request.raw_path} {request.headers['X-Key']} {request.headers['Accept']}"
        answer = web.Response(text=f"{said} {'Cookie' in request.headers}", headers={"ETag": '"1"'})
        answer.set_cookie("session", "x")
        return answer

    async with talking_to(handler) as client:
        for _ in range(2):
            answer = await client.ask(GET)
            assert isinstance(answer, Answer)
            assert answer.body == b"GET /base/a%2Fb?q=%2B k application/json False"
            assert (answer.status, answer.headers["etag"]) == (200, '"1"')


async def test_redirects_are_told_and_not_followed() -> None:
    async def handler(_request: web.BaseRequest) -> web.StreamResponse:
        raise web.HTTPFound("http://elsewhere.test/")

    async with talking_to(handler) as client:
        answer = await client.ask(GET)
        assert isinstance(answer, Answer)
        assert answer.status == 302


async def test_an_endless_answer_is_cut_off() -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        with suppress(ConnectionError):
            while True:
                await answer.write(b"x" * 65536)
        return answer

    async with talking_to(handler) as client:
        answer = await client.ask(GET)
        assert isinstance(answer, Answer)
        assert len(answer.body) == MAX_ANSWER


@pytest.mark.parametrize("how", ["silent", "hangs-up"])
async def test_an_answer_that_never_comes_may_have_had_effect(how: str) -> None:
    async def handler(request: web.BaseRequest) -> web.StreamResponse:
        if how == "silent":
            await asyncio.sleep(30)
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    async with talking_to(handler, timeout_s=0.2) as client:
        assert await client.ask(GET) == Again("timeout" if how == "silent" else "no-answer", doubt=True)


async def test_nobody_there_had_no_effect() -> None:
    client = RestClient("http://127.0.0.1:9", timeout_s=5.0)
    task = asyncio.create_task(client.run())
    assert await client.ask(GET) == Again("unreachable")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("base", ["http://a..b", f"http://{'x' * 300}", "http://h:99999", "http://[::1"])
async def test_an_address_that_is_none(base: str) -> None:
    client = RestClient(base, timeout_s=5.0)
    task = asyncio.create_task(client.run())
    assert await client.ask(GET) == Again("bad-address")
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def test_secrets_are_taken_out_in_every_form() -> None:
    redact = Redactor(["p+ss/word", "ab", ""])
    assert redact("p+ss/word p%2Bss%2Fword p%2Bss/word cCtzcy93b3Jk ab") == "*** *** *** *** ab"
