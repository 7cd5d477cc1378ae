"""What a plan says of the acting sections, beyond the messages of tests/config/cases."""

from pathlib import Path

import pytest

from edgegw.config.linkages import linkage_specs, protected_commands
from edgegw.config.site import open_site, secret_problems, secrets
from edgegw.rules.linkage_state import PlannedAction, Watched

CASES = Path(__file__).parent / "cases"


@pytest.fixture
def plan():
    return open_site(CASES / "doors" / "site.yaml", {})


def test_names_and_paths_are_resolved(tmp_path, plan):
    text = (CASES / "doors" / "site.yaml").read_text(encoding="utf-8")
    for name in ("ca.pem", "api.pem"):
        (tmp_path / name).write_text("x")
    text = text.replace("../../profiles", str(CASES.parent / "profiles"))
    text = text.replace("commands:\n", "commands:\n  tls: {ca: ca.pem}\n").replace(
        "token: {env: SYNC}", "tls: {ca: ca.pem}"
    )
    text = text.replace("api: {enabled: true}", "api: {enabled: true, tls_cert: api.pem}")
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    made = open_site(path, {"STATE_DIRECTORY": "/var/lib/edgegw"})
    assert made.commands is not None
    assert made.commands.tls is not None
    assert made.commands.client_id == "edgegw-g1-commands"
    assert made.commands.tls.ca == made.access.sync.tls.ca == str(tmp_path / "ca.pem")
    assert (made.api.tls_cert, made.api.tokens) == (str(tmp_path / "api.pem"), "/var/lib/edgegw/edgegw.tokens")
    assert plan.api.tokens == str(CASES / "doors" / "edgegw.tokens")


def test_every_secret_of_the_acting_sections_is_listed(plan):
    assert [where for where, _ in secrets(plan)] == [
        "access.key",
        "access.sync.token",
        "commands.password",
        "commands.keys.platform.key",
    ]


def test_a_key_that_is_too_short_is_told_and_not_shown(tmp_path):
    text = (CASES / "doors" / "site.yaml").read_text(encoding="utf-8")
    text = text.replace("../../profiles", str(CASES.parent / "profiles"))
    path = tmp_path / "site.yaml"
    path.write_text(text, encoding="utf-8")
    for name, value in (("key", "hunter2"), ("platform-key", "0" * 32)):
        (tmp_path / name).write_text(value)
        (tmp_path / name).chmod(0o600)
    env = {"SYNC": "t", "BROKER": "b"}
    (problem,) = secret_problems(open_site(path, env), env)
    assert problem.startswith(f"{path}: access.key: shorter than 32 bytes; make one with: openssl rand -hex 32")
    assert "hunter2" not in problem


def test_linkages_are_spelled_out(plan):
    (spec,) = linkage_specs(plan)
    assert (spec.name, spec.title, spec.when) == ("fire", "Fire", (Watched("relay", "fire"),))
    assert spec.actions == (
        PlannedAction(0, "release", "lobby", "release", {}, 2.0),
        PlannedAction(1, "command", "east", "beep", {"tone": 3, "volume": "high"}, 5.0),
    )


def test_a_door_named_twice_is_released_once(plan_of):
    plan = plan_of(
        "  relay: {link: bus, profile: acme/relay, address: 1}\n  leak: {link: z, profile: acme/leak, address: a}",
        links="z: {kind: mqtt}, bus: {kind: modbus-rtu, port: /dev/ttyS9}",
        more="""
doors:
  a: {groups: [g], lock: {device: relay, unlock: {command: pulse1}, release: {command: on1}, relock: {command: off1}}}
  b: {groups: [g], lock: {device: relay, unlock: {command: pulse2}, release: {command: on2}, relock: {command: off2}}}
linkages:
  x: {when: [{device: leak, alarm: offline}], do: [{release: [b, g]}, {release: [a], deadline: 1s}]}
""",
    )
    (spec,) = linkage_specs(plan)
    assert [(action.index, action.target) for action in spec.actions] == [(0, "b"), (1, "a")]
    assert spec.title == "x"
    assert spec.when == (Watched("leak", "offline", by_value=False),)


def test_commands_that_move_or_may_move_a_bolt_are_protected(plan):
    assert protected_commands(plan) == {
        ("relay", "pulse1"): ("lobby",),
        ("relay", "on1"): ("lobby",),
        ("relay", "off1"): ("lobby",),
        ("relay", "pulse2"): ("store-room",),
        ("relay", "on2"): ("store-room",),
        ("relay", "off2"): ("store-room",),
        ("east", "allow"): ("east-gate",),
        ("east", "reset"): ("east-gate",),
    }
