"""What a profile says against itself, beyond what the schema can tell.

Owns: the rules that join sections: points fit the link, alarms name points, groups exist, samples fit the link.
Must not know: files, positions (the loader adds them), whether the samples pass.
"""

from collections.abc import Iterator

from edgegw.codec.registers import SIZES
from edgegw.errors import ProfileError
from edgegw.profiles.check_commands import command_findings
from edgegw.profiles.check_meter import meter_findings
from edgegw.profiles.check_osdp import osdp_findings
from edgegw.profiles.decode_serial import parser_of
from edgegw.profiles.plan import BIT_TABLES, width
from edgegw.profiles.schema import Point, Profile, Sample
from edgegw.profiles.schema_modbus import ModbusRead

Loc = tuple[str | int, ...]
Finding = tuple[Loc, str]

_READS = ("mqtt", "modbus", "osdp", "serial", "meter")
_NUMERIC = frozenset({"int", "float", *SIZES} - {"bool"})


def findings(profile: Profile) -> Iterator[Finding]:
    """Every contradiction as (path in the file, message)."""
    for name, point in profile.points.items():
        yield from _point(profile, name, point)
    yield from _section(profile)
    yield from _alarms(profile)
    for index, sample in enumerate(profile.samples):
        yield from _sample(profile, ("samples", index), sample)
    yield from command_findings(profile)


def _point(profile: Profile, name: str, point: Point) -> Iterator[Finding]:
    at: Loc = ("points", name)
    for link in _READS:
        there = getattr(point, link) is not None
        if there and link != profile.link:
            yield (*at, link), f"the profile's link is {profile.link}: this point cannot be read by {link}"
        if not there and link == profile.link:
            yield at, f"point {name} does not say where it is: it needs a section `{link}`"
    if point.type not in _NUMERIC and point.map is None:
        for key in ("scale", "offset", "decimals", "min", "max"):
            if key in point.model_fields_set:
                yield (*at, key), f"{key} is for numbers, not for type {point.type}"
    if point.map is not None and {"scale", "offset", "decimals", "min", "max"} & point.model_fields_set:
        yield (*at, "map"), "a mapped value is final: map does not go with scale, offset, decimals, min or max"
    if point.min is not None and point.max is not None and point.min > point.max:
        yield (*at, "min"), f"min {point.min:g} is above max {point.max:g}"
    if point.modbus is not None:
        yield from _register(profile, at, point)
    elif point.length is not None:
        yield (*at, "length"), "length is for type str on Modbus"


def _register(profile: Profile, at: Loc, point: Point) -> Iterator[Finding]:
    read = point.modbus
    if read is None:
        return
    if read.group not in profile.modbus.poll:
        yield (*at, "modbus"), f"no poll group {read.group!r}; modbus.poll has {', '.join(profile.modbus.poll)}"
    if read.table in BIT_TABLES and point.type != "bool":
        yield (*at, "type"), f"a {read.table} is one bit: its type is bool"
    if point.type in {"int", "float"}:
        yield (*at, "type"), "a register needs a sized type: int16, uint16, int32, uint32, float32 …"
    if read.bits is not None:
        if point.type not in {"uint16", "uint32", "uint64"}:
            yield (
                (*at, "modbus", "bits"),
                "a field of bits is of type uint16, uint32 or uint64, after the number it is in",
            )
        elif (read.bit or 0) + read.bits > 16 * width(point):
            yield (*at, "modbus", "bits"), f"{point.type} has {16 * width(point)} bits"
    elif read.bit is not None and (point.type != "bool" or read.table in BIT_TABLES or read.bit > 15):
        yield (*at, "modbus", "bit"), "bit is for points of type bool in holding or input registers, 0 to 15"
    yield from _scaled_by_others(profile, at, point, read)
    if (point.type == "str") != (point.length is not None):
        yield at, "type str needs a length in registers, and only type str has one"
    if read.address + width(point) > 0x10000:
        yield (*at, "modbus", "address"), "the point reaches beyond register 65535"


def _scaled_by_others(profile: Profile, at: Loc, point: Point, read: ModbusRead) -> Iterator[Finding]:
    key = "scale_from" if read.scale_from else "decimals_from"
    if read.others and (point.type not in _NUMERIC or point.map is not None):
        yield (*at, "modbus", key), f"{key} is for numbers without a map"
    for name in read.others:
        other = profile.points.get(name)
        if other is None or other.modbus is None:
            yield (*at, "modbus", key), f"there is no point {name!r}; points are {', '.join(profile.points)}"
        elif other.type not in _NUMERIC or other.map is not None:
            yield (*at, "modbus", key), f"point {name} is no number"
        elif other.modbus.others:
            yield (*at, "modbus", key), f"point {name} is itself scaled by another"


def _section(profile: Profile) -> Iterator[Finding]:
    for link in _READS:
        if link in profile.model_fields_set and link != profile.link:
            yield (link,), f"the profile's link is {profile.link}: a section {link} has no meaning"
    if profile.link == "mqtt":
        templates: dict[str, Loc] = {
            p.mqtt.topic or profile.mqtt.topic: ("points", n) for n, p in profile.points.items() if p.mqtt is not None
        }
        if profile.mqtt.availability is not None:
            templates[profile.mqtt.availability.topic] = ("mqtt", "availability", "topic")
        if (bridge := profile.mqtt.bridge) is not None:
            if bridge.topic in templates:
                yield (
                    ("mqtt", "bridge", "topic"),
                    f"{bridge.topic!r} is a topic of the device itself, not of what stands between",
                )
            templates[bridge.topic] = ("mqtt", "bridge", "topic")
        for template, at in templates.items():
            if any(c in template for c in "+#\0") or not template or len(template) > 512:
                yield at, f"not an exact MQTT topic: {template!r}"
    if profile.link == "serial":
        yield from _serial(profile)
    if profile.link == "osdp":
        yield from osdp_findings(profile)
    if profile.link == "meter":
        yield from meter_findings(profile)


def _serial(profile: Profile) -> Iterator[Finding]:
    section = profile.serial
    if section is None:
        yield ("link",), "link: serial needs a section `serial` (framing and protocol)"
        return
    try:
        parser = parser_of(section)
    except ProfileError as error:
        yield ("serial", error.reason), error.detail
        return
    for name, point in profile.points.items():
        if point.serial is not None and point.serial.field not in parser.fields:
            here: Loc = ("points", name, "serial", "field")
            yield here, f"no field {point.serial.field!r}; {section.protocol} gives {', '.join(parser.fields)}"


def _alarms(profile: Profile) -> Iterator[Finding]:
    for name, alarm in profile.alarms.items():
        if alarm.point is None:
            continue
        at: Loc = ("alarms", name, "point")
        if alarm.point not in profile.points:
            yield at, f"there is no point {alarm.point!r}; points are {', '.join(profile.points)}"
            continue
        if profile.points[alarm.point].secret:
            yield at, f"{alarm.point} is secret, and an alarm shows what it saw"
        numeric = profile.points[alarm.point].type in _NUMERIC
        if not numeric and alarm.when.model_fields_set & {"above", "below", "rate_above"}:
            yield ("alarms", name, "when"), f"point {alarm.point} is no number: use equals, in, changed or missing"


def _sample(profile: Profile, at: Loc, sample: Sample) -> Iterator[Finding]:
    mqtt = profile.link == "mqtt"
    if mqtt != (sample.payload is not None):
        yield at, f"a sample of a {profile.link} profile has {'payload' if mqtt else 'hex'}"
    if (profile.link == "modbus") != (sample.request is not None):
        yield at, "a Modbus sample has a request that hex answers; other samples have none"
    if not mqtt and (sample.topic or sample.address or sample.retained or sample.stale or sample.online is not None):
        yield at, "topic, address, retained, stale and online are for MQTT samples"
    if not mqtt and (sample.received is not None or sample.times is not None):
        yield at, "received and times are for MQTT samples"
    needed = {name for p in profile.points.values() if p.modbus is not None for name in p.modbus.others}
    for name in sample.given:
        if name not in needed:
            yield (*at, "given", name), f"{name} scales no other point"
    for name in sample.readings or ():
        if name not in profile.points:
            yield (*at, "readings", name), f"there is no point {name!r}"
    if sample.error is not None and (sample.readings is not None or sample.online is not None):
        yield (*at, "error"), "a message that must be refused gives no readings"
