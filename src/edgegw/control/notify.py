"""systemd: ready, stopping, and a watchdog fed by the progress of commits.

Owns: the messages on the notify socket; the decision whether the commit path lives; when it is looked at.
Must not know: the store, the pipeline; it is handed their counters and a probe.

A watchdog fed by a timer says only that the timer runs. This one is fed when commits happen: since the last look either
the commit counter has moved, or nothing was waiting and an empty commit (the probe) came back in time. When commits
are stuck it says nothing, systemd ends the daemon with SIGABRT (the unit asks Python for a traceback of every thread) and starts
it again; nothing is lost, because nothing uncommitted was acknowledged.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Any

from edgegw.clock import Clock
from edgegw.errors import EdgegwError

log = logging.getLogger(__name__)

LOOKS_PER_PERIOD = 3
"""Looks in one WatchdogSec: one may be missed (a slow fsync) without a restart."""

DEFAULT_PERIOD_S = 60.0
"""Where systemd sets none: the unit's WatchdogSec, so that /healthz judges alike everywhere."""


class Notifier:
    """Messages to systemd on ``$NOTIFY_SOCKET``; does nothing where there is none."""

    def __init__(self) -> None:
        self._systemd: Any = None
        if os.environ.get("NOTIFY_SOCKET"):
            import sdnotify  # noqa: PLC0415  # only needed under systemd

            self._systemd = sdnotify.SystemdNotifier()
            if self._systemd.socket is not None:
                self._systemd.socket.settimeout(0)  # systemd's queue may be full; the loop never waits for it

    def ready(self, status: str = "running") -> None:
        """Everything is started; starts systemd's watchdog."""
        self._send(f"READY=1\nSTATUS={_line(status)}")

    def status(self, text: str) -> None:
        """One line for ``systemctl status``."""
        self._send(f"STATUS={_line(text)}")

    def stopping(self) -> None:
        """The daemon has begun to stop; ends systemd's watchdog."""
        self._send("STOPPING=1\nSTATUS=stopping: draining")

    def alive(self) -> None:
        """Feed the watchdog."""
        self._send("WATCHDOG=1")

    def need_time(self, seconds: float) -> None:
        """Ask for that long from now until ready (checking or repairing a large database)."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def close(self) -> None:
        """Close the socket; later messages do nothing."""
        if self._systemd is not None and self._systemd.socket is not None:
            self._systemd.socket.close()
        self._systemd = None

    def _send(self, message: str) -> None:
        if self._systemd is not None:
            self._systemd.notify(message)


def _line(text: str) -> str:
    """sdnotify encodes Latin-1 and a newline would begin another message."""
    return text.replace("\n", " ").encode("ascii", "replace").decode("ascii")


def watchdog_period_s(environ: Mapping[str, str] = os.environ, pid: int | None = None) -> float | None:
    """systemd's WatchdogSec in seconds; None where it wants no watchdog, or from another process (sd_watchdog_enabled(3))."""
    usec, owner = environ.get("WATCHDOG_USEC", ""), environ.get("WATCHDOG_PID", "")
    if not usec.isdecimal() or int(usec) == 0:
        return None
    if owner and owner != str(os.getpid() if pid is None else pid):
        return None
    return int(usec) / 1e6


class Look(StrEnum):
    """What one look at the commit path asks for."""

    FEED = "feed"
    """Commits happened."""
    PROBE = "probe"
    """None happened and none was waiting: ask with an empty commit."""
    WITHHOLD = "withhold"
    """Something waits and nothing was committed."""


def judge(*, before: int, now: int, idle: bool) -> Look:
    """Decide from the commit counter at the last look, the counter now, and whether nothing waits to be committed."""
    if now != before:
        return Look.FEED
    return Look.PROBE if idle else Look.WITHHOLD


class Watchdog:
    """Looks at the commit path three times per period and feeds systemd while it moves.

    Args:
        progress: a number that moves whenever something that waited was settled: committed, or found to need no commit. (If it
            counted commits alone, a busy pipeline whose readings are all unchanged would look stuck.)
        idle: whether nothing waits to be committed, or what waits is held on purpose (a full store).
        probe: an empty commit through the same path; StoreError ``full`` counts as an answer, other EdgegwErrors do not.
        feed: called while the commit path moves (`Notifier.alive`).
        clock: only for `stuck_for_s`.
        period_s: WatchdogSec.
        sleep: waits that many seconds; tests pass their own.
    """

    def __init__(
        self,
        *,
        progress: Callable[[], int],
        idle: Callable[[], bool],
        probe: Callable[[], Awaitable[None]],
        feed: Callable[[], None],
        clock: Clock,
        period_s: float = DEFAULT_PERIOD_S,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._progress = progress
        self._idle = idle
        self._probe = probe
        self._feed = feed
        self._clock = clock
        self._sleep = sleep
        self.period_s = period_s
        self.interval_s = period_s / LOOKS_PER_PERIOD
        self._before = progress()
        self._asked: asyncio.Task[bool] | None = None
        self._moved_ns = clock.now().mono_ns
        self._stuck = False
        self.loop_lag_s = 0.0

    @property
    def stuck_for_s(self) -> float:
        """Seconds since the commit path last showed life, or 0.0 if the last look found it alive."""
        return (self._clock.now().mono_ns - self._moved_ns) / 1e9 if self._stuck else 0.0

    async def run(self) -> None:
        """Look until cancelled; never raises by itself."""
        try:
            while True:
                due_ns = self._clock.now().mono_ns + round(self.interval_s * 1e9)
                await self._sleep(self.interval_s)
                self.loop_lag_s = max(0.0, (self._clock.now().mono_ns - due_ns) / 1e9)
                await self.look()
        finally:
            if self._asked is not None:
                self._asked.cancel()

    async def look(self) -> bool:
        """One look; at most `interval_s` / 2 long. Returns whether the watchdog was fed."""
        now = self._progress()
        match judge(before=self._before, now=now, idle=self._idle()):
            case Look.FEED:
                alive = True
            case Look.PROBE:
                alive = await self._answers()
            case Look.WITHHOLD:
                alive = False
        self._before = self._progress()
        if alive:
            self._note_alive()
        elif not self._stuck:
            self._stuck = True
            log.error(
                "no commit for %.0f s though asked for: the watchdog is not fed; restart after %.0f s",
                (self._clock.now().mono_ns - self._moved_ns) / 1e9,
                self.period_s,
            )
        return alive

    def _note_alive(self) -> None:
        if self._stuck:
            log.warning("commits happen again: the watchdog is fed")
        self._stuck = False
        self._moved_ns = self._clock.now().mono_ns
        self._feed()

    async def _answers(self) -> bool:
        """Whether an empty commit came back in time. One that did not is waited for again, not repeated: a stuck writer
        gets one question, not a queue of them."""
        if self._asked is None:
            self._asked = asyncio.create_task(self._ask(), name="watchdog-probe")
        done, _ = await asyncio.wait({self._asked}, timeout=self.interval_s / 2)
        if not done:
            return False
        answer = self._asked.result()
        self._asked = None
        return answer

    async def _ask(self) -> bool:
        try:
            await self._probe()
        except EdgegwError as error:
            if error.reason == "full":
                return True
            log.error("the empty commit failed: %s", error)
            return False
        return True
