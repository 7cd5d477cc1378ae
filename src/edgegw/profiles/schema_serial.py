"""The serial parts of a device profile as typed models.

Owns: how frames are cut, what is in them, which field a point takes. Must not know: framers, parsers, ports.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.profiles.fields import Duration, HexBytes, Slug, Strict


class SerialRead(Strict):
    """Which part of a frame a point takes.

    Attributes:
        field: by name; fields come from `serial.protocol`.
    """

    field: str


class DelimiterFraming(Strict):
    """Frames end with the same bytes: lines.

    Attributes:
        end: these bytes; they are no part of the frame.
        max: bytes an unfinished frame may hold.
    """

    kind: Literal["delimiter"]
    end: HexBytes
    max: Annotated[int, Field(ge=1, le=65536)] = 1024


class FixedFraming(Strict):
    """Frames of one length.

    Attributes:
        length: bytes of every frame.
        start: begins each, and is what is searched after garbage.
        end: ends each.
        idle: an unfinished frame older than this is garbage.
    """

    kind: Literal["fixed"]
    length: Annotated[int, Field(ge=1, le=65536)]
    start: HexBytes = b""
    end: HexBytes = b""
    idle: Duration = 0.1


class LengthFraming(Strict):
    """A header, then a length field, then the rest.

    Attributes:
        start, end: bytes every frame begins with, and ends with if there are any; they tell frames from garbage.
        offset, size, order: where the length field is, 1 or 2 bytes, big- or little-endian.
        adjust: bytes of the whole frame that the length field does not count.
        max: longest frame; a greater length is garbage.
        idle: an unfinished frame older than this is garbage.
    """

    kind: Literal["length"]
    start: HexBytes
    end: HexBytes = b""
    offset: Annotated[int, Field(ge=0, le=64)]
    size: Literal[1, 2] = 1
    order: Literal["big", "little"] = "big"
    adjust: int = 0
    max: Annotated[int, Field(ge=1, le=65536)] = 1024
    idle: Duration = 0.1


class StxEtxFraming(Strict):
    """From a start mark to an end mark, both kept in the frame; a second start mark begins anew.

    Attributes:
        stx, etx: the marks.
        max: bytes an unfinished frame may hold.
        idle: an unfinished frame older than this is garbage.
    """

    kind: Literal["stx-etx"]
    stx: HexBytes = b"\x02"
    etx: HexBytes = b"\x03"
    max: Annotated[int, Field(ge=2, le=65536)] = 1024
    idle: Duration = 0.1

    @model_validator(mode="after")
    def _apart(self) -> "StxEtxFraming":
        if set(self.stx) & set(self.etx):
            raise ValueError("stx and etx must not share a byte: where a frame ends could not be told")
        return self


Framing = Annotated[DelimiterFraming | FixedFraming | LengthFraming | StxEtxFraming, Field(discriminator="kind")]


class SerialSection(Strict):
    """How bytes on a serial line become frames and fields.

    Attributes:
        framing: how frames are cut.
        protocol: a parser by name, from codec.SERIAL_PROTOCOLS (``rdm6300``, ``em-binary``, ``text`` …); it gives fields.
        pattern: for ``text``: a regular expression; its named groups are the fields.
        encoding: of text on the line.
        repeat: a frame equal to the one before within this time is the same event (a card held at a reader); 0: keep all.
        request: bytes to send, for devices that only answer; not given for devices that talk by themselves.
        every: how often `request` is sent.
    """

    framing: Framing
    protocol: Slug
    pattern: str | None = None
    encoding: Literal["ascii", "utf-8", "gb2312"] = "ascii"
    repeat: Duration = 0.0
    request: HexBytes | None = None
    every: Duration = 10.0
