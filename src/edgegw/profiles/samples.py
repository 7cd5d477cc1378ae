"""A profile's samples: do its real messages give what they must, and its commands send what they must?

Owns: turning a sample into the raw message a link would hand over, a command into the bytes a link would send, and comparing.
Must not know: files and positions.
"""

from collections.abc import Iterator, Mapping

from edgegw.codec import osdp
from edgegw.codec.framing import make_framer
from edgegw.codec.modbus import parse_pair, write_request
from edgegw.errors import CommandError, DecodeError
from edgegw.model import Decoded, Frame, MqttPayload, Quality, Raw, ReaderReply, Value
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.decode_meter import answer_of
from edgegw.profiles.decode_modbus import ModbusDecoder
from edgegw.profiles.encode import (
    Encoder,
    MeterWrite,
    ModbusWrite,
    MqttPublish,
    Outgoing,
    SerialWrite,
    compile_commands,
)
from edgegw.profiles.encode_osdp import OsdpSend
from edgegw.profiles.owntime import own_time
from edgegw.profiles.schema import Profile, Sample
from edgegw.profiles.schema_commands import CommandSample

SAMPLE_ADDRESS = "sample"
"""What ``{address}`` is in a sample's topic, where the sample does not say."""

SAMPLE_ID = "1"
"""What ``{id}`` is in a command's sample."""


def failures(profile: Profile) -> Iterator[tuple[int, str]]:
    """(index, what was wanted and what came) of every sample that fails. The profile has no `check.findings`."""
    for index, sample in enumerate(profile.samples):
        difference = run(profile, compile_profile(profile, sample.address or SAMPLE_ADDRESS), sample)
        if difference:
            yield index, difference


def command_failures(profile: Profile) -> Iterator[tuple[int, str]]:
    """(index, what was wanted and what came) of every command sample that fails. The profile has no `check.findings`."""
    for index, sample in enumerate(profile.command_samples):
        difference = run_command(compile_commands(profile, sample.address or SAMPLE_ADDRESS, None), sample)
        if difference:
            yield index, difference


def run_command(encoder: Encoder, sample: CommandSample) -> str:
    """What is wrong with what one command sends; empty if nothing is."""
    unit = sample.hex[0] if sample.hex else 0
    try:
        sent = shown(encoder.encode(sample.command, sample.args, SAMPLE_ID), unit)
    except CommandError as error:
        if sample.error == error.reason:
            return ""
        return f"wanted {f'refusal as {sample.error}' if sample.error else 'bytes'}, got refusal: {error}"
    if sample.error is not None:
        return f"wanted refusal as {sample.error}, got {' '.join(sent.values())}"
    topic = (sample.topic or "").replace("{address}", sample.address or SAMPLE_ADDRESS)
    wanted = {"hex": sample.hex.hex().upper()} if sample.hex else {"topic": topic, "payload": sample.payload}
    return "; ".join(
        f"{key}: wanted {text}, got {sent.get(key)}" for key, text in wanted.items() if text != sent.get(key)
    )


def shown(outgoing: Outgoing, unit: int) -> dict[str, str]:
    """What is sent, for people and for comparing: ``hex`` (Modbus: the RTU frame to `unit`, CRC included), or ``topic`` and
    ``payload``."""
    match outgoing:
        case ModbusWrite():
            return {"hex": write_request(unit, outgoing.function, outgoing.address, outgoing.words).hex().upper()}
        case MeterWrite():
            return {"hex": outgoing.frame.hex().upper()}
        case OsdpSend():
            return {"hex": osdp.shown(outgoing.parts).hex().upper()}
        case MqttPublish():
            return {"topic": outgoing.topic, "payload": outgoing.payload.decode()}
        case SerialWrite():
            return {"hex": outgoing.data.hex().upper()}


def run(profile: Profile, decoder: Decoder, sample: Sample) -> str:
    """What is wrong with one sample's outcome, one difference a part; empty if nothing is."""
    if isinstance(decoder, ModbusDecoder):
        decoder.learn(sample.given)
    try:
        decoded = decoder.decode(raw_of(profile, decoder, sample))
    except DecodeError as error:
        if sample.error == error.reason:
            return ""
        wanted = f"refusal as {sample.error}" if sample.error else "readings"
        return f"wanted {wanted}, got refusal: {error}"
    if sample.error is not None:
        return f"wanted refusal as {sample.error}, got {_show(_values(decoded))}"
    return "; ".join(_differences(sample, decoded))


def raw_of(profile: Profile, decoder: Decoder, sample: Sample) -> Raw:
    """The message a link would hand over. Raises DecodeError as `wire`."""
    if sample.payload is not None:
        template = sample.topic or (*decoder.topics(), *decoder.live_topics())[0]
        topic = template.replace("{address}", sample.address or SAMPLE_ADDRESS)
        received_ns = None if sample.received is None else own_time(sample.received, "iso")
        return MqttPayload(topic, sample.payload.encode(errors="surrogatepass"), sample.retained, received_ns)
    return wire(profile, sample.hex or b"", sample.request or b"")


def wire(profile: Profile, data: bytes, request: bytes) -> Raw:
    """What a Modbus, meter or serial link makes of bytes on the wire. Raises DecodeError where they are no frame."""
    if profile.meter is not None:
        return answer_of(profile.meter, data)
    if profile.link == "osdp":
        return ReaderReply(osdp.plain_reply(data))
    if profile.serial is None:
        return parse_pair(request, data)
    frames = make_framer(profile.serial.framing).feed(data, 0)
    if len(frames) != 1:
        raise DecodeError("bad-frame", f"the bytes hold {len(frames)} frames, a sample is one")
    return Frame(frames[0])


def _values(decoded: Decoded) -> dict[str, Value]:
    return {reading.point: reading.value for reading in decoded.readings}


def _differences(sample: Sample, decoded: Decoded) -> Iterator[str]:
    wanted: Mapping[str, Value] = sample.readings or {}
    got = _values(decoded)
    for point in dict.fromkeys((*wanted, *got)):
        if point not in got:
            yield f"{point}: wanted {wanted[point]!r}, got no reading"
        elif point not in wanted:
            yield f"{point}: wanted no reading, got {got[point]!r}"
        elif not _same(wanted[point], got[point]):
            yield f"{point}: wanted {wanted[point]!r}, got {got[point]!r}"
    stale = sample.stale or sample.retained
    for reading in decoded.readings:
        if (reading.quality is Quality.STALE) != stale:
            yield f"{reading.point}: wanted {'stale' if stale else 'fresh'}, got {reading.quality}"
    times = {reading.point: reading.time for reading in decoded.readings if reading.time}
    if sample.times is not None and sample.times != times:
        yield f"times: wanted {sample.times}, got {times}"
    if sample.online != decoded.online:
        yield f"online: wanted {sample.online}, got {decoded.online}"


def _same(wanted: Value, got: Value) -> bool:
    """Equal, and no yes/no taken for a number; 21 and 21.0 are the same number."""
    return wanted == got and isinstance(wanted, bool) == isinstance(got, bool)


def _show(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{point} = {value!r}" for point, value in values.items()) or "no readings"
