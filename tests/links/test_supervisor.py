"""Restart, availability, one log line per outage; no real time passes."""

import asyncio
import logging

import pytest

from edgegw.clock import ManualClock
from edgegw.errors import LinkError
from edgegw.links.backoff import Backoff
from edgegw.links.supervisor import STABLE_S, Supervisor


class States:
    def __init__(self):
        self.seen = []

    def link_state(self, link, *, up, reason, at):
        self.seen.append((link, up, reason, at.mono_ns / 1e9))


class Script:
    """A link that does what each step says: (seconds up or None, how it ends)."""

    name, kind = "bus1", "fake"

    def __init__(self, clock, *steps):
        self.clock = clock
        self.steps = list(steps)

    async def run(self, up):
        if not self.steps:
            await asyncio.Future()
        seconds, end = self.steps.pop(0)
        if seconds is not None:
            up()
            self.clock.advance(seconds)
        if end is not None:
            raise end


@pytest.fixture
def stage():
    """Runs a script to its end; gives (states, sleeps, reports)."""

    async def play(*steps):
        clock = ManualClock()
        sink, sleeps, reports = States(), [], []

        async def sleep(seconds):
            sleeps.append(seconds)
            clock.advance(seconds)
            await asyncio.sleep(0)

        link = Script(clock, *steps)
        supervisor = Supervisor(
            link,
            sink=sink,
            clock=clock,
            backoff=Backoff(0.5, 30.0),
            counts=lambda: (7, 3),
            report=reports.append,
            sleep=sleep,
            random=lambda: 0.999999,
        )
        task = asyncio.create_task(supervisor.run())
        while link.steps and not task.done():
            await asyncio.sleep(0)
        for _ in range(5):
            await asyncio.sleep(0)
        if task.done():
            task.result()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return sink.seen, [round(s, 3) for s in sleeps], reports

    return play


DOWN = LinkError("open-failed", "/dev/ttyUSB0")
OTHER = LinkError("no-port", "/dev/ttyUSB0")


async def test_the_waits_double_up_to_the_most_while_it_fails(stage):
    _, sleeps, _ = await stage(*[(None, DOWN)] * 9)
    assert sleeps == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_stable_period_starts_the_waits_anew(stage):
    _, sleeps, _ = await stage(*[(None, DOWN)] * 3, (STABLE_S, DOWN))
    assert sleeps == [0.5, 1, 2, 0.5]


async def test_a_link_that_only_flickers_goes_on_waiting_longer(stage):
    _, sleeps, _ = await stage(*[(STABLE_S / 2, DOWN)] * 4)
    assert sleeps == [0.5, 1, 2, 4]


async def test_the_sink_hears_changes_only(stage):
    seen, _, _ = await stage((None, DOWN), (None, DOWN), (None, OTHER), (20.0, DOWN), (None, DOWN), (20.0, None))
    assert [(up, reason) for _, up, reason, _ in seen] == [
        (False, "open-failed"),
        (True, "up"),
        (False, "open-failed"),
        (True, "up"),
        (False, "ended"),
    ]
    assert {link for link, *_ in seen} == {"bus1"}


async def test_an_outage_is_logged_once_and_its_recovery_once(stage, caplog):
    caplog.set_level(logging.INFO)
    await stage(*[(None, DOWN)] * 4, (20.0, DOWN))
    outage, recovery, next_outage = [record.getMessage() for record in caplog.records]
    assert "open-failed" in outage
    assert "/dev/ttyUSB0" in outage
    assert "back after 7.5 s and 5 attempts" in recovery
    assert "open-failed" in next_outage


async def test_it_is_logged_again_when_the_reason_changes(stage, caplog):
    await stage((None, DOWN), (None, DOWN), (None, OTHER), (None, OTHER))
    assert [record.getMessage().split(": ")[1] for record in caplog.records] == ["open-failed", "no-port"]


async def test_the_status_tells_state_counts_and_restarts(stage):
    _, _, reports = await stage((None, DOWN), (20.0, OTHER))
    assert [(r.up, r.reason, r.restarts) for r in reports[:3]] == [
        (False, "open-failed", 0),
        (False, "open-failed", 1),
        (True, "up", 1),
    ]
    assert (reports[0].name, reports[0].kind, reports[0].messages, reports[0].errors) == ("bus1", "fake", 7, 3)


async def test_an_error_nobody_expected_is_not_retried(stage):
    with pytest.raises(ZeroDivisionError):
        await stage((None, DOWN), (1.0, ZeroDivisionError()))
