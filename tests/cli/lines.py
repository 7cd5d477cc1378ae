"""Simulated devices beside a command that runs its own event loop: they live in a thread with theirs."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Running:
    """A simulated line or device in its thread. `device`: itself; only touched through `loop`."""

    def __init__(self, make: Callable[[], object]) -> None:
        self.loop = asyncio.new_event_loop()
        self._make = make
        self.device: object = None
        self.path = ""
        self._up = threading.Event()
        self._over = asyncio.Event()

    async def run(self) -> None:
        try:
            self.device = self._make()
            await self.device.start()
            self.path = self.device.path
        finally:
            self._up.set()
        await self._over.wait()
        await self.device.stop()

    def up(self) -> None:
        assert self._up.wait(10)
        assert self.path, "it did not come up"

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self._over.set)


@contextmanager
def running(make: Callable[[], object]) -> Iterator[Running]:
    """The device `make` makes, its port there."""
    one = Running(make)
    thread = threading.Thread(target=one.loop.run_until_complete, args=(one.run(),), daemon=True)
    thread.start()
    try:
        one.up()
        yield one
    finally:
        one.end()
        thread.join(10)
        one.loop.close()
