"""The shipped scrape configuration and rules, judged by promtool and against the catalogue."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from edgegw.config.schema import Control
from edgegw.control.catalogue import CATALOGUE, PROCESS, SPECS

FOLDER = Path(__file__).parents[2] / "deploy" / "prometheus"
RULES = FOLDER / "edgegw.rules.yml"
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)


@needs_promtool
@pytest.mark.parametrize(
    "command",
    [("check", "config", "prometheus.yml"), ("check", "rules", RULES.name), ("test", "rules", "edgegw.rules.test.yml")],
    ids=" ".join,
)
def test_promtool_agrees(command):
    done = subprocess.run(["promtool", *command], check=False, cwd=FOLDER, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def expressions() -> list[str]:
    return [rule["expr"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def test_rules_use_only_metrics_and_labels_there_are():
    suffixed = {f"{s.name}{end}" for s in CATALOGUE if s.buckets for end in ("_bucket", "_count", "_sum")}
    known = {s.name for s in (*CATALOGUE, *PROCESS)} | suffixed
    for expr in expressions():
        assert set(re.findall(r"(?<![:\w])(?:edgegw|process)_\w+", expr)) <= known
        for name, labels in re.findall(r"(?<![:\w])(edgegw_\w+)\{([^}]*)\}", expr):
            spec = SPECS[re.sub(r"_(bucket|count|sum)$", "", name)]
            assert set(re.findall(r"(\w+)=", labels)) <= {*spec.labels, "le", "job"}


def test_bucket_edges_the_rules_name_are_there():
    edges = {f"{edge}" for s in CATALOGUE for edge in s.buckets}
    named = {edge for expr in expressions() for edge in re.findall(r'le="([^"]+)"', expr)}
    assert named
    assert named <= edges


def test_rules_use_only_records_there_are():
    records = set(re.findall(r"record: (\S+)", RULES.read_text()))
    assert {name for expr in expressions() for name in re.findall(r"edgegw:[\w:]+", expr)} <= records


def test_the_scrape_target_is_the_default_address():
    targets = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"][0]["static_configs"][0][
        "targets"
    ]
    assert targets == [f"{Control().host}:{Control().port}"]
