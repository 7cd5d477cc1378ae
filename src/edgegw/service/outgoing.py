"""An alarm's data with its ticket's part in them.

Owns: where in the data the ticket stands, reading the data back. Must not know: what the ticket says.
"""

import msgspec
from msgspec import Raw

from edgegw.rules.events import AlarmData, encode
from edgegw.service.ticket import Ticket

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What decoding raises for bytes that are not what they should be: no such shape, no UTF-8, brackets a hundred thousand deep."""

_replace = msgspec.structs.replace

decode_alarm = msgspec.json.Decoder(AlarmData).decode
"""The data of an alarm event; one of `UNREADABLE` if they are not."""


def with_ticket(data: AlarmData, ticket: Ticket) -> bytes:
    """As they travel."""
    return encode(_replace(data, ticket=Raw(encode(ticket))))


def with_priority(data: AlarmData, priority: str) -> AlarmData:
    """The catalogue's priority instead of the rule's."""
    return data if data.priority == priority else _replace(data, priority=priority)
