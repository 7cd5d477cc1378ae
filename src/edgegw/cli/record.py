"""`edgegw record`: real messages of one device as samples for its profile.

Owns: the command, what it tells. Must not know: how messages are heard (record_io), what a sample is (authoring.recording).
"""

import asyncio
import json
import os
import secrets
from contextlib import suppress
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgegw.errors import ConfigError, LinkError

if TYPE_CHECKING:  # pydantic and the profiles are imported when the command runs
    from edgegw.authoring.recording import Recording
    from edgegw.cli.record_io import Heard
    from edgegw.config.plan import DevicePlan, SitePlan

MOST = 200
"""Samples in one recording at most: a profile with more would be read by nobody."""

LONGEST_S = 86_400.0
"""A day: an alarm that comes once a week is provoked, not waited for."""


class Span(click.ParamType[float]):
    """A length of time with its unit."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds."""
        from edgegw.profiles.fields import parse_duration

        if isinstance(value, float):
            return value
        try:
            seconds = parse_duration(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not 0 < seconds <= LONGEST_S:
            self.fail("more than 0, and a day at most", param, ctx)
        return seconds


@click.command(short_help="Capture a device's messages as samples for its profile.")
@click.argument("device_id", metavar="DEVICE")
@click.option("--site", required=True, type=click.Path(path_type=Path), help="The site file that DEVICE is in.")
@click.option("--for", "seconds", default="60s", show_default=True, type=Span(), help="How long to listen.")
@click.option("--count", default=20, show_default=True, type=click.IntRange(1, MOST), help="Samples at most.")
@click.option("--topic", "topics", multiple=True, metavar="FILTER", help="MQTT: keep what comes here as it is instead.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE", help="Default: stdout."
)
@click.option("--force", is_flag=True, help="Overwrite FILE.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def record(  # noqa: PLR0917 - click passes by name
    device_id: str,
    site: Path,
    seconds: float,
    count: int,
    topics: tuple[str, ...],
    output: Path | None,
    force: bool,
    as_json: bool,
) -> int:
    """Capture real messages of DEVICE as samples, ready to be put under `samples:` of its profile.

    Each kind of message is kept once or twice, with the readings that the present profile gives. Card numbers, PINs, keys, names
    and pictures are replaced by others of the same shape. No command is sent: MQTT and serial ports are listened to, Modbus,
    meters and serial devices that only answer are asked as the profile says. Serial lines are the gateway's alone: stop it first.

    With --topic, messages of other topics are kept, their readings to be filled in: for a device that has no profile yet.

    Exits 1 if nothing was captured, 2 if the site file or the command line is wrong.
    """
    from edgegw.authoring.recording import Recording
    from edgegw.cli import record_io
    from edgegw.config.site import open_site

    if output is not None and output.exists() and not force:
        raise click.UsageError(f"{output} is there already; --force overwrites it")
    plan = open_site(site, os.environ)
    device = plan.devices.get(device_id)
    if device is None:
        raise click.UsageError(f"{site} has no device {device_id!r}; it has {_some(plan)}")
    link = next(link for link in plan.links if link.name == device.link)
    if topics and link.config.kind != "mqtt":
        raise click.UsageError(f"--topic is for MQTT; {device_id} is on {link.config.kind}")
    address = None if device.address is None else str(device.address)
    recording = Recording(
        None if topics else plan.profiles[device.profile],
        address,
        date=date.today().isoformat(),  # noqa: DTZ011 - the day as people here call it
        count=count,
        pick=secrets.randbelow,
    )
    click.echo(f"listening to {device_id} for {seconds:g} s, {count} samples at most; Ctrl-C ends it earlier", err=True)
    trouble = _listen(record_io.Heard(plan, link, device, topics), recording, seconds)
    _write(recording, output, as_json=as_json, device=device)
    for line in _told(recording, trouble):
        click.echo(line, err=True)
    return 0 if recording.samples else 1


def _listen(heard: "Heard", recording: "Recording", seconds: float) -> str:
    """Listen until there is enough, the time is over, or Ctrl-C. Returns what ended it early, if that was a fault."""
    try:
        with suppress(KeyboardInterrupt):
            asyncio.run(heard.listen(recording, seconds))
    except LinkError as error:
        if not recording.samples:
            raise ConfigError(error.reason, error.detail or error.reason) from error
        return f"ended early: {error}"
    return ""


def _write(recording: "Recording", output: Path | None, *, as_json: bool, device: "DevicePlan") -> None:
    from edgegw.authoring.recording import plain

    if as_json:
        told = {
            "device": device.id,
            "profile": device.profile,
            "samples": plain(recording.samples),
            "heard": recording.heard,
            "blotted": recording.blotted,
            "left_out": dict(recording.left_out),
        }
        text = json.dumps(told, ensure_ascii=False, indent=2) + "\n"
    else:
        text = recording.text()
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        click.echo(text, nl=False)  # what was heard may not come again
        raise ConfigError("file", f"{output}: cannot be written: {error.strerror or error}") from error


def _told(recording: "Recording", trouble: str) -> list[str]:
    lines = [f"{recording.heard} messages heard, {len(recording.samples)} kept as samples"]
    if recording.blotted:
        lines.append(f"{recording.blotted} secrets replaced; look the samples through before you pass them on")
    lines += [f"left out {n}: {why}" for why, n in recording.left_out.most_common()]
    return [*lines, trouble] if trouble else lines


def _some(plan: "SitePlan") -> str:
    names = list(plan.devices)
    return ", ".join(names[:8]) + (" …" if len(names) > 8 else "")
