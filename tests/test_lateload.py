"""Late imports: one at a time, and a failure is the caller's."""

import asyncio
import importlib
import sys
from pathlib import Path

import pytest

from edgegw.lateload import load

MEETING = """
import threading
both = threading.Barrier(2, timeout=0.2)
"""
PARTY = """
import threading
from late_meeting import both
try:
    both.wait()
    met = True
except threading.BrokenBarrierError:
    met = False
"""


async def test_two_at_once_are_imported_one_after_the_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that import one package at once may be handed half-made modules."""
    (tmp_path / "late_meeting.py").write_text(MEETING)
    for name in ("late_one", "late_two"):
        (tmp_path / f"{name}.py").write_text(PARTY)
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    await asyncio.gather(load("late_meeting", "late_one"), load("late_two"))
    assert not importlib.import_module("late_one").met
    assert not importlib.import_module("late_two").met


async def test_what_is_not_there_is_told() -> None:
    with pytest.raises(ModuleNotFoundError):
        await load("edgegw.no_such_module")
    await load("json")
