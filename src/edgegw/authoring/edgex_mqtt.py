"""EdgeX's MQTT resources as points and commands.

Owns: the topics and payloads of device-mqtt, in both of its manners.
Must not know: the rest of an EdgeX profile (edgex).

Source: edgexfoundry/edgex-docs, device-mqtt, multi-level topics; device-mqtt-go, internal/driver: incominglistener.go, driver.go.
Topics are the service's settings and not in the profile; those here are its defaults.
"""

import json
from collections.abc import Callable

from edgegw.authoring.edgex import Left, Resource, arg_of
from edgegw.authoring.yamltext import Flow

LEVELS, SINGLE = "levels", "single"
"""Manners: a topic for each resource, the only one since release 3; one topic for all, the default before."""

_INTEGERS = frozenset({"int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"})

SECTIONS: dict[str, dict[str, object]] = {
    LEVELS: {"topic": "incoming/data/{address}/"},
    SINGLE: {"topic": "DataTopic", "match": Flow({"path": "name"})},
}
"""The profile's `mqtt`; of `levels` the topic is completed by the first resource's name."""

BARE = (
    "a payload is taken for the bare value (5.67); if a device sends an object with the resource's name "
    '({"Level": 5.67}), give its point that `path`'
)
NO_REPLY = (
    "the device answers on command/response/<id>, another topic each time, which cannot be listened to: "
    "that the broker passes the command on is all that is known"
)


def point_of(one: Resource, manner: str, leave: Callable[[Left], None]) -> dict[str, object] | None:
    """The point of a resource, None if it cannot be one; `leave` is told why."""
    kind = _kind(one)
    properties = one.properties
    if kind is None:
        leave(Left(one.name, f"left out: type {properties.type or 'none'} is no number, text, true or false"))
        return None
    for key, value in (("base", properties.base), ("mask", properties.mask), ("shift", properties.shift)):
        if value:
            leave(Left(one.name, f"left out: {key} {value:g} is not computed here"))
            return None
    if manner == SINGLE and "." in one.name:
        leave(Left(one.name, "left out: a dot in a JSON key cannot stand in a path"))
        return None
    made: dict[str, object] = {"type": kind}
    if one.description:
        made["description"] = one.description
    if kind in {"int", "float"}:
        if properties.unit:
            made["unit"] = properties.unit
        if properties.scale not in {None, 0.0, 1.0}:
            made["scale"] = properties.scale
        if properties.offset:
            made["offset"] = properties.offset
    made["mqtt"] = Flow({"topic": f"incoming/data/{{address}}/{one.name}"} if manner == LEVELS else {"path": one.name})
    return made


def command_of(one: Resource, manner: str, leave: Callable[[Left], None]) -> dict[str, object] | None:
    """The command that writes a resource."""
    kind = _kind(one)
    if kind is None:
        return None
    properties = one.properties
    if (
        properties.base
        or properties.mask
        or properties.shift
        or properties.offset
        or properties.scale not in {None, 0.0, 1.0}
    ):
        leave(
            Left(
                one.name,
                "is not written: a value in a payload is sent as it is, without scale, offset, base, mask or shift",
            )
        )
        return None
    name = json.dumps(one.name, ensure_ascii=False)
    gap = '"{value}"' if kind == "str" else "{value}"
    if manner == LEVELS:
        sent: dict[str, object] = {
            "topic": f"command/{{address}}/{one.name}/set/{{id}}",
            "payload": f"{{{name}:{gap}}}",
            "qos": 1,
        }
        leave(Left(one.name, NO_REPLY))
    else:
        sent = {
            "topic": "CommandTopic",
            "payload": f'{{"uuid":"{{id}}","method":"set","cmd":{name},{name}:{gap}}}',
            "reply": Flow({"topic": "ResponseTopic", "id": "uuid"}),
        }
    return {"args": {"value": Flow(arg_of(properties, kind))}, "mqtt": sent}


def _kind(one: Resource) -> str | None:
    kind = one.properties.type
    if kind in _INTEGERS:
        return "int"
    return {"bool": "bool", "string": "str", "float32": "float", "float64": "float"}.get(kind)
