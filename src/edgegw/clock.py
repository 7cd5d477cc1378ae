"""Time as a value: the one place that asks the operating system what time it is.

Owns: `Clock` (the Protocol the shell passes around), `SystemClock`, and `ManualClock` for tests and simulations.
Must not know: who needs the time, or what for. The core never imports this module's `SystemClock`; it is handed `Instant`s.

Timers use monotonic nanoseconds. Wall time is a label on records and may be wrong until the clock was synchronised;
`Instant.synced` says which (design promise 11: honest time).
"""

import time
from pathlib import Path
from typing import Protocol

from edgegw.model import Instant

SYNC_MARKERS = (Path("/run/systemd/timesync/synchronized"), Path("/run/chrony/synchronized"))
"""Files whose presence means the wall clock was set since boot (systemd-timesyncd(8))."""

SYNC_CHECK_NS = 5_000_000_000
"""How often the markers are looked at: 5 s, cheap and soon enough for restamping."""

PLAUSIBLE_SINCE_NS = 1_735_689_600_000_000_000
"""2025-01-01T00:00:00Z. A box without an RTC boots in 1970 or at its image's build date; earlier is never believed."""


class Clock(Protocol):
    """A source of `Instant`s."""

    def now(self) -> Instant:
        """The present: wall nanoseconds since the epoch, monotonic nanoseconds, and whether the wall clock is trusted."""
        ...


class SystemClock:
    """The operating system's clocks.

    Args:
        assume_synced: what to believe where no time daemon leaves a marker (containers, other daemons): the kernel's
            own plausible time is taken as synchronised unless the operator says otherwise.
    """

    def __init__(self, *, assume_synced: bool = True) -> None:
        self._assume = assume_synced
        self._checked_ns = -SYNC_CHECK_NS
        self._synced = False

    def now(self) -> Instant:
        """See `Clock.now`. A vDSO call or two; the marker files are looked at every 5 s until one is there."""
        mono = time.monotonic_ns()
        wall = time.time_ns()
        if not self._synced and mono - self._checked_ns >= SYNC_CHECK_NS:
            self._checked_ns = mono
            self._synced = wall >= PLAUSIBLE_SINCE_NS and (self._assume or any(m.exists() for m in SYNC_MARKERS))
        return Instant(wall, mono, self._synced)


class ManualClock:
    """A clock that moves only when told; starts at 2026-01-01T00:00:00Z, monotonic 0."""

    def __init__(self, wall_ns: int = 1_767_225_600_000_000_000, mono_ns: int = 0, *, synced: bool = True) -> None:
        self._wall = wall_ns
        self._mono = mono_ns
        self._synced = synced

    def now(self) -> Instant:
        """See `Clock.now`."""
        return Instant(self._wall, self._mono, self._synced)

    def advance(self, seconds: float) -> Instant:
        """Move both clocks forward and return the new present."""
        step = round(seconds * 1e9)
        self._wall += step
        self._mono += step
        return self.now()

    def set_wall(self, wall_ns: int, *, synced: bool = True) -> Instant:
        """Step the wall clock alone, as NTP or a person would."""
        self._wall = wall_ns
        self._synced = synced
        return self.now()
