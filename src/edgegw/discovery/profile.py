"""A discovered device to a profile of its own.

Owns: names, topics with ``{address}``, what all entities of a device have in common, the profile as plain data, in order.
Must not know: what an entity's keys mean (parts), YAML, files.

What comes out is checked by the schema and its samples before anybody sees it: a profile that could not be loaded is a refusal.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct
from pydantic import ValidationError

from edgegw.discovery.config import Entity, Owner, Refusal, RefusedError
from edgegw.discovery.devices import FoundDevice
from edgegw.discovery.naming import Taken, base_name, device_slug
from edgegw.discovery.parts import Part, expires, part_of
from edgegw.discovery.reachable import availability, of_connectivity
from edgegw.discovery.samples import Seen, command_samples_of, samples_of
from edgegw.discovery.sending import WITHIN, Sending
from edgegw.discovery.words import OFFLINE
from edgegw.errors import DecodeError
from edgegw.profiles.check import findings
from edgegw.profiles.convert import converter
from edgegw.profiles.decode_mqtt import parse_json, walk
from edgegw.profiles.samples import command_failures, failures
from edgegw.profiles.schema import Point, Profile

NOBODY = "unknown"
"""Vendor or model of a device that does not tell."""

ADDRESS_CHARS = 3
"""Shortest level of a topic that is taken for a device's own by being a part of its identifier."""


class Made(Struct, frozen=True):
    """A device's profile.

    Attributes:
        data: as it is written; None where nothing of the device can be read.
        address: what ``{address}`` is for this device.
        topics: on which it tells its values.
        refused: entities that are not taken over. notes: what is not quite as the device asks for.
    """

    data: dict[str, Any] | None
    address: str
    topics: tuple[str, ...]
    refused: tuple[Refusal, ...]
    notes: tuple[str, ...]


def state_topics(device: FoundDevice) -> tuple[str, ...]:
    """Exact topics worth listening on for samples: those of values and availability; bad ones are left out."""
    parts, _ = _parts(device, {})
    found = [point["mqtt"]["topic"] for _, part in parts for point in part.points.values()]
    there = availability(device.entities, "")
    found += [section["topic"] for section in (there.section, there.bridge) if section is not None]
    return tuple(dict.fromkeys(found))


def make(device: FoundDevice, seen: Mapping[str, Seen], *, address: str | None = None) -> Made:
    """The profile of a device.

    Args:
        seen: the last message on each topic that was heard.
        address: the device's address where it has one already; it stays, whatever its topics are now.
    """
    parts, refused = _parts(device, seen)
    own = _own_level(device, parts) if address is None else address
    refused = [*device.refused, *refused]
    named = _Assembly(device, parts, own)
    if not named.points:
        return Made(None, own, (), tuple(refused), named.notes)
    topics = tuple(dict.fromkeys(point["mqtt"]["topic"] for point in named.points.values()))
    try:
        data = _complete(named.profile(), seen, own or device_slug(device.owner))
    except ValueError as error:
        refused.append(Refusal("the whole device", "misfit", str(error)[:300]))
        return Made(None, own, topics, tuple(refused), named.notes)
    return Made(data, own or device_slug(device.owner), topics, tuple(refused), named.notes)


# --- entities ---------------------------------------------------------------------------------------------------------


def _parts(device: FoundDevice, seen: Mapping[str, Seen]) -> tuple[list[tuple[Entity, Part]], list[Refusal]]:
    def raw(topic: str, path: str) -> object:
        message = seen.get(topic)
        return None if message is None else _at(message.payload, path)

    parts, refused = [], []
    for entity in device.entities:
        try:
            part = part_of(entity, raw)
            parts.append((entity, _fitting(part, raw)))
        except RefusedError as error:
            refused.append(Refusal(entity.label, error.reason, error.detail))
    return parts, refused


def _at(payload: bytes, path: str) -> object:
    try:
        return walk(parse_json(payload), tuple(path.split("."))) if path else payload.decode().strip()
    except (DecodeError, UnicodeDecodeError):
        return None


def _fitting(part: Part, raw: Any) -> Part:  # noqa: ANN401 - parts.Raw
    """A part whose points take what was seen.

    A value that is refused takes the whole JSON message with it, the device's other values too: such an entity is left out. Alone
    on its topic it harms nobody; what it says now ("nan" of a probe that is broken) may be worth hearing later.
    """
    notes = []
    for point in part.points.values():
        read = point["mqtt"]
        value = raw(read["topic"], read.get("path", ""))
        if value is None:
            continue
        try:
            converter("its value", Point.model_validate(point))(value)
        except DecodeError as error:
            if "path" in read:
                raise RefusedError("misfit", f"what it says is not what it announced: {error.detail}") from error
            notes.append(f"what it says now is refused: {error}")
    return Part(part.points, part.alarms, part.commands, part.tells, (*part.notes, *notes)) if notes else part


def _own_level(device: FoundDevice, parts: Iterable[tuple[Entity, Part]]) -> str:
    """The level of its topics that names the device, in all of them; empty if there is none."""
    topics: list[str] = [point["mqtt"]["topic"] for _, part in parts for point in part.points.values()]
    topics += [sending.topic for _, part in parts for sending in part.commands.values()]
    if not topics:
        return ""
    common = [level for level in topics[0].split("/") if all(level in topic.split("/") for topic in topics[1:])]
    usable = [level for level in common if level and level.strip() == level]
    names = {device.owner.name, *(entity.node for entity in device.entities)} - {""}
    named = [level for level in usable if level in names]
    known = [level for level in usable if len(level) >= ADDRESS_CHARS and level in device.owner.identity]
    # zigbee2mqtt_0x00158d… is an identifier under zigbee2mqtt/0x00158d…: the last level is the device's
    return (named or known or [""])[-1]


# --- the profile ------------------------------------------------------------------------------------------------------


class _Assembly:
    """The sections of a profile, filled entity by entity. `own`: the level of topics that becomes ``{address}``."""

    def __init__(self, device: FoundDevice, parts: Iterable[tuple[Entity, Part]], own: str) -> None:
        self._owner = device.owner
        self._own = own
        self._names, self._alarm_names, self._command_names = Taken(), Taken(), Taken()
        self._alarm_names.take("offline")
        self.points: dict[str, dict[str, Any]] = {}
        self.alarms: dict[str, dict[str, Any]] = {}
        self.commands: dict[str, dict[str, Any]] = {}
        self._triggers: set[tuple[str, str]] = set()
        self._expires = 0.0
        notes: list[str] = []
        tells = []
        for entity, part in parts:
            base = self._add(entity, part)
            self._expires = max(self._expires, expires(entity))
            notes += [f"{entity.label}: {note}" for note in part.notes]
            if part.tells is not None and base is not None:
                tells.append((self.points[base], part.tells))
        there = availability(device.entities, own)
        self._there, self._bridge = there.section, there.bridge
        if self._there is None:
            self._there = self._connectivity(tells)
        self.notes = (*notes, *there.notes)
        if self._there is None and not self._expires:
            self.notes += ("it has neither availability nor expire_after: it is never offline",)

    def _connectivity(self, tells: Iterable[tuple[dict[str, Any], tuple[str, str]]]) -> dict[str, Any] | None:
        """Where nothing else says whether the device is there: a sensor of class connectivity that has its topic for itself."""
        uses = Counter(point["mqtt"]["topic"] for point in self.points.values())
        alone = [one for one in tells if uses[one[0]["mqtt"]["topic"]] == 1]
        plain_first = sorted(alone, key=lambda one: "path" in one[0]["mqtt"])
        return of_connectivity(*plain_first[0]) if plain_first else None

    def _add(self, entity: Entity, part: Part) -> str | None:
        """Take over one entity; the name of its point."""
        base = base_name(entity, self._owner)
        if entity.component == "device_automation":
            read = part.points[""]["mqtt"]
            place = (read["topic"], read.get("path", ""))
            if place in self._triggers:
                return None  # one point hears all triggers of a topic
            self._triggers.add(place)
            base = "action"
            part.points[""].pop("description", None)
        points = {
            suffix: self._names.take(f"{base}_{suffix}" if suffix else base)
            for suffix in sorted(part.points, key=lambda s: (s != "", s))
        }
        for suffix, name in points.items():
            self.points[name] = part.points[suffix]
        main = next(iter(points.values()), None)
        for suffix, alarm in part.alarms.items():
            name = self._alarm_names.take(f"{main}-{suffix}" if suffix else str(main))
            self.alarms[name] = {"point": main, **alarm}
        for verb, sending in part.commands.items():
            name = self._command_names.take(verb if base == entity.component else f"{base}-{verb}")
            self.commands[name] = self._command(entity, verb, sending, points.get(""))
        return points.get("")

    def _command(self, entity: Entity, verb: str, sending: Sending, point: str | None) -> dict[str, Any]:
        mqtt: dict[str, Any] = {"topic": self._template(sending.topic), "payload": sending.payload}
        said: dict[str, Any] = {"description": f"{entity.name or entity.object_id}: {verb}"}
        if sending.arg is not None:
            said["args"] = {"value": sending.arg}
        if sending.confirmed and point is not None:
            by = {"equals": sending.equals} if sending.arg is None else {"arg": "value"}
            return said | {"mqtt": mqtt, "confirm": {"point": point, **by, "within": WITHIN}}
        said |= {"mqtt": mqtt | {"qos": 1}}
        return said if point is None else said | {"moves": point}

    def _template(self, topic: str) -> str:
        if not self._own:
            return topic
        return "/".join("{address}" if level == self._own else level for level in topic.split("/"))

    def profile(self) -> dict[str, Any]:
        """The profile without samples."""
        points = {name: dict(point) | {"mqtt": dict(point["mqtt"])} for name, point in self.points.items()}
        for point in points.values():
            point["mqtt"]["topic"] = self._template(point["mqtt"]["topic"])
        usual = Counter(point["mqtt"]["topic"] for point in points.values()).most_common(1)[0][0]
        for point in points.values():
            read = point["mqtt"]
            if read["topic"] == usual and "path" in read:
                del read["topic"]
        mqtt: dict[str, Any] = {"topic": usual}
        alarms = dict(self.alarms)
        if self._there is not None:
            mqtt["availability"] = self._there | {"topic": self._template(self._there["topic"])}
        read = {point["mqtt"]["topic"] for point in self.points.values()}
        if self._bridge is not None and self._bridge["topic"] not in read:
            mqtt["bridge"] = self._bridge | {"topic": self._template(self._bridge["topic"])}
        if self._there is not None or self._expires:
            alarms["offline"] = _offline()
        owner = self._owner
        made: dict[str, Any] = {
            "vendor": owner.manufacturer or NOBODY,
            "model": owner.model or NOBODY,
            "description": f"{_called(owner)}, as it describes itself",
            "source": f"Home Assistant MQTT discovery, {owner.identity}",
            "link": "mqtt",
        }
        if self._expires:
            made["offline_after"] = f"{self._expires:g}s"
        made |= {"mqtt": mqtt, "report": {"on_change": True, "max_interval": "6h"}, "points": points}
        if alarms:
            made["alarms"] = alarms
        return made | ({"commands": self.commands} if self.commands else {})


def _offline() -> dict[str, Any]:
    title = {"zh": OFFLINE.zh, "en": OFFLINE.en}
    return {
        "when": {"offline": True},
        "priority": OFFLINE.priority,
        "category": OFFLINE.category,
        "title": title,
    }


def _called(owner: Owner) -> str:
    return owner.name or owner.identity


def _complete(data: dict[str, Any], seen: Mapping[str, Seen], address: str) -> dict[str, Any]:
    """The profile with its samples, all of them passing. Raises ValueError with what the schema says against it."""
    stand_in = {"source": "none", "topic": data["mqtt"]["topic"], "payload": "0", "readings": {}}
    drafted = _validated(data | {"samples": [stand_in]})
    data = data | {"samples": samples_of(drafted, seen, address)}
    if drafted.commands:
        data = data | {"command_samples": command_samples_of(drafted)}
    finished = _validated(data)
    for _, difference in (*failures(finished), *command_failures(finished)):
        raise ValueError(f"its samples fail: {difference}")
    return data


def _validated(data: dict[str, Any]) -> Profile:
    try:
        profile = Profile.model_validate(data)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise ValueError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    for loc, message in findings(profile):
        raise ValueError(f"{'.'.join(map(str, loc))}: {message}")
    return profile
