"""The service section laid over the shipped catalogue; feeds; the facts of every alarm."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edgegw.config.service import Service, WorkingHours
from edgegw.config.service_merge import categories, guides, hours_of, overrides, targets, teams, working_hours
from edgegw.config.service_specs import catalogue, every_fact, facts, feeds, one_ticket
from edgegw.config.site import open_site
from edgegw.model import Instant
from edgegw.profiles.fields import Text
from edgegw.rules.own import Link
from edgegw.service import defaults
from edgegw.service.specs import Facts, OneTicket, Span

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def site(monkeypatch):
    def opened(case: str):
        monkeypatch.chdir(CASES / case)
        return open_site(Path("site.yaml"), {})

    return opened


def section(**given: object) -> Service:
    return Service.model_validate(given)


# --- the catalogue ------------------------------------------------------------------------------------------------------


def test_a_site_that_says_nothing_has_the_shipped_catalogue(site):
    made = catalogue(site("fine"))
    assert tuple(made.categories.values()) == defaults.CATEGORIES
    assert tuple(made.teams.values()) == defaults.TEAMS
    assert tuple(made.guides.values()) == defaults.ALL_GUIDES
    assert made.overrides == defaults.OVERRIDES
    assert made.matrix == defaults.MATRIX
    assert (made.language, made.calendar.zone) == ("zh-CN", ZoneInfo("Asia/Shanghai"))
    assert one_ticket(site("fine")) == OneTicket()


def test_entries_are_laid_over_the_shipped_ones_key_by_key():
    water = categories(section(categories={"water": {"urgency": 5, "plan": ""}}))["water"]
    shipped = next(category for category in defaults.CATEGORIES if category.id == "water")
    assert (water.urgency, water.plan) == (5, "")
    assert (water.name, water.impact, water.team, water.skills, water.guide) == (
        *(shipped.name, shipped.impact, shipped.team, shipped.skills, shipped.guide),
    )
    engineering = teams(section(teams={"engineering": {"contact": "8100"}}))["engineering"]
    assert (engineering.name.en, engineering.contact) == ("engineering", "8100")
    plan = guides(section(guides={"flooding": {"url": "https://wiki.example/flooding"}}))["flooding"]
    assert (plan.url, len(plan.steps)) == ("https://wiki.example/flooding", 7)
    assert guides(section(guides={"flooding": {"steps": ["Run"]}}))["flooding"].steps == (Text(zh="Run", en="Run"),)


def test_targets_keep_what_is_not_given():
    found = targets(section(targets={"P1": {"respond": "3m"}, "P4": {"hours": "office"}}))
    assert (found["P1"], found["P4"]) == ((180.0, 7200.0, "always"), (1800.0, 86400.0, "office"))


def test_overrides_come_after_the_shipped_ones_or_instead():
    made = overrides(
        section(
            overrides={
                "night": {"when": {"between": ["22:00", "06:00"]}, "team": "security"},
                "refused": {"when": {"rule": "refused"}, "priority": "P4"},
            }
        ),
        working_hours(section()),
    )
    names = [override.name for override in made]
    assert names[-2:] == ["night", "refused"]
    assert len(names) == len(defaults.OVERRIDES) + 1
    assert made[-1].ticket is None
    assert made[-2].match.during == (Span(1320, 360),)


@pytest.mark.parametrize(
    ("given", "spans"),
    [
        ({}, ((0, 1440),)),
        ({"from": "08:30", "to": "17:30"}, ((510, 1050),)),
        ({"from": "08:30", "to": "17:30", "breaks": [["12:00", "13:30"]]}, ((510, 720), (810, 1050))),
        ({"from": "20:00", "to": "08:00"}, ((0, 480), (1200, 1440))),
        ({"from": "20:00", "to": "08:00", "breaks": [["23:30", "00:30"]]}, ((30, 480), (1200, 1410))),
        ({"from": "08:00", "to": "12:00", "breaks": [["07:00", "09:00"], ["11:30", "13:00"]]}, ((540, 690),)),
        ({"from": "08:00", "to": "12:00", "breaks": [["13:00", "14:00"]]}, ((480, 720),)),
        ({"from": "08:00", "to": "12:00", "breaks": [["08:00", "12:00"]]}, ()),
        ({"from": "08:00", "to": "00:00"}, ((480, 1440),)),
    ],
)
def test_hours_are_the_spans_of_a_day_without_breaks(given, spans):
    hours = hours_of(WorkingHours.model_validate(given))
    assert tuple((span.begin, span.end) for span in hours.spans) == spans


def test_a_site_s_section_reaches_the_catalogue(site):
    plan = site("service")
    made = catalogue(plan)
    assert made.targets["P3"].respond_s == 2700.0
    assert made.targets["P3"].hours.spans == (Span(510, 720), Span(810, 1050))
    assert made.calendar.holidays == {"2026-10-01"}
    assert (made.categories["pool"].name.en, made.categories["device"].team) == ("Pool", "night")
    night, quiet = made.overrides[-2:]
    assert (night.name, night.match.subjects, night.hours is not None) == (
        *("at-night", frozenset({"east", "link/z", "gateway"}), True),
    )
    assert (quiet.ticket, quiet.match.priorities, quiet.match.labels) == (False, {"P2"}, {"building": "3"})
    assert (one_ticket(plan).gather_s, one_ticket(plan).storm_devices, one_ticket(plan).settle_s) == (5.0, 10, 60.0)


def test_holidays_of_the_doors_are_holidays_here_too(site):
    assert catalogue(site("doors")).calendar.holidays == {"2026-10-01", "2026-10-02"}


# --- feeds --------------------------------------------------------------------------------------------------------------


def test_every_link_is_a_feed_with_its_devices_and_the_doors_that_read_there(site):
    found = {feed.id: feed for feed in feeds(site("doors"))}
    assert set(found) == {"link/z", "link/bus", "link/gate"}
    assert found["link/z"].members == {"east", "west", "east-gate"}
    assert found["link/bus"].members == {"relay"}
    assert found["link/gate"].members == {"reader", "lobby"}
    assert (found["link/z"].causes, found["link/z"].owner, found["link/z"].infer) == ({"g1/link/z"}, "z", True)


def test_a_declared_feed_has_devices_labels_links_and_causes(site):
    riser = feeds(site("service"))[-1]
    assert (riser.id, riser.owner, riser.title.en) == ("riser", "Riser 3", "{device} without power")
    assert riser.members == {"relay", "east", "link/bus"}
    assert riser.causes == {"g1/relay/fire", "g1/store-room/lock-failed", "g1/link/bus"}


# --- facts --------------------------------------------------------------------------------------------------------------


def test_facts_of_a_rule_are_those_of_rule_and_device(site):
    found = facts(site("service"))
    assert found["g1/east/open"] == Facts(
        subject="east",
        rule="open",
        category="device",
        impact=4,
        profile="acme/gate",
        link="z",
        labels={"building": "3"},
    )
    assert found["g1/relay/fire"].priority == "P1"


def test_facts_of_a_link_s_alarm_are_as_it_is_raised(site):
    """The rules make that alarm; what is said of it here must be the same."""
    spec = Link("g1", "z", "en", None, Instant(0, 0)).alarm.spec
    known = facts(site("service"))[spec.dedup_key]
    assert (known.subject, known.rule, known.category, known.priority) == (
        *(spec.subject, spec.rule, spec.category, spec.priority),
    )
    assert (known.health, known.link) == (True, "z")


def test_facts_of_doors_are_those_of_their_conditions(site):
    found = every_fact(site("doors"))
    doors = {
        key.removeprefix("g1/") for key, known in found.items() if known.subject in ("lobby", "east-gate", "store-room")
    }
    assert doors == {
        *("lobby/lock-failed", "lobby/forced", "lobby/held", "lobby/fire-release", "lobby/fire-unconfirmed"),
        *("lobby/duress", "lobby/reader-lost-reader", "lobby/lockout-reader"),
        *("east-gate/lock-failed", "east-gate/duress", "east-gate/reader-lost-east", "east-gate/tamper-east"),
        *("east-gate/lockout-east", "store-room/lock-failed"),
    }
    lost = found["g1/lobby/reader-lost-reader"]
    assert (lost.health, lost.link, lost.category, lost.priority) == (True, "gate", "access", "P3")
    assert lost.labels == {"building": "3"}
    assert found["g1/lobby/duress"].momentary
    assert found["g1/lobby/forced"].momentary
    assert not found["g1/lobby/held"].momentary


def test_what_a_lock_s_failure_is_worth_its_alarm_says(site):
    """P1 if a fire's release failed, else P2: facts must not stand in for that."""
    found = facts(site("doors"))
    assert "g1/lobby/lock-failed" not in found
    assert every_fact(site("doors")).keys() - found.keys() == {
        *("g1/lobby/lock-failed", "g1/east-gate/lock-failed", "g1/store-room/lock-failed"),
    }


def test_health_and_moments_follow_from_the_condition(plan_of):
    plan = plan_of(
        """
  d:
    link: z
    profile: acme/leak
    address: a
    rules:
      gone: {when: {offline: true}, title: Gone}
      no-data: {point: leak, when: {missing: 10m}, title: No data}
      turned: {point: leak, when: {changed: true}, title: Turned}
      pressed: {point: leak, when: {equals: true}, momentary: true, urgency: 2, title: Pressed}
      wet: {point: leak, when: {equals: true}, priority: P4, title: Wet}
"""
    )
    found = facts(plan)
    kinds = {name: (found[f"g1/d/{name}"].health, found[f"g1/d/{name}"].momentary) for name in plan.devices["d"].alarms}
    assert {name: kinds[name] for name in ("gone", "no-data", "turned", "pressed", "wet")} == {
        "gone": (True, False),
        "no-data": (True, False),
        "turned": (False, True),
        "pressed": (False, True),
        "wet": (False, False),
    }
    assert (found["g1/d/pressed"].urgency, found["g1/d/pressed"].impact, found["g1/d/wet"].priority) == (2, 0, "P4")


def test_upstreams_and_synchronisation_are_the_gateway_s(site):
    found = facts(site("doors"))
    assert {key for key, known in found.items() if known.subject == "gateway"} == {
        *("g1/gateway/upstream-desk", "g1/gateway/access-sync"),
    }


@pytest.mark.parametrize(("keep", "days"), [("90d", 90), ("36h", 2), ("800d", 800)])
def test_history_is_kept_for_whole_days(keep, days):
    assert section(history={"keep": keep}).history.keep_days == days
    assert section().history.keep_days == 400
