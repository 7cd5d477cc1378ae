"""One command at a time per device (or per door of a device): who waits goes by lane, then by coming.

Owns: whose turn it is. Must not know: commands, links, deadlines' meaning.
"""

import asyncio
import heapq

from edgegw.model import OrderLane


class _Line:
    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[tuple[OrderLane, int, asyncio.Future[None]]] = []


class Turns:
    """The lines before all devices. A line exists while somebody has the turn."""

    def __init__(self) -> None:
        self._lines: dict[str, _Line] = {}
        self._number = 0

    async def enter(self, device: str, lane: OrderLane, within_s: float) -> bool:
        """Wait for the turn at most that long; False: it did not come. Whoever got it calls `leave` once."""
        line = self._lines.get(device)
        if line is None:
            self._lines[device] = _Line()
            return True
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._number += 1
        heapq.heappush(line.waiting, (lane, self._number, turn))
        try:
            async with asyncio.timeout(max(0.0, within_s)):
                await turn
        except TimeoutError:
            if turn.cancelled():
                return False
        except asyncio.CancelledError:
            if not turn.cancelled():  # it came in the same moment
                self.leave(device)
            raise
        return True

    def leave(self, device: str) -> None:
        """Give the turn to the next one."""
        line = self._lines[device]
        while line.waiting:
            turn = heapq.heappop(line.waiting)[2]
            if not turn.done():
                turn.set_result(None)
                return
        del self._lines[device]
