"""The texts most mappings want ready-made, in the operator's language: `text.title`, `text.body`, `text.note`, `text.line`.

Owns: their wording in zh-CN and en, and their bounds. Must not know: any ticket system's markup.
"""

from collections.abc import Mapping
from typing import Any

from edgegw.mappings.filters import cut, oneline, tojson
from edgegw.profiles.fields import Text

TITLE_CHARS = 200
"""Ticket systems take 255 characters at least (Redmine); the ref and the priority come before."""

EVIDENCE_CHARS = 1000
BODY_CHARS = 8000
STEPS = 30

ACTIONS = {
    "open": Text(zh="新告警", en="New"),
    "update": Text(zh="告警更新", en="Updated"),
    "escalate": Text(zh="已升级：未按时响应", en="Escalated: nobody responded in time"),
    "reopen": Text(zh="重新打开：故障仍在或再次出现", en="Opened again: the trouble is there, still or again"),
    "resolve": Text(zh="已恢复：建议办结，请确认后关闭", en="Recovered: please check and close"),
    "merge": Text(zh="已并入", en="Merged into"),
}
_ESCALATED_LATE = Text(zh="已升级：未按时解决", en="Escalated: not resolved in time")
_FLAPPING = Text(zh="告警频繁抖动", en="The alarm comes and goes")

LABELS = {
    "place": Text(zh="位置", en="Place"),
    "device": Text(zh="设备", en="Device"),
    "category": Text(zh="类别", en="Category"),
    "priority": Text(zh="优先级", en="Priority"),
    "raised": Text(zh="发生时间", en="Raised"),
    "respond_by": Text(zh="响应期限", en="Respond by"),
    "resolve_by": Text(zh="解决期限", en="Resolve by"),
    "team": Text(zh="班组", en="Team"),
    "contact": Text(zh="联系方式", en="Contact"),
    "skills": Text(zh="所需技能", en="Skills"),
    "evidence": Text(zh="依据", en="Evidence"),
    "guide": Text(zh="操作指引", en="Operating guide"),
    "plan": Text(zh="应急预案", en="Emergency plan"),
    "gateway": Text(zh="网关", en="Gateway"),
    "cleared": Text(zh="恢复时间", en="Recovered"),
    "times": Text(zh="发生次数", en="Occurrences"),
}


def texts(ticket: Mapping[str, Any], alarm: Mapping[str, Any], gateway: str, language: str) -> dict[str, str]:
    """`title`: ``[EG-…] P1 …``; `body`: all that is known, one fact a line; `note`: what happened now; `line`: one for lists."""
    heading = cut(oneline(alarm["title"]), TITLE_CHARS)
    note = _note(ticket, alarm, language)
    place = oneline(alarm["location"]["text"])
    line = " · ".join(
        part for part in (ticket["priority"], heading, cut(place, 80), cut(ticket["team_name"], 40)) if part
    )
    return {
        "title": " ".join(part for part in (f"[{ticket['ref']}]", ticket["priority"], heading) if part),
        "body": cut(_body(ticket, alarm, gateway, language), BODY_CHARS),
        "note": note,
        "line": f"[{_word(ticket, language)}] {line} {ticket['ref']}",
    }


def _word(ticket: Mapping[str, Any], language: str) -> str:
    if ticket["action"] == "escalate" and ticket["why"] == "resolve":
        return _ESCALATED_LATE.of(language)
    if ticket["action"] == "update" and ticket["why"] == "flapping":
        return _FLAPPING.of(language)
    return ACTIONS[ticket["action"]].of(language) if ticket["action"] in ACTIONS else str(ticket["action"])


def _note(ticket: Mapping[str, Any], alarm: Mapping[str, Any], language: str) -> str:
    lines = [_word(ticket, language)]
    if ticket["action"] == "merge" and ticket["cause"]:
        lines[0] += f" {cut(ticket['cause'], 255)}"
    facts = [
        ("priority", ticket["priority"]),
        ("respond_by", ticket["respond_by"]),
        ("resolve_by", ticket["resolve_by"]),
    ]
    if ticket["occurrences"] and ticket["occurrences"] != 1:
        facts.append(("times", ticket["occurrences"]))
    if alarm["cleared_at"]:
        facts.append(("cleared", alarm["cleared_at"]))
    if alarm["evidence"]:
        facts.append(("evidence", cut(tojson(alarm["evidence"]), EVIDENCE_CHARS)))
    return "\n".join([*lines, *_facts(facts, language)])


def _body(ticket: Mapping[str, Any], alarm: Mapping[str, Any], gateway: str, language: str) -> str:
    device = alarm["device"]
    named = device["name"] if device["name"] == device["id"] else f"{device['name']} ({device['id']})"
    facts = [
        ("place", alarm["location"]["text"]),
        ("device", named if device["id"] else ""),
        ("category", ticket["category_name"] or ticket["category"] or alarm["category"]),
        ("priority", ticket["priority"]),
        ("raised", alarm["raised_at"]),
        ("respond_by", ticket["respond_by"]),
        ("resolve_by", ticket["resolve_by"]),
        ("team", ticket["team_name"] or ticket["team"]),
        ("contact", ticket["contact"]),
        ("skills", ", ".join(map(str, ticket["skills"]))),
        ("evidence", cut(tojson(alarm["evidence"]), EVIDENCE_CHARS) if alarm["evidence"] else ""),
    ]
    lines = [cut(oneline(alarm["title"]), TITLE_CHARS), "", *_facts(facts, language)]
    for key in ("guide", "plan"):
        if ticket[key]["title"]:
            lines += ["", f"{LABELS[key].of(language)}: {oneline(ticket[key]['title'])}"]
            lines += [f"{n}. {oneline(step)}" for n, step in enumerate(ticket[key]["steps"][:STEPS], 1)]
            lines += [ticket[key]["url"]] if ticket[key]["url"] else []
    return "\n".join(
        [*lines, "", f"{LABELS['gateway'].of(language)}: {gateway} · {alarm['dedup_key']} · {ticket['ref']}"]
    )


def _facts(facts: list[tuple[str, Any]], language: str) -> list[str]:
    return [f"{LABELS[key].of(language)}: {oneline(value)}" for key, value in facts if value not in ("", None)]
