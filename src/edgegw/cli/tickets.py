"""`edgegw tickets`: troubles, their tickets, and which clock runs, through the local API.

Owns: how a ticket looks in a line and as a whole, the clock in words. Must not know: HTTP (client), how a trouble is judged.

Times are compared with the gateway's clock, which each answer tells, not with this machine's.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from edgegw.cli.client import Client, client, client_options
from edgegw.cli.table import plain, table

HEAD = ("", "ALARM", "TICKET", "STATE", "TEAM", "CLOCK")
GIVE = ((4, 12), (2, 22), (1, 16))
"""Columns that give way, and what they keep: the team, then the ticket's number behind its ref, then the title."""

STATES = ("held", "requested", "opened", "acknowledged", "assigned", "resolved", "closed", "rejected", "merged")

UNANSWERED = frozenset({"requested", "opened"})
WORKED = frozenset({"acknowledged", "assigned"})

WHY = {
    "gather": "its cause is looked for",
    "cause": "another trouble explains it",
    "maintenance": "maintenance",
    "flapping": "flapping",
    "no-ticket": "needs no ticket",
    "ended": "its ticket has ended",
}
"""Why there is no ticket, for people."""


@click.command()
@click.argument("ref", required=False)
@click.option("--state", type=click.Choice(STATES), help="Only tickets in this state.")
@click.option("--active/--recovered", default=None, help="Only those whose alarm is still raised, or is no longer.")
@client_options
def tickets(
    *,
    ref: str | None,
    state: str | None,
    active: bool | None,
    url: str,
    token_file: Path | None,
    ca: str | None,
    as_json: bool,
) -> None:
    """Troubles whose ticket is live, held, merged, or not closed yet; or all that is known of the one ticket REF.

    REF is the ticket's ref (EG-…) or its id. Needs a token with scope read. Exits 2 if there is no such ticket.
    """
    api = client(url, token_file, ca)
    if ref is not None:
        if state is not None or active is not None:
            raise click.UsageError("give REF, or --state and --active")
        _one(api, ref, as_json=as_json)
        return
    query = {"state": state} if state is not None else {}
    if active is not None:
        query["active"] = "true" if active else "false"
    found = api.get("tickets", **query)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if not found["tickets"]:
        click.echo("no tickets" if query else "no troubles", err=True)
        return
    refs = {one["dedup_key"]: one["ref"] for one in found["tickets"]}
    for line in table(HEAD, [row(one, one, found["at"], refs) for one in found["tickets"]], give=GIVE):
        click.echo(line)


def row(
    alarm: Mapping[str, Any], ticket: Mapping[str, Any] | None, now: str, refs: Mapping[str, str]
) -> tuple[str, str, str, str, str, str]:
    """A line of `HEAD`. `refs`: refs of tickets by dedup_key, to name a cause."""
    if ticket is None:
        return (
            alarm["priority"],
            alarm["title"],
            "",
            "",
            "",
            f"raised {_length(_between(alarm['raised_at'], now))} ago",
        )
    name = f"{ticket['ref']}/{ticket['number']}" if ticket["number"] else ticket["ref"]
    return (alarm["priority"], alarm["title"], name, ticket["state"], ticket["team"], clock(ticket, now, refs))


def clock(ticket: Mapping[str, Any], now: str, refs: Mapping[str, str]) -> str:
    """What is waited for, and how long that may still take; or why nothing is."""
    state = ticket["state"]
    if state in UNANSWERED:
        return _left("respond", ticket["respond_by"], now)
    if state in WORKED:
        return _left("resolve", ticket["resolve_by"], now)
    if state == "resolved":
        return "to be closed"
    if state in {"held", "merged"}:
        if ticket["cause"]:
            return f"part of {refs.get(ticket['cause'], ticket['cause'])}"
        why: str = ticket["why"]
        return WHY.get(why, why)
    return ""


def _left(what: str, by: str | None, now: str) -> str:
    if by is None:
        return ""
    left_s = _between(now, by)
    return f"{what} in {_length(left_s)}" if left_s > 0 else f"{what} OVERDUE {_length(-left_s)}"


def _between(begin: str, end: str) -> float:
    """Seconds from one RFC 3339 time to another."""
    return (datetime.fromisoformat(end) - datetime.fromisoformat(begin)).total_seconds()


def _length(seconds: float) -> str:
    """A length in its two largest units; under a minute in seconds."""
    if seconds < 60:
        return f"{int(seconds)} s"
    minutes = int(seconds // 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def _one(api: Client, ref: str, *, as_json: bool) -> None:
    one = api.get("tickets", ref.upper() if ref[:3].lower() == "eg-" else ref)
    if as_json:
        click.echo(json.dumps(one, ensure_ascii=False))
        return
    for line in whole(one):
        click.echo(line)


def whole(one: Mapping[str, Any]) -> list[str]:
    """All that is known of a ticket, in lines."""
    alarm = "active" if one["active"] else "recovered"
    place = " ".join(f"{name}={value}" for name, value in one["labels"].items())
    facts = {
        "number": one["number"],
        "state": one["state"] + (f" ({WHY.get(one['why'], one['why'])})" if one["why"] else ""),
        "cause": one["cause"],
        "alarm": f"{alarm}, {one['dedup_key']}",
        "subject": one["subject"],
        "place": place,
        "category": one["category"],
        "team": one["team"],
        "assignee": one["assignee"],
        "respond by": one["respond_by"],
        "resolve by": one["resolve_by"],
        "raised": one["raised_at"],
        "requested": one["requested_at"],
        "acknowledged": one["acknowledged_at"],
        "resolved": one["resolved_at"],
        "cleared": one["cleared_at"],
        "raised again": f"{one['occurrences'] - 1} times" if one["occurrences"] > 1 else "",
        "escalated": f"{one['level']} times" if one["level"] else "",
        "url": one["url"],
        "id": one["id"],
    }
    lines = [f"{one['ref']}  {one['priority']}  {plain(one['title'])}"]
    return lines + [f"  {name:<13} {plain(value)}" for name, value in facts.items() if value]
