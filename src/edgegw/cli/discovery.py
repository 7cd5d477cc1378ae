"""`edgegw discovery`: devices that announce themselves on a broker; each is approved once before it is a device of the site.

Owns: the commands, what belongs to which device. Must not know: how a profile comes about, how files are written.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from edgegw.errors import ConfigError

if TYPE_CHECKING:  # imported when a command runs
    from edgegw.cli.discovery_site import Found
    from edgegw.discovery.devices import FoundDevice

SITE = click.argument("site", type=click.Path(path_type=Path))
LINK = click.option("--link", required=True, help="The MQTT link whose broker is listened on.")
FOR = click.option(
    "--for", "listen", metavar="TIME", help="How long to listen, as 10s; the link's discovery.listen if not given."
)
JSON = click.option("--json", "as_json", is_flag=True, help="For scripts.")


@click.group()
def discovery() -> None:
    """List and approve devices that announce themselves as Home Assistant's MQTT discovery says (docs/discovery.md)."""


@discovery.command(name="list")
@SITE
@LINK
@FOR
@JSON
def list_(site: Path, link: str, listen: str | None, as_json: bool) -> None:
    """Who announces itself on LINK's broker, with all that approving it would bring. Nothing is changed."""
    from edgegw.cli.discovery_site import Found, Site

    here = Site(site, link)
    found = Found(here, listen)
    said = [found.told(device) for device in found.heard.devices.values()]
    silent = here.approvals.silent(link, set(found.heard.devices))
    gone = [one for one in silent if one.identity in found.heard.taken_back]
    if as_json:
        refused = [{"what": r.what, "reason": r.reason, "detail": r.detail} for r in found.heard.refused]
        left = {reason: count for reason, count in found.listened.left_out.items() if count}
        absent = [{"id": one.device, "state": "gone" if one in gone else "not-seen"} for one in silent]
        click.echo(
            json.dumps({"devices": said, "absent": absent, "refused": refused, "left_out": left}, ensure_ascii=False)
        )
        return
    _show(found, said)
    for one in silent:
        what = "took its announcement back" if one in gone else "approved, and not announced now"
        click.echo(f"{one.device}  {what}")


@discovery.command()
@SITE
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
@LINK
@FOR
@click.option("--as", "as_id", metavar="ID", help="The device's id in the site file; only with one DEVICE.")
@JSON
def approve(site: Path, devices: tuple[str, ...], link: str, listen: str | None, **options: Any) -> None:  # noqa: ANN401 - click's
    """Make DEVICE, an id or identity that `list` shows, a device of the site: its profile and its entry in the site file.

    The gateway takes it up when it is started again. Exits 2, with nothing changed, if one of them is not there or of no use.
    """
    from edgegw.cli.discovery_site import Found, Site

    as_id: str | None = options["as_id"]
    if as_id is not None and len(devices) > 1:
        raise click.UsageError("--as goes with one DEVICE")
    here = Site(site, link)
    found = Found(here, listen)
    with here.files.alone():
        here = Site(site, link)  # as it is now that nobody else changes it
        found.here = here
        done = _approve(found, devices, as_id)
    if options["as_json"]:
        click.echo(json.dumps({"approved": done}, ensure_ascii=False))
        return
    for one in done:
        if one["changed"]:
            click.echo(f"{one['id']}: approved, profile {one['profile']}")
        else:
            click.echo(f"{one['id']}: approved already, and unchanged")
    if any(one["changed"] for one in done):
        click.echo("start the gateway again to take that up")


@discovery.command()
@SITE
@click.argument("devices", nargs=-1, required=True, metavar="DEVICE...")
def forget(site: Path, devices: tuple[str, ...]) -> None:
    """Take the approval of DEVICE back and delete its profile, once it is no longer in the site file."""
    from edgegw.cli.discovery_site import Site

    here = Site(site, None)
    with here.files.alone():
        approvals = here.files.approvals()
        for name in devices:
            one = next((one for one in approvals.devices if name in {one.device, one.identity}), None)
            if one is None:
                raise ConfigError("approvals", f"{name} is not approved")
            if (used := here.users(one.profile)) is not None:
                raise ConfigError(
                    "site", f"{site}: remove device {used} from the site file first: it has profile {one.profile}"
                )
            approvals = approvals.without(one.device)
            here.files.record(approvals)
            here.files.forget(one.profile.partition("/")[2])
            click.echo(f"{one.device}: forgotten")


def _show(found: "Found", said: list[dict[str, Any]]) -> None:
    """All devices for a person."""
    from edgegw.cli.discovery_text import text
    from edgegw.cli.table import plain

    for device in said:
        click.echo("\n".join([*text(device), ""]))
    if not said:
        click.echo("nobody announces itself: is the prefix right, and are the announcements retained?")
    for one in found.heard.refused:
        click.echo(f"refused  {plain(one.what)}: {one.reason}: {plain(one.detail)}")
    for reason, count in found.listened.left_out.items():
        if count:
            click.echo(f"left out  {count}, {reason}")


def _approve(found: "Found", names: tuple[str, ...], as_id: str | None) -> list[dict[str, Any]]:
    """Approve some devices at once: all, or none of them."""
    from edgegw.cli.discovery_files import VENDOR
    from edgegw.discovery.approvals import approve as approval
    from edgegw.probe.adding import Entry

    here, approvals = found.here, found.here.approvals
    profiles: dict[str, Mapping[str, Any]] = {}
    entries: dict[str, Entry] = {}
    done = []
    for name in dict.fromkeys(names):
        device = found.pick(name)
        before = approvals.of(here.link, device.owner.identity)
        id_ = before.device if before is not None else _id(found, device, as_id, {*here.names(), *entries})
        profile = before.profile if before is not None else f"{VENDOR}/{id_}"
        present = id_ in here.plan.devices
        if before is not None and before.fingerprint == device.fingerprint and present:
            done.append({"id": id_, "profile": profile, "changed": False})
            continue
        made = found.made(device)
        if made.data is None:
            why = "; ".join(f"{one.what}: {one.reason}: {one.detail}" for one in made.refused[:5])
            raise ConfigError("device", f"nothing of {name} can be read{f': {why}' if why else ''}")
        profiles[profile.partition("/")[2]] = made.data
        if not present:
            entries[id_] = Entry(here.link, profile, made.address, device.owner.name)
        approvals = approvals.with_one(approval(id_, here.link, device, profile))
        done.append({"id": id_, "profile": profile, "changed": True})
    if profiles:
        here.files.write(profiles, entries, approvals)
    return done


def _id(found: "Found", device: "FoundDevice", as_id: str | None, taken: set[str]) -> str:
    """A free id for a new device. Raises ConfigError ``device`` where the one asked for is no id, or taken."""
    from edgegw.discovery.naming import device_slug, is_slug

    if as_id is not None:
        if not is_slug(as_id):
            raise ConfigError("device", f"--as {as_id}: ids are of lower case letters, digits, _ . and -")
        if as_id in taken:
            raise ConfigError("device", f"--as {as_id}: the site has a device or door of that id")
        return as_id
    base = device_slug(device.owner)
    used = taken | {one.profile.partition("/")[2] for one in found.here.approvals.devices}
    return next(
        id_ for number in range(1, len(used) + 2) if (id_ := base if number == 1 else f"{base}-{number}") not in used
    )
