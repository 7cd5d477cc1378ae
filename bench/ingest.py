"""Ingest: QoS 1 messages from mosquitto to decoded, through the rules, committed and only then acknowledged.

Against `mosquitto_sub -q 1` (C, keeps nothing) on the same stream from the same generator. Runs alternate; each is timed from
its first to its last message; the figure is the ratio of the medians.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from bench.figure import Figure, at_least, told
from bench.rig import daemon, folder, metrics, mosquitto, site, wait_until
from bench.sink import Sink

SECONDS = 20
"""Shortest run that counts (issue: at least 20 s)."""
SINK_RATE = 50_000
GATEWAY_RATE = 30_000
"""Messages a second either side may reach; rate × seconds messages make the run long enough."""
DEVICES = 1000
MESSAGES = 'edgegw_link_messages_total{link="broker"}'


def generate(port: int, count: int, rate: float = 0.0, devices: int = DEVICES) -> subprocess.Popen[bytes]:
    """Start the generator."""
    return subprocess.Popen(
        (
            sys.executable,
            "-m",
            "bench.generator",
            "--port",
            str(port),
            "--count",
            str(count),
            "--devices",
            str(devices),
            "--rate",
            str(rate),
        ),
        stdout=subprocess.DEVNULL,
    )


def reference(at: Path, count: int) -> float:
    """Messages per second of mosquitto_sub."""
    with mosquitto(at) as port:
        sink = Sink(at / "sub.txt", port, "zigbee2mqtt/+", count)
        gen = generate(port, count)
        try:
            return sink.rate(600)
        finally:
            sink.stop()
            gen.wait(60)


def gateway(at: Path, count: int) -> tuple[float, dict[str, object]]:
    """Messages per second of the daemon, by its own counters, from the first to all acknowledged; and what it cost."""
    with mosquitto(at) as port:
        path, control = site(at, broker=port, devices=DEVICES)
        with daemon(path, control) as child:
            before = psutil.Process(child.pid).cpu_times()
            gen = generate(port, count)
            wait_until(lambda: metrics(control).get(MESSAGES, 0) > 0, "the first message", 30)
            began, seen = time.monotonic(), metrics(control)[MESSAGES]
            try:
                wait_until(lambda: _all_in(control, count), "all messages to be committed", 150)
            finally:
                gen.kill()
                gen.wait()
            seconds = time.monotonic() - began
            after = psutil.Process(child.pid).cpu_times()
            values = metrics(control)
    stored = sum(v for k, v in values.items() if k.startswith("edgegw_store_records_total"))
    return (count - seen) / seconds, {
        "cpu_us_per_message": round((after.user + after.system - before.user - before.system) / count * 1e6, 1),
        "records": int(stored),
        "records_per_commit": round(stored / max(1.0, values["edgegw_store_commits_total"])),
        "seconds": round(seconds, 1),
    }


def _all_in(control: int, count: int) -> bool:
    time.sleep(0.25)  # scraping is not free; the error is at most this against 20 s
    values = metrics(control)
    return values.get(MESSAGES, 0) >= count and values["edgegw_pipeline_queue_depth"] == 0


def run(*, quick: bool = False) -> list[Figure]:
    """Alternate both sides; see the module's text."""
    rounds, seconds = (1, 5) if quick else (3, SECONDS)
    ours, theirs, costs = [], [], []
    for _ in range(rounds):
        with folder() as at:
            theirs.append(reference(at, SINK_RATE * seconds))
        with folder() as at:
            rate, cost = gateway(at, GATEWAY_RATE * seconds)
            ours.append(rate)
            costs.append(cost)
    us, them = statistics.median(ours), statistics.median(theirs)
    conditions: dict[str, Any] = {
        "gateway_per_s": round(us),
        "mosquitto_sub_per_s": round(them),
        "rounds": rounds,
        "devices": DEVICES,
        "payload_bytes": 120,
        **costs[-1],
    }
    return [
        at_least("ingest.ratio", us / them, 0.5, **conditions),
        told("ingest.rate", us, "messages/s", rounds=rounds),
    ]
