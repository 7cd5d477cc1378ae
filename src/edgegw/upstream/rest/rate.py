"""At most so many requests in any stretch of time.

Owns: when the next may go. Must not know: what for. Times are monotonic nanoseconds of the clock it is handed.

A log of the last requests instead of a bucket that refills: a full bucket lets twice its size pass within one window, and
DingTalk then bars a robot for ten minutes.
"""

from collections import deque
from collections.abc import Awaitable, Callable

from edgegw.clock import Clock


class Window:
    """`count` per `seconds`."""

    def __init__(self, count: int, seconds: float, clock: Clock, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._gone: deque[int] = deque(maxlen=count)
        self._length_ns = round(seconds * 1e9)
        self._clock = clock
        self._sleep = sleep

    def wait_s(self) -> float:
        """Seconds until one may go; 0.0: now."""
        if len(self._gone) < (self._gone.maxlen or 1):
            return 0.0
        return max(0.0, (self._gone[0] + self._length_ns - self._clock.now().mono_ns) / 1e9)

    async def take(self) -> None:
        """Wait for the turn and use it up."""
        while (wait := self.wait_s()) > 0.0:
            await self._sleep(wait)
        self._gone.append(self._clock.now().mono_ns)
