"""What a discovered command sends, and by what it is confirmed.

Owns: payloads and command templates as a profile's templates; what is not sent because it might mean something else.
Must not know: components, names of commands and points.
"""

import re
from typing import Any

from msgspec import Struct

from edgegw.discovery.config import RefusedError, clean, text_of, topic_of
from edgegw.discovery.expression import ExpressionError, filled
from edgegw.errors import DecodeError
from edgegw.profiles.convert import as_text
from edgegw.profiles.decode_mqtt import parse_json
from edgegw.profiles.templates import Template

PAYLOAD_CHARS = 1024
"""Longest command; real ones have some fifty characters."""

WITHIN = "3s"
"""In which a confirming state must come: a Zigbee device with its router asleep takes two."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")


class Sending(Struct, frozen=True):
    """One command.

    Attributes:
        topic, payload: as a profile's templates; ``{value}`` is the argument, if there is one.
        arg: the argument, as a profile says it.
        confirmed: whether the state confirms it; `equals` is the value then, or the argument where there is one.
    """

    topic: str
    payload: str
    arg: dict[str, Any] | None = None
    confirmed: bool = False
    equals: object = None


def sending(
    config: dict[str, Any],
    key: str | None,
    default: str,
    *,
    arg: dict[str, Any] | None = None,
    confirm: tuple[str, object] | None = None,
) -> Sending:
    """The command whose payload is the config's `key`.

    Args:
        key: None: the payload is `default`, which names the argument.
        confirm: (state topic, value) that confirms it. Not where the command goes to the state's own topic: what we sent
            would come back and confirm itself.

    Raises:
        RefusedError: ``missing-topic``, ``bad-topic``, ``bad-payload``, ``bad-template``.
    """
    topic = topic_of(config, "command_topic")
    given = default if key is None else config.get(key, default)
    if isinstance(given, bool):
        raise RefusedError("bad-payload", f"{key} is true or false: what the device takes for it is not certain")
    word = as_text(given)
    if not word:
        raise RefusedError("bad-payload", f"{key} is no text")
    try:
        payload = filled(text_of(config, "command_template"), word)
    except ExpressionError as error:
        raise RefusedError("bad-template", str(error)) from error
    _sendable(payload, {"value"} if arg else set())
    confirmed = confirm is not None and confirm[0] != topic
    return Sending(topic, payload, arg, confirmed, confirm[1] if confirm is not None and confirmed else None)


def _sendable(payload: str, names: set[str]) -> None:
    """Whether a profile's template sends exactly this."""
    if len(payload) > PAYLOAD_CHARS or _CONTROL.search(payload):
        raise RefusedError("bad-payload", f"longer than {PAYLOAD_CHARS} characters, or with control characters")
    template = Template(payload)
    if template.paths or template.names != names:
        raise RefusedError("bad-payload", f"braces would be filled in: {clean(payload, 80)}")
    if template.is_json:
        try:
            parse_json(template.fill(lambda _: 0).encode())
        except (DecodeError, ValueError) as error:
            raise RefusedError("bad-payload", f"begins as JSON and is none: {clean(payload, 80)}") from error
