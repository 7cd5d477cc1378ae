"""What devices say, as calls into the core: which readings are a press, a card, a fire; old ones never open anything."""

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from edgegw.access.decision import Step
from edgegw.doors.inputs import Inputs
from edgegw.doors.wiring import DoorWiring, PointWiring
from edgegw.model import Decoded, Instant, Quality, Reading
from tests.access.site import CARD, KEY, Site, door
from tests.doors.house import WIRING

FRESH, UNCHANGED, STALE = Quality.FRESH, Quality.UNCHANGED, Quality.STALE
SIDE = structs.replace(WIRING, door="side", contact=None, exit=PointWiring("button", "action", "single"))


class Heard(Site):
    """A core behind its inputs, and every step that followed."""

    def __init__(self, *wirings: DoorWiring) -> None:
        found = wirings or (WIRING,)
        super().__init__(*(door(wiring.door, has_fire=True) for wiring in found))
        self.steps: list[tuple[str, Step, Decoded]] = []
        self.inputs = Inputs(
            self.core, {wiring.door: wiring for wiring in found}, key=KEY, trusted=self._trusted, follow=self._followed
        )
        self.person()

    def _trusted(self, _at: Instant) -> bool:
        return self.trusted

    def _followed(self, door: str, step: Step, _at: Instant, message: Decoded) -> None:
        self.steps.append((door, self.kept(step), message))

    def say(self, device: str, values: Mapping[str, Any], quality: Quality = FRESH) -> None:
        readings = tuple(Reading(point, value, None, quality) for point, value in values.items())
        self.inputs.heard(device, Decoded(readings), self.clock.advance(1))

    @property
    def acts(self) -> list[tuple[str, str]]:
        return [(door, step.act) for door, step, _ in self.steps if step.act is not None]

    @property
    def reasons(self) -> list[str]:
        return [step.decision.reason for _, step, _ in self.steps if step.decision is not None]


def test_only_the_devices_that_matter_are_listened_to():
    assert Heard().inputs.devices() == {"r1", "r2", "panel"}
    assert Heard(SIDE).inputs.devices() == {"r1", "r2", "panel", "button"}


@pytest.mark.parametrize("value", [CARD, f" {CARD} ", CARD.lstrip("0"), int(CARD)])
def test_a_card_is_known_however_its_reader_writes_it(value):
    house = Heard()
    house.say("r1", {"card": value, "other": 1})
    assert house.acts == [("main", "unlock")]


@pytest.mark.parametrize("value", [None, "", True, False, 4512345.0, float("nan"), "x" * 300, " "])
def test_what_is_no_number_is_not_presented(value):
    house = Heard()
    house.say("r1", {"card": value})
    assert house.steps == []
    assert house.inputs.ignored == 1


def test_the_message_that_asked_goes_along():
    house = Heard()
    house.say("r1", {"card": CARD, "serial": "s-1"})
    ((_, _, message),) = house.steps
    assert [reading.value for reading in message.readings] == [CARD, "s-1"]


def test_a_shared_reader_asks_at_each_of_its_doors():
    house = Heard(WIRING, SIDE)
    house.say("r1", {"card": CARD})
    assert house.acts == [("main", "unlock"), ("side", "unlock")]


def test_nothing_stale_opens_anything():
    """Neither a broker's memory of a card, a button, a fire, nor one that is true from the start."""
    house = Heard(WIRING, SIDE)
    house.say("r1", {"card": CARD, "tamper": True}, STALE)
    house.say("panel", {"button": False}, STALE)
    house.say("panel", {"button": True, "fire": True, "open": True}, STALE)
    house.say("button", {"action": "single"}, STALE)
    assert house.acts == []
    assert house.reasons == []
    assert house.raised.keys() <= {"door/main/fire-unconfirmed", "door/side/fire-unconfirmed"}
    house.say("panel", {"fire": True})
    assert house.acts == [("main", "release"), ("side", "release")]


def test_a_fire_that_was_there_before_the_start_releases_with_its_first_fresh_reading():
    house = Heard()
    house.say("panel", {"fire": True}, UNCHANGED)
    assert house.acts == [("main", "release")]


def test_a_contact_and_a_tamper_switch_are_conditions_only():
    house = Heard()
    house.say("panel", {"open": False})
    house.say("panel", {"open": True})
    house.say("r1", {"tamper": True})
    assert {"door/main/forced", "door/main/tamper/r1"} <= house.raised.keys()
    house.say("r1", {"tamper": False})
    assert "door/main/tamper/r1" not in house.raised
    assert house.acts == []


def test_null_says_nothing():
    house = Heard()
    house.say("panel", {"open": False, "fire": True})
    house.say("panel", {"open": True})
    house.say("r1", {"tamper": True})
    before = (house.raised.copy(), len(house.steps))
    house.say("panel", {"open": None, "fire": None})
    house.say("r1", {"tamper": None})
    assert (house.raised, len(house.steps)) == before
    assert house.operate("relock").act is None, "the fire is not out"


# --- the exit button ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "opens"),
    [
        ([True, True], 0),  # pressed, or stuck, since before we listened
        ([False, True], 1),
        ([False, True, True, True], 1),
        ([False, True, False, True], 2),
        ([False, None, True], 0),  # null says nothing of how it stands
        ([False, 1], 0),  # 1 is not true
        ([False, "gap", True], 0),
        ([False, True, "gap", True], 1),
        ([False, "gap", False, True], 1),
        ([False, "old", True], 0),
        ([False, "old", True, False, True], 1),
    ],
)
def test_an_exit_button_opens_on_a_change_that_was_seen(said, opens):
    """gap: the panel was not heard for a while. old: a stale reading."""
    house = Heard()
    for word in said:
        if word == "gap":
            house.inputs.interrupted(("panel",))
        elif word == "old":
            house.say("panel", {"button": False}, STALE)
        else:
            house.say("panel", {"button": word})
    assert house.reasons == ["exit-button"] * opens


def test_a_gap_of_another_device_changes_nothing():
    house = Heard()
    house.say("panel", {"button": False})
    house.inputs.interrupted(("r1", "r2"))
    house.say("panel", {"button": True})
    assert house.reasons == ["exit-button"]


def test_a_button_that_says_a_word_opens_with_each():
    house = Heard(SIDE)
    for word in ("single", "single", "double", "", "single"):
        house.say("button", {"action": word})
    assert house.reasons == ["exit-button"] * 3


SAID = st.lists(
    st.one_of(st.just(("gap", FRESH)), st.tuples(st.booleans(), st.sampled_from([FRESH, UNCHANGED, STALE]))),
    max_size=30,
)


@given(SAID)
def test_every_opening_has_its_own_edge(said):
    """An opening stands for a fresh False directly followed by a fresh True, and each such pair opens."""
    house, edges, before = Heard(), 0, None
    for value, quality in said:
        if value == "gap":
            house.inputs.interrupted(("panel",))
            before = None
            continue
        house.say("panel", {"button": value}, quality)
        if quality is STALE:
            before = None
            continue
        edges += value and before is False
        before = value
    assert house.reasons == ["exit-button"] * edges


@given(st.lists(st.sampled_from(["card", "button", "fire", "open", "tamper"]), max_size=20), st.booleans())
def test_no_sequence_of_old_readings_moves_a_bolt(points, value):
    house = Heard()
    for point in points:
        device = "r1" if point in {"card", "tamper"} else "panel"
        house.say(device, {point: CARD if point == "card" else value}, STALE)
    assert house.acts == []
