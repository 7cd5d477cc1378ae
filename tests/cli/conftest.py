"""What the commands that ask the local API are tried on: one on loopback, in a thread."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from edgegw.cli.main import main
from edgegw.clock import ManualClock
from edgegw.rights import WORDS
from tests.api.fakes import FakeBackend, make_token, serving


class Api:
    """A running API in a thread."""

    def __init__(self, path):
        self.path = path
        self.backend = FakeBackend(ManualClock())
        self.loop = asyncio.new_event_loop()
        self.stop = asyncio.Event()
        self.url = ""
        self.started = threading.Event()

    async def run(self):
        async with serving(self.backend, self.path, rate=1000, burst=1000) as server:
            self.url = server.url
            self.started.set()
            await self.stop.wait()


@pytest.fixture
def api(tmp_path) -> Iterator[Api]:
    api = Api(tmp_path / "tokens")
    thread = threading.Thread(target=api.loop.run_until_complete, args=(api.run(),))
    thread.start()
    assert api.started.wait(20)
    yield api
    api.loop.call_soon_threadsafe(api.stop.set)
    thread.join(20)
    api.loop.close()


@pytest.fixture
def run(api, capsys, tmp_path):
    """Run a command with a token of all scopes; returns code, stdout, stderr."""
    file = tmp_path / "token"
    file.write_text(make_token(api.path, *WORDS, "command:*:*", "door:*:*") + "\n")

    def call(*args):
        code = main([*args, "--api", api.url, "--token-file", str(file)])
        told = capsys.readouterr()
        return code, told.out, told.err

    return call
