"""The desk: always an answer before the deadline, committed before anything is sent, nothing sent twice."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from edgegw.commands.desk import UNDERWAY_MOST, WAITING_MOST
from edgegw.model import (
    Changes,
    Event,
    Lane,
    OrderLane,
    Outcome,
    OutcomeStatus,
    Quality,
    Reading,
    Source,
    StateChange,
)
from edgegw.ports import Order
from tests.commands.fakes import S, issuer, warped
from tests.commands.plant import Plant, plant

DONE = Outcome(OutcomeStatus.DONE)


def told(one: Plant) -> list[tuple[str, str, str]]:
    """(event, status, reason) in order."""
    kinds = [event.type.removeprefix("edgegw.command.") for event in one.store.events]
    return [(k, d.get("status", ""), d.get("reason", "")) for k, d in zip(kinds, one.store.told(), strict=True)]


@warped
async def test_committed_then_sent_then_recorded() -> None:
    async with plant() as one:
        committed_before_sending: list[int] = []

        async def act(order: Order) -> Outcome:
            committed_before_sending.append(len(one.store.events))
            await asyncio.sleep(0.25)
            return Outcome(OutcomeStatus.DONE, values={"running": True})

        one.link._act = act
        assert await one.give("c-1", args={}) == Outcome(OutcomeStatus.DONE, values={"running": True})
        assert committed_before_sending == [1]
        assert told(one) == [("admitted", "", ""), ("completed", "done", "")]
        admitted, completed = one.store.told()
        assert admitted["issuer"] == {"source": "api", "name": "tester"}
        assert (completed["id"], completed["target"], completed["command"]) == ("c-1", "pump", "on")
        assert completed["values"] == {"running": True}
        assert completed["duration_ms"] == 250
        assert all(event.lane is Lane.COMMAND and event.subject == "pump" for event in one.store.events)
        assert one.observed == [("pump", pytest.approx(0.25))]
        assert one.desk.figures().outcomes == {("done", ""): 1}
        assert one.desk.figures().underway == 0
        (order,) = one.link.orders
        assert order.deadline_ns < one.command().deadline_ns


@warped
async def test_a_used_id_is_refused_while_it_is_carried_out_and_after() -> None:
    async with plant() as one:
        twice = await asyncio.gather(one.give("c-1"), one.give("c-1"))
        assert sorted(outcome.reason for outcome in twice) == ["", "used-id"]
        assert (await one.give("c-1")).reason == "used-id"
        assert len(one.link.orders) == 1
        await one.settled()
        assert [row[0] for row in told(one)].count("completed") == 1, "a replay is no outcome of the first"


@warped
async def test_rejected_before_anything_is_stored_or_sent() -> None:
    async with plant() as one:
        for given, reason in [
            ({"name": "explode"}, "unknown-command"),
            ({"target": "ghost"}, "unknown-target"),
            ({"name": "set", "args": {"level": 200}}, "bad-argument"),
            ({"target": "relay", "by": issuer(scopes=["command:*:*"])}, "forbidden"),
            ({"by": issuer(scopes=["read"])}, "forbidden"),
            ({"expires_s": -1}, "expired"),
            ({"expires_s": 3600}, "lifetime"),
            ({"id_": "no good"}, "bad-id"),
        ]:
            outcome = await one.give(**given)
            assert (outcome.status, outcome.reason) == (OutcomeStatus.REJECTED, reason)
        await one.settled()
        assert not one.link.orders
        assert {row[:2] for row in told(one)} == {("rejected", "rejected")}
        assert {event.subject for event in one.store.events} == {"pump", "relay", "gateway"}
        assert not one.store.states("command")


@warped
async def test_a_store_that_refuses_or_is_slow_keeps_everything_from_being_sent() -> None:
    async with plant() as one:
        one.store.broken = "full"
        assert (await one.give("c-1")).reason == "store"
        one.store.broken = None
        one.store.slow_s = 30.0
        began_ns = one.clock.now().mono_ns
        assert (await one.give("c-2")).reason == "store"
        assert one.clock.now().mono_ns - began_ns <= 3.1 * S, "two seconds for the admission, one for the record"
        one.store.slow_s = 0.0
        await one.settled()
        assert not one.link.orders
        completed = one.store.told("completed")
        assert [(row["id"], row["status"], row["reason"]) for row in completed] == [
            ("c-1", "rejected", "store"),
            ("c-2", "rejected", "store"),
        ]
        assert all(b"pending" not in value for value in one.store.states("command").values())
        async with plant(one.store, boot=2) as again:
            assert again.desk.figures().outcomes == {}, "nothing was left without an outcome"


@warped
async def test_a_door_acts_without_the_disk_and_is_recorded_later() -> None:
    async with plant() as one:
        one.store.broken = "full"
        decision = Event("edgegw.access.granted", Lane.ACCESS, "door/lobby", one.clock.now(), b"{}")
        state = StateChange("door", "lobby", b"1")
        outcome = await one.give(
            "d-1",
            "relay",
            by=issuer(Source.DOOR, ()),
            lane=OrderLane.DOOR,
            submit={
                "alongside": Changes((decision,), (state,)),
                "audit_wait_s": 0.0,
                "on_store_failure": "act",
            },
        )
        assert outcome == DONE
        assert len(one.link.orders) == 1
        assert not one.store.events
        assert one.desk.figures().acted_unrecorded == 1
        await asyncio.sleep(30)
        assert one.desk.figures().store_failing == "full"
        one.store.broken = None
        await one.settled()
        assert [event.type for event in one.store.events] == ["edgegw.access.granted", "edgegw.command.completed"]
        assert one.store.states("door") == {"lobby": b"1"}
        assert [target for target, _ in one.observed] == [order.device for order in one.link.orders]


@warped
async def test_a_door_that_must_be_on_record_waits_for_its_time_only() -> None:
    async with plant() as one:
        one.store.slow_s = 2.5
        outcome = await one.give("d-1", "relay", by=issuer(Source.DOOR, ()), submit={"audit_wait_s": 1.0})
        assert outcome.reason == "store"
        await one.settled()
        assert told(one) == [("admitted", "", ""), ("completed", "rejected", "store")], (
            "in this order, though it came late"
        )


@warped
async def test_the_answer_does_not_wait_for_a_stuck_record() -> None:
    async with plant() as one:

        async def act(order: Order) -> Outcome:
            one.store.broken = "full"
            return DONE

        one.link._act = act
        began_ns = one.clock.now().mono_ns
        assert await one.give("c-1") == DONE
        assert one.clock.now().mono_ns - began_ns <= 1.01 * S
        assert b"pending" in one.store.states("command")["c-1"]
        one.store.broken = None
        await one.settled()
        assert told(one)[-1] == ("completed", "done", "")
        assert b"pending" not in one.store.states("command")["c-1"]


@warped
async def test_a_restart_in_the_middle_leaves_unknown_and_sends_nothing() -> None:
    async with plant() as one:

        async def act(order: Order) -> Outcome:
            await asyncio.sleep(3600)
            return DONE

        one.link._act = act
        asked = asyncio.create_task(one.give("c-1", name="set", args={"level": 7}))
        while not one.link.orders:
            await asyncio.sleep(0)
    assert (await asked).reason == "stopping"
    async with plant(one.store, boot=2) as again:
        assert not again.link.orders
        assert told(again)[-1] == ("completed", "unknown", "restart")
        last = again.store.told()[-1]
        assert (last["id"], last["target"], last["command"], last["args"]) == ("c-1", "pump", "set", {"level": 7})
        assert again.desk.figures().outcomes == {("unknown", "restart"): 1}
        assert (await again.give("c-1", name="set", args={"level": 7})).reason == "used-id"
    async with plant(one.store, boot=3) as third:
        assert third.desk.figures().outcomes == {}, "told once"


@warped
async def test_recovery_on_a_full_store_is_recorded_when_it_can() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(3600, DONE)
        asked = asyncio.create_task(one.give("c-1"))
        while not one.link.orders:
            await asyncio.sleep(0)
    await asked
    one.store.faults.append("full")
    async with plant(one.store, boot=2) as again:
        await again.settled()
        assert told(again)[-1] == ("completed", "unknown", "restart")


@warped
async def test_whoever_waits_may_go_away() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(1, DONE)
        asked = asyncio.create_task(one.give("c-1"))
        while not one.link.orders:
            await asyncio.sleep(0)
        asked.cancel()
        await asyncio.wait({asked})
        assert asked.cancelled()
        assert one.desk.figures().underway == 1
        await one.settled()
        assert told(one)[-1] == ("completed", "done", "")


@warped
async def test_a_link_that_never_answers_is_unknown_before_the_deadline() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(3600, DONE)
        outcome = await one.give("c-1")
        assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "no-answer")
        assert len(one.link.orders) == 1, "unknown is never tried again"


@pytest.mark.parametrize("reason", ["link-down", "device-down"])
def test_known_to_be_down_fails_at_once_unless_it_insists(reason: str) -> None:
    @warped
    async def check() -> None:
        async with plant() as one:
            one.link.why_down = reason
            began_ns = one.clock.now().mono_ns
            outcome = await one.give("c-1")
            assert (outcome.status, outcome.reason) == (OutcomeStatus.FAILED, reason)
            assert one.clock.now().mono_ns == began_ns
            assert not one.link.orders
            assert await one.give("c-2", insist=True) == DONE

    check()


@warped
async def test_one_order_per_device_at_a_time_doors_first_then_by_coming() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(0.1, DONE)
        lanes = [OrderLane.COMMAND, OrderLane.COMMAND, OrderLane.DOOR, OrderLane.COMMAND]
        outcomes = await asyncio.gather(
            *(one.give(f"c-{n}", lane=lane) for n, lane in enumerate(lanes)), one.give("v-1", "valve")
        )
        assert outcomes == [DONE] * 5
        assert [order.id for order in one.link.orders if order.device == "pump"] == ["c-0", "c-2", "c-1", "c-3"]
        assert one.link.most_at_once == 1
        assert [order.id for order in one.link.orders][:2] == ["c-0", "v-1"], "devices do not wait for each other"


@warped
async def test_the_line_before_a_device_is_bounded_and_its_waiters_expire() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(3600, DONE)
        given = [asyncio.create_task(one.give(f"c-{n}")) for n in range(WAITING_MOST)]
        await asyncio.sleep(0.1)
        assert (await one.give("c-x")).reason == "busy"
        assert (await one.give("c-x")).reason == "used-id", "told no once, it is not carried out later"
        assert (await one.give("v-1", "valve", within_s=0.5)).reason == "no-answer"
        outcomes = [await task for task in given]
        assert outcomes[0].reason == "no-answer"
        assert {(o.status, o.reason) for o in outcomes[1:]} == {(OutcomeStatus.EXPIRED, "deadline")}
        assert len([order for order in one.link.orders if order.device == "pump"]) == 1


@warped
async def test_a_full_line_is_asked_again_for_doors_only() -> None:
    async with plant() as one:
        answers = [Outcome(OutcomeStatus.FAILED, "busy")] * 3

        async def act(order: Order) -> Outcome:
            return answers.pop() if answers else DONE

        one.link._act = act
        assert await one.give("d-1", "relay", by=issuer(Source.DOOR, ()), lane=OrderLane.DOOR) == DONE
        answers.append(Outcome(OutcomeStatus.FAILED, "busy"))
        assert (await one.give("c-1")).reason == "busy"
        answers += [Outcome(OutcomeStatus.FAILED, "busy")] * 10_000
        assert (await one.give("d-2", "relay", by=issuer(Source.DOOR, ()), lane=OrderLane.DOOR)).reason == "busy"


@warped
async def test_the_number_under_way_is_bounded_for_those_outside() -> None:
    async with plant() as one:
        one.desk._underway |= {asyncio.create_task(asyncio.sleep(0, DONE)) for _ in range(UNDERWAY_MOST)}
        assert (await one.give("c-1")).reason == "busy"
        assert await one.give("d-1", "relay", by=issuer(Source.DOOR, ())) == DONE
        one.desk._underway.clear()


# --- confirmation by a point ------------------------------------------------------------------------------------------


async def telling(one: Plant, *says: Callable[[], Reading | None], every_s: float = 0.2) -> Outcome:
    """Give ``tell``, and let the device say things, one after the other, from when it was sent."""
    asked = asyncio.create_task(one.give("c-1", name="tell"))
    while not one.link.orders:
        await asyncio.sleep(0)
    for say in says:
        await asyncio.sleep(every_s)
        reading = say()
        if reading is not None:
            one.listening.say("pump", reading)
    return await asked


@warped
async def test_a_point_confirms() -> None:
    async with plant() as one:
        outcome = await telling(one, lambda: Reading("state", "off"), lambda: Reading("state", "on"))
        assert outcome == Outcome(OutcomeStatus.DONE, values={"state": "on"})
        assert one.listening.heard["pump"] == []


@warped
async def test_what_is_stale_late_or_another_point_does_not_confirm() -> None:
    async with plant() as one:
        began_ns = one.clock.now().mono_ns
        outcome = await telling(
            one,
            lambda: Reading("state", "on", quality=Quality.STALE),
            lambda: Reading("status", "on"),
            lambda: Reading("state", "ON"),
        )
        assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "not-confirmed")
        assert one.clock.now().mono_ns - began_ns == pytest.approx(2.0 * S, abs=0.1 * S)
        one.listening.say("pump", Reading("state", "on"))
        await one.settled()
        assert told(one)[-1] == ("completed", "unknown", "not-confirmed")


@warped
async def test_what_was_said_before_it_was_sent_does_not_confirm() -> None:
    async with plant() as one:

        async def act(order: Order) -> Outcome:
            one.listening.say("pump", Reading("state", "on"))
            await asyncio.sleep(0.1)
            one.listening.say("pump", Reading("state", "on"))
            return Outcome(OutcomeStatus.DONE, "sent")

        one.link._act = act
        assert (await telling(one)).reason == "not-confirmed"


@warped
async def test_waiting_for_a_point_ends_before_the_deadline() -> None:
    async with plant() as one:
        began_ns = one.clock.now().mono_ns
        assert (await one.give("c-1", name="tell", within_s=1.0)).reason == "not-confirmed"
        assert 0.9 * S <= one.clock.now().mono_ns - began_ns <= 1.0 * S


@warped
async def test_sent_with_nothing_to_confirm_it_is_unknown() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(0, Outcome(OutcomeStatus.DONE, "sent"))
        outcome = await one.give("c-1", name="shout")
        assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "not-confirmed")


# --- doors ------------------------------------------------------------------------------------------------------------


@warped
async def test_a_door_decides_and_comes_back_to_its_lock() -> None:
    async with plant() as one:

        async def operate(command: Any) -> Outcome:
            return await one.give("d-1", "relay", by=issuer(Source.DOOR, (), "lobby"), lane=OrderLane.DOOR)

        one.desk.doors = operate
        assert await one.give("c-1", "lobby", "unlock", by=issuer(scopes=["door:public:unlock"])) == DONE
        assert [order.device for order in one.link.orders] == ["relay"]
        await one.settled()
        rows = [(e.type.rpartition(".")[2], e.subject) for e in one.store.events]
        assert rows == [
            ("admitted", "door/lobby"),
            ("admitted", "relay"),
            ("completed", "relay"),
            ("completed", "door/lobby"),
        ]
        elsewhere = issuer(scopes=["door:roof:*", "command:*:*"])
        assert (await one.give("c-2", "lobby", "unlock", by=elsewhere)).reason == "forbidden"


@warped
async def test_a_door_without_an_answer() -> None:
    async with plant() as one:
        one.desk.doors = lambda _command: asyncio.sleep(3600, DONE)
        outcome = await one.give("c-1", "lobby", "release", within_s=2.0)
        assert (outcome.status, outcome.reason) == (OutcomeStatus.UNKNOWN, "no-answer")
        one.desk.doors = None
        assert (await one.give("c-2", "lobby", "release")).status is OutcomeStatus.FAILED


@warped
async def test_a_decision_is_recorded_even_if_its_command_is_not_taken() -> None:
    async with plant() as one:
        decision = Event("edgegw.access.granted", Lane.ACCESS, "door/lobby", one.clock.now(), b"{}")
        outcome = await one.give(
            "d-1", "relay", "explode", by=issuer(Source.DOOR, ()), submit={"alongside": Changes((decision,))}
        )
        assert outcome.reason == "unknown-command"
        await one.settled()
        assert [event.type for event in one.store.events] == ["edgegw.access.granted", "edgegw.command.rejected"]


# --- rejections -------------------------------------------------------------------------------------------------------


@warped
async def test_rejections_are_recorded_at_a_bounded_rate_and_the_rest_counted() -> None:
    async with plant() as one:
        for n in range(100):
            assert (await one.give(f"c-{n}", name="explode")).reason == "unknown-command"
        assert (await one.give("u-1", by=issuer(Source.UPSTREAM))).reason == "no-expiry"
        await asyncio.sleep(5)
        assert len(one.store.events) == 31, "each source has its own share"
        await asyncio.sleep(70)
        rows = one.store.told("rejected")
        assert len(rows) == 32
        assert rows[-1]["suppressed"] == 69
        assert sum(1 + row.get("suppressed", 0) for row in rows) == 101
        assert one.desk.figures().outcomes == {("rejected", "unknown-command"): 100, ("rejected", "no-expiry"): 1}
        assert one.desk.figures().rejections_suppressed == 70


@warped
async def test_what_is_recorded_of_a_rejection_is_bounded() -> None:
    async with plant() as one:
        await one.give("x" * 5000, "t" * 5000, "n" * 5000, {"a": "v" * 50_000})
        await one.settled()
        (event,) = one.store.events
        assert len(event.data) < 1200


# --- ends -------------------------------------------------------------------------------------------------------------


@warped
async def test_before_and_after_the_run_nothing_is_taken() -> None:
    one = Plant()
    assert (await one.give("c-1")).reason == "stopping"
    async with plant() as other:
        other.link._act = lambda _order: asyncio.sleep(2, DONE)
        asked = asyncio.create_task(other.give("c-1"))
        await asyncio.sleep(0.1)
        draining = asyncio.create_task(other.desk.drain(10))
        await asyncio.sleep(0.1)
        assert (await other.give("c-2")).reason == "stopping"
        await draining
        assert asked.done()
        assert len(other.link.orders) == 1


@warped
async def test_draining_ends_in_its_time() -> None:
    async with plant() as one:
        one.store.broken = "full"
        await one.give("c-1")
        began_ns = one.clock.now().mono_ns
        await one.desk.drain(3)
        assert one.clock.now().mono_ns - began_ns <= 3.01 * S


@warped
async def test_a_mistake_in_a_command_ends_the_desk() -> None:
    one = Plant()

    async def act(order: Order) -> Outcome:
        raise ZeroDivisionError

    one.link._act = act
    running = asyncio.create_task(one.desk.run())
    await asyncio.sleep(0)
    with pytest.raises(ZeroDivisionError):
        await one.give("c-1")
    with pytest.raises(ExceptionGroup):
        await running


# --- clocks -----------------------------------------------------------------------------------------------------------


@warped
async def test_a_clock_set_back_two_hours_revives_nothing() -> None:
    by = issuer(Source.UPSTREAM)
    async with plant() as one:
        first = one.command("c-1", by=by, expires_s=30)
        assert await one.desk.submit(first) == DONE
        await asyncio.sleep(7200)
        assert await one.give("c-2", by=by, expires_s=30) == DONE
        assert "c-1" not in one.store.states("command"), "retired"
        one.clock.offset_s = -7200 - 5
        again = one.command("c-1", by=by, expires_s=30)
        assert (await one.desk.submit(again)).reason == "clock-untrusted"
    async with plant(one.store, boot=2) as after:
        after.clock.offset_s = -7200 - 5
        assert (await after.give("c-1", by=by, expires_s=30)).reason == "clock-untrusted"
        assert await after.give("c-3") == DONE, "what has no date does not need the clock"
        after.clock.offset_s = 0
        assert await after.give("c-4", by=by, expires_s=30) == DONE
    assert [order.id for order in (*one.link.orders, *after.link.orders)] == ["c-1", "c-2", "c-3", "c-4"]


@warped
async def test_an_expiry_is_a_deadline_for_sending() -> None:
    async with plant() as one:
        one.link._act = lambda _order: asyncio.sleep(1.0, DONE)
        busy = asyncio.create_task(one.give("c-1"))
        await asyncio.sleep(0)
        late = await one.give("c-2", expires_s=0.5)
        assert (late.status, late.reason) == (OutcomeStatus.EXPIRED, "deadline")
        await busy
        assert [order.id for order in one.link.orders] == ["c-1"]


@warped
async def test_while_records_pile_up_nothing_more_is_taken_that_can_be_refused() -> None:
    async with plant() as one:
        one.store.broken = "full"
        one.desk._recorder._most = 10
        for n in range(10):
            assert (await one.give(f"c-{n}")).reason == "store"
        tries = one.store.tries
        assert (await one.give("c-x")).reason == "store"
        assert one.store.tries == tries, "not even tried"
        by = issuer(Source.DOOR, ())
        assert await one.give("d-1", "relay", by=by, submit={"on_store_failure": "act", "audit_wait_s": 0.0}) == DONE


@warped
async def test_a_full_ledger_refuses_those_outside() -> None:
    async with plant() as one:
        one.desk._ledger._most = 1
        assert await one.give("c-1") == DONE
        assert (await one.give("c-2")).reason == "ledger-full"
        assert await one.give("d-1", "relay", by=issuer(Source.DOOR, ())) == DONE
        await asyncio.sleep(3700)
        assert list(one.store.states("command")) == ["d-1"]
        assert await one.give("c-2") == DONE
