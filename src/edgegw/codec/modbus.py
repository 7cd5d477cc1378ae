"""Modbus RTU frames, pure: what was asked, what was answered, and whether the answer is one.

Owns: CRC-16, building requests, checking a request and its reply, frame lengths for timing.
Must not know: ports, timing, what a register means.

Source: MODBUS Application Protocol V1.1b3 and MODBUS over Serial Line V1.02.
"""

import struct
from collections.abc import Sequence

from edgegw.errors import DecodeError
from edgegw.model import Registers

READ_FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_TABLES = {code: table for table, code in READ_FUNCTIONS.items()}
_WRITE_COIL, _WRITE_REGISTER, _WRITE_COILS, _WRITE_REGISTERS = 5, 6, 15, 16
WRITE_FUNCTIONS = frozenset({_WRITE_COIL, _WRITE_REGISTER, _WRITE_COILS, _WRITE_REGISTERS})
_COIL_STATES = {0xFF00: 1, 0x0000: 0}

EXCEPTIONS = {
    1: "illegal function",
    2: "illegal address",
    3: "illegal value",
    4: "device failure",
    5: "acknowledge",
    6: "busy",
    8: "memory parity error",
    10: "gateway path unavailable",
    11: "gateway target does not respond",
}


def _crc_table() -> tuple[int, ...]:
    table = []
    for byte in range(256):
        crc = byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
        table.append(crc)
    return tuple(table)


_CRC_TABLE = _crc_table()


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS; on the wire it follows the frame low byte first."""
    crc = 0xFFFF
    for byte in data:
        crc = crc >> 8 ^ _CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc


def seal(body: bytes) -> bytes:
    """A frame's bytes with its CRC."""
    return body + struct.pack("<H", crc16(body))


def unseal(frame: bytes) -> bytes:
    """A frame's bytes without its CRC.

    Raises:
        DecodeError: ``bad-frame`` if it is shorter than any frame, ``bad-checksum`` if the CRC is wrong.
    """
    if len(frame) < 4:
        raise DecodeError("bad-frame", f"{len(frame)} bytes are no Modbus frame")
    body, wanted = frame[:-2], struct.unpack("<H", frame[-2:])[0]
    if crc16(body) != wanted:
        raise DecodeError("bad-checksum", f"CRC of {frame.hex().upper()} should be {seal(body)[-2:].hex().upper()}")
    return body


def read_request(unit: int, table: str, address: int, count: int) -> bytes:
    """The frame that asks a unit for `count` registers or bits from `address` (zero-based)."""
    return seal(struct.pack(">BBHH", unit, READ_FUNCTIONS[table], address, count))


def parse_pair(request: bytes, reply: bytes) -> Registers:
    """What a reply tells, given what was asked. FC 01–04; of the writes FC 05 and 06, whose echo tells the new value.

    Raises:
        DecodeError: ``bad-checksum``, ``bad-frame`` (lengths, wrong unit or function: a late reply to something else),
            ``device-exception`` (the device refused), ``unsupported-function``, ``bad-value``.
    """
    asked, said = unseal(request), unseal(reply)
    if len(asked) != 6:
        raise DecodeError("bad-frame", f"{request.hex().upper()} is no read or single write request")
    unit, function, address, count = struct.unpack(">BBHH", asked)
    if said[0] != unit:
        raise DecodeError("bad-frame", f"asked unit {unit}, unit {said[0]} answered")
    if said[1] == function | 0x80 and len(said) == 3:
        raise DecodeError("device-exception", f"unit {unit}: {EXCEPTIONS.get(said[2], f'exception {said[2]}')}")
    if said[1] != function:
        raise DecodeError("bad-frame", f"asked function {function}, answered was {said[1]}")
    if function in (_WRITE_COIL, _WRITE_REGISTER):
        return _echo(asked, said, function, address, count)
    if function not in _TABLES:
        raise DecodeError("unsupported-function", f"function {function}")
    return Registers(_TABLES[function], address, _values(said, function, count))


def _echo(asked: bytes, said: bytes, function: int, address: int, value: int) -> Registers:
    if said != asked:
        raise DecodeError("bad-frame", "the reply to a write must repeat it")
    if function == _WRITE_REGISTER:
        return Registers("holding", address, (value,))
    if value not in _COIL_STATES:
        raise DecodeError("bad-value", f"{value:04X} does not tell a coil's state")
    return Registers("coil", address, (_COIL_STATES[value],))


def _values(said: bytes, function: int, count: int) -> tuple[int, ...]:
    bits = function <= 2
    size = (count + 7) // 8 if bits else 2 * count
    data = said[3:]
    if len(said) < 3 or said[2] != size or len(data) != size:
        raise DecodeError("bad-frame", f"asked {count}, the reply holds {len(data)} bytes instead of {size}")
    if bits:
        return tuple(data[i >> 3] >> (i & 7) & 1 for i in range(count))
    return struct.unpack(f">{count}H", data)


def write_body(function: int, address: int, words: Sequence[int]) -> bytes:
    """What follows the function code in a write request. FC 05 takes any 16-bit value: a pulse's length, 0100 of odd relays.

    Args:
        words: one value for FC 05 and 06; bits (0 or 1) for FC 15; registers for FC 16.

    Raises:
        ValueError: no write function, an address or value beyond 16 bits, or more values than one request holds.
    """
    most = {_WRITE_COIL: 1, _WRITE_REGISTER: 1, _WRITE_COILS: 1968, _WRITE_REGISTERS: 123}.get(function, 0)
    if not 1 <= len(words) <= most:
        raise ValueError(f"function {function} does not write {len(words)} values")
    if not 0 <= address <= 0xFFFF or any(not 0 <= word <= 0xFFFF for word in words):
        raise ValueError("address and values have 16 bits")
    if most == 1:
        return struct.pack(">HH", address, words[0])
    if function == _WRITE_REGISTERS:
        return struct.pack(f">HHB{len(words)}H", address, len(words), 2 * len(words), *words)
    packed = bytearray((len(words) + 7) // 8)
    for n, word in enumerate(words):
        packed[n >> 3] |= bool(word) << (n & 7)
    return struct.pack(">HHB", address, len(words), len(packed)) + packed


def write_echo(function: int, address: int, words: Sequence[int]) -> bytes:
    """The four bytes that follow the function code in the answer to a write: address, and the value or how many were written."""
    return write_body(function, address, words)[:4]


def write_request(unit: int, function: int, address: int, words: Sequence[int]) -> bytes:
    """The frame that writes; see `write_body`."""
    return seal(bytes((unit, function)) + write_body(function, address, words))


def request_bytes(function: int = 3, count: int = 1) -> int:
    """Bytes of a request on the wire: unit, function, address, count or value, CRC; for FC 15 and 16 the values too."""
    if function == _WRITE_COILS:
        return 9 + (count + 7) // 8
    return 9 + 2 * count if function == _WRITE_REGISTERS else 8


def reply_bytes(count: int, table: str) -> int:
    """Bytes of a good reply to a read on the wire: unit, function, byte count, data, CRC."""
    return 5 + ((count + 7) // 8 if table in {"coil", "discrete"} else 2 * count)


def answer_bytes(function: int, count: int) -> int:
    """Bytes of a good reply to any request; to a write: unit, function, four bytes of echo, CRC."""
    return 8 if function in WRITE_FUNCTIONS else reply_bytes(count, _TABLES[function])
