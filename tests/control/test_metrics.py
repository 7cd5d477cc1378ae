import subprocess
import sys

import pytest

from edgegw.control.metrics import Metrics
from edgegw.control.snapshots import PipelineSnapshot, Sample
from edgegw.errors import LinkError


class Given:
    """A snapshot made of samples."""

    def __init__(self, *samples: Sample) -> None:
        self._samples = samples

    def samples(self):
        return self._samples


def text(metrics: Metrics) -> str:
    return metrics.render()[0].decode()


def test_a_part_s_counters_are_read_at_the_scrape():
    metrics = Metrics()
    count = 0
    metrics.source(lambda: [Given(Sample("edgegw_pipeline_messages_total", count))])
    assert "edgegw_pipeline_messages_total 0.0\n" in text(metrics)
    count = 5
    assert "edgegw_pipeline_messages_total 5.0\n" in text(metrics)


def test_the_example_shows_links_lanes_and_response_buckets(filled):
    body = text(filled)
    assert 'edgegw_link_up{kind="mqtt",link="broker"} 1.0' in body
    assert 'edgegw_link_up{kind="modbus-rtu",link="riser-a"} 0.0' in body
    assert 'edgegw_link_errors_total{link="broker",reason="lost"} 2.0' in body
    assert 'edgegw_link_errors_total{link="riser-a",reason="other"} 4.0' in body
    assert 'edgegw_upstream_depth{lane="telemetry",upstream="desk"} 30.0' in body
    assert 'edgegw_response_seconds_bucket{le="2.0",path="event"} 2.0' in body
    assert 'edgegw_response_seconds_bucket{le="3.0",path="event"} 3.0' in body
    assert 'edgegw_response_longest_seconds{path="event"} 2.5' in body
    assert 'edgegw_alarms_active{priority="P4"} 0.0' in body
    assert "edgegw_store_free_ratio 0.9375" in body


def test_openmetrics_on_request(filled):
    body, content_type = filled.render("application/openmetrics-text; version=1.0.0")
    assert content_type.startswith("application/openmetrics-text")
    assert body.endswith(b"# EOF\n")


def test_two_registries_do_not_share_anything(filled):
    assert 'path="event"} 2.5' in text(filled)
    assert 'edgegw_response_longest_seconds{path="event"} 0.0' in text(Metrics())


def test_a_reason_that_is_no_slug_becomes_other():
    metrics = Metrics()
    reasons = {
        "bad-json": 1,
        "Errno 5: /dev/ttyUSB0 gone": 2,
        "": 4,
        "x" * 65: 8,
        'a"b': 16,
        LinkError("tls").reason: 32,
    }
    metrics.source(lambda: [PipelineSnapshot(0, 1, False, 0, 0, reasons, 0)])
    assert metrics.values()["edgegw_pipeline_decode_errors_total"] == {("bad-json",): 1, ("other",): 30, ("tls",): 32}


def test_too_many_values_fold_into_other_and_stay_there():
    metrics = Metrics()
    reasons = {f"r{i}": 1 for i in range(100)}
    metrics.source(lambda: [PipelineSnapshot(0, 1, False, 0, 0, reasons, 0)])
    first = metrics.values()["edgegw_pipeline_decode_errors_total"]
    assert len(first) == 33
    assert first["other",] == 68
    reasons = dict(reversed(reasons.items()))
    assert metrics.values()["edgegw_pipeline_decode_errors_total"] == first


def test_a_value_outside_a_closed_set_becomes_other():
    metrics = Metrics()
    metrics.source(lambda: [Given(Sample("edgegw_devices", 1, ("kitchen-sensor",)))])
    assert metrics.values()["edgegw_devices"] == {("other",): 1}


@pytest.mark.parametrize(
    "sample",
    [Sample("edgegw_made_up", 1), Sample("edgegw_response_seconds", 1, ("door",)), Sample("edgegw_devices", 1)],
    ids=["unknown", "histogram", "labels missing"],
)
def test_a_snapshot_s_mistake_is_told(sample):
    metrics = Metrics()
    metrics.source(lambda: [Given(sample)])
    with pytest.raises(ValueError, match=sample.name):
        metrics.values()


def test_start_does_not_wait_for_heavy_imports():
    code = (
        "import sys, edgegw.control.metrics, edgegw.control.http, edgegw.control.notify, edgegw.control.health\n"
        "edgegw.control.metrics.Metrics()\n"
        "print([m for m in ('aiohttp', 'prometheus_client', 'sdnotify') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert out.stdout.strip() == "[]"
