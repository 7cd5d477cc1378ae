"""`edgegw probe --add`: what fits clearly goes into the site file.

Owns: which finds are added, asking, checking with the ordinary loader, the backup, replacing the file at once.
Must not know: how the text is put together (probe.adding).
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgegw.cli.site_file import would_load
from edgegw.errors import ConfigError
from edgegw.wholefile import put

if TYPE_CHECKING:
    from edgegw.probe.adding import Entry
    from edgegw.probe.found import Found
    from edgegw.probe.run import Result
    from edgegw.probe.target import SiteFile, Target

BOM = "\ufeff".encode()


def add_found(site: "SiteFile", target: "Target", result: "Result", *, yes: bool) -> dict[str, str]:
    """Add the finds that fit clearly. Returns id → profile of what was added; why others were not goes to `result.notes`.

    Raises:
        ConfigError: the file with the entries is not right, or it changed meanwhile, or cannot be written. It is then as it was.
    """
    from edgegw.probe.adding import added, named

    entries = [entry for one in result.found if (entry := _entry(site, target, one, result)) is not None]
    if not entries:
        return {}
    named_ = named(entries, site.names)
    text = added(site.text, named_)
    if not yes:
        _preview(named_)
    if not yes and not click.confirm(f"Add {len(named_)} to {site.path}?", err=True):
        result.notes.append("nothing was added")
        return {}
    write(site, text)
    return {id_: entry.profile for id_, entry in named_.items()}


def _entry(site: "SiteFile", target: "Target", one: "Found", result: "Result") -> "Entry | None":
    """What would be added for a find; None, with a note, if nothing is."""
    from edgegw.probe.adding import Entry
    from edgegw.probe.found import Confidence

    assert target.name is not None  # noqa: S101  (the command looked)
    best = one.best
    why = None
    if (there := site.device_at(target.name, one.address)) is not None:
        why = f"it is {there} already"
    elif best is None or best.confidence is not Confidence.CLEAR:
        why = "no profile fits clearly; choose one and add it by hand"
    elif (fault := _elsewhere(target, one)) is not None:
        why = fault
    if why is not None or best is None:
        result.notes.append(f"{one.address} is not added: {why}")
        return None
    return Entry(target.name, best.profile, one.address, f"found by probe: {'; '.join(best.why)}"[:160])


def _elsewhere(target: "Target", one: "Found") -> str | None:
    """Why the link, as it is configured, would not reach it."""
    link = target.link
    if link.kind not in {"modbus-rtu", "meter"}:
        return None
    own = f"{getattr(link, 'baud', '')} {getattr(link, 'format', '')}"
    if own == one.where:
        return None
    return f"it was found at {one.where}, and link {target.name} is set to {own}: change one of the two first"


def _preview(entries: "Mapping[str, Entry]") -> None:
    from edgegw.cli.table import plain

    for id_, entry in entries.items():
        click.echo(plain(f"{id_}: link {entry.link}, profile {entry.profile}, address {entry.address}"), err=True)


def write(site: "SiteFile", text: str) -> None:
    """Check the new text with the ordinary loader, keep the old file as ``.bak``, and put the new one in its place at once."""
    real = Path(os.path.realpath(site.path))
    data = text.encode()
    try:
        before = real.read_bytes()
        if before.removeprefix(BOM) != site.text.encode():
            raise ConfigError("file", f"{site.path} was changed while the line was probed; run it again")
        if before.startswith(BOM):
            data = BOM + data
        _check(real, data, site)
        put(real, data, backup=True)
    except OSError as error:
        raise ConfigError("file", f"{site.path}: {error.strerror or error}") from error


def _check(real: Path, data: bytes, site: "SiteFile") -> None:
    try:
        would_load(real, data, site.path)
    except ConfigError as error:
        raise ConfigError(
            "site", f"with the new devices the site file would not be right; it stays as it is\n{error.detail}"
        ) from error
