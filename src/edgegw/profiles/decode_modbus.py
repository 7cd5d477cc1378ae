"""Modbus blocks to readings.

Owns: which points lie in a block and where.
Must not know: frames, units, polling.
"""

from collections.abc import Callable

from edgegw.codec import registers
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, Raw, Reading, Registers
from edgegw.profiles.convert import Convert, converter
from edgegw.profiles.plan import BIT_TABLES, width
from edgegw.profiles.schema import Point, Profile

Words = tuple[int, ...]
Extract = Callable[[Words], object]

BLOCKS_KEPT = 256
"""Compiled blocks kept: a poll plan has a handful, only probing asks for others; above this the oldest are made anew."""


class _Field:
    """A point in a table."""

    __slots__ = ("address", "convert", "end", "extract", "name", "table", "unit")

    def __init__(self, name: str, point: Point) -> None:
        if point.modbus is None:
            raise ProfileError("profile", f"point {name} has no modbus section")
        self.name = name
        self.unit = point.unit
        self.table = point.modbus.table
        self.address = point.modbus.address
        self.end = self.address + width(point)
        self.extract: Extract = _extract(name, point)
        self.convert: Convert = converter(name, point)


def _extract(name: str, point: Point) -> Extract:
    read, kind = point.modbus, point.type
    if read is None or kind in {"int", "float"}:
        raise ProfileError("profile", f"point {name}: a register needs a sized type, such as int16")
    order = read.order
    if read.table in BIT_TABLES:
        return lambda words: bool(words[0])
    if read.bit is not None:
        number = read.bit
        return lambda words: registers.bit(words[0], number)
    if kind == "str":
        return lambda words: registers.text(words, order)
    if kind == "bool" and point.map is not None:
        return lambda words: words[0]
    return lambda words: registers.decode(words, kind, order)


class ModbusDecoder:
    """All devices of a profile share one; see `decode.Decoder`."""

    def __init__(self, profile: Profile) -> None:
        self._fields = tuple(_Field(name, point) for name, point in profile.points.items())
        self._blocks: dict[tuple[str, int, int], tuple[tuple[_Field, int, int], ...]] = {}

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
        readings = []
        for field, start, stop in fields:
            value = field.convert(field.extract(words[start:stop]))
            if value is not None:
                readings.append(Reading(field.name, value, field.unit))
        return Decoded(tuple(readings))

    def _compile(self, table: str, address: int, count: int) -> tuple[tuple[_Field, int, int], ...]:
        inside = tuple(
            (field, field.address - address, field.end - address)
            for field in self._fields
            if field.table == table and field.address >= address and field.end <= address + count
        )
        if len(self._blocks) >= BLOCKS_KEPT:
            self._blocks.pop(next(iter(self._blocks)))
        self._blocks[table, address, count] = inside
        return inside
