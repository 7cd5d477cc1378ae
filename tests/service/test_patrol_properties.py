"""Whatever happens: every planned round is there once, every point of it has one result, and completion is what was checked."""

from zoneinfo import ZoneInfo

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from edgegw.rules.events import utc
from edgegw.service.patrol_calendar import Starts
from edgegw.service.patrol_specs import NS_PER_S, UNKNOWN, Person
from edgegw.service.patrol_state import Result
from tests.service.patrol_site import GUARD, MIN, NAMES, OTHER, Site, plan, point

HOUR = 3600
VISITED = {"on-time", "early", "late", "out-of-order", "too-fast"}

DAYS = st.sampled_from(
    [
        (ZoneInfo("Asia/Shanghai"), "2026-11-25T20:30"),
        (ZoneInfo("Europe/Berlin"), "2026-10-24T20:30"),
        (ZoneInfo("Europe/Berlin"), "2026-03-28T20:30"),
        (ZoneInfo("Australia/Lord_Howe"), "2026-04-04T20:30"),
    ]
)
"""Lord Howe moves its clocks by half an hour."""


@st.composite
def plans(draw):
    names = draw(st.permutations(sorted(NAMES)))[: draw(st.integers(1, 4))]
    timed = draw(st.booleans())
    within = draw(st.integers(0, 40))
    points = [
        point(
            name,
            i * 10 if timed else None,
            early=draw(st.integers(0, 12)),
            late=draw(st.integers(0, 12)),
            within=within,
        )
        for i, name in enumerate(names)
    ]
    return plan(
        "night",
        *points,
        starts=tuple(
            draw(st.sets(st.sampled_from([30, 120, 150, 180, 22 * 60, 22 * 60 + 20, 23 * 60 + 50]), min_size=1))
        ),
        strict=draw(st.booleans()),
        grace_ns=draw(st.sampled_from([0, 1, 30 * MIN])),
        min_gap_ns=draw(st.sampled_from([0, 60 * NS_PER_S])),
        groups=draw(st.sampled_from([frozenset(), frozenset({"guards"})])),
    )


RUN = st.tuples(st.just("run"), st.integers(1, 3 * HOUR))
SHOW = st.tuples(
    st.just("show"),
    st.tuples(
        st.sampled_from(sorted(NAMES)), st.sampled_from([GUARD, Person("g-8", "", ("guards",)), OTHER, UNKNOWN, None])
    ),
)
RESTART = st.tuples(st.just("restart"), st.tuples(st.integers(0, 30 * HOUR), st.booleans()))
SET = st.tuples(st.just("set"), st.integers(-30 * HOUR, 30 * HOUR))
LOST = st.tuples(st.just("synced"), st.booleans())


class Judge:
    """Follows a site and knows what must hold at every moment."""

    def __init__(self, site: Site, *, steps: bool = False) -> None:
        self.site = site
        self.steps = steps
        self.seen = 0

    def do(self, what: str, how) -> None:
        site = self.site
        match what, how:
            case "run", seconds:
                site.run(seconds * NS_PER_S)
            case "show", (where, who):
                site.show(where, who)
            case "restart", (seconds, synced):
                site.restart(seconds, synced=synced)
            case "set", seconds:
                now = site.clock.now()
                site.clock.set_wall(now.wall_ns + seconds * NS_PER_S, synced=now.synced)
                site.keep(site.core.tick(site.clock.now()))
            case "synced", synced:
                site.clock.set_wall(site.clock.now().wall_ns, synced=synced)
                site.keep(site.core.tick(site.clock.now()))
        self.look()

    def look(self) -> None:
        for step in self.site.steps[self.seen :]:
            if step.rounds:
                said = [condition.active for condition in step.conditions]
                incomplete = step.rounds[-1].checked < step.rounds[-1].total
                assert (said[-1] if said else False) is incomplete or (
                    not said and self._raised_before(step) is incomplete
                )
        self.seen = len(self.site.steps)
        due_ns = self.site.core.due_ns()
        assert due_ns is None or due_ns > self.site.clock.now().mono_ns, "a tick leaves nothing undone"

    def _raised_before(self, step) -> bool:
        said = []
        for other in self.site.steps:
            if other is step:
                break
            said += [condition.active for condition in other.conditions]
        return bool(said) and said[-1]

    def rounds(self) -> dict[str, dict]:
        """Every round that ended, each once; one that was missed by a clock running ahead may have taken place afterwards."""
        found: dict[str, dict] = {}
        for summary in self.site.told("completed"):
            before = found.get(summary["round"])
            assert before is None or (self.steps and before["reason"] in {"clock-step", "gateway-off"}), "ended twice"
            found[summary["round"]] = summary
        return found

    def ends(self) -> None:
        """What must hold when all is over."""
        rounds = self.rounds()
        begun = [started["round"] for started in self.site.told("started")]
        assert len(begun) == len(set(begun)), "begun twice"
        assert set(begun) <= rounds.keys() | {view.round for view in self.site.core.views()}
        told: dict[tuple[str, str], list[str]] = {}
        for event in self.site.events:
            data = msgspec.json.decode(event.data)
            if "result" in data and data["result"] in VISITED:
                told.setdefault((data["round"], data["point"]["id"]), []).append(data["result"])
        missed = [(d["round"], d["point"]["id"]) for d in self.site.told("missed") if "point" in d]
        assert len(missed) == len(set(missed)), "told as missed twice"
        for name, summary in rounds.items():
            points = {p["id"]: p["result"] for p in summary["points"]}
            assert list(points) == [spec.id for spec in self.site.plans[0].points]
            assert set(points.values()) <= set(Result)
            for id_, result in points.items():
                assert told.get((name, id_), []) == ([result] if result in VISITED else [])
            assert summary["checked"] == sum(1 for result in points.values() if result in VISITED)
            assert summary["on_time"] + summary["early"] + summary["late"] + summary["missed"] == summary["total"]
            assert summary["ratio"] == round(summary["checked"] / summary["total"], 4)

    def all_there(self, first_ns: int, last_ns: int) -> None:
        """Every planned start in this time ended, goes on, or was told with others."""
        rounds = self.rounds()
        under_way = self.site.core.views()[0].round
        skipped = [d for d in self.site.told("missed") if "rounds" in d]
        expected = Starts(self.site.plans[0], self.site.calendar).between(first_ns, last_ns)
        planned = [summary["planned"] for summary in rounds.values()]
        for start in expected:
            told = utc(start)
            at = planned.count(told) + sum(1 for s in skipped if s["since"] <= told <= s["until"])
            at += under_way == "night-" + told[:19].replace("-", "").replace(":", "") + "Z"
            assert at >= 1 if self.steps else at == 1, f"{told} is there {at} times"


@given(DAYS, plans(), st.lists(st.one_of(RUN, SHOW, SHOW, RESTART), max_size=25))
def test_no_round_and_no_point_is_lost_over_restarts(where, plan_, acts):
    zone, start = where
    site = Site(plan_, start=start, zone=zone)
    first_ns = site.clock.now().wall_ns
    judge = Judge(site)
    for act in acts:
        judge.do(*act)
    judge.do("synced", True)
    judge.do("run", 26 * HOUR)
    judge.ends()
    judge.all_there(first_ns, site.clock.now().wall_ns + plan_.lead_ns)


@given(DAYS, plans(), st.lists(st.one_of(RUN, SHOW, SHOW, RESTART, SET, LOST), max_size=25))
def test_no_round_is_begun_or_ended_twice_and_none_is_lost_over_clock_steps(where, plan_, acts):
    zone, start = where
    site = Site(plan_, start=start, zone=zone)
    first_ns = last_ns = site.clock.now().wall_ns
    judge = Judge(site, steps=True)
    for act in acts:
        judge.do(*act)
        if site.clock.now().synced:
            last_ns = max(last_ns, site.clock.now().wall_ns)
    judge.do("synced", True)
    judge.do("run", 26 * HOUR)
    judge.ends()
    judge.all_there(first_ns, max(last_ns, site.clock.now().wall_ns) + plan_.lead_ns)
