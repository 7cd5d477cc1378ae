"""`edgegw discovery` without a broker: what is shown, what is written, and that a fault changes nothing."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from edgegw.cli import discovery_site
from edgegw.cli.main import main
from edgegw.discovery.samples import Seen
from edgegw.errors import LinkError
from edgegw.links.discovery import BYTES_MOST, MESSAGES_MOST, Listened, _Ears
from edgegw.mqttio import Incoming
from edgegw.yamlpos import parse
from tests.discovery import captures

SITE = """\
# our site
gateway: {id: gw, language: en}
links:
  broker:
    kind: mqtt
    discovery: {}
  quiet: {kind: mqtt, port: 1884}
  bus: {kind: modbus-tcp, host: 127.0.0.1}
devices:
  door:  # at the entrance
    link: broker
    profile: zigbee2mqtt/contact
    address: door
  spare:
    link: quiet
    profile: zigbee2mqtt/contact
    address: spare
# the end
"""


class Air:
    """What is on the air: discovery messages and the last message of each topic."""

    def __init__(self) -> None:
        self.messages: list[tuple[str, bytes]] = []
        self.seen: dict[str, Seen] = {}
        self.error: LinkError | None = None

    async def listen(self, options: Any, prefix: str, seconds: float, topics_of: Any) -> Listened:
        if self.error is not None:
            raise self.error
        assert options.client_id.endswith("-discovery")
        wanted = set(topics_of(self.messages))
        return Listened(self.messages, {t: s for t, s in self.seen.items() if t in wanted}, Counter())


@pytest.fixture
def air(monkeypatch: pytest.MonkeyPatch) -> Air:
    made = Air()
    monkeypatch.setattr(discovery_site, "listen", made.listen)
    return made


@pytest.fixture
def site(tmp_path: Path) -> Path:
    path = tmp_path / "edgegw.yaml"
    path.write_text(SITE, "utf-8")
    path.chmod(0o640)
    return path


def run(capsys: pytest.CaptureFixture[str], verb: str, site: Path, *argv: str, link: str = "broker") -> tuple[int, str]:
    code = main(["discovery", verb, str(site), *argv, *(["--link", link] if verb != "forget" else [])])
    out, err = capsys.readouterr()
    return code, out + err


def test_what_approving_would_bring_is_shown_whole(air: Air, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    air.messages = captures.as_bytes((*captures.PARTS, ("homeassistant/sensor/x/config", "{")))
    air.seen = {"gates/gate-7/state": Seen(b'{"leaf":"LOCKED","card":"04A1B2C3D4"}')}
    code, text = run(capsys, "list", site)
    assert code == 0
    assert "gate-7  new" in text
    assert 'point    leaf (str) = "locked"  gates/{address}/state leaf' in text
    assert 'command  leaf-unlock: gates/{address}/set {"leaf": "UNLOCK"}; confirmed by leaf' in text
    assert "command  restart-press: gates/{address}/restart PRESS; confirmed by the broker alone" in text
    assert "command  hold-set value=0.5…60" in text
    assert "without  select mode: unsupported" in text
    assert "refused  homeassistant/sensor/x/config: bad-json" in text
    assert "04A1B2C3D4" not in text
    assert site.read_text("utf-8") == SITE


def test_a_terminal_is_not_told_what_to_do_by_a_device(
    air: Air, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "\x1b[2J\u202eevil"
    config = {
        "stat_t": "x/y",
        "pl_on": name,
        "pl_off": "no",
        "name": name,
        "dev": {"ids": "e", "name": name, "mf": name},
    }
    air.messages = [("homeassistant/binary_sensor/e/config", json.dumps(config).encode())]
    code, text = run(capsys, "list", site)
    assert code == 0
    assert "\x1b" not in text
    assert "\u202e" not in text


def test_approving_keeps_the_site_file_as_it_was_written(
    air: Air, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    air.messages = captures.as_bytes((*captures.Z2M_LEAK, *captures.TASMOTA))
    code, text = run(capsys, "approve", site, "0xa4c138c36f8a774e", "D04DF5")
    assert code == 0, text
    now = site.read_text("utf-8")
    assert [line for line in SITE.splitlines() if line not in now.splitlines()] == []
    assert now.index("spare:") < now.index("d04df5:") < now.index("# the end")
    assert parse(now, "site").data["profiles"] == ["profiles"]
    assert (site.stat().st_mode & 0o777, site.with_name("edgegw.yaml.bak").read_text("utf-8")) == (0o640, SITE)
    assert main(["check", str(site)]) == 0
    capsys.readouterr()
    code, text = run(capsys, "approve", site, "d04df5")
    assert (code, text) == (0, "d04df5: approved already, and unchanged\n")
    assert site.read_text("utf-8") == now
    code, text = run(capsys, "list", site)
    assert "d04df5  approved" in text


def test_line_ends_and_braces_of_a_site_file_stay(air: Air, site: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Windows line ends stay; a file in braces is left alone, and so is everything else then."""
    air.messages = captures.as_bytes(captures.Z2M_LEAK)
    site.write_bytes(SITE.replace("\n", "\r\n").encode())
    code, text = run(capsys, "approve", site, "0xa4c138c36f8a774e", "--as", "leak")
    assert code == 0, text
    assert site.read_bytes().count(b"\n") == site.read_bytes().count(b"\r\n")
    braces = json.dumps(parse(SITE, "site").data)
    site.write_text(braces, "utf-8")
    code, text = run(capsys, "approve", site, "0xa4c138c36f8a774e", "--as", "leak")
    assert code == 2
    assert site.read_text("utf-8") == braces


def test_where_the_result_would_not_load_nothing_is_changed(
    air: Air, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another device of the site reads exactly the same topics: the ordinary checks refuse that."""
    air.messages = captures.as_bytes(captures.Z2M_SWITCH)
    text = SITE.replace("# the end\n", "  twin: {link: broker, profile: own/twin, address: 0x00124b0021733605}\n")
    text = text.replace("0x00124b0021733605", '"0x00124b0021733605"').replace(
        "links:\n", "profiles: [mine]\nlinks:\n", 1
    )
    own = site.parent / "mine" / "own"
    own.mkdir(parents=True)
    twin = "vendor: a\nmodel: b\nsource: c\nlink: mqtt\nmqtt: {topic: 'zigbee2mqtt-channel26/{address}'}\n"
    twin += (
        'points: {v: {type: str, mqtt: {path: v}}}\nsamples: [{source: d, payload: \'{"v":"x"}\', readings: {v: x}}]\n'
    )
    (own / "twin.yaml").write_text(twin, "utf-8")
    site.write_text(text, "utf-8")
    assert "another device of the site reads its topics" in run(capsys, "list", site)[1]
    code, said = run(capsys, "approve", site, "0x00124b0021733605", "--as", "hall")
    assert code == 2
    assert "is already device 'twin'" in said
    assert str(site) in said
    assert site.read_text("utf-8") == text
    assert sorted(path.name for path in site.parent.rglob("*") if path.is_file()) == ["edgegw.yaml", "twin.yaml"]


@pytest.mark.parametrize(
    ("asked", "link", "said"),
    [
        (["approve", "nobody"], "broker", "nobody on link broker announces itself as nobody"),
        (["approve", "gate-7", "--as", "Gate 7"], "broker", "ids are of lower case letters"),
        (["approve", "gate-7", "--as", "door"], "broker", "the site has a device or door of that id"),
        (["approve", "a", "b", "--as", "c"], "broker", "--as goes with one DEVICE"),
        (["approve", "knob"], "broker", "nothing of knob can be read"),
        (["list", "--for", "5"], "broker", "not a duration"),
        (["list", "--for", "1h"], "broker", "from 1s to 300s"),
        (["list"], "quiet", "add `discovery: {}` to it"),
        (["list"], "bus", "is of kind modbus-tcp"),
        (["list"], "other", "there is no link 'other'"),
        (["forget", "gate-7"], "", "gate-7 is not approved"),
    ],
)
def test_what_an_operator_can_correct_is_said(
    asked: list[str], link: str, said: str, request: pytest.FixtureRequest
) -> None:
    air, site, capsys = (request.getfixturevalue(name) for name in ("air", "site", "capsys"))
    knob = '{"cmd_t":"k/press","dev":{"ids":"knob","name":"knob"}}'
    air.messages = captures.as_bytes((*captures.PARTS, ("homeassistant/button/knob/config", knob)))
    code, text = run(capsys, asked[0], site, *asked[1:], link=link)
    assert code == 2
    assert said in text
    assert site.read_text("utf-8") == SITE


def test_a_broker_that_is_not_there_is_no_fault_of_the_site(
    air: Air, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    air.error = LinkError("unreachable", "nobody there")
    code, text = run(capsys, "list", site)
    assert code == 1
    assert "unreachable" in text


def test_a_record_somebody_spoiled_is_a_fault_and_stays(
    air: Air, site: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = site.parent / "profiles" / "discovered" / "approved.json"
    record.parent.mkdir(parents=True)
    record.write_text("{", "utf-8")
    code, text = run(capsys, "list", site)
    assert code == 2
    assert "not a record of approvals" in text
    assert record.read_text("utf-8") == "{"


async def test_what_is_heard_is_limited() -> None:
    heard = Listened([], {}, Counter())
    ears = _Ears(heard, "homeassistant")
    ears.topics = frozenset({"x/y"})
    for topic, payload in (
        ("x/y", b"1"),
        ("x/y", b"2"),
        ("x/z", b"3"),
        ("x/y", b"4" * 5000),
        ("homeassistant/s/state", b"5"),
    ):
        ears.message(Incoming(topic, payload, 0, 0))
    assert heard == Listened([], {"x/y": Seen(b"2")}, Counter())
    big = b"x" * (64 * 1024)
    for number in range(BYTES_MOST // len(big) + 2):
        ears.message(Incoming(f"homeassistant/s/{number}/config", big, 0, 0))
    assert heard.left_out == {"too-much": 2}
    for number in range(MESSAGES_MOST):
        ears.message(Incoming(f"homeassistant/s/{number}/config", b"", 0, 0))
    assert len(heard.configs) == MESSAGES_MOST
    assert heard.left_out["too-many"] > 0
