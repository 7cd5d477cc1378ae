"""The shipped catalogue: categories, teams, matrix, targets, and what categories alone cannot say.

Owns: the values, and why they are so. Must not know: any site.

Targets follow the tiers of practice in Chinese residential service:

    tier   examples                         practice                                    here
    特急    fire, entrapment, gas            answer in 5 min                             P1: 5 min, 2 h, around the clock
    紧急    burst pipe, leak, access failure answer in 15 min, under control in 2 h      P2: 15 min, 2 h, around the clock
    急修    supply of one flat, lamp, pump   on site in 45 min (supply outage: 30), 12–24 h   P3: 30 min, 12 h of service hours
    小修    tap, battery, cleaning           answer in 30 min, fixed in 24 h             P4: 30 min, 24 h of service hours

Practice states no time of its own within which a 特急 is under control, so the 2 h of 紧急 hold for it too. 12 h of a service day
of 08:00–20:00 are 12 to 24 h on the clock, just what 急修 allows.
"""

from edgegw.profiles.fields import Text
from edgegw.service.defaults_guides import GUIDES
from edgegw.service.defaults_plans import PLANS
from edgegw.service.hours import ALWAYS, WHOLE_WEEK
from edgegw.service.specs import PRIORITIES, Category, Guide, Hours, Match, Matrix, Override, Span, Team

MINUTE_S, HOUR_S = 60.0, 3600.0

ELECTRICIAN = "电工证 electrician"
WEAK_CURRENT = "弱电 low-voltage systems"
FIRE_OPERATOR = "消防设施操作员 fire facility operator"
LIFT_T = "特种设备T证 lift T certificate"
PLUMBER = "管道工 plumber"
FIRST_AID = "急救员 first aid"
GUARD = "保安员证 security guard"
REFRIGERATION = "制冷工 refrigeration"
GAS = "燃气 gas"
NETWORK = "网络运维 network"

TEAMS = (
    Team("fire-control", Text(zh="消防控制室", en="fire control room")),
    Team("security", Text(zh="秩序维护部", en="security")),
    Team("engineering", Text(zh="工程部", en="engineering")),
    Team("lift", Text(zh="电梯维保单位", en="lift contractor")),
    Team("cleaning", Text(zh="环境部", en="cleaning")),
    Team("front-desk", Text(zh="客服中心", en="front desk")),
    Team("operations", Text(zh="智能化运维", en="gateway operations")),
)

CATEGORIES = (
    Category("security", Text(zh="安防", en="security"), 4, 4, "security", (GUARD,), "security-check", "intrusion"),
    Category(
        "fire", Text(zh="消防", en="fire"), 5, 5, "fire-control", (FIRE_OPERATOR,), "fire-detector-check", "fire-alarm"
    ),
    Category("lift", Text(zh="电梯", en="lift"), 4, 4, "lift", (LIFT_T,), "lift-stopped", "lift-entrapment"),
    Category("water", Text(zh="给排水", en="water"), 3, 4, "engineering", (PLUMBER,), "leak-find", "flooding"),
    Category(
        "power", Text(zh="供配电", en="power"), 3, 3, "engineering", (ELECTRICIAN,), "power-quality", "power-outage"
    ),
    Category("hvac", Text(zh="暖通", en="HVAC"), 2, 3, "engineering", (REFRIGERATION, ELECTRICIAN), "hvac-fault"),
    Category("environment", Text(zh="环境", en="environment"), 2, 3, "engineering", (), "environment-check"),
    Category("access", Text(zh="门禁", en="access"), 3, 4, "engineering", (WEAK_CURRENT,), "access-fault"),
    Category("parking", Text(zh="停车", en="parking"), 2, 4, "security", (), "parking-fault"),
    Category("cleaning", Text(zh="保洁巡查", en="cleaning and patrol"), 2, 2, "cleaning", (), "cleaning-request"),
    Category("device", Text(zh="设备", en="device health"), 2, 3, "engineering", (WEAK_CURRENT,), "device-offline"),
)

ALL_GUIDES: tuple[Guide, ...] = (*GUIDES, *PLANS)

P1_FROM, P2_FROM, P3_FROM = 20, 12, 5
"""Impact × urgency from which a priority holds: two highest grades (4 × 5) are a P1; one high and one middle (3 × 4) a P2; what a
single grade of 5 or two of 3 bring at least a P3."""


def _priority(product: int) -> str:
    if product >= P1_FROM:
        return "P1"
    if product >= P2_FROM:
        return "P2"
    return "P3" if product >= P3_FROM else "P4"


MATRIX: Matrix = tuple(tuple(_priority(impact * urgency) for urgency in range(1, 6)) for impact in range(1, 6))

SERVICE_HOURS = "service"
HOURS = {
    "always": ALWAYS,
    SERVICE_HOURS: Hours(WHOLE_WEEK, (Span(8 * 60, 20 * 60),), holidays=True),
    "office": Hours(frozenset(range(5)), (Span(8 * 60 + 30, 12 * 60), Span(13 * 60 + 30, 17 * 60 + 30))),
}
"""``service``: a community's repair service works every day, holidays too. ``office``: for sites to refer to."""

TARGETS = {
    "P1": (5 * MINUTE_S, 2 * HOUR_S, "always"),
    "P2": (15 * MINUTE_S, 2 * HOUR_S, "always"),
    "P3": (30 * MINUTE_S, 12 * HOUR_S, SERVICE_HOURS),
    "P4": (30 * MINUTE_S, 24 * HOUR_S, SERVICE_HOURS),
}
"""Priority → seconds to respond, seconds to resolve, hours."""


def _rules(*names: str, categories: tuple[str, ...] = ()) -> Match:
    return Match(rules=frozenset(names), categories=frozenset(categories))


OVERRIDES = (
    # What a sensor is part of is not where its battery or its silence belongs.
    Override(
        name="offline",
        match=_rules("offline", "missing", "no-data", "no-readings", "reader-lost*"),
        guide="device-offline",
        plan="",
    ),
    Override(
        name="low-battery",
        match=_rules("low-battery", "battery-low", "battery"),
        guide="battery",
        plan="",
        skills=(),
    ),
    Override(
        name="gateway",
        match=Match(subjects=frozenset({"gateway"})),
        team="operations",
        skills=(NETWORK,),
        guide="gateway-condition",
        plan="",
    ),
    Override(
        name="link-down",
        match=Match(rules=frozenset({"link-down"}), subjects=frozenset({"link/*"})),
        team="operations",
        skills=(NETWORK,),
        guide="link-down",
    ),
    Override(
        name="feed-lost",  # what the gateway infers from many devices lost at once
        match=Match(rules=frozenset({"lost-*"}), subjects=frozenset({"gateway"})),
        impact=4,
        urgency=4,
        skills=(NETWORK, ELECTRICIAN),
        guide="feed-lost",
    ),
    # A fault of a fire system is not a fire; it is serious as long as it lasts.
    Override(
        name="fire-system-fault",
        match=_rules("fault", "fault-*", "fire-fault", "panel-fault", "trouble", "disabled", categories=("fire",)),
        impact=5,
        urgency=3,
        guide="fire-system-fault",
        plan="",
    ),
    Override(name="fire-release", match=_rules("fire-release"), guide="door-relock"),
    # Lives at risk, whatever the profile says.
    Override(
        name="lift-entrapment",
        match=_rules("entrapment", "trapped", "lift-entrapment", "lift-alarm"),
        category="lift",
        impact=5,
        urgency=5,
        guide="",
        plan="lift-entrapment",
    ),
    Override(
        name="gas",
        match=_rules(
            "gas", "gas-leak", "gas-alarm", "gas-high", "combustible-gas", "methane", "lpg", "co", "carbon-monoxide"
        ),
        category="fire",
        impact=5,
        urgency=5,
        team="security",
        skills=(GAS, FIRE_OPERATOR),
        guide="",
        plan="gas-leak",
    ),
    Override(
        name="sos",
        match=_rules("sos", "panic", "emergency", "emergency-call"),
        impact=5,
        urgency=5,
        team="security",
        skills=(FIRST_AID,),
        guide="",
        plan="sos",
    ),
    Override(
        name="duress",
        match=_rules("duress"),
        category="security",
        impact=5,
        urgency=5,
        guide="",
        plan="duress",
    ),
    Override(name="tamper", match=_rules("tamper", "tamper-*"), guide="tamper-check"),
    Override(
        name="power-outage",
        match=_rules("outage", "power-outage", "power-lost", "power-failure", "mains-lost", "phase-lost"),
        category="power",
        impact=4,
        urgency=4,
        plan="power-outage",
    ),
    Override(
        name="voltage",
        match=_rules("undervoltage*", "overvoltage*", "overcurrent*", "overload*", "unbalance*"),
        guide="power-quality",
        plan="",
    ),
    # A residents' door that does not act as it should is looked at by whoever is nearest.
    Override(name="door-held", match=_rules("held"), team="security", skills=(), guide="door-held"),
    Override(
        name="door-lockout", match=_rules("lockout", "lockout-*"), team="security", skills=(), guide="door-lockout"
    ),
    Override(name="door-lock-failed", match=_rules("lock-failed"), guide="door-lock-failed"),
    Override(
        name="door-not-released",  # the priority of a lock that failed while a fire's release was ordered
        match=Match(rules=frozenset({"lock-failed"}), priorities=frozenset({"P1"})),
        category="fire",
        team="security",
        skills=(),
        guide="door-release-by-hand",
        plan="fire-alarm",
    ),
    # A refusal is what a terminal is for; several in a row are a door's `lockout`.
    Override(name="refused", match=_rules("refused"), ticket=False),
    Override(
        name="patrol",
        match=Match(subjects=frozenset({"patrol"})),
        urgency=3,
        team="security",
        skills=(),
        guide="patrol-missed",
    ),
)
"""By name of the alarm, as far as names are common; a site's overrides come after these and so go over them.

Whole names wherever a life is at stake: ``gas-*`` would make a gas leak of a detector's fault."""

__all__ = [
    "ALL_GUIDES",
    "CATEGORIES",
    "HOURS",
    "MATRIX",
    "OVERRIDES",
    "PRIORITIES",
    "TARGETS",
    "TEAMS",
]
