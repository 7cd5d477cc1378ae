"""What all ways back share: counting what is committed once, and telling of outages once."""

import logging

import pytest

from edgegw.errors import DecodeError, StoreError
from edgegw.service.answers import Answers, decode
from edgegw.upstream.tickets import TOLD_MOST, Taker, Way
from tests.upstream.fake_inbox import FakeInbox, message, update


async def test_what_became_of_updates_is_counted():
    inbox = FakeInbox()
    taker = Taker("desk", inbox)
    await taker.take(decode(message(update("a"), update("x"), update("b", "done"))))
    taker.refused(DecodeError("oversized"))
    assert dict(taker.results) == {"taken": 1, "unknown": 1, "bad": 2}
    assert inbox.states() == [("a", "acknowledged"), ("x", "acknowledged")]


async def test_what_the_store_refuses_is_counted_when_it_is_taken_and_not_before():
    inbox = FakeInbox()
    taker = Taker("desk", inbox)
    inbox.refusing = "full"
    answers = decode(message(update("a"), update("b", "done")))
    with pytest.raises(StoreError):
        await taker.take(answers)
    assert dict(taker.results) == {"taken": 0, "unknown": 0, "bad": 0}
    inbox.refusing = None
    await taker.take(answers)
    assert dict(taker.results) == {"taken": 1, "unknown": 0, "bad": 1}


async def test_nothing_to_take_writes_nothing():
    inbox = FakeInbox()
    taker = Taker("desk", inbox)
    await taker.take(Answers())
    assert inbox.calls == 0
    await taker.take(Answers(), cursor="c")
    assert inbox.cursors == {"desk": "c"}


async def test_a_ticket_system_that_sends_rubbish_does_not_fill_the_log(caplog):
    caplog.set_level(logging.WARNING)
    taker = Taker("desk", FakeInbox())
    for n in range(50):
        await taker.take(decode(message(*(update("a") for _ in range(n)), update("b", "done"))))
    assert len(caplog.records) == 1
    assert "tickets[0]" in caplog.text
    assert taker.results["bad"] == 50
    for n in range(100):
        taker.refused(DecodeError(f"reason-{n}", "the same"))
    assert len(caplog.records) == TOLD_MOST


def test_an_outage_is_told_once_with_each_reason_and_its_end(caplog):
    caplog.set_level(logging.INFO)
    way = Way("desk", "by polling")
    assert (way.up, way.reason) == (False, "connecting")
    for _ in range(3):
        way.works()
    for _ in range(5):
        way.fails("timeout", "10 s")
        way.fails("unreachable")
    assert (way.up, way.reason) == (False, "unreachable")
    way.works()
    way.fails("timeout")
    assert [record.levelname for record in caplog.records] == ["INFO", "WARNING", "WARNING", "INFO", "WARNING"]
    assert "timeout (10 s)" in caplog.text
