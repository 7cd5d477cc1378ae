"""`edgegw report`: the figures of a period from the store, also while the gateway runs.

Owns: the command, which period is meant, what is read, where the report goes.
Must not know: how figures come about (service.indicators_figures), how they look (report).
"""

import os
import re
import sys
from collections.abc import Callable, Mapping
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click
import msgspec
from msgspec import Struct

if TYPE_CHECKING:  # pydantic, the profiles and the templates are imported when the command runs
    from edgegw.config.plan import SitePlan
    from edgegw.report.show import Names, Show
    from edgegw.service.indicators_report import Period, Report

DAYS_MOST = 400
"""As long as indicators are kept."""

AFTER_DAYS = 7
"""Days after the period that are looked into: whether the gateway ran on tells how much of its last day was expected."""

DEFAULT_ZONE = "Asia/Shanghai"
"""As the site file's default; for a store without its site file."""

LAST = re.compile(r"(week|month|([1-9][0-9]{0,2})d)\Z")
_END = "\U0010ffff"
_T = TypeVar("_T")


class _Site(Struct, frozen=True):
    """What the report needs of a site."""

    store: Path
    zone: ZoneInfo
    language: str
    names: "Names"


@click.command(short_help="Figures of a period: response, tickets, patrols, devices.")
@click.argument("site", required=False, type=click.Path(path_type=Path))
@click.option(
    "--store", "store", type=click.Path(path_type=Path, dir_okay=False), help="The store's file, instead of the site's."
)
@click.option("--from", "begin", metavar="DATE", help="First day, as 2026-11-01.")
@click.option("--to", "end", metavar="DATE", help="Last day, included; today if not given.")
@click.option("--last", metavar="week|month|Nd", help="The last full week (the default), month, or N days.")
@click.option("--format", "format_", default="html", show_default=True, type=click.Choice(["html", "csv", "json"]))
@click.option("--language", type=click.Choice(["zh-CN", "en"]), help="The site file's if not given.")
@click.option("--timezone", help=f"IANA name; the site file's if not given, {DEFAULT_ZONE} without one.")
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    help="Where to; - is stdout. If not given, HTML goes to a file named after gateway and period, the others to stdout.",
)
def report(
    *,
    site: Path | None,
    store: Path | None,
    begin: str | None,
    end: str | None,
    last: str | None,
    format_: str,
    language: str | None,
    timezone: str | None,
    output: Path | None,
) -> None:
    """Report a period of the site SITE (or of a store) against the one before. Works while the gateway runs.

    Days are local days of the gateway's time zone. docs/report.md has what each indicator says, and the JSON's keys.
    """
    from edgegw.clock import SystemClock
    from edgegw.report.show import Show

    chosen = _site(site, store, language, timezone)
    now_ns = SystemClock().now().wall_ns
    period = _period(begin, end, last, datetime.fromtimestamp(now_ns // 1_000_000_000, chosen.zone).date())
    made = read(chosen.store, period, chosen.zone, now_ns)
    show = Show(chosen.language, chosen.zone, chosen.names)
    name = f"edgegw-report-{chosen.names.gateway}-{period.begin}-{period.end}.{format_}"
    if output is None and format_ == "html":
        output = Path(name)
    _write(_rendered(format_, made, show), output, bom=format_ == "csv")


def read(store: Path, period: "Period", zone: ZoneInfo, now_ns: int) -> "Report":
    """The report of a period from a store. What cannot be read of it is told on stderr. Raises StoreError."""
    from edgegw.service.indicators_cases import view
    from edgegw.service.indicators_figures import figures
    from edgegw.service.indicators_rows import INDICATOR_KIND, UNSYNCED, decode
    from edgegw.service.ticket import HISTORY_KIND, TROUBLE_KIND, History
    from edgegw.service.trouble import decode_stored
    from edgegw.store.inspect import states

    before = period.before()
    until = period.end + timedelta(AFTER_DAYS)
    counted, unsynced, over, live = states(
        store,
        [
            (INDICATOR_KIND, f"{before.begin}/", f"{until}/{_END}"),
            (INDICATOR_KIND, f"{UNSYNCED}/", f"{UNSYNCED}/{_END}"),
            (HISTORY_KIND, "", _END),
            (TROUBLE_KIND, "", _END),
        ],
    )
    history_of = msgspec.json.Decoder(History).decode
    histories, bad = _readable(over, lambda _, value: history_of(value))
    troubles, worse = _readable(live, decode_stored)
    if bad + worse:
        click.echo(f"note: {bad + worse} tickets in {store} cannot be read and are left out", err=True)
    return figures(
        period,
        before,
        history=histories,
        live=[view(trouble) for trouble in troubles],
        counters=decode(counted | unsynced),
        zone=zone,
        now_ns=now_ns,
    )


def _readable(rows: Mapping[str, bytes], decode: Callable[[str, bytes], _T]) -> tuple[list[_T], int]:
    """What could be read, and how many could not."""
    found, bad = [], 0
    for key, value in rows.items():
        try:
            found.append(decode(key, value))
        except msgspec.DecodeError:
            bad += 1
    return found, bad


def _rendered(format_: str, made: "Report", show: "Show") -> str:
    from edgegw.report import tidy

    if format_ == "json":
        return tidy.as_json(made, names=show.names, show=show)
    if format_ == "csv":
        return tidy.as_csv(made, show=show)
    try:
        from edgegw.report.page import html
    except ModuleNotFoundError as error:
        if error.name != "jinja2":
            raise
        raise click.UsageError("HTML needs jinja2: install edgegw[report], or use --format csv or json") from error
    return html(made, names=show.names, show=show)


def _write(text: str, output: Path | None, *, bom: bool) -> None:
    if output is None or str(output) == "-":
        sys.stdout.buffer.write(text.encode())
        return
    try:
        # Spreadsheets take a file for UTF-8 only if it says so.
        output.write_bytes(text.encode("utf-8-sig" if bom else "utf-8"))
    except OSError as error:
        raise click.BadParameter(f"{output}: {error.strerror}", param_hint="--output") from error
    click.echo(str(output))


# --- what is meant ------------------------------------------------------------------------------------------------------


def _site(site: Path | None, store: Path | None, language: str | None, timezone: str | None) -> _Site:
    from edgegw.report.show import Names

    if site is not None:
        from edgegw.config.site import open_site

        plan = open_site(site, os.environ)
        language = language or plan.gateway.language
        zone = _zone(timezone or plan.gateway.timezone)
        return _Site(store or plan.store.path, zone, language, names_of(plan, language))
    if store is None:
        raise click.UsageError("give a site file, or --store FILE")
    language = language or "zh-CN"
    from edgegw.service.defaults import CATEGORIES

    categories = {one.id: one.name.of(language) for one in CATEGORIES}
    return _Site(store, _zone(timezone or DEFAULT_ZONE), language, Names(gateway=store.stem, categories=categories))


def names_of(plan: "SitePlan", language: str) -> "Names":
    """What a site's things are called."""
    from edgegw.config.service_specs import catalogue
    from edgegw.report.show import Names

    named = {key: door.name or key for key, door in plan.doors.items()}
    named |= {key: device.name for key, device in plan.devices.items()}
    patrols = {key: patrol.name.of(language) for key, patrol in plan.service.patrols.items() if patrol.name}
    return Names(
        gateway=plan.gateway.id,
        location=plan.gateway.location,
        devices=named,
        categories={key: one.name.of(language) for key, one in catalogue(plan).categories.items()},
        plans=patrols,
    )


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise click.BadParameter(f"no such time zone: {name!r}", param_hint="--timezone") from None


def _period(begin: str | None, end: str | None, last: str | None, today: date) -> "Period":
    from edgegw.service.indicators_report import Period

    if last is not None and (begin is not None or end is not None):
        raise click.UsageError("--last does not go with --from and --to")
    if begin is None:
        if end is not None:
            raise click.UsageError("--to needs --from")
        return _last(last or "week", today)
    first = _date(begin, "--from")
    until = today if end is None else _date(end, "--to")
    if first > until:
        raise click.BadParameter(f"{first} is after {until}", param_hint="--from")
    if (until - first).days >= DAYS_MOST:
        raise click.BadParameter(f"{first} to {until} is more than {DAYS_MOST} days", param_hint="--from")
    return Period(first, until)


def _last(text: str, today: date) -> "Period":
    from edgegw.service.indicators_report import Period

    found = LAST.match(text)
    if found is None or (found[2] and int(found[2]) > DAYS_MOST):
        raise click.BadParameter(
            f"{text!r}: write week, month, or days as 7d, {DAYS_MOST}d at most", param_hint="--last"
        )
    if found[2]:
        return Period(today - timedelta(int(found[2])), today - timedelta(1))
    if text == "month":
        end = today.replace(day=1) - timedelta(1)
        return Period(end.replace(day=1), end)
    monday = today - timedelta(today.weekday())
    return Period(monday - timedelta(7), monday - timedelta(1))


def _date(text: str, option: str) -> date:
    try:
        found = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a day of the gateway's zone
    except ValueError:
        raise click.BadParameter(f"not a date: {text!r}; write 2026-11-01", param_hint=option) from None
    if not 2000 <= found.year <= 2200:
        raise click.BadParameter(f"{text} is not a year that can be reported", param_hint=option)
    return found
