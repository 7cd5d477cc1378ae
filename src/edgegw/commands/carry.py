"""An encoded command on its way through its link, and the point that confirms it.

Owns: the device's turn, the order given to the link, awaiting a confirmation by a point, the margins before the deadline.
Must not know: admission, records, how a link sends.

A reading confirms if it was received after the link said that the order was sent, has the expected value, and is not stale:
what a broker retained, or what a device said before, confirms nothing.
"""

import asyncio
from collections.abc import Mapping, Sequence

from edgegw.clock import Clock
from edgegw.commands.turns import Turns
from edgegw.model import Command, Decoded, Instant, OrderLane, Outcome, OutcomeStatus, Quality, Source
from edgegw.ports import Actuator, Listening, Order
from edgegw.profiles.encode import Expect, LineWrite, Outgoing
from edgegw.rules.condition import same

ANSWER_S = 0.05
"""Kept of the deadline for the way back: the link and a confirming point must have spoken by then."""

BUSY_AGAIN_S = 0.02
"""A line that has no room for a door's order is asked again after this: its next order ends within some such time."""

SENT = "sent"
"""The reason with which a link says that an order left, which somebody else has to confirm."""


class Carrier:
    """See the module's text.

    Args:
        actuators: device → its link.
        protected: (device, command) → the doors whose bolt it moves. Commands that move the bolt of one door take turns with each
            other and not with the device's other commands: eight doors on a relay board do not wait for one another's
            confirmations. On the line itself their writes still go one after the other.
    """

    def __init__(
        self,
        actuators: Mapping[str, Actuator],
        listening: Listening,
        clock: Clock,
        *,
        protected: Mapping[tuple[str, str], Sequence[str]] | None = None,
    ) -> None:
        self._protected = protected or {}
        self._actuators = actuators
        self._listening = listening
        self._clock = clock
        self._turns = Turns()

    async def carry_out(self, command: Command, outgoing: Outgoing, deadline_ns: int) -> Outcome:
        """Wait for the device's turn and send; the outcome comes before the deadline."""
        device = command.target
        actuator = self._actuators.get(device)
        if actuator is None:
            return Outcome(OutcomeStatus.FAILED, "unknown-device", f"{device} has no link that sends")
        latest_ns = deadline_ns - round(ANSWER_S * 1e9)
        turn = self._turn_of(command)
        if not await self._turns.enter(turn, command.lane, seconds_left(latest_ns, self._clock)):
            return Outcome(OutcomeStatus.EXPIRED, "deadline", f"{device} was busy until the deadline; nothing was sent")
        try:
            order = Order(command.id, device, outgoing, command.lane, latest_ns, command.insist)
            return await self._send(actuator, order)
        finally:
            self._turns.leave(turn)

    def _turn_of(self, command: Command) -> str:
        """Whose turn it takes: the door's whose bolt it moves, else the device's. Ids hold no slash."""
        if command.issuer.source is Source.DOOR:
            return f"{command.target}/{command.issuer.name}"
        doors = self._protected.get((command.target, command.name), ())
        return f"{command.target}/{doors[0]}" if len(doors) == 1 else command.target

    async def _send(self, actuator: Actuator, order: Order) -> Outcome:
        if seconds_left(order.deadline_ns, self._clock) <= 0:
            return Outcome(OutcomeStatus.EXPIRED, "deadline", "no time was left; nothing was sent")
        down = actuator.down(order.device)
        if down is not None and not order.insist:
            return Outcome(OutcomeStatus.FAILED, down, f"{order.device} is known to be down; nothing was sent")
        outgoing = order.outgoing
        expected = None if isinstance(outgoing, LineWrite) else outgoing.expect
        confirmation = _Confirmation(expected)
        end = self._listening.listen(order.device, confirmation.heard) if expected is not None else None
        try:
            outcome = await self._given(actuator, order)
            if outcome.status is not OutcomeStatus.DONE or outcome.reason != SENT:
                return outcome
            return await self._confirmed(confirmation, order)
        finally:
            if end is not None:
                end()

    async def _given(self, actuator: Actuator, order: Order) -> Outcome:
        """The link's word; a door's order is given again while the line is full, for nothing of it was sent."""
        while True:
            try:
                async with asyncio.timeout(seconds_left(order.deadline_ns, self._clock) + ANSWER_S / 2):
                    outcome = await actuator.carry_out(order)
            except TimeoutError:
                return Outcome(OutcomeStatus.UNKNOWN, "no-answer", "the link did not answer in time")
            full = outcome.status is OutcomeStatus.FAILED and outcome.reason == "busy"
            if not full or order.lane is not OrderLane.DOOR:
                return outcome
            if seconds_left(order.deadline_ns, self._clock) <= BUSY_AGAIN_S:
                return outcome
            await asyncio.sleep(BUSY_AGAIN_S)

    async def _confirmed(self, confirmation: "_Confirmation", order: Order) -> Outcome:
        expected = confirmation.expected
        if expected is None:
            return Outcome(OutcomeStatus.UNKNOWN, "not-confirmed", "sent; its profile names nothing that confirms it")
        within_s = min(expected.within_s, seconds_left(order.deadline_ns, self._clock))
        said = confirmation.wait()
        try:
            async with asyncio.timeout(max(0.0, within_s)):
                await said
        except TimeoutError:
            detail = f"sent; {expected.point} did not become {expected.value!r} within {within_s:.3g} s"
            return Outcome(OutcomeStatus.UNKNOWN, "not-confirmed", detail)
        return Outcome(OutcomeStatus.DONE, values={expected.point: expected.value})


class _Confirmation:
    """Hears a device until its point has the expected value; counts from `wait` on only."""

    def __init__(self, expected: Expect | None) -> None:
        self.expected = expected
        self._said: asyncio.Future[None] | None = None

    def wait(self) -> "asyncio.Future[None]":
        """Done when the value is heard from now on."""
        self._said = asyncio.get_running_loop().create_future()
        return self._said

    def heard(self, _device: str, decoded: Decoded, _at: Instant) -> None:
        """See `ports.Heard`."""
        expected, said = self.expected, self._said
        if expected is None or said is None or said.done():
            return
        for reading in decoded.readings:
            if (
                reading.point == expected.point
                and reading.quality is not Quality.STALE
                and same(reading.value, expected.value)
            ):
                said.set_result(None)
                return


def seconds_left(deadline_ns: int, clock: Clock) -> float:
    """Seconds until a monotonic moment; negative once it has passed."""
    return (deadline_ns - clock.now().mono_ns) / 1e9
