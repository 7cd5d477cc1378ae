"""`edgegw request`: ask for service, or withdraw that, through the local API.

Owns: how it is asked and answered. Must not know: HTTP (client), categories.
"""

import json
from pathlib import Path
from typing import Any
from uuid import uuid4

import click

from edgegw.cli.client import Refused, client, client_options
from edgegw.cli.tickets import whole


@click.command()
@click.argument("category", required=False)
@click.argument("title", required=False)
@click.option("--place", "places", multiple=True, metavar="NAME=VALUE", help="Where: building=3; may be repeated.")
@click.option("--description", default="", help="More than the title says.")
@click.option("--contact", default="", help="Whom to call back.")
@click.option("--priority", type=click.Choice(("P1", "P2", "P3", "P4")), help="By the service catalogue if not given.")
@click.option("--id", "id_", help="Of the request; the same id is one request. New if not given.")
@click.option("--withdraw", metavar="ID", help="The request of this ID is no longer needed.")
@client_options
def request(
    *,
    category: str | None,
    title: str | None,
    places: tuple[str, ...],
    description: str,
    contact: str,
    priority: str | None,
    id_: str | None,
    withdraw: str | None,
    url: str,
    token_file: Path | None,
    ca: str | None,
    as_json: bool,
) -> None:
    """Ask for service: a ticket of CATEGORY (cleaning, device … as in the site's service catalogue) with TITLE.

    Prints the request's id, which withdraws it, and its ticket. Needs a token with scope requests. Exits 2 for what can be
    corrected, 1 if the gateway cannot take it now: then send it again with the same --id.
    """
    if withdraw is not None:
        if category is not None:
            raise click.UsageError("--withdraw takes the ID and nothing else")
        told = client(url, token_file, ca).delete("requests", withdraw)
        click.echo(json.dumps(told) if as_json else f"{withdraw}: withdrawn")
        return
    if category is None or title is None:
        raise click.UsageError("write CATEGORY and TITLE, or --withdraw ID")
    body: dict[str, Any] = {
        "id": id_ or f"cli-{uuid4().hex}",
        "category": category,
        "title": title,
        "description": description,
        "place": _labels(places),
        "contact": contact,
        "priority": priority,
    }
    api = client(url, token_file, ca)
    try:
        taken = api.post("requests", body=body)
    except Refused as refused:
        if refused.exit_code == 1 and id_ is None:
            click.echo(f"it may have been taken; send it again with --id {body['id']}", err=True)
        raise
    if as_json:
        click.echo(json.dumps(taken, ensure_ascii=False))
        return
    click.echo(f"request {taken['id']}")
    for line in whole(taken["ticket"]):
        click.echo(line)


def _labels(places: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for text in (part.strip() for place in places for part in place.split(",")):
        name, is_there, value = text.partition("=")
        if not is_there or not name or not value or name in found:
            raise click.UsageError(f"--place: {text!r}: write NAME=VALUE, each name once")
        found[name] = value
    return found
