"""Latency: publish of an alarm (MQTT, QoS 1) to accepted by the ticket desk (HTTP), behind background telemetry.

Each probe is another device's first leak. The clock is the machine's wall clock on both sides: time of the publish call, and the
desk's receive time of the alarm event inside its committing transaction.
"""

import json
import statistics
import sys
import time
from urllib.request import urlopen

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from bench.figure import Figure, at_most
from bench.ingest import generate
from bench.rig import daemon, folder, free_port, listening, mosquitto, process, site, wait_until

DEVICES = 1000
PROBES = 400
"""Devices that leak once each; the others make the background."""
PROBE_EVERY_S = 0.05
LEAK = '{"battery":80,"voltage":2900,"linkquality":90,"temperature":21.5,"water_leak":true}'


def measure(background: float, probes: int) -> list[float]:
    """Milliseconds of each probe, at so many background messages per second."""
    with folder() as at, mosquitto(at) as broker:
        desk = free_port()
        command = (sys.executable, "-m", "simulators.desk", "--port", str(desk), "--db", str(at / "desk.db"))
        with process(*command, stdout=-3):
            wait_until(lambda: listening(desk), "the desk")
            upstream: dict[str, object] = {"desk": {"kind": "http", "url": f"http://127.0.0.1:{desk}/events"}}
            path, control = site(at, broker=broker, devices=DEVICES, upstream=upstream)
            with daemon(path, control):
                seconds = probes * PROBE_EVERY_S + 4
                gen = generate(broker, int(background * seconds), background, devices=DEVICES - PROBES)
                sent = _probe(broker, probes)
                wait_until(lambda: len(_raised(desk)) >= probes, "all alarms at the desk", 30)
                gen.kill()
                gen.wait()
                raised = _raised(desk)
    return [(raised[device] - at_ns) / 1e6 for device, at_ns in sent.items()]


def _probe(broker: int, probes: int) -> dict[str, int]:
    client = mqtt.Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", broker)
    client.loop_start()
    time.sleep(1.0)  # the background gets going
    sent = {}
    for n in range(DEVICES - probes, DEVICES):
        device = f"leak-{n:04d}"
        sent[device] = time.time_ns()
        client.publish(f"zigbee2mqtt/{device}", LEAK, qos=1)
        time.sleep(PROBE_EVERY_S)
    client.disconnect()
    client.loop_stop()
    return sent


def _raised(desk: int) -> dict[str, int]:
    with urlopen(f"http://127.0.0.1:{desk}/api/events?type=edgegw.alarm.raised&limit=100000", timeout=10) as answer:
        return {e["subject"]: e["received_ns"] for e in json.load(answer)["events"]}


def run(*, quick: bool = False) -> list[Figure]:
    """At 100 and at 1,000 background messages per second."""
    probes = 60 if quick else PROBES
    figures = []
    for background, p99_ms in ((100, 50.0), (1000, 150.0)):
        took = sorted(measure(background, probes))
        p99, p50 = took[min(len(took) - 1, int(len(took) * 0.99))], statistics.median(took)
        conditions = {"background_per_s": background, "probes": len(took), "max_ms": round(took[-1], 1)}
        figures.append(at_most(f"latency.p99_at_{background}", p99, p99_ms, "ms", **conditions))
        figures.append(at_most(f"latency.p50_at_{background}", p50, 15.0, "ms", **conditions))
    return figures
