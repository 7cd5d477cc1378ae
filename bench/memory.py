"""Memory: RSS of the daemon with 1,000 devices under steady load, its growth, and at a flood with a slow disk of work.

Five minutes at 1,000 messages per second (`--quick`: 40 s); growth is of the last three fifths. Then a flood as fast as
the broker gives.
"""

import time

import psutil

from bench.figure import Figure, at_most, told
from bench.ingest import generate
from bench.rig import daemon, folder, mosquitto, site

DEVICES = 1000
RATE = 1000
MIB = 1024 * 1024


def run(*, quick: bool = False) -> list[Figure]:
    """See the module's text."""
    seconds = 40 if quick else 300
    with folder() as at, mosquitto(at) as broker:
        upstream: dict[str, object] = {
            "far": {"kind": "mqtt", "host": "127.0.0.1", "port": broker, "accept": "puback", "topic": "up/{lane}"}
        }
        path, control = site(at, broker=broker, devices=DEVICES, upstream=upstream)
        with daemon(path, control) as child:
            process = psutil.Process(child.pid)
            gen = generate(broker, RATE * seconds, RATE)
            samples = []
            for _ in range(seconds):
                time.sleep(1)
                samples.append(process.memory_info().rss / MIB)
            gen.wait(60)
            part = seconds // 5
            early = sum(samples[2 * part : 2 * part + part // 2]) / (part // 2)
            late = sum(samples[-(part // 2) :]) / (part // 2)
            steady = samples[-1]
            flood = generate(broker, 300_000 if quick else 1_000_000)
            peak = steady
            while flood.poll() is None:
                time.sleep(0.5)
                peak = max(peak, process.memory_info().rss / MIB)
    conditions = {"devices": DEVICES, "rate_per_s": RATE, "seconds": seconds}
    return [
        at_most("memory.rss", max(samples), 100, "MiB", **conditions),
        at_most("memory.growth", (late / early - 1) * 100, 1.0, "%", **conditions, measured="last three fifths"),
        told("memory.flood_peak", peak, "MiB", messages=300_000 if quick else 1_000_000),
    ]
