"""Modbus TCP, RTU and RTU over TCP on pymodbus.

Owns: the connection: opening, one call at a time, the late-reply guard, reopening. And the `Link` made of it.
Must not know: when what is asked (schedule), what values mean (profiles).

pymodbus 3.16 is used for PDUs, framing and its transports, and nothing of its policies: no retries (it would hold the line for
all of them), no reconnection of its own (its delay grows to minutes), no count of failures after which it closes, no acceptance
of whatever frame comes (`guard` decides, in pymodbus's packet hook). A call in flight is never cancelled while its connection
lives.
"""

import asyncio
import logging
import random as _random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec import Struct

from edgegw.clock import Clock
from edgegw.config.schema import ModbusRtuLink, ModbusRtuTcpLink, ModbusTcpLink
from edgegw.errors import LinkError
from edgegw.links.bus import BAD_FRAME, EXCEPTION, TIMEOUT, Answer, BusStats, LineOwner
from edgegw.links.guard import Expected, RtuGuard, TcpGuard
from edgegw.links.schedule import Poll, Request, Schedule, UnitPlan
from edgegw.links.timing import NS, Wire, byte_count
from edgegw.ports import Sink
from edgegw.profiles.schema import Profile

if TYPE_CHECKING:  # pymodbus costs 0.1 s to import: only where such a link is opened
    from pymodbus.client.base import ModbusBaseClient

CONNECT_TIMEOUT_S = 3.0
"""A TCP connection on a local network takes milliseconds; three seconds tell a dead host from a slow one (one SYN retry)."""

BEHIND_BAUD = 9600
"""The line assumed behind a Modbus TCP gateway when the wait for an answer is computed: the slowest usual one."""

TCP_SILENT_MOST = 3
"""Unanswered requests in a row after which a TCP connection is opened anew: it may be half-open."""

NEVER = 1 << 30
"""For pymodbus's own count of failures before it closes the connection."""

Config = ModbusRtuLink | ModbusTcpLink | ModbusRtuTcpLink


class Line(Struct, frozen=True):
    """How a kind of link behaves.

    Attributes:
        rtu: RTU frames (no transaction id, silence counts), serially or over TCP.
        late_s: after an unanswered request the line is kept silent and drained this long.
        reopen_after: unanswered requests in a row after which the connection is opened anew; None: never.
    """

    wire: Wire
    rtu: bool
    gap_s: float
    late_s: float
    reopen_after: int | None

    @classmethod
    def of(cls, config: Config) -> "Line":
        """The behaviour of a configured link."""
        if isinstance(config, ModbusRtuLink):
            wire = Wire(config.baud, config.format, config.gap)
            return cls(wire, rtu=True, gap_s=wire.gap_s, late_s=config.late, reopen_after=None)
        if isinstance(config, ModbusRtuTcpLink):
            wire = Wire(config.baud, config.format, config.gap)
            return cls(wire, rtu=True, gap_s=wire.gap_s, late_s=config.late, reopen_after=1)
        return cls(Wire(BEHIND_BAUD), rtu=False, gap_s=config.gap, late_s=0.0, reopen_after=TCP_SILENT_MOST)


class PymodbusTransport:
    """One connection at a time to a line (`bus.Transport`). Reopens what it has to; raises LinkError when that fails."""

    def __init__(self, config: Config, clock: Clock) -> None:
        self._config = config
        self._clock = clock
        self._line = Line.of(config)
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
        try:
            connected = await client.connect()
        except ValueError as error:  # pyserial: a baud rate the port can't do
            raise LinkError("settings", f"{_where(self._config)}: {error}") from error
        if not connected:
            raise LinkError(*_why_not(self._config))

    async def ask(self, request: Request) -> Answer:
        """See `bus.Transport.ask`."""
        from pymodbus.exceptions import ModbusException  # noqa: PLC0415  (heavy, see TYPE_CHECKING)

        client, lost = self._client, self._lost
        if client is None or lost is None or lost.done():
            raise LinkError("lost", _where(self._config))
        wire_s = self._line.wire.exchange_s(request.table, request.count)
        # pymodbus reads this one before every call; it is the only place for a timeout per request.
        client.ctx.comm_params.timeout_connect = request.timeout_s + wire_s
        self._guard.expect(Expected(request.unit, request.function, byte_count(request.table, request.count)))
        call = asyncio.ensure_future(_read(client, request))
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

    async def idle(self, seconds: float) -> None:
        """See `bus.Transport.idle`."""
        lost = self._lost
        if lost is None or lost.done():
            raise LinkError("lost", _where(self._config))
        await asyncio.wait((lost,), timeout=max(seconds, 0.0))
        if lost.done():
            raise LinkError("lost", _where(self._config))

    async def close(self) -> None:
        """See `bus.Transport.close`."""
        client, self._client = self._client, None
        if client is not None:
            client.close()

    async def _idle_until(self, event: asyncio.Event, seconds: float) -> None:
        waiter = asyncio.ensure_future(event.wait())
        try:
            assert self._lost is not None  # noqa: S101  (open() made it)
            await asyncio.wait((waiter, self._lost), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiter.cancel()
        if self._lost.done():
            raise LinkError("lost", _where(self._config))

    async def _abandon(self, call: "asyncio.Future[tuple[tuple[int, ...] | None, int]]") -> None:
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
        return self._guard.take(data)

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


class ModbusLink:
    """A Modbus line as a `ports.Link`. Public counters are for metrics and only grow."""

    def __init__(
        self,
        name: str,
        config: Config,
        units: Sequence[UnitPlan],
        *,
        sink: Sink,
        clock: Clock,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self.name = name
        self.kind: str = config.kind
        self.stats = BusStats()
        self._sink = sink
        self._clock = clock
        self._started_ns = clock.now().mono_ns
        self._schedule = Schedule(units, self._started_ns, random)
        self._transport = PymodbusTransport(config, clock)

    @property
    def messages(self) -> int:
        """Answered blocks handed to the sink, probes included."""
        return self.stats.answers

    @property
    def errors(self) -> int:
        """Requests without a valid answer."""
        return self.stats.timeouts + self.stats.bad_frames + self.stats.exceptions

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status."""
        return self.messages, self.errors

    @property
    def late_replies(self) -> int:
        """Answers that came after their time and were discarded."""
        return self._transport.late_replies

    @property
    def reopened(self) -> int:
        """Connections opened anew within a run (unanswered requests), beyond the supervisor's restarts."""
        return self._transport.reopened

    @property
    def open_units(self) -> tuple[str, ...]:
        """Devices that are only probed at present."""
        return self._schedule.open_units

    @property
    def busy_share(self) -> float:
        """Part of the time since the link was made in which the line was in use or kept silent on purpose, 0 to 1."""
        elapsed = self._clock.now().mono_ns - self._started_ns
        return min(1.0, self.stats.busy_ns / elapsed) if elapsed > 0 else 0.0

    async def run(self, up: Callable[[], None]) -> None:
        """See `ports.Link.run`."""
        await LineOwner(self._schedule, self._transport, self.stats, sink=self._sink, clock=self._clock).run(up)


def unit_plan(device: str, unit: int, profile: Profile) -> UnitPlan:
    """A device of the site file as the schedule wants it."""
    from edgegw.profiles.plan import poll_plan  # noqa: PLC0415  (only where there are Modbus devices)

    polls = tuple(Poll(block.table, block.address, block.count, block.period_s) for block in poll_plan(profile))
    return UnitPlan(device, unit, polls, profile.modbus.timeout, profile.modbus.turnaround)


async def _read(client: "ModbusBaseClient", request: Request) -> tuple[tuple[int, ...] | None, int]:
    """Words, or None and the exception code. Raises ModbusException if there is no answer."""
    address, count, unit = request.address, request.count, request.unit
    if request.table == "coil":
        reply = await client.read_coils(address, count=count, device_id=unit)
    elif request.table == "discrete":
        reply = await client.read_discrete_inputs(address, count=count, device_id=unit)
    elif request.table == "holding":
        reply = await client.read_holding_registers(address, count=count, device_id=unit)
    else:
        reply = await client.read_input_registers(address, count=count, device_id=unit)
    if reply.isError():
        return None, int(reply.exception_code)
    if request.table in {"coil", "discrete"}:
        return tuple(int(bit) for bit in reply.bits), 0
    return tuple(reply.registers), 0


def _where(config: Config) -> str:
    return config.port if isinstance(config, ModbusRtuLink) else f"{config.host}:{config.port}"


def _why_not(config: Config) -> tuple[str, str]:
    if isinstance(config, ModbusRtuLink) and not Path(config.port).exists():
        return "no-port", f"{config.port} is not there"
    return "open-failed", f"{_where(config)} could not be opened"
