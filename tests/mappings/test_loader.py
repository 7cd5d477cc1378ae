"""Mapping files: the shipped ones work in both languages, wrong ones are refused at the right place, all faults at once."""

from pathlib import Path

import pytest

from edgegw.errors import ConfigError
from edgegw.mappings.loader import compile_mapping, find_mapping, load_mapping, setting_faults, settings_of, shipped

LEAST = """\
title: Mine
settings: {project: {required: true, help: "which"}}
secrets: {key: {help: "which"}}
operations:
  create:
    - method: POST
      path: /issues
      json: {title: "{{ text.title }}"}
"""


def fault(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "my.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        compile_mapping(load_mapping(path))
    assert caught.value.reason == "mapping"
    return [line.removeprefix(f"{path}:") for line in caught.value.detail.splitlines()]


@pytest.mark.parametrize("language", ["zh-CN", "en"])
@pytest.mark.parametrize("name", ["alertmanager", "dingtalk", "redmine", "roundup", "wecom"])
def test_the_shipped_ones_work(name: str, language: str) -> None:
    compiled = compile_mapping(load_mapping(find_mapping(name, Path())), language=language)
    assert compiled.has("create") or compiled.has("message")


def test_there_are_five() -> None:
    assert shipped() == ["alertmanager", "dingtalk", "redmine", "roundup", "wecom"]


def test_everything_wrong_is_told_at_its_place(tmp_path: Path) -> None:
    text = LEAST.replace("{{ text.title }}", "{{ text.titel }}").replace("/issues", "/{{ tiket.ref }}")
    (line,) = fault(tmp_path, text)
    assert line.startswith(
        "7:13: there is no 'tiket' here; known here: action, alarm, base, event, gateway, language, now, "
    )
    text = LEAST.replace("{{ text.title }}", "{{ text.titel }}").replace("/issues", "/{{ ticket.ref | up }}")
    assert fault(tmp_path, text) == ["7:13: No filter named 'up'."]
    text = LEAST.replace("{{ text.title }}", "{{ text.titel }}").replace("/issues", "/{{ settings.projekt }}")
    assert fault(tmp_path, text) == [
        "7:13: 'dict object' has no attribute 'projekt'",
    ]
    text = LEAST.replace("{{ text.title }}", "{{ text.titel }}")
    assert fault(tmp_path, text) == ["8:21: 'titel' is not there"]


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  create:", "  creat:", "5:3: unknown key 'creat'; did you mean 'create'?"),
        ("method: POST", "method: SEND", "6:15: should be GET, POST, PUT, PATCH or DELETE, not 'SEND'"),
        ("path: /issues", "path: issues", "6:7: path begins with /; what comes before it is the upstream's url"),
        (
            'json: {title: "{{ text.title }}"}',
            "json: {}\n      form: {a: b}",
            "6:7: a request has one body: json, form or text",
        ),
        ("path: /issues", "path: /issues\n      expect: [99]", "8:16: should be at least 100, not 99"),
        ("path: /issues", "path: /issues\n      check: answer.errcode ==", "8:14: unexpected ')'"),
        (
            "path: /issues",
            "path: /issues\n      fit: {path: a.b, bytes: 300}",
            "8:19: there is no text at 'a.b' in json",
        ),
        ("title: Mine", "title: Mine\nbatch: 5", "1:1: batch is for message: issues are made one by one"),
        ("title: Mine", "title: Mine\nrate: 20 a minute", "2:7: '20 a minute' does not look right here"),
        ("title: Mine", "title: Mine\nstates: {New: open}", "2:15: should be opened, acknowledged"),
        ("required: true", "required: true, default: 1", "2:"),
    ],
)
def test_what_is_refused(tmp_path: Path, before: str, after: str, said: str) -> None:
    assert before in LEAST
    (line,) = fault(tmp_path, LEAST.replace(before, after))
    assert line.startswith(said)


def test_files_that_are_none(tmp_path: Path) -> None:
    for name, said in (
        ("redmin", "did you mean 'redmine'?"),
        ("./none.yaml", "no such file"),
        (".", "there is no mapping '.'"),
        ("a\0b/", "no such file"),
    ):
        with pytest.raises(ConfigError, match=said.replace("?", r"\?")):
            load_mapping(find_mapping(name, tmp_path))
    (tmp_path / "bad.yaml").write_bytes(b"title: \xff")
    with pytest.raises(ConfigError, match="not UTF-8"):
        load_mapping(tmp_path / "bad.yaml")


def test_settings_of_a_site() -> None:
    spec = load_mapping(find_mapping("redmine", Path())).spec
    settings = settings_of(spec, {"project": "garden", "priority": {"P1": 9}})
    assert settings["priority"] == {"P1": 9, "P2": 4, "P3": 3, "P4": 2}
    assert setting_faults(spec, {"project": "garden"}, ["key"]) == []
    said = setting_faults(spec, {"projct": "x", "priority": 5, "tracker": {"a": 1}}, [])
    assert sorted((".".join(at), text.split(";")[0]) for at, text in said) == [
        ("secrets", "secrets needs key: API access key of the account (My account)"),
        ("settings", "settings needs project: identifier or number of the project"),
        ("settings.priority", "should be a section"),
        ("settings.projct", "this mapping has no 'projct' among its settings"),
        ("settings.tracker", "should not be a section"),
    ]
