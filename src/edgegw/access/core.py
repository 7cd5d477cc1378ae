"""All doors of a site: decides who passes, follows locks and contacts, says what is to be done.

Owns: what follows from each thing that can happen at a door. Must not know: devices, commands, the store, the site file.

Pure: time is handed in, monotonic for every timer, wall for schedules and validity. ``unlock`` and ``release`` are said in one
place each, beside a granted decision; neither the constructor nor `tick` ever says them.
"""

from collections.abc import Iterable, Mapping

import msgspec

from edgegw.access.credentials import CredentialBook
from edgegw.access.decision import GUESSES, Act, Decision, DoorView, Presented, Step
from edgegw.access.door import DOOR_KIND, Mover
from edgegw.access.events import decision_id
from edgegw.access.judge import Judge, Verdict
from edgegw.access.notes import Notes
from edgegw.access.passback import AREA_KIND, Areas
from edgegw.access.room import Room
from edgegw.access.schedule import Calendar
from edgegw.access.specs import DoorSpec, RightSpec
from edgegw.errors import CommandError, ConfigError
from edgegw.model import Instant, OutcomeStatus, StateChange, Value

NO_DETAILS: Mapping[str, Value] = {}


class DoorCore:
    """The doors.

    Args:
        doors: their specs; `views` keeps this order.
        book: credentials; the same object may be changed at any time, every decision reads it anew.
        key: the access key the book's hashes were made with; for PINs that belong to cards.
        states: durable values by kind (``door``, ``area``), then key, as `Step.states` said them.

    Door and reader ids that are not in the specs raise KeyError. Raises ConfigError ``unknown-schedule``, ``unknown-door`` (in an
    interlock), ``duplicate-door``.
    """

    def __init__(
        self,
        doors: Iterable[DoorSpec],
        rights: Iterable[RightSpec],
        calendar: Calendar,
        book: CredentialBook,
        key: bytes,
        *,
        states: Mapping[str, Mapping[str, bytes]],
        now: Instant,
    ) -> None:
        specs, rights = tuple(doors), tuple(rights)
        latches = states.get(DOOR_KIND, {})
        self._rooms = {spec.id: Room(spec, rights, calendar, latches.get(spec.id), now) for spec in specs}
        if len(self._rooms) != len(specs):
            raise ConfigError("duplicate-door", "two doors of one id")
        for spec in specs:
            for other in spec.interlock:
                if other not in self._rooms or other == spec.id:
                    raise ConfigError("unknown-door", f"door {spec.id}: interlock with {other!r}")
        areas = {spec.passback.area for spec in specs if spec.passback is not None}
        self._areas = Areas(areas, states.get(AREA_KIND, {}), now)
        self._judge = Judge(book, key, self._areas, self._rooms)
        gone = (StateChange(DOOR_KIND, door, None) for door in latches if door not in self._rooms)
        self._gone = (*gone, *self._areas.leftovers())
        self._since_ns = now.mono_ns
        self._serial = 0
        # A new core is due at once: its first tick says what every door is in.
        self._due: dict[str, int | None] = dict.fromkeys(self._rooms, now.mono_ns)

    # --- what happens ---------------------------------------------------------------------------------------------------

    def present(self, door: str, shown: Presented, now: Instant, *, clock_trusted: bool) -> Step:
        """A credential at a reader. `clock_trusted`: whether wall time may decide about schedules and validity."""
        room, notes = self._enter(door, now)
        verdict = self._judge.judge(room, shown, now, trusted=clock_trusted)
        if verdict.reason in GUESSES and not room.door.released:
            room.refused(shown.reader, verdict.repeatable, now.mono_ns, notes)
        elif verdict.granted:
            room.readers[shown.reader].lockout.passed()
        if verdict.duress:
            room.duress(_threat(shown.reader, verdict), now.mono_ns, notes)
        decision = self._judged(door, shown.reader, verdict, now, trusted=clock_trusted)
        if verdict.granted:
            return self._open(room, decision, now, notes, verdict.movers)
        return self._step(room, notes, decision, act="refuse" if decision.final else None)

    def exit_button(self, door: str, now: Instant) -> Step:
        """The exit button was pressed (a fresh rising edge). Opens whatever else holds: nobody is kept inside."""
        room, notes = self._enter(door, now)
        decision = self._decision(door, now, granted=True, reason="exit-button")
        return self._open(room, decision, now, notes)

    def operate(self, door: str, action: str, issuer: str, now: Instant, *, linkage: bool = False) -> Step:
        """``unlock``, ``release`` or ``relock`` by an issuer whose right to it was checked already.

        Raises CommandError ``bad-action`` for any other action, and for a relock by a linkage: that needs a person.
        """
        if action not in ("unlock", "release", "relock") or (linkage and action == "relock"):
            raise CommandError("bad-action", f"door {door}: {action!r} by {issuer}")
        room, notes = self._enter(door, now)
        by = "linkage" if linkage else "operator"
        if action == "release":
            decision = self._decision(door, now, granted=True, reason=by, action=action, issuer=issuer)
            return self._release(room, decision, by, now, notes)
        if action == "relock":
            if room.door.fire_blocks:
                decision = self._decision(door, now, granted=False, reason="fire-active", action=action, issuer=issuer)
                return self._step(room, notes, decision)
            room.door.relock(now.mono_ns)
            decision = self._decision(door, now, granted=True, reason=by, action=action, issuer=issuer)
            return self._step(room, notes, decision, act="relock")
        other = None if room.door.released else self._judge.interlocked(room, now)
        if other is not None:
            why: dict[str, Value] = {"interlock": other}
            decision = self._decision(door, now, granted=False, reason="interlock", issuer=issuer, details=why)
            return self._step(room, notes, decision)
        reason = "released" if room.door.released else by
        decision = self._decision(door, now, granted=True, reason=reason, issuer=issuer)
        return self._open(room, decision, now, notes)

    def fire(self, door: str, now: Instant, *, active: bool, fresh: bool = True) -> Step:
        """The fire input's reading (every one; edges are found here).

        Fresh and newly active, it releases; also after a restart, whatever was released before: the cause is a reading of now,
        and a door that is released once too often costs less than one that is not. While a release did not succeed, every further
        fresh active reading tries again, every 10 s at most. An old reading moves nothing.
        """
        room, notes = self._enter(door, now)
        if not room.door.fire(now, notes, active=active, fresh=fresh):
            return self._step(room, notes)
        decision = self._decision(door, now, granted=True, reason="fire", action="release")
        return self._release(room, decision, "fire", now, notes)

    def contact(self, door: str, now: Instant, *, is_open: bool, fresh: bool = True) -> Step:
        """The door contact's reading (every one; edges are found here)."""
        room, notes = self._enter(door, now)
        self._pass(room, room.door.contact(now, notes, is_open=is_open, fresh=fresh), now, notes)
        return self._step(room, notes)

    def outcome(self, door: str, act: str, status: OutcomeStatus, now: Instant, *, reason: str = "") -> Step:
        """How an act (``unlock``, ``release``, ``relock``) ended.

        `REJECTED`: not sent at all, by our own decision (no audit). If an order from before a release comes through after it
        (a pulse that will end, a relock), the release is said again.
        """
        if act not in ("unlock", "release", "relock"):
            raise CommandError("bad-action", f"door {door}: outcome of {act!r}")
        room, notes = self._enter(door, now)
        followed, movers = room.door.outcome(act, status, reason, now, notes)
        self._pass(room, movers, now, notes)
        if followed == "relocked" and room.spec.passback is not None:
            # People passed uncounted while it stood open: nobody knows who is inside now.
            notes.states += self._areas.clear(room.spec.passback.area)
        latch = room.door.latch
        if followed != "superseded" or latch is None:
            return self._step(room, notes)
        decision = self._decision(door, now, granted=True, reason=latch.cause, action="release", issuer=latch.by)
        return self._release(room, decision, latch.cause, now, notes)

    def reader(
        self, door: str, reader: str, now: Instant, *, lost: bool | None = None, tamper: bool | None = None
    ) -> Step:
        """A reader was lost or came back; its tamper contact (fresh readings only). None: nothing about it."""
        room, notes = self._enter(door, now)
        side = room.readers[reader]
        evidence: dict[str, Value] = {"reader": reader}
        if lost is not None:
            side.lost = lost
            room.door.told.tell(notes, "reader-lost", evidence, active=lost, part=reader)
        if tamper is not None:
            side.tampered = tamper
            room.door.told.tell(notes, "tamper", evidence, active=tamper, part=reader)
        return self._step(room, notes)

    def forget(self, area: str, holder: str) -> Step:
        """Let a person enter an area again (anti-passback), by an operator's word."""
        return Step(states=self._areas.forget(area, holder), again_ns=self.due_ns())

    # --- time -----------------------------------------------------------------------------------------------------------

    def tick(self, now: Instant) -> tuple[Step, ...]:
        """What time alone changes: steps of one door or decision each. Their `act` is always None."""
        steps = [Step(states=self._gone)] if self._gone else []
        self._gone = ()
        for door, due in self._due.items():
            if due is None or due > now.mono_ns:
                continue
            room, notes = self._enter(door, now)
            lapsed = self._lapsed(room, now)
            step = self._step(room, notes)
            if step.conditions or step.states:
                steps.append(step)
            steps += [Step(decision=decision) for decision in lapsed]
        again_ns = self.due_ns()
        return tuple(msgspec.structs.replace(step, again_ns=again_ns) for step in steps)

    def due_ns(self) -> int | None:
        """Monotonic time of the next `tick` that may change something. A new core is due at once."""
        if self._gone:
            return self._since_ns
        return min((due for due in self._due.values() if due is not None), default=None)

    def _lapsed(self, room: Room, now: Instant) -> list[Decision]:
        door, decisions = room.spec.id, []
        for reader, side in room.readers.items():
            wait = side.wait
            if wait is not None and now.mono_ns >= wait.until_ns:
                side.wait = None
                verdict = self._judge.unfinished(wait.hashed, "pin-timeout", "card+pin", wait.tail, wait.direction)
                decisions.append(self._judged(door, reader, verdict, now, trusted=now.synced))
        for one in () if room.gathering is None else room.gathering.lapse(now.mono_ns):
            verdict = self._judge.unfinished(one.key, "cards-timeout", "", "", one.direction)
            decisions.append(self._judged(door, "", verdict, now, trusted=now.synced))
        return decisions

    # --- what is to be seen ----------------------------------------------------------------------------------------------

    def released(self, door: str) -> bool:
        """Whether a door is to stay released: to be asked before a release is sent again at `Step.repeat_ns`."""
        return self._rooms[door].door.released

    def view(self, door: str, now: Instant) -> DoorView:
        """One door now."""
        return self._rooms[door].view(now)

    def views(self, now: Instant) -> tuple[DoorView, ...]:
        """All doors, in the order given."""
        return tuple(room.view(now) for room in self._rooms.values())

    def inside(self, area: str) -> int:
        """How many are known to be inside an area."""
        return self._areas.count(area)

    # --- the parts --------------------------------------------------------------------------------------------------------

    def _enter(self, door: str, now: Instant) -> tuple[Room, Notes]:
        room, notes = self._rooms[door], Notes()
        if not room.begun:
            room.begin(notes)
        self._pass(room, room.settle(now, notes), now, notes)
        return room, notes

    def _pass(self, room: Room, movers: Iterable[Mover], now: Instant, notes: Notes) -> None:
        if room.spec.passback is None:
            return
        for mover in movers:
            notes.states += self._areas.move(
                room.spec.passback.area, mover.holder, now, entered=mover.entered, trusted=mover.trusted
            )

    def _open(self, room: Room, decision: Decision, now: Instant, notes: Notes, movers: tuple[Mover, ...] = ()) -> Step:
        """Granted: one pulse; nothing if one is on its way; never a pulse where the door stands released, it would end that."""
        latch = room.door.latch
        if latch is not None and room.door.released:
            if room.door.confirmed or room.door.releasing(now.mono_ns):
                return self._step(room, notes, decision)
            return self._release(room, decision, latch.cause, now, notes)
        joined = room.door.unlocking(now.mono_ns)
        self._pass(room, room.door.unlock(movers, now.mono_ns), now, notes)
        if joined:
            return self._step(room, notes, msgspec.structs.replace(decision, joined=True))
        return self._step(room, notes, decision, act="unlock")

    def _release(self, room: Room, decision: Decision, cause: str, now: Instant, notes: Notes) -> Step:
        repeat_ns = room.door.release(cause, decision.issuer, now, notes)
        return self._step(room, notes, decision, act="release", repeat_ns=repeat_ns)

    def _step(
        self,
        room: Room,
        notes: Notes,
        decision: Decision | None = None,
        *,
        act: Act | None = None,
        repeat_ns: int | None = None,
    ) -> Step:
        self._due[room.spec.id] = room.due_ns()
        return Step(
            decision=decision,
            act=act,
            repeat_ns=repeat_ns,
            conditions=tuple(notes.conditions),
            states=tuple(notes.states),
            again_ns=self.due_ns(),
        )

    def _decision(
        self,
        door: str,
        now: Instant,
        *,
        granted: bool,
        reason: str,
        action: str = "unlock",
        issuer: str = "",
        details: Mapping[str, Value] = NO_DETAILS,
    ) -> Decision:
        self._serial += 1
        return Decision(
            id=decision_id(door, now, self._serial),
            door=door,
            granted=granted,
            reason=reason,
            at=now,
            action=action,
            issuer=issuer,
            clock_trusted=now.synced,
            details=details,
        )

    def _judged(self, door: str, reader: str, verdict: Verdict, now: Instant, *, trusted: bool) -> Decision:
        decision = self._decision(door, now, granted=verdict.granted, reason=verdict.reason, details=verdict.details)
        known = verdict.credential
        return msgspec.structs.replace(
            decision,
            kind=verdict.kind,
            reader=reader,
            direction=verdict.direction,
            tail=verdict.tail,
            holder="" if known is None else known.holder,
            name="" if known is None else known.name,
            duress=verdict.duress,
            clock_trusted=trusted,
        )


def _threat(reader: str, verdict: Verdict) -> Mapping[str, Value]:
    known = verdict.credential
    evidence: dict[str, Value] = {"reader": reader, "granted": verdict.granted, "reason": verdict.reason}
    return evidence if known is None else {**evidence, "holder": known.holder, "name": known.name}
