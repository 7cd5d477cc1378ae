"""Ingest: QoS 1 messages from mosquitto to decoded, through the rules, committed and only then acknowledged.

Against `mosquitto_sub -q 1` (C, keeps nothing) on the same stream from the same generator. Runs alternate; each side is timed from
its first to its last message; the figure is the ratio of the medians.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from bench.figure import Figure, at_least, told
from bench.rig import daemon, folder, metrics, mosquitto, site, wait_until

SECONDS = 20
"""Shortest run that counts (issue: at least 20 s)."""
EXPECTED_RATE = 50_000
"""Messages a second the faster side may reach; count = rate × seconds so that both last long enough."""
DEVICES = 1000


def generate(port: int, count: int) -> subprocess.Popen[bytes]:
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
            str(DEVICES),
        ),
        stdout=subprocess.DEVNULL,
    )


def sink(at: Path, count: int) -> float:
    """Messages per second of mosquitto_sub, by its own receive times of the first and last message."""
    with mosquitto(at) as port:
        out = at / "sub.txt"
        with out.open("wb") as file:
            sub = subprocess.Popen(
                (
                    "mosquitto_sub",
                    "-h",
                    "127.0.0.1",
                    "-p",
                    str(port),
                    "-q",
                    "1",
                    "-t",
                    "zigbee2mqtt/+",
                    "-C",
                    str(count),
                    "-F",
                    "%U %p",
                ),
                stdout=file,
            )
            time.sleep(0.5)  # its subscription has no other sign
            gen = generate(port, count)
            try:
                sub.wait(600)
                gen.wait(600)
            finally:
                for child in (sub, gen):
                    if child.poll() is None:
                        child.kill()
                        child.wait()
        with out.open("rb") as file:
            first = float(file.readline().split()[0])
            file.seek(-400, 2)
            last = float(file.readlines()[-1].split()[0])
        return count / (last - first)


def gateway(at: Path, count: int) -> tuple[float, dict[str, float]]:
    """Messages per second of the daemon, by its own counters: from the first to all acknowledged; and its cost."""
    with mosquitto(at) as port:
        path, control = site(at, broker=port, devices=DEVICES)
        with daemon(path, control) as child:
            gen = generate(port, count)
            try:
                wait_until(
                    lambda: metrics(control).get('edgegw_link_messages_total{link="broker"}', 0) > 0, "a message", 30
                )
                first, seen = time.monotonic(), metrics(control)['edgegw_link_messages_total{link="broker"}']
                wait_until(lambda: _done(control, count), "all messages committed", 600)
                last = time.monotonic()
                gen.wait(60)
            finally:
                if gen.poll() is None:
                    gen.kill()
                    gen.wait()
            import psutil

            times = psutil.Process(child.pid).cpu_times()
            values = metrics(control)
        stored = sum(v for k, v in values.items() if k.startswith("edgegw_store_records_total"))
        return (count - seen) / (last - first), {
            "cpu_us_per_message": (times.user + times.system) / count * 1e6,
            "records": stored,
            "commits": values.get("edgegw_store_commits_total", 0.0),
        }


def _done(control: int, count: int) -> bool:
    time.sleep(0.2)
    values = metrics(control)
    return values['edgegw_link_messages_total{link="broker"}'] >= count and values["edgegw_pipeline_pending"] == 0


def run(*, quick: bool = False) -> list[Figure]:
    """Alternate both sides; see the module's text."""
    rounds, seconds = (1, 5) if quick else (3, SECONDS)
    ours, theirs, costs = [], [], []
    for _ in range(rounds):
        with folder() as at:
            theirs.append(sink(at, EXPECTED_RATE * seconds))
        with folder() as at:
            rate, cost = gateway(at, EXPECTED_RATE * seconds // 2)
            ours.append(rate)
            costs.append(cost)
    us, them = statistics.median(ours), statistics.median(theirs)
    conditions: dict[str, object] = {
        "gateway_per_s": round(us),
        "mosquitto_sub_per_s": round(them),
        "rounds": rounds,
        "devices": DEVICES,
        "payload_bytes": 120,
        "cpu_us_per_message": round(costs[-1]["cpu_us_per_message"], 1),
        "rows_per_commit": round(costs[-1]["records"] / max(1.0, costs[-1]["commits"])),
    }
    return [at_least("ingest.ratio", us / them, 0.5, **conditions), told("ingest.rate", us, "messages/s")]
