"""The heap: order, lazy deletion, bounded size."""

from hypothesis import given
from hypothesis import strategies as st

from edgegw.model import Instant
from edgegw.rules.events import Draft
from edgegw.rules.timers import SPARE_ENTRIES, Timers


class Owner:
    """Fires once at `when`."""

    def __init__(self, when: int | None) -> None:
        self.armed_ns: int | None = None
        self.when = when
        self.fired: list[int] = []

    def due_ns(self) -> int | None:
        return self.when

    def fire(self, now: Instant, draft: Draft) -> None:
        if self.when is not None and self.when <= now.mono_ns:
            self.fired.append(self.when)
            self.when = None


@given(
    st.lists(st.tuples(st.integers(0, 4), st.one_of(st.none(), st.integers(1, 50)), st.integers(0, 5)), max_size=200)
)
def test_fires_what_is_due_and_nothing_else(steps) -> None:
    owners, timers, now = [Owner(None) for _ in range(5)], Timers(), 0
    for which, wait, passed in steps:
        owners[which].when = None if wait is None else now + wait
        timers.arm(owners[which])
        now += passed
        timers.run(Instant(0, now), Draft())
        assert all(owner.when is None or owner.when > now for owner in owners)
        assert all(when <= now for owner in owners for when in owner.fired)
        due = timers.due_ns()
        waiting = [owner.when for owner in owners if owner.when is not None]
        assert not waiting or (due is not None and now < due <= min(waiting))


def test_size_is_bounded_by_the_owners() -> None:
    owner, timers = Owner(None), Timers()
    for when in range(100_000, 0, -1):  # ever earlier: the worst there is
        owner.when = when
        timers.arm(owner)
        assert len(timers) <= 2 * 1 + SPARE_ENTRIES + 1
    assert timers.due_ns() == 1
