"""Whether a presented credential opens a door: the decision itself.

Owns: the order of the checks; card + PIN; several holders; duress. Must not know: what is done about a verdict (core.py), locks.

Every check reads the book anew: whoever was revoked a moment ago is refused, also with a PIN or a second holder still awaited.
"""

import hmac
from collections.abc import Mapping

from msgspec import Struct

from edgegw.access.credentials import Credential, CredentialBook, pin_hash
from edgegw.access.decision import Presented
from edgegw.access.door import Mover
from edgegw.access.passback import Areas
from edgegw.access.room import Room
from edgegw.access.waiting import PIN_WITHIN_NS, CardWait, Gathering
from edgegw.model import Instant, Value

CARD_AND_PIN = "card+pin"
ANY = frozenset({"card", "pin", "qr"})


class Verdict(Struct, kw_only=True):
    """What the checks came to.

    Attributes:
        kind, tail, direction, credential, hashed: of what was presented; for a PIN after a card: of the card.
        movers: holders who may pass; more than one at a door for several holders.
        repeatable: the number, if readers repeat it while it is held to them (counts as one attempt); None for a PIN.
    """

    granted: bool = False
    reason: str = ""
    kind: str
    tail: str
    direction: str
    hashed: bytes
    credential: Credential | None = None
    duress: bool = False
    details: dict[str, Value] = {}
    movers: tuple[Mover, ...] = ()
    repeatable: bytes | None = None


class Judge:
    """Decides. `rooms`: all doors, for interlocks and areas."""

    def __init__(self, book: CredentialBook, key: bytes, areas: Areas, rooms: Mapping[str, Room]) -> None:
        self._book = book
        self._key = key
        self._areas = areas
        self._rooms = rooms

    def judge(self, room: Room, shown: Presented, now: Instant, *, trusted: bool) -> Verdict:
        """The verdict on a credential at a reader of the room. Changes what waits there, nothing else."""
        side = room.readers[shown.reader]
        both = room.spec.require == CARD_AND_PIN
        card = self._card_of(room, shown, now) if both and shown.kind == "pin" else None
        verdict = Verdict(
            kind=shown.kind if card is None else CARD_AND_PIN,
            tail=shown.tail if card is None else card.tail,
            direction=shown.direction if card is None else card.direction,
            hashed=shown.hashed if card is None else card.hashed,
            repeatable=None if shown.kind == "pin" else shown.hashed,
        )
        verdict.credential = credential = self._book.get(verdict.hashed)
        verdict.duress = credential is not None and credential.duress
        wrong_pin = False
        if card is not None and credential is not None:
            match = self._pin(card, credential, shown)
            wrong_pin = match is None
            verdict.duress = verdict.duress or match == "duress"
        refusal = self._refusal(room, shown, verdict, now, locked=side.lockout.locked(now.mono_ns), trusted=trusted)
        verdict.reason = refusal or ("wrong-pin" if wrong_pin else "")
        if not verdict.reason and credential is not None:
            if room.door.released:
                verdict.granted, verdict.reason = True, "released"
            elif both and card is None:
                self._await_pin(room, shown, credential, verdict, now)
            else:
                self._grant(room, verdict, credential, now, trusted=trusted)
        return verdict

    def unfinished(self, hashed: bytes, reason: str, kind: str, tail: str, direction: str) -> Verdict:
        """The verdict on someone who waited in vain."""
        known = self._book.get(hashed)
        return Verdict(reason=reason, kind=kind, tail=tail, direction=direction, hashed=hashed, credential=known)

    def interlocked(self, room: Room, now: Instant) -> str | None:
        """The door that keeps this one from being opened, None if none does."""
        for other in room.spec.interlock:
            if not self._rooms[other].door.safe(now.mono_ns):
                return other
        return None

    def suspended(self, area: str) -> bool:
        """Whether people pass an area's doors uncounted: one of them stands released."""
        return any(
            room.door.latch is not None and room.spec.passback is not None and room.spec.passback.area == area
            for room in self._rooms.values()
        )

    # --- the checks, in their order ------------------------------------------------------------------------------------

    def _refusal(
        self, room: Room, shown: Presented, verdict: Verdict, now: Instant, *, locked: bool, trusted: bool
    ) -> str | None:
        if locked:
            return "locked-out"
        require = room.spec.require
        accepted = {"card", "pin"} if require == CARD_AND_PIN else ANY if require == "any" else {require}
        if shown.kind not in accepted:
            return "wrong-kind"
        if require == CARD_AND_PIN and verdict.kind == "pin":
            return "no-card"
        if verdict.credential is None:
            return "unknown-credential"
        refusal = room.rights.refusal(verdict.credential, now.wall_ns, trusted=trusted)
        if refusal is None and not trusted and room.rights.timed(verdict.credential):
            verdict.details = {**verdict.details, "untrusted_allowed": True}
        return refusal

    def _grant(self, room: Room, verdict: Verdict, credential: Credential, now: Instant, *, trusted: bool) -> None:
        entered = verdict.direction == "in"
        passback = room.spec.passback
        if passback is not None and entered and not self.suspended(passback.area):
            area, forget_ns = passback.area, passback.forget_ns
            if self._areas.inside(area, credential.holder, forget_ns, now, trusted=trusted):
                verdict.details = {**verdict.details, "anti_passback": "hard" if passback.hard else "soft"}
                if passback.hard:
                    verdict.reason = "anti-passback"
                    return
        other = self.interlocked(room, now)
        if other is not None:
            verdict.details = {**verdict.details, "interlock": other}
            verdict.reason = "interlock"
            return
        verdict.movers = (Mover(credential.holder, entered, trusted),)
        if room.gathering is None:
            verdict.granted = True
            verdict.reason = "card-pin" if verdict.kind == CARD_AND_PIN else verdict.kind
            return
        self._gather(room, room.gathering, verdict, credential, now, trusted=trusted)

    # --- card and PIN --------------------------------------------------------------------------------------------------

    def _card_of(self, room: Room, shown: Presented, now: Instant) -> CardWait | None:
        """The card this PIN belongs to; it waits no more, whatever comes of it."""
        side = room.readers[shown.reader]
        if side.wait is None or now.mono_ns >= side.wait.until_ns:
            return None  # one whose time is over is left for `tick`, which says so
        wait, side.wait = side.wait, None
        return wait

    def _pin(self, card: CardWait, credential: Credential, shown: Presented) -> str | None:
        """``pin``, ``duress``, or None for a wrong one. Both are always compared, in constant time."""
        if shown.pin is None:
            return None
        given = pin_hash(self._key, card.hashed, shown.pin.reveal())
        usual = hmac.compare_digest(given, credential.pin or b"")
        duress = hmac.compare_digest(given, credential.duress_pin or b"")
        return "duress" if duress else "pin" if usual else None

    def _await_pin(self, room: Room, shown: Presented, credential: Credential, verdict: Verdict, now: Instant) -> None:
        if credential.pin is None and credential.duress_pin is None:
            verdict.reason = "no-pin"
            return
        verdict.reason = "awaiting-pin"
        wait = CardWait(shown.hashed, shown.tail, shown.direction, now.mono_ns + PIN_WITHIN_NS)
        room.readers[shown.reader].wait = wait

    # --- several holders -----------------------------------------------------------------------------------------------

    def _gather(
        self,
        room: Room,
        gathering: Gathering,
        verdict: Verdict,
        credential: Credential,
        now: Instant,
        *,
        trusted: bool,
    ) -> None:
        spec = gathering.spec
        gathering.add(credential.holder, credential.name, verdict.hashed, verdict.direction, now.mono_ns)
        escorted = spec.escort is None
        movers = []
        for one in gathering.present(now.mono_ns):
            known = self._book.get(one.key)
            if known is None or room.rights.refusal(known, now.wall_ns, trusted=trusted) is not None:
                continue  # revoked, or not in time any more, while waiting for the others
            escorted = escorted or spec.escort in known.groups
            movers.append(Mover(one.holder, one.direction == "in", trusted))
        if len(movers) < spec.cards:
            verdict.reason, verdict.movers = "awaiting-cards", ()
        elif not escorted:
            verdict.reason, verdict.movers = "awaiting-escort", ()
        else:
            verdict.granted, verdict.reason, verdict.movers = True, "multi", tuple(movers)
            verdict.details = {**verdict.details, "holders": ",".join(mover.holder for mover in movers)}
            gathering.clear()
