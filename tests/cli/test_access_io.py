"""`edgegw access` with --api: the real API over loopback, a real keeper and store behind it."""

import asyncio
import io
import json

import pytest
from aiohttp import web

from edgegw.access.credentials import CredentialBook
from edgegw.api.backend import ImportMode
from edgegw.cli.main import main
from edgegw.clock import ManualClock
from edgegw.config.schema import StoreSection
from edgegw.doors.keeper import Keeper
from edgegw.model import Lane
from edgegw.store.store import Store
from tests.api.fakes import FakeBackend, make_token, serving

NUMBER = "86753098675"


class Backend(FakeBackend):
    """Its credentials are real."""

    keeper: Keeper

    async def import_credentials(self, body: bytes, content_type: str, mode: ImportMode, *, dry_run: bool):
        return await self.keeper.import_(body, content_type, full=mode == "full", dry_run=dry_run)

    async def revoke(self, kind: str, number: str) -> bool:
        return await self.keeper.revoke(kind, number)


@pytest.fixture
async def api(tmp_path):
    clock = ManualClock()
    backend = Backend(clock)
    store = await Store.open(
        tmp_path / "e.db", section=StoreSection(), gateway="g", upstreams={"u": [Lane.ACCESS]}, clock=clock
    )
    backend.keeper = Keeper(store, CredentialBook(), b"k" * 32, clock=clock)
    secret = make_token(tmp_path / "edgegw.tokens", "credentials")
    (tmp_path / "token").write_text(secret + "\n")
    (tmp_path / "token").chmod(0o600)
    async with serving(backend, tmp_path / "edgegw.tokens") as server:
        yield backend, f"http://127.0.0.1:{server.address[1]}"
    await store.close()


@pytest.fixture
def run(tmp_path, capsys, monkeypatch):
    async def call(url, name, *args, stdin=""):
        monkeypatch.setattr("sys.stdin", io.StringIO(stdin))
        command = ["access", name, "site.yaml", *map(str, args), "--api", url, "--token-file", str(tmp_path / "token")]
        code = await asyncio.to_thread(main, command)
        told = capsys.readouterr()
        assert NUMBER not in told.out + told.err
        return code, told.out, told.err

    return call


async def test_import_and_revoke(api, run, tmp_path):
    backend, url = api
    file = tmp_path / "list.csv"
    file.write_text(f"number,holder\n{NUMBER},r-1\n7,r-2\n")
    code, out, err = await run(url, "import", file, "--dry-run")
    assert (code, err) == (0, "")
    assert out == "+ card …8675  r-1\n+ card …      r-2\nwould be 2 added, 0 changed, 0 removed; 0 unchanged\n"
    assert len(backend.keeper.book) == 0
    assert json.loads((await run(url, "import", file, "--json"))[1])["added"] == 2
    other = tmp_path / "other.json"
    other.write_text(json.dumps([{"number": NUMBER, "holder": "r-1"}]))
    assert (await run(url, "import", other, "--full"))[1].endswith("0 added, 0 changed, 1 removed; 1 unchanged\n")
    assert await run(url, "revoke", stdin=NUMBER) == (0, "revoked\n", "")
    assert await run(url, "revoke", stdin=NUMBER) == (1, "", "there is no such card\n")
    assert len(backend.keeper.book) == 0


async def test_problems_come_back_with_the_file_s_name(api, run, tmp_path):
    _, url = api
    file = tmp_path / "bad.csv"
    file.write_text(f"number,holder\n{NUMBER},\n,h\n")
    code, _, err = await run(url, "import", file)
    assert (code, err) == (2, "error: bad.csv:2: holder is missing\nerror: bad.csv:3: number is missing\n")


async def test_refused_and_unreachable(api, run, tmp_path):
    _, url = api
    file = tmp_path / "list.csv"
    file.write_text("number,holder\n1,h\n")
    assert (await run("http://127.0.0.1:1", "import", file))[0] == 1
    (tmp_path / "token").write_text("egw_wrong")
    code, _, err = await run(url, "import", file)
    assert code == 2
    assert err.startswith("error: ")


@pytest.mark.parametrize(("status", "body"), [(302, b""), (200, b"[]"), (200, b"<html>"), (502, b"<html>")])
async def test_something_else_answers(run, tmp_path, status, body):
    asked = []

    async def answer(request):
        asked.append(request.path)
        return web.Response(status=status, body=body, headers={"Location": "/elsewhere"})

    app = web.Application()
    app.router.add_route("*", "/{any:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    (tmp_path / "token").write_text("egw_x")
    (tmp_path / "token").chmod(0o600)
    file = tmp_path / "list.csv"
    file.write_text("number,holder\n1,h\n")
    code, _, err = await run(f"http://127.0.0.1:{site._server.sockets[0].getsockname()[1]}", "import", file)
    await runner.cleanup()
    assert code == 1
    assert err.startswith("error: ")
    assert asked == ["/api/v1/credentials/import"]
