"""Values to registers: what a Modbus command writes, and what the confirming point's registers must then hold.

Owns: inverting a point's map, scale, order and bit. Must not know: arguments, templates, lines.

Everything here raises ValueError, with a text for people, for what cannot be written or shown.
"""

from msgspec import Struct

from edgegw.codec import registers
from edgegw.model import Value
from edgegw.profiles.plan import BIT_TABLES, width
from edgegw.profiles.schema import Point
from edgegw.profiles.schema_commands import ArgValue, ModbusCommand

COIL_ON, COIL_OFF = 0xFF00, 0x0000
"""How FC05 says on and off."""


class Shown(Struct, frozen=True):
    """How a value looks in the registers of its point.

    Attributes:
        place: (table, address, count) to read.
        words: what they hold, under `mask` (None: all bits).
    """

    place: tuple[str, int, int]
    words: tuple[int, ...]
    mask: tuple[int, ...] | None = None


def function_of(command: ModbusCommand, count: int) -> int:
    """The function code that writes so many words."""
    if command.function is not None:
        return command.function
    return 5 if command.table == "coil" else 6 if count == 1 else 16


def words_of(command: ModbusCommand, value: ArgValue | None) -> tuple[int, ...]:
    """What is written: the raw value itself, or the registers of an argument."""
    if value is None or isinstance(value, str):
        raise ValueError("a register takes a number")
    if command.table == "coil":
        bits = command.function == 15
        if isinstance(value, bool):
            return (int(value),) if bits else (COIL_ON if value else COIL_OFF,)
        raw = value if command.arg is None else registers.unscaled(value, "uint16", command.scale)
        if bits and raw not in (0, 1):
            raise ValueError(f"{raw:g} is no coil's state")
        return (int(raw),)
    if isinstance(value, bool) or command.arg is None:
        return (int(value),)
    words = registers.encode(registers.unscaled(value, command.type, command.scale), command.type, command.order)
    if command.function == 6 and len(words) > 1:
        raise ValueError(f"function 6 writes one register, {command.type} takes {len(words)}")
    return words


def shown_as(point: Point, value: Value) -> Shown:
    """What a point's registers hold when it has this value; where they can hold no value but a near one, that."""
    read = point.modbus
    if read is None:
        raise ValueError("the point is not in registers")
    place = (read.table, read.address, width(point))
    if point.type == "str":
        raise ValueError("a text in registers confirms nothing: name another point")
    if read.others:
        raise ValueError("other registers scale the point: what it must hold is not known beforehand")
    if read.bits is not None and read.bit is not None:
        return _field(point, place, value, read.bit, read.bits)
    if read.table in BIT_TABLES or read.bit is not None:
        on = _raw(point, "bool", value) is True
        if read.bit is None:
            return Shown(place, (int(on),))
        return Shown(place, (int(on) << read.bit,), (1 << read.bit,))
    kind = "uint16" if point.type == "bool" and point.map is not None else point.type
    return Shown(place, registers.encode(_raw(point, kind, value), kind, read.order))


def _field(point: Point, place: tuple[str, int, int], value: Value, lowest: int, count: int) -> Shown:
    raw = int(_raw(point, point.type, value))
    most = (1 << count) - 1
    if raw > most:
        raise ValueError(f"{raw} does not fit {count} bits")
    order = point.modbus.order if point.modbus is not None else "ABCD"
    words, mask = (registers.encode(bits << lowest, point.type, order) for bits in (raw, most))
    return Shown(place, words, mask)


def _raw(point: Point, kind: str, value: Value) -> bool | int | float:
    if point.map is not None:
        return _unmapped(point.map, kind, value)
    if point.type == "bool":
        if not isinstance(value, bool):
            raise ValueError(f"the point is true or false, not {value!r}")
        return value
    if value is None or isinstance(value, bool | str):
        raise ValueError(f"the point is a number, not {value!r}")
    if (point.min is not None and value < point.min) or (point.max is not None and value > point.max):
        raise ValueError(f"{value:g} is outside the point's min and max")
    return registers.unscaled(value, kind, point.scale, point.offset)


def _unmapped(mapping: dict[str, Value], kind: str, value: Value) -> bool | int | float:
    keys = [key for key, word in mapping.items() if word == value and isinstance(word, bool) == isinstance(value, bool)]
    if len(keys) != 1:
        raise ValueError(f"{value!r} is {'not' if not keys else 'more than once'} in the point's map")
    if kind == "bool":
        if keys[0] not in {"true", "false"}:
            raise ValueError(f"a bit is true or false, the map says {keys[0]!r}")
        return keys[0] == "true"
    return registers.unscaled(float(keys[0]) if kind.startswith("float") else int(keys[0]), kind)
