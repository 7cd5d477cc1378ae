"""Discovery messages of real devices, kept under messages/: a line each, topic and payload; the comment above says where from.

Captured ones are byte for byte what the source shows (or its YAML view as JSON, where it says so); constructed ones say so.
"""

from pathlib import Path

Message = tuple[str, str]


def _messages(kind: str) -> tuple[Message, ...]:
    text = (Path(__file__).parent / "messages" / f"{kind}.txt").read_text("utf-8")
    lines = (line.partition(" ") for line in text.splitlines() if not line.startswith("#"))
    return tuple((topic, payload) for topic, _, payload in lines)


Z2M_LEAK = _messages("z2m-leak")
Z2M_CLIMATE = _messages("z2m-climate")
Z2M_SWITCH = _messages("z2m-switch")
TASMOTA = _messages("tasmota")
ESPHOME = _messages("esphome")
EMS_ESP = _messages("ems-esp")
PARTS = _messages("parts")


def as_bytes(messages: tuple[Message, ...]) -> list[tuple[str, bytes]]:
    """As a broker hands them over."""
    return [(topic, payload.encode()) for topic, payload in messages]
