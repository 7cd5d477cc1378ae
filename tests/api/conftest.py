"""What every test of the API stands on."""

from pathlib import Path

import pytest

from edgegw.clock import ManualClock
from tests.api.fakes import FakeBackend


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def backend(clock: ManualClock) -> FakeBackend:
    return FakeBackend(clock)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "edgegw.tokens"
