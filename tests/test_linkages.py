"""Linkages at work: what they hand to the desk, that each action has its own end, and one report of all."""

import asyncio
from typing import Any

import msgspec
import pytest

from edgegw.linkages import RUNS_MOST, LinkageRunner
from edgegw.model import Changes, Event, Lane, OrderLane, Outcome, OutcomeStatus, Source
from edgegw.rules.linkage import Linkages
from edgegw.rules.linkage_state import LinkageSpec, PlannedAction, Watched
from tests.commands.fakes import LoopClock, S, warped

FIRE = LinkageSpec(
    "fire",
    "Fire",
    (Watched("smoke", "smoke"),),
    (
        PlannedAction(0, "release", "gate", "release", {}, 2.0),
        PlannedAction(1, "command", "lift", "recall", {"floor": 1}, 5.0),
        PlannedAction(2, "command", "fan", "run", {}, 4.0),
    ),
)


class Site:
    """Linkages, and a desk that says what `outcomes` has for a target after `takes_s`."""

    def __init__(self, *specs: LinkageSpec) -> None:
        self.clock = LoopClock()
        self.recorded: list[Changes] = []
        self.handed: list[tuple[Any, dict[str, Any]]] = []
        self.outcomes: dict[str, Outcome] = {}
        self.takes_s: dict[str, float] = {}
        self.fault: Exception | None = None
        core = Linkages("gw", specs or (FIRE,), {})
        self.runner = LinkageRunner(core, self, record=self.recorded.append, clock=self.clock)

    async def submit(self, command, **more):
        assert self.told("started"), "the start goes into a commit before anything is handed in"
        self.handed.append((command, more))
        if self.fault is not None:
            raise self.fault
        await asyncio.sleep(self.takes_s.get(command.target, 0.1))
        return self.outcomes.get(command.target, Outcome(OutcomeStatus.DONE))

    def alarm(
        self, device: str = "smoke", rule: str = "smoke", *, what: str = "raised", quality: str = "fresh"
    ) -> None:
        data = msgspec.json.encode({"rule": rule, "alarm_id": "a-1", "evidence": {"quality": quality}})
        self.runner.alarm(Event(f"edgegw.alarm.{what}", Lane.ALARM, device, self.clock.now(), data))

    def told(self, what: str) -> list[dict[str, Any]]:
        kind = f"edgegw.linkage.{what}"
        return [msgspec.json.decode(e.data) for changes in self.recorded for e in changes.events if e.type == kind]

    async def ended(self, count: int = 1) -> list[dict[str, Any]]:
        async with asyncio.timeout(30):
            while len(self.told("completed")) < count:
                await asyncio.sleep(0.01)
        return self.told("completed")


@warped
async def test_all_actions_go_to_the_desk_at_once_each_with_its_own_right_and_deadline():
    site = Site()
    site.alarm()
    began_ns = site.clock.now().mono_ns
    (run,) = await site.ended()
    commands = [command for command, _ in site.handed]
    assert [(c.target, c.name, dict(c.args)) for c in commands] == [
        ("gate", "release", {}),
        ("lift", "recall", {"floor": 1}),
        ("fan", "run", {}),
    ]
    assert [c.id for c in commands] == [f"{run['run_id']}.{index}" for index in range(3)]
    assert [c.issuer.scopes for c in commands] == [
        ("door:gate:release",),
        ("command:lift:recall",),
        ("command:fan:run",),
    ]
    assert {(c.issuer.source, c.issuer.name) for c in commands} == {(Source.LINKAGE, "fire")}
    assert [c.deadline_ns - began_ns for c in commands] == [2 * S, 5 * S, 4 * S]
    assert all(c.insist for c in commands)
    assert run["done"] is True
    assert run["actions"][0]["duration_ms"] == 100


@warped
async def test_a_release_waits_for_no_store_and_nothing_is_refused_for_one():
    site = Site()
    site.alarm()
    await site.ended()
    assert [more for _, more in site.handed] == [
        {"audit_wait_s": 0.0, "on_store_failure": "act"},
        {"audit_wait_s": None, "on_store_failure": "act"},
        {"audit_wait_s": None, "on_store_failure": "act"},
    ]
    assert [command.lane for command, _ in site.handed] == [OrderLane.DOOR, OrderLane.COMMAND, OrderLane.COMMAND]


@warped
async def test_the_slowest_action_holds_up_the_report_and_nothing_else():
    site = Site()
    site.takes_s["lift"] = 4.0
    site.outcomes["lift"] = Outcome(OutcomeStatus.UNKNOWN, "not-confirmed")
    site.outcomes["fan"] = Outcome(OutcomeStatus.FAILED, "device-down")
    site.alarm()
    await asyncio.sleep(3)
    assert len(site.handed) == 3
    assert site.told("completed") == []
    (run,) = await site.ended()
    assert run["done"] is False
    assert [(a["status"], a.get("reason", ""), a["duration_ms"]) for a in run["actions"]] == [
        ("done", "", 100),
        ("unknown", "not-confirmed", 4000),
        ("failed", "device-down", 100),
    ]


@warped
async def test_what_starts_nothing():
    site = Site()
    site.alarm("smoke", "battery")
    site.alarm("other")
    site.alarm(what="cleared")
    site.alarm(quality="stale")
    await asyncio.sleep(1)
    assert site.handed == []
    site.alarm(what="updated")  # it holds now, too
    site.alarm(what="updated")
    site.alarm()
    await site.ended()
    await asyncio.sleep(1)
    assert site.runner.started == len(site.told("started")) == 1


@warped
async def test_runs_are_bounded_and_those_left_out_are_told():
    """So many linkages of one alarm that something is wrong."""
    specs = [
        LinkageSpec(f"l{n}", "", (Watched("smoke", "smoke"),), (PlannedAction(0, "command", f"d{n}", "on"),))
        for n in range(RUNS_MOST + 2)
    ]
    site = Site(*specs)
    site.alarm()
    ended = await site.ended(RUNS_MOST + 2)
    assert len(site.handed) == RUNS_MOST
    assert site.runner.left_out == 2
    assert [a["reason"] for run in ended for a in run["actions"] if a["status"] == "failed"] == ["busy", "busy"]


@warped
async def test_draining_lets_a_run_end_and_be_told():
    site = Site()
    site.alarm()
    await site.runner.drain(5)
    assert len(site.told("completed")) == 1
    site.alarm(what="cleared")
    site.takes_s["lift"] = 60.0
    site.alarm()
    began = site.clock.now().mono_ns
    await site.runner.drain(5)
    assert site.clock.now().mono_ns - began == 5 * S
    assert len(site.told("completed")) == 1


@warped
async def test_a_mistake_of_ours_in_a_run_ends_the_service():
    site = Site()
    running = asyncio.create_task(site.runner.run())
    site.fault = ZeroDivisionError("a mistake")
    site.alarm()
    with pytest.raises(ZeroDivisionError):
        await running
