"""The API over a real loopback socket."""

import asyncio
import contextlib
import json

import pytest

from edgegw.api.routes import BODY_BYTES, ROUTES
from edgegw.api.server import FAILURES_A_MINUTE, ApiServer
from edgegw.api.types import moment
from edgegw.model import Issuer, Outcome, OutcomeStatus, Source
from tests.api.fakes import FakeBackend, client, make_token, serving

COMMAND = {"id": "c-1", "command": "unlock"}


def audited(backend: FakeBackend) -> list[dict]:
    return [json.loads(event.data) for event in backend.audited]


async def test_looking(backend, path):
    secret = make_token(path, "read")
    async with serving(backend, path) as server, client(server, secret) as http:
        async with http.get("/api/v1/devices") as reply:
            assert reply.status == 200
            assert reply.headers["Cache-Control"] == "no-store"
            found = (await reply.json())["devices"]
            assert [one["id"] for one in found] == ["relay-1", "meter-1"]
            assert found[0]["since"] == "2026-01-01T00:00:00Z"
            assert found[0]["commands"][0]["args"]["seconds"]["max"] == 60
        async with http.get("/api/v1/devices/meter-1") as reply:
            assert (await reply.json())["name"] == "表"
        async with http.get("/api/v1/devices/relay-1/points") as reply:
            assert (await reply.json())["points"][0]["age"] == 1.5
        async with http.get("/api/v1/alarms") as reply:
            assert (await reply.json())["alarms"][0]["priority"] == "P2"  # its ticket's
        async with http.get("/api/v1/doors") as reply:
            assert (await reply.json())["doors"][0]["state"] == "locked"
        async with http.get("/api/v1/doors/lobby") as reply:
            assert (await reply.json())["groups"] == ["public"]
        for missing in (
            "/api/v1/devices/none",
            "/api/v1/devices/none/points",
            "/api/v1/doors/none",
            "/api/v1/devices/A%0A",
        ):
            async with http.get(missing) as reply:
                assert (reply.status, (await reply.json())["reason"]) == (404, "unknown-target")
    assert backend.audited == []


async def test_without_a_token_there_is_only_the_document(backend, path):
    make_token(path, "read")
    async with serving(backend, path) as server, client(server) as http:
        async with http.get("/") as reply:
            assert (reply.status, reply.content_type) == (200, "text/html")
        async with http.get("/api/v1/openapi.json") as reply:
            assert (await reply.json())["openapi"] == "3.1.0"
    for route in ROUTES:
        if route.scope is None:
            continue
        url = route.path.replace("{id}", "relay-1")
        async with (
            serving(backend, path) as server,
            client(server) as http,
            http.request(route.method, url, json={}) as reply,
        ):
            assert (reply.status, (await reply.json())["reason"]) == (401, "no-token")
            assert reply.headers["WWW-Authenticate"] == "Bearer"
    assert backend.commands == []


@pytest.mark.parametrize("header", ["Bearer ", "Bearer egw_wrong", "Basic ZWd3", "egw_x", "Bearer \udcff"])
async def test_a_wrong_token(backend, path, header):
    make_token(path, "read")
    async with serving(backend, path) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        line = header.encode("utf-8", "surrogateescape")
        writer.write(
            b"GET /api/v1/doors HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: " + line + b"\r\n\r\n"
        )
        assert (await reader.read()).startswith(b"HTTP/1.1 401")
        writer.close()
    assert audited(backend)[0]["status"] == 401
    assert b"egw_wrong" not in backend.audited[0].data


async def test_a_scope_is_needed(backend, path):
    secret = make_token(path, "events", "command:*:*", "door:*:*")
    async with serving(backend, path) as server, client(server, secret) as http:
        async with http.get("/api/v1/doors") as reply:
            assert (reply.status, (await reply.json())["reason"]) == (403, "forbidden")
        async with http.put("/api/v1/credentials", json={"number": "1", "holder": "h"}) as reply:
            assert reply.status == 403
    assert [(one["method"], one["status"], one["name"]) for one in audited(backend)] == [("PUT", 403, "desk")]


async def test_a_command_and_its_outcome(backend, path):
    secret = make_token(path, "door:lobby:unlock")
    body = {**COMMAND, "args": {"seconds": 5, "why": None}, "expires_at": "2026-01-01T08:00:10+08:00"}
    async with serving(backend, path) as server, client(server, secret) as http:
        async with http.post("/api/v1/doors/lobby/commands", json=body) as reply:
            assert reply.status == 200
            outcome = {"id": "c-1", "status": "done", "reason": "", "detail": "", "values": {"relay": True}}
            assert await reply.json() == outcome
        async with http.post("/api/v1/doors/lobby/commands", json=body) as reply:
            assert reply.status == 409
            assert await reply.json() == {
                "id": "c-1", "status": "rejected", "reason": "used-id", "detail": "used before",
            }  # fmt: skip
    command = backend.commands[0]
    assert (command.target, command.name, command.args) == ("lobby", "unlock", {"seconds": 5, "why": None})
    assert command.issuer == Issuer(Source.API, "desk", ("door:lobby:unlock",))
    assert command.deadline_ns == 4_900_000_000
    assert command.expires_ns == 1_767_225_610_000_000_000
    assert backend.audited == []  # the desk records commands


@pytest.mark.parametrize("status", [OutcomeStatus.FAILED, OutcomeStatus.UNKNOWN, OutcomeStatus.EXPIRED])
async def test_an_admitted_command_is_an_answer_however_it_ended(backend, path, status):
    secret = make_token(path, "command:*:*")
    backend.outcome = Outcome(status, "no-answer", "relay-1 did not answer")
    async with (
        serving(backend, path) as server,
        client(server, secret) as http,
        http.post("/api/v1/devices/relay-1/commands", json=COMMAND) as reply,
    ):
        assert (reply.status, (await reply.json())["status"]) == (200, status.value)


@pytest.mark.parametrize(
    ("reason", "status"),
    [
        ("forbidden", 403),
        ("unknown-target", 404),
        ("bad-argument", 422),
        ("busy", 503),
        ("store", 503),
        ("new-one", 422),
    ],
)
async def test_a_rejected_command(backend, path, reason, status):
    secret = make_token(path, "command:*:*")
    backend.outcome = Outcome(OutcomeStatus.REJECTED, reason)
    async with (
        serving(backend, path) as server,
        client(server, secret) as http,
        http.post("/api/v1/devices/none/commands", json=COMMAND) as reply,
    ):
        assert (reply.status, (await reply.json())["reason"]) == (status, reason)


async def test_a_door_is_not_commanded_as_a_device(backend, path):
    secret = make_token(path, "command:*:*", "door:*:*")
    async with serving(backend, path) as server, client(server, secret) as http:
        for url in ("/api/v1/devices/lobby/commands", "/api/v1/doors/relay-1/commands"):
            async with http.post(url, json=COMMAND) as reply:
                assert (reply.status, (await reply.json())["id"]) == (404, "c-1")
    assert backend.commands == []


async def test_nothing_acts_by_get_nor_by_what_a_form_can_send(backend, path):
    secret = make_token(path, "read", "credentials", "command:*:*", "door:*:*")
    url = "/api/v1/doors/lobby/commands"
    async with serving(backend, path) as server, client(server, secret) as http:
        for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE", "PATCH"):
            async with http.request(method, url, json=COMMAND) as reply:
                assert (reply.status, reply.headers["Allow"]) == (405, "POST")
        for method in ("POST", "PUT", "DELETE", "HEAD", "PATCH"):
            async with http.request(method, "/api/v1/devices", json={}) as reply:
                assert reply.status == 405
        text = json.dumps(COMMAND).encode()
        for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/csv"):
            async with http.post(url, data=text, headers={"Content-Type": kind}) as reply:
                assert reply.status == 415
        packed = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
        async with http.post(url, data=text, headers=packed, compress=False) as reply:
            assert reply.status == 415
        async with http.post(f"{url}?token={secret}", json=COMMAND) as reply:
            assert reply.status == 422
        async with http.get("/api/v1/nothing") as reply:
            assert (reply.status, (await reply.json())["reason"]) == (404, "not-found")
    assert backend.commands == []
    assert {(one["method"], one["status"]) for one in audited(backend)} == {("POST", 415), ("POST", 422)}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400), (b"{", 400), (b"\xff", 400), (b'{"id":"a","command":"\xff"}', 400), (b"[]", 422), (b"{}", 422),
        (b'{"id":"a b","command":"x"}', 422), (b'{"id":"a\\n","command":"x"}', 422), (b'{"id":"a","command":"x\\n"}', 422),
        (b'{"id":"a","command":"x","more":1}', 422), (b'{"id":"a","command":"x","args":{"y":[]}}', 422),
        (b'{"id":"a","command":"x","timeout":6}', 422), (b'{"id":"a","command":"x","timeout":0}', 422),
        (b'{"id":"a","command":"x","expires_at":"2026-01-01T00:00:00"}', 422), (b" " * (BODY_BYTES + 1), 413),
        (b"[" * BODY_BYTES, 422), (b'{"id":"a","command":"x","args":{"y":' + b"[" * 60_000, 422),
    ],
)  # fmt: skip
async def test_what_a_body_may_be(backend, path, body, status):
    secret = make_token(path, "command:*:*")
    async with serving(backend, path) as server, client(server, secret) as http:
        headers = {"Content-Type": "application/json"}
        async with http.post("/api/v1/devices/relay-1/commands", data=body, headers=headers) as reply:
            assert reply.status == status
            assert (await reply.json())["status"] == "rejected"

        async def pieces():
            yield body

        async with http.post("/api/v1/devices/relay-1/commands", data=pieces(), headers=headers) as reply:
            assert reply.status == status
    assert backend.commands == []


async def test_a_command_outlives_its_client(backend, path):
    secret = make_token(path, "command:*:*")
    backend.hold = asyncio.Event()
    async with serving(backend, path) as server:
        async with client(server, secret) as http:
            asking = asyncio.create_task(http.post("/api/v1/devices/relay-1/commands", json=COMMAND))
            while not backend.commands:
                await asyncio.sleep(0)
            asking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asking
        while any("RequestHandler.start" in repr(task) for task in asyncio.all_tasks()):
            await asyncio.sleep(0)  # until the server has seen it go
        assert not backend.finished.is_set()
        backend.hold.set()
        async with asyncio.timeout(5):
            await backend.finished.wait()
    assert len(backend.commands) == 1


async def test_stopping_waits_for_the_outcome(backend, path):
    secret = make_token(path, "command:*:*")
    backend.hold = asyncio.Event()
    http = None
    async with serving(backend, path) as server:
        http = client(server, secret)
        asking = asyncio.create_task(http.post("/api/v1/devices/relay-1/commands", json=COMMAND))
        while not backend.commands:
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.2, backend.hold.set)
    async with await asking as reply:
        assert reply.status == 200
    await http.close()


async def test_an_error_nobody_raises_on_purpose_ends_the_server(backend, path):
    secret = make_token(path, "command:*:*")
    backend.fault = ZeroDivisionError("a defect")
    server = ApiServer("127.0.0.1", 0, backend=backend, tokens=path, clock=backend.clock)
    await server.bind()
    task = asyncio.create_task(server.run())
    async with client(server, secret) as http, http.post("/api/v1/devices/relay-1/commands", json=COMMAND) as reply:
        assert reply.status == 500
    with pytest.raises(ZeroDivisionError):
        await task


async def test_a_desk_that_does_not_answer_is_answered_for(backend, path, monkeypatch):
    monkeypatch.setattr("edgegw.api.handlers.TIMEOUT_S", 0.2)
    secret = make_token(path, "command:*:*")
    backend.hold = asyncio.Event()
    async with serving(backend, path) as server, client(server, secret) as http:
        async with http.post("/api/v1/devices/relay-1/commands", json=COMMAND) as reply:
            assert (reply.status, (await reply.json())["reason"]) == (200, "no-outcome")
        backend.hold.set()
        await backend.finished.wait()


async def test_credentials(backend, path):
    secret = make_token(path, "credentials")
    url = "/api/v1/credentials"
    card = {
        "number": "0004711",
        "holder": "h-1",
        "groups": ["residents"],
        "valid_until": "2027-01-01T00:00:00Z",
        "pin": "1234",
    }
    async with serving(backend, path) as server, client(server, secret) as http:
        for created in (True, False):
            async with http.put(url, json=card) as reply:
                assert (reply.status, await reply.json()) == (200, {"created": created})
        async with http.get(f"{url}/summary") as reply:
            assert await reply.json() == {"count": 1, "version": 7}
        for status in (200, 404):
            async with http.delete(url, json={"number": "0004711"}) as reply:
                assert reply.status == status
        for wrong in (
            {},
            {"number": " ", "holder": "h"},
            {**card, "pin": "12a4"},
            {**card, "valid_from": "2028-01-01T00:00:00Z"},
        ):
            async with http.put(url, json=wrong) as reply:
                assert reply.status == 422
        backend.store_down = True
        async with http.put(url, json=card) as reply:
            assert (reply.status, (await reply.json())["reason"]) == (503, "store")
    assert [(one["method"], one["status"]) for one in audited(backend)[:4]] == [
        ("PUT", 200), ("PUT", 200), ("DELETE", 200), ("DELETE", 404),
    ]  # fmt: skip
    assert all(b"4711" not in event.data for event in backend.audited)


async def test_import(backend, path):
    secret = make_token(path, "credentials")
    url = "/api/v1/credentials/import"
    large = b"number,holder\n" + b"4711,h\n" * 50_000
    async with serving(backend, path) as server, client(server, secret) as http:
        headers = {"Content-Type": "text/csv; charset=utf-8"}
        async with http.post(f"{url}?mode=full", data=large, headers=headers) as reply:
            assert (reply.status, await reply.json()) == (200, {"added": 2, "revoked": 0})
        async with http.post(f"{url}?mode=delta&dry_run=true", json=[]) as reply:
            assert reply.status == 200
        async with http.post(f"{url}?mode=delta", json={}) as reply:
            assert (reply.status, (await reply.json())["reason"]) == (422, "bad-import")
        for query in ("", "?mode=all", "?mode=full&dry_run=yes", "?mode=full&dryrun=true", "?mode=full&mode=delta"):
            async with http.post(url + query, json=[]) as reply:
                assert reply.status == 422
    assert [(kind, mode, dry) for _, kind, mode, dry in backend.imports] == [
        ("text/csv", "full", False), ("application/json", "delta", True),
    ]  # fmt: skip
    assert backend.imports[0][0] == large


async def test_rates_are_bounded_per_token(backend, path, clock):
    secret, other = make_token(path, "read"), make_token(path, "read", name="other")
    async with serving(backend, path, rate=2, burst=3) as server, client(server, secret) as http:
        for _ in range(3):
            async with http.get("/api/v1/doors") as reply:
                assert reply.status == 200
        async with http.get("/api/v1/doors") as reply:
            assert (reply.status, reply.headers["Retry-After"]) == (429, "1")
        async with client(server, other) as second, second.get("/api/v1/doors") as reply:
            assert reply.status == 200
        clock.advance(0.5)
        async with http.get("/api/v1/doors") as reply:
            assert reply.status == 200
    assert audited(backend)[0]["reason"] == "rate"


async def test_strangers_are_locked_out_and_holders_are_not(backend, path, clock):
    secret = make_token(path, "read")
    async with serving(backend, path) as server, client(server, "egw_guess") as http:
        for _ in range(FAILURES_A_MINUTE):
            async with http.get("/api/v1/doors") as reply:
                assert reply.status == 401
        for _ in range(30):
            async with http.get("/api/v1/doors") as reply:
                assert (reply.status, (await reply.json())["reason"]) == (429, "rate")
        async with client(server, secret) as holder, holder.get("/api/v1/doors") as reply:
            assert reply.status == 200
        clock.advance(60)
        async with http.get("/api/v1/doors") as reply:
            assert reply.status == 401
    records = audited(backend)
    assert len(records) <= 12
    assert records[-1]["suppressed"] == 30


async def test_a_token_is_followed(backend, path, clock):
    async with serving(backend, path) as server:
        secret = make_token(path, "read", expires=clock_moment(clock, 3600))
        async with client(server, secret) as http:

            async def ask() -> tuple[int, str]:
                async with http.get("/api/v1/doors") as reply:
                    body = await reply.json()
                    return reply.status, body.get("reason", "")

            assert await ask() == (200, "")
            path.chmod(0o644)
            assert (await ask())[0] == 200  # looked at once a second at most
            clock.advance(1)
            assert await ask() == (503, "tokens")
            path.chmod(0o600)
            clock.advance(1)
            assert await ask() == (200, "")
            clock.set_wall(clock.now().wall_ns - 7_200_000_000_000)
            assert await ask() == (503, "clock-untrusted")
            clock.set_wall(clock.now().wall_ns + 14_400_000_000_000)
            assert await ask() == (401, "token-expired")
            path.unlink()
            clock.advance(1)
            assert await ask() == (401, "bad-token")


def clock_moment(clock, seconds):
    return moment(clock.now().wall_ns + seconds * 1_000_000_000)


async def test_a_slow_body_is_not_waited_for(backend, path, monkeypatch):
    monkeypatch.setattr("edgegw.api.server.BODY_S", 0.1)
    secret = make_token(path, "command:*:*")
    async with serving(backend, path) as server:
        reader, writer = await asyncio.open_connection(*server.address)
        writer.write(
            b"POST /api/v1/devices/relay-1/commands HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 50\r\nAuthorization: Bearer " + secret.encode() + b"\r\n\r\n{"
        )
        async with asyncio.timeout(5):
            assert (await reader.readline()).startswith(b"HTTP/1.1 408")
        writer.close()
