"""Whatever happens in whatever order: what a door must never do.

A machine drives two doors (one with card + PIN, interlocked; both of one area) through presentations, contacts, fires, operators,
outcomes, revocations, clock jumps and restarts, keeps a simple model beside them, and checks after every step.
"""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from edgegw.access.decision import CONDITIONS, REASONS, Step, presented
from edgegw.access.specs import LockoutSpec, PassbackSpec
from edgegw.model import OutcomeStatus
from tests.access.site import KEY, Site, door

DOORS = st.sampled_from(["main", "vault"])
READERS = st.sampled_from(["r1", "r2"])
PEOPLE = {"anna": "11111", "bert": "22222", "carl": "33333"}
NUMBERS = st.sampled_from([*PEOPLE.values(), "99999"])
CREDENTIAL_GRANTS = frozenset({"card", "pin", "card-pin", "qr", "multi"})


class Doors(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        area = PassbackSpec("area", hard=True)
        lockout = LockoutSpec(3)
        self.site = Site(
            door("main", passback=area, lockout=lockout, has_fire=True),
            door("vault", passback=area, lockout=lockout, require="card+pin", interlock=("main",), has_fire=True),
        )
        self.holders: dict[str, bytes] = {}
        for holder in PEOPLE:
            self.issue(holder)
        self.latched: dict[str, bool] = {"main": False, "vault": False}
        self.burning: dict[str, bool] = {"main": False, "vault": False}
        self.locked_until: dict[tuple[str, str], int] = {}
        self.flying: set[tuple[str, str]] = set()

    # --- what holds for every step ------------------------------------------------------------------------------------

    def check(self, where: str, step: Step, *, credential: bool = False) -> Step:
        decision = step.decision
        if step.act in ("unlock", "release"):
            assert decision is not None
            assert decision.granted
            assert decision.door == where
        if step.act == "unlock":
            assert not self.site.core.released(where), "a pulse would end a release"
        if step.repeat_ns is not None:
            assert step.act == "release"
            assert step.repeat_ns > self.site.now.mono_ns
        if decision is not None:
            assert decision.reason in REASONS
            if decision.granted and credential:
                assert decision.holder in self.holders, "revoked"
        for condition in step.conditions:
            assert condition.kind in CONDITIONS
        if step.act in ("unlock", "release", "relock"):
            self.flying.add((where, step.act))
        if step.act == "release":
            self.latched[where] = True
        for condition in step.conditions:
            if condition.kind == "lockout" and condition.active:
                self.locked_until[where, condition.part] = self.site.now.mono_ns + 30 * 10**9
        assert step.again_ns == self.site.core.due_ns()
        return step

    def passed(self, steps: tuple[Step, ...]) -> None:
        for step in steps:
            assert step.act is None
            assert step.decision is None or not step.decision.granted

    # --- what happens ---------------------------------------------------------------------------------------------------

    @rule(where=DOORS, reader=READERS, number=NUMBERS, direction=st.sampled_from(["in", "out"]))
    def card(self, where: str, reader: str, number: str, direction: str) -> None:
        self._present(where, reader, "card", number, direction)

    @rule(where=DOORS, reader=READERS, number=NUMBERS, pin=st.sampled_from(["1234", "0000", "9999"]))
    def card_and_pin(self, where: str, reader: str, number: str, pin: str) -> None:
        self._present(where, reader, "card", number, "in")
        self._present(where, reader, "pin", pin, "in")

    @rule(where=DOORS, reader=READERS, pin=st.sampled_from(["1234", "0000", "9999"]))
    def pin(self, where: str, reader: str, pin: str) -> None:
        self._present(where, reader, "pin", pin, "in")

    def _present(self, where: str, reader: str, kind: str, number: str, direction: str) -> None:
        locked = self.site.now.mono_ns < self.locked_until.get((where, reader), 0)
        shown = presented(KEY, kind, number, reader=reader, direction=direction)
        step = self.site.kept(self.site.core.present(where, shown, self.site.now, clock_trusted=True))
        self.check(where, step, credential=True)
        assert step.decision is not None
        if locked:
            assert (step.decision.granted, step.decision.reason) == (False, "locked-out")
        if where == "vault" and step.act == "unlock":
            assert step.decision.reason == "card-pin"
            assert self.site.state("main") in ("locked",)
        if step.decision.granted and step.decision.reason in CREDENTIAL_GRANTS:
            assert not self.site.core.released(where)

    @rule(where=DOORS)
    def exit(self, where: str) -> None:
        step = self.check(where, self.site.exit(where))
        assert step.decision is not None
        assert step.decision.granted

    @rule(where=DOORS, is_open=st.booleans(), fresh=st.booleans())
    def contact(self, where: str, is_open: bool, fresh: bool) -> None:
        was_forced = f"door/{where}/forced" in self.site.raised
        step = self.check(where, (self.site.opened if is_open else self.site.closed)(where, fresh=fresh))
        assert step.act is None
        if not fresh or self.latched[where]:
            assert (f"door/{where}/forced" in self.site.raised) <= was_forced

    @rule(where=DOORS, active=st.booleans(), fresh=st.booleans())
    def fire(self, where: str, active: bool, fresh: bool) -> None:
        rising = fresh and active and not self.burning[where]
        step = self.check(where, self.site.fire(active=active, fresh=fresh, door=where))
        if rising:
            assert step.act == "release"
        if not (fresh and active):
            assert step.act is None
        if fresh:
            self.burning[where] = active
            if active:
                self.latched[where] = True

    @rule(where=DOORS, action=st.sampled_from(["unlock", "release", "relock"]))
    def operate(self, where: str, action: str) -> None:
        step = self.check(where, self.site.operate(action, door=where))
        if self.burning[where]:
            assert step.act != "relock"

    @precondition(lambda self: self.flying)
    @rule(data=st.data(), status=st.sampled_from(OutcomeStatus))
    def outcome(self, data: st.DataObject, status: OutcomeStatus) -> None:
        where, act = data.draw(st.sampled_from(sorted(self.flying)))
        self.flying.discard((where, act))
        before = self.site.core.view(where, self.site.now)
        step = self.check(where, self.site.ended(act, status, door=where))
        after = self.site.core.view(where, self.site.now)
        if before.state == "released" and after.state != "released":
            # Only a confirmed relock, or a release that never was, may end it; and never in a fire.
            assert (act, status) == ("relock", OutcomeStatus.DONE) or (
                act == "release" and status not in (OutcomeStatus.DONE, OutcomeStatus.UNKNOWN)
            )
            assert not self.burning[where]
            assert step.act is None
            self.latched[where] = False

    @rule(where=DOORS, reader=READERS, lost=st.booleans(), tamper=st.booleans())
    def reader(self, where: str, reader: str, lost: bool, tamper: bool) -> None:
        step = self.site.core.reader(where, reader, self.site.now, lost=lost, tamper=tamper)
        assert self.check(where, self.site.kept(step)).act is None

    @rule(holder=st.sampled_from(sorted(PEOPLE)))
    def issue(self, holder: str) -> None:
        self.holders[holder] = self.site.person(holder, PEOPLE[holder], pin="1234", duress_pin="9999")

    @rule(holder=st.sampled_from(sorted(PEOPLE)))
    def revoke(self, holder: str) -> None:
        hashed = self.holders.pop(holder, None)
        if hashed is not None:
            assert self.site.book.remove(hashed)

    @rule(seconds=st.sampled_from([0.1, 1, 5, 11, 31, 400]))
    def later(self, seconds: float) -> None:
        self.passed(self.site.later(seconds))

    @rule(seconds=st.sampled_from([0.1, 5, 31]))
    def later_without_a_tick(self, seconds: float) -> None:
        self.site.clock.advance(seconds)

    @rule(wall_ns=st.integers(-(10**18), 4 * 10**18))
    def the_wall_clock_jumps(self, wall_ns: int) -> None:
        due = self.site.core.due_ns()
        self.site.clock.set_wall(max(0, wall_ns))
        assert self.site.core.due_ns() == due, "timers are monotonic"
        if due is None or due > self.site.now.mono_ns:
            assert self.site.core.tick(self.site.now) == ()

    @rule(ticks=st.booleans())
    def restart(self, ticks: bool) -> None:
        self.site.start()
        self.flying.clear()
        self.locked_until.clear()
        self.burning = {"main": False, "vault": False}
        if ticks:
            self.passed(self.site.later(0))

    # --- what always holds ------------------------------------------------------------------------------------------------

    @invariant()
    def a_latch_is_kept_and_what_is_kept_is_a_latch(self) -> None:
        for where, latched in self.latched.items():
            released = self.site.core.view(where, self.site.now).state == "released"
            assert released == latched
            assert (where in self.site.stored.get("door", {})) == latched

    @invariant()
    def a_released_door_raises_nothing_about_its_contact(self) -> None:
        for where, latched in self.latched.items():
            if latched and (where, "release") in self.flying:
                assert f"door/{where}/forced" not in self.site.raised

    @invariant()
    def a_restart_at_any_point_finds_the_same_and_acts_nothing(self) -> None:
        twin = Site.__new__(Site)
        twin.__dict__.update(self.site.__dict__)
        twin.start()
        for where, latched in self.latched.items():
            assert twin.core.released(where) == latched
        self.passed(twin.core.tick(self.site.now))


Doors.TestCase.settings = settings(stateful_step_count=40)
TestDoors = Doors.TestCase
