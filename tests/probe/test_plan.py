"""Settings, units, targets."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import ConfigError
from edgegw.probe.plan import Setting, settings, units
from edgegw.probe.target import read_links, target_of

SITE = """gateway: {id: gw}
profiles: [own]
links:
  bus1: {kind: modbus-rtu, port: /dev/ttyUSB7, baud: 4800}
  box: {kind: modbus-tcp, host: 10.0.0.9}
devices: {}
doors: {gate: {}}
"""


def test_the_links_own_setting_comes_first_and_none_twice():
    own = Setting(9600, "8E1")
    tried = settings(own)
    assert tried[0] == own
    assert len(tried) == len(set(tried)) == 8
    assert settings(None)[0] == Setting(9600, "8N1")
    assert settings(own, (2400,), ("8N1",)) == (Setting(2400, "8N1"),)
    assert settings(own, (2400, 9600), ()) == (own, Setting(2400, "8E1"), Setting(2400, "8N1"), Setting(9600, "8N1"))


def test_settings_are_bounded():
    with pytest.raises(ConfigError, match="at most 32"):
        settings(None, tuple(range(300, 340)), ("8N1",))


def test_units():
    assert units(None) == tuple(range(1, 248))
    assert units("1-3,9,2") == (1, 2, 3, 9)
    assert units("0,255", tcp=True) == (0, 255)


@pytest.mark.parametrize("text", ["", "0", "248", "5-3", "1-", "a", "1,,2", "1-247-3", "-1", "٣", "1000"])
def test_units_that_are_none(text):
    with pytest.raises(ConfigError, match="--units"):
        units(text)


@given(st.text(max_size=12))
def test_any_text_is_units_or_refused(text):
    with contextlib.suppress(ConfigError):
        found = units(text)
        assert found
        assert all(1 <= unit <= 247 for unit in found)


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text(SITE)
    (tmp_path / "own").mkdir()
    return read_links(path, {})


def test_a_site_without_devices_is_enough(site, tmp_path):
    assert set(site.links) == {"bus1", "box"}
    assert site.folders == (tmp_path / "own",)
    assert site.names == {"gate"}
    assert site.store == tmp_path / "edgegw.db"


def test_problems_of_links_are_told_with_their_place(tmp_path):
    path = tmp_path / "site.yaml"
    path.write_text("links:\n  a: {kind: modbus-rtu, prt: x}\n")
    with pytest.raises(ConfigError, match=r"site\.yaml:2:"):
        read_links(path, {})
    with pytest.raises(ConfigError, match="No such file"):
        read_links(tmp_path / "none.yaml", {})


@pytest.mark.parametrize(
    ("text", "kind", "where"),
    [
        ("/dev/ttyUSB0", "modbus-rtu", {"port": "/dev/ttyUSB0"}),
        ("tcp://10.0.0.5", "modbus-tcp", {"host": "10.0.0.5", "port": 502}),
        ("tcp://[fd00::1]:1502", "modbus-tcp", {"host": "fd00::1", "port": 1502}),
        ("rtu+tcp://server:4196", "modbus-rtu-tcp", {"host": "server", "port": 4196}),
        ("mqtt://broker", "mqtt", {"host": "broker", "port": 1883, "tls": None}),
        ("mqtts://broker", "mqtt", {"host": "broker", "port": 8883}),
    ],
)
def test_direct_targets(text, kind, where):
    target = target_of(text, None)
    assert target.link.kind == kind
    assert target.name is None
    assert {key: getattr(target.link, key) for key in where} == where


def test_a_direct_target_that_the_site_has_is_its_link(site):
    assert target_of("bus1", site).name == "bus1"
    direct = target_of("/dev/ttyUSB7", site)
    assert (direct.name, direct.link.baud) == ("bus1", 4800)
    assert target_of("tcp://10.0.0.9:502", site).name == "box"
    assert target_of("tcp://10.0.0.9:503", site).name is None


@pytest.mark.parametrize(
    "text",
    [
        "bus9",
        "ftp://x",
        "tcp://",
        "rtu+tcp://host",
        "tcp://host:99999",
        "tcp://host/path",
        "mqtt://user:secret@host",
        "tcp://h:x",
    ],
)
def test_what_is_no_target_is_said_and_no_password_repeated(text, site):
    with pytest.raises(ConfigError) as caught:
        target_of(text, site)
    assert caught.value.reason == "usage"
    assert "secret" not in caught.value.detail
