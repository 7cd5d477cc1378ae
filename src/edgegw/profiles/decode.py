"""A device's raw message to readings, by its profile.

Owns: choosing the decoder for a profile's link, sharing what is compiled among the profile's devices.
Must not know: files, the site, links, rules; when and how often messages come.

Every refusal is a DecodeError whose reason is one of `REASONS`. Decoding is pure: the same bytes give the same readings, whatever
came before; the one exception are registers that another register scales (`decode_modbus`).
"""

from collections.abc import Mapping
from typing import Protocol

from edgegw.errors import ProfileError
from edgegw.model import Decoded, Raw
from edgegw.profiles.decode_meter import MeterDecoder
from edgegw.profiles.decode_modbus import ModbusDecoder
from edgegw.profiles.decode_mqtt import MqttProfile
from edgegw.profiles.decode_osdp import OsdpDecoder
from edgegw.profiles.decode_serial import SerialDecoder
from edgegw.profiles.schema import Profile

REASONS = frozenset(
    {
        "bad-checksum",
        "bad-frame",
        "bad-json",
        "bad-text",
        "bad-value",
        "device-exception",
        "missing-point",
        "not-finite",
        "not-ours",
        "out-of-range",
        "too-deep",
        "too-large",
        "too-long",
        "truncated",
        "unknown-block",
        "unmapped",
        "unsupported-function",
        "wrong-kind",
        "wrong-topic",
        "wrong-type",
    }
)
"""Every reason decoding refuses a message with; also metric labels."""


class Decoder(Protocol):
    """A profile compiled for one device."""

    def decode(self, raw: Raw) -> Decoded:
        """Readings of a message, in profile order. Raises DecodeError."""
        ...

    def topics(self) -> tuple[str, ...]:
        """Exact MQTT topics to subscribe to, availability included and live ones not; empty for other links."""
        ...

    def live_topics(self) -> tuple[str, ...]:
        """Exact topics whose messages count only while they are fresh (`MqttSection.live`)."""
        ...

    def matched(self) -> Mapping[str, tuple[tuple[str, ...], str]]:
        """The topics that other devices share, as topic → (path, value): messages whose value at `path` is `value`, as text, are
        this device's; in others it finds nothing."""
        ...


def compile_profile(profile: Profile, address: str | None) -> Decoder:
    """The decoder of a device. Devices with the same `profile` object share all but their topics.

    Args:
        address: what the profile's topics call ``{address}``; of no meaning to Modbus and serial.

    Raises:
        ProfileError: ``profile`` where the profile contradicts itself (`check.findings` lists all contradictions).
    """
    shared = profile.compiled.get("decoder")
    if shared is None:
        shared = profile.compiled["decoder"] = _compile(profile)
    if isinstance(shared, MqttProfile):
        return shared.at(address or "")
    if isinstance(shared, ModbusDecoder):
        return shared.of_a_device()
    if isinstance(shared, OsdpDecoder | SerialDecoder | MeterDecoder):
        return shared
    raise ProfileError("profile", "`compiled` of the profile was used for something else")


def _compile(profile: Profile) -> MqttProfile | ModbusDecoder | OsdpDecoder | SerialDecoder | MeterDecoder:
    if profile.link == "mqtt":
        return MqttProfile(profile)
    if profile.link == "modbus":
        return ModbusDecoder(profile)
    if profile.link == "meter":
        return MeterDecoder(profile)
    if profile.link == "osdp":
        return OsdpDecoder(profile)
    return SerialDecoder(profile)
