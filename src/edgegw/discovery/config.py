"""One discovery message: whose device it is, and which entities it announces.

Owns: discovery topics, JSON within limits, short keys, the base topic ``~``, device messages with their components; what is
refused and why. Must not know: which components there are a use for (parts), brokers.

Everything here comes from whoever may publish on the broker. It is data: names are cleaned before they are shown, topics that
are none are refused, nothing is evaluated.
"""

import re
from typing import Any
from unicodedata import category

from msgspec import Struct

from edgegw.discovery.words import expand, expand_device
from edgegw.errors import DecodeError
from edgegw.profiles.decode_mqtt import parse_json

MAX_PAYLOAD = 64 * 1024
"""Bytes of a message that are looked at: an entity's are one or two thousand, a device's with fifty components some 30,000."""

MAX_ENTITIES = 200
"""Entities of one device: the largest known, an inverter with its cells, has some 150."""

MAX_DEPTH = 12
"""Nesting of a message: a device's with its components has five."""

NAME_CHARS = 64
"""Characters of a name that are kept."""

ID_CHARS = 256
"""Longest unique id or identifier; real ones have some forty characters."""

TOPIC_CHARS = 400
"""Longest topic: a profile's may have 512."""

PLAIN_KEYS = frozenset({"device", "origin", "o", "components"})
"""Sections of a message that are no part of an entity's own config."""

_ID = r"[a-zA-Z0-9_-]{1,128}"
_BELOW = re.compile(rf"(?P<component>[a-z_]{{1,32}})/(?:(?P<node>{_ID})/)?(?P<object>{_ID})/config\Z")
_NO_TOPIC = re.compile(r"[\x00-\x1f\x7f+#{}\ud800-\udfff]")


class Refusal(Struct, frozen=True, order=True):
    """Something that is not taken over, and why.

    Attributes:
        what: the entity's or the message's name for people.
        reason: ``too-large``, ``bad-json``, ``bad-topic``, ``bad-field``, ``missing-topic``, ``bad-template``, ``bad-payload``,
            ``unsupported``, ``unsafe``, ``misfit``, ``too-many``.
        detail: for people.
    """

    what: str
    reason: str
    detail: str = ""


class RefusedError(ValueError):
    """Raised where a config cannot be used; carries the refusal's reason and detail."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class Owner(Struct, frozen=True):
    """The device that entities belong to.

    Attributes:
        identity: the first identifier, else a connection (``mac:…``), else the discovery topic's own name (``topic:…``).
        name, manufacturer, model: cleaned; may be empty.
    """

    identity: str
    name: str = ""
    manufacturer: str = ""
    model: str = ""


class Entity(Struct, frozen=True):
    """One entity as announced.

    Attributes:
        component: ``sensor``, ``switch`` …
        key: its unique id; where it has none, its place in the discovery topics.
        object_id: its short name in the discovery topic or message.
        name: for people, cleaned; empty where it is the device itself.
        config: its keys spelled out, base topic filled in; values as they came.
        node: the discovery topic's node id, empty if it has none.
    """

    component: str
    key: str
    object_id: str
    name: str
    config: dict[str, Any]
    node: str = ""

    @property
    def label(self) -> str:
        """What it is called in a refusal."""
        return f"{self.component} {self.name or self.object_id}"


class Announcement(Struct, frozen=True):
    """What one message says. `owner` is None where the whole message was refused or takes the device back (`gone`)."""

    owner: Owner | None = None
    entities: tuple[Entity, ...] = ()
    refused: tuple[Refusal, ...] = ()
    gone: bool = False


def filters(prefix: str) -> tuple[str, str]:
    """The topic filters on which discovery messages come."""
    return f"{prefix}/+/+/config", f"{prefix}/+/+/+/config"


def read(topic: str, payload: bytes, prefix: str) -> Announcement:
    """What a message on a discovery topic says; whatever it is, the outcome is an announcement, its refusals included."""
    what = clean(topic, ID_CHARS)
    try:
        return _read(topic, payload, prefix)
    except RefusedError as error:
        return Announcement(refused=(Refusal(what, error.reason, error.detail),))


def _read(topic: str, payload: bytes, prefix: str) -> Announcement:
    below = _BELOW.match(topic.removeprefix(f"{prefix}/")) if topic.startswith(f"{prefix}/") else None
    if below is None:
        raise RefusedError("bad-topic", "not <prefix>/<component>/[<node>/]<object>/config")
    if not payload:
        return Announcement(gone=True)
    config = expand(_parsed(payload))
    node, object_id = below["node"] or "", below["object"]
    owner = _owner(config.get("device"), node or object_id)
    refused: list[Refusal] = []
    if below["component"] == "device":
        entities, refused = _components(config, node, object_id)
    else:
        entities = [_entity(below["component"], config, node, object_id)]
    return Announcement(owner, tuple(entities), tuple(refused))


def _parsed(payload: bytes) -> dict[str, Any]:
    if len(payload) > MAX_PAYLOAD:
        raise RefusedError("too-large", f"{len(payload)} bytes; at most {MAX_PAYLOAD} are looked at")
    try:
        config = parse_json(payload)
    except DecodeError as error:
        raise RefusedError("bad-json", clean(error.detail, 200)) from error
    if not isinstance(config, dict):
        raise RefusedError("bad-json", "not a JSON object")
    if _deeper(config, MAX_DEPTH):
        raise RefusedError("bad-json", f"nested deeper than {MAX_DEPTH}")
    return config


def _deeper(here: object, left: int) -> bool:
    """Whether something is nested deeper than so many levels."""
    below = here.values() if isinstance(here, dict) else here if isinstance(here, list) else ()
    return left < 0 or any(_deeper(one, left - 1) for one in below)


def _owner(device: object, place: str) -> Owner:
    if device is None:
        return Owner(f"topic:{place}", place)
    if not isinstance(device, dict):
        raise RefusedError("bad-field", "device is not an object")
    said = expand_device(device)
    named = {key: clean(said.get(key), NAME_CHARS) for key in ("name", "manufacturer", "model")}
    return Owner(_identity(said) or f"topic:{place}", **named)


def _identity(said: dict[str, Any]) -> str:
    ids = said.get("identifiers")
    first = ids[0] if isinstance(ids, list) and ids else ids
    if isinstance(first, int) and not isinstance(first, bool):
        first = str(first)[:ID_CHARS] if abs(first) < 2**64 else None
    if isinstance(first, str) and first:
        return _checked_id(first)
    pairs = said.get("connections")
    pair = pairs[0] if isinstance(pairs, list) and pairs else None
    if isinstance(pair, list) and len(pair) == 2 and all(isinstance(part, str) and part for part in pair):
        return _checked_id(":".join(pair))
    return ""


def _checked_id(text: str) -> str:
    if len(text) > ID_CHARS or not text.isprintable():
        raise RefusedError("bad-field", f"an identifier is longer than {ID_CHARS} characters, or not printable")
    return text


def _components(config: dict[str, Any], node: str, object_id: str) -> tuple[list[Entity], list[Refusal]]:
    """The entities of a device message. Keys beside `components` are common to all, a component's own win."""
    listed = config.get("components")
    if not isinstance(listed, dict):
        raise RefusedError("bad-field", "a device message without components")
    if len(listed) > MAX_ENTITIES:
        raise RefusedError("too-many", f"{len(listed)} components; at most {MAX_ENTITIES}")
    common = {key: value for key, value in config.items() if key not in PLAIN_KEYS}
    entities, refused = [], []
    for name, given in listed.items():
        label = f"component {clean(name, NAME_CHARS)}"
        if not isinstance(given, dict):
            refused.append(Refusal(label, "bad-field", "not an object"))
            continue
        own = expand(given)
        platform = own.pop("platform", None)
        if not own:
            continue  # a component with nothing but its platform is taken back
        if not isinstance(platform, str) or not re.match(r"[a-z_]{1,32}\Z", platform):
            refused.append(Refusal(label, "bad-field", "no platform: which component it is"))
            continue
        try:
            entities.append(_entity(platform, {**common, **own}, node or object_id, name))
        except RefusedError as error:
            refused.append(Refusal(label, error.reason, error.detail))
    return entities, refused


def _entity(component: str, config: dict[str, Any], node: str, object_id: str) -> Entity:
    key = config.get("unique_id")
    key = _checked_id(key) if isinstance(key, str) and key else f"{component}/{node}/{object_id}"
    base = config.get("~")
    own = {name: value for name, value in config.items() if name not in PLAIN_KEYS and name != "~"}
    if isinstance(base, str):
        own = {name: _based(value, base) if name.endswith("topic") else value for name, value in own.items()}
        listed = own.get("availability")
        if isinstance(listed, list):
            own["availability"] = [
                {**one, "topic": _based(one.get("topic"), base)} if isinstance(one, dict) else one for one in listed
            ]
    return Entity(component, key, clean(object_id, NAME_CHARS), clean(config.get("name"), NAME_CHARS), own, node)


def _based(value: Any, base: str) -> Any:  # noqa: ANN401 - JSON of any shape
    """``~/state`` and ``state/~`` with the base topic in place of ``~``."""
    if not isinstance(value, str):
        return value
    if value.startswith("~"):
        value = base + value[1:]
    return value[:-1] + base if value.endswith("~") else value


def clean(value: object, most: int) -> str:
    """A text without control, format and unpaired characters, cut; empty if it is no text."""
    if not isinstance(value, str):
        return ""
    return "".join(c for c in value[: 4 * most] if category(c) not in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})[
        :most
    ].strip()


def topic_of(config: dict[str, Any], key: str) -> str:
    """A topic that a config names.

    Raises:
        RefusedError: ``missing-topic``, ``bad-topic``.
    """
    topic = config.get(key)
    if topic is None or topic == "":
        raise RefusedError("missing-topic", f"no {key}")
    if not isinstance(topic, str) or len(topic) > TOPIC_CHARS or _NO_TOPIC.search(topic):
        raise RefusedError("bad-topic", f"{key} is no exact topic: {clean(str(topic)[:200], 80)!r}")
    if topic.startswith("$") or topic.strip() != topic:
        raise RefusedError("bad-topic", f"{key} belongs to the broker, or begins or ends with a blank: {topic[:80]!r}")
    return topic


def text_of(config: dict[str, Any], key: str) -> str | None:
    """A text that a config may have. Raises RefusedError ``bad-field`` if it is something else."""
    value = config.get(key)
    if value is not None and not isinstance(value, str):
        raise RefusedError("bad-field", f"{key} is no text")
    return value
