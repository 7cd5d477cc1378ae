"""What the pure parts cost: decoding and rules, microseconds per message. Told, without a target."""

import time

from bench import blocks, codecs, messages
from bench.figure import Figure, told
from bench.generator import payload
from edgegw.clock import SystemClock
from edgegw.model import MqttPayload
from edgegw.profiles.decode import compile_profile
from edgegw.profiles.loader import ProfileLibrary
from edgegw.rules.engine import DeviceSpec, RuleEngine

MESSAGES = 100_000


def run(*, quick: bool = False) -> list[Figure]:
    """Best of three, to leave out what the machine did meanwhile."""
    count = MESSAGES // 10 if quick else MESSAGES
    profile = ProfileLibrary().get("zigbee2mqtt/leak")
    decoder = compile_profile(profile, "leak-0001")
    clock = SystemClock()
    spec = DeviceSpec("d", "d", "l", {}, profile.alarms, profile.report, {}, profile.offline_after, "zigbee2mqtt/leak")
    engine = RuleEngine(gateway="g", language="en", devices=[spec], alarms={}, presence={}, now=clock.now())
    raws = [MqttPayload("zigbee2mqtt/leak-0001", payload(n)) for n in range(1000)]
    decoded = [decoder.decode(raw) for raw in raws]
    at = clock.now()
    best = {"decode": 1e9, "rules": 1e9}
    for _ in range(3):
        began = time.perf_counter()
        for n in range(count):
            decoder.decode(raws[n % 1000])
        middle = time.perf_counter()
        for n in range(count):
            engine.decoded("d", decoded[n % 1000], at)
        ended = time.perf_counter()
        best["decode"] = min(best["decode"], (middle - began) / count * 1e6)
        best["rules"] = min(best["rules"], (ended - middle) / count * 1e6)
    told_here = [told(f"decode.{name}", value, "µs/message", messages=count) for name, value in best.items()]
    return told_here + codecs.run(quick=quick) + blocks.run(quick=quick) + messages.run(quick=quick)
