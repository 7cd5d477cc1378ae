"""What `edgegw probe` prints: a table for people, JSON for scripts.

Owns: both. Must not know: how anything was found, or added.
"""

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import click

from edgegw.cli.table import plain, table

if TYPE_CHECKING:
    from edgegw.probe.found import Fit, Found
    from edgegw.probe.run import Result
    from edgegw.probe.target import SiteFile, Target

UNREAD_MOST = 20
"""Groups of topics named; the JSON has all."""


def told(target: "Target", site: "SiteFile | None", result: "Result", added: Mapping[str, str]) -> dict[str, Any]:
    """The JSON; docs/probing.md has its keys."""
    return {
        "link": target.shown,
        "kind": target.link.kind,
        "found": [
            {
                "protocol": one.protocol,
                "address": one.address,
                "where": one.where,
                "device": _known(site, target, one),
                "fits": [_fit(fit) for fit in one.fits],
            }
            for one in result.found
        ],
        "unread": [{"topics": prefix, "count": count, "messages": n} for prefix, count, n in result.unread],
        "messages": result.messages,
        "notes": result.notes,
        "interrupted": result.interrupted,
        "added": dict(added),
    }


def show(target: "Target", site: "SiteFile | None", result: "Result", added: Mapping[str, str], *, why: bool) -> None:
    """The same for people; notes on stderr."""
    if result.found:
        for line in _table([_row(site, target, one) for one in result.found]):
            click.echo(line)
    else:
        click.echo(f"{target.shown}: nothing found")
    for line in _details(result) if why else ():
        click.echo(plain(line))
    if result.unread:
        click.echo("topics that no profile reads")
    for prefix, count, n in result.unread[:UNREAD_MOST]:
        click.echo(plain(f"  {prefix}: {count} topics, {n} messages"))
    if len(result.unread) > UNREAD_MOST:
        click.echo(f"  and {len(result.unread) - UNREAD_MOST} more")
    for id_, profile in added.items():
        click.echo(f"added to {site.path if site is not None else ''}: {id_} ({profile})")
    for note in result.notes:
        click.echo(plain(f"note: {note}"), err=True)
    if result.interrupted:
        click.echo("interrupted: this is what was found so far", err=True)


def _fit(fit: "Fit") -> dict[str, Any]:
    return {
        "profile": fit.profile,
        "confidence": fit.confidence.label,
        "bits": fit.bits,
        "why": list(fit.why),
        "readings": dict(fit.readings),
    }


def _known(site: "SiteFile | None", target: "Target", one: "Found") -> str | None:
    return site.device_at(target.name, one.address) if site is not None and target.name is not None else None


def _row(site: "SiteFile | None", target: "Target", one: "Found") -> dict[str, str]:
    best = one.best
    return {
        "address": str(one.address),
        "where": one.where,
        "profile": best.profile if best else "none fits",
        "fits": best.confidence.label if best else "-",
        "device": _known(site, target, one) or "",
        "why": "; ".join(best.why) if best else "edgegw profile new walks through a new one",
    }


def _table(rows: list[dict[str, str]]) -> list[str]:
    """Columns that are empty everywhere are left out; why gives way first."""
    head = [name for name in rows[0] if any(row[name] for row in rows)]
    give = [(head.index(name), least) for name, least in (("why", 30), ("where", 12)) if name in head]
    return table(head, [[row[name] for name in head] for row in rows], give=give)


def _details(result: "Result") -> Iterator[str]:
    for one in result.found:
        for fit in one.fits:
            yield f"{one.address}: {fit.profile}, {fit.confidence.label}: {'; '.join(fit.why)}"
            for point, value in fit.readings.items():
                yield f"    {point} = {json.dumps(value, ensure_ascii=False)}"
