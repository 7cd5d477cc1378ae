"""Times, ids, encoding, and one value per key in a step."""

import json
import uuid

from edgegw.model import Instant
from edgegw.rules.events import DeviceRef, Draft, encode, occurrence_id, utc


def test_utc() -> None:
    assert utc(1_767_225_600_123_456_789) == "2026-01-01T00:00:00.123Z"
    assert utc(0) == "1970-01-01T00:00:00.000Z"


def test_occurrence_ids_are_repeatable_and_apart() -> None:
    at = Instant(1, 2)
    ids = {
        occurrence_id("k", at, 1),
        occurrence_id("k", at, 2),
        occurrence_id("l", at, 1),
        occurrence_id("k", Instant(1, 3), 1),
    }
    assert len(ids) == 4
    assert occurrence_id("k", at, 1) in ids
    assert all(str(uuid.UUID(found)) == found and found[14] == "8" for found in ids)


def test_encode_never_fails_on_a_value() -> None:
    data = {"\ud800": [2**64, -(2**63) - 1, True, 1.5, None, ("x",)], "ref": DeviceRef("\udfff", "n", "p", "l")}
    assert json.loads(encode(data)) == {
        "?": [str(2**64), str(-(2**63) - 1), True, 1.5, None, ["x"]],
        "ref": {"id": "?", "name": "n", "profile": "p", "link": "l"},
    }


def test_a_later_state_replaces_the_earlier_one() -> None:
    draft = Draft()
    draft.state("alarm", "k", b"1")
    draft.state("alarm", "k", None)
    assert [state.value for state in draft.changes().states] == [None]
