"""Meters on a half-duplex line: DL/T 645-2007 electricity meters and CJ/T 188 water, heat and gas meters, driven by tables.

Owns: both protocols as meters speak them, the line on which many of them hang, and the faults they can be told to have.
Must not know: the gateway; it shares no code with it.
"""

import asyncio
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

from simulators.babble import Babble
from simulators.line import PtyLine
from simulators.meter_frames import cjt188, digits, dlt645, sealed, unmask
from simulators.meter_log import LOG_MOST, Logged

FaultKind = Literal["silent", "slow", "bad-checksum", "swapped", "torn", "wrong-unit", "refuse", "flood"]

TURNAROUND_S = 0.02
"""The soonest a meter answers (DL/T 645-2007 §7: 20 ms to 500 ms)."""

DLT645_MOST = 196
"""Value bytes of a DL/T 645 frame."""

BUFFER_MOST = 1024
WATER, HEAT, GAS = 0x10, 0x20, 0x30
OPEN, CLOSE = 0x55, 0x99
CUBIC_METRES = 0x2C

Cell = bytes | Callable[[], bytes]


@dataclass
class MeterFault:
    """What is wrong with a meter.

    Attributes:
        kind: ``slow`` answers right, `seconds` late (longer than the master waits: a late reply); ``swapped`` sends the
            identifier's bytes in the other order; ``refuse`` answers with an error; ``flood`` answers, and talks unasked besides
            (`babble`); the others as they say.
        times: how many requests are still affected; None: all.
    """

    kind: FaultKind
    seconds: float = 0.0
    times: int | None = None


@dataclass
class Meter(ABC):
    """A meter of either protocol.

    Attributes:
        address: as printed on it, high digit first.
        values: identifier as printed → what follows it in the answer, as it travels (low byte first, unmasked).
        turnaround: seconds it thinks.
        wake: bytes FE before its answers.
        requests: identifiers of those that reached it, the last thousand.
    """

    address: str
    values: dict[str, Cell] = field(default_factory=dict)
    turnaround: float = TURNAROUND_S
    wake: int = 0
    fault: MeterFault | None = None
    requests: deque[str] = field(default_factory=lambda: deque(maxlen=1000))

    @abstractmethod
    def answer(self, request: bytes) -> bytes | None:
        """The answer to a whole frame addressed to it, without faults; None: none."""

    @abstractmethod
    def refusal(self, request: bytes) -> bytes:
        """The answer that refuses."""

    @abstractmethod
    def telling(self, di: str, value: bytes) -> bytes:
        """A frame that tells a value as if it had been asked for it."""

    @abstractmethod
    def di_at(self) -> slice:
        """Where the identifier is in an answer."""

    def unasked(self) -> bytes:
        """What it says when it floods: what it was asked for last, else the first it has."""
        di = next((di for di in (*reversed(self.requests), *self.values) if di in self.values), "")
        return self.telling(di, self.value(di) or b"")

    def value(self, di: str) -> bytes | None:
        """What it has under an identifier."""
        cell = self.values.get(di)
        return cell() if callable(cell) else cell


class Dlt645Meter(Meter):
    """A DL/T 645-2007 meter with a 12-digit address."""

    def answer(self, request: bytes) -> bytes | None:
        """See `Meter`. Reading (11) and what follows (12); anything else is refused."""
        control, data = request[8], unmask(request[10:-2])
        di = data[3::-1].hex().upper()
        self.requests.append(di)
        value = self.value(di)
        if control not in {0x11, 0x12} or value is None:
            return self.refusal(request)
        if control == 0x11:
            more = 0x20 if len(value) > DLT645_MOST else 0
            return dlt645(self.address, 0x91 | more, data[:4] + value[:DLT645_MOST])
        at = DLT645_MOST + (data[4] - 1) * (DLT645_MOST - 1)
        part = value[at : at + DLT645_MOST - 1]
        more = 0x20 if at + len(part) < len(value) else 0
        return dlt645(self.address, 0x92 | more, data[:4] + part + data[4:5])

    def refusal(self, request: bytes) -> bytes:
        """No such data."""
        return dlt645(self.address, request[8] | 0xC0, b"\x02")

    def telling(self, di: str, value: bytes) -> bytes:
        """See `Meter`."""
        return dlt645(self.address, 0x91, bytes.fromhex(di)[::-1] + value[:DLT645_MOST])

    def di_at(self) -> slice:
        """Behind the length."""
        return slice(10, 14)


@dataclass
class Cjt188Meter(Meter):
    """A CJ/T 188 meter with a 14-digit address.

    Attributes:
        type: 10 water, 20 heat, 30 gas (hex).
        status_at: where the two status bytes are in the answer to 901F; None: it has none.
        closed: its valve. stuck: which does not move.
    """

    type: int = WATER
    status_at: int | None = 17
    closed: bool = False
    stuck: bool = False
    writes: list[bytes] = field(default_factory=list)

    def answer(self, request: bytes) -> bytes | None:
        """See `Meter`. Reading (01), the valve (04, A017); anything else is refused."""
        control, di_bytes, serial, data = request[9], request[11:13], request[13:14], request[14:-2]
        di = self._di(di_bytes)
        self.requests.append(di)
        if control == 0x04 and di == "A017" and data in {bytes((OPEN,)), bytes((CLOSE,))}:
            self.writes.append(data)
            if not self.stuck:
                self.closed = data == bytes((CLOSE,))
            return self._frame(0x84, di_bytes + serial + self._status())
        value = self.value(di)
        if control != 0x01 or value is None:
            return self.refusal(request)
        if di == "901F" and self.status_at is not None:
            value = value[: self.status_at] + self._status() + value[self.status_at + 2 :]
        return self._frame(0x81, di_bytes + serial + value)

    def _di(self, sent: bytes) -> str:
        """It understands either order."""
        text = sent.hex().upper()
        return text if text in self.values or text == "A017" else sent[::-1].hex().upper()

    def _status(self) -> bytes:
        return bytes((int(self.closed), 0))

    def refusal(self, request: bytes) -> bytes:
        """Its status, under C1 or C4."""
        return self._frame(request[9] | 0xC0, request[13:14] + self._status())

    def telling(self, di: str, value: bytes) -> bytes:
        """See `Meter`; its serial number is 0, as nobody asked."""
        return self._frame(0x81, bytes.fromhex(di)[::-1] + bytes(1) + value)

    def di_at(self) -> slice:
        """Behind the length."""
        return slice(11, 13)

    def _frame(self, control: int, data: bytes) -> bytes:
        return cjt188(self.type, self.address, control, data)


class MeterBus:
    """Meters on one line. `path` is the port; `line` has the counters and the plug.

    A meter takes a frame when its last byte is there, thinks for its turnaround, and answers at the wire's pace.

    `log`: its transactions, the last `LOG_MOST`.
    """

    def __init__(
        self, meters: Iterable[Meter], *, baud: int = 2400, bits: int = 11, path: str | None = None, chunk: int = 14
    ) -> None:
        self.meters = list(meters)
        self._by_key = {_key(meter): meter for meter in self.meters}
        self.line = PtyLine(self._heard, baud=baud, bits=bits, path=path, chunk=chunk)
        self.babble = Babble(self.line, self._floods)
        self.bad_requests = 0
        self.log: deque[Logged] = deque(maxlen=LOG_MOST)
        self._buffer = b""
        self._wake = 0
        self._ready: dict[str, float] = {}
        self._timers: set[asyncio.TimerHandle] = set()

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
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        await self.line.stop()

    def _floods(self) -> list[bytes]:
        return [meter.unasked() for meter in self.meters if meter.fault is not None and meter.fault.kind == "flood"]

    def _heard(self, data: bytes, until: float) -> None:
        if self.babble.drowns():
            self.bad_requests += 1
            return
        self._buffer = (self._buffer + data)[-BUFFER_MOST:]
        while (frame := self._cut()) is not None:
            self._request(frame, until)
            self._wake = 0

    def _cut(self) -> bytes | None:
        """The next whole frame of either protocol; what can't begin one is dropped."""
        while self._buffer:
            at = self._buffer.find(0x68)
            self._wake += max(at, 0)
            self._buffer = self._buffer[at:] if at >= 0 else b""
            if len(self._buffer) < 8:
                return None
            electric = self._buffer[7] == 0x68
            length_at = 9 if electric else 10
            if len(self._buffer) <= length_at:
                return None
            total = length_at + 3 + self._buffer[length_at]
            if len(self._buffer) < total:
                return None
            frame, rest = self._buffer[:total], self._buffer[total:]
            if frame[-1] == 0x16 and sum(frame[:-2]) & 0xFF == frame[-2]:
                self._buffer = rest
                return frame
            self.bad_requests += 1
            self._buffer = self._buffer[1:]
        return None

    def _request(self, frame: bytes, until: float) -> None:
        electric = frame[7] == 0x68
        key = frame[6:0:-1].hex() if electric else f"{frame[1]:02x}{frame[8:1:-1].hex()}"
        meter = self._by_key.get(key)
        if meter is None:
            return
        fault = _present(meter)
        asked = self._wake + len(frame)
        began = until - asked * self.line.char_s
        answer = meter.answer(frame)
        logged = Logged(meter.address, began, asked)
        self.log.append(logged)
        if answer is None or (fault is not None and fault.kind == "silent"):
            return
        late_s = 0.0
        if fault is not None:
            answer, late_s = _spoiled(meter, fault, frame, answer), fault.seconds
        answer = b"\xfe" * meter.wake + answer
        when = max(until + meter.turnaround + late_s, self._ready.get(key, 0.0))
        self._ready[key] = when
        timer: asyncio.TimerHandle

        def speak() -> None:
            self._timers.discard(timer)
            ended = self.line.send(answer, deaf=self.babble.on)
            if fault is None or fault.kind == "swapped":
                logged.ended, logged.size, logged.turnaround = ended, asked + len(answer), meter.turnaround

        timer = asyncio.get_running_loop().call_at(when, speak)
        self._timers.add(timer)


def _key(meter: Meter) -> str:
    return f"{meter.type:02x}{meter.address}" if isinstance(meter, Cjt188Meter) else meter.address


def _present(meter: Meter) -> MeterFault | None:
    fault = meter.fault
    if fault is None or fault.times is None:
        return fault
    if fault.times <= 0:
        meter.fault = None
        return None
    fault.times -= 1
    return fault


def _spoiled(meter: Meter, fault: MeterFault, request: bytes, answer: bytes) -> bytes:
    if fault.kind == "refuse":
        return meter.refusal(request)
    if fault.kind == "torn":
        return answer[: len(answer) // 2]
    if fault.kind == "bad-checksum":
        return answer[:-2] + bytes((answer[-2] ^ 0x55, 0x16))
    if fault.kind in {"slow", "flood"}:
        return answer
    body = bytearray(answer[:-2])
    if fault.kind == "wrong-unit":
        body[2] ^= 0x01
    elif fault.kind == "swapped":
        body[meter.di_at()] = body[meter.di_at()][::-1]
    return sealed(bytes(body))


def electric(address: str, kwh_hundredths: int) -> Dlt645Meter:
    """A single-phase meter: total energy (00010000, hundredths of a kWh), 220.0 V, 1.234 A, 0.2715 kW, 50.00 Hz, factor 0.999."""
    table = {
        "00010000": f"{kwh_hundredths:08d}", "02010100": "2200", "02020100": "001234", "02030000": "002715",
        "02060000": "0999", "02800002": "5000",
    }  # fmt: skip
    return Dlt645Meter(address, {di: digits(text) for di, text in table.items()})


def water(address: str, hundredths: int, *, kind: int = WATER) -> Cjt188Meter:
    """A water or gas meter: total in hundredths of a cubic metre, the same at the settlement day, a clock, its status."""
    amount = digits(f"{hundredths:08d}") + bytes((CUBIC_METRES,))
    return Cjt188Meter(address, {"901F": amount + amount + digits("20261125220000") + bytes(2)}, type=kind)
