"""One folder per case: site.yaml, and expected.txt with every message it must give (or ``ok`` and its warnings).

After a deliberate change of wording: EDGEGW_WRITE_CASES=1 pytest tests/config/test_cases.py, then read the diff.
"""

import os
from pathlib import Path

import pytest

from edgegw.config.site import open_site
from edgegw.errors import ConfigError

CASES = sorted(p for p in (Path(__file__).parent / "cases").iterdir() if p.is_dir())


def outcome(case: Path) -> str:
    try:
        plan = open_site(Path("site.yaml"), {})
    except ConfigError as error:
        said = error.detail
    else:
        said = "\n".join(["ok", *plan.warnings])
    return said.replace(str(case), "CASE").replace(str(case.parent.parent), "TESTS") + "\n"


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case, monkeypatch):
    monkeypatch.chdir(case)
    said = outcome(case)
    expected = case / "expected.txt"
    if os.environ.get("EDGEGW_WRITE_CASES"):
        expected.write_text(said, encoding="utf-8")
    assert said == expected.read_text(encoding="utf-8")


def test_there_are_enough_cases():
    assert len(CASES) >= 20
