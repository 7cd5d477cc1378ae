"""Patrols at work: which readings are check-ins and presses, what is handed on, and that no card number is among it."""

import asyncio
from typing import Any

import msgspec
import pytest

from edgegw.errors import EdgegwError
from edgegw.model import Changes, Decoded, Instant, Quality, Reading
from edgegw.patrols import KNOWN_MOST, PatrolService
from edgegw.profiles.fields import Text
from edgegw.rules.own import Reported
from edgegw.service.patrol import Patrols
from edgegw.service.patrol_specs import Person, Source
from edgegw.service.people import Ratings, RatingSpec
from edgegw.service.specs import Calendar
from tests.commands.fakes import LoopClock, warped
from tests.service.patrol_site import SHANGHAI, plan, point

# The loop's clock begins at 08:16:40 in Shanghai, 1 January 2026.
PLAN = plan(
    "morning",
    point("gate", 0, source=Source("reader", "card")),
    point("pump", 5, source=Source("panel", "di0", "button", True)),
    point("roof", 10, source=Source("button", "action", "button", "single"), tag="04A1"),
    starts=(8 * 60 + 25,),
    groups=frozenset({"guards"}),
)
PANEL = RatingSpec(
    id="lobby", name=Text(zh="大堂", en="Lobby"), device="button", point="action", scores={"double": 1}, ticket_at=2
)


class Shell:
    """A service, a pipeline that is no more than a list of who listens, and what came out."""

    def __init__(self) -> None:
        self.clock = LoopClock()
        self.listeners: dict[str, list[Any]] = {}
        self.recorded: list[Changes] = []
        self.conditions: list[Reported] = []
        self.asked: list[tuple[str, str]] = []
        self.rounds: list[Any] = []
        self.scores: list[int] = []
        core = Patrols(
            [PLAN],
            calendar=Calendar(SHANGHAI),
            language="en",
            states={},
            now=self.clock.now(),
            trusted=lambda _at: True,
        )
        self.service = PatrolService(
            core,
            listening=self,
            condition=lambda one, _at: self.conditions.append(one),
            record=self.recorded.append,
            clock=self.clock,
            holder=self.holder,
            ratings=Ratings([PANEL], language="en"),
            ended=lambda summary, _at: self.rounds.append(summary),
            rated=lambda score, _at: self.scores.append(score),
        )

    def holder(self, kind: str, number: str) -> tuple[str, str, tuple[str, ...]] | None:
        self.asked.append((kind, number))
        return ("g-7", "Wang", ("guards",)) if number == "0008844356" else None

    def listen(self, device: str, heard: Any) -> Any:
        self.listeners.setdefault(device, []).append(heard)
        return lambda: self.listeners[device].remove(heard)

    def listen_alarms(self, changed: Any) -> Any:
        raise AssertionError("nobody asks for alarms")

    def say(self, device: str, point_: str, value: Any, quality: Quality = Quality.FRESH) -> None:
        message = Decoded((Reading("other", 1), Reading(point_, value, None, quality)))
        for heard in self.listeners.get(device, ()):
            heard(device, message, self.clock.now())

    def told(self) -> list[str]:
        return [e.type.removeprefix("edgegw.") for changes in self.recorded for e in changes.events]

    async def round_open(self) -> asyncio.Task[None]:
        """Attached, running, and the round has begun."""
        self.service.attach()
        task = asyncio.get_running_loop().create_task(self.service.run())
        async with asyncio.timeout(600):
            while "patrol.started" not in self.told():
                await asyncio.sleep(1)
        return task


@warped
async def test_a_round_by_reader_button_and_word():
    shell = Shell()
    task = await shell.round_open()
    shell.say("reader", "card", "0008844356")
    await asyncio.sleep(330)
    shell.say("panel", "di0", value=False)
    shell.say("panel", "di0", value=True)
    shell.say("panel", "di0", value=True)
    await asyncio.sleep(600)
    shell.say("button", "action", "single")
    shell.say("button", "action", "")
    task.cancel()
    (summary,) = shell.rounds
    assert {p.id: p.result for p in summary.points} == {"gate": "on-time", "pump": "on-time", "roof": "on-time"}
    assert shell.asked == [("card", "0008844356")]
    states = [s for changes in shell.recorded for s in changes.states]
    assert {s.kind for s in states} == {"patrol"}
    assert "8844356" not in repr(shell.recorded) + repr(shell.conditions) + repr(shell.service.views())
    one = shell.conditions[0]
    assert (one.key, one.active, one.subject) == ("morning", False, "patrol"), "told at start that nothing is missed"


@warped
async def test_time_alone_tells_what_was_missed():
    shell = Shell()
    task = await shell.round_open()
    async with asyncio.timeout(7200):
        while not shell.rounds:
            await asyncio.sleep(10)
    task.cancel()
    assert shell.told().count("patrol.missed") == 3
    assert shell.conditions[-1].active is True
    assert shell.conditions[-1].owner == "Night patrol"


@warped
async def test_what_is_no_check_in():
    shell = Shell()
    (await shell.round_open()).cancel()
    for value in (None, "", True, 1.5):
        shell.say("reader", "card", value)
    shell.say("reader", "card", "0008844356", Quality.STALE)
    assert (shell.service.ignored, shell.asked) == (5, [])
    shell.say("panel", "di0", value=True)
    shell.say("panel", "di0", None)
    shell.say("panel", "di0", value=True)
    shell.say("panel", "di0", value=False)
    shell.say("panel", "di0", True, Quality.STALE)
    shell.say("panel", "di0", value=True)
    shell.say("button", "action", "single", Quality.STALE)
    shell.say("button", "action", None)
    shell.say("nobody", "card", "0008844356")
    assert shell.told() == ["patrol.started"]
    shell.say("panel", "di0", value=False)
    shell.say("panel", "di0", value=True)
    assert shell.told() == ["patrol.started", "patrol.out-of-order"], "pressed now, before the gate"


@warped
async def test_a_card_nobody_knows_is_told_without_its_number():
    shell = Shell()
    (await shell.round_open()).cancel()
    shell.say("reader", "card", "0099990000")
    assert shell.told() == ["patrol.started", "patrol.checked"]
    assert b'"result":"unknown"' in shell.recorded[-1].events[0].data
    assert "99990000" not in repr(shell.recorded)


@warped
async def test_check_ins_by_the_api():
    shell = Shell()
    (await shell.round_open()).cancel()
    who = Person("li", "Li", None)
    taken = shell.service.check_in("roof", who, id_="c-1", tag="04A1")
    assert (taken.new, [r.result for r in taken.results]) == (True, ["out-of-order"])
    again = shell.service.check_in("roof", who, id_="c-1", tag="04A1")
    assert (again.new, again.results) == (False, taken.results)
    assert shell.told().count("patrol.out-of-order") == 1
    with pytest.raises(EdgegwError, match="wrong-tag"):
        shell.service.check_in("roof", who, id_="c-2")
    assert shell.service.check_in("roof", who, id_="c-2", tag="04A1").new, "what was refused is not known"
    for i in range(KNOWN_MOST):
        shell.service.check_in("roof", who, id_=f"d-{i}", tag="04A1")
    assert shell.service.check_in("roof", who, id_="c-1", tag="04A1").new, "forgotten, and a repetition all the same"
    assert shell.told().count("patrol.out-of-order") == 1


@warped
async def test_ratings_are_heard_recorded_and_counted():
    shell = Shell()
    shell.service.attach()
    shell.say("button", "action", "double")
    shell.say("button", "action", "")
    shell.say("button", "action", "double")
    assert shell.told() == ["service.rated"]
    assert shell.scores == [1]
    one = shell.conditions[-1]
    assert (one.key, one.subject, one.active) == ("rating-lobby", "service", True)
    shell.service.detach()
    assert all(not listeners for listeners in shell.listeners.values())


@warped
async def test_a_clock_that_is_set_is_noticed_within_seconds():
    shell = Shell()
    shell.service.attach()
    task = asyncio.get_running_loop().create_task(shell.service.run())
    await asyncio.sleep(1)
    real = shell.clock.now
    ahead_ns = 3_600 * 10**9

    def later() -> Instant:
        return msgspec.structs.replace(real(), wall_ns=real().wall_ns + ahead_ns)

    shell.clock.now = later
    await asyncio.sleep(6)
    task.cancel()
    assert [summary.reason for summary in shell.rounds] == ["clock-step"]
