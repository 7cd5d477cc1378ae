"""A meter out of its profile: what it answers under each identifier, from its points' values, and the line it hangs on.

Owns: putting values into a meter's answers (formats, fields, units, the status word), its faults by name; values as good as any,
for tests.
Must not know: how the gateway decodes an answer. The digits are packed by the gateway's own codec (codec.bcd); frames, and where
a value lies in 901F, are the simulator's.

Source: CJ/T 188-2004: what 901F holds, the tables of unit codes and of the status word.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from random import Random

from edgegw.codec import bcd
from edgegw.profiles.schema import Point, Profile
from edgegw.profiles.schema_meter import MeterRead, MeterSection
from simulators.meter_call import CalledBus
from simulators.meters import Cjt188Meter, Dlt645Meter, Meter, MeterFault
from simulators.profile_registers import Value, sample_values

BAUD = 2400
"""What both protocols' meters come with."""

FAULTS: dict[str, tuple[str, MeterFault | None]] = {
    "silent": ("never answers", MeterFault("silent")),
    "slow": ("answers right, 150 ms late: most masters still wait", MeterFault("slow", 0.15)),
    "late": ("answers 900 ms late, when the master has given up and asks the next", MeterFault("slow", 0.9)),
    "wrong-unit": ("answers as another meter", MeterFault("wrong-unit")),
    "bad-checksum": ("answers with a wrong sum", MeterFault("bad-checksum")),
    "swapped": ("sends the identifier's bytes in the other order", MeterFault("swapped")),
    "torn": ("stops in the middle of its answer", MeterFault("torn")),
    "refuse": ("refuses everything", MeterFault("refuse")),
    "flood": ("answers, and talks unasked besides, twenty times a second", MeterFault("flood")),
    "flapping": ("ten answers, ten silences, and so on", None),
}
FLAPPING = 10

_AMOUNT, _FLOW, _TEMPERATURE, _HOURS, _CLOCK = "XXXXXX.XX", "XXXX.XXXX", "XXXX.XX", "XXXXXX", "YYYYMMDDhhmmss"
_VOLUME = {"total": _AMOUNT, "settled": _AMOUNT, "clock": _CLOCK}
_HEAT = {
    "settled": _AMOUNT, "energy": _AMOUNT, "power": _AMOUNT, "flow": _FLOW, "volume": _AMOUNT, "supply": _TEMPERATURE,
    "returned": _TEMPERATURE, "hours": _HOURS, "clock": _CLOCK,
}  # fmt: skip
"""901F in its order, but for the two bytes of status behind it."""

_BARE = {_TEMPERATURE, _HOURS, _CLOCK}
"""These have no unit code behind them."""

_UNITS = {
    "J": ("energy", 1, 0x01), "kJ": ("energy", 10**3, 0x0B), "MJ": ("energy", 10**6, 0x0E), "GJ": ("energy", 10**9, 0x11),
    "W.h": ("energy", 3600, 0x02), "kW.h": ("energy", 3600 * 10**3, 0x05), "MW.h": ("energy", 3600 * 10**6, 0x08),
    "W": ("power", 1, 0x14), "kW": ("power", 10**3, 0x17), "MW": ("power", 10**6, 0x1A),
    "L": ("volume", 1, 0x29), "m3": ("volume", 10**3, 0x2C), "L/h": ("flow", 1, 0x32), "m3/h": ("flow", 10**3, 0x35),
}  # fmt: skip
"""What a meter may count in: of what, how many of the smallest one is, its code."""

_VALVES = ("open", "closed", "unknown", "fault")
_STATUS = {"valve", "battery_low", "vendor"}
_LOW = 4
_DIGITS = {"dlt645": 12, "cjt188": 14}


@dataclass
class StatusMeter(Cjt188Meter):
    """A CJ/T 188 meter whose status word has more than the valve. `rest`: the word without it."""

    rest: int = 0

    def _status(self) -> bytes:
        return (int(self.closed) | self.rest).to_bytes(2, "little")


def meter_of(profile: Profile, address: str, values: Mapping[str, Value] | None = None) -> Meter:
    """One meter of a profile, with the values of its samples unless told otherwise; what has none answers FF.

    Raises:
        ValueError: no address, no such point, or a value the meter cannot send; the text names the point.
    """
    section = _section(profile)
    if len(address) != _DIGITS[section.protocol] or not (address.isascii() and address.isdecimal()):
        raise ValueError(f"{address}: the number of a {section.protocol} meter has {_DIGITS[section.protocol]} digits")
    unknown = (values or {}).keys() - profile.points.keys()
    if unknown:
        raise ValueError(f"there is no point {min(unknown)!r}; points are {', '.join(profile.points)}")
    wanted = {**sample_values(profile), **(values or {})}
    table = answers(profile, wanted)
    if section.protocol == "dlt645":
        return Dlt645Meter(address, {**table})
    word = _word(profile, wanted)
    at = len(table["901F"]) - 2 if "901F" in table else None
    # a valve that is closed may be opened; one that is faulty, or nobody knows where, stays so
    moves = word & 3 < 2
    return StatusMeter(
        address,
        {**table},
        type=section.type_code,
        status_at=at,
        closed=moves and bool(word & 1),
        stuck=not moves,
        rest=word & ~1 if moves else word,
    )


def answers(profile: Profile, values: Mapping[str, Value]) -> dict[str, bytes]:
    """What a meter of these values sends under each identifier, as it travels. Raises ValueError, naming the point."""
    section = _section(profile)
    found: dict[str, bytearray] = {}
    named: dict[str, str] = {}
    for name, point in profile.points.items():
        read = point.meter
        if read is None:
            continue
        if read.format is None:
            named[name] = read.field or ""
            continue
        try:
            raw = _raw(point, values[name]) if name in values else None
            _put(found.setdefault(read.di, bytearray()), read, read.format, raw)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    table = {di: bytes(data) for di, data in found.items()}
    if named:
        table["901F"] = _now(profile, section, named, values)
    return table


def _put(data: bytearray, read: MeterRead, form: str, raw: bcd.Value | None) -> None:
    """A value at its place; of bits, beside those that are there."""
    how = bcd.parse_format(form)
    place = slice(read.offset, read.offset + how.size)
    fresh = place.stop > len(data)
    data.extend(b"\xff" * (place.stop - len(data)))
    if how.kind != "bits":
        data[place] = bcd.encode(raw, form)
        return
    if int(raw or 0) >> (read.bits or (8 * how.size if read.bit is None else 1)):
        raise ValueError(f"{raw} has more bits than there are")
    word = 0 if fresh else int.from_bytes(data[place], "little")
    data[place] = bcd.encode(word | int(raw or 0) << (read.bit or 0), form)


def _now(profile: Profile, section: MeterSection, named: Mapping[str, str], values: Mapping[str, Value]) -> bytes:
    """What stands under 901F."""
    at = {field: name for name, field in named.items()}
    data = b""
    for field, form in (_HEAT if _heat(section) else _VOLUME).items():
        name = at.get(field)
        size = bcd.parse_format(form).size + (form not in _BARE)
        if name is None or name not in values:
            data += b"\xff" * size
            continue
        point = profile.points[name]
        try:
            raw = _raw(point, values[name])
            data += bcd.encode(raw, form) if form in _BARE else _amount(raw, point.unit, form)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return data + _word(profile, values).to_bytes(2, "little")


def _amount(raw: bcd.Value, unit: str | None, form: str) -> bytes:
    """A quantity and its unit code: in the point's unit, or a smaller one if it is too fine for that (0.123 m3: 123 L)."""
    if unit not in _UNITS or isinstance(raw, str):
        raise ValueError(f"{raw} {unit}: no meter counts in that")
    kind, size, code = _UNITS[unit]
    smaller = sorted(((s, c) for k, s, c in _UNITS.values() if k == kind and s < size), reverse=True)
    for one, its_code in ((size, code), *smaller):
        counts = Fraction(raw) * size / one * 10 ** bcd.parse_format(form).decimals
        if counts.denominator == 1:
            number = Decimal(counts.numerator).scaleb(-bcd.parse_format(form).decimals)
            return bcd.encode(number, form) + bytes((its_code,))
    return bcd.encode(raw, form)  # refuses it


def _word(profile: Profile, values: Mapping[str, Value]) -> int:
    """The status word that these values make."""
    word = 0
    for name, point in profile.points.items():
        field = None if point.meter is None else point.meter.field
        if field not in _STATUS or name not in values:
            continue
        raw = _raw(point, values[name])
        if field == "valve":
            if raw not in _VALVES:
                raise ValueError(f"{name}: {raw!r} is none of {', '.join(_VALVES)}")
            word |= _VALVES.index(str(raw))
        elif field == "battery_low":
            word |= _LOW if raw else 0
        else:
            if not isinstance(raw, int) or not 0 <= raw < 1 << 11:
                raise ValueError(f"{name}: {raw!r} is more than the maker's eleven bits")
            word |= (raw & 7) << 5 | raw >> 3 << 8
    return word


def _raw(point: Point, value: Value) -> bcd.Value:
    """The value as the meter counts it."""
    if point.map is not None:
        for key, meant in point.map.items():
            if meant == value and isinstance(meant, bool) == isinstance(value, bool):
                return int(key) if key.isdecimal() else key
        raise ValueError(f"{value!r} is none of {', '.join(map(repr, point.map.values()))}")
    if point.type in {"bool", "str"}:
        if (point.type == "bool") != isinstance(value, bool):
            raise ValueError(f"{point.type}, not {value!r}")
        return str(value) if point.type == "str" else int(value)
    if isinstance(value, bool | str):
        raise ValueError(f"a number, not {value!r}")  # noqa: TRY004  (what was asked for is at fault, not the code)
    exact = (Decimal(str(value)) - Decimal(str(point.offset))) / Decimal(str(point.scale))
    return int(exact) if exact == exact.to_integral_value() else exact


def _section(profile: Profile) -> MeterSection:
    if profile.meter is None:
        raise ValueError(f"{profile.vendor} {profile.model} is no meter")
    return profile.meter


def _heat(section: MeterSection) -> bool:
    return section.type in {"heat", "cooling"}


# --- values as good as any


def plausible(profile: Profile, random: Random) -> dict[str, Value]:
    """A value for every point that its meter can send exactly."""
    section = _section(profile)
    forms = {**(_HEAT if _heat(section) else _VOLUME)}
    found: dict[str, Value] = {}
    for name, point in profile.points.items():
        if point.meter is not None:
            found[name] = _any(point, point.meter, forms, random)
    return found


def _any(point: Point, read: MeterRead, forms: Mapping[str, str], random: Random) -> Value:
    if point.map is not None:
        return random.choice([value for value in point.map.values() if value is not None])
    if read.field == "valve":
        return random.choice(_VALVES)
    if point.type == "bool":
        return random.random() < 0.5
    if read.field == "vendor":
        return random.randrange(1 << 11)
    return _any_coded(point, read, read.format or forms[read.field or ""], random)


def _any_coded(point: Point, read: MeterRead, form: str, random: Random) -> Value:
    how = bcd.parse_format(form)
    if how.kind == "text":
        return "".join(random.choice("0123456789") for _ in range(2 * how.size))
    if how.kind == "bits":
        return random.randrange(1 << (read.bits or 8 * how.size))
    most = 8 * 10 ** (2 * how.size - 1) - 1 if how.signed else 10 ** (2 * how.size) - 1
    number = Decimal(random.randint(-most if how.signed else 0, most)).scaleb(-how.decimals)
    exact = number * Decimal(str(point.scale)) + Decimal(str(point.offset))
    return int(exact) if point.type.startswith(("int", "uint")) else float(exact)


# --- the line


async def serve(name: str, meters: Sequence[Meter], path: str, *, baud: int = BAUD, fault: str | None = None) -> None:
    """Serve until cancelled. `fault`: flapping is the line's; the others are the meters' own (`FAULTS`)."""
    bus = CalledBus(meters, baud=baud, path=path, flapping=FLAPPING if fault == "flapping" else 0)
    await bus.start()
    print(f"{name} at {bus.path}, number {', '.join(meter.address for meter in meters)}", flush=True)
    try:
        await asyncio.Event().wait()
    finally:
        await bus.stop()
