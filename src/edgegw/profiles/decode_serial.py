"""Serial frames to readings.

Owns: from a protocol's fields to points.
Must not know: framing, ports, repeats.
"""

from edgegw.codec.serial import SERIAL_PROTOCOLS, SerialParser
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, Frame, Raw, Reading
from edgegw.profiles.convert import converter
from edgegw.profiles.schema import Profile
from edgegw.profiles.schema_serial import SerialSection


def parser_of(section: SerialSection) -> SerialParser:
    """The protocol's parser. Raises ProfileError ``protocol`` or ``pattern``."""
    maker = SERIAL_PROTOCOLS.get(section.protocol)
    if maker is None:
        raise ProfileError("protocol", f"unknown protocol {section.protocol!r}; known: {', '.join(SERIAL_PROTOCOLS)}")
    return maker(section.pattern, section.encoding)


class SerialDecoder:
    """All devices of a profile share one; see `decode.Decoder`."""

    def __init__(self, profile: Profile) -> None:
        if profile.serial is None:
            raise ProfileError("profile", "link: serial needs a serial section")
        self._parse = parser_of(profile.serial).parse
        self._fields = []
        for name, point in profile.points.items():
            if point.serial is None:
                raise ProfileError("profile", f"point {name} has no serial section")
            self._fields.append((name, point.serial.field, converter(name, point), point.unit, not point.optional))

    def topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.topics`."""
        return ()

    def live_topics(self) -> tuple[str, ...]:
        """See `decode.Decoder.live_topics`."""
        return ()

    def matched(self) -> dict[str, tuple[tuple[str, ...], str]]:
        """See `decode.Decoder.matched`."""
        return {}

    def decode(self, raw: Raw) -> Decoded:
        """See `decode.Decoder.decode`."""
        if type(raw) is not Frame:
            raise DecodeError("wrong-kind", f"{type(raw).__name__} for a serial device")
        parsed = self._parse(raw.data)
        readings = []
        for name, field, convert, unit, required in self._fields:
            if field in parsed:
                value = convert(parsed[field])
                if value is not None:
                    readings.append(Reading(name, value, unit))
            elif required:
                raise DecodeError("missing-point", f"{name}: no {field}")
        return Decoded(tuple(readings))
