"""What templates see of a ticket: plain data in which every member exists.

Owns: the names and their emptiness where nothing is known, the cleaning of texts from outside, the samples for checks.
Must not know: templates, requests, mappings.

Members that an event leaves out are ``""``, ``[]`` or ``0`` here, so that a template needs no guard for each. Control
characters (many databases refuse NUL) and the marks that turn the direction of text around are taken out of every text;
letters of every script stay.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import NODEFAULT, UNSET, Struct

from edgegw.mappings import wording
from edgegw.mappings.limits import MAX_DEPTH
from edgegw.model import Instant, Record
from edgegw.rules.events import AlarmData, utc
from edgegw.service.ticket import Action, GuideRef, Ticket

_UNWANTED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
"""C0 but tab and line feed, DEL, C1, direction overrides and isolates, halves of surrogate pairs, two noncharacters."""

_ALARM: dict[str, Any] = {
    "dedup_key": "", "alarm_id": "", "rule": "", "state": "", "title": "", "category": "", "priority": "", "evidence": {},
    "count": 0, "raised_at": "", "clock_unsynced": False, "cleared_at": "", "duration_s": 0, "reason": "", "recovery": {},
}  # fmt: skip
_DEVICE = {"id": "", "name": "", "profile": "", "link": ""}
_NUMBERS = frozenset({"impact", "urgency", "level", "occurrences"})


class Item(Struct, frozen=True):
    """One record's ticket, as templates see it.

    Attributes:
        record: its id.
        action: ``open`` … ``merge``; ``none`` and records without a ticket have no Item.
        names: what a template gets: ticket, alarm, event, text, action.
    """

    record: str
    action: str
    ticket_id: str
    ref: str
    dedup_key: str
    number: str
    url: str
    names: Mapping[str, Any]


def cleaned(value: Any, depth: int = 0) -> Any:  # noqa: ANN401 - any JSON
    """The same data with clean texts and bounded depth."""
    if isinstance(value, str):
        return _UNWANTED.sub("", value.replace("\r\n", "\n"))
    if depth > MAX_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        return {cleaned(str(k)): cleaned(v, depth + 1) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(v, depth + 1) for v in value]
    return value


def item_of(record: Record, gateway: str, language: str) -> Item | None:
    """What a record asks of a ticket system; None if nothing. Raises msgspec.DecodeError if that cannot be read."""
    if b'"ticket"' not in record.data:
        return None
    typed = msgspec.json.decode(record.data, type=AlarmData)
    if typed.ticket is UNSET:
        return None
    action = msgspec.json.decode(typed.ticket, type=Ticket).action
    if action == Action.NONE:
        return None
    data = msgspec.json.decode(record.data)
    event = {
        "id": record.id,
        "type": record.type,
        "subject": record.subject,
        "seq": record.seq,
        "time": utc(max(record.time_ns, 0)),
    }
    names = names_of(cleaned(data), event, gateway, language)
    ticket = names["ticket"]
    return Item(record.id, action, ticket["id"], ticket["ref"], names["alarm"]["dedup_key"], ticket["number"],
                ticket["url"], names)  # fmt: skip


def names_of(data: Mapping[str, Any], event: Mapping[str, Any], gateway: str, language: str) -> dict[str, Any]:
    """The names for one event's (cleaned) data."""
    ticket = {**_empty_ticket(), **data["ticket"]}
    for key in ("guide", "plan"):
        ticket[key] = {"id": "", "title": "", "steps": [], "url": "", **(ticket[key] or {})}
    alarm: dict[str, Any] = {**_ALARM, **{k: v for k, v in data.items() if k != "ticket"}}
    alarm["device"] = {**_DEVICE, **(data.get("device") or {})}
    alarm["location"] = {"text": "", "labels": {}, **(data.get("location") or {})}
    names = {"ticket": ticket, "alarm": alarm, "event": event, "action": ticket["action"]}
    names["text"] = wording.texts(ticket, alarm, gateway, language)
    return names


def now_names(at: Instant) -> dict[str, Any]:
    """The name `now`: `utc` (RFC 3339), `s` and `ms` since 1970."""
    ms = max(at.wall_ns, 0) // 1_000_000
    return {"utc": f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%S}Z", "s": ms // 1000, "ms": ms}


def base_names(url: str) -> dict[str, str]:
    """The name `base`: the system's `url`, without a slash at its end."""
    return {"url": url.rstrip("/")}


def _empty_ticket() -> dict[str, Any]:
    empty: dict[str, Any] = {}
    for field in msgspec.structs.fields(Ticket):
        empty[field.name] = 0 if field.name in _NUMBERS else ""
    return empty | {"skills": [], "guide": None, "plan": None}


# --- samples ------------------------------------------------------------------------------------------------------------


def samples(language: str) -> Sequence[dict[str, Any]]:
    """Names as mappings are checked with: the least an event has, and one with everything."""
    event = {"id": "0", "type": "edgegw.alarm.raised", "subject": "d1", "seq": 1, "time": "2026-01-01T00:00:00.000Z"}
    least = {"dedup_key": "g1/d1/r1", "title": "T", "category": "fire", "priority": "P1", "evidence": {}, "count": 1,
             "raised_at": event["time"],
             "ticket": {"action": "open", "id": "i", "ref": "EG-23456789", "priority": "P1"}}  # fmt: skip
    guide = msgspec.to_builtins(GuideRef("g", "G", ("one", "two"), "https://example.net/g"))
    full = least | {
        "device": {"id": "d1", "name": "D", "profile": "v/m", "link": "l"},
        "location": {"text": "1-2", "labels": {"building": "1"}},
        "evidence": {"value": 1.5, "point": "p"},
        "cleared_at": event["time"],
        "reason": "recovered",
        "ticket": {f.name: _sample(f.name) for f in msgspec.structs.fields(Ticket) if f.default is not NODEFAULT}
        | {"action": "escalate", "guide": guide, "plan": guide, "skills": ["s"], "level": 1, "ref": "EG-23456789"},
    }
    return [names_of(data, event, "g1", language) for data in (least, full)]


def _sample(name: str) -> object:
    return 1 if name in _NUMBERS else "P2" if name == "priority" else "1" if name == "number" else name
