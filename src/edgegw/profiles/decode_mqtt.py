"""MQTT messages to readings.

Owns: topics, JSON within limits, plain-text payloads, availability, whose message one on a shared topic is, the staleness of
retained and late messages.
Must not know: sessions, subscriptions, acknowledgement.

This is the hot path: what can be decided once per profile is decided in `MqttProfile`; a device holds only its topics' strings.
"""

from collections.abc import Callable
from typing import Any

import msgspec

from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, MqttPayload, Quality, Raw, Reading
from edgegw.profiles.convert import as_text, converter
from edgegw.profiles.mqtt_fields import Field, Path, Says, path_of, walk
from edgegw.profiles.schema import Profile, Scalar
from edgegw.profiles.schema_mqtt import MqttAvailability, MqttSection

__all__ = ["MAX_PAYLOAD", "Decode", "MqttDecoder", "MqttProfile", "parse_json", "walk"]

MAX_PAYLOAD = MqttSection().max_payload
"""Bytes of a payload that is looked at where the profile does not say: real ones are some hundred; larger ones come from cameras
or mistakes."""

_parse: Callable[[bytes], Any] = msgspec.json.Decoder().decode

_NOTHING = Decoded()

Decode = Callable[[bytes, Quality, int | None], Decoded]
"""From a payload, the quality of what is in it by the way it came, and when (`MqttPayload.received_ns`)."""


class MqttProfile:
    """A profile's topics, compiled; `at` gives a device's decoder."""

    def __init__(self, profile: Profile) -> None:
        handlers: dict[str, _Handler] = {}
        for name, point in profile.points.items():
            read = point.mqtt
            if read is None:
                raise ProfileError("profile", f"point {name} has no mqtt section")
            if not (read.path or read.each) and point.type == "bool" and point.map is None:
                point = point.model_copy(update={"map": _WORDS})  # noqa: PLW2901 - the same point, spelled for text
            handler = handlers.setdefault(read.topic or profile.mqtt.topic, _Handler())
            field = Field(name, read, converter(name, point), point.unit, required=not point.optional)
            (handler.fields if read.path or read.each else handler.texts).append(field)
        if profile.mqtt.availability is not None:
            template = profile.mqtt.availability.topic
            handlers.setdefault(template, _Handler()).availability = _Availability(profile.mqtt.availability)
        bridge = profile.mqtt.bridge
        if bridge is not None:
            handlers.setdefault(bridge.topic, _Handler()).availability = _Availability(bridge, only_offline=True)
        for stale in profile.mqtt.stale_when:
            for template, handler in handlers.items():
                if stale.topic in {None, template}:
                    handler.stale.append(None if stale.path is None else Says(stale.path, stale.equals))
        match = profile.mqtt.match
        if match is not None:
            for template, handler in handlers.items():
                if "{address}" not in template and (bridge is None or template != bridge.topic):
                    handler.match = path_of(match.path)
        self._handlers = handlers
        self._plain = {template: handler.compiled() for template, handler in handlers.items() if not handler.match}
        self._live = frozenset(profile.mqtt.live)
        self.max_payload = profile.mqtt.max_payload

    def at(self, address: str) -> "MqttDecoder":
        """The decoder of the device at an address."""
        by_topic, live, matched = {}, [], {}
        for template, handler in self._handlers.items():
            topic = template.replace("{address}", address)
            if handler.match:
                matched[topic] = handler.match
            by_topic[topic] = self._plain.get(template) or handler.compiled(address)
            if template in self._live:
                live.append(topic)
        return MqttDecoder(by_topic, tuple(live), matched, address, self.max_payload)


class MqttDecoder:
    """One device's topics; see `decode.Decoder`."""

    __slots__ = ("_address", "_by_topic", "_live", "_matched", "_most")

    def __init__(
        self, by_topic: dict[str, Decode], live: tuple[str, ...], matched: dict[str, Path], address: str, most: int
    ) -> None:
        self._by_topic = by_topic
        self._live = live
        self._matched = matched
        self._address = address
        self._most = most

    def topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.topics`."""
        return tuple(topic for topic in self._by_topic if topic not in self._live)

    def live_topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.live_topics`."""
        return self._live

    def matched(self) -> dict[str, tuple[Path, str]]:
        """See `decode.Decoder.matched`."""
        return {topic: (path, self._address) for topic, path in self._matched.items()}

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
        if len(payload) > self._most:
            raise DecodeError("too-large", f"{len(payload)} bytes; at most {self._most} are looked at")
        return decode(payload, Quality.STALE if raw.retained else Quality.FRESH, raw.received_ns)


class _Handler:
    """What one topic carries."""

    def __init__(self) -> None:
        self.fields: list[Field] = []
        self.texts: list[Field] = []
        self.availability: _Availability | None = None
        self.match: Path = ()
        self.stale: list[Says | None] = []

    def compiled(self, address: str = "") -> Decode:
        """The quickest function for this combination; `address` is only looked at where there is a `match`."""
        if self.match or self.stale or any(field.when for field in (*self.fields, *self.texts)):
            return self._careful(address)
        if self.availability is None and not self.texts:
            if all(len(field.path) == 1 and field.plain for field in self.fields):
                return _flat(self.fields)
            return _nested(self.fields)
        return self._any

    def _any(self, payload: bytes, quality: Quality, received_ns: int | None) -> Decoded:
        readings: tuple[Reading, ...] = ()
        if self.texts:
            readings = tuple(_texts(self.texts, payload, quality))
        if self.fields:
            readings += _nested(self.fields)(payload, quality, received_ns).readings
        return Decoded(readings, self.availability.tells(payload) if self.availability else None)

    def _careful(self, address: str) -> Decode:
        """Messages that may be another device's, or old, or say what the point is first."""
        match, fields, texts = self.match, self.fields, self.texts
        old = [says for says in self.stale if says is not None]
        always_old = None in self.stale
        needs_json = bool(match or fields or old or any(field.when for field in texts))

        def decode(payload: bytes, quality: Quality, received_ns: int | None) -> Decoded:
            parsed = parse_json(payload) if needs_json else None
            if match and as_text(walk(parsed, match)) != address:
                return _NOTHING
            if always_old or any(says.holds(parsed) for says in old):
                quality = Quality.STALE
            said = [field for field in texts if field.when is None or field.when.holds(parsed)]
            found = _texts(said, payload, quality) if said else []
            found += _walked(
                [f for f in fields if f.when is None or f.when.holds(parsed)], parsed, quality, received_ns
            )
            return Decoded(tuple(found), self.availability.tells(payload) if self.availability else None)

        return decode


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


def _flat(fields: list[Field]) -> Decode:
    """Every point is a key of the outermost object: no path to walk."""
    plan = tuple((f.path[0], f.name, f.convert, f.unit, f.required) for f in fields)

    def decode(payload: bytes, quality: Quality, received_ns: int | None) -> Decoded:
        del received_ns  # every value here is of the moment it came
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


def _nested(fields: list[Field]) -> Decode:
    def decode(payload: bytes, quality: Quality, received_ns: int | None) -> Decoded:
        return Decoded(tuple(_walked(fields, parse_json(payload), quality, received_ns)))

    return decode


def _walked(fields: list[Field], parsed: Any, quality: Quality, received_ns: int | None) -> list[Reading]:  # noqa: ANN401 - JSON of any shape
    if type(parsed) not in (dict, list):
        raise DecodeError("wrong-type", "the payload is neither a JSON object nor a list")
    readings = []
    for field in fields:
        if not field.plain:
            readings += field.own(parsed, quality, received_ns)
            continue
        raw = walk(parsed, field.path)
        if raw is not None:
            value = field.convert(raw)
            if value is not None:
                readings.append(Reading(field.name, value, field.unit, quality))
        elif field.required:
            raise DecodeError("missing-point", f"{field.name}: no {'.'.join(field.path)}")
    return readings


def _text(payload: bytes) -> str:
    try:
        return payload.decode().strip()
    except UnicodeDecodeError as error:
        raise DecodeError("bad-text", "the payload is not UTF-8") from error


_WORDS: dict[str, Scalar] = {"true": True, "false": False}
"""How plain text spells a bool whose profile gives no map."""


def _texts(fields: list[Field], payload: bytes, quality: Quality) -> list[Reading]:
    text = _text(payload)
    readings = []
    for field in fields:
        value = field.convert(text)
        if value is not None:
            readings.append(Reading(field.name, value, field.unit, quality))
    return readings


class _Availability:
    """Whether a message says online or offline; plain text and JSON are both tried. `only_offline`: online says nothing."""

    def __init__(self, section: MqttAvailability, *, only_offline: bool = False) -> None:
        self._there = None if only_offline else True
        self._path = path_of(section.path) if section.path else ()
        self._online = tuple(section.online)
        self._offline = tuple(section.offline)
        self._says = None if section.says is None else section.says == "online"

    def tells(self, payload: bytes) -> bool | None:
        """True: online; False: offline; None: nothing. Raises DecodeError ``unmapped`` if it is neither."""
        if self._says is not None:
            return self._says and self._there
        said: Any = _text(payload)
        if said.startswith(("{", "[")):
            said = walk(parse_json(payload), self._path)
        for words, meaning in ((self._online, self._there), (self._offline, False)):
            if any(type(word) is type(said) and word == said for word in words):
                return meaning
        raise DecodeError("unmapped", f"neither online nor offline: {payload[:100]!r}")
