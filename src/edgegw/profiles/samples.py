"""A profile's samples: do its real messages give what they must?

Owns: turning a sample into the raw message a link would hand over, and comparing.
Must not know: files and positions.
"""

from collections.abc import Iterator, Mapping

from edgegw.codec.framing import make_framer
from edgegw.codec.modbus import parse_pair
from edgegw.errors import DecodeError
from edgegw.model import Decoded, Frame, MqttPayload, Raw, Value
from edgegw.profiles.decode import Decoder, compile_profile
from edgegw.profiles.schema import Profile, Sample

SAMPLE_ADDRESS = "sample"
"""What ``{address}`` is in a sample's topic."""


def failures(profile: Profile) -> Iterator[tuple[int, str]]:
    """(index, what was wanted and what came) of every sample that fails. The profile has no `check.findings`."""
    decoder = compile_profile(profile, SAMPLE_ADDRESS)
    for index, sample in enumerate(profile.samples):
        difference = run(profile, decoder, sample)
        if difference:
            yield index, difference


def run(profile: Profile, decoder: Decoder, sample: Sample) -> str:
    """What is wrong with one sample's outcome, one difference a part; empty if nothing is."""
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
        topic = (sample.topic or decoder.topics()[0]).replace("{address}", SAMPLE_ADDRESS)
        return MqttPayload(topic, sample.payload.encode(errors="surrogatepass"), sample.retained)
    return wire(profile, sample.hex or b"", sample.request or b"")


def wire(profile: Profile, data: bytes, request: bytes) -> Raw:
    """What a Modbus or serial link makes of bytes on the wire. Raises DecodeError where they are no frame."""
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
    if sample.online != decoded.online:
        yield f"online: wanted {sample.online}, got {decoded.online}"


def _same(wanted: Value, got: Value) -> bool:
    """Equal, and no yes/no taken for a number; 21 and 21.0 are the same number."""
    return wanted == got and isinstance(wanted, bool) == isinstance(got, bool)


def _show(values: Mapping[str, Value]) -> str:
    return ", ".join(f"{point} = {value!r}" for point, value in values.items()) or "no readings"
