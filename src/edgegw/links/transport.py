"""A connection to a Modbus line on pymodbus: TCP, RTU, RTU over TCP.

Owns: opening, one call at a time, the late-reply guard, reopening (`bus.Transport`).
Must not know: what is asked when (schedule, policy), what values mean.

pymodbus 3.16 is used for PDUs, framing and its transports, and nothing of its policies: no retries (it would hold the line for
all of them), no reconnection of its own (its delay grows to minutes), no count of failures after which it closes, no acceptance
of whatever frame comes (`guard` decides, in pymodbus's packet hook). A call in flight is never cancelled while its connection
lives.
"""

import asyncio
import logging
import termios
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgegw.clock import Clock
from edgegw.codec.line import CONNECT_TIMEOUT_S
from edgegw.codec.modbus import seal, write_echo
from edgegw.config.lines import ModbusConfig, line_of
from edgegw.config.schema import ModbusRtuLink
from edgegw.errors import LinkError
from edgegw.links.bus import BAD_FRAME, EXCEPTION, TIMEOUT, Answer
from edgegw.links.guard import Expected, RtuGuard, TcpGuard
from edgegw.links.request import Request
from edgegw.links.timing import NS, byte_count

if TYPE_CHECKING:  # pymodbus costs 0.1 s to import: only where such a link is opened
    from pymodbus.client.base import ModbusBaseClient

NEVER = 1 << 30
"""For pymodbus's own count of failures before it closes the connection."""


class PymodbusTransport:
    """One connection at a time to a line (`bus.Transport`). Reopens what it has to; raises LinkError when that fails.

    Args:
        answers_as: unit ids under which units answer, by the ids they are asked under, where these differ. Only RTU, and only for
            a unit that is alone on its line (the site's checks see to that): the answer is taken for the unit's own.
    """

    def __init__(self, config: ModbusConfig, clock: Clock, answers_as: Mapping[int, int] | None = None) -> None:
        self._config = config
        self._clock = clock
        self._line = line_of(config)
        self._answers_as = answers_as if answers_as and self._line.rtu else {}
        self._asked = 0
        self._guard: RtuGuard | TcpGuard = RtuGuard() if self._line.rtu else TcpGuard()
        self._client: ModbusBaseClient | None = None
        self._lost: asyncio.Future[None] | None = None
        self._heard = asyncio.Event()
        self._heard_ns = 0
        self.reopened = 0

    @property
    def gap_s(self) -> float:
        """See `bus.Transport.gap_s`."""
        return self._line.gap_s

    @property
    def late_replies(self) -> int:
        """See `bus.Transport.late_replies`."""
        return self._guard.late

    async def open(self) -> None:
        """Connect with a new client: pymodbus's may hold a half-read frame."""
        await self.close()
        self._lost = asyncio.get_running_loop().create_future()
        client = self._make_client(self._lost)
        self._client = client
        call = asyncio.ensure_future(client.connect())
        try:
            await asyncio.wait(
                (call,)
            )  # not awaited itself: its wait_for loses a cancellation that comes as it succeeds
        except asyncio.CancelledError:
            await self._abandon(call)
            client.close()  # it may have come about meanwhile
            raise
        try:
            connected = call.result()
        except (ValueError, termios.error) as error:  # pyserial: a baud rate or a parity the port can't do
            raise LinkError("settings", f"{_where(self._config)}: {error}") from error
        if not connected:
            raise LinkError(*_why_not(self._config))

    async def ask(self, request: Request) -> Answer:
        """See `bus.Transport.ask`."""
        from pymodbus.exceptions import ModbusException  # noqa: PLC0415  (heavy, see TYPE_CHECKING)

        from edgegw.links import pdu  # noqa: PLC0415  (imports pymodbus)

        self.check()
        client, lost = self._client, self._lost
        assert client is not None  # noqa: S101  (check)
        assert lost is not None  # noqa: S101  (check)
        wire_s = self._line.wire.transfer_s(request.function, request.count)
        # pymodbus reads this one before every call; it is the only place for a timeout per request.
        client.ctx.comm_params.timeout_connect = request.timeout_s + wire_s
        self._asked = request.unit
        self._guard.expect(_expected(request, self._answers_as.get(request.unit, request.unit)))
        call = asyncio.ensure_future(pdu.call(client, request))
        try:
            await asyncio.wait((call, lost), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            await self._abandon(call)
            raise
        if not call.done():
            await self._abandon(call)
            raise LinkError("lost", _where(self._config))
        self._guard.release()
        now_ns = self._clock.now().mono_ns
        try:
            words, code = call.result()
        except ModbusException:
            if lost.done():
                raise LinkError("lost", _where(self._config)) from None
            return Answer(None, BAD_FRAME if self._guard.stray else TIMEOUT, now_ns)
        ended_ns = min(self._heard_ns, now_ns)
        if words is None:
            return Answer(None, EXCEPTION, ended_ns, code)
        return Answer(words[: request.count], "", ended_ns)

    async def recover(self, failures: int, *, ambiguous: bool) -> int:
        """See `bus.Transport.recover`. Ends early when the late answer has come: nothing else can be under way.

        `ambiguous`: answers of this unit can't be told apart, so the whole time is waited out.
        """
        line = self._line
        if failures and line.reopen_after is not None and failures >= line.reopen_after:
            self.reopened += 1
            await self.open()
        until_ns = self._clock.now().mono_ns + round(line.late_s * NS)
        late_before = self._guard.late
        while (left_ns := until_ns - self._clock.now().mono_ns) > 0:
            self._heard.clear()
            await self._idle_until(self._heard, left_ns / NS)
            if self._guard.late > late_before and not ambiguous:
                return self._heard_ns
        return max(until_ns, self._heard_ns)

    def check(self) -> None:
        """See `bus.Transport.check`."""
        if self._client is None or self._lost is None or self._lost.done():
            raise LinkError("lost", _where(self._config))

    async def idle(self, seconds: float, wake: asyncio.Event | None = None) -> None:
        """See `bus.Transport.idle`."""
        self.check()
        await self._idle_until(wake, max(seconds, 0.0))

    async def close(self) -> None:
        """See `bus.Transport.close`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _idle_until(self, event: asyncio.Event | None, seconds: float) -> None:
        lost = self._lost
        assert lost is not None  # noqa: S101  (open() made it)
        if event is None:
            await asyncio.wait((lost,), timeout=seconds)
        elif not event.is_set():
            waiter = asyncio.ensure_future(event.wait())
            try:
                await asyncio.wait((waiter, lost), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiter.cancel()
        if lost.done():
            raise LinkError("lost", _where(self._config))

    async def _abandon(self, call: "asyncio.Future[Any]") -> None:
        """The connection goes first; only then may the call: nobody will read an answer from it any more."""
        await self.close()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)

    def _packet(self, sending: bool, data: bytes) -> bytes:  # noqa: FBT001  (pymodbus's hook)
        if sending:
            self._guard.sent(data)
            return data
        self._heard_ns = self._clock.now().mono_ns
        self._heard.set()
        frame = self._guard.take(data)
        if frame and self._asked in self._answers_as:
            return seal(bytes((self._asked,)) + frame[1:-2])  # for pymodbus, which wants the unit it asked
        return frame

    def _make_client(self, lost: "asyncio.Future[None]") -> "ModbusBaseClient":
        from pymodbus import FramerType  # noqa: PLC0415  (heavy, see TYPE_CHECKING)
        from pymodbus.client import AsyncModbusSerialClient, AsyncModbusTcpClient  # noqa: PLC0415

        # It logs every timeout as an error and every refused connection as a warning; both are ours to tell, once.
        logging.getLogger("pymodbus").setLevel(logging.CRITICAL)

        def connection(connected: bool) -> None:  # noqa: FBT001  (pymodbus's hook)
            if not connected and not lost.done():
                lost.set_result(None)

        config = self._config
        client: ModbusBaseClient
        if isinstance(config, ModbusRtuLink):
            client = AsyncModbusSerialClient(
                config.port,
                framer=FramerType.RTU,
                baudrate=config.baud,
                bytesize=int(config.format[0]),
                parity=config.format[1],
                stopbits=int(config.format[2]),
                reconnect_delay=0,
                retries=0,
                timeout=CONNECT_TIMEOUT_S,
                trace_packet=self._packet,
                trace_connect=connection,
            )
        else:
            client = AsyncModbusTcpClient(
                config.host,
                port=config.port,
                framer=FramerType.RTU if self._line.rtu else FramerType.SOCKET,
                reconnect_delay=0,
                retries=0,
                timeout=CONNECT_TIMEOUT_S,
                trace_packet=self._packet,
                trace_connect=connection,
            )
        client.set_max_no_responses(NEVER)
        return client


def _expected(request: Request, unit: int) -> Expected:
    if request.write:
        echo = write_echo(request.write, request.address, request.words)
        return Expected(unit, request.write, echo=echo)
    return Expected(unit, request.function, byte_count(request.table, request.count))


def _where(config: ModbusConfig) -> str:
    return config.port if isinstance(config, ModbusRtuLink) else f"{config.host}:{config.port}"


def _why_not(config: ModbusConfig) -> tuple[str, str]:
    if isinstance(config, ModbusRtuLink) and not Path(config.port).exists():
        return "no-port", f"{config.port} is not there"
    return "open-failed", f"{_where(config)} could not be opened"
