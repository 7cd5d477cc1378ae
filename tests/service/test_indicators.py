"""Counting: nothing lost or counted twice over restarts, midnights, summer time and clocks that were wrong."""

from collections import Counter
from datetime import date, timedelta

import pytest

from edgegw.model import NOTHING
from edgegw.service.indicators import FLUSH_S, HOURS_MOST, KEYS_MOST, SLOW_FLUSH_S
from edgegw.service.indicators_rows import (
    OTHERS,
    UNSYNCED,
    Meter,
    Online,
    Rounds,
    Slow,
    decode,
)
from tests.service.counting import NS, Box, H, at


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
