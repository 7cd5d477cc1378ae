"""Commands to OSDP readers.

Owns: what one sends. Must not know: argument checks (encode), sessions, frames.
"""

from collections.abc import Mapping

from msgspec import Struct

from edgegw.codec.osdp import Told
from edgegw.profiles.schema_commands import ArgValue, CommandSpec
from edgegw.profiles.schema_osdp import OsdpCommand


class OsdpSend(Struct, frozen=True):
    """Commands to one reader, in order; confirmed by its acknowledgement of each, so nothing is awaited (`expect`)."""

    parts: tuple[Told, ...]
    expect: None = None


class OsdpEncoder:
    """A fixed row of commands (`encode._Command`)."""

    def __init__(self, spec: CommandSpec, command: OsdpCommand) -> None:
        self.spec = spec
        self._send = OsdpSend(command.told())

    def encode(self, args: Mapping[str, ArgValue], address: str, correlation: str) -> OsdpSend:
        """See `encode._Command`."""
        del args, address, correlation
        return self._send

    def reply_topic(self, address: str) -> None:
        """See `encode._Command`."""
