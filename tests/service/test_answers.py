"""Ticket systems' messages: what is taken, what is mended, what is refused, and that nothing else ever happens."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgegw.errors import DecodeError
from edgegw.service.answers import FAULT_MOST, MESSAGE_MOST, REASONS, UPDATES_MOST, Answers, decode
from edgegw.service.ticket import ANSWERS, TicketUpdate


def message(*tickets: object, **more: object) -> bytes:
    return json.dumps({"tickets": tickets, **more}).encode()


def one(**members: object) -> dict[str, object]:
    return {"dedup_key": "leak-3:leak", "state": "acknowledged", **members}


def test_everything_a_ticket_system_may_say():
    said = one(
        ticket_id="0193",
        number="WO-17",
        url="https://desk.example/t/17",
        at="2026-10-01T08:00:00Z",
        version=3,
        by="Wang",
        assignee="李工",
        note="在路上",
    )
    assert decode(message(said, next="n-1")) == Answers(updates=(TicketUpdate(**said),), next="n-1")


def test_a_message_without_updates_is_one():
    assert decode(b'{"tickets": []}') == Answers()


def test_unknown_members_are_passed_over():
    got = decode(message(one(severity={"of": ["theirs"]}), total=7, rejected=[]))
    assert got == Answers(updates=(TicketUpdate(dedup_key="leak-3:leak", state="acknowledged"),))


def test_numbers_and_nulls_as_systems_write_them():
    said = one(number=4711, url=None, note=None, assignee=None, version=None, ticket_id=None)
    got = decode(message(said, next=99))
    assert got.updates == (TicketUpdate(dedup_key="leak-3:leak", state="acknowledged", number="4711"),)
    assert got.next == "99"


@pytest.mark.parametrize(
    "bad",
    [
        one(state="done"),
        one(state="Closed"),
        one(state="held"),  # one of ours, not theirs
        one(state=None),
        one(dedup_key=""),
        one(dedup_key="x" * 256),
        {"state": "closed"},
        {"dedup_key": "x"},
        one(version=-1),
        one(version=2**63),
        one(version="3"),
        one(version=True),
        one(number="9" * 65),
        one(ticket_id="x" * 65),
        "closed",
        None,
        [],
    ],
    ids=str,
)
def test_a_bad_update_costs_only_itself(bad):
    got = decode(message(one(), bad, one(state="closed")))
    assert [update.state for update in got.updates] == ["acknowledged", "closed"]
    assert got.bad == 1
    assert got.fault.startswith("tickets[1]: ")
    assert len(got.fault) <= FAULT_MOST


def test_what_is_only_for_people_costs_no_state():
    got = decode(message(one(note="n" * 600, by="b" * 200, assignee="a" * 200, at="t" * 50, url="javascript:alert(1)")))
    update = got.updates[0]
    assert (len(update.note), len(update.by), len(update.assignee), len(update.at), update.url) == (
        500,
        100,
        100,
        40,
        "",
    )


@pytest.mark.parametrize(
    "url",
    ["https://a/" + "x" * 500, "https://a/ b", "ftp://a/b", "https://", "https://a/\x1b[31m", 'https://a/"onload='],
)
def test_a_link_that_is_none_is_dropped(url):
    assert decode(message(one(url=url))).updates[0].url == ""


def test_nothing_rules_the_terminal_it_is_shown_on():
    update = decode(message(one(note="a\x1b[2Jb\nc\x9b\u202ed", assignee="\x07x", number="\x1b7"))).updates[0]
    assert (update.note, update.assignee, update.number) == ("a [2Jb c  d", " x", " 7")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"x" * (MESSAGE_MOST + 1), "oversized"),
        (b"", "malformed"),
        (b"[]", "malformed"),
        (b"{}", "malformed"),
        (b'{"tickets": null}', "malformed"),
        (b'{"tickets": {}}', "malformed"),
        (b'{"tickets": [], "next": []}', "malformed"),
        (b'{"tickets": [{"note": "\\ud800"}]}', "malformed"),
        (b"[" * 50_000, "malformed"),
        (b'{"tickets": [' + b"[" * 20_000 + b"]" * 20_000 + b"]}", "malformed"),
        (b'{"more": ' + b"[" * 20_000 + b"]" * 20_000 + b', "tickets": []}', "malformed"),
        (message(*[0] * (UPDATES_MOST + 1)), "too-many"),
        (message(next="n" * 201), "bad-next"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_no_message(payload, reason):
    with pytest.raises(DecodeError) as caught:
        decode(payload)
    assert caught.value.reason == reason
    assert len(caught.value.detail) <= FAULT_MOST


def test_as_many_as_there_may_be():
    got = decode(message(*(one(version=n, note="x" * 500) for n in range(UPDATES_MOST))), most=1024 * 1024)
    assert [update.version for update in got.updates] == list(range(UPDATES_MOST))


def test_the_page_s_example_is_a_message_with_everything_in_it():
    page = (Path(__file__).parents[2] / "docs" / "tickets.md").read_text(encoding="utf-8")
    section = page[page.index("## How answers arrive") :]
    example = re.search(r"```json\n(.*?)```", section, re.DOTALL)
    assert example is not None
    got = decode(example[1].encode())
    assert (len(got.updates), got.bad, got.next) == (1, 0, "4711")
    assert all(getattr(got.updates[0], field) for field in TicketUpdate.__struct_fields__)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
MEMBERS = ["dedup_key", "state", "ticket_id", "number", "url", "at", "version", "by", "assignee", "note"]
UPDATE = st.dictionaries(st.sampled_from(MEMBERS), JSON | st.sampled_from(ANSWERS)) | JSON


@given(st.lists(UPDATE, max_size=6), JSON)
def test_any_json_is_taken_or_refused_with_a_known_reason(tickets, following):
    try:
        got = decode(json.dumps({"tickets": tickets, "next": following}).encode())
    except DecodeError as error:
        assert error.reason in REASONS  # noqa: PT017 - both outcomes are fine
    else:
        assert len(got.updates) + got.bad == len(tickets)
        assert bool(got.fault) == bool(got.bad)


@given(st.binary(max_size=200))
def test_any_bytes_are_taken_or_refused_with_a_known_reason(payload):
    try:
        decode(payload)
    except DecodeError as error:
        assert error.reason in REASONS  # noqa: PT017 - both outcomes are fine


@given(st.binary(max_size=30), st.integers(0, 200))
def test_bytes_broken_anywhere_give_a_known_reason(noise, at):
    payload = message(one(note="在路上", number=5), one(state="closed"), next="n")
    at = min(at, len(payload))
    try:
        decode(payload[:at] + noise + payload[at + len(noise) :])
    except DecodeError as error:
        assert error.reason in REASONS  # noqa: PT017 - both outcomes are fine
