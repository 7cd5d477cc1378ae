"""Discovered devices as plain data and as text for people.

Owns: how they look. Must not know: how they were found, what is written.
"""

import json
from collections.abc import Mapping
from typing import Any

from edgegw.cli.table import plain
from edgegw.discovery.devices import FoundDevice
from edgegw.discovery.profile import Made

MARKS = {
    "new": "new",
    "approved": "approved",
    "changed": "changed: approve it again to take that over",
    "in-site": "another device of the site reads its topics",
}


def told(device: FoundDevice, made: Made, id_: str, state: str, values: Mapping[str, object]) -> dict[str, Any]:
    """One device, the JSON of ``--json``. `values`: point → what it says now."""
    owner = device.owner
    said: dict[str, Any] = {
        "id": id_,
        "state": state,
        "name": owner.name,
        "manufacturer": owner.manufacturer,
        "model": owner.model,
        "identity": owner.identity,
        "address": made.address,
    }
    data = made.data or {}
    points = {name: _point(point, data["mqtt"]) for name, point in data.get("points", {}).items()}
    for name, value in values.items():
        if name in points and not data["points"][name].get("secret"):
            points[name]["value"] = value
    return said | {
        "usable": made.data is not None,
        "points": points,
        "alarms": {name: _alarm(alarm) for name, alarm in data.get("alarms", {}).items()},
        "commands": {name: _command(command) for name, command in data.get("commands", {}).items()},
        "availability": [
            said["topic"] for key in ("availability", "bridge") if (said := data.get("mqtt", {}).get(key))
        ],
        "refused": [{"what": one.what, "reason": one.reason, "detail": one.detail} for one in made.refused],
        "notes": list(made.notes),
    }


def _point(point: Mapping[str, Any], mqtt: Mapping[str, Any]) -> dict[str, Any]:
    read = point["mqtt"]
    said = {"type": point["type"], "unit": point.get("unit"), "topic": read.get("topic", mqtt["topic"])}
    return said | {"path": read.get("path", ""), "description": point.get("description", "")}


def _alarm(alarm: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "priority": alarm["priority"],
        "category": alarm["category"],
        "enabled": alarm.get("enabled", True),
    }


def _command(command: Mapping[str, Any]) -> dict[str, Any]:
    mqtt = command["mqtt"]
    confirm = command.get("confirm")
    said = {"topic": mqtt["topic"], "payload": mqtt["payload"], "args": command.get("args", {})}
    return said | {"confirmed_by": None if confirm is None else confirm["point"]}


def text(said: Mapping[str, Any]) -> list[str]:
    """One device for a person: everything that approving it would bring, topics included."""
    who = " ".join(part for part in (said["manufacturer"], said["model"]) if part) or "no manufacturer, no model"
    lines = [f"{said['id']}  {MARKS.get(said['state'], said['state'])}", f"  {plain(said['name'])}, {plain(who)}"]
    lines.append(f"  {plain(said['identity'])}; {{address}} is {plain(said['address'])}")
    for name, point in said["points"].items():
        value = f" = {plain(json.dumps(point['value'], ensure_ascii=False))}" if "value" in point else ""
        unit = f" {point['unit']}" if point["unit"] else ""
        where = f"{point['topic']} {point['path']}".strip()
        lines.append(f"  point    {name} ({point['type']}{unit}){value}  {plain(where)}")
    for name, alarm in said["alarms"].items():
        off = "" if alarm["enabled"] else ", off until the site enables it"
        lines.append(f"  alarm    {name}: {alarm['priority']} {alarm['category']}{off}")
    for name, command in said["commands"].items():
        args = "".join(f" {arg}={spec['min']:g}…{spec['max']:g}" for arg, spec in command["args"].items())
        by = f"confirmed by {command['confirmed_by']}" if command["confirmed_by"] else "confirmed by the broker alone"
        lines.append(f"  command  {name}{args}: {plain(command['topic'])} {plain(command['payload'])}; {by}")
    lines += [f"  there    {plain(topic)}" for topic in said["availability"]]
    lines += [f"  without  {plain(one['what'])}: {one['reason']}: {plain(one['detail'])}" for one in said["refused"]]
    lines += [f"  note     {plain(note)}" for note in said["notes"]]
    if not said["usable"]:
        lines.append("  nothing of it can be read: it cannot be approved")
    return lines
