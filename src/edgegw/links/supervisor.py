"""Keeps one link running: restarts with back-off, availability, one log line per outage.

Owns: when a link is started again, what is said about it (sink, status, log).
Must not know: any protocol, or what a link does while it runs.

Only `LinkError` is an expected failure. Anything else leaves `run`, ends the daemon's TaskGroup, and systemd starts us again:
an error nobody thought of is not retried in a loop.
"""

import asyncio
import logging
import random as _random
from collections.abc import Awaitable, Callable

from edgegw.clock import Clock
from edgegw.errors import LinkError
from edgegw.links.backoff import Backoff
from edgegw.ports import Link, LinkStatus, Sink

log = logging.getLogger(__name__)

STABLE_S = 10.0
"""A link that was up this long was well: its next loss starts at the shortest wait again. Shorter than that it only flickered."""

NS = 1_000_000_000


class Supervisor:
    """Runs one link for ever; one per link.

    Args:
        counts: the link's messages handed over and errors so far, for the status.
        report: called with the new status on every change of `up`, `reason` or `restarts`; `status` is always current.
        sleep: waits a number of seconds (`asyncio.sleep`; tests pass their own).
        random: uniform in [0, 1), for the jitter.
    """

    def __init__(
        self,
        link: Link,
        *,
        sink: Sink,
        clock: Clock,
        backoff: Backoff | None = None,
        counts: Callable[[], tuple[int, int]] = lambda: (0, 0),
        report: Callable[[LinkStatus], None] | None = None,
        sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
        random: Callable[[], float] = _random.random,
    ) -> None:
        self._link = link
        self._sink = sink
        self._clock = clock
        self._backoff = backoff or Backoff()
        self._counts = counts
        self._report = report
        self._sleep = sleep
        self._random = random
        self._up: bool | None = None  # None: not known yet, so that the first failure is a change too
        self._reason = "starting"
        self._restarts = 0
        self._attempts = 0
        self._up_ns = 0
        self._down_ns = 0
        self._logged = ""

    @property
    def status(self) -> LinkStatus:
        """What health and metrics show, as of now."""
        messages, errors = self._counts()
        return LinkStatus(
            name=self._link.name,
            kind=self._link.kind,
            up=self._up is True,
            reason=self._reason,
            messages=messages,
            errors=errors,
            restarts=self._restarts,
        )

    async def run(self) -> None:
        """Run the link until cancelled. Raises whatever the link raises that is not a LinkError."""
        self._down_ns = self._clock.now().mono_ns
        while True:
            try:
                await self._link.run(self._came_up)
                failure = LinkError("ended", "the link stopped by itself")
            except LinkError as error:
                failure = error
            self._went_down(failure)
            await self._sleep(self._backoff.delay(self._attempts, self._random))
            self._restarts += 1
            self._tell()

    def _came_up(self) -> None:
        now = self._clock.now()
        if self._up:
            return
        if self._logged:
            lasted = (now.mono_ns - self._down_ns) / NS
            log.info("link %s: back after %.1f s and %d attempts", self._link.name, lasted, self._attempts + 1)
        self._up, self._up_ns, self._reason, self._logged = True, now.mono_ns, "up", ""
        self._sink.link_state(self._link.name, up=True, reason="up", at=now)
        self._tell()

    def _went_down(self, failure: LinkError) -> None:
        now = self._clock.now()
        if self._up:
            self._down_ns = now.mono_ns
            if now.mono_ns - self._up_ns >= STABLE_S * NS:
                self._attempts = 0
        self._attempts += 1
        changed = self._up is not False
        if failure.reason != self._logged:
            log.warning("link %s: %s; trying again until it works", self._link.name, failure)
            self._logged = failure.reason
        self._up, self._reason = False, failure.reason
        if changed:
            self._sink.link_state(self._link.name, up=False, reason=failure.reason, at=now)
        self._tell()

    def _tell(self) -> None:
        if self._report is not None:
            self._report(self.status)


async def supervise(
    link: Link,
    *,
    sink: Sink,
    clock: Clock,
    backoff: Backoff | None = None,
    counts: Callable[[], tuple[int, int]] = lambda: (0, 0),
    report: Callable[[LinkStatus], None] | None = None,
) -> None:
    """`Supervisor(...).run()`, for those who need no handle on the status."""
    await Supervisor(link, sink=sink, clock=clock, backoff=backoff, counts=counts, report=report).run()
