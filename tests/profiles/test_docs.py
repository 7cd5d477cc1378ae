"""docs/profiles.md tells the truth: its examples pass their samples, and every reason and protocol is on the page."""

import re
from pathlib import Path

import pytest

from edgegw.codec.serial import SERIAL_PROTOCOLS
from edgegw.profiles.decode import REASONS
from edgegw.profiles.loader import load_profile
from edgegw.profiles.schema import Point, Profile, Sample

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text()
EXAMPLES = [block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith("vendor:")]


def test_one_example_a_link():
    assert [re.findall(r"^link: (\w+)", example, re.MULTILINE)[0] for example in EXAMPLES] == [
        "mqtt",
        "modbus",
        "serial",
    ]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_pass(example, tmp_path):
    path = tmp_path / "example.yaml"
    path.write_text(example)
    load_profile(path)


@pytest.mark.parametrize(
    "name", [*sorted(REASONS), *SERIAL_PROTOCOLS, *Profile.model_fields, *Point.model_fields, *Sample.model_fields]
)
def test_named_on_the_page(name):
    assert f"`{name}`" in PAGE or f"`{name}." in PAGE
