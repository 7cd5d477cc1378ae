"""Names of points, commands and devices, out of what devices call themselves.

Owns: slugs, the dropping of a device's own name from its entities' names, which names are of secrets.
Must not know: profiles.
"""

import re

from edgegw.discovery.config import Entity, Owner

SLUG_CHARS = 40
"""Of a base name; with a command's verb and a number it stays within a slug's 64."""

_SLUG = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}\Z")
_RUN = re.compile(r"[^a-z0-9]+")
_SECRET = re.compile(
    r"(?:^|_)(?:pin|pins|pincode|card|cards|cardno|code|codes|password|passcode|passwd|rfid|nfc|fingerprint|credential|credentials|"
    r"token|uid|tag|secret|key)(?:_|$)"
)


def slug(text: str, most: int = SLUG_CHARS) -> str:
    """Lower case, digits and ``_``; empty where nothing of a text is left."""
    return _RUN.sub("_", text.lower())[: most + 1].strip("_")[:most].strip("_")


def base_name(entity: Entity, owner: Owner) -> str:
    """What an entity's point is called: by its name without the device's, else its place in the topics, else its component.

    A name in other letters than ASCII has no slug worth reading; then the place in the topics names the point.
    """
    for text in (entity.name if entity.name.isascii() else "", entity.object_id):
        found = _without(slug(text), (slug(owner.name), slug(entity.node)))
        if found:
            return found
    return entity.component


def _without(found: str, owners: tuple[str, ...]) -> str:
    for own in owners:
        if own and (found == own or found.startswith(f"{own}_")):
            return found[len(own) :].strip("_")
    return found


def is_secret(*names: str) -> bool:
    """Whether one of the names is that of a card number, a code or a PIN."""
    return any(_SECRET.search(slug(name, 256)) for name in names)


def device_slug(owner: Owner) -> str:
    """The id a device has in the site file unless another is given; ``device`` where nothing of its names is left."""
    for text in (owner.name, owner.identity):
        found = slug(text).replace("_", "-") if text.isascii() else ""
        if found:
            return found
    return "device"


def is_slug(text: str) -> bool:
    """Whether a text can be an id (`profiles.fields.Slug`)."""
    return _SLUG.match(text) is not None


class Taken:
    """Names that are used; a second use of one gets a number."""

    def __init__(self) -> None:
        self._used: set[str] = set()

    def take(self, name: str) -> str:
        """The name, or with ``_2``, ``_3`` … the first that is free."""
        free, number = name, 1
        while free in self._used:
            number += 1
            free = f"{name}_{number}"
        self._used.add(free)
        return free
