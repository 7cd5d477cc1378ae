"""One door's lock and contact: what it is in, and which alarms follow from that.

Owns: pulses and the orders in flight, the release and its latch, the contact, forced and held, the fire input.
Must not know: credentials, rights, other doors (core.py).

Every timer is monotonic. Nothing in here opens anything: the core acts, on a granted decision, and this follows.
"""

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import Struct

from edgegw.access.notes import Notes, Told
from edgegw.access.specs import NS_PER_S, DoorSpec
from edgegw.model import Instant, OutcomeStatus, StateChange, Value

DOOR_KIND = "door"
"""`StateChange.kind` of a released door's latch; the key is the door id."""

FLIGHT_NS = 10 * NS_PER_S
"""An order whose outcome is not known after 10 s is over: commit wait (2 s at most) and command deadline (5 s) are shorter."""

RETRY_NS = 10 * NS_PER_S
"""A fire release that did not succeed is tried again with the next fresh reading of an active fire input, every 10 s at most."""

PENDING_MOST = 16
"""Holders that may be on their way through one door at once; the door is narrower than that."""

MAYBE_SENT = (OutcomeStatus.DONE, OutcomeStatus.UNKNOWN)


class Latch(Struct, omit_defaults=True):
    """A door that stands released, as stored (JSON).

    Attributes:
        cause: ``fire``, ``linkage`` or ``operator``; a stronger one (in this order) replaces a weaker.
        by: who. since_ns: wall time, for people.
        fire: the fire input as told last; it must be inactive before anyone may relock.
    """

    cause: str
    by: str = ""
    since_ns: int = 0
    fire: bool = False


class Mover(Struct, frozen=True):
    """A holder who may pass now; counts for anti-passback once the door was opened."""

    holder: str
    entered: bool
    trusted: bool


_STRENGTH = {"operator": 0, "linkage": 1, "fire": 2}
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Latch).decode

Followed = Literal["nothing", "relocked", "superseded"]
"""What an outcome means for a release: it ended, or something relocked (or may) that has to stay released."""


def _restored(stored: bytes | None) -> Latch | None:
    if stored is None:
        return None
    try:
        return _decode(stored)
    except msgspec.DecodeError:
        return Latch("operator", "?")  # damaged, but there was a latch: a release is never forgotten


class Door:
    """One door.

    Attributes:
        is_open: as told last, None: nothing was told. latch: None: not released. confirmed: the lock did confirm the release.
        window_ns: until then (monotonic) an opening belongs to a grant. After a start one pulse is assumed to be running: it
            may have been given before.
    """

    def __init__(self, spec: DoorSpec, stored: bytes | None, now: Instant) -> None:
        self.spec = spec
        self.told = Told(spec.id, spec.shown)
        self.is_open: bool | None = None
        self.latch = _restored(stored)
        self.confirmed = False
        self.window_ns = now.mono_ns + spec.pulse_ns + spec.grace_ns
        self.fire_seen: bool | None = self.latch.fire if self.latch is not None and spec.has_fire else None
        self._fire_fresh: bool | None = None
        self._contact_fresh = False
        self._held_at_ns: int | None = None
        self._unlocking_ns: int | None = None
        self._releasing_ns: int | None = None
        self._latched_by_flight = False
        self._retry_ns = now.mono_ns
        self._relocking_ns: int | None = None
        self._pulse_ns = now.mono_ns
        self._pending: list[Mover] = []

    # --- what it is in ---------------------------------------------------------------------------------------------

    def state(self, now_ns: int) -> str:
        """See DoorView.state."""
        if self.latch is not None:
            return "released"
        for kind in ("forced", "held"):
            if self.told.active(kind):
                return kind
        if self.is_open:
            return "open"
        return "unlocked" if now_ns < self._pulse_ns else "locked"

    @property
    def released(self) -> bool:
        """Whether it is to stay open; not any more while a relock is on its way."""
        return self.latch is not None and self._relocking_ns is None

    @property
    def fire_blocks(self) -> bool:
        """Whether the fire input keeps it from being relocked: active as told last, even by an old reading."""
        return bool(self.fire_seen)

    def unlocking(self, now_ns: int) -> bool:
        """Whether an unlock is on its way and its outcome not known."""
        return self._unlocking_ns is not None and now_ns < self._unlocking_ns

    def releasing(self, now_ns: int) -> bool:
        """The same of a release."""
        return self._releasing_ns is not None and now_ns < self._releasing_ns

    def moving(self, now_ns: int) -> bool:
        """Whether the lock is, or may be about to be, open for a moment."""
        return self.unlocking(now_ns) or now_ns < self.window_ns

    def safe(self, now_ns: int) -> bool:
        """For another door's interlock: closed as far as can be known, and not about to open."""
        closed = not self.spec.has_contact or self.is_open is False
        return closed and self.latch is None and not self.moving(now_ns)

    # --- the lock --------------------------------------------------------------------------------------------------

    def unlock(self, movers: tuple[Mover, ...], now_ns: int) -> tuple[Mover, ...]:
        """An unlock was granted (sent, or joined to the one on its way). Returns who passes at once: the door is open."""
        if not self.unlocking(now_ns):
            self._unlocking_ns = now_ns + FLIGHT_NS
        if self._held_at_ns is not None:
            self._held_at_ns = now_ns + self.spec.held_open_ns
        self._pending = [*self._pending, *movers][-PENDING_MOST:]
        return self._passed() if self.spec.has_contact and self.is_open else ()

    def release(self, cause: str, by: str, now: Instant, notes: Notes) -> int | None:
        """It is released and latched. Returns when to send it once more, if a pulse may end in between."""
        new = self.latch is None
        latch = self.latch
        if latch is None or _STRENGTH[cause] > _STRENGTH.get(latch.cause, 0):
            latch = Latch(cause, by, now.wall_ns, self.fire_blocks)
        self.latch = latch
        self._latched_by_flight = new or (self._latched_by_flight and self.releasing(now.mono_ns))
        self.confirmed = False
        self._relocking_ns = None
        self._releasing_ns = now.mono_ns + FLIGHT_NS
        self._retry_ns = now.mono_ns + RETRY_NS
        self._held_at_ns = None
        self._keep(notes)
        self._tell_no_opening(notes)
        self._tell_release(notes)
        return self.window_ns if now.mono_ns < self.window_ns else None

    def relock(self, now_ns: int) -> None:
        """A relock is on its way; the latch goes when the lock confirmed it."""
        self._relocking_ns = now_ns + FLIGHT_NS

    def outcome(
        self, act: str, status: OutcomeStatus, reason: str, now: Instant, notes: Notes
    ) -> tuple[Followed, tuple[Mover, ...]]:
        """How an order ended: what that means for a release, and who passed by it."""
        fire = self.latch is not None and self.latch.cause != "operator"
        if status is OutcomeStatus.DONE:
            self.told.tell(notes, "lock-failed", {"act": act}, active=False)
        elif status is not OutcomeStatus.REJECTED:
            evidence: Mapping[str, Value] = {"act": act, "status": status.value, "reason": reason}
            level = "P1" if fire and act == "release" else None
            self.told.tell(notes, "lock-failed", evidence, active=True, priority=level)
        if act == "unlock":
            return self._unlocked(status, now)
        if act == "release":
            self._released(status, notes)
            return "nothing", ()
        return self._relocked(status, now, notes), ()

    def _unlocked(self, status: OutcomeStatus, now: Instant) -> tuple[Followed, tuple[Mover, ...]]:
        if self._unlocking_ns is None:
            return "nothing", ()  # given up already
        self._unlocking_ns = None
        if status not in MAYBE_SENT:
            return "nothing", ()  # whoever waited to pass is dropped by `settle`, unless an earlier pulse still runs
        self._pulse_ns = now.mono_ns + self.spec.pulse_ns
        self.window_ns = max(self.window_ns, self._pulse_ns + self.spec.grace_ns)
        passed = () if self._sees_opening else self._passed()
        if self.latch is None:
            return "nothing", passed
        self.confirmed = False
        return "superseded", passed

    def _released(self, status: OutcomeStatus, notes: Notes) -> None:
        self._releasing_ns = None
        new, self._latched_by_flight = self._latched_by_flight, False
        if self.latch is None:
            return
        self.confirmed = status is OutcomeStatus.DONE
        # Definitely not carried out: an operator's release never was; a fire's is still wanted, and tried again.
        never = status is OutcomeStatus.REJECTED or self.latch.cause == "operator"
        if new and status not in MAYBE_SENT and never and self.latch.cause != "fire":
            self._unlatch(notes)

    def _relocked(self, status: OutcomeStatus, now: Instant, notes: Notes) -> Followed:
        meant, self._relocking_ns = self._relocking_ns is not None, None
        if self.latch is None or status not in MAYBE_SENT:
            return "nothing"
        if not meant and self.releasing(now.mono_ns):
            return "nothing"  # the release comes after it
        if not meant or status is OutcomeStatus.UNKNOWN:
            self.confirmed = False
            return "nothing" if meant else "superseded"
        self._unlatch(notes)
        self.window_ns = max(self.window_ns, now.mono_ns + self.spec.grace_ns)
        if self.is_open and self._contact_fresh:
            self._held_at_ns = now.mono_ns + self.spec.held_open_ns
        return "relocked"

    def _unlatch(self, notes: Notes) -> None:
        self.latch, self.confirmed = None, False
        self._keep(notes)
        self._tell_release(notes)

    def _keep(self, notes: Notes) -> None:
        value = None if self.latch is None else _encode(self.latch)
        notes.states.append(StateChange(DOOR_KIND, self.spec.id, value))

    def _tell_release(self, notes: Notes) -> None:
        latch = self.latch
        if latch is not None and latch.cause != "operator":
            self.told.tell(notes, "fire-release", {"cause": latch.cause, "by": latch.by}, active=True)
        else:
            self.told.tell(notes, "fire-release", {}, active=False)

    def _tell_no_opening(self, notes: Notes) -> None:
        self.told.tell(notes, "forced", {}, active=False)
        self.told.tell(notes, "held", {}, active=False)

    # --- the contact -----------------------------------------------------------------------------------------------

    @property
    def _sees_opening(self) -> bool:
        return self.spec.has_contact and self.is_open is not None

    def contact(self, now: Instant, notes: Notes, *, is_open: bool, fresh: bool) -> tuple[Mover, ...]:
        """A reading of the contact. Returns who passed."""
        if not fresh:
            if not self._contact_fresh:
                self.is_open = is_open  # better than nothing, for the interlock; raises nothing
            return ()
        before, first = self.is_open, not self._contact_fresh
        self.is_open, self._contact_fresh = is_open, True
        if not is_open:
            self._held_at_ns = None
            self._tell_no_opening(notes)
            return ()
        if before is True and not first:
            return ()
        ours = self.moving(now.mono_ns)
        if self.latch is None:
            if before is False and not ours:
                self.told.tell(notes, "forced", {"contact": "open"}, active=True)
                return ()
            self._held_at_ns = now.mono_ns + self.spec.held_open_ns
        return self._passed() if ours else ()

    def _passed(self) -> tuple[Mover, ...]:
        passed, self._pending = tuple(self._pending), []
        return passed

    # --- the fire input --------------------------------------------------------------------------------------------

    def fire(self, now: Instant, notes: Notes, *, active: bool, fresh: bool) -> bool:
        """A reading of the fire input. Returns whether the door is to be released now."""
        if not fresh:
            if active and self._fire_fresh is None:
                # Old: it moves nothing. But it may be true, so nobody relocks, and somebody is told to look.
                self._see_fire(notes, active=True)
                self.told.tell(notes, "fire-unconfirmed", {"fire": True}, active=True)
            return False
        rising = active and self._fire_fresh is not True
        self._fire_fresh = active
        self._see_fire(notes, active=active)
        self.told.tell(notes, "fire-unconfirmed", {}, active=False)
        if not active:
            return False
        failed = not self.confirmed and not self.releasing(now.mono_ns) and now.mono_ns >= self._retry_ns
        return rising or failed

    def _see_fire(self, notes: Notes, *, active: bool) -> None:
        self.fire_seen = active
        if self.latch is not None and self.latch.fire != active:
            self.latch = msgspec.structs.replace(self.latch, fire=active)
            self._keep(notes)

    # --- time ------------------------------------------------------------------------------------------------------

    def begin(self, notes: Notes) -> None:
        """Once after a start: say what is known, so that alarms raised before it end or go on."""
        self._tell_release(notes)
        if self.latch is not None or not self.spec.has_contact:
            self._tell_no_opening(notes)
        if not self.spec.has_fire:
            self.told.tell(notes, "fire-unconfirmed", {}, active=False)

    def settle(self, now: Instant, notes: Notes) -> tuple[Mover, ...]:
        """Everything time alone changed up to now. Returns who passed."""
        passed: tuple[Mover, ...] = ()
        if self._unlocking_ns is not None and now.mono_ns >= self._unlocking_ns:
            _, passed = self.outcome("unlock", OutcomeStatus.UNKNOWN, "no-outcome", now, notes)
        if self._releasing_ns is not None and now.mono_ns >= self._releasing_ns:
            self.outcome("release", OutcomeStatus.UNKNOWN, "no-outcome", now, notes)
        if self._relocking_ns is not None and now.mono_ns >= self._relocking_ns:
            self.outcome("relock", OutcomeStatus.UNKNOWN, "no-outcome", now, notes)
        if self._pending and not self.moving(now.mono_ns):
            self._pending = []
        if self._held_at_ns is not None and now.mono_ns >= self._held_at_ns:
            self._held_at_ns = None
            seconds = self.spec.held_open_ns / NS_PER_S
            self.told.tell(notes, "held", {"contact": "open", "seconds": seconds}, active=True)
        return passed

    def due_ns(self) -> int | None:
        """When `settle` may change something."""
        window = self.window_ns if self._pending and self._unlocking_ns is None else None
        times = (self._unlocking_ns, self._releasing_ns, self._relocking_ns, self._held_at_ns, window)
        return min((time for time in times if time is not None), default=None)
