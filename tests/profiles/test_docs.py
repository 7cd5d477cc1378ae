"""docs/profiles.md tells the truth: its examples pass their samples, and every reason and protocol is on the page."""

import re
from pathlib import Path

import pytest

from edgegw.codec.serial import SERIAL_PROTOCOLS
from edgegw.profiles.decode import REASONS
from edgegw.profiles.loader import load_profile
from edgegw.profiles.schema import Point, Profile, Sample
from edgegw.profiles.schema_commands import (
    Arg,
    CommandSample,
    CommandSpec,
    Confirm,
    ModbusCommand,
    MqttCommand,
    MqttReplyRead,
    SerialCommand,
)
from edgegw.profiles.schema_meter import MeterCommand, MeterRead, MeterSection
from edgegw.profiles.schema_modbus import ModbusRead, ModbusSection
from edgegw.profiles.schema_mqtt import MqttAck, MqttAvailability, MqttRead, MqttSection, MqttStale, MqttTime

PAGE = (Path(__file__).parents[2] / "docs" / "profiles.md").read_text()
EXAMPLES = [
    block for block in re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL) if block.startswith(("vendor:", "extends:"))
]

MODELS = (
    Profile,
    Point,
    Sample,
    MeterSection,
    MeterRead,
    MeterCommand,
    ModbusSection,
    ModbusRead,
    MqttSection,
    MqttRead,
    MqttAvailability,
    CommandSpec,
    Arg,
    ModbusCommand,
    MqttCommand,
    MqttReplyRead,
    SerialCommand,
    Confirm,
    CommandSample,
    MqttAck,
    MqttStale,
    MqttTime,
)


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
        *(field for model in MODELS for field in model.model_fields),
    ],
)
def test_named_on_the_page(name):
    assert any(text in PAGE for text in (f"`{name}`", f"`{name}.", f".{name}`"))
