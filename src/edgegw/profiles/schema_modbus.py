"""The Modbus parts of a device profile as typed models.

Owns: where a point is in registers and bits, and how a device may be asked.
Must not know: decoding, encoding, lines.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.profiles.fields import Duration, Slug, Strict
from edgegw.profiles.schema_commands import WordOrder

Others = Annotated[tuple[Slug, ...], Field(strict=False, max_length=4)]
"""Names of other points; the devices known so far need two."""


class ModbusRead(Strict):
    """Where a point is in a Modbus device.

    Attributes:
        table: which of the four tables.
        address: zero-based, as on the wire.
        order: of the bytes of a value across registers: ``ABCD`` big-endian, ``CDAB`` low word first, ``BADC``, ``DCBA``.
        bit, bits: one bit of a 16-bit register, 0 the lowest; with `bits`, the lowest of so many, of a whole number without sign.
        group: a name from the profile's `modbus.poll`; how often it is asked for.
        scale_from: points of the same device (transformer ratios) whose values multiply this one's, beside its own `scale`.
        decimals_from: a point that says how many of this one's digits stand after the decimal point.

    The other points' values are those of the same answer, or else the last ones the device gave; while one is not known yet, the
    point has no reading.
    """

    table: Literal["coil", "discrete", "holding", "input"]
    address: Annotated[int, Field(ge=0, le=0xFFFF)]
    order: WordOrder = "ABCD"
    bit: Annotated[int, Field(ge=0, le=63)] | None = None
    bits: Annotated[int, Field(ge=1, le=64)] | None = None
    group: Slug = "normal"
    scale_from: Others = ()
    decimals_from: Slug | None = None

    @property
    def others(self) -> tuple[str, ...]:
        """The points whose values are needed to read this one."""
        return self.scale_from if self.decimals_from is None else (*self.scale_from, self.decimals_from)

    @model_validator(mode="after")
    def _bits_begin_somewhere(self) -> "ModbusRead":
        if self.bits is not None and self.bit is None:
            raise ValueError("bits says how many: `bit` says where the lowest is")
        return self


class ModbusSection(Strict):
    """How a Modbus device may be asked.

    Attributes:
        poll: groups and their periods; every point names one (``normal`` if it does not).
        max_registers: longest block in one request (125 by the standard, fewer for some devices; 1: one value a read).
        max_bits: the same for coils and discrete inputs (2000 by the standard).
        max_gap: unread registers a block may bridge to save a request; 0 for devices that refuse holes.
        timeout: how long to wait for the answer to begin, beyond the wire time.
        turnaround: silence the device wants between its answer and the next request.
        answers_as: the unit id under which the device answers, whatever id it was asked under: only alone on a serial line, for
            nothing else tells whose answer it is. The device may be addressed by that id too, though it is beyond 247.
    """

    poll: dict[Slug, Duration] = Field(default={"normal": 10.0})
    max_registers: Annotated[int, Field(ge=1, le=125)] = 60
    max_bits: Annotated[int, Field(ge=1, le=2000)] = 512
    max_gap: Annotated[int, Field(ge=0, le=64)] = 8
    timeout: Duration = 0.3
    turnaround: Duration = 0.0
    answers_as: Annotated[int, Field(ge=1, le=255)] | None = None
