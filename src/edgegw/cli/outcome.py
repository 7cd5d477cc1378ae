"""Sending a command through the local API and showing its outcome; what `device send` and `door` share.

Owns: the request's id, how an outcome looks, exit codes. Must not know: devices, doors, HTTP.
"""

import json
from collections.abc import Callable, Mapping
from typing import Any, ParamSpec, TypeVar
from uuid import uuid4

import click

from edgegw.cli.client import Client, Refused

P = ParamSpec("P")
R = TypeVar("R")


def command_options(command: Callable[P, R]) -> Callable[P, R]:
    """``--id``, ``--timeout``."""
    seconds = click.FloatRange(0, 5, min_open=True)
    command = click.option("--timeout", type=seconds, help="Seconds until there is an outcome.")(command)
    return click.option("--id", "id_", help="Of the command; the same id never acts twice. New if not given.")(command)


def send_command(
    api: Client, target: tuple[str, str], name: str, args: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Send it and show the outcome. Exits 0 if it is done; 2 if it was refused for the request, 1 for everything else."""
    body: dict[str, Any] = {"id": options["id_"] or f"cli-{uuid4().hex}", "command": name, "args": dict(args)}
    if options["timeout"] is not None:
        body["timeout"] = options["timeout"]
    try:
        outcome = api.post(*target, "commands", body=body)
    except Refused as refused:
        if not options["as_json"] or refused.body is None:
            raise
        click.echo(json.dumps(refused.body, ensure_ascii=False))
        raise click.exceptions.Exit(refused.exit_code) from refused
    if options["as_json"]:
        click.echo(json.dumps(outcome, ensure_ascii=False))
    else:
        click.echo(_line(target[1], name, outcome))
    if outcome["status"] != "done":
        raise click.exceptions.Exit(1)


def _line(target: str, name: str, outcome: Mapping[str, Any]) -> str:
    said = [f"{target} {name}: {outcome['status']}"]
    if outcome["reason"]:
        said.append(f"({outcome['reason']})")
    if outcome["detail"]:
        said.append(outcome["detail"])
    said += [f"{point}={json.dumps(value, ensure_ascii=False)}" for point, value in outcome["values"].items()]
    return " ".join(said)
