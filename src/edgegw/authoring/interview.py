"""Answers about a device to its profile.

Owns: what is asked (as one typed model), what a pasted message suggests, the profile made of the answers.
Must not know: who asks (cli.profile_new), files.
"""

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from msgspec import Struct
from pydantic import Field, model_validator

from edgegw.authoring import construct
from edgegw.authoring.blot import Blotter, Pick, UnblottableError
from edgegw.authoring.edgex import slug
from edgegw.authoring.jsonspans import spans
from edgegw.authoring.profiletext import file_slug, profile_of, text_of
from edgegw.authoring.yamltext import Flow, Hex, Noted
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.fields import HexBytes, Slug, Strict
from edgegw.profiles.samples import SAMPLE_ADDRESS, raw_of
from edgegw.profiles.schema import PointType, Profile, Sample
from edgegw.profiles.schema_serial import DelimiterFraming

HEAD = "Made by `edgegw profile new`; alarms and commands are yours to add (docs/profiles.md)."

MOST_SUGGESTED = 40
"""Points suggested from a pasted payload; beyond, they are written by hand."""

FRAMINGS: dict[str, dict[str, object]] = {
    "text": {"kind": "delimiter", "end": "0D0A", "max": 256},
    "rdm6300": {"kind": "stx-etx", "max": 14},
    "em-binary": {"kind": "fixed", "length": 10, "start": "020A"},
    "vguang": {"kind": "length", "start": "55AA", "offset": 3, "size": 2, "order": "little", "adjust": 6},
}
"""How frames of each serial protocol are cut, where the answers do not say."""


class PointAnswer(Strict):
    """One value of the device.

    Attributes:
        path: MQTT: dotted path into the JSON; empty: the whole payload.
        topic: MQTT: where it is on another topic than the first.
        table, address, order, bit: Modbus. field: serial, of the protocol.
        di, format: of a meter, as the standard prints them.
    """

    name: Slug
    type: PointType = "float"
    unit: str | None = None
    scale: float = 1
    decimals: Annotated[int, Field(ge=0, le=9)] | None = None
    description: str = ""
    secret: bool = False
    map: dict[str, bool | int | float | str | None] | None = None
    topic: str | None = None
    path: str | None = None
    table: Literal["coil", "discrete", "holding", "input"] | None = None
    address: Annotated[int, Field(ge=0, le=0xFFFF)] | None = None
    order: Literal["ABCD", "CDAB", "BADC", "DCBA"] = "ABCD"
    bit: Annotated[int, Field(ge=0, le=15)] | None = None
    field: str | None = None
    di: str | None = None
    format: str | None = None


class SampleAnswer(Strict):
    """A message that was seen. `payload` of MQTT, `hex` of serial and meters, `request` and `hex` of Modbus."""

    source: str = ""
    topic: str | None = None
    payload: str | None = None
    request: HexBytes | None = None
    hex: HexBytes | None = None


class Answers(Strict):
    """All that is asked. A file of answers is these keys as YAML.

    Attributes:
        offline_after: silence after which it is offline, ``60s``; empty: never judged by silence.
        topic: MQTT, with ``{address}``. poll: Modbus and meters, the period.
        protocol, pattern: serial, of the frames; a meter's protocol, ``dlt645`` or ``cjt188``. meter_type: of CJ/T 188.
        framing: serial, as in a profile; by the protocol if not given.
        sample: a message that was seen; one is constructed if there is none (not for serial and meters).
    """

    vendor: Annotated[str, Field(min_length=1, max_length=80)]
    model: Annotated[str, Field(min_length=1, max_length=80)]
    description: str = ""
    source: Annotated[str, Field(min_length=1)]
    link: Literal["mqtt", "modbus", "serial", "meter"]
    offline_after: str = ""
    topic: str = "{address}"
    poll: str = "10s"
    protocol: str = "text"
    pattern: str | None = None
    meter_type: str | None = None
    framing: dict[str, object] | None = None
    points: Annotated[tuple[PointAnswer, ...], Field(strict=False, min_length=1, max_length=500)]
    sample: SampleAnswer | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> "Answers":
        names = [point.name for point in self.points]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two points are called {twice[0]}")
        return self


class Made(Struct, frozen=True):
    """A new profile: its name ``<vendor>/<model>``, its file, and what the sample gives."""

    name: str
    text: str
    decoded: Decoded | None


def make(answers: Answers, pick: Pick) -> Made:
    """The profile. Of a sample that says it was captured, the secrets are replaced (`blot`).

    Args:
        pick: randomness for that (`secrets.randbelow`).

    Raises:
        ProfileError: ``profile`` if the answers do not go together, ``sample`` if the message is refused or says nothing.
    """
    data = _data(answers)
    profile = profile_of(data)
    decoded = None
    if answers.sample is not None:
        sample, decoded = _sample(profile, answers, pick)
        data["samples"] = [sample]
    else:
        data["samples"] = construct.samples(profile, "constructed; replace by a captured one (edgegw record)")
        if not data["samples"]:
            raise ProfileError("sample", f"a {answers.link} profile needs a message that was seen: none can be made up")
    name = f"{file_slug(answers.vendor)}/{file_slug(answers.model)}"
    return Made(name, text_of(data, head=f"{answers.vendor} {answers.model}. {HEAD}"), decoded)


def suggestions(payload: str) -> Iterator[PointAnswer]:
    """Points that a JSON payload may hold: one for each value in it. Nothing for what is no JSON object."""
    if not payload.lstrip().startswith("{"):
        return
    taken: set[str] = set()
    try:
        found = list(spans(payload))
    except (ValueError, IndexError):
        return
    for span in found[:MOST_SUGGESTED]:
        value = span.value
        if value is None or any("." in part for part in span.path):
            continue
        text = value.strip() if isinstance(value, str) else ""
        number = re.fullmatch(r"-?[0-9]{1,15}(\.[0-9]+)?", text) is not None and not re.match(r"-?0[0-9]", text)
        kind: PointType = (
            "bool" if isinstance(value, bool) else "str" if isinstance(value, str) and not number else "float"
        )
        if kind == "float" and isinstance(value, int):
            kind = "int"
        keys = [part for part in span.path if not part.isdecimal()]
        name = slug(
            "_".join(keys[-2:] if keys and keys[-1] in {"value", "total"} else keys[-1:]),
            taken,
            f"point_{len(taken) + 1}",
        )
        taken.add(name)
        yield PointAnswer(name=name, type=kind, path=".".join(span.path))


def _data(answers: Answers) -> dict[str, object]:
    data: dict[str, object] = {
        "vendor": answers.vendor,
        "model": answers.model,
        **({"description": answers.description} if answers.description else {}),
        "source": answers.source,
        "link": answers.link,
    }
    if answers.offline_after:
        data["offline_after"] = Noted(answers.offline_after, "silence after which it is offline")
    if answers.link == "mqtt":
        data["mqtt"] = {"topic": answers.topic}
    elif answers.link == "modbus":
        data["modbus"] = {"poll": Flow({"normal": answers.poll})}
    elif answers.link == "meter":
        kind = {"type": answers.meter_type} if answers.meter_type else {}
        data["meter"] = {"protocol": answers.protocol, **kind, "poll": Flow({"normal": answers.poll})}
    else:
        framing = answers.framing or FRAMINGS.get(answers.protocol)
        if framing is None:
            raise ProfileError("profile", f"how frames of {answers.protocol} are cut is not known: answer `framing`")
        pattern = {"pattern": answers.pattern} if answers.pattern else {}
        data["serial"] = {"framing": Flow(framing), "protocol": answers.protocol, **pattern}
    data["report"] = Noted(
        Flow({"on_change": True, "max_interval": "15m"}), "which readings become records; a point may have its own"
    )
    data["points"] = {point.name: _point(answers, point) for point in answers.points}
    if answers.offline_after:
        data["alarms"] = {
            "offline": {
                "when": Flow({"offline": True}),
                "priority": "P3",
                "category": "device",
                "title": Flow({"zh": "{location} {device} 离线", "en": "{device} offline, {location}"}),
            }
        }
    return data


def _point(answers: Answers, point: PointAnswer) -> dict[str, object]:
    made: dict[str, object] = {"type": point.type}
    if point.description:
        made["description"] = point.description
    if point.unit:
        made["unit"] = point.unit
    if point.scale != 1:
        made["scale"] = point.scale
    if point.decimals is not None:
        made["decimals"] = point.decimals
    if point.map is not None:
        made["map"] = Flow(point.map)
    if point.secret:
        made["secret"] = True
    where: dict[str, object]
    if answers.link == "mqtt":
        where = {"topic": point.topic} if point.topic else {}
        where |= {"path": point.path} if point.path else {}
    elif answers.link == "modbus":
        if point.table is None or point.address is None:
            raise ProfileError("profile", f"point {point.name}: answer its table and address")
        where = {"table": point.table, "address": Hex(point.address)}
        where |= {"order": point.order} if point.order != "ABCD" else {}
        where |= {"bit": point.bit} if point.bit is not None else {}
    elif answers.link == "meter":
        where = {
            key: value for key, value in (("di", point.di), ("format", point.format), ("field", point.field)) if value
        }
    else:
        where = {"field": point.field or point.name}
    made[answers.link] = Flow(where)
    return made


def _sample(profile: Profile, answers: Answers, pick: Pick) -> tuple[dict[str, object], Decoded]:
    given = answers.sample
    assert given is not None  # noqa: S101  (the caller looked)
    made: dict[str, object] = {"source": given.source or f"from {answers.source}"}
    for key in ("topic", "payload"):
        if (value := getattr(given, key)) is not None:
            made[key] = value
    for key in ("request", "hex"):
        if (value := getattr(given, key)) is not None:
            made[key] = value.hex().upper()
    try:
        sample = Sample.model_validate({**made, "readings": {}})
    except ValueError:
        raise ProfileError(
            "sample", "a message is a payload (MQTT), hex (serial, meters), or request and hex (Modbus)"
        ) from None
    if profile.link == "modbus" and sample.request is None:
        raise ProfileError("sample", "a Modbus reply does not say which registers it holds: give the request too")
    decoder = compile_profile(profile, SAMPLE_ADDRESS)
    if sample.source.lower().startswith("captured"):
        made, sample = _blotted(profile, made, sample, pick)
    try:
        decoded = decoder.decode(raw_of(profile, decoder, sample))
    except DecodeError as error:
        raise ProfileError("sample", f"the message is refused: {error}") from error
    if not decoded.readings:
        raise ProfileError("sample", "the message holds none of the points: compare their places, and its topic")
    made["readings"] = Flow({reading.point: reading.value for reading in decoded.readings})
    return made, decoded


def _blotted(profile: Profile, made: dict[str, object], sample: Sample, pick: Pick) -> tuple[dict[str, object], Sample]:
    blotter = Blotter(profile, pick)
    try:
        if sample.payload is not None:
            made = made | {"payload": blotter.payload(sample.topic or profile.mqtt.topic, sample.payload)}
        elif profile.serial is not None and sample.hex is not None:
            framing = profile.serial.framing
            end = framing.end if isinstance(framing, DelimiterFraming) and sample.hex.endswith(framing.end) else b""
            frame = blotter.frame(sample.hex[: len(sample.hex) - len(end)])
            made = made | {"hex": (frame + end).hex().upper()}
    except UnblottableError as error:
        raise ProfileError("sample", f"it holds a secret that cannot be replaced: {error}") from error
    except DecodeError as error:
        raise ProfileError("sample", f"the message is refused: {error}") from error
    return made, Sample.model_validate({**made, "readings": {}})
