"""Door terminals on MQTT: those that ask are answered in time, those that tell are acknowledged and raise nothing old."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, TypeVar

from simulators.terminals import FaceTerminal, Vf105
from tests.e2e.gate import Gate
from tests.e2e.plant import eventually

_T = TypeVar("_T")

FRONT, BACK = "e4720000964b5c00", "e4720000964b5c01"
FACES = ("1026700", "1026701")
CODE = "s345463434gg"
PASSES = 40
"""Requests in a row for the median."""


def terminal_site(gate: Gate) -> None:
    """Two VF105, each a door of its own, and two face terminals; a refused passage that is told raises an alarm."""
    gate.door_site()
    tree = gate.plant.tree
    for name, uuid in (("front", FRONT), ("back", BACK)):
        tree["devices"][f"vf-{name}"] = {
            "link": "broker",
            "profile": "vguang/vf105",
            "address": uuid,
            "rules": {
                "turned-away": {
                    "point": "outcome",
                    "when": {"equals": "PERMISSION_DENIED"},
                    "momentary": True,
                    "title": "Somebody was turned away",
                }
            },
        }
        serial = {"serial": "$serial"}
        tree["doors"][name] = {
            "readers": [{"device": f"vf-{name}", "point": "card"}],
            "lock": {
                "device": f"vf-{name}",
                "unlock": {"command": "allow", "args": serial},
                "refuse": {"command": "refuse", "args": serial},
            },
            "pulse": "3s",
        }
    for n, ident in enumerate(FACES):
        tree["devices"][f"face-{n}"] = {"link": "broker", "profile": "mqtt-face/terminal", "address": ident}
    tree["access"]["rights"]["residents"]["doors"] = ["front"]


async def seen(what: str, look: Callable[[], _T]) -> _T:
    """`eventually` beside terminals that go on living."""
    return await asyncio.to_thread(eventually, what, look)


@asynccontextmanager
async def terminals(gate: Gate, *makers: Callable[[str, int], Any]) -> AsyncIterator[list[Any]]:
    async with AsyncExitStack() as stack:
        made = []
        for maker in makers:
            terminal = maker("127.0.0.1", gate.plant.ports["broker"])
            await terminal.start()
            stack.push_async_callback(terminal.stop)
            made.append(terminal)
        yield made


def front(host: str, port: int) -> Vf105:
    return Vf105(host, port, FRONT)


def back(host: str, port: int) -> Vf105:
    return Vf105(host, port, BACK)


def face(host: str, port: int) -> FaceTerminal:
    return FaceTerminal(host, port, FACES[0])


def other_face(host: str, port: int) -> FaceTerminal:
    return FaceTerminal(host, port, FACES[1])


async def test_a_terminal_that_asks_is_answered_in_time(gate: Gate) -> None:
    """In whichever case its firmware writes the code, and with nothing upstream. Some 2 ms each when nothing else goes on."""
    terminal_site(gate)
    gate.start()
    gate.give(CODE)
    gate.plant.kill("desk")
    async with terminals(gate, front) as (vf,):
        took = []
        for n in range(PASSES):
            began = time.monotonic()
            assert await vf.ask(CODE.upper() if n % 2 else CODE, wait=3.0)
            took.append(time.monotonic() - began)
        assert not await vf.ask("stranger", wait=3.0)
        assert vf.openings == ["online"] * PASSES
        assert vf.refusals == ["100000"]
        assert statistics.median(took) < 0.3, took
        assert max(took) < 3.0
    gate.plant.start_desk()
    (denied,) = await seen("the refusal", lambda: gate.records("edgegw.access.denied"))
    granted = gate.records("edgegw.access.granted")
    assert len(granted) == PASSES
    assert {event["data"]["credential"] for event in granted} == {"…34gg"}
    assert (denied["data"]["door"]["id"], denied["data"]["reason"]) == ("front", "unknown-credential")
    assert CODE not in str(gate.plant.events()).lower() + gate.plant.log("gateway").lower()
    assert gate.moved() == []


async def test_two_terminals_on_one_topic_are_told_apart(gate: Gate) -> None:
    """The holder has a right at the front only; each terminal gets its own answers, also when both ask under one serial."""
    terminal_site(gate)
    gate.start()
    gate.give(CODE)
    async with terminals(gate, front, back) as (one, other):
        assert await asyncio.gather(one.ask(CODE), other.ask(CODE)) == [True, False]
        assert (one.openings, one.refusals) == (["online"], [])
        assert (other.openings, other.refusals) == ([], ["100000"])
        await other.record("r-1")
        await other.until(lambda: other.acknowledged == ["r-1"])
        assert one.acknowledged == []
    (granted,) = await seen("the grant", lambda: gate.records("edgegw.access.granted"))
    (denied,) = await seen("the refusal", lambda: gate.records("edgegw.access.denied"))
    assert (granted["data"]["door"]["id"], granted["data"]["reader"]) == ("front", "vf-front")
    assert (denied["data"]["door"]["id"], denied["data"]["reason"]) == ("back", "no-privilege")
    (told,) = await seen("the record", lambda: readings(gate, "record"))
    assert told == ("vf-back", "r-1", "stale")


async def test_two_who_ask_at_once_are_both_answered(gate: Gate) -> None:
    terminal_site(gate)
    gate.start()
    gate.give(CODE)
    gate.give("second-code", holder="u2")
    async with terminals(gate, front) as (vf,):
        assert await asyncio.gather(*(vf.ask(code, wait=3.0) for code in (CODE, "second-code", CODE))) == [True] * 3
        assert vf.openings == ["online"] * 3
    granted = await seen("all grants", lambda: len(found := gate.records("edgegw.access.granted")) == 3 and found)
    done = await seen("all outcomes", lambda: len(found := gate.records("edgegw.command.completed")) == 3 and found)
    assert {event["data"]["id"] for event in done} == {event["data"]["decision_id"] for event in granted}
    assert [event["data"]["args"]["serial"] for event in done] == ["0000000001", "0000000002", "0000000003"]


async def test_a_request_that_is_not_from_now_is_never_answered(gate: Gate) -> None:
    """One that a broker keeps, and one that was made while the gateway was down."""
    terminal_site(gate)
    gate.start()
    gate.give(CODE)
    async with terminals(gate, front) as (vf,):
        assert not await vf.ask(CODE, wait=0.5, retain=True)
        gate.plant.kill("gateway")
        assert not await vf.ask(CODE, wait=0.2)
        await asyncio.to_thread(gate.plant.start_gateway)
        assert await vf.ask(CODE)
        assert vf.openings == ["online"]
        assert vf.refusals == ["timeout"] * 2
    await seen("the grant", lambda: gate.records("edgegw.access.granted"))
    assert len(gate.records("edgegw.access")) == 1


async def test_a_terminal_that_is_told_to_open_confirms(gate: Gate) -> None:
    """By a command of the API, which needs the right to the door; one that is hung leaves it unknown."""
    terminal_site(gate)
    gate.start("command:vf-*:open", "door:front:*")
    async with terminals(gate, front) as (vf,):
        status, answer = await asyncio.to_thread(gate.command, "devices/vf-front", "open")
        assert (status, answer["status"]) == (200, "done")
        assert (await asyncio.to_thread(gate.command, "devices/vf-back", "open"))[0] == 403
        vf.silent = True
        _, answer = await asyncio.to_thread(gate.command, "devices/vf-front", "open", timeout=1)
        assert (answer["status"], answer["reason"]) == ("unknown", "no-answer")
        assert vf.openings == ["control"]


async def test_records_are_acknowledged_and_raise_nothing(gate: Gate) -> None:
    """A VF105's, hours old and sent twice; a face terminal's, sent late. What a face terminal tells just now does raise."""
    terminal_site(gate)
    gate.start()
    async with terminals(gate, front, face, other_face) as (vf, one, other):
        await vf.record("6w8keif5g6", error="PERMISSION_DENIED")
        await vf.until(lambda: vf.acknowledged == ["6w8keif5g6"])
        await vf.record("6w8keif5g6", error="PERMISSION_DENIED")
        await vf.until(lambda: vf.acknowledged == ["6w8keif5g6"] * 2)
        assert vf.records == {}
        await one.record(7, status=2, in_time=False, picture=200_000)
        await one.until(lambda: one.acknowledged == ["7"])
        await other.record(7, status=2)
        await other.until(lambda: other.acknowledged == ["7"])
        assert one.acknowledged == ["7"]
        (alarm,) = await seen("the refusal of just now", lambda: gate.records("edgegw.alarm.raised"))
        assert alarm["data"]["dedup_key"] == "gw/face-1/refused"
        assert alarm["data"]["ticket"] == {"action": "none", "why": "no-ticket"}, "the catalogue wants none for these"
        told = await seen("all records", lambda: len(found := readings(gate, "record")) == 4 and found)
        assert told == [
            ("vf-front", "6w8keif5g6", "stale"),
            ("vf-front", "6w8keif5g6", "stale"),
            ("face-0", "7", "stale"),
            ("face-1", "7", "fresh"),
        ]
        assert gate.records("edgegw.access") == []


def readings(gate: Gate, point: str) -> list[tuple[str, Any, str]]:
    """(device, value, quality) of a point's readings at the desk, in order."""
    return [
        (event["subject"], reading["value"], reading["quality"])
        for event in gate.records("edgegw.reading")
        for reading in event["data"]["readings"]
        if reading["point"] == point
    ]
