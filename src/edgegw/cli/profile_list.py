"""`edgegw profile list`: which profiles there are.

Owns: how they are listed. Must not know: the page of supported devices (authoring.listing).
"""

import json
from typing import TYPE_CHECKING

import click

from edgegw.errors import ProfileError

if TYPE_CHECKING:
    from edgegw.profiles.loader import ProfileLibrary


@click.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.option("--markdown", is_flag=True, help="The page of supported devices, device_profiles/README.md.")
@click.pass_obj
def list_profiles(library: "ProfileLibrary", as_json: bool, markdown: bool) -> None:
    """All profiles with their link and what they are."""
    if markdown:
        if as_json:
            raise click.UsageError("--json or --markdown, not both")
        from edgegw.authoring.listing import markdown as page

        click.echo(page({name: library.get(name) for name in library.names()}), nl=False)
        return
    rows = []
    for name in library.names():
        try:
            found = library.get(name)
            rows.append(
                {"name": name, "link": found.link, "points": len(found.points), "description": found.description}
            )
        except ProfileError as error:
            rows.append({"name": name, "error": error.reason, "detail": error.detail})
    if as_json:
        print(json.dumps(rows, ensure_ascii=False, indent=2))
        return
    width = max((len(str(row["name"])) for row in rows), default=0)
    for row in rows:
        what = f"broken ({row['error']}); see `profile test`" if "error" in row else row["description"]
        print(f"{row['name']:<{width}}  {row.get('link', '-'):<6}  {what}")
