"""What is written to a meter, and what its answer must then show: CJ/T 188's valve.

Owns: the bytes of a command, which bytes of which answer the confirming point is.
Must not know: arguments, lines, serial numbers of requests (a link counts them; here it is 1).

Nothing is written to DL/T 645 meters: their relays and settings take a password and an operator's code, which stay with the
utility.
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.codec import bcd, cjt188
from edgegw.codec.meter_line import CJT188_WRITE
from edgegw.errors import CommandError, ProfileError
from edgegw.model import Value
from edgegw.profiles.decode_meter import HEAT_BYTES, VOLUME_BYTES, value_bytes
from edgegw.profiles.encode import MeterWrite
from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_commands import ArgValue, CommandSpec
from edgegw.profiles.schema_meter import MeterCommand, MeterSection

SHOWN_SER = 1
"""The serial number in a request that is shown to people."""

_VALVES = {"open": 0, "closed": 1}
"""What of the valve's two bits can be asked for; the others are faults (CJ/T 188-2004 table 10)."""

_BITS = {"valve": (0x03, 0), "battery_low": (0x04, 2)}


class ShownBytes(Struct, frozen=True):
    """How a value looks in the answer to its identifier: so many bytes, of which the masked bits count."""

    di: str
    words: tuple[int, ...]
    mask: tuple[int, ...]


def shown_in(section: MeterSection, point: Point, value: Value) -> ShownBytes:
    """What the answer holds when a point has this value. Raises ValueError, with a text for people, for what cannot be told."""
    read = point.meter
    if read is None:
        raise ValueError("the point is not in a meter's answer")
    raw = value if point.map is None else _unmapped(point.map, value)
    if read.field is not None:
        size = value_bytes(section, read)
        if read.field not in _BITS:
            raise ValueError(f"{read.field} confirms nothing: name the valve")
        mask, shift = _BITS[read.field]
        bits = _VALVES.get(str(raw)) if read.field == "valve" else int(raw) if isinstance(raw, bool) else None
        if bits is None:
            raise ValueError(f"{value!r} is no state of {read.field} that can be waited for")
        at = (HEAT_BYTES if size == HEAT_BYTES else VOLUME_BYTES) - 2
        return _shown(read.di, size, at, bits << shift, mask)
    if read.format is None or bcd.parse_format(read.format).kind != "bits" or read.bit is None or read.bits is not None:
        raise ValueError("a number confirms nothing: name the valve, or one bit")
    size = value_bytes(section, read)
    bit = raw if isinstance(raw, bool) else {"true": True, "false": False}.get(str(raw))
    if bit is None:
        raise ValueError(f"a bit is true or false, not {value!r}")
    return _shown(read.di, size, read.offset + read.bit // 8, int(bit) << read.bit % 8, 1 << read.bit % 8)


def _shown(di: str, size: int, at: int, bits: int, mask: int) -> ShownBytes:
    words, masks = [0] * size, [0] * size
    words[at], masks[at] = bits, mask
    return ShownBytes(di, tuple(words), tuple(masks))


def _unmapped(mapping: Mapping[str, Value], value: Value) -> str:
    keys = [key for key, word in mapping.items() if word == value and isinstance(word, bool) == isinstance(value, bool)]
    if len(keys) != 1:
        raise ValueError(f"{value!r} is {'not' if not keys else 'more than once'} in the point's map")
    return keys[0]


class MeterCommandEncoder:
    """A write to a meter (`encode._Command`)."""

    def __init__(self, profile: Profile, spec: CommandSpec, meter: MeterCommand) -> None:
        if profile.meter is None or profile.meter.protocol != "cjt188":
            raise ProfileError("profile", "only CJ/T 188 meters take commands")
        self.spec = spec
        self._meter = meter
        self._section = profile.meter
        self._point = None if spec.confirm is None else profile.points.get(spec.confirm.point)
        if spec.confirm is not None and self._point is None:
            raise ProfileError("profile", f"commands are confirmed by point {spec.confirm.point}, which is not there")

    def encode(self, args: Mapping[str, ArgValue], address: str, correlation: str) -> MeterWrite:
        """See `encode._Command`."""
        del args, correlation
        meter, confirm, point = self._meter, self.spec.confirm, self._point
        di = int(meter.di, 16)
        words = tuple(meter.hex)
        try:
            frame = write_frame(self._section, address, di, words)
            if confirm is None or point is None:
                return MeterWrite(CJT188_WRITE, "cjt188", di, words, frame=frame)
            shown = shown_in(self._section, point, confirm.equals)
        except ValueError as error:
            raise CommandError("bad-argument", str(error)) from error
        return MeterWrite(
            CJT188_WRITE,
            "cjt188",
            di,
            words,
            readback=("cjt188", int(shown.di, 16), len(shown.words)),
            expect=shown.words,
            mask=shown.mask,
            settle_s=confirm.settle,
            within_s=confirm.within,
            shows=(confirm.point, confirm.equals),
            frame=frame,
        )

    def reply_topic(self, address: str) -> None:
        """See `encode._Command`."""


def write_frame(section: MeterSection, address: str, di: int, words: tuple[int, ...], ser: int = SHOWN_SER) -> bytes:
    """The request that writes, FE before it included. Raises ValueError: not an address, or more than a frame holds."""
    data = cjt188.identifier(f"{di:04X}") + bytes((ser, *words))
    return b"\xfe" * section.preamble + cjt188.request(section.type_code, address, cjt188.WRITE, data)
