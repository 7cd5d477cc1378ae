"""A Modbus slave: request bytes in, reply bytes out.

Owns: the protocol as a device speaks it (Modbus Application Protocol V1.1b3; RTU checksum) and the faults it can be told to have.
Must not know: ports, sockets, time. It shares no code with the gateway nor with the library the gateway uses, so that both can be
checked against it.
"""

import struct
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Literal

Cell = int | Callable[[], int]
"""A register's or bit's value, or what to call for it."""

FaultKind = Literal["silent", "slow", "wrong-unit", "bad-crc", "torn", "exception", "flapping", "flood"]

ILLEGAL_FUNCTION, ILLEGAL_ADDRESS, ILLEGAL_VALUE = 1, 2, 3
_TABLES = {1: "coil", 2: "discrete", 3: "holding", 4: "input"}
_MOST = {1: 2000, 2: 2000, 3: 125, 4: 125}
COIL_ON = 0xFF00
WRITES_KEPT = 1000

READ_FIRST = b"\x03\x00\x00\x00\x01"
"""What a unit that floods answers although nobody ever asked it: a read of the first holding register."""


@dataclass
class Fault:
    """What is wrong with a slave.

    Attributes:
        kind: ``slow`` answers right, `seconds` late (longer than the master waits: a late reply); ``flood`` answers, and on a
            line talks unasked besides (`babble`); the others as they say.
        times: how many requests are still affected; None: all.
        code: the exception given.
        every: ``flapping``: so many requests are answered, then as many not, and so on.
    """

    kind: FaultKind
    seconds: float = 0.0
    times: int | None = None
    code: int = 4
    every: int = 1


@dataclass
class Answer:
    """What the slave puts on the wire: PDU, under which unit, how late, and how spoiled."""

    unit: int
    pdu: bytes
    delay: float = 0.0
    bad_crc: bool = False
    torn: bool = False


class Refused(Exception):  # noqa: N818  (a device exception, not a programming error)
    """The slave answers with an exception code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@dataclass
class Slave:
    """One unit and its four tables. An address that is not in its table is refused with code 2, as real devices do.

    Attributes:
        answers_as: the unit id in its answers, where it is not its own.
        last_read: the PDU of the last read that reached it.
        requests: requests that reached it. writes: PDUs of the writes it carried out, the last `WRITES_KEPT`.
    """

    unit: int
    tables: dict[str, dict[int, Cell]] = field(default_factory=dict)
    turnaround: float = 0.0
    fault: Fault | None = None
    requests: int = 0
    writes: deque[bytes] = field(default_factory=lambda: deque(maxlen=WRITES_KEPT))
    answers_as: int | None = None
    last_read: bytes = READ_FIRST

    def fill(self, table: str, addresses: Iterable[int], value: int = 0) -> None:
        """Give addresses a value that have none yet."""
        cells = self.tables.setdefault(table, {})
        for address in addresses:
            cells.setdefault(address, value)

    def set_float(self, table: str, address: int, value: float) -> None:
        """A float32 in two registers, high word first."""
        high, low = struct.unpack(">HH", struct.pack(">f", value))
        self.tables.setdefault(table, {}).update({address: high, address + 1: low})

    def set_int(self, table: str, address: int, value: int) -> None:
        """A 16-bit value, negative as two's complement; or a bit."""
        self.tables.setdefault(table, {})[address] = value & 0xFFFF

    def read(self, table: str, address: int) -> int:
        """The present value of one cell."""
        try:
            cell = self.tables[table][address]
        except KeyError:
            raise Refused(ILLEGAL_ADDRESS) from None
        return cell() if callable(cell) else cell

    def write(self, table: str, address: int, value: int) -> None:
        """What a master's write does. Devices with side effects override it."""
        self.read(table, address)
        self.tables[table][address] = value

    def answer(self, request: bytes) -> Answer | None:
        """Answer a PDU, faults included; None: stay silent."""
        self.requests += 1
        if request[0] in _TABLES:
            self.last_read = request
        own = self.answers_as or self.unit
        fault = self._present_fault()
        if fault is not None and fault.kind == "flapping":
            fault = Fault("silent") if (self.requests - 1) // fault.every % 2 else None
        if fault is None or fault.kind == "flood":
            return Answer(own, self.pdu(request), self.turnaround)
        if fault.kind == "silent":
            return None
        if fault.kind == "exception":
            return Answer(own, bytes((request[0] | 0x80, fault.code)), self.turnaround)
        unit = own % 247 + 1 if fault.kind == "wrong-unit" else own
        return Answer(
            unit,
            self.pdu(request),
            self.turnaround + fault.seconds,
            bad_crc=fault.kind == "bad-crc",
            torn=fault.kind == "torn",
        )

    @property
    def floods(self) -> bool:
        """Whether it talks unasked."""
        return self.fault is not None and self.fault.kind == "flood"

    def unasked(self) -> Answer:
        """What it says when it floods: its answer to the last read once more, with the present values.

        As Modbus names no address in answers, nobody can tell it from the answer to another read of as many of this unit.
        """
        return Answer(self.answers_as or self.unit, self.pdu(self.last_read))

    def _present_fault(self) -> Fault | None:
        fault = self.fault
        if fault is None or fault.times is None:
            return fault
        if fault.times <= 0:
            self.fault = None
            return None
        fault.times -= 1
        return fault

    def pdu(self, request: bytes) -> bytes:
        """Request PDU → reply PDU, or exception PDU."""
        function = request[0]
        try:
            if function in _TABLES:
                return self._read(function, request)
            if function in {5, 6, 15, 16}:
                answer = (self._write_one if function <= 6 else self._write_many)(function, request)
                self.writes.append(request)
                return answer
            return bytes((function | 0x80, ILLEGAL_FUNCTION))
        except Refused as refused:
            return bytes((function | 0x80, refused.code))
        except struct.error:
            return bytes((function | 0x80, ILLEGAL_VALUE))

    def _read(self, function: int, request: bytes) -> bytes:
        address, count = struct.unpack(">HH", request[1:5])
        if not 1 <= count <= _MOST[function]:
            raise Refused(ILLEGAL_VALUE)
        values = [self.read(_TABLES[function], address + n) for n in range(count)]
        data = struct.pack(f">{count}H", *values) if function > 2 else pack_bits(values)
        return bytes((function, len(data))) + data

    def _write_one(self, function: int, request: bytes) -> bytes:
        address, value = struct.unpack(">HH", request[1:5])
        if function == 6:
            self.write("holding", address, value)
        else:
            self.write_coil(address, value)
        return request[:5]

    def write_coil(self, address: int, value: int) -> None:
        """FC05. By the standard only FF00 and 0000 are values; some devices take more."""
        if value not in {0, COIL_ON}:
            raise Refused(ILLEGAL_VALUE)
        self.write("coil", address, int(value == COIL_ON))

    def _write_many(self, function: int, request: bytes) -> bytes:
        address, count, size = struct.unpack(">HHB", request[1:6])
        data = request[6:]
        if len(data) != size:
            raise Refused(ILLEGAL_VALUE)
        if function == 16:
            for n, value in enumerate(struct.unpack(f">{count}H", data)):
                self.write("holding", address + n, value)
        else:
            for n in range(count):
                self.write("coil", address + n, data[n // 8] >> (n % 8) & 1)
        return request[:5]


def pack_bits(bits: list[int]) -> bytes:
    """Eight to a byte, the first in the lowest bit."""
    out = bytearray((len(bits) + 7) // 8)
    for n, bit in enumerate(bits):
        out[n // 8] |= bool(bit) << (n % 8)
    return bytes(out)


def crc(data: bytes) -> bytes:
    """CRC-16/MODBUS, low byte first; bit by bit, on purpose unlike the gateway's table."""
    value = 0xFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ 0xA001 if value & 1 else value >> 1
    return bytes((value & 0xFF, value >> 8))


def rtu(answer: Answer) -> bytes:
    """The answer as an RTU frame, spoiled as its fault wants."""
    frame = bytes((answer.unit,)) + answer.pdu
    check = crc(frame)
    if answer.bad_crc:
        check = bytes((check[0] ^ 0x55, check[1]))
    frame += check
    return frame[: len(frame) // 2] if answer.torn else frame


def rtu_request_length(data: bytes) -> int | None:
    """Length of the RTU request that begins here, or None if more bytes are needed to tell."""
    if len(data) < 2:
        return None
    if data[1] in {15, 16}:
        return 9 + data[6] if len(data) > 6 else None
    return 8


class Units:
    """The slaves on one line, by unit."""

    def __init__(self, slaves: Iterable[Slave]) -> None:
        self.by_unit = {slave.unit: slave for slave in slaves}
        self.bad_requests = 0

    def rtu(self, request: bytes) -> Answer | None:
        """Answer an RTU frame: None if the checksum is wrong or nobody is addressed."""
        if len(request) < 4 or crc(request[:-2]) != request[-2:]:
            self.bad_requests += 1
            return None
        slave = self.by_unit.get(request[0])
        return slave.answer(request[1:-2]) if slave is not None else None
