"""What a profile of an OSDP reader may not say."""

import pytest

from edgegw.profiles.check import findings
from edgegw.profiles.schema import Profile

CARD = {"type": "str", "secret": True, "osdp": {"field": "card"}}


def profile(**changes):
    tree = {
        "vendor": "v", "model": "m", "source": "constructed", "link": "osdp", "points": {"card": CARD},
        "samples": [{"source": "s", "hex": "538008000540689F", "readings": {}}], **changes,
    }  # fmt: skip
    return [message for _, message in findings(Profile.model_validate(tree))]


def test_a_plain_one_is_fine():
    assert profile() == []


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"points": {"card": CARD | {"secret": False}}}, "identifies a person"),
        ({"points": {"card": CARD | {"osdp": {"field": "colour"}}}}, "no field 'colour'"),
        ({"points": {"card": CARD | {"optional": False}}}, "every point is optional"),
        ({"osdp": {"cards": "raw"}}, "take number or hex"),
        ({"points": {"card": {"type": "str", "serial": {"field": "card"}}}}, "cannot be read by serial"),
        (
            {"commands": {"beep": {"osdp": {"buzzer": {}}, "confirm": {"point": "card", "equals": "x"}}}},
            "acknowledgement confirms",
        ),
    ],
)
def test_contradictions(changes, what):
    assert any(what in message for message in profile(**changes))


def test_a_command_tells_something():
    with pytest.raises(ValueError, match="at least one of led, buzzer, output"):
        profile(commands={"nothing": {"osdp": {}}})
