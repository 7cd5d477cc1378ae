"""docs/profiles.md tells the truth: its examples pass their samples, and every reason and protocol is on the page."""

import os
import re
from pathlib import Path

import pytest

from edgegw.codec.serial import SERIAL_PROTOCOLS
from edgegw.config.reference import models, notes, tables
from edgegw.profiles.decode import REASONS
from edgegw.profiles.loader import load_profile
from edgegw.profiles.schema import Profile

PATH = Path(__file__).parents[2] / "docs" / "profiles.md"
BEGIN, END = "<!-- reference: begin (generated) -->\n", "<!-- reference: end -->\n"
WHOLE = PATH.read_text(encoding="utf-8")
PAGE = WHOLE.partition("## Field reference")[0]
"""What was written by hand: the reference names everything by itself."""

EXAMPLES = [
    block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith(("vendor:", "extends:"))
]


def test_one_example_a_link():
    assert {link for example in EXAMPLES for link in re.findall(r"^link: (\w+)", example, re.MULTILINE)} == {
        "mqtt",
        "modbus",
        "serial",
        "meter",
    }


def test_one_example_takes_commands():
    assert any("\ncommands:" in example and "\ncommand_samples:" in example for example in EXAMPLES)


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_pass(example, tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(example)
    load_profile(path)


@pytest.mark.parametrize(
    "name",
    [
        *sorted(REASONS),
        *SERIAL_PROTOCOLS,
        *dict.fromkeys(info.alias or field for model in models(Profile) for field, info in model.model_fields.items()),
    ],
)
def test_named_on_the_page(name):
    assert any(text in PAGE for text in (f"`{name}`", f"`{name}.", f".{name}`"))


def test_every_key_is_explained():
    assert [
        f"{model.__name__}.{field}"
        for model in models(Profile)
        for field in model.model_fields
        if field not in notes(model) and field != "kind"
    ] == []


def test_the_page_holds_the_reference():
    """EDGEGW_WRITE_DOCS=1 brings the page up to date."""
    before, rest = WHOLE.split(BEGIN)
    inside, after = rest.split(END)
    if os.environ.get("EDGEGW_WRITE_DOCS"):
        PATH.write_text(f"{before}{BEGIN}\n{tables(Profile)}\n{END}{after}", encoding="utf-8")
        return
    assert inside == f"\n{tables(Profile)}\n"
