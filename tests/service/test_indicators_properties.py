"""Counting: any sequence of events, restarts, midnights, summer time and clocks that were wrong."""

from collections import Counter, defaultdict
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.model import Instant
from edgegw.service.indicators_rows import EDGES_S, UNSYNCED, Day, Meter, Online, Spread
from tests.service.counting import NS, Box, H, at

# --- histograms ---------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(0, 5000), min_size=1, max_size=60), st.sampled_from([0.5, 0.95, 0.99]))
def test_percentiles_are_right_to_their_bucket(values, share):
    spread = Spread()
    for value in values:
        spread.add(value)
    assert spread.n == len(values)
    for edge in (2.0, 3.0, 5.0):
        assert spread.within(edge) == sum(value <= edge for value in values)
    exact = sorted(values)[max(0, -int(-share * len(values) // 1) - 1)]
    low = max((edge for edge in EDGES_S if edge < exact), default=0.0)
    high = min((edge for edge in EDGES_S if edge >= exact), default=max(values))
    assert low <= spread.quantile(share) <= min(high, max(values)) + 1e-9


def test_no_percentile_of_nothing():
    assert Spread().quantile(0.5) is None


# --- any sequence -------------------------------------------------------------------------------------------------------

# Summer time begins and ends in these; Lord Howe's is half an hour.
ZONES = [
    ("Asia/Shanghai", "2026-11-02T22:00"),
    ("Europe/Berlin", "2026-03-28T20:00"),
    ("Europe/Berlin", "2026-10-24T20:00"),
    ("Australia/Lord_Howe", "2026-04-04T20:00"),
    ("America/Sao_Paulo", "2018-11-03T20:00"),  # midnight itself is skipped
]
PRESENCE = {"on": True, "off": False, "unknown": None}
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["rate", *PRESENCE, "read", "flush", "restart", "wait"]),
        st.floats(0, 5 * H),
    ),
    max_size=40,
)


def local(wall_ns: int, zone: ZoneInfo) -> str:
    return datetime.fromtimestamp(wall_ns / NS, zone).date().isoformat()


def minutes(begin: int, end: int):
    """The pause cut at minutes: midnights are whole minutes in all these zones."""
    while begin < end:
        cut = min(end, (begin // (60 * NS) + 1) * 60 * NS)
        yield begin, (cut - begin) / NS
        begin = cut


@given(st.sampled_from(ZONES), STEPS)
def test_every_count_and_second_is_in_its_local_day(where, steps):
    zone = ZoneInfo(where[0])
    box = Box(at(where[1], zone), zone, meters=["m"])
    ratings, seconds, online = Counter(), defaultdict(float), defaultdict(float)
    hours = defaultdict(set)
    state = None

    for what, pause in steps:
        now = box.clock.now()
        if what == "rate":
            box.counted.rated(3, now)
            ratings[local(now.wall_ns, zone)] += 1
        elif what == "read":
            box.counted.reading("m", now)
            today = local(now.wall_ns, zone)
            hours[today].add(int((now.wall_ns - at(today, zone)) // (H * NS)))
        elif what in PRESENCE:
            state = PRESENCE[what]
            box.counted.presence("d", state, now)
        elif what == "flush":
            box.flush(final=False)
        elif what == "restart":
            box.restart()
            box.counted.presence("d", state, now)
        box.clock.advance(pause)
        if state is not None:
            for begin, length in minutes(now.wall_ns, box.clock.now().wall_ns):
                seconds[local(begin, zone)] += length
                online[local(begin, zone)] += length * state
    days = box.flush()
    assert UNSYNCED not in days
    assert {day: one.ratings["3"] for day, one in days.items() if one.ratings} == ratings
    for told, wanted in (("known_s", seconds), ("online_s", online)):
        for day in days.keys() | wanted.keys():
            one = days.get(day, Day()).online.get("d", Online())
            assert getattr(one, told) == pytest.approx(wanted[day], abs=0.05)
    for day in days.keys() | hours.keys():
        mask = days.get(day, Day()).meters.devices.get("m", Meter()).hours
        assert {hour for hour in range(30) if mask >> hour & 1} == hours[day]


@given(
    st.lists(st.tuples(st.sampled_from(["rate", "flush", "restart", "sync", "lose"]), st.floats(0, 9 * H)), max_size=40)
)
def test_nothing_is_lost_while_the_clock_comes_and_goes(steps):
    box = Box(at("2026-11-02T22:00"), synced=False)
    wanted = 0
    for what, pause in steps:
        now: Instant = box.clock.now()
        if what == "rate":
            box.counted.rated(3, now)
            wanted += 1
        elif what == "flush":
            box.flush(final=False)
        elif what == "restart":
            box.restart()
        else:
            box.clock.set_wall(now.wall_ns, synced=what == "sync")
        box.clock.advance(pause)
    assert sum(day.ratings.get("3", 0) for day in box.flush().values()) == wanted
