"""What the events of door decisions say, and what they never say."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.access.decision import Decision, Hidden, presented
from edgegw.access.events import access_event, decision_id
from edgegw.errors import DecodeError
from edgegw.model import Event, Instant, Lane
from tests.access.site import CARD, KEY, MONDAY_NOON, Site, door

NOON = Instant(MONDAY_NOON, 5)


def data(event: Event) -> dict[str, Any]:
    decoded: dict[str, Any] = json.loads(event.data)
    return decoded


def test_a_granted_card_as_it_goes_upstream() -> None:
    spec = door(name="北门", labels={"building": "3"}, location="3号楼")
    site = Site(spec)
    site.person()
    step = site.show()
    assert step.decision is not None
    event = access_event(step.decision, spec)
    assert (event.type, event.lane, event.subject) == ("edgegw.access.granted", Lane.ACCESS, "door/main")
    assert event.at == step.decision.at
    assert data(event) == {
        "decision_id": step.decision.id,
        "door": {"id": "main", "name": "北门"},
        "location": {"text": "3号楼", "labels": {"building": "3"}},
        "reason": "card",
        "action": "unlock",
        "at": "2026-03-02T04:01:00.000Z",
        "kind": "card",
        "credential": "…2345",
        "reader": "r1",
        "direction": "in",
        "holder": {"id": "anna", "name": "Anna"},
    }


def test_what_does_not_apply_is_absent() -> None:
    event = access_event(Decision(id="i", door="main", granted=False, reason="unknown-credential", at=NOON), door())
    assert event.type == "edgegw.access.denied"
    assert set(data(event)) == {"decision_id", "door", "reason", "action", "at"}


def test_what_is_out_of_the_ordinary_is_said() -> None:
    decision = Decision(
        id="i",
        door="main",
        granted=True,
        reason="operator",
        at=Instant(0, 0, synced=False),
        issuer="duty",
        duress=True,
        joined=True,
        details={"anti_passback": "soft"},
    )
    said = data(access_event(decision, door()))
    assert (said["duress"], said["joined"], said["clock_unsynced"], said["issuer"]) == (True, True, True, "duty")
    assert said["details"] == {"anti_passback": "soft"}


def test_a_holder_s_name_never_stops_the_record() -> None:
    decision = Decision(id="i", door="main", granted=True, reason="card", at=NOON, holder="\ud800", name="\udfff")
    assert data(access_event(decision, door()))["holder"] == {"id": "?", "name": "?"}


@given(st.text("qwxzj", min_size=6, max_size=20), st.sampled_from(["card", "pin", "qr"]), st.booleans())
def test_no_step_shows_more_than_the_end_of_a_number(number: str, kind: str, known: bool) -> None:
    site = Site(door(require="any"), settled=False)
    if known:
        site.person(number=number, kind=kind)
    step = site.show(number, kind=kind)
    assert step.decision is not None
    assert step.decision.granted == known
    shown = repr(step) + access_event(step.decision, door()).data.decode()
    assert number[-5:] not in shown
    assert (number[-4:] in shown) == (kind != "pin")


@given(st.text(st.characters(exclude_categories=()), max_size=30), st.sampled_from(["card", "pin", "qr"]))
def test_whatever_a_reader_says_is_a_number_or_bad(number: str, kind: str) -> None:
    try:
        shown = presented(KEY, kind, number, reader="r1")
    except DecodeError:
        assert not number.strip()
    else:
        assert len(shown.hashed) == 16
        site = Site(door(require="any"), settled=False)
        decision = site.core.present("main", shown, NOON, clock_trusted=True).decision
        assert decision is not None
        assert data(access_event(decision, door()))["reason"] == "unknown-credential"


def test_a_pin_has_no_tail_and_no_repr() -> None:
    shown = presented(KEY, "pin", "123456", reader="r1")
    assert shown.tail == ""
    assert "123456" not in repr(shown)
    assert str(Hidden("123456")) == "Hidden(…)"
    assert Hidden("123456").reveal() == "123456"


@pytest.mark.parametrize("number", ["", "  ", "1" * 257])
def test_what_is_no_number(number: str) -> None:
    with pytest.raises(DecodeError):
        presented(KEY, "card", number, reader="r1")
    with pytest.raises(DecodeError):
        presented(KEY, "pin", number, reader="r1")


def test_ids_are_uuids_and_tell_decisions_apart() -> None:
    ids = {
        decision_id("a", NOON, 1),
        decision_id("a", NOON, 2),
        decision_id("b", NOON, 1),
        decision_id("a", Instant(1, 5), 1),
    }
    assert len(ids) == 4
    assert {uuid.UUID(one).version for one in ids} == {8}
    assert decision_id("a", NOON, 1) == decision_id("a", NOON, 1)


def test_every_decision_has_an_id_of_its_own() -> None:
    site = Site()
    site.person()
    ids = [site.show(CARD).decision, site.show(CARD).decision, site.exit().decision]
    assert len({one.id for one in ids if one is not None}) == 3
