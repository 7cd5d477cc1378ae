"""What an MQTT message costs, from bytes to readings, by what a profile has to do for it. Told, without a target."""

import time

from bench.figure import Figure, told
from edgegw.model import MqttPayload
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.profiles.samples import SAMPLE_ADDRESS, raw_of

MESSAGES = 20_000

PROFILES = {
    "flat": "zigbee2mqtt/climate",
    "nested": "shelly/plug-s-gen3",
    "events": "shelly/input",
    "alink": "alink/property-post",
    "iotda": "huawei/iotda",
    "record": "vguang/vf105",
}
"""What it shows, and the profile whose sample with the most readings is decoded, at the moment it came."""


def run(*, quick: bool = False) -> list[Figure]:
    """Best of three, to leave out what the machine did meanwhile."""
    library = ProfileLibrary()
    return [_one(kind, name, library, MESSAGES // 10 if quick else MESSAGES) for kind, name in PROFILES.items()]


def _one(kind: str, name: str, library: ProfileLibrary, count: int) -> Figure:
    profile = library.get(name)
    sample = max((s for s in profile.samples if s.error is None), key=lambda s: len(s.readings or ()))
    decoder = compile_profile(profile, sample.address or SAMPLE_ADDRESS)
    raw = raw_of(profile, decoder, sample)
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        for _ in range(count):
            decoder.decode(raw)
        best = min(best, (time.perf_counter() - began) / count * 1e6)
    size = len(raw.payload) if isinstance(raw, MqttPayload) else 0
    return told(f"message.{kind}", best, "µs/message", messages=count, bytes=size, points=len(sample.readings or ()))
