"""One trouble: what is known of it, and what is stored of it.

Owns: the shape of the stored state, the clocks of a trouble and how they outlive a restart.
Must not know: when it moves from one state to another (deciding.py), how it looks to others (looks.py).

Clocks run on monotonic time. What is stored is how much of each was left, and the wall time of that moment: after a restart as
much is taken off as the wall clock says has passed, if it was trusted both times; else nothing, as if no time had passed.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum
from hashlib import blake2b

import msgspec
from msgspec import Struct

from edgegw.model import Instant
from edgegw.rules.events import AlarmData, Draft, encode, occurrence_id
from edgegw.service.specs import Facts
from edgegw.service.ticket import Request, TicketState

REF_LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""Base 32 without 0, O, 1, I: a ref is read out on the telephone."""

REF_PREFIX = "EG-"


class Timer(StrEnum):
    """What a trouble waits for; the names are stored."""

    HOLD = "hold"
    """The end of gathering, or of settling after a cause."""
    RESPOND = "respond"
    """Somebody acknowledges, or it is escalated."""
    RESOLVE = "resolve"
    REOPEN = "reopen"
    """A closed ticket whose alarm is still active is opened again."""
    QUIET = "quiet"
    """It does not flap any more."""
    OVER = "over"
    """It goes into the history."""


CLOCKS = (Timer.RESPOND, Timer.RESOLVE)
"""Those that maintenance pauses."""

ENDED = frozenset({TicketState.RESOLVED, TicketState.CLOSED})
"""The ticket is done, unless the trouble is not."""


class Stored(Struct, kw_only=True, omit_defaults=True):
    """A trouble as stored (JSON, one per dedup_key). Times are wall nanoseconds, 0: not so (yet); no clock uses them.

    Attributes:
        form: of this shape; grows when a field changes its meaning.
        data: its alarm as last told, without the ticket, with the catalogue's priority.
        given: the priority its alarm says of itself; empty: the catalogue's.
        request: the catalogue's word when the ticket was last asked for; None: no ticket for this.
        why: it waits (gather, cause, maintenance), or there is none (no-ticket); empty otherwise. `cause`: of what.
        active: the alarm is raised.
        proposed: resolution was proposed and not taken back.
        acked: acknowledged since it was (re)opened.
        back: raised again after its ticket ended, or resolution was proposed.
        asked: escalations of the first clock since it was (re)opened; `overdue`: that of the second was told. `level`: all.
        version: of the last answer that counted.
        merged_into: the dedup_key that stands for its merged ticket.
        met_by_ns: the respond_by that held when it was first acknowledged.
        left, paused: nanoseconds left of each clock when this was saved, at `saved_ns`.
        ages: how long ago it was raised, for flapping.
    """

    form: int = 1
    dedup_key: str
    subject: str
    ticket_id: str
    ref: str
    data: AlarmData
    given: str = ""
    request: Request | None = None
    state: TicketState = TicketState.HELD
    why: str = ""
    cause: str = ""
    merged_into: str = ""
    active: bool = False
    proposed: bool = False
    acked: bool = False
    back: bool = False
    flapping: bool = False
    number: str = ""
    url: str = ""
    assignee: str = ""
    version: int = 0
    level: int = 0
    asked: int = 0
    overdue: bool = False
    occurrences: int = 0
    raised_ns: int = 0
    cleared_ns: int = 0
    requested_ns: int = 0
    opened_ns: int = 0
    acknowledged_ns: int = 0
    resolved_ns: int = 0
    closed_ns: int = 0
    met_by_ns: int = 0
    synced: bool = True
    left: dict[str, int] = {}
    paused: dict[str, int] = {}
    ages: list[int] = []
    saved_ns: int = 0
    saved_synced: bool = True


_decode_stored = msgspec.json.Decoder(Stored).decode


class Trouble:
    """One trouble in memory.

    Attributes:
        s: what is stored of it; `facts`: what the site says of its alarm.
        health: a lost feed, or another cause, explains it.
        raises: monotonic times of the latest raisings.
        due: monotonic time of each clock that runs.
        flap_began: at this very step.
        armed_ns: the timer queue's note (rules.timers).
    """

    __slots__ = ("_on_due", "armed_ns", "due", "facts", "flap_began", "health", "raises", "s")

    def __init__(
        self,
        stored: Stored,
        facts: Facts,
        on_due: Callable[["Trouble", Instant, Draft], None],
        *,
        health: bool,
        flap_raises: int,
    ) -> None:
        self.s = stored
        self.facts = facts
        self.health = health
        self.raises: deque[int] = deque(maxlen=max(1, flap_raises))
        self.due: dict[Timer, int] = {}
        self.flap_began = False
        self.armed_ns: int | None = None
        self._on_due = on_due

    @property
    def key(self) -> str:
        """Its dedup_key."""
        return self.s.dedup_key

    @property
    def waiting_up(self) -> bool:
        """Whether its ticket was done with, or about to be: raised again means opened again."""
        return self.s.state in ENDED or (self.s.state.live and self.s.proposed)

    @property
    def stands(self) -> bool:
        """Whether it is there: raised, or flapping, or a moment a person has to look into."""
        s = self.s
        return s.active or s.flapping or (self.facts.momentary and (s.state.live or s.why == "gather"))

    # --- clocks -------------------------------------------------------------------------------------------------------

    def due_ns(self) -> int | None:
        """See `rules.timers.Timed`."""
        return min(self.due.values(), default=None)

    def fire(self, now: Instant, draft: Draft) -> None:
        """See `rules.timers.Timed`."""
        self._on_due(self, now, draft)

    def start(self, timer: Timer, length_ns: int, at: Instant) -> None:
        """Let a clock run from now."""
        self.due[timer] = at.mono_ns + max(0, length_ns)

    def stop(self, *timers: Timer) -> None:
        """Stop clocks, paused ones included."""
        for timer in timers:
            self.due.pop(timer, None)
            self.s.paused.pop(timer, None)

    def pause(self, at: Instant) -> bool:
        """Maintenance: the clocks towards people stand still. Returns whether one did run."""
        running = [timer for timer in CLOCKS if timer in self.due]
        for timer in running:
            self.s.paused[timer.value] = max(0, self.due.pop(timer) - at.mono_ns)
        return bool(running)

    def resume(self, at: Instant) -> bool:
        """They run on. Returns whether one did stand still."""
        paused, self.s.paused = self.s.paused, {}
        for timer in CLOCKS:
            if timer in paused:
                self.start(timer, paused[timer], at)
        return bool(paused)

    # --- storing ------------------------------------------------------------------------------------------------------

    def value(self, now: Instant) -> bytes:
        """As it is stored."""
        s = self.s
        s.left = {timer.value: due - now.mono_ns for timer, due in self.due.items()}
        s.ages = [now.mono_ns - raised for raised in self.raises]
        s.saved_ns, s.saved_synced = now.wall_ns, now.synced
        return encode(s)

    def thaw(self, now: Instant) -> None:
        """Let the stored clocks run on from now."""
        s = self.s
        passed = max(0, now.wall_ns - s.saved_ns) if now.synced and s.saved_synced else 0
        for timer in Timer:
            if timer in s.left:
                self.start(timer, s.left[timer] - passed, now)
        self.raises.extend(now.mono_ns - age - passed for age in s.ages)
        if s.flapping and Timer.QUIET not in self.due:
            self.start(Timer.QUIET, 0, now)
        if s.why == "gather" and Timer.HOLD not in self.due:
            self.start(Timer.HOLD, 0, now)


def begun(data: AlarmData, subject: str, at: Instant, serial: int) -> Stored:
    """A trouble that begins, nothing decided yet; `serial` tells apart what begins at the same instant."""
    ticket_id = occurrence_id(f"ticket|{data.dedup_key}", at, serial)
    return Stored(
        dedup_key=data.dedup_key,
        subject=subject,
        ticket_id=ticket_id,
        ref=ref_of(ticket_id),
        data=data,
        given=data.priority,
        raised_ns=at.wall_ns,
        synced=at.synced,
    )


def ref_of(ticket_id: str) -> str:
    """The short name: 40 bits of a hash, enough that two open tickets of one gateway never share it by chance."""
    bits = int.from_bytes(blake2b(ticket_id.encode(), digest_size=5).digest(), "big")
    return REF_PREFIX + "".join(REF_LETTERS[bits >> shift & 31] for shift in range(35, -1, -5))


def decode_stored(key: str, value: bytes) -> Stored:
    """A stored trouble; one of `outgoing.UNREADABLE` if it is none, or another one's."""
    stored = _decode_stored(value)
    if stored.dedup_key != key or stored.form != 1:
        raise msgspec.ValidationError("not this trouble")
    return stored
