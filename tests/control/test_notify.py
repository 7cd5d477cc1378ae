import asyncio
import contextlib
import logging

import pytest

from edgegw.clock import ManualClock
from edgegw.control.notify import Look, Notifier, Watchdog, judge, watchdog_period_s
from edgegw.errors import StoreError


@pytest.mark.parametrize(
    ("before", "now", "idle", "look"),
    [
        (5, 6, False, Look.FEED),
        (5, 6, True, Look.FEED),
        (5, 5, True, Look.PROBE),
        (5, 5, False, Look.WITHHOLD),
    ],
)
def test_judge(before, now, idle, look):
    assert judge(before=before, now=now, idle=idle) is look


@pytest.mark.parametrize(
    ("environ", "period"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "60000000"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "42"}, 60.0),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "41"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
    ],
)
def test_systemd_s_period(environ, period):
    assert watchdog_period_s(environ, pid=42) == period


def test_without_systemd_nothing_happens(monkeypatch):
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notifier = Notifier()
    notifier.ready()
    notifier.stopping()
    notifier.close()


class Path:
    """A commit path that can be stopped."""

    def __init__(self, period_s: float = 60.0) -> None:
        self.clock = ManualClock()
        self.commits = 0
        self.waiting = 0
        self.fed = 0
        self.probes = 0
        self.answer: asyncio.Event = asyncio.Event()
        self.answer.set()
        self.error: StoreError | None = None
        self.watchdog = Watchdog(
            progress=lambda: self.commits,
            idle=lambda: self.waiting == 0,
            probe=self.probe,
            feed=self.feed,
            clock=self.clock,
            period_s=period_s,
            sleep=self.sleep,
        )

    def feed(self) -> None:
        self.fed += 1

    async def probe(self) -> None:
        self.probes += 1
        await self.answer.wait()
        if self.error:
            raise self.error

    async def sleep(self, seconds: float) -> None:
        self.clock.advance(seconds)
        await asyncio.sleep(0)


async def test_commits_feed_without_a_probe():
    path = Path()
    path.commits, path.waiting = 3, 100
    assert await path.watchdog.look()
    assert (path.fed, path.probes) == (1, 0)


async def test_an_idle_path_is_asked():
    path = Path()
    assert await path.watchdog.look()
    assert (path.fed, path.probes) == (1, 1)


async def test_stuck_commits_are_not_fed_and_logged_once(caplog):
    path = Path()
    path.waiting = 1
    path.clock.advance(20)
    assert not await path.watchdog.look()
    path.clock.advance(20)
    assert not await path.watchdog.look()
    assert (path.fed, path.probes) == (0, 0)
    assert path.watchdog.stuck_for_s == 40
    path.commits = 1
    assert await path.watchdog.look()
    assert path.watchdog.stuck_for_s == 0
    assert [r.levelno for r in caplog.records] == [logging.ERROR, logging.WARNING]


async def test_a_writer_that_does_not_answer_gets_one_question():
    path = Path(period_s=0.03)
    path.answer.clear()
    assert not await path.watchdog.look()
    assert not await path.watchdog.look()
    assert (path.fed, path.probes) == (0, 1)
    path.answer.set()
    assert await path.watchdog.look()
    assert (path.fed, path.probes) == (1, 1)


async def test_a_full_store_answers_and_a_failing_one_does_not():
    path = Path()
    path.error = StoreError("full")
    assert await path.watchdog.look()
    path.error = StoreError("io", "fsync")
    assert not await path.watchdog.look()


async def test_run_looks_three_times_a_period_and_ends_its_probe():
    path = Path()
    looks: list[float] = []
    path.watchdog._feed = lambda: looks.append(path.clock.now().mono_ns / 1e9)
    task = asyncio.create_task(path.watchdog.run())
    while len(looks) < 3:
        await asyncio.sleep(0)
    assert looks == [20, 40, 60]
    assert path.watchdog.loop_lag_s == 0
    path.answer.clear()
    while path.watchdog._asked is None:
        await asyncio.sleep(0)
    asked = path.watchdog._asked
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    with pytest.raises(asyncio.CancelledError):
        await asked
