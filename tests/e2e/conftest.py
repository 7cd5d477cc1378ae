"""Fixtures of the end-to-end tests: a plant per test, on mosquitto where installed and on the pip broker."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.gate import Gate
from tests.e2e.parties import Party
from tests.e2e.plant import Plant

HAS_MOSQUITTO = bool(shutil.which("mosquitto") or Path("/usr/sbin/mosquitto").exists())

needs_mosquitto = pytest.param(
    "mosquitto", marks=pytest.mark.skipif(not HAS_MOSQUITTO, reason="mosquitto is not installed")
)


@pytest.fixture(params=["mosquitto" if HAS_MOSQUITTO else "iotcore"])
def plant(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plant]:
    """A plant on the best broker there is, nothing started."""
    made = Plant(tmp_path, broker=request.param)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(params=[needs_mosquitto, "iotcore"])
def plant_on_each(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Plant]:
    """The same on each broker."""
    made = Plant(tmp_path, broker=request.param)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture(autouse=True)
def seen_out() -> Iterator[None]:
    """Nobody's client goes on looking for a broker that is gone."""
    yield
    for party in tuple(Party.present):
        party.leave()


@pytest.fixture
def gate(plant: Plant) -> Iterator[Gate]:
    """A plant with a gatehouse, whose devices are on their lines; nothing else started."""
    made = Gate(plant)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def lobby(plant: Plant) -> Iterator[Gate]:
    """The same with two readers."""
    made = Gate(plant, readers=2)
    try:
        yield made
    finally:
        made.stop()
