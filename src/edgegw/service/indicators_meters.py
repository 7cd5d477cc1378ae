"""Whether meters told their readings: hours with one, of hours in which one was expected.

Owns: what is expected of a meter, also while the gateway was off. Must not know: what a reading says.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from edgegw.service.indicators_report import Period
from edgegw.service.indicators_rows import UNSYNCED, Day, Meter


def complete(period: Period, counters: Mapping[str, Day], zone: ZoneInfo) -> dict[str, tuple[int, int]]:
    """Meter → hours (or its own, longer intervals) with a reading, and expected ones.

    A day without a row between days that have one is expected whole: the gateway was off. The last day there is a row of
    is expected as far as the gateway saw it, without the hour that had only begun.
    """
    dates = sorted(day for day in counters if day != UNSYNCED)
    found: dict[str, tuple[int, int]] = {}
    meters: Mapping[str, Meter] = {}
    if earlier := [day for day in dates if day < period.begin.isoformat()]:
        meters = counters[earlier[-1]].meters.devices
    for day in period.days():
        name = day.isoformat()
        if not dates or name > dates[-1]:
            break
        if name in counters:
            meters = counters[name].meters.devices
            here = meters
        else:
            here = {key: Meter(0, meter.every_s) for key, meter in meters.items()}
        begin, end = (
            datetime(one.year, one.month, one.day, tzinfo=zone).timestamp() for one in (day, day + timedelta(1))
        )
        hours = round((end - begin) / 3600)
        if name == dates[-1]:
            hours = min(hours, max(0, counters[name].meters.upto - 1))
        for key, meter in here.items():
            got, due = _slots(meter, hours)
            before = found.get(key, (0, 0))
            if due:
                found[key] = before[0] + got, before[1] + due
    return found


def _slots(meter: Meter, hours: int) -> tuple[int, int]:
    """Intervals of a day with a reading, and all, up to that hour; an interval that is not whole is not expected."""
    step = max(1, -(-int(meter.every_s) // 3600))
    if step > 24:
        return 0, 0  # a day's row cannot tell
    if step == 24:
        return (int(bool(meter.hours)), 1) if hours >= 23 and not meter.since else (0, 0)
    if step == 1:
        due = max(0, hours - meter.since)
        return (meter.hours >> meter.since & ((1 << due) - 1)).bit_count(), due
    got = due = 0
    for first in range(meter.since, hours - step + 1, step):
        due += 1
        got += bool(meter.hours >> first & ((1 << step) - 1))
    return got, due
