"""Bounds of small lines, worked out by hand, and how they move when the load does."""

import pytest
from msgspec.structs import replace

from edgegw.commands.bound import (
    ADVICE,
    AGAIN_S,
    BlockLoad,
    Bound,
    LineLoad,
    OrderLoad,
    Part,
    Timed,
    TurnLoad,
    UnitLoad,
    commit,
    merged,
    orders_in,
    total,
    worst,
)
from edgegw.commands.bound_line import LineBound
from edgegw.commands.bound_order import readbacks_s

LATE = 0.2


def timed(answered_s: float) -> Timed:
    """Told 4 ms before the line is free."""
    return Timed(answered_s - 0.004, answered_s, answered_s + LATE)


ORDER = OrderLoad("on", timed(0.1), timed(0.1), within_s=0.3)
DOOR = TurnLoad("board", (("gate", (ORDER,)),))


def unit(device: str, *blocks: BlockLoad) -> UnitLoad:
    return UnitLoad(device, timed(0.1), blocks)


def line(*units: UnitLoad, turns: tuple[TurnLoad, ...] = (DOOR,)) -> LineBound:
    return LineBound(LineLoad("bus", LATE, LATE, 0.1, units, turns))


def block(answered_s: float = 0.1, period_s: float = 2.0, *, alarm: bool = False) -> BlockLoad:
    return BlockLoad("holding 0+1", timed(answered_s), period_s, alarm)


def door(bounds: LineBound, turn: TurnLoad = DOOR) -> dict[str, float]:
    parts = bounds.door(turn, turn.doors[0][0], turn.doors[0][1][0])
    assert parts is not None
    return {part.what: pytest.approx(part.seconds) for part in merged(parts)}


def test_a_board_alone_waits_only_for_itself():
    # twice in flight: its own poll, once unanswered
    assert door(line(unit("board", block()))) == {
        "in-flight": 0.1 + 0.1 + LATE,
        "probe": 0.1,
        "write": 0.096,
        "confirm": 0.3,
        "readback": 0.096,
    }


def test_a_slow_neighbour_is_in_flight_twice_unanswered():
    found = door(line(unit("board"), unit("meter", block(0.5))))
    assert found["in-flight"] == 2 * (0.5 + LATE)


def test_without_a_read_back_the_line_is_wanted_once():
    quick = TurnLoad("board", (("gate", (replace(ORDER, readback=None, within_s=0.0),)),))
    found = door(line(unit("board"), unit("meter", block(0.5)), turns=(quick,)), quick)
    assert found == {"in-flight": 0.5 + LATE, "probe": 0.1, "write": 0.096}


def test_another_board_adds_its_orders_and_its_failure():
    other = TurnLoad("other", (("back", (ORDER,)),))
    found = door(line(unit("board"), unit("other"), turns=(DOOR, other)))
    assert found["queue"] == 0.2, "its one order: a write and a read-back before ours"
    assert found["faults"] == 0.1 + LATE + LATE, "a write unanswered, then a probe"


def test_the_turn_of_a_board_is_for_one_order():
    two = TurnLoad("board", (("gate", (ORDER,)), ("back", (ORDER,))))
    found = door(line(unit("board"), turns=(two,)), two)
    assert found["turn"] == 0.096 + 0.3 + 0.096 + 0.01
    apart = (TurnLoad("board", (two.doors[0],), point="gate"), TurnLoad("board", (two.doors[1],), point="back"))
    found = door(line(unit("board"), turns=apart), apart[0])
    assert "turn" not in found
    assert found["queue"] == 0.2


def test_a_commands_bound_knows_the_doors_of_its_board():
    turn = TurnLoad("board", DOOR.doors, (ORDER,))
    bounds = line(unit("board"), unit("meter", block()), turns=(turn,))
    parts = bounds.command(turn, ORDER)
    assert parts is not None
    assert {part.what: part.seconds for part in merged(parts)}["turn"] == pytest.approx(0.502)
    assert total(parts) < AGAIN_S, "so that the door gives one order in it"


@pytest.mark.parametrize(
    ("settle", "within", "most"), [(0.0, 0.0, 0.1), (0.0, 0.05, 0.15), (0.0, 0.3, 0.3), (0.3, 0.3, 0.1)]
)
def test_read_backs_leave_their_pauses(settle, within, most):
    assert readbacks_s(replace(ORDER, settle_s=settle, within_s=within)) == pytest.approx(most)


def test_a_longer_timeout_anywhere_never_makes_a_bound_shorter():
    turn = TurnLoad("board", DOOR.doors, (ORDER,))
    other = TurnLoad("other", (), (ORDER,))
    seconds = []
    for answered_s in (0.05, 0.1, 0.2, 0.4):
        units = (unit("board", block()), unit("other", block(alarm=True)), unit("meter", block(answered_s, alarm=True)))
        bounds = line(*units, turns=(turn, other))
        paths = (
            bounds.door(turn, "gate", ORDER),
            bounds.command(other, ORDER),
            bounds.poll(units[1], units[1].blocks[0]),
        )
        seconds.append([total(parts) for parts in paths if parts is not None])
    assert seconds == sorted(seconds)
    assert all(len(each) == 3 for each in seconds)


def test_an_alarm_waits_for_the_other_alarm_blocks_once():
    units = (unit("a", block(alarm=True)), unit("b", block(0.3, alarm=True)), unit("c", block(0.4)))
    bounds = line(*units, turns=())
    parts = {part.what: part.seconds for part in bounds.poll(units[0], units[0].blocks[0]) or ()}
    assert parts["poll"] == 2.0
    assert parts["in-flight"] == pytest.approx(0.4), "telemetry may be in flight, and does not go before"
    assert parts["alarm-polls"] == pytest.approx(0.3)


def test_what_never_ends_has_no_bound():
    doors = tuple((f"door{n}", (replace(ORDER, within_s=3.0),)) for n in range(8))
    turn = TurnLoad("board", doors, (ORDER,))
    bounds = line(unit("board", block(alarm=True)), unit("meter", block(1.0)), turns=(turn,))
    assert bounds.command(turn, ORDER) is None
    bound = Bound("command", "board", 5.0, None)
    assert bound.seconds == float("inf")
    assert bound.fault is not None
    assert "has no bound" in bound.fault


def test_givers_of_orders_rest():
    assert [orders_in(seconds) for seconds in (0.0, AGAIN_S - 0.01, AGAIN_S, 2 * AGAIN_S)] == [1, 1, 2, 3]


def test_a_commit_waits_for_the_one_under_way_but_not_beyond_the_audits_patience():
    assert (commit(0.25).seconds, commit(0.25, 0.3).seconds) == (0.5, 0.3)


PARTS = (Part("in-flight", 1.0, "a"), Part("write", 1.5, "w"), Part("in-flight", 2.0, "b"))


def test_equal_parts_are_one_and_the_largest_dominates():
    assert merged(PARTS) == (Part("in-flight", 3.0, "b"), PARTS[1])
    bound = Bound("door", "gate", 3.0, PARTS)
    assert bound.dominant == Part("in-flight", 3.0, "b")
    assert bound.fault is not None
    assert bound.fault.startswith(
        "door response of gate may take 4.50 s, its target is 3 s; most of it, 3.00 s, is in-flight (b)"
    )
    assert ADVICE["in-flight"] in bound.fault
    assert replace(bound, accepted=True).fault is None
    assert replace(bound, target_s=4.5).fault is None


def test_worst_first_by_target():
    bounds = [Bound("event", "a", 5.0, PARTS), Bound("door", "b", 3.0, PARTS), Bound("door", "c", 3.0, None)]
    assert [bound.id for bound in worst(bounds)] == ["c", "b", "a"]
