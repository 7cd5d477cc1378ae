"""Delivery against a scripted sender: nothing lost, alarms first, poison alone."""

import asyncio
from collections.abc import Sequence

import pytest

from edgegw.model import Lane, Record
from edgegw.upstream.outcome import Accepted, Hold, Outcome, Refused, Retry
from tests.upstream.fake_outbox import FakeOutbox, record
from tests.upstream.harness import ScriptedSender, running, until

ALARM, TELEMETRY = Lane.ALARM, Lane.TELEMETRY


async def test_everything_arrives_in_lane_order() -> None:
    outbox = FakeOutbox([record(n, Lane(n % 4)) for n in range(1, 101)])
    sender = ScriptedSender()
    async with running(outbox, sender) as delivery:
        await until(lambda: outbox.empty("desk"))
    for lane in Lane:
        seqs = [seq for where, seq in sender.took if where is lane]
        assert seqs == sorted(seqs)
        assert len(seqs) == 25
        assert delivery.stats[lane].accepted == 25


async def test_a_backlog_leaves_alarms_first() -> None:
    outbox = FakeOutbox([*(record(n) for n in range(1, 51)), *(record(n, ALARM) for n in range(51, 61))])
    sender = ScriptedSender()
    async with running(outbox, sender):
        await until(lambda: outbox.empty("desk"))
    assert [lane for lane, _ in sender.took[:10]] == [ALARM] * 10


async def test_an_alarm_raised_during_an_outage_leaves_before_the_batch_that_was_being_retried() -> None:
    outbox = FakeOutbox([record(n) for n in range(1, 51)])
    down = True

    def script(_lane: Lane, records: Sequence[Record]) -> Outcome:
        return Retry("unreachable") if down else Accepted(len(records))

    sender = ScriptedSender(script)
    async with running(outbox, sender) as delivery:
        await until(lambda: delivery.retries["unreachable"] > 3)
        assert not delivery.up
        outbox.add(record(51, ALARM))
        await until(lambda: sender.offered[-1] == (ALARM, [51]))
        down = False
        await until(lambda: outbox.empty("desk"))
        assert delivery.up
    assert sender.took[0] == (ALARM, 51)


async def test_a_stalled_telemetry_batch_does_not_delay_an_alarm() -> None:
    outbox = FakeOutbox([record(1)])
    stalled = asyncio.Event()

    class Stalling(ScriptedSender):
        async def send(self, lane: Lane, records: Sequence[Record]) -> Outcome:
            if lane is TELEMETRY:
                stalled.set()
                await asyncio.get_running_loop().create_future()
            return await super().send(lane, records)

    sender = Stalling()
    async with running(outbox, sender):
        await stalled.wait()
        outbox.add(record(2, ALARM))
        await until(lambda: sender.took == [(ALARM, 2)])


@pytest.mark.parametrize("poison", [{1}, {7}, {10}, {3, 4}, set(range(1, 11)), {1, 10, 20}])
async def test_poison_is_isolated_and_the_rest_goes_on(poison: set[int]) -> None:
    outbox = FakeOutbox([record(n, ALARM) for n in range(1, 21)])

    def script(_lane: Lane, records: Sequence[Record]) -> Outcome:
        return Refused("http-422") if any(one.seq in poison for one in records) else Accepted(len(records))

    sender = ScriptedSender(script)
    async with running(outbox, sender) as delivery:
        await until(lambda: outbox.empty("desk"))
    assert [seq for _, seq in sender.took] == [n for n in range(1, 21) if n not in poison]
    assert sorted(outbox.dead) == [("desk", f"id-{n:06d}", "http-422") for n in sorted(poison)]
    assert delivery.stats[ALARM].rejected == len(poison)
    assert len(sender.offered) <= 10 + 9 * len(poison)


async def test_a_partial_answer_dead_letters_only_what_it_names() -> None:
    outbox = FakeOutbox([record(n) for n in range(1, 6)])

    def script(_lane: Lane, records: Sequence[Record]) -> Outcome:
        return Accepted(len(records), {"id-000003": "unknown device"})

    sender = ScriptedSender(script)
    async with running(outbox, sender) as delivery:
        await until(lambda: outbox.empty("desk"))
    assert [seq for _, seq in sender.took] == [1, 2, 4, 5]
    assert [one[1] for one in outbox.dead] == ["id-000003"]
    assert delivery.stats[TELEMETRY].accepted == 4


async def test_a_retry_offers_the_same_records_again() -> None:
    outbox = FakeOutbox([record(n) for n in range(1, 4)])
    answers: list[Outcome] = [Retry("timeout"), Retry("http-503"), Accepted(1), Accepted(2)]
    sender = ScriptedSender(lambda *_: answers.pop(0))
    async with running(outbox, sender):
        await until(lambda: outbox.empty("desk"))
    assert sender.offered == [(TELEMETRY, [1, 2, 3])] * 3 + [(TELEMETRY, [2, 3])]


async def test_an_acceptance_of_nothing_counts_as_a_failure_and_makes_no_tight_loop() -> None:
    outbox = FakeOutbox([record(1)])
    answers: list[Outcome] = [Accepted(0), Accepted(1)]
    sender = ScriptedSender(lambda *_: answers.pop(0))
    async with running(outbox, sender) as delivery:
        await until(lambda: outbox.empty("desk"))
    assert delivery.retries["no-progress"] == 1


async def test_a_hold_is_told_once_and_taken_back_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edgegw.upstream.delivery.HOLD_S", 0.0)
    outbox = FakeOutbox([record(1)])
    answers: list[Outcome] = [Hold("http-401"), Hold("http-401"), Retry("timeout"), Accepted(1)]
    told: list[tuple[str, str | None]] = []
    sender = ScriptedSender(lambda *_: answers.pop(0))
    async with running(outbox, sender, on_condition=lambda name, why: told.append((name, why))):
        await until(lambda: outbox.empty("desk"))
    assert told == [("desk", "http-401"), ("desk", None)]


async def test_an_outage_is_logged_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    outbox = FakeOutbox([record(n, Lane(n % 4)) for n in range(1, 9)])
    left = 20

    def script(_lane: Lane, records: Sequence[Record]) -> Outcome:
        nonlocal left
        left -= 1
        return Retry("unreachable") if left > 0 else Accepted(len(records))

    caplog.set_level("INFO")
    async with running(outbox, ScriptedSender(script)):
        await until(lambda: outbox.empty("desk"))
    lines = [one.getMessage() for one in caplog.records if "desk" in one.getMessage()]
    assert [line for line in lines if "unreachable" in line] == lines[:1]
    assert len([line for line in lines if "accepts again" in line]) == 1


async def test_each_accepted_record_is_told_with_the_time_of_its_acceptance() -> None:
    outbox = FakeOutbox([record(1, ALARM), record(2)])
    seen: list[tuple[int, int]] = []
    async with running(outbox, ScriptedSender(), on_accepted=lambda one, at: seen.append((one.seq, at))):
        await until(lambda: outbox.empty("desk"))
    assert seen == [(1, 0), (2, 0)]


async def test_an_error_about_one_alarm_does_not_stop_the_other_lanes() -> None:
    """A receiver that answers 500 to one record: that lane waits, as a 500 is no refusal; the others must not."""
    outbox = FakeOutbox([record(1, ALARM), *(record(n) for n in range(2, 40))])

    def script(lane: Lane, records: Sequence[Record]) -> Outcome:
        return Retry("http-500", answered=True) if lane is ALARM and healed is False else Accepted(len(records))

    healed = False
    sender = ScriptedSender(script)
    async with running(outbox, sender):
        await until(lambda: not outbox.depth("desk", TELEMETRY))
        assert outbox.depth("desk", ALARM) == 1
        healed = True
        await until(lambda: outbox.empty("desk"))
    assert not outbox.dead


async def test_after_a_long_outage_with_answers_alarms_are_still_first() -> None:
    outbox = FakeOutbox([record(1, ALARM), *(record(n) for n in range(2, 40))])
    down = True

    def script(_lane: Lane, records: Sequence[Record]) -> Outcome:
        return Retry("http-503", answered=True) if down else Accepted(len(records))

    sender = ScriptedSender(script)
    async with running(outbox, sender) as delivery:
        await until(lambda: delivery.retries["http-503"] > 40)
        await until(
            lambda: sender.offered[-1][0] is TELEMETRY
        )  # a look whether the way is free, right behind the alarm
        down = False
        await until(lambda: outbox.empty("desk"))
    assert (ALARM, 1) in sender.took[:2]


async def test_drain_returns_when_everything_went_out_or_the_upstream_is_down() -> None:
    outbox = FakeOutbox([record(1)])
    async with running(outbox, ScriptedSender()) as delivery:
        await delivery.drain(5.0)
        assert outbox.empty("desk")
    outbox.add(record(2))
    async with running(outbox, ScriptedSender(lambda *_: Retry("unreachable"))) as delivery:
        await until(lambda: not delivery.up)
        await delivery.drain(60.0)
        assert outbox.depth("desk", TELEMETRY) == 1
