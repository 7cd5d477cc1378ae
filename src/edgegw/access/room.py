"""A door with everything around it: readers and their lock-outs, who waits there, alarms that end by themselves.

Owns: these parts and the time of each. Must not know: who may pass (judge.py), other doors.
"""

from collections.abc import Iterable, Mapping

from edgegw.access.decision import DoorView
from edgegw.access.door import Door, Mover
from edgegw.access.lockout import Lockout
from edgegw.access.notes import Notes
from edgegw.access.rights import DoorRights
from edgegw.access.schedule import Calendar
from edgegw.access.specs import NS_PER_S, DoorSpec, RightSpec
from edgegw.access.waiting import CardWait, Gathering
from edgegw.model import Instant, Value

DURESS_NS = 600 * NS_PER_S
"""A duress alarm ends by itself 10 min after the last signal: the ticket it made lives on, the next signal makes a new one."""


class ReaderSide:
    """One reader of a door."""

    __slots__ = ("lockout", "lost", "tampered", "wait")

    def __init__(self, spec: DoorSpec) -> None:
        self.lockout = Lockout(spec.lockout)
        self.wait: CardWait | None = None
        self.lost = False
        self.tampered = False


class Room:
    """One door and its surroundings. `begun`: whether it said once what it is in (see `Door.begin`)."""

    def __init__(
        self, spec: DoorSpec, rights: Iterable[RightSpec], calendar: Calendar, stored: bytes | None, now: Instant
    ) -> None:
        self.spec = spec
        self.door = Door(spec, stored, now)
        self.rights = DoorRights(spec, rights, calendar)
        self.readers = {reader: ReaderSide(spec) for reader in spec.readers}
        self.gathering = None if spec.multi is None else Gathering(spec.multi)
        self.begun = False
        self._duress_until_ns: int | None = now.mono_ns + DURESS_NS  # one may have been raised before this start

    def begin(self, notes: Notes) -> None:
        """See Door.begin; no lock-out outlives a start."""
        self.begun = True
        self.door.begin(notes)
        for reader in self.readers:
            self.door.told.tell(notes, "lockout", {"reader": reader}, active=False, part=reader)

    def refused(self, reader: str, hashed: bytes | None, now_ns: int, notes: Notes) -> None:
        """An attempt that counts was refused; perhaps the reader's pause begins."""
        side = self.readers[reader]
        if not side.lockout.failed(now_ns, hashed):
            return
        side.wait = None
        spec = self.spec.lockout
        evidence: dict[str, Value] = {
            "reader": reader,
            "failures": spec.failures,
            "pause_seconds": spec.pause_ns / NS_PER_S,
        }
        self.door.told.tell(notes, "lockout", evidence, active=True, part=reader)

    def duress(self, evidence: Mapping[str, Value], now_ns: int, notes: Notes) -> None:
        """Someone signalled a threat."""
        self._duress_until_ns = now_ns + DURESS_NS
        self.door.told.tell(notes, "duress", evidence, active=True, again=True)

    def settle(self, now: Instant, notes: Notes) -> tuple[Mover, ...]:
        """Everything time alone changed, except who waited in vain: that is a decision of its own. Returns who passed."""
        for reader, side in self.readers.items():
            if side.lockout.lapse(now.mono_ns):
                self.door.told.tell(notes, "lockout", {"reader": reader}, active=False, part=reader)
        if self._duress_until_ns is not None and now.mono_ns >= self._duress_until_ns:
            self._duress_until_ns = None
            self.door.told.tell(notes, "duress", {}, active=False)
        return self.door.settle(now, notes)

    def due_ns(self) -> int | None:
        """When `settle`, or the end of a wait, may change something."""
        times = [self.door.due_ns(), self._duress_until_ns]
        if self.gathering is not None:
            times.append(self.gathering.due_ns())
        for side in self.readers.values():
            times += (side.lockout.until_ns, None if side.wait is None else side.wait.until_ns)
        return min((time for time in times if time is not None), default=None)

    def view(self, now: Instant) -> DoorView:
        """For those that watch."""
        latch = self.door.latch
        return DoorView(
            id=self.spec.id,
            name=self.spec.shown,
            state=self.door.state(now.mono_ns),
            is_open=self.door.is_open,
            released_by="" if latch is None else latch.by or latch.cause,
            confirmed=self.door.confirmed,
            fire=self.door.fire_seen,
            locked_out=tuple(name for name, side in self.readers.items() if side.lockout.locked(now.mono_ns)),
            lost=tuple(name for name, side in self.readers.items() if side.lost),
            tampered=tuple(name for name, side in self.readers.items() if side.tampered),
        )
