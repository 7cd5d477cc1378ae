"""`edgegw profile`: show, test and try device profiles, their messages and commands; list, new and import stand beside.

Owns: these commands' arguments and what they print.
Must not know: how a profile is read or decodes; the site file.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edgegw.cli.profile_import import import_
from edgegw.cli.profile_list import list_profiles
from edgegw.cli.profile_new import new
from edgegw.errors import DecodeError, ProfileError

if TYPE_CHECKING:
    from edgegw.model import Decoded, Raw, Value
    from edgegw.profiles.encode import Outgoing
    from edgegw.profiles.loader import ProfileLibrary
    from edgegw.profiles.plan import Block
    from edgegw.profiles.schema import Condition, Point, Profile
    from edgegw.profiles.schema_commands import CommandSpec

FAULT = 1
"""Exit code: it ran, and a sample or message failed."""


@click.group(commands=[list_profiles, new, import_])
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
    """List, show, test, try and make device profiles."""
    from edgegw.profiles.loader import ProfileLibrary

    ctx.obj = ProfileLibrary(dirs)


@profile.command()
@click.argument("name")
@click.pass_obj
def show(library: "ProfileLibrary", name: str) -> None:
    """Points, alarms, poll plan and samples of one profile. NAME is a profile or a file."""
    found = library.open(name)
    print(f"{found.vendor} {found.model}\n{found.description}\nlink: {found.link}   source: {found.source}")
    if found.extends:
        print(f"extends: {', '.join(library.bases(name))}")
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
        worth = f"{alarm.priority or 'by catalogue'} {alarm.category}"
        print(f"  {alarm_name}: {condition} → {worth}: {alarm.title.zh} / {alarm.title.en}")
    print("\ncommands" if found.commands else "\nno commands")
    for command_name, spec in found.commands.items():
        print(f"  {command_name}{_arguments(spec)}: {_effect(spec)}")
    print(f"\n{len(found.samples) + len(found.command_samples)} samples pass")


def _arguments(spec: "CommandSpec") -> str:
    told = []
    for name, arg in spec.args.items():
        low, high = (f"{bound:g}" if bound is not None else "" for bound in (arg.min, arg.max))
        limits = f" {low}…{high}" if low or high else f" {'|'.join(map(str, arg.choices))}" if arg.choices else ""
        told.append(f"{name} {arg.type}{limits}{'' if arg.default is None else f' = {arg.default}'}")
    return f" ({', '.join(told)})" if told else ""


def _effect(spec: "CommandSpec") -> str:
    confirm = spec.confirm
    if confirm is not None:
        value = f"argument {confirm.arg}" if confirm.arg else json.dumps(confirm.equals, ensure_ascii=False)
        how = f"confirmed by {confirm.point} = {value} within {confirm.within:g} s"
    elif spec.mqtt is not None and spec.mqtt.reply is not None:
        how = f"confirmed by a reply on {spec.mqtt.reply.topic}"
    elif spec.mqtt is not None:
        how = "confirmed by the broker, which passes it on"
    else:
        how = "confirmed by the answer to the write" if spec.modbus or spec.meter else "not confirmed"
    return f"{how}{', ends by itself' if spec.timed else ''}{f'; {spec.description}' if spec.description else ''}"


def _show_section(found: "Profile") -> None:
    from edgegw.profiles.decode import compile_profile
    from edgegw.profiles.plan import poll_plan

    compiled = compile_profile(found, "{address}")
    for topic in compiled.topics():
        print(f"topic: {topic}")
    for topic in compiled.live_topics():
        print(f"live topic: {topic}")
    for block in poll_plan(found):
        if found.meter is not None:
            print(f"poll: every {block.period_s:g} s (group {block.group}) {block.table} {_di(block)}")
            continue
        last = block.address + block.count - 1
        print(
            f"poll: every {block.period_s:g} s (group {block.group}) "
            f"{block.table} {block.address:#06x}–{last:#06x} ({block.count})"
        )
    if found.serial is not None:
        print(f"frames: {found.serial.framing.kind}   protocol: {found.serial.protocol}")


def _di(block: "Block") -> str:
    return f"{block.address:0{8 if block.table == 'dlt645' else 4}X}"


def _where(found: "Profile", point: "Point") -> str:
    if point.meter is not None:
        return f"{point.meter.di} {point.meter.field or point.meter.format}"
    if point.modbus is not None:
        bit = f" bit {point.modbus.bit}" if point.modbus.bit is not None else ""
        order = f" {point.modbus.order}" if point.modbus.order != "ABCD" else ""
        return f"{point.modbus.table} {point.modbus.address:#06x}{bit}{order}"
    if point.osdp is not None:
        return f"field {point.osdp.field}"
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
            found = ctx.obj.open(name)
        except ProfileError as error:
            print(f"FAIL {name}\n{_indent(error.detail)}")
            worst = max(worst, FAULT if error.reason == "samples" else 2)
        else:
            print(f"ok   {name} ({len(found.samples) + len(found.command_samples)} samples)")
    ctx.exit(worst)


@profile.command()
@click.argument("name")
@click.option("--topic", help="MQTT topic, as the device sends it; the profile's first topic if not given.")
@click.option("--payload", help="MQTT payload; @FILE reads it from a file.")
@click.option("--hex", "hex_", help="Reply (Modbus RTU form) or serial bytes as hex digits.")
@click.option("--request", help="Modbus: the request that the reply answers, as hex digits.")
@click.option("--retained", is_flag=True, help="The broker kept the message from earlier.")
@click.option("--address", help="MQTT: the device's address; found in the topic if not given.")
@click.pass_context
def decode(  # noqa: PLR0917 - click passes by name
    ctx: click.Context,
    name: str,
    topic: str | None,
    payload: str | None,
    hex_: str | None,
    request: str | None,
    retained: bool,
    address: str | None,
) -> None:
    """Decode one message and print its readings as JSON. Exit code 1 if it is refused."""
    from edgegw.profiles.decode import compile_profile

    found = ctx.obj.open(name)
    if (payload is not None) != (found.link == "mqtt") or (payload is None) == (hex_ is None):
        raise click.UsageError("--payload for an MQTT profile, --hex for Modbus and serial")
    try:
        if payload is not None:
            raw: Raw = _mqtt(found, topic, payload, retained)
            address = address or _address(found, raw.topic)  # type: ignore[union-attr]  # _mqtt makes MqttPayload
        else:
            raw = _wire(found, _bytes(hex_ or ""), _bytes(request or ""))
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

    compiled = compile_profile(found, "{address}")
    for template in (*compiled.topics(), *compiled.live_topics()):
        head, _, rest = template.partition("{address}")
        tail = rest.replace("{address}", "")
        if topic.startswith(head) and topic.endswith(tail) and len(topic) > len(head) + len(tail):
            address = topic[len(head) : len(topic) - len(tail)]
            at = compile_profile(found, address)
            if template.replace("{address}", address) == topic and topic in {*at.topics(), *at.live_topics()}:
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


@profile.command()
@click.argument("name")
@click.argument("command")
@click.option("--arg", "args", multiple=True, metavar="NAME=VALUE", help="An argument; may be given several times.")
@click.option("--address", default="device", show_default=True, help="MQTT: what {address} is in the topics.")
@click.option("--unit", default=1, show_default=True, type=click.IntRange(0, 255), help="Modbus: the unit asked.")
@click.option("--id", "correlation", default="1", show_default=True, help="MQTT: what {id} is.")
@click.pass_context
def encode(  # noqa: PLR0917 - click passes by name
    ctx: click.Context, name: str, command: str, args: tuple[str, ...], address: str, unit: int, correlation: str
) -> None:
    """Print as JSON what a command would send, and what confirms it; nothing is sent. Exit code 1 if it is refused."""
    from edgegw.errors import CommandError
    from edgegw.profiles.encode import compile_commands

    found = ctx.obj.open(name)
    try:
        given = dict(_argument(found, command, text) for text in args)
        outgoing = compile_commands(found, address, unit).encode(command, given, correlation)
    except CommandError as error:
        print(json.dumps({"error": error.reason, "detail": error.detail}, ensure_ascii=False))
        ctx.exit(FAULT)
    else:
        print(json.dumps(_sent(outgoing, unit), ensure_ascii=False, indent=2))


def _argument(found: "Profile", command: str, text: str) -> tuple[str, "Value"]:
    """A name and its value, in the argument's type; what is no such value stays text and is refused as one."""
    key, equals, value = text.partition("=")
    if not equals:
        raise click.UsageError(f"--arg {text}: NAME=VALUE is wanted")
    spec = found.commands.get(command)
    kind = spec.args[key].type if spec is not None and key in spec.args else "str"
    if kind == "bool":
        return key, {"true": True, "false": False}.get(value, value)
    if kind == "str":
        return key, value
    try:
        return key, float(value) if kind == "float" or not value.lstrip("-").isdecimal() else int(value)
    except ValueError:
        return key, value


def _sent(outgoing: "Outgoing", unit: int) -> dict[str, object]:
    """What is sent, and what confirms it."""
    from edgegw.codec.modbus import read_request
    from edgegw.profiles.encode import MeterWrite, ModbusWrite, MqttPublish
    from edgegw.profiles.samples import shown

    told: dict[str, object] = dict(shown(outgoing, unit))
    if isinstance(outgoing, MeterWrite):
        if outgoing.readback is not None and outgoing.shows is not None:
            point, value = outgoing.shows
            told["readback"] = {
                "di": f"{outgoing.readback[1]:04X}",
                "point": point,
                "value": value,
                "within_s": outgoing.within_s,
            }
        return told
    if isinstance(outgoing, ModbusWrite):
        if outgoing.readback is not None:
            told["readback"] = {
                "hex": read_request(unit, *outgoing.readback).hex().upper(),
                "words": list(outgoing.expect),
                **({} if outgoing.mask is None else {"mask": list(outgoing.mask)}),
                "within_s": outgoing.within_s,
            }
        return told
    if isinstance(outgoing, MqttPublish):
        told["qos"] = outgoing.qos
        if outgoing.reply is not None:
            reply = outgoing.reply
            told["reply"] = {"topic": reply.topic} | ({reply.id_path: reply.id} if reply.id_path else {})
    if outgoing.expect is not None:
        expect = outgoing.expect
        told["confirm"] = {"point": expect.point, "value": expect.value, "within_s": expect.within_s}
    return told


def _indent(text: str) -> str:
    return "\n".join(f"  {line}" for line in text.splitlines())
