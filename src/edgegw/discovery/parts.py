"""One entity to what a profile says of it: points, alarms, commands.

Owns: what each component's keys mean, their defaults, and which of it can be said in a profile.
Must not know: the other entities of the device, names of points (naming), how the profile is written.

Source: home-assistant.io, the pages of the MQTT components; their defaults are theirs.
"""

from collections.abc import Callable, Mapping
from typing import Any

from msgspec import Struct

from edgegw.discovery.config import Entity, RefusedError, clean, text_of, topic_of
from edgegw.discovery.expression import ExpressionError, Where, value_of
from edgegw.discovery.naming import is_secret
from edgegw.discovery.sending import Sending, sending
from edgegw.discovery.words import BATTERY, BATTERY_BACK, BATTERY_LOW, BINARY, JAMMED, NOT_NUMBERS, Meaning, unit_of
from edgegw.profiles.convert import as_text

Raw = Callable[[str, str], object]
"""(topic, path) → the value last seen there, None if none was."""

WORD_CHARS = 128
"""Longest state word; real ones have some ten characters."""

DELAY_MOST = 86_400
"""Seconds: an ``off_delay`` or ``expire_after`` beyond a day is not what they are for."""


class Part(Struct, frozen=True):
    """What comes of one entity.

    Attributes:
        points: suffix (empty for the entity's own value) → the point, as a profile says it.
        alarms: suffix → the alarm without its point; it watches the point without a suffix.
        commands: verb → what is sent.
        tells: the words by which the value says that the device is there, for an entity of class connectivity.
        notes: what is not quite as the device asks for.
    """

    points: dict[str, dict[str, Any]]
    alarms: dict[str, dict[str, Any]] = {}
    commands: dict[str, Sending] = {}
    tells: tuple[str, str] | None = None
    notes: tuple[str, ...] = ()


def part_of(entity: Entity, raw: Raw) -> Part:
    """What comes of an entity.

    Raises:
        RefusedError: nothing does; ``unsupported`` for components there is no use for.
    """
    make = _MAKERS.get(entity.component)
    if make is None:
        raise RefusedError("unsupported", f"components of kind {clean(entity.component, 32)} are not taken over")
    try:
        part = make(entity, raw)
    except ExpressionError as error:
        raise RefusedError("bad-template", str(error)) from error
    if entity.config.get("retain") is True and part.commands:
        part = Part(
            part.points, part.alarms, part.commands, part.tells, (*part.notes, "its commands are not retained by us")
        )
    return part


# --- reading ----------------------------------------------------------------------------------------------------------


def _place(config: Mapping[str, Any], *templates: str, topic: str = "state_topic") -> tuple[str, Where]:
    """The topic of a value, and where in it the value is; the first template that is there counts."""
    given = next((text for key in templates if (text := text_of(dict(config), key))), None)
    return topic_of(dict(config), topic), value_of(given)


def _point(entity: Entity, kind: str, topic: str, where: Where, **more: object) -> dict[str, Any]:
    point: dict[str, Any] = {"type": kind}
    if entity.name:
        point["description"] = entity.name
    point |= {key: value for key, value in more.items() if value is not None}
    return point | {"mqtt": {"topic": topic} | ({"path": where.path} if where.path else {})}


_NUMBER_REPORT = {"on_change": True, "min_interval": "10s", "max_interval": "1h"}
"""A discovery config says nothing about what a change is worth; ten seconds keep a chattering sensor from filling the store."""


def _number(entity: Entity, topic: str, where: Where, unit: str | None) -> dict[str, Any]:
    return _point(entity, "float", topic, where, unit=unit, decimals=where.decimals, report=dict(_NUMBER_REPORT))


def _sensor(entity: Entity, raw: Raw) -> Part:
    config = entity.config
    topic, where = _place(config, "value_template")
    unit = unit_of(text_of(config, "unit_of_measurement") or "")
    kind = text_of(config, "device_class") or ""
    if is_secret(entity.object_id, entity.name, where.path):
        return Part({"": _point(entity, "str", topic, where, secret=True)})
    seen = raw(topic, where.path)
    numeric = where.number or unit is not None or isinstance(config.get("state_class"), str)
    if kind in NOT_NUMBERS:
        numeric = where.number
    if isinstance(seen, bool) and not where.number:
        return Part({"": _point(entity, "bool", topic, where)})
    if not numeric and not isinstance(seen, int | float):
        return Part({"": _point(entity, "str", topic, where)})
    alarms = {}
    if kind == "battery" and unit == "%":
        alarms[""] = _alarm(BATTERY, {"below": BATTERY_LOW, "hysteresis": BATTERY_BACK})
    return Part({"": _number(entity, topic, where, unit)}, alarms)


def _binary(entity: Entity, raw: Raw) -> Part:
    del raw
    config = entity.config
    topic, where = _place(config, "value_template")
    on, off = _words(config, "payload_on", "ON"), _words(config, "payload_off", "OFF")
    kind = text_of(config, "device_class") or ""
    alarms = {}
    delay = _seconds(config, "off_delay")
    if (meaning := BINARY.get(kind)) is not None:
        alarms[""] = _alarm(meaning, {"equals": True})
        if delay:
            # it never says that it is over: every message is one occurrence
            alarms[""] |= {"momentary": True, "clear_after": f"{delay:g}s"}
    tells = (on[0], off[0]) if kind == "connectivity" else None
    return Part({"": _point(entity, "bool", topic, where, map=_map([(on, True), (off, False)]))}, alarms, tells=tells)


def _event(entity: Entity, raw: Raw) -> Part:
    del raw
    topic, where = _place(entity.config, "value_template")
    if where != Where():
        raise RefusedError("bad-template", "an event's template makes JSON of its own: that is not understood")
    return Part({"": _point(entity, "str", topic, Where("event_type"))})


def _trigger(entity: Entity, raw: Raw) -> Part:
    del raw
    if entity.config.get("automation_type", "trigger") != "trigger":
        raise RefusedError("unsupported", "a device_automation that is no trigger")
    topic, where = _place(entity.config, "value_template", topic="topic")
    said = entity.config.get("payload")
    if not where.path and isinstance(said, str) and said.lstrip().startswith("{"):
        raise RefusedError("unsupported", "a trigger that is a whole JSON message among others of its topic")
    return Part({"": _point(entity, "str", topic, where)})


# --- acting -----------------------------------------------------------------------------------------------------------


def _switch(entity: Entity, raw: Raw) -> Part:
    del raw
    return _two_way(entity, "value_template")


def _light(entity: Entity, raw: Raw) -> Part:
    del raw
    schema = text_of(entity.config, "schema") or "basic"
    if schema == "json":
        own = {"payload_on": '{"state":"ON"}', "payload_off": '{"state":"OFF"}', "state_on": "ON", "state_off": "OFF"}
        kept = {key: value for key, value in entity.config.items() if key in {"state_topic", "command_topic", "retain"}}
        asked = kept | own | {"value_template": "{{ value_json.state }}"}
        part = _two_way(_with(entity, asked), "value_template")
    elif schema in {"basic", "default"}:
        part = _two_way(entity, "state_value_template", "value_template")
    else:
        raise RefusedError("unsupported", f"lights of schema {clean(schema, 32)} are not taken over")
    return Part(part.points, part.alarms, part.commands, notes=(*part.notes, "on and off only"))


def _with(entity: Entity, config: dict[str, Any]) -> Entity:
    return Entity(entity.component, entity.key, entity.object_id, entity.name, config, entity.node)


def _two_way(entity: Entity, *templates: str) -> Part:
    config = entity.config
    if "state_topic" not in config:
        commands = {verb: sending(config, f"payload_{verb}", verb.upper()) for verb in ("on", "off")}
        return Part({}, {}, commands, notes=("it tells no state: the broker's word is all the confirmation",))
    topic, where = _place(config, *templates)
    on = _words(config, "state_on", config.get("payload_on", "ON"))
    off = _words(config, "state_off", config.get("payload_off", "OFF"))
    point = _point(entity, "bool", topic, where, map=_map([(on, True), (off, False)]))
    try:
        commands = {
            "on": sending(config, "payload_on", "ON", confirm=(topic, True)),
            "off": sending(config, "payload_off", "OFF", confirm=(topic, False)),
        }
    except RefusedError as error:
        return Part({"": point}, notes=(f"no commands: {error.detail}",))
    return Part({"": point}, {}, commands)


def _lock(entity: Entity, raw: Raw) -> Part:
    del raw
    config = entity.config
    if "state_topic" not in config:
        raise RefusedError("unsafe", "a lock that tells no state: nobody would know whether it obeyed")
    topic, where = _place(config, "value_template")
    states = ("locked", "unlocked", "locking", "unlocking", "jammed")
    words = _map([(_words(config, f"state_{state}", state.upper()), state) for state in states])
    point = _point(entity, "str", topic, where, map=words)
    alarms = {"jammed": _alarm(JAMMED, {"equals": "jammed"})}
    if config.get("code_format"):
        return Part({"": point}, alarms, notes=("no commands: it wants a code with each",))
    commands = {
        "lock": sending(config, "payload_lock", "LOCK", confirm=(topic, "locked")),
        "unlock": sending(config, "payload_unlock", "UNLOCK", confirm=(topic, "unlocked")),
    }
    return Part({"": point}, alarms, commands)


SLOW = "it moves longer than a command may take: the broker's word confirms, the state tells the rest"


def _cover(entity: Entity, raw: Raw) -> Part:
    del raw
    config = entity.config
    points = {}
    if "state_topic" in config:
        topic, where = _place(config, "value_template")
        states = ("open", "closed", "opening", "closing", "stopped")
        words = _map([(_words(config, f"state_{state}", state), state) for state in states])
        points[""] = _point(entity, "str", topic, where, map=words)
    if "position_topic" in config:
        topic, where = _place(config, "position_template", topic="position_topic")
        points["position"] = _number(entity, topic, where, None)
    verbs = [verb for verb in ("open", "close", "stop") if config.get(f"payload_{verb}", "") is not None]
    return _slow(config, points, verbs)


def _valve(entity: Entity, raw: Raw) -> Part:
    del raw
    config = entity.config
    if config.get("reports_position") is True:
        topic, where = _place(config, "value_template")
        point = _number(entity, topic, where, "%")
        return Part({"": point}, notes=("no commands: it takes positions",))
    points = {}
    if "state_topic" in config:
        topic, where = _place(config, "value_template")
        states = ("open", "closed", "opening", "closing")
        words = _map([(_words(config, f"state_{state}", state), state) for state in states])
        points[""] = _point(entity, "str", topic, where, map=words)
    return _slow(config, points, ["open", "close", *(["stop"] if config.get("payload_stop") else [])])


def _slow(config: dict[str, Any], points: dict[str, dict[str, Any]], verbs: list[str]) -> Part:
    """Commands of something that moves for a while."""
    if "command_topic" not in config:
        return Part(points)
    try:
        commands = {verb: sending(config, f"payload_{verb}", verb.upper()) for verb in verbs}
    except RefusedError as error:
        return Part(points, notes=(f"no commands: {error.detail}",))
    return Part(points, {}, commands, notes=(SLOW,))


def _button(entity: Entity, raw: Raw) -> Part:
    del raw
    return Part({}, {}, {"press": sending(entity.config, "payload_press", "PRESS")})


def _numeric(entity: Entity, raw: Raw) -> Part:
    del raw
    config = entity.config
    low, high = _limit(config, "min", 1), _limit(config, "max", 100)
    if low > high:
        raise RefusedError("bad-field", f"min {low:g} is above max {high:g}")
    arg = {"type": "float", "min": low, "max": high}
    if "state_topic" not in config:
        return Part({}, {}, {"set": sending(config, None, "{value}", arg=arg)})
    topic, where = _place(config, "value_template")
    point = _number(entity, topic, where, unit_of(text_of(config, "unit_of_measurement") or ""))
    return Part({"": point}, {}, {"set": sending(config, None, "{value}", arg=arg, confirm=(topic, None))})


# --- small things -----------------------------------------------------------------------------------------------------


def _alarm(meaning: Meaning, when: dict[str, Any]) -> dict[str, Any]:
    alarm: dict[str, Any] = {"when": when, "priority": meaning.priority, "category": meaning.category}
    alarm["title"] = {"zh": meaning.zh, "en": meaning.en}
    return alarm if meaning.watched else alarm | {"enabled": False}


def _words(config: Mapping[str, Any], key: str, default: object) -> tuple[str, ...]:
    """How a state may be spelled: as given, and for a yes or no as JSON and as Python spell it."""
    value = config.get(key)
    word = as_text(default if value is None else value)
    if not word or len(word) > WORD_CHARS or not word.isprintable():
        raise RefusedError("bad-payload", f"{key} is no word of up to {WORD_CHARS} characters")
    folded = word.lower()
    return tuple(dict.fromkeys((word, folded, folded.capitalize()))) if folded in {"true", "false"} else (word,)


def _map(pairs: list[tuple[tuple[str, ...], object]]) -> dict[str, object]:
    """State words to values; of two that are spelled alike the first counts, but the first two must differ."""
    if set(pairs[0][0]) & set(pairs[1][0]):
        raise RefusedError("bad-payload", f"{pairs[0][0][0]!r} stands for two states")
    found: dict[str, object] = {}
    for words, value in pairs:
        for word in words:
            found.setdefault(word, value)
    return found


def _seconds(config: Mapping[str, Any], key: str) -> float:
    value = config.get(key)
    usable = isinstance(value, int | float) and not isinstance(value, bool) and 0.001 <= value <= DELAY_MOST
    return float(value) if usable and value is not None else 0.0


def _limit(config: Mapping[str, Any], key: str, default: float) -> float:
    value = config.get(key)
    if value is None:
        return float(default)
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12:
        raise RefusedError("bad-field", f"{key} is no number")
    return float(value)


def expires(entity: Entity) -> float:
    """Seconds after which an entity's value is worth nothing any more; 0 if it does not say."""
    return _seconds(entity.config, "expire_after")


_MAKERS: dict[str, Callable[[Entity, Raw], Part]] = {
    "sensor": _sensor,
    "binary_sensor": _binary,
    "switch": _switch,
    "light": _light,
    "lock": _lock,
    "cover": _cover,
    "valve": _valve,
    "button": _button,
    "number": _numeric,
    "event": _event,
    "device_automation": _trigger,
}

SUPPORTED = tuple(_MAKERS)
"""Components that something is made of."""
