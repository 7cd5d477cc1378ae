"""By what a discovered device is known to be there: its availability topic, or the silence after which it is gone.

Owns: choosing one availability topic among those of its entities. Must not know: points, commands.
"""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct

from edgegw.discovery.config import Entity, RefusedError, clean, text_of, topic_of
from edgegw.discovery.expression import ExpressionError, value_of
from edgegw.profiles.convert import as_text

TOPICS_MOST = 16
"""Availability topics of one entity that are looked at: real ones have one or two."""

WORD_CHARS = 128


class Availability(Struct, frozen=True):
    """By what a device is known to be there.

    Attributes:
        section: `mqtt.availability`, None if there is none. bridge: `mqtt.bridge`, the same.
        notes: what is not watched though the device asks for it.
    """

    section: dict[str, Any] | None
    notes: tuple[str, ...] = ()
    bridge: dict[str, Any] | None = None


def availability(entities: Iterable[Entity], own: str) -> Availability:
    """The availability topics of a device.

    Of several the device's is that which names it (`own`, a level of its topics), then that of the most entities, then the one
    named last: Zigbee2MQTT names its bridge first and the device last. The next best is the bridge's, unless any is enough.
    """
    enough = False
    found: dict[str, dict[str, Any]] = {}
    counts: Counter[str] = Counter()
    notes: dict[str, None] = {}
    for entity in entities:
        enough = enough or entity.config.get("availability_mode") == "any"
        for said in _listed(entity.config):
            try:
                section = _section(said)
            except (RefusedError, ExpressionError) as error:
                notes[f"availability not understood: {clean(str(error), 160)}"] = None
                continue
            found[section["topic"]] = section
            counts[section["topic"]] += 1
    if not found:
        return Availability(None, tuple(notes))
    order = list(found)
    best = max(order, key=lambda topic: (bool(own) and own in topic.split("/"), counts[topic], order.index(topic)))
    others = sorted((topic for topic in order if topic != best), key=lambda topic: (-counts[topic], order.index(topic)))
    bridge = found[others.pop(0)] if others and not enough else None
    for topic in others:
        notes[f"availability {topic} is not watched, {best} is"] = None
    return Availability(found[best], tuple(notes), bridge)


def _listed(config: dict[str, Any]) -> list[dict[str, Any]]:
    listed = config.get("availability")
    if isinstance(listed, dict):
        listed = [listed]
    if isinstance(listed, list):
        return [one for one in listed[:TOPICS_MOST] if isinstance(one, dict)]
    return [config] if "availability_topic" in config else []


def _section(said: dict[str, Any]) -> dict[str, Any]:
    listed = "availability_topic" not in said  # then it is one of a list, whose keys are shorter
    topic = topic_of(said, "topic" if listed else "availability_topic")
    where = value_of(text_of(said, "value_template" if listed else "availability_template"))
    section: dict[str, Any] = {"topic": topic}
    if where.path:
        section["path"] = where.path
    on, off = (
        _spelled(said.get(key, word))
        for key, word in (("payload_available", "online"), ("payload_not_available", "offline"))
    )
    if set(map(repr, on)) & set(map(repr, off)):
        raise RefusedError("bad-payload", f"{on[0]!r} stands for both online and offline")
    return section | {"online": on, "offline": off}


def _spelled(word: object) -> list[Any]:
    """A word as text, and as JSON spells it where it is a yes, a no or a number."""
    text = as_text(word)
    if not text or len(text) > WORD_CHARS or not text.isprintable():
        raise RefusedError("bad-payload", f"no word of up to {WORD_CHARS} characters")
    folded = text.lower()
    if folded in {"true", "false"}:
        return [text, *([folded] if folded != text else []), folded == "true"]
    return [text, int(text)] if text.isascii() and text.isdecimal() and len(text) < 16 else [text]


def of_connectivity(point: dict[str, Any], words: tuple[str, str]) -> dict[str, Any]:
    """The section for a device whose only sign of being there is a binary sensor of class connectivity."""
    read = point["mqtt"]
    path = {"path": read["path"]} if "path" in read else {}
    return {"topic": read["topic"], **path, "online": _spelled(words[0]), "offline": _spelled(words[1])}
