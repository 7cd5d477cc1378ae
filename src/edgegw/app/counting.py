"""What indicators count, heard where it happens: alarms, presence, meters' readings, responses.

Owns: which events count as what. Must not know: how it is counted, when it is written (service.indicators, app.service).
"""

import msgspec

from edgegw.config.plan import SitePlan
from edgegw.model import Decoded, Event, Instant, Quality
from edgegw.rules.events import ALARM_CLEARED, ALARM_RAISED, DEVICE_OFFLINE, DEVICE_ONLINE
from edgegw.service.indicators import Indicators

METER_EVERY_S = 3600.0
"""A meter's reading is expected at least so often, unless its reporting policy allows longer pauses."""

METER_UNITS = frozenset({"kW.h", "W.h", "m3", "MJ", "GJ"})
"""Units of energy and volume: a device with a point that counts these is a meter."""


class _Key(msgspec.Struct):
    dedup_key: str


_key = msgspec.json.Decoder(_Key).decode


def meters(plan: SitePlan) -> dict[str, float]:
    """Devices whose readings have to be complete, and how many seconds at most may lie between two."""
    found = {}
    for device in plan.devices.values():
        points = plan.profiles[device.profile].points
        if any(point.unit in METER_UNITS for point in points.values()):
            found[device.id] = max(METER_EVERY_S, device.report.max_interval or 0.0)
    return found


class Counting:
    """One per gateway; every call is O(1)."""

    def __init__(self, indicators: Indicators) -> None:
        self._indicators = indicators

    def event(self, event: Event) -> None:
        """An alarm or presence event of the rules (`Sensing`)."""
        if event.type in (DEVICE_ONLINE, DEVICE_OFFLINE):
            self._indicators.presence(event.subject, event.type == DEVICE_ONLINE, event.at)
        elif event.type in (ALARM_RAISED, ALARM_CLEARED):
            self._indicators.alarm(_key(event.data).dedup_key, event.type == ALARM_RAISED, event.at)

    def heard(self, device: str, decoded: Decoded, at: Instant) -> None:
        """A meter's message (`ports.Heard`); an old value is no reading of now."""
        if any(reading.quality is not Quality.STALE and reading.value is not None for reading in decoded.readings):
            self._indicators.reading(device, at)
