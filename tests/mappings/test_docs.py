"""docs/ticket-systems.md tells the truth: its examples work, and every filter and mapping is on the page."""

import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from edgegw.config.reference import json_schema
from edgegw.config.upstream import RestUpstream
from edgegw.mappings.filters import ALL
from edgegw.mappings.loader import compile_mapping, find_mapping, load_mapping, setting_faults, settings_of, shipped
from edgegw.mappings.schema import Operations, Step

PAGE = (Path(__file__).parents[2] / "docs/ticket-systems.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
SITES = [block for block in BLOCKS if block.startswith("upstream:")]
MAPPINGS = [block for block in BLOCKS if block.startswith("title:")]


def test_its_upstreams_are_upstreams(tmp_path: Path) -> None:
    shown = {}
    for block in SITES:
        for name, section in yaml.safe_load(block)["upstream"].items():
            upstream = RestUpstream.model_validate(section)
            loaded = load_mapping(find_mapping(upstream.mapping, tmp_path))
            assert setting_faults(loaded.spec, upstream.settings, upstream.secrets) == []
            assert upstream.url or loaded.spec.url
            compile_mapping(loaded, settings_of(loaded.spec, upstream.settings))
            shown[name] = upstream.mapping
    assert sorted(shown.values()) == shipped()


@pytest.mark.parametrize("language", ["zh-CN", "en"])
def test_its_mapping_is_a_mapping(tmp_path: Path, language: str) -> None:
    (block,) = MAPPINGS
    (tmp_path / "our-desk.yaml").write_text(block, encoding="utf-8")
    compile_mapping(load_mapping(find_mapping("./our-desk.yaml", tmp_path)), language=language)


def test_everything_is_on_the_page() -> None:
    words = set(re.findall(r"[a-z_0-9]+", PAGE))
    assert ALL.keys() <= words
    assert set(Operations.model_fields) <= words
    assert {field.alias or name for name, field in Step.model_fields.items()} <= words
    assert set(shipped()) <= words


def test_the_published_schema_takes_what_the_loader_takes() -> None:
    validator = Draft202012Validator(json_schema("mapping"))
    for text in [*MAPPINGS, *(find_mapping(name, Path()).read_text(encoding="utf-8") for name in shipped())]:
        assert list(validator.iter_errors(yaml.safe_load(text))) == []
    assert not validator.is_valid(yaml.safe_load(MAPPINGS[0].replace("method: GET", "methd: GET")))
