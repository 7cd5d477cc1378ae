"""The meter parts of a device profile as typed models: DL/T 645-2007 and CJ/T 188.

Owns: where a point is in a meter's answers, how a meter may be asked, what can be written to it.
Must not know: decoding, encoding, lines.
"""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from edgegw.codec.bcd import parse_format
from edgegw.profiles.fields import Duration, HexBytes, Slug, Strict

Protocol = Literal["dlt645", "cjt188"]

CJT188_TYPES = {
    "water": 0x10,
    "hot-water": 0x11,
    "drinking-water": 0x12,
    "grey-water": 0x13,
    "heat": 0x20,
    "cooling": 0x21,
    "gas": 0x30,
    "electricity": 0x40,
}
"""CJ/T 188's meter types (CJ/T 188-2004, table 3)."""


def _di(value: object) -> object:
    return value.upper() if isinstance(value, str) else value


Di = Annotated[
    str,
    BeforeValidator(_di),
    Field(pattern=r"^([0-9A-Fa-f]{4}|[0-9A-Fa-f]{8})$"),
]
"""A data identifier as the standards print it: 8 hex digits for DL/T 645, 4 for CJ/T 188."""

Preamble = Annotated[int, Field(ge=0, le=4)]


class MeterRead(Strict):
    """Where a point is in a meter's answers. Either `format` (at `offset`), or `field`.

    Attributes:
        di: the data identifier; points of the same one are read in one request. CJ/T 188: sent as written, ``901F`` or ``1F90``,
            whichever the meter understands; answers in either order are taken.
        format: the value as the standard's table prints it: ``XXXXXX.XX``, ``-XX.XXXX``, ``YYMMDDWW``, ``NNNNNN``, ``HHHH``.
        offset: bytes of the answer before the value (identifiers with several values, ``0201FF00``).
        bit, bits: of ``HHHH`` (bits) one bit, 0 the lowest, as true or false; with `bits` so many from there on as a number.
        field: CJ/T 188, 901F: a value by its name, in the point's `unit` whatever the meter counts in: ``total``, ``settled``,
            ``clock``, ``valve`` (``open``, ``closed``, ``fault``, ``unknown``), ``battery_low``, ``vendor`` (the maker's bits) of
            water and gas; ``settled``, ``energy``, ``power``, ``flow``, ``volume``, ``supply``, ``returned``, ``hours``,
            ``clock``, ``valve``, ``battery_low``, ``vendor`` of heat and cooling.
        group: a name from the profile's `meter.poll`; how often it is asked for.
    """

    di: Di
    format: Annotated[str, Field(max_length=40)] | None = None
    offset: Annotated[int, Field(ge=0, le=4096)] = 0
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    bits: Annotated[int, Field(ge=1, le=16)] | None = None
    field: Slug | None = None
    group: Slug = "normal"

    @model_validator(mode="after")
    def _one_way(self) -> "MeterRead":
        if (self.format is None) == (self.field is None):
            raise ValueError("a meter's point has either a format (XXXXXX.XX) or a field")
        if self.field is not None and self.model_fields_set & {"offset", "bit", "bits"}:
            raise ValueError("offset, bit and bits go with format")
        if self.format is not None:
            how = parse_format(self.format)
            if (self.bit is not None or self.bits is not None) and how.kind != "bits":
                raise ValueError(f"bit and bits are of a value of bits, such as HHHH, not of {self.format}")
            if (self.bit or 0) + (self.bits or 1) > 8 * how.size:
                raise ValueError(f"{self.format} has {8 * how.size} bits")
        return self


class MeterSection(Strict):
    """How a meter may be asked.

    Attributes:
        protocol: ``dlt645`` (DL/T 645-2007) or ``cjt188`` (CJ/T 188).
        type: CJ/T 188: the meter's type, which stands before its address: ``water``, ``heat``, ``gas`` …
        poll: groups and their periods; every point names one (``normal`` if it does not).
        preamble: bytes FE before a request, 0 to 4; some meters need them to wake.
        timeout: how long to wait for the answer to begin, beyond the wire time; meters may take 500 ms.
        turnaround: silence the meter wants between its answer and the next request.
        following: DL/T 645: frames that may follow the first of an answer which is cut into several.
    """

    protocol: Protocol
    type: (
        Literal["water", "hot-water", "drinking-water", "grey-water", "heat", "cooling", "gas", "electricity"] | None
    ) = None
    poll: dict[Slug, Annotated[Duration, Field(gt=0)]] = Field(default={"normal": 900.0})
    preamble: Preamble = 0
    timeout: Duration = 0.6
    turnaround: Duration = 0.0
    following: Annotated[int, Field(ge=0, le=32)] = 0

    @model_validator(mode="after")
    def _by_protocol(self) -> "MeterSection":
        if (self.protocol == "cjt188") != (self.type is not None):
            raise ValueError("cjt188 needs a type (water, heat, gas …), dlt645 has none")
        if self.protocol == "cjt188" and self.following:
            raise ValueError("following is for dlt645: a CJ/T 188 answer is one frame")
        return self

    @property
    def type_code(self) -> int:
        """The meter's type as it stands in a CJ/T 188 frame."""
        return CJT188_TYPES[self.type or "water"]


class MeterCommand(Strict):
    """A write to a CJ/T 188 meter.

    Attributes:
        di: the identifier; ``A017`` is the valve's.
        hex: what is written to it.
    """

    di: Di
    hex: HexBytes
