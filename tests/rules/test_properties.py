"""What holds for every series of readings, silences, ticks and restarts."""

import json
from collections import defaultdict
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

RULES = {
    "hot": ("t", {"above": 30.0, "hysteresis": 2.0}, {"for": "5s", "clear_after": "3s"}),
    "cold": ("t", {"below": 5.0}, {"clear_after": 0}),
    "leak": ("leak", {"equals": True}, {}),
    "mode": ("mode", {"changed": True}, {"clear_after": "2s"}),
    "sos": ("mode", {"equals": "b"}, {"momentary": True, "clear_after": 0}),
    "fast": ("t", {"rate_above": 5.0}, {"clear_after": 0}),
    "quiet": ("t", {"missing": "20s"}, {}),
    "gone": (None, {"offline": True}, {"for": "5s"}),
}
LEVELS = ("hot", "cold", "leak", "mode")
"""Rules whose state is all durable, so that a restart with no timer running is as if it had not been."""

READINGS = st.one_of(
    st.tuples(st.just("t"), st.sampled_from([None, 0.0, 5.0, 20.0, 28.0, 29.0, 30.0, 31.0, "40.5", float("nan")])),
    st.tuples(st.just("leak"), st.sampled_from([True, False, None, 1])),
    st.tuples(st.just("mode"), st.sampled_from(["a", "b", None])),
)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), READINGS),
        st.tuples(st.just("wait"), st.sampled_from([0.0, 0.5, 1.0, 3.0, 5.0, 10.0, 40.0])),
        st.tuples(st.just("late"), st.sampled_from([0.5, 4.0, 30.0])),  # time passes and nobody ticks
        st.tuples(st.sampled_from(["restart", "reboot", "silent", "online", "offline", "up", "down"]), st.none()),
    ),
    max_size=40,
)


def make(kit, names=tuple(RULES)):
    rules = {name: kit.rule(RULES[name][0], RULES[name][1], **RULES[name][2]) for name in names}
    return kit.Box(kit.device(rules=rules, offline_after=30.0))


def step(box, what: str, value) -> None:
    if what == "read":
        box.read(dict([value]))
    elif what == "wait":
        box.wait(value)
    elif what == "late":
        box.clock.advance(value)
    elif what in ("online", "offline"):
        box.says(online=what == "online")
    elif what in ("up", "down"):
        box.link(up=what == "up")
    else:
        getattr(box, what)()


def by_key(box) -> dict[str, list[dict]]:
    found = defaultdict(list)
    for event in box.events:
        if event.type.startswith("edgegw.alarm"):
            data = json.loads(event.data)
            found[data["dedup_key"]].append({**data, "type": event.type.rsplit(".", 1)[1]})
    return found


@settings(max_examples=150, deadline=None)
@given(steps=STEPS)
def test_raised_and_cleared_alternate_whatever_happens(kit, steps) -> None:
    box = make(kit)
    for what, value in steps:
        step(box, what, value)
    for alarms in by_key(box).values():
        edges = [alarm for alarm in alarms if alarm["type"] != "updated"]
        assert [alarm["type"] for alarm in edges] == (["raised", "cleared"] * len(edges))[: len(edges)]
        for raised, cleared in zip(edges[::2], edges[1::2], strict=False):
            assert raised["alarm_id"] == cleared["alarm_id"]
            assert cleared.get("duration_s", 0) >= 0
        assert len({alarm["alarm_id"] for alarm in edges[::2]}) == len(edges[::2])
    presence = box.told("device")
    assert all(one != other for one, other in pairwise(presence))
    # What is told is what is shown and what is stored.
    open_keys = {key for key, alarms in by_key(box).items() if alarms[-1]["type"] != "cleared"}
    assert {view.dedup_key for view in box.engine.active_alarms()} == open_keys
    stored = {key for key, value in box.states["alarm"].items() if "data" in json.loads(value)}
    assert stored == open_keys


@settings(max_examples=100, deadline=None)
@given(steps=STEPS)
def test_nothing_changes_before_it_is_due_and_memory_is_bounded(kit, steps) -> None:
    box = make(kit)
    for what, value in steps:
        step(box, what, value)
        box.commit(box.engine.tick(box.clock.now()))
        due = box.engine.due_ns()
        assert due is None or due > box.clock.now().mono_ns
        if due is not None and due - box.clock.now().mono_ns > 1:
            box.clock.advance((due - box.clock.now().mono_ns) / 2e9)
            changes = box.engine.tick(box.clock.now())
            assert (changes.events, changes.states) == ((), ())
    assert len(box.engine._timers) <= 2 * (len(RULES) + 2) + 64
    assert len(box.states["alarm"]) <= len(RULES) + 1


@settings(max_examples=100, deadline=None)
@given(values=st.lists(READINGS, max_size=25), restarts=st.sets(st.integers(0, 24)), boots=st.booleans())
def test_a_restart_at_rest_is_as_if_it_had_not_been(kit, values, restarts, boots) -> None:
    """Readings with time enough between for every timer to run out; restarted or not, the same is told."""
    plain, broken = make(kit, LEVELS), make(kit, LEVELS)
    for index, value in enumerate(values):
        for box in (plain, broken):
            box.read(dict([value]))
            box.wait(10)
        if index in restarts:
            (broken.reboot if boots else broken.restart)()

    def told(box):
        return [(data["type"], data["dedup_key"], data["count"]) for alarms in by_key(box).values() for data in alarms]

    assert told(broken) == told(plain)
    assert set(broken.states["alarm"]) == set(plain.states["alarm"])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(20, 40), min_size=1, max_size=50))
def test_hysteresis_raises_above_and_clears_below(kit, values) -> None:
    box = kit.Box(kit.device(rules={"hot": kit.rule("t", {"above": 30.0, "hysteresis": 2.0}, clear_after=0)}))
    for value in values:
        before = len(box.told())
        box.read({"t": value})
        if box.told()[before:] == ["raised"]:
            assert value > 30.0
        elif box.told()[before:] == ["cleared"]:
            assert value <= 28.0
        else:
            assert len(box.told()) == before
            assert (value > 28.0) if before % 2 else (value <= 30.0)
