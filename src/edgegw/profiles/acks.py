"""Acknowledgements a device waits for, from the message that is acknowledged.

Owns: which messages are acknowledged, where and with what. Must not know: when (a link: after the commit), sessions.
"""

from edgegw.errors import DecodeError, ProfileError
from edgegw.model import Value
from edgegw.profiles.decode_mqtt import parse_json, walk
from edgegw.profiles.schema import Profile
from edgegw.profiles.templates import Template


class Acks:
    """One device's acknowledgements."""

    def __init__(self, templates: dict[str, tuple[Template, Template]], address: str) -> None:
        self._address = address
        self._by_topic = {topic.replace("{address}", address): pair for topic, pair in templates.items()}

    def of(self, topic: str, payload: bytes) -> tuple[str, bytes] | None:
        """(topic, payload) of what acknowledges a message, None where nothing does: no such topic, or the message lacks what the
        profile names, so that nobody could tell what is acknowledged."""
        pair = self._by_topic.get(topic)
        if pair is None:
            return None
        try:
            parsed = parse_json(payload)
            where, what = (t.fill(str, lambda path: _value(parsed, path), address=self._address) for t in pair)
        except (DecodeError, ValueError):
            return None
        return where, what.encode()


def _value(parsed: object, path: str) -> Value:
    value = walk(parsed, tuple(path.split(".")))
    if value is None or isinstance(value, dict | list):
        raise ValueError(f"no {path} in the message")
    return value  # type: ignore[no-any-return]  # JSON's single values are ours


def compile_acks(profile: Profile, address: str) -> Acks | None:
    """The acknowledgements of a device, None if it waits for none."""
    if not profile.mqtt.acks:
        return None
    found = profile.compiled.get("acks")
    if found is None:
        found = {ack.topic: (Template(ack.reply, topic=True), Template(ack.payload)) for ack in profile.mqtt.acks}
        profile.compiled["acks"] = found
    if not isinstance(found, dict):
        raise ProfileError("profile", "`compiled` of the profile was used for something else")
    return Acks(found, address)
