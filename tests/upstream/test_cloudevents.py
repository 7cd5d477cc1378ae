"""The envelope: valid CloudEvents whatever the names hold, data untouched."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.model import Lane, Record
from edgegw.upstream.cloudevents import Envelope, rfc3339


def make(**changes: object) -> Record:
    fields: dict[str, object] = {
        "seq": 7, "id": "0190c2f0-0000-7000-8000-00000000000a", "boot": 3, "lane": Lane.ALARM,
        "type": "edgegw.alarm.raised", "subject": "leak-1", "time_ns": 1_767_225_600_123_456_789, "original_ns": None,
        "mono_ns": 5, "same_boot": True, "synced": True, "data": b'{"a": 1.50}',
    }  # fmt: skip
    return Record(**(fields | changes))  # type: ignore[arg-type] # the test's own values


def test_an_event_has_what_the_specification_and_the_gateway_promise() -> None:
    assert json.loads(Envelope("gw1").event(make())) == {
        "specversion": "1.0",
        "id": "0190c2f0-0000-7000-8000-00000000000a",
        "source": "edgegw/gw1",
        "type": "edgegw.alarm.raised",
        "subject": "leak-1",
        "time": "2026-01-01T00:00:00.123456Z",
        "datacontenttype": "application/json",
        "edgegwseq": "7",
        "edgegwboot": 3,
        "edgegwlane": "alarm",
        "data": {"a": 1.5},
    }


def test_data_travel_as_they_are() -> None:
    assert Envelope("gw1").event(make(data=b'{"a": 1.50}')).endswith(b'"data":{"a": 1.50}}')


def test_doubtful_and_corrected_times_say_so() -> None:
    event = json.loads(Envelope("gw1").event(make(synced=False, original_ns=1_000_000_000)))
    assert event["edgegwsynced"] is False
    assert event["edgegwtimeoriginal"] == "1970-01-01T00:00:01.000000Z"


def test_a_batch_is_an_array() -> None:
    events = json.loads(Envelope("gw1").batch([make(seq=n) for n in (1, 2, 3)]))
    assert [one["edgegwseq"] for one in events] == ["1", "2", "3"]


@pytest.mark.parametrize("step_ns", [1, 999_999_999, 1_000_000_000, -1_500_000_000])
def test_the_second_that_is_remembered_is_never_the_wrong_one(step_ns: int) -> None:
    envelope, at = Envelope("gw1"), 1_767_225_600_000_000_000
    for time_ns in (at, at + step_ns, at):
        assert json.loads(envelope.event(make(time_ns=time_ns)))["time"] == rfc3339(time_ns)


@given(subject=st.text(st.characters(exclude_categories=["Cs"]), max_size=40), time_ns=st.integers(0, 2**63 - 1))
def test_any_subject_and_time_give_valid_json(subject: str, time_ns: int) -> None:
    event = json.loads(Envelope("gw1").event(make(subject=subject, time_ns=time_ns)))
    assert event["subject"] == subject
    at = datetime.fromisoformat(event["time"])
    assert at.tzinfo == UTC
    assert (at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() == pytest.approx(time_ns / 1e9, abs=1)
