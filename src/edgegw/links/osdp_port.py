"""The RS-485 line of OSDP readers as a file: opened raw, read as bytes come, one reader's frames at a time.

Owns: the open port, finding the frames of the reader whose turn it is, noticing that the port is gone.
Must not know: sessions, whose turn it is, when to open it again.
"""

import asyncio
import os
from contextlib import suppress
from typing import TYPE_CHECKING

from edgegw.codec.osdp import Replies
from edgegw.errors import LinkError

if TYPE_CHECKING:
    from serial import Serial  # only where such a link is opened

READ_MOST = 4096
"""Bytes taken from the port at once: more than its buffer in the kernel holds."""

INBOX_MOST = 8192
"""Bytes of frames that wait for their session; it takes them at once, so more is a line gone wild."""


class Port:
    """One open port (`osdp_panel.Wire` for the reader whose `turn` it is)."""

    def __init__(self, path: str, port: "Serial") -> None:
        self._path = path
        self._serial = port
        self._fd: int = port.fileno()
        self._replies = Replies(0)
        self._inbox = bytearray()
        self._answered = asyncio.Event()
        self._discarded = 0
        self.lost = ""
        os.set_blocking(self._fd, False)
        asyncio.get_running_loop().add_reader(self._fd, self._readable)

    @property
    def discarded(self) -> int:
        """Bytes that belonged to no frame of the reader that was asked."""
        return self._discarded + self._replies.discarded

    def turn(self, address: int) -> None:
        """From now on only this reader's frames are taken."""
        self._discarded += self._replies.discarded
        self._replies = Replies(address)
        self._inbox.clear()

    def send(self, data: bytes) -> int:
        """Write a command; what came before it answers something else and is dropped. Bytes taken, -1 when the port is gone."""
        self._inbox.clear()
        self._answered.clear()
        try:
            return os.write(self._fd, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._gone(str(error))
            return -1

    def receive(self, most: int) -> bytes:
        """See `osdp_panel.Wire.receive`."""
        taken = bytes(self._inbox[:most])
        del self._inbox[:most]
        return taken

    async def answered(self, within_s: float) -> bool:
        """Whether a frame came within this time. Raises LinkError ``lost``."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._answered.wait()
        self.check()
        return bool(self._inbox)

    def check(self) -> None:
        """Raises LinkError ``lost`` when the port is gone."""
        if self.lost:
            raise LinkError("lost", f"{self._path}: {self.lost}")

    def close(self) -> None:
        """Give the port back."""
        asyncio.get_running_loop().remove_reader(self._fd)
        self._serial.close()

    def _readable(self) -> None:
        try:
            data = os.read(self._fd, READ_MOST)
        except BlockingIOError:
            return
        except OSError as error:
            self._gone(str(error))
            return
        if not data:
            self._gone("closed by the other end")
            return
        for frame in self._replies.feed(data):
            if len(self._inbox) + len(frame) <= INBOX_MOST:
                self._inbox += frame
                self._answered.set()

    def _gone(self, why: str) -> None:
        self.lost = self.lost or why
        asyncio.get_running_loop().remove_reader(self._fd)
        self._answered.set()


def open_port(path: str, baud: int) -> Port:
    """Open a serial port, 8N1 and raw, for ourselves alone. Raises LinkError ``no-port``, ``open-failed``."""
    from serial import Serial  # noqa: PLC0415  (see TYPE_CHECKING)

    try:
        port = Serial(path, baud, timeout=0, write_timeout=0, exclusive=True)
    except FileNotFoundError as error:
        raise LinkError("no-port", f"{path} is not there") from error
    except (OSError, ValueError) as error:  # SerialException is an OSError
        if getattr(error, "errno", None) == 2:
            raise LinkError("no-port", f"{path} is not there") from error
        raise LinkError("open-failed", f"{path}: {error}") from error
    return Port(path, port)
