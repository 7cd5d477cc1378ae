"""`edgegw store`: statistics, verification, dead letters, backup and restore of a store.

Owns: how these look to a person and to a script. Must not know: how any of it is done.
Exit codes: 0 fine, 1 `verify` found something, 2 bad input or a store that cannot be opened.
"""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

MIB = 1024 * 1024

DB = click.option(
    "--db", "db", required=True, type=click.Path(path_type=Path, dir_okay=False), help="The store's database file."
)
JSON = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@click.group()
def store() -> None:
    """Statistics, verification, backup and restore of the store."""


@store.command()
@DB
@JSON
def stats(db: Path, as_json: bool) -> None:
    """What the store holds. Works while the gateway runs."""
    from edgegw.store.inspect import stats as look

    found = look(db)
    if as_json:
        click.echo(json.dumps(found, ensure_ascii=False))
        return
    click.echo(f"{found['path']}  boot {found['boot']}  seq {found['seq']}  schema {found['schema']}")
    used = found["pages"] - found["free_pages"]
    click.echo(
        f"file {found['file_bytes'] / MIB:.1f} MiB ({used} of {found['pages']} pages used)  "
        f"WAL {found['wal_bytes'] / MIB:.1f} MiB"
    )
    for lane, row in found["lanes"].items():
        oldest = "" if row["oldest_ns"] is None else f"  oldest {_time(row['oldest_ns'])}"
        click.echo(f"{lane:<10}{row['rows']:>10} records {row['bytes'] / MIB:>9.1f} MiB{oldest}")
    for upstream, lanes in found["cursors"].items():
        click.echo(f"upstream {upstream}: " + ", ".join(f"{lane} {seq}" for lane, seq in lanes.items()))
    click.echo(f"audit chain {found['audit']['entries']} entries, the last is {found['audit']['n'] or 0}")
    click.echo(f"dead letters {found['dead_letters']}, gaps {len(found['gaps'])}")
    for gap in found["gaps"][-10:]:
        click.echo(f"  gap {gap['from_seq']}–{gap['to_seq']} {gap['reason']} {gap['lane'] or ''}")


@store.command()
@DB
@click.option(
    "--anchor",
    "anchors",
    multiple=True,
    metavar="N:HASH",
    help="A head of the audit chain as it arrived upstream (edgegw.gateway.audit: n, hash); may be given often.",
)
@JSON
def verify(db: Path, anchors: tuple[str, ...], as_json: bool) -> None:
    """Check everything that can be checked, the audit chain too; exit code 1 if something is wrong."""
    from edgegw.store.audit import Head
    from edgegw.store.inspect import examine

    try:
        heads = [Head.parse(anchor) for anchor in anchors]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--anchor") from error
    seen = examine(db, heads)
    found, audit = seen.findings, seen.audit
    if as_json:
        told: dict[str, Any] = {"ok": not found, "findings": found}
        if audit is not None:
            told["audit"] = {
                "entries": audit.entries,
                "trimmed": audit.start.n,
                "n": audit.head.n,
                "hash": audit.head.hash.hex(),
                "anchors": audit.anchors,
                "notes": audit.notes,
            }
        click.echo(json.dumps(told, ensure_ascii=False))
    else:
        for line in found:
            click.echo(line)
        if audit is not None:
            for line in audit.notes:
                click.echo(line)
            click.echo(f"audit chain: {audit.entries} entries, {audit.anchors} anchors agree, head {audit.head.text}")
        click.echo(f"{db}: {len(found)} findings" if found else f"{db}: sound")
    if found:
        raise click.exceptions.Exit(1)


@store.command()
@DB
@click.argument("to", type=click.Path(path_type=Path, dir_okay=False))
@JSON
def backup(db: Path, to: Path, as_json: bool) -> None:
    """Copy the store to TO, also while the gateway runs. Never overwrites."""
    from edgegw.store.backup import backup as copy

    size = copy(db, to)
    click.echo(json.dumps({"to": str(to), "bytes": size}) if as_json else f"{to}: {size} bytes")


@store.command()
@DB
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path, dir_okay=False))
@JSON
def restore(db: Path, source: Path, as_json: bool) -> None:
    """Put the backup FROM in place of the store; the gateway must be stopped. The old file is kept beside it."""
    from edgegw.clock import SystemClock
    from edgegw.store.backup import restore as put

    aside = put(source, db, SystemClock().now())
    if as_json:
        click.echo(json.dumps({"db": str(db), "replaced": None if aside is None else str(aside)}))
    else:
        click.echo(f"{db} restored from {source}" + (f"; the old one is {aside}" if aside else ""))


@store.command()
@DB
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@JSON
def dead(db: Path, limit: int, as_json: bool) -> None:
    """Dead letters, newest first: what could not be decoded, or was refused upstream for good."""
    from edgegw.store.inspect import dead_letters

    for letter in dead_letters(db, limit):
        if as_json:
            row: dict[str, Any] = {
                "time": _time(letter.at.wall_ns),
                "origin": letter.origin,
                "source": letter.source,
                "reason": letter.reason,
                "detail": letter.detail,
                "key": letter.key,
                "raw_hex": letter.raw.hex(),
            }
            click.echo(json.dumps(row, ensure_ascii=False))
        else:
            raw = letter.raw[:60]
            click.echo(
                f"{_time(letter.at.wall_ns)} {letter.origin} {letter.source} "
                f"{letter.reason}: {letter.detail} [{letter.key}] {raw!r}"
            )


def _time(wall_ns: int) -> str:
    return datetime.fromtimestamp(wall_ns / 1e9, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
