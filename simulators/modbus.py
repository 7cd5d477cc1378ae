"""Modbus lines and servers made of simulated slaves: RTU on a pty, TCP, RTU over TCP.

Owns: how requests reach the slaves and when their answers are on the wire.
Must not know: what the registers mean (simulators.devices), the gateway.
"""

import asyncio
import contextlib
import struct
from abc import ABC, abstractmethod
from collections.abc import Iterable

from simulators.babble import Babble
from simulators.line import PtyLine
from simulators.slave import Answer, Slave, Units, rtu, rtu_request_length

BUFFER_MOST = 512
"""Bytes of a request that never ends which a server keeps before it gives up on them."""


class RtuBus:
    """Slaves on one half-duplex line. `path` is the port; `line` has the counters and the plug.

    A slave takes a frame once the line was silent for 3.5 characters, thinks for its turnaround, and answers at the wire's pace.
    One that floods (`babble`) drowns what comes while it talks, and spoils what others say.
    """

    def __init__(
        self, slaves: Iterable[Slave], *, baud: int = 9600, bits: int = 10, path: str | None = None, chunk: int = 14
    ) -> None:
        self.units = Units(slaves)
        self.line = PtyLine(self._heard, baud=baud, bits=bits, path=path, chunk=chunk)
        self.babble = Babble(self.line, self._floods)
        self._buffer = b""
        self._ready: dict[int, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()
        self._silence: asyncio.TimerHandle | None = None

    @property
    def path(self) -> str:
        """The gateway's `port`."""
        return self.line.path

    async def start(self) -> None:
        """Make the port appear."""
        await self.line.start()
        self.babble.start()

    async def stop(self) -> None:
        """Make it vanish."""
        self.babble.stop()
        for timer in (*self._timers, *([self._silence] if self._silence else [])):
            timer.cancel()
        self._timers.clear()
        await self.line.stop()

    def _floods(self) -> list[bytes]:
        return [rtu(unit.unasked()) for unit in self.units.by_unit.values() if unit.floods]

    def _heard(self, data: bytes, until: float) -> None:
        if self.babble.drowns():
            self.units.bad_requests += 1
            return
        self._buffer = (self._buffer + data)[-BUFFER_MOST:]
        if self._silence is not None:
            self._silence.cancel()
        self._silence = asyncio.get_running_loop().call_at(until + self.line.gap_s, self._frame, until)

    def _frame(self, until: float) -> None:
        request, self._buffer, self._silence = self._buffer, b"", None
        answer = self.units.rtu(request)
        if answer is None:
            return
        unit = request[0]  # a slave answers its requests one after the other
        when = max(until + max(answer.delay, self.line.gap_s), self._ready.get(unit, 0.0))
        self._ready[unit] = when
        timer: asyncio.TimerHandle

        def speak() -> None:
            self._timers.discard(timer)
            self.line.send(rtu(answer), deaf=self.babble.on)

        timer = asyncio.get_running_loop().call_at(when, speak)
        self._timers.add(timer)


class _Server(ABC):
    """What both TCP kinds share: listening, connections, answers in time. Port 0 takes any free one."""

    def __init__(self, slaves: Iterable[Slave], *, host: str = "127.0.0.1", port: int = 0) -> None:
        self.units = Units(slaves)
        self.host = host
        self.port = port
        self.connections = 0
        self._server: asyncio.Server | None = None
        self._writers: list[asyncio.StreamWriter] = []
        self._serving: set[asyncio.Task[None]] = set()
        self._ready: dict[int, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()

    async def start(self) -> None:
        """Listen; `port` is the one taken."""
        self._server = await asyncio.start_server(self._serve, self.host, self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening and drop every connection."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        if self._server is not None:
            self._server.close()
        self.drop()
        if self._serving:
            await asyncio.wait(self._serving)

    def drop(self) -> None:
        """Cut every connection, as a rebooting device does; listening goes on."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        self._writers.append(writer)
        buffer = b""
        try:
            while data := await reader.read(1024):
                buffer = self._take((buffer + data)[-BUFFER_MOST:], writer)
        except ConnectionError:
            pass
        finally:
            with contextlib.suppress(ValueError):
                self._writers.remove(writer)
            writer.close()

    @abstractmethod
    def _take(self, buffer: bytes, writer: asyncio.StreamWriter) -> bytes:
        """Answer the whole requests in the buffer; what is left of it."""

    def _later(self, unit: int, delay: float, data: bytes, writer: asyncio.StreamWriter | None) -> None:
        loop = asyncio.get_running_loop()
        when = max(loop.time() + delay, self._ready.get(unit, 0.0))
        self._ready[unit] = when
        timer: asyncio.TimerHandle

        def speak() -> None:
            self._timers.discard(timer)
            to = writer if writer is not None else (self._writers[-1] if self._writers else None)
            if to is not None and not to.is_closing():
                to.write(data)

        timer = loop.call_at(when, speak)
        self._timers.add(timer)


class TcpServer(_Server):
    """A Modbus TCP device or gateway."""

    def _take(self, buffer: bytes, writer: asyncio.StreamWriter) -> bytes:
        while len(buffer) >= 8:
            transaction, _, length, unit = struct.unpack(">HHHB", buffer[:7])
            if len(buffer) < 6 + length:
                break
            request, buffer = buffer[7 : 6 + length], buffer[6 + length :]
            slave = self.units.by_unit.get(unit)
            answer = slave.answer(request) if slave is not None else None
            if answer is not None:
                self._later(unit, answer.delay, mbap(transaction, answer), writer)
        return buffer


class RtuTcpServer(_Server):
    """A transparent serial server: RTU frames over TCP, at the pace of the line behind it.

    What the line says goes to whoever is connected *then*, so a late reply survives a reconnection, as it does in the real ones.
    """

    def __init__(
        self, slaves: Iterable[Slave], *, baud: int = 9600, bits: int = 10, host: str = "127.0.0.1", port: int = 0
    ) -> None:
        super().__init__(slaves, host=host, port=port)
        self._char_s = bits / baud

    def _take(self, buffer: bytes, writer: asyncio.StreamWriter) -> bytes:  # noqa: ARG002  (whoever is connected gets it)
        while (length := rtu_request_length(buffer)) is not None and len(buffer) >= length:
            request, buffer = buffer[:length], buffer[length:]
            answer = self.units.rtu(request)
            if answer is not None:
                data = rtu(answer)
                wire = (length + len(data) + 7) * self._char_s
                self._later(request[0], answer.delay + wire, data, None)
        return buffer


def mbap(transaction: int, answer: Answer) -> bytes:
    """The answer as a Modbus TCP message; a bad checksum has no meaning here, a torn one is."""
    message = struct.pack(">HHHB", transaction, 0, len(answer.pdu) + 1, answer.unit) + answer.pdu
    return message[: len(message) // 2] if answer.torn else message
