"""docs/rules.md says what the code accepts."""

import re
from pathlib import Path

import msgspec
import yaml

from edgegw.config.acting import Linkage
from edgegw.profiles.schema import AlarmRule, Report
from edgegw.rules.condition import Kind, compile_condition
from edgegw.rules.events import AlarmData
from edgegw.rules.linkage_state import CompletedData, StartedData

PAGE = Path(__file__).parents[2] / "docs" / "rules.md"


def test_every_example_is_a_rule_a_report_or_a_linkage() -> None:
    kinds = set()
    for block in re.findall(r"```yaml\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL):
        found = yaml.safe_load(block)
        if "report" in found:
            assert Report.model_validate(found["report"]).max_interval == 600
            continue
        if "linkages" in found:
            for example in found["linkages"].values():
                Linkage.model_validate(example)
            continue
        for example in found.values():
            kinds.add(compile_condition(AlarmRule.model_validate(example).when).kind)
    assert kinds == set(Kind)


def test_every_field_of_an_alarm_is_described() -> None:
    page = PAGE.read_text("utf-8")
    assert [field.name for field in msgspec.structs.fields(AlarmData) if f"`{field.name}" not in page] == []


def test_every_field_of_a_linkages_events_is_described() -> None:
    page = PAGE.read_text("utf-8")
    fields = {field.name for data in (StartedData, CompletedData) for field in msgspec.structs.fields(data)}
    assert sorted(name for name in fields if f"`{name}" not in page) == []
