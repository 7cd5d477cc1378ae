"""A unit that talks unasked on a line that is polled: the fault ``flood``.

Owns: when it talks, how much of its frames comes, what it drowns.
Must not know: any protocol (the bus says what is said), the gateway.

Such a unit does not listen first: it speaks into others' answers, and a request that comes while it talks reaches nobody.
"""

import asyncio
from collections.abc import Callable

from simulators.line import PtyLine

FLOOD_S = 0.05
"""From one frame to the next: twenty a second, where the line is not slower."""

TORN_EVERY = 4
"""One frame in so many stops in the middle."""


class Babble:
    """The units that flood on one line. `frames`: what each of them says now; none where no unit floods.

    Attributes:
        said: frames so far. on: whether a unit floods at present.
    """

    def __init__(self, line: PtyLine, frames: Callable[[], list[bytes]]) -> None:
        self.said = 0
        self.on = False
        self._line = line
        self._frames = frames
        self._until = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Look for units that flood from now on."""
        self._timer = asyncio.get_running_loop().call_later(FLOOD_S, self._look)

    def stop(self) -> None:
        """Say nothing more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def drowns(self) -> bool:
        """Whether what the gateway says now is lost."""
        return self.on and self._line.talking

    def _look(self) -> None:
        self.start()
        frames = self._frames()
        self.on = bool(frames)
        if asyncio.get_running_loop().time() < self._until or not self._line.plugged:
            return
        for frame in frames:
            self.said += 1
            whole = self.said % TORN_EVERY
            self._until = self._line.send(frame if whole else frame[: len(frame) // 2], deaf=True)
