"""Forward: every message a record, forwarded to an MQTT upstream at QoS 1 and accepted there by PUBACK.

Against a plain mosquitto bridge (C, keeps nothing) in the same run, same generator, same far broker and `mosquitto_sub` counting
there. The target's second half, ten times ThingsBoard Gateway with SQLite (642/s where the bridge does 34,400/s on the same
machine, ../docs/performance.md), is the ratio 10 × 642 / 34,400 = 0.187 on any machine.
"""

import statistics
from pathlib import Path
from typing import Any

from bench.figure import Figure, at_least, told
from bench.ingest import DEVICES, generate
from bench.rig import daemon, folder, metrics, mosquitto, site
from bench.sink import Sink

SECONDS = 20
BRIDGE_RATE = 30_000
GATEWAY_RATE = 12_000
"""Messages a second either side may reach; rate × seconds messages make the run long enough."""
THINGSBOARD_RATIO = 642 / 34_400
"""ThingsBoard Gateway 3.8.5 with SQLite storage against the mosquitto bridge, measured on one 2-core machine."""


def bridge(at: Path, count: int) -> float:
    """Messages per second through mosquitto's own bridge."""
    with mosquitto(at, name="far") as far:
        extra = (
            f"connection up\naddress 127.0.0.1:{far}\ntopic # out 1\nbridge_protocol_version mqttv311\ncleansession false\n"
            "notifications false\ntry_private false"
        )
        with mosquitto(at, extra, name="near") as near:
            return _count(at, near, far, "zigbee2mqtt/+", count)


def gateway(at: Path, count: int) -> tuple[float, float]:
    """Messages per second through the daemon, and the records its upstream accepted."""
    with mosquitto(at, name="far") as far, mosquitto(at, name="near") as near:
        upstream: dict[str, object] = {
            "far": {"kind": "mqtt", "host": "127.0.0.1", "port": far, "accept": "puback", "window": 2000}
        }
        path, control = site(at, broker=near, devices=DEVICES, upstream=upstream)
        with daemon(path, control):
            rate = _count(at, near, far, "edgegw/bench/telemetry", count)
            accepted = sum(v for k, v in metrics(control).items() if k.startswith("edgegw_upstream_accepted_total"))
    return rate, accepted


def _count(at: Path, near: int, far: int, topic: str, count: int) -> float:
    sink = Sink(at / "sub.txt", far, topic, count)
    gen = generate(near, count)
    try:
        return sink.rate(150)
    finally:
        sink.stop()
        gen.kill()
        gen.wait()


def run(*, quick: bool = False) -> list[Figure]:
    """Alternate both sides; the figure is the ratio of the medians."""
    rounds, seconds = (1, 5) if quick else (3, SECONDS)
    ours, theirs, accepted = [], [], 0.0
    for _ in range(rounds):
        with folder() as at:
            theirs.append(bridge(at, BRIDGE_RATE * seconds))
        with folder() as at:
            rate, accepted = gateway(at, GATEWAY_RATE * seconds)
            ours.append(rate)
    us, them = statistics.median(ours), statistics.median(theirs)
    conditions: dict[str, Any] = {
        "gateway_per_s": round(us),
        "bridge_per_s": round(them),
        "rounds": rounds,
        "devices": DEVICES,
        "payload_bytes": 120,
        "sent": GATEWAY_RATE * seconds,
        "accepted_last_round": int(accepted),
    }
    return [
        at_least("forward.ratio", us / them, 0.3, **conditions),
        at_least(
            "forward.against_thingsboard",
            us / them / THINGSBOARD_RATIO,
            10,
            unit="times",
            basis="642/s where the bridge does 34,400/s",
        ),
        told("forward.rate", us, "messages/s", rounds=rounds),
    ]
