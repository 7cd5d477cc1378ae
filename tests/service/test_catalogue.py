"""What an alarm is worth: the order in which rule, category, overrides and matrix count."""

from datetime import datetime
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.service import defaults
from edgegw.service.catalogue import classify, find
from edgegw.service.specs import (
    NS_PER_S,
    PRIORITIES,
    Calendar,
    Catalogue,
    Category,
    Facts,
    Hours,
    Match,
    Override,
    Span,
    Target,
    Team,
)

ZONE = ZoneInfo("Asia/Shanghai")
EVERY = Match()


def shipped(*overrides: Override, language: str = "en", **more: object) -> Catalogue:
    """The shipped catalogue, with further overrides."""
    made = Catalogue(
        categories={category.id: category for category in defaults.CATEGORIES},
        teams={team.id: team for team in defaults.TEAMS},
        guides={guide.id: guide for guide in defaults.ALL_GUIDES},
        matrix=defaults.MATRIX,
        targets={
            name: Target(respond, resolve, defaults.HOURS[hours])
            for name, (respond, resolve, hours) in defaults.TARGETS.items()
        },
        overrides=(*defaults.OVERRIDES, *overrides),
        calendar=Calendar(ZONE, frozenset({"2026-10-01"})),
        language=language,
    )
    return msgspec.structs.replace(made, **more)


def fact(rule: str = "leak", category: str = "water", **more: object) -> Facts:
    return Facts(**{"subject": "d1", "rule": rule, "category": category, **more})


def at(text: str = "2026-11-25T10:00") -> Instant:
    return Instant(round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp()) * NS_PER_S, 1)


def asked(facts: Facts, *overrides: Override, when: str = "2026-11-25T10:00", **more: object):
    made = classify(shipped(*overrides, **more), facts, at(when))
    assert made is not None
    return made


def on(name: str = "x", *, when: Match = EVERY, **change: object) -> Override:
    return Override(name=name, match=when, **change)


def clock(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / NS_PER_S, ZONE).replace(tzinfo=None).isoformat(" ", "minutes")


# --- where the priority comes from --------------------------------------------------------------------------------------


def test_the_category_says_unless_the_rule_does():
    plain = asked(fact())
    assert (plain.impact, plain.urgency, plain.priority) == (3, 4, "P2")
    assert asked(fact(urgency=3)).priority == "P3"
    assert asked(fact(impact=5)).priority == "P1"
    given = asked(fact(priority="P4"))
    assert (given.impact, given.urgency, given.priority) == (0, 0, "P4")


def test_an_override_of_impact_or_urgency_goes_over_the_rule_s_priority():
    made = asked(fact(priority="P4"), on(impact=5))
    assert (made.impact, made.urgency, made.priority) == (5, 4, "P1")


def test_an_override_s_priority_goes_over_all_before_and_a_later_override_over_it():
    assert asked(fact(priority="P4"), on(priority="P3")).priority == "P3"
    assert asked(fact(), on(priority="P4"), on(priority="P1")).priority == "P1"
    assert asked(fact(), on(priority="P4"), on(impact=5)).priority == "P1"
    assert asked(fact(), on(impact=5), on(priority="P4")).priority == "P4"


def test_another_category_brings_all_that_nobody_said():
    made = asked(fact("x"), on(category="lift", team="security"))
    assert (made.category, made.category_name, made.team, made.priority) == ("lift", "lift", "security", "P2")
    assert made.skills == (defaults.LIFT_T,)
    assert made.plan is not None
    assert made.plan.id == "lift-entrapment"


def test_an_unknown_category_is_a_device_s_under_its_own_name():
    made = asked(fact("x", "pool"))
    device = asked(fact("x", "device"))
    assert (made.category, made.category_name) == ("pool", "pool")
    assert msgspec.structs.replace(made, category="device", category_name=device.category_name) == device


# --- matching -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("when", "matches"),
    [
        (Match(), True),
        (Match(rules=frozenset({"leak", "x"})), True),
        (Match(rules=frozenset({"lea*"})), True),
        (Match(rules=frozenset({"eak*", "leaks"})), False),
        (Match(subjects=frozenset({"d1"})), True),
        (Match(subjects=frozenset({"d2", "d10"})), False),
        (Match(profiles=frozenset({"acme/*"})), True),
        (Match(profiles=frozenset({"acme/sensor"})), False),
        (Match(categories=frozenset({"water"})), True),
        (Match(categories=frozenset({"wat*"})), False),
        (Match(priorities=frozenset({"P2"})), True),
        (Match(priorities=frozenset({"P1", "P3"})), False),
        (Match(labels={"building": "3"}), True),
        (Match(labels={"building": "3", "floor": "2"}), False),
        (Match(during=(Span(600, 601),)), True),
        (Match(during=(Span(540, 600),)), False),
        (Match(during=(Span(601, 600),)), False),
        (Match(during=(Span(0, 60), Span(599, 1440))), True),
        (Match(days=frozenset({2})), True),
        (Match(days=frozenset({1, 3})), False),
        (Match(holidays=False), True),
        (Match(holidays=True), False),
        (Match(rules=frozenset({"leak"}), subjects=frozenset({"d2"})), False),
    ],
)
def test_everything_given_must_hold(when, matches):
    """Wednesday, 25 November 2026, 10:00, no holiday."""
    facts = fact(profile="acme/leak", labels={"building": "3", "room": "502"})
    assert (asked(facts, on(when=when, team="cleaning")).team == "cleaning") is matches


@pytest.mark.parametrize(("when", "matches"), [("21:59", False), ("22:00", True), ("03:00", True), ("06:00", False)])
def test_times_of_day_go_over_midnight(when, matches):
    night = on(when=Match(during=(Span(1320, 360),)), priority="P1")
    assert (asked(fact(), night, when=f"2026-11-25T{when}").priority == "P1") is matches


def test_holidays_are_those_of_the_calendar():
    quiet = on(when=Match(holidays=True), ticket=False)
    assert classify(shipped(quiet), fact(), at("2026-10-01T10:00")) is None
    assert classify(shipped(quiet), fact(), at("2026-10-02T10:00")) is not None


def test_category_and_priority_match_as_they_are_before_the_override():
    first = on("first", category="fire")
    second = on("second", when=Match(categories=frozenset({"water"})), team="cleaning")
    third = on("third", when=Match(categories=frozenset({"fire"}), priorities=frozenset({"P1"})), team="lift")
    found = find(shipped(first, second, third), fact(), at())
    assert (found.by, found.team) == (("first", "third"), "lift")


def test_no_ticket_can_be_taken_back():
    never = on("never", ticket=False)
    assert classify(shipped(never), fact(), at()) is None
    assert classify(shipped(never, on("but", ticket=True)), fact(), at()) is not None


# --- targets, people, texts ---------------------------------------------------------------------------------------------


def test_times_are_those_of_the_priority_in_its_hours():
    p2 = asked(fact(), when="2026-11-25T02:00")
    assert (clock(p2.respond_by_ns), clock(p2.resolve_by_ns)) == ("2026-11-25 02:15", "2026-11-25 04:00")
    p3 = asked(fact(urgency=3), when="2026-11-25T19:50")
    assert (clock(p3.respond_by_ns), clock(p3.resolve_by_ns)) == ("2026-11-26 08:20", "2026-11-26 19:50")


def test_an_override_s_times_and_hours_go_over_the_priority_s():
    office = Hours(frozenset(range(5)), (Span(540, 1020),))
    made = asked(fact(), on(respond_s=3600.0, hours=office), when="2026-11-27T16:30")
    assert (made.respond_s, made.resolve_s) == (3600.0, 7200.0)
    assert (clock(made.respond_by_ns), clock(made.resolve_by_ns)) == ("2026-11-30 09:30", "2026-11-30 10:30")
    late = asked(fact(), on(respond_s=86400.0))
    assert late.resolve_s == late.respond_s  # nothing is to be resolved before anybody had to respond


def test_names_and_guides_are_in_the_gateway_s_language():
    chinese, english = asked(fact(), language="zh-CN"), asked(fact(), language="en")
    assert (chinese.category_name, chinese.team_name) == ("给排水", "工程部")
    assert (english.category_name, english.team_name) == ("water", "engineering")
    assert chinese.plan is not None
    assert english.plan is not None
    assert (chinese.plan.title, english.plan.title) == ("跑水、爆管处置预案", "Burst pipe, flooding")
    assert len(chinese.plan.steps) == len(english.plan.steps) == 7


def test_empty_means_none_and_the_contact_is_the_team_s():
    teams = {"night": Team("night", Text(zh="夜班", en="night shift"), "8100")}
    made = asked(fact(), on(guide="", plan="", skills=(), team="night"), teams=teams)
    assert (made.guide, made.plan, made.skills) == (None, None, ())
    assert (made.team_name, made.contact) == ("night shift", "8100")


# --- for anything -------------------------------------------------------------------------------------------------------

slugs = st.sampled_from(["", "water", "fire", "pool", "leak", "d1", "engineering", "flooding", "x*", "*", "gas"])
levels = st.none() | st.integers(-3, 9)
hours = st.builds(
    Hours,
    st.frozensets(st.integers(0, 6)),
    st.sampled_from([(), (Span(0, 1440),), (Span(480, 720), Span(780, 1080))]),
    st.booleans(),
)
texts = st.sampled_from([frozenset(), frozenset({"leak"}), frozenset({"l*"}), frozenset({"water", "fire", "pool"})])
matches = st.builds(
    Match,
    rules=texts,
    subjects=st.sampled_from([frozenset(), frozenset({"d1"}), frozenset({"d*"})]),
    categories=texts,
    priorities=st.frozensets(st.sampled_from(PRIORITIES)),
    during=st.sampled_from([(), (Span(0, 720),), (Span(1320, 360),)]),
    days=st.frozensets(st.integers(0, 6)),
    holidays=st.none() | st.booleans(),
)
overrides = st.builds(
    Override,
    name=slugs,
    match=matches,
    category=slugs,
    impact=levels,
    urgency=levels,
    priority=st.sampled_from(["", *PRIORITIES]),
    team=slugs,
    guide=st.none() | slugs,
    plan=st.none() | slugs,
    respond_s=st.none() | st.floats(allow_nan=False),
    resolve_s=st.none() | st.floats(allow_nan=False),
    hours=st.none() | hours,
    ticket=st.none() | st.booleans(),
)
facts = st.builds(
    Facts,
    subject=st.text(max_size=5) | slugs,
    rule=st.text(max_size=5) | slugs,
    category=st.text(max_size=5) | slugs,
    priority=st.sampled_from(["", *PRIORITIES]),
    impact=st.integers(0, 9),
    urgency=st.integers(0, 9),
    profile=slugs,
)
walls = st.integers(-(2**63), 2**63 - 1) | st.integers(1_700_000_000, 1_900_000_000).map(lambda s: s * NS_PER_S)


@given(facts, st.lists(overrides, max_size=6), walls)
def test_every_alarm_gets_a_priority_and_times_in_order(facts, overrides, wall_ns):
    made = classify(shipped(*overrides), facts, Instant(wall_ns, 0))
    found = find(shipped(*overrides), facts, Instant(wall_ns, 0))
    assert (made is None) is not found.ticket
    if made is None:
        return
    assert made.priority in PRIORITIES
    assert wall_ns <= made.respond_by_ns <= made.resolve_by_ns
    assert made.respond_s <= made.resolve_s
    assert (made.impact == 0) is (made.urgency == 0) is bool(found.priority)
    if not found.priority:
        assert defaults.MATRIX[made.impact - 1][made.urgency - 1] == made.priority
    assert classify(shipped(*overrides), facts, Instant(wall_ns, 99)) == made  # nothing but what it is given counts


# --- the shipped catalogue ----------------------------------------------------------------------------------------------


def test_all_that_the_shipped_catalogue_refers_to_is_there():
    made = shipped()
    for part in (*defaults.CATEGORIES, *defaults.OVERRIDES):
        assert not part.team or part.team in made.teams
        assert not part.guide or part.guide in made.guides
        assert not part.plan or part.plan in made.guides
    assert all(not override.category or override.category in made.categories for override in defaults.OVERRIDES)
    assert len(made.guides) == len(defaults.ALL_GUIDES)
    names = [override.name for override in defaults.OVERRIDES]
    assert len(set(names)) == len(names)
    used = {ref for part in (*defaults.CATEGORIES, *defaults.OVERRIDES) for ref in (part.guide, part.plan)}
    assert made.guides.keys() <= used  # none is there for nothing


def test_the_eleven_categories_are_there_and_texts_are_short():
    assert [category.id for category in defaults.CATEGORIES] == [
        *(
            "security",
            "fire",
            "lift",
            "water",
            "power",
            "hvac",
            "environment",
            "access",
            "parking",
            "cleaning",
            "device",
        )
    ]
    for guide in defaults.ALL_GUIDES:
        assert 3 <= len(guide.steps) <= 8
        assert all(len(step.zh) <= 60 and len(step.en) <= 160 for step in guide.steps), guide.id
        assert all(step.zh.endswith("。") and step.en.endswith((".", "?")) for step in guide.steps), guide.id


def test_the_matrix_never_falls_with_impact_or_urgency():
    rows = defaults.MATRIX
    assert {len(row) for row in rows} == {len(rows)} == {5}
    assert all(row == tuple(sorted(row, reverse=True)) for row in (*rows, *zip(*rows, strict=True)))
    assert set(PRIORITIES) == {priority for row in rows for priority in row}


@pytest.mark.parametrize(
    ("rule", "category", "more", "becomes"),
    [
        ("smoke", "fire", {"priority": "P1"}, ("P1", "fire-control", "fire-alarm")),
        ("fault", "fire", {}, ("P2", "fire-control", None)),
        ("entrapment", "lift", {}, ("P1", "lift", "lift-entrapment")),
        ("gas-leak", "environment", {"priority": "P3"}, ("P1", "security", "gas-leak")),
        ("sos", "security", {"priority": "P1"}, ("P1", "security", "sos")),
        ("duress", "security", {"priority": "P1", "subject": "east-gate"}, ("P1", "security", "duress")),
        ("forced", "security", {"priority": "P2"}, ("P2", "security", "intrusion")),
        ("leak", "water", {"priority": "P2"}, ("P2", "engineering", "flooding")),
        ("offline", "water", {"priority": "P2"}, ("P2", "engineering", None)),
        ("reader-lost-east", "access", {"priority": "P3"}, ("P3", "engineering", None)),
        ("outage", "power", {}, ("P2", "engineering", "power-outage")),
        ("low-battery", "device", {"priority": "P4"}, ("P4", "engineering", None)),
        ("link-down", "device", {"priority": "P2", "subject": "link/bus"}, ("P2", "operations", None)),
        ("upstream-desk", "device", {"priority": "P2", "subject": "gateway"}, ("P2", "operations", None)),
        ("lock-failed", "access", {"priority": "P2"}, ("P2", "engineering", None)),
        ("lock-failed", "access", {"priority": "P1"}, ("P1", "security", "fire-alarm")),
        ("night-round", "cleaning", {"subject": "patrol"}, ("P3", "security", None)),
    ],
)
def test_what_the_shipped_catalogue_makes_of_alarms(rule, category, more, becomes):
    made = asked(fact(rule, category, **more))
    assert (made.priority, made.team, made.plan and made.plan.id) == becomes


def test_a_terminal_s_refusal_is_no_ticket():
    assert classify(shipped(), fact("refused", "access", priority="P4"), at()) is None


def test_a_category_s_levels_are_kept_within_the_matrix():
    odd = Category("water", Text(zh="-", en="-"), 9, -1, "nobody")
    made = asked(fact("x"), categories={"water": odd, "device": odd})
    assert (made.impact, made.urgency, made.priority, made.team_name) == (5, 1, "P3", "")
