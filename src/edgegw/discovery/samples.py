"""Samples of a discovered device's profile, made of the messages it sent while we listened.

Owns: which part of a message is kept, what is blotted out, what each sample must give.
Must not know: how messages were heard, files.

Of a JSON message only what a point reads is kept: what nobody reads may be anything, and would stand in a file for good. What
names itself a card, code or PIN, and what looks like a number of one, becomes zeros.
"""

import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from edgegw.errors import DecodeError
from edgegw.model import MqttPayload
from edgegw.profiles.convert import MAX_TEXT
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.decode_mqtt import parse_json
from edgegw.profiles.encode import compile_commands
from edgegw.profiles.samples import SAMPLE_ADDRESS, SAMPLE_ID, shown
from edgegw.profiles.schema import Profile

SAMPLES_MOST = 64
"""Samples of one profile: one for each topic of a device with many."""

SAMPLE_CHARS = 4096
"""Longest message that becomes a sample."""

_CARD = re.compile(r"(?<![0-9A-Za-z])(?=[0-9A-Fa-f]*[0-9])[0-9A-Fa-f]{8,32}(?![0-9A-Za-z])")
"""What may be a card's number: 8 to 32 digits, decimal or hex, with at least one that is decimal."""


class Seen(Struct, frozen=True):
    """The last message on a topic. `retained`: the broker kept it from earlier."""

    payload: bytes
    retained: bool = False


def samples_of(profile: Profile, seen: Mapping[str, Seen], address: str) -> list[dict[str, Any]]:
    """The samples of a profile, as it says them: what was seen on its topics, or one constructed message; and a bad one.

    Args:
        address: what ``{address}`` is in the topics of `seen`.
    """
    decoder = compile_profile(profile, SAMPLE_ADDRESS)
    made: list[dict[str, Any]] = []
    for template, paths in _topics(profile).items():
        message = seen.get(template.replace("{address}", address))
        if message is None or len(made) >= SAMPLES_MOST:
            continue
        text = _kept(message.payload, paths)
        if text is not None:
            source = "seen while discovering, cut to what is read"
            made.append(_sample(decoder, template, text, source, retained=message.retained))
    if not any(sample.get("readings") for sample in made):
        template, text = _constructed(profile)
        made.append(_sample(decoder, template, text, "constructed from the discovery config"))
    return [*made, _bad(decoder, next(iter(_topics(profile))))]


def command_samples_of(profile: Profile) -> list[dict[str, Any]]:
    """One sample for each command, with the least value of an argument."""
    encoder = compile_commands(profile, SAMPLE_ADDRESS, None)
    made = []
    for name, spec in profile.commands.items():
        args = {arg: float(said.min or 0) for arg, said in spec.args.items()}
        sent = shown(encoder.encode(name, args, SAMPLE_ID), 0)
        topic = "" if spec.mqtt is None else spec.mqtt.topic
        sample: dict[str, Any] = {"source": "constructed from the discovery config", "command": name}
        made.append(sample | ({"args": args} if args else {}) | {"topic": topic, "payload": sent["payload"]})
    return made


Paths = dict[str, bool]
"""Path → whether what is there is secret; an empty path is the whole text."""


def _topics(profile: Profile) -> dict[str, Paths]:
    """Topic templates with what is read of each."""
    found: dict[str, Paths] = {}
    for point in profile.points.values():
        if point.mqtt is not None:
            found.setdefault(point.mqtt.topic or profile.mqtt.topic, {})[point.mqtt.path] = point.secret
    for there in (profile.mqtt.availability, profile.mqtt.bridge):
        if there is None:
            continue
        paths = found.setdefault(there.topic, {})
        paths.setdefault(there.path, False)
        paths.setdefault("", False)  # plain text and JSON are both tried
    return found


def _kept(payload: bytes, paths: Paths) -> str | None:
    """The part of a message that is read, blotted; None if nothing of it can be a sample."""
    if not payload or len(payload) > SAMPLE_CHARS:
        return None
    named = {tuple(path.split(".")): secret for path, secret in paths.items() if path}
    if named:
        try:
            parsed = parse_json(payload)
        except DecodeError:
            parsed = None
        if isinstance(parsed, dict | list):
            return msgspec.json.encode(_cut(parsed, named)).decode()
    if "" not in paths:
        return None
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return None
    return "0" * min(len(text), 8) if paths[""] else _blot(text)


def _cut(here: Any, paths: Mapping[tuple[str, ...], bool]) -> Any:  # noqa: ANN401 - JSON of any shape
    """What is at the paths, everything else gone."""
    if () in paths:
        return _blotted(here, secret=paths[()])
    below: dict[str, dict[tuple[str, ...], bool]] = {}
    for path, secret in paths.items():
        below.setdefault(path[0], {})[path[1:]] = secret
    if isinstance(here, dict):
        return {key: _cut(here[key], rest) for key, rest in below.items() if key in here}
    if isinstance(here, list):
        wanted = {int(key): rest for key, rest in below.items() if key.isdecimal() and len(key) < 6}
        last = max((index for index in wanted if index < len(here)), default=-1)
        return [_cut(here[i], wanted[i]) if i in wanted else None for i in range(last + 1)]
    return None


def _blotted(value: Any, *, secret: bool) -> Any:  # noqa: ANN401 - JSON of any shape
    if isinstance(value, dict | list):
        return None  # no point reads one
    if isinstance(value, str):
        return "0" * min(len(value), 8) if secret else _blot(value)
    if secret and value is not None and not isinstance(value, bool):
        return 0
    return value


def _blot(text: str) -> str:
    return _CARD.sub(lambda found: "0" * len(found[0]), text)


def _sample(decoder: Decoder, template: str, text: str, source: str, *, retained: bool = False) -> dict[str, Any]:
    """A message with what comes of it."""
    sample: dict[str, Any] = {"source": source, "topic": template, "payload": text}
    if retained:
        sample["retained"] = True
    topic = template.replace("{address}", SAMPLE_ADDRESS)
    try:
        decoded = decoder.decode(MqttPayload(topic, text.encode(), retained))
    except DecodeError as error:
        return sample | {"error": error.reason}
    if decoded.online is not None:
        sample["online"] = decoded.online
    if decoded.readings or decoded.online is None:
        sample["readings"] = {reading.point: reading.value for reading in decoded.readings}
    return sample


def _constructed(profile: Profile) -> tuple[str, str]:
    """A message that gives the first point a value."""
    point = next(iter(profile.points.values()))
    value: Any = next(iter(point.map)) if point.map else {"bool": True, "str": "text"}.get(point.type, 0)
    read = point.mqtt
    template = (read.topic if read is not None else None) or profile.mqtt.topic
    if read is None or not read.path:
        return template, "true" if value is True else str(value)
    for key in reversed(read.path.split(".")):
        value = {key: value}
    return template, msgspec.json.encode(value).decode()


def _bad(decoder: Decoder, template: str) -> dict[str, Any]:
    """A message that must be refused: torn JSON, an unknown word, or a text that is too long, whichever it is refused for."""
    source = "constructed: what the device never sends"
    tried = (_sample(decoder, template, text, source) for text in ("{", "?", "?" * (MAX_TEXT + 1)))
    return next(
        (sample for sample in tried if "error" in sample),
        {"source": source, "topic": template, "payload": "{", "readings": {}},
    )
