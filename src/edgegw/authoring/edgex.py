"""An EdgeX Foundry device profile to one of ours.

Owns: reading EdgeX's format (releases 1 to 4), names, units, which of its drivers it is for, the list of what is left out.
Must not know: registers (edgex_modbus), topics (edgex_mqtt), files.

Sources: edgexfoundry/edgex-docs (device profile reference; device-mqtt, multi-level topics), device-modbus-go (deviceclient.go,
issues 61 and 272: addresses count from 1 up to Hanoi, from 0 since Ireland), device-sdk-go (transform.go: mask, shift, base,
scale, offset, in this order). Releases 1 (up to Hanoi) are told by ``properties: {value: …}``.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from edgegw.authoring.units import ucum
from edgegw.errors import ProfileError
from edgegw.yamlpos import Document

MOST_RESOURCES = 1000
"""Device resources that are looked at: the largest published profiles have some hundred."""

_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


class Left(Struct, frozen=True):
    """Something that could not be carried over, or not as it was: what, and why."""

    what: str
    why: str

    def __str__(self) -> str:
        return f"{self.what}: {self.why}"


class Properties(Struct, frozen=True):
    """What EdgeX says of a value, of every release in the same words. Numbers are None where nothing is given.

    Attributes:
        type: lower case: ``bool``, ``int16``, ``float32``, ``string`` …
    """

    type: str
    reads: bool
    writes: bool
    unit: str | None
    scale: float | None
    offset: float | None
    base: float | None
    mask: int | None
    shift: int | None
    minimum: float | None
    maximum: float | None
    default: str
    assertion: str


class Resource(Struct, frozen=True):
    """A ``deviceResource``. `name` is EdgeX's, `slug` ours, unique; `at` is where it stands in the file, for messages."""

    name: str
    slug: str
    description: str
    attributes: Mapping[str, object]
    properties: Properties
    hidden: bool


class Source(Struct, frozen=True):
    """An EdgeX device profile as read.

    Attributes:
        old: of release 1 (up to Hanoi).
        mappings: resource → its values by name, as a ``deviceCommand`` gives them.
        left: what was already left out.
    """

    name: str
    manufacturer: str
    model: str
    description: str
    resources: tuple[Resource, ...]
    old: bool
    mappings: Mapping[str, Mapping[str, str]]
    left: tuple[Left, ...]

    @property
    def link(self) -> str:
        """``modbus`` or ``mqtt``; ``""`` if the attributes are of another device service."""
        if any("primaryTable" in one.attributes for one in self.resources):
            return "modbus"
        return "mqtt" if not any(one.attributes for one in self.resources) else ""


def read(document: Document) -> Source:
    """An EdgeX device profile from its YAML or JSON.

    Raises:
        ProfileError: ``edgex`` if it is none, as ``file:line:column: message``.
    """
    data = document.data
    if document.fatal:
        problem = document.problems[0]
        raise ProfileError("edgex", f"{document.name}:{problem.line}:{problem.column}: {problem.message}")
    if not isinstance(data, dict) or not isinstance(data.get("deviceResources"), list) or not data["deviceResources"]:
        raise ProfileError("edgex", f"{document.name}:1:1: no EdgeX device profile: it has no list `deviceResources`")
    if len(data["deviceResources"]) > MOST_RESOURCES:
        line, column = document.position(("deviceResources",))
        raise ProfileError("edgex", f"{document.name}:{line}:{column}: more than {MOST_RESOURCES} resources")
    left: list[Left] = []
    found: list[Resource] = []
    old = False
    for index, one in enumerate(data["deviceResources"]):
        if (
            not isinstance(one, dict)
            or not isinstance(one.get("name"), str)
            or not isinstance(one.get("properties"), dict)
        ):
            line, column = document.position(("deviceResources", index))
            raise ProfileError(
                "edgex", f"{document.name}:{line}:{column}: no EdgeX device resource: it needs a name and properties"
            )
        old = old or isinstance(one["properties"].get("value"), dict)
        found.append(_resource(one, {each.slug for each in found}, left))
    name = _text(data.get("name")) or "imported"
    return Source(
        name,
        _text(data.get("manufacturer")) or "edgex",
        _text(data.get("model")) or name,
        _text(data.get("description")),
        tuple(found),
        old,
        _mappings(data),
        (*left, *_commands(data)),
    )


def slug(name: str, taken: set[str], otherwise: str) -> str:
    """A name of ours for one of theirs: ``RoomTemperature`` is ``room_temperature``; not one of those `taken`."""
    made = re.sub(r"[^a-z0-9]+", "_", _CAMEL.sub("_", name).lower()).strip("_")[:56] or otherwise
    candidate, number = made, 2
    while candidate in taken:
        candidate, number = f"{made}_{number}", number + 1
    return candidate


def arg_of(properties: Properties, kind: str) -> dict[str, object]:
    """The argument of a command that writes a value; its limits are EdgeX's, which hold for writes alone."""
    made: dict[str, object] = {"type": kind}
    if kind in {"int", "float"}:
        for key, bound in (("min", properties.minimum), ("max", properties.maximum)):
            if bound is not None:
                made[key] = int(bound) if float(bound).is_integer() else bound
    return made


def _resource(one: Mapping[str, Any], taken: set[str], left: list[Left]) -> Resource:
    raw = one["properties"]
    value = raw["value"] if isinstance(raw.get("value"), dict) else raw
    units = raw.get("units")
    if isinstance(units, dict):
        units = units.get("defaultValue")
    name = one["name"]
    unit = _unit(name, units, left)
    access = _text(value.get("readWrite")).upper() or "R"
    properties = Properties(
        _text(value.get("valueType") or value.get("type")).lower(),
        "R" in access,
        "W" in access,
        unit,
        _number(value.get("scale")),
        _number(value.get("offset")),
        _number(value.get("base")),
        _whole(value.get("mask")),
        _whole(value.get("shift")),
        _number(value.get("minimum")),
        _number(value.get("maximum")),
        _text(value.get("defaultValue")),
        _text(value.get("assertion")),
    )
    if properties.assertion:
        left.append(Left(name, f"assertion {properties.assertion!r}: write an alarm for readings that differ from it"))
    attributes = one.get("attributes")
    attributes = attributes if isinstance(attributes, dict) else {}
    hidden = one.get("isHidden") is True
    return Resource(
        name,
        slug(name, taken, f"point_{len(taken) + 1}"),
        _text(one.get("description")),
        attributes,
        properties,
        hidden,
    )


def _unit(name: str, written: object, left: list[Left]) -> str | None:
    text = _text(written)
    if not text:
        return None
    unit = ucum(text)
    if unit is None:
        left.append(Left(name, f"unit {text!r} is kept as it is: the table of units has no UCUM code for it"))
    return unit or text


def _mappings(data: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for operation in _operations(data):
        mapping = operation.get("mappings")
        resource = operation.get("deviceResource") or operation.get("object")
        if isinstance(mapping, dict) and mapping and isinstance(resource, str):
            found.setdefault(resource, {str(key): _text(word) for key, word in mapping.items()})
    return found


def _operations(data: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for command in data.get("deviceCommands") or []:
        if isinstance(command, dict):
            for key in ("resourceOperations", "get", "set"):
                yield from (one for one in command.get(key) or [] if isinstance(one, dict))


def _commands(data: Mapping[str, Any]) -> Iterator[Left]:
    """Commands that write several resources at once: here each is written by its own."""
    for command in data.get("deviceCommands") or []:
        if not isinstance(command, dict):
            continue
        written = command.get("set") or command.get("resourceOperations") or []
        access = _text(command.get("readWrite")).upper()
        if "W" in access or command.get("set"):
            names = [_text(one.get("deviceResource") or one.get("object")) for one in written if isinstance(one, dict)]
            if len(names) > 1:
                yield Left(
                    _text(command.get("name")), f"writes {', '.join(names)} together; each has a command of its own"
                )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return (
        value.strip()
        if isinstance(value, str)
        else ""
        if value is None or isinstance(value, dict | list)
        else str(value)
    )


def _number(value: object) -> float | None:
    """A number, also as text; None for what is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None


def _whole(value: object) -> int | None:
    """A whole number of 64 bits, also as text and in hex."""
    if isinstance(value, str):
        try:
            value = int(value.strip(), 0)
        except ValueError:
            return None
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return value if type(value) is int and 0 <= value < 1 << 64 else None
