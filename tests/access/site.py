"""A small site for the tests of the door core: doors, people, a clock that moves when told."""

from collections.abc import Mapping
from typing import Any

from edgegw.access.core import DoorCore
from edgegw.access.credentials import Credential, CredentialBook, card_hash, pin_hash
from edgegw.access.decision import DoorCondition, Step, presented
from edgegw.access.schedule import Calendar, seconds_of_day
from edgegw.access.specs import CalendarSpec, DoorSpec, RightSpec, WindowSpec
from edgegw.clock import ManualClock
from edgegw.model import Instant, OutcomeStatus

KEY = b"k" * 32
CARD = "0004512345"
OTHER = "0004599999"
DONE, UNKNOWN, FAILED = OutcomeStatus.DONE, OutcomeStatus.UNKNOWN, OutcomeStatus.FAILED
REJECTED, EXPIRED = OutcomeStatus.REJECTED, OutcomeStatus.EXPIRED

OFFICE = (WindowSpec(frozenset({"mon", "tue", "wed", "thu", "fri"}), seconds_of_day("08:00"), seconds_of_day("18:00")),)
CALENDAR = CalendarSpec("Asia/Shanghai", {"office": OFFICE}, frozenset({"2026-10-01"}))
RIGHTS = (
    RightSpec(frozenset({"residents"}), frozenset({"all"})),
    RightSpec(frozenset({"cleaners"}), frozenset({"all"}), "office"),
    RightSpec(frozenset({"guards"}), frozenset({"elsewhere"})),
)
MONDAY_NOON = 1_772_424_000_000_000_000
"""2026-03-02T04:00:00Z, a Monday, 12:00 in Shanghai."""


def door(id: str = "main", **changes: Any) -> DoorSpec:  # noqa: A002
    return DoorSpec(**{"id": id, "groups": frozenset({"all"}), "readers": ("r1", "r2"), "has_contact": True, **changes})


class Site:
    """The core with short words for what tests do over and over."""

    def __init__(
        self, *doors: DoorSpec, states: Mapping[str, Mapping[str, bytes]] | None = None, settled: bool = True
    ) -> None:
        self.clock = ManualClock(MONDAY_NOON)
        self.specs = doors or (door(),)
        self.book = CredentialBook()
        self.trusted = True
        self.stored: dict[str, dict[str, bytes]] = {kind: dict(kept) for kind, kept in (states or {}).items()}
        self.raised: dict[str, DoorCondition] = {}
        self.start()
        if settled:  # past the pulse that is assumed after a start
            self.later(60)
            for spec in self.specs:
                if spec.has_contact:
                    self.closed(door=spec.id)

    def start(self) -> None:
        """A start, or a restart with what was kept."""
        self.core = DoorCore(
            self.specs, RIGHTS, Calendar(CALENDAR), self.book, KEY, states=self.stored, now=self.clock.now()
        )

    @property
    def now(self) -> Instant:
        return self.clock.now()

    def person(
        self,
        holder: str = "anna",
        number: str = CARD,
        *,
        kind: str = "card",
        pin: str | None = None,
        duress_pin: str | None = None,
        groups: tuple[str, ...] = ("residents",),
        **more: Any,
    ) -> bytes:
        hashed = card_hash(KEY, kind, number)
        credential = Credential(
            kind=kind,
            holder=holder,
            name=holder.title(),
            groups=groups,
            pin=None if pin is None else pin_hash(KEY, hashed, pin),
            duress_pin=None if duress_pin is None else pin_hash(KEY, hashed, duress_pin),
            **more,
        )
        self.book.put(hashed, credential)
        return hashed

    def kept(self, step: Step) -> Step:
        """Commit a step as the shell would."""
        for change in step.states:
            kind = self.stored.setdefault(change.kind, {})
            if change.value is None:
                kind.pop(change.key, None)
            else:
                kind[change.key] = change.value
        for condition in step.conditions:
            if condition.active:
                self.raised[condition.key] = condition
            else:
                self.raised.pop(condition.key, None)
        return step

    def show(
        self, number: str = CARD, *, kind: str = "card", reader: str = "r1", direction: str = "in", door: str = "main"
    ) -> Step:
        shown = presented(KEY, kind, number, reader=reader, direction=direction)
        return self.kept(self.core.present(door, shown, self.now, clock_trusted=self.trusted))

    def reason(self, number: str = CARD, **more: Any) -> str:
        decision = self.show(number, **more).decision
        assert decision is not None
        return decision.reason

    def ended(self, act: str = "unlock", status: OutcomeStatus = DONE, *, door: str = "main", reason: str = "") -> Step:
        return self.kept(self.core.outcome(door, act, status, self.now, reason=reason))

    def opened(self, door: str = "main", *, fresh: bool = True) -> Step:
        return self.kept(self.core.contact(door, self.now, is_open=True, fresh=fresh))

    def closed(self, door: str = "main", *, fresh: bool = True) -> Step:
        return self.kept(self.core.contact(door, self.now, is_open=False, fresh=fresh))

    def walk(self, number: str = CARD, **more: Any) -> str:
        """Present, and if granted: unlock, open, close, wait until everything is quiet again."""
        step = self.show(number, **more)
        assert step.decision is not None
        if step.act == "unlock":
            where = more.get("door", "main")
            self.ended(door=where)
            if step.decision.granted:
                self.opened(where)
                self.closed(where)
            self.later(20)
        return step.decision.reason

    def fire(self, *, active: bool = True, fresh: bool = True, door: str = "main") -> Step:
        return self.kept(self.core.fire(door, self.now, active=active, fresh=fresh))

    def operate(self, action: str, *, door: str = "main", linkage: bool = False) -> Step:
        return self.kept(self.core.operate(door, action, "duty", self.now, linkage=linkage))

    def exit(self, door: str = "main") -> Step:
        return self.kept(self.core.exit_button(door, self.now))

    def later(self, seconds: float) -> tuple[Step, ...]:
        """Time passes; ticks come when they are due, as from the shell."""
        end_ns = self.now.mono_ns + round(seconds * 1e9)
        steps: list[Step] = []
        while (due := self.core.due_ns()) is not None and due <= end_ns:
            self.clock.advance(max(0, due - self.now.mono_ns) / 1e9)
            steps += [self.kept(step) for step in self.core.tick(self.now)]
            after = self.core.due_ns()
            assert after is None or after > self.now.mono_ns, "a tick leaves nothing due"
        self.clock.advance((end_ns - self.now.mono_ns) / 1e9)
        return tuple(steps)

    def state(self, door: str = "main") -> str:
        return self.core.view(door, self.now).state


def kinds(step: Step) -> dict[str, bool]:
    """The conditions a step told, by kind."""
    return {condition.kind: condition.active for condition in step.conditions}
