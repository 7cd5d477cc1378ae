"""A half-duplex line as a link, whatever is spoken on it.

Owns: the `Link` and `Actuator` made of a line's owner, its policy and its transport; the line's counters.
Must not know: when what is asked (schedule, policy), how the connection works (transports), what values mean (profiles).
"""

import asyncio
from collections.abc import Callable

from edgegw.clock import Clock
from edgegw.links.bus import BusStats, LineOwner, Transport
from edgegw.links.policy import Policy
from edgegw.links.timing import NS
from edgegw.model import Outcome
from edgegw.ports import Order


class OwnedLine:
    """A line as a `ports.Link` and a `ports.Actuator`. Public counters are for metrics and only grow."""

    def __init__(
        self,
        name: str,
        kind: str,
        policy: Policy,
        transport: Transport,
        owner: LineOwner,
        *,
        stats: BusStats,
        clock: Clock,
    ) -> None:
        self.name = name
        self.kind = kind
        self.stats = stats
        self._clock = clock
        self._started_ns = clock.now().mono_ns
        self._policy = policy
        self._line_transport = transport
        self._owner = owner

    @property
    def messages(self) -> int:
        """Answered blocks handed to the sink, probes included."""
        return self.stats.answers

    @property
    def errors(self) -> int:
        """Requests without a valid answer."""
        return self.stats.timeouts + self.stats.bad_frames + self.stats.exceptions

    def counts(self) -> tuple[int, int]:
        """Messages and errors, for the supervisor's status."""
        return self.messages, self.errors

    @property
    def late_replies(self) -> int:
        """Answers that came after their time and were discarded."""
        return self._line_transport.late_replies

    @property
    def open_units(self) -> tuple[str, ...]:
        """Devices that are only probed at present."""
        return self._policy.schedule.open_units

    @property
    def busy_share(self) -> float:
        """Part of the time since the link was made in which the line was in use or kept silent on purpose, 0 to 1."""
        elapsed = self._clock.now().mono_ns - self._started_ns
        return min(1.0, self.stats.busy_ns / elapsed) if elapsed > 0 else 0.0

    async def run(self, up: Callable[[], None]) -> None:
        """See `ports.Link.run`."""
        await self._owner.run(up)

    def down(self, device: str) -> str | None:
        """See `ports.Actuator.down`."""
        return self._policy.down(device)

    async def carry_out(self, order: Order) -> Outcome:
        """See `ports.Actuator.carry_out`. A caller that gives up before it was sent takes it back; after that it runs on."""
        told: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

        def done(outcome: Outcome) -> None:
            if not told.done():
                told.set_result(outcome)

        ticket = self._policy.submit(order, self._now_ns(), done)
        self._owner.wake()
        try:
            while not told.done():
                limit_ns = self._policy.expires_ns(ticket)
                left_s = None if limit_ns is None else max(0.0, (limit_ns - self._now_ns()) / NS)
                await asyncio.wait((told,), timeout=left_s)
                if not told.done():
                    self._policy.expire(self._now_ns())
            return told.result()
        finally:
            self._policy.withdraw(ticket)

    def _now_ns(self) -> int:
        return self._clock.now().mono_ns
