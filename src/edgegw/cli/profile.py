"""`edgegw profile`: list, show, test and try device profiles.

Owns: these commands' arguments and what they print.
Must not know: how a profile is read or decodes; the site file.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgegw.errors import DecodeError, ProfileError

if TYPE_CHECKING:
    from edgegw.model import Decoded, Raw
    from edgegw.profiles.loader import ProfileLibrary
    from edgegw.profiles.schema import Condition, Point, Profile

FAULT = 1
"""Exit code: it ran, and a sample or message failed."""


@click.group()
@click.option(
    "--profiles",
    "dirs",
    multiple=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A folder of profiles (<vendor>/<model>.yaml) to look in before the shipped ones. May be given several times.",
)
@click.pass_context
def profile(ctx: click.Context, dirs: tuple[Path, ...]) -> None:
    """List, show, test and try device profiles."""
    from edgegw.profiles.loader import ProfileLibrary

    ctx.obj = ProfileLibrary(dirs)


@profile.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array.")
@click.pass_obj
def list_profiles(library: "ProfileLibrary", as_json: bool) -> None:
    """All profiles with their link and what they are."""
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


@profile.command()
@click.argument("name")
@click.pass_obj
def show(library: "ProfileLibrary", name: str) -> None:
    """Points, alarms, poll plan and samples of one profile. NAME is a profile or a file."""
    found = _load(library, name)
    print(f"{found.vendor} {found.model}\n{found.description}\nlink: {found.link}   source: {found.source}")
    if found.offline_after:
        print(f"offline after {found.offline_after:g} s of silence")
    _show_section(found)
    print("\npoints")
    width = max(map(len, found.points))
    for point_name, point in found.points.items():
        print(f"  {point_name:<{width}}  {point.type:<8} {point.unit or '':<7} {_where(found, point)}{_how(point)}")
    print("\nalarms" if found.alarms else "\nno alarms")
    for alarm_name, alarm in found.alarms.items():
        hold = f" for {alarm.hold:g} s" if alarm.hold else ""
        condition = f"{alarm.point or 'device'} {_condition(alarm.when)}{hold}"
        print(f"  {alarm_name}: {condition} → {alarm.priority} {alarm.category}: {alarm.title.zh} / {alarm.title.en}")
    print(f"\n{len(found.samples)} samples pass")


def _show_section(found: "Profile") -> None:
    from edgegw.profiles.decode import compile_profile
    from edgegw.profiles.plan import poll_plan

    for topic in compile_profile(found, "{address}").topics():
        print(f"topic: {topic}")
    for block in poll_plan(found):
        last = block.address + block.count - 1
        print(
            f"poll: every {block.period_s:g} s (group {block.group}) "
            f"{block.table} {block.address:#06x}–{last:#06x} ({block.count})"
        )
    if found.serial is not None:
        print(f"frames: {found.serial.framing.kind}   protocol: {found.serial.protocol}")


def _where(found: "Profile", point: "Point") -> str:
    if point.modbus is not None:
        bit = f" bit {point.modbus.bit}" if point.modbus.bit is not None else ""
        order = f" {point.modbus.order}" if point.modbus.order != "ABCD" else ""
        return f"{point.modbus.table} {point.modbus.address:#06x}{bit}{order}"
    if point.serial is not None:
        return f"field {point.serial.field}"
    if point.mqtt is None:
        return ""
    topic = f" of {point.mqtt.topic}" if point.mqtt.topic and point.mqtt.topic != found.mqtt.topic else ""
    return f"{point.mqtt.path or 'the whole payload'}{topic}"


def _how(point: "Point") -> str:
    scale = f" × {point.scale:g}" if point.scale != 1 else ""
    offset = f" + {point.offset:g}" if point.offset else ""
    limits = f" [{'' if point.min is None else f'{point.min:g}'}…{'' if point.max is None else f'{point.max:g}'}]"
    return scale + offset + (limits if point.min is not None or point.max is not None else "")


def _condition(when: "Condition") -> str:
    said = when.model_dump(by_alias=True, exclude_unset=True)
    return ", ".join(f"{key} {value}" for key, value in said.items())


@profile.command()
@click.argument("names", nargs=-1, metavar="[NAME|FILE]...")
@click.pass_context
def test(ctx: click.Context, names: tuple[str, ...]) -> None:
    """Check profiles and run their samples; all of them if none is named. Exit code 1 if one fails, 2 if one cannot be read."""
    worst = 0
    for name in names or ctx.obj.names():
        try:
            found = _load(ctx.obj, name)
        except ProfileError as error:
            print(f"FAIL {name}\n{_indent(error.detail)}")
            worst = max(worst, FAULT if error.reason == "samples" else 2)
        else:
            print(f"ok   {name} ({len(found.samples)} samples)")
    ctx.exit(worst)


@profile.command()
@click.argument("name")
@click.option("--topic", help="MQTT topic, as the device sends it; the profile's first topic if not given.")
@click.option("--payload", help="MQTT payload; @FILE reads it from a file.")
@click.option("--hex", "hex_", help="Reply (Modbus RTU form) or serial bytes as hex digits.")
@click.option("--request", help="Modbus: the request that the reply answers, as hex digits.")
@click.option("--retained", is_flag=True, help="The broker kept the message from earlier.")
@click.pass_context
def decode(  # noqa: PLR0917 - click passes by name
    ctx: click.Context,
    name: str,
    topic: str | None,
    payload: str | None,
    hex_: str | None,
    request: str | None,
    retained: bool,
) -> None:
    """Decode one message and print its readings as JSON. Exit code 1 if it is refused."""
    from edgegw.profiles.decode import compile_profile

    found = _load(ctx.obj, name)
    if (payload is not None) != (found.link == "mqtt") or (payload is None) == (hex_ is None):
        raise click.UsageError("--payload for an MQTT profile, --hex for Modbus and serial")
    try:
        if payload is not None:
            raw: Raw = _mqtt(found, topic, payload, retained)
            address = _address(found, raw.topic)  # type: ignore[union-attr]  # _mqtt makes MqttPayload
        else:
            raw, address = _wire(found, _bytes(hex_ or ""), _bytes(request or "")), None
        decoded = compile_profile(found, address).decode(raw)
    except DecodeError as error:
        print(json.dumps({"error": error.reason, "detail": error.detail}, ensure_ascii=False))
        ctx.exit(FAULT)
    else:
        print(_as_json(decoded))


def _mqtt(found: "Profile", topic: str | None, payload: str, retained: bool) -> "Raw":
    from edgegw.model import MqttPayload
    from edgegw.profiles.decode import compile_profile

    data = _file(Path(payload[1:])) if payload.startswith("@") else payload.encode(errors="surrogateescape")
    return MqttPayload(topic or compile_profile(found, "device").topics()[0], data, retained)


def _file(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise click.UsageError(f"{path}: {error.strerror or error}") from error


def _address(found: "Profile", topic: str) -> str:
    """The address for which a template of the profile is this topic; templates are tried in order."""
    from edgegw.profiles.decode import compile_profile

    for template in compile_profile(found, "{address}").topics():
        head, _, rest = template.partition("{address}")
        tail = rest.replace("{address}", "")
        if topic.startswith(head) and topic.endswith(tail) and len(topic) > len(head) + len(tail):
            address = topic[len(head) : len(topic) - len(tail)]
            if template.replace("{address}", address) == topic and topic in compile_profile(found, address).topics():
                return address
    return "device"


def _wire(found: "Profile", data: bytes, request: bytes) -> "Raw":
    from edgegw.profiles.samples import wire

    if found.link == "modbus" and not request:
        raise click.UsageError("--request is needed: a Modbus reply does not say which registers it holds")
    return wire(found, data, request)


def _bytes(digits: str) -> bytes:
    try:
        return bytes.fromhex(digits)
    except ValueError as error:
        raise click.UsageError(f"not hex digits: {digits}") from error


def _as_json(decoded: "Decoded") -> str:
    readings = [
        {"point": r.point, "value": r.value, **({"unit": r.unit} if r.unit else {}), "quality": r.quality.value}
        for r in decoded.readings
    ]
    said: dict[str, object] = {"readings": readings}
    if decoded.online is not None:
        said["online"] = decoded.online
    return json.dumps(said, ensure_ascii=False, indent=2)


def _load(library: "ProfileLibrary", name: str) -> "Profile":
    from edgegw.profiles.loader import load_profile

    return load_profile(Path(name)) if name.endswith((".yaml", ".yml")) else library.get(name)


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
