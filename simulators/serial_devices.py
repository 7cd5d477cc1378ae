"""Serial devices that talk by themselves: an RDM6300 card reader, an EM reader with binary frames, a GM65 scanner.

Owns: their frames byte for byte, and when they speak.
Must not know: the gateway; it shares no code with it.
"""

import asyncio
import contextlib

from simulators.line import PtyLine

REPEAT_S = 0.05
"""An RDM6300 says a card again every 50 ms while the card stays."""


def rdm6300_frame(card: int, facility: int = 0x10) -> bytes:
    """STX, ten hex digits (version byte, 32-bit number), two of their XOR, ETX."""
    body = bytes((facility,)) + card.to_bytes(4, "big")
    check = 0
    for byte in body:
        check ^= byte
    return b"\x02" + (body + bytes((check,))).hex().upper().encode() + b"\x03"


def em_frame(card: int, facility: int = 6) -> bytes:
    """STX, length of all (10), kind of card (2: EM4100), facility, 32-bit number, XOR from the length on, ETX."""
    body = bytes((10, 2, facility)) + card.to_bytes(4, "big")
    check = 0
    for byte in body:
        check ^= byte
    return b"\x02" + body + bytes((check,)) + b"\x03"


class _Talker:
    """A device on its own line. `path` is the port, `line` has the plug."""

    def __init__(self, *, baud: int = 9600, path: str | None = None) -> None:
        self.line = PtyLine(baud=baud, path=path)
        self.sent = 0

    @property
    def path(self) -> str:
        """The gateway's `port`."""
        return self.line.path

    async def start(self) -> None:
        """Make the port appear."""
        await self.line.start()

    async def stop(self) -> None:
        """Make it vanish."""
        await self.line.stop()

    def send(self, data: bytes) -> None:
        """Put a frame, or garbage, on the wire."""
        self.sent += 1
        self.line.send(data)


class CardReader(_Talker):
    """A 125 kHz reader. `present` a card, `remove` it; `tap` does both."""

    def __init__(self, *, baud: int = 9600, path: str | None = None, binary: bool = False) -> None:
        super().__init__(baud=baud, path=path)
        self._frame = em_frame if binary else rdm6300_frame
        self._held: asyncio.Task[None] | None = None

    def present(self, card: int) -> None:
        """A card comes into the field and stays; its frame comes every 50 ms."""
        self.remove()
        self._held = asyncio.create_task(self._repeat(self._frame(card)), name="card held")

    def remove(self) -> None:
        """It leaves."""
        if self._held is not None:
            self._held.cancel()
            self._held = None

    async def tap(self, card: int, seconds: float = 0.3) -> None:
        """A card is held to the reader for a moment."""
        self.present(card)
        await asyncio.sleep(seconds)
        self.remove()

    async def stop(self) -> None:
        """Make the port vanish."""
        held = self._held
        self.remove()
        if held is not None:
            with contextlib.suppress(asyncio.CancelledError):
                await held
        await super().stop()

    async def _repeat(self, frame: bytes) -> None:
        while True:
            self.send(frame)
            await asyncio.sleep(REPEAT_S)


class Rdm6300(CardReader):
    """RDM6300: 9600 8N1, ASCII frames."""


class EmBinaryReader(CardReader):
    """EM reader with binary frames."""

    def __init__(self, *, baud: int = 9600, path: str | None = None) -> None:
        super().__init__(baud=baud, path=path, binary=True)


class Gm65(_Talker):
    """GM65 code scanner: 9600 8N1, the code's text and CR."""

    def scan(self, text: str) -> None:
        """A code is read."""
        self.send(text.encode() + b"\r")
