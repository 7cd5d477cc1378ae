"""Whether a device is there: unknown, online, offline.

Owns: what counts as a sign of life and what as silence, the events on change, the durable last-seen.
Must not know: links' protocols, alarms (an `offline` rule is told by device.py).

Signs of life: a message that is not old, an answered request, a message that says online. Offline: a message that says so, two
unanswered requests in a row, or silence for `offline_after`. The first online is told once in a device's life here, as
the state survives; after a restart nothing is told until something changes.
"""

import msgspec
from msgspec import UNSET, Struct

from edgegw.model import Instant, Lane
from edgegw.rules.events import (
    DEVICE_OFFLINE,
    DEVICE_ONLINE,
    NS_PER_S,
    PRESENCE_KIND,
    DeviceRef,
    Draft,
    Location,
    PresenceData,
    encode,
    utc,
)
from edgegw.rules.watch import resumed

SILENCES_TO_OFFLINE = 2
"""One lost answer is noise on an RS-485 line; two in a row are a device that is gone."""

WRITE_EVERY_NS = 30 * NS_PER_S
"""Last-seen is durable to 30 s: at 1,000 devices that is 33 small values a second, joined to commits that happen anyway."""

MOST_REASONS = 16
"""Reasons of silence counted apart, per device; links use fewer, this is a bound and not a choice."""

UNKNOWN = "unknown"
ONLINE = "online"
OFFLINE = "offline"


class PresenceState(Struct, omit_defaults=True):
    """As stored (JSON).

    Attributes:
        since_ns, seen_ns: wall time of the last change and of the last sign of life, 0: none.
    """

    status: str
    since_ns: int = 0
    seen_ns: int = 0
    reason: str = ""


class PresenceView(Struct, frozen=True):
    """A device's presence, for metrics, health and the console.

    Attributes:
        since_ns, seen_ns: wall time; 0: never.
        silences: unanswered requests in a row.
        reasons: unanswered requests by reason, since the daemon started.
    """

    device: str
    status: str
    since_ns: int
    seen_ns: int
    silences: int
    reason: str
    reasons: dict[str, int]


_decode_state = msgspec.json.Decoder(PresenceState).decode


def decode_state(value: bytes) -> PresenceState:
    """A stored presence; msgspec.DecodeError if it is none."""
    state = _decode_state(value)
    if state.status not in (UNKNOWN, ONLINE, OFFLINE):
        raise msgspec.ValidationError("not a presence")
    return state


class Presence:
    """One device's presence.

    Attributes:
        status: unknown, online or offline.
        seen: the last sign of life. The engine sets it directly while the device is online and `write_due_ns` is not reached.
        silences: unanswered requests in a row; set to 0 with `seen`.
        write_due_ns: when last-seen is to be written again, monotonic.
    """

    __slots__ = (
        "_location",
        "_paused",
        "_quiet_from_ns",
        "_reason",
        "_reasons",
        "_ref",
        "_since_ns",
        "_within_ns",
        "seen",
        "silences",
        "status",
        "write_due_ns",
    )

    def __init__(
        self,
        ref: DeviceRef,
        location: Location,
        offline_after: float | None,
        stored: PresenceState | None,
        now: Instant,
    ) -> None:
        state = stored or PresenceState(UNKNOWN)
        self._ref = ref
        self._location = location
        self._within_ns = None if offline_after is None else round(offline_after * NS_PER_S)
        self._quiet_from_ns = now.mono_ns  # a full duration from start: no flood of offline devices after a restart
        self._paused = False
        self._reason = state.reason
        self._reasons: dict[str, int] = {}
        self._since_ns = state.since_ns
        self.status = state.status
        self.seen = Instant(state.seen_ns, now.mono_ns)
        self.silences = 0
        self.write_due_ns = now.mono_ns + WRITE_EVERY_NS

    def alive(self, reason: str, at: Instant, draft: Draft) -> bool:
        """A sign of life (reason ``message`` or ``availability``). Returns whether the device changed to online."""
        before, self.seen = self.seen, at
        self.silences = 0
        changed = self.status != ONLINE
        if changed:
            self._change(ONLINE, reason, at, draft, before)
        elif at.mono_ns >= self.write_due_ns:
            self._save(at, draft)
        return changed

    def gone(self, reason: str, at: Instant, draft: Draft) -> bool:
        """The device, or somebody who knows, says it is offline. Returns whether it changed."""
        changed = self.status != OFFLINE
        if changed:
            self._change(OFFLINE, reason, at, draft, self.seen)
        return changed

    def silent(self, reason: str, at: Instant, draft: Draft) -> bool:
        """A request was not answered. Returns whether the device changed to offline.

        While the link is down nobody could answer, and it does not count.
        """
        if reason in self._reasons or len(self._reasons) < MOST_REASONS:
            self._reasons[reason] = self._reasons.get(reason, 0) + 1
        if self._paused:
            return False
        self.silences += 1
        return self.silences >= SILENCES_TO_OFFLINE and self.gone(reason, at, draft)

    def pause(self) -> None:
        """The device's link went down: silence means nothing now."""
        self._paused = True

    def resume(self, now: Instant, away_ns: int) -> None:
        """The link is back after that long."""
        self._paused = False
        self.silences = 0
        if self._within_ns is not None:
            self._quiet_from_ns = resumed(self._heard_ns(), self._within_ns, now.mono_ns, away_ns)

    def due_ns(self) -> int | None:
        """When silence makes the device offline, monotonic."""
        if self._within_ns is None or self._paused or self.status == OFFLINE:
            return None
        return self._heard_ns() + self._within_ns

    def fire(self, now: Instant, draft: Draft) -> bool:
        """Take the step if it is due. Returns whether the device changed to offline."""
        due = self.due_ns()
        return due is not None and due <= now.mono_ns and self.gone("silence", now, draft)

    def view(self) -> PresenceView:
        """For onlookers."""
        return PresenceView(
            device=self._ref.id,
            status=self.status,
            since_ns=self._since_ns,
            seen_ns=self.seen.wall_ns,
            silences=self.silences,
            reason=self._reason,
            reasons=dict(self._reasons),
        )

    def _heard_ns(self) -> int:
        return max(self.seen.mono_ns, self._quiet_from_ns)

    def _change(self, status: str, reason: str, at: Instant, draft: Draft, seen: Instant) -> None:
        self.status, self._reason, self._since_ns = status, reason, at.wall_ns
        last_seen = utc(seen.wall_ns) if seen.wall_ns else UNSET
        data = PresenceData(device=self._ref, location=self._location, reason=reason, last_seen=last_seen)
        kind = DEVICE_ONLINE if status == ONLINE else DEVICE_OFFLINE
        draft.event(kind, Lane.TELEMETRY, self._ref.id, at, encode(data))
        self._save(at, draft)

    def _save(self, at: Instant, draft: Draft) -> None:
        self.write_due_ns = at.mono_ns + WRITE_EVERY_NS
        state = PresenceState(self.status, self._since_ns, self.seen.wall_ns, self._reason)
        draft.state(PRESENCE_KIND, self._ref.id, encode(state))
