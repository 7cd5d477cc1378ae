"""What OSDP readers say to readings.

Owns: from a reply's fields to points; availability.
Must not know: frames, the line, the secure channel, when a reader is lost.
"""

from edgegw.codec.osdp import reply_fields
from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Decoded, Raw, ReaderReply, Reading
from edgegw.profiles.convert import converter
from edgegw.profiles.schema import Profile


class OsdpDecoder:
    """All readers of a profile share one; see `decode.Decoder`."""

    def __init__(self, profile: Profile) -> None:
        self._parity = profile.osdp.cards == "wiegand"
        self._fields = []
        for name, point in profile.points.items():
            if point.osdp is None:
                raise ProfileError("profile", f"point {name} has no osdp section")
            self._fields.append((name, point.osdp.field, converter(name, point), point.unit))

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
        """See `decode.Decoder.decode`. A reply never carries all points: which it has depends on what it tells."""
        if type(raw) is not ReaderReply:
            raise DecodeError("wrong-kind", f"{type(raw).__name__} for an OSDP reader")
        if not raw.reply:
            return Decoded(online=raw.online)
        told = reply_fields(raw.reply, parity=self._parity)
        readings = []
        for name, field, convert, unit in self._fields:
            if field in told:
                value = convert(told[field])
                if value is not None:
                    readings.append(Reading(name, value, unit))
        return Decoded(tuple(readings), raw.online)
