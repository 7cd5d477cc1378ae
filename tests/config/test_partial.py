"""The published schema of a profile that extends another: it accepts what the loader accepts, and still finds mistakes."""

import pytest
import yaml
from jsonschema import Draft202012Validator

from edgegw.config.reference import json_schema

PROFILE = Draft202012Validator(json_schema("profile"))
SAMPLES = "samples: [{source: s, payload: '{}', readings: {}}]\n"


def accepted(text):
    return PROFILE.is_valid(yaml.safe_load(text + SAMPLES))


@pytest.mark.parametrize(
    "said",
    [
        "extends: v/m\n",
        "extends: v/m\nmodel: x\nmqtt: {topic: t}\n",
        "extends: v/m\npoints: {a: {unit: null, min: 1}, b: null}\n",
        "extends: v/m\nalarms: {a: {when: {above: null, below: 1}}, b: {title: {en: x}}}\n",
        "extends: v/m\nserial: {framing: {max: 64}}\n",
        "extends: v/m\ncommands: {go: {confirm: {within: 3s}}}\n",
        "extends: v/m\nmodbus: {poll: {slow: null}}\nreport: null\n",
    ],
)
def test_a_part_is_accepted_where_it_extends(said):
    assert accepted(said)
    assert not accepted(said.replace("extends: v/m\n", ""))


@pytest.mark.parametrize(
    "said",
    [
        "extends: v/m\nmodle: x\n",
        "extends: v/m\npoints: {a: {unt: V}}\n",
        "extends: v/m\npoints: {a: {min: low}}\n",
        "extends: v/m\nalarms: {a: {priority: P9}}\n",
        "extends: v/m\nmqtt: {acks: [{topic: t}]}\n",
        "extends: v/m\npoints: 5\n",
        "extends: 5\n",
        "extends: null\nmodel: x\n",
    ],
)
def test_mistakes_are_found(said):
    assert not accepted(said)


def test_samples_are_never_taken_over():
    assert not PROFILE.is_valid({"extends": "v/m", "model": "x"})
    assert not PROFILE.is_valid({"extends": "v/m", "samples": None})
