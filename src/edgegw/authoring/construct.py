"""Samples made up from a profile alone, for one that has no captured message yet.

Owns: values that its points can have, and the messages that carry them.
Must not know: where the profile is from.

They show what the profile reads and from where; that the device sends such messages they do not show, and their source says so.
"""

import json
from collections.abc import Iterator, Mapping

from edgegw.authoring.yamltext import Flow
from edgegw.codec import registers
from edgegw.codec.modbus import parse_pair, read_request, seal
from edgegw.errors import DecodeError
from edgegw.model import Decoded, MqttPayload
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.plan import BIT_TABLES, Block, poll_plan, width
from edgegw.profiles.samples import SAMPLE_ADDRESS
from edgegw.profiles.schema import Point, Profile, Scalar

UNIT = 1
"""The Modbus unit in a constructed frame."""

_FUNCTIONS = {"coil": 1, "discrete": 2, "holding": 3, "input": 4}
_RAW = (100, 1, 0, 10, 1000, 5, 50, 20, 200, 25)
"""Raw numbers tried in this order until one is within the point's limits."""


def samples(profile: Profile, source: str) -> list[dict[str, object]]:
    """One sample for each block or topic that its points are read from; none for other links."""
    if profile.link == "modbus":
        return [_block(profile, block, source) for block in poll_plan(profile)]
    if profile.link == "mqtt":
        return list(_topics(profile, source))
    return []


def _block(profile: Profile, block: Block, source: str) -> dict[str, object]:
    words = [0] * block.count
    for point in profile.points.values():
        read = point.modbus
        if read is None or (read.table, read.group) != (block.table, block.group):
            continue
        at = read.address - block.address
        if at >= 0 and at + width(point) <= block.count:
            for n, word in enumerate(_words(point)):
                words[at + n] |= word
    request = read_request(UNIT, block.table, block.address, block.count)
    reply = _reply(block.table, words)
    decoded = compile_profile(profile, None).decode(parse_pair(request, reply))
    return {
        "source": source,
        "request": request.hex().upper(),
        "hex": reply.hex().upper(),
        "readings": _readings(decoded),
    }


def _words(point: Point) -> tuple[int, ...]:
    """Registers (or the bit) that hold a value the point can have; of a bit only itself."""
    read = point.modbus
    if read is None or read.table in BIT_TABLES:
        return (1,)
    if point.type == "str":
        data = b"AB" * (point.length or 1)
        return tuple(int.from_bytes(data[n : n + 2]) for n in range(0, len(data), 2))
    if read.bit is not None:
        size = registers.SIZES[point.type]
        value = 1 << read.bit
        return tuple(value >> 16 * (size - 1 - n) & 0xFFFF for n in range(size))
    if point.map is not None:
        return registers.encode(int(next(iter(point.map))) if point.type != "bool" else 1, "uint16")
    if point.type == "bool":
        return (1,)
    return registers.encode(_raw(point), point.type, read.order)


def _raw(point: Point) -> int | float:
    for raw in _RAW:
        value = raw * point.scale + point.offset
        if (point.min is None or value >= point.min) and (point.max is None or value <= point.max):
            return raw
    return registers.unscaled(point.min or point.max or 0.0, point.type, point.scale, point.offset)


def _reply(table: str, words: list[int]) -> bytes:
    if table in BIT_TABLES:
        data = bytearray((len(words) + 7) // 8)
        for n, bit in enumerate(words):
            data[n >> 3] |= bit << (n & 7)
    else:
        data = bytearray(b"".join(word.to_bytes(2) for word in words))
    return seal(bytes((UNIT, _FUNCTIONS[table], len(data))) + bytes(data))


def _topics(profile: Profile, source: str) -> Iterator[dict[str, object]]:
    decoder = compile_profile(profile, SAMPLE_ADDRESS)
    first = True
    for template, points in _by_topic(profile).items():
        texts = [point for point in points.values() if point.mqtt is not None and not point.mqtt.path]
        tree = _tree(profile, template, points)
        payload = _as_payload(_value(texts[0])) if texts else json.dumps(tree, ensure_ascii=False)
        topic = template.replace("{address}", SAMPLE_ADDRESS)
        made: dict[str, object] = {"source": source}
        if not first:
            made["topic"] = template
        first = False
        try:
            decoded = decoder.decode(MqttPayload(topic, payload.encode()))
        except DecodeError as error:
            yield made | {"payload": payload, "error": error.reason}
        else:
            yield made | {"payload": payload, "readings": _readings(decoded)}


def _by_topic(profile: Profile) -> dict[str, dict[str, Point]]:
    found: dict[str, dict[str, Point]] = {}
    for name, point in profile.points.items():
        if point.mqtt is not None:
            found.setdefault(point.mqtt.topic or profile.mqtt.topic, {})[name] = point
    return found


def _tree(profile: Profile, template: str, points: Mapping[str, Point]) -> dict[str, object]:
    tree: dict[str, object] = {}
    match = profile.mqtt.match
    if match is not None and "{address}" not in template:
        _put(tree, match.path, SAMPLE_ADDRESS)
    for point in points.values():
        if point.mqtt is not None:
            _put(tree, point.mqtt.path, _value(point))
    return tree


def _put(tree: dict[str, object], path: str, value: object) -> None:
    if not path:
        return
    *above, last = path.split(".")
    for key in above:
        inner = tree.setdefault(key, {})
        if not isinstance(inner, dict):
            return
        tree = inner
    tree[last] = value


def _value(point: Point) -> Scalar:
    if point.map is not None:
        return next(iter(point.map))
    if point.type == "bool":
        return True
    if point.type == "str":
        return "text"
    return _raw(point)


def _as_payload(value: Scalar) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _readings(decoded: Decoded) -> Flow:
    return Flow({reading.point: reading.value for reading in decoded.readings})
