"""MQTT messages to readings.

Owns: topics, JSON within limits, paths into it, plain-text payloads, availability, the staleness of retained messages.
Must not know: sessions, subscriptions, acknowledgement.

This is the hot path: what can be decided once per profile is decided in `MqttProfile`; a device holds only its topics' strings.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, MqttPayload, Quality, Raw, Reading
from edgegw.profiles.convert import Convert, converter
from edgegw.profiles.schema import MqttAvailability, Profile, Scalar

MAX_PAYLOAD = 256 * 1024
"""Bytes of a payload that is looked at: real ones are some hundred; larger ones come from cameras or mistakes."""

_parse: Callable[[bytes], Any] = msgspec.json.Decoder().decode

_NOTHING = Decoded()


class _Field:
    """One point on one topic."""

    __slots__ = ("convert", "name", "path", "required", "unit")

    def __init__(self, name: str, path: str, convert: Convert, unit: str | None, *, required: bool) -> None:
        self.name = name
        self.path = tuple(path.split("."))
        self.convert = convert
        self.unit = unit
        self.required = required


class MqttProfile:
    """A profile's topics, compiled; `at` gives a device's decoder."""

    def __init__(self, profile: Profile) -> None:
        handlers: dict[str, _Handler] = {}
        for name, point in profile.points.items():
            read = point.mqtt
            if read is None:
                raise ProfileError("profile", f"point {name} has no mqtt section")
            if not read.path and point.type == "bool" and point.map is None:
                point = point.model_copy(update={"map": _WORDS})  # noqa: PLW2901 - the same point, spelled for text
            handler = handlers.setdefault(read.topic or profile.mqtt.topic, _Handler())
            field = _Field(name, read.path, converter(name, point), point.unit, required=not point.optional)
            (handler.fields if read.path else handler.texts).append(field)
        if profile.mqtt.availability is not None:
            template = profile.mqtt.availability.topic
            handlers.setdefault(template, _Handler()).availability = _Availability(profile.mqtt.availability)
        self._handlers = tuple((template, handler.compiled()) for template, handler in handlers.items())

    def at(self, address: str) -> "MqttDecoder":
        """The decoder of the device at an address."""
        return MqttDecoder({template.replace("{address}", address): decode for template, decode in self._handlers})


class MqttDecoder:
    """One device's topics; see `decode.Decoder`."""

    __slots__ = ("_by_topic",)

    def __init__(self, by_topic: "dict[str, Callable[[bytes, Quality], Decoded]]") -> None:
        self._by_topic = by_topic

    def topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.topics`."""
        return tuple(self._by_topic)

    def decode(self, raw: Raw) -> Decoded:
        """See `decode.Decoder.decode`. An empty payload deletes a retained message and says nothing about the device."""
        if type(raw) is not MqttPayload:
            raise DecodeError("wrong-kind", f"{type(raw).__name__} for an MQTT device")
        decode = self._by_topic.get(raw.topic)
        if decode is None:
            raise DecodeError("wrong-topic", raw.topic[:200])
        payload = raw.payload
        if not payload:
            return _NOTHING
        if len(payload) > MAX_PAYLOAD:
            raise DecodeError("too-large", f"{len(payload)} bytes; at most {MAX_PAYLOAD} are looked at")
        return decode(payload, Quality.STALE if raw.retained else Quality.FRESH)


class _Handler:
    """What one topic carries."""

    def __init__(self) -> None:
        self.fields: list[_Field] = []
        self.texts: list[_Field] = []
        self.availability: _Availability | None = None

    def compiled(self) -> Callable[[bytes, Quality], Decoded]:
        """The quickest function for this combination."""
        if self.availability is None and not self.texts:
            if all(len(field.path) == 1 for field in self.fields):
                return _flat(self.fields)
            return _nested(self.fields)
        return self._any

    def _any(self, payload: bytes, quality: Quality) -> Decoded:
        readings: tuple[Reading, ...] = ()
        if self.texts:
            readings = tuple(_texts(self.texts, payload, quality))
        if self.fields:
            readings += _nested(self.fields)(payload, quality).readings
        return Decoded(readings, self.availability.tells(payload) if self.availability else None)


def parse_json(payload: bytes) -> Any:  # noqa: ANN401 - JSON of any shape
    """JSON as Python values. Raises DecodeError ``bad-json`` (also for NaN, 1e400, lone surrogates) or ``too-deep``."""
    try:
        return _parse(payload)
    except RecursionError as error:
        raise DecodeError("too-deep", "JSON nested too deep") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise DecodeError("bad-json", str(error)[:200]) from error


def _object(payload: bytes) -> dict[str, Any]:
    parsed = parse_json(payload)
    if type(parsed) is not dict:
        raise DecodeError("wrong-type", "the payload is not a JSON object")
    return parsed


def _flat(fields: list[_Field]) -> Callable[[bytes, Quality], Decoded]:
    """Every point is a key of the outermost object: no path to walk."""
    plan = tuple((f.path[0], f.name, f.convert, f.unit, f.required) for f in fields)

    def decode(payload: bytes, quality: Quality) -> Decoded:
        get = _object(payload).get
        readings = []
        for key, name, convert, unit, required in plan:
            raw = get(key)
            if raw is not None:
                value = convert(raw)
                if value is not None:
                    readings.append(Reading(name, value, unit, quality))
            elif required:
                raise DecodeError("missing-point", f"{name}: no {key}")
        return Decoded(tuple(readings))

    return decode


def _nested(fields: list[_Field]) -> Callable[[bytes, Quality], Decoded]:
    def decode(payload: bytes, quality: Quality) -> Decoded:
        parsed = parse_json(payload)
        if type(parsed) not in (dict, list):
            raise DecodeError("wrong-type", "the payload is neither a JSON object nor a list")
        readings = []
        for field in fields:
            raw = walk(parsed, field.path)
            if raw is not None:
                value = field.convert(raw)
                if value is not None:
                    readings.append(Reading(field.name, value, field.unit, quality))
            elif field.required:
                raise DecodeError("missing-point", f"{field.name}: no {'.'.join(field.path)}")
        return Decoded(tuple(readings))

    return decode


def walk(here: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - JSON of any shape
    """The value at a path of keys and list indices, None if there is none."""
    for part in path:
        if type(here) is dict:
            here = here.get(part)
        elif type(here) is list and part.isdecimal() and len(part) < 6 and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return here


def _text(payload: bytes) -> str:
    try:
        return payload.decode().strip()
    except UnicodeDecodeError as error:
        raise DecodeError("bad-text", "the payload is not UTF-8") from error


_WORDS: dict[str, Scalar] = {"true": True, "false": False}
"""How plain text spells a bool whose profile gives no map."""


def _texts(fields: list[_Field], payload: bytes, quality: Quality) -> list[Reading]:
    text = _text(payload)
    readings = []
    for field in fields:
        value = field.convert(text)
        if value is not None:
            readings.append(Reading(field.name, value, field.unit, quality))
    return readings


class _Availability:
    """Whether a message says online or offline; plain text and JSON are both tried."""

    def __init__(self, section: MqttAvailability) -> None:
        self._path = tuple(section.path.split(".")) if section.path else ()
        self._online = tuple(section.online)
        self._offline = tuple(section.offline)

    def tells(self, payload: bytes) -> bool:
        """True: online; False: offline. Raises DecodeError ``unmapped`` if it is neither."""
        said: Any = _text(payload)
        if said.startswith(("{", "[")):
            said = walk(parse_json(payload), self._path)
        for words, meaning in ((self._online, True), (self._offline, False)):
            if any(type(word) is type(said) and word == said for word in words):
                return meaning
        raise DecodeError("unmapped", f"neither online nor offline: {payload[:100]!r}")
