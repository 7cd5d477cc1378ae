"""A connection to a line of meters: a serial port on serialx.

Owns: opening, one request with its answer at a time, the late-reply guard (`bus.Transport`).
Must not know: what is asked when (schedule, policy), what values mean.
"""

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from edgegw.clock import Clock
from edgegw.codec.meter_line import WAKE_BYTES, frames
from edgegw.config.lines import line_of
from edgegw.config.schema import MeterLink
from edgegw.errors import LinkError
from edgegw.links.bus import BAD_FRAME, EXCEPTION, TIMEOUT, Answer
from edgegw.links.meter_guard import Ask, Cjt188Ask, Dlt645Ask, Heard, MeterGuard
from edgegw.links.request import Request
from edgegw.links.timing import NS
from edgegw.profiles.schema_meter import MeterSection

if TYPE_CHECKING:  # serialx costs 0.1 s to import: only where such a link is opened
    from serialx import BaseSerialTransport

REFUSED = 0x100
"""Added to a meter's error byte, so that it is no Modbus exception's code."""

OPEN_TIMEOUT_S = 5.0
"""A device path opens at once; a driver may hang."""


class Meter:
    """How a device of the line is asked. `address`: its number as printed; `section`: its profile's."""

    __slots__ = ("address", "section", "ser")

    def __init__(self, address: str, section: MeterSection) -> None:
        self.address = address
        self.section = section
        self.ser = 0

    def ask(self, request: Request) -> Ask:
        """The exchange that carries a request out."""
        section = self.section
        if section.protocol == "dlt645":
            return Dlt645Ask(self.address, request.address, section.preamble)
        self.ser = (self.ser + 1) & 0xFF
        return Cjt188Ask(
            self.address,
            request.address,
            meter_type=section.type_code,
            ser=self.ser,
            write=bytes(request.words) if request.write else None,
            preamble=section.preamble,
        )


class _Port(asyncio.Protocol):
    """Hands on what comes, and tells the end."""

    def __init__(self, line: "MeterTransport", lost: "asyncio.Future[None]") -> None:
        self._line = line
        self._lost = lost

    def data_received(self, data: bytes) -> None:
        self._line.heard(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        if not self._lost.done():
            self._lost.set_result(None)


class MeterTransport:
    """One connection at a time (`bus.Transport`). `meters`: by device."""

    def __init__(self, config: MeterLink, meters: Mapping[str, Meter], clock: Clock) -> None:
        self._config = config
        self._meters = meters
        self._clock = clock
        self._line = line_of(config)
        self._guard = MeterGuard()
        self._port: BaseSerialTransport | None = None
        self._lost: asyncio.Future[None] | None = None
        self._answer: asyncio.Future[Heard] | None = None
        self._stirred = asyncio.Event()
        self._heard_ns = 0

    @property
    def gap_s(self) -> float:
        """See `bus.Transport.gap_s`."""
        return self._line.gap_s

    @property
    def late_replies(self) -> int:
        """See `bus.Transport.late_replies`."""
        return self._guard.late

    async def open(self) -> None:
        """See `bus.Transport.open`."""
        from serialx import Parity, SerialException, create_serial_connection  # noqa: PLC0415  (see TYPE_CHECKING)

        await self.close()
        loop = asyncio.get_running_loop()
        lost = self._lost = loop.create_future()
        config = self._config
        parities = {"N": Parity.NONE, "E": Parity.EVEN, "O": Parity.ODD}
        try:
            async with asyncio.timeout(OPEN_TIMEOUT_S):
                self._port, _ = await create_serial_connection(
                    loop,
                    lambda: _Port(self, lost),
                    config.port,
                    baudrate=config.baud,
                    byte_size=int(config.format[0]),
                    parity=parities[config.format[1]],
                    stopbits=int(config.format[2]),  # type: ignore[arg-type]  # an IntEnum's value is taken as well
                )
        except FileNotFoundError as error:
            raise LinkError("no-port", f"{config.port} is not there") from error
        except (OSError, SerialException, ValueError) as error:
            raise LinkError("open-failed", f"{config.port}: {error}") from error

    async def ask(self, request: Request) -> Answer:
        """See `bus.Transport.ask`; follow-up frames are fetched on, as many as the answer may have."""
        self.check()
        ask = self._meters[request.device].ask(request)
        try:
            for _ in range(frames(request.function, request.count)):
                heard = await self._exchange(ask, request)
                if heard is None:
                    reason = BAD_FRAME if self._guard.stray else TIMEOUT
                    return Answer(None, reason, self._clock.now().mono_ns)
                if heard.refused is not None:
                    return Answer(None, EXCEPTION, self._heard_ns, REFUSED | heard.refused)
                if heard.data is not None:
                    return Answer(tuple(heard.data), "", self._heard_ns)
                await self.idle(self.gap_s)
        except asyncio.CancelledError:
            await self.close()
            raise
        finally:
            self._guard.release()
        return Answer(None, BAD_FRAME, self._heard_ns)  # more frames than its profile says

    async def recover(self, failures: int, *, ambiguous: bool) -> int:
        """See `bus.Transport.recover`. Ends early when the late answer has come, if it could be told from others."""
        del failures
        until_ns = self._clock.now().mono_ns + round(self._line.late_s * NS)
        late_before = self._guard.late
        while (left_ns := until_ns - self._clock.now().mono_ns) > 0:
            self._stirred.clear()
            await self.idle(left_ns / NS, self._stirred)
            if self._guard.late > late_before and not ambiguous:
                return self._heard_ns
        return max(until_ns, self._heard_ns)

    def check(self) -> None:
        """See `bus.Transport.check`."""
        if self._port is None or self._lost is None or self._lost.done() or self._port.is_closing():
            raise LinkError("lost", self._config.port)

    async def idle(self, seconds: float, wake: asyncio.Event | None = None) -> None:
        """See `bus.Transport.idle`."""
        self.check()
        lost = self._lost
        assert lost is not None  # noqa: S101  (check)
        if wake is None:
            await asyncio.wait((lost,), timeout=max(seconds, 0.0))
        elif not wake.is_set():
            waiter = asyncio.ensure_future(wake.wait())
            try:
                await asyncio.wait((waiter, lost), timeout=max(seconds, 0.0), return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
        if lost.done():
            raise LinkError("lost", self._config.port)

    async def close(self) -> None:
        """See `bus.Transport.close`."""
        port, self._port = self._port, None
        if port is not None:
            port.abort()

    def heard(self, data: bytes) -> None:
        """Bytes came from the port."""
        self._heard_ns = self._clock.now().mono_ns
        found = self._guard.take(data)
        if found is not None and self._answer is not None and not self._answer.done():
            self._answer.set_result(found)
        self._stirred.set()

    async def _exchange(self, ask: Ask, request: Request) -> Heard | None:
        """One frame out, one in; None if none came in time."""
        port, lost = self._port, self._lost
        assert port is not None  # noqa: S101  (check)
        assert lost is not None  # noqa: S101  (check)
        sent, most = ask.request, ask.shape.overhead + WAKE_BYTES + min(request.count + 5, ask.shape.most)
        answer: asyncio.Future[Heard] = asyncio.get_running_loop().create_future()
        self._answer = answer
        self._guard.expect(ask)
        try:
            port.write(sent)
        except OSError as error:
            raise LinkError("lost", f"{self._config.port}: {error}") from error
        wait_s = self._line.wire.frame_s(len(sent) + most) + request.timeout_s
        await asyncio.wait((answer, lost), timeout=wait_s, return_when=asyncio.FIRST_COMPLETED)
        self._answer = None
        if answer.done():
            return answer.result()
        if lost.done():
            raise LinkError("lost", self._config.port)
        return None
