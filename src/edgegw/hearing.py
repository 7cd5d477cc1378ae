"""Who hears what devices say and what the rules decide, before its commit (`ports.Listening`).

Owns: the lists of listeners. Must not know: why they listen, when anything is committed.
"""

from collections.abc import Callable, Iterable

from edgegw.model import Decoded, Event, Instant
from edgegw.ports import Heard
from edgegw.rules.events import ALARM_CLEARED, ALARM_RAISED, ALARM_UPDATED

ALARM_TYPES = frozenset({ALARM_RAISED, ALARM_UPDATED, ALARM_CLEARED})
"""Types of the events that `listen_alarms` tells of: what the rules decided, not what became of a ticket."""


class Hearing:
    """All calls on the event loop."""

    def __init__(self) -> None:
        self._heard: dict[str, tuple[Heard, ...]] = {}
        self._on_alarm: tuple[Callable[[Event], None], ...] = ()

    def listen(self, device: str, heard: Heard) -> Callable[[], None]:
        """See `ports.Listening.listen`."""
        self._heard[device] = (*self._heard.get(device, ()), heard)

        def end() -> None:
            left = tuple(one for one in self._heard.get(device, ()) if one is not heard)
            if left:
                self._heard[device] = left
            else:
                self._heard.pop(device, None)

        return end

    def listen_alarms(self, changed: Callable[[Event], None]) -> Callable[[], None]:
        """See `ports.Listening.listen_alarms`."""
        self._on_alarm = (*self._on_alarm, changed)

        def end() -> None:
            self._on_alarm = tuple(one for one in self._on_alarm if one is not changed)

        return end

    def tell(self, device: str, decoded: Decoded, at: Instant) -> None:
        """A device's message, whole."""
        for tell in self._heard.get(device, ()):
            tell(device, decoded, at)

    def tell_alarms(self, events: Iterable[Event]) -> None:
        """Those of them that are alarms."""
        if not self._on_alarm:
            return
        for event in events:
            if event.type in ALARM_TYPES:
                for tell in self._on_alarm:
                    tell(event)
