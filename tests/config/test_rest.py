"""Upstreams of kind rest in a site file: what is refused, and where."""

import builtins
from pathlib import Path
from typing import Any

import pytest

from edgegw.config.site import secrets
from edgegw.config.upstream import RestUpstream
from edgegw.errors import ConfigError

DEVICES = "  d: {link: z, profile: acme/leak, address: a}"
GOOD = """
upstream:
  desk:
    kind: rest
    url: https://redmine.example.net/
    mapping: redmine
    settings: {project: garden, priority: {P1: 9}}
    secrets: {key: {file: key}}
    states: {Parked: acknowledged}
    rate: 60/min
    poll_every: 20s
"""


def said(plan_of: Any, tmp_path: Path, more: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plan_of(DEVICES, more=more)
    return [line.split("site.yaml:")[-1] for line in caught.value.detail.splitlines()]


def test_a_good_one(plan_of: Any) -> None:
    plan = plan_of(DEVICES, more=GOOD)
    desk = plan.upstream["desk"]
    assert isinstance(desk, RestUpstream)
    assert (desk.lanes, desk.poll_every, desk.settle, desk.timeout) == (("alarm",), 20.0, 2.0, 10.0)
    assert dict(secrets(plan)) == {"upstream.desk.secrets[key]": desk.secrets["key"]}


def test_robots_need_no_url(plan_of: Any) -> None:
    more = "upstream: {duty: {kind: rest, mapping: wecom, secrets: {key: {env: KEY}}}}"
    assert plan_of(DEVICES, more=more).upstream["duty"].url is None


@pytest.mark.parametrize(
    ("before", "after", "line"),
    [
        ("mapping: redmine", "mapping: redmin", "10:14: there is no mapping 'redmin'; did you mean 'redmine'?"),
        ("mapping: redmine", "mapping: ./my.yaml", "10:14: {tmp}/my.yaml: no such file"),
        (
            "net/",
            "net/?key=1",
            "9:10: a URL with ?…: keys in it are secrets; the mapping has a place for them under secrets",
        ),
        ("    url: https://redmine.example.net/\n", "", "7:3: key 'url' is missing"),
        ("project: garden, ", "", "11:5: settings needs project: identifier or number of the project"),
        ("project: garden", "project: garden, trackr: 1", "11:33: this mapping has no 'trackr' among its settings"),
        ("    secrets: {key: {file: key}}\n", "", "7:3: secrets needs key"),
        ("key: {file: key}", "key: abc", "12:20: a secret never stands in the site file"),
        ("Parked: acknowledged", "Parked: done", "13:22: should be opened"),
        ("rate: 60/min", "rate: fast", "14:11: 'fast' does not look right here"),
        ("poll_every: 20s", "poll_every: 20s\n    lanes: [alarm]", "16:5: unknown key 'lanes'"),
        ("poll_every: 20s", "timeout: 0", "15:14: a timeout must be more than 0"),
    ],
)
def test_what_is_refused(plan_of: Any, tmp_path: Path, before: str, after: str, line: str) -> None:
    assert before in GOOD
    found = said(plan_of, tmp_path, GOOD.replace(before, after))
    assert any(one.startswith(line.format(tmp=tmp_path)) for one in found), found
    assert "abc" not in "".join(found)


def test_a_mapping_of_ones_own_is_tried_with_the_sites_settings(plan_of: Any, tmp_path: Path) -> None:
    (tmp_path / "my.yaml").write_text(
        "title: Mine\n"
        "settings: {prio: {default: {P1: 1}, help: x}}\n"
        "operations:\n"
        "  create:\n"
        "    - {method: POST, path: /x, json: {p: '{{ settings.prio[ticket.priority] }}', q: '{{ text.titel }}'}}\n"
    )
    more = "upstream:\n  desk: {kind: rest, url: 'http://127.0.0.1:1', mapping: ./my.yaml, settings: {prio: {P3: 3}}}"
    with pytest.raises(ConfigError) as caught:
        plan_of(DEVICES, more=more)
    assert f"{tmp_path}/my.yaml:5:42: 'P2' is not there" in caught.value.detail
    assert f"{tmp_path}/my.yaml:5:85: 'titel' is not there" in caught.value.detail
    more = more.replace("P3: 3", "P2: 2").replace("./my.yaml", f"{tmp_path}/my.yaml")
    (tmp_path / "my.yaml").write_text((tmp_path / "my.yaml").read_text().replace("titel", "title"))
    assert plan_of(DEVICES, more=more).warnings


def test_without_the_package_it_needs(plan_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "edgegw.config.check_rest":
            raise ImportError("No module named 'jinja2'")
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    assert said(plan_of, tmp_path, GOOD)[0] == "8:11: kind: rest needs a package more: pip install 'edgegw[rest]'"
