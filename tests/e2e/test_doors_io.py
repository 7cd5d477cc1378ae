"""Doors end to end: real pty lines, a real RTU bus, a real daemon. Each says what moved, what did not, and what was recorded."""

from collections.abc import Iterator

import pytest

from tests.e2e.gate import CARD, Gate
from tests.e2e.plant import Plant, eventually

PULSE_1S = {"unit": 1, "function": 5, "address": 0x0200, "value": 10}
RELEASE = {"unit": 1, "function": 5, "address": 0, "value": 0xFF00}


@pytest.fixture
def gate(plant: Plant) -> Iterator[Gate]:
    made = Gate(plant)
    try:
        yield made
    finally:
        made.stop()


def moved(gate: Gate) -> list[dict[str, int]]:
    return [{key: write[key] for key in ("unit", "function", "address", "value")} for write in gate.writes()]


def start(gate: Gate) -> None:
    gate.plant.start_broker()
    gate.plant.start_desk()
    gate.plant.start_gateway()
    gate.settled()


def test_an_unknown_card_is_refused_and_recorded(gate: Gate) -> None:
    gate.door_site()
    start(gate)
    gate.do("tap", card=CARD)
    (event,) = eventually("the refusal", lambda: gate.records("edgegw.access.denied"))
    assert event["data"]["reason"] == "unknown-credential"
    assert event["data"]["credential"] == "…4356"
    assert moved(gate) == []


def test_the_exit_button_opens_for_one_pulse(gate: Gate) -> None:
    gate.door_site()
    start(gate)
    gate.do("input", channel=1, on=True)
    (event,) = eventually("the grant", lambda: gate.records("edgegw.access.granted"))
    assert event["data"]["reason"] == "exit-button"
    (done,) = eventually("the outcome", lambda: gate.records("edgegw.command.completed"))
    assert done["data"]["status"] == "done"
    assert moved(gate) == [PULSE_1S]


def test_a_fire_releases_with_the_uplink_down_and_stays_released(gate: Gate) -> None:
    gate.door_site()
    start(gate)
    gate.plant.kill("desk")
    gate.do("input", channel=2, on=True)
    eventually("the release", lambda: RELEASE in moved(gate))
    gate.do("input", channel=2, on=False)
    gate.plant.start_desk()
    (event,) = eventually("the record", lambda: gate.records("edgegw.access.granted"))
    assert event["data"]["reason"] == "fire"
    assert gate.do("relays", unit=1)[0] is True
