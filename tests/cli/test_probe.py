"""`edgegw probe`: bad input, what it prints, the file it replaces. No line, no broker."""

import pytest

from edgegw.cli import probe_add
from edgegw.cli.main import main
from edgegw.cli.probe_show import show, told
from edgegw.errors import ConfigError
from edgegw.probe.found import Confidence, Fit, Found
from edgegw.probe.run import Result
from edgegw.probe.target import read_links, target_of

SITE = """gateway: {id: gw-1}
links:
  bus1: {kind: modbus-rtu, port: /dev/ttyNONE}
  reader: {kind: serial, port: /dev/ttyNONE2}
devices:
  meter: {link: bus1, profile: eastron/sdm120, address: 1}
"""


@pytest.fixture
def site(tmp_path):
    path = tmp_path / "edgegw.yaml"
    path.write_text(SITE)
    return path


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("bus9",), "no link of the site file"),
        (("bus1", "--units", "0"), "--units 0"),
        (("bus1",), "/dev/ttyNONE is not there"),
        (("reader",), "nothing can be asked on a link of kind serial"),
        (("bus1", "--baud", "12"), "bauds are 300 to 4000000"),
        (("bus1", "--format", "9N1"), "write 8N1"),
        (("bus1", "--address", "123"), "12 or 14 digits"),
        (("bus1", "--yes"), "--yes goes with --add"),
        (("/dev/ttyNONE3", "--add"), "--add needs a site file"),
        (("tcp://127.0.0.1:1", "--baud", "9600"), "--baud and --format are for serial ports"),
        (("mqtt://me:secret@host",), "a password does not stand in a URL"),
    ],
)
def test_bad_input_is_two_and_says_what_to_do(site, capsys, args, said):
    assert main(["probe", *args, "--site", str(site)]) == 2
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert "secret" not in err


def result():
    fit = Fit(
        "eastron/sdm120", 17.0, ("3 of 3 blocks answered", "voltage 231.4 V"), {"voltage": 231.4}, "", Confidence.CLEAR
    )
    made = Result([Found("modbus", 1, "9600 8N1", (fit,)), Found("modbus", 9, "9600 8N1", ())])
    made.notes.append("something")
    made.unread = (("a/b/…", 3, 7),)
    return made


def test_the_table(site, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "160")
    part = read_links(site, {})
    show(target_of("bus1", part), part, result(), {}, why=True)
    out, err = capsys.readouterr()
    assert out.splitlines() == [
        "address  where     profile         fits   device  why",
        "1        9600 8N1  eastron/sdm120  clear  meter   3 of 3 blocks answered; voltage 231.4 V",
        "9        9600 8N1  none fits       -              edgegw profile new walks through a new one",
        "1: eastron/sdm120, clear: 3 of 3 blocks answered; voltage 231.4 V",
        "    voltage = 231.4",
        "topics that no profile reads",
        "  a/b/…: 3 topics, 7 messages",
    ]
    assert err == "note: something\n"


def test_the_json(site):
    part = read_links(site, {})
    made = told(target_of("bus1", part), part, result(), {"x-1": "v/x"})
    assert made["found"][0] == {
        "protocol": "modbus",
        "address": 1,
        "where": "9600 8N1",
        "device": "meter",
        "fits": [
            {
                "profile": "eastron/sdm120",
                "confidence": "clear",
                "bits": 17.0,
                "why": ["3 of 3 blocks answered", "voltage 231.4 V"],
                "readings": {"voltage": 231.4},
            }
        ],
    }
    assert made["added"] == {"x-1": "v/x"}
    assert made["interrupted"] is False


def test_a_file_that_was_changed_meanwhile_is_left_alone(site):
    part = read_links(site, {})
    site.write_text(SITE + "# changed\n")
    with pytest.raises(ConfigError, match="was changed while the line was probed"):
        probe_add.write(part, SITE + "# ours\n")
    assert site.read_text() == SITE + "# changed\n"


def test_a_link_to_the_file_stays_one_and_a_byte_order_mark_too(site, tmp_path):
    site.write_bytes(probe_add.BOM + SITE.encode())
    link = tmp_path / "link.yaml"
    link.symlink_to(site)
    part = read_links(link, {})
    probe_add.write(part, SITE + "# ours\n")
    assert link.is_symlink()
    assert site.read_bytes() == probe_add.BOM + SITE.encode() + b"# ours\n"
    assert (tmp_path / "edgegw.yaml.bak").read_bytes() == probe_add.BOM + SITE.encode()
