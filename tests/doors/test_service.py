"""The door service: what it hands to the desk, in which order, and what follows from the outcome."""

import asyncio

import pytest
from msgspec import structs

from edgegw.doors.service import ACTS_MOST, DOOR_DEADLINE_S
from edgegw.model import OrderLane, Outcome, OutcomeStatus, Source
from edgegw.rules.events import NS_PER_S
from tests.access.site import CARD, OTHER
from tests.commands.fakes import warped
from tests.doors.house import DONE, TERMINAL, WIRING, House, until

REFUSED = OutcomeStatus.REJECTED


# --- the order: decided, committed, carried out ---------------------------------------------------------------------------


@warped
async def test_a_grant_goes_to_the_desk_with_its_record_and_not_without():
    """The desk commits what comes alongside before it sends: nothing is left to a later commit."""
    house = await House().passed()
    (handed,) = house.desk.handed
    command, (event,) = handed.command, handed.alongside.events
    assert event.type == "edgegw.access.granted"
    assert house.events()[0]["decision_id"] == command.id
    assert (command.target, command.name, dict(command.args)) == ("relay", "pulse", {"seconds": 5.0})
    assert (command.issuer.source, command.issuer.name, command.issuer.scopes) == (Source.DOOR, "main", ())
    assert (command.lane, command.insist) == (OrderLane.DOOR, False)
    assert command.deadline_ns == event.at.mono_ns + round(DOOR_DEADLINE_S * NS_PER_S)
    assert (handed.audit_wait_s, handed.on_store_failure) == (1.0, "act")
    assert house.records == []


@warped
async def test_a_door_that_must_not_open_unrecorded_says_so():
    house = await House(structs.replace(WIRING, act_unrecorded=False)).passed()
    assert house.desk.handed[0].on_store_failure == "refuse"


@warped
async def test_a_fire_is_carried_out_first_and_waits_for_no_store():
    house = await House().settled()
    house.say("panel", fire=True)
    await until(lambda: house.desk.handed)
    (handed,) = house.desk.handed
    assert (handed.command.name, handed.command.insist) == ("on", True)
    assert (handed.audit_wait_s, handed.on_store_failure) == (0.0, "act")
    assert [event["reason"] for event in house.events()] == ["fire"]
    assert handed.alongside.states, "the latch goes with it, so that a restart knows"


@warped
async def test_a_refusal_is_recorded_and_moves_nothing():
    house = await House().settled()
    house.say("r1", card=OTHER)
    await asyncio.sleep(1)
    assert house.desk.handed == []
    assert [(event["reason"], event["credential"]) for event in house.events()] == [("unknown-credential", "…9999")]
    assert house.service.decisions == {("denied", "unknown-credential"): 1}


@warped
async def test_no_number_and_no_pin_leaves_in_any_event_command_or_text():
    house = await House(require="card+pin").settled()
    house.person(pin="4711", duress_pin="4712")
    for pin in ("9182", "4711", "4712"):
        house.say("r1", card=CARD)
        house.say("r1", pin=pin)
        await asyncio.sleep(20)
    assert house.desk.commands == ["pulse", "pulse"]
    assert house.told("duress") == [True]
    shown = repr((house.desk.handed, house.records, house.conditions)) + repr(house.events())
    for secret in (CARD, CARD.lstrip("0"), "9182", "4711", "4712"):
        assert secret not in shown


# --- terminals that ask -----------------------------------------------------------------------------------------------------


@warped
async def test_a_terminal_is_answered_with_what_it_asked_by():
    house = await House(TERMINAL).settled()
    house.person()
    house.say("r1", card=CARD, serial="s-1")
    house.say("r1", card=OTHER, serial="s-2")
    await until(lambda: len(house.desk.handed) == 2)
    assert [(handed.command.name, dict(handed.command.args)) for handed in house.desk.handed] == [
        ("allow", {"serial": "s-1"}),
        ("refuse", {"serial": "s-2", "code": "100000"}),
    ]
    assert house.desk.handed[1].on_store_failure == "act", "a refusal needs no record to be safe"
    assert house.records == []


@warped
async def test_a_refusal_says_nothing_about_the_lock():
    """Its outcome is a terminal's, not a bolt's; and whatever it is, the service goes on."""
    house = await House(TERMINAL).settled()
    house.desk.outcome = Outcome(OutcomeStatus.FAILED, "link-down")
    async with house.running():
        await asyncio.sleep(1)
        house.conditions.clear()
        house.say("r1", card=OTHER, serial="s-1")
        await asyncio.sleep(10)
        assert house.conditions == []
        house.desk.outcome = DONE
        house.person()
        house.say("r1", card=CARD, serial="s-2")
        await until(lambda: house.desk.commands == ["refuse", "allow"])


@warped
async def test_each_terminal_that_asks_is_answered_also_while_an_unlock_is_on_its_way():
    house = await House(TERMINAL).settled()
    house.person()
    house.person("berta", OTHER)
    house.desk.gate = asyncio.Event()
    house.say("r1", card=CARD, serial="s-1")
    house.say("r1", card=OTHER, serial="s-2")
    house.say("r1", card=OTHER)  # without a serial nobody waits
    await asyncio.sleep(1)
    assert [handed.command.args["serial"] for handed in house.desk.handed] == ["s-1", "s-2"]
    assert [event.get("joined", False) for event in house.events()] == [
        True,
        False,
        True,
    ]  # the last is recorded at once
    assert len({handed.command.id for handed in house.desk.handed}) == 2
    house.desk.gate.set()


# --- people and linkages -----------------------------------------------------------------------------------------------------


@warped
async def test_whoever_asks_gets_the_locks_outcome():
    house = await House().settled()
    house.desk.outcome = Outcome(OutcomeStatus.UNKNOWN, "no-answer", "…")
    assert await house.operate("unlock") == house.desk.outcome
    assert house.events()[0]["issuer"] == "desk"
    assert house.told("lock-failed") == [True]
    assert house.seconds == []
    house.desk.outcome = DONE
    assert await house.operate("unlock") == DONE
    assert house.told("lock-failed") == [True, False]
    assert len(house.seconds) == 1


@warped
async def test_an_unlock_that_joins_shares_the_outcome_and_sends_nothing():
    house = await House().settled()
    house.person()
    house.desk.gate = asyncio.Event()
    house.desk.outcome = Outcome(OutcomeStatus.UNKNOWN, "no-answer")
    house.say("r1", card=CARD)
    await until(lambda: house.desk.handed)
    asked = [asyncio.create_task(house.operate("unlock", by=by)) for by in ("desk", "guard")]
    await asyncio.sleep(0.1)
    assert house.desk.commands == ["pulse"]
    house.desk.gate.set()
    assert await asyncio.gather(*asked) == [house.desk.outcome] * 2
    joined = [event["issuer"] for event in house.events() if event.get("joined")]
    assert joined == ["desk", "guard"], "each decision is recorded"
    await house.operate("unlock")
    assert house.desk.commands == ["pulse", "pulse"], "after the outcome it is a new one"


@warped
async def test_who_goes_away_takes_no_order_back():
    house = await House().settled()
    house.desk.gate = asyncio.Event()
    asking = asyncio.create_task(house.operate("unlock"))
    await until(lambda: house.desk.handed)
    asking.cancel()
    await asyncio.sleep(0.1)
    house.desk.gate.set()
    await house.service.drain(1)
    assert len(house.seconds) == 1
    assert house.state() == "unlocked"


@warped
async def test_a_relock_waits_for_the_end_of_the_fire():
    house = await House().settled()
    house.say("panel", fire=True)
    await until(lambda: house.core.view("main", house.now).confirmed)
    outcome = await house.operate("relock")
    assert (outcome.status, outcome.reason) == (REFUSED, "fire-active")
    assert house.desk.commands == ["on"]
    house.say("panel", fire=False)
    assert await house.operate("unlock") == Outcome(OutcomeStatus.DONE, detail="the door is so already")
    assert await house.operate("relock") == DONE
    assert house.desk.commands == ["on", "off"]
    assert house.state() == "locked"


@warped
async def test_an_act_the_lock_has_no_command_for_is_not_told_as_done():
    house = await House(TERMINAL).settled()
    for action in ("release", "relock"):
        outcome = await house.operate(action)
        assert (outcome.status, outcome.reason) == (REFUSED, "unknown-command")
    assert house.desk.handed == []
    assert house.state() == "locked"


@warped
async def test_acts_under_way_are_bounded():
    house = await House(TERMINAL).settled()
    house.desk.gate = asyncio.Event()
    for n in range(ACTS_MOST + 5):
        house.say("r1", card=f"{n:010}", serial=f"s-{n}")
        await asyncio.sleep(0.6)
    assert len(house.desk.handed) == ACTS_MOST
    assert len(house.events()) == ACTS_MOST + 5
    house.desk.gate.set()


@warped
async def test_a_fire_is_not_held_up_by_answers_under_way():
    house = await House(structs.replace(TERMINAL, acts={**WIRING.acts, **TERMINAL.acts}, fire=WIRING.fire)).settled()
    house.desk.gate = asyncio.Event()
    for n in range(ACTS_MOST):
        house.say("r1", card=f"{n:010}", serial=f"s-{n}")
    house.say("panel", fire=True)
    await asyncio.sleep(0.1)
    assert house.desk.commands == [*["refuse"] * ACTS_MOST, "on"]
    house.desk.gate.set()


# --- releases that are said again --------------------------------------------------------------------------------------------


@warped
async def test_a_release_over_a_running_pulse_is_said_again_after_it():
    """The board times the pulse and would end the release with it."""
    house = await House().passed()
    await asyncio.sleep(0.1)
    house.say("panel", fire=True)
    await until(lambda: len(house.desk.handed) == 3, 20)
    first, again = house.desk.handed[1:]
    assert (again.command.name, again.command.insist, again.audit_wait_s) == ("on", True, 0.0)
    assert again.command.id == f"{first.command.id}.again"
    assert again.alongside.events == ()
    assert again.command.deadline_ns - first.command.deadline_ns >= 5 * NS_PER_S


@warped
async def test_it_is_not_said_again_after_a_relock():
    house = await House().settled()
    await house.operate("unlock")
    await house.operate("release", source=Source.LINKAGE, by="fire")
    await house.operate("relock")
    await asyncio.sleep(60)
    assert house.desk.commands == ["pulse", "on", "off"]


@warped
async def test_nor_when_the_gateway_stops():
    house = await House().settled()
    await house.operate("unlock")
    await house.operate("release")
    await house.service.drain(1)
    await asyncio.sleep(60)
    assert house.desk.commands == ["pulse", "on"]


# --- time ----------------------------------------------------------------------------------------------------------------------


@warped
async def test_time_alone_raises_alarms_and_opens_nothing():
    house = await House(require="card+pin").settled()
    house.person(pin="4711")
    async with house.running():
        house.say("panel", open=True)
        house.say("r1", card=CARD)
        house.lost.add("r2")
        await asyncio.sleep(120)
        assert [event["reason"] for event in house.events()] == ["pin-timeout"]
        assert house.told("forced") == [True]
        assert True in house.told("reader-lost")
        house.lost.clear()
        await asyncio.sleep(3)
        assert house.told("reader-lost")[-1] is False
    assert house.desk.handed == []


@warped
async def test_a_door_left_open_is_held():
    house = await House().settled()
    async with house.running():
        await house.operate("unlock")
        house.say("panel", open=True)
        await asyncio.sleep(29)
        assert True not in house.told("held")
        await asyncio.sleep(2)
        assert house.told("held")[-1] is True
        house.say("panel", open=False)
        assert house.told("held")[-1] is False


@warped
async def test_a_mistake_of_ours_in_an_act_ends_the_service():
    house = await House().settled()
    running = asyncio.create_task(house.service.run())
    await asyncio.sleep(0)
    house.desk.fault = ZeroDivisionError("a mistake")
    house.say("panel", fire=True)
    with pytest.raises(ExceptionGroup) as raised:
        await running
    assert raised.group_contains(ZeroDivisionError)
