"""Which blocks of registers or bits to ask a Modbus device for, which identifiers to ask a meter for, and how often.

Owns: joining neighbouring points into blocks within a profile's limits.
Must not know: units, lines, when a block is asked for.

Invariants: every Modbus point lies whole in a block of its group; no block joins groups or tables; no block is longer than the
limit (unless a single point is); no block bridges more than `max_gap` unread places; the order of the points does not matter.
"""

from msgspec import Struct

from edgegw.codec.meter_line import FIRST_DATA, NEXT_DATA
from edgegw.codec.registers import SIZES
from edgegw.profiles.decode_meter import value_bytes
from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_meter import MeterSection

TABLES = ("coil", "discrete", "holding", "input")
BIT_TABLES = frozenset({"coil", "discrete"})


class Block(Struct, frozen=True, gc=False):
    """One read request.

    Attributes:
        group: the poll group; `period_s` is its period in seconds.
        address: first register or bit, zero-based; `count` of them.
    """

    group: str
    table: str
    address: int
    count: int
    period_s: float


def width(point: Point) -> int:
    """Registers or bits a Modbus point takes."""
    return point.length or 1 if point.type == "str" else SIZES.get(point.type, 1)


def poll_plan(profile: Profile) -> tuple[Block, ...]:
    """All blocks of a profile: groups in the profile's order, then by table and address; of a meter its identifiers. Empty for
    other links' profiles."""
    if profile.meter is not None:
        return _identifiers(profile, profile.meter)
    spans: dict[tuple[str, str], set[tuple[int, int]]] = {}
    for point in profile.points.values():
        if point.modbus is not None:
            read = point.modbus
            spans.setdefault((read.group, read.table), set()).add((read.address, read.address + width(point)))
    return tuple(
        Block(group, table, start, end - start, period)
        for group, period in profile.modbus.poll.items()
        for table in TABLES
        for start, end in _join(spans.get((group, table), set()), *_limits(profile, table))
    )


def _identifiers(profile: Profile, section: MeterSection) -> tuple[Block, ...]:
    """One block for each group and identifier: the protocol as table, the identifier as address, the most bytes as count."""
    sizes: dict[tuple[str, str], int] = {}
    for point in profile.points.values():
        if (read := point.meter) is not None:
            key = (read.group, read.di)
            sizes[key] = max(sizes.get(key, 0), value_bytes(section, read))
    least = FIRST_DATA + (section.following - 1) * NEXT_DATA + 1 if section.following else 0
    return tuple(
        Block(group, section.protocol, int(di, 16), max(size, least), period)
        for group, period in section.poll.items()
        for (of, di), size in sizes.items()
        if of == group
    )


def _limits(profile: Profile, table: str) -> tuple[int, int]:
    modbus = profile.modbus
    return (modbus.max_bits if table in BIT_TABLES else modbus.max_registers), modbus.max_gap


def _join(spans: set[tuple[int, int]], most: int, gap: int) -> list[tuple[int, int]]:
    blocks: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if blocks:
            first, last = blocks[-1]
            if start - last <= gap and max(last, end) - first <= most:
                blocks[-1] = (first, max(last, end))
                continue
        blocks.append((start, end))
    return blocks
