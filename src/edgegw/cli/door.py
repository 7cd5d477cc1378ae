"""`edgegw door`: list doors, unlock, release and relock them, through the local API.

Owns: how these look. Must not know: HTTP (client), who may do what.
"""

import json
from pathlib import Path
from typing import Any

import click

from edgegw.cli.client import client, client_options
from edgegw.cli.outcome import command_options, send_command


@click.group()
def door() -> None:
    """List doors; unlock, release and relock them (through the local API)."""


@door.command(name="list")
@client_options
def list_(url: str, token_file: Path | None, ca: str | None, as_json: bool) -> None:
    """All doors and the state they are in."""
    found = client(url, token_file, ca).get("doors")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found["doors"]:
        told = [f"{one['id']:<24} {one['state']:<9} {one['name']}"]
        told += [f"released by {one['released_by']}"] if one["released_by"] else []
        told += [f"{word}: {', '.join(one[word])}" for word in ("locked_out", "lost", "tampered") if one[word]]
        click.echo("  ".join(told))


@door.command()
@click.argument("door_id", metavar="DOOR")
@command_options
@client_options
def unlock(door_id: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """Open DOOR for a moment. Exits 0 only if the lock confirmed it."""
    _act(door_id, "unlock", options)


@door.command()
@click.argument("door_id", metavar="DOOR")
@command_options
@client_options
def release(door_id: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """Open DOOR and keep it open until it is relocked."""
    _act(door_id, "release", options)


@door.command()
@click.argument("door_id", metavar="DOOR")
@command_options
@client_options
def relock(door_id: str, **options: Any) -> None:  # noqa: ANN401 - click's
    """End a release of DOOR."""
    _act(door_id, "relock", options)


def _act(door_id: str, action: str, options: dict[str, Any]) -> None:
    api = client(options["url"], options["token_file"], options["ca"])
    send_command(api, ("doors", door_id), action, {}, options)
