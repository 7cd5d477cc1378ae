"""`edgegw probe LINK`: what is on a line or a broker, and which profile fits.

Owns: the command, its options, progress, exit codes.
Must not know: how devices are asked or recognised (edgegw.probe), how results look (probe_show).
"""

import json
import os
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgegw.cli.probe_show import show, told
from edgegw.errors import ConfigError, ProfileError

if TYPE_CHECKING:  # pydantic and the profiles are imported when the command runs
    from edgegw.probe.run import Result
    from edgegw.probe.target import SiteFile
    from edgegw.profiles.schema import Profile

NOTHING = 1
"""Exit code: it ran, and nothing was found."""

INTERRUPTED = 130

SECONDS_MOST = 3600.0
METERS_MOST = 200

Tell = Callable[[str, int, int], None]


def _list(kind: Callable[[str], Any], what: str) -> Callable[[Any, Any, str | None], tuple[Any, ...]]:
    """A callback for options that take several values with commas."""

    def split(_ctx: object, _param: object, text: str | None) -> tuple[Any, ...]:
        try:
            return tuple(kind(part.strip()) for part in text.split(",")) if text else ()
        except ValueError as error:
            raise click.BadParameter(f"{text!r}: {what}") from error

    return split


def _baud(text: str) -> int:
    value = int(text)
    if not 300 <= value <= 4_000_000:
        raise ValueError(text)
    return value


def _format(text: str) -> str:
    if not re.fullmatch(r"[78][NEO][12]", text):
        raise ValueError(text)
    return text


def _number(text: str) -> str:
    if not re.fullmatch(r"[0-9]{12}|[0-9]{14}", text):
        raise ValueError(text)
    return text


@click.command(short_help="Find out what is on a line or a broker, and which profile fits.")
@click.argument("link")
@click.option(
    "--site", "site_path", type=click.Path(path_type=Path), help="The site file; edgegw.yaml here if there is one."
)
@click.option(
    "--profiles",
    "dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A further folder of profiles.",
)
@click.option("--units", metavar="1-32,40", help="Modbus: units to ask; 1-247 if not given.")
@click.option(
    "--baud",
    "bauds",
    metavar="9600,4800",
    callback=_list(_baud, "bauds are 300 to 4000000"),
    help="Serial: bauds to try.",
)
@click.option(
    "--format",
    "formats",
    metavar="8N1,8E1",
    callback=_list(_format, "write 8N1, 8E1 …"),
    help="Serial: formats to try.",
)
@click.option(
    "--timeout", type=click.FloatRange(0.01, 10), help="Seconds to wait for an answer to begin, beyond the wire's time."
)
@click.option("--all", "every", is_flag=True, help="Serial: try every setting, though one had answers.")
@click.option("--only", type=click.Choice(["modbus", "meter"]), help="Of a port given directly: ask only these.")
@click.option(
    "--address",
    "numbers",
    metavar="NUMBER,…",
    callback=_list(_number, "a meter's number has 12 or 14 digits"),
    help="Meters: ask these, not all at once.",
)
@click.option(
    "--topic",
    "topics",
    multiple=True,
    metavar="FILTER",
    help="MQTT: listen here; the whole tree if not given. May be given several times.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(0.1, SECONDS_MOST),
    default=20.0,
    show_default=True,
    help="MQTT: how long to listen.",
)
@click.option("--why", is_flag=True, help="Every fit with its reasons, and what would be read.")
@click.option("--add", is_flag=True, help="Add what fits clearly to the site file, after asking.")
@click.option("--yes", is_flag=True, help="With --add: do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def probe(
    *,
    link: str,
    site_path: Path | None,
    dirs: tuple[Path, ...],
    why: bool,
    add: bool,
    yes: bool,
    as_json: bool,
    **asked: Any,  # noqa: ANN401 - what click hands over for the other options
) -> int:
    """Find the devices on LINK, and say which profile fits and why. Reads only: nothing is ever written to a device.

    LINK is a link of the site file, or given directly: /dev/ttyUSB0, tcp://HOST:502 (Modbus TCP), rtu+tcp://HOST:PORT (RTU
    through a serial server), mqtt://HOST:1883.

    Exits 0 if something was found, 1 if nothing was, 2 for bad input or a line that cannot be used. Ctrl-C shows what was found
    so far and exits 130. docs/probing.md has the JSON's keys.
    """
    from edgegw.clock import SystemClock
    from edgegw.probe import run as running
    from edgegw.probe.target import target_of

    if yes and not add:
        raise click.UsageError("--yes goes with --add")
    site = _site(link, site_path)
    target = target_of(link, site)
    if add and (site is None or target.name is None):
        raise click.UsageError(
            "--add needs a site file whose links have this one: --site SITE, and LINK by its name there"
        )
    options = _options(asked)
    result = running.Result()
    profiles = _profiles(dirs, site, result)
    with _progress(quiet=as_json) as tell:
        work = running.probe(target, options, profiles, result, site=site, clock=SystemClock(), tell=tell)
        running.run(work, result)
    added: dict[str, str] = {}
    if add and site is not None and not result.interrupted:
        from edgegw.cli.probe_add import add_found

        added = add_found(site, target, result, yes=yes)
    if as_json:
        click.echo(json.dumps(told(target, site, result, added), ensure_ascii=False))
    else:
        show(target, site, result, added, why=why)
    if result.interrupted:
        return INTERRUPTED
    return 0 if result.found else NOTHING


def _options(asked: dict[str, Any]) -> Any:  # noqa: ANN401 - probe.run.Options, imported when the command runs
    from edgegw.probe.run import Options

    if len(asked["numbers"]) > METERS_MOST:
        raise click.UsageError(f"--address takes {METERS_MOST} numbers at most")
    return Options(
        units=asked["units"],
        bauds=asked["bauds"],
        formats=asked["formats"],
        timeout_s=asked["timeout"],
        every=asked["every"],
        numbers=asked["numbers"],
        only="meter" if asked["numbers"] and asked["only"] is None else asked["only"],
        topics=asked["topics"],
        seconds=asked["seconds"],
    )


def _site(link: str, path: Path | None) -> "SiteFile | None":
    from edgegw.probe.target import DEFAULT_SITE, read_links

    if path is None:
        direct = "://" in link or link.startswith((os.sep, "."))
        if direct or not DEFAULT_SITE.is_file():
            return None
        path = DEFAULT_SITE
    return read_links(path, os.environ)


def _profiles(dirs: Sequence[Path], site: "SiteFile | None", result: "Result") -> "dict[str, Profile]":
    """All profiles there are; what cannot be used is told, and is no reason to find nothing."""
    from edgegw.profiles.loader import ProfileLibrary

    library = ProfileLibrary((*dirs, *(site.folders if site is not None else ())))
    found = {}
    for name in library.names():
        try:
            found[name] = library.get(name)
        except ProfileError as error:
            result.notes.append(f"profile {name} is left out ({error.reason}); see: edgegw profile test {name}")
    if not found:
        raise ConfigError("profile", "there is no usable profile")
    return found


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Tell]:
    """A bar on a terminal."""
    if quiet or not sys.stderr.isatty():
        yield lambda _what, _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as shown:
        task = shown.add_task("opening", total=None)

        def tell(what: str, done: int, of: int) -> None:
            shown.update(task, description=what, completed=done, total=of)

        yield tell
