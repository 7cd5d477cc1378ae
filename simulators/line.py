"""A serial line made of a pty, with bytes that take their time.

Owns: the pty pair, the pace of the wire, who is talking, pulling the plug.
Must not know: any protocol. It shares no code with the gateway.

A pty hands bytes over at once; a wire does not. What the gateway writes counts as arrived only after its characters' time, and
what a device sends is handed over in the chunks a 16550-like UART would give, the last one at the true end of the frame.
"""

import asyncio
import contextlib
import errno
import math
import os
import tempfile
import tty
from collections import deque
from collections.abc import Callable
from pathlib import Path

CHUNK = 14
"""Bytes a UART collects before it interrupts (the 16550A's highest trigger level)."""

FAST_BAUD = 19200
FAST_GAP_S = 0.00175
READ_MOST = 4096

Received = Callable[[bytes, float], None]
"""Gets bytes and the loop time at which the last of them was on the wire."""


class PtyLine:
    """One line. `path` is what the gateway opens; it stays the same over `unplug` and `plug`.

    Args:
        received: what hears the gateway.
        path: where the device path shall appear; a private temporary folder if not given.

    Counters: `collisions` (the gateway spoke while a device did), `short_gaps` (it spoke within 3.5 characters of a device's
    last byte), `lost` (bytes nobody read and the port had no more room for).
    """

    def __init__(
        self,
        received: Received | None = None,
        *,
        baud: int = 9600,
        bits: int = 10,
        path: str | None = None,
        chunk: int = CHUNK,
    ) -> None:
        self.received = received
        self.char_s = bits / baud
        self.gap_s = FAST_GAP_S if baud > FAST_BAUD else 3.5 * self.char_s
        self.collisions = 0
        self.short_gaps = 0
        self.shortest_gap_s = float("inf")
        self.lost = 0
        self._chunk = chunk
        self._folder: str | None = None
        self._wanted = path
        self._master = -1
        self._slave = -1
        self._sending_until = 0.0
        self._sent_at = float("-inf")
        self._hearing_until = float("-inf")
        self._parts: deque[bytearray] = deque()
        self._timers: set[asyncio.TimerHandle] = set()

    @property
    def path(self) -> str:
        """The device path for the gateway's `port`."""
        if self._wanted is None:
            self._folder = tempfile.mkdtemp(prefix="edgegw-line-")
            self._wanted = str(Path(self._folder) / "tty")
        return self._wanted

    @property
    def plugged(self) -> bool:
        """Whether the port is there."""
        return self._master >= 0

    @property
    def talking(self) -> bool:
        """Whether a device speaks now."""
        return asyncio.get_running_loop().time() < self._sending_until

    async def start(self) -> None:
        """Make the port appear."""
        self.plug()

    async def stop(self) -> None:
        """Make it vanish, with every file made for it."""
        self.unplug()
        self._forget_folder()

    def _forget_folder(self) -> None:
        if self._folder is not None:
            with contextlib.suppress(FileNotFoundError):
                Path(self._folder).rmdir()

    def plug(self) -> None:
        """As putting the USB adapter in."""
        if self.plugged:
            return
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        link = Path(self.path)
        link.unlink(missing_ok=True)
        link.symlink_to(os.ttyname(self._slave))
        asyncio.get_running_loop().add_reader(self._master, self._readable)

    def unplug(self) -> None:
        """As pulling it out: whoever has it open gets an error."""
        if not self.plugged:
            return
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self._parts.clear()
        asyncio.get_running_loop().remove_reader(self._master)
        Path(self.path).unlink(missing_ok=True)
        os.close(self._slave)
        os.close(self._master)
        self._master = self._slave = -1
        self._sending_until = 0.0

    def send(self, data: bytes, *, instantly: bool = False, deaf: bool = False) -> float:
        """A device speaks; after whatever is being sent. Returns the loop time at which its last byte is on the wire.

        `deaf`: at once, whoever speaks: where two do, what they drive apart is low.
        """
        loop = asyncio.get_running_loop()
        if instantly:
            self._write(data)
            return loop.time()
        if deaf:
            data = data[self._collide(data, loop.time()) :]
        begin = max(loop.time(), self._sending_until)
        for at in range(0, len(data), self._chunk):
            part = data[at : at + self._chunk]
            self._later(begin + (at + len(part)) * self.char_s, bytearray(part))
        self._sending_until = begin + len(data) * self.char_s
        return self._sending_until

    def _collide(self, data: bytes, now: float) -> int:
        """Mix it with what is being sent; how many bytes of it that were."""
        cells = [(part, at) for part in self._parts for at in range(len(part))]
        left = min(math.ceil(max(0.0, self._sending_until - now) / self.char_s), len(cells))
        both = min(left, len(data))
        for (part, at), byte in zip(cells[len(cells) - left :][:both], data[:both], strict=True):
            part[at] &= byte
        return both

    def _later(self, when: float, part: bytearray) -> None:
        timer: asyncio.TimerHandle

        def fire() -> None:
            self._timers.discard(timer)
            self._parts.popleft()
            self._write(bytes(part))

        self._parts.append(part)
        timer = asyncio.get_running_loop().call_at(when, fire)
        self._timers.add(timer)

    def _write(self, data: bytes) -> None:
        if not self.plugged:
            return
        try:
            written = os.write(self._master, data)
        except BlockingIOError:
            written = 0
        self.lost += len(data) - written
        self._sent_at = asyncio.get_running_loop().time()

    def _readable(self) -> None:
        try:
            data = os.read(self._master, READ_MOST)
        except BlockingIOError:
            return
        except OSError as error:
            if error.errno == errno.EIO:  # cannot happen while we hold the other end, unless the system is going down
                self.unplug()
                return
            raise
        now = asyncio.get_running_loop().time()
        fresh = now > self._hearing_until
        if now < self._sending_until:
            self.collisions += 1
        elif fresh:
            gap = now - self._sent_at
            self.shortest_gap_s = min(self.shortest_gap_s, gap)
            self.short_gaps += gap < self.gap_s
        self._hearing_until = max(now, self._hearing_until) + len(data) * self.char_s
        if self.received is not None:
            self.received(data, self._hearing_until)
