"""Times of day as moments: days, holidays, daylight saving."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from edgegw.service.patrol_calendar import LAST_NS, Starts
from edgegw.service.patrol_specs import NS_PER_S
from edgegw.service.specs import Calendar
from tests.service.patrol_site import plan, wall

BERLIN = ZoneInfo("Europe/Berlin")


def utc_of(starts: list[int]) -> list[str]:
    return [f"{datetime.fromtimestamp(start // NS_PER_S, UTC):%m-%d %H:%M}" for start in starts]


def starts(*minutes: int, zone: ZoneInfo = BERLIN, days: str = "", holidays: tuple[str, ...] = ()) -> Starts:
    more = {"days": frozenset(days.split())} if days else {}
    return Starts(plan(starts=minutes, **more), Calendar(zone, frozenset(holidays)))


@pytest.mark.parametrize(
    ("minutes", "first", "last", "found"),
    [
        ((150,), "2026-03-28T00:00", "2026-03-31T00:00", ["03-28 01:30", "03-29 01:30", "03-30 00:30"]),
        ((120, 180), "2026-03-29T00:00", "2026-03-30T00:00", ["03-29 01:00"]),
        ((150,), "2026-10-24T00:00", "2026-10-27T00:00", ["10-24 00:30", "10-25 00:30", "10-26 01:30"]),
        ((0, 1439), "2026-10-25T00:00", "2026-10-26T00:00", ["10-25 22:59", "10-25 23:00"]),
    ],
    ids=["skipped hour", "two at one moment", "repeated hour", "midnight"],
)
def test_daylight_saving(minutes, first, last, found):
    assert utc_of(starts(*minutes).between(wall(first, BERLIN), wall(last, BERLIN))) == found


def test_between_leaves_out_its_beginning_and_takes_its_end():
    at = wall("2026-11-25T22:00", BERLIN)
    nightly = starts(22 * 60)
    assert nightly.between(at - 1, at) == [at]
    assert nightly.between(at, at + 1) == []
    assert nightly.between(at, at - 1) == []
    assert nightly.next(at - 1) == at
    assert utc_of([nightly.next(at)]) == ["11-26 21:00"]


def test_a_holiday_is_no_weekday():
    first, last = wall("2026-09-30T00:00", BERLIN), wall("2026-10-03T00:00", BERLIN)
    assert utc_of(starts(600, days="thu fri", holidays=("2026-10-01",)).between(first, last)) == ["10-02 08:00"]
    assert utc_of(starts(600, days="holiday", holidays=("2026-10-01",)).between(first, last)) == ["10-01 08:00"]


def test_a_plan_may_pause_for_long_or_for_good():
    now = wall("2026-01-02T00:00", BERLIN)
    assert utc_of([starts(600, days="holiday", holidays=("2027-01-01",)).next(now)]) == ["01-01 09:00"]
    assert starts(600, days="holiday").next(now) is None


@pytest.mark.parametrize("wrong", [0, -1, -(2**70), LAST_NS, 2**70])
def test_a_clock_without_a_date_starts_nothing(wrong):
    assert starts(600).next(wrong) is None
    assert starts(600).between(wrong, wrong + 1) == []
    assert starts(600).between(wall("2026-01-02T00:00"), LAST_NS) == []
