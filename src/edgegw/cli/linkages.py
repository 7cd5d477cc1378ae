"""`edgegw check SITE --linkages`: what each linkage would do, without doing it.

Owns: the list as plain data and as text. Must not know: how actions are carried out.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # pydantic and the profiles are imported when the command runs
    from edgegw.config.plan import SitePlan
    from edgegw.rules.linkage_state import PlannedAction, Watched


def linkages(plan: "SitePlan") -> dict[str, Any]:
    """What every trigger would do, as plain data; the JSON of ``check --linkages --json``."""
    from edgegw.config.linkages import linkage_specs

    return {
        "ok": True,
        "site": str(plan.path),
        "linkages": [
            {
                "linkage": spec.name,
                "title": spec.title,
                "when": [_watched(plan, watched) for watched in spec.when],
                "do": [_action(plan, action) for action in spec.actions],
            }
            for spec in linkage_specs(plan)
        ],
        "warnings": list(plan.warnings),
    }


def _watched(plan: "SitePlan", watched: "Watched") -> dict[str, Any]:
    device = plan.devices[watched.device]
    rule = device.alarms[watched.alarm]
    return {
        "device": device.id,
        "name": device.name,
        "alarm": watched.alarm,
        "priority": rule.priority,
        "hold_s": rule.hold,
    }


def _action(plan: "SitePlan", action: "PlannedAction") -> dict[str, Any]:
    told: dict[str, Any] = {"kind": action.kind, "target": action.target}
    if action.kind == "release":
        door = plan.doors[action.target]
        told["name"] = door.name or action.target
        lock = door.lock.release
        told |= {"device": door.lock.device, "command": lock.command if lock else None}
        told["args"] = dict(lock.args) if lock else {}
    else:
        told["name"] = plan.devices[action.target].name
        told |= {"device": action.target, "command": action.command, "args": dict(action.args)}
    told["deadline_s"] = action.deadline_s
    return told


def text(told: Mapping[str, Any]) -> str:
    """`linkages` for a person."""
    site, found = told["site"], told["linkages"]
    if not found:
        return f"{site}: no linkages: no alarm commands anything here; docs/rules.md shows how to write one"
    lines = [f"{site}: {len(found)} {'linkage' if len(found) == 1 else 'linkages'}; nothing was sent"]
    for linkage in found:
        title = "" if linkage["title"] == linkage["linkage"] else f"  {linkage['title']}"
        lines += ["", f"{linkage['linkage']}{title}", "  when any of these alarms is raised"]
        lines += [f"    {_alarm(when)}" for when in linkage["when"]]
        lines += ["  then, all at once"]
        lines += [f"    {_deed(action)}" for action in linkage["do"]]
    lines += ["", "A linkage starts again only after all its alarms were cleared. Starting edgegw starts none."]
    if told["warnings"]:
        lines += ["", *(f"warning: {line}" for line in told["warnings"])]
    return "\n".join(lines)


def _alarm(when: Mapping[str, Any]) -> str:
    after = f", after {when['hold_s']:g} s" if when["hold_s"] else ""
    return f"{when['alarm']} of {_called(when['name'], when['device'])} ({when['priority'] or 'by catalogue'}{after})"


def _deed(action: Mapping[str, Any]) -> str:
    args = " ".join(f"{name}={_plain(value)}" for name, value in action["args"].items())
    sent = " ".join(part for part in (action["command"], args) if part)
    within = f"within {action['deadline_s']:g} s"
    who = _called(action["name"], action["target"])
    if action["kind"] == "release":
        return f"release door {who}, until relocked by hand: {sent} to {action['device']}, {within}"
    return f"{sent} to {who}, {within}"


def _called(name: str, id_: str) -> str:
    return id_ if name == id_ else f"{name} [{id_}]"


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
