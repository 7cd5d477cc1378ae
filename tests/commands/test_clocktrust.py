"""When the wall clock is believed."""

from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.commands.clocktrust import KEY, KIND, TOLERANCE_NS, ClockTrust
from edgegw.model import Instant, StateChange

HOUR_NS = 3_600_000_000_000
NOW_NS = 1_767_225_600_000_000_000


def stored(wall_ns: int) -> dict[str, bytes]:
    return {KEY: str(wall_ns).encode()}


def test_a_set_clock_is_trusted() -> None:
    assert ClockTrust({}).trusted(ManualClock().now())


def test_one_that_was_never_set_is_not() -> None:
    assert not ClockTrust({}).trusted(ManualClock(synced=False).now())


def test_earlier_than_stored_is_not() -> None:
    clock = ManualClock(NOW_NS)
    assert not ClockTrust(stored(NOW_NS + TOLERANCE_NS + 1)).trusted(clock.now())
    assert ClockTrust(stored(NOW_NS + TOLERANCE_NS)).trusted(clock.now())


def test_set_back_two_hours() -> None:
    clock = ManualClock(NOW_NS)
    trust = ClockTrust({})
    assert trust.note(clock.now()) == (StateChange(KIND, KEY, str(NOW_NS).encode()),)
    clock.advance(4 * 3600)
    assert trust.trusted(clock.now())
    clock.set_wall(clock.now().wall_ns - 2 * HOUR_NS)
    assert clock.now().wall_ns > trust.latest_ns, "later than anything stored"
    assert not trust.trusted(clock.now())
    assert trust.note(clock.now()) == (StateChange(KIND, KEY, str(NOW_NS).encode()),), "unmoved"
    clock.set_wall(clock.now().wall_ns + 2 * HOUR_NS)
    assert trust.trusted(clock.now()), "put right again"


def test_a_small_step_back_is_none() -> None:
    clock = ManualClock(NOW_NS)
    trust = ClockTrust({})
    assert trust.trusted(clock.now())
    clock.advance(120)
    clock.set_wall(clock.now().wall_ns - 59_000_000_000)
    assert trust.trusted(clock.now())


def test_the_time_before_it_was_set_is_no_measure() -> None:
    clock = ManualClock(NOW_NS + 24 * HOUR_NS, synced=False)
    trust = ClockTrust({})
    assert not trust.trusted(clock.now())
    clock.set_wall(NOW_NS, synced=True)
    assert trust.trusted(clock.now()), "the guess before was late, not the clock back"


def test_after_a_restart_the_stored_time_counts() -> None:
    clock = ManualClock(NOW_NS)
    first = ClockTrust({})
    (change,) = first.note(clock.now())
    assert change.value is not None
    again = ClockTrust({change.key: change.value})
    assert not again.trusted(ManualClock(NOW_NS - 2 * HOUR_NS).now())


@given(st.lists(st.tuples(st.integers(0, 2**62), st.integers(0, 2**62), st.booleans()), max_size=20))
def test_latest_never_goes_back_and_floor_is_kept(moments: list[tuple[int, int, bool]]) -> None:
    trust = ClockTrust({})
    for wall_ns, mono_ns, synced in moments:
        before = trust.latest_ns
        now = Instant(wall_ns, mono_ns, synced)
        believed = trust.trusted(now)
        changes = trust.note(now)
        assert trust.latest_ns >= before
        assert trust.latest_ns == (max(before, wall_ns) if believed else before)
        assert [change.value for change in changes] == [str(trust.latest_ns).encode()] * bool(trust.latest_ns)
        if believed:
            assert synced
            assert wall_ns >= before - TOLERANCE_NS
