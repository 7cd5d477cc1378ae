"""`edgegw profile import`: another system's device profile as ours.

Owns: the command, files, what it tells. Must not know: the other system's format (authoring.edgex).
"""

import json
from pathlib import Path

import click

from edgegw.errors import ProfileError

MOST_BYTES = 4 * 1024 * 1024
"""Largest file: the parser's own limit."""


@click.command("import", short_help="Make a profile from an EdgeX Foundry device profile.")
@click.option(
    "--edgex", required=True, metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="YAML or JSON."
)
@click.option(
    "--topics",
    "manner",
    default="levels",
    show_default=True,
    type=click.Choice(["levels", "single"]),
    help="MQTT: a topic for each resource (EdgeX 3), or one for all (the default of EdgeX 1 and 2).",
)
@click.option(
    "-o",
    "--output",
    metavar="FOLDER",
    type=click.Path(path_type=Path, file_okay=False),
    help="A folder of profiles: the file goes to <vendor>/<model>.yaml there. Default: stdout.",
)
@click.option("--force", is_flag=True, help="Overwrite a file that is there.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def import_(edgex: Path, manner: str, output: Path | None, force: bool, as_json: bool) -> int:
    """Make a profile from an EdgeX Foundry device profile for Modbus or MQTT, of any release.

    What cannot be carried over is listed with its reason, on stderr and at the head of the file; that is no failure. Samples are
    constructed: capture real ones (`edgegw record`).

    Exits 2 if the file is no EdgeX device profile, or nothing in it can be read.
    """
    from edgegw.authoring.edgex_import import import_edgex
    from edgegw.yamlpos import parse

    made = import_edgex(parse(read_text(edgex), str(edgex)), manner)
    path = None if output is None else write_profile(output, made.name, made.text, force=force)
    if as_json:
        told = {
            "name": made.name,
            "link": made.link,
            "file": None if path is None else str(path),
            "resources": made.resources,
            "points": made.points,
            "commands": made.commands,
            "left": [{"what": one.what, "why": one.why} for one in made.left],
            **({} if path is not None else {"profile": made.text}),
        }
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
        return 0
    if path is None:
        click.echo(made.text, nl=False)
    for one in made.left:
        click.echo(f"warning: {one}", err=True)
    where = f" to {path}" if path is not None else ""
    click.echo(
        f"{made.name}: {made.points} points and {made.commands} commands of {made.resources} resources{where}", err=True
    )
    return 0


def write_profile(folder: Path, name: str, text: str, *, force: bool) -> Path:
    """Write a profile into a folder of profiles as ``<vendor>/<model>.yaml``.

    Raises:
        click.UsageError: it is there already, and not to be overwritten.
        ProfileError: ``file``.
    """
    path = folder / f"{name}.yaml"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise click.UsageError(f"{path} is there already; --force overwrites it") from None
    except OSError as error:
        raise ProfileError("file", f"{path}: cannot be written: {error.strerror or error}") from error
    return path


def read_text(path: Path) -> str:
    """A file's text. Raises ProfileError ``file``."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1).decode("utf-8-sig")
    except OSError as error:
        raise ProfileError("file", f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ProfileError("file", f"{path}: not UTF-8 text") from error
