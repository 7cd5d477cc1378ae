"""A sink that remembers, and waiting on what it hears."""

import asyncio

import pytest

WITHIN_S = 8.0


class RecordingSink:
    """`ports.Sink` that keeps everything; `until` waits for a condition over it."""

    def __init__(self):
        self.offered = []
        self.silences = []
        self.links = []
        self.is_full = False
        self.offered_full = 0  # offers while full: what was in flight when it filled up, no more
        self._waiting = []
        self._heard = asyncio.Event()

    @property
    def full(self):
        return self.is_full

    def offer(self, device, raw, at, ack=None, token=0):
        self.offered_full += self.is_full
        self.offered.append((device, raw, at))
        self._heard.set()

    def when_room(self, callback):
        self._waiting.append(callback)
        self._heard.set()

    def silent(self, device, reason, at):
        self.silences.append((device, reason, at))
        self._heard.set()

    def link_state(self, link, *, up, reason, at):
        self.links.append((link, up, reason))
        self._heard.set()

    @property
    def asked_for_room(self):
        return bool(self._waiting)

    def make_room(self):
        self.is_full = False
        waiting, self._waiting = self._waiting, []
        for callback in waiting:
            callback()

    def of(self, device):
        return [raw for name, raw, _ in self.offered if name == device]

    def silent_of(self, device):
        return [reason for name, reason, _ in self.silences if name == device]

    async def until(self, condition, within=WITHIN_S):
        async with asyncio.timeout(within):
            while not condition():
                self._heard.clear()
                await self._heard.wait()


@pytest.fixture
async def sink():
    return RecordingSink()


@pytest.fixture
async def running(started):  # stops before the simulators do
    """Starts coroutines as tasks; stops them at the end and lets their errors show."""
    tasks = []

    def start(coroutine):
        tasks.append(asyncio.create_task(coroutine))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    for outcome in await asyncio.gather(*tasks, return_exceptions=True):
        if isinstance(outcome, Exception) and not isinstance(outcome, asyncio.CancelledError):
            raise outcome


@pytest.fixture
async def started():
    """Starts simulators and stops them at the end."""
    things = []

    async def start(thing):
        await thing.start()
        things.append(thing)
        return thing

    yield start
    for thing in reversed(things):
        await thing.stop()
