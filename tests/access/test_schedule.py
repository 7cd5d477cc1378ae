"""Schedules by the clock on the wall, in zones with and without summer time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.access.schedule import HOLIDAY, WEEKDAYS, Calendar, seconds_of_day
from edgegw.access.specs import DAY_S, CalendarSpec, WindowSpec
from edgegw.errors import ConfigError

ALL = frozenset(WEEKDAYS)


def calendar(*windows: WindowSpec, zone: str = "Asia/Shanghai", holidays: frozenset[str] = frozenset()) -> Calendar:
    return Calendar(CalendarSpec(zone, {"s": windows}, holidays))


def at(text: str, zone: str = "Asia/Shanghai", fold: int = 0) -> int:
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)
    return round(local.timestamp()) * 10**9


def test_the_start_is_included_and_the_end_is_not() -> None:
    office = calendar(WindowSpec(ALL, seconds_of_day("08:00"), seconds_of_day("18:00")))
    assert not office.open("s", at("2026-03-02T08:00:00") - 1)
    assert office.open("s", at("2026-03-02T08:00:00"))
    assert office.open("s", at("2026-03-02T18:00:00") - 1)
    assert not office.open("s", at("2026-03-02T18:00:00"))


def test_midnight_is_the_end_of_the_day_and_two_windows_go_over_it() -> None:
    night = calendar(
        WindowSpec(frozenset({"fri"}), seconds_of_day("22:00"), seconds_of_day("24:00")),
        WindowSpec(frozenset({"sat"}), 0, seconds_of_day("06:00")),
    )
    assert night.open("s", at("2026-03-06T23:59:59"))
    assert night.open("s", at("2026-03-07T00:00:00"))
    assert not night.open("s", at("2026-03-07T06:00:00"))
    assert not night.open("s", at("2026-03-07T22:30:00"))


def test_a_holiday_is_no_weekday() -> None:
    weekdays = calendar(WindowSpec(ALL), holidays=frozenset({"2026-10-01"}))
    assert weekdays.open("s", at("2026-09-30T12:00:00"))
    assert not weekdays.open("s", at("2026-10-01T12:00:00"))
    holidays = calendar(WindowSpec(frozenset({HOLIDAY}), 0, DAY_S), holidays=frozenset({"2026-10-01"}))
    assert holidays.open("s", at("2026-10-01T00:00:00"))
    assert not holidays.open("s", at("2026-10-02T00:00:00"))


def test_a_repeated_hour_is_open_both_times_and_a_skipped_one_never() -> None:
    berlin = "Europe/Berlin"
    two_to_three = calendar(WindowSpec(ALL, seconds_of_day("02:00"), seconds_of_day("03:00")), zone=berlin)
    assert two_to_three.open("s", at("2026-10-25T02:30:00", berlin, fold=0))
    assert two_to_three.open("s", at("2026-10-25T02:30:00", berlin, fold=1))
    spring = datetime(2026, 3, 29, tzinfo=UTC)
    opened = [
        two_to_three.open("s", round((spring + timedelta(minutes=minute)).timestamp()) * 10**9)
        for minute in range(1440)
    ]
    assert not any(opened)


def test_a_clock_beyond_all_dates_opens_nothing() -> None:
    assert not calendar(WindowSpec(ALL)).open("s", 2**80)
    assert not calendar(WindowSpec(ALL)).open("s", -(2**80))


def test_a_schedule_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(KeyError):
        calendar().open("other", 0)
    assert "other" not in calendar()


@pytest.mark.parametrize(
    ("spec", "reason"),
    [
        (CalendarSpec("Mars/Olympus"), "bad-timezone"),
        (CalendarSpec("../etc/passwd"), "bad-timezone"),
        (CalendarSpec("UTC", {}, frozenset({"2026-13-01"})), "bad-date"),
        (CalendarSpec("UTC", {"s": (WindowSpec(ALL, 100, 100),)}), "bad-window"),
        (CalendarSpec("UTC", {"s": (WindowSpec(ALL, 100, 50),)}), "bad-window"),
        (CalendarSpec("UTC", {"s": (WindowSpec(ALL, 0, DAY_S + 1),)}), "bad-window"),
        (CalendarSpec("UTC", {"s": (WindowSpec(ALL, -1, 50),)}), "bad-window"),
        (CalendarSpec("UTC", {"s": (WindowSpec(frozenset()),)}), "bad-window"),
        (CalendarSpec("UTC", {"s": (WindowSpec(frozenset({"someday"})),)}), "bad-window"),
    ],
)
def test_a_calendar_that_cannot_be(spec: CalendarSpec, reason: str) -> None:
    with pytest.raises(ConfigError) as error:
        Calendar(spec)
    assert error.value.reason == reason


@pytest.mark.parametrize(("text", "seconds"), [("00:00", 0), ("08:30", 30_600), ("24:00", 86_400), ("23:59", 86_340)])
def test_times_of_day(text: str, seconds: int) -> None:
    assert seconds_of_day(text) == seconds


@pytest.mark.parametrize("text", ["", "8", "24:01", "12:60", "-1:00", "aa:bb", "25:00", "1²:00", "12:"])
def test_what_is_no_time_of_day(text: str) -> None:
    with pytest.raises(ConfigError):
        seconds_of_day(text)


windows = st.builds(
    lambda days, a, b: WindowSpec(days, min(a, b), max(a, b) + 1),
    st.frozensets(st.sampled_from([*WEEKDAYS, HOLIDAY]), min_size=1),
    st.integers(0, DAY_S - 1),
    st.integers(0, DAY_S - 1),
)
zones = st.sampled_from(
    [
        "Asia/Shanghai",
        "UTC",
        "Europe/Berlin",
        "America/New_York",
        "Australia/Lord_Howe",
        "Asia/Kathmandu",
        "America/Sao_Paulo",
    ]
)
moments = st.integers(0, 2_200_000_000).map(lambda second: second * 10**9) | st.builds(
    # around the changes of Europe, New York and Lord Howe in 2026
    lambda change, seconds: (change + seconds) * 10**9,
    st.sampled_from([1_774_746_000, 1_792_890_000, 1_772_953_200, 1_793_512_800, 1_775_314_800, 1_791_039_600]),
    st.integers(-7200, 7200),
)


@given(st.lists(windows, max_size=4), zones, moments, st.booleans())
def test_a_schedule_agrees_with_counting_by_hand(
    specs: list[WindowSpec], zone: str, wall_ns: int, holiday: bool
) -> None:
    offset = datetime.fromtimestamp(wall_ns // 10**9, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    days, second = divmod(wall_ns // 10**9 + round(offset.total_seconds()), DAY_S)
    today = date(1970, 1, 1) + timedelta(days=days)
    name = HOLIDAY if holiday else WEEKDAYS[(days + 3) % 7]  # 1970-01-01 was a Thursday
    expected = any(name in spec.days and spec.start_s <= second < spec.end_s for spec in specs)
    holidays = frozenset({today.isoformat()}) if holiday else frozenset()
    assert calendar(*specs, zone=zone, holidays=holidays).open("s", wall_ns) == expected
