"""`edgegw device`: list devices, read their points, send them commands, through the local API.

Owns: how these look. Must not know: HTTP (client).
"""

import json
from pathlib import Path
from typing import Any

import click

from edgegw.cli.client import Client, client, client_options
from edgegw.cli.outcome import command_options, send_command


@click.group()
def device() -> None:
    """List devices, read their points, send them commands (through the local API)."""


@device.command(name="list")
@client_options
def list_(url: str, token_file: Path | None, ca: str | None, as_json: bool) -> None:
    """All devices, with the commands they know."""
    found = client(url, token_file, ca).get("devices")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for one in found["devices"]:
        labels = " ".join(f"{name}={value}" for name, value in one["labels"].items())
        click.echo(
            f"{one['id']:<24} {one['presence']:<8} {one['link']:<12} {one['profile']:<28} {one['name']}  {labels}"
        )
        for command in one["commands"]:
            args = " ".join(_usage(name, arg) for name, arg in command["args"].items())
            click.echo(f"    {command['name']} {args}".rstrip())


@device.command()
@click.argument("device_id", metavar="DEVICE")
@client_options
def read(device_id: str, url: str, token_file: Path | None, ca: str | None, as_json: bool) -> None:
    """The last readings of DEVICE, with their quality and age."""
    found = client(url, token_file, ca).get("devices", device_id, "points")
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    for point in found["points"]:
        value = json.dumps(point["value"], ensure_ascii=False)
        unit = point["unit"] or ""
        click.echo(f"{point['name']:<28} {value:>14} {unit:<8} {point['quality']:<10} {point['age']:.1f} s ago")


@device.command()
@click.argument("device_id", metavar="DEVICE")
@click.argument("command")
@click.argument("args", nargs=-1, metavar="[NAME=VALUE]...")
@command_options
@client_options
def send(device_id: str, command: str, args: tuple[str, ...], **options: Any) -> None:  # noqa: ANN401 - click's
    """Send COMMAND to DEVICE and wait for its outcome.

    A VALUE is JSON (5, 2.5, true, "5") or, if it is not, text. Exits 0 only if the outcome is `done`.
    """
    given = dict(_argument(text) for text in args)
    api: Client = client(options["url"], options["token_file"], options["ca"])
    send_command(api, ("devices", device_id), command, given, options)


def _argument(text: str) -> tuple[str, Any]:
    name, is_there, value = text.partition("=")
    if not is_there or not name:
        raise click.UsageError(f"not an argument: {text!r}; write NAME=VALUE")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _usage(name: str, arg: dict[str, Any]) -> str:
    text = f"{name}=<{arg['type']}>"
    return text if arg["required"] else f"[{text}]"
