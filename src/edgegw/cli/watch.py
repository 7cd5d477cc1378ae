"""`edgegw alarms` and `edgegw events`: what is wrong now, and what happens, through the local API.

Owns: how these look, resuming a stream that ended. Must not know: HTTP (client).
"""

import json
import time
from pathlib import Path

import click

from edgegw.cli.client import BadRequest, Client, Refused, client, client_options
from edgegw.cli.table import table
from edgegw.cli.tickets import GIVE, HEAD, row

AGAIN_S = 1.0
"""Pause before a stream that ended is taken up again."""

LANES = ("alarm", "access", "command", "telemetry")


@click.command()
@client_options
def alarms(url: str, token_file: Path | None, ca: str | None, as_json: bool) -> None:
    """Alarms that are raised and not cleared, with their tickets and the clock that runs."""
    found = client(url, token_file, ca).get("alarms")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    ordered = sorted(found["alarms"], key=lambda alarm: (alarm["priority"], alarm["raised_at"]))
    if not ordered:
        click.echo("no alarms", err=True)
        return
    refs = {one["dedup_key"]: one["ticket"]["ref"] for one in ordered if one["ticket"]}
    for line in table(HEAD, [row(one, one["ticket"], found["at"], refs) for one in ordered], give=GIVE):
        click.echo(line)


@click.group()
def events() -> None:
    """Records of the gateway as they are stored (through the local API)."""


@events.command()
@click.option("--lane", "lanes", multiple=True, type=click.Choice(LANES), help="Only this lane; may be repeated.")
@click.option("--after", type=click.IntRange(0), help="Begin with what was stored after this seq.")
@client_options
def tail(
    *, lanes: tuple[str, ...], after: int | None, url: str, token_file: Path | None, ca: str | None, as_json: bool
) -> None:
    """Follow the records until Ctrl-C. A stream that ends is taken up where it ended."""
    api = client(url, token_file, ca)
    query = {"lanes": ",".join(lanes)} if lanes else {}
    last = _follow(api, query, None if after is None else str(after), as_json=as_json)
    while True:
        time.sleep(AGAIN_S)
        try:
            last = _follow(api, query, last, as_json=as_json)
        except BadRequest:
            raise
        except Refused:
            continue  # the gateway starts anew, or has too many streams; it was there a moment ago


def _follow(api: Client, query: dict[str, str], last: str | None, *, as_json: bool) -> str | None:
    """Show one stream; returns the seq it came to."""
    for event, seq, data in api.events(last, **query):
        if event == "gap":
            click.echo("fell behind; reading again from the store", err=True)
            continue
        last = seq
        click.echo(data if as_json else _line(data))
    return last


def _line(data: str) -> str:
    one = json.loads(data)
    told = json.dumps(one["data"], ensure_ascii=False)
    return f"{one['seq']} {one['time']} {one['lane']:<9} {one['type']} {one['subject']} {told}"
