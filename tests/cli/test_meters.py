"""`edgegw check` of lines of meters: their load, the worst-case response of their valves, and what is not promised."""

from pathlib import Path

import pytest

from edgegw.app.bound import site_bounds
from edgegw.cli.check import summary, text
from edgegw.config.site import open_site

SITE = """
gateway: {{id: g1}}
links:
  riser: {{kind: meter, port: /dev/ttyS9{link}}}
devices:
{devices}
api: {{enabled: true}}
targets: {{accept: [{accept}]}}
"""
POWER = '  p{n}: {{link: riser, profile: generic/dlt645-single-phase, address: "{n:012d}"}}\n'
WATER = '  w{n}: {{link: riser, profile: generic/cjt188-water, address: "{n:014d}"}}\n'


def plan(tmp_path: Path, *devices: str, link: str = "", accept: str = ""):
    path = tmp_path / "site.yaml"
    path.write_text(SITE.format(devices="".join(devices), link=link, accept=accept))
    return open_site(path, {})


def powers(count):
    return [POWER.format(n=n) for n in range(1, count + 1)]


def test_the_load_is_the_wire_time_of_all_polls(tmp_path):
    """50 meters at 2400 8E1: energy (4 bytes) every 15 min, three values (2, 3, 3) every 5 min."""
    (link,) = summary(plan(tmp_path, *powers(50)))["links"]
    char_s = 11 / 2400
    silence_s = 2 * 3.5 * char_s
    energy_s = 48 * char_s - 4 * char_s + silence_s  # 20 + 20 with four FE before each, and the value
    live_s = sum((40 + size) * char_s + silence_s for size in (2, 3, 3))
    assert link["busy"] == pytest.approx(50 * (energy_s / 900 + live_s / 300), abs=1e-3)
    assert link["polls"] == 200


def test_too_many_meters_are_warned_of(tmp_path):
    told = summary(plan(tmp_path, *powers(400), link=", baud: 1200"))
    assert any("polls take" in line for line in told["warnings"])


def test_a_valve_has_a_bound_that_grows_with_the_wire(tmp_path):
    (slow,) = [b for b in site_bounds(plan(tmp_path, WATER.format(n=1), *powers(3))) if b.path == "command"]
    (quick,) = [
        b
        for b in site_bounds(plan(tmp_path, WATER.format(n=1), *powers(3), link=", baud: 9600"))
        if b.path == "command"
    ]
    assert slow.id == quick.id == "w1"
    assert 5 < quick.seconds < slow.seconds < 30
    assert slow.fault is not None
    assert "name w1 in targets.accept" in slow.fault


def test_a_slow_valve_is_accepted_by_name(tmp_path):
    told = summary(plan(tmp_path, WATER.format(n=1), *powers(3), accept="w1"))
    assert told["ok"]
    assert told["errors"] == []


def test_alarms_of_meters_have_a_warning_and_no_bound(tmp_path):
    made = plan(tmp_path, WATER.format(n=1), *powers(1), accept="w1")
    assert [bound.path for bound in site_bounds(made)] == ["command"]
    told = summary(made)
    (warning,) = [line for line in told["warnings"] if "riser" in line]
    assert "up to 1800 s old" in warning
    assert warning in text(told)
