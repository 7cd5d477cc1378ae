"""Poll plans keep their invariants whatever the points."""

from hypothesis import given
from hypothesis import strategies as st

from edgegw.profiles.plan import BIT_TABLES, Block, poll_plan, width
from edgegw.profiles.schema import ModbusRead, ModbusSection, Point, Profile, Sample

GROUPS = {"fast": "1s", "slow": "1m"}


def profile(points, **limits):
    return Profile(
        vendor="v",
        model="m",
        source="s",
        link="modbus",
        modbus=ModbusSection(poll=GROUPS, **limits),
        points=points,
        samples=(Sample(source="x", hex="00", request="00", readings={}),),
    )


@st.composite
def point(draw):
    table = draw(st.sampled_from(["coil", "discrete", "holding", "input"]))
    kinds = ["bool"] if table in BIT_TABLES else ["bool", "int16", "uint32", "float32", "int64", "str"]
    kind = draw(st.sampled_from(kinds))
    read = ModbusRead(table=table, address=draw(st.integers(0, 300)), group=draw(st.sampled_from(sorted(GROUPS))))
    return Point(type=kind, length=draw(st.integers(1, 20)) if kind == "str" else None, modbus=read)


maps = st.lists(point(), min_size=1, max_size=25).map(lambda found: {f"p{i}": p for i, p in enumerate(found)})
limits = st.fixed_dictionaries(
    {"max_registers": st.integers(1, 125), "max_bits": st.integers(1, 2000), "max_gap": st.integers(0, 64)}
)


@given(maps, limits, st.randoms())
def test_invariants(points, limit, random):
    plan = poll_plan(profile(points, **limit))
    for p in points.values():
        read, size = p.modbus, width(p)
        assert any(
            b.group == read.group
            and b.table == read.table
            and b.address <= read.address
            and read.address + size <= b.address + b.count
            for b in plan
        )
    for b in plan:
        mine = [p for p in points.values() if (p.modbus.group, p.modbus.table) == (b.group, b.table)]
        most = limit["max_bits"] if b.table in BIT_TABLES else limit["max_registers"]
        assert b.count <= max(most, *(width(p) for p in mine))
        assert b.period_s == {"fast": 1, "slow": 60}[b.group]
        used = {a for p in mine for a in range(p.modbus.address, p.modbus.address + width(p))}
        unread = 0
        for address in range(b.address, b.address + b.count):
            unread = 0 if address in used else unread + 1
            assert unread <= limit["max_gap"]
        assert b.address in used
        assert b.address + b.count - 1 in used
    names = list(points)
    random.shuffle(names)
    assert poll_plan(profile({n: points[n] for n in names}, **limit)) == plan


def at(address, group="fast", kind="uint16"):
    return Point(type=kind, modbus=ModbusRead(table="holding", address=address, group=group))


def test_one_value_a_read():
    points = {"a": at(0, kind="float32"), "b": at(2), "c": at(3)}
    plan = poll_plan(profile(points, max_registers=1))
    assert plan == tuple(Block("fast", "holding", a, n, 1.0) for a, n in ((0, 2), (2, 1), (3, 1)))


def test_gaps():
    points = {"a": at(0), "b": at(9), "c": at(20)}
    assert [(b.address, b.count) for b in poll_plan(profile(points, max_gap=8))] == [(0, 10), (20, 1)]
    assert [(b.address, b.count) for b in poll_plan(profile(points, max_gap=0))] == [(0, 1), (9, 1), (20, 1)]
