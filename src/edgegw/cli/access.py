"""`edgegw access`: import, list and revoke credentials.

Owns: how these look to a person and to a script, whether the gateway's API or the store itself is asked.
Must not know: formats, hashing, SQL.
Exit codes: 0 done; 1 the gateway could not be reached or could not do it; 2 bad input, a locked store included.

No number is an argument: arguments stand in the shell's history and in the list of processes.
"""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from edgegw.errors import ConfigError, EdgegwError, StoreError

if TYPE_CHECKING:
    from edgegw.config.plan import SitePlan
    from edgegw.doors.keeper import Keeper

MAKE_KEY = "openssl rand -hex 32 > access.key; chmod 600 access.key"

SITE = click.argument("site", type=click.Path(path_type=Path, dir_okay=False))
JSON = click.option("--json", "as_json", is_flag=True, help="For scripts.")
API = click.option("--api", metavar="URL", help="Ask the running gateway here, such as http://127.0.0.1:8080.")
TOKEN = click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File with the API's token (scope credentials).",
)
KIND = click.option("--kind", type=click.Choice(["card", "qr", "pin"]), default="card", show_default=True)

BAR_BYTES = 512 * 1024
"""Lists from this size on show their progress: a second's work."""

SIGNS = {"added": "+", "changed": "~", "removed": "-"}


@click.group()
def access() -> None:
    """Credentials: import, list, revoke."""


@access.command(name="import")
@SITE
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--dry-run", is_flag=True, help="Only say what would change.")
@click.option("--full/--merge", "full", default=False, help="Full: what is not in FILE is revoked. Default: merge.")
@JSON
@API
@TOKEN
def import_(
    *, site: Path, file: Path, dry_run: bool, full: bool, as_json: bool, api: str | None, token_file: Path | None
) -> int:
    """Import the credentials in FILE, CSV or (named .json) JSON, wholly or not at all.

    Without --api the gateway of the site file SITE must be stopped: its store is opened here. docs/doors.md has the format.
    """
    try:
        with file.open("rb") as stream, _progress(file, quiet=as_json) as progress:
            if api is not None:
                from edgegw.cli.access_api import import_list

                told = import_list(api, _token(token_file), stream, _type(file), full=full, dry_run=dry_run)
            else:
                told = asyncio.run(_import(_plan(site), file, stream, progress, full=full, dry_run=dry_run))
    except EdgegwError as error:
        return _failed(error, as_json=as_json, source=file.name)
    if as_json:
        click.echo(json.dumps({"ok": True, **told}, ensure_ascii=False))
    else:
        _show(told)
    return 0


@access.command(name="list")
@SITE
@JSON
def list_(site: Path, as_json: bool) -> int:
    """List the credentials in the store of the site file SITE, which must not be running. Numbers are masked."""
    plan = _plan(site)
    try:
        asyncio.run(_list(plan, as_json=as_json))
    except EdgegwError as error:
        return _failed(error, as_json=as_json)
    return 0


@access.command()
@SITE
@KIND
@JSON
@API
@TOKEN
def revoke(*, site: Path, kind: str, as_json: bool, api: str | None, token_file: Path | None) -> int:
    """Revoke one credential; its number is asked for, or read from stdin. Exits 1 if there was none.

    Without --api the gateway of the site file SITE must be stopped.
    """
    number = (
        click.prompt(f"number of the {kind}", hide_input=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    try:
        if api is not None:
            from edgegw.cli.access_api import revoke_one

            there = revoke_one(api, _token(token_file), kind, number)
        else:
            there = asyncio.run(_revoke(_plan(site), kind, number))
    except EdgegwError as error:
        return _failed(error, as_json=as_json)
    if as_json:
        click.echo(json.dumps({"ok": there, "revoked": there}))
    else:
        click.echo("revoked" if there else f"there is no such {kind}", err=not there)
    return 0 if there else 1


# --- the store itself ---------------------------------------------------------------------------------------------------

Progress = Callable[[str, int, int], None]
"""What is done, how much of it, how much there is."""


async def _import(
    plan: "SitePlan", file: Path, stream: BinaryIO, progress: Progress, *, full: bool, dry_run: bool
) -> dict[str, Any]:
    async with _keeper(plan, _key(plan)) as keeper:
        return await keeper.import_stream(
            stream,
            _type(file),
            source=file.name,
            origin="import",
            full=full,
            dry_run=dry_run,
            progress=lambda done, of: progress("writing", done, of),
        )


async def _revoke(plan: "SitePlan", kind: str, number: str) -> bool:
    async with _keeper(plan, _key(plan)) as keeper:
        return await keeper.revoke(kind, number)


async def _list(plan: "SitePlan", *, as_json: bool) -> None:
    from datetime import UTC, datetime

    def when(ns: int | None) -> str | None:
        return None if ns is None else datetime.fromtimestamp(ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    async with _keeper(plan) as keeper:
        book = keeper.book
        for one in sorted((credential for _, credential in book.items()), key=lambda c: (c.holder, c.kind, c.tail)):
            row = {
                "kind": one.kind,
                "tail": one.tail,
                "holder": one.holder,
                "name": one.name,
                "groups": list(one.groups),
                "valid_from": when(one.valid_from_ns),
                "valid_until": when(one.valid_until_ns),
                "pin": one.pin is not None,
                "duress_pin": one.duress_pin is not None,
                "duress": one.duress,
            }
            if as_json:
                click.echo(json.dumps(row, ensure_ascii=False))
                continue
            lasts = f"{row['valid_from'] or ''}–{row['valid_until'] or ''}".strip("–")
            extra = " ".join(name for name in ("pin", "duress_pin", "duress") if row[name])
            line = f"{one.kind:<5}{one.tail:<7}{one.holder:<16}{one.name:<16}{' '.join(one.groups):<24}{lasts} {extra}"
            click.echo(line.rstrip())
        if not as_json:
            click.echo(f"{len(book)} credentials, version {book.version}", err=True)


@asynccontextmanager
async def _keeper(plan: "SitePlan", key: bytes = b"") -> "AsyncIterator[Keeper]":
    """The credentials in the store of a gateway that does not run; nothing can be changed without the key."""
    from zoneinfo import ZoneInfo

    from edgegw.access.credentials import CredentialBook
    from edgegw.clock import SystemClock
    from edgegw.config.schema import StoreSection
    from edgegw.doors.keeper import Keeper
    from edgegw.model import Lane
    from edgegw.store.store import Store

    clock = SystemClock(assume_synced=plan.gateway.assume_clock_synced)
    try:
        store = await Store.open(
            plan.store.path,
            section=StoreSection(budget=plan.store.budget, reserve=plan.store.reserve),
            gateway=plan.gateway.id,
            upstreams={name: [Lane[lane.upper()] for lane in up.lanes] for name, up in plan.upstream.items()},
            clock=clock,
        )
    except StoreError as error:
        if error.reason != "locked":
            raise
        raise StoreError(
            "locked", f"{plan.store.path}: the gateway is running; use --api URL --token-file FILE"
        ) from error
    try:
        keeper = Keeper(store, CredentialBook(), key, zone=ZoneInfo(plan.gateway.timezone), clock=clock)
        await keeper.load()
        yield keeper
    finally:
        await store.close()


def _plan(site: Path) -> "SitePlan":
    from edgegw.config.site import open_site

    return open_site(site, os.environ)


def _key(plan: "SitePlan") -> bytes:
    from edgegw.config.secrets import resolve
    from edgegw.config.site import KEY_BYTES

    secret = plan.access.key
    if secret is None:
        raise ConfigError(
            "access-key",
            f"{plan.path}: access.key is missing; credentials are kept as hashes under it. Make one with: {MAKE_KEY}\n"
            f"{plan.path}: and add: access: {{key: {{file: access.key}}}}",
        )
    if secret.file is not None and not (plan.base / Path(secret.file).expanduser()).exists():
        raise ConfigError(
            "access-key", f"{plan.path}: access.key: there is no {secret.file}; make one with: {MAKE_KEY}"
        )
    key = resolve(secret, plan.base, os.environ).get_secret_value().encode()
    if len(key) < KEY_BYTES:
        raise ConfigError(
            "access-key",
            f"{plan.path}: access.key has {len(key)} bytes, {KEY_BYTES} are needed; make one with: {MAKE_KEY}",
        )
    return key


# --- looks --------------------------------------------------------------------------------------------------------------


def _type(file: Path) -> str:
    return "application/json" if file.suffix.casefold() == ".json" else "text/csv"


def _token(file: Path | None) -> str:
    if file is None:
        raise click.UsageError("--api needs --token-file; make a token with: edgegw token create --scope credentials")
    from edgegw.config.secret import Secret
    from edgegw.config.secrets import resolve

    return resolve(Secret(file=str(file)), Path(), os.environ).get_secret_value()


def _failed(error: EdgegwError, *, as_json: bool, source: str = "") -> int:
    """Tell it; the exit code."""
    from edgegw.cli.access_api import UNAVAILABLE
    from edgegw.cli.main import EXIT_BAD_INPUT, EXIT_FAULT, show_error

    code = EXIT_FAULT if error.reason in UNAVAILABLE else EXIT_BAD_INPUT
    if as_json:
        errors = (error.detail or str(error)).splitlines()
        click.echo(json.dumps({"ok": False, "reason": error.reason, "errors": errors}, ensure_ascii=False))
        return code
    if source and error.detail.startswith("body:"):  # as the API calls what it was given
        error = type(error)(error.reason, error.detail.replace("body:", f"{source}:"))
    show_error(error)
    return code


def _show(told: dict[str, Any]) -> None:
    for one in told["listed"]:
        what = f" ({', '.join(one['fields'])})" if "fields" in one else ""
        name = f" {one['name']}" if "name" in one else ""
        click.echo(f"{SIGNS[one['change']]} {one['kind']:<5}{one.get('tail', ''):<7}{one['holder']}{name}{what}")
    counts = ", ".join(f"{told[word]} {word}" for word in ("added", "changed", "removed"))
    unlisted = told["added"] + told["changed"] + told["removed"] - len(told["listed"])
    if unlisted:
        click.echo(f"… and {unlisted} more")
    head = "would be " if told["dry_run"] else ""
    click.echo(f"{head}{counts}; {told['unchanged']} unchanged")


@contextmanager
def _progress(file: Path, *, quiet: bool) -> Iterator[Progress]:
    """A bar on a terminal, for lists that take longer than a glance."""
    if quiet or not sys.stderr.isatty() or file.stat().st_size < BAR_BYTES:
        yield lambda _what, _done, _of: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        console=Console(stderr=True),
        transient=True,
    ) as shown:
        task = shown.add_task(f"reading {file.name}", total=None)

        def progress(what: str, done: int, of: int) -> None:
            shown.update(task, description=what, completed=done, total=of)

        yield progress
