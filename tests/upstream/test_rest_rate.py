"""The window: never more in any stretch of time, never slower than it has to be."""

from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.mappings.schema import per_window
from edgegw.upstream.rest.rate import Window


@given(st.integers(1, 20), st.lists(st.floats(0.0, 90.0), max_size=60))
async def test_no_stretch_of_time_holds_more(count: int, pauses: list[float]) -> None:
    clock = ManualClock()

    async def sleep(seconds: float) -> None:
        clock.advance(seconds)

    window = Window(count, 60.0, clock, sleep)
    went: list[int] = []
    for pause in pauses:
        clock.advance(pause)
        asked = clock.now().mono_ns
        await window.take()
        now = clock.now().mono_ns
        if now > asked:
            assert now - went[-count] - 60_000_000_000 < 10, "no longer than it has to"
        went.append(now)
    for first, later in zip(went, went[count:], strict=False):
        assert later - first >= 60_000_000_000


def test_rates_as_they_are_written() -> None:
    assert [per_window(text) for text in ("20/min", "5/s", "100/h")] == [(20, 60.0), (5, 1.0), (100, 3600.0)]
