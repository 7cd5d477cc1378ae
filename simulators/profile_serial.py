"""A serial device that talks by itself, out of its profile: its frames, with any values in them, and when it speaks.

Owns: frames by protocol and framing, what is wrong with them, the port they come out of.
Must not know: how the gateway cuts and reads them.

A device says the good samples of its profile in turn. Told values, it says one frame that has them: made anew for card readers,
the sample with the values put in for lines of text; a protocol of which only reading is known (gst9000) has the samples that show
them.
"""

import asyncio
import re
from collections.abc import Callable, Mapping

from edgegw.codec import wiegand
from edgegw.profiles.schema import Point, Profile, Sample
from edgegw.profiles.schema_serial import DelimiterFraming, SerialSection
from simulators.line import PtyLine
from simulators.profile_registers import Value
from simulators.serial_devices import em_frame, rdm6300_frame

BAUD = 9600
FLOOD_S = 0.01
"""Pause between the frames of a device that floods, where the line is not slower."""

FLAPPING = 10
HEARD_MOST = 256
"""Bytes kept of what the gateway says: the requests of devices that are asked are some ten."""

NO_CHECKSUM = "its frames have no checksum"

FAULTS = {
    "silent": "says nothing",
    "torn": "stops in the middle of its frames",
    "bad-checksum": "frames with a wrong checksum",
    "flood": "frame upon frame, as fast as the line is",
    "flapping": "ten frames, then silence for as long, and so on",
}

Fields = Mapping[str, str]

_CHECK_AT = {"rdm6300": -2, "em-binary": -2, "vguang": -1, "wiegand-bits": -1}
"""Where a byte of the checksum (or a parity bit) is in a frame, delimiters not counted."""

_HEX_DIGITS = {"26": 6, "34": 8}
"""Bits of a read to the hex digits of its data, as wiegand-hex sends them."""


def frames(profile: Profile, values: Mapping[str, Value] | None = None) -> list[bytes]:
    """What the device says in turn, delimiters included.

    Raises:
        ValueError: no such point, a value no frame of this protocol has, or that does not go with another; the text names it.
    """
    section = _section(profile)
    good = [sample for sample in profile.samples if sample.error is None and sample.hex]
    if not values:
        return [sample.hex or b"" for sample in good]
    unknown = values.keys() - profile.points.keys()
    if unknown:
        raise ValueError(f"there is no point {min(unknown)!r}; points are {', '.join(profile.points)}")
    maker = _MAKERS.get(section.protocol)
    if maker is None:
        found = [sample.hex or b"" for sample in good if values.items() <= (sample.readings or {}).items()]
        if not found:
            raise ValueError(f"{section.protocol} has its samples' frames alone, and none shows these values")
        return found
    fields: dict[str, str] = {}
    for name, value in values.items():
        read = profile.points[name].serial
        if read is not None:
            fields[read.field] = _text(name, profile.points[name], value)
    like = max(good, key=lambda sample: _alike(sample, values), default=None)
    if like is None:
        raise ValueError("it has no good sample to begin with")
    try:
        return [maker(section, fields, _bare(section, like.hex or b"")) + _end(section)]
    except (ValueError, OverflowError, LookupError) as error:
        raise ValueError(f"{', '.join(values)}: {error}") from None


def spoiled(profile: Profile, frame: bytes, fault: str | None) -> bytes:
    """A frame as the fault makes it. Raises ValueError ``its frames have no checksum``."""
    section = _section(profile)
    if fault == "torn":
        return frame[: len(frame) // 2]
    if fault != "bad-checksum":
        return frame
    back = _CHECK_AT.get(section.protocol)
    if back is None:
        raise ValueError(f"{section.protocol}: {NO_CHECKSUM}")
    at = len(frame) - len(_end(section)) + back
    wrong = ord("0" if frame[at] != ord("0") else "1") if section.protocol == "rdm6300" else frame[at] ^ 1
    return frame[:at] + bytes((wrong,)) + frame[at + 1 :]


def _section(profile: Profile) -> SerialSection:
    if profile.serial is None:
        raise ValueError(f"{profile.vendor} {profile.model} is on no serial line")
    return profile.serial


def _alike(sample: Sample, values: Mapping[str, Value]) -> tuple[int, int]:
    """How well a sample does to put the values in: points it has, and of these such as are equal already."""
    has = sample.readings or {}
    return len(values.keys() & has.keys()), sum(has.get(name) == value for name, value in values.items())


def _end(section: SerialSection) -> bytes:
    """What the line has behind a frame that is no part of it."""
    return section.framing.end if isinstance(section.framing, DelimiterFraming) else b""


def _bare(section: SerialSection, frame: bytes) -> bytes:
    return frame.removesuffix(_end(section))


def _text(name: str, point: Point, value: Value) -> str:
    """The value as the frame's field has it."""
    if point.map is not None:
        for key, meant in point.map.items():
            if meant == value and isinstance(meant, bool) == isinstance(value, bool):
                return key
        raise ValueError(f"{name}: {value!r} is none of {', '.join(map(repr, point.map.values()))}")
    if point.type == "str":
        return str(value)
    if isinstance(value, bool | str):
        raise ValueError(f"{name}: a number, not {value!r}")  # noqa: TRY004  (what was asked for is at fault, not the code)
    raw = round((value - point.offset) / point.scale, 9)
    return str(raw if raw != int(raw) else int(raw))


# --- frames by protocol: from the section, the fields wanted and a good frame, all without delimiters


def _identity(fields: Fields, version: int, number: int) -> tuple[int, int]:
    """Version byte and 32-bit number of an EM4100 card."""
    version = int(fields.get("version", version))
    if "card" in fields:
        number = int(fields["card"])
    elif "hex" in fields:
        data = bytes.fromhex(fields["hex"])
        if len(data) != 5:
            raise ValueError("hex has ten digits")
        version, number = data[0], int.from_bytes(data[1:])
    elif "wiegand" in fields:
        facility, _, low = fields["wiegand"].partition(",")
        number = int(facility) << 16 | int(low)
    if number >> 32 or version >> 8:
        raise ValueError("a card of this kind has 32 bits and a version of 8")
    return version, number


def _rdm6300(_: SerialSection, fields: Fields, like: bytes) -> bytes:
    version, number = _identity(fields, int(like[1:3], 16), int(like[3:11], 16))
    return rdm6300_frame(number, version)


def _em_binary(_: SerialSection, fields: Fields, like: bytes) -> bytes:
    version, number = _identity(fields, like[3], int.from_bytes(like[4:8]))
    if int(fields.get("type", like[2])) != like[2]:
        raise ValueError(f"its cards are of type {like[2]}")
    return em_frame(number, version)


def _vguang(_: SerialSection, fields: Fields, like: bytes) -> bytes:
    data = fields["text"].encode() if "text" in fields else bytes.fromhex(fields.get("hex", like[5:-1].hex()))
    if "hex" in fields and bytes.fromhex(fields["hex"]) != data:
        raise ValueError("text and hex digits are not the same data")
    frame = b"\x55\xaa" + bytes((int(fields.get("cmd", like[2])),)) + len(data).to_bytes(2, "little") + data
    check = 0
    for byte in frame:
        check ^= byte
    return frame + bytes((check,))


def _wiegand_bits(_: SerialSection, fields: Fields, like: bytes) -> bytes:
    text = like.strip().decode()
    bits, facility, card = _wiegand(fields, str(len(text)), int(text[1:-1], 2))
    return wiegand.encode(bits, facility, card).encode()


def _wiegand_hex(_: SerialSection, fields: Fields, like: bytes) -> bytes:
    text = like.strip().decode()
    was = {digits: bits for bits, digits in _HEX_DIGITS.items()}[len(text)]
    bits, facility, card = _wiegand(fields, was, int(text, 16))
    wiegand.encode(bits, facility, card)  # refuses what the format does not hold
    return f"{facility << wiegand.LAYOUTS[bits].card | card:0{_HEX_DIGITS[str(bits)]}X}".encode()


def _wiegand(fields: Fields, was: str, data: int) -> tuple[int, int, int]:
    """Bits of the read, facility and card number."""
    bits = int(fields.get("bits", was))
    layout = wiegand.LAYOUTS.get(bits)
    if layout is None:
        raise ValueError(f"no read has {bits} bits")
    if "card" in fields or "hex" in fields:
        data = int(fields["card"]) if "card" in fields else int(fields["hex"], 16)
    mask = (1 << layout.card) - 1
    facility = int(fields.get("facility", data >> layout.card))
    if "card" in fields and facility != data >> layout.card:
        raise ValueError(f"the facility of this card is {data >> layout.card}")
    return bits, facility, int(fields.get("number", data & mask))


def _line(section: SerialSection, fields: Fields, like: bytes) -> bytes:
    if section.pattern is None:
        return fields["text"].encode(section.encoding)
    text = like.decode(section.encoding).strip()
    found = re.fullmatch(section.pattern, text)
    if found is None:
        raise ValueError("its sample does not match its own pattern")
    spans = sorted(((found.span(field), value) for field, value in fields.items()), reverse=True)
    for (start, end), value in spans:
        if start < 0:
            raise ValueError("its sample has no such part")
        text = text[:start] + value + text[end:]
    if re.fullmatch(section.pattern, text) is None:
        raise ValueError(f"no line of this device: {text!r}")
    return text.encode(section.encoding)


_MAKERS: dict[str, Callable[[SerialSection, Fields, bytes], bytes]] = {
    "rdm6300": _rdm6300,
    "em-binary": _em_binary,
    "vguang": _vguang,
    "wiegand-bits": _wiegand_bits,
    "wiegand-hex": _wiegand_hex,
    "text": _line,
}


# --- the port


class Talker:
    """The device on its port. It speaks every so often or, where the profile has a request, when it hears that.

    Args:
        said: the frames it says in turn. fault: one of `FAULTS`.
    """

    def __init__(
        self,
        profile: Profile,
        said: list[bytes],
        *,
        path: str | None = None,
        baud: int = BAUD,
        fault: str | None = None,
    ) -> None:
        self.request = _section(profile).request
        self.line = PtyLine(self._heard, baud=baud, path=path)
        self.turns = 0
        self._fault = fault
        self._said = [spoiled(profile, frame, fault) for frame in said]
        self._buffer = b""

    async def run(self, every_s: float) -> None:
        """Speak until cancelled; the port must be there (`line.start`)."""
        loop = asyncio.get_running_loop()
        if self.request is not None and self._fault != "flood":
            await asyncio.Event().wait()
        while True:
            until = self.speak()
            pause = max(FLOOD_S, until - loop.time()) if self._fault == "flood" else every_s
            await asyncio.sleep(pause)

    def speak(self) -> float:
        """Its next frame, or silence. Returns the loop time at which the line is free."""
        turn, self.turns = self.turns, self.turns + 1
        if self._fault == "silent" or (self._fault == "flapping" and turn // FLAPPING % 2):
            return asyncio.get_running_loop().time()
        return self.line.send(self._said[turn % len(self._said)])

    def _heard(self, data: bytes, until: float) -> None:
        del until
        self._buffer = (self._buffer + data)[-HEARD_MOST:]
        if self.request is not None and self.request in self._buffer:
            self._buffer = b""
            self.speak()


async def serve(
    name: str, profile: Profile, said: list[bytes], path: str, *, baud: int, every_s: float, fault: str | None
) -> None:
    """Serve until cancelled. Raises ValueError for a fault its frames cannot have."""
    talker = Talker(profile, said, path=path, baud=baud, fault=fault)
    await talker.line.start()
    when = f"every {every_s:g} s" if talker.request is None else "when asked"
    print(f"{name} at {path}, {when}", flush=True)
    try:
        await talker.run(every_s)
    finally:
        await talker.line.stop()
