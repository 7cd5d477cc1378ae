"""Counting: nothing lost or counted twice over restarts, midnights, summer time and clocks that were wrong."""

from collections import Counter, defaultdict
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.model import NOTHING, Changes, Instant
from edgegw.service.indicators import FLUSH_S, HOURS_MOST, KEYS_MOST, SLOW_FLUSH_S, Indicators
from edgegw.service.indicators_rows import (
    EDGES_S,
    INDICATOR_KIND,
    OTHERS,
    UNSYNCED,
    Day,
    Meter,
    Online,
    Rounds,
    Slow,
    Spread,
    decode,
)

ZONE = ZoneInfo("Asia/Shanghai")
NS = 1_000_000_000
H = 3600


def at(text: str, zone: ZoneInfo = ZONE) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * NS


class Box:
    """A gateway that counts, with its store and its clock."""

    def __init__(self, wall_ns: int, zone: ZoneInfo = ZONE, *, synced: bool = True, meters=(), **more) -> None:
        self.clock = ManualClock(wall_ns, 7 * NS, synced=synced)
        self.zone, self.meters, self.more = zone, dict.fromkeys(meters, 3600.0), more
        self.kept: dict[str, bytes] = {}
        self.start()

    def start(self) -> None:
        self.counted = Indicators(self.zone, meters=self.meters, **self.more)
        self.counted.begin(dict(self.kept), self.clock.now())

    def store(self, changes: Changes) -> None:
        for state in changes.states:
            assert state.kind == INDICATOR_KIND
            if state.value is None:
                del self.kept[state.key]  # KeyError: deleted what was never there
            else:
                self.kept[state.key] = state.value

    def flush(self, *, final: bool = True) -> dict[str, Day]:
        self.store(self.counted.flush(self.clock.now(), final=final))
        return decode(self.kept)

    def restart(self) -> None:
        self.flush()
        self.start()


def test_a_day_of_everything():
    box = Box(at("2026-11-02T10:00"), meters=["m"])
    now = box.clock.now()
    for path in ("door", "command", "event", "alarm", "nonsense"):
        box.counted.responded(path, 1.5, now)
    box.counted.slow("d", 2.0, now)
    box.counted.slow("d", 6.5, now)
    box.counted.alarm("k", raised=True, at=now)
    box.counted.alarm("k", raised=False, at=now)
    box.counted.patrol("night", planned=3, on_time=1, late=1, missed=1, at=now)
    box.counted.rated(5, now)
    box.counted.rated(6, now)
    box.counted.reading("m", now)
    box.counted.reading("not-a-meter", now)
    box.counted.presence("d", online=True, at=now)
    box.clock.advance(90)
    box.counted.presence("d", online=False, at=box.clock.now())
    box.clock.advance(30)
    day = box.flush()["2026-11-02"]
    assert sorted(day.response) == ["alarm", "command", "door", "event"]
    assert day.response["door"].within(2.0) == 1
    assert day.slow == {"d": Slow(2, 8.5, 6.5, 1)}
    assert day.alarms == {"k": 1}
    assert day.patrol == {"night": Rounds(3, 1, 1, 1)}
    assert day.ratings == {"5": 1}
    assert day.meters.devices == {"m": Meter(11, 3600.0, 1 << 10)}
    assert day.meters.upto == 11
    assert day.online == {"d": Online(90.0, 120.0)}


def test_written_at_most_once_a_minute_and_what_always_changes_every_ten():
    box = Box(at("2026-11-02T10:00"))
    box.counted.presence("d", online=True, at=box.clock.now())
    box.flush(final=False)
    written = Counter()
    for _ in range(SLOW_FLUSH_S // 10):
        box.clock.advance(10)
        box.counted.rated(4, box.clock.now())
        changes = box.counted.flush(box.clock.now())
        written.update(state.key.partition("/")[2] for state in changes.states)
        box.store(changes)
    assert written == {"ratings": SLOW_FLUSH_S // FLUSH_S, "online": 1}
    assert decode(box.kept)["2026-11-02"].ratings == {"4": SLOW_FLUSH_S // 10}
    assert box.counted.flush(box.clock.now()) == NOTHING


def test_a_kill_loses_what_was_not_flushed_and_no_more():
    box = Box(at("2026-11-02T10:00"))
    box.counted.rated(4, box.clock.now())
    box.flush()
    box.counted.rated(4, box.clock.now())
    box.start()
    box.counted.rated(3, box.clock.now())
    assert box.flush()["2026-11-02"].ratings == {"3": 1, "4": 1}


def test_unknown_presence_counts_for_neither_side():
    box = Box(at("2026-11-02T10:00"))
    box.counted.presence("d", online=True, at=box.clock.now())
    box.counted.presence("d", online=None, at=box.clock.advance(10))
    box.counted.presence("d", online=False, at=box.clock.advance(1000))
    box.clock.advance(5)
    assert box.flush()["2026-11-02"].online == {"d": Online(10.0, 15.0)}


def test_a_wall_clock_that_is_stepped_changes_no_duration():
    box = Box(at("2026-11-02T10:00"))
    box.counted.presence("d", online=True, at=box.clock.now())
    box.clock.advance(60)
    box.clock.set_wall(box.clock.now().wall_ns + 7 * H * NS)
    box.clock.advance(60)
    assert box.flush()["2026-11-02"].online == {"d": Online(120.0, 120.0)}


# --- the clock is not known yet -----------------------------------------------------------------------------------------


def test_what_happened_before_the_clock_was_set_goes_to_its_own_day():
    box = Box(0, synced=False, meters=["m"])
    box.counted.presence("d", online=True, at=box.clock.now())
    box.counted.rated(5, box.clock.now())
    box.counted.reading("m", box.clock.now())
    assert box.flush()[UNSYNCED].ratings == {"5": 1}
    box.clock.advance(3 * H)
    box.counted.rated(4, box.clock.now())
    # It is 01:30: the first rating was at 22:30 yesterday.
    box.clock.set_wall(at("2026-11-03T01:30"))
    days = box.flush()
    assert days["2026-11-02"].ratings == {"5": 1}
    assert days["2026-11-03"].ratings == {"4": 1}
    assert days["2026-11-02"].meters.devices["m"].hours == 1 << 22
    assert UNSYNCED not in days
    known = [days[day].online["d"].known_s for day in ("2026-11-02", "2026-11-03")]
    assert sum(known) == pytest.approx(3 * H)
    assert known[0] == pytest.approx(1.5 * H, abs=H)


def test_after_a_restart_nobody_can_tell_and_it_stays_apart():
    box = Box(0, synced=False)
    box.counted.rated(5, box.clock.now())
    box.restart()
    box.counted.rated(4, box.clock.now())
    box.clock.set_wall(at("2026-11-03T01:30"))
    box.counted.rated(3, box.clock.now())
    days = box.flush()
    assert days[UNSYNCED].ratings == {"5": 1}
    assert days["2026-11-03"].ratings == {"3": 1, "4": 1}


def test_hours_without_a_date_are_bounded():
    box = Box(0, synced=False)
    for _ in range(HOURS_MOST + 10):
        box.counted.rated(5, box.clock.now())
        box.clock.advance(H)
    assert len(box.counted._hours) <= HOURS_MOST
    box.clock.set_wall(at("2026-11-03T01:30"))
    days = box.flush()
    assert sum(day.ratings.get("5", 0) for day in days.values()) == HOURS_MOST + 10
    assert days[UNSYNCED].ratings["5"] == 10


def test_a_clock_set_back_far_counts_to_no_wrong_day():
    box = Box(at("2026-11-01T12:00"))
    for _ in range(8):
        box.counted.rated(5, box.clock.now())
        box.restart()
        box.clock.advance(24 * H)
    box.clock.set_wall(at("2026-11-02T12:00"))
    box.counted.rated(1, box.clock.now())
    box.counted.presence("d", online=True, at=box.clock.now())
    box.clock.advance(10)
    days = box.flush()
    assert days["2026-11-02"].ratings == {"5": 1}
    assert days[UNSYNCED].ratings == {"1": 1}
    assert days[UNSYNCED].online == {"d": Online(10.0, 10.0)}


# --- bounds -------------------------------------------------------------------------------------------------------------


def test_keys_are_bounded_and_the_sum_stays():
    box = Box(at("2026-11-02T10:00"))
    for number in range(KEYS_MOST + 50):
        box.counted.alarm(f"k{number}", raised=True, at=box.clock.now())
    alarms = box.flush()["2026-11-02"].alarms
    assert len(alarms) == KEYS_MOST + 1
    assert alarms[OTHERS] == 50


def test_old_days_go_and_few_are_in_memory():
    box = Box(at("2026-01-01T12:00"), meters=["m"], keep=10)
    for _ in range(30):
        box.counted.rated(5, box.clock.now())
        box.flush()
        box.clock.advance(24 * H)
    days = box.flush()
    assert sorted(days) == [(date(2026, 1, 22) + timedelta(step)).isoformat() for step in range(10)]
    assert len(box.counted._held) <= 5


def test_a_clock_years_ahead_for_a_moment_wipes_nothing_out():
    box = Box(at("2026-11-02T12:00"), keep=10)
    box.counted.rated(5, box.clock.now())
    box.flush()
    box.clock.set_wall(at("2036-01-01T12:00"))
    box.counted.rated(5, box.clock.now())
    box.flush()
    box.clock.set_wall(at("2026-11-02T13:00"))
    box.counted.rated(4, box.clock.now())
    assert box.flush()["2026-11-02"].ratings == {"4": 1, "5": 1}


def test_meters_that_come_and_go():
    box = Box(at("2026-11-02T10:30"), meters=["old"])
    box.counted.reading("old", box.clock.now())
    box.flush()
    box.clock.advance(24 * H)
    box.flush()
    box.meters = {"new": 3600.0}
    box.restart()
    devices = box.flush()["2026-11-03"].meters.devices
    assert devices == {"new": Meter(11, 3600.0, 0)}
    box.clock.advance(24 * H)
    assert box.flush()["2026-11-04"].meters.devices == {"new": Meter(0, 3600.0, 0)}


def test_rows_of_somebody_else_are_left_alone():
    assert decode({"2026-11-02/ratings": b"[", "2026-11-02/unheard": b"{}", "x": b""}) == {}


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
