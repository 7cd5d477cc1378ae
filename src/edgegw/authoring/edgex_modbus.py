"""EdgeX's Modbus resources as points and commands.

Owns: tables, addresses, types, swaps, bits; which writes can be carried over.
Must not know: the rest of an EdgeX profile (edgex).

Source: edgexfoundry/device-modbus-go, internal/driver: deviceclient.go, swap.go, constant.go; IOTech's documentation for
``boolIndex``. A coil is written with function 15, one register with 6, several with 16.
"""

from collections.abc import Callable

from msgspec import Struct

from edgegw.authoring.edgex import Left, Resource, arg_of
from edgegw.authoring.yamltext import Flow, Hex
from edgegw.codec.registers import SIZES

TABLES = {
    "HOLDING_REGISTERS": "holding",
    "INPUT_REGISTERS": "input",
    "COILS": "coil",
    "DISCRETES_INPUT": "discrete",
    "DISCRETE_INPUTS": "discrete",
    "DISCRETE_INPUT": "discrete",
}
_BITS = frozenset({"coil", "discrete"})
_ORDERS = {(False, False): "ABCD", (False, True): "CDAB", (True, False): "BADC", (True, True): "DCBA"}
"""By (isByteSwap, isWordSwap)."""

_TYPES = frozenset({"int16", "uint16", "int32", "uint32", "int64", "uint64", "float32", "float64"})
MOST_TEXT = 123
"""Registers of a text at most."""


class Place(Struct, frozen=True):
    """Where a resource is: our table, zero-based address, and the bit where the address names one."""

    table: str
    address: int
    bit: int | None


class CannotError(Exception):
    """Something that cannot be carried over; the text says why."""


def point_of(one: Resource, *, old: bool, leave: Callable[[Left], None]) -> dict[str, object] | None:
    """The point of a resource, None if it cannot be one; `leave` is told why, and what is not carried over.

    Args:
        old: addresses count from 1.
    """
    try:
        return _read(one, place_of(one, old=old), leave)
    except CannotError as error:
        leave(Left(one.name, f"left out: {error}"))
        return None


def _read(one: Resource, place: Place, leave: Callable[[Left], None]) -> dict[str, object]:
    kind = _kind(one)
    if place.table in _BITS and kind != "bool":
        raise CannotError(f"a {place.table} is one bit, and {one.properties.type} is more")
    if kind == "bool":
        return _point(one, kind, place, {} if place.table in _BITS else {"bit": place.bit or 0})
    if kind == "str":
        length = _count(one.attributes.get("stringRegisterSize", one.attributes.get("wordLength", 1)))
        if length is None or not 1 <= length <= MOST_TEXT:
            raise CannotError(f"stringRegisterSize is 1 to {MOST_TEXT} registers")
        return {**_point(one, kind, place, {}), "length": length}
    if one.properties.base not in {None, 0.0}:
        raise CannotError(f"base {one.properties.base:g}: powers are not computed here")
    where, factor = _field(one, kind)
    return _point(one, kind, place, _order(one, kind, leave) | where, factor)


def _point(one: Resource, kind: str, place: Place, where: dict[str, object], factor: int = 1) -> dict[str, object]:
    properties = one.properties
    made: dict[str, object] = {"type": kind}
    if one.description:
        made["description"] = one.description
    if kind not in {"bool", "str"}:
        if properties.unit:
            made["unit"] = properties.unit
        scale = (1.0 if properties.scale is None else properties.scale) * factor
        if scale != 1:
            made["scale"] = scale
        if properties.offset:
            made["offset"] = properties.offset
    made["modbus"] = Flow({"table": place.table, "address": Hex(place.address), **where})
    return made


def command_of(
    one: Resource, point: dict[str, object] | None, *, old: bool, leave: Callable[[Left], None]
) -> dict[str, object] | None:
    """The command that writes a resource, confirmed by its point if it is read too; None if there is none."""
    try:
        arg, write = _written(one, place_of(one, old=old))
    except CannotError as error:
        if point is not None or not one.properties.reads:  # else it is told with the point
            leave(Left(one.name, f"is not written: {error}"))
        return None
    made: dict[str, object] = {"args": {"value": Flow(arg)}, "modbus": Flow({**write, "arg": "value"})}
    if point is not None:
        made["confirm"] = Flow({"point": one.slug, "arg": "value"})
    return made


def _written(one: Resource, place: Place) -> tuple[dict[str, object], dict[str, object]]:
    """The command's argument, and where it goes."""
    if place.table not in {"coil", "holding"}:
        raise CannotError(f"a {place.table} can only be read")
    kind = _kind(one)
    properties = one.properties
    write: dict[str, object] = {"table": place.table, "address": Hex(place.address)}
    if place.table == "coil":
        if kind != "bool":
            raise CannotError(f"a coil is one bit, and {properties.type} is more")
        return arg_of(properties, kind), write | {"function": 15}
    if kind in {"bool", "str"}:
        raise CannotError("a single bit of a register, or a text, cannot be written here")
    if properties.offset or properties.base or properties.mask or properties.shift:
        raise CannotError("a command has a scale, and no offset, base, mask or shift")
    scale = 1.0 if properties.scale is None else properties.scale
    if scale <= 0:
        raise CannotError("a command's scale is above 0")
    write |= {"type": kind} if kind != "uint16" else {}
    write |= {"scale": scale} if scale != 1 else {}
    whole = not kind.startswith("float") and scale == 1
    return arg_of(properties, "int" if whole else "float"), write | _order(one, kind, lambda _: None)


def place_of(one: Resource, *, old: bool) -> Place:
    """Where a resource is. Raises CannotError."""
    table = TABLES.get(str(one.attributes.get("primaryTable", "")).upper())
    if table is None:
        raise CannotError(f"primaryTable {one.attributes.get('primaryTable')!r} is none of {', '.join(TABLES)}")
    written = one.attributes.get("startingAddress")
    text = f"{written:.2f}" if isinstance(written, float) else str(written).strip()
    head, _, tail = text.partition(".")
    number, bit = _count(head), _count(tail) if tail else None
    if number is None or (tail and bit is None):
        raise CannotError(f"startingAddress {written!r} is no address")
    number -= old
    if not 0 <= number <= 0xFFFF:
        raise CannotError(f"startingAddress {written!r} is beyond the 65,536 there are")
    if "boolIndex" in one.attributes:
        bit = _count(one.attributes["boolIndex"])
    if bit is not None and bit > 15:
        raise CannotError(f"bit {bit} is none of a register's")
    return Place(table, number, bit)


def _kind(one: Resource) -> str:
    """Our type; the raw one, as it is in the registers, where both are given. Raises CannotError."""
    kind = one.properties.type
    if kind == "bool":
        return "bool"
    if kind == "string":
        return "str"
    raw = str(one.attributes.get("rawType") or "").lower() or kind
    if raw not in _TYPES:
        raise CannotError(f"type {raw or 'none'} is none of a register's")
    return raw


def _order(one: Resource, kind: str, leave: Callable[[Left], None]) -> dict[str, object]:
    swaps = _true(one.attributes.get("isByteSwap")), _true(one.attributes.get("isWordSwap"))
    if SIZES[kind] == 1 or swaps == (False, False):
        return {}
    if SIZES[kind] > 2:
        leave(Left(one.name, "swaps of 64-bit values: device-modbus-go ignores them, and so does this; try `order`"))
        return {}
    return {"order": _ORDERS[swaps]}


def _field(one: Resource, kind: str) -> tuple[dict[str, object], int]:
    """Mask and shift of an unsigned value as a field of bits and a factor, as bit and bits. Raises CannotError."""
    mask, shift = one.properties.mask or 0, one.properties.shift or 0
    if not (mask or shift) or not one.properties.type.startswith("uint"):
        return {}, 1
    width = 16 * SIZES[kind]
    mask = (mask or (1 << width) - 1) & ((1 << width) - 1)
    low = (mask & -mask).bit_length() - 1
    if mask == 0 or (mask >> low) & ((mask >> low) + 1):
        raise CannotError(f"mask {mask:#x} is no row of neighbouring bits")
    bit, top = max(low, shift), mask.bit_length()
    if bit >= top:
        raise CannotError(f"shift {shift} leaves nothing of mask {mask:#x}")
    return {"bit": bit, "bits": top - bit}, 1 << max(0, low - shift)


def _true(value: object) -> bool:
    return value is True or str(value).strip().lower() in {"true", "1", "t"}


def _count(value: object) -> int | None:
    """A whole number from 0, also as text."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdecimal() and len(value.strip()) < 10:
        value = int(value)
    return value if type(value) is int and value >= 0 else None
