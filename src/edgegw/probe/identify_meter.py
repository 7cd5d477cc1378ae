"""Which meter profile fits what a DL/T 645 or CJ/T 188 meter answered, and why.

Owns: what is asked of a meter that was found, weighing its answers against every profile of its protocol.
Must not know: ports, how a meter was found.
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.errors import DecodeError
from edgegw.model import MeterAnswer, Value
from edgegw.probe.found import Fit, judged
from edgegw.probe.plausible import AGAINST, weigh
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.schema import Profile

MOST_READS = 60
"""Identifiers asked of one meter; at 2400 baud they take about half a minute."""

ANSWERED_BITS = 1.0
"""For an identifier that was answered: the protocol and the frame's sum have been proven by then."""

MISSING_BITS = -1.5
"""For one that was refused or not answered: meters leave out much of the standard."""

TYPE_BITS = 2.0
"""For CJ/T 188's meter type, which the frame tells."""

TOLD = 4


class Meter(Struct, frozen=True):
    """A meter that said its number.

    Attributes:
        protocol: ``dlt645`` or ``cjt188``. number: 12 or 14 digits. meter_type: CJ/T 188's, else None.
    """

    protocol: str
    number: str
    meter_type: int | None = None


MeterAnswers = Mapping[str, bytes | None]
"""Identifier → the value's bytes, None for what was refused or not answered."""


def identifiers(meter: Meter, profiles: Mapping[str, Profile]) -> tuple[str, ...]:
    """What is asked of a meter: every identifier that a profile of its protocol and type reads, those of most profiles first."""
    wanted: dict[str, int] = {}
    for profile in profiles.values():
        if _of(meter, profile):
            for di in _dis(profile):
                wanted[di] = wanted.get(di, 0) + 1
    return tuple(sorted(wanted, key=lambda di: (-wanted[di], di))[:MOST_READS])


def rank(meter: Meter, answers: MeterAnswers, profiles: Mapping[str, Profile]) -> tuple[Fit, ...]:
    """The profiles that fit, best first (`found.judged`)."""
    fits = (_fit(meter, answers, name, profile) for name, profile in profiles.items() if _of(meter, profile))
    return judged([fit for fit in fits if fit is not None])


def _of(meter: Meter, profile: Profile) -> bool:
    section = profile.meter
    if profile.link != "meter" or section is None or section.protocol != meter.protocol:
        return False
    return meter.meter_type is None or section.type_code == meter.meter_type


def _dis(profile: Profile) -> tuple[str, ...]:
    return tuple(dict.fromkeys(point.meter.di for point in profile.points.values() if point.meter is not None))


def _fit(meter: Meter, answers: MeterAnswers, name: str, profile: Profile) -> Fit | None:
    decoder = compile_profile(profile, meter.number)
    wanted = _dis(profile)
    answered = [di for di in wanted if answers.get(di) is not None]
    if not answered:
        return None
    missing = [di for di in wanted if di in answers and answers[di] is None]
    bits = ANSWERED_BITS * len(answered) + MISSING_BITS * len(missing) + (TYPE_BITS if meter.meter_type else 0.0)
    why = [f"{len(answered)} of {len(wanted)} identifiers answered"]
    if missing:
        why.append(f"without {', '.join(missing[:TOLD])}")
    hindered = ""
    readings: dict[str, Value] = {}
    good: list[tuple[float, str]] = []
    for di in answered:
        try:
            decoded = decoder.decode(MeterAnswer(meter.protocol, di, answers[di] or b""))
        except DecodeError as error:
            bits += AGAINST
            hindered = error.detail or error.reason
            why.append(hindered)
            continue
        for reading in decoded.readings:
            readings[reading.point] = reading.value
            weight = weigh(reading.point, profile.points[reading.point], reading.value)
            bits += weight.bits
            if weight.impossible:
                hindered = weight.why
                why.append(hindered)
            elif weight.why:
                good.append((weight.bits, weight.why))
    if good:
        why.insert(1, ", ".join(told for _, told in sorted(good, key=lambda one: -one[0])[:TOLD]))
    return Fit(name, round(bits, 3), tuple(why), readings, hindered)
