"""`edgegw check SITE`: is the site file right, and what would run?

Owns: the command, its text and its JSON.
Must not know: what is checked (config.check), running parts.
"""

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgegw.errors import ConfigError

if TYPE_CHECKING:  # pydantic and the profiles are imported when the command runs
    from edgegw.config.plan import LinkPlan, SitePlan
    from edgegw.config.schema import Link
    from edgegw.config.upstream import Upstream

BUSY = 0.8
"""Share of a line's time in polls above which `check` warns: retries, probes and commands need the rest."""

MIB = 1024 * 1024


@click.command(short_help="Check a site file and say what would run.")
@click.argument("site", type=click.Path(path_type=Path))
@click.option("--linkages", is_flag=True, help="Say what each linkage would do instead.")
@click.option("--service", is_flag=True, help="Say which ticket each alarm would become instead.")
@click.option("--at", metavar="TIME", help="With --service: when it is raised, as 2026-11-26T02:00; now if not given.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object, of the errors too.")
def check(site: Path, linkages: bool, service: bool, at: str | None, as_json: bool) -> int:
    """Check the site file SITE with its profiles, and say what would run. Nothing is opened.

    Exits 0 if it could run, 2 if not; 1 if it could, but a door or device may take longer to respond than its target and is not
    named in targets.accept (docs/response.md). Warnings do not change that.
    """
    from edgegw.config.site import open_site, secret_problems

    if at is not None and not service:
        raise click.UsageError("--at goes with --service")
    try:
        plan = open_site(site, os.environ)
    except ConfigError as error:
        if not as_json:
            raise
        click.echo(
            json.dumps({"ok": False, "site": str(site), "errors": error.detail.splitlines()}, ensure_ascii=False)
        )
        return 2
    if linkages:
        from edgegw.cli import linkages as dry

        listed = dry.linkages(plan)
        click.echo(json.dumps(listed, ensure_ascii=False) if as_json else dry.text(listed))
        return 0
    if service:
        from edgegw.cli import service as catalogue

        becomes = catalogue.service(plan, catalogue.moment(at, plan))
        click.echo(json.dumps(becomes, ensure_ascii=False) if as_json else catalogue.text(becomes))
        return 0
    told = summary(plan)
    told["warnings"] += secret_problems(plan, os.environ)
    click.echo(json.dumps(told, ensure_ascii=False) if as_json else text(told))
    if told["errors"] and not as_json:
        for line in told["errors"]:
            click.echo(f"error: {line}", err=True)
    return 1 if told["errors"] else 0


def summary(plan: "SitePlan") -> dict[str, Any]:
    """What would run, as plain data; the JSON of ``--json``."""
    from edgegw.app.bound import site_bounds
    from edgegw.cli.responses import responses

    bounds = site_bounds(plan)
    faults = [f"{plan.path}: {bound.fault}" for bound in bounds if bound.fault is not None]
    links = [_link(plan, link) for link in plan.links]
    busy = [
        f"{plan.path}: link {link['name']}: polls take {link['busy']:.0%} of the line's time; "
        "poll less often, or spread the devices over two lines"
        for link in links
        if link.get("busy", 0) > BUSY
    ]
    return {
        "ok": not faults,
        "site": str(plan.path),
        "gateway": plan.gateway.id,
        "language": plan.gateway.language,
        "links": links,
        "upstream": [_upstream(name, upstream) for name, upstream in plan.upstream.items()],
        "store": {"path": str(plan.store.path), "budget_bytes": plan.store.budget, "reserve_bytes": plan.store.reserve},
        "control": f"http://{plan.control.host}:{plan.control.port}" if plan.control.enabled else None,
        "responses": responses(bounds),
        "errors": faults,
        "warnings": [*plan.warnings, *busy, *_slow_meters(plan)],
    }


def _slow_meters(plan: "SitePlan") -> Iterator[str]:
    """Of lines of meters no worst-case response is computed for alarms: how old their readings may be, once for each line."""
    for link in plan.links:
        if link.config.kind != "meter":
            continue
        periods = [
            section.poll[read.group]
            for device in link.devices
            if (section := plan.profiles[device.profile].meter) is not None
            for rule in device.alarms.values()
            if rule.point is not None and (read := plan.profiles[device.profile].points[rule.point].meter) is not None
        ]
        if periods:
            yield (
                f"{plan.path}: link {link.name}: alarms of its meters rest on readings up to {max(periods):g} s old "
                "(meter.poll in their profiles); no worst-case response is computed for them, and none is promised"
            )


def _link(plan: "SitePlan", link: "LinkPlan") -> dict[str, Any]:
    from edgegw.profiles.decode import compile_profile
    from edgegw.profiles.plan import poll_plan

    told: dict[str, Any] = {"name": link.name, "kind": link.config.kind, "where": _where(link.config)}
    topics: set[str] = set()
    polls, per_second, busy = 0, 0.0, 0.0
    plans = {name: poll_plan(plan.profiles[name]) for name in {d.profile for d in link.devices}}
    wire = _wire(link.config)
    devices = []
    for device in link.devices:
        profile, blocks = plan.profiles[device.profile], plans[device.profile]
        address = None if device.address is None else str(device.address)
        own = compile_profile(profile, address).topics()
        topics.update(own)
        polls += len(blocks)
        per_second += sum(1 / block.period_s for block in blocks)
        if wire is not None:
            section = profile.modbus if profile.meter is None else profile.meter
            silence = 2 * wire.gap_s + section.turnaround
            busy += sum((wire.exchange_s(b.table, b.count) + silence) / b.period_s for b in blocks)
        devices.append(
            {
                "id": device.id,
                "name": device.name,
                "profile": device.profile,
                "address": device.address,
                "alarms": sorted(device.alarms),
                "topics": list(own),
                "polls": len(blocks),
            }
        )
    told["devices"] = devices
    if topics:
        told["topics"] = len(topics)
    if polls:
        told |= {"polls": polls, "polls_per_second": round(per_second, 3)}
    if wire is not None:
        told["busy"] = round(busy, 4)
    return told


def _where(link: "Link") -> str:
    host = getattr(link, "host", None)
    where = f"{host}:{link.port}" if host is not None else str(link.port)
    baud = getattr(link, "baud", None)
    if baud is not None:
        where += f" {baud} {getattr(link, 'format', '')}"
    return where + (" TLS" if getattr(link, "tls", None) is not None else "")


def _wire(link: "Link") -> Any:  # noqa: ANN401 - links.timing.Wire, imported when needed
    if link.kind == "meter":
        from edgegw.codec.meter_line import MeterWire

        return MeterWire(link.baud, link.format, link.gap)
    if link.kind not in {"modbus-rtu", "modbus-rtu-tcp"}:
        return None
    from edgegw.links.timing import Wire

    return Wire(link.baud, link.format, link.gap)


def _upstream(name: str, upstream: "Upstream") -> dict[str, Any]:
    url = getattr(upstream, "url", None)
    where = url if url is not None else f"{getattr(upstream, 'host', '')}:{getattr(upstream, 'port', '')}"
    return {"name": name, "kind": upstream.kind, "where": where, "lanes": list(upstream.lanes)}


def text(told: Mapping[str, Any]) -> str:
    """`summary` for a person."""
    from edgegw.cli.responses import table

    state = "ok" if told["ok"] else "it would run, but may be too slow"
    lines = [f"{told['site']}: {state}; gateway {told['gateway']}, {told['language']}"]
    lines += ["", "links"]
    lines += _columns([_link_row(link) for link in told["links"]])
    lines += ["", "devices"]
    lines += _columns([row for link in told["links"] for row in _profile_rows(link)])
    lines += ["", "upstream"]
    rows = [(u["name"], u["kind"], u["where"], ", ".join(u["lanes"])) for u in told["upstream"]]
    lines += _columns(rows) or ["  none"]
    slow = table(told["responses"])
    if slow:
        lines += ["", "worst-case response", *_columns(slow)]
    if left := len(told["responses"]) - len(slow):
        lines.append(f"  and {left} more within their targets")
    store = told["store"]
    lines += [
        "",
        f"store    {store['path']}, at most {store['budget_bytes'] / MIB:g} MiB, {store['reserve_bytes'] / MIB:g} MiB reserve",
        f"control  {told['control'] or 'off'}",
    ]
    if told["warnings"]:
        lines += ["", *(f"warning: {line}" for line in told["warnings"])]
    return "\n".join(lines)


def _link_row(link: Mapping[str, Any]) -> tuple[str, ...]:
    work = []
    if "topics" in link:
        work.append(_count(link["topics"], "topic"))
    if "polls" in link:
        work.append(f"{_count(link['polls'], 'request')}, {link['polls_per_second']:.3g}/s")
    if "busy" in link:
        work.append(f"{link['busy']:.1%} of the line")
    return (link["name"], link["kind"], link["where"], _count(len(link["devices"]), "device"), ", ".join(work))


def _profile_rows(link: Mapping[str, Any]) -> list[tuple[str, ...]]:
    counted = Counter(device["profile"] for device in link["devices"])
    alarms: Counter[str] = Counter()
    for device in link["devices"]:
        alarms[device["profile"]] += len(device["alarms"])
    return [(f"{n} x {name}", f"on {link['name']}", _count(alarms[name], "alarm")) for name, n in counted.items()]


def _count(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _columns(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
