"""What a message that cannot be decoded is kept as.

Owns: its bytes, cut or withheld; a key that says where it came from. Must not know: why it cannot be decoded, storage.
"""

from struct import pack

from edgegw.access.blot import withheld
from edgegw.errors import DecodeError
from edgegw.model import DeadLetter, Frame, Instant, MeterAnswer, MqttPayload, Raw, ReaderReply, Registers

RAW_LIMIT = 64 * 1024
"""Bytes of a poison message that are kept; larger ones are cut, their detail says so."""


def dead_letter(device: str, raw: Raw, error: DecodeError, at: Instant, *, secret: bool) -> DeadLetter:
    """A device's poison, as it is stored. `secret`: the device tells credentials, so what it said is not kept."""
    key, data = _bytes_of(raw)
    detail = error.detail
    if secret:
        data, detail = withheld(data), "what it said is withheld"
    if len(data) > RAW_LIMIT:
        detail = f"{detail} (cut from {len(data)} bytes)"
    return DeadLetter("device", device, error.reason, detail, key, data[:RAW_LIMIT], at)


def _bytes_of(raw: Raw) -> tuple[str, bytes]:
    """A key that says where it came from, and the bytes as they came."""
    match raw:
        case MqttPayload():
            return raw.topic, raw.payload
        case Registers():
            return f"{raw.table}/{raw.address}+{len(raw.words)}", pack(f">{len(raw.words)}H", *raw.words)
        case Frame():
            return "frame", raw.data
        case ReaderReply():
            return "reply", raw.reply
        case MeterAnswer():
            return f"{raw.protocol}/{raw.di}", raw.data
