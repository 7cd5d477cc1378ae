"""Modbus blocks to readings.

Owns: which points lie in a block and where; values that other registers of the device scale (transformer ratios, decimals).
Must not know: frames, units, polling.

A register that scales others may be in another block, asked for more rarely: its last value is kept per device, in memory. It is
a setting of the device, made by its installer; after a change, readings follow with the next answer of its block.
"""

from collections.abc import Callable, Mapping
from copy import copy
from decimal import Decimal

from edgegw.codec import registers
from edgegw.codec.registers import Number
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, Raw, Reading, Registers, Value
from edgegw.profiles.convert import Convert, converter
from edgegw.profiles.plan import BIT_TABLES, width
from edgegw.profiles.schema import Point, Profile

Words = tuple[int, ...]
Extract = Callable[[Words], object]

BLOCKS_KEPT = 256
"""Compiled blocks kept: a poll plan has a handful, only probing asks for others; above this the oldest are made anew."""


SCALES_KEPT = 16
"""Converters kept of a scaled point: a handful of ratios are in use at a site; beyond, all are made anew."""

MOST_DECIMALS = 9
"""Decimals a register may ask for; devices go to 4, and nine are all that 32 bits hold."""


class _Field:
    """A point in a table."""

    __slots__ = ("_scaled", "address", "convert", "end", "extract", "name", "others", "point", "table", "unit")

    def __init__(self, name: str, point: Point) -> None:
        if point.modbus is None:
            raise ProfileError("profile", f"point {name} has no modbus section")
        self.name = name
        self.point = point
        self.unit = point.unit
        self.table = point.modbus.table
        self.address = point.modbus.address
        self.end = self.address + width(point)
        self.others = point.modbus.others
        self.extract: Extract = _extract(name, point)
        self.convert: Convert = converter(name, point)
        self._scaled: dict[tuple[Number, ...], Convert] = {}

    def scaled_by(self, others: tuple[Number, ...]) -> Convert:
        """The converter while the points in `others` have these values.

        Raises:
            DecodeError: ``bad-value`` if they can't scale anything.
        """
        convert = self._scaled.get(others)
        if convert is None:
            if len(self._scaled) >= SCALES_KEPT:
                self._scaled.clear()
            scale = _scale(self.name, self.point, others)
            convert = self._scaled[others] = converter(self.name, self.point.model_copy(update={"scale": scale}))
        return convert


def _scale(name: str, point: Point, others: tuple[Number, ...]) -> float:
    """A point's own scale times the other points' values, exact in decimal, by the tenth power the last one says (if it does)."""
    scale = Decimal(repr(point.scale))
    read = point.modbus
    if read is not None and read.decimals_from is not None:
        *others_left, places = others
        if places not in range(MOST_DECIMALS + 1):
            raise DecodeError("bad-value", f"{name}: {read.decimals_from} is {places}, no number of decimals")
        scale, others = scale.scaleb(-int(places)), tuple(others_left)
    for factor in others:
        scale *= Decimal(repr(factor))
    return float(scale)


def _extract(name: str, point: Point) -> Extract:
    read, kind = point.modbus, point.type
    if read is None or kind in {"int", "float"}:
        raise ProfileError("profile", f"point {name}: a register needs a sized type, such as int16")
    order = read.order
    if read.table in BIT_TABLES:
        return lambda words: bool(words[0])
    if read.bit is not None:
        number, count = read.bit, read.bits
        if count is None:
            return lambda words: registers.bit(words[0], number)
        return lambda words: registers.bits(int(registers.decode(words, kind, order)), number, count)
    if kind == "str":
        return lambda words: registers.text(words, order)
    if kind == "bool" and point.map is not None:
        return lambda words: words[0]
    return lambda words: registers.decode(words, kind, order)


Placed = tuple[_Field, int, int]
"""A point, and the part of the block's words that is its own."""


class ModbusDecoder:
    """All devices of a profile share one, unless registers scale others (`of_a_device`); see `decode.Decoder`."""

    def __init__(self, profile: Profile) -> None:
        self._fields = tuple(_Field(name, point) for name, point in profile.points.items())
        self._blocks: dict[tuple[str, int, int], tuple[Placed, ...]] = {}
        self._scaling = frozenset(name for field in self._fields for name in field.others)
        self._known: dict[str, Number] = {}

    def of_a_device(self) -> "ModbusDecoder":
        """The decoder of one device: one of its own if it has to remember what scales its registers, with all else shared."""
        if not self._scaling:
            return self
        own = copy(self)
        own.forget()
        return own

    def forget(self) -> None:
        """Nothing is known any more of what scales others."""
        self._known = {}

    def learn(self, values: Mapping[str, Number]) -> None:
        """What the points that scale others are now known to be; of no meaning for a profile without such."""
        self._known.update((name, value) for name, value in values.items() if name in self._scaling)

    def topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.topics`."""
        return ()

    def live_topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.live_topics`."""
        return ()

    def matched(self) -> dict[str, tuple[tuple[str, ...], str]]:
        """See `decode.Decoder.matched`."""
        return {}

    def decode(self, raw: Raw) -> Decoded:
        """All points that lie whole in the block."""
        if type(raw) is not Registers:
            raise DecodeError("wrong-kind", f"{type(raw).__name__} for a Modbus device")
        words = raw.words
        key = (raw.table, raw.address, len(words))
        fields = self._blocks.get(key)
        if fields is None:
            fields = self._compile(*key)
        if not fields:
            raise DecodeError("unknown-block", f"no point in {raw.table} {raw.address}+{len(words)}")
        if self._scaling:
            return self._scaled(fields, words)
        readings = []
        for field, start, stop in fields:
            value = field.convert(field.extract(words[start:stop]))
            if value is not None:
                readings.append(Reading(field.name, value, field.unit))
        return Decoded(tuple(readings))

    def _scaled(self, fields: tuple[Placed, ...], words: Words) -> Decoded:
        """What scales is read first, then what is scaled by it."""
        values: dict[str, Value] = {}
        for field, start, stop in fields:
            if not field.others:
                values[field.name] = value = field.convert(field.extract(words[start:stop]))
                if field.name in self._scaling and isinstance(value, int | float):
                    self._known[field.name] = value
        for field, start, stop in fields:
            others = tuple(self._known[name] for name in field.others if name in self._known)
            if field.others and len(others) == len(field.others):
                values[field.name] = field.scaled_by(others)(field.extract(words[start:stop]))
        placed = ((field, values.get(field.name)) for field, _, _ in fields)
        return Decoded(tuple(Reading(field.name, value, field.unit) for field, value in placed if value is not None))

    def _compile(self, table: str, address: int, count: int) -> tuple[Placed, ...]:
        inside = tuple(
            (field, field.address - address, field.end - address)
            for field in self._fields
            if field.table == table and field.address >= address and field.end <= address + count
        )
        if len(self._blocks) >= BLOCKS_KEPT:
            self._blocks.pop(next(iter(self._blocks)))
        self._blocks[table, address, count] = inside
        return inside
