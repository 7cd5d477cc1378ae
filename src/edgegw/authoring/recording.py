"""Messages of a device to samples of its profile: each kind once or twice, secrets blotted out, every sample tried.

Owns: what tells one kind of message from another, which are kept, how a sample is written.
Must not know: how the messages were heard (cli.record_io), files.

A sample is decoded again as it will stand in the file, by the same code that tests profiles: what does not give the same points
as the message did is left out, and told.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from msgspec import Struct

from edgegw.authoring import yamltext
from edgegw.authoring.blot import Blotter, Pick, UnblottableError
from edgegw.authoring.jsonspans import spans
from edgegw.codec.modbus import parse_pair
from edgegw.errors import DecodeError
from edgegw.model import Frame, MqttPayload, Quality, Raw, Value
from edgegw.profiles.convert import as_text
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.decode_mqtt import parse_json, walk
from edgegw.profiles.samples import SAMPLE_ADDRESS, run, wire
from edgegw.profiles.schema import Profile, Sample
from edgegw.profiles.schema_serial import DelimiterFraming
from edgegw.yamlpos import parse

SAME_KIND = 2
"""Samples of one kind of message: a second one shows what changes."""

SHAPE_KEYS = 256
"""Paths of a payload that are compared; a device's message has some dozen."""

FILL_IN = "what it means is not known yet: fill in"

Kind = tuple[object, ...]


class Outcome(Struct, frozen=True):
    """What the profile makes of a message; `error` is the reason it is refused with."""

    readings: Mapping[str, Value] = {}
    online: bool | None = None
    stale: bool = False
    error: str | None = None

    @property
    def kind(self) -> Kind:
        """Equal for messages that say the same things with other values."""
        return (frozenset(self.readings), self.online, self.stale, self.error)


class Recording:
    """Samples as they come about.

    Args:
        profile: what the device has now; None: its messages are kept as they are, to be filled in.
        address: what the profile's topics call ``{address}``.
        date: of the capture, ``YYYY-MM-DD``; stands in every sample's source.
        count: samples kept at most.
        pick: randomness for what is blotted out (`secrets.randbelow`).
    """

    def __init__(self, profile: Profile | None, address: str | None, *, date: str, count: int, pick: Pick) -> None:
        self._profile = profile
        self._address = address or ""
        self._source = f"captured {date}"
        self._count = count
        self._blotter = Blotter(profile, pick)
        self._decoder = None if profile is None else compile_profile(profile, address)
        self._templates = {} if profile is None else _templates(profile, self._address)
        self._last: dict[str, Value] = {}
        self._kept: dict[Kind, list[Outcome]] = {}
        self._samples: list[dict[str, object]] = []
        self.heard = 0
        self.left_out: Counter[str] = Counter()
        """Why messages were left out, and how many."""

    @property
    def full(self) -> bool:
        """Whether there are as many samples as wanted."""
        return len(self._samples) >= self._count

    @property
    def samples(self) -> list[dict[str, object]]:
        """As plain data, in the order of arrival."""
        return self._samples

    @property
    def blotted(self) -> int:
        """Different secrets replaced."""
        return self._blotter.replaced

    def mqtt(self, topic: str, payload: bytes, *, retained: bool) -> bool:
        """Take an MQTT message; whether it became a sample."""
        if self.full or (self._decoder is not None and _others(self._decoder, topic, payload)):
            return False
        self.heard += 1
        try:
            text = payload.decode()
        except UnicodeDecodeError:
            return self._leave("its payload is no UTF-8 text, which a sample cannot hold")
        if not text:
            return self._leave("its payload is empty: it deletes a retained message and says nothing")
        template = self._templates.get(topic, topic)
        before = self._outcome(MqttPayload(topic, payload, retained), text)
        kind: Kind = (template, retained, _shape(text))
        if not self._wanted(kind, before):
            return False
        try:
            clean = self._blotter.payload(template, text)
        except UnblottableError as error:
            return self._leave(str(error))
        made: dict[str, object] = {"source": self._source}
        if self._profile is None or template != next(iter(self._templates.values()), None):
            made["topic"] = template
        if self._decoder is not None and self._decoder.matched():
            made["address"] = self._address
        made["payload"] = clean
        if retained:
            made["retained"] = True
        return self._keep(kind, made, before, MqttPayload(topic, clean.encode(), retained))

    def modbus(self, request: bytes, reply: bytes) -> bool:
        """Take a request and its answer, both in RTU form with their CRC; whether they became a sample."""
        if self.full:
            return False
        self.heard += 1
        try:
            before = self._outcome(parse_pair(request, reply), reply.hex())
        except DecodeError as error:
            before = Outcome(error=error.reason)
        kind: Kind = (request[:-2],)
        if not self._wanted(kind, before):
            self._last |= before.readings
            return False
        if self._profile is not None and any(self._profile.points[name].secret for name in before.readings):
            return self._leave("a secret in registers cannot be blotted out")
        made: dict[str, object] = {"source": self._source, "request": request.hex().upper(), "hex": reply.hex().upper()}
        if given := self._given(before.readings):
            made["given"] = yamltext.Flow(given)
        self._last |= before.readings
        return self._keep(kind, made, before, None)

    def frame(self, frame: bytes) -> bool:
        """Take a serial frame as the profile's framing cut it; whether it became a sample. The profile must be given."""
        if self.full or self._profile is None or self._profile.serial is None:
            return False
        self.heard += 1
        framing = self._profile.serial.framing
        end = framing.end if isinstance(framing, DelimiterFraming) else b""
        before = self._outcome(Frame(frame))
        kind: Kind = ("frame",)
        if not self._wanted(kind, before):
            return False
        try:
            clean = self._blotter.frame(frame)
        except (UnblottableError, DecodeError) as error:
            return self._leave(error.detail if isinstance(error, DecodeError) else str(error))
        made: dict[str, object] = {"source": self._source, "hex": (clean + end).hex().upper()}
        return self._keep(kind, made, before, None)

    def answer(self, frame: bytes) -> bool:
        """Take a meter's answer, a whole frame; whether it became a sample. The profile must be given."""
        if self.full or self._profile is None:
            return False
        self.heard += 1
        try:
            before = self._outcome(wire(self._profile, frame, b""))
        except DecodeError as error:
            before = Outcome(error=error.reason)
        kind: Kind = ("answer",)
        if not self._wanted(kind, before):
            return False
        return self._keep(kind, {"source": self._source, "hex": frame.hex().upper()}, before, None)

    def text(self) -> str:
        """The samples as they go under ``samples:`` of the profile; they have been read back as such. Empty without any."""
        if not self._samples:
            return ""
        unknown = self._profile is None
        written = yamltext.items([_to_fill(one) if unknown else one for one in self._samples], "  ")
        document = parse("samples:\n" + written, "recording")
        if document.data is None or document.problems or len(document.data["samples"]) != len(self._samples):
            raise ValueError(f"the samples do not read back as they were written: {document.problems}")
        for sample in document.data["samples"]:
            Sample.model_validate(sample)
        return written

    # --- keeping

    def _outcome(self, raw: Raw, seen: str = "") -> Outcome:
        """What is made of a message; without a profile what was `seen` stands for it, so that equal messages are one."""
        if self._decoder is None:
            return Outcome({"": seen})
        try:
            decoded = self._decoder.decode(raw)
        except DecodeError as error:
            return Outcome(error=error.reason)
        retained = isinstance(raw, MqttPayload) and raw.retained
        stale = not retained and any(reading.quality is Quality.STALE for reading in decoded.readings)
        return Outcome({one.point: one.value for one in decoded.readings}, decoded.online, stale)

    def _given(self, readings: Mapping[str, Value]) -> dict[str, Value]:
        """The values, from earlier answers, of registers that scale what was read (`Sample.given`)."""
        points = {} if self._profile is None else self._profile.points
        wanted = {
            name
            for read in readings
            if read in points and (where := points[read].modbus) is not None
            for name in where.others
        }
        return {name: self._last[name] for name in sorted(wanted - readings.keys()) if name in self._last}

    def _wanted(self, kind: Kind, outcome: Outcome) -> bool:
        """Whether there is room for one more of its kind, and it says something that the others do not."""
        before = self._kept.get((*kind, *outcome.kind), [])
        return len(before) < SAME_KIND and outcome not in before

    def _keep(self, kind: Kind, made: dict[str, object], before: Outcome, raw: Raw | None) -> bool:
        if self._profile is None:
            made["readings"] = {}
            self._put(kind, made, before)
            return True
        sample = Sample.model_validate({**made, "readings": {}})
        decoder = compile_profile(self._profile, sample.address or SAMPLE_ADDRESS)
        after = self._outcome(raw) if raw is not None else self._as_written(sample)
        if after.kind != before.kind:
            return self._leave("without its secrets it no longer says what it said")
        made |= _said(after)
        wrong = run(self._profile, decoder, Sample.model_validate(made))
        if wrong:
            return self._leave(f"as a sample it says something else: {wrong}")
        self._put(kind, made, before)
        return True

    def _put(self, kind: Kind, made: dict[str, object], outcome: Outcome) -> None:
        self._samples.append(made)
        self._kept.setdefault((*kind, *outcome.kind), []).append(outcome)

    def _as_written(self, sample: Sample) -> Outcome:
        assert self._profile is not None  # noqa: S101  (the caller looked)
        try:
            return self._outcome(wire(self._profile, sample.hex or b"", sample.request or b""))
        except DecodeError as error:
            return Outcome(error=error.reason)

    def _leave(self, why: str) -> bool:
        self.left_out[why] += 1
        return False


def _said(outcome: Outcome) -> Iterator[tuple[str, object]]:
    """The end of a sample: what must come of the message."""
    if outcome.error is not None:
        yield "error", outcome.error
        return
    if outcome.readings or outcome.online is None:
        yield "readings", yamltext.Flow(outcome.readings)
    if outcome.online is not None:
        yield "online", outcome.online
    if outcome.stale:
        yield "stale", True


def _to_fill(sample: dict[str, object]) -> dict[str, object]:
    return {**sample, "readings": yamltext.Noted(yamltext.Flow(), FILL_IN)}


def _templates(profile: Profile, address: str) -> dict[str, str]:
    """A device's topics → how the profile writes them, the profile's first topic first."""
    ours = compile_profile(profile, address)
    named = compile_profile(profile, "{address}")
    return dict(zip((*ours.topics(), *ours.live_topics()), (*named.topics(), *named.live_topics()), strict=True))


def _others(decoder: Decoder, topic: str, payload: bytes) -> bool:
    """Whether a message on a topic that devices share is another device's: it is not even looked at."""
    match = decoder.matched().get(topic)
    if match is None:
        return False
    path, address = match
    try:
        return as_text(walk(parse_json(payload), path)) != address
    except DecodeError:
        return True


def _shape(text: str) -> object:
    """The paths of a JSON payload, list items not told apart; of other texts nothing."""
    if not text.lstrip().startswith(("{", "[")):
        return ""
    found: set[tuple[str, ...]] = set()
    try:
        for span in spans(text):
            found.add(tuple("" if part.isdecimal() else part for part in span.path))
            if len(found) >= SHAPE_KEYS:
                break
    except (ValueError, IndexError):
        return "no JSON"
    return frozenset(found)


def plain(samples: list[dict[str, object]]) -> list[dict[str, Any]]:
    """The samples for JSON."""
    return [{key: dict(value) if isinstance(value, dict) else value for key, value in one.items()} for one in samples]
