import json
import os
import re
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator

from edgegw.config.reference import SCHEMAS, json_schema, models, notes, tables
from edgegw.config.schema import Site
from edgegw.yamlpos import parse

ROOT = Path(__file__).parents[2]
DOC = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- reference: begin (generated) -->\n", "<!-- reference: end -->\n"
PROFILES = sorted((ROOT / "device_profiles").glob("*/*.yaml"))


def faults(name, path):
    data = parse(path.read_text(encoding="utf-8"), str(path)).data
    # what a JSON Schema tool sees: lists, not tuples; no NaN
    return [
        f"{list(e.absolute_path)}: {e.message}"
        for e in Draft202012Validator(json_schema(name)).iter_errors(json.loads(json.dumps(data)))
    ]


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_a_schema(name):
    schema = json_schema(name)
    Draft202012Validator.check_schema(schema)
    assert (schema["$id"], schema["title"]) == (f"urn:edgegw:schema:{name}:1", SCHEMAS[name][1])


def test_schema_accepts_the_example_site():
    assert faults("site", ROOT / "deploy" / "edgegw.example.yaml") == []


@pytest.mark.parametrize("path", PROFILES, ids=lambda p: f"{p.parent.name}/{p.stem}")
def test_schema_accepts_every_shipped_profile(path):
    assert faults("profile", path) == []


@pytest.mark.parametrize(
    "change", ["gateway: {id: G}", "store: {budget: 4 lots}", "control: {enabled: 1}", "extra: 1", "profiles: x"]
)
def test_schema_refuses_what_the_loader_refuses(change):
    site = {"gateway": {"id": "g"}, "links": {"z": {"kind": "mqtt"}}, "devices": {"d": {"link": "z", "profile": "a/b"}}}
    site |= yaml.safe_load(change)
    assert not Draft202012Validator(json_schema("site")).is_valid(site)
    with pytest.raises(ValueError, match="validation error"):
        Site.model_validate(site)


def test_schema_accepts_times_and_sizes_as_text():
    site = {
        "gateway": {"id": "g"},
        "store": {"budget": "64MiB", "reserve": 0},
        "links": {"z": {"kind": "mqtt", "keepalive": "20s"}},
        "devices": {"d": {"link": "z", "profile": "a/b", "offline_after": 0}},
    }
    assert list(Draft202012Validator(json_schema("site")).iter_errors(site)) == []
    Site.model_validate(site)


def test_every_key_of_the_site_file_is_explained():
    unexplained = [
        f"{model.__name__}.{field}"
        for model in models(Site)
        for field in model.model_fields
        if field not in notes(model) and field != "kind"
    ]
    assert unexplained == []


def test_configuration_page_holds_the_reference():
    """EDGEGW_WRITE_DOCS=1 brings the page up to date."""
    page = DOC.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    inside, after = rest.split(END)
    if os.environ.get("EDGEGW_WRITE_DOCS"):
        DOC.write_text(f"{before}{BEGIN}\n{tables(Site)}\n{END}{after}", encoding="utf-8")
        return
    assert inside == f"\n{tables(Site)}\n"


def test_configuration_page_links_to_sections_that_exist():
    page = DOC.read_text(encoding="utf-8")
    anchors = {
        re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", page)) <= anchors
