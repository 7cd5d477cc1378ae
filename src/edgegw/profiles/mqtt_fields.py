"""Where a point is in a JSON payload, compiled: paths, what a message says of itself, lists, the device's own time.

Owns: walking JSON, and what one point finds there. Must not know: topics, whose a message is, where bytes come from.
"""

from typing import Any

from edgegw.errors import DecodeError
from edgegw.model import Quality, Reading
from edgegw.profiles.convert import Convert, as_text
from edgegw.profiles.owntime import own_time, rfc3339
from edgegw.profiles.schema import Scalar
from edgegw.profiles.schema_mqtt import MqttRead, MqttTime

MAX_ITEMS = 256
"""Items of a list that `each` looks at: platforms post a few dozen services or stored values at once."""

Path = tuple[str, ...]


def path_of(dotted: str) -> Path:
    """A path as its parts."""
    return tuple(dotted.split("."))


def walk(here: Any, path: Path) -> Any:  # noqa: ANN401 - JSON of any shape
    """The value at a path of keys and list indices, None if there is none."""
    for part in path:
        if type(here) is dict:
            here = here.get(part)
        elif type(here) is list and part.isdecimal() and len(part) < 6 and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return here


class Says:
    """That a value of the message spells so."""

    __slots__ = ("path", "text")

    def __init__(self, path: str, equals: Scalar) -> None:
        self.path = path_of(path)
        self.text = as_text(equals)

    def holds(self, parsed: Any) -> bool:  # noqa: ANN401 - JSON of any shape
        """Whether it does."""
        return as_text(walk(parsed, self.path)) == self.text


class Field:
    """One point on one topic.

    Attributes:
        plain: one value at one path, of the moment it came; `own` is for all others.
        when: only in messages that say so; None also where it is asked of every item.
    """

    __slots__ = ("_each", "_item", "_or", "_time", "convert", "name", "path", "plain", "required", "unit", "when")

    def __init__(self, name: str, read: MqttRead, convert: Convert, unit: str | None, *, required: bool) -> None:
        when = None if read.when is None else Says(read.when.path, read.when.equals)
        self.name = name
        self.convert = convert
        self.unit = unit
        self.required = required
        self._each = None if read.each is None else path_of(read.each)
        self._time = None if read.time is None else _Time(read.time)
        self.path = () if self._each is not None and not read.path else path_of(read.path)
        self.when = when if self._each is None else None
        self._item = when if self._each is not None else None
        self._or = None if read.or_path is None else path_of(read.or_path)
        self.plain = self._each is None and self._time is None and self._or is None

    def own(self, parsed: Any, quality: Quality, received_ns: int | None) -> list[Reading]:  # noqa: ANN401 - JSON of any shape
        """The readings a message holds, those with a time of their own in its order."""
        if self._each is None:
            found = [self._reading(parsed, quality, received_ns)]
        else:
            found = [
                self._reading(item, quality, received_ns)
                for item in self._items(parsed)
                if self._item is None or self._item.holds(item)
            ]
        readings = [reading for reading in found if reading is not None]
        if self.required and not readings:
            raise DecodeError("missing-point", f"{self.name}: no {'.'.join((*(self._each or ()), *self.path))}")
        if self._time is not None and len(readings) > 1:
            readings.sort(key=lambda reading: reading.time or "")
        return readings

    def _items(self, parsed: Any) -> list[Any]:  # noqa: ANN401 - JSON of any shape
        found = walk(parsed, self._each or ())
        if found is None:
            return []
        if type(found) is not list:
            raise DecodeError("wrong-type", f"{self.name}: {'.'.join(self._each or ())} is no list")
        if len(found) > MAX_ITEMS:
            raise DecodeError("too-large", f"{self.name}: {len(found)} items; at most {MAX_ITEMS} are looked at")
        return found

    def _reading(self, here: Any, quality: Quality, received_ns: int | None) -> Reading | None:  # noqa: ANN401 - JSON of any shape
        raw = walk(here, self.path)
        if raw is None and self._or is not None:
            raw = walk(here, self._or)
        value = None if raw is None else self.convert(raw)
        if value is None:
            return None
        if self._time is None:
            return Reading(self.name, value, self.unit, quality)
        return self._time.reading(Reading(self.name, value, self.unit, quality), here, received_ns)


class _Time:
    """A value's own time."""

    __slots__ = ("_form", "_old_after_ns", "_path")

    def __init__(self, time: MqttTime) -> None:
        self._path = path_of(time.path)
        self._form = time.form
        self._old_after_ns = round(time.old_after * 1e9)

    def reading(self, reading: Reading, here: Any, received_ns: int | None) -> Reading:  # noqa: ANN401 - JSON of any shape
        """The reading with its time; stale where it is old by it."""
        raw = walk(here, self._path)
        ns = None if raw is None else own_time(raw, self._form)
        if ns is None:
            return reading
        old = received_ns is not None and received_ns - ns > self._old_after_ns
        quality = Quality.STALE if old else reading.quality
        return Reading(reading.point, reading.value, reading.unit, quality, rfc3339(ns))
