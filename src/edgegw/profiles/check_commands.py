"""What a profile's commands, live topics and acknowledgements say against themselves and the rest of the profile.

Owns: the rules that join commands with points, arguments and the link.
Must not know: files, positions, whether the samples pass.
"""

from collections.abc import Iterator

from edgegw.errors import DecodeError
from edgegw.model import Value
from edgegw.profiles.arguments import argument_fault, same_value
from edgegw.profiles.decode_mqtt import parse_json
from edgegw.profiles.encode_meter import shown_in
from edgegw.profiles.encode_modbus import function_of, shown_as, words_of
from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_commands import Arg, CommandSpec, Confirm, ModbusCommand, MqttCommand
from edgegw.profiles.templates import Template

Loc = tuple[str | int, ...]
Finding = tuple[Loc, str]

_WAYS = ("modbus", "mqtt", "osdp", "serial", "meter")
RESERVED = frozenset({"address", "id"})
"""Names that templates give a meaning of their own."""


def command_findings(profile: Profile) -> Iterator[Finding]:
    """Every contradiction of the parts that act, as (path in the file, message)."""
    for name, spec in profile.commands.items():
        yield from _command(profile, ("commands", name), spec)
    for index, sample in enumerate(profile.command_samples):
        at: Loc = ("command_samples", index)
        if sample.command not in profile.commands:
            known = ", ".join(profile.commands) or "none"
            yield (*at, "command"), f"there is no command {sample.command!r}; there are: {known}"
        if sample.error is None and (sample.hex is None) != (profile.link == "mqtt"):
            yield at, f"a command of a {profile.link} profile sends {'topic and payload' if sample.hex else 'hex'}"
    if profile.link == "mqtt":
        yield from _live(profile)
        yield from _acks(profile)
        yield from _shared(profile)
        yield from _stale(profile)


# --- one command ----------------------------------------------------------------------------------------------------


def _command(profile: Profile, at: Loc, spec: CommandSpec) -> Iterator[Finding]:
    for way in _WAYS:
        if getattr(spec, way) is not None and way != profile.link:
            yield (*at, way), f"the profile's link is {profile.link}: a command cannot be sent by {way}"
            return
    yield from _args(at, spec)
    if spec.moves is not None and spec.moves not in profile.points:
        yield (*at, "moves"), f"there is no point {spec.moves!r}"
    if spec.modbus is not None:
        yield from _modbus(at, spec, spec.modbus)
    if spec.mqtt is not None:
        yield from _mqtt(at, spec, spec.mqtt)
    if spec.confirm is not None:
        yield from _confirm(profile, at, spec, spec.confirm)


def _args(at: Loc, spec: CommandSpec) -> Iterator[Finding]:
    direct = (spec.confirm.arg if spec.confirm else None, spec.modbus.arg if spec.modbus else None)
    used = {name for name in direct if name is not None}
    if spec.mqtt is not None:
        used |= (Template(spec.mqtt.topic, topic=True).names | Template(spec.mqtt.payload).names) - RESERVED
    for name, arg in spec.args.items():
        here: Loc = (*at, "args", name)
        if name in RESERVED:
            yield here, f"{{{name}}} has a meaning of its own: call the argument otherwise"
        elif name not in used:
            yield here, f"argument {name} is used by nothing"
        if arg.type not in {"int", "float"} and (arg.min is not None or arg.max is not None):
            yield here, "min and max are for numbers"
        if arg.min is not None and arg.max is not None and arg.min > arg.max:
            yield (*here, "min"), f"min {arg.min:g} is above max {arg.max:g}"
        open_ended = arg.model_copy(update={"choices": None})
        for choice in arg.choices or ():
            if fault := argument_fault(open_ended, choice):
                yield (*here, "choices"), f"{choice!r}: {fault}"
        if arg.default is not None and (fault := argument_fault(arg, arg.default)):
            yield (*here, "default"), fault
    for name in sorted(used - spec.args.keys()):
        yield at, f"there is no argument {name!r}; there are: {', '.join(spec.args) or 'none'}"


def _modbus(at: Loc, spec: CommandSpec, modbus: ModbusCommand) -> Iterator[Finding]:
    here: Loc = (*at, "modbus")
    if modbus.arg is None:
        for key in ("scale", "type", "order"):
            if key in modbus.model_fields_set:
                yield (*here, key), f"{key} is of an argument; a value is sent as it is"
        try:
            words_of(modbus, modbus.value)
        except ValueError as error:
            yield (*here, "value"), str(error)
        return
    arg = spec.args.get(modbus.arg)
    if arg is not None:
        yield from _modbus_arg(at, modbus, modbus.arg, arg)


def _modbus_arg(at: Loc, modbus: ModbusCommand, name: str, arg: Arg) -> Iterator[Finding]:
    here: Loc = (*at, "modbus")
    if arg.type == "str":
        yield (*here, "arg"), "a register takes a number or a yes or no, not a text"
    elif arg.type == "bool":
        for key in ("scale", "type", "order"):
            if key in modbus.model_fields_set:
                yield (*here, key), f"{key} is for numbers, {name} is of type bool"
    else:
        if modbus.table == "coil" and modbus.type != "uint16":
            yield (*here, "type"), "a coil's value is one uint16"
        for bound in (arg.min, arg.max, *(arg.choices or ())):
            if bound is None or isinstance(bound, str):
                continue
            try:
                words = words_of(modbus, bound)
                if modbus.address + len(words) > 0x10000 and function_of(modbus, len(words)) in {15, 16}:
                    yield (*here, "address"), "the value reaches beyond register 65535"
            except ValueError as error:
                yield (*at, "args", name), str(error)
                return


def _mqtt(at: Loc, spec: CommandSpec, mqtt: MqttCommand) -> Iterator[Finding]:
    here: Loc = (*at, "mqtt")
    topic, payload = Template(mqtt.topic, topic=True), Template(mqtt.payload)
    if fault := _topic_fault(topic):
        yield (*here, "topic"), fault
    for template, key in ((topic, "topic"), (payload, "payload")):
        if template.paths:
            yield (*here, key), "{{…}} is a path of a message; a command has none, its arguments stand in single braces"
    for name in topic.names & spec.args.keys():
        if spec.args[name].type == "float":
            yield (*here, "topic"), f"{name}: a number with a fraction is no part of a topic"
    yield from _json((*here, "payload"), payload)
    reply = mqtt.reply
    if reply is not None:
        answer = Template(reply.topic, topic=True)
        if fault := _topic_fault(answer):
            yield (*here, "reply", "topic"), fault
        if answer.names - {"address"}:
            yield (*here, "reply", "topic"), "a reply's topic may only name {address}: it is subscribed before"
        if reply.id and "id" not in topic.names | payload.names:
            yield (*here, "reply", "id"), "nothing the device could repeat: the payload does not name {id}"
    if reply is None and spec.confirm is None and mqtt.qos == 0:
        yield at, "nothing tells that it arrived: a reply, confirm, or at least qos: 1 is needed"


def _confirm(profile: Profile, at: Loc, spec: CommandSpec, confirm: Confirm) -> Iterator[Finding]:
    here: Loc = (*at, "confirm")
    point = profile.points.get(confirm.point)
    if point is None:
        yield (*here, "point"), f"there is no point {confirm.point!r}; points are {', '.join(profile.points)}"
        return
    if point.secret:
        yield (*here, "point"), f"{confirm.point} is secret, and an outcome shows what confirmed it"
    if confirm.settle and profile.link not in {"modbus", "meter"}:
        yield (*here, "settle"), "settle is for Modbus and meters: elsewhere the device tells by itself"
    if confirm.within > spec.timeout:
        yield (*here, "within"), f"within {confirm.within:g} s is longer than the command may take ({spec.timeout:g} s)"
    if confirm.arg is not None:
        arg = spec.args.get(confirm.arg)
        if arg is None:
            return
        if arg.type != _kind(point):
            yield (*here, "arg"), f"{confirm.arg} is of type {arg.type}, point {confirm.point} gives {_kind(point)}"
            return
    for value in [confirm.equals] if confirm.arg is None else spec.args[confirm.arg].choices or ():
        if fault := _impossible(profile, point, value):
            yield here, fault


def _kind(point: Point) -> str:
    """The type of argument a point's values are."""
    if point.map is not None:
        kinds = {type(value).__name__ for value in point.map.values() if value is not None}
        return kinds.pop() if len(kinds) == 1 else "mixed"
    if point.type in {"bool", "str"}:
        return point.type
    fractions = point.type.startswith("float") or point.scale % 1 or point.offset % 1
    return "float" if fractions else "int"


def _impossible(profile: Profile, point: Point, value: Value) -> str:
    """Why a point never has this value; empty if it may."""
    if profile.link == "modbus" or profile.meter is not None:
        try:
            if profile.meter is not None:
                shown_in(profile.meter, point, value)
            else:
                shown_as(point, value)
        except ValueError as error:
            return str(error)
        return ""
    if value is None:
        return "a point never has no value"
    if point.map is not None:
        known = [word for word in point.map.values() if word is not None]
        if not any(same_value(word, value) for word in known):
            return f"{value!r} is not among the point's values: {', '.join(map(repr, known))}"
        return ""
    kind = {bool: "bool", str: "str"}.get(type(value), "number")
    wanted = point.type if point.type in {"bool", "str"} else "number"
    return "" if kind == wanted else f"the point's type is {point.type}, {value!r} is none"


# --- live topics, acknowledgements, sharing -------------------------------------------------------------------------


def _topics(profile: Profile) -> set[str]:
    """Templates that carry readings or availability."""
    found = {p.mqtt.topic or profile.mqtt.topic for p in profile.points.values() if p.mqtt is not None}
    if profile.mqtt.availability is not None:
        found.add(profile.mqtt.availability.topic)
    return found


def _live(profile: Profile) -> Iterator[Finding]:
    replies = {c.mqtt.reply.topic for c in profile.commands.values() if c.mqtt is not None and c.mqtt.reply is not None}
    for index, topic in enumerate(profile.mqtt.live):
        at: Loc = ("mqtt", "live", index)
        if fault := _topic_fault(Template(topic, topic=True)):
            yield at, fault
        elif topic not in _topics(profile) | replies:
            yield at, f"no point is read from {topic!r} and no reply comes there"
        elif profile.mqtt.availability is not None and topic == profile.mqtt.availability.topic:
            yield at, "availability is a state that a broker keeps: its topic cannot be live"


def _acks(profile: Profile) -> Iterator[Finding]:
    seen: set[str] = set()
    for index, ack in enumerate(profile.mqtt.acks):
        at: Loc = ("mqtt", "acks", index)
        if ack.topic not in _topics(profile):
            yield (*at, "topic"), f"nothing is read from {ack.topic!r}: what is not taken in is not acknowledged"
        elif ack.topic in profile.mqtt.live:
            yield (*at, "topic"), "a live topic is answered by a command, not acknowledged"
        elif ack.topic in seen:
            yield (*at, "topic"), f"{ack.topic!r} is acknowledged already"
        seen.add(ack.topic)
        reply = Template(ack.reply, topic=True)
        if fault := _topic_fault(reply):
            yield (*at, "reply"), fault
        yield from _json((*at, "payload"), Template(ack.payload))
        for template, key in ((reply, "reply"), (Template(ack.payload), "payload")):
            for name in sorted(template.names - {"address"}):
                yield (*at, key), f"{{{name}}} is nothing here; a path of the message stands in double braces"


def _shared(profile: Profile) -> Iterator[Finding]:
    shared = sorted(topic for topic in _topics(profile) if "{address}" not in topic)
    if profile.mqtt.match is not None:
        if not shared:
            yield ("mqtt", "match"), "every topic names {address}: there is nothing to tell apart"
        texts = {
            p.mqtt.topic or profile.mqtt.topic
            for p in profile.points.values()
            if p.mqtt is not None and not p.mqtt.path
        }
        for topic in shared:
            if topic in texts:
                yield ("mqtt", "match"), f"{topic!r} carries plain text: no path in it tells whose it is"


def _stale(profile: Profile) -> Iterator[Finding]:
    """What is late must not raise an alarm; only moments are judged by their age, states are the last word whenever it came."""
    stale: set[str] = set()
    for index, rule in enumerate(profile.mqtt.stale_when):
        if rule.topic is not None and rule.topic not in _topics(profile):
            yield ("mqtt", "stale_when", index, "topic"), f"nothing is read from {rule.topic!r}"
        stale |= _topics(profile) if rule.topic is None else {rule.topic}
    if not stale:
        return
    for name, alarm in profile.alarms.items():
        point = profile.points.get(alarm.point or "")
        if point is None or point.mqtt is None or (point.mqtt.topic or profile.mqtt.topic) not in stale:
            continue
        if not (alarm.momentary or alarm.when.model_fields_set & {"changed", "rate_above", "missing"}):
            yield ("alarms", name), f"late messages give {alarm.point}: only a momentary alarm is not raised by them"


def _json(at: Loc, payload: Template) -> Iterator[Finding]:
    """A text that begins as JSON must be JSON whatever is filled in; 0 stands for anything."""
    if payload.is_json:
        try:
            parse_json(payload.fill(_zero, address="0").encode())
        except (DecodeError, ValueError) as error:
            yield at, f"begins as JSON and is none: {error}"


def _zero(_: str) -> int:
    return 0


def _topic_fault(template: Template) -> str:
    text = template.text
    if not text or len(text) > 512 or any(c in text for c in "+#\0"):
        return f"not an exact MQTT topic: {text!r}"
    return ""
