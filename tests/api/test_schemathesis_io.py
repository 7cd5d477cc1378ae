"""The API does what its document says, and refuses what the document does not allow: schemathesis against a running server.

One test for each operation and kind of data; the event stream does not end by itself and has tests of its own.
"""

import asyncio
import threading
from collections.abc import Iterator

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi.checks import positive_data_acceptance

from edgegw.api.openapi import document
from edgegw.api.routes import ROUTES, SSE
from edgegw.api.types_service import MaintenanceStart
from edgegw.clock import ManualClock
from edgegw.rights import WORDS
from tests.api.fakes import FakeBackend, make_token, serving

EXAMPLES = 25
"""For each operation and kind: enough for every member and bound of these small schemas, in a few seconds altogether."""

DATES = ("expires_at", "valid_from", "valid_until", "until", "at")

SCHEMA = schemathesis.openapi.from_dict(document(), config=SchemathesisConfig(seed=1))


class TickingClock(ManualClock):
    """Far enough on with every look that no rate limit is met."""

    def now(self):
        self._wall += 10_000_000_000
        self._mono += 10_000_000_000
        return super().now()


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """URL and token of a server in a thread."""
    path = tmp_path_factory.mktemp("api") / "tokens"
    secret = make_token(path, *WORDS, "command:*:*", "door:*:*")
    backend = FakeBackend(TickingClock())
    started, url = threading.Event(), []
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def run() -> None:
        async with serving(backend, path) as server:
            url.append(server.url)
            started.set()
            await stop.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(run(),))
    thread.start()
    assert started.wait(20)
    yield url[0], secret
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    loop.close()
    assert not any(event.data.find(b'"status":500') >= 0 for event in backend.audited)


def unsaid(route, body):
    """Maintenance without an end; 1.0 where a whole number is wanted, which JSON Schema takes for one."""
    if not isinstance(body, dict):
        return False
    if route.body is MaintenanceStart:
        return body.get("minutes") is None
    said = body.get("tickets")
    return isinstance(said, list) and any(
        isinstance(one, dict) and isinstance(one.get("version"), float) for one in said
    )


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("route", [one for one in ROUTES if one.gives_type != SSE], ids=lambda route: route.name)
def test_operation(api, route, mode):
    url, secret = api
    operation = SCHEMA[route.path][route.method]
    if mode is GenerationMode.NEGATIVE and route.body is None and not route.query and "{id}" not in route.path:
        pytest.skip("takes nothing that could be wrong")
    headers = {} if route.scope is None else {"Authorization": f"Bearer {secret}"}

    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )  # fmt: skip
    @given(case=operation.as_strategy(generation_mode=mode))
    def explore(case):
        response = case.call(base_url=url, headers=headers)
        # What a schema does not say: an import's format (docs/doors.md), the range and the order of dates, one of two members.
        dated = isinstance(case.body, dict) and any(case.body.get(name) is not None for name in DATES)
        excluded = [positive_data_acceptance] if dated or route.body is bytes or unsaid(route, case.body) else []
        case.validate_response(response, excluded_checks=excluded)
        assert response.status_code < 500

    explore()
