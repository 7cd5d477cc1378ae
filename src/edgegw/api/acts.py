"""Work that a request began and that does not end with its client's connection.

Owns: these tasks. Must not know: what they do.
"""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from edgegw.errors import EdgegwError

Result = TypeVar("Result")


class Acts:
    """The acts in flight. There are as many as requests, for which connections are bounded, and those whose client went away."""

    def __init__(self) -> None:
        self._running: set[asyncio.Task[Any]] = set()
        self._fault: BaseException | None = None
        self._failed = asyncio.Event()

    async def run(self, work: Coroutine[Any, Any, Result], name: str, within_s: float | None = None) -> Result:
        """Do it and give its result. Cancelling this call does not cancel the work.

        Raises:
            TimeoutError: there is no result after `within_s`; the work goes on.
        """
        task = asyncio.create_task(work, name=name)
        self._running.add(task)
        task.add_done_callback(self._done)
        await asyncio.wait((task,), timeout=within_s)
        if not task.done():
            raise TimeoutError
        return task.result()

    async def fault(self) -> None:
        """Wait until an act ends in an error that nobody raises on purpose, and raise that."""
        await self._failed.wait()
        if self._fault is not None:
            raise self._fault

    async def settle(self, within_s: float) -> None:
        """Wait for those in flight, that long at most."""
        if self._running:
            await asyncio.wait(self._running, timeout=within_s)

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, EdgegwError) and self._fault is None:
            self._fault = error
            self._failed.set()
