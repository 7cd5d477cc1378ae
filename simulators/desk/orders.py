"""What an event asks of the desk: pure reading of CloudEvents, no files, no clock.

Owns: `Order`, the limits of what is believed, the rules for events of gateways that send no ``ticket``.
Must not know: which tickets there are.

A receiver goes by ``data.ticket.action``, whatever the event's type. An alarm event without ``ticket`` comes from an older
gateway: ``raised`` opens a ticket unless one is open under its dedup_key, ``updated`` changes it, ``cleared`` marks it recovered.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

ALARM = "edgegw.alarm."

ACTIONS = frozenset({"open", "update", "escalate", "reopen", "resolve", "merge", "none"})
OLD_ACTIONS = {"raised": "open", "updated": "update", "cleared": "resolve"}
"""Last part of an alarm event's type → what it means where it carries no ticket."""

KEY_MOST, ID_MOST, TEXT_MOST = 255, 64, 1000
"""Characters of dedup_key, ticket id, and of any text that becomes a column."""

DETAILS = (
    "ref", "category_name", "impact", "urgency", "respond_by", "resolve_by", "team", "team_name", "contact", "skills",
    "guide", "plan", "why",
)  # fmt: skip
"""Members of ``data.ticket`` that a person at the desk sees."""


class BadEventError(ValueError):
    """What came is no CloudEvent."""


def checked(event: object) -> Mapping[str, Any]:
    """An event with what the specification requires, or BadEventError saying what is missing."""
    if not isinstance(event, dict):
        raise BadEventError("not an object")
    for name in ("specversion", "id", "source", "type"):
        if not isinstance(event.get(name), str) or not event[name]:
            raise BadEventError(f"{name} is missing")
    return event


@dataclass(frozen=True, kw_only=True)
class Order:
    """One event's wish.

    Attributes:
        action: one of `ACTIONS`.
        ticket_id: empty from an older gateway; then the ticket is found by `dedup_key`.
        seq: of the event at its gateway; None if it has none.
        old: by the rules for events without ``ticket``.
        cause: dedup_key of what explains it; empty if nothing does.
        level, occurrences: None: not told.
        over: the alarm is not active any more after this event.
        respond_by_ns, resolve_by_ns: wall nanoseconds; None: not told.
        detail: what else a person sees, as JSON values.
    """

    action: str
    ticket_id: str
    dedup_key: str
    event_id: str
    seq: int | None
    old: bool
    cause: str = ""
    priority: str | None = None
    category: str | None = None
    title: str | None = None
    location: str | None = None
    device: str | None = None
    level: int | None = None
    occurrences: int | None = None
    over: bool = False
    respond_by_ns: int | None = None
    resolve_by_ns: int | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


def seq_of(event: Mapping[str, Any]) -> int | None:
    """The event's number at its gateway; None if it has none that fits a signed 64-bit integer."""
    text = str(event.get("edgegwseq"))
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def read(event: Mapping[str, Any]) -> Order | None:
    """What the event asks; None if it asks nothing, or in a way that is not understood (the event is kept all the same)."""
    data = event.get("data")
    if not isinstance(data, dict):
        return None
    key = data.get("dedup_key")
    if not isinstance(key, str) or not 0 < len(key) <= KEY_MOST:
        return None
    kind = event["type"]
    what = kind.removeprefix(ALARM) if kind.startswith(ALARM) else ""
    ticket = data.get("ticket")
    if ticket is None and what in OLD_ACTIONS:
        return _order(event, data, {}, OLD_ACTIONS[what], old=True)
    if not isinstance(ticket, dict) or ticket.get("action") not in ACTIONS:
        return None
    number = ticket.get("id", "")
    if not isinstance(number, str) or len(number) > ID_MOST or (not number and ticket["action"] != "none"):
        return None
    return _order(event, data, ticket, ticket["action"], old=False)


def _order(event: Mapping[str, Any], data: dict[str, Any], ticket: dict[str, Any], action: str, *, old: bool) -> Order:
    place, device = data.get("location"), data.get("device")
    detail = {name: ticket[name] for name in DETAILS if name in ticket}
    detail |= {name: data[name] for name in ("evidence", "recovery", "raised_at", "rule") if name in data}
    cause = ticket.get("cause")
    return Order(
        action=action,
        ticket_id=ticket.get("id", ""),
        dedup_key=data["dedup_key"],
        event_id=event["id"],
        seq=seq_of(event),
        old=old,
        cause=cause if isinstance(cause, str) and len(cause) <= KEY_MOST else "",
        priority=_text(ticket.get("priority") or data.get("priority")),
        category=_text(ticket.get("category") or data.get("category")),
        title=_text(data.get("title")),
        location=_text(place.get("text") if isinstance(place, dict) else place),
        device=_text(device.get("id") if isinstance(device, dict) else device),
        level=_count(ticket.get("level")),
        occurrences=_count(ticket.get("occurrences")),
        over=data.get("state") == "cleared" or event["type"] == f"{ALARM}cleared",
        respond_by_ns=_wall_ns(ticket.get("respond_by")),
        resolve_by_ns=_wall_ns(ticket.get("resolve_by")),
        detail=detail,
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)[:TEXT_MOST]


def _count(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else None


def _wall_ns(value: object) -> int | None:
    """Wall nanoseconds of RFC 3339 UTC text, to the microsecond; None for anything else."""
    if not isinstance(value, str) or not value.endswith("Z") or len(value) > 40:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return int(moment.timestamp()) * 1_000_000_000 + moment.microsecond * 1000
