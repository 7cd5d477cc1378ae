"""Rounds: what each check-in is, what is told, what becomes a ticket, and that a restart forgets none of it."""

import msgspec
import pytest

from edgegw.errors import EdgegwError
from edgegw.model import Lane
from edgegw.rules.engine import RuleEngine
from edgegw.rules.wording import fill
from edgegw.service.patrol_specs import NS_PER_S, UNKNOWN, Person, Source
from edgegw.service.patrol_state import Summary
from tests.service.patrol_site import GUARD, MIN, OTHER, Site, plan, point, wall


def day(clock: str) -> str:
    return f"2026-11-25T{clock}"


def results(site: Site) -> dict[str, str]:
    (summary,) = site.told("completed")
    return {p["id"]: p["result"] for p in summary["points"]}


def test_a_round_done_as_planned():
    site = Site(plan(groups=frozenset({"guards"})))
    site.until(day("21:55:01"))
    assert site.types() == ["started"], "the first window opens five minutes before the start"
    site.until(day("22:00"))
    assert site.show("gate") == ["on-time"]
    site.until(day("22:11"))
    assert site.show("garage") == ["on-time"]
    site.until(day("22:19"))
    assert site.show("pump") == ["on-time"]
    assert site.types() == ["started", "checked", "checked", "checked", "completed"]
    (started,) = site.told("started")
    assert started == {
        "plan": {"id": "night", "name": "Night patrol"},
        "round": "night-20261125T140000Z",
        "planned": "2026-11-25T14:00:00.000Z",
        "at": "2026-11-25T13:55:00.000Z",
        "points": [
            {"id": "gate", "name": "Gate"},
            {"id": "garage", "name": "Garage"},
            {"id": "pump", "name": "Pump room"},
        ],
        "ends_by": "2026-11-25T15:00:00.000Z",
    }
    assert site.told("checked")[1] == {
        "plan": {"id": "night", "name": "Night patrol"},
        "round": "night-20261125T140000Z",
        "point": {"id": "garage", "name": "Garage"},
        "result": "on-time",
        "planned": "2026-11-25T14:10:00.000Z",
        "by": "2026-11-25T14:20:00.000Z",
        "at": "2026-11-25T14:11:00.000Z",
        "off_s": 60.0,
        "who": {"id": "g-7", "name": "王强"},
    }
    (summary,) = site.told("completed")
    assert (summary["reason"], summary["total"], summary["checked"], summary["on_time"]) == ("complete", 3, 3, 3)
    assert summary["ratio"] == 1.0
    assert {event.lane for event in site.events} == {Lane.ACCESS}
    assert {event.subject for event in site.events} == {"patrol/night"}
    assert not site.raised()
    site.until("2026-11-26T21:00")
    assert len(site.told("completed")) == 1


@pytest.mark.parametrize(
    ("clock", "result", "kind"),
    [
        ("22:04:59", "early", "checked"),
        ("22:05", "on-time", "checked"),
        ("22:20", "on-time", "checked"),
        ("22:20:01", "late", "late"),
        ("22:59", "late", "late"),
    ],
)
def test_each_side_of_a_window(clock, result, kind):
    site = Site(plan(strict=False))
    site.until(day("21:57"))
    site.show("gate")
    site.until(day(clock))
    assert site.show("garage") == [result]
    assert site.types()[-1] == kind


def test_a_missed_point_is_told_when_its_window_closes_and_makes_one_ticket():
    site = Site()
    site.until(day("22:10"))
    site.show("gate")
    site.until(day("22:20"))
    assert not site.raised()
    site.until(day("22:20:01"))
    assert site.types()[-1] == "missed"
    (condition,) = [c for c in site.conditions if c.active]
    assert (condition.key, condition.subject, condition.category, condition.priority) == (
        "night",
        "patrol",
        "cleaning",
        "",
    )
    assert condition.evidence["points"] == [{"id": "garage", "name": "Garage", "result": "missed"}]
    site.until(day("22:30:01"))
    amended = [c for c in site.conditions if c.active][-2:]
    assert [p["id"] for p in amended[-1].evidence["points"]] == ["garage", "pump"]
    site.until(day("23:01"))
    assert results(site) == {"gate": "on-time", "garage": "missed", "pump": "missed"}
    (summary,) = site.told("completed")
    assert (summary["reason"], summary["ratio"], summary["missed"]) == ("over", 0.3333, 2)
    assert site.raised(), "a round's end does not bring the points back"
    assert len(site.told("missed")) == 2


def test_a_late_check_in_completes_the_round_and_takes_the_ticket_back():
    site = Site()
    for clock, where in (("22:00", "gate"), ("22:10", "garage"), ("22:45", "pump")):
        site.until(day(clock))
        site.show(where)
    assert results(site) == {"gate": "on-time", "garage": "on-time", "pump": "late"}
    assert [c.active for c in site.conditions][-1] is False
    assert not site.raised()
    assert site.told("completed")[0]["ratio"] == 1.0


def test_the_next_complete_round_takes_the_ticket_back_one_that_is_under_way_does_not():
    site = Site()
    site.until("2026-11-26T22:00")
    assert site.raised()
    site.show("gate")
    assert site.raised()
    site.until("2026-11-26T22:10")
    site.show("garage")
    site.until("2026-11-26T22:20")
    site.show("pump")
    assert not site.raised()


def test_evidence_told_within_a_minute_of_other_evidence_is_told_again():
    """The rules tell new evidence of an alarm once a minute, and keep none for later."""
    site = Site(plan("night", point("gate", 0), point("garage", 0, late=10.2)))
    site.until(day("22:10:13"))
    said = len(site.conditions)
    site.until(day("22:12"))
    assert len(site.conditions) == said + 1
    assert [p["id"] for p in site.conditions[-1].evidence["points"]] == ["gate", "garage"]
    site.until(day("22:20"))
    assert len(site.conditions) == said + 1


def test_points_out_of_order_are_flagged_where_one_is_passed_over_and_where_it_is_gone_back_to():
    open_end = [point(name, None) for name in ("gate", "garage", "pump", "roof")]
    site = Site(plan("night", *open_end))
    site.until(day("22:01"))
    found = {}
    for where in ("gate", "pump", "garage", "roof"):
        site.until(f"2026-11-25T22:{5 + 5 * len(found):02d}")
        (found[where],) = site.show(where)
    assert found == {"gate": "on-time", "pump": "out-of-order", "garage": "out-of-order", "roof": "on-time"}
    assert site.types().count("out-of-order") == 2
    assert not site.raised(), "an event, no ticket"
    assert site.told("completed")[0]["checked"] == 4


def test_after_a_missed_point_the_next_is_in_order():
    site = Site()
    site.until(day("22:10"))
    site.show("gate")
    site.until(day("22:21"))
    assert site.show("pump") == ["on-time"]


def test_any_order():
    site = Site(plan("night", *(point(name, None) for name in ("gate", "garage", "pump")), strict=False))
    site.until(day("22:01"))
    assert [site.show(where) for where in ("pump", "garage", "gate")] == [["on-time"]] * 3


def test_too_fast_is_per_person_and_counts_as_checked():
    plan_ = plan("night", *(point(name, None) for name in ("gate", "garage", "pump")), min_gap_ns=60 * NS_PER_S)
    site = Site(plan_)
    site.until(day("22:01"))
    assert site.show("gate") == ["on-time"]
    site.clock.advance(59)
    assert site.show("garage") == ["too-fast"]
    site.clock.advance(1)
    assert site.show("pump", Person("g-8")) == ["on-time"], "another guard"
    assert site.told("completed")[0]["results"] == {"on-time": 2, "too-fast": 1}


def test_several_that_hold_are_told_with_the_worst_first():
    site = Site(plan(min_gap_ns=60 * NS_PER_S, grace_ns=60 * MIN))
    site.until(day("22:20"))
    site.show("pump")
    site.clock.advance(30)
    assert site.show("gate") == ["too-fast"]
    assert site.told("checked")[-1]["also"] == ["out-of-order", "late"]
    (late,) = [p for p in site.core.views()[0].points if p.id == "gate"]
    assert late.result == "too-fast"


def test_a_card_held_at_the_reader_is_one_visit():
    site = Site()
    site.until(day("22:00"))
    assert [site.show("gate")[0] for _ in range(10)] == ["on-time", *["repeated"] * 9]
    assert site.types() == ["started", "checked", "checked", "checked", "checked"], "three repetitions are told"
    site.until(day("23:01"))
    assert site.told("completed")[0]["points"][0]["repeated"] == 9


def test_only_some_may_patrol():
    site = Site(plan(groups=frozenset({"guards"})))
    site.until(day("22:00"))
    assert site.show("gate", OTHER) == ["not-allowed"]
    assert site.types() == ["started"], "a resident at the gate's reader is nobody's concern"
    assert [site.show("gate", UNKNOWN)[0] for _ in range(5)] == ["unknown"] * 5
    assert site.types() == ["started", *["checked"] * 3]
    assert "who" not in site.told("checked")[0]
    assert site.show("gate") == ["on-time"]
    site.until(day("23:01"))
    (summary,) = site.told("completed")
    assert (summary["unknown"], summary["others"]) == (5, 1)


def test_anybody_may_patrol():
    site = Site()
    site.until(day("22:00"))
    assert site.show("gate", UNKNOWN) == ["on-time"]
    assert site.told("checked")[0]["also"] == ["unknown"]
    site.until(day("22:10"))
    assert site.show("garage", None) == ["on-time"]
    assert "who" not in site.told("checked")[1]
    assert "also" not in site.told("checked")[1]


@pytest.mark.parametrize(("word", "raised"), [("late", True), ("early", False)])
def test_a_site_may_want_tickets_for_more_than_misses(word, raised):
    site = Site(plan(ticket_on=frozenset({word})))
    for clock, where in (("22:00", "gate"), ("22:10", "garage"), ("22:45", "pump")):
        site.until(day(clock))
        site.show(where)
    assert site.raised() is raised
    if raised:
        assert site.conditions[-1].evidence["points"] == [{"id": "pump", "name": "Pump room", "result": "late"}]


def test_unknown_cards_may_make_a_ticket():
    site = Site(plan(groups=frozenset({"guards"}), ticket_on=frozenset({"unknown"})))
    site.until(day("22:00"))
    site.show("gate", UNKNOWN)
    assert site.raised()
    assert site.conditions[-1].evidence["value"] == "unknown person"


# --- one reader for several -----------------------------------------------------------------------------------------------


def test_one_reader_at_the_beginning_and_at_the_end():
    reader = Source("reader-gate", "card")
    timed = plan("night", point("out", 0, source=reader), point("roof", 20), point("back", 40, source=reader))
    site = Site(timed)
    site.until(day("22:00"))
    assert [site.show("gate")[0] for _ in range(2)] == ["on-time", "repeated"]
    site.until(day("22:20"))
    site.show("roof")
    site.until(day("22:40"))
    assert site.show("gate") == ["on-time"]
    assert results(site) == {"out": "on-time", "roof": "on-time", "back": "on-time"}


def test_one_reader_twice_in_a_round_without_times():
    reader = Source("reader-gate", "card")
    site = Site(
        plan("night", point("out", None, source=reader), point("roof", None), point("back", None, source=reader))
    )
    site.until(day("22:00"))
    assert [site.show("gate")[0] for _ in range(3)] == ["on-time", "repeated", "repeated"]
    site.show("roof")
    assert site.show("gate") == ["on-time"]
    assert site.told("completed")[0]["ratio"] == 1.0


def test_a_reader_of_two_plans_counts_for_both():
    site = Site(plan(), plan("clean", point("gate", None), starts=(22 * 60,)))
    site.until(day("22:00"))
    assert site.show("gate") == ["on-time", "on-time"]


def test_no_round_no_result():
    site = Site()
    assert site.show("gate") == []
    assert site.show("nowhere") == []
    assert site.events == []


# --- handsets -------------------------------------------------------------------------------------------------------------


def test_check_ins_by_a_handset():
    site = Site(plan("night", point("gate", 0, tag="04A1B2"), point("roof", 10, source=None)))
    site.until(day("22:00"))
    vouched = Person("g-9", "Li", None)
    for arguments, reason in (
        (("day", "gate"), "unknown-plan"),
        (("night", "cellar"), "unknown-point"),
        ((None, "cellar"), "unknown-point"),
        (("night", "gate"), "wrong-tag"),
    ):
        with pytest.raises(EdgegwError) as error:
            site.core.checkin(*arguments, vouched, site.clock.now(), tag="04A1B3")
        assert error.value.reason == reason
        assert "04A1" not in str(error.value)
    site.keep(site.core.checkin(None, "gate", vouched, site.clock.now(), tag="04A1B2"))
    site.keep(site.core.checkin("night", "roof", vouched, site.clock.now()))
    assert results(site) == {"gate": "on-time", "roof": "early"}
    assert "04A1" not in str(site.events) + str(site.states)


def test_a_handset_that_was_out_of_reach_tells_when_it_was():
    site = Site()
    site.until(day("22:00"))
    site.show("gate")
    site.until(day("22:25"))
    assert site.raised()
    stepped = site.keep(site.core.checkin("night", "garage", GUARD, site.clock.now(), was_ns=wall(day("22:12"))))
    assert [r.result for r in stepped.results] == ["on-time"]
    told = site.told("checked")[-1]
    assert (told["at"], told["received"]) == ("2026-11-25T14:12:00.000Z", "2026-11-25T14:25:00.000Z")
    site.show("pump")
    assert not site.raised()


def test_a_visit_before_the_round_is_none_of_it():
    site = Site()
    site.until(day("22:00"))
    for was, found in (("21:54:59", []), ("21:55", ["on-time"])):
        stepped = site.keep(site.core.checkin("night", "gate", GUARD, site.clock.now(), was_ns=wall(day(was))))
        assert [result.result for result in stepped.results] == found


# --- restarts, the clock --------------------------------------------------------------------------------------------------


def test_a_restart_forgets_nothing_and_tells_nothing_twice():
    site = Site()
    site.until(day("22:00"))
    site.show("gate")
    site.until(day("22:21"))
    before = site.types()
    site.restart(60)
    assert site.types() == before
    assert site.raised()
    assert site.show("gate") == ["repeated"]
    assert site.show("pump") == ["on-time"]
    site.restart(600)
    site.until(day("23:01"))
    assert results(site) == {"gate": "on-time", "garage": "missed", "pump": "on-time"}
    assert site.types().count("missed") == 1


def test_the_round_goes_on_after_a_reboot_without_a_clock_until_it_is_known_again():
    site = Site()
    site.until(day("22:00"))
    site.show("gate")
    site.restart(300, synced=False)
    site.clock.advance(60)
    assert site.show("garage") == ["early"], "as far as is known it is 22:01"
    assert site.told("checked")[-1]["clock_unsynced"] is True
    site.clock.set_wall(wall(day("22:40")))
    site.keep(site.core.tick(site.clock.now()))
    assert site.told("missed")[0]["point"]["id"] == "pump"


def test_no_round_starts_while_the_clock_is_not_trusted():
    site = Site(start=day("21:50"))
    site.restart(synced=False)
    site.until(day("22:10"))
    assert site.types() == []
    assert site.core.views()[0].next_ns == 0
    site.clock.set_wall(wall(day("22:10")))
    site.keep(site.core.tick(site.clock.now()))
    assert site.types() == ["started"], "ten minutes late, and all can still be done"
    assert site.show("gate") == ["on-time"]


def test_rounds_missed_while_the_gateway_was_off_are_told_once():
    site = Site()
    site.until(day("21:30"))
    site.restart(3 * 86_400)
    assert [s["reason"] for s in site.told("completed")] == ["gateway-off"] * 3
    assert [s["ratio"] for s in site.told("completed")] == [0.0] * 3
    assert site.raised()
    assert site.conditions[-1].evidence["value"] == "the whole round"
    site.restart()
    site.until("2026-11-28T21:40")
    assert len(site.told("completed")) == 3
    assert site.raised()


def test_many_missed_rounds_are_told_as_a_number():
    site = Site()
    site.restart(60 * 86_400)
    (skipped,) = site.told("missed")
    assert skipped["rounds"] + len(site.told("completed")) == 60
    assert (skipped["since"], skipped["until"]) == ("2026-11-25T14:00:00.000Z", "2027-01-13T14:00:00.000Z")
    assert len(site.told("completed")) == 10


def test_a_gateway_that_comes_back_within_the_round_goes_on_with_it():
    site = Site()
    site.restart(75 * 60)
    assert site.types() == ["started", "missed"]
    assert site.show("garage") == ["on-time"]


def test_a_clock_set_back_starts_no_round_twice():
    site = Site(plan(starts=(22 * 60, 23 * 60 + 30)))
    site.until(day("23:20"))
    assert len(site.told("started")) == 1
    site.clock.set_wall(wall(day("21:50")))
    site.until("2026-11-26T21:00")
    assert [s["planned"] for s in site.told("started")] == ["2026-11-25T14:00:00.000Z", "2026-11-25T15:30:00.000Z"]


def test_a_clock_set_forward_skips_no_round_silently():
    site = Site()
    site.until(day("21:30"))
    site.clock.set_wall(wall("2026-11-26T03:00"))
    site.keep(site.core.tick(site.clock.now()))
    (summary,) = site.told("completed")
    assert summary["reason"] == "clock-step"


def test_a_round_that_a_clock_running_ahead_had_missed_takes_place_when_its_time_comes():
    site = Site()
    site.clock.set_wall(wall("2031-01-01T03:00"))
    site.keep(site.core.tick(site.clock.now()))
    site.clock.set_wall(wall(day("21:31")))
    site.until("2026-11-27T21:00")
    assert [s["planned"] for s in site.told("started")] == ["2026-11-25T14:00:00.000Z", "2026-11-26T14:00:00.000Z"]


def test_a_wall_clock_that_jumps_does_not_move_a_round():
    site = Site(plan(strict=False))
    site.until(day("22:00"))
    site.clock.set_wall(wall(day("22:08")))
    site.keep(site.core.tick(site.clock.now()))
    site.clock.advance(120)
    assert site.show("garage") == ["early"], "two minutes into the round"


def test_the_next_round_ends_the_one_before():
    site = Site(plan(starts=(22 * 60, 22 * 60 + 40), grace_ns=60 * MIN))
    site.until(day("22:36"))
    assert [s["reason"] for s in site.told("completed")] == ["next-round"]
    assert site.types().count("missed") == 3
    assert site.types()[-1] == "started"


def test_a_plan_that_left_the_site_is_ended_and_forgotten():
    site = Site()
    site.until(day("22:15"))
    assert site.raised()
    site.plans = (plan("day"),)
    site.restart()
    (summary,) = site.told("completed")
    assert (summary["reason"], summary["missed"]) == ("removed", 3)
    assert not site.raised()
    assert set(site.states) == {"day"}


def test_a_round_stays_as_it_was_planned_though_the_plan_changes():
    site = Site()
    site.until(day("22:00"))
    site.plans = (plan("night", point("gate", 0), point("roof", 10)),)
    site.restart()
    assert site.show("roof") == []
    assert site.show("gate") == ["on-time"]
    site.until(day("23:30"))
    assert results(site) == {"gate": "on-time", "garage": "missed", "pump": "missed"}


def test_states_that_cannot_be_read_begin_anew():
    site = Site()
    site.until(day("22:15"))
    site.states["night"] = b'{"round": 5}'
    site.states["gone"] = b"not json"
    site.restart()
    assert site.core.unreadable == 2
    assert set(site.states) == {"night"}
    assert not site.raised()


def test_what_is_seen_of_a_plan():
    site = Site()
    (view,) = site.core.views()
    assert (view.plan, view.name, view.round, view.last) == ("night", "Night patrol", "", None)
    assert view.next_ns == wall(day("22:00"))
    site.until(day("22:21"))
    (view,) = site.core.views()
    assert view.round == "night-20261125T140000Z"
    assert [(p.id, p.result, p.overdue) for p in view.points] == [
        ("gate", "", True),
        ("garage", "", True),
        ("pump", "", False),
    ]
    assert view.points[1].by_ns == wall(day("22:20"))
    site.until(day("23:01"))
    site.restart()
    (view,) = site.core.views()
    assert view.round == ""
    assert view.missed
    assert view.last is not None
    assert view.last == msgspec.convert(site.told("completed")[0], Summary)
    assert site.steps[-1].rounds == ()


# --- what operators read --------------------------------------------------------------------------------------------------

GOLDEN = {
    ("zh-CN", "one"): "夜间巡查漏巡：大门",
    ("en", "one"): "Night patrol: Gate missed",
    ("zh-CN", "many"): "夜间巡查漏巡：大门、车库、泵房等 4 处",
    ("en", "many"): "Night patrol: Gate, Garage, Pump room and 1 more missed",
    ("zh-CN", "whole"): "夜间巡查漏巡：整轮",
    ("en", "whole"): "Night patrol: the whole round missed",
    ("zh-CN", "late"): "夜间巡查未按计划执行：大门",
    ("en", "late"): "Night patrol not done as planned: Gate",
    ("zh-CN", "unknown"): "夜间巡查未按计划执行：未知人员",
    ("en", "unknown"): "Night patrol not done as planned: unknown person",
}


@pytest.mark.parametrize(("language", "what"), GOLDEN)
def test_titles(language, what):
    points = [point("gate", 0)] if what != "many" else [point(name, 0) for name in ("gate", "garage", "pump", "roof")]
    groups = frozenset({"guards"}) if what == "unknown" else frozenset()
    site = Site(plan("night", *points, ticket_on=frozenset({"late", "unknown"}), groups=groups), language=language)
    if what == "whole":
        site.restart(86_400)
    else:
        site.until(day("22:05"))
        if what == "unknown":
            site.show("gate", UNKNOWN)
        else:
            site.until(day("22:10:01"))
        if what == "late":
            site.show("gate")
    condition = site.conditions[-1]
    values = {"device": condition.owner, "location": "", "value": str(condition.evidence["value"]), "unit": ""}
    assert fill(condition.title.of(language), values) == GOLDEN[language, what]


# --- with the rules -------------------------------------------------------------------------------------------------------


class Ruled(Site):
    """A site whose conditions go through the rules, as the shell hands them on."""

    def __init__(self, *plans):
        self.alarms = []
        self.engine = None
        super().__init__(*plans)

    def keep(self, stepped):
        now = self.clock.now()
        if self.engine is None:
            self.engine = RuleEngine(gateway="g1", language="en", devices=[], alarms={}, presence={}, now=now)
        for one in stepped.conditions:
            self.alarms += self.engine.condition(one, now).events
        return super().keep(stepped)


def test_one_alarm_from_the_first_missed_point_to_the_next_complete_round():
    site = Ruled(plan("night", point("gate", 0), point("garage", 0, late=10.2), point("pump", 20)))
    site.until(day("23:30"))
    site.until("2026-11-26T22:00")
    site.show("gate")
    site.show("garage")
    site.until("2026-11-26T22:20")
    site.show("pump")
    told = [(event.type.removeprefix("edgegw.alarm."), msgspec.json.decode(event.data)) for event in site.alarms]
    assert [kind for kind, _ in told] == ["raised", "updated", "updated", "cleared"]
    assert {data["dedup_key"] for _, data in told} == {"g1/patrol/night"}
    assert told[0][1]["title"] == "Night patrol: Gate missed"
    named = [[found["id"] for found in data["evidence"]["points"]] for _, data in told[:3]]
    assert named == [["gate"], ["gate", "garage"], ["gate", "garage", "pump"]]
