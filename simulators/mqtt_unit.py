"""An MQTT device out of its profile: the messages of its samples, with any values in them, and what it answers to commands.

Owns: putting a point's value where its sample has one, knowing a command by its template, its reply and its effect.
Must not know: connections, when anything is published (from_profile), how the gateway decodes.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from edgegw.profiles.schema import Point, Profile, Sample
from edgegw.profiles.schema_commands import CommandSpec, MqttCommand
from edgegw.profiles.templates import Template
from simulators.profile_registers import Value

_GAP = re.compile(r"⟦([a-z0-9][a-z0-9_.-]*)⟧")
"""Stands where a command's template has a gap; no device writes such brackets."""


@dataclass(frozen=True)
class Message:
    """One publish."""

    topic: str
    payload: str
    retain: bool = False


class MqttUnit:
    """One device of a profile, at an address. It begins with its samples' values; `say` changes them.

    Args:
        clock: the device's own, nanoseconds since 1970: what it writes beside values that have a time. None: the samples' times.
    """

    def __init__(
        self,
        profile: Profile,
        address: str,
        values: Mapping[str, Value] | None = None,
        *,
        clock: Callable[[], int] | None = None,
    ) -> None:
        self.profile = profile
        self.address = address
        self._clock = clock
        self._good = [sample for sample in profile.samples if sample.error is None and sample.payload is not None]
        self.values: dict[str, Value] = {}
        self._check(values or {})
        self.values.update(values or {})

    def messages(self) -> list[Message]:
        """What it publishes by itself: one message for each set of points its samples show, with the present values."""
        seen: set[tuple[str, frozenset[str]]] = set()
        told = []
        for sample in self._good:
            key = (self._topic(sample), frozenset(sample.readings or ()))
            if sample.readings and key not in seen:
                seen.add(key)
                told.append(self._message(sample, self.values))
        return told

    def availability(self, *, online: bool) -> Message | None:
        """The message of a sample that says so; None if the profile has none."""
        for sample in self._good:
            if sample.online is online:
                return Message(self._topic(sample), sample.payload or "", sample.retained)
        return None

    def say(self, **values: Value) -> list[Message]:
        """New values, and the messages that tell them. Raises ValueError for a point no sample shows, or a value it never has."""
        self._check(values)
        self.values.update(values)
        told, left = [], set(values)
        while left:
            best = max(self._good, key=lambda sample: len(left & set(sample.readings or ())))
            told.append(self._message(best, self.values))
            left -= set(best.readings or ())
        return told

    def turn(self, *, odd: bool) -> None:
        """Every point that is yes or no becomes yes, or (odd) no; what its sample cannot hold stays as it is."""
        for sample in self._good:
            for name in sample.readings or ():
                point = self.profile.points[name]
                if point.type == "bool" and (point.map is None or set(point.map.values()) == {True, False}):
                    self.values[name] = not odd

    def _check(self, values: Mapping[str, Value]) -> None:
        shown = {name for sample in self._good for name in sample.readings or ()}
        for name, value in values.items():
            if name not in shown:
                raise ValueError(f"there is no point {name!r}; points are {', '.join(sorted(shown))}")
            sample = next(s for s in self._good if name in (s.readings or ()))
            self._message(sample, {name: value})

    def command_topics(self) -> list[str]:
        """Where it listens; ``+`` where a topic has an argument."""
        found = (spec.mqtt for spec in self.profile.commands.values() if spec.mqtt is not None)
        topics = (_GAP.sub("+", self._filled(Template(mqtt.topic, topic=True))) for mqtt in found)
        return list(dict.fromkeys(topics))

    def hear(self, topic: str, payload: str) -> list[Message]:
        """What it answers to a published command: its reply, and the messages that show the effect. Nothing to what is none."""
        for spec in self.profile.commands.values():
            args = self._told(spec.mqtt, topic, payload) if spec.mqtt is not None else None
            if args is not None and spec.mqtt is not None:
                return [*self._reply(spec.mqtt, args), *self._effect(spec, args)]
        return []

    # --- commands

    def _filled(self, template: Template) -> str:
        return template.fill(lambda name: f"⟦{name}⟧", lambda name: f"⟦{name}⟧", address=self.address)

    def _told(self, mqtt: MqttCommand, topic: str, payload: str) -> dict[str, Any] | None:
        args: dict[str, Any] = {}
        template = Template(mqtt.payload)
        wanted: object = self._filled(template)
        heard: object = payload
        if template.is_json:
            try:
                wanted, heard = json.loads(str(wanted)), json.loads(payload)
            except ValueError:
                return None
        known = _fits(self._filled(Template(mqtt.topic, topic=True)), topic, args) and _fits(wanted, heard, args)
        return args if known else None

    def _reply(self, mqtt: MqttCommand, args: Mapping[str, Any]) -> list[Message]:
        reply = mqtt.reply
        if reply is None:
            return []
        body: dict[str, Any] = {}
        if reply.id:
            _put(body, reply.id, args.get("id"), make=True)
        if reply.ok:
            _put(body, reply.ok, True if reply.equals is None else reply.equals, make=True)
        return [Message(reply.topic.replace("{address}", self.address), json.dumps(body))]

    def _effect(self, spec: CommandSpec, args: Mapping[str, Any]) -> list[Message]:
        confirm = spec.confirm
        if confirm is None:
            return []
        value = confirm.equals if confirm.arg is None else args.get(confirm.arg)
        return [] if value is None else self.say(**{confirm.point: value})

    # --- messages

    def _topic(self, sample: Sample) -> str:
        first = next(
            (p.mqtt.topic or self.profile.mqtt.topic for p in self._points(sample) if p.mqtt is not None), None
        )
        return (sample.topic or first or self.profile.mqtt.topic).replace("{address}", self.address)

    def _points(self, sample: Sample) -> list[Point]:
        return [self.profile.points[name] for name in sample.readings or ()]

    def _message(self, sample: Sample, values: Mapping[str, Value]) -> Message:
        payload = sample.payload or ""
        if sample.address:
            payload = payload.replace(sample.address, self.address)
        wanted = {name: values[name] for name in sample.readings or () if name in values}
        for name, value in wanted.items():
            try:
                payload = _with(payload, self.profile.points[name], value)
            except (ValueError, LookupError) as error:
                raise ValueError(f"{name}: {error}") from None
        if self._clock is not None:
            payload = timed(payload, self._points(sample), self._clock())
        return Message(self._topic(sample), payload, sample.retained)


def timed(payload: str, points: Iterable[Point], ns: int) -> str:
    """The message with this time wherever it has one for a value of these points, in the form it had."""
    found = [(p.mqtt, p.mqtt.time) for p in points if p.mqtt is not None and p.mqtt.time is not None]
    if not found:
        return payload
    data = json.loads(payload)
    for read, time in found:
        for here in [data] if read.each is None else _items(_get(data, read.each)):
            if _has(here, time.path):
                _put(here, time.path, _written(ns, time.form, _get(here, time.path)))
    return json.dumps(data, ensure_ascii=False)


def _written(ns: int, form: str, was: object) -> object:
    if form == "iso":
        style = "%Y-%m-%dT%H:%M:%SZ" if "-" in str(was) else "%Y%m%dT%H%M%SZ"
        return datetime.fromtimestamp(ns // 10**9, UTC).strftime(style)
    number = ns // (10**9 if form == "unix-s" else 10**6)
    return str(number) if isinstance(was, str) else number


def _with(payload: str, point: Point, value: Value) -> str:
    read = point.mqtt
    if read is None or not (read.path or read.each):
        return str(_raw(point, value, payload))
    data = json.loads(payload)
    if read.each:
        item = next((i for i in _items(_get(data, read.each)) if not read.path or _has(i, read.path)), None)
        if item is None:
            raise ValueError("its sample has no such item")
        _put(item, read.path, _raw(point, value, _get(item, read.path)))
    else:
        path = read.path if read.or_path is None or _has(data, read.path) else read.or_path
        _put(data, path, _raw(point, value, _get(data, path)))
    return json.dumps(data, ensure_ascii=False)


def _raw(point: Point, value: Value, was: object) -> object:
    """The value as the device writes it, in the form it has in the sample."""
    if point.map is not None:
        keys = [k for k, v in point.map.items() if v == value and isinstance(v, bool) == isinstance(value, bool)]
        if not keys:
            raise ValueError(f"{value!r} is none of {', '.join(map(repr, point.map.values()))}")
        if isinstance(was, bool) and keys[0] in {"true", "false"}:
            return keys[0] == "true"
        return json.loads(keys[0]) if isinstance(was, int | float) and not isinstance(was, bool) else keys[0]
    if point.type in {"bool", "str"}:
        if (point.type == "bool") != isinstance(value, bool):
            raise ValueError(f"{point.type}, not {value!r}")
        return str(value) if point.type == "str" else value
    if isinstance(value, bool | str):
        raise ValueError(f"a number, not {value!r}")  # noqa: TRY004  (what was asked for is at fault, not the code)
    raw = round((value - point.offset) / point.scale, 9)
    number = int(raw) if float(raw).is_integer() and not isinstance(was, float) else raw
    return str(number) if isinstance(was, str) else number


def _items(found: object) -> list[Any]:
    return found if isinstance(found, list) else list(found.values()) if isinstance(found, dict) else []


def _steps(path: str) -> list[str]:
    return path.split(".")


def _get(data: Any, path: str) -> Any:  # noqa: ANN401  (JSON)
    for step in _steps(path):
        data = data[int(step)] if isinstance(data, list) else data[step]
    return data


def _has(data: Any, path: str) -> bool:  # noqa: ANN401  (JSON)
    try:
        _get(data, path)
    except (LookupError, TypeError, ValueError):
        return False
    return True


def _put(data: Any, path: str, value: object, *, make: bool = False) -> None:  # noqa: ANN401  (JSON)
    *way, last = _steps(path)
    for step in way:
        data = data.setdefault(step, {}) if make else data[int(step)] if isinstance(data, list) else data[step]
    data[int(last) if isinstance(data, list) else last] = value


def _fits(pattern: object, heard: object, args: dict[str, Any]) -> bool:
    """Whether what was heard is the pattern with something in its gaps, which `args` then holds."""
    if isinstance(pattern, dict) and isinstance(heard, dict):
        return pattern.keys() == heard.keys() and all(_fits(pattern[key], heard[key], args) for key in pattern)
    if isinstance(pattern, list) and isinstance(heard, list):
        return len(pattern) == len(heard) and all(_fits(p, h, args) for p, h in zip(pattern, heard, strict=True))
    if not isinstance(pattern, str) or not (names := _GAP.findall(pattern)):
        return pattern == heard and isinstance(pattern, bool) == isinstance(heard, bool)
    if len(names) == 1 and pattern == f"⟦{names[0]}⟧":
        args[names[0]] = heard
        return not isinstance(heard, dict | list)
    texts = [re.escape(text) for text in _GAP.split(pattern)[::2]]
    found = re.fullmatch("(.+)".join(texts), heard) if isinstance(heard, str) else None
    if found is not None:
        args.update(zip(names, found.groups(), strict=True))
    return found is not None
