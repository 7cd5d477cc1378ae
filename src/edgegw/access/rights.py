"""Whether a credential gives a right to a door now.

Owns: rights × groups × schedules × validity × clock trust. Must not know: door states, readers, PINs.
"""

from collections.abc import Iterable

from edgegw.access.credentials import Credential
from edgegw.access.schedule import Calendar
from edgegw.access.specs import DoorSpec, RightSpec
from edgegw.errors import ConfigError


class DoorRights:
    """The rights to one door. Raises ConfigError ``unknown-schedule`` for a right whose schedule does not exist."""

    __slots__ = ("_calendar", "_refuse_untrusted", "_rights")

    def __init__(self, door: DoorSpec, rights: Iterable[RightSpec], calendar: Calendar) -> None:
        names = {door.id, *door.groups}
        self._rights = tuple(right for right in rights if right.doors & names)
        self._calendar = calendar
        self._refuse_untrusted = door.refuse_untrusted
        for right in self._rights:
            if right.schedule is not None and right.schedule not in calendar:
                raise ConfigError("unknown-schedule", f"door {door.id}: no schedule {right.schedule!r}")

    def refusal(self, credential: Credential, wall_ns: int, *, trusted: bool) -> str | None:
        """Why not, as a reason; None if there is a right now.

        A right that depends on the time (schedule, validity) follows the door's policy while the clock is not
        `trusted`; one that does not is not affected.
        """
        groups = frozenset(credential.groups)
        schedules = [right.schedule for right in self._rights if right.groups & groups]
        if not schedules:
            return "no-privilege"
        if not trusted:
            return "clock-untrusted" if self._refuse_untrusted and self.timed(credential) else None
        if credential.valid_from_ns is not None and wall_ns < credential.valid_from_ns:
            return "not-yet-valid"
        if credential.valid_until_ns is not None and wall_ns >= credential.valid_until_ns:
            return "expired"
        if any(schedule is None or self._calendar.open(schedule, wall_ns) for schedule in schedules):
            return None
        return "wrong-time-zone"

    def timed(self, credential: Credential) -> bool:
        """Whether this credential's right here depends on what time it is."""
        groups = frozenset(credential.groups)
        always = any(right.schedule is None and right.groups & groups for right in self._rights)
        return not always or credential.valid_from_ns is not None or credential.valid_until_ns is not None
