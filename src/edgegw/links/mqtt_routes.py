"""Which device an MQTT message is for, by its topic and, where devices share one, by what is in it.

Owns: topics to devices, telling apart the devices of a shared topic.
Must not know: sessions, what else a message says.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol

from edgegw.errors import DecodeError
from edgegw.profiles.convert import as_text
from edgegw.profiles.decode_mqtt import parse_json, walk

Routes = Mapping[str, Sequence[str]]
"""Topic → the devices that read it."""

Path = tuple[str, ...]
Matches = Mapping[str, Mapping[str, tuple[Path, str]]]
"""Topic → device → (path, value): of a shared topic's messages those whose value at `path` is `value`, as text, are its."""


class Matched(Protocol):
    """What is asked of a device's decoder."""

    def matched(self) -> Mapping[str, tuple[Path, str]]:
        """See `profiles.decode.Decoder.matched`."""
        ...


def routes(topics: Iterable[tuple[str, Sequence[str]]]) -> dict[str, tuple[str, ...]]:
    """Topic → devices, from (device, its exact topics)."""
    found: dict[str, tuple[str, ...]] = {}
    for device, names in topics:
        for name in names:
            found[name] = (*found.get(name, ()), device)
    return found


def matches(decoders: Iterable[tuple[str, Matched]]) -> dict[str, dict[str, tuple[Path, str]]]:
    """How devices that share topics are told apart, from (device, its decoder)."""
    found: dict[str, dict[str, tuple[Path, str]]] = {}
    for device, decoder in decoders:
        for topic, match in decoder.matched().items():
            found.setdefault(topic, {})[device] = match
    return found


class _Topic:
    """One topic: devices that read all of it, and by path and value those that read what is theirs."""

    __slots__ = ("all", "by_path")

    def __init__(self, devices: Sequence[str], match: Mapping[str, tuple[Path, str]]) -> None:
        self.all = tuple(device for device in devices if device not in match)
        self.by_path: dict[Path, dict[str, str]] = {}
        for device in devices:
            if device in match:
                path, value = match[device]
                self.by_path.setdefault(path, {})[value] = device


class Dispatch:
    """Who gets a message. A thousand terminals on one topic cost one look into the message."""

    def __init__(self, of: Routes, match: Matches | None = None) -> None:
        self._topics = {topic: _Topic(devices, (match or {}).get(topic, {})) for topic, devices in of.items()}

    @property
    def topics(self) -> tuple[str, ...]:
        """All topics, to be subscribed to."""
        return tuple(self._topics)

    def devices(self, topic: str, payload: bytes) -> tuple[str, ...] | None:
        """The devices a message is for: None where no device has the topic, () where the message is of none that shares it.

        A message on a shared topic that is no JSON goes to the first device there is, so that it is kept as a dead letter.
        """
        found = self._topics.get(topic)
        if found is None:
            return None
        if not found.by_path or not payload:
            return found.all
        try:
            parsed = parse_json(payload)
        except DecodeError:
            return found.all or (next(iter(next(iter(found.by_path.values())).values())),)
        told = (by_value.get(as_text(walk(parsed, path)) or "") for path, by_value in found.by_path.items())
        return (*found.all, *(device for device in told if device is not None))
