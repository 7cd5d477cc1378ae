"""Linkages: when they start, what they tell, and that starting up never starts one."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgegw.clock import ManualClock
from edgegw.model import Changes, Lane, OutcomeStatus
from edgegw.rules.linkage import MOST_RUNS, ActionResult, Linkages, LinkageSpec, Linked, Trigger
from edgegw.rules.linkage_state import PlannedAction, Watched

SECOND = 1_000_000_000
SMOKE, PANEL, LEAK = ("smoke", "alarm"), ("panel", "fire"), ("kitchen", "leak")
FIRE = LinkageSpec(
    "fire",
    "Fire in building 3",
    (Watched(*SMOKE), Watched(*PANEL)),
    (
        PlannedAction(0, "release", "gate", "release", {}, 2.0),
        PlannedAction(1, "command", "lift", "recall", {"floor": 1}, 5.0),
    ),
)
WATER = LinkageSpec(
    "water",
    "Leak",
    (Watched(*LEAK), Watched("kitchen", "gone", by_value=False)),
    (PlannedAction(0, "command", "valve", "close"),),
)


class Box:
    """Linkages, their clock, and what was committed."""

    def __init__(self, *specs: LinkageSpec) -> None:
        self.specs = specs or (FIRE, WATER)
        self.clock = ManualClock(mono_ns=1000 * SECOND)
        self.states: dict[str, bytes] = {}
        self.events = []
        self.raised: set[tuple[str, str]] = set()
        self.start()

    def start(self) -> None:
        self.linkages = Linkages("g1", self.specs, dict(self.states))
        self.commit(self.linkages.begin(self.raised, self.clock.now()))

    def restart(self) -> None:
        self.clock = ManualClock(wall_ns=self.clock.now().wall_ns + SECOND)
        self.start()

    def commit(self, changes: Changes) -> None:
        for state in changes.states:
            assert state.kind == "linkage"
            if state.value is None:
                self.states.pop(state.key)
            else:
                self.states[state.key] = state.value
        self.events.extend(changes.events)

    def alarm(self, key: tuple[str, str], raised: bool = True, *, commit: bool = True, **more) -> tuple[Trigger, ...]:
        linked = self.linkages.alarm(*key, self.clock.now(), raised=raised, **more)
        (self.raised.add if raised else self.raised.discard)(key)
        if commit:
            self.commit(linked.changes)
        return linked.triggers

    def completed(self, trigger: Trigger, *results: ActionResult) -> None:
        self.commit(self.linkages.completed(trigger, results, self.clock.now()))

    def told(self) -> list[str]:
        return [event.type.rsplit(".", 1)[1] for event in self.events]

    def data(self, index: int = -1) -> dict:
        return json.loads(self.events[index].data)


def test_an_alarm_starts_its_linkage_and_no_other():
    box = Box()
    (trigger,) = box.alarm(SMOKE, alarm_id="a-1")
    assert (trigger.linkage, trigger.actions) == ("fire", FIRE.actions)
    assert trigger.command_id(trigger.actions[1]) == f"{trigger.run_id}.1"
    (event,) = box.events
    assert (event.type, event.lane, event.subject) == ("edgegw.linkage.started", Lane.ALARM, "linkage/fire")
    data = box.data()
    assert data["cause"] == {"device": "smoke", "alarm": "alarm", "alarm_id": "a-1"}
    assert (data["linkage"], data["title"], data["run_id"]) == ("fire", "Fire in building 3", trigger.run_id)
    assert data["actions"][1] == {
        "index": 1,
        "kind": "command",
        "target": "lift",
        "command": "recall",
        "args": {"floor": 1},
        "deadline_s": 5.0,
    }


def test_it_starts_again_only_after_all_of_its_alarms_were_cleared():
    box = Box()
    (first,) = box.alarm(SMOKE)
    assert box.alarm(PANEL) == ()
    assert box.alarm(SMOKE, raised=False) == ()
    assert box.alarm(SMOKE) == ()
    box.alarm(SMOKE, raised=False)
    box.alarm(PANEL, raised=False)
    (second,) = box.alarm(PANEL)
    assert second.run_id != first.run_id


def test_alarms_without_a_linkage_cost_nothing():
    box = Box()
    assert box.linkages.alarm("smoke", "battery", box.clock.now(), raised=True) == Linked()


def test_one_alarm_may_start_several():
    other = LinkageSpec("siren", "Siren", (Watched(*SMOKE), Watched(*SMOKE)), (PlannedAction(0, "command", "s", "on"),))
    box = Box(FIRE, other)
    assert [trigger.linkage for trigger in box.alarm(SMOKE)] == ["fire", "siren"]


def test_the_end_of_a_run_tells_every_action():
    box = Box()
    (trigger,) = box.alarm(SMOKE)
    box.completed(trigger, ActionResult(0, OutcomeStatus.DONE, "", 180))
    data = box.data()
    assert (box.events[-1].type, box.events[-1].lane) == ("edgegw.linkage.completed", Lane.ALARM)
    assert (data["run_id"], data["done"], data["cause"]["alarm"]) == (trigger.run_id, False, "alarm")
    assert data["actions"] == [
        {"index": 0, "target": "gate", "command": "release", "status": "done", "duration_ms": 180},
        {"index": 1, "target": "lift", "command": "recall", "status": "unknown", "reason": "no-report"},
    ]
    box.completed(trigger, ActionResult(0, OutcomeStatus.FAILED, "late", 1))
    assert box.told() == ["started", "completed"]


def test_a_run_with_all_actions_done_is_done():
    box = Box()
    (trigger,) = box.alarm(LEAK)
    box.completed(trigger, ActionResult(0, OutcomeStatus.DONE, "", 90))
    assert box.data()["done"] is True
    box.alarm(LEAK, raised=False)
    assert box.states == {}


def test_a_restart_starts_nothing_and_tells_what_it_overtook():
    box = Box()
    (trigger,) = box.alarm(SMOKE)
    box.restart()
    assert box.told() == ["started", "completed"]
    assert box.data()["run_id"] == trigger.run_id
    assert {(action["status"], action["reason"]) for action in box.data()["actions"]} == {("unknown", "restart")}
    assert box.alarm(SMOKE) == ()
    assert box.alarm(PANEL) == ()
    box.restart()
    assert box.told() == ["started", "completed"]
    for key in (SMOKE, PANEL):
        box.alarm(key, raised=False)
    assert len(box.alarm(PANEL)) == 1


def test_a_linkage_that_is_new_while_its_alarm_is_active_waits_for_the_next_one():
    box = Box(WATER)
    box.raised.add(SMOKE)
    box.specs = (FIRE, WATER)
    box.restart()
    assert box.alarm(PANEL) == ()
    box.alarm(PANEL, raised=False)
    box.alarm(SMOKE, raised=False)
    assert len(box.alarm(SMOKE)) == 1


def test_a_crash_between_two_commits_does_not_leave_a_linkage_waiting():
    """The alarm's clearing is stored, the linkage's knowledge of it is not."""
    box = Box()
    box.alarm(SMOKE)
    box.alarm(SMOKE, raised=False, commit=False)
    box.restart()
    assert len(box.alarm(SMOKE)) == 1


def test_a_linkage_that_is_no_longer_in_the_site_is_forgotten_and_its_run_told():
    box = Box()
    box.alarm(SMOKE)
    box.specs = (WATER,)
    box.restart()
    assert box.told() == ["started", "completed"]
    assert box.states == {}


def test_an_unreadable_state_is_forgotten():
    box = Box()
    box.states["fire"] = b'{"active": 3}'
    box.restart()
    assert box.states == {}
    assert len(box.alarm(SMOKE)) == 1


def test_old_news_start_nothing_until_a_value_from_now_confirms_them():
    box = Box()
    assert box.alarm(SMOKE, fresh=False) == ()
    box.restart()
    assert len(box.alarm(SMOKE)) == 1
    assert box.alarm(PANEL) == ()


def test_old_news_of_one_alarm_do_not_hold_up_another():
    box = Box()
    box.alarm(SMOKE, fresh=False)
    assert len(box.alarm(PANEL)) == 1
    assert box.alarm(SMOKE) == ()


def test_an_alarm_that_flutters_joins_the_runs_under_way_until_their_time_is_over():
    box = Box()
    for _ in range(MOST_RUNS):
        assert len(box.alarm(LEAK)) == 1
        box.alarm(LEAK, raised=False)
    assert box.alarm(LEAK) == ()
    box.alarm(LEAK, raised=False)
    box.clock.advance(6.0)
    assert len(box.alarm(LEAK)) == 1
    assert box.told() == ["started"] * MOST_RUNS + ["completed"] * MOST_RUNS + ["started"]
    assert len({box.data(i)["run_id"] for i in range(MOST_RUNS)}) == MOST_RUNS


# --- with the engine's own events ---------------------------------------------------------------------------------------


def taken(box, event) -> tuple[Trigger, ...]:
    linked = box.linkages.take(event)
    box.commit(linked.changes)
    return linked.triggers


@pytest.fixture
def engine(kit):
    rules = {"leak": kit.rule("leak", {"equals": True}, clear_after=0), "gone": kit.rule("leak", {"missing": "10s"})}
    return kit.Box(kit.device("kitchen", rules=rules))


def test_the_engines_events_start_linkages(engine):
    box = Box()
    engine.read({"leak": True}, device="kitchen")
    engine.read({"leak": False}, device="kitchen")
    engine.read({"leak": True}, device="kitchen")
    triggers = [trigger for event in engine.events for trigger in taken(box, event)]
    assert [trigger.linkage for trigger in triggers] == ["water", "water"]
    assert triggers[0].cause.alarm_id == engine.data(0)["alarm_id"]
    raised = {(view.subject, view.rule) for view in engine.engine.active_alarms()}
    assert raised == {LEAK}


def test_a_retained_message_starts_nothing(engine):
    box = Box()
    engine.read({"leak": True}, device="kitchen", quality="stale")
    assert [trigger for event in engine.events for trigger in taken(box, event)] == []
    assert b"leak" in box.states["water"]


def test_silence_is_not_old_news(engine):
    box = Box()
    engine.read({"leak": False}, device="kitchen")
    engine.wait(30)
    assert engine.data()["evidence"]["quality"] == "stale"
    assert [t.cause.alarm for event in engine.events for t in taken(box, event)] == ["gone"]


# --- whatever happens -----------------------------------------------------------------------------------------------------

KEYS = [SMOKE, PANEL, LEAK]
STEPS = st.lists(
    st.one_of(
        st.tuples(
            st.sampled_from(["raise", "raise-stale", "clear", "raise-lost", "clear-lost"]), st.sampled_from(KEYS)
        ),
        st.tuples(st.sampled_from(["restart", "complete", "later"]), st.none()),
    ),
    max_size=40,
)


@settings(max_examples=300, deadline=None)
@given(steps=STEPS)
def test_no_run_without_a_raise_and_none_twice_without_a_full_clear(steps):
    """`…-lost`: the process dies before the linkage's commit; the alarm's own is done."""
    box = Box()
    ran: dict[str, bool] = {"fire": False, "water": False}
    members = {"fire": {SMOKE, PANEL}, "water": {LEAK}}
    under_way: list[Trigger] = []
    started = []
    for what, key in steps:
        triggers: tuple[Trigger, ...] = ()
        if what.startswith("raise"):
            triggers = box.alarm(key, fresh=what != "raise-stale", commit=what != "raise-lost")
        elif what.startswith("clear"):
            assert box.alarm(key, raised=False, commit=what != "clear-lost") == ()
            for name, keys in members.items():
                if not keys & box.raised:
                    ran[name] = False
        elif what == "complete" and under_way:
            box.completed(under_way.pop())
        elif what == "later":
            box.clock.advance(7.0)
        if what == "restart" or what.endswith("lost"):
            before = len(box.events)
            box.restart()
            assert all(event.type == "edgegw.linkage.completed" for event in box.events[before:])
            under_way.clear()
        for trigger in triggers:
            assert what in ("raise", "raise-lost")
            assert not ran[trigger.linkage]
            assert (trigger.cause.device, trigger.cause.alarm) == key
            # A start whose commit was lost did not happen, unless the alarm itself was news: then it is taken for started.
            ran[trigger.linkage] = what == "raise"
            started.append(trigger.run_id)
            under_way.append(trigger)
    assert len(set(started)) == len(started)
    ids = [(event.type, json.loads(event.data)["run_id"]) for event in box.events]
    assert len(set(ids)) == len(ids), "each run is told once to start and once to end"
