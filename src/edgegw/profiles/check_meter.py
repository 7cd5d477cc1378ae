"""What a meter's profile says against itself, beyond what the schema can tell.

Owns: the rules between a meter's protocol, its points and its commands.
Must not know: files, positions, samples.
"""

from collections.abc import Iterator

from edgegw.codec.bcd import parse_format
from edgegw.codec.cjt188 import MOST_DATA
from edgegw.profiles.decode_meter import fields_of
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_meter import MeterRead, MeterSection

Loc = tuple[str | int, ...]
Finding = tuple[Loc, str]

_DIGITS = {"dlt645": 8, "cjt188": 4}
_KINDS = {"number": ("int", "float"), "text": ("str",)}
_TEXTS = frozenset({"clock", "valve"})


def meter_findings(profile: Profile) -> Iterator[Finding]:
    """Every contradiction as (path in the file, message)."""
    section = profile.meter
    if section is None:
        yield ("link",), "link: meter needs a section `meter` (its protocol)"
        return
    for name, point in profile.points.items():
        if point.meter is not None:
            at: Loc = ("points", name)
            yield from _place(section, at, point.meter)
            if point.map is None and (fault := _type_fault(point.type, point.meter)):
                yield (*at, "type"), fault
    for name, spec in profile.commands.items():
        if spec.meter is None:
            continue
        here: Loc = ("commands", name, "meter")
        if section.protocol != "cjt188":
            yield here, "only CJ/T 188 meters take commands: DL/T 645's take keys, which this gateway does not hold"
        elif len(spec.meter.di) != _DIGITS["cjt188"]:
            yield (*here, "di"), "a CJ/T 188 identifier has 4 hex digits"
        elif len(spec.meter.hex) > MOST_DATA - 3:
            yield (*here, "hex"), f"a frame holds {MOST_DATA - 3} bytes"
        if spec.confirm is not None and spec.confirm.arg is not None:
            yield ("commands", name, "confirm", "arg"), "a meter's command has no arguments: say what the point equals"


def _place(section: MeterSection, at: Loc, read: MeterRead) -> Iterator[Finding]:
    here: Loc = (*at, "meter")
    if read.group not in section.poll:
        yield here, f"no poll group {read.group!r}; meter.poll has {', '.join(section.poll)}"
    if len(read.di) != _DIGITS[section.protocol]:
        yield (*here, "di"), f"a {section.protocol} identifier has {_DIGITS[section.protocol]} hex digits"
    if read.field is None:
        return
    if section.protocol != "cjt188":
        yield (*here, "field"), "fields are of CJ/T 188; of a DL/T 645 meter say the format"
    elif read.di not in {"901F", "1F90"}:
        yield (*here, "field"), "fields are of identifier 901F; of another one say the format"
    elif read.field not in fields_of(section):
        yield (*here, "field"), f"no field {read.field!r}; a {section.type} meter has {', '.join(fields_of(section))}"


def _type_fault(kind: str, read: MeterRead) -> str:
    if read.field is not None:
        wanted: tuple[str, ...] = ("str",) if read.field in _TEXTS else ("float",)
        wanted = {"battery_low": ("bool",), "hours": ("int",), "vendor": ("int",)}.get(read.field, wanted)
        named = read.field
    else:
        how = parse_format(read.format or "HH")
        bit = read.bit is not None and read.bits is None
        wanted = ("bool",) if bit else ("int",) if how.kind == "bits" else _KINDS[how.kind]
        if how.kind == "number" and how.decimals:
            wanted = ("float",)
        named = read.format or ""
    return "" if kind in wanted else f"{named} is of type {' or '.join(wanted)}, or needs a map"
