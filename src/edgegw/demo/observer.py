"""What the gateway has told: devices, readings and alarms, rebuilt from CloudEvents alone.

Owns: the picture of the community that the screen draws, counts of what arrived, and how long it took.
Must not know: HTTP, the screen, the gateway's insides. Everything here is built from what the desk has accepted.
"""

from collections import Counter, deque
from collections.abc import Mapping
from datetime import datetime

from msgspec import Struct

from edgegw.demo.figures import Arrivals, Response
from edgegw.demo.site import Cast

ALARMS = frozenset({"edgegw.alarm.raised", "edgegw.alarm.updated", "edgegw.alarm.cleared"})
"""Events that tell how an alarm is. What tells of its ticket alone (escalated, merged …) changes no alarm."""

ACTIVE_LIMIT = 500
"""Active alarms that are kept; a demo has a dozen."""


LESS_TOLD = frozenset({"linkquality", "battery"})
"""Points that say little about the world; shown after the others."""

TIMES_KEPT = 10_000
"""Latest response times that the desk's quantiles are made of."""


def wall_ns(text: str) -> int:
    """Nanoseconds since the epoch of RFC 3339 UTC; fractions of up to nine digits, which datetime would cut to six."""
    whole, _, fraction = text.removesuffix("Z").partition(".")
    seconds = round(datetime.fromisoformat(f"{whole}+00:00").timestamp())
    return seconds * 1_000_000_000 + int(fraction.ljust(9, "0")[:9] or 0)


CREDENTIALS = frozenset({"card", "code"})
"""Points that open doors: never shown whole."""

CREDENTIAL_TAIL = 4
"""Characters of a credential that are shown."""


class Seen(Struct):
    """A device as last told. `at_s`: monotonic seconds of the last reading, None before the first."""

    id: str
    name: str
    link: str
    place: str
    state: str = "unknown"
    values: dict[str, str] = {}
    at_s: float | None = None


class Active(Struct, frozen=True):
    """An alarm that is raised and not cleared. `since_s`: monotonic seconds of its arrival."""

    key: str
    title: str
    place: str
    priority: str
    since_s: float


def told(value: object, unit: object) -> str:
    """A value with its unit, short enough for a table."""
    if value is None:
        text = "—"
    elif isinstance(value, bool):
        text = "✓" if value else "✗"
    elif isinstance(value, float):
        text = f"{value:.5g}"
    else:
        text = str(value)[:40]
    shown = {"Cel": "℃", "kW.h": "kWh"}.get(str(unit), str(unit)) if unit else ""
    return f"{text} {shown}".rstrip()


def shown(point: str, reading: Mapping[str, object]) -> str:
    """A reading as the screen shows it; of a credential only the end, since others may look at the screen too."""
    text = told(reading.get("value"), reading.get("unit"))
    return f"…{text[-CREDENTIAL_TAIL:]}" if point in CREDENTIALS and text != "—" else text


class Observer:
    """See the module's text.

    Args:
        cast: the devices that are expected, so that those that never spoke are shown too.
    """

    def __init__(self, cast: Cast) -> None:
        self.devices: dict[str, Seen] = {}
        for name, device in cast.devices.items():
            labels = device.get("labels")
            place = " ".join(str(part) for part in labels.values()) if isinstance(labels, dict) else ""
            self.devices[name] = Seen(name, str(device.get("name") or name), cast.link_of(name), place)
        self.active: dict[str, Active] = {}
        self.arrivals = Arrivals()
        self.by_type: Counter[str] = Counter()
        self.readings: Counter[str] = Counter()
        """Link → readings told."""
        self.messages: Counter[str] = Counter()
        """Device → messages told, of which each reading record stands for one."""
        self._took_ms: deque[float] = deque(maxlen=TIMES_KEPT)

    def take(self, event: Mapping[str, object], now_s: float) -> None:
        """Take one event as the desk lists it; one that came before changes nothing. `now_s`: monotonic seconds."""
        seq = event.get("seq")
        if seq is not None and not self.arrivals.add(int(str(seq))):
            return
        kind = str(event.get("type"))
        self.by_type[kind] += 1
        if kind in ALARMS:
            self._timed(event)
        data = event.get("data")
        if not isinstance(data, Mapping):
            return
        if kind == "edgegw.reading":
            self._reading(data, now_s)
        elif kind in ALARMS:
            self._alarm(kind, data, now_s)
        elif kind.startswith("edgegw.device."):
            device = data.get("device")
            name = str(device.get("id")) if isinstance(device, Mapping) else str(device)
            if name in self.devices:
                self.devices[name].state = kind.rpartition(".")[2]

    def _timed(self, event: Mapping[str, object]) -> None:
        received, made = event.get("received_ns"), event.get("time")
        if isinstance(received, int) and isinstance(made, str):
            self._took_ms.append((received - wall_ns(made)) / 1e6)

    def response(self) -> Response:
        """Received by the gateway → accepted by the desk, by the desk's own clock, of alarms."""
        took = sorted(self._took_ms)
        if not took:
            return Response()
        middle, late = took[len(took) // 2], took[min(len(took) - 1, len(took) * 99 // 100)]
        return Response(len(took), *(round(ms, 3) for ms in (middle, late, took[-1])))

    def _reading(self, data: Mapping[str, object], now_s: float) -> None:
        seen = self.devices.get(str(data.get("device")))
        readings = data.get("readings")
        if seen is None or not isinstance(readings, list):
            return
        self.messages[seen.id] += 1
        self.readings[seen.link] += len(readings)
        seen.at_s = now_s
        if seen.state == "unknown":
            seen.state = "online"
        fresh = {str(r["point"]): shown(str(r["point"]), r) for r in readings if "point" in r}
        merged = seen.values | fresh
        seen.values = dict(
            sorted(merged.items(), key=lambda item: item[0] in LESS_TOLD)
        )  # stable: points keep their order

    def _alarm(self, kind: str, data: Mapping[str, object], now_s: float) -> None:
        key = str(data.get("dedup_key"))
        if kind.endswith(".cleared"):
            self.active.pop(key, None)
            return
        before = self.active.get(key)
        place = data.get("location")
        self.active[key] = Active(
            key,
            str(data.get("title")),
            str(place.get("text", "")) if isinstance(place, Mapping) else "",
            str(data.get("priority")),
            before.since_s if before else now_s,
        )
        while len(self.active) > ACTIVE_LIMIT:
            del self.active[next(iter(self.active))]
