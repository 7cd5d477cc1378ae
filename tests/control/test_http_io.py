"""The control pages over a real loopback socket."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator

import aiohttp
import pytest

from edgegw.control.health import Grade, Part, Verdict
from edgegw.control.http import LIMITS, ControlServer
from edgegw.control.metrics import Metrics
from edgegw.errors import ConfigError
from edgegw.httpserver import BACKLOG

pytestmark = pytest.mark.enable_socket


class Gateway:
    """What the pages show."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.live = Verdict(Grade.OK)
        self.ready = Verdict(Grade.OK)

    def server(self, host: str = "127.0.0.1", port: int = 0) -> ControlServer:
        return ControlServer(host, port, metrics=self.metrics.render, live=lambda: self.live, ready=lambda: self.ready)


@contextlib.asynccontextmanager
async def running(server: ControlServer) -> AsyncIterator[str]:
    await server.bind()
    task = asyncio.create_task(server.run())
    try:
        yield server.url
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_metrics_health_and_index():
    gateway = Gateway()
    async with running(gateway.server()) as url, aiohttp.ClientSession(url) as http:
        async with http.get("/metrics") as reply:
            assert reply.status == 200
            assert reply.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert "edgegw_scrapes_total 1.0" in await reply.text()
        async with http.get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"}) as reply:
            assert (await reply.text()).endswith("# EOF\n")
        async with http.get("/healthz") as reply:
            assert (reply.status, await reply.json()) == (200, {"status": "ok", "parts": {}})
        async with http.get("/") as reply:
            assert "/readyz" in await reply.text()
        async with http.head("/metrics") as reply:
            assert reply.status == 200


async def test_status_follows_the_verdict():
    gateway = Gateway()
    async with running(gateway.server()) as url, aiohttp.ClientSession(url) as http:
        gateway.ready = Verdict(Grade.DEGRADED, (Part("links", Grade.DEGRADED, {"down": {"riser": "timeout"}}),))
        async with http.get("/readyz") as reply:
            assert reply.status == 200
            assert (await reply.json())["parts"]["links"]["down"] == {"riser": "timeout"}
        gateway.ready = Verdict(Grade.FAILING)
        async with http.get("/readyz") as reply:
            assert reply.status == 503
        gateway.live = Verdict(Grade.FAILING)
        async with http.get("/healthz") as reply:
            assert (reply.status, json.loads(await reply.text())["status"]) == (503, "failing")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_nothing_here_acts(method):
    async with running(Gateway().server()) as url, aiohttp.ClientSession(url) as http:
        for path in ("/", "/metrics", "/healthz", "/readyz"):
            async with http.request(method, path, data=b"{}") as reply:
                assert reply.status == 405
        async with http.get("/doors/main/unlock") as reply:
            assert reply.status == 404


async def test_a_connection_before_aiohttp_is_loaded_is_served_later():
    server = Gateway().server()
    await server.bind()
    reader, writer = await asyncio.open_connection(*server.address)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    async with running(_bound(server)):
        async with asyncio.timeout(10):
            assert (await reader.read()).startswith(b"HTTP/1.1 200")
    writer.close()


def _bound(server: ControlServer) -> ControlServer:
    async def already() -> None:
        return None

    server.bind = already  # type: ignore[method-assign]  # `running` would bind again
    return server


async def test_a_taken_port_is_one_clear_error():
    async with running(Gateway().server()) as url:
        port = int(url.rsplit(":", 1)[1])
        with pytest.raises(ConfigError, match=rf"control: 127\.0\.0\.1:{port}: Address already in use"):
            await Gateway().server(port=port).bind()


async def test_an_address_that_is_not_ours_is_one_clear_error():
    with pytest.raises(ConfigError, match="control-address"):
        await Gateway().server(host="192.0.2.1").bind()


async def test_the_port_is_free_after_stopping():
    server = Gateway().server()
    async with running(server) as url:
        assert url.startswith("http://127.0.0.1:")
        async with asyncio.timeout(10):
            await server.serving.wait()
        address = server.address
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(*address)


async def test_a_long_request_line_is_refused():
    async with (
        running(Gateway().server()) as url,
        aiohttp.ClientSession(url) as http,
        http.get("/" + "a" * LIMITS.line_bytes) as reply,
    ):
        assert reply.status == 400


async def test_connections_are_bounded():
    server = Gateway().server()
    async with running(server) as url, asyncio.timeout(20):
        await server.serving.wait()
        held = [await asyncio.open_connection(*server.address) for _ in range(LIMITS.connections)]
        reader, writer = await asyncio.open_connection(*server.address)
        assert await reader.read() == b""
        for _, other in (*held, (reader, writer)):
            other.close()
            with contextlib.suppress(ConnectionError):
                await other.wait_closed()
        while True:  # a place is free as soon as the server has seen the first one go
            with contextlib.suppress(aiohttp.ClientConnectionError):
                async with aiohttp.ClientSession(url) as http, http.get("/healthz") as reply:
                    assert reply.status == 200
                    break
    assert LIMITS.connections > BACKLOG
