"""Prometheus' own linter reads the page."""

import shutil
import subprocess

import pytest

from edgegw.control.metrics import Metrics

pytestmark = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool (Debian: prometheus) is not installed"
)


def lint(metrics: Metrics) -> tuple[int, str]:
    body, _ = metrics.render()
    done = subprocess.run(
        ["promtool", "check", "metrics"],
        check=False,
        input=body,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=30,
    )
    return done.returncode, done.stdout.decode()


def test_a_filled_page_has_no_complaints(filled):
    assert lint(filled) == (0, "")


def test_the_page_of_a_gateway_that_just_started_has_none():
    assert lint(Metrics()) == (0, "")
