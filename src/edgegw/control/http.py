"""The pages operators and Prometheus look at: ``/metrics``, ``/healthz``, ``/readyz`` and an index.

Owns: their routes and status codes. Must not know: what is measured or how health is judged; sockets (httpserver).
Nothing here acts; there is no login because there is nothing to do.
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from edgegw.control.health import Verdict
from edgegw.httpserver import HEADERS, HttpServer, Limits

if TYPE_CHECKING:
    from aiohttp import web

LIMITS = Limits(connections=32, idle_s=30.0, line_bytes=2048, headers=32, body_bytes=1024, stop_s=2.0)
"""Scrapers and probes: idle for longer than a 15 s scrape interval, so that they keep their connection; some hundred bytes of
headers; nothing here reads a body."""

_INDEX = (
    "<!doctype html><html lang=en><meta charset=utf-8><title>edgegw</title><h1>edgegw</h1>"
    "<ul><li><a href=/metrics>metrics</a><li><a href=/healthz>alive</a><li><a href=/readyz>ready</a></ul>"
)


class ControlServer(HttpServer):
    """One HTTP server. Make it, `bind`, then `run` in a task.

    Args:
        host: name or address to listen on.
        port: 0 for any free one; see `address`.
        metrics: Accept header → body and Content-Type (`Metrics.render`).
        live: judges ``/healthz``.
        ready: judges ``/readyz``.
    """

    needs = ("prometheus_client.exposition",)

    def __init__(
        self,
        host: str,
        port: int,
        *,
        metrics: Callable[[str], tuple[bytes, str]],
        live: Callable[[], Verdict],
        ready: Callable[[], Verdict],
    ) -> None:
        super().__init__("control", host, port, limits=LIMITS)
        self._metrics = metrics
        self._live = live
        self._ready = ready

    def application(self) -> "web.Application":
        """See `HttpServer.application`."""
        from aiohttp import web  # noqa: PLC0415  # already loaded by `run`

        async def index(_: web.Request) -> web.Response:
            return web.Response(text=_INDEX, content_type="text/html", headers=HEADERS)

        async def metrics(request: web.Request) -> web.Response:
            body, content_type = self._metrics(request.headers.get("Accept", ""))
            return web.Response(body=body, headers={**HEADERS, "Content-Type": content_type})

        def health(judge: Callable[[], Verdict]) -> Callable[[web.Request], Awaitable[web.Response]]:
            async def page(_: web.Request) -> web.Response:
                verdict = judge()
                status = 200 if verdict.passed else 503
                return web.Response(
                    body=verdict.as_json(), status=status, content_type="application/json", headers=HEADERS
                )

            return page

        app = web.Application(client_max_size=self._limits.body_bytes)
        app.router.add_get("/", index)
        app.router.add_get("/metrics", metrics)
        app.router.add_get("/healthz", health(self._live))
        app.router.add_get("/readyz", health(self._ready))
        return app
