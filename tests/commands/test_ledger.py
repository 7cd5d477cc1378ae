"""No id twice: across restarts, crashes, clocks set back and forth, and a ledger that forgets."""

from collections.abc import Iterable

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test
from msgspec import Struct

from edgegw.clock import ManualClock
from edgegw.commands.admission import Admitted, Known, admit
from edgegw.commands.clocktrust import KIND as CLOCK_KIND
from edgegw.commands.clocktrust import ClockTrust
from edgegw.commands.ledger import INTERNAL_MOST, KIND, Ledger
from edgegw.model import Command, Source, StateChange
from tests.commands.fakes import WALL_NS, FakeEncoder, S, command, issuer

KEEP_S = 100
MOST = 12
LIFETIME_S = 60


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(mono_ns=10 * S)


def kept(changes: Iterable[StateChange], into: dict[str, bytes] | None = None) -> dict[str, bytes]:
    states = {} if into is None else into
    for change in changes:
        assert change.kind == KIND
        if change.value is None:
            states.pop(change.key, None)
        else:
            states[change.key] = change.value
    return states


def test_an_admitted_id_is_used_and_pending_across_a_restart(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    assert not ledger.used("c-1")
    states = kept(ledger.admit(command(clock.now(), args={"level": 3}), clock.now()))
    assert ledger.used("c-1")
    again = Ledger(states, boot=2, now=clock.now())
    assert again.used("c-1")
    entry = again.pending()["c-1"]
    assert (entry.target, entry.command, entry.args, entry.source) == ("pump", "on", {"level": 3}, "api")
    kept(again.end("c-1"), states)
    assert not again.pending()
    assert again.end("c-1") == (), "an outcome is recorded once"
    assert Ledger(states, boot=3, now=clock.now()).used("c-1")
    assert b"level" not in states["c-1"], "what was ordered is kept no longer than needed"


def test_dated_ids_go_when_the_floor_has_passed_their_expiry_and_not_by_the_monotonic_clock(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    one = command(clock.now(), by=issuer(Source.UPSTREAM), expires_s=30)
    assert one.expires_ns is not None
    ledger.admit(one, clock.now())
    ledger.end(one.id)
    clock.advance(10 * 3600)
    assert ledger.retire(clock.now(), one.expires_ns - 1) == ()
    assert ledger.retire(clock.now(), one.expires_ns) == (StateChange(KIND, "c-1", None),)
    assert not ledger.used("c-1")


def test_what_is_pending_is_not_retired(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    ledger.admit(command(clock.now(), expires_s=30), clock.now())
    ledger.admit(command(clock.now(), "c-2"), clock.now())
    clock.advance(10 * 3600)
    assert ledger.retire(clock.now(), clock.now().wall_ns) == ()
    ledger.end("c-1")
    ledger.end("c-2")
    assert len(ledger.retire(clock.now(), clock.now().wall_ns)) == 2


def test_ids_of_upstream_commands_of_earlier_runs_go_once_their_outcome_is_known(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    by = issuer(Source.UPSTREAM)
    states = kept(ledger.admit(command(clock.now(), "done", by=by, expires_s=30), clock.now()))
    kept(ledger.end("done"), states)
    kept(ledger.admit(command(clock.now(), "open", by=by, expires_s=30), clock.now()), states)
    again = Ledger(states, boot=2, now=clock.now())
    assert list(again.pending()) == ["open"]
    kept(again.retire(clock.now(), 0), states)
    assert list(states) == ["open"]
    kept(again.end("open"), states)
    assert states == {}


def test_an_id_of_an_earlier_run_that_is_used_anew_is_not_deleted_under_its_new_command(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    states: dict[str, bytes] = {}
    for n in range(100):
        kept(
            ledger.admit(command(clock.now(), f"u-{n}", by=issuer(Source.UPSTREAM), expires_s=30), clock.now()), states
        )
        kept(ledger.end(f"u-{n}"), states)
    again = Ledger(states, boot=2, now=clock.now())
    for n in (99, 0):
        assert not again.used(f"u-{n}")
        kept(again.admit(command(clock.now(), f"u-{n}"), clock.now()), states)
    for _ in range(3):
        kept(again.retire(clock.now(), 0), states)
    assert set(states) == {"u-0", "u-99"}


def test_it_is_full_for_those_outside_only(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now(), most=2)
    for n in range(2):
        assert ledger.room(Source.API)
        ledger.admit(command(clock.now(), f"c-{n}"), clock.now())
    assert not ledger.room(Source.UPSTREAM)
    assert ledger.room(Source.DOOR)
    assert ledger.room(Source.LINKAGE)


def test_the_last_ids_from_inside_are_kept(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    for n in range(INTERNAL_MOST + 10):
        ledger.admit(command(clock.now(), f"d-{n}", by=issuer(Source.DOOR)), clock.now())
        ledger.end(f"d-{n}")
    assert len(ledger.retire(clock.now(), 0)) == 10
    assert not ledger.used("d-9")
    assert ledger.used("d-10")


def test_a_spent_id_is_used_and_leaves_nothing_behind(clock: ManualClock) -> None:
    ledger = Ledger({}, boot=1, now=clock.now())
    ledger.spend(command(clock.now()), clock.now())
    assert ledger.used("c-1")
    assert not ledger.pending()
    assert ledger.end("c-1") == ()


def test_an_entry_nobody_can_read_is_a_used_id(clock: ManualClock) -> None:
    ledger = Ledger({"c-1": b"{", "c-2": b'{"boot":"x"}'}, boot=1, now=clock.now())
    assert ledger.used("c-1")
    assert ledger.used("c-2")
    assert not ledger.pending()


# --- the invariant ----------------------------------------------------------------------------------------------------


class Request(Struct, frozen=True):
    """A command as an issuer made it; it may be sent any number of times."""

    id: str
    source: Source
    expires_ns: int | None
    boot: int


class Life(RuleBasedStateMachine):
    """A gateway's life: requests made, sent and replayed while clocks and runs change.

    The world's truth is kept beside: `done` has each request that was admitted, and the running time then. What is stored is
    only what was committed; a crash keeps no more than that.
    """

    requests = Bundle("requests")

    @initialize()
    def begin(self) -> None:
        self.clock = ManualClock(WALL_NS, 10 * S)
        self.states: dict[tuple[str, str], bytes] = {}
        self.boot = 0
        self.running_ns = 0
        self.done: dict[Request, int] = {}
        self.made = 0
        self.start()

    def start(self) -> None:
        self.boot += 1
        self.trust = ClockTrust({k: v for (kind, k), v in self.states.items() if kind == CLOCK_KIND})
        mine = {k: v for (kind, k), v in self.states.items() if kind == KIND}
        self.ledger = Ledger(mine, boot=self.boot, now=self.clock.now(), most=MOST, keep_ns=KEEP_S * S)
        for id_ in self.ledger.pending():
            self.commit(self.ledger.end(id_))

    def commit(self, changes: Iterable[StateChange]) -> None:
        for change in changes:
            if change.value is None:
                self.states.pop((change.kind, change.key), None)
            else:
                self.states[change.kind, change.key] = change.value

    @rule(
        target=requests,
        source=st.sampled_from([Source.UPSTREAM, Source.API, Source.CLI]),
        valid_s=st.integers(1, LIFETIME_S),
        dated=st.booleans(),
        same=st.booleans(),
        boot_off=st.sampled_from([0, 0, 0, 1]),
    )
    def make(self, source: Source, valid_s: int, *, dated: bool, same: bool, boot_off: int) -> Request:
        """Made by the true time or by the gateway's own, whichever: issuers are not told that its clock is wrong."""
        self.made += not same
        expires_ns = self.clock.now().wall_ns + valid_s * S if dated or source is Source.UPSTREAM else None
        return Request(f"c-{self.made}", source, expires_ns, self.boot + boot_off)

    @rule(request=requests, lost=st.sampled_from([False, False, False, True]), ends=st.booleans())
    def send(self, request: Request, *, lost: bool, ends: bool) -> None:
        if request.source is Source.UPSTREAM and request.boot != self.boot:
            return  # what the envelope's check refuses
        now = self.clock.now()
        one = Command(
            request.id, "pump", "on", {}, issuer(request.source), now.mono_ns + 5 * S, request.expires_ns
        )  # fmt: skip
        verdict = admit(
            one,
            now,
            Known(encoders={"pump": FakeEncoder()}),
            used=self.ledger.used,
            trusted=self.trust.trusted(now),
            lifetime_most_ns=LIFETIME_S * S,
        )
        if not isinstance(verdict, Admitted):
            return
        changes = (*self.trust.note(now), *self.ledger.retire(now, self.trust.floor_ns))
        if not self.ledger.room(request.source):
            return
        changes += self.ledger.admit(one, now)
        if lost:  # the process dies before its commit: nothing was sent
            self.start()
            return
        self.commit(changes)
        before_ns = self.done.get(request)
        if before_ns is not None:
            assert request.expires_ns is None, "carried out twice"
            assert self.running_ns - before_ns >= KEEP_S * S, "carried out twice, too early"
        self.done[request] = self.running_ns
        if ends:
            self.commit(self.ledger.end(request.id))

    @rule(seconds=st.integers(0, 3 * KEEP_S))
    def time_passes(self, seconds: int) -> None:
        self.clock.advance(seconds)
        self.running_ns += seconds * S
        for id_ in self.ledger.pending():
            self.commit(self.ledger.end(id_))

    @rule(seconds=st.sampled_from([-7200, -61, -30, -1, 1, 3600, 7200]))
    def the_clock_is_set(self, seconds: int) -> None:
        self.clock.set_wall(self.clock.now().wall_ns + seconds * S)

    @rule()
    def the_clock_is_lost(self) -> None:
        now = self.clock.now()
        self.clock.set_wall(now.wall_ns, synced=False)

    @rule(reboot=st.booleans(), back_s=st.sampled_from([0, 0, 1, 60, 7200]))
    def restart(self, *, reboot: bool, back_s: int) -> None:
        now = self.clock.now()
        self.clock = ManualClock(now.wall_ns - back_s * S, 3 * S if reboot else now.mono_ns, synced=True)
        self.start()

    @rule(request=requests, restarts=st.booleans())
    def turned_back(self, request: Request, *, restarts: bool) -> None:
        """The oldest trick: wait until it has expired and is forgotten, then set the clock back to when it was good."""
        if request.expires_ns is None:
            return
        self.send(request, lost=False, ends=True)
        self.time_passes(LIFETIME_S + 5)
        self.send(self.make(Source.CLI, 5, dated=True, same=False, boot_off=0), lost=False, ends=True)
        if restarts:
            self.restart(reboot=True, back_s=0)
        self.clock.set_wall(request.expires_ns - S)
        self.send(request, lost=False, ends=True)

    @rule(request=requests)
    def killed_in_the_middle(self, request: Request) -> None:
        """Sent, killed before its outcome, and asked for again at once."""
        self.send(request, lost=False, ends=False)
        self.start()
        self.send(request, lost=False, ends=True)

    @invariant()
    def bounded(self) -> None:
        if hasattr(self, "ledger"):
            assert len(self.ledger) <= MOST


TestLife = Life.TestCase
TestLife.settings = settings(stateful_step_count=50)


class NoFloor(Life):
    """The clock is believed as soon as it was set, and entries go by what it says."""

    def start(self) -> None:
        super().start()
        self.trust.trusted = lambda now: now.synced  # type: ignore[method-assign]


class NoLatest(Life):
    """The latest time is not committed with what is retired."""

    def commit(self, changes: Iterable[StateChange]) -> None:
        super().commit([change for change in changes if change.kind != CLOCK_KIND])


class LateCommit(Life):
    """An id is committed only with its outcome."""

    def commit(self, changes: Iterable[StateChange]) -> None:
        super().commit([change for change in changes if b"pending" not in (change.value or b"")])


@pytest.mark.parametrize("wrong", [NoFloor, NoLatest, LateCommit])
def test_the_test_finds_what_is_wrong(wrong: type[Life]) -> None:
    with pytest.raises(AssertionError, match="carried out twice"):
        run_state_machine_as_test(
            wrong, settings=settings(max_examples=1_000, stateful_step_count=50, deadline=None, phases=[Phase.generate])
        )
