"""What `edgegw check` says of responses, and when it fails."""

import json
import re

import pytest

from edgegw.cli.main import main

RELAY = """
vendor: acme
model: relay
source: made up
link: modbus
modbus: {{poll: {{normal: 2s}}, timeout: {timeout}}}
points:
  relay: {{type: bool, modbus: {{table: coil, address: 0}}}}
commands:
  "on":
    modbus: {{table: coil, address: 0, value: true}}
    confirm: {{point: relay, equals: true, within: {within}}}
    timed: true
samples:
  - {{source: constructed, request: "010100000001FDCA", hex: "010101019048", readings: {{relay: true}}}}
command_samples:
  - {{source: constructed, command: "on", hex: "01050000FF008C3A"}}
"""


@pytest.fixture
def check(tmp_path, capsys, monkeypatch):
    """Write a site with one door on a line of its own and a flood sensor, check it, and give code and output."""
    monkeypatch.setenv("KEY", "k" * 40)

    def run(*options: str, timeout: str = "100ms", within: str = "300ms", more: str = "", targets: str = "{}"):
        folder = tmp_path / "profiles" / "acme"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "relay.yaml").write_text(RELAY.format(timeout=timeout, within=within))
        site = tmp_path / "site.yaml"
        site.write_text(
            "gateway: {id: g}\nprofiles: [profiles]\naccess: {key: {env: KEY}}\n"
            "links:\n  bus: {kind: modbus-rtu, port: /dev/ttyS9, late: 50ms}\n  air: {kind: mqtt}\n"
            "devices:\n  board: {link: bus, profile: acme/relay, address: 1}\n"
            "  leak: {link: air, profile: zigbee2mqtt/leak, address: l}\n"
            'doors:\n  gate: {lock: {device: board, unlock: {command: "on"}}}\n'
            f"targets: {targets}\n{more}"
        )
        code = main(["check", str(site), *options])
        return code, capsys.readouterr()

    return run


def test_a_quick_site_is_fine_and_has_a_row_for_each(check):
    code, said = check()
    assert code == 0
    assert re.search(r"^  door +gate on +\d\.\d\d s +of 3 s", said.out, re.MULTILINE)
    assert re.search(r"^  event +leak +0\.50 s +of 5 s", said.out, re.MULTILINE)
    assert "command" not in said.out.split("worst-case response")[1], "nobody may command the board but its door"
    assert said.err == ""


def test_with_the_api_on_devices_are_commanded_too(check):
    code, said = check("--json", more="api: {enabled: true}\n")
    rows = {(row["path"], row["id"]): row for row in json.loads(said.out)["responses"]}
    assert code == 0
    assert set(rows) == {("door", "gate"), ("command", "board"), ("event", "leak")}
    assert rows["command", "board"]["about"] == "on"
    assert {part["what"] for part in rows["door", "gate"]["parts"]} >= {"commit", "in-flight", "confirm"}


def test_a_slow_door_fails_the_check_by_name_and_says_what_to_change(check):
    code, said = check(within="2500ms")
    assert code == 1
    assert "it would run, but may be too slow" in said.out
    assert "ABOVE" in said.out
    (error,) = said.err.splitlines()
    assert "site.yaml: door response of gate may take" in error
    assert "its target is 3 s" in error
    assert "`within`" in error
    assert "targets.accept" in error


def test_json_carries_it(check):
    code, said = check("--json", within="2500ms")
    told = json.loads(said.out)
    assert (code, told["ok"], said.err) == (1, False, "")
    assert len(told["errors"]) == 1
    row = told["responses"][0]
    assert (row["path"], row["id"], row["met"], row["accepted"], row["dominated_by"]) == (
        "door",
        "gate",
        False,
        False,
        "confirm",
    )
    assert row["bound_s"] == pytest.approx(sum(part["seconds"] for part in row["parts"]), abs=0.002)


def test_an_accepted_door_passes_and_stays_marked(check):
    code, said = check(within="2500ms", targets="{accept: [gate]}")
    assert (code, said.err) == (0, "")
    assert re.search(r"^  door +gate on .* accepted ", said.out, re.MULTILINE)


def test_a_stricter_target_counts(check):
    code, said = check(targets="{door: 1s}")
    assert code == 1
    assert "its target is 1 s" in said.err
