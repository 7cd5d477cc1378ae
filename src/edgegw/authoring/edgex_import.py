"""From an EdgeX device profile that was read to the text of ours, and the list of what it lacks.

Owns: putting points, commands and constructed samples together. Must not know: files.
"""

from msgspec import Struct

from edgegw.authoring import construct, edgex_modbus, edgex_mqtt
from edgegw.authoring.edgex import Left, Source, read
from edgegw.authoring.edgex_mqtt import BARE, LEVELS, SECTIONS
from edgegw.authoring.profiletext import file_slug, profile_of, text_of
from edgegw.authoring.yamltext import Flow, Noted
from edgegw.errors import ProfileError
from edgegw.yamlpos import Document

POLL = "EdgeX keeps periods with its devices (autoEvents): set yours"
CONSTRUCTED = "constructed from the EdgeX profile; replace by a captured one (edgegw record)"


class Imported(Struct, frozen=True):
    """The outcome.

    Attributes:
        name: ``<vendor>/<model>`` under which it goes into a folder of profiles.
        text: the file.
        points, commands: how many of each; `resources`: how many EdgeX had.
        left: what was not carried over, and why.
    """

    name: str
    text: str
    link: str
    resources: int
    points: int
    commands: int
    left: tuple[Left, ...]


def import_edgex(document: Document, manner: str = LEVELS) -> Imported:
    """An EdgeX device profile as ours.

    Args:
        document: YAML or JSON, any release.
        manner: MQTT: which topics the devices use, see `edgex_mqtt`.

    Raises:
        ProfileError: ``edgex`` if it is no EdgeX device profile, or one of another device service; ``empty`` if nothing in it can
            be read, with the reasons.
    """
    source = read(document)
    link = source.link
    if not link:
        known = sorted({key for one in source.resources for key in one.attributes})
        raise ProfileError(
            "edgex",
            f"{document.name}: its attributes ({', '.join(known[:6])}) are of another device service: "
            "Modbus and MQTT profiles can be imported",
        )
    left = list(source.left)
    points, commands = _parts(source, link, manner, left)
    if not points:
        raise ProfileError("empty", "\n".join([f"{document.name}: nothing in it can be read", *map(str, left)]))
    left += [
        Left(
            name,
            f"the words for its values ({_words(mapping)}) are not carried over; write them as its `map` if wanted",
        )
        for name, mapping in source.mappings.items()
        if mapping
    ]
    if link == "mqtt" and manner == LEVELS:
        left.append(Left("topics", BARE))
    left = _joined(left)
    data = _data(source, link, manner, points, commands)
    data["samples"] = construct.samples(profile_of(data), CONSTRUCTED)
    return Imported(
        f"{file_slug(source.manufacturer)}/{file_slug(source.model)}",
        text_of(data, head=_head(source, left)),
        link,
        len(source.resources),
        len(points),
        len(commands),
        tuple(left),
    )


def _parts(source: Source, link: str, manner: str, left: list[Left]) -> tuple[dict[str, object], dict[str, object]]:
    points: dict[str, object] = {}
    commands: dict[str, object] = {}
    for one in source.resources:
        point: dict[str, object] | None = None
        if one.properties.reads:
            if link == "modbus":
                point = edgex_modbus.point_of(one, old=source.old, leave=left.append)
            else:
                point = edgex_mqtt.point_of(one, manner, left.append)
            if point is not None:
                points[one.slug] = point
        if one.properties.writes:
            if link == "modbus":
                command = edgex_modbus.command_of(one, point, old=source.old, leave=left.append)
            else:
                command = edgex_mqtt.command_of(one, manner, left.append)
            if command is not None:
                commands[f"set-{one.slug.replace('_', '-')}"] = command
    return points, commands


def _data(
    source: Source, link: str, manner: str, points: dict[str, object], commands: dict[str, object]
) -> dict[str, object]:
    release = "1 (addresses counted from 1)" if source.old and link == "modbus" else "1" if source.old else "2 or later"
    data: dict[str, object] = {
        "vendor": source.manufacturer,
        "model": source.model,
        "description": source.description or source.name,
        "source": f"EdgeX device profile {source.name}, release {release}",
        "link": link,
    }
    if link == "modbus":
        data["offline_after"] = "60s"
        data["modbus"] = {"poll": Noted(Flow({"normal": "10s"}), POLL)}
    else:
        section = dict(SECTIONS[manner])
        if manner == LEVELS:
            first = next(iter(points.values()))
            section["topic"] = first["mqtt"]["topic"]  # type: ignore[index]  # point_of made it
        data["mqtt"] = section
    data["report"] = Flow({"on_change": True, "max_interval": "15m"})
    data["points"] = points
    if commands:
        data["commands"] = commands
    return data


def _joined(left: list[Left]) -> list[Left]:
    """What has the same reason, together."""
    by_reason: dict[str, list[str]] = {}
    for one in left:
        by_reason.setdefault(one.why, []).append(one.what)
    return [Left(", ".join(names), why) for why, names in by_reason.items()]


def _head(source: Source, left: list[Left]) -> str:
    lines = [f"Imported from the EdgeX device profile {source.name}. It has no captured sample yet."]
    if left:
        lines += ["What was not carried over, or not as it was:", *(f"- {one}" for one in left)]
    return "\n".join(lines)


def _words(mapping: object) -> str:
    pairs = [f"{key} {word}" for key, word in mapping.items()] if isinstance(mapping, dict) else []
    return ", ".join(pairs[:4]) + (" …" if len(pairs) > 4 else "")
