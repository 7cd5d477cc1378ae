"""Rejections on record, at a bounded rate: an attack must be seen, and must not fill the store.

Owns: how many of each source are recorded in a minute, and counting the rest. Must not know: why anything was rejected, storing.
"""

from msgspec import Struct, structs

from edgegw.commands.events import REJECTED, OutcomeData
from edgegw.model import Event, Instant, Lane, Source
from edgegw.rules.events import encode

REJECTIONS_PER_MINUTE = 30
"""Recorded rejections per source: enough to see who tries what; 43,000 a day at the worst, some 20 MB."""

MINUTE_NS = 60_000_000_000


class _Window(Struct):
    """A minute of one source. `last`: the last one that was counted only, with its subject."""

    since_ns: int
    recorded: int = 0
    suppressed: int = 0
    last: tuple[OutcomeData, str] | None = None


class Rejections:
    """One per gateway."""

    def __init__(self, per_minute: int = REJECTIONS_PER_MINUTE) -> None:
        self._per_minute = per_minute
        self._windows: dict[Source, _Window] = {}
        self.suppressed = 0
        """All that were ever counted only."""

    def take(self, source: Source, data: OutcomeData, subject: str, at: Instant) -> Event | None:
        """The event to record, or None: this one is counted only, in a later event's `suppressed`."""
        window = self._windows.get(source)
        if window is None:
            window = self._windows[source] = _Window(at.mono_ns)
        elif at.mono_ns - window.since_ns >= MINUTE_NS:
            window.since_ns, window.recorded = at.mono_ns, 0
        if window.recorded >= self._per_minute:
            window.suppressed += 1
            window.last = (data, subject)
            self.suppressed += 1
            return None
        return _event(window, data, subject, at, window.suppressed)

    def due(self, now: Instant) -> tuple[Event, ...]:
        """Where a minute is over and the last rejections were counted only: the last of them, with how many more there were."""
        events = []
        for window in self._windows.values():
            if window.last is not None and now.mono_ns - window.since_ns >= MINUTE_NS:
                window.since_ns, window.recorded = now.mono_ns, 0
                events.append(_event(window, *window.last, now, window.suppressed - 1))
        return tuple(events)


def _event(window: _Window, data: OutcomeData, subject: str, at: Instant, suppressed: int) -> Event:
    window.recorded += 1
    window.suppressed, window.last = 0, None
    if suppressed:
        data = structs.replace(data, suppressed=suppressed)
    return Event(REJECTED, Lane.COMMAND, subject, at, encode(data))
