"""The devices of a broker, from the discovery messages that were heard.

Owns: which message is the last of its topic, which entities belong together, how many there may be.
Must not know: what becomes of an entity (parts), brokers, files.
"""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec
from msgspec import Struct

from edgegw.discovery.config import MAX_ENTITIES, Announcement, Entity, Owner, Refusal, read

MAX_DEVICES = 500
"""Devices of one broker: a community's coordinators carry some hundred."""

_NOT_FUNCTION = frozenset(
    {"icon", "ic", "entity_picture", "json_attributes_topic", "json_attr_t", "object_id", "obj_id"}
)
"""Keys that change nothing of what edgegw does with an entity."""


class FoundDevice(Struct, frozen=True):
    """A device as its messages describe it.

    Attributes:
        owner: who it says it is.
        entities: by key, in that order.
        refused: of its messages, those that could not be read.
    """

    owner: Owner
    entities: tuple[Entity, ...]
    refused: tuple[Refusal, ...] = ()

    @property
    def fingerprint(self) -> str:
        """What it announced, in 64 hex digits: the same as long as nothing that matters changes (names matter, icons do not)."""
        said = [[e.component, e.key, e.object_id, _function(e.config)] for e in self.entities]
        return hashlib.sha256(msgspec.json.encode(said, order="sorted")).hexdigest()


def _function(config: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in _NOT_FUNCTION}


class Heard(Struct, frozen=True):
    """All that was heard.

    Attributes:
        devices: by identity.
        refused: messages that told no device.
        taken_back: identities of which every message was taken back while we listened.
    """

    devices: dict[str, FoundDevice]
    refused: tuple[Refusal, ...] = ()
    taken_back: tuple[str, ...] = ()


def devices(messages: Iterable[tuple[str, bytes]], prefix: str) -> Heard:
    """The devices of (topic, payload) pairs in the order they came; of a topic the last counts, an empty one takes it back."""
    last: dict[str, Announcement] = {}
    owners: dict[str, str] = {}
    for topic, payload in messages:
        told = read(topic, payload, prefix)
        if told.owner is not None:
            owners[topic] = told.owner.identity
        last[topic] = told
    found: dict[str, FoundDevice] = {}
    refused: list[Refusal] = []
    for topic in sorted(last):
        told = last[topic]
        if told.owner is None:
            refused += told.refused
        elif told.owner.identity not in found and len(found) >= MAX_DEVICES:
            refused.append(Refusal(topic, "too-many", f"more than {MAX_DEVICES} devices on one broker"))
        else:
            device = found.get(told.owner.identity)
            found[told.owner.identity] = _joined(device, told.owner, told)
    gone = {owners[topic] for topic, told in last.items() if told.gone and topic in owners} - found.keys()
    return Heard(found, tuple(sorted(refused)), tuple(sorted(gone)))


def _joined(device: FoundDevice | None, owner: Owner, told: Announcement) -> FoundDevice:
    """A device with one more message: names come from whichever message tells them first."""
    old = device or FoundDevice(owner, ())
    named = Owner(
        owner.identity,
        old.owner.name or owner.name,
        old.owner.manufacturer or owner.manufacturer,
        old.owner.model or owner.model,
    )
    refused = list(old.refused) + list(told.refused)
    entities = {entity.key: entity for entity in old.entities}
    for entity in told.entities:
        if entity.key in entities:
            refused.append(Refusal(entity.label, "bad-field", "another entity has the same unique id"))
        elif len(entities) >= MAX_ENTITIES:
            refused.append(Refusal(entity.label, "too-many", f"more than {MAX_ENTITIES} entities of one device"))
        else:
            entities[entity.key] = entity
    kept = tuple(entities[key] for key in sorted(entities))
    return FoundDevice(named, kept, tuple(sorted(refused)[:MAX_ENTITIES]))
