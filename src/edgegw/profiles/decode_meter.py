"""Meters' answers to readings: DL/T 645-2007 and CJ/T 188.

Owns: which points lie in an answer and where, quantities in the point's unit, a frame as a link hands it over.
Must not know: lines, polling, addresses.

Numbers stay decimal until they are a point's value: 2.26 kWh are 2.26, however large the total (profiles.convert rounds once).
"""

from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction

from edgegw.codec import bcd, cjt188, dlt645
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, MeterAnswer, Raw, Reading
from edgegw.profiles.convert import Convert, converter
from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_meter import MeterRead, MeterSection

Extract = Callable[[bytes], object]
"""The raw value of an answer's bytes, None for "no reading"."""

VOLUME_FIELDS = ("total", "settled", "clock", "valve", "battery_low", "vendor")
HEAT_FIELDS = (
    "settled", "energy", "power", "flow", "volume", "supply", "returned", "hours", "clock", "valve", "battery_low", "vendor",
)  # fmt: skip
"""What 901F holds, by meter type; the last three are parts of its status."""

VOLUME_BYTES, HEAT_BYTES = 19, 43
"""Value bytes of an answer to 901F."""

_STATUS = ("valve", "battery_low", "vendor")

_SIZES = {
    "L": ("volume", 1),
    "m3": ("volume", 1000),
    "L/h": ("flow", 1),
    "m3/h": ("flow", 1000),
    "W": ("power", 1),
    "kW": ("power", 1000),
    "MW": ("power", 1_000_000),
    "J": ("energy", 1),
    "kJ": ("energy", 1000),
    "MJ": ("energy", 1_000_000),
    "GJ": ("energy", 1_000_000_000),
    "W.h": ("energy", 3600),
    "kW.h": ("energy", 3_600_000),
    "MW.h": ("energy", 3_600_000_000),
}
"""Units a meter may count in: of what, and how many of the smallest one is."""


def fields_of(section: MeterSection) -> tuple[str, ...]:
    """The fields of a CJ/T 188 meter's 901F."""
    return HEAT_FIELDS if _heat(section) else VOLUME_FIELDS


def value_bytes(section: MeterSection, read: MeterRead) -> int:
    """Bytes an answer holds up to this point's end. `read` has passed the schema."""
    if read.format is None:
        return HEAT_BYTES if _heat(section) else VOLUME_BYTES
    return read.offset + bcd.parse_format(read.format).size


def _heat(section: MeterSection) -> bool:
    return section.type in {"heat", "cooling"}


def answer_of(section: MeterSection, frame: bytes) -> MeterAnswer:
    """What a link hands over for one frame of a meter, whoever was asked: for samples and recordings.

    Raises:
        DecodeError: ``truncated``, ``bad-frame``, ``bad-checksum``; ``device-exception`` for a refusal.
    """
    if section.protocol == "dlt645":
        electric = dlt645.parse(frame)
        di = electric.data[3::-1].hex().upper()
        exchange = dlt645.Exchange(electric.address, di if len(di) == 8 else "00000000")
        data = exchange.take(electric)
        if data is None:
            raise DecodeError("truncated", f"{di}: more frames follow")
        return MeterAnswer("dlt645", di, data)
    other = cjt188.parse(frame)
    ser = other.data[0] if other.control & cjt188.ERROR and other.data else other.data[2] if len(other.data) > 2 else 0
    di = other.data[:2].hex().upper()
    reply = cjt188.read_reply(other, other.address, di if len(di) == 4 else "0000", ser)
    return MeterAnswer("cjt188", di, reply.data)


class MeterDecoder:
    """All devices of a profile share one; see `decode.Decoder`."""

    def __init__(self, profile: Profile) -> None:
        section = profile.meter
        if section is None:
            raise ProfileError("profile", "link: meter needs a section meter")
        self._protocol = section.protocol
        self._fields: dict[str, list[tuple[str, Extract, Convert, str | None]]] = {}
        for name, point in profile.points.items():
            if point.meter is None:
                raise ProfileError("profile", f"point {name} has no meter section")
            extract = _extract(name, point, point.meter, section)
            self._fields.setdefault(point.meter.di, []).append((name, extract, converter(name, point), point.unit))

    def topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.topics`."""
        return ()

    def live_topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.live_topics`."""
        return ()

    def matched(self) -> Mapping[str, tuple[tuple[str, ...], str]]:
        """See `decode.Decoder.matched`."""
        return {}

    def decode(self, raw: Raw) -> Decoded:
        """All points of the answer's identifier."""
        if type(raw) is not MeterAnswer or raw.protocol != self._protocol:
            raise DecodeError("wrong-kind", f"{type(raw).__name__} for a {self._protocol} meter")
        fields = self._fields.get(raw.di)
        if fields is None and self._protocol == "cjt188":
            fields = self._fields.get(raw.di[2:] + raw.di[:2])
        if fields is None:
            raise DecodeError("unknown-block", f"no point has the identifier {raw.di}")
        readings = []
        for name, extract, convert, unit in fields:
            found = extract(raw.data)
            value = None if found is None else convert(found)
            if value is not None:
                readings.append(Reading(name, value, unit))
        return Decoded(tuple(readings))


def _extract(name: str, point: Point, read: MeterRead, section: MeterSection) -> Extract:
    if read.format is None:
        if section.protocol != "cjt188" or read.field not in fields_of(section):
            raise ProfileError("profile", f"point {name}: no field {read.field} in {section.protocol}")
        return _field(name, read.field, point.unit, heat=_heat(section))
    form, how = read.format, bcd.parse_format(read.format)
    start, end = read.offset, read.offset + how.size
    shift, mask = read.bit or 0, (1 << (read.bits or 1)) - 1
    one_bit, part = read.bit is not None and read.bits is None, read.bit is not None or read.bits is not None

    def extract(data: bytes) -> object:
        if len(data) < end:
            raise DecodeError("truncated", f"{name}: {len(data)} value bytes, it ends at {end}")
        value = bcd.value(data[start:end], form)
        if part and isinstance(value, int):
            value = value >> shift & mask
            return bool(value) if one_bit else value
        return str(value) if isinstance(value, Decimal) else value

    return extract


def _field(name: str, field: str, unit: str | None, *, heat: bool) -> Extract:
    parse: Callable[[bytes], cjt188.Volume | cjt188.Heat] = cjt188.heat if heat else cjt188.volume

    def extract(data: bytes) -> object:
        told = parse(data)
        value = getattr(told.status if field in _STATUS else told, field)
        if isinstance(value, cjt188.Amount):
            return None if value.value is None else _in_unit(name, value.value, value.unit, unit)
        return str(value) if isinstance(value, Decimal) else value

    return extract


def _in_unit(name: str, value: Decimal, unit: str, wanted: str | None) -> str:
    """The quantity in the point's unit, as exact decimal text."""
    if wanted is None or unit == wanted:
        return f"{value:f}"
    (kind, size), (of, into) = _SIZES.get(unit, (unit, 1)), _SIZES.get(wanted, (wanted, 1))
    exact = Fraction(value) * size / into
    if kind != of or _odd(exact.denominator) != 1:  # kW.h in J is exact, J in kW.h seldom
        raise DecodeError("bad-value", f"{name}: the meter counts {unit}, the profile {wanted}")
    return f"{Decimal(exact.numerator) / Decimal(exact.denominator):f}"


def _odd(denominator: int) -> int:
    """What is left of a denominator without its twos and fives: 1 if the fraction ends in decimal."""
    for prime in (2, 5):
        while denominator % prime == 0:
            denominator //= prime
    return denominator
