"""docs/service.md: its example is a site file and becomes what it says; its tables are the shipped catalogue."""

import os
import re
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from edgegw.cli.service import length
from edgegw.config.service import OverrideMatch
from edgegw.config.service_specs import catalogue, every_fact, feeds, one_ticket
from edgegw.config.site import open_site
from edgegw.model import Instant
from edgegw.service import defaults
from edgegw.service.catalogue import classify
from edgegw.service.specs import PRIORITIES, Guide, Override

PAGE = Path(__file__).parents[2] / "docs" / "service.md"
BEGIN, END = "<!-- catalogue: begin (generated) -->\n", "<!-- catalogue: end -->\n"


@pytest.fixture
def plan(tmp_path):
    (example,) = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "site.yaml").write_text(example, encoding="utf-8")
    return open_site(tmp_path / "site.yaml", {})


def becomes(plan, key: str, at: str = "2026-11-25T10:00"):
    moment = datetime.fromisoformat(at).replace(tzinfo=ZoneInfo("Asia/Shanghai"))
    instant = Instant(round(moment.timestamp() * 1e9), 0)
    return classify(catalogue(plan), every_fact(plan)[f"riverside-3/{key}"], instant)


def test_the_example_becomes_what_the_page_says(plan):
    assert plan.warnings == ()
    pump = becomes(plan, "leak-pump-room/leak")
    assert (pump.priority, pump.impact, pump.urgency, pump.plan.id) == ("P1", 5, 4, "pump-room")
    assert becomes(plan, "leak-pump-room/leak", "2026-11-25T23:00").team_name == "夜班"
    flat = becomes(plan, "leak-3-1201/leak")
    assert (flat.priority, flat.respond_s, flat.contact) == ("P2", 600.0, "8100")
    assert (flat.plan.url, len(flat.plan.steps)) == ("https://wiki.example/flooding", 7)
    assert becomes(plan, "leak-3-1201/low-battery") is None
    assert becomes(plan, "leak-pump-room/low-battery") is not None
    assert becomes(plan, "button-lobby/low-battery").team == "security"


def test_the_example_s_feed_and_the_rest(plan):
    riser = feeds(plan)[-1]
    assert riser.members == {"meter-lift", "leak-3-1201"}
    assert riser.causes == {"riverside-3/meter-lift/offline"}
    assert one_ticket(plan).reraise_s == 3600.0


def test_every_key_of_an_override_s_match_is_named():
    page = PAGE.read_text(encoding="utf-8")
    assert [key for key in OverrideMatch.model_fields if f"`{key}`" not in page] == []


def test_the_tables_are_the_shipped_catalogue():
    """EDGEGW_WRITE_DOCS=1 brings the page up to date."""
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    inside, after = rest.split(END)
    if os.environ.get("EDGEGW_WRITE_DOCS"):
        PAGE.write_text(f"{before}{BEGIN}{tables()}{END}{after}", encoding="utf-8")
        return
    assert inside == tables()


# --- the tables ---------------------------------------------------------------------------------------------------------


def tables() -> str:
    parts = ("", matrix(), targets(), categories(), overrides(), guides(), "")
    return "\n\n".join(parts).removeprefix("\n").removesuffix("\n")


def table(head: tuple[str, ...], rows: list[tuple[object, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in row) + " |" for row in lines)


def matrix() -> str:
    rows = [(f"**impact {n}**", *row) for n, row in enumerate(defaults.MATRIX, 1)]
    return "### Matrix\n\n" + table(("", *(f"urgency {n}" for n in range(1, 6))), rows)


def targets() -> str:
    rows = [
        (priority, length(respond), length(resolve), f"`{hours}`")
        for priority, (respond, resolve, hours) in defaults.TARGETS.items()
    ]
    assert [row[0] for row in rows] == list(PRIORITIES)
    return "### Targets\n\n" + table(("priority", "respond", "resolve", "hours"), rows)


def code(name: str) -> str:
    return f"`{name}`" if name else ""


def categories() -> str:
    names = {team.id: team.name for team in defaults.TEAMS}
    rows = [
        (
            code(one.id),
            f"{one.name.zh} {one.name.en}",
            f"{one.impact} × {one.urgency}",
            defaults.MATRIX[one.impact - 1][one.urgency - 1],
            f"{code(one.team)} {names[one.team].zh}",
            ", ".join(one.skills),
            code(one.guide),
            code(one.plan),
        )
        for one in defaults.CATEGORIES
    ]
    head = ("slug", "category", "impact × urgency", "priority", "team", "skills", "guide", "plan")
    teams = ", ".join(f"`{team.id}` {team.name.zh} {team.name.en}" for team in defaults.TEAMS)
    return f"### Categories\n\n{table(head, rows)}\n\nTeams: {teams}."


def overrides() -> str:
    rows = [(code(one.name), matching(one), setting(one)) for one in defaults.OVERRIDES]
    return "### Shipped overrides\n\n" + table(("name", "for", "sets"), rows)


def matching(one: Override) -> str:
    match = one.match
    parts = {"": match.rules, "of": match.subjects, "category": match.categories, "priority": match.priorities}
    return "; ".join(
        f"{what} {', '.join(code(name) for name in sorted(names))}".strip() for what, names in parts.items() if names
    )


def setting(one: Override) -> str:
    told = []
    for key in ("category", "impact", "urgency", "priority", "team", "guide", "plan"):
        value = getattr(one, key)
        if value is not None and (value != "" or key in ("guide", "plan")):
            told.append(f"{key} {code(str(value)) or 'none'}" if isinstance(value, str) else f"{key} {value}")
    if one.skills is not None:
        told.append(f"skills {', '.join(one.skills) or 'none'}")
    if one.ticket is not None:
        told.append("a ticket" if one.ticket else "no ticket")
    return ", ".join(told)


def guides() -> str:
    plans = "\n\n".join(guide(one) for one in defaults.PLANS)
    everyday = "\n\n".join(guide(one) for one in defaults.GUIDES)
    return f"### Emergency plans\n\n{plans}\n\n### Operating guides\n\n{everyday}"


def guide(one: Guide) -> str:
    steps = "\n".join(f"{n}. {step.zh} *{step.en}*" for n, step in enumerate(one.steps, 1))
    return f"#### `{one.id}`: {one.title.zh}, {one.title.en}\n\n{steps}"
