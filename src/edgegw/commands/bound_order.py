"""What orders take on a line if nothing else is there: the own one's parts, and what others put before somebody.

Owns: the confirmation of an order in time, the worst of several orders. Must not know: who goes first (bound_line).
"""

from collections.abc import Iterable

from msgspec import Struct

from edgegw.codec.line import readback_pause_s
from edgegw.commands.bound import OrderLoad, Part, Parts, Timed


class Lot(Struct, frozen=True):
    """What one turn's orders may put before somebody: durations of single transactions at their worst, answered."""

    write: float = 0.0
    readback: float = 0.0
    readbacks: float = 0.0
    all_read: bool = True


class Run(Struct, frozen=True):
    """Orders of one giver on a device, each part at the worst of them."""

    order: OrderLoad
    door: bool

    @property
    def confirm_s(self) -> float:
        """X: from the write's answer to the begin of the last read-back, if nothing is before it."""
        return 0.0 if self.order.readback is None else max(self.order.settle_s, self.order.within_s)

    @property
    def flights(self) -> int:
        """How often something may just have begun when the order wants the line."""
        return 2 if self.confirm_s > 0 else 1

    def parts(self) -> Parts:
        """What the order takes if nothing else is on the line."""
        order = self.order
        if order.readback is None:
            return (Part("write", order.write.told_s, order.name),)
        hold_s = 0.0 if self.confirm_s > 0 else order.write.answered_s - order.write.told_s
        return (
            Part("write", order.write.told_s + hold_s, order.name),
            Part("confirm", self.confirm_s, f"{order.name} is confirmed within {self.confirm_s:g} s"),
            Part("readback", order.readback.told_s, f"the last read-back of {order.name}"),
        )


def run_of(orders: Iterable[OrderLoad], *, door: bool) -> Run:
    """The worst of a giver's orders, part by part."""
    found = list(orders)
    reads = [order.readback for order in found if order.readback is not None]
    worst = OrderLoad(
        found[0].name if len(found) == 1 else "the longest order",
        _longest(order.write for order in found),
        _longest(reads) if reads else None,
        max(order.settle_s for order in found),
        max(order.within_s for order in found),
    )
    return Run(worst, door)


def _longest(timed: Iterable[Timed]) -> Timed:
    found = list(timed)
    return Timed(
        max(each.told_s for each in found),
        max(each.answered_s for each in found),
        max(each.unanswered_s for each in found),
    )


def lot_of(orders: Iterable[OrderLoad]) -> Lot:
    found = list(orders)
    reads = [order.readback.answered_s for order in found if order.readback is not None]
    return Lot(
        write=max((order.write.answered_s for order in found), default=0.0),
        readback=max(reads, default=0.0),
        readbacks=max(map(readbacks_s, found), default=0.0),
        all_read=len(reads) == len(found),
    )


def readbacks_s(order: OrderLoad) -> float:
    """The most line time an order's read-backs take together: n of them, and no more than its time less n - 2 pauses and one more
    (the last pause is cut short where the time is over)."""
    if order.readback is None:
        return 0.0
    one_s, room_s = order.readback.answered_s, max(0.0, order.within_s - order.settle_s)
    if not room_s:
        return one_s
    best, paused_s, n = one_s, 0.0, 2
    while paused_s < room_s:
        best = max(best, min(n * one_s, room_s - paused_s + one_s))
        paused_s += readback_pause_s(n - 1)
        n += 1
    return best
