"""`edgegw maintenance`: see, begin and end maintenance, through the local API.

Owns: how it looks, several targets in one command. Must not know: HTTP (client), what maintenance does to an alarm.
"""

import json
from pathlib import Path
from typing import Any

import click

from edgegw.cli.client import Client, Refused, client, client_options
from edgegw.cli.table import table

HEAD = ("ID", "WHAT", "UNTIL", "BY", "REASON")
GIVE = ((4, 20), (3, 10), (1, 30))
"""Columns that give way, and what they keep: the reason, who, then what is named; never the id, which ends it."""

MOST_S = 30 * 86_400
"""As the API: thirty days."""


@click.group()
def maintenance() -> None:
    """List, begin and end maintenance (through the local API). Alarms of what it covers are recorded and get no ticket."""


@maintenance.command(name="list")
@client_options
def list_(url: str, token_file: Path | None, ca: str | None, as_json: bool) -> None:
    """Maintenance that is on. Needs a token with scope read."""
    found = client(url, token_file, ca).get("maintenance")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    if not found["windows"]:
        click.echo("no maintenance", err=True)
        return
    rows = [(one["id"], _what(one), one["until"], one["by"], one["reason"]) for one in found["windows"]]
    for line in table(HEAD, rows, give=GIVE):
        click.echo(line)


@maintenance.command()
@click.argument("devices", nargs=-1, metavar="[DEVICE]...")
@click.option("--door", "doors", multiple=True, help="A door; may be repeated.")
@click.option("--link", "links", multiple=True, help="A link and all devices on it; may be repeated.")
@click.option(
    "--place", "places", multiple=True, metavar="building=3,floor=2", help="What has these labels; may be repeated."
)
@click.option("--gateway", "whole", is_flag=True, help="Everything here.")
@click.option(
    "--for", "length", required=True, metavar="2h", help="How long: 30m, 2h, 5d; 30d at most. It ends by itself."
)
@click.option("--reason", required=True, help="For people, and for the record.")
@client_options
def start(
    *,
    devices: tuple[str, ...],
    doors: tuple[str, ...],
    links: tuple[str, ...],
    places: tuple[str, ...],
    whole: bool,
    length: str,
    reason: str,
    url: str,
    token_file: Path | None,
    ca: str | None,
    as_json: bool,
) -> None:
    """Begin maintenance of each DEVICE, door, link or place; what is begun twice is on until both have ended.

    Needs a token with scope maintenance. If one of several is refused, the others are begun all the same, and the exit code is
    its: 2 for what can be corrected, 1 if the gateway cannot now.
    """
    named = {"device": devices, "door": doors, "link": links, "place": places, "gateway": ("",) if whole else ()}
    targets = [(scope, target) for scope, found in named.items() for target in found]
    if not targets:
        raise click.UsageError("name a DEVICE, --door, --link, --place or --gateway")
    body = {"reason": reason, "minutes": _seconds(length) / 60}
    api = client(url, token_file, ca)
    begun, refusals = [], []
    for scope, target in targets:
        try:
            begun.append(_start(api, {**body, "scope": scope, "target": target}))
        except Refused as refused:
            refusals.append(refused)
            click.echo(f"Error: {scope} {target}: {refused.message}", err=True)
            if refused.body is None:
                break  # there is no answer at all; asking on would only take longer
    if as_json:
        click.echo(json.dumps({"windows": begun}, ensure_ascii=False))
    else:
        for one in begun:
            click.echo(f"{_what(one)}: maintenance until {one['until']} ({one['id']})")
    if refusals:
        raise click.exceptions.Exit(max(refused.exit_code for refused in refusals))


@maintenance.command()
@click.argument("ids", nargs=-1, required=True, metavar="ID...")
@client_options
def end(ids: tuple[str, ...], url: str, token_file: Path | None, ca: str | None, as_json: bool) -> None:
    """End maintenance before its time, by its ID (`edgegw maintenance list`). Alarms that are still raised get their tickets.

    Needs a token with scope maintenance. Exits 2 if there is none of an ID.
    """
    api = client(url, token_file, ca)
    for id_ in ids:
        told = api.delete("maintenance", id_)
        click.echo(json.dumps({"id": id_, **told}) if as_json else f"{id_}: ended")


def _start(api: Client, body: dict[str, Any]) -> dict[str, Any]:
    window: dict[str, Any] = api.post("maintenance", body=body)
    return window


def _seconds(text: str) -> float:
    from edgegw.profiles.fields import parse_duration

    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise click.UsageError(f"--for: {error}") from error
    if not 60 <= seconds <= MOST_S:
        raise click.UsageError("--for: a minute at least, 30d at most")
    return seconds


def _what(window: dict[str, Any]) -> str:
    return "gateway" if window["scope"] == "gateway" else f"{window['scope']} {window['target']}"
