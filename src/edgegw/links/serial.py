"""A serial line with one talking device: card readers, scanners, panels with a printer port.

Owns: the open port, cutting frames with the profile's framer, leaving out repeats, asking devices that only answer, writing
orders.
Must not know: what a frame says (profiles), when to open the port again (the supervisor calls `run` anew).

While the pipeline is full nothing is read: the stream holds `BUFFER_LIMIT`, the kernel its few KB, and what a device sends beyond
is lost in the port, as on any serial line. Everything kept here is bounded: the stream's buffer, the framer's unfinished frame.
"""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

from edgegw.clock import Clock
from edgegw.codec.framing import Framer, make_framer
from edgegw.config import schema as config
from edgegw.errors import LinkError
from edgegw.model import Frame, Outcome, OutcomeStatus
from edgegw.ports import Order, Sink
from edgegw.profiles.encode import SerialWrite
from edgegw.profiles.schema_serial import SerialSection

if TYPE_CHECKING:  # serialx costs 0.1 s to import: only where such a link is opened
    from serialx import BaseSerialTransport

CHUNK = 1024
"""Bytes read at once: a second of 9600 baud; small enough that `full` is looked at often in a flood."""

BUFFER_LIMIT = 4096
"""Bytes the stream holds before it stops reading the port (asyncio stops at twice this)."""

WRITE_LIMIT = 256
"""Bytes written and not yet taken by the port at which orders are refused: an order is some ten bytes, and one that leaves
seconds later may no longer be wanted."""

OPEN_TIMEOUT_S = 5.0
"""For `socket://` ports whose host is gone; a device path opens at once."""

NS = 1_000_000_000


class RepeatFilter:
    """Whether a frame is the one before, still held to the reader.

    Each repeat renews the time: a card held for a minute is one event.

    Args:
        within_s: seconds; 0 keeps every frame.
    """

    def __init__(self, within_s: float) -> None:
        self._within_ns = round(within_s * NS)
        self._last: bytes | None = None
        self._last_ns = 0

    def repeated(self, frame: bytes, now_ns: int) -> bool:
        """Take the next frame, received at monotonic `now_ns`."""
        same = self._within_ns > 0 and frame == self._last and now_ns - self._last_ns <= self._within_ns
        self._last, self._last_ns = frame, now_ns
        return same


class SerialLink:
    """One port, one device (`ports.Link`, and the device's `ports.Actuator`). Counters are public and only grow.

    Attributes:
        frames: complete frames, repeats included. repeats: left out. discarded: bytes that belonged to no frame.
        unanswered: requests after which no frame came, for devices that are asked. orders: orders written.
    """

    kind = "serial"

    def __init__(
        self, name: str, port: config.SerialLink, device: str, section: SerialSection, *, sink: Sink, clock: Clock
    ) -> None:
        self.name = name
        self.frames = 0
        self.repeats = 0
        self.unanswered = 0
        self.orders = 0
        self._discarded_before = 0
        self._port = port
        self._device = device
        self._section = section
        self._sink = sink
        self._clock = clock
        self._framer: Framer = make_framer(section.framing)
        self._repeat = RepeatFilter(section.repeat)  # outlives a reopening: the card may still be there
        self._room = asyncio.Event()
        self._transport: BaseSerialTransport | None = None

    @property
    def discarded(self) -> int:
        """Bytes that belonged to no frame."""
        return self._discarded_before + self._framer.discarded

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status: frames handed over; bytes discarded and requests unanswered."""
        return self.frames - self.repeats, self.discarded + self.unanswered

    async def run(self, up: Callable[[], None]) -> None:
        """See `ports.Link.run`."""
        reader, transport = await self._open()
        self._discarded_before += self._framer.discarded + self._framer.pending
        self._framer = make_framer(self._section.framing)  # what was unfinished when the port was lost stays so
        self._transport = transport
        up()
        try:
            await self._work(reader, transport)
        finally:
            self._transport = None
            transport.abort()

    def down(self, device: str) -> str | None:
        """See `ports.Actuator.down`."""
        del device
        return "link-down" if self._transport is None or self._transport.is_closing() else None

    async def carry_out(self, order: Order) -> Outcome:
        """See `ports.Actuator.carry_out`. Writes, and answers ``done`` ``sent``: the point that confirms it comes in a frame, if
        the profile names one. Raises TypeError for an order that is no serial write.
        """
        outgoing = order.outgoing
        if not isinstance(outgoing, SerialWrite):
            raise TypeError(f"{type(outgoing).__name__} on a serial line")
        if self._now_ns() >= order.deadline_ns:
            return Outcome(OutcomeStatus.EXPIRED, "deadline")
        transport = self._transport
        if transport is None or transport.is_closing():
            return Outcome(OutcomeStatus.FAILED, "link-down", f"{self._port.port} is not open")
        if transport.get_write_buffer_size() > WRITE_LIMIT:
            return Outcome(OutcomeStatus.FAILED, "busy", f"{self._port.port} does not take what was written before")
        try:
            transport.write(outgoing.data)
        except OSError as error:  # how much of it left, nobody knows
            return Outcome(OutcomeStatus.UNKNOWN, "link-lost", f"{self._port.port}: {error}")
        self.orders += 1
        return Outcome(OutcomeStatus.DONE, "sent")

    async def _work(self, reader: asyncio.StreamReader, transport: "BaseSerialTransport") -> None:
        asked_at = -1
        ask_ns = self._now_ns()
        while True:
            if self._sink.full:
                await self._wait_for_room()
            if self._section.request is not None and self._now_ns() >= ask_ns:
                self._judge(asked_at)
                asked_at = self.frames
                self._write(transport, self._section.request)
                ask_ns = self._now_ns() + round(self._section.every * NS)
            data = await self._read(reader, ask_ns)
            if data is not None:
                self._received(data)

    async def _read(self, reader: asyncio.StreamReader, ask_ns: int) -> bytes | None:
        """Bytes, or None when it is time to ask. Raises LinkError when the port is gone."""
        wait = None if self._section.request is None else max(0.0, (ask_ns - self._now_ns()) / NS)
        data: bytes | None = None
        try:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    data = await reader.read(CHUNK)
        except OSError as error:
            raise LinkError("lost", f"{self._port.port}: {error}") from error
        if data == b"":
            raise LinkError("lost", f"{self._port.port}: closed by the other end")
        return data

    def _received(self, data: bytes) -> None:
        now = self._clock.now()
        for frame in self._framer.feed(data, now.mono_ns):
            self.frames += 1
            if self._repeat.repeated(frame, now.mono_ns):
                self.repeats += 1
            else:
                self._sink.offer(self._device, Frame(frame), now)

    def _judge(self, frames_when_asked: int) -> None:
        if frames_when_asked == self.frames:
            self.unanswered += 1
            self._sink.silent(self._device, "timeout", self._clock.now())

    def _write(self, transport: "BaseSerialTransport", data: bytes) -> None:
        try:
            transport.write(data)
        except OSError as error:
            raise LinkError("lost", f"{self._port.port}: {error}") from error

    async def _open(self) -> "tuple[asyncio.StreamReader, BaseSerialTransport]":
        from serialx import Parity, SerialException, create_serial_connection  # noqa: PLC0415  (see TYPE_CHECKING)

        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader(limit=BUFFER_LIMIT, loop=loop)
        port = self._port
        parities = {"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                transport, _ = await create_serial_connection(
                    loop,
                    lambda: asyncio.StreamReaderProtocol(reader, loop=loop),
                    port.port,
                    baudrate=port.baud,
                    byte_size=int(port.format[0]),
                    parity=parities[port.format[1]],
                    stopbits=int(port.format[2]),  # type: ignore[arg-type]  # an IntEnum's value is taken as well
                )
        except FileNotFoundError as error:
            raise LinkError("no-port", f"{port.port} is not there") from error
        except (OSError, SerialException, ValueError) as error:
            raise LinkError("open-failed", f"{port.port}: {error}") from error
        return reader, transport

    async def _wait_for_room(self) -> None:
        while self._sink.full:
            self._room.clear()
            self._sink.when_room(self._room.set)
            await self._room.wait()

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns
