"""Whether the wall clock may be believed where a date decides: envelopes that expire, rights that end.

Owns: the latest wall time this gateway ever stood for, and the judgement. Must not know: who asks, SQL, how time is kept.

Trusted means all three:

- the operating system says that the clock was set (`Instant.synced`);
- it is not earlier than the latest time stored, less `TOLERANCE_NS`: what was stored had happened, and a clock set back (by a
  person, a dead battery, a false time server) would make old envelopes and ended rights good again;
- in this run it did not fall behind the monotonic clock by more than `BEHIND_NS`: a clock set back since the last stored time
  shows here, also when it is still later than what was stored.

The latest time is a durable value (`KIND`, `KEY`) that only grows. `note` gives the change that moves it; it is to be committed
with the admission or decision that relied on it.
"""

from collections.abc import Mapping

from edgegw.model import Instant, StateChange

KIND = "clock"
KEY = "latest"

TOLERANCE_NS = 1_000_000_000
"""1 s: two instants taken one after the other may be stored in the other order, and NTP steps by less without harm."""

BEHIND_NS = 60_000_000_000
"""60 s: far above any slewing (at most 500 ppm), far below a lifetime or schedule that somebody would want to stretch."""


class ClockTrust:
    """One per gateway, shared by all that judge by dates.

    Args:
        states: the durable state of kind `KIND` as of opening.
    """

    def __init__(self, states: Mapping[str, bytes]) -> None:
        self._latest_ns = int(states.get(KEY, b"0"))
        self._ahead_ns: int | None = None  # most that the wall clock was ahead of the monotonic one, while it was set

    @property
    def latest_ns(self) -> int:
        """The latest wall time noted, 0 if none ever was. Never goes back."""
        return self._latest_ns

    @property
    def floor_ns(self) -> int:
        """No instant with an earlier wall time is ever trusted again."""
        return self._latest_ns - TOLERANCE_NS

    def trusted(self, now: Instant) -> bool:
        """Whether the wall time of `now` may be believed. Looks that are made often see a clock set back all the better."""
        if not now.synced:
            return False
        ahead_ns = now.wall_ns - now.mono_ns
        if self._ahead_ns is None or ahead_ns > self._ahead_ns:
            self._ahead_ns = ahead_ns
        return now.wall_ns >= self.floor_ns and ahead_ns >= self._ahead_ns - BEHIND_NS

    def note(self, now: Instant) -> tuple[StateChange, ...]:
        """Something is about to be stored that happened now: the latest time, moved on if `now` is trusted, to commit with it;
        empty only while no time was ever trusted. Given also where it did not move: what is committed may rest on an earlier
        move whose own commit failed."""
        if self.trusted(now) and now.wall_ns > self._latest_ns:
            self._latest_ns = now.wall_ns
        return (StateChange(KIND, KEY, str(self._latest_ns).encode()),) if self._latest_ns else ()
