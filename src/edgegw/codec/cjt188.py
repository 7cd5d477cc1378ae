"""CJ/T 188-2004 frames of water, heat and gas meters, pure: asking, valve orders, understanding the answer.

Owns: the frame, both orders of the data identifier, unit codes, the status word, what identifier 901F holds.
Must not know: ports, timing, which value is which point (profiles say so).

``[FE …] 68 type address(7, low byte first) control length DI(2) SER data CS 16``. CS is the sum from 68. Addresses here are the
meter's number as printed: 14 digits, high digit first, the first four of which are the maker's code.

The edition of 2004 sends the identifier high byte first (``901F``), that of 2018 low byte first (``1F90``), and meters in the
field answer in either order, whatever they were asked with; `read_reply` takes both and says which it saw. Asking, the identifier
goes out as written. Some heat meters put the unit code before its number instead of behind it: `unit_first`.

Source: CJ/T 188-2004: the frame, the application layer, the tables of meter types, of unit codes and of the status word.
"""

import re
from decimal import Decimal
from typing import NamedTuple

from edgegw.codec import bcd
from edgegw.codec.summed import Shape, SummedFramer, opened, seal
from edgegw.errors import DecodeError

ANY_TYPE = 0xAA
BROADCAST = "AA" * 7
"""Every meter answers to it: for one meter on the line only, to ask its address."""

READ, READ_ADDRESS, WRITE = 0x01, 0x03, 0x04
REPLY, ERROR, FUNCTION = 0x80, 0x40, 0x3F
"""Bits of the control code: from the meter; refused; what is asked."""

MOST_DATA = 100
"""Data bytes of a frame, identifier and sequence included (CJ/T 188-2004: L is at most 64 hex)."""

DATA_NOW, DATA_ADDRESS, DATA_VALVE = "901F", "810A", "A017"
OPEN, CLOSE = 0x55, 0x99

SHAPE = Shape("CJ/T 188", length=10, most=MOST_DATA)

UNITS: dict[int, tuple[str, int]] = {
    0x02: ("W.h", 1),
    0x05: ("kW.h", 1),
    0x08: ("MW.h", 1),
    0x0A: ("MW.h", 100),
    0x01: ("J", 1),
    0x0B: ("kJ", 1),
    0x0E: ("MJ", 1),
    0x11: ("GJ", 1),
    0x13: ("GJ", 100),
    0x14: ("W", 1),
    0x17: ("kW", 1),
    0x1A: ("MW", 1),
    0x29: ("L", 1),
    0x2C: ("m3", 1),
    0x32: ("L/h", 1),
    0x35: ("m3/h", 1),
}
"""Unit code to UCUM unit and how many of it one is (CJ/T 188-2004, table of unit codes)."""

_ADDRESS = re.compile(r"[0-9A-Fa-f]{14}")
_DI = re.compile(r"[0-9A-Fa-f]{4}")
_CLOCK = "YYYYMMDDhhmmss"
_VALVES = ("open", "closed", "unknown", "fault")


class Frame(NamedTuple):
    """A frame: meter type, address (14 digits, high first), control code, data in the order of the wire."""

    meter_type: int
    address: str
    control: int
    data: bytes


class Reply(NamedTuple):
    """What a good answer holds after identifier and sequence. `swapped`: its identifier came in the other order than asked."""

    data: bytes
    swapped: bool


class Status(NamedTuple):
    """The status word: `valve` is ``open``, ``closed``, ``fault`` or ``unknown``; the maker says what `vendor` means."""

    valve: str
    battery_low: bool
    vendor: int


class Amount(NamedTuple):
    """A quantity with its UCUM unit; None where the meter sent filler instead."""

    value: Decimal | None
    unit: str


class Volume(NamedTuple):
    """Water and gas meters' 901F: the total now and on the settlement day, the meter's clock (14 digits, year first), status."""

    total: Amount
    settled: Amount
    clock: str | None
    status: Status


class Heat(NamedTuple):
    """Heat meters' 901F: energy on the settlement day and now, power, flow, volume, temperatures in Cel, hours of work, the
    meter's clock (14 digits, year first), status."""

    settled: Amount
    energy: Amount
    power: Amount
    flow: Amount
    volume: Amount
    supply: Decimal | None
    returned: Decimal | None
    hours: int | None
    clock: str | None
    status: Status


def request(meter_type: int, address: str, control: int, data: bytes = b"") -> bytes:
    """A frame's bytes, without FE before it.

    Raises:
        ValueError: not an address, a type or sequence beyond one byte, or more data than a frame holds.
    """
    if not _ADDRESS.fullmatch(address):
        raise ValueError(f"{address!r}: a meter's address has 14 digits")
    if len(data) > MOST_DATA:
        raise ValueError(f"{len(data)} data bytes, a frame holds {MOST_DATA}")
    return seal(bytes((0x68, meter_type, *bytes.fromhex(address)[::-1], control, len(data))) + data)


def identifier(di: str) -> bytes:
    """A data identifier's two bytes as written. Raises ValueError if it is not 4 hex digits."""
    if not _DI.fullmatch(di):
        raise ValueError(f"{di!r}: a data identifier has 4 hex digits")
    return bytes.fromhex(di)


def read_request(meter_type: int, address: str, di: str, ser: int) -> bytes:
    """Asks for the data with this identifier. `ser` is one byte that the meter repeats: count it up with every request."""
    return request(meter_type, address, READ, identifier(di) + bytes((ser,)))


def address_request(meter_type: int = ANY_TYPE, ser: int = 0) -> bytes:
    """Asks the only meter on the line for its address."""
    return request(meter_type, BROADCAST, READ_ADDRESS, identifier(DATA_ADDRESS) + bytes((ser,)))


def valve_request(meter_type: int, address: str, order: int, ser: int, di: str = DATA_VALVE) -> bytes:
    """Moves the meter's valve: `order` is `OPEN` or `CLOSE`."""
    return request(meter_type, address, WRITE, identifier(di) + bytes((ser, order)))


def parse(frame: bytes) -> Frame:
    """A frame's parts; FE before it is allowed.

    Raises:
        DecodeError: ``truncated``, ``bad-frame``, ``bad-checksum``.
    """
    body = opened(frame, SHAPE)
    return Frame(body[1], body[8:1:-1].hex().upper(), body[9], body[11:])


def matches(asked: str, said: str) -> bool:
    """Whether a meter with the address `said` may answer to `asked` (AA stands for any two digits)."""
    asked = asked.upper()
    if asked == said:
        return True
    return all(asked[n : n + 2] in ("AA", said[n : n + 2]) for n in range(0, 14, 2))


def read_reply(frame: Frame, address: str, di: str, ser: int, function: int = READ) -> Reply:
    """What follows identifier and sequence in the answer to `read_request`, or to an order with `function` `WRITE`.

    Raises:
        DecodeError: ``not-ours`` (another meter, identifier or sequence, a request: an echo or a late answer),
            ``device-exception`` (the meter refused; detail has its status), ``truncated``.
    """
    if not matches(address, frame.address):
        raise DecodeError("not-ours", f"asked meter {address}, {frame.address} answered")
    _answered(frame, function, ser)
    if len(frame.data) < 3:
        raise DecodeError("truncated", f"meter {address}: {len(frame.data)} data bytes, no identifier and sequence")
    wanted, said = identifier(di), frame.data[:2]
    if said not in (wanted, wanted[::-1]):
        raise DecodeError("not-ours", f"meter {address}: asked {di}, answered was {said.hex().upper()}")
    if frame.data[2] != ser:
        raise DecodeError("not-ours", f"meter {address}: asked with sequence {ser}, answered was {frame.data[2]}")
    return Reply(frame.data[3:], said != wanted)


def read_address(frame: Frame, ser: int = 0) -> str:
    """The meter's address from its answer to `address_request`; its type is the frame's. Raises DecodeError as `read_reply`."""
    read_reply(frame, BROADCAST, DATA_ADDRESS, ser, READ_ADDRESS)
    return frame.address


def valve_reply(frame: Frame, address: str, ser: int, di: str = DATA_VALVE) -> Status:
    """The status after a valve order; the valve may still be on its way. Raises DecodeError as `read_reply`."""
    return status(read_reply(frame, address, di, ser, WRITE).data)


def _answered(frame: Frame, function: int, ser: int) -> None:
    """Refuses what answers another function, and what the meter refuses: the answer is then sequence and status only."""
    if not frame.control & REPLY or frame.control & FUNCTION != function:
        raise DecodeError("not-ours", f"control code {frame.control:02X} does not answer {function:02X}")
    if not frame.control & ERROR:
        return
    if frame.data and frame.data[0] != ser:
        raise DecodeError("not-ours", f"asked with sequence {ser}, refused was {frame.data[0]}")
    word = frame.data[1:3]
    raise DecodeError("device-exception", f"meter {frame.address}: refused, status {word.hex().upper() or 'not told'}")


def status(data: bytes) -> Status:
    """The two status bytes: bits 0 and 1 of the first are the valve, bit 2 the battery, the rest is the maker's.

    Raises:
        DecodeError: ``truncated``.
    """
    if len(data) < 2:
        raise DecodeError("truncated", f"a status of {len(data)} bytes")
    return Status(_VALVES[data[0] & 3], bool(data[0] & 4), data[0] >> 5 | data[1] << 3)


def amount(data: bytes, form: str = "XXXXXX.XX", *, unit_first: bool = False) -> Amount:
    """A quantity and its unit code, such as ``00776655 2C``: 556677.00 m3. Filler is no value, and no unit if that is filler too.

    Args:
        unit_first: the unit code comes before the number. It cannot be told from the bytes, for a number may look like a code.

    Raises:
        DecodeError: ``truncated``, ``bad-value`` (not BCD, or a unit code the standard does not have).
        ValueError: no format of a number.
    """
    if bcd.parse_format(form).kind != "number":
        raise ValueError(f"{form!r} is no format of a number")
    code, digits = (data[:1], data[1:]) if unit_first else (data[-1:], data[:-1])
    number = bcd.value(digits, form)
    if number is None and code[0] in bcd.FILLERS:
        return Amount(None, "")
    known = UNITS.get(code[0])
    if known is None:
        raise DecodeError("bad-value", f"unit code {code[0]:02X}")
    unit, factor = known
    return Amount(None if number is None else Decimal(number) * factor, unit)


def volume(data: bytes) -> Volume:
    """What 901F of a water or gas meter holds: 19 bytes.

    Raises:
        DecodeError: ``truncated``, ``bad-frame``, ``bad-value``.
    """
    _sized(data, 19)
    return Volume(amount(data[:5]), amount(data[5:10]), _clock(data[10:17]), status(data[17:]))


def heat(data: bytes, *, unit_first: bool = False) -> Heat:
    """What 901F of a heat meter holds: 43 bytes. Flow has four decimals, all else two.

    Args:
        unit_first: see `amount`.

    Raises:
        DecodeError: ``truncated``, ``bad-frame``, ``bad-value``.
    """
    _sized(data, 43)
    return Heat(
        settled=amount(data[:5], unit_first=unit_first),
        energy=amount(data[5:10], unit_first=unit_first),
        power=amount(data[10:15], unit_first=unit_first),
        flow=amount(data[15:20], "XXXX.XXXX", unit_first=unit_first),
        volume=amount(data[20:25], unit_first=unit_first),
        supply=_temperature(data[25:28]),
        returned=_temperature(data[28:31]),
        hours=_hours(data[31:34]),
        clock=_clock(data[34:41]),
        status=status(data[41:]),
    )


def _sized(data: bytes, size: int) -> None:
    if len(data) != size:
        raise DecodeError(
            "truncated" if len(data) < size else "bad-frame", f"{len(data)} bytes of meter data, not {size}"
        )


def _temperature(data: bytes) -> Decimal | None:
    number = bcd.value(data, "XXXX.XX")
    return number if isinstance(number, Decimal) else None


def _hours(data: bytes) -> int | None:
    number = bcd.value(data, "XXXXXX")
    return number if isinstance(number, int) else None


def _clock(data: bytes) -> str | None:
    number = bcd.value(data, _CLOCK)
    return number if isinstance(number, str) else None


class Framer(SummedFramer):
    """CJ/T 188 frames in a stream of bytes; see `summed.SummedFramer`. At most 113 bytes are kept."""

    def __init__(self) -> None:
        super().__init__(SHAPE)

    def _length(self) -> int | None:
        """Beyond the shape: the type must be one of the standard's, so that a 68 in garbage rarely holds anything up."""
        if len(self._buffer) > 1 and not (0x10 <= self._buffer[1] <= 0x4F or self._buffer[1] == ANY_TYPE):
            return 0
        return super()._length()
