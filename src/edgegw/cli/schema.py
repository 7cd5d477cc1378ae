"""`edgegw schema site|profile|mapping`: JSON Schemas for editors.

Owns: the command. Must not know: how a schema is made (config.reference).
"""

import json
from pathlib import Path

import click

from edgegw.errors import ConfigError

NAMES = ("site", "profile", "mapping")


@click.command(short_help="Write the JSON Schema of site files, profiles or mappings, for editors.")
@click.argument("name", type=click.Choice(NAMES))
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Default: stdout."
)
def schema(name: str, output: Path | None) -> None:
    """Write the JSON Schema of the site file, of device profiles or of ticket-system mappings.

    For editors with the YAML language server, begin the file with:

        # yaml-language-server: $schema=site.schema.json
    """
    from edgegw.config.reference import json_schema

    text = json.dumps(json_schema(name), indent=2, ensure_ascii=False) + "\n"
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as e:
        raise ConfigError("file", f"{output}: cannot be written: {e.strerror or e}") from e
