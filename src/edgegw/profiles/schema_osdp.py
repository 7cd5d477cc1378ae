"""What a profile says about an OSDP reader as typed models: its cards, where points are, what it can be told.

Owns: these sections' schema. Must not know: the rest of a profile, frames (codec.osdp), the secure channel (the link's).
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from edgegw.codec.osdp import MOST_CONTACTS, MOST_TICKS, TICK_S, Buzzer, Color, Led, Output, Told
from edgegw.profiles.fields import Duration, Strict

Lasting = Annotated[Duration, Field(ge=0, le=MOST_TICKS * TICK_S)]
"""A time as readers count it: in tenths of a second, 25.5 s at most."""

ReaderNumber = Annotated[int, Field(ge=0, le=3)]


class OsdpSection(Strict):
    """What is true of every reader of the type.

    Attributes:
        cards: ``wiegand``: reads of 26, 34 and 37 bits have parity bits, which must be right and are not part of the card;
            ``raw``: all bits are the card's (fields ``number`` and ``hex`` only).
    """

    cards: Literal["wiegand", "raw"] = "wiegand"


class OsdpRead(Strict):
    """Which part of the reader's reply a point takes.

    Attributes:
        field: by name, of `codec.osdp.reply_fields`.
    """

    field: str


class OsdpLed(Strict):
    """A light.

    Attributes:
        color: what it shows.
        off_color: what it shows in between, when it blinks.
        blink: how long it shows either at a time; not given: without a break.
        lasting: how long all in all, then what it showed before; not given: from now on.
        led, reader: which, where a reader has several.
    """

    color: Color
    off_color: Color = "black"
    blink: Lasting | None = None
    lasting: Annotated[Lasting | None, Field(alias="for")] = None
    led: ReaderNumber = 0
    reader: ReaderNumber = 0

    def told(self) -> Led:
        """As the codec wants it."""
        blink = _ticks(self.blink)
        return Led(self.color, self.off_color, blink or 1, blink, _ticks(self.lasting), self.reader, self.led)


class OsdpBuzzer(Strict):
    """Tones of a reader.

    Attributes:
        tone, pause: how long each is, and how far apart.
        count: how many.
        reader: which, where a reader has several.
    """

    tone: Lasting = 0.2
    pause: Lasting = 0.2
    count: Annotated[int, Field(ge=1, le=20)] = 1
    reader: ReaderNumber = 0

    def told(self) -> Buzzer:
        """As the codec wants it."""
        return Buzzer(max(1, _ticks(self.tone)), _ticks(self.pause), self.count, self.reader)


class OsdpOutput(Strict):
    """A reader's relay or transistor.

    Attributes:
        output: which.
        state: what it becomes.
        lasting: how long, then as before; not given: from now on.
    """

    output: Annotated[int, Field(ge=0, lt=MOST_CONTACTS)] = 0
    state: Literal["active", "inactive"]
    lasting: Annotated[Lasting | None, Field(alias="for")] = None

    def told(self) -> Output:
        """As the codec wants it."""
        return Output(self.output, self.state == "active", _ticks(self.lasting))


class OsdpCommand(Strict):
    """What a reader is told, in this order; confirmed by its acknowledgement of each.

    Attributes:
        output, led, buzzer: at least one.
    """

    output: OsdpOutput | None = None
    led: OsdpLed | None = None
    buzzer: OsdpBuzzer | None = None

    @model_validator(mode="after")
    def _something(self) -> "OsdpCommand":
        if not self.told():
            raise ValueError("a reader is told something: at least one of led, buzzer, output")
        return self

    def told(self) -> tuple[Told, ...]:
        """The OSDP commands it is made of."""
        return tuple(part.told() for part in (self.output, self.led, self.buzzer) if part is not None)


def _ticks(seconds: float | None) -> int:
    """Tenths of a second; no time that was asked for is none."""
    if not seconds:
        return 0
    return max(1, round(seconds / TICK_S))
